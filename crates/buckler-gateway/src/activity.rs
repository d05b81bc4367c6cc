//! What a client connection is doing, and until when it may go on doing it.
//!
//! hyper's one timer covers the wait for a request and the request's head together. These are two deadlines
//! (`idle`, `header`), and a third one (a reader that takes nothing) it does not have, so the connection is
//! watched from its two ends: the socket ([`crate::watched`]) and the service ([`crate::connection`]).
//!
//! ```text
//!        first byte              service called
//! Idle ─────────────► Head ───────────────────────► Busy
//!   ▲                                                 │ response handed over and flushed
//!   └─────────────────────────────────────────────────┘
//! ```

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU16, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use buckler_http::wire::WireFault;
use tokio::time::Instant;

use crate::event::Expired;
use crate::upstream::{PATIENCE, Place};
use crate::watchdog::{Due, Watched};

/// A response that makes no progress for so long is given up: no byte accepted by the client's side of the
/// socket. A minute lets a phone pass through a tunnel; nothing alive needs longer for its next window update.
pub const WRITE_STALL: Duration = Duration::from_mins(1);

const IDLE: u8 = 0;
const HEAD: u8 = 1;
const BUSY: u8 = 2;

/// The value of `blocked_since` while the client reads.
const FLOWING: u64 = u64::MAX;

/// The value of `waited` when the place has been left.
const LEFT: u64 = u64::MAX;

/// Deadlines of a client connection.
#[derive(Debug, Clone, Copy)]
pub struct ClientDeadlines {
    /// From the first byte of a request to the end of its head.
    pub header: Duration,
    /// Without a request.
    pub idle: Duration,
    /// Without the client accepting a byte of what waits for it ([`WRITE_STALL`]).
    pub write_stall: Duration,
}

/// The state that the socket and the service report, read by the connection's task. All three run in that one
/// task: the atomics make it shareable, not concurrent, so their order does not matter.
#[derive(Debug)]
pub(crate) struct Activity {
    started: Instant,
    phase: AtomicU8,
    /// Microseconds from `started` to the last change of phase.
    since: AtomicU64,
    /// Microseconds from `started` to the first refused write of this stall, or [`FLOWING`].
    blocked_since: AtomicU64,
    /// The response's body has been handed over to its last byte.
    answered: AtomicBool,
    /// A request body was given up before its end: the client may still be sending.
    unread: AtomicBool,
    /// The status of the answer that hyper wanted to give by itself; 0 if none.
    refused: AtomicU16,
    /// Heads that hyper has and the service has not.
    heads: AtomicUsize,
    /// What is wrong with the head that hyper was not given.
    fault: OnceLock<WireFault>,
    /// The app agreed to an upgrade.
    upgraded: AtomicBool,
    /// The place of the request under way.
    place: Place,
    /// Microseconds that its answer has waited for the client, this stall aside; [`LEFT`] when that was too long.
    waited: AtomicU64,
}

impl Activity {
    pub(crate) fn new() -> Self {
        Self {
            started: Instant::now(),
            phase: AtomicU8::new(IDLE),
            since: AtomicU64::new(0),
            blocked_since: AtomicU64::new(FLOWING),
            answered: AtomicBool::new(false),
            unread: AtomicBool::new(false),
            refused: AtomicU16::new(0),
            heads: AtomicUsize::new(0),
            fault: OnceLock::new(),
            upgraded: AtomicBool::new(false),
            place: Place::default(),
            waited: AtomicU64::new(0),
        }
    }

    /// The place of the request under way.
    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    /// Bytes came in.
    pub(crate) fn received(&self) {
        if self.phase() == IDLE {
            self.enter(HEAD);
        }
    }

    /// Nothing has come over the connection yet.
    pub(crate) fn is_untouched(&self) -> bool {
        self.phase() == IDLE && self.since.load(Ordering::Relaxed) == 0
    }

    /// A head has begun and not ended.
    pub(crate) fn is_reading_head(&self) -> bool {
        self.phase() == HEAD
    }

    /// A head was complete and the service has it.
    pub(crate) fn request_begins(&self) {
        self.heads.store(self.heads.load(Ordering::Relaxed).saturating_sub(1), Ordering::Relaxed);
        self.answered.store(false, Ordering::Relaxed);
        self.waited.store(0, Ordering::Relaxed);
        self.phase.store(BUSY, Ordering::Relaxed);
    }

    /// The response's body has no more to give.
    pub(crate) fn answered(&self) {
        self.answered.store(true, Ordering::Relaxed);
    }

    /// Everything written so far is out. hyper flushes the socket only when its own buffer is empty.
    pub(crate) fn flushed(&self) {
        if self.phase() == BUSY && self.answered.load(Ordering::Relaxed) {
            self.enter(IDLE);
        }
    }

    /// The client takes nothing at the moment.
    pub(crate) fn write_blocked(&self) {
        if self.blocked_since.load(Ordering::Relaxed) == FLOWING {
            self.blocked_since.store(self.micros(), Ordering::Relaxed);
        }
    }

    /// The client took some bytes.
    pub(crate) fn write_progressed(&self) {
        let since = self.blocked_since.load(Ordering::Relaxed);
        if since != FLOWING {
            self.blocked_since.store(FLOWING, Ordering::Relaxed);
            let waited = self.waited.load(Ordering::Relaxed);
            let stall = self.micros().saturating_sub(since);
            self.waited.store(waited.saturating_add(stall), Ordering::Relaxed);
        }
    }

    pub(crate) fn body_abandoned(&self) {
        self.unread.store(true, Ordering::Relaxed);
    }

    /// Whether the client may still be sending what nobody reads.
    pub(crate) fn has_unread_body(&self) -> bool {
        self.unread.load(Ordering::Relaxed)
    }

    /// Whether a request is in the service's hands. What hyper writes while none is, is its own answer to a
    /// head that it could not parse.
    pub(crate) fn is_serving(&self) -> bool {
        self.phase() == BUSY
    }

    pub(crate) fn refuse(&self, status: u16) {
        self.refused.store(status, Ordering::Relaxed);
    }

    /// The status that hyper wanted to answer by itself.
    pub(crate) fn refused(&self) -> Option<u16> {
        match self.refused.load(Ordering::Relaxed) {
            0 => None,
            status => Some(status),
        }
    }

    /// So many more heads were handed to hyper.
    pub(crate) fn heads_passed(&self, heads: usize) {
        self.heads.store(self.heads.load(Ordering::Relaxed).saturating_add(heads), Ordering::Relaxed);
    }

    /// Every head that hyper has was answered.
    pub(crate) fn is_settled(&self) -> bool {
        !self.is_serving() && self.heads.load(Ordering::Relaxed) == 0
    }

    /// A head is at fault, and hyper gets neither it nor what comes behind.
    pub(crate) fn withhold(&self, fault: WireFault) {
        // Only the first counts: nothing is read behind it.
        let _first = self.fault.set(fault);
    }

    /// What is wrong with the head that hyper was not given.
    pub(crate) fn withheld(&self) -> Option<WireFault> {
        self.fault.get().copied()
    }

    pub(crate) fn upgrade_agreed(&self) {
        self.upgraded.store(true, Ordering::Relaxed);
    }

    /// Whether the app agreed to an upgrade.
    pub(crate) fn is_upgraded(&self) -> bool {
        self.upgraded.load(Ordering::Relaxed)
    }

    fn phase(&self) -> u8 {
        self.phase.load(Ordering::Relaxed)
    }

    fn enter(&self, phase: u8) {
        self.since.store(self.micros(), Ordering::Relaxed);
        self.phase.store(phase, Ordering::Relaxed);
    }

    fn micros(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX - 1)
    }
}

impl Watched for Activity {
    fn deadline(&self, deadlines: &ClientDeadlines) -> Option<(Instant, Due)> {
        let since = Duration::from_micros(self.since.load(Ordering::Relaxed));
        let reading = match self.phase() {
            IDLE => Some((self.started + since + deadlines.idle, Due::End(Expired::Idle))),
            HEAD => Some((self.started + since + deadlines.header, Due::End(Expired::Head))),
            _ => None,
        };
        let (writing, patience) = match self.blocked_since.load(Ordering::Relaxed) {
            FLOWING => (None, None),
            since => {
                let since = self.started + Duration::from_micros(since);
                let patience = match self.waited.load(Ordering::Relaxed) {
                    LEFT => None,
                    waited => Some((since + PATIENCE.saturating_sub(Duration::from_micros(waited)), Due::Patience)),
                };
                (Some((since + deadlines.write_stall, Due::End(Expired::WriteStall))), patience)
            }
        };
        [reading, writing, patience].into_iter().flatten().min_by_key(|(at, _)| *at)
    }

    fn waited_out(&self) {
        self.waited.store(LEFT, Ordering::Relaxed);
        self.place.leave();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEADLINES: ClientDeadlines = ClientDeadlines {
        header: Duration::from_secs(10),
        idle: Duration::from_secs(75),
        write_stall: Duration::from_mins(1),
    };

    fn due(activity: &Activity) -> Option<(u64, Due)> {
        activity.deadline(&DEADLINES).map(|(at, what)| ((at - activity.started).as_secs(), what))
    }

    #[tokio::test(start_paused = true)]
    async fn each_phase_has_its_own_deadline() {
        // R08
        let activity = Activity::new();
        assert_eq!(due(&activity), Some((75, Due::End(Expired::Idle))));

        tokio::time::advance(Duration::from_secs(20)).await;
        activity.received();
        assert_eq!(due(&activity), Some((30, Due::End(Expired::Head))));

        tokio::time::advance(Duration::from_secs(5)).await;
        activity.received();
        assert_eq!(due(&activity), Some((30, Due::End(Expired::Head))), "more bytes do not move the head's deadline");

        activity.request_begins();
        assert_eq!(due(&activity), None, "the app may take its time");

        activity.flushed();
        assert_eq!(due(&activity), None, "a flush in mid-response is not its end");

        activity.answered();
        activity.flushed();
        assert_eq!(due(&activity), Some((100, Due::End(Expired::Idle))));
    }

    #[tokio::test(start_paused = true)]
    async fn a_stall_counts_from_its_first_refused_write() {
        // R08, R09
        let activity = Activity::new();
        activity.received();
        activity.request_begins();
        activity.write_blocked();
        assert_eq!(due(&activity), Some((0, Due::Patience)), "first the place goes");
        tokio::time::advance(PATIENCE / 2).await;
        activity.write_progressed();
        assert_eq!(due(&activity), None);
        tokio::time::advance(Duration::from_secs(10)).await;
        activity.write_blocked();
        let left = activity.deadline(&DEADLINES).map(|(at, what)| (at - Instant::now(), what));
        assert_eq!(left, Some((PATIENCE / 2, Due::Patience)), "its pauses are added up");
        activity.waited_out();
        tokio::time::advance(Duration::from_secs(30)).await;
        activity.write_blocked();
        assert_eq!(due(&activity), Some((70, Due::End(Expired::WriteStall))));
        activity.write_progressed();
        assert_eq!(due(&activity), None);
        activity.write_blocked();
        assert_eq!(due(&activity), Some((100, Due::End(Expired::WriteStall))));
        activity.request_begins();
        activity.write_blocked();
        assert_eq!(due(&activity).map(|(_, what)| what), Some(Due::Patience), "the next request has a place again");
    }
}
