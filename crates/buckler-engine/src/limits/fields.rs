//! What clients are told of their limits: `Retry-After` (RFC 9110 §10.2.3), `RateLimit` and `RateLimit-Policy`
//! (draft-ietf-httpapi-ratelimit-headers-10), and what was used before there was a draft.

use buckler_limits::{Allowance, Standing, whole_seconds};
use buckler_policy::settings::LimitFields;
use http::{HeaderName, HeaderValue, header};
use smallvec::SmallVec;

use super::terms::Terms;
use crate::answer::AnswerFields;

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
pub(super) const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const X_LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const X_REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const X_RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

/// What an answer tells of limits.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    policy: Option<HeaderValue>,
    state: Option<HeaderValue>,
    nearest: Option<Nearest>,
    /// Seconds.
    pub(super) retry_after: Option<u64>,
}

/// The limit that is nearest to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Nearest {
    limit: u64,
    remaining: u64,
    reset: u64,
}

impl Told {
    /// How a request stands under each of its limits.
    pub(super) fn of<'a>(
        wanted: LimitFields,
        standings: impl Iterator<Item = (&'a Terms, &'a Standing)> + Clone,
    ) -> Self {
        if wanted == LimitFields::Off {
            return Self::default();
        }
        let nearest = standings.clone().min_by_key(|(_, standing)| standing.remaining);
        let nearest = nearest.filter(|_| wanted == LimitFields::All).map(|(terms, standing)| Nearest {
            limit: terms.allowance.count(),
            remaining: standing.remaining,
            reset: whole_seconds(standing.reset_after),
        });
        let policy = list(standings.clone().map(|(terms, _)| &terms.item));
        let mut state = Text::new();
        for (terms, standing) in standings {
            state.item(terms.name.as_bytes());
            state.parameter(b";r=", standing.remaining);
            state.parameter(b";t=", whole_seconds(standing.reset_after));
        }
        Self { policy, state: state.value(), nearest, retry_after: None }
    }

    /// Tells of other limits as well.
    pub(crate) fn add(&mut self, other: Self) {
        let both = |one: Option<HeaderValue>, other: Option<HeaderValue>| list([one, other].iter().flatten());
        self.policy = both(self.policy.take(), other.policy);
        self.state = both(self.state.take(), other.state);
        self.nearest = [self.nearest, other.nearest].into_iter().flatten().min_by_key(|nearest| nearest.remaining);
        self.retry_after = self.retry_after.max(other.retry_after);
    }

    /// As fields.
    pub fn fields(&self) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
        let lists = [(RATE_LIMIT_POLICY, &self.policy), (RATE_LIMIT, &self.state)];
        let lists = lists.into_iter().filter_map(|(name, value)| Some((name, value.clone()?)));
        let nearest = self.nearest.into_iter().flat_map(|Nearest { limit, remaining, reset }| {
            [(X_LIMIT, limit), (X_REMAINING, remaining), (X_RESET, reset)]
        });
        let numbers = nearest.chain(self.retry_after.map(|seconds| (header::RETRY_AFTER, seconds)));
        lists.chain(numbers.map(|(name, number)| (name, HeaderValue::from(number))))
    }

    /// The fields, beside what the answer has of its own: of those that are lists, both count.
    pub(crate) fn fields_beside(&self, own: &impl AnswerFields) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
        let is_list = |name: &HeaderName| *name == RATE_LIMIT || *name == RATE_LIMIT_POLICY;
        self.fields().filter(move |(name, _)| is_list(name) || own.first(name).is_none())
    }
}

/// The item of a limit in `RateLimit-Policy`. `name` stands in quotes.
pub(super) fn policy_item(name: &str, allowance: &Allowance) -> HeaderValue {
    let mut text = Text::new();
    text.item(name.as_bytes());
    text.parameter(b";q=", allowance.count());
    if let Some(seconds) = allowance.window_seconds() {
        text.parameter(b";w=", seconds);
    }
    // Names are printable, so there always is one.
    text.value().unwrap_or(HeaderValue::from_static("\"\""))
}

/// Lists as one, and a single one as it is.
fn list<'a>(mut items: impl Iterator<Item = &'a HeaderValue>) -> Option<HeaderValue> {
    let first = items.next()?;
    let Some(second) = items.next() else { return Some(first.clone()) };
    let mut text = Text::new();
    for item in [first, second].into_iter().chain(items) {
        text.item(item.as_bytes());
    }
    text.value()
}

/// A list of a structured field (RFC 9651 §3.1), put together without an allocation where it is one of the usual ones.
struct Text(SmallVec<[u8; 96]>);

impl Text {
    fn new() -> Self {
        Self(SmallVec::new())
    }

    fn item(&mut self, item: &[u8]) {
        if !self.0.is_empty() {
            self.0.extend_from_slice(b", ");
        }
        self.0.extend_from_slice(item);
    }

    fn parameter(&mut self, name: &[u8], number: u64) {
        self.0.extend_from_slice(name);
        self.0.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
    }

    fn value(&self) -> Option<HeaderValue> {
        HeaderValue::from_bytes(&self.0).ok().filter(|value| !value.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use buckler_limits::{Limit, Verdict};

    use super::*;

    fn terms(text: &str, name: &str) -> Terms {
        Terms::of_app(&text.parse::<Limit>().unwrap(), Some(name))
    }

    fn standing(remaining: u64, reset: Duration) -> Standing {
        Standing { verdict: Verdict::Allowed, remaining, retry_after: Duration::ZERO, reset_after: reset }
    }

    fn written(told: &Told) -> Vec<String> {
        told.fields().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect()
    }

    // R12, hostile: whatever a store says of a limit, the fields are as long as their numbers
    #[test]
    fn one_limit_is_told_by_the_item_that_it_was_compiled_to() {
        let (limit, standing) = (terms("5/minute", "a"), standing(u64::MAX, Duration::MAX));
        let told = Told::of(LimitFields::Standard, [(&limit, &standing)].into_iter());
        let most = u64::MAX;
        assert_eq!(
            written(&told),
            ["ratelimit-policy: \"a\";q=5;w=60", &format!("ratelimit: \"a\";r={most};t={most}")]
        );
        let (_, item) = told.fields().next().unwrap();
        assert!(std::ptr::eq(item.as_bytes(), limit.item.as_bytes()), "it was written anew");
        assert_eq!(written(&Told::of(LimitFields::Off, [(&limit, &standing)].into_iter())), [""; 0]);
        assert_eq!(written(&Told::of(LimitFields::All, std::iter::empty())), [""; 0]);
    }

    // R12
    #[test]
    fn several_are_told_in_one_line_and_the_nearest_in_three() {
        let (one, other) = (terms("5/minute", "one"), terms("20/month", "other"));
        let (much, little) = (standing(4, Duration::from_millis(11_001)), standing(2, Duration::from_mins(1)));
        let told = Told::of(LimitFields::All, [(&one, &much), (&other, &little)].into_iter());
        let expected = [
            "ratelimit-policy: \"one\";q=5;w=60, \"other\";q=20",
            "ratelimit: \"one\";r=4;t=12, \"other\";r=2;t=60",
            "x-ratelimit-limit: 20",
            "x-ratelimit-remaining: 2",
            "x-ratelimit-reset: 60",
        ];
        assert_eq!(written(&told), expected);
        let mut added = Told::of(LimitFields::All, [(&one, &much)].into_iter());
        added.add(Told::of(LimitFields::All, [(&other, &little)].into_iter()));
        assert_eq!(written(&added), expected);
        added.add(Told::default());
        assert_eq!(written(&added), expected);
        // What an answer has of its own stays, and lists go on.
        let mut own = http::HeaderMap::new();
        for name in ["ratelimit", "x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset", "retry-after"] {
            own.insert(name, HeaderValue::from_static("1"));
        }
        added.retry_after = Some(9);
        assert_eq!(added.fields_beside(&own).count(), 2);
    }
}
