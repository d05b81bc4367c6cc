//! Which members of one answer go, and which would.

use std::sync::Arc;

use buckler_inspect::json::{Edit, Rules};
use buckler_schema::{Member, Outline, OutlineAt};

use super::never::NeverReturn;

/// What becomes of a member that is not declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    /// It goes.
    Removed,
    /// It is counted.
    Counted,
}

/// Where a value stands in what may be declared of it: an answer may be that of two operations. Of more, nothing is
/// known.
pub(crate) type Places = [OutlineAt; 2];

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
        self.declared.as_ref().map_or([OutlineAt::OPEN; 2], |(_, _, root)| *root)
    }

    fn member(&mut self, at: Places, name: &str) -> Edit<Places> {
        if self.never.as_ref().is_some_and(|never| never.holds(name)) {
            self.tally.never += 1;
            return Edit::Remove;
        }
        let Some((found, outline, _)) = &self.declared else { return Edit::Keep(at) };
        match at.map(|at| outline.member(at, name)) {
            [Member::Declared(one), Member::Declared(two)] => Edit::Keep([one, two]),
            // What one of them declares is declared.
            [Member::Declared(one), Member::Undeclared] | [Member::Undeclared, Member::Declared(one)] => {
                Edit::Keep([one; 2])
            }
            [Member::Undeclared, Member::Undeclared] => {
                self.tally.undeclared += 1;
                match found {
                    Found::Removed => Edit::Remove,
                    Found::Counted => Edit::Keep([OutlineAt::OPEN; 2]),
                }
            }
        }
    }

    fn item(&self, at: Places, index: usize) -> Places {
        self.declared.as_ref().map_or(at, |(_, outline, _)| at.map(|at| outline.item(at, index)))
    }
}
