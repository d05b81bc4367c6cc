//! Cells that keys share, and how a key comes into one.

use buckler_limits::{Allowance, Moment, State};
use portable_atomic::{AtomicU128, Ordering};

use super::overflow::{self, Account};
use super::word::{Cell, Claim, Head, Loss, Pending, Scale, Step};

/// Keys that a bucket holds: with the claim and the accounts they take 512 bytes, eight lines of a cache. More would make a
/// search longer, fewer would make it likelier that a bucket is full before the region is.
pub(super) const CELLS: usize = 29;

/// Attempts before a request gives up. Each one that fails is another's that succeeded, so on any number of cores
/// one of so many succeeds, unless somebody has written what we never write.
pub(super) const MOST_TRIES: usize = 4096;

/// The cells, of which those that were never used are behind all others; and what only newcomers need.
#[repr(C, align(512))]
#[derive(Debug)]
pub(super) struct Bucket {
    cells: [AtomicU128; CELLS],
    claim: AtomicU128,
    accounts: [AtomicU128; overflow::WORDS],
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
    pub(super) fn settle(&self, state: State, step: Step) -> Replaced {
        let next = Cell { head: self.cell.head.after(step), state };
        if next == self.cell {
            return Replaced::Yes;
        }
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

/// What became of a key that was not found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Admitted {
    /// It may have a cell by now: it is to be looked for again.
    Perhaps,
    /// All cells owe too much to be forgotten, as of this word of the claim.
    NoRoom(u128),
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

    /// What counts those for whom there is no cell.
    pub(super) fn account<'b>(&'b self, allowance: &'b Allowance) -> Account<'b> {
        Account::of(&self.accounts, allowance)
    }

    /// Tries to give a cell to a key that was not found.
    pub(super) fn admit(&self, tag: u64, allowance: &Allowance, now: Moment) -> Admitted {
        let word = self.claim.load(Ordering::Acquire);
        let version = match Claim::read(word) {
            Claim::Idle(version) => version,
            Claim::Pending(pending) => {
                self.carry_out(pending, word, now);
                return Admitted::Perhaps;
            }
        };
        // Only a claim of this version can tell that nobody has come in since, so what came before it is looked at again.
        if self.find(tag).is_some() {
            return Admitted::Perhaps;
        }
        let Some(slot) = self.victim(now) else { return Admitted::NoRoom(word) };
        let pending = Pending { head: Head::new(tag, version, Scale::of(allowance)), slot, version };
        let claimed = Claim::Pending(pending).word();
        if self.claim.compare_exchange(word, claimed, Ordering::SeqCst, Ordering::Acquire).is_ok() {
            self.carry_out(pending, claimed, now);
        }
        Admitted::Perhaps
    }

    /// Whether a key has a cell that had none when the claim was `seen`.
    ///
    /// Whoever is counted in an account asks so afterwards; whoever has a new cell reads the account after the claim for it
    /// was written. All of that is in one order, so one of the two sees the other, and no key has both.
    pub(super) fn has_come_in(&self, tag: u64, seen: u128, now: Moment) -> bool {
        let word = self.claim.load(Ordering::SeqCst);
        if word == seen {
            return false;
        }
        if let Claim::Pending(pending) = Claim::read(word) {
            self.carry_out(pending, word, now);
        }
        self.find(tag).is_some()
    }

    /// The cell whose loss is the least; `None` where each would be too much.
    fn victim(&self, now: Moment) -> Option<usize> {
        let mut victim: Option<(usize, Loss)> = None;
        for (slot, at) in self.cells.iter().enumerate() {
            let loss = Cell::read(at.load(Ordering::Acquire)).loss(now);
            if loss == Loss::Empty {
                return Some(slot);
            }
            if loss != Loss::Much && victim.is_none_or(|(_, least)| loss < least) {
                victim = Some((slot, loss));
            }
        }
        victim.map(|(slot, _)| slot)
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
            // It has the new key, or has used much and was passed by. What is as old by chance is passed by as well, and
            // whoever wants room claims one anew.
            if before.word() != Cell::EMPTY && before.head.is_as_old_as(pending.head) {
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
    /// By us or by another one, or it has been passed by.
    Yes,
    /// What it is to take the place of changes all the time; the next one tries again.
    NotYet,
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use buckler_limits::Rate;

    use super::super::word::Version;
    use super::*;

    const NOW: Moment = Moment(1_763_208_000_000_000);

    fn bucket() -> Bucket {
        Bucket {
            cells: [const { AtomicU128::new(0) }; CELLS],
            claim: AtomicU128::new(0),
            accounts: [const { AtomicU128::new(0) }; overflow::WORDS],
        }
    }

    fn minutely(count: u64) -> Allowance {
        Allowance::Rate(Rate::new(count, Duration::from_mins(1), count).unwrap())
    }

    /// Takes `cost` for a key, which gets a cell if it has none.
    fn charge(bucket: &Bucket, tag: u64, allowance: &Allowance, cost: u32) {
        while bucket.find(tag).is_none() {
            assert_eq!(bucket.admit(tag, allowance, NOW), Admitted::Perhaps);
        }
        let found = bucket.find(tag).unwrap();
        let charged = allowance.charge(found.cell.state, NOW, cost);
        assert_eq!(found.settle(charged.state, Step::of(allowance, cost)), Replaced::Yes);
    }

    fn claim(bucket: &Bucket, tag: u64, allowance: &Allowance, version: Version) -> Pending {
        Pending { head: Head::new(tag, version, Scale::of(allowance)), slot: bucket.victim(NOW).unwrap(), version }
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
            let pending = claim(&bucket, 2, &limit, version);
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
        let pending = claim(&bucket, 1, &limit, Version(0));
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
        let pending = claim(&bucket, 1, &limit, Version(0));
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
        let all = 1..=u64::try_from(CELLS).unwrap();
        for tag in all.clone() {
            charge(&bucket, tag, &limit, if tag == 7 { 1 } else { 5 });
        }
        charge(&bucket, 100, &limit, 4);
        assert_eq!((debt(&bucket, 7), debt(&bucket, 100)), (None, Some(limit.scale() / 2)));
        // All owe half or more now.
        assert!(matches!(bucket.admit(101, &limit, NOW), Admitted::NoRoom(_)));
        for tag in all.filter(|tag| *tag != 7) {
            assert_eq!(debt(&bucket, tag), Some(limit.scale() / 8 * 5), "{tag}");
        }
    }

    // R13: where one request takes half or more, whoever is refused may owe next to nothing
    #[test]
    fn of_large_steps_nothing_is_forgotten() {
        let wide = minutely(9);
        for (allowance, cost) in [(minutely(1), 1), (minutely(2), 1), (minutely(9), 5), (minutely(9), 9)] {
            let bucket = bucket();
            for tag in 1..u64::try_from(CELLS).unwrap() {
                charge(&bucket, tag, &allowance, cost);
            }
            // It may be looked at, or take less: its step stays.
            charge(&bucket, 1, &allowance, 0);
            charge(&bucket, 100, &wide, 4);
            let ends = bucket.find(1).unwrap().cell.state.debt(NOW);
            for (passed, is_kept) in [(0, true), (ends / 2 + 1_000, true), (ends - 1_000, true), (ends, false)] {
                let later = Moment(NOW.0 + passed.div_ceil(1_000));
                let slot = bucket.victim(later);
                let kept = bucket.find(1).unwrap().cell.loss(later) == Loss::Much;
                assert_eq!(kept, is_kept, "{allowance:?}, {cost}, after {passed}");
                assert!(
                    !is_kept || slot == Some(CELLS - 1),
                    "{allowance:?}, {cost}: the one of a small step gives way"
                );
            }
        }
    }

    // R13: between the choice of a cell and its loss its key comes back
    #[test]
    fn who_comes_back_in_time_keeps_its_cell() {
        let (bucket, limit) = (bucket(), minutely(8));
        for tag in 1..=u64::try_from(CELLS).unwrap() {
            charge(&bucket, tag, &limit, if tag == 7 { 1 } else { 5 });
        }
        let Claim::Idle(version) = Claim::read(bucket.claim.load(Ordering::Acquire)) else { panic!("all are done") };
        let pending = claim(&bucket, 100, &limit, version);
        let claimed = Claim::Pending(pending).word();
        bucket.claim.store(claimed, Ordering::Release);
        // A helper has read it, and sleeps from here.
        let slept = bucket.cells[pending.slot].load(Ordering::Acquire);
        charge(&bucket, 7, &limit, 3);
        assert_eq!(bucket.admit(100, &limit, NOW), Admitted::Perhaps, "it helps");
        assert!(matches!(bucket.admit(100, &limit, NOW), Admitted::NoRoom(_)));
        assert_eq!((debt(&bucket, 7), debt(&bucket, 100)), (Some(limit.scale() / 2), None));
        // What was taken is given back, to the nanosecond: the helper finds it changed all the same.
        let found = bucket.find(7).unwrap();
        assert_eq!(found.settle(limit.refund(found.cell.state, NOW, 3), Step::Small), Replaced::Yes);
        assert_eq!(debt(&bucket, 7), Some(limit.scale() / 8));
        assert_ne!(bucket.cells[pending.slot].load(Ordering::Acquire), slept);
        bucket.carry_out(pending, claimed, NOW);
        charge(&bucket, 100, &limit, 1);
        let cells = bucket.cells.iter().map(|cell| Cell::read(cell.load(Ordering::Acquire)));
        assert_eq!(cells.filter(|cell| cell.head.tag() == 100).count(), 1);
    }

    // R13: who is counted with others and gets a cell at that moment is counted once
    #[test]
    fn an_account_and_a_claim_see_each_other() {
        let (bucket, limit) = (bucket(), minutely(8));
        let seen = bucket.claim.load(Ordering::Acquire);
        assert!(!bucket.has_come_in(1, seen, NOW));
        charge(&bucket, 2, &limit, 1);
        assert!(!bucket.has_come_in(1, seen, NOW), "another one came");
        let Claim::Idle(version) = Claim::read(bucket.claim.load(Ordering::Acquire)) else { panic!("one is done") };
        bucket.claim.store(Claim::Pending(claim(&bucket, 1, &limit, version)).word(), Ordering::Release);
        assert!(bucket.has_come_in(1, seen, NOW), "its claim is carried out");
        assert_eq!(debt(&bucket, 1), Some(0));
    }

    // R13: a clock that was set back by a year leaves no cell that nobody may have
    #[test]
    fn what_a_wrong_clock_has_left_gives_way() {
        let (bucket, limit) = (bucket(), minutely(8));
        for tag in 1..=u64::try_from(CELLS).unwrap() {
            bucket.admit(tag, &limit, NOW);
            let found = bucket.find(tag).unwrap();
            assert_eq!(found.settle(State::rate(NOW, 365 * 86_400_000_000_000), Step::Large), Replaced::Yes);
        }
        charge(&bucket, 100, &limit, 1);
        assert_eq!(debt(&bucket, 100), Some(limit.scale() / 8));
    }
}
