//! What is left of an exchange: everything that log, metrics and audit need, and no secret by type.

use buckler_http::connection::{Peer, Scheme};
use buckler_http::forwarding::Source;
use http::{HeaderValue, Method, StatusCode};

use crate::exchange::Traffic;
use crate::facts::{Facts, RequestId, Timestamp};
use crate::redact::Target;
use crate::stage::{Finding, Findings};

/// How an exchange ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// The app answered and its answer was passed on whole.
    Answered,
    /// The engine answered in place of the app, with nothing wrong.
    Replied(ReplyKind),
    /// A stage refused.
    Refused(Box<Finding>),
    /// The app or its host failed.
    Failed(crate::Reason),
    /// The client went away, or the app stopped in the middle of its answer.
    Aborted,
}

/// Answers of the engine that are no refusals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplyKind {
    /// To a preflight.
    Preflight,
}

/// Something an operator may want to know that changed nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Note {
    /// Forwarding fields of a peer that is not trusted were ignored.
    UnsolicitedForwarding,
    /// The app sets a weaker value than the policy would for this field.
    WeakerHeader(&'static str),
    /// The body of an error was replaced.
    ErrorMasked,
    /// The input was removed from a 422.
    InputStripped,
    /// Members that the contract does not name were taken out of the request's body.
    FieldsStripped,
    /// Strings of the request's body lost the white space at their ends.
    StringsTrimmed,
    /// Monitored: members would have been taken out of the request's body.
    FieldsWouldBeStripped,
    /// Monitored: strings of the request's body would have been trimmed.
    StringsWouldBeTrimmed,
    /// Monitored: the body of an error would have been replaced.
    ErrorWouldBeMasked,
    /// Monitored: the input would have been removed from a 422.
    InputWouldBeStripped,
    /// Members that never leave were taken out of the answer.
    NeverReturned,
    /// Monitored: members that never leave would have been taken out of the answer.
    WouldNotBeReturned,
    /// Members that the contract does not declare were taken out of the answer.
    AnswerStripped,
    /// Monitored: members that the contract does not declare would have been taken out of the answer.
    AnswerWouldBeStripped,
    /// The contract does not declare the status.
    UndeclaredStatus,
    /// The contract does not declare the media type.
    UndeclaredMediaType,
    /// The store of a limit could not be asked, and the request passed uncounted.
    LimitUncounted,
    /// The store of a limit could not be asked, and the request was counted on this machine alone.
    LimitCountedLocally,
    /// The answer was not looked into: it is a part, or too long to be monitored.
    ResponseUnjudged,
}

/// Few exchanges have more.
pub(crate) type Notes = smallvec::SmallVec<[Note; 2]>;

/// One finished exchange.
#[derive(Debug)]
pub struct Record {
    /// Its name.
    pub request_id: RequestId,
    /// When its head was complete.
    pub began: Timestamp,
    /// When its answer was complete.
    pub ended: Timestamp,
    /// As received, cut to a sane length.
    pub method: Method,
    /// Prints itself redacted.
    pub target: Target,
    /// The host that was asked for, once it is known to be one of ours.
    pub host: Option<HeaderValue>,
    /// The client, behind trusted proxies.
    pub peer: Peer,
    /// The scheme that the client used.
    pub scheme: Scheme,
    /// Of the answer that was sent.
    pub status: StatusCode,
    /// Bytes of the request body that were seen.
    pub bytes_in: u64,
    /// Bytes of the answer's body that were sent.
    pub bytes_out: u64,
    /// How it ended.
    pub outcome: Outcome,
    /// What enforcing would have refused.
    pub monitored: Findings,
    /// What else is worth knowing.
    pub notes: smallvec::SmallVec<[Note; 2]>,
}

impl Record {
    pub(crate) fn of(
        facts: Box<Facts>,
        status: StatusCode,
        ended: Timestamp,
        outcome: Outcome,
        monitored: Findings,
    ) -> Self {
        let facts = *facts;
        let mut notes = smallvec::SmallVec::new();
        if facts.source == Source::Unsolicited {
            notes.push(Note::UnsolicitedForwarding);
        }
        notes.extend(facts.counting);
        Self {
            request_id: facts.request_id,
            began: facts.began,
            ended,
            method: facts.method,
            target: facts.target,
            host: facts.host,
            peer: facts.peer,
            scheme: facts.scheme,
            status,
            bytes_in: 0,
            bytes_out: 0,
            outcome,
            monitored,
            notes,
        }
    }

    pub(crate) fn take(&mut self, traffic: Traffic) {
        (self.bytes_in, self.bytes_out) = (traffic.bytes_in, traffic.bytes_out);
    }

    /// Microseconds from head to end.
    pub fn duration_micros(&self) -> u64 {
        self.ended.0.saturating_sub(self.began.0)
    }
}
