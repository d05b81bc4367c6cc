//! What can be wrong with a body, and where.

/// Why a body is refused, with the offset in bytes from its start at which that became certain.
///
/// A fault carries no content of the body, so it may be logged and shown to the sender. The first fault in
/// the order of the bytes is the one reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum JsonFault {
    /// No JSON text at all: no bytes, or whitespace only (RFC 8259 §2 wants one value).
    #[error("the body is empty where a JSON value is expected")]
    Empty {
        /// The size of the body.
        offset: u64,
    },
    /// The body ends before its value does.
    #[error("the JSON ends early, at byte {offset}")]
    Truncated {
        /// The size of the body.
        offset: u64,
    },
    /// A byte that RFC 8259 does not allow at its place: a comma too many, a comment, `NaN`, `01`, `+1`, `1.`
    #[error("not JSON: unexpected byte at {offset}")]
    Syntax {
        /// The unexpected byte.
        offset: u64,
    },
    /// Something other than whitespace follows the value (RFC 8259 §2).
    #[error("unexpected data after the JSON value, at byte {offset}")]
    TrailingData {
        /// The first byte of what follows.
        offset: u64,
    },
    /// A control character U+0000 to U+001F stands in a string without being escaped (RFC 8259 §7).
    #[error("unescaped control character in a JSON string, at byte {offset}")]
    ControlCharacter {
        /// The control character.
        offset: u64,
    },
    /// A backslash begins none of the escapes of RFC 8259 §7.
    #[error("invalid escape in a JSON string, at byte {offset}")]
    InvalidEscape {
        /// The byte that fits no escape.
        offset: u64,
    },
    /// A `\u` escape is one half of a surrogate pair whose other half is missing (RFC 7493 §2.1).
    #[error("half of a surrogate pair in a JSON string, at byte {offset}")]
    LoneSurrogate {
        /// The backslash of the unpaired escape.
        offset: u64,
    },
    /// The text begins with a byte order mark (RFC 8259 §8.1).
    #[error("the JSON begins with a byte order mark")]
    ByteOrderMark {
        /// Always 0.
        offset: u64,
    },
    /// The text is encoded in UTF-16 or UTF-32 (RFC 8259 §8.1 demands UTF-8).
    #[error("the JSON is encoded in UTF-16 or UTF-32 instead of UTF-8")]
    WrongEncoding {
        /// The byte that gave it away, 0 or 1.
        offset: u64,
    },
    /// A string is not UTF-8: an overlong form, an encoded surrogate, above U+10FFFF, or a broken sequence
    /// (RFC 3629 §4).
    #[error("invalid UTF-8 in a JSON string, at byte {offset}")]
    InvalidUtf8 {
        /// The first byte that no valid sequence has at its place.
        offset: u64,
    },
    /// An array or object nests deeper than [`JsonLimits::depth`](super::JsonLimits::depth).
    #[error("the JSON nests too deeply, at byte {offset}")]
    TooDeep {
        /// The bracket or brace that is one too many.
        offset: u64,
    },
    /// The body has more members than [`JsonLimits::keys`](super::JsonLimits::keys).
    #[error("the JSON has too many members, at byte {offset}")]
    TooManyKeys {
        /// The opening quote of the name that is one too many.
        offset: u64,
    },
    /// A string or member name is longer than [`JsonLimits::string`](super::JsonLimits::string).
    #[error("a JSON string is too long, at byte {offset}")]
    StringTooLong {
        /// The first byte of the scalar value that is one too many.
        offset: u64,
    },
    /// A member name stands twice in one object (RFC 7493 §2.3), compared after unescaping.
    #[error("a JSON object names a member twice, at byte {offset}")]
    DuplicateMember {
        /// The opening quote of the second name.
        offset: u64,
    },
    /// A number is longer than [`NUMBER_BYTES`](super::NUMBER_BYTES).
    #[error("a JSON number is too long, at byte {offset}")]
    NumberTooLong {
        /// The first byte of the number.
        offset: u64,
    },
    /// A number would become infinite as an IEEE 754 double (RFC 7493 §2.2).
    #[error("a JSON number is out of range, at byte {offset}")]
    NumberOutOfRange {
        /// The first byte of the number.
        offset: u64,
    },
}

impl JsonFault {
    /// The offset in bytes from the start of the body; each variant says of what.
    pub const fn offset(&self) -> u64 {
        match *self {
            Self::Empty { offset }
            | Self::Truncated { offset }
            | Self::Syntax { offset }
            | Self::TrailingData { offset }
            | Self::ControlCharacter { offset }
            | Self::InvalidEscape { offset }
            | Self::LoneSurrogate { offset }
            | Self::ByteOrderMark { offset }
            | Self::WrongEncoding { offset }
            | Self::InvalidUtf8 { offset }
            | Self::TooDeep { offset }
            | Self::TooManyKeys { offset }
            | Self::StringTooLong { offset }
            | Self::DuplicateMember { offset }
            | Self::NumberTooLong { offset }
            | Self::NumberOutOfRange { offset } => offset,
        }
    }

    /// Whether the body is well-formed so far and only exceeds what the policy allows
    /// ([`JsonLimits`](super::JsonLimits)); such a fault is mended by a policy key, the others only by the
    /// sender.
    pub const fn is_limit(&self) -> bool {
        matches!(self, Self::TooDeep { .. } | Self::TooManyKeys { .. } | Self::StringTooLong { .. })
    }
}
