//! Which members of one answer go, and which would.

use std::sync::Arc;

use buckler_inspect::json::{Edit, Rules};
use buckler_schema::Outline;

use super::never::NeverReturn;
use crate::contract::places::Places;

/// What becomes of a member that is not declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    /// It goes.
    Removed,
    /// It is counted.
    Counted,
}

/// What members are held to.
#[derive(Debug, Clone)]
pub(crate) struct Members {
    /// Those go wherever the text that is written goes out; where it does not, only what is counted is of use.
    pub(crate) never: Option<Arc<NeverReturn>>,
    pub(crate) declared: Option<(Found, Arc<Outline>, Places)>,
    pub(crate) tally: Tally,
}

/// How many there were; what is inside of one that goes is not counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// That never leave.
    pub(crate) never: u64,
    /// That are not declared.
    pub(crate) undeclared: u64,
}

impl Rules for Members {
    type At = Places;

    fn root(&self) -> Places {
        self.declared.as_ref().map_or(Places::OPEN, |(_, _, root)| *root)
    }

    fn member(&mut self, at: Places, name: &str) -> Edit<Places> {
        if self.never.as_ref().is_some_and(|never| never.holds(name)) {
            self.tally.never += 1;
            return Edit::Remove;
        }
        let Some((found, outline, _)) = &self.declared else { return Edit::Keep(at) };
        if let Some(below) = at.member(outline, name) {
            return Edit::Keep(below);
        }
        self.tally.undeclared += 1;
        match found {
            Found::Removed => Edit::Remove,
            Found::Counted => Edit::Keep(Places::OPEN),
        }
    }

    fn item(&self, at: Places, index: usize) -> Places {
        self.declared.as_ref().map_or(at, |(_, outline, _)| at.item(outline, index))
    }
}
