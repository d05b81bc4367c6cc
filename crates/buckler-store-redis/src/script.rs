//! The script that counts, as it is asked and as its answers are read. What it decides is in `count.lua`; how a key
//! stands is told by the arithmetic of `buckler-limits`, from what the script found.

use std::sync::LazyLock;

use buckler_limits::{Allowance, Check, Moment, Standing, State, Verdict, Window};
use redis::{Cmd, Script, Value};
use smallvec::SmallVec;

use crate::keys::{HashKey, Names, Origin};

/// As Redis runs it.
const TEXT: &str = include_str!("count.lua");

/// By which Redis knows it.
static SHA: LazyLock<String> = LazyLock::new(|| Script::new(TEXT).get_hash().to_owned());

/// A lease is given out only while no more than one part in so many of a limit is used, so that what lies unused in one
/// process is seldom what another one is refused for.
const LEASED_PART: u64 = 2;

/// Whose time is counted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Time {
    /// The server's: machines that disagree about the time count alike.
    Server,
    /// The one that is told, and nothing expires: for tests of the arithmetic.
    Told,
}

/// One check as the script is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wish {
    /// What the request takes.
    pub(crate) cost: u32,
    /// What is taken if there is plenty; the cost, where no lease is wanted.
    pub(crate) lease: u32,
}

/// How the script is called: by its hash, or in full where the server does not know it yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Hash,
    Text,
}

/// What is asked of the script for one request.
pub(crate) struct Question<'a> {
    pub(crate) names: &'a Names,
    pub(crate) key: HashKey,
    pub(crate) origin: Origin,
    pub(crate) batch: &'a [Check],
    pub(crate) wishes: &'a [Wish],
    /// To be counted by in place of the server's.
    pub(crate) told: Option<Moment>,
}

impl Question<'_> {
    pub(crate) fn command(&self, form: Form) -> Cmd {
        let mut command = match form {
            Form::Hash => redis::cmd("EVALSHA"),
            Form::Text => redis::cmd("EVAL"),
        };
        match form {
            Form::Hash => command.arg(SHA.as_str()),
            Form::Text => command.arg(TEXT),
        };
        command.arg(1 + self.batch.len()).arg(self.names.of_hash_key());
        for check in self.batch {
            command.arg(self.names.of(self.key.hash(check)));
        }
        match self.origin {
            Origin::KeptInRedis => command.arg(self.key.to_hex()),
            Origin::Secret => command.arg(""),
        };
        match self.told {
            Some(now) => command.arg(now.0),
            None => command.arg(""),
        };
        for (check, wish) in self.batch.iter().zip(self.wishes) {
            let scale = check.allowance.scale();
            let kind = match &check.allowance {
                Allowance::Rate(_) => "r",
                Allowance::Quota(quota) if quota.window() == Window::Month => "m",
                Allowance::Quota(_) => "d",
            };
            command.arg(kind).arg(scale);
            command.arg(price(&check.allowance, wish.cost)).arg(price(&check.allowance, wish.lease));
            command.arg(scale / LEASED_PART);
        }
        command
    }
}

/// What so many uses take of [`Allowance::scale`]; one more than there is where they take more.
fn price(allowance: &Allowance, cost: u32) -> u64 {
    let unit = match allowance {
        Allowance::Rate(rate) => rate.interval(),
        Allowance::Quota(_) => 1,
    };
    unit.saturating_mul(u64::from(cost)).min(allowance.scale() + 1)
}

/// What was taken of one count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    /// What the request takes, or nothing.
    Cost,
    /// A lease.
    Lease,
}

/// What the script found of one count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) taken: Taken,
    /// As it stands for this request: with a lease, as if the request alone had been charged, and the lease beside it.
    pub(crate) standing: Standing,
}

/// An answer of the script.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    /// One to each check.
    Counted(SmallVec<[Found; 2]>),
    /// Names are hashed with something else here.
    OtherKey(Vec<u8>),
}

/// Reads an answer; `None` of what is none.
pub(crate) fn read(question: &Question<'_>, value: Value) -> Option<Reply> {
    let Value::Array(values) = value else { return None };
    let mut values = values.into_iter();
    let passed = match values.next()? {
        Value::Int(2) => {
            let Value::BulkString(key) = values.next()? else { return None };
            return Some(Reply::OtherKey(key));
        }
        Value::Int(1) => Verdict::Allowed,
        Value::Int(0) => Verdict::Refused,
        _ => return None,
    };
    let Value::Int(now) = values.next()? else { return None };
    let now = Moment(u64::try_from(now).ok()?);
    let mut found = SmallVec::new();
    let mut refused = 0;
    for (check, wish) in question.batch.iter().zip(question.wishes) {
        let taken = match values.next()? {
            Value::Int(1) => Taken::Lease,
            Value::Int(0) => Taken::Cost,
            _ => return None,
        };
        let Value::BulkString(kept) = values.next()? else { return None };
        let state = state(&check.allowance, &kept)?;
        let cost = match (passed, taken) {
            (Verdict::Allowed, Taken::Lease) => wish.lease,
            _ => wish.cost,
        };
        let mut standing = check.allowance.charge(state, now, cost).standing;
        if standing.verdict == Verdict::Refused {
            refused += 1;
        } else if passed == Verdict::Refused {
            standing = check.allowance.charge(state, now, 0).standing;
        }
        found.push(Found { taken: if passed == Verdict::Allowed { taken } else { Taken::Cost }, standing });
    }
    // The script and our own arithmetic agree, or somebody else has answered.
    ((passed == Verdict::Refused) == (refused > 0)).then_some(Reply::Counted(found))
}

/// What Redis keeps of a count: of a rate its word in decimal, of a quota the day at which its window ends and what is
/// used.
fn state(allowance: &Allowance, kept: &[u8]) -> Option<State> {
    let kept = std::str::from_utf8(kept).ok()?;
    if kept.is_empty() {
        return Some(State::EMPTY);
    }
    match allowance {
        Allowance::Rate(_) => kept.parse().ok().map(State),
        Allowance::Quota(quota) => {
            let (end, used) = kept.split_once(' ')?;
            let (end, used): (u64, u64) = (end.parse().ok()?, used.parse().ok()?);
            Some(State::quota(end, used.min(quota.count())))
        }
    }
}

/// The server's word for a question that it could not run yet.
pub(crate) fn is_unknown(error: &redis::RedisError) -> bool {
    error.kind() == redis::ErrorKind::Server(redis::ServerErrorKind::NoScript)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use buckler_limits::{LimitId, Quota, Rate, StoreDown, Subject};
    use proptest::prelude::*;

    use super::*;

    fn numbers() -> impl Strategy<Value = i64> {
        prop_oneof![0i64..4, any::<i64>(), Just(i64::MAX), Just(1_763_208_000_000_000)]
    }

    fn texts() -> impl Strategy<Value = Vec<u8>> {
        let number = any::<u64>().prop_map(|number| number.to_string());
        let pair = (any::<u64>(), any::<u64>()).prop_map(|(end, used)| format!("{end} {used}"));
        let near = (20_000u64..21_000, 0u64..9).prop_map(|(end, used)| format!("{end} {used}"));
        let bytes = prop::collection::vec(any::<u8>(), 0..40);
        prop_oneof![number.prop_map(Into::into), pair.prop_map(Into::into), near.prop_map(Into::into), bytes]
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            3 => numbers().prop_map(Value::Int),
            3 => texts().prop_map(Value::BulkString),
            1 => Just(Value::Nil),
            1 => Just(Value::Okay),
        ];
        prop::collection::vec(leaf, 0..8).prop_map(Value::Array)
    }

    proptest! {
        // R13: whatever a server answers, it is an answer to each check or none
        #[test]
        fn no_answer_is_too_strange(value in values(), cost in any::<u32>(), lease in any::<u32>()) {
            let subject = Subject::new(LimitId(1));
            let check = |allowance| {
                Check { subject: subject.clone(), allowance, cost, store_down: StoreDown::Closed }
            };
            let batch = [
                check(Allowance::Rate(Rate::new(3, Duration::from_hours(24 * 365), 30).unwrap())),
                check(Allowance::Quota(Quota::new(30, Window::Month).unwrap())),
            ];
            let names = Names::new("app");
            let wishes = [Wish { cost, lease }; 2];
            let question = Question {
                names: &names,
                key: HashKey::derive(b"a secret of some length"),
                origin: Origin::Secret,
                batch: &batch,
                wishes: &wishes,
                told: None,
            };
            if let Some(Reply::Counted(found)) = read(&question, value) {
                prop_assert_eq!(found.len(), batch.len());
            }
        }
    }
}
