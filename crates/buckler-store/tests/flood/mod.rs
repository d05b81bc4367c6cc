//! A flood of fresh keys through a region that is made for a hundredth of them, while offenders go on asking.

use std::time::Duration;

use buckler_limits::{Allowance, Answer, Check, Limit, LimitId, Moment, State, StoreDown, Subject, Verdict};
use buckler_store::embedded::Region;
use buckler_store::{Counters, Reach};

/// What is flooded, and how much of it.
pub(crate) struct Flood {
    pub(crate) name: &'static str,
    /// Live keys that the region is made for.
    pub(crate) capacity: u64,
    /// Fresh keys, each of which asks once; as many come in a second as the region is made for.
    pub(crate) keys: u64,
    /// The limits of the fresh keys, in turn.
    pub(crate) limits: &'static [&'static str],
}

/// Limits of those who ask all the time.
pub(crate) const OFFENDERS: [&str; 7] =
    ["5/minute", "100/hour burst 20", "2/30s", "600/minute burst 100", "50/day", "1/10s burst 1", "1/hour"];

/// Of each limit.
pub(crate) const EACH: u64 = 8;

/// Fresh keys between two requests of one offender.
const BETWEEN: u64 = 100;

/// Every so many fresh keys one comes again: somebody who means well.
const AGAIN: u64 = 50;

/// What became of the offenders of one limit.
pub(crate) struct Held {
    pub(crate) limit: &'static str,
    /// At once.
    pub(crate) burst: u64,
    /// Requests that passed.
    pub(crate) admitted: u64,
    /// That would have, had nobody else been there.
    pub(crate) right: u64,
}

/// How a flood went.
pub(crate) struct Outcome {
    pub(crate) offenders: Vec<Held>,
    /// Of fresh keys, in thousandths.
    pub(crate) admitted: u64,
    /// Kibibytes that the process has more than before, without those of the region.
    pub(crate) grown: u64,
}

fn check(limit: &str, key: u64) -> Check {
    let allowance = limit.parse::<Limit>().unwrap().allowance;
    let mut subject = Subject::new(LimitId::of("flood", limit));
    subject.push(&key.to_le_bytes());
    Check { subject, allowance, cost: 1, store_down: StoreDown::Closed }
}

fn passes(region: &Region, check: &Check, now: Moment) -> bool {
    let Reach::Now(answers) = region.count(std::slice::from_ref(check), now) else {
        unreachable!("it answers at once")
    };
    let [Answer::Counted(standing)] = answers.as_slice() else { unreachable!("{answers:?}") };
    standing.verdict == Verdict::Allowed
}

/// Kibibytes of memory that the process has.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

struct Offender {
    check: Check,
    alone: State,
    admitted: u64,
    right: u64,
}

impl Offender {
    fn ask(&mut self, region: &Region, now: Moment) {
        self.admitted += u64::from(passes(region, &self.check, now));
        let right = self.check.allowance.charge(self.alone, now, 1);
        self.alone = right.state;
        self.right += u64::from(right.standing.verdict == Verdict::Allowed);
    }
}

impl Flood {
    pub(crate) fn run(&self) -> Outcome {
        let region = Region::private(self.capacity).unwrap();
        // Noon, so that no day ends meanwhile.
        let mut now = Moment(1_763_208_000_000_000);
        let mut offenders: Vec<Offender> = OFFENDERS
            .iter()
            .flat_map(|limit| (0..EACH).map(|key| check(limit, u64::MAX - key)))
            .map(|check| Offender { check, alone: State::EMPTY, admitted: 0, right: 0 })
            .collect();
        // They have used what they may before the flood begins.
        for offender in &mut offenders {
            (0..=offender.check.allowance.capacity()).for_each(|_| offender.ask(&region, now));
        }
        let (before, step) = (resident(), Duration::from_secs(1).as_micros() / u128::from(self.capacity));
        let step = u64::try_from(step).unwrap();
        let checks: Vec<Check> = self.limits.iter().map(|limit| check(limit, 0)).collect();
        let mut admitted = 0;
        for (key, like) in (0..self.keys).zip(checks.iter().cycle()) {
            now = Moment(now.0 + step);
            let mut subject = Subject::new(LimitId(key % 7));
            subject.push(&key.to_le_bytes());
            let fresh = Check { subject, ..like.clone() };
            admitted += u64::from(passes(&region, &fresh, now));
            if key.is_multiple_of(AGAIN) {
                passes(&region, &fresh, now);
            }
            let turn = offenders.len() as u64;
            let due = (key % BETWEEN) < turn;
            if let Some(offender) = offenders.get_mut(usize::try_from(key % BETWEEN).unwrap()).filter(|_| due) {
                offender.ask(&region, now);
            }
        }
        let touched = region.bytes() / 1024;
        Outcome {
            offenders: OFFENDERS.iter().map(|limit| held(limit, &offenders)).collect(),
            admitted: admitted * 1000 / self.keys,
            grown: resident().saturating_sub(before + touched),
        }
    }
}

fn held(limit: &'static str, offenders: &[Offender]) -> Held {
    let of = LimitId::of("flood", limit);
    let same: Vec<_> =
        offenders.iter().filter(|one| one.check.subject.as_bytes().starts_with(&of.0.to_le_bytes())).collect();
    let burst = match same.first().map(|one| one.check.allowance) {
        Some(Allowance::Rate(rate)) => rate.burst(),
        Some(Allowance::Quota(quota)) => quota.count(),
        None => 0,
    };
    Held {
        limit,
        burst,
        admitted: same.iter().map(|one| one.admitted).sum(),
        right: same.iter().map(|one| one.right).sum(),
    }
}

/// Floods of one limit, of all kinds, and of the one kind that fills every bucket with keys that owe all they can.
pub(crate) fn floods(capacity: u64, keys: u64) -> [Flood; 4] {
    let of = |name, limits| Flood { name, capacity, keys, limits };
    [
        of("light", &["600/minute burst 100"]),
        of(
            "mixed",
            &["1/second", "10/minute burst 5", "100/hour burst 20", "1000/day", "5/minute", "1/minute burst 1"],
        ),
        of("burst of one", &["1/minute burst 1"]),
        of("burst of one an hour", &["1/hour", "1/second"]),
    ]
}
