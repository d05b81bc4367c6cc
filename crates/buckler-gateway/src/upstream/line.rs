//! Where requests stand for a moment while every worker is full.
//!
//! Rules, in order:
//! 1. Whoever finds somebody standing stands behind: nobody overtakes.
//! 2. A place that gets free goes to the next one, client by client ([`FairQueue`]).
//! 3. Too long a line or too long a wait: 503 `overloaded`.
//! 4. A client that leaves gives up its place in the line, and one that it has just been given goes to the next.
//!
//! The lock is held for pushing and popping alone. Nobody takes it as long as nobody stands.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use buckler_http::connection::Client;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

use super::UpstreamError;
use super::endpoint::InFlight;
use super::error::Kind;
use super::fair_queue::{FairQueue, Pushed, Ticket};

/// Requests in the line: what two workers of 100 places clear within [`LONGEST_WAIT`] if an answer takes 200 ms. More
/// would wait only to be refused.
pub const LONGEST_LINE: usize = 1024;

/// The longest stay in the line. A burst is over in less; whoever still waits then is served better by an answer at
/// once and a second attempt than by a connection that hangs.
pub const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// What one in the line is told.
enum Word {
    /// A place with a worker.
    Place(InFlight),
    /// To leave: somebody else needs the room more.
    Leave,
}

/// The line before all workers of one app.
pub(crate) struct Line {
    standing: AtomicUsize,
    queue: Mutex<FairQueue<oneshot::Sender<Word>>>,
}

impl Line {
    pub(crate) fn new() -> Self {
        Self { standing: AtomicUsize::new(0), queue: Mutex::new(FairQueue::new(LONGEST_LINE)) }
    }

    pub(crate) fn len(&self) -> usize {
        self.standing.load(Ordering::SeqCst)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Stands until `deadline`. `look` is called once the request stands: a place may have become free just before.
    /// `None` means that there is no worker any more to wait for.
    pub(crate) async fn stand(
        &self,
        client: Client,
        deadline: Instant,
        look: impl FnOnce(),
    ) -> Result<Option<InFlight>, UpstreamError> {
        let full = || UpstreamError::new(Kind::Full);
        let (say, mut heard) = oneshot::channel();
        let Some(_spot) = self.join(client, say) else { return Err(full()) };
        look();
        match timeout_at(deadline, &mut heard).await {
            Ok(Ok(Word::Place(place))) => Ok(Some(place)),
            Ok(Err(_dismissed)) => Ok(None),
            Ok(Ok(Word::Leave)) | Err(_) => Err(full()),
        }
    }

    /// Gives places to those who stand, as long as there are both.
    pub(crate) fn serve(&self, mut place: impl FnMut() -> Option<InFlight>) {
        let mut unclaimed = None;
        while !self.is_empty() {
            let Some(place) = unclaimed.take().or_else(&mut place) else { return };
            let Some(next) = self.change(FairQueue::pop) else { return };
            if let Err(Word::Place(place)) = next.send(Word::Place(place)) {
                unclaimed = Some(place);
            }
        }
    }

    /// Everybody is to look for themselves.
    pub(crate) fn dismiss(&self) {
        drop(self.change(FairQueue::clear));
    }

    fn join(&self, client: Client, say: oneshot::Sender<Word>) -> Option<Spot<'_>> {
        let (ticket, out) = match self.change(|queue| queue.push(client, say)) {
            Pushed::In(ticket) => (ticket, None),
            Pushed::InFor(ticket, out) => (ticket, Some(out)),
            Pushed::Refused(_) => return None,
        };
        if let Some(out) = out {
            // It may have left by itself.
            out.send(Word::Leave).ok();
        }
        Some(Spot { line: self, client, ticket })
    }

    fn change<T>(&self, change: impl FnOnce(&mut FairQueue<oneshot::Sender<Word>>) -> T) -> T {
        // Nothing in there can be half done when a holder panics: it does not call anything of others.
        let mut queue: MutexGuard<'_, _> = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let result = change(&mut queue);
        self.standing.store(queue.len(), Ordering::SeqCst);
        result
    }
}

impl std::fmt::Debug for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Line").field("standing", &self.standing).finish_non_exhaustive()
    }
}

/// A place in the line, given up when it is dropped.
struct Spot<'a> {
    line: &'a Line,
    client: Client,
    ticket: Ticket,
}

impl Drop for Spot<'_> {
    fn drop(&mut self) {
        drop(self.line.change(|queue| queue.remove(self.client, self.ticket)));
    }
}

#[cfg(test)]
mod tests;
