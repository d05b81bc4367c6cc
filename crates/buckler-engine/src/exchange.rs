//! An exchange between its admission and its record. Each step consumes the one before, so nothing is
//! answered twice and nothing ends without a record.

use std::sync::Arc;

use buckler_http::media::MediaType;
use buckler_policy::settings::Mode;
use http::{StatusCode, header};

use crate::answer::errors::{self, BODY_FIELDS, ErrorPlan, STALE_FIELDS};
use crate::answer::{AnswerFields, AnswerPlan};
use crate::body::BodyInspector;
use crate::engine::{Ended, Engine};
use crate::facts::{Facts, RequestId, Timestamp};
use crate::reason::Reason;
use crate::record::{Note, Notes, Outcome, Record};
use crate::stage::{Finding, Findings, Violation};

/// An exchange that waits for the app's answer.
#[derive(Debug)]
pub struct Exchange {
    engine: Arc<Engine>,
    facts: Facts,
    findings: Findings,
    notes: Notes,
}

/// An exchange whose answer is on its way.
#[derive(Debug)]
pub struct Answering {
    facts: Facts,
    findings: Findings,
    status: StatusCode,
    notes: Notes,
    refused: Option<Box<Finding>>,
}

/// How much went which way, told by the host at the end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Bytes of the request's body.
    pub bytes_in: u64,
    /// Bytes of the answer's body.
    pub bytes_out: u64,
}

impl Exchange {
    pub(crate) fn new(engine: Arc<Engine>, facts: Facts, findings: Findings) -> Self {
        Self { engine, facts, findings, notes: Notes::new() }
    }

    pub(crate) fn facts(&self) -> &Facts {
        &self.facts
    }

    /// The name of the exchange.
    pub fn request_id(&self) -> &RequestId {
        &self.facts.request_id
    }

    /// Takes what the body's inspector wrote down in monitor mode.
    pub fn learn(&mut self, inspector: BodyInspector) {
        let (findings, notes) = inspector.into_found();
        self.findings.extend(findings);
        self.notes.extend(notes);
    }

    /// Judges the head of the app's answer.
    pub fn answer(self, status: StatusCode, fields: &impl AnswerFields) -> (AnswerPlan, Answering) {
        self.engine.counters.answered(&self.facts, status);
        let rules = &self.engine.rules;
        let planned = errors::plan(rules.errors, status, fields, &self.facts.request_id);
        let (error, monitored) = match (rules.errors.mode, planned) {
            (Mode::Enforce, planned) => (planned, None),
            (Mode::Monitor, ErrorPlan::Untouched) => (ErrorPlan::Untouched, None),
            (Mode::Monitor, ErrorPlan::Mask { .. }) => (ErrorPlan::Untouched, Some(Note::ErrorWouldBeMasked)),
            (Mode::Monitor, ErrorPlan::Strip(_)) => (ErrorPlan::Untouched, Some(Note::InputWouldBeStripped)),
        };
        let media = match &error {
            ErrorPlan::Mask { media, .. } => Some(media.as_bytes()),
            ErrorPlan::Untouched | ErrorPlan::Strip(_) => fields.first(&header::CONTENT_TYPE),
        };
        let media = media.and_then(|value| MediaType::parse(value).ok());
        let mut edits = rules.headers.edit(&self.facts, rules.cors.as_ref(), fields, media.as_ref());
        edits.notes.extend(monitored);
        match &error {
            ErrorPlan::Untouched => {}
            ErrorPlan::Mask { media, .. } => {
                edits.notes.push(Note::ErrorMasked);
                edits.remove.extend(BODY_FIELDS.iter().filter(|name| fields.first(name).is_some()).cloned());
                edits.add.push((header::CONTENT_TYPE, media.clone()));
            }
            ErrorPlan::Strip(_) => {
                edits.notes.push(Note::InputStripped);
                edits.remove.extend(STALE_FIELDS.iter().filter(|name| fields.first(name).is_some()).cloned());
            }
        }
        let plan = AnswerPlan { remove: edits.remove, add: edits.add, body: error.into() };
        let mut notes = self.notes;
        notes.extend(edits.notes);
        (plan, Answering { facts: self.facts, findings: self.findings, status, notes, refused: None })
    }

    /// Ends the exchange because its request body was refused.
    pub fn refuse(self, finding: Box<Finding>, traffic: Traffic, now: Timestamp) -> Ended {
        let Self { engine, facts, findings, notes } = self;
        let mut ended = engine.refuse(facts, finding, findings, now);
        ended.record.notes.extend(notes);
        ended.record.take(traffic);
        ended
    }

    /// Ends the exchange because the app, its host or the client's body failed.
    pub fn fail(self, reason: Reason, traffic: Traffic, now: Timestamp) -> Ended {
        let Self { engine, facts, findings, notes } = self;
        let violation = Violation::fixed(reason, failure_detail(reason));
        let reply = engine.render(&facts, &violation);
        let mut record = Record::of(facts, reply.status, now, Outcome::Failed(reason), findings);
        record.notes.extend(notes);
        record.take(traffic);
        Ended { reply, record }
    }

    /// Ends the exchange because the client is gone: nobody is left to answer to.
    pub fn abandon(self, traffic: Traffic, now: Timestamp) -> Record {
        let status = CLIENT_CLOSED_REQUEST;
        let mut record = Record::of(self.facts, status, now, Outcome::Aborted, self.findings);
        record.take(traffic);
        record.notes.extend(self.notes);
        record
    }
}

/// nginx's name for a client that left before its answer; it never goes over the wire.
const CLIENT_CLOSED_REQUEST: StatusCode = match StatusCode::from_u16(499) {
    Ok(status) => status,
    Err(_) => StatusCode::BAD_REQUEST,
};

const fn failure_detail(reason: Reason) -> &'static str {
    match reason {
        Reason::UpstreamTimeout => "the service took too long to answer",
        Reason::Overloaded => "the service is busy; try again in a moment",
        Reason::Timeout => "the request body came too slowly",
        Reason::MalformedRequest => "the request body is broken",
        _ => "the service failed to answer",
    }
}

/// How an answer's body ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Whole.
    Complete,
    /// The client left, or the app stopped.
    CutOff,
}

impl Answering {
    /// Of the answer.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Whether nobody reads the answer's body: it goes to `HEAD` (RFC 9110 §9.3.2).
    pub fn is_bodiless(&self) -> bool {
        self.facts.method == http::Method::HEAD
    }

    /// Takes what the body's inspector wrote down after the answer had begun.
    pub fn learn(&mut self, inspector: BodyInspector) {
        let (findings, notes) = inspector.into_found();
        self.findings.extend(findings);
        self.notes.extend(notes);
    }

    /// Takes what was found against the rest of the request's body after the answer had begun. The client cannot be
    /// told any more; whoever reads the log is.
    pub fn refuse(&mut self, finding: Box<Finding>) {
        self.refused = Some(finding);
    }

    /// The record of the exchange.
    pub fn close(self, ending: Ending, traffic: Traffic, now: Timestamp) -> Record {
        let outcome = match (self.refused, ending) {
            (Some(finding), _) => Outcome::Refused(finding),
            (None, Ending::Complete) => Outcome::Answered,
            (None, Ending::CutOff) => Outcome::Aborted,
        };
        let mut record = Record::of(self.facts, self.status, now, outcome, self.findings);
        record.take(traffic);
        record.notes.extend(self.notes);
        record
    }
}

impl Engine {
    /// Turns a finding into an answer and a record.
    pub(crate) fn refuse(&self, facts: Facts, finding: Box<Finding>, monitored: Findings, now: Timestamp) -> Ended {
        let reply = self.render(&facts, &finding.violation);
        let record = Record::of(facts, reply.status, now, Outcome::Refused(finding), monitored);
        Ended { reply, record }
    }
}
