//! A body of JSON or of a form, kept until its end and then held to its schema.

use std::sync::Arc;

use buckler_inspect::json::Edited;
use buckler_policy::settings::Mode;
use buckler_schema::{Instance, Media, MediaKind, SchemaId, VALUE_BYTES};
use smallvec::SmallVec;

use super::edits::Edits;
use super::faults::{BODY, InputFault, MOST_FAULTS, Step, fault, violation};
use super::{At, Compiled, ReadDocument, form};
use crate::reason::Reason;
use crate::stage::Violation;

/// Bytes that judging a body may take where it is only monitored: beyond them nothing is judged, since monitoring must
/// never be why a body finds no room. An eighth of what a layer holds back unless told otherwise.
const MOST_MONITORED: usize = 32 * 1024 * 1024;

/// Whether a body that breaks its schema is refused, and whether what is to be taken out of it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Modes {
    pub(crate) judging: Mode,
    pub(crate) editing: Mode,
}

/// The body of one request, on its way.
#[derive(Debug)]
pub(crate) struct BodyContract {
    modes: Modes,
    notation: Notation,
    compiled: Arc<Compiled>,
    /// Operations that the body may be for, with the place of its media type in each.
    operations: SmallVec<[(At, usize); 1]>,
    is_required: bool,
    text: Vec<u8>,
    values: usize,
    extent: Extent,
}

/// How values are written in a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Notation {
    /// JSON.
    Json,
    /// `application/x-www-form-urlencoded`.
    Form,
}

/// Whether all of a body is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Extent {
    Whole,
    /// It became too large to be monitored.
    GivenUp,
}

/// What is said of a body at its end.
#[derive(Debug)]
pub(crate) struct Verdict {
    /// The text as the app is to get it, with what was changed; `None` where nothing was.
    pub(crate) edited: Option<(Vec<u8>, Edited)>,
    /// By what requests are held to.
    pub(crate) held: Result<(), Violation>,
    /// By what is only written down.
    pub(crate) stricter: Result<(), Violation>,
}

impl From<Result<(), Violation>> for Verdict {
    fn from(held: Result<(), Violation>) -> Self {
        Self { edited: None, held, stricter: Ok(()) }
    }
}

impl BodyContract {
    pub(crate) fn new(
        modes: Modes,
        notation: Notation,
        compiled: &Arc<Compiled>,
        operations: SmallVec<[(At, usize); 1]>,
        is_required: bool,
    ) -> Self {
        Self {
            modes,
            notation,
            compiled: Arc::clone(compiled),
            operations,
            is_required,
            text: Vec::new(),
            values: 0,
            extent: Extent::Whole,
        }
    }

    pub(crate) fn modes(&self) -> Modes {
        self.modes
    }

    /// What becomes of the body. Forms are not edited.
    fn edits(&self) -> Option<&Edits> {
        self.compiled.edits.as_ref().filter(|_| self.notation == Notation::Json)
    }

    /// Whether the app may not see the body before its end has passed.
    pub(crate) fn is_enforced(&self) -> bool {
        let is_edited = self.edits().is_some() && self.modes.editing == Mode::Enforce;
        is_edited || self.modes.judging == Mode::Enforce
    }

    /// Takes the next piece of the text, expanded.
    pub(crate) fn take(&mut self, piece: &[u8]) {
        if self.extent == Extent::GivenUp {
            return;
        }
        self.text.extend_from_slice(piece);
        // Each value but the first of its list, object or form has one of these before it.
        self.values += match self.notation {
            Notation::Json => memchr::memchr3_iter(b',', b'[', b'{', piece).count(),
            Notation::Form => memchr::memchr2_iter(b'&', b';', piece).count(),
        };
        if !self.is_enforced() && self.memory() > MOST_MONITORED {
            (self.text, self.values, self.extent) = (Vec::new(), 0, Extent::GivenUp);
        }
    }

    /// Bytes that judging takes, at most.
    pub(crate) fn memory(&self) -> usize {
        // What is edited is written once more.
        let copies = if self.edits().is_some() { 2 } else { 1 };
        self.text.capacity().saturating_mul(copies).saturating_add(self.values.saturating_mul(VALUE_BYTES))
    }

    /// Judges the whole text.
    pub(crate) fn finish(self) -> Verdict {
        if self.extent == Extent::GivenUp {
            let detail = "the body is too large to be monitored";
            return Err(Violation::fixed(Reason::Overloaded, detail)).into();
        }
        if self.notation == Notation::Form {
            return self.finish_form();
        }
        if self.text.iter().all(u8::is_ascii_whitespace) {
            let missing = || Err(violation(vec![InputFault::missing(vec![Step::Name(BODY.into())])]));
            return if self.is_required { missing() } else { Ok(()) }.into();
        }
        let edited = match self.edits() {
            Some(edits) => edits.apply(&self.text, self.schemas(&self.compiled.held)),
            None => Ok(None),
        };
        let Ok(edited) = edited else { return Err(unreadable()).into() };
        let (held, stricter) = self.judge(edited.as_ref().map_or(&self.text, |(text, _)| text));
        Verdict { edited, held, stricter }
    }

    /// What is said of the text as the app gets it.
    fn judge(&self, text: &[u8]) -> (Result<(), Violation>, Result<(), Violation>) {
        let Ok(value) = Instance::read(text) else { return (Err(unreadable()), Ok(())) };
        // What the stricter reading takes, the other takes, too.
        let stricter = self.compiled.stricter.as_ref();
        if stricter.is_some_and(|reading| self.is_taken(reading, &value)) {
            return (Ok(()), Ok(()));
        }
        if !self.is_taken(&self.compiled.held, &value) {
            return (Err(self.violation(&self.compiled.held, &value)), Ok(()));
        }
        (Ok(()), stricter.map_or(Ok(()), |reading| Err(self.violation(reading, &value))))
    }

    fn finish_form(&self) -> Verdict {
        let forms = form::read(&self.text);
        let by = |reading: &ReadDocument| {
            let media = || self.operations.iter().map(|&(at, known)| media(reading, at, known));
            let faults =
                |media: &Media| forms.iter().map(|form| form::judge(reading, media, form)).min_by_key(Vec::len);
            // One of the operations that takes the form, or says nothing of it, is enough.
            let mut found = media().map(|media| media.and_then(&faults).unwrap_or_default());
            let first = found.next().unwrap_or_default();
            if first.is_empty() || found.any(|faults| faults.is_empty()) { Ok(()) } else { Err(violation(first)) }
        };
        let held = by(&self.compiled.held);
        let stricter = self.compiled.stricter.as_ref().filter(|_| held.is_ok()).map_or(Ok(()), by);
        Verdict { edited: None, held, stricter }
    }

    fn schemas<'c>(&'c self, reading: &'c ReadDocument) -> impl Iterator<Item = Option<SchemaId>> + 'c {
        self.operations.iter().map(|&(at, media)| reading.operation(at)?.body.as_ref()?.media.get(media)?.schema)
    }

    /// Whether one of the operations takes the value; one that says nothing of it takes any.
    fn is_taken(&self, reading: &ReadDocument, value: &Instance<'_>) -> bool {
        self.operations.is_empty()
            || self.schemas(reading).any(|schema| schema.is_none_or(|schema| reading.document.is_valid(schema, value)))
    }

    fn violation(&self, reading: &ReadDocument, value: &Instance<'_>) -> Violation {
        let schema = self.schemas(reading).flatten().next();
        let found = schema.map(|schema| reading.document.violations(schema, value, MOST_FAULTS)).unwrap_or_default();
        let begin = [Step::Name(BODY.into())];
        violation(found.iter().map(|found| fault(&begin, found)).collect())
    }
}

/// What an operation says of a form.
fn media(reading: &ReadDocument, at: At, known: usize) -> Option<&Media> {
    reading.operation(at)?.body.as_ref()?.media.get(known).filter(|media| media.kind == MediaKind::Form)
}

/// What cannot be read cannot be held to anything.
pub(crate) fn unreadable() -> Violation {
    violation(vec![InputFault::at_byte("json_invalid", 0, "JSON decode error")])
}
