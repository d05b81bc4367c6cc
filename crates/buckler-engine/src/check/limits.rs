//! Whether a request is within its limits, by what a store has counted (R12, R13).
//!
//! Rules, in order:
//! 1. A limit that is used up refuses: 429, with the longest time of all that refuse.
//! 2. A limit that could not be counted is decided by its `store_down`: it passes, or it is 503. One that was to be
//!    counted on this machine and was not, either, refuses.

use std::time::Duration;

use buckler_limits::{Allowance, Answer, Standing, StoreDown, Verdict, whole_seconds};
use buckler_policy::settings::Mode;

use crate::facts::Facts;
use crate::limits::{Counted, LimitRules};
use crate::reason::Reason;
use crate::record::Note;
use crate::stage::Violation;

pub(crate) fn check(rules: &LimitRules, counted: Counted<'_>, facts: &mut Facts) -> Result<(), Violation> {
    let Counted::Asked(asked, answers) = counted else { return Ok(()) };
    let all = answers.iter().chain(std::iter::repeat(&Answer::Unavailable));
    let limits = rules.limits_of(asked).zip(all);
    let standings = limits.clone().filter_map(|(limit, answer)| Some((limit, answer.standing()?)));
    if rules.mode == Mode::Enforce {
        facts.limits.tell(rules.fields, standings.clone());
    }
    let refusing = standings.filter(|(_, standing)| standing.verdict == Verdict::Refused);
    if let Some((limit, standing)) = refusing.max_by_key(|(_, standing)| standing.retry_after) {
        let violation = exhausted(limit.key, &limit.allowance, standing);
        if rules.mode == Mode::Enforce && standing.retry_after != Standing::NEVER {
            facts.limits.retry_after(standing.retry_after);
        }
        return Err(violation);
    }
    for (limit, answer) in limits {
        match (answer, limit.store_down) {
            (Answer::Counted(_), _) => {}
            (Answer::Local(_), _) => {
                facts.limits.note.get_or_insert(Note::LimitCountedLocally);
            }
            (Answer::Unavailable, StoreDown::Open) => facts.limits.note = Some(Note::LimitUncounted),
            (Answer::Unavailable, StoreDown::Closed | StoreDown::Local) => {
                let detail = "requests cannot be counted at the moment; try again in a moment";
                return Err(Violation::of("limits.store_down", Reason::Overloaded, detail));
            }
        }
    }
    Ok(())
}

fn exhausted(key: &'static str, allowance: &Allowance, standing: &Standing) -> Violation {
    let reason = match allowance {
        Allowance::Rate(_) => Reason::RateLimited,
        Allowance::Quota(_) => Reason::QuotaExhausted,
    };
    let detail = match standing.retry_after {
        Duration::MAX => "the request takes more than there ever is".to_owned(),
        after => match (reason, whole_seconds(after).max(1)) {
            (Reason::QuotaExhausted, after) => format!("nothing is left of the quota; it begins anew in {after} s"),
            (_, 1) => "too many requests; try again in a second".to_owned(),
            (_, after) => format!("too many requests; try again in {after} s"),
        },
    };
    Violation::of(key, reason, detail)
}
