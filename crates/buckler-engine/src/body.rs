//! The request body, judged as it streams.

use buckler_inspect::coding::{CodingFault, ExpandLimits, Expanded, Expander};
use buckler_inspect::json::{Edited, JsonFault, JsonLimits, JsonScanner};
use buckler_policy::settings::Mode;

use crate::check::content::{self, Announced};
use crate::check::{contract, json};
use crate::contract::body::{self as contract_body, BodyContract, Modes};
use crate::edited_body::EditedBody;
use crate::reason::Reason;
use crate::record::{Note, Notes};
use crate::stage::{Finding, Findings, Stage, Violation};

/// What a host has to do with a body while it is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyPlan {
    /// Pass each piece on once it has passed.
    Stream,
    /// Keep all pieces until the end has passed, so that the app never sees a refused body. Bounded by
    /// `content.max_body`.
    Hold,
}

/// How far a body was judged by one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judged {
    /// All that was handed over.
    Whole,
    /// So many bytes of the piece, which expand to more than one call should deal with: let others have their turn,
    /// then hand over the rest, which may be nothing.
    Part(usize),
}

/// Judges one request body. Made by an [`crate::Admission`].
#[derive(Debug)]
pub struct BodyInspector {
    mode: Mode,
    max: u64,
    seen: u64,
    announced: Whether,
    /// For a compressed body that is inspected.
    expander: Option<Box<Expander>>,
    scanner: Option<Box<JsonScanner>>,
    /// For a body that an operation of the contract says something of.
    contract: Option<Box<BodyContract>>,
    /// The body as the app is to get it, if it is another one than came.
    edited: Option<EditedBody>,
    /// What was changed, or would have been.
    notes: Notes,
    /// What was found in monitor mode.
    monitored: Findings,
    /// Whether this body is looked at any further.
    judged: Judging,
}

/// Whether the head says that there is a body. A host that hears of one only when it comes, as the server of an ASGI app
/// may, must not be talked past the rules of its type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whether {
    Announced,
    Unannounced,
}

/// Whether a body is looked at any further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Judging {
    Goes,
    /// Something was found that is only written down: from then on everything passes.
    Over,
}

/// The compiled part of `[content]` that bodies are judged by.
#[derive(Debug, Clone)]
pub(crate) struct BodyRules {
    pub(crate) mode: Mode,
    pub(crate) max: u64,
    pub(crate) ratio: u32,
    pub(crate) json: JsonLimits,
}

/// What is wrong while a body is expanded.
#[derive(Clone, Copy)]
enum Fault {
    Coding(CodingFault),
    Json(JsonFault),
}

impl From<CodingFault> for Fault {
    fn from(fault: CodingFault) -> Self {
        Self::Coding(fault)
    }
}

/// Takes a piece of the text, expanded: the contract's copy of it, and the scanner's verdict.
fn scan(scanner: &mut JsonScanner, contract: &mut Option<Box<BodyContract>>, part: &[u8]) -> Result<(), Fault> {
    if let Some(contract) = contract {
        contract.take(part);
    }
    scanner.push(part).map_err(Fault::Json)
}

impl BodyInspector {
    pub(crate) fn new(rules: &BodyRules, announced: &Announced<'_>, contract: Option<Box<BodyContract>>) -> Self {
        let (expander, scanner) = match announced {
            Announced::Nothing | Announced::Untyped | Announced::Typed(_) => (None, None),
            Announced::Json(_, codings) => {
                let limits = ExpandLimits { expanded: rules.max, ratio: rules.ratio };
                let expander = (!codings.is_none()).then(|| Box::new(Expander::new(*codings, limits)));
                (expander, Some(Box::new(JsonScanner::new(rules.json))))
            }
        };
        let whether = if *announced == Announced::Nothing { Whether::Unannounced } else { Whether::Announced };
        Self {
            mode: rules.mode,
            max: rules.max,
            seen: 0,
            announced: whether,
            expander,
            scanner,
            contract,
            edited: None,
            notes: Notes::new(),
            monitored: Findings::new(),
            judged: Judging::Goes,
        }
    }

    /// What the host has to do.
    pub fn plan(&self) -> BodyPlan {
        let scanned = self.scanner.is_some() && self.mode == Mode::Enforce;
        if scanned || contract::holds(self.contract.as_deref()) { BodyPlan::Hold } else { BodyPlan::Stream }
    }

    /// Bytes seen so far, as they were sent.
    pub fn seen(&self) -> u64 {
        self.seen
    }

    /// Bytes that judging takes at the moment beside the body itself, at most; many members cost more than the
    /// text that names them.
    pub fn memory(&self) -> usize {
        let scanning = self.scanner.as_ref().map_or(0, |scanner| scanner.memory());
        let holding = self.contract.as_ref().map_or(0, |contract| contract.memory());
        scanning.saturating_add(holding)
    }

    /// Bytes that expanding the body takes at the moment, at most.
    pub fn expanding_memory(&self) -> usize {
        self.expander.as_ref().map_or(0, |expander| expander.memory())
    }

    /// Expands no further, since the host has no memory for it. For a body that is only monitored; one that is held
    /// ends its exchange instead.
    pub fn give_up(&mut self) {
        (self.expander, self.scanner, self.contract) = (None, None, None);
        self.judged = Judging::Over;
        let detail = "no memory was left to expand the body";
        let violation = Violation::fixed(Reason::Overloaded, detail);
        self.monitored.push(Box::new(Finding { stage: Stage::Content, violation }));
    }

    /// Takes the next piece, or what is left of it.
    ///
    /// # Errors
    /// The finding that ends the exchange; no further piece may be passed on.
    pub fn push(&mut self, piece: &[u8]) -> Result<Judged, Box<Finding>> {
        let before = self.seen;
        self.seen = self.seen.saturating_add(piece.len() as u64);
        if self.judged == Judging::Over {
            return Ok(Judged::Whole);
        }
        if self.announced == Whether::Unannounced && !piece.is_empty() {
            return self.found(Stage::Content, content::unannounced());
        }
        if self.seen > self.max {
            return self.found(Stage::Content, content::too_large());
        }
        let contract = &mut self.contract;
        let Some(scanner) = &mut self.scanner else {
            if let Some(contract) = contract {
                contract.take(piece);
            }
            return Ok(Judged::Whole);
        };
        let pushed = match &mut self.expander {
            None => scan(scanner, contract, piece).map(|()| Expanded::Whole),
            Some(expander) => expander.push(piece, |part| scan(scanner, contract, part)),
        };
        match pushed {
            Ok(Expanded::Whole) => Ok(Judged::Whole),
            Ok(Expanded::Part(taken)) => {
                self.seen = before.saturating_add(taken as u64);
                Ok(Judged::Part(taken))
            }
            Err(fault) => self.fault(fault),
        }
    }

    /// Says that there are no more pieces. [`Judged::Part`]: say it again.
    ///
    /// # Errors
    /// As for [`Self::push`].
    pub fn finish(&mut self) -> Result<Judged, Box<Finding>> {
        if self.judged == Judging::Over {
            return Ok(Judged::Whole);
        }
        // No body at all is for the contract, or the app, to judge: many clients name a type and send nothing.
        if self.seen == 0 {
            return self.finish_contract();
        }
        let Some(scanner) = &mut self.scanner else { return self.finish_contract() };
        if let Some(expander) = &mut self.expander {
            let contract = &mut self.contract;
            match expander.finish(|part| scan(scanner, contract, part)) {
                Ok(Expanded::Whole) => self.expander = None,
                Ok(Expanded::Part(_)) => return Ok(Judged::Part(0)),
                Err(fault) => return self.fault(fault),
            }
        }
        match self.scanner.take().map(|scanner| scanner.finish()) {
            None | Some(Ok(_) | Err(JsonFault::Empty { offset: 0 })) => self.finish_contract(),
            Some(Err(fault)) => self.fault(Fault::Json(fault)),
        }
    }

    fn finish_contract(&mut self) -> Result<Judged, Box<Finding>> {
        let Some(contract) = self.contract.take() else { return Ok(Judged::Whole) };
        let modes = contract.modes();
        let verdict = contract.finish();
        if let Err(violation) = verdict.stricter {
            self.monitored.push(Box::new(Finding { stage: Stage::Stricter, violation }));
        }
        match (verdict.held, modes) {
            (Ok(()), modes) => self.edit(verdict.edited, modes.editing),
            // Whoever refuses it, the app gets nothing that was to be taken out.
            (Err(violation), Modes { judging: Mode::Monitor, editing: Mode::Enforce }) => {
                self.edit(verdict.edited, Mode::Enforce);
                return self.found_in(Mode::Monitor, Stage::Contract, violation);
            }
            (Err(violation), modes) => return self.found_in(modes.judging, Stage::Contract, violation),
        }
        Ok(Judged::Whole)
    }

    fn edit(&mut self, edited: Option<(Vec<u8>, Edited)>, mode: Mode) {
        let Some((text, edited)) = edited else { return };
        let (stripped, trimmed) = match mode {
            Mode::Enforce => (Note::FieldsStripped, Note::StringsTrimmed),
            Mode::Monitor => (Note::FieldsWouldBeStripped, Note::StringsWouldBeTrimmed),
        };
        self.notes.extend((edited.removed > 0).then_some(stripped));
        self.notes.extend((edited.trimmed > 0).then_some(trimmed));
        self.edited = (mode == Mode::Enforce).then(|| EditedBody::new(text));
    }

    fn fault(&mut self, fault: Fault) -> Result<Judged, Box<Finding>> {
        match fault {
            Fault::Coding(fault) => self.found(Stage::Content, content::coding_fault(fault)),
            Fault::Json(fault) => self.found(Stage::Json, json::violation(&fault)),
        }
    }

    fn found(&mut self, stage: Stage, violation: Violation) -> Result<Judged, Box<Finding>> {
        self.found_in(self.mode, stage, violation)
    }

    fn found_in(&mut self, mode: Mode, stage: Stage, violation: Violation) -> Result<Judged, Box<Finding>> {
        // A refused body is not expanded any further, and gives its memory back.
        (self.expander, self.scanner) = (None, None);
        self.judged = Judging::Over;
        let unread = self.contract.take().filter(|contract| contract.is_enforced());
        let finding = Box::new(Finding { stage, violation });
        match mode {
            Mode::Enforce => return Err(finding),
            Mode::Monitor => self.monitored.push(finding),
        }
        match unread {
            // What is ambiguous, or was not read to its end, cannot be held to the contract.
            Some(_) => Err(Box::new(Finding { stage: Stage::Contract, violation: contract_body::unreadable() })),
            None => Ok(Judged::Whole),
        }
    }

    /// The body that the app is to get in place of the one that came, behind its end. Only a body that is held is changed.
    pub fn take_edited(&mut self) -> Option<EditedBody> {
        self.edited.take()
    }

    /// What enforcing would have refused, and what was changed.
    pub(crate) fn into_found(self) -> (Findings, Notes) {
        (self.monitored, self.notes)
    }
}
