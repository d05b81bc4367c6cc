//! All that one request asks of a store, and the answers.
//!
//! A batch is counted as one: where one of its limits refuses, none of them is charged. So a client who is refused by
//! one limit does not use up another, and a store can answer with one script.

use std::fmt;
use std::str::FromStr;

use smallvec::SmallVec;

use crate::state::{Allowance, Moment, Standing, State, Verdict};
use crate::subject::Subject;

/// Limits of one request: more are refused by the policy, so that a request's work is bounded.
pub const MOST_CHECKS: usize = 8;

/// What becomes of a limit while the store that counts it cannot be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StoreDown {
    /// Requests pass uncounted.
    Open,
    /// Requests are refused.
    Closed,
    /// They are counted on this machine alone.
    Local,
}

impl StoreDown {
    /// How each is written.
    pub const WORDS: &[(&str, Self)] = &[("open", Self::Open), ("closed", Self::Closed), ("local", Self::Local)];
}

impl FromStr for StoreDown {
    type Err = UnknownStoreDown;

    fn from_str(word: &str) -> Result<Self, UnknownStoreDown> {
        Self::WORDS.iter().find(|(known, _)| *known == word).map(|(_, value)| *value).ok_or(UnknownStoreDown)
    }
}

/// A word that is none of [`StoreDown::WORDS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownStoreDown;

impl fmt::Display for UnknownStoreDown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`store_down` is one of")?;
        for (at, (word, _)) in StoreDown::WORDS.iter().enumerate() {
            write!(f, "{}\"{word}\"", if at == 0 { " " } else { ", " })?;
        }
        Ok(())
    }
}

impl std::error::Error for UnknownStoreDown {}

/// One limit that is asked for one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// Whose count.
    pub subject: Subject,
    /// What it allows.
    pub allowance: Allowance,
    /// What the request takes.
    pub cost: u32,
    /// While the store cannot be asked.
    pub store_down: StoreDown,
}

/// All limits of one request; at most [`MOST_CHECKS`].
pub type Batch = SmallVec<[Check; 2]>;

/// What a store says to one [`Check`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "whoever judges has to decide about each")]
pub enum Answer {
    /// It was counted where the policy says.
    Counted(Standing),
    /// The store could not be asked, and it was counted on this machine.
    Local(Standing),
    /// The store could not be asked, and nothing was counted.
    Unavailable,
}

impl Answer {
    /// How the key stands, where that is known.
    pub const fn standing(&self) -> Option<&Standing> {
        match self {
            Self::Counted(standing) | Self::Local(standing) => Some(standing),
            Self::Unavailable => None,
        }
    }

    /// Whether it refuses by itself. What could not be asked is for the policy to say.
    pub fn refuses(&self) -> bool {
        self.standing().is_some_and(|standing| standing.verdict == Verdict::Refused)
    }
}

/// One answer to each check, in their order.
pub type Answers = SmallVec<[Answer; 2]>;

/// That a store cannot be asked, said to each check of a batch.
pub fn unavailable(batch: &[Check]) -> Answers {
    batch.iter().map(|_| Answer::Unavailable).collect()
}

/// What a store would say that has never heard of these keys: for whoever judges a request without counting it.
pub fn unheard_of(batch: &[Check], now: Moment) -> Answers {
    let charge = |check: &Check| check.allowance.charge(State::EMPTY, now, check.cost).standing;
    batch.iter().map(|check| Answer::Counted(charge(check))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    // R13
    #[test]
    fn what_is_none_of_the_words_is_told_all_of_them() {
        for (word, value) in StoreDown::WORDS {
            assert_eq!(word.parse(), Ok(*value));
        }
        for wrong in ["", "Open", "open ", "closd", "monitor"] {
            let told = wrong.parse::<StoreDown>().unwrap_err().to_string();
            assert_eq!(told, "`store_down` is one of \"open\", \"closed\", \"local\"", "{wrong:?}");
        }
    }
}
