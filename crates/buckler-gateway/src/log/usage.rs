//! What of the contract is used, in a line.

use buckler_engine::{Requested, Unlisted, Usage};
use serde::Serialize;

/// Operations of each kind that a line names. The others are counted.
const MOST_NAMED: usize = 20;

/// The line as a machine reads it.
#[derive(Debug, Serialize)]
pub(super) struct Told<'u> {
    /// Operations that somebody has asked for, the most asked for first.
    used: Kind<'u>,
    /// Operations that nobody has asked for.
    unused: Kind<'u>,
    /// What is not listed and the app answers.
    unlisted: Kind<'u>,
    /// What is neither listed nor there.
    nowhere: Kind<'u>,
}

#[derive(Debug, Serialize)]
struct Kind<'u> {
    count: usize,
    requests: u64,
    /// Requests beyond those that are counted one by one.
    #[serde(skip_serializing_if = "is_none")]
    further: u64,
    first: Vec<First<'u>>,
}

#[derive(Debug, Serialize)]
struct First<'u> {
    what: &'u str,
    requests: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "what serde calls")]
fn is_none(further: &u64) -> bool {
    *further == 0
}

impl<'u> Kind<'u> {
    fn of(requested: impl Iterator<Item = &'u Requested>, further: u64) -> Self {
        let mut all: Vec<First<'u>> = requested.map(|one| First { what: &one.what, requests: one.requests }).collect();
        all.sort_by_key(|one| std::cmp::Reverse(one.requests));
        let requests = all.iter().map(|one| one.requests).sum::<u64>().saturating_add(further);
        let count = all.len();
        all.truncate(MOST_NAMED);
        Self { count, requests, further, first: all }
    }

    fn unlisted(unlisted: &'u Unlisted) -> Self {
        Self::of(unlisted.shapes.iter(), unlisted.further)
    }

    /// In words, if there is anything to say.
    fn words(&self, kind: &str) -> Option<String> {
        if self.count == 0 {
            return None;
        }
        let named = self.first.iter().map(|one| match one.requests {
            0 => one.what.to_owned(),
            requests => format!("{} {requests}×", one.what),
        });
        let further = match self.count.saturating_sub(self.first.len()) {
            0 => String::new(),
            further => format!(" and {further} more"),
        };
        Some(format!("{} {kind} ({}{further})", self.count, named.collect::<Vec<_>>().join(", ")))
    }
}

impl<'u> Told<'u> {
    pub(super) fn of(usage: &'u Usage) -> Self {
        let (unused, used): (Vec<_>, Vec<_>) = usage.operations.iter().partition(|one| one.requests == 0);
        Self {
            used: Kind::of(used.into_iter(), 0),
            unused: Kind::of(unused.into_iter(), 0),
            unlisted: Kind::unlisted(&usage.answered),
            nowhere: Kind::unlisted(&usage.nowhere),
        }
    }

    /// The line as a person reads it.
    pub(super) fn words(&self) -> String {
        let kinds = [
            self.used.words("operations of the contract used"),
            self.unused.words("never used"),
            self.unlisted.words("not listed and answered by the app"),
            self.nowhere.words("not listed and not there"),
        ];
        kinds.into_iter().flatten().collect::<Vec<_>>().join("; ")
    }
}
