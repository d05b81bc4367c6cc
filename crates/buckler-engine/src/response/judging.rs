//! The body of one answer.

use std::borrow::Cow;
use std::sync::Arc;

use buckler_inspect::coding::{CodingFault, Codings, ExpandLimits, Expanded, Expander};
use buckler_inspect::json::{EditLimits, JsonEditor, JsonFault, Strings, Texts};
use buckler_policy::settings::{Mode, ResponseRule};
use buckler_schema::{Instance, SchemaId};
use bytes::Bytes;
use smallvec::SmallVec;

use super::members::{Found, Members, Tally};
use super::never::NeverReturn;
use super::plan::Declared;
use super::{NEVER_KEY, RESPONSES_KEY};
use crate::contract::Compiled;
use crate::reason::Reason;
use crate::record::Note;
use crate::stage::{Finding, Stage, Violation};

/// Arrays and objects within each other that an answer may have: what Python's own reader takes is below a thousand,
/// what models make is below thirty.
const MOST_NESTED: u32 = 256;

/// Characters of a name in an answer. Names of a map may be addresses or texts, and one is kept until it is known.
const LONGEST_NAME: u32 = 64 * 1024;

/// How much longer than it may be held an answer may become when its coding is taken off.
const EXPANSION: usize = 16;

const LIMITS: EditLimits = EditLimits { depth: MOST_NESTED, name: LONGEST_NAME };

/// What the body of one answer is held to, and how far it is.
#[derive(Debug)]
pub(crate) struct Judging {
    pub(super) never: Option<(Mode, Arc<NeverReturn>)>,
    pub(super) declared: Option<Declared>,
    pub(super) codings: Codings,
    pub(super) max: usize,
    pub(crate) course: Course,
}

/// How the body goes.
#[derive(Debug)]
pub(crate) enum Course {
    /// The host holds it.
    Held,
    /// It is edited as it comes.
    Streamed(Box<Stream>),
    /// It passes, and is looked at when it is over.
    Watched(Vec<u8>),
    /// It passes, and is too long to be looked at.
    GivenUp,
}

/// An answer that is edited as it comes.
#[derive(Debug)]
pub(crate) struct Stream {
    expander: Option<Expander>,
    editor: JsonEditor<Members>,
}

/// What cannot be read any further, in the middle of an answer: nothing more of it may leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the answer cannot be read, so no more of it is sent")]
pub struct Unreadable;

/// What is said of a whole answer.
#[derive(Debug, Default)]
pub(crate) struct Looked {
    pub(crate) notes: SmallVec<[Note; 2]>,
    /// What enforcing refuses, with whether it does.
    pub(crate) refused: Option<(Mode, Box<Finding>)>,
    /// The text that goes out in place of the one that came.
    pub(crate) text: Option<Vec<u8>>,
}

impl Judging {
    /// What members of a stream or of a text are held to; the names that never leave only where they may stand.
    fn members(&self, never: Option<&(Mode, Arc<NeverReturn>)>) -> Members {
        let never = never.map(|(_, names)| Arc::clone(names));
        let declared = self.declared.as_ref().map(|declared| {
            let found = match (declared.rule, declared.mode) {
                (ResponseRule::Filter, Mode::Enforce) => Found::Removed,
                (ResponseRule::Filter, Mode::Monitor) | (ResponseRule::Refuse, _) => Found::Counted,
            };
            (found, Arc::clone(&declared.outline), declared.root)
        });
        Members { never, declared, tally: Tally::default() }
    }

    /// Begins to edit what comes.
    pub(super) fn stream(mut self) -> Self {
        let limits = ExpandLimits { expanded: u64::MAX, ratio: u32::MAX };
        let expander = (!self.codings.is_none()).then(|| Expander::new(self.codings, limits));
        let editor = JsonEditor::new(self.members(self.never.as_ref()), LIMITS, Texts::Sequence, Strings::AsWritten);
        self.course = Course::Streamed(Box::new(Stream { expander, editor }));
        self
    }

    /// Takes a piece that passes.
    pub(crate) fn saw(&mut self, piece: &[u8]) {
        if let Course::Watched(text) = &mut self.course {
            if text.len() + piece.len() > self.max {
                self.course = Course::GivenUp;
            } else {
                text.extend_from_slice(piece);
            }
        }
    }

    /// The piece without what goes.
    pub(crate) fn filter(&mut self, piece: &[u8]) -> Result<Bytes, Unreadable> {
        let mut out = Vec::with_capacity(piece.len());
        let Course::Streamed(stream) = &mut self.course else { return Err(Unreadable) };
        let Stream { expander, editor } = &mut **stream;
        let Some(expander) = expander else {
            editor.push(piece, &mut out).map_err(|_| Unreadable)?;
            return Ok(out.into());
        };
        let mut rest = piece;
        while let Expanded::Part(taken) =
            expander.push(rest, |part| editor.push(part, &mut out).map_err(Broken::from)).map_err(|_| Unreadable)?
        {
            rest = rest.get(taken..).unwrap_or_default();
        }
        Ok(out.into())
    }

    /// What is left when all has come.
    pub(crate) fn filter_end(&mut self) -> Result<Bytes, Unreadable> {
        let mut out = Vec::new();
        let Course::Streamed(stream) = &mut self.course else { return Err(Unreadable) };
        let Stream { expander, editor } = &mut **stream;
        if let Some(expander) = expander {
            while expander.finish(|part| editor.push(part, &mut out).map_err(Broken::from)).map_err(|_| Unreadable)?
                != Expanded::Whole
            {}
        }
        Ok(out.into())
    }

    /// What a stream or a watched answer is noted for, once it is over.
    pub(crate) fn end(self) -> Looked {
        match &self.course {
            Course::Held => Looked::default(),
            Course::GivenUp => Looked { notes: SmallVec::from_slice(&[Note::ResponseUnjudged]), ..Looked::default() },
            Course::Streamed(stream) => self.noted(stream.editor.rules().tally),
            Course::Watched(text) => self.look(text),
        }
    }

    /// Judges a whole answer, as it came.
    pub(crate) fn look(&self, body: &[u8]) -> Looked {
        let Some(text) = self.expanded(body) else { return self.unreadable(true) };
        let never = self.never.as_ref().filter(|(_, names)| names.may_stand_in(&text));
        let is_empty = text.iter().all(u8::is_ascii_whitespace);
        if is_empty || (never.is_none() && self.declared.is_none()) {
            return Looked::default();
        }
        let mut out = Vec::with_capacity(text.len());
        let mut editor = JsonEditor::new(self.members(never), LIMITS, Texts::Sequence, Strings::AsWritten);
        let edited = editor.push(&text, &mut out).and_then(|()| editor.finish());
        let Ok((edited, members)) = edited else { return self.unreadable(never.is_some()) };
        let mut looked = self.noted(members.tally);
        looked.text = (!edited.is_untouched()).then_some(out);
        if let Some(declared) = self.declared.as_ref().filter(|declared| declared.rule == ResponseRule::Refuse) {
            let detail = if members.tally.undeclared > 0 {
                Some("the answer has members that its operation does not declare")
            } else if declared.is_broken_by(looked.text.as_deref().unwrap_or(&text)) {
                Some("the answer is not what its operation declares")
            } else {
                None
            };
            looked.refused = detail.map(|detail| (declared.mode, Box::new(refusal(RESPONSES_KEY, detail))));
        }
        looked
    }

    fn noted(&self, tally: Tally) -> Looked {
        let mut looked = Looked::default();
        if let Some((mode, _)) = self.never.as_ref().filter(|_| tally.never > 0) {
            looked.notes.push(match mode {
                Mode::Enforce => Note::NeverReturned,
                Mode::Monitor => Note::WouldNotBeReturned,
            });
        }
        if let Some(declared) = self.declared.as_ref().filter(|_| tally.undeclared > 0) {
            match (declared.rule, declared.mode) {
                (ResponseRule::Filter, Mode::Enforce) => looked.notes.push(Note::AnswerStripped),
                (ResponseRule::Filter, Mode::Monitor) => looked.notes.push(Note::AnswerWouldBeStripped),
                (ResponseRule::Refuse, _) => {}
            }
        }
        looked
    }

    /// What cannot be read may hold anything.
    pub(crate) fn unreadable(&self, may_hold: bool) -> Looked {
        let never = self.never.as_ref().filter(|_| may_hold).map(|(mode, _)| (*mode, NEVER_KEY));
        let declared = self.declared.as_ref().map(|declared| (declared.mode, RESPONSES_KEY));
        let both = [declared, never];
        let enforced = both.into_iter().flatten().find(|(mode, _)| *mode == Mode::Enforce);
        let decisive = enforced.or_else(|| both.into_iter().flatten().next());
        let detail = "the answer cannot be read";
        Looked { refused: decisive.map(|(mode, key)| (mode, Box::new(refusal(key, detail)))), ..Looked::default() }
    }

    /// The text without its codings, within what may be held.
    fn expanded<'b>(&self, body: &'b [u8]) -> Option<Cow<'b, [u8]>> {
        let most = self.max.saturating_mul(EXPANSION);
        crate::answer::errors::expand(self.codings, body, most)
    }
}

impl Declared {
    /// Whether no schema that may be the one takes the value.
    fn is_broken_by(&self, text: &[u8]) -> bool {
        let Ok(value) = Instance::read(text) else { return true };
        let document = |compiled: &Compiled, schema: SchemaId| compiled.held.document.is_valid(schema, &value);
        !self.schemas.iter().any(|schema| schema.is_none_or(|schema| document(&self.compiled, schema)))
    }
}

/// What is written down where an answer is refused.
pub(crate) fn refusal(key: &'static str, detail: &'static str) -> Finding {
    Finding { stage: Stage::Responses, violation: Violation::of(key, Reason::InternalError, detail) }
}

/// What an expander and an editor may fail at together.
#[derive(Debug)]
struct Broken;

impl From<CodingFault> for Broken {
    fn from(_: CodingFault) -> Self {
        Self
    }
}

impl From<JsonFault> for Broken {
    fn from(_: JsonFault) -> Self {
        Self
    }
}
