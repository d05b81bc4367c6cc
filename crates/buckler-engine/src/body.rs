//! The request body, judged as it streams.

use buckler_inspect::json::{JsonFault, JsonLimits, JsonScanner};
use buckler_policy::settings::Mode;

use crate::check::{content, json};
use crate::stage::{Finding, Stage, Violation};

/// What a host has to do with a body while it is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyPlan {
    /// Pass each piece on once it has passed.
    Stream,
    /// Keep all pieces until the end has passed, so that the app never sees a refused body. Bounded by
    /// `content.max_body`.
    Hold,
}

/// Judges one request body. Made by an [`crate::Admission`].
#[derive(Debug)]
pub struct BodyInspector {
    mode: Mode,
    max: u64,
    seen: u64,
    scanner: Option<Box<JsonScanner>>,
    /// Set once something was found in monitor mode: from then on everything passes.
    monitored: Option<Box<Finding>>,
}

/// The compiled part of `[content]` that bodies are judged by.
#[derive(Debug, Clone)]
pub(crate) struct BodyRules {
    pub(crate) mode: Mode,
    pub(crate) max: u64,
    pub(crate) json: JsonLimits,
}

impl BodyInspector {
    pub(crate) fn new(rules: &BodyRules, is_json: bool) -> Self {
        let scanner = is_json.then(|| Box::new(JsonScanner::new(rules.json)));
        Self { mode: rules.mode, max: rules.max, seen: 0, scanner, monitored: None }
    }

    /// What the host has to do.
    pub fn plan(&self) -> BodyPlan {
        if self.scanner.is_some() && self.mode == Mode::Enforce { BodyPlan::Hold } else { BodyPlan::Stream }
    }

    /// Bytes seen so far.
    pub fn seen(&self) -> u64 {
        self.seen
    }

    /// Bytes that judging takes at the moment beside the body itself, at most; many members cost more than the
    /// text that names them.
    pub fn memory(&self) -> usize {
        self.scanner.as_ref().map_or(0, |scanner| scanner.memory())
    }

    /// Takes the next piece.
    ///
    /// # Errors
    /// The finding that ends the exchange; no further piece may be passed on.
    pub fn push(&mut self, piece: &[u8]) -> Result<(), Box<Finding>> {
        self.seen = self.seen.saturating_add(piece.len() as u64);
        if self.monitored.is_some() {
            return Ok(());
        }
        if self.seen > self.max {
            return self.found(Stage::Content, content::too_large());
        }
        match self.scanner.as_mut().map(|scanner| scanner.push(piece)) {
            Some(Err(fault)) => self.found(Stage::Json, json::violation(&fault)),
            Some(Ok(())) | None => Ok(()),
        }
    }

    /// Says that there are no more pieces.
    ///
    /// # Errors
    /// As for [`Self::push`].
    pub fn finish(&mut self) -> Result<(), Box<Finding>> {
        let Some(scanner) = self.scanner.take() else { return Ok(()) };
        // No body at all is for the app to judge: many clients name a type and send nothing.
        if self.monitored.is_some() || self.seen == 0 {
            return Ok(());
        }
        match scanner.finish() {
            Ok(_) | Err(JsonFault::Empty { offset: 0 }) => Ok(()),
            Err(fault) => self.found(Stage::Json, json::violation(&fault)),
        }
    }

    fn found(&mut self, stage: Stage, violation: Violation) -> Result<(), Box<Finding>> {
        let finding = Finding { stage, violation };
        match self.mode {
            Mode::Enforce => Err(Box::new(finding)),
            Mode::Monitor => {
                self.monitored = Some(Box::new(finding));
                Ok(())
            }
        }
    }

    /// What enforcing would have refused.
    pub fn into_monitored(self) -> Option<Box<Finding>> {
        self.monitored
    }
}
