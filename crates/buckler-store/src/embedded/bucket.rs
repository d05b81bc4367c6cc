//! Cells that keys share, and how a key comes into one.

use buckler_limits::{Allowance, Moment};
use portable_atomic::{AtomicU128, Ordering};

use super::word::{Cell, Claim, Head, Loss, Pending, Scale, Version};

/// Keys that a bucket holds: with the claim they take 512 bytes, eight lines of a cache. More would make a search longer,
/// fewer would make it likelier that a bucket is full before the region is.
pub(super) const CELLS: usize = 31;

/// The cell for those who come when all others owe too much to be forgotten.
const LAST: usize = CELLS - 1;

/// Attempts before a request gives up. Each one that fails is another's that succeeded, so on any number of cores
/// one of so many succeeds, unless somebody has written what we never write.
pub(super) const MOST_TRIES: usize = 4096;

/// A word for the claim, and the cells. Those that were never used are behind all others.
#[repr(C, align(512))]
#[derive(Debug)]
pub(super) struct Bucket {
    claim: AtomicU128,
    cells: [AtomicU128; CELLS],
}

/// The cell of a key, and what it held a moment ago.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found<'b> {
    at: &'b AtomicU128,
    pub(super) cell: Cell,
}

impl Found<'_> {
    /// Leaves `state` in place of what was read, if that is still there. What is the same need not be written.
    #[inline]
    pub(super) fn settle(&self, state: buckler_limits::State) -> Replaced {
        if state == self.cell.state { Replaced::Yes } else { self.replace(state) }
    }

    #[inline]
    fn replace(&self, state: buckler_limits::State) -> Replaced {
        let next = Cell { head: self.cell.head, state };
        match self.at.compare_exchange(self.cell.word(), next.word(), Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => Replaced::Yes,
            Err(_) => Replaced::No,
        }
    }
}

/// Whether a cell was still what it was when it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Replaced {
    /// It holds what was to be written.
    Yes,
    /// Another one was faster.
    No,
}

impl Bucket {
    #[inline]
    pub(super) fn find(&self, tag: u64) -> Option<Found<'_>> {
        for at in &self.cells {
            let word = at.load(Ordering::Acquire);
            let cell = Cell::read(word);
            if cell.head.tag() == tag {
                return Some(Found { at, cell });
            }
            if word == Cell::EMPTY {
                return None;
            }
        }
        None
    }

    /// Tries to give a cell to a key that was not found; then it has to be looked for again.
    pub(super) fn admit(&self, tag: u64, allowance: &Allowance, now: Moment) {
        let word = self.claim.load(Ordering::Acquire);
        let version = match Claim::read(word) {
            Claim::Idle(version) => version,
            Claim::Pending(pending) => return self.carry_out(pending, word, now),
        };
        // Only a claim of this version can tell that nobody has come in since, so what came before it is looked at again.
        if self.find(tag).is_some() {
            return;
        }
        let pending = self.pending(tag, allowance, version, now);
        let claimed = Claim::Pending(pending).word();
        if self.claim.compare_exchange(word, claimed, Ordering::AcqRel, Ordering::Acquire).is_ok() {
            self.carry_out(pending, claimed, now);
        }
    }

    fn pending(&self, tag: u64, allowance: &Allowance, version: Version, now: Moment) -> Pending {
        let scale = Scale::of(allowance);
        let window = allowance.window_end(now).unwrap_or_default();
        Pending { head: Head::new(tag, version.0, scale), slot: self.victim(now), window, version }
    }

    /// The cell whose loss is the least. Where each would be too much it is the last one, which is for nothing but that:
    /// so the others stay.
    fn victim(&self, now: Moment) -> usize {
        let mut victim = (LAST, None);
        for (slot, at) in self.cells.iter().enumerate().take(LAST) {
            let loss = Cell::read(at.load(Ordering::Acquire)).loss(now);
            if loss == Loss::Empty {
                return slot;
            }
            let is_less = victim.1.is_none_or(|least| loss < least);
            if is_less && !matches!(loss, Loss::Much(_)) {
                victim = (slot, Some(loss));
            }
        }
        victim.0
    }

    /// Does what a claim says, whoever wrote it. Others may do the same at the same time.
    fn carry_out(&self, pending: Pending, claimed: u128, now: Moment) {
        // A claim that names no cell is none that we wrote.
        if let Some(at) = self.cells.get(pending.slot)
            && self.install(at, pending, claimed, now) == Installed::NotYet
        {
            return;
        }
        // Where this fails another one has done it.
        let _done = self.claim.compare_exchange(claimed, pending.done().word(), Ordering::AcqRel, Ordering::Acquire);
    }

    fn install(&self, at: &AtomicU128, pending: Pending, claimed: u128, now: Moment) -> Installed {
        for _ in 0..MOST_TRIES {
            let before = Cell::read(at.load(Ordering::Acquire));
            if before.head == pending.head {
                return Installed::Yes;
            }
            // As long as the claim stands, what was read before it is not yet what the claim wants, and the exchange
            // fails if it has become that; a later claim gives its cell another generation.
            if self.claim.load(Ordering::Acquire) != claimed {
                return Installed::Yes;
            }
            let after = pending.cell(before, now).word();
            if at.compare_exchange(before.word(), after, Ordering::AcqRel, Ordering::Acquire).is_ok() {
                return Installed::Yes;
            }
        }
        Installed::NotYet
    }
}

/// Whether a claim has been carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Installed {
    /// By us or by another one.
    Yes,
    /// What it is to take the place of is used too much; the next one tries again.
    NotYet,
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use buckler_limits::{Quota, Rate, State, Window};

    use super::*;

    const NOW: Moment = Moment(1_763_208_000_000_000);

    fn bucket() -> Bucket {
        Bucket { claim: AtomicU128::new(0), cells: [const { AtomicU128::new(0) }; CELLS] }
    }

    fn minutely(count: u64) -> Allowance {
        Allowance::Rate(Rate::new(count, Duration::from_mins(1), count).unwrap())
    }

    /// Takes `cost` for a key, which gets a cell if it has none.
    fn charge(bucket: &Bucket, tag: u64, allowance: &Allowance, cost: u32) {
        while bucket.find(tag).is_none() {
            bucket.admit(tag, allowance, NOW);
        }
        let found = bucket.find(tag).unwrap();
        let charged = allowance.charge(found.cell.state, NOW, cost);
        assert_eq!(found.replace(charged.state), Replaced::Yes);
    }

    fn debt(bucket: &Bucket, tag: u64) -> Option<u64> {
        bucket.find(tag).map(|found| found.cell.state.debt(NOW))
    }

    // R13: whoever claimed a cell was killed before, between or after what the claim says
    #[test]
    fn a_claim_that_was_left_is_carried_out_once() {
        for killed_after in 0..3 {
            let (bucket, limit) = (bucket(), minutely(5));
            charge(&bucket, 1, &limit, 1);
            let Claim::Idle(version) = Claim::read(bucket.claim.load(Ordering::Acquire)) else { panic!("one is done") };
            let pending = bucket.pending(2, &limit, version, NOW);
            bucket.claim.store(Claim::Pending(pending).word(), Ordering::Release);
            if killed_after > 0 {
                let cell = pending.cell(Cell::read(Cell::EMPTY), NOW);
                bucket.cells[pending.slot].store(cell.word(), Ordering::Release);
            }
            if killed_after > 1 {
                charge(&bucket, 2, &limit, 3);
            }
            // It needs room, and so does what is left to do first.
            charge(&bucket, 3, &limit, 1);
            charge(&bucket, 2, &limit, 1);
            let taken = limit.scale() / 5 * if killed_after > 1 { 4 } else { 1 };
            assert_eq!(debt(&bucket, 2), Some(taken), "{killed_after}");
            let cells = bucket.cells.iter().map(|cell| Cell::read(cell.load(Ordering::Acquire)));
            assert_eq!(cells.filter(|cell| cell.head.tag() == 2).count(), 1, "{killed_after}");
        }
    }

    // R13: a helper that slept wakes up when its claim is long done
    #[test]
    fn who_helps_too_late_changes_nothing() {
        let (bucket, limit) = (bucket(), minutely(5));
        let pending = bucket.pending(1, &limit, Version(0), NOW);
        let claimed = Claim::Pending(pending).word();
        charge(&bucket, 1, &limit, 4);
        charge(&bucket, 2, &limit, 1);
        bucket.carry_out(pending, claimed, NOW);
        assert_eq!(debt(&bucket, 1), Some(limit.scale() / 5 * 4));
        assert_eq!(Claim::read(bucket.claim.load(Ordering::Acquire)), Claim::Idle(Version(2)));
    }

    // R13: the same, and the cell that it was to write has gone to another key
    #[test]
    fn who_helps_too_late_takes_no_cell() {
        let (bucket, limit) = (bucket(), minutely(5));
        let pending = bucket.pending(1, &limit, Version(0), NOW);
        charge(&bucket, 2, &limit, 4);
        bucket.carry_out(pending, Claim::Pending(pending).word(), NOW);
        assert_eq!((debt(&bucket, 1), debt(&bucket, 2)), (None, Some(limit.scale() / 5 * 4)));
    }

    // R13: whoever looked before another one brought the key in
    #[test]
    fn a_key_that_is_there_comes_in_once() {
        let (bucket, limit) = (bucket(), minutely(5));
        charge(&bucket, 1, &limit, 1);
        bucket.admit(1, &limit, NOW);
        let cells = bucket.cells.iter().filter(|cell| cell.load(Ordering::Acquire) != Cell::EMPTY);
        assert_eq!(cells.count(), 1);
    }

    // R13: what is forgotten, in a bucket that is full
    #[test]
    fn the_least_is_forgotten_and_half_is_not() {
        let (bucket, limit) = (bucket(), minutely(8));
        for tag in 1..=30 {
            charge(&bucket, tag, &limit, if tag == 7 { 1 } else { 6 });
        }
        charge(&bucket, 100, &limit, 4);
        assert_eq!((debt(&bucket, 7), debt(&bucket, 100)), (None, Some(limit.scale() / 2)));
        // All owe half or more now: newcomers share the last cell, whatever their limits.
        charge(&bucket, 101, &limit, 5);
        charge(&bucket, 102, &limit, 1);
        assert_eq!(debt(&bucket, 101), None);
        let owed = debt(&bucket, 102).unwrap();
        assert!(
            (limit.scale() / 8 * 6).abs_diff(owed) <= limit.scale() >> 15,
            "five of the one before, and its own: {owed}"
        );
        let monthly = Allowance::Quota(Quota::new(1_000, Window::Month).unwrap());
        charge(&bucket, 103, &monthly, 1);
        let owed = debt(&bucket, 103).unwrap();
        // Three quarters, as exactly as scales are kept.
        assert!((656..=844).contains(&owed), "{owed}");
        for tag in (1..=30).filter(|tag| *tag != 7) {
            assert_eq!(debt(&bucket, tag), Some(limit.scale() / 8 * 6), "{tag}");
        }
    }

    // R13: a clock that was set back by a year leaves no cell that nobody may have
    #[test]
    fn what_a_wrong_clock_has_left_gives_way() {
        let (bucket, limit) = (bucket(), minutely(8));
        for tag in 1..=30 {
            bucket.admit(tag, &limit, NOW);
            let found = bucket.find(tag).unwrap();
            assert_eq!(found.replace(State::rate(NOW, 365 * 86_400_000_000_000)), Replaced::Yes);
        }
        charge(&bucket, 100, &limit, 1);
        assert_eq!(debt(&bucket, 100), Some(limit.scale() / 8));
    }
}
