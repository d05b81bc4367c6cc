//! Looking at every route of the app before it serves.

use std::time::Duration;

use buckler_coverage::{Documents, RouteTable};
use serde::Deserialize;

use super::command::{Target, Task};
use super::fault::Fault;
use super::probe::{AppFacts, ask};
use super::report::Report;

/// What the app is, its routes and its documents.
#[derive(Debug, Clone, Deserialize)]
pub struct Survey {
    /// What [`probe`](super::probe()) tells.
    pub app: AppFacts,
    /// Every route, and what can be read of its protection.
    pub table: RouteTable,
    /// The `OpenAPI` document of each application of the table, or why there is none.
    documents: Vec<Document>,
}

/// What became of the document of an application.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Document {
    /// JSON.
    Made(String),
    /// What the app raised, or that it has none.
    Missing(String),
}

impl Survey {
    /// What its documents say.
    pub fn documents(&self) -> Documents {
        Documents::read(self.documents.iter().map(|document| match document {
            Document::Made(text) => Ok(text.as_str()),
            Document::Missing(why) => Err(why.as_str()),
        }))
    }
}

/// Imports the app as [`probe`](super::probe()) does, and tells its routes as well. Its lifespan does not run.
///
/// # Errors
/// Why there is no app, as there. An app whose `OpenAPI` document cannot be made is one all the same.
pub async fn survey(target: &Target, deadline: Duration) -> Result<Survey, Fault> {
    ask(target, &Task::Survey, deadline, |report| match report {
        Report::Survey(survey) => Some(*survey),
        _ => None,
    })
    .await
}
