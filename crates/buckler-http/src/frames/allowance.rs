//! What a connection may spend on frames that move no data.

use std::time::Duration;

use super::scanner::{self, Frame};

/// What a connection has at its start, and at most: 200 requests taken back, 500 pings or 100 changes of settings
/// in a row, which no client in its right mind needs, and which cost us less than a second.
pub const BURST: u32 = 2_000;

/// What comes back each second: 20 requests taken back, 50 pings, 200 window updates, for hours.
pub const REFILL_PER_SECOND: u32 = 200;

/// An answer's head pays for the cancellation of another request: who is served may also change its mind.
const EARNED_BY_HEADERS: u32 = 10;

/// A frame of data pays for a window update of its stream and one of the connection.
const EARNED_BY_DATA: u32 = 2;

/// So many bytes of data pay for one more.
const BYTES_PER_UNIT: usize = 512;

/// The room left, refilled by time and by answers.
#[derive(Debug)]
pub(super) struct Allowance {
    left: u32,
    refilled_at: Duration,
}

impl Allowance {
    pub(super) const fn new() -> Self {
        Self { left: BURST, refilled_at: Duration::ZERO }
    }

    /// Takes what the frame costs; `false` if there is not so much left.
    pub(super) fn pay(&mut self, cost: u32, now: Duration) -> bool {
        if cost == 0 {
            return true;
        }
        self.refill(now);
        match self.left.checked_sub(cost) {
            Some(left) => {
                self.left = left;
                true
            }
            None => false,
        }
    }

    /// Gives back what an answer's frame has earned.
    pub(super) fn earn(&mut self, earned: u32) {
        self.left = self.left.saturating_add(earned).min(BURST);
    }

    fn refill(&mut self, now: Duration) {
        let passed = now.saturating_sub(self.refilled_at);
        let refill = passed.as_millis().saturating_mul(u128::from(REFILL_PER_SECOND)) / 1000;
        // What is less than one unit is kept for the next time.
        if refill > 0 {
            self.refilled_at = now;
            self.earn(u32::try_from(refill).unwrap_or(BURST));
        }
    }
}

/// What a frame from the client costs. What moves data or asks for something costs nothing here: windows, the
/// number of streams and the engine bound it.
pub(super) const fn cost(frame: &Frame) -> u32 {
    match frame.kind {
        // Moves nothing and has no end (CVE-2019-9518).
        scanner::DATA if frame.length == 0 && !frame.ends_stream() => 2,
        scanner::DATA | scanner::HEADERS => 0,
        // A request was judged, sent to the app and taken back (CVE-2023-44487). A head of an honest client fits into
        // one or two frames (CVE-2024-27316).
        scanner::RST_STREAM | scanner::CONTINUATION | scanner::GOAWAY => 10,
        // Each is carried out and acknowledged (CVE-2019-9515).
        scanner::SETTINGS if !frame.is_ack() => 20,
        // Each is answered (CVE-2019-9512).
        scanner::PING if !frame.is_ack() => 4,
        // Window updates, priorities (CVE-2019-9513), acknowledgements, and what is not known and must be ignored.
        _ => 1,
    }
}

/// What a frame to the client earns.
pub(super) fn earned(frame: &Frame) -> u32 {
    match frame.kind {
        scanner::HEADERS => EARNED_BY_HEADERS,
        scanner::DATA => EARNED_BY_DATA + u32::try_from(frame.length / BYTES_PER_UNIT).unwrap_or(BURST),
        _ => 0,
    }
}
