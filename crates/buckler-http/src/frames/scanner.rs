//! Finds the frame headers in a stream of bytes that comes in pieces.

/// Bytes of a frame header.
const HEADER: usize = 9;

/// Bytes of a payload that are kept: `GOAWAY` has its error code behind the last stream's number.
pub(super) const KEPT: usize = 8;

pub(super) const DATA: u8 = 0x0;
pub(super) const HEADERS: u8 = 0x1;
pub(super) const PRIORITY: u8 = 0x2;
pub(super) const RST_STREAM: u8 = 0x3;
pub(super) const SETTINGS: u8 = 0x4;
pub(super) const PING: u8 = 0x6;
pub(super) const GOAWAY: u8 = 0x7;
pub(super) const WINDOW_UPDATE: u8 = 0x8;
pub(super) const CONTINUATION: u8 = 0x9;

/// `END_STREAM` of `DATA` and `HEADERS`, `ACK` of `SETTINGS` and `PING`.
const FLAG_END_OR_ACK: u8 = 0x1;
const FLAG_END_HEADERS: u8 = 0x4;

/// A frame, its payload aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) kind: u8,
    flags: u8,
    pub(super) length: usize,
    /// What the payload begins with, padded with zeros.
    pub(super) first: [u8; KEPT],
}

impl Frame {
    pub(super) const fn ends_stream(&self) -> bool {
        self.flags & FLAG_END_OR_ACK != 0
    }

    pub(super) const fn is_ack(&self) -> bool {
        self.flags & FLAG_END_OR_ACK != 0
    }

    pub(super) const fn ends_headers(&self) -> bool {
        self.flags & FLAG_END_HEADERS != 0
    }
}

/// Reads frame by frame. Holds seventeen bytes, whatever comes.
#[derive(Debug, Default)]
pub(super) struct Scanner {
    seen: [u8; HEADER + KEPT],
    filled: usize,
    /// Bytes of the payload that are still to come and that nobody looks at.
    skip: usize,
    /// The kind of the frame that is being read.
    current: Option<u8>,
}

impl Scanner {
    pub(super) const fn new() -> Self {
        Self { seen: [0; HEADER + KEPT], filled: 0, skip: 0, current: None }
    }

    /// The next frame whose header and first bytes have arrived; takes what it has read off `bytes`.
    pub(super) fn next(&mut self, bytes: &mut &[u8]) -> Option<Frame> {
        let skipped = self.skip.min(bytes.len());
        *bytes = bytes.get(skipped..).unwrap_or_default();
        self.skip -= skipped;
        if self.skip > 0 {
            return None;
        }
        if self.filled == 0 {
            self.current = None;
        }
        if self.filled < HEADER && !self.fill(HEADER, bytes) {
            return None;
        }
        let [high, middle, low, kind, flags, ..] = self.seen;
        self.current = Some(kind);
        let length = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
        let kept = length.min(KEPT);
        if !self.fill(HEADER + kept, bytes) {
            return None;
        }
        let mut first = [0; KEPT];
        if let (Some(to), Some(from)) = (first.get_mut(..kept), self.seen.get(HEADER..HEADER + kept)) {
            to.copy_from_slice(from);
        }
        self.filled = 0;
        self.skip = length - kept;
        Some(Frame { kind, flags, length, first })
    }

    /// The kind of the frame of which a part has arrived and a part has not.
    pub(super) fn unfinished(&self) -> Option<u8> {
        self.current.filter(|_| self.skip > 0 || self.filled > 0)
    }

    /// Whether so many bytes are there now.
    fn fill(&mut self, wanted: usize, bytes: &mut &[u8]) -> bool {
        let taken = wanted.saturating_sub(self.filled).min(bytes.len());
        if let (Some(to), Some(from)) = (self.seen.get_mut(self.filled..self.filled + taken), bytes.get(..taken)) {
            to.copy_from_slice(from);
            self.filled += taken;
            *bytes = bytes.get(taken..).unwrap_or_default();
        }
        self.filled >= wanted
    }
}
