//! What is wrong with an input, in the shape that `FastAPI`'s clients know, and without anything that was sent.

use std::borrow::Cow;

use buckler_schema::{Location, Violation as Found};
use serde::Serialize;

use crate::reason::Reason;
use crate::stage::Violation;

/// Faults that one answer lists: enough to mend a form, and a bound for whoever sends thousands.
pub(crate) const MOST_FAULTS: usize = 10;

/// One entry of the list that a 422 carries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InputFault {
    /// `type`, as Pydantic names it where it has a name.
    #[serde(rename = "type")]
    pub kind: Cow<'static, str>,
    /// Where: `body`, `path`, `query`, `header` or `cookie`, and what follows below it.
    pub loc: Vec<Step>,
    /// What is wrong; holds nothing that was sent.
    #[serde(rename = "msg")]
    pub message: Cow<'static, str>,
}

/// One step on the way to what is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Step {
    /// A member, or a parameter.
    Name(Cow<'static, str>),
    /// An item, or a byte of the text.
    Index(u64),
}

impl InputFault {
    /// Something at a byte of the body, which is no JSON that can be read.
    pub(crate) fn at_byte(kind: &'static str, offset: u64, message: &'static str) -> Self {
        let loc = vec![Step::Name(BODY.into()), Step::Index(offset)];
        Self { kind: kind.into(), loc, message: message.into() }
    }

    /// What has to be there and is not.
    pub(crate) fn missing(loc: Vec<Step>) -> Self {
        Self { kind: "missing".into(), loc, message: "Field required".into() }
    }

    /// What nobody asked for. Its name is the client's, so only where it stands is told.
    pub(crate) fn extra(loc: Vec<Step>) -> Self {
        Self { kind: "extra_forbidden".into(), loc, message: "Extra inputs are not permitted".into() }
    }
}

/// Where bodies are said to be.
pub(crate) const BODY: &str = "body";

/// The name of a place, as `FastAPI` has it.
pub(crate) const fn place(location: Location) -> &'static str {
    match location {
        Location::Path => "path",
        Location::Query => "query",
        Location::Header => "header",
        Location::Cookie => "cookie",
    }
}

/// What a stage says of inputs that the document does not allow.
pub(crate) fn violation(faults: Vec<InputFault>) -> Violation {
    let detail = match faults.first() {
        Some(first) => format!("{} at {}", first.kind, shown(&first.loc)),
        None => "the request is not what the contract allows".to_owned(),
    };
    Violation { faults, ..Violation::of("contract.requests", Reason::ContractViolation, detail) }
}

fn shown(loc: &[Step]) -> String {
    let steps = loc.iter().map(|step| match step {
        Step::Name(name) => name.to_string(),
        Step::Index(at) => at.to_string(),
    });
    steps.collect::<Vec<_>>().join(".")
}

/// What a schema says against a value that stands at `begin`.
pub(crate) fn fault(begin: &[Step], found: &Found) -> InputFault {
    let mut loc = begin.to_vec();
    loc.extend(found.place.split('/').skip(1).take(MOST_STEPS).map(step));
    InputFault { kind: found.kind.into(), loc, message: found.message.clone() }
}

/// A token of a JSON pointer (RFC 6901).
fn step(token: &str) -> Step {
    if token.len() <= LONGEST_INDEX
        && token.bytes().all(|b| b.is_ascii_digit())
        && let Ok(at) = token.parse()
    {
        return Step::Index(at);
    }
    Step::Name(token.replace("~1", "/").replace("~0", "~").into())
}

/// Deeper places are told as far as this.
const MOST_STEPS: usize = 64;

/// Digits of the largest index that a body within any bound can have.
const LONGEST_INDEX: usize = 12;
