//! What the answers of a store mean for a request: the one place for limits of the policy and those that stand in an
//! app.
//!
//! Rules, in order:
//! 1. A limit that is used up refuses: 429, with the longest time of all that refuse.
//! 2. A limit that could not be counted is decided by its `store_down`: it passes, or it is 503. One that was to be
//!    counted on this machine and was not, either, refuses.

use std::borrow::Cow;

use buckler_limits::{Allowance, Answer, Standing, StoreDown, Verdict, whole_seconds};
use buckler_policy::settings::{LimitFields, Mode};

use super::fields::Told;
use super::terms::Terms;
use crate::answer::RETRY_AFTER;
use crate::reason::Reason;
use crate::record::Note;
use crate::stage::Violation;

/// What came of counting a request.
#[derive(Debug, Clone)]
pub struct Ruling {
    /// What is said against it, whatever the mode.
    pub verdict: Result<(), Violation>,
    /// What its answer is to tell; nothing where limits are only monitored.
    pub told: Told,
    /// What the record says of how it was counted.
    pub note: Option<Note>,
}

impl Ruling {
    /// Decides by one answer to each of the limits that were asked, in their order; what is missing was not answered.
    pub fn of<'a>(
        asked: impl Iterator<Item = (&'a Terms, StoreDown)> + Clone,
        answers: &'a [Answer],
        mode: Mode,
        fields: LimitFields,
    ) -> Self {
        let answered = asked.zip(answers.iter().chain(std::iter::repeat(&Answer::Unavailable)));
        let standings = answered.clone().filter_map(|((terms, _), answer)| Some((terms, answer.standing()?)));
        let told = match mode {
            Mode::Enforce => Told::of(fields, standings.clone()),
            Mode::Monitor => Told::default(),
        };
        let refusing = standings.filter(|(_, standing)| standing.verdict == Verdict::Refused);
        let mut ruling = Self { verdict: Ok(()), told, note: None };
        if let Some((terms, standing)) = refusing.max_by_key(|(_, standing)| standing.retry_after) {
            let (violation, after) = exhausted(terms, standing);
            ruling.refuse(violation, after, mode);
            return ruling;
        }
        for ((terms, store_down), answer) in answered {
            match (answer, store_down) {
                (Answer::Counted(_), _) => {}
                (Answer::Local(_), _) => {
                    ruling.note.get_or_insert(Note::LimitCountedLocally);
                }
                (Answer::Unavailable, StoreDown::Open) => ruling.note = Some(Note::LimitUncounted),
                (Answer::Unavailable, StoreDown::Closed | StoreDown::Local) => {
                    let key = terms.key.map(|_| "limits.store_down");
                    let detail = words(Reason::Overloaded, None);
                    let violation = Violation { key, ..Violation::fixed(Reason::Overloaded, detail) };
                    ruling.refuse(violation, Some(RETRY_AFTER), mode);
                    break;
                }
            }
        }
        ruling
    }

    fn refuse(&mut self, violation: Violation, after: Option<u64>, mode: Mode) {
        // How others of its limits were counted matters to nobody: it takes nothing of them.
        (self.verdict, self.note) = (Err(violation), None);
        self.told.retry_after = after.filter(|_| mode == Mode::Enforce);
    }
}

/// The refusal by a limit that is used up, and the seconds until the same request would pass.
fn exhausted(terms: &Terms, standing: &Standing) -> (Violation, Option<u64>) {
    let reason = match terms.allowance {
        Allowance::Rate(_) => Reason::RateLimited,
        Allowance::Quota(_) => Reason::QuotaExhausted,
    };
    // Whoever comes within the second that is told finds room.
    let after = (standing.retry_after != Standing::NEVER).then(|| whole_seconds(standing.retry_after).max(1));
    let detail = match after {
        None => Cow::Borrowed("the request takes more than there ever is"),
        after => words(reason, after),
    };
    (Violation { key: terms.key, ..Violation::fixed(reason, detail) }, after)
}

/// A refusal in words. `after` is how many seconds the client is told to wait, if it is told.
pub(crate) fn words(reason: Reason, after: Option<u64>) -> Cow<'static, str> {
    match (reason, after) {
        (Reason::Overloaded, _) => "requests cannot be counted at the moment; try again in a moment".into(),
        (Reason::QuotaExhausted, Some(after)) => {
            format!("nothing is left of the quota; it begins anew in {after} s").into()
        }
        (Reason::QuotaExhausted, None) => "nothing is left of the quota".into(),
        (_, Some(1)) => "too many requests; try again in a second".into(),
        (_, Some(after)) => format!("too many requests; try again in {after} s").into(),
        (_, None) => "too many requests; try again later".into(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use buckler_limits::Limit;

    use super::*;

    fn terms(text: &str) -> Terms {
        Terms::of_app(&text.parse::<Limit>().unwrap(), None)
    }

    fn counted(verdict: Verdict, retry_after: Duration) -> Answer {
        Answer::Counted(Standing { verdict, remaining: 0, retry_after, reset_after: Duration::ZERO })
    }

    fn refused(seconds: u64) -> Answer {
        counted(Verdict::Refused, Duration::from_secs(seconds))
    }

    const PASSES: Answer = Answer::Counted(Standing {
        verdict: Verdict::Allowed,
        remaining: 1,
        retry_after: Duration::ZERO,
        reset_after: Duration::ZERO,
    });

    /// Reason, words and `Retry-After`.
    fn said(ruling: &Ruling) -> Option<(Reason, &str, Option<u64>)> {
        let violation = ruling.verdict.as_ref().err()?;
        Some((violation.reason, &violation.detail, ruling.told.retry_after))
    }

    // R12, R13, hostile: nothing passes by being forgotten, and nobody is told a time at which he is refused again
    #[test]
    fn whatever_the_answers_are_they_mean_one_thing() {
        let (rate, quota) = (terms("5/minute"), terms("9/day"));
        let asked = [(&rate, StoreDown::Open), (&quota, StoreDown::Closed)];
        let never = counted(Verdict::Refused, Standing::NEVER);
        let uncounted = "requests cannot be counted at the moment; try again in a moment";
        let times = "too many requests; try again in 12 s";
        for (answers, expected, note) in [
            (vec![PASSES, PASSES], None, None),
            (vec![PASSES, PASSES, refused(1)], None, None),
            (vec![], Some((Reason::Overloaded, uncounted, Some(1))), None),
            (vec![PASSES], Some((Reason::Overloaded, uncounted, Some(1))), None),
            (vec![Answer::Unavailable, PASSES], None, Some(Note::LimitUncounted)),
            (vec![PASSES, Answer::Unavailable], Some((Reason::Overloaded, uncounted, Some(1))), None),
            (vec![refused(12), PASSES], Some((Reason::RateLimited, times, Some(12))), None),
            (vec![refused(12), Answer::Unavailable], Some((Reason::RateLimited, times, Some(12))), None),
            (vec![refused(12), refused(3)], Some((Reason::RateLimited, times, Some(12))), None),
            (
                vec![refused(12), refused(13)],
                Some((Reason::QuotaExhausted, "nothing is left of the quota; it begins anew in 13 s", Some(13))),
                None,
            ),
            (
                vec![refused(0), PASSES],
                Some((Reason::RateLimited, "too many requests; try again in a second", Some(1))),
                None,
            ),
            (
                vec![refused(12), never],
                Some((Reason::QuotaExhausted, "the request takes more than there ever is", None)),
                None,
            ),
        ] {
            let ruling = Ruling::of(asked.into_iter(), &answers, Mode::Enforce, LimitFields::All);
            assert_eq!((said(&ruling), ruling.note), (expected, note), "{answers:?}");
            // The mode says what becomes of a verdict, and never what it is; and nothing is told of it.
            let monitored = Ruling::of(asked.into_iter(), &answers, Mode::Monitor, LimitFields::All);
            assert_eq!((monitored.verdict, monitored.note), (ruling.verdict, note), "{answers:?}");
            assert_eq!(monitored.told, Told::default(), "{answers:?}");
        }
    }

    // R13
    #[test]
    fn a_limit_of_an_app_names_no_key_of_the_policy() {
        let (ours, theirs) = (terms("5/minute"), Terms::of_policy(&"5/minute".parse().unwrap(), "route", "route"));
        for (terms, keys) in [(&ours, [None, None]), (&theirs, [Some("route"), Some("limits.store_down")])] {
            for (answer, key) in [refused(1), Answer::Unavailable].iter().zip(keys) {
                let asked = [(terms, StoreDown::Closed)].into_iter();
                let ruling = Ruling::of(asked, std::slice::from_ref(answer), Mode::Enforce, LimitFields::Off);
                assert_eq!(ruling.verdict.unwrap_err().key, key);
            }
        }
    }
}
