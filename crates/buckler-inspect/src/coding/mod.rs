//! Content codings (RFC 9110 §8.4.1): what a compressed body expands to, for inspection alone.
//!
//! [`Expander`] takes a body's bytes as they arrive and gives out what they expand to, in pieces. Whoever holds it
//! passes the compressed bytes on as they came, so it must never read anything else than the decoder behind it does.
//!
//! Rules, in order:
//!
//! 1. One stream and nothing else: a second gzip member, a second or a skippable zstd frame, and bytes behind the end
//!    are refused. Some decoders read on, others stop.
//! 2. Whole and unhurt: an early end, a wrong checksum or length, a reserved bit, a dictionary that only the sender
//!    has. Decoders that return what they have got so far exist.
//! 3. `deflate` is zlib (RFC 9110 §8.4.1.2). Bytes that are a raw stream as well are refused, and so is a `br` body that
//!    is JSON as it stands: brotli has no magic number, and an app that decodes nothing would read it.
//! 4. Bounded: what it expands to by [`ExpandLimits`], memory by [`MAX_WINDOW`] and what [`Expander::memory`] tells,
//!    the work of one call by [`WORK`].
//! 5. The verdict depends on the bytes alone. Decoders differ in what they find first in which piece, so all of them
//!    are fed blocks of [`BLOCK`] bytes, however the network cut them.
//!
//! No decoder is ours: [`flate2`], [`brotli_decompressor`] and [`ruzstd`], all without C.

mod brotli;
mod deflate;
mod expander;
mod fault;
mod other_reading;
mod zstd;

pub use expander::{Expanded, Expander};
pub use fault::CodingFault;

/// A coding that can be read here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Coding {
    /// `gzip`, and `x-gzip`, which means the same (RFC 9110 §8.4.1.3).
    Gzip,
    /// `deflate`: a zlib stream (RFC 1950).
    Deflate,
    /// `br` (RFC 7932).
    Brotli,
    /// `zstd` (RFC 8878, RFC 9659).
    Zstd,
}

impl Coding {
    /// All that there are.
    pub const ALL: [Self; 4] = [Self::Gzip, Self::Deflate, Self::Brotli, Self::Zstd];

    /// The name in `Content-Encoding`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
            Self::Brotli => "br",
            Self::Zstd => "zstd",
        }
    }

    /// Reads one name; names are case-insensitive.
    pub fn named(name: &[u8]) -> Option<Self> {
        if name.eq_ignore_ascii_case(b"x-gzip") {
            return Some(Self::Gzip);
        }
        Self::ALL.into_iter().find(|coding| name.eq_ignore_ascii_case(coding.name().as_bytes()))
    }
}

/// Codings one over the other. Each one more multiplies what a few bytes expand to, and nobody needs more than an app's
/// own and a proxy's.
pub const MAX_CODINGS: usize = 2;

/// The codings of a body in the order in which they were applied; none for a body that is sent as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Codings([Option<Coding>; MAX_CODINGS]);

/// Why a `Content-Encoding` is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CodingsError {
    /// A coding that is not known, or an empty name.
    #[error("the body has a content coding that is not taken")]
    Unknown,
    /// More than [`MAX_CODINGS`].
    #[error("the body has more content codings than are taken")]
    TooMany,
}

impl Codings {
    /// A body that is sent as it is.
    pub const NONE: Self = Self([None; MAX_CODINGS]);

    /// Reads the value of `Content-Encoding`. `identity` alone is no coding; in a list it is refused, since a decoder
    /// that looks for one name would not find it.
    ///
    /// # Errors
    /// What is not taken.
    pub fn parse(value: &[u8]) -> Result<Self, CodingsError> {
        if value.trim_ascii().eq_ignore_ascii_case(b"identity") {
            return Ok(Self::NONE);
        }
        let mut codings = Self::NONE;
        let mut slots = codings.0.iter_mut();
        for name in value.split(|&byte| byte == b',') {
            let coding = Coding::named(name.trim_ascii()).ok_or(CodingsError::Unknown)?;
            *slots.next().ok_or(CodingsError::TooMany)? = Some(coding);
        }
        Ok(codings)
    }

    /// In the order in which they were applied.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = Coding> + '_ {
        self.0.iter().copied().flatten()
    }

    /// Whether the body is sent as it is.
    pub fn is_none(&self) -> bool {
        *self == Self::NONE
    }
}

/// How large a body may become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExpandLimits {
    /// Bytes of what it expands to.
    pub expanded: u64,
    /// How many times larger than what was sent it may become, beyond [`FREE`] bytes.
    pub ratio: u32,
}

/// Bytes that any body may expand to, however little was sent: expanding and reading them costs what a few ordinary
/// requests cost.
pub const FREE: u64 = 256 * 1024;

/// The largest window of one decoder: what senders of zstd have to stay within (RFC 9659 §3), twice what brotli's
/// encoders use unless told otherwise.
pub const MAX_WINDOW: usize = 8 * 1024 * 1024;

/// Bytes given out by one call, more or less: under a millisecond's work, so that a bomb of 10 MiB does not keep
/// everybody else waiting.
pub const WORK: usize = 256 * 1024;

/// Bytes that the decoders are fed at a time.
pub const BLOCK: usize = 4 * 1024;

/// What a block counts for beside what comes out of it: a stream may be all tables and no content, and building them
/// is the slower part.
const BLOCK_WORK: usize = WORK / 2;

/// Bytes that one step of one decoder gives out, more or less.
const STEP: usize = 32 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_that_two_readers_could_take_differently_are_refused() {
        for (value, error) in [
            ("", CodingsError::Unknown),
            (",", CodingsError::Unknown),
            ("gzip,", CodingsError::Unknown),
            ("gzip,,br", CodingsError::Unknown),
            ("gzip, identity", CodingsError::Unknown),
            ("identity, gzip", CodingsError::Unknown),
            ("gzip;q=1", CodingsError::Unknown),
            ("compress", CodingsError::Unknown),
            ("gzip br", CodingsError::Unknown),
            ("\"gzip\"", CodingsError::Unknown),
            ("gzip, gzip, gzip", CodingsError::TooMany),
        ] {
            assert_eq!(Codings::parse(value.as_bytes()), Err(error), "{value}");
        }
    }

    #[test]
    fn names_are_read_in_any_case_and_in_their_order() {
        for (value, codings) in [
            ("identity", &[][..]),
            (" Identity ", &[]),
            ("GZIP", &[Coding::Gzip]),
            ("x-gzip", &[Coding::Gzip]),
            ("deflate", &[Coding::Deflate]),
            ("br,\tzstd", &[Coding::Brotli, Coding::Zstd]),
            ("gzip, gzip", &[Coding::Gzip, Coding::Gzip]),
        ] {
            assert_eq!(Codings::parse(value.as_bytes()).unwrap().iter().collect::<Vec<_>>(), codings, "{value}");
        }
    }
}
