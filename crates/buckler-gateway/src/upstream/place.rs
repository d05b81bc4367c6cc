//! The place that a request has at a worker, as long as it is the worker's turn.
//!
//! Rules, in order:
//! 1. A request has its place ([`app.concurrency`](super::UpstreamSettings::concurrency)) until its answer has been
//!    read.
//! 2. A client that keeps the worker waiting for longer than [`PATIENCE`], all its pauses together, loses it to the
//!    next request: with its own body that does not come, or with an answer that it does not take. Otherwise as many
//!    slow clients as there are places would keep everybody else out, for as long as their pace is not too slow.
//! 3. When its body has come it is the worker's turn again, and the request counts again, even beyond the bound: what
//!    the worker has begun cannot be put back into the line.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::endpoint::Endpoint;
use super::load::Counted;

/// The waiting for the client that a request's place includes: some round trips of a bad line. Half of what others
/// stand in line for at most ([`LONGEST_WAIT`](super::LONGEST_WAIT)), so that they see the slow ones go.
pub const PATIENCE: Duration = Duration::from_millis(500);

/// The place of the request under way on a connection, or on an HTTP/2 stream: a request extension. Whoever
/// notices that the client keeps the worker waiting says so here.
#[derive(Debug, Clone, Default)]
pub struct Place(Arc<Mutex<Option<Taken>>>);

#[derive(Debug)]
struct Taken {
    endpoint: Arc<Endpoint>,
    counted: Counted,
}

impl Place {
    /// The request has this place from now on.
    pub(crate) fn take(&self, endpoint: &Arc<Endpoint>) {
        *self.lock() = Some(Taken { endpoint: Arc::clone(endpoint), counted: Counted::Request });
    }

    /// As what it counts in the end.
    pub(crate) fn end(&self) -> Option<Counted> {
        self.lock().take().map(|taken| taken.counted)
    }

    /// The client keeps the worker waiting: somebody else may have the place.
    pub(crate) fn leave(&self) {
        let mut state = self.lock();
        let Some(taken) = state.as_mut().filter(|taken| taken.counted == Counted::Request) else { return };
        taken.counted = Counted::Tunnel;
        let endpoint = Arc::clone(&taken.endpoint);
        drop(state);
        endpoint.make_tunnel();
    }

    /// The client has done its part.
    pub(crate) fn resume(&self) {
        let mut state = self.lock();
        let Some(taken) = state.as_mut().filter(|taken| taken.counted == Counted::Tunnel) else { return };
        taken.counted = Counted::Request;
        taken.endpoint.make_request();
    }

    fn lock(&self) -> MutexGuard<'_, Option<Taken>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;
    use crate::upstream::UpstreamSettings;

    // R09
    #[test]
    fn a_place_is_left_and_taken_again_and_counted_once() {
        let settings = UpstreamSettings { concurrency: NonZeroU32::new(1), ..UpstreamSettings::default() };
        let endpoint = Endpoint::new("http://127.0.0.1:1".parse().unwrap(), settings);
        let place = Place::default();
        place.leave();
        place.resume();
        let mut lease = endpoint.lease().unwrap();
        lease.stands_at(&place);
        assert!(endpoint.lease().is_none());
        place.leave();
        place.leave();
        assert_eq!((endpoint.requests(), endpoint.in_flight()), (0, 1));
        let other = endpoint.lease().unwrap();
        place.resume();
        place.resume();
        assert_eq!((endpoint.requests(), endpoint.in_flight()), (2, 2), "beyond the bound");
        assert!(endpoint.lease().is_none());
        drop(other);
        place.leave();
        drop(lease);
        assert_eq!(endpoint.in_flight(), 0);
        place.leave();
        place.resume();
        assert_eq!(endpoint.in_flight(), 0, "nobody has it any more");

        let mut lease = endpoint.lease().unwrap();
        lease.stands_at(&place);
        place.leave();
        lease.make_tunnel();
        place.resume();
        assert_eq!((endpoint.requests(), endpoint.in_flight()), (0, 1), "a tunnel for good");
        drop(lease);
        assert_eq!(endpoint.in_flight(), 0);
    }
}
