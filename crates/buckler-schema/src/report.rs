//! What was found in a document, for people and for machines.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::contract::Contract;
use crate::fault::Unenforced;
use crate::operation::Operation;
use crate::parameter::Location;
use crate::router::Ambiguity;

/// What was found in a document.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The title of the document.
    pub title: String,
    /// Its version of `OpenAPI`.
    pub openapi: String,
    /// Paths of the servers.
    pub base_paths: Vec<String>,
    /// Every operation, in the order of the document.
    pub operations: Vec<Line>,
    /// Routes whose order decides.
    pub ambiguous: Vec<Ambiguity>,
    /// What the document says and clients are not held to.
    pub unenforced: Vec<Unenforced>,
    /// How many more of these there are.
    pub further_unenforced: usize,
}

/// An operation.
#[derive(Debug, Clone, Serialize)]
pub struct Line {
    /// In capitals.
    pub method: &'static str,
    /// The template.
    pub path: String,
    /// The name that the document gives it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Names of parameters with a schema, by their place.
    pub parameters: BTreeMap<Location, Vec<String>>,
    /// Types of the body.
    pub bodies: Vec<String>,
    /// Answers with a schema, as `200 application/json`.
    pub answers: Vec<String>,
    /// Schemes that authenticate, each alternative with its schemes together.
    pub security: Vec<String>,
}

impl Report {
    pub(crate) fn of(contract: &Contract) -> Self {
        let operations = contract
            .routes
            .iter()
            .flat_map(|route| route.operations.iter().map(|operation| Line::of(&route.template.text, operation)));
        Self {
            title: contract.title.clone(),
            openapi: contract.version.clone(),
            base_paths: contract.base_paths.clone(),
            operations: operations.collect(),
            ambiguous: contract.ambiguities.clone(),
            unenforced: contract.unenforced.clone(),
            further_unenforced: contract.further_unenforced,
        }
    }

    /// Whether there is nothing that somebody should look at.
    pub fn is_clean(&self) -> bool {
        self.ambiguous.is_empty() && self.unenforced.is_empty()
    }
}

impl Line {
    fn of(path: &str, operation: &Operation) -> Self {
        let mut parameters: BTreeMap<Location, Vec<String>> = BTreeMap::new();
        for parameter in operation.parameters.iter().filter(|parameter| parameter.schema.is_some()) {
            parameters.entry(parameter.location).or_default().push(parameter.name.clone());
        }
        let bodies = operation.body.iter().flat_map(|body| &body.media).map(|media| media.range.clone());
        let answers = operation.responses.iter().flat_map(|response| {
            let judged = response.media.iter().filter(|media| media.schema.is_some());
            judged.map(|media| format!("{} {}", response.status, media.range))
        });
        let security = operation.security.iter().map(|requirement| {
            let names: Vec<&str> = requirement.schemes.iter().map(|(name, _)| name.as_str()).collect();
            if names.is_empty() { "none".to_owned() } else { names.join(" and ") }
        });
        Self {
            method: operation.method,
            path: path.to_owned(),
            id: operation.id.clone(),
            parameters,
            bodies: bodies.collect(),
            answers: answers.collect(),
            security: security.collect(),
        }
    }
}
