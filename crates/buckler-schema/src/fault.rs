//! What is wrong with a document, and what of it cannot be enforced.

use std::collections::HashSet;
use std::fmt;

use serde::Serialize;

use crate::place::{Place, shown};

/// Why a document is refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// The operation, as `GET /items`, where it is one's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// JSON pointer.
    pub place: String,
    /// What is wrong there.
    pub what: String,
}

impl Fault {
    pub(crate) fn new(place: &Place<'_>, what: impl Into<String>) -> Self {
        Self { operation: None, place: place.pointer(), what: what.into() }
    }

    pub(crate) fn of(mut self, operation: &str) -> Self {
        self.operation.get_or_insert_with(|| shown(operation));
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(operation) = &self.operation {
            write!(f, "{operation}: ")?;
        }
        write!(f, "{}: {}", self.place, self.what)
    }
}

/// A document that is refused, with all that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// At least one, at most as many as the limits say.
    pub faults: Vec<Fault>,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, fault) in self.faults.iter().enumerate() {
            let line = if at == 0 { "" } else { "\n" };
            write!(f, "{line}{fault}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Refused {}

impl From<Fault> for Refused {
    fn from(fault: Fault) -> Self {
        Self { faults: vec![fault] }
    }
}

/// Something that the document says and that clients are not held to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unenforced {
    /// JSON pointer.
    pub place: String,
    /// What is said there: a keyword with what matters of its value.
    pub what: String,
    /// Why it is not enforced.
    pub why: &'static str,
}

/// What was found not to be enforceable, bounded.
#[derive(Debug)]
pub(crate) struct Gaps {
    pub(crate) listed: Vec<Unenforced>,
    /// Those that are not listed any more.
    pub(crate) further: usize,
    most: usize,
    /// Places and what is said there. A schema that both directions use is looked at twice.
    known: HashSet<(String, String)>,
}

impl Gaps {
    pub(crate) fn new(most: usize) -> Self {
        Self { listed: Vec::new(), further: 0, most, known: HashSet::new() }
    }

    pub(crate) fn add(&mut self, place: &Place<'_>, what: &str, why: &'static str) {
        if self.listed.len() < self.most {
            let (place, what) = (place.pointer(), shown(what));
            if self.known.insert((place.clone(), what.clone())) {
                self.listed.push(Unenforced { place, what, why });
            }
        } else {
            self.further += 1;
        }
    }
}
