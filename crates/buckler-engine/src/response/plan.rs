//! What becomes of an answer, by its head.

use std::sync::Arc;

use buckler_http::media::{MediaRange, MediaType};
use buckler_inspect::coding::Codings;
use buckler_policy::settings::{Mode, ResponseRule};
use buckler_schema::{Media, MediaKind, Operation, Outline, Response, SchemaId};
use http::{Method, StatusCode, header};
use smallvec::SmallVec;

use super::judging::{Course, Judging, refusal};
use super::{NEVER_KEY, RESPONSES_KEY, ResponseRules};
use crate::answer::AnswerFields;
use crate::contract::places::Places;
use crate::contract::{Compiled, Matched};
use crate::record::Note;
use crate::stage::Finding;

/// What a body is held to by the contract.
#[derive(Debug)]
pub(crate) struct Declared {
    pub(super) rule: ResponseRule,
    pub(super) mode: Mode,
    pub(super) compiled: Arc<Compiled>,
    pub(super) outline: Arc<Outline>,
    pub(super) root: Places,
    /// Of the operations that it may be an answer of; none where one says nothing.
    pub(super) schemas: SmallVec<[Option<SchemaId>; 1]>,
}

/// What becomes of an answer.
#[derive(Debug)]
pub(crate) enum ResponsePlan {
    /// It passes.
    Pass,
    /// It passes, and is looked at once it is over.
    Watch(Box<Judging>),
    /// It is held, up to so many bytes.
    Hold(Box<Judging>, usize),
    /// It is edited as it comes.
    Filter(Box<Judging>),
    /// It does not leave.
    Refuse(Box<Finding>),
}

impl ResponsePlan {
    /// Whether anything is done to the answer.
    pub(crate) fn acts(&self) -> bool {
        !matches!(self, Self::Pass | Self::Watch(_))
    }
}

/// The plan, with what it is noted for.
#[derive(Debug)]
pub(crate) struct Planned {
    pub(crate) plan: ResponsePlan,
    pub(crate) notes: SmallVec<[Note; 2]>,
    /// What enforcing would refuse.
    pub(crate) monitored: Option<Box<Finding>>,
}

/// An answer, as far as its head tells.
pub(crate) struct Answered<'a, F> {
    pub(crate) method: &'a Method,
    pub(crate) status: StatusCode,
    pub(crate) fields: &'a F,
    pub(crate) media: Option<&'a MediaType<'a>>,
}

impl<F: AnswerFields> Answered<'_, F> {
    /// Whether there is no body to look at (RFC 9110 §9.3.2, §15.2, §15.3.5, §15.4.5).
    fn is_bodiless(&self) -> bool {
        *self.method == Method::HEAD
            || self.status.is_informational()
            || matches!(self.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
    }

    fn is_part(&self) -> bool {
        self.status == StatusCode::PARTIAL_CONTENT || self.fields.first(&header::CONTENT_RANGE).is_some()
    }

    fn length(&self) -> Option<usize> {
        std::str::from_utf8(self.fields.first(&header::CONTENT_LENGTH)?).ok()?.trim().parse().ok()
    }
}

/// What the contract says of an answer's head.
enum Said {
    /// Nothing.
    Nothing,
    /// This is not declared.
    Not(Note, &'static str),
    /// The body is declared.
    Body(Declared),
}

impl ResponseRules {
    /// What becomes of an answer to a request for one of these operations.
    pub(crate) fn plan<F: AnswerFields>(
        &self,
        compiled: Option<&Arc<Compiled>>,
        matched: &Matched,
        answered: &Answered<'_, F>,
    ) -> Planned {
        let mut planned = Planned { plan: ResponsePlan::Pass, notes: SmallVec::new(), monitored: None };
        let said = match (self.declared, compiled) {
            (Some((rule, mode)), Some(compiled)) => said(rule, mode, compiled, matched, answered),
            _ => Said::Nothing,
        };
        let declared = match (said, self.declared) {
            (Said::Not(_, detail), Some((ResponseRule::Refuse, mode))) => {
                let finding = Box::new(refusal(RESPONSES_KEY, detail));
                if mode == Mode::Enforce {
                    planned.plan = ResponsePlan::Refuse(finding);
                    return planned;
                }
                planned.monitored = Some(finding);
                None
            }
            (Said::Not(note, _), _) => {
                planned.notes.push(note);
                None
            }
            (Said::Body(declared), _) => Some(declared),
            (Said::Nothing, _) => None,
        };
        let is_json = answered.media.is_some_and(MediaType::is_json);
        if !is_json || answered.is_bodiless() || (self.never.is_none() && declared.is_none()) {
            return planned;
        }
        if answered.is_part() {
            planned.notes.push(Note::ResponseUnjudged);
            return planned;
        }
        self.body(declared, answered, &mut planned);
        planned
    }

    fn body<F: AnswerFields>(&self, declared: Option<Declared>, answered: &Answered<'_, F>, planned: &mut Planned) {
        let codings = answered.fields.first(&header::CONTENT_ENCODING).map_or(Ok(Codings::NONE), Codings::parse);
        let refuses = declared.as_ref().is_some_and(|d| (d.rule, d.mode) == (ResponseRule::Refuse, Mode::Enforce));
        let never = self.never.clone();
        let judging = |codings, course| Judging { never, declared, codings, max: self.max, course };
        let Ok(codings) = codings else {
            // It cannot be read here, so it does not pass.
            match judging(Codings::NONE, Course::Held).unreadable(true).refused {
                Some((Mode::Enforce, finding)) => planned.plan = ResponsePlan::Refuse(finding),
                Some((Mode::Monitor, finding)) => planned.monitored = Some(finding),
                None => {}
            }
            return;
        };
        let length = answered.length();
        let is_long = length.is_some_and(|length| length > self.max);
        let judging = judging(codings, Course::Held);
        planned.plan = if !judging.acts() {
            let course = if is_long { Course::GivenUp } else { Course::Watched(Vec::new()) };
            ResponsePlan::Watch(Box::new(Judging { course, ..judging }))
        } else if refuses && is_long {
            ResponsePlan::Refuse(Box::new(refusal(RESPONSES_KEY, TOO_LONG)))
        } else if refuses || length.is_some_and(|length| length <= self.max) {
            ResponsePlan::Hold(Box::new(judging), self.max)
        } else {
            ResponsePlan::Filter(Box::new(judging.stream()))
        };
    }
}

/// What is said of an answer that is longer than what can be judged.
pub(crate) const TOO_LONG: &str = "the answer is longer than `contract.max_response`";

impl Judging {
    /// Whether anything is done to the answer.
    fn acts(&self) -> bool {
        let never = self.never.as_ref().map(|(mode, _)| *mode);
        let declared = self.declared.as_ref().map(|declared| declared.mode);
        never == Some(Mode::Enforce) || declared == Some(Mode::Enforce)
    }

    /// What is said of an answer that was not to be longer than what is held.
    pub(crate) fn overflow(&self) -> Finding {
        let enforced = self.declared.as_ref().is_some_and(|declared| declared.mode == Mode::Enforce);
        refusal(if enforced { RESPONSES_KEY } else { NEVER_KEY }, TOO_LONG)
    }
}

fn said<F: AnswerFields>(
    rule: ResponseRule,
    mode: Mode,
    compiled: &Arc<Compiled>,
    matched: &Matched,
    answered: &Answered<'_, F>,
) -> Said {
    let Some(outline) = &compiled.outline else { return Said::Nothing };
    let operations: SmallVec<[&Operation; 1]> = matched.iter().filter_map(|at| compiled.held.operation(*at)).collect();
    // One that lists no answer says nothing of any.
    if operations.is_empty() || operations.iter().any(|operation| operation.responses.is_empty()) {
        return Said::Nothing;
    }
    let answers: SmallVec<[&Response; 1]> =
        operations.iter().filter_map(|operation| response(operation, answered.status)).collect();
    if answers.is_empty() {
        // Frameworks answer errors and redirects by themselves, and document none of them.
        return if answered.status.is_success() {
            Said::Not(Note::UndeclaredStatus, "the operation does not declare this status")
        } else {
            Said::Nothing
        };
    }
    if answered.is_bodiless() || answers.iter().any(|answer| answer.media.is_empty()) {
        return Said::Nothing;
    }
    if answered.fields.first(&header::CONTENT_TYPE).is_none() {
        return Said::Nothing;
    }
    let of_type = |media: &MediaType<'_>| answers.iter().filter_map(|answer| declared(answer, media)).collect();
    let known: SmallVec<[&Media; 1]> = answered.media.map(of_type).unwrap_or_default();
    if known.is_empty() {
        return Said::Not(Note::UndeclaredMediaType, "the operation does not declare this media type");
    }
    if answered.media.is_none_or(|media| !media.is_json()) {
        return Said::Nothing;
    }
    let schemas: SmallVec<[Option<SchemaId>; 1]> = known.iter().map(|media| media.schema).collect();
    let root = Places::root(outline, schemas.iter().copied());
    if rule == ResponseRule::Filter && root.is_open() {
        return Said::Nothing;
    }
    Said::Body(Declared { rule, mode, compiled: Arc::clone(compiled), outline: Arc::clone(outline), root, schemas })
}

/// What an operation says of a status: the status itself, its class, or all others.
fn response(operation: &Operation, status: StatusCode) -> Option<&Response> {
    let class = status.as_str().get(..1).unwrap_or_default();
    let find = |wanted: &str| operation.responses.iter().find(|response| response.status == wanted);
    find(status.as_str()).or_else(|| find(&format!("{class}XX"))).or_else(|| find("default"))
}

/// The type as it is declared, if it is. What is JSON by its suffix is JSON.
fn declared<'r>(answer: &'r Response, media: &MediaType<'_>) -> Option<&'r Media> {
    let covers = |range: &str| MediaRange::parse(range).is_ok_and(|range| range.covers(media));
    let by_range = answer.media.iter().find(|known| covers(&known.range));
    by_range.or_else(|| answer.media.iter().find(|known| media.is_json() && known.kind == MediaKind::Json))
}
