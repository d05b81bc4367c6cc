//! Permits that a process has asked for at once and spends by itself.
//!
//! Nothing is admitted that the exact limit would have refused. A permit of a rate is a stretch of the time in which what
//! is used comes back, and it ends when that stretch is over: at any moment a lease is worth no more than lies between
//! now and the time at which all that was charged with it is free again. So what is spent late never adds to what had
//! come back meanwhile. A lease of a quota ends with its window.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use buckler_limits::{Allowance, Answer, Answers, Check, Standing, Verdict};
use smallvec::SmallVec;

use crate::keys::HashKey;
use crate::script::{Found, Taken, Wish};

/// Keys that leases, and refusals, are held for. Further ones are asked for exactly.
pub(crate) const MOST_KEYS: usize = 16_384;

/// A refusal is remembered no longer: whoever frees a key by hand waits this long at most.
pub(crate) const LONGEST_REFUSAL: Duration = Duration::from_secs(10);

/// Between two searches of a full table for what has ended, so that a flood of keys does not search for each.
const SWEEP_PAUSE: Duration = Duration::from_secs(1);

/// Of a quota: leases whose ends lie nearer to each other are of one window.
const SHORTEST_WINDOW: Duration = Duration::from_hours(24);

/// Hashes of keys are hashes already.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct AsItIs(u64);

impl std::hash::Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "half of a hash is one")]
    fn write_u128(&mut self, hash: u128) {
        self.0 = hash as u64;
    }
}

type Table<T> = HashMap<u128, T, BuildHasherDefault<AsItIs>>;

#[derive(Debug)]
struct Lease {
    permits: u64,
    ends: Instant,
    /// Of Redis, beside the permits.
    remaining: u64,
}

#[derive(Debug)]
enum Slot {
    /// Some request has asked for one; until when that is believed, and what is left of a quota's lease before.
    Asked(Instant, Option<Lease>),
    Held(Lease),
}

#[derive(Debug)]
struct Refusal {
    answers: Answers,
    from: Instant,
    until: Instant,
}

pub(crate) struct Leases {
    size: NonZeroU32,
    /// How long an answer may take: a question that was dropped is forgotten after it.
    timeout: Duration,
    key: HashKey,
    slots: Table<Slot>,
    refusals: Table<Refusal>,
    swept: Option<Instant>,
}

/// What a request does.
#[derive(Debug)]
pub(crate) enum Step {
    /// It is answered.
    Done(Answers),
    /// It asks for this.
    Ask(SmallVec<[Wish; 2]>),
}

impl Lease {
    /// What may still be spent of it.
    fn worth(&self, allowance: &Allowance, now: Instant) -> u64 {
        let left = self.ends.saturating_duration_since(now);
        match allowance {
            _ if left == Duration::ZERO => 0,
            Allowance::Rate(rate) => {
                let stretches = left.as_nanos() / u128::from(rate.interval());
                self.permits.min(u64::try_from(stretches).unwrap_or(u64::MAX))
            }
            Allowance::Quota(_) => self.permits,
        }
    }
}

impl Leases {
    pub(crate) fn new(size: NonZeroU32, timeout: Duration, key: HashKey) -> Self {
        Self { size, timeout, key, slots: Table::default(), refusals: Table::default(), swept: None }
    }

    /// Answers by what is held, or says what to ask for.
    pub(crate) fn step(&mut self, batch: &[Check], now: Instant) -> Step {
        let all = self.key.hash_all(batch);
        if let Some(refusal) = self.refusals.get(&all) {
            if now < refusal.until {
                return Step::Done(aged(&refusal.answers, now.saturating_duration_since(refusal.from)));
            }
            self.refusals.remove(&all);
        }
        if let Some(answers) = self.spend(batch, now) {
            return Step::Done(answers);
        }
        Step::Ask(batch.iter().map(|check| self.wish(check, now)).collect())
    }

    /// Of every check, or of none. One that looks has to see what Redis knows.
    fn spend(&mut self, batch: &[Check], now: Instant) -> Option<Answers> {
        let mut worths: SmallVec<[(u128, u64); 2]> = SmallVec::new();
        for check in batch {
            let hash = self.key.hash(check);
            let Some(Slot::Held(lease)) = self.slots.get(&hash) else { return None };
            let worth = lease.worth(&check.allowance, now);
            // One key twice in a request would be spent twice.
            let is_twice = worths.iter().any(|(other, _)| *other == hash);
            if check.cost == 0 || worth < u64::from(check.cost) || is_twice {
                return None;
            }
            worths.push((hash, worth));
        }
        let mut answers = Answers::new();
        for (check, (hash, worth)) in batch.iter().zip(worths) {
            let Some(Slot::Held(lease)) = self.slots.get_mut(&hash) else { return None };
            lease.permits = worth - u64::from(check.cost);
            answers.push(Answer::Counted(Standing {
                verdict: Verdict::Allowed,
                remaining: lease.remaining + lease.permits,
                retry_after: Duration::ZERO,
                reset_after: lease.ends.saturating_duration_since(now),
            }));
        }
        Some(answers)
    }

    /// A lease, unless one is held or under way: of many requests at once one asks for it.
    fn wish(&mut self, check: &Check, now: Instant) -> Wish {
        let exact = Wish { cost: check.cost, lease: check.cost };
        if check.cost == 0 || check.cost >= self.size.get() {
            return exact;
        }
        let hash = self.key.hash(check);
        let is_known = match self.slots.get(&hash) {
            Some(Slot::Asked(until, _)) if now < *until => return exact,
            Some(Slot::Held(lease)) if lease.worth(&check.allowance, now) >= u64::from(check.cost) => return exact,
            slot => slot.is_some(),
        };
        if !is_known && !self.has_room(now) {
            return exact;
        }
        // What is left of the one before is less than this request takes. Of a rate it comes back by itself.
        let left = match (self.slots.remove(&hash), &check.allowance) {
            (Some(Slot::Held(left)), Allowance::Quota(_)) => Some(left),
            (Some(Slot::Asked(_, left)), _) => left,
            _ => None,
        };
        self.slots.insert(hash, Slot::Asked(now + self.timeout, left));
        Wish { cost: check.cost, lease: self.size.get() }
    }

    /// Keeps what was given, and remembers what was refused. `asked` is when, so that nothing is believed for longer than
    /// Redis meant.
    pub(crate) fn settle(&mut self, batch: &[Check], wishes: &[Wish], found: &[Found], asked: Instant) -> Answers {
        let mut answers = Answers::new();
        for ((check, wish), found) in batch.iter().zip(wishes).zip(found) {
            let mut standing = found.standing;
            if wish.lease != wish.cost {
                let hash = self.key.hash(check);
                let left = match self.slots.remove(&hash) {
                    Some(Slot::Asked(_, left)) => left,
                    // An answer came so late that another request has asked, and has got a lease: it is given up.
                    Some(Slot::Held(_)) | None => None,
                };
                if found.taken == Taken::Lease {
                    let ends = asked + standing.reset_after;
                    let of_window = left.filter(|left| ends < left.ends + SHORTEST_WINDOW / 2);
                    let permits = u64::from(wish.lease - wish.cost) + of_window.map_or(0, |left| left.permits);
                    self.slots.insert(hash, Slot::Held(Lease { permits, ends, remaining: standing.remaining }));
                    standing.remaining += permits;
                } else if let Some(left) = left {
                    self.slots.insert(hash, Slot::Held(left));
                }
            }
            answers.push(Answer::Counted(standing));
        }
        self.remember(batch, &answers, asked);
        answers
    }

    /// Until the first of the limits that refuse would not.
    fn remember(&mut self, batch: &[Check], answers: &Answers, asked: Instant) {
        let refused = answers.iter().filter(|answer| answer.refuses()).filter_map(Answer::standing);
        let Some(pause) = refused.map(|standing| standing.retry_after).min() else { return };
        if self.refusals.len() >= MOST_KEYS {
            self.sweep(asked);
        }
        if self.refusals.len() < MOST_KEYS {
            let until = asked + pause.min(LONGEST_REFUSAL);
            let refusal = Refusal { answers: answers.clone(), from: asked, until };
            self.refusals.insert(self.key.hash_all(batch), refusal);
        }
    }

    fn has_room(&mut self, now: Instant) -> bool {
        if self.slots.len() >= MOST_KEYS {
            self.sweep(now);
        }
        self.slots.len() < MOST_KEYS
    }

    fn sweep(&mut self, now: Instant) {
        if self.swept.is_some_and(|swept| now < swept + SWEEP_PAUSE) {
            return;
        }
        self.swept = Some(now);
        self.refusals.retain(|_, refusal| now < refusal.until);
        self.slots.retain(|_, slot| match slot {
            Slot::Asked(until, _) => now < *until,
            Slot::Held(lease) => lease.permits > 0 && now < lease.ends,
        });
    }
}

/// What was said a while ago, as it is now.
fn aged(answers: &Answers, age: Duration) -> Answers {
    let older = |time: Duration| if time == Standing::NEVER { time } else { time.saturating_sub(age) };
    let aged = |answer: &Answer| match answer {
        Answer::Counted(standing) => Answer::Counted(Standing {
            retry_after: older(standing.retry_after),
            reset_after: older(standing.reset_after),
            ..*standing
        }),
        other => *other,
    };
    answers.iter().map(aged).collect()
}
