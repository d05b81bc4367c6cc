//! Looking at the app before it serves.

use std::time::Duration;

use buckler_policy::settings::{Document, Policy};
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep_until};

use super::command::{Target, Task};
use super::directory::Directory;
use super::fault::{Fault, FaultKind};
use super::process::{Happening, Process};
use super::report::Report;

/// What kind of app it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppFacts {
    /// `fastapi`, `starlette` or `asgi`.
    pub framework: String,
    /// `FastAPI(title=…)`.
    pub title: Option<String>,
    /// Where the interactive documentation is.
    pub docs_url: Option<String>,
    /// Where the other one is.
    pub redoc_url: Option<String>,
    /// Where the `OpenAPI` document is.
    pub openapi_url: Option<String>,
    /// Every path of documentation and of `OpenAPI` documents, those of mounted apps included.
    pub docs_paths: Vec<String>,
    /// Its `OpenAPI` document, JSON; `None` of an app that makes none.
    #[serde(default, skip_serializing)]
    pub document: Option<String>,
    /// Why it fails to make one.
    #[serde(default, skip_serializing)]
    pub document_fault: Option<String>,
    /// Where the app's models take more than its document shows, and why: the first ones.
    #[serde(default)]
    pub read_widely: Vec<String>,
    /// How many such places there are.
    #[serde(default)]
    pub read_widely_count: usize,
    /// Where `debug=True` stands: `/` is the app itself, others are mounted in it.
    pub debug: Vec<String>,
    /// Whether the app brings a `CORSMiddleware`.
    pub own_cors: bool,
    /// The interpreter's version.
    pub python: String,
    /// What serves it: `uvicorn` or `granian`.
    pub server: String,
    /// The version of that.
    pub server_version: String,
}

impl AppFacts {
    /// Says in the policy where the app's docs are, beside what the policy names itself (R10). Of an app that is of no
    /// known framework nothing is known, so the usual paths stay.
    ///
    /// Its own document is what requests are held to, unless the policy names another.
    pub fn tell(&self, policy: &mut Policy) {
        if self.framework != "asgi" {
            policy.contract.learn_docs(self.docs_paths.iter().cloned());
        }
        if policy.contract.asks_the_app() {
            policy.contract.document = self.document.as_ref().map(|text| Document::new(text.as_bytes()));
            policy.contract.document_fault = self.document_fault.as_deref().map(told);
        }
    }

    /// Why the app may not be served outside development (R09).
    ///
    /// # Errors
    /// `debug=True`: whoever makes such an app raise reads source and local values.
    pub fn deployable(&self) -> Result<(), Fault> {
        let Some(first) = self.debug.first() else { return Ok(()) };
        let at = if first == "/" { String::new() } else { format!(" of the app mounted at `{first}`") };
        Err(Fault::new(FaultKind::Debug, format!("`debug=True`{at} shows tracebacks to clients"))
            .hint("remove it, or say `environment = \"development\"` where no client can reach the app"))
    }
}

/// What an app raised, as it may be shown and logged.
fn told(fault: &str) -> String {
    buckler_engine::redact::text(fault).chars().take(LONGEST_FAULT).collect()
}

/// Characters of what an app raised: the first sentences say what it is, and a model may repeat itself in it.
const LONGEST_FAULT: usize = 600;

/// Imports the app in a process of its own and tells what it is. What the app prints meanwhile is shown only if it
/// fails.
///
/// # Errors
/// Why there is no app: the target, the module, the attribute, what they raised, its server, the deadline.
pub async fn probe(target: &Target, deadline: Duration) -> Result<AppFacts, Fault> {
    ask(target, &Task::Probe, deadline, |report| match report {
        Report::App(facts) => Some(*facts),
        _ => None,
    })
    .await
}

/// The app's `OpenAPI` document as JSON, by a process like that of [`probe`].
///
/// # Errors
/// Why there is none: as above, or the app has no such document, or fails to make it.
pub async fn contract(target: &Target, deadline: Duration) -> Result<String, Fault> {
    ask(target, &Task::Contract, deadline, |report| match report {
        Report::Contract { document } => Some(document),
        _ => None,
    })
    .await
}

/// Runs a task that ends with one answer.
pub(super) async fn ask<T>(
    target: &Target,
    task: &Task<'_>,
    deadline: Duration,
    wanted: impl Fn(Report) -> Option<T>,
) -> Result<T, Fault> {
    let not_started = |error: &dyn std::error::Error| Fault::new(FaultKind::NotStarted, error.to_string());
    let directory = Directory::create().map_err(|error| not_started(&error))?;
    let mut command = target.command(&directory.program(), task);
    command.kill_on_drop(true);
    let mut process = Process::spawn(command, |_| {}).map_err(|error| {
        let python = target.interpreter.path().display();
        not_started(&error).hint(format!("`{python}` could not be started; `--python` names another interpreter"))
    })?;
    let deadline_at = Instant::now() + deadline;
    let mut answer = None;
    let mut late = false;
    let status = loop {
        tokio::select! {
            happening = process.next() => match happening {
                Happening::Reported(Report::Failed(fault)) => answer = Some(Err(fault)),
                Happening::Reported(report) => answer = wanted(report).map(Ok).or(answer),
                Happening::Ended(status) => break status,
            },
            () = sleep_until(deadline_at), if !late => {
                late = true;
                process.kill();
            }
        }
    };
    match answer {
        Some(Ok(told)) => Ok(told),
        Some(Err(fault)) => Err(fault.output(process.last_words(status).await.output)),
        None => {
            let fault = process.last_words(status).await;
            if late { Err(timed_out(target, deadline).output(fault.output)) } else { Err(fault) }
        }
    }
}

/// The app was still being imported or started at the deadline.
pub(crate) fn timed_out(target: &Target, deadline: Duration) -> Fault {
    Fault::new(FaultKind::TimedOut, format!("`{}` did not start within {} s", target.app, deadline.as_secs()))
        .hint("what it waits for (a database, a download) has to answer, or be left for later")
}
