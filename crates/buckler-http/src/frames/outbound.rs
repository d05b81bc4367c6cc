//! What we send: it says what the codec thought of the client.

use super::allowance::earned;
use super::scanner::{GOAWAY, RST_STREAM, Scanner};

/// A frame that has gone out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sent {
    pub(super) earned: u32,
    /// The error code, if a stream was reset or the connection given up.
    pub code: Option<u32>,
}

/// Reads the frames of one connection as they go out.
#[derive(Debug, Default)]
pub struct Outbound(Scanner);

impl Outbound {
    /// From the first byte.
    pub const fn new() -> Self {
        Self(Scanner::new())
    }

    /// Every frame whose beginning has gone out.
    pub fn feed(&mut self, mut bytes: &[u8], mut sent: impl FnMut(Sent)) {
        while let Some(frame) = self.0.next(&mut bytes) {
            let mut words =
                frame.first.chunks_exact(4).map(|word| word.iter().fold(0_u32, |sum, b| sum << 8 | u32::from(*b)));
            let code = match frame.kind {
                RST_STREAM => words.next(),
                GOAWAY => words.nth(1),
                _ => None,
            };
            sent(Sent { earned: earned(&frame), code });
        }
    }
}
