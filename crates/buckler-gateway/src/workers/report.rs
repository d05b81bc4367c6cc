//! What the Python side reports.

use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader, Lines, Take};
use tokio::process::ChildStdout;

use super::fault::Fault;
use super::probe::AppFacts;
use super::survey::Survey;

/// All reports of one life together are a few kilobytes, but for the `OpenAPI` document: that of a thousand operations
/// has some megabytes. More is no report.
const MOST_BYTES: u64 = 64 << 20;

/// One report.
#[derive(Debug, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum Report {
    /// The answer to a probe.
    App(Box<AppFacts>),
    /// The app's `OpenAPI` document.
    Contract {
        /// JSON.
        document: String,
    },
    /// What the app is, its routes and its documents.
    Survey(Box<Survey>),
    /// The app has started, the socket listens.
    Ready,
    /// No more connections are taken.
    Stopping,
    /// It cannot serve.
    Failed(Fault),
}

/// The reading end.
#[derive(Debug)]
pub(crate) struct Reports(Option<Lines<BufReader<Take<ChildStdout>>>>);

impl Reports {
    pub(crate) fn new(from: Option<ChildStdout>) -> Self {
        Self(from.map(|from| BufReader::new(from.take(MOST_BYTES)).lines()))
    }

    /// The next report, or `None` at the end. Cancelling loses nothing.
    pub(crate) async fn next(&mut self) -> Option<Report> {
        while let Some(lines) = &mut self.0 {
            if let Ok(Some(line)) = lines.next_line().await {
                if let Ok(report) = serde_json::from_str(&line) {
                    return Some(report);
                }
            } else {
                self.0 = None;
            }
        }
        None
    }

    pub(crate) fn is_open(&self) -> bool {
        self.0.is_some()
    }
}
