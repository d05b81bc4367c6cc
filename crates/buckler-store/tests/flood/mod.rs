//! A flood of fresh keys through a region that is made for a hundredth of them, while offenders go on asking.

use std::time::Duration;

use buckler_limits::{Answer, Check, Limit, LimitId, Moment, State, StoreDown, Subject, Verdict};
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

/// Limits of those who ask all the time, and what each of their requests takes.
pub(crate) const OFFENDERS: [(&str, u32); 12] = [
    ("5/minute", 1),
    ("100/hour burst 20", 1),
    ("2/30s", 1),
    ("600/minute burst 100", 1),
    ("50/day", 1),
    // All at once is a single request.
    ("1/10s", 1),
    ("1/hour", 1),
    ("5/minute burst 1", 1),
    ("5/minute", 3),
    ("1/day", 1),
    // Owes a little less than half for a moment before each request that passes.
    ("2/7s", 1),
    ("10/day", 5),
];

/// Of each limit; half of them begin in the middle of the flood.
pub(crate) const EACH: u64 = 8;

/// Fresh keys between two requests of one offender.
const BETWEEN: u64 = 100;

/// Every so many fresh keys one comes again: somebody who means well.
const AGAIN: u64 = 50;

/// When an offender asks for the first time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Begin {
    /// Before the flood.
    Before,
    /// In the middle of it.
    Amid,
}

/// What became of the offenders of one limit.
pub(crate) struct Held {
    pub(crate) limit: &'static str,
    pub(crate) cost: u32,
    pub(crate) begin: Begin,
    /// Requests that passed.
    pub(crate) admitted: u64,
    /// That would have, had nobody else been there.
    pub(crate) right: u64,
    /// What each had more than is right, together.
    pub(crate) over: u64,
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
    /// One of [`OFFENDERS`].
    kind: (&'static str, u32),
    begin: Begin,
    check: Check,
    alone: State,
    admitted: u64,
    right: u64,
}

impl Offender {
    fn ask(&mut self, region: &Region, now: Moment) {
        self.admitted += u64::from(passes(region, &self.check, now));
        let right = self.check.allowance.charge(self.alone, now, self.check.cost);
        self.alone = right.state;
        self.right += u64::from(right.standing.verdict == Verdict::Allowed);
    }
}

impl Flood {
    pub(crate) fn run(&self) -> Outcome {
        let region = Region::private(self.capacity).unwrap();
        // Noon, so that no day ends meanwhile.
        let mut now = Moment(1_763_208_000_000_000);
        let mut offenders: Vec<Offender> = (0..EACH)
            .flat_map(|key| OFFENDERS.iter().map(move |kind| (key, *kind)))
            .map(|(key, kind @ (limit, cost))| Offender {
                kind,
                begin: if key % 2 == 0 { Begin::Before } else { Begin::Amid },
                check: Check { cost, ..check(limit, key << 32 | u64::from(cost)) },
                alone: State::EMPTY,
                admitted: 0,
                right: 0,
            })
            .collect();
        // Half of them have used what they may before the flood begins.
        for offender in offenders.iter_mut().filter(|offender| offender.begin == Begin::Before) {
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
            let due = offenders.get_mut(usize::try_from(key % BETWEEN).unwrap());
            if let Some(offender) = due.filter(|offender| offender.begin == Begin::Before || key >= self.keys / 3) {
                offender.ask(&region, now);
            }
        }
        let touched = region.bytes() / 1024;
        Outcome {
            offenders: OFFENDERS
                .iter()
                .flat_map(|kind| [Begin::Before, Begin::Amid].map(|begin| held(*kind, begin, &offenders)))
                .collect(),
            admitted: admitted * 1000 / self.keys,
            grown: resident().saturating_sub(before + touched),
        }
    }
}

fn held(kind: (&'static str, u32), begin: Begin, offenders: &[Offender]) -> Held {
    let same: Vec<_> = offenders.iter().filter(|one| (one.kind, one.begin) == (kind, begin)).collect();
    let (limit, cost) = kind;
    Held {
        limit,
        cost,
        begin,
        admitted: same.iter().map(|one| one.admitted).sum(),
        right: same.iter().map(|one| one.right).sum(),
        over: same.iter().map(|one| one.admitted.saturating_sub(one.right)).sum(),
    }
}

/// Floods of one limit, of all kinds, and of the one kind that fills every bucket with keys that owe all they can.
pub(crate) fn floods(capacity: u64, keys: u64) -> [Flood; 5] {
    let of = |name, limits| Flood { name, capacity, keys, limits };
    [
        of("light", &["600/minute burst 100"]),
        of(
            "mixed",
            &["1/second", "10/minute burst 5", "100/hour burst 20", "1000/day", "5/minute", "1/minute burst 1"],
        ),
        of("burst of one", &["1/minute burst 1"]),
        of("burst of one an hour", &["1/hour", "1/second"]),
        of("of short and long", &["1/hour", "1/day", "600/minute burst 100", "2/month"]),
    ]
}
