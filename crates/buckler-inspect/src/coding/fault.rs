//! What can be wrong with a coded body.

/// Why a coded body is refused. It carries nothing of the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum CodingFault {
    /// Not a stream of this coding, or one that is hurt: wrong magic, checksum, length, a reserved bit, a dictionary.
    #[error("the body is not what its content coding says")]
    Malformed,
    /// The stream does not come to its end.
    #[error("the compressed body ends early")]
    Truncated,
    /// Something follows the stream's end: bytes of whatever kind, another member, another frame.
    #[error("something follows the end of the compressed body")]
    Trailing,
    /// Bytes that another decoder, or none, reads as something else.
    #[error("the compressed body can be read in two ways")]
    TwoReadings,
    /// Decoding takes a larger window than [`MAX_WINDOW`](super::MAX_WINDOW), or tables out of all proportion.
    #[error("the compressed body takes too much memory to expand")]
    TooMuchMemory,
    /// More than [`ExpandLimits::expanded`](super::ExpandLimits::expanded).
    #[error("the body expands to more than is taken")]
    TooLarge,
    /// Beyond [`ExpandLimits::ratio`](super::ExpandLimits::ratio).
    #[error("the body expands too far")]
    TooFar,
}
