//! The region as a store.

use std::sync::Arc;

use buckler_limits::{Allowance, Answer, Answers, Charged, Check, Moment, Standing, State, Verdict, batch};
use memmap2::{MmapOptions, MmapRaw};
use portable_atomic::AtomicU128;
use smallvec::{SmallVec, smallvec};

use super::bucket::{Admitted, Bucket, Found, MOST_TRIES, Replaced};
use super::error::RegionError;
use super::file::{self, Held, Locked, RegionSettings};
use super::header::{HEADER, HashKey, Sizes};
use super::word::Step;
use crate::counters::{Counters, Reach};

/// Counts that all processes of a machine share; see [the module](super).
#[derive(Debug)]
pub struct Region {
    map: MmapRaw,
    buckets: usize,
    sizes: Sizes,
    key: HashKey,
    /// Its lock says that we use it.
    _file: Arc<Locked>,
}

impl Region {
    /// Opens the file of a region, and makes it where there is none, or where nobody uses it and it is not to be kept.
    ///
    /// Whoever shortens the file while it is used ends its users by a signal: it is for nobody else. One that is removed
    /// goes on being used by those who have it, and others make a new one.
    ///
    /// # Errors
    /// See [`RegionError`]; each says how to mend it.
    pub fn open(settings: &RegionSettings) -> Result<Self, RegionError> {
        Self::check_processor()?;
        let held = file::open(settings)?;
        Self::map(held).map_err(|why| RegionError::Open { path: settings.path.clone(), why })
    }

    /// Memory for so many live keys, which only this process and its children have.
    ///
    /// # Errors
    /// There is no memory, or the processor cannot do it.
    pub fn private(keys: u64) -> Result<Self, RegionError> {
        Self::check_processor()?;
        file::private(keys).and_then(Self::map).map_err(|why| RegionError::System { why })
    }

    /// What it takes of memory or disk, in bytes; that never changes.
    pub fn bytes(&self) -> u64 {
        self.sizes.bytes()
    }

    /// Live keys that it holds exactly.
    pub fn keys(&self) -> u64 {
        self.sizes.keys()
    }

    fn check_processor() -> Result<(), RegionError> {
        // What stands in for it takes a lock of its own process.
        if AtomicU128::is_lock_free() { Ok(()) } else { Err(RegionError::NotLockFree) }
    }

    fn map(held: Held) -> std::io::Result<Self> {
        let Held { file, header } = held;
        let too_large = |_| std::io::Error::from(std::io::ErrorKind::FileTooLarge);
        let bytes = usize::try_from(header.sizes.bytes()).map_err(too_large)?;
        let buckets = usize::try_from(header.sizes.buckets()).map_err(too_large)?;
        let map = MmapOptions::new().len(bytes).map_raw(file.file())?;
        Ok(Self { map, buckets, sizes: header.sizes, key: header.key, _file: file })
    }

    #[expect(unsafe_code, reason = "memory that other processes write to can only be had from a pointer")]
    #[expect(clippy::cast_ptr_alignment, reason = "a page is a multiple of a bucket's alignment")]
    fn buckets(&self) -> &[Bucket] {
        let first = self.map.as_mut_ptr().wrapping_add(HEADER).cast::<Bucket>();
        // SAFETY: the map has `HEADER` bytes and `buckets` of them, allocated before it was mapped, and lives as long as
        // `self`. A page is a multiple of a bucket's alignment. A bucket is made of atomics, for which every content is
        // valid, and neither we nor other processes touch it by other means (the file is open to our user alone).
        unsafe { std::slice::from_raw_parts(first, self.buckets) }
    }

    fn locate(&self, check: &Check) -> Option<Place<'_>> {
        let place = self.key.place(check.subject.as_bytes(), self.sizes.buckets());
        let bucket = self.buckets().get(usize::try_from(place.bucket).ok()?)?;
        Some(Place { bucket, tag: place.tag })
    }

    fn one(&self, check: &Check, now: Moment) -> Answer {
        let charged = self.locate(check).and_then(|place| place.charge(&check.allowance, check.cost, now));
        charged.map_or(Answer::Unavailable, |taken| Answer::Counted(taken.standing))
    }

    fn several(&self, batch: &[Check], now: Moment) -> Option<Answers> {
        let mut looked: SmallVec<[Looked<'_>; 2]> = SmallVec::new();
        let mut verdict = Verdict::Allowed;
        for check in batch {
            let one = self.locate(check)?.look(check, check.cost, now);
            if one.charged.standing.verdict == Verdict::Refused {
                verdict = Verdict::Refused;
            }
            looked.push(one);
        }
        if verdict == Verdict::Refused {
            return Some(looked.iter().map(|one| Answer::Counted(one.untaken(now))).collect());
        }
        let mut taken: SmallVec<[Taken; 2]> = SmallVec::new();
        for one in &looked {
            let last = one.take(now);
            if let Some(last) = last.filter(|last| last.standing.verdict == Verdict::Allowed) {
                taken.push(last);
                continue;
            }
            for (one, taken) in looked.iter().zip(&taken) {
                one.place.refund(one.check, *taken, now);
            }
            let mut answers: Answers =
                looked.iter().map(|one| Answer::Counted(one.place.look(one.check, 0, now).charged.standing)).collect();
            *answers.get_mut(taken.len())? = Answer::Counted(last?.standing);
            return Some(answers);
        }
        Some(taken.iter().map(|one| Answer::Counted(one.standing)).collect())
    }
}

impl Counters for Region {
    fn count(&self, batch: &[Check], now: Moment) -> Reach {
        Reach::Now(match batch {
            [check] => smallvec![self.one(check, now)],
            _ => self.several(batch, now).unwrap_or_else(|| batch::unavailable(batch)),
        })
    }
}

/// Where a key is kept, or would be.
#[derive(Debug, Clone, Copy)]
struct Place<'r> {
    bucket: &'r Bucket,
    tag: u64,
}

/// What a key held, and what a request would make of it.
#[derive(Debug, Clone, Copy)]
struct Looked<'r> {
    place: Place<'r>,
    check: &'r Check,
    found: Option<Found<'r>>,
    charged: Charged,
}

/// How a key stands after a request, and where that was counted.
#[derive(Debug, Clone, Copy)]
struct Taken {
    standing: Standing,
    at: At,
}

/// Where a key is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// In a cell of its own.
    Cell,
    /// With others for whom there is none.
    Account,
}

impl Looked<'_> {
    /// What is said where some check of the batch refuses: those that do say so, the others how they stand with nothing
    /// taken. What a clock that was set back has left is mended all the same, or a client whom one limit refuses would
    /// never be out of it; if somebody else is faster, he does it.
    fn untaken(&self, now: Moment) -> Standing {
        let said = match self.charged.standing.verdict {
            Verdict::Refused => *self,
            Verdict::Allowed => self.place.look(self.check, 0, now),
        };
        if let Some(found) = said.found {
            found.settle(said.charged.state, Step::of(&self.check.allowance, self.check.cost));
        }
        said.charged.standing
    }

    /// Makes it so; if the key holds something else by now, what follows from that.
    fn take(&self, now: Moment) -> Option<Taken> {
        let Check { allowance, cost, .. } = self.check;
        let step = Step::of(allowance, *cost);
        match self.found.map_or(Replaced::No, |found| found.settle(self.charged.state, step)) {
            Replaced::Yes => Some(Taken { standing: self.charged.standing, at: At::Cell }),
            Replaced::No => self.place.charge(allowance, *cost, now),
        }
    }
}

impl<'r> Place<'r> {
    /// What a request would make of it.
    fn look<'c>(self, check: &'c Check, cost: u32, now: Moment) -> Looked<'c>
    where
        'r: 'c,
    {
        let found = self.bucket.find(self.tag);
        let state = self.state(found, &check.allowance, now);
        Looked { place: self, check, found, charged: check.allowance.charge(state, now, cost) }
    }

    /// What it holds. Until it is charged for the first time, that is what those owe together who had no cell.
    #[inline]
    fn state(self, found: Option<Found<'_>>, allowance: &Allowance, now: Moment) -> State {
        match found {
            Some(found) if found.cell.state != State::EMPTY => found.cell.state,
            _ => self.bucket.account(allowance).owed(now),
        }
    }

    /// Takes `cost`, where there is as much. `None` where others were faster each time.
    fn charge(self, allowance: &Allowance, cost: u32, now: Moment) -> Option<Taken> {
        for _ in 0..MOST_TRIES {
            let found = self.bucket.find(self.tag);
            if found.is_none() && cost > 0 {
                if let Admitted::NoRoom(seen) = self.bucket.admit(self.tag, allowance, now) {
                    let account = self.bucket.account(allowance);
                    let standing = account.charge(cost, now)?;
                    if standing.verdict == Verdict::Refused || !self.bucket.has_come_in(self.tag, seen, now) {
                        return Some(Taken { standing, at: At::Account });
                    }
                    account.refund(cost, now);
                }
                continue;
            }
            let charged = allowance.charge(self.state(found, allowance, now), now, cost);
            let Some(found) = found else { return Some(Taken { standing: charged.standing, at: At::Account }) };
            if found.settle(charged.state, Step::of(allowance, cost)) == Replaced::Yes {
                return Some(Taken { standing: charged.standing, at: At::Cell });
            }
            std::hint::spin_loop();
        }
        None
    }

    /// Gives back what was taken, if the key still has its cell.
    fn refund(self, check: &Check, taken: Taken, now: Moment) {
        let Check { allowance, cost, .. } = check;
        if taken.at == At::Account {
            return self.bucket.account(allowance).refund(*cost, now);
        }
        for _ in 0..MOST_TRIES {
            let Some(found) = self.bucket.find(self.tag) else { return };
            if found.settle(allowance.refund(found.cell.state, now, *cost), Step::Small) == Replaced::Yes {
                return;
            }
            std::hint::spin_loop();
        }
    }
}
