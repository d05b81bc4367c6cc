//! What clients are told of their limits: `Retry-After` (RFC 9110 §10.2.3), `RateLimit` and `RateLimit-Policy`
//! (draft-ietf-httpapi-ratelimit-headers-10), and what was used before there was a draft.

use std::fmt::Write;
use std::time::Duration;

use buckler_limits::{Allowance, Standing, whole_seconds};
use buckler_policy::settings::LimitFields;
use http::{HeaderName, HeaderValue, header};
use smallvec::SmallVec;

use super::CompiledLimit;
use crate::answer::{AnswerFields, FieldList};
use crate::record::Note;

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const X_LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const X_REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const X_RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

/// What an answer tells of limits, and what the record says of how they were counted.
#[derive(Debug, Default)]
pub(crate) struct Told {
    fields: FieldList,
    pub(crate) note: Option<Note>,
}

impl Told {
    /// Tells how a request stands under each of its limits.
    pub(crate) fn tell<'a>(
        &mut self,
        told: LimitFields,
        standings: impl Iterator<Item = (&'a CompiledLimit, &'a Standing)> + Clone,
    ) {
        if told == LimitFields::Off {
            return;
        }
        let (mut policy, mut state) = (Text::new(), Text::new());
        for (limit, standing) in standings.clone() {
            policy.item(format_args!("{}", limit.told));
            let reset = whole_seconds(standing.reset_after);
            state.item(format_args!("{};r={};t={reset}", limit.name, standing.remaining));
        }
        self.fields.extend(policy.value().map(|value| (RATE_LIMIT_POLICY, value)));
        self.fields.extend(state.value().map(|value| (RATE_LIMIT, value)));
        let nearest = standings.min_by_key(|(_, standing)| standing.remaining);
        if let (LimitFields::All, Some((limit, standing))) = (told, nearest) {
            self.fields.push((X_LIMIT, HeaderValue::from(limit.allowance.count())));
            self.fields.push((X_REMAINING, HeaderValue::from(standing.remaining)));
            self.fields.push((X_RESET, HeaderValue::from(whole_seconds(standing.reset_after))));
        }
    }

    /// Tells when a refused request would pass.
    pub(crate) fn retry_after(&mut self, after: Duration) {
        self.fields.push((header::RETRY_AFTER, HeaderValue::from(whole_seconds(after).max(1))));
    }

    /// The fields, beside what the answer has of its own: of those that are lists, both count.
    pub(crate) fn fields_beside(&self, own: &impl AnswerFields) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
        let is_list = |name: &HeaderName| *name == RATE_LIMIT || *name == RATE_LIMIT_POLICY;
        self.fields.iter().filter(move |(name, _)| is_list(name) || own.first(name).is_none()).cloned()
    }
}

/// The item of a limit in `RateLimit-Policy`.
pub(super) fn policy_item(name: &str, allowance: &Allowance) -> String {
    let window = allowance.window_seconds().map_or_else(String::new, |seconds| format!(";w={seconds}"));
    format!("{name};q={}{window}", allowance.count())
}

/// A list of a structured field (RFC 9651 §3.1).
struct Text(SmallVec<[u8; 96]>);

impl Text {
    fn new() -> Self {
        Self(SmallVec::new())
    }

    fn item(&mut self, item: std::fmt::Arguments<'_>) {
        if !self.0.is_empty() {
            self.0.extend_from_slice(b", ");
        }
        // Writing to memory does not fail.
        let _always = self.write_fmt(item);
    }

    fn value(&self) -> Option<HeaderValue> {
        HeaderValue::from_bytes(&self.0).ok().filter(|value| !value.is_empty())
    }
}

impl Write for Text {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}
