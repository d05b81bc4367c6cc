//! A JSON text judged while it streams past.
//!
//! [`JsonScanner`] accepts exactly the JSON texts of RFC 8259, encoded in UTF-8 (§8.1), on whose meaning all
//! parsers agree. Every other body ends in one [`JsonFault`], which says what is wrong and at which byte, and
//! repeats nothing of what was sent.
//!
//! # Stricter than the grammar, and why
//!
//! | refused | because |
//! |---|---|
//! | byte order mark, UTF-16, UTF-32 | RFC 8259 §8.1 forbids sending them; Python's `json.loads(bytes)`, which Starlette calls, detects and reads them, so a check that expects UTF-8 sees nothing of what the app sees |
//! | invalid UTF-8 | RFC 7493 §2.1; Python reads encoded surrogates (`surrogatepass`), others substitute or refuse |
//! | lone surrogate escapes | RFC 7493 §2.1; kept, substituted or refused, depending on the parser; in Python a later `.encode()` raises |
//! | a member name twice in one object | RFC 7493 §2.3; the first wins, the last wins, or both are kept (RFC 8259 §4) |
//! | a number beyond the range of a double | RFC 7493 §2.2; infinity in Python, an error elsewhere |
//! | a number longer than [`NUMBER_BYTES`] | RFC 8259 §9 allows a limit; Python's `int()` raises above 4,300 digits and takes quadratic time up to there |
//! | depth, members, string length over the [`JsonLimits`] | RFC 8259 §9 allows limits; the policy sets them |
//!
//! `NaN` and `Infinity`, which Python reads, are not JSON and refused as such.
//!
//! # Let through on purpose
//!
//! - `\u0000`: JSON by every specification, read alike by all, and wrong only for some databases. The summary
//!   tells of it ([`JsonSummary::nul`]) so that a stricter policy can act.
//! - Noncharacters (U+FFFE, U+FDD0 and the like): RFC 7493 §2.1 excludes them, yet parsers agree on them.
//! - Integers beyond 2^53 and fractions finer than a double: RFC 7493 §2.2 only advises against them, and
//!   identifiers of 64 bits are common. The value that reaches the app is what the app's parser makes of it.
//! - A scalar at the top (`42`, `"text"`): RFC 8259 §2 made it legal, and FastAPI accepts it as a body.
//!
//! # Cost
//!
//! *Time* is linear in the body, except that finding a name among the *m* members of a large object takes
//! `log m` comparisons (see [duplicate names](#duplicate-names)). *Memory* is a few hundred bytes plus:
//!
//! - 8 bytes for each open array or object: at most `depth` of them;
//! - the member names of the objects that are *open now*, unescaped, and nothing of values or closed objects.
//!
//! The elements of an array cost nothing, so only the size of the body bounds their count.
//!
//! # Duplicate names
//!
//! Names are compared exactly, byte for byte after unescaping, with no hash whose collisions could refuse an
//! innocent body or be provoked. An object of few members is searched linearly; a larger one moves its names
//! into a B-tree, whose worst case is its usual case. Thus the scanner needs no seed and cannot be flooded.
//!
//! Worst case of memory: each name byte that is held was sent, in an object still open, so the bytes of names
//! are at most the size of the body so far (and a growing buffer may have reserved as much again). A member
//! adds less than [`MEMBER_BYTES`] of bookkeeping. As a member takes at least five bytes of body (`"":0,`)
//! and counts toward `keys`, the whole is below `2 × body + MEMBER_BYTES × min(keys, body / 5)` bytes: with
//! the default limits, 1.3 MB beside the names. It is freed with the object, at the latest with the scanner.

mod edit;
mod editor;
mod fault;
mod members;
mod number;
mod scanner;
mod string;
mod trim;

pub use edit::{Edit, EditLimits, Edited, Rules, Strings, Texts};
pub use editor::JsonEditor;
pub use fault::JsonFault;
pub use members::MEMBER_BYTES;
pub use number::NUMBER_BYTES;
pub use scanner::JsonScanner;

/// How deep arrays and objects may nest unless the policy says otherwise: what hand-written models reach is
/// below ten, and recursive parsers behind us stand a multiple of this.
pub const DEFAULT_DEPTH: u32 = 32;

/// How many members all objects of a body may have together unless the policy says otherwise: each becomes
/// a hash table entry and a few objects in Python, and a page of a hundred rich records has fewer.
pub const DEFAULT_KEYS: u32 = 10_000;

/// How long a string may be, in Unicode scalar values, unless the policy says otherwise: a long article's
/// section fits, a file smuggled in base64 does not.
pub const DEFAULT_STRING: u32 = 10_000;

/// What a body may not exceed. A value equal to its limit passes, one above is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JsonLimits {
    /// Arrays and objects open at the same time. With 0, only scalars pass.
    pub depth: u32,
    /// Members of all objects of the body together, also of those already closed.
    pub keys: u32,
    /// Length of each string and each member name, in Unicode scalar values after unescaping (an astral
    /// character written as a surrogate pair counts once).
    pub string: u32,
}

impl Default for JsonLimits {
    fn default() -> Self {
        Self { depth: DEFAULT_DEPTH, keys: DEFAULT_KEYS, string: DEFAULT_STRING }
    }
}

/// What a whole and accepted body measured; numbers only, nothing of its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct JsonSummary {
    /// Size in bytes, whitespace around the text included.
    pub bytes: u64,
    /// The most arrays and objects that were open at the same time; 0 for a scalar.
    pub depth: u32,
    /// Members of all objects together.
    pub keys: u32,
    /// The longest string or member name, in Unicode scalar values after unescaping.
    pub longest_string: u32,
    /// Whether some string or member name contains U+0000 (which JSON can only write as `\u0000`).
    pub nul: bool,
}
