//! What both shapes of a line have in common.

use std::fmt;
use std::net::SocketAddr;

use buckler_engine::record::{Note, Outcome, ReplyKind};
use buckler_engine::{Record, Severity, Usage};
use buckler_http::address::AddressText;
use buckler_http::connection::Peer;
use buckler_schema::{Changes, Named};

/// Whether lines for people may be coloured. Colour never carries meaning of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    /// A terminal that wants it.
    Ansi,
    /// A file, a pipe, or `NO_COLOR`.
    Plain,
}

/// Something that happened outside of any exchange.
#[derive(Debug)]
#[non_exhaustive]
pub enum Incident {
    /// Lines of this log are missing.
    LinesDropped {
        /// How many.
        count: u64,
    },
    /// A connection or listener had trouble.
    Connection {
        /// In a few words.
        what: String,
        /// Whose.
        peer: Option<SocketAddr>,
        /// How much it matters.
        severity: Severity,
    },
    /// The policy was loaded again, or could not be.
    Reload {
        /// What changed, or which mistake kept it from changing.
        what: String,
        /// How much it matters.
        severity: Severity,
    },
    /// The store that counts limits went, or came back.
    Store {
        /// Which, and why.
        what: String,
        /// How much it matters.
        severity: Severity,
    },
    /// Operations of the contract that are in force are others than before.
    Contract {
        /// Which.
        changes: Changes,
    },
    /// What of the contract was used since the start, and what was that it does not list.
    Usage {
        /// How often each.
        usage: Usage,
    },
    /// A worker started, stopped, or printed something.
    Worker {
        /// In its own or the supervisor's words.
        what: String,
        /// How much it matters.
        severity: Severity,
    },
}

/// What has changed of a contract, in words.
pub(super) fn changed(changes: &Changes) -> String {
    let kinds = [(&changes.added, "added"), (&changes.removed, "removed"), (&changes.changed, "changed")];
    let told = kinds.into_iter().filter(|(named, _)| named.count > 0).map(|(named, kind)| kind_of(named, kind));
    format!("operations of the contract: {}", told.collect::<Vec<_>>().join("; "))
}

fn kind_of(Named { count, first }: &Named, kind: &str) -> String {
    let further = match count.saturating_sub(first.len()) {
        0 => String::new(),
        further => format!(" and {further} more"),
    };
    format!("{count} {kind} ({}{further})", first.join(", "))
}

/// The word for an ending, in both shapes.
pub(super) fn outcome(record: &Record) -> &'static str {
    match &record.outcome {
        Outcome::Answered => "answered",
        Outcome::Replied(ReplyKind::Preflight) => "preflight",
        Outcome::Refused(_) => "refused",
        Outcome::Failed(_) => "failed",
        Outcome::Aborted => "aborted",
        _ => "ended",
    }
}

/// How much an operator should care.
pub(super) fn severity(record: &Record) -> Severity {
    match &record.outcome {
        Outcome::Refused(finding) => finding.violation.reason.severity(),
        Outcome::Failed(reason) => reason.severity(),
        _ if record.status.is_server_error() => Severity::Error,
        _ if !record.monitored.is_empty() => Severity::Warning,
        _ => Severity::Info,
    }
}

/// The word for a severity.
pub(super) const fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "info",
        Severity::Warning => "warning",
        Severity::Error => "error",
    }
}

/// The word for a note.
pub(super) fn note(note: Note) -> String {
    match note {
        Note::UnsolicitedForwarding => "forwarding fields of an untrusted peer ignored".to_owned(),
        Note::WeakerHeader(name) => format!("the app sets a weaker {name}"),
        Note::ErrorMasked => "error body replaced".to_owned(),
        Note::InputStripped => "input removed from 422".to_owned(),
        Note::ErrorWouldBeMasked => "monitored: error body would be replaced".to_owned(),
        Note::InputWouldBeStripped => "monitored: input would be removed from 422".to_owned(),
        Note::FieldsStripped => "undeclared members taken out of the body".to_owned(),
        Note::StringsTrimmed => "strings of the body trimmed".to_owned(),
        Note::FieldsWouldBeStripped => "monitored: undeclared members would be taken out of the body".to_owned(),
        Note::StringsWouldBeTrimmed => "monitored: strings of the body would be trimmed".to_owned(),
        Note::NeverReturned => "members that never leave taken out of the answer".to_owned(),
        Note::WouldNotBeReturned => "monitored: members that never leave would be taken out of the answer".to_owned(),
        Note::AnswerStripped => "undeclared members taken out of the answer".to_owned(),
        Note::AnswerWouldBeStripped => "monitored: undeclared members would be taken out of the answer".to_owned(),
        Note::UndeclaredStatus => "the contract does not declare the answer's status".to_owned(),
        Note::UndeclaredMediaType => "the contract does not declare the answer's media type".to_owned(),
        Note::LimitUncounted => "a limit could not be counted: its store does not answer".to_owned(),
        Note::LimitCountedLocally => "counted on this machine alone: the store of a limit does not answer".to_owned(),
        Note::ResponseUnjudged => "the answer was not looked into: a part, or too long to be monitored".to_owned(),
        _ => "noted".to_owned(),
    }
}

/// The client's address; a peer without one is `-`.
pub(super) struct Client(pub(super) Peer);

impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Peer::Ip(address) => AddressText::of(address.ip().to_canonical()).fmt(f),
            Peer::Local => f.write_str("-"),
        }
    }
}
