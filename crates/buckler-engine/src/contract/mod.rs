//! The app's `OpenAPI` document, as the policy holds requests to it.
//!
//! A document is compiled in up to two readings: the one that requests are held to, and a stricter one whose findings
//! are only written down. What the stricter one takes, the other takes, too; so a request that is as it should be is
//! judged once.
//!
//! | module | holds |
//! |---|---|
//! | here | the compiled document, and why there may be none |
//! | `asked` | a request as the app's router and parameters read it |
//! | `parameters` | path, query, header and cookie against their schemas |
//! | `body` | a body, kept until its end: JSON, or a form |
//! | `form` | the fields of a form against their schemas |
//! | `edits` | what becomes of a JSON body before the app sees it |
//! | `places` | where a value stands in what one or two operations declare |
//! | `faults` | what is wrong, in the shape that `FastAPI`'s clients know |
//!
//! The stage itself stands with the others, in `check/contract.rs`.

pub(crate) mod asked;
pub(crate) mod body;
pub(crate) mod edits;
pub(crate) mod faults;
pub(crate) mod form;
pub(crate) mod parameters;
pub(crate) mod places;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use buckler_policy::settings::{Mode, Policy, Requests, Responses, Stricter, StripInput, UnknownFields, Unlisted};
use buckler_schema::{Contract, First, Limits, Names, Operation, Outline, Reading, Types};
use smallvec::SmallVec;

use edits::Edits;

/// What requests, and the answers to them, are held to.
#[derive(Debug)]
pub(crate) enum ContractRules {
    /// Nothing: switched off, or there is nothing to hold them to and nobody said that there must be.
    Off(WhyOff),
    /// A document.
    Judged(Mode, Arc<Compiled>),
    /// A document that only answers are held to.
    Answers(Arc<Compiled>),
    /// The policy wants a document and there is none that can be used: nothing can be decided, so nothing passes.
    Undecidable(String),
}

/// Why requests are held to nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum WhyOff {
    /// The policy says so.
    Policy,
    /// There is no document.
    NoDocument,
    /// The document cannot be used, and is only monitored.
    Refused(String),
}

/// A document, compiled as the policy reads it.
#[derive(Debug)]
pub(crate) struct Compiled {
    pub(crate) held: ReadDocument,
    /// Of the same document, so routes and operations stand at the same places.
    pub(crate) stricter: Option<ReadDocument>,
    pub(crate) unlisted: Unlisted,
    /// What becomes of bodies.
    pub(crate) edits: Option<Edits>,
    pub(crate) precedence: Precedence,
    /// Which members answers have, where they are held to that.
    pub(crate) outline: Option<Arc<Outline>>,
}

/// Who refuses a request where something of the app would have answered it first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Precedence {
    /// We do, whatever the app would have said.
    Ours,
    /// The app, as it does without us: an anonymous client hears of its missing credentials, not of its fields.
    TheApps,
    /// The app, whatever it is: its own 422 passes as it is, and anybody could tell ours from it.
    AlwaysTheApps,
}

/// One reading of the document.
#[derive(Debug)]
pub(crate) struct ReadDocument {
    pub(crate) document: Contract,
    pub(crate) types: Types,
    pub(crate) names: Names,
}

/// Where an operation stands in the document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct At {
    pub(crate) route: usize,
    pub(crate) operation: usize,
}

/// Operations that a request may be for. More than one only where templates overlap, and then what one of them takes
/// passes: which of them the app takes depends on the order of its routes. None: the document does not list it.
pub(crate) type Matched = SmallVec<[At; 1]>;

impl ReadDocument {
    pub(crate) fn operation(&self, at: At) -> Option<&Operation> {
        self.document.routes.get(at.route)?.operations.get(at.operation)
    }
}

impl ContractRules {
    pub(crate) fn compile(policy: &Policy) -> Self {
        let requests = policy.contract.requests;
        let judged = match requests {
            Requests::Off if policy.contract.responses == Responses::Off => return Self::Off(WhyOff::Policy),
            Requests::Off => None,
            Requests::Unnoticed => Some(Mode::Enforce),
            Requests::Judged(mode) => Some(mode),
        };
        // Whoever asks for no enforcing by name has an app that goes on as it did.
        let is_wanted = requests == Requests::Judged(Mode::Enforce)
            || matches!(policy.contract.responses, Responses::Judged(_, Mode::Enforce));
        let Some(document) = &policy.contract.document else {
            let fault = policy.contract.document_fault.as_ref().map(|why| format!("the app fails to make it: {why}"));
            return match fault {
                fault if is_wanted => {
                    let none = || "there is no document to hold requests and answers to".to_owned();
                    Self::Undecidable(fault.unwrap_or_else(none))
                }
                Some(fault) => Self::Off(WhyOff::Refused(fault)),
                None => Self::Off(WhyOff::NoDocument),
            };
        };
        match (Compiled::new(document.as_bytes(), policy), judged) {
            (Ok(compiled), Some(mode)) => Self::Judged(mode, Arc::new(compiled)),
            (Ok(compiled), None) => Self::Answers(Arc::new(compiled)),
            (Err(refused), _) if is_wanted => Self::Undecidable(refused),
            (Err(refused), _) => Self::Off(WhyOff::Refused(refused)),
        }
    }

    /// The document that requests are held to.
    pub(crate) fn document(&self) -> Option<&Contract> {
        match self {
            Self::Judged(_, compiled) | Self::Answers(compiled) => Some(&compiled.held.document),
            Self::Off(_) | Self::Undecidable(_) => None,
        }
    }

    /// Why the document, if there is one, is not used.
    pub(crate) fn fault(&self) -> Option<&str> {
        match self {
            Self::Undecidable(why) | Self::Off(WhyOff::Refused(why)) => Some(why),
            Self::Off(_) | Self::Judged(..) | Self::Answers(_) => None,
        }
    }

    /// The document that is in use.
    pub(crate) fn compiled(&self) -> Option<&Arc<Compiled>> {
        match self {
            Self::Judged(_, compiled) | Self::Answers(compiled) => Some(compiled),
            Self::Off(_) | Self::Undecidable(_) => None,
        }
    }
}

impl Compiled {
    fn new(document: &[u8], policy: &Policy) -> Result<Self, String> {
        let (strict, names) = (policy.content.strict, policy.content.unknown_fields);
        let (is_strict, is_closed) = (strict == Stricter::Enforce, names == UnknownFields::Reject);
        let held = read(document, is_strict, is_closed)?;
        // Where members of bodies go, those of the query are still to be named.
        let watches = strict == Stricter::Monitor || matches!(names, UnknownFields::Monitor | UnknownFields::Strip);
        let asked = (strict != Stricter::Off, names != UnknownFields::Ignore);
        let stricter = if watches { Some(read(document, asked.0, asked.1)?) } else { None };
        let edits = Edits::compile(&policy.content, &held.document);
        let precedence = match policy.contract.requests {
            Requests::Unnoticed if is_noticed(policy) => Precedence::Ours,
            Requests::Unnoticed if keeps_answers(policy) => Precedence::AlwaysTheApps,
            Requests::Unnoticed => Precedence::TheApps,
            Requests::Off | Requests::Judged(_) => Precedence::Ours,
        };
        let outline = (policy.contract.responses != Responses::Off).then(|| {
            let operations = held.document.routes.iter().flat_map(|route| &route.operations);
            let media = operations.flat_map(|operation| &operation.responses).flat_map(|response| &response.media);
            Arc::new(held.document.outline(media.filter_map(|media| media.schema), &Limits::default()))
        });
        Ok(Self { held, stricter, unlisted: policy.contract.unlisted, edits, precedence, outline })
    }

    /// Whether what breaks some of these operations is refused, where `mode` is that of all.
    pub(crate) fn mode_of(&self, mode: Mode, mut operations: impl Iterator<Item = At>) -> Mode {
        match self.precedence {
            Precedence::AlwaysTheApps => Mode::Monitor,
            Precedence::TheApps if operations.any(|at| self.is_apps(at)) => Mode::Monitor,
            Precedence::TheApps | Precedence::Ours => mode,
        }
    }

    fn is_apps(&self, at: At) -> bool {
        self.held.operation(at).is_some_and(|operation| operation.first == First::App)
    }

    /// Operations whose refusals are left to the app.
    pub(crate) fn left(&self) -> usize {
        let operations = self.held.document.routes.iter().flat_map(|route| &route.operations);
        match self.precedence {
            Precedence::TheApps => operations.filter(|operation| operation.first == First::App).count(),
            Precedence::AlwaysTheApps => operations.count(),
            Precedence::Ours => 0,
        }
    }
}

/// Whether the policy refuses what `FastAPI` itself would take, which is in view of everybody.
fn is_noticed(policy: &Policy) -> bool {
    policy.content.strict == Stricter::Enforce || policy.content.unknown_fields == UnknownFields::Reject
}

/// Whether what the app says of wrong inputs reaches its clients unchanged.
fn keeps_answers(policy: &Policy) -> bool {
    policy.errors.mode == Mode::Monitor || policy.errors.strip_input == StripInput::Keep
}

fn read(document: &[u8], is_strict: bool, is_closed: bool) -> Result<ReadDocument, String> {
    let reading = Reading {
        types: if is_strict { Types::Strict } else { Types::Lax },
        names: if is_closed { Names::Closed } else { Names::Open },
    };
    let document = Contract::compile(document, reading, &Limits::default()).map_err(|refused| refused.to_string())?;
    Ok(ReadDocument { document, types: reading.types, names: reading.names })
}
