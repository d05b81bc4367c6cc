//! An exchange between its admission and its record. Each step consumes the one before, so nothing is
//! answered twice and nothing ends without a record.

use std::sync::Arc;

use buckler_http::media::MediaType;
use buckler_policy::settings::Mode;
use bytes::Bytes;
use http::{HeaderName, StatusCode, header};
use smallvec::SmallVec;

use crate::answer::errors::{self, BODY_FIELDS, ErrorPlan, STALE_FIELDS};
use crate::answer::{AnswerBody, AnswerFields, AnswerPlan, Changed, headers, problem, refusal};
use crate::body::BodyInspector;
use crate::contract::Matched;
use crate::engine::{Ended, Engine};
use crate::facts::{Facts, RequestId, Timestamp};
use crate::limits::ruling::Ruling;
use crate::reason::Reason;
use crate::record::{Note, Notes, Outcome, Record};
use crate::response::judging::{Course, Judging, Unreadable};
use crate::response::plan::{Answered, Planned, ResponsePlan};
use crate::stage::{Finding, Findings, Stage, Violation};

/// An exchange that waits for the app's answer.
#[derive(Debug)]
pub struct Exchange {
    engine: Arc<Engine>,
    facts: Box<Facts>,
    findings: Findings,
    notes: Notes,
    /// Operations that the answer may be of.
    asked: Matched,
}

/// An exchange whose answer is on its way.
#[derive(Debug)]
pub struct Answering {
    facts: Box<Facts>,
    findings: Findings,
    status: StatusCode,
    notes: Notes,
    refused: Option<Box<Finding>>,
    /// For an answer whose body is judged.
    judging: Option<Box<Judging>>,
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
    pub(crate) fn new(engine: Arc<Engine>, facts: Box<Facts>, findings: Findings, asked: Matched) -> Self {
        Self { engine, facts, findings, notes: Notes::new(), asked }
    }

    pub(crate) fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Of the policy by which it is judged.
    pub(crate) fn fingerprint(&self) -> u64 {
        self.engine.fingerprint()
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

    /// Takes what came of limits that stand in the app, for its answer and the record. What they refuse the app answers
    /// by itself: [`Self::answer`] knows it.
    pub fn learn_limits(&mut self, ruling: Ruling) {
        let Ruling { verdict, told, note } = ruling;
        match (verdict, self.engine.rules.rates.mode) {
            (Ok(()), _) => {}
            (Err(violation), Mode::Monitor) => {
                self.findings.push(Box::new(Finding { stage: Stage::Limits, violation }));
            }
            (Err(_), Mode::Enforce) => return,
        }
        self.facts.limits.add(told);
        self.notes.extend(note.filter(|_| note != self.facts.counting));
    }

    /// Judges the head of the app's answer.
    pub fn answer(mut self, status: StatusCode, fields: &impl AnswerFields) -> (AnswerPlan, Answering) {
        self.engine.counters.answered(&self.facts, status);
        let rules = &self.engine.rules;
        let mut refused = None;
        match (refusal::of(status, fields), rules.rates.mode) {
            (Some(finding), Mode::Monitor) => self.findings.push(finding),
            (finding, _) => refused = finding,
        }
        let planned = match &refused {
            Some(finding) => ErrorPlan::Mask {
                body: problem::of_violation(&finding.violation, self.facts.request_id.as_str(), rules.audience),
                media: problem::MEDIA_TYPE.clone(),
            },
            None => errors::plan(rules.errors, status, fields, &self.facts.request_id),
        };
        let (error, monitored) = match (rules.errors.mode, planned) {
            (Mode::Enforce, planned) => (planned, None),
            // A refusal is none of the app's errors.
            (Mode::Monitor, planned) if refused.is_some() => (planned, None),
            (Mode::Monitor, ErrorPlan::Untouched) => (ErrorPlan::Untouched, None),
            (Mode::Monitor, ErrorPlan::Mask { .. }) => (ErrorPlan::Untouched, Some(Note::ErrorWouldBeMasked)),
            (Mode::Monitor, ErrorPlan::Strip(_)) => (ErrorPlan::Untouched, Some(Note::InputWouldBeStripped)),
        };
        let media = fields.first(&header::CONTENT_TYPE).and_then(|value| MediaType::parse(value).ok());
        let answered = Answered { method: &self.facts.method, status, fields, media: media.as_ref() };
        let planned = match error {
            ErrorPlan::Untouched => Some(rules.responses.plan(rules.contract.compiled(), &self.asked, &answered)),
            // What is rewritten is not judged twice.
            ErrorPlan::Mask { .. } | ErrorPlan::Strip(_) => None,
        };
        let (mut notes, mut judging, mut sent) = (SmallVec::new(), None, status);
        let (mut error, mut action) = (error, None);
        // What would be rewritten is looked at only where something is done to it.
        let acts = |planned: &Planned| planned.plan.acts() || monitored.is_none();
        if let Some(planned) = planned.filter(acts) {
            notes = planned.notes;
            self.findings.extend(planned.monitored);
            match planned.plan {
                ResponsePlan::Pass => {}
                ResponsePlan::Watch(watching) => judging = Some(watching),
                ResponsePlan::Hold(held, max) => (judging, action) = (Some(held), Some(AnswerBody::Hold(max))),
                ResponsePlan::Filter(stream) => (judging, action) = (Some(stream), Some(AnswerBody::Filter)),
                ResponsePlan::Refuse(finding) => {
                    sent = StatusCode::INTERNAL_SERVER_ERROR;
                    refused = Some(finding);
                    error = ErrorPlan::Mask {
                        body: problem::of_failure(sent, self.facts.request_id.as_str()),
                        media: problem::MEDIA_TYPE.clone(),
                    };
                }
            }
        }
        let media = match &error {
            ErrorPlan::Mask { media, .. } => MediaType::parse(media.as_bytes()).ok(),
            ErrorPlan::Untouched | ErrorPlan::Strip(_) => media,
        };
        let mut edits = rules.headers.edit(&self.facts, rules.cors.as_ref(), fields, media.as_ref());
        edits.notes.extend(monitored);
        edits.notes.extend(notes);
        let present = |name: &&HeaderName| fields.first(name).is_some();
        edits.remove.extend([&refusal::FIELD].into_iter().filter(present).cloned());
        match &error {
            ErrorPlan::Untouched if matches!(action, Some(AnswerBody::Filter)) => {
                edits.remove.extend(STALE_FIELDS.iter().filter(present).cloned());
            }
            ErrorPlan::Untouched => {}
            ErrorPlan::Mask { media, .. } => {
                if refused.is_none() {
                    edits.notes.push(Note::ErrorMasked);
                } else {
                    edits.remove.extend([header::CACHE_CONTROL].iter().filter(present).cloned());
                    if !edits.add.iter().any(|(name, _)| *name == header::CACHE_CONTROL) {
                        edits.add.push((header::CACHE_CONTROL, headers::NO_STORE.clone()));
                    }
                }
                edits.remove.extend(BODY_FIELDS.iter().filter(present).cloned());
                edits.add.push((header::CONTENT_TYPE, media.clone()));
            }
            ErrorPlan::Strip(_) => {
                edits.notes.push(Note::InputStripped);
                edits.remove.extend(STALE_FIELDS.iter().filter(present).cloned());
            }
        }
        let mut notes = self.notes;
        notes.extend(edits.notes);
        let body = action.unwrap_or_else(|| error.into());
        let plan = AnswerPlan { remove: edits.remove, add: edits.add, status: sent, body };
        let answering = Answering { facts: self.facts, findings: self.findings, status: sent, notes, refused, judging };
        (plan, answering)
    }

    /// Ends the exchange because its request body was refused.
    pub fn refuse(self, finding: Box<Finding>, traffic: Traffic, now: Timestamp) -> Ended {
        let Self { engine, facts, findings, notes, .. } = self;
        let mut ended = engine.refuse(facts, finding, findings, now);
        ended.record.notes.extend(notes);
        ended.record.take(traffic);
        ended
    }

    /// Ends the exchange because the app, its host or the client's body failed.
    pub fn fail(self, reason: Reason, traffic: Traffic, now: Timestamp) -> Ended {
        let Self { engine, facts, findings, notes, .. } = self;
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

    /// Takes a piece of a body that passes: where answers are monitored, it is looked at when it is over.
    pub fn saw(&mut self, piece: &[u8]) {
        if let Some(judging) = &mut self.judging {
            judging.saw(piece);
        }
    }

    /// Whether [`Self::saw`] has any use for what passes.
    pub fn watches(&self) -> bool {
        self.judging.is_some()
    }

    /// What becomes of a piece of a body that is filtered ([`AnswerBody::Filter`]).
    ///
    /// # Errors
    ///
    /// What cannot be read: nothing more may be sent, and the client has to see that the answer is not whole.
    pub fn filter(&mut self, piece: &[u8]) -> Result<Bytes, Unreadable> {
        let filtered = self.judging.as_mut().ok_or(Unreadable).and_then(|judging| judging.filter(piece));
        filtered.inspect_err(|_| self.cannot_be_read())
    }

    /// What is left of a body that is filtered when all of it has come.
    ///
    /// # Errors
    ///
    /// As of [`Self::filter`].
    pub fn filter_end(&mut self) -> Result<Bytes, Unreadable> {
        let filtered = self.judging.as_mut().ok_or(Unreadable).and_then(|judging| judging.filter_end());
        filtered.inspect_err(|_| self.cannot_be_read())
    }

    fn cannot_be_read(&mut self) {
        if let Some(judging) = &self.judging
            && let Some((_, finding)) = judging.unreadable(true).refused
        {
            self.refused.get_or_insert(finding);
        }
    }

    /// What becomes of a body that was held ([`AnswerBody::Hold`]), `None` for one that was longer: nothing, where it
    /// goes as it came.
    pub fn judge(&mut self, body: Option<&[u8]>) -> Option<Changed> {
        let judging = self.judging.take()?;
        let Some(body) = body else { return Some(self.replaced(Box::new(judging.overflow()))) };
        let looked = judging.look(body);
        self.notes.extend(looked.notes);
        match looked.refused {
            Some((Mode::Enforce, finding)) => return Some(self.replaced(finding)),
            Some((Mode::Monitor, finding)) => self.findings.push(finding),
            None => {}
        }
        let body = Bytes::from(looked.text?);
        Some(Changed { status: self.status, remove: STALE_FIELDS.to_vec(), add: Vec::new(), body })
    }

    /// Ends an answer that was held and that the app did not bring to its end: nothing of it has left.
    pub fn fail(&mut self) -> Changed {
        self.judging = None;
        self.notes.push(Note::ErrorMasked);
        self.problem()
    }

    /// The body is sent by somebody else, who shows nothing of it.
    pub fn pass_unjudged(&mut self) {
        self.judging = None;
        self.notes.push(Note::ResponseUnjudged);
    }

    /// The answer that stands in for one that does not leave.
    fn replaced(&mut self, finding: Box<Finding>) -> Changed {
        self.refused = Some(finding);
        self.problem()
    }

    fn problem(&mut self) -> Changed {
        self.status = StatusCode::INTERNAL_SERVER_ERROR;
        let body = problem::of_failure(self.status, self.facts.request_id.as_str());
        let remove = BODY_FIELDS.iter().cloned().chain([header::CACHE_CONTROL]).collect();
        let add = vec![
            (header::CONTENT_TYPE, problem::MEDIA_TYPE.clone()),
            (header::CACHE_CONTROL, headers::NO_STORE.clone()),
        ];
        Changed { status: self.status, remove, add, body }
    }

    /// The record of the exchange.
    pub fn close(mut self, ending: Ending, traffic: Traffic, now: Timestamp) -> Record {
        // What was cut off cannot be read to its end.
        let is_over = |judging: &Judging| ending == Ending::Complete || !matches!(judging.course, Course::Watched(_));
        if let Some(judging) = self.judging.take().filter(|judging| is_over(judging)) {
            let looked = judging.end();
            self.notes.extend(looked.notes);
            self.findings.extend(looked.refused.map(|(_, finding)| finding));
        }
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
    pub(crate) fn refuse(
        &self,
        facts: Box<Facts>,
        finding: Box<Finding>,
        monitored: Findings,
        now: Timestamp,
    ) -> Ended {
        let reply = self.render(&facts, &finding.violation);
        let record = Record::of(facts, reply.status, now, Outcome::Refused(finding), monitored);
        Ended { reply, record }
    }
}
