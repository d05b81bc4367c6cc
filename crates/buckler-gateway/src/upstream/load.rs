//! What an endpoint is busy with, in one word of memory: a request costs one addition when it comes and one when it
//! has gone, as without a bound.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};

/// One tunnel: the upper half counts them, the lower one requests.
const TUNNEL: u64 = 1 << 32;
const REQUESTS: u64 = TUNNEL - 1;

/// As what something is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Counted {
    /// Against the bound.
    Request,
    /// Apart: a WebSocket, an event stream.
    Tunnel,
}

/// The two counts.
///
/// Sequentially consistent, because of the line: who frees a place looks at the line afterwards, who joins the line
/// looks at the places afterwards, and one of the two has to see the other.
#[derive(Debug, Default)]
pub(crate) struct Load(AtomicU64);

impl Load {
    /// Counts a request in, if there is room.
    pub(crate) fn begin(&self, bound: Option<NonZeroU32>) -> bool {
        let Some(bound) = bound else {
            self.0.fetch_add(1, Ordering::SeqCst);
            return true;
        };
        let room = |load: u64| (load & REQUESTS < u64::from(bound.get())).then(|| load + 1);
        self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, room).is_ok()
    }

    /// A request goes on as a tunnel.
    pub(crate) fn make_tunnel(&self) {
        self.0.fetch_add(TUNNEL - 1, Ordering::SeqCst);
    }

    /// And back, bound or not.
    pub(crate) fn make_request(&self) {
        self.0.fetch_sub(TUNNEL - 1, Ordering::SeqCst);
    }

    /// Counts out; `true` if nothing is left.
    pub(crate) fn end(&self, counted: Counted) -> bool {
        let one = match counted {
            Counted::Request => 1,
            Counted::Tunnel => TUNNEL,
        };
        self.0.fetch_sub(one, Ordering::SeqCst) == one
    }

    pub(crate) fn has_room(&self, bound: Option<NonZeroU32>) -> bool {
        bound.is_none_or(|bound| self.requests() < bound.get())
    }

    pub(crate) fn requests(&self) -> u32 {
        // The mask leaves 32 bits.
        u32::try_from(self.0.load(Ordering::SeqCst) & REQUESTS).unwrap_or(u32::MAX)
    }

    /// Requests and tunnels.
    pub(crate) fn total(&self) -> usize {
        let load = self.0.load(Ordering::SeqCst);
        usize::try_from((load & REQUESTS) + (load / TUNNEL)).unwrap_or(usize::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tunnels_are_counted_apart() {
        // R08
        let load = Load::default();
        let bound = NonZeroU32::new(2);
        assert!(load.begin(bound) && load.begin(bound));
        assert!(!load.begin(bound) && !load.has_room(bound));
        load.make_tunnel();
        assert!(load.begin(bound), "a tunnel gives its place back");
        assert!(!load.begin(bound));
        assert_eq!(load.total(), 3);
        assert!(!load.end(Counted::Request) && !load.end(Counted::Tunnel));
        assert!(load.end(Counted::Request));
        for _ in 0..1000 {
            assert!(load.begin(bound));
            load.make_tunnel();
        }
        assert!(load.begin(bound) && load.begin(bound), "a thousand sockets leave the requests their room");
        assert!((0..1000).all(|_| load.begin(None)));
        assert_eq!(load.total(), 2002);
    }
}
