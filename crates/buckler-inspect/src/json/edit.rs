//! What is to be changed in a JSON text, and what was.

use super::{DEFAULT_DEPTH, DEFAULT_STRING};

/// Says of each member whether it stays. A place is whatever the rules need to know on the way down.
pub trait Rules {
    /// A place in the value.
    type At: Copy;

    /// The place of a whole text.
    fn root(&self) -> Self::At;

    /// What becomes of a member of the object at a place, by its unescaped name. A name that stands twice is asked for
    /// twice.
    fn member(&mut self, at: Self::At, name: &str) -> Edit<Self::At>;

    /// The place of an item of the array at a place.
    fn item(&self, at: Self::At, index: usize) -> Self::At;
}

/// What becomes of a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edit<A> {
    /// It stays; its value is at this place.
    Keep(A),
    /// It goes, with its value and one comma.
    Remove,
}

/// How many texts follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Texts {
    /// One, as RFC 8259 has it.
    One,
    /// Any number, with or without white space between them: what apps stream under the type of JSON.
    Sequence,
}

/// What becomes of the strings that stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strings {
    /// They stay as they are written.
    AsWritten,
    /// Values lose the white space at both ends, written or escaped: what Python's `str.strip` takes. Names keep it.
    Trimmed,
}

/// What a text that is edited may not exceed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EditLimits {
    /// Arrays and objects open at the same time.
    pub depth: u32,
    /// Length of each member name, in Unicode scalar values after unescaping: a name is kept until it is known.
    pub name: u32,
}

impl Default for EditLimits {
    fn default() -> Self {
        Self { depth: DEFAULT_DEPTH, name: DEFAULT_STRING }
    }
}

/// What was changed. Numbers only: which members they were, the rules know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Edited {
    /// Members that were removed; those inside of them are not counted.
    pub removed: u64,
    /// Strings that became shorter.
    pub trimmed: u64,
}

impl Edited {
    /// Whether the text may go on as it came: white space between tokens is all that was left out.
    pub const fn is_untouched(self) -> bool {
        self.removed == 0 && self.trimmed == 0
    }
}
