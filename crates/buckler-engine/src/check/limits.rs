//! Whether a request is within its limits, by what a store has counted (R12, R13). What that means is for
//! [`Ruling::of`] to say.

use crate::facts::Facts;
use crate::limits::ruling::Ruling;
use crate::limits::{Counted, LimitRules};
use crate::stage::Violation;

pub(crate) fn check(rules: &LimitRules, counted: Counted<'_>, facts: &mut Facts) -> Result<(), Violation> {
    let Counted::Asked(asked, answers) = counted else { return Ok(()) };
    let limits = rules.limits_of(asked).map(|limit| (&limit.terms, limit.store_down));
    let Ruling { verdict, told, note } = Ruling::of(limits, answers, rules.mode, rules.fields);
    (facts.limits, facts.counting) = (told, note);
    verdict
}
