//! Where a value stands in what the document declares of it.
//!
//! Templates may overlap, so a value may be one of two operations', and what one of them declares is declared. Of more
//! than two, and of none, nothing is known.

use buckler_schema::{Member, Outline, OutlineAt, SchemaId};

/// A place in what one or two operations declare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Places([OutlineAt; 2]);

impl Places {
    /// Of a value of which nothing is known: any member is declared.
    pub(crate) const OPEN: Self = Self([OutlineAt::OPEN; 2]);

    /// Of a whole value that has one of these schemas; an operation that has none names every member.
    pub(crate) fn root(outline: &Outline, mut schemas: impl Iterator<Item = Option<SchemaId>>) -> Self {
        let mut next = || schemas.next().map(|schema| schema.map_or(OutlineAt::OPEN, |schema| outline.root(schema)));
        match (next(), next(), next()) {
            (Some(one), None, _) => Self([one; 2]),
            (Some(one), Some(two), None) => Self([one, two]),
            _ => Self::OPEN,
        }
    }

    /// Whether one of the operations says nothing of what stands here.
    pub(crate) fn is_open(self) -> bool {
        self.0.contains(&OutlineAt::OPEN)
    }

    /// The place of a member; `None` of one that no operation declares.
    pub(crate) fn member(self, outline: &Outline, name: &str) -> Option<Self> {
        match self.0.map(|at| outline.member(at, name)) {
            [Member::Declared(one), Member::Declared(two)] => Some(Self([one, two])),
            [Member::Declared(one), Member::Undeclared] | [Member::Undeclared, Member::Declared(one)] => {
                Some(Self([one; 2]))
            }
            [Member::Undeclared, Member::Undeclared] => None,
        }
    }

    /// The place of an item.
    pub(crate) fn item(self, outline: &Outline, index: usize) -> Self {
        Self(self.0.map(|at| outline.item(at, index)))
    }
}
