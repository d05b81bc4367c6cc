//! Room for held bodies.
//!
//! Rules, in order:
//! 1. All bodies together take so many bytes, counted as they come.
//! 2. Large ones leave a part of it to the small ones, which are what ordinary calls send.
//! 3. Several large ones of one client take no more than its share, so that nobody fills the room against everybody
//!    else. One alone may be as large as the policy lets it be. Clients that cannot be told apart have none: it would be
//!    one for all of them.
//! 4. Decoders of compressed bodies take a part of it at most: a few bytes make one ask for a window of
//!    megabytes, and who sends them must not shut out those who send no such thing.
//! 5. What finds no room is 503 `overloaded`.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use buckler_http::connection::Client;

use crate::Fault;

/// Bodies up to this size find room when the large ones have taken all of theirs: it is what ordinary calls of an
/// API send, and who fills the budget with a few large bodies must not shut out everybody else.
const SMALL_BODY: usize = 64 * 1024;

/// The part of the budget that is kept for small bodies: one in so many bytes.
const RESERVE: usize = 4;

/// What the large bodies of one client may take: one in so many bytes. Three have to conspire before large bodies of
/// others find no room, and of the default budget it is still six bodies of the largest size that is let in.
const SHARE: usize = 4;

/// What expanding compressed bodies may take: one in so many bytes.
const EXPANDING: usize = 2;

/// What memory is taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// A body that is held back, and what judging it takes.
    Body,
    /// The decoders of one that is compressed.
    Expanding,
}

/// Bytes that may be held at the same time, over all exchanges of one layer.
#[derive(Debug)]
pub struct HoldBudget {
    left: AtomicUsize,
    /// What of it decoders may still take.
    left_to_expand: AtomicUsize,
    /// What only small bodies may take.
    reserve: usize,
    share: usize,
    /// What large bodies take, by client. Never longer than the room is in large bodies.
    shares: Mutex<BTreeMap<Client, usize>>,
}

impl HoldBudget {
    /// Room for so many bytes.
    pub fn new(bytes: usize) -> Self {
        Self {
            left: AtomicUsize::new(bytes),
            left_to_expand: AtomicUsize::new(bytes / EXPANDING),
            reserve: bytes / RESERVE,
            share: bytes / SHARE,
            shares: Mutex::default(),
        }
    }

    /// Room for a body of that client, of which nothing has come yet.
    pub fn lease(self: &Arc<Self>, client: Client) -> Lease {
        Lease { budget: Arc::clone(self), client, purpose: Purpose::Body, bytes: 0 }
    }

    /// Room for the decoders of a body of that client.
    pub fn lease_to_expand(self: &Arc<Self>, client: Client) -> Lease {
        Lease { budget: Arc::clone(self), client, purpose: Purpose::Expanding, bytes: 0 }
    }

    /// Takes `bytes` for a body that then holds `total`.
    fn take(&self, purpose: Purpose, bytes: usize, total: usize) -> Result<(), Fault> {
        if purpose == Purpose::Expanding {
            take(&self.left_to_expand, bytes, 0)?;
        }
        let floor = if total > SMALL_BODY { self.reserve } else { 0 };
        take(&self.left, bytes, floor).inspect_err(|_| {
            if purpose == Purpose::Expanding {
                self.left_to_expand.fetch_add(bytes, Ordering::Relaxed);
            }
        })
    }

    fn give_back(&self, purpose: Purpose, bytes: usize) {
        if purpose == Purpose::Expanding {
            self.left_to_expand.fetch_add(bytes, Ordering::Relaxed);
        }
        self.left.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Counts a body that grows or shrinks against its client's share.
    fn share(&self, client: Client, before: usize, after: usize) -> Result<(), Fault> {
        let (before, after) = (counted(before), counted(after));
        if before == after || client == Client::LOCAL {
            return Ok(());
        }
        // Nothing in there can be half done when a holder panics.
        let mut shares = self.shares.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = shares.get(&client).copied().unwrap_or(0).saturating_sub(before).saturating_add(after);
        // The only one of its client is bounded by the policy alone.
        if after > before && taken > self.share && taken > after {
            return Err(Fault::Overloaded);
        }
        if taken == 0 {
            shares.remove(&client);
        } else {
            shares.insert(client, taken);
        }
        Ok(())
    }
}

/// Takes `bytes` of what is left if at least `floor` remains.
fn take(left: &AtomicUsize, bytes: usize, floor: usize) -> Result<(), Fault> {
    left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
        left.checked_sub(bytes).filter(|rest| *rest >= floor)
    })
    .map(|_| ())
    .map_err(|_| Fault::Overloaded)
}

/// What counts of a body of that size against the share: a small one nothing.
const fn counted(bytes: usize) -> usize {
    if bytes > SMALL_BODY { bytes } else { 0 }
}

/// Bytes taken from the budget, given back when whoever holds them is done.
#[derive(Debug)]
pub struct Lease {
    budget: Arc<HoldBudget>,
    client: Client,
    purpose: Purpose,
    bytes: usize,
}

impl Lease {
    /// Takes what is missing, or gives back what is too much.
    ///
    /// # Errors
    /// [`Fault::Overloaded`]: there is no room, and nothing was taken.
    pub fn hold(&mut self, bytes: usize) -> Result<(), Fault> {
        self.budget.share(self.client, self.bytes, bytes)?;
        match bytes.checked_sub(self.bytes) {
            Some(more) => {
                if let Err(fault) = self.budget.take(self.purpose, more, bytes) {
                    // Less than a moment ago always fits.
                    let _always = self.budget.share(self.client, bytes, self.bytes);
                    return Err(fault);
                }
            }
            None => self.budget.give_back(self.purpose, self.bytes - bytes),
        }
        self.bytes = bytes;
        Ok(())
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // To nothing always fits.
        let _always = self.budget.share(self.client, self.bytes, 0);
        self.budget.give_back(self.purpose, self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, SocketAddr};

    use buckler_http::connection::Peer;

    use super::*;

    const ROOM: usize = 16 * 1024 * 1024;
    const LARGE: usize = 1024 * 1024;

    fn client(number: u8) -> Client {
        Client::from(Peer::Ip(SocketAddr::from((Ipv4Addr::new(192, 0, 2, number), 1))))
    }

    /// As many large bodies as one client gets room for.
    fn fill(budget: &Arc<HoldBudget>, client: Client) -> Vec<Lease> {
        std::iter::from_fn(|| {
            let mut lease = budget.lease(client);
            lease.hold(LARGE).ok().map(|()| lease)
        })
        .collect()
    }

    // R08
    #[test]
    fn one_client_cannot_fill_the_room_against_others() {
        let budget = Arc::new(HoldBudget::new(ROOM));
        let hoard = fill(&budget, client(1));
        assert_eq!(hoard.len() * LARGE, ROOM / SHARE);
        budget.lease(client(1)).hold(SMALL_BODY).unwrap();
        let others = fill(&budget, client(2));
        assert_eq!(others.len(), hoard.len(), "as if the first were not there");
        drop(hoard);
        assert_eq!(fill(&budget, client(1)).len() * LARGE, ROOM / SHARE, "and all of it comes back");
    }

    // R08
    #[test]
    fn conspirators_meet_the_bound_of_all_and_small_bodies_go_on() {
        let budget = Arc::new(HoldBudget::new(ROOM));
        let hoard: Vec<_> = (0..9).flat_map(|number| fill(&budget, client(number))).collect();
        assert_eq!(hoard.len() * LARGE, ROOM - ROOM / RESERVE);
        assert_eq!(fill(&budget, client(99)).len(), 0);
        budget.lease(client(99)).hold(SMALL_BODY).unwrap();
    }

    // R08
    #[test]
    fn a_body_that_grows_shrinks_or_fails_leaves_nothing_behind() {
        let budget = Arc::new(HoldBudget::new(ROOM));
        let mut lease = budget.lease(client(1));
        for bytes in [1, SMALL_BODY, SMALL_BODY + 1, LARGE, SMALL_BODY, LARGE, 7] {
            lease.hold(bytes).unwrap();
        }
        lease.hold(ROOM / SHARE + 1).unwrap();
        let mut second = budget.lease(client(1));
        second.hold(LARGE).unwrap_err();
        second.hold(SMALL_BODY).unwrap();
        let rest: Vec<_> = (2..9).flat_map(|number| fill(&budget, client(number))).collect();
        let mut late = budget.lease(client(50));
        late.hold(LARGE).unwrap_err();
        drop((lease, second, rest, late));
        assert_eq!(budget.left.load(Ordering::Relaxed), ROOM);
        assert!(budget.shares.lock().unwrap().is_empty());
    }

    #[test]
    fn those_that_cannot_be_told_apart_have_no_share() {
        let budget = Arc::new(HoldBudget::new(ROOM));
        assert_eq!(fill(&budget, Client::LOCAL).len() * LARGE, ROOM - ROOM / RESERVE);
    }

    // R08: a thousand bodies that make their decoders ask for all they may have
    #[test]
    fn decoders_take_their_part_and_no_more() {
        let budget = Arc::new(HoldBudget::new(ROOM));
        let mut leases: Vec<_> = (0..1000).map(|_| budget.lease_to_expand(Client::LOCAL)).collect();
        let served = leases.iter_mut().filter_map(|lease| lease.hold(LARGE).ok()).count();
        assert_eq!(served * LARGE, ROOM / EXPANDING);
        // Everybody else still has the other part, less what is kept for small bodies.
        assert_eq!(fill(&budget, Client::LOCAL).len() * LARGE, ROOM - ROOM / EXPANDING - ROOM / RESERVE);
        drop(leases);
        assert_eq!(budget.left.load(Ordering::Relaxed), ROOM);
        assert_eq!(budget.left_to_expand.load(Ordering::Relaxed), ROOM / EXPANDING);
    }

    #[test]
    fn what_finds_no_room_is_given_back_to_the_part_of_the_decoders() {
        let budget = Arc::new(HoldBudget::new(ROOM));
        let _hoard = fill(&budget, Client::LOCAL);
        budget.lease_to_expand(client(1)).hold(LARGE).unwrap_err();
        assert_eq!(budget.left_to_expand.load(Ordering::Relaxed), ROOM / EXPANDING);
    }
}
