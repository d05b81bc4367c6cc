//! What the client sends.

use std::time::Duration;

use super::allowance::{Allowance, cost};
use super::flood::Flood;
use super::outbound::Sent;
use super::scanner::{CONTINUATION, HEADERS, Scanner};

/// What every HTTP/2 client says first (RFC 9113 §3.4); the codec compares it.
const PREFACE: usize = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".len();

/// Counts the frames of one client.
#[derive(Debug)]
pub struct Inbound {
    preface: usize,
    scanner: Scanner,
    allowance: Allowance,
    /// Bytes of the header block that has begun and not ended.
    block: Option<usize>,
    max_block: usize,
    heads: u64,
}

impl Inbound {
    /// Counts from a connection's first byte. No block of header fields may be longer than `max_block` bytes, as
    /// they are sent.
    pub const fn new(max_block: usize) -> Self {
        Self {
            preface: PREFACE,
            scanner: Scanner::new(),
            allowance: Allowance::new(),
            block: None,
            max_block,
            heads: 0,
        }
    }

    /// Counts bytes as they come. `now` is the time since the connection began.
    ///
    /// # Errors
    /// [`Flood`]: the connection is to be closed, and nothing more of it read.
    pub fn feed(&mut self, mut bytes: &[u8], now: Duration) -> Result<(), Flood> {
        let preface = self.preface.min(bytes.len());
        self.preface -= preface;
        bytes = bytes.get(preface..).unwrap_or_default();
        while let Some(frame) = self.scanner.next(&mut bytes) {
            if !self.allowance.pay(cost(&frame), now) {
                return Err(Flood::of(frame.kind));
            }
            if matches!(frame.kind, HEADERS | CONTINUATION) {
                let length = self.block.unwrap_or(0).saturating_add(frame.length);
                if length > self.max_block {
                    return Err(Flood::HeaderBlock);
                }
                self.block = (!frame.ends_headers()).then_some(length);
                self.heads = self.heads.wrapping_add(u64::from(frame.ends_headers()));
            }
        }
        Ok(())
    }

    /// A frame of ours has gone out.
    pub fn answered(&mut self, sent: &Sent) {
        self.allowance.earn(sent.earned);
    }

    /// How many blocks of header fields have come, up to the last bytes of the last one.
    pub const fn heads(&self) -> u64 {
        self.heads
    }

    /// Whether something has begun that has to end soon: the preface, or a block of header fields.
    pub fn is_reading_head(&self) -> bool {
        (self.preface > 0 && self.preface < PREFACE)
            || self.block.is_some()
            || matches!(self.scanner.unfinished(), Some(HEADERS | CONTINUATION))
    }
}
