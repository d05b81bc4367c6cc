//! What an HTTP/2 connection is doing, and until when it may go on doing it.

use std::io::{self, IoSlice};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use buckler_http::frames::{Flood, Inbound, Outbound};
use smallvec::SmallVec;
use tokio::time::Instant;

use super::settings::blames_client;
use crate::activity::ClientDeadlines;
use crate::event::Expired;
use crate::watchdog::{Due, Watched};

/// Codes that are written down of one connection: the first ones say what kind of client it is.
const CODES: usize = 8;

/// What the socket and the exchanges report. All run in the connection's task: the lock makes it shareable and is
/// never waited for.
#[derive(Debug)]
pub(super) struct Traffic(Mutex<State>);

#[derive(Debug)]
struct State {
    started: Instant,
    inbound: Inbound,
    outbound: Outbound,
    flood: Option<Flood>,
    /// Codes that went out and have not been written down.
    codes: SmallVec<[u32; 4]>,
    codes_left: usize,
    /// Requests that are being answered.
    open: usize,
    idle_since: Instant,
    /// When the head began that has not ended.
    head_since: Option<Instant>,
    /// The first refused write of this stall.
    blocked_since: Option<Instant>,
}

impl Traffic {
    pub(super) fn new(max_block: usize) -> Self {
        let started = Instant::now();
        Self(Mutex::new(State {
            started,
            inbound: Inbound::new(max_block),
            outbound: Outbound::new(),
            flood: None,
            codes: SmallVec::new(),
            codes_left: CODES,
            open: 0,
            idle_since: started,
            head_since: None,
            blocked_since: None,
        }))
    }

    /// Counts what came in.
    pub(super) fn received(&self, bytes: &[u8]) -> Result<(), Flood> {
        let state = &mut *self.lock();
        let now = Instant::now();
        let heads = state.inbound.heads();
        if let Err(flood) = state.inbound.feed(bytes, now.duration_since(state.started)) {
            state.flood = Some(flood);
            return Err(flood);
        }
        if !state.inbound.is_reading_head() {
            state.head_since = None;
        } else if state.inbound.heads() != heads || state.head_since.is_none() {
            state.head_since = Some(now);
        }
        Ok(())
    }

    /// Counts what was written of `slices`.
    pub(super) fn wrote(&self, outcome: &Poll<io::Result<usize>>, slices: &[IoSlice<'_>]) {
        let state = &mut *self.lock();
        let mut left = match outcome {
            Poll::Pending => return state.blocked(),
            Poll::Ready(Ok(written)) => *written,
            Poll::Ready(Err(_)) => return,
        };
        state.blocked_since = None;
        let State { inbound, outbound, codes, codes_left, .. } = state;
        for slice in slices {
            let written = slice.get(..left).unwrap_or(slice);
            left -= written.len();
            outbound.feed(written, |sent| {
                inbound.answered(&sent);
                if let Some(code) = sent.code.filter(|code| blames_client(*code))
                    && *codes_left > 0
                {
                    *codes_left -= 1;
                    codes.push(code);
                }
            });
        }
    }

    /// Everything written so far is out, or waits. Under TLS a write is accepted into the session's buffer, and it
    /// is the flush that waits.
    pub(super) fn flushed(&self, outcome: &Poll<io::Result<()>>) {
        let mut state = self.lock();
        match outcome {
            Poll::Pending => state.blocked(),
            Poll::Ready(Ok(())) => state.blocked_since = None,
            Poll::Ready(Err(_)) => {}
        }
    }

    /// From now on the client has as long as for a head to begin at all.
    pub(super) fn expect_head(&self) {
        self.lock().head_since.get_or_insert_with(Instant::now);
    }

    pub(super) fn flood(&self) -> Option<Flood> {
        self.lock().flood
    }

    /// Error codes that went out since the last time and say that the client did something wrong.
    pub(super) fn take_codes(&self) -> SmallVec<[u32; 4]> {
        std::mem::take(&mut self.lock().codes)
    }

    /// A request has begun; it is open until the value is dropped.
    pub(super) fn open(&self) -> Open<'_> {
        self.lock().open += 1;
        Open(self)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn blocked(&mut self) {
        self.blocked_since.get_or_insert_with(Instant::now);
    }
}

impl Watched for Traffic {
    fn deadline(&self, deadlines: &ClientDeadlines) -> Option<(Instant, Due)> {
        let state = self.lock();
        let reading = match state.head_since {
            Some(since) => Some((since + deadlines.header, Expired::Head)),
            None if state.open == 0 => Some((state.idle_since + deadlines.idle, Expired::Idle)),
            None => None,
        };
        let writing = state.blocked_since.map(|since| (since + deadlines.write_stall, Expired::WriteStall));
        let (at, what) = [reading, writing].into_iter().flatten().min_by_key(|(at, _)| *at)?;
        Some((at, Due::End(what)))
    }
}

/// A request that is being answered.
#[derive(Debug)]
pub(super) struct Open<'a>(&'a Traffic);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.open = state.open.saturating_sub(1);
        if state.open == 0 {
            state.idle_since = Instant::now();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const DEADLINES: ClientDeadlines = ClientDeadlines {
        header: Duration::from_secs(10),
        idle: Duration::from_secs(75),
        write_stall: Duration::from_mins(1),
    };
    const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    const HALF_A_HEAD: &[u8] = &[0, 0, 9, 1, 4, 0, 0, 0, 1, 0x82];

    fn due(traffic: &Traffic) -> Option<(u64, Due)> {
        let started = traffic.lock().started;
        traffic.deadline(&DEADLINES).map(|(at, what)| ((at - started).as_secs(), what))
    }

    #[tokio::test(start_paused = true)]
    async fn each_phase_has_its_own_deadline() {
        // R08
        let traffic = Traffic::new(1024);
        assert_eq!(due(&traffic), Some((75, Due::End(Expired::Idle))));
        tokio::time::advance(Duration::from_secs(5)).await;
        traffic.received(&PREFACE[..10]).unwrap();
        assert_eq!(due(&traffic), Some((15, Due::End(Expired::Head))));
        traffic.received(&PREFACE[10..]).unwrap();
        assert_eq!(due(&traffic), Some((75, Due::End(Expired::Idle))));

        traffic.received(HALF_A_HEAD).unwrap();
        tokio::time::advance(Duration::from_secs(5)).await;
        traffic.received(&[0; 4]).unwrap();
        assert_eq!(due(&traffic), Some((15, Due::End(Expired::Head))), "more bytes do not move the head's deadline");
        traffic.received(&[0; 4]).unwrap();
        let open = traffic.open();
        assert_eq!(due(&traffic), None, "the app may take its time");
        traffic.wrote(&Poll::Pending, &[]);
        tokio::time::advance(Duration::from_secs(5)).await;
        traffic.flushed(&Poll::Pending);
        assert_eq!(
            due(&traffic),
            Some((70, Due::End(Expired::WriteStall))),
            "a stall counts from its first refused write"
        );
        traffic.flushed(&Poll::Ready(Ok(())));
        drop(open);
        assert_eq!(due(&traffic), Some((90, Due::End(Expired::Idle))));
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_behind_another_has_its_own_deadline() {
        let traffic = Traffic::new(1024);
        traffic.received(PREFACE).unwrap();
        traffic.received(HALF_A_HEAD).unwrap();
        tokio::time::advance(Duration::from_secs(9)).await;
        let mut rest = vec![0; 8];
        rest.extend(HALF_A_HEAD);
        traffic.received(&rest).unwrap();
        assert_eq!(due(&traffic), Some((19, Due::End(Expired::Head))));
    }
}
