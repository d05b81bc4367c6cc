//! `[contract]`: what the app says of itself, and what is held to it.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::Mode;
use crate::coverage::FindingId;
pub use crate::document_url::{DocumentUrl, Transport};

/// `[contract]`
#[derive(Debug, Clone)]
pub struct Contract {
    /// Enforce or monitor.
    pub mode: Mode,
    /// Whether clients may read the docs; `auto` has been resolved by the environment.
    pub docs: Docs,
    /// Where they are. `None`: where `FastAPI` has them unless told otherwise. Segments in braces, which the policy
    /// cannot name and an app's own routes may have, stand for any.
    pub docs_paths: Option<Vec<String>>,
    /// What becomes of routes that nothing protects.
    pub coverage: Coverage,
    /// Findings that may stay.
    pub silence: Vec<Silence>,
    /// Where the document is from. `None`: the app, if it can be asked.
    pub source: Option<ContractSource>,
    /// How often it is fetched again; `None` is never. Of no use for a document that is not fetched.
    pub refresh: Option<Duration>,
    /// The document, once the host has it.
    pub document: Option<Document>,
    /// Why the app fails to make one, where the host knows.
    pub document_fault: Option<String>,
    /// What becomes of requests that the document does not allow.
    pub requests: Requests,
    /// What becomes of requests for what the document does not list.
    pub unlisted: Unlisted,
    /// What becomes of answers that the document does not declare.
    pub responses: Responses,
    /// Names of members that leave in no JSON answer.
    pub never_return: Vec<String>,
    /// Bytes of a JSON answer that are held to be judged as a whole.
    pub max_response: usize,
}

/// Routes that nothing protects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coverage {
    /// Are shown.
    Report,
    /// Keep the app from being served.
    Enforce,
}

/// A finding that may stay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Silence {
    /// Which.
    pub id: FindingId,
    /// `METHOD /path` or `/path`; `None` is every route, or the app.
    pub route: Option<String>,
    /// Why; never empty, one line.
    pub reason: String,
}

/// An `OpenAPI` document as it was handed over. Cheap to clone; prints its size alone.
#[derive(Clone, PartialEq, Eq)]
pub struct Document(Arc<[u8]>);

impl Document {
    /// A document, unread.
    pub fn new(bytes: impl Into<Arc<[u8]>>) -> Self {
        Self(bytes.into())
    }

    /// As it was handed over.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Document({} bytes)", self.0.len())
    }
}

/// `contract.source`
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContractSource {
    /// What the app says of itself.
    App,
    /// A file.
    File(PathBuf),
    /// An address that it is fetched from.
    Url(DocumentUrl),
}

/// `contract.requests`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Requests {
    /// Left to the app.
    Off,
    /// Refused where no client can tell it from the app's own refusal; elsewhere recorded.
    Unnoticed,
    /// Refused or recorded.
    Judged(Mode),
}

/// `contract.responses`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Responses {
    /// As the app writes them.
    Off,
    /// Held to what the document declares.
    Judged(ResponseRule, Mode),
}

/// What is done to an answer that the document does not declare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResponseRule {
    /// It loses the members that are not declared.
    Filter,
    /// It is replaced.
    Refuse,
}

/// `contract.unlisted_routes`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unlisted {
    /// 404 or 405.
    Refuse,
    /// The app's own business.
    Pass,
}

impl Contract {
    /// Whether a document is of any use.
    pub fn is_used(&self) -> bool {
        self.requests != Requests::Off || self.responses != Responses::Off
    }

    /// Whether requests or answers are to be held to what the app itself says.
    pub fn asks_the_app(&self) -> bool {
        self.is_used() && matches!(self.source, None | Some(ContractSource::App))
    }

    /// Takes where an app has its docs, beside what the policy names itself. The usual paths no longer count then: they
    /// may be operations of the app's own.
    pub fn learn_docs(&mut self, found: impl IntoIterator<Item = String>) {
        let paths = self.docs_paths.get_or_insert_default();
        for path in found {
            if !paths.contains(&path) {
                paths.push(path);
            }
        }
    }
}

/// The interactive docs and the `OpenAPI` document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Docs {
    /// The app's own business.
    Open,
    /// 404.
    Closed,
}
