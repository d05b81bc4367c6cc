//! What came of counting a request, for its client.

use std::fmt::Write as _;
use std::time::Duration;

use buckler_limits::{Allowance, Answer, Limit, Standing as Stands, StoreDown, Verdict, whole_seconds};
use buckler_policy::settings::{LimitFields, Mode};
use pyo3::prelude::*;

/// Of a limit that was asked.
pub(super) struct Asked {
    pub(super) written: Limit,
    pub(super) name: String,
    pub(super) store_down: StoreDown,
}

/// Whether the request may pass, and what its answer says.
#[pyclass(frozen, module = "buckler._buckler")]
#[derive(Debug)]
pub(crate) struct Standing {
    verdict: Ruling,
    fields: Vec<(&'static str, String)>,
    retry_after: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ruling {
    Passes,
    RateLimited,
    QuotaExhausted,
    /// The store cannot be asked, and the limit is `closed`.
    Unavailable,
}

/// What whoever meets a store that cannot be asked is told: it has mostly come back by then.
const STORE_RETRY: u64 = 1;

impl Standing {
    pub(super) fn of(asked: &[Asked], answers: &[Answer], fields: LimitFields, mode: Mode) -> Self {
        let mut ruling = Ruling::Passes;
        let mut wait = Duration::ZERO;
        let mut told = Told::default();
        // What a store does not answer was not counted.
        for (asked, answer) in asked.iter().zip(answers.iter().chain(std::iter::repeat(&Answer::Unavailable))) {
            let Some(standing) = answer.standing() else {
                if asked.store_down != StoreDown::Open && ruling == Ruling::Passes {
                    ruling = Ruling::Unavailable;
                }
                continue;
            };
            told.add(asked, standing);
            if standing.verdict == Verdict::Refused && standing.retry_after >= wait {
                wait = standing.retry_after;
                ruling = match asked.written.allowance {
                    Allowance::Rate(_) => Ruling::RateLimited,
                    Allowance::Quota(_) => Ruling::QuotaExhausted,
                };
            }
        }
        if mode == Mode::Monitor {
            ruling = Ruling::Passes;
        }
        let retry_after = match ruling {
            Ruling::Passes => None,
            Ruling::Unavailable => Some(STORE_RETRY),
            Ruling::RateLimited | Ruling::QuotaExhausted => Some(seconds(wait)),
        };
        Self { verdict: ruling, fields: told.fields(fields), retry_after }
    }

    /// Of a request that no limit asks about.
    pub(super) const fn unasked() -> Self {
        Self { verdict: Ruling::Passes, fields: Vec::new(), retry_after: None }
    }

    /// Whether it may not pass.
    pub(crate) fn refuses(&self) -> bool {
        self.verdict != Ruling::Passes
    }

    /// What an answer says of the limits.
    pub(crate) fn fields(&self) -> &[(&'static str, String)] {
        &self.fields
    }
}

/// Rounded up: who comes at that second finds room.
fn seconds(time: Duration) -> u64 {
    whole_seconds(time).max(1)
}

/// The fields of draft-ietf-httpapi-ratelimit-headers-10, an item for each limit.
#[derive(Default)]
struct Told {
    policy: String,
    limit: String,
}

impl Told {
    fn add(&mut self, asked: &Asked, standing: &Stands) {
        let between = if self.policy.is_empty() { "" } else { ", " };
        // Writing to a string cannot fail.
        write!(self.policy, "{between}\"{}\";q={}", asked.name, asked.written.allowance.count()).ok();
        if let Some(window) = asked.written.allowance.window_seconds() {
            write!(self.policy, ";w={window}").ok();
        }
        let name = &asked.name;
        let (left, until) = (standing.remaining, seconds(standing.reset_after));
        write!(self.limit, "{between}\"{name}\";r={left};t={until}").ok();
    }

    fn fields(self, wanted: LimitFields) -> Vec<(&'static str, String)> {
        if wanted == LimitFields::Off || self.policy.is_empty() {
            return Vec::new();
        }
        vec![("ratelimit-policy", self.policy), ("ratelimit", self.limit)]
    }
}

#[pymethods]
impl Standing {
    /// Whether it may not pass.
    #[getter]
    fn refused(&self) -> bool {
        self.refuses()
    }

    /// The status of the refusal.
    #[getter]
    fn status(&self) -> u16 {
        match self.verdict {
            Ruling::Unavailable => 503,
            Ruling::Passes | Ruling::RateLimited | Ruling::QuotaExhausted => 429,
        }
    }

    /// The code of the refusal.
    #[getter]
    fn code(&self) -> &'static str {
        match self.verdict {
            Ruling::Unavailable => "overloaded",
            Ruling::QuotaExhausted => "quota_exhausted",
            Ruling::Passes | Ruling::RateLimited => "rate_limited",
        }
    }

    /// The refusal in words.
    #[getter]
    fn detail(&self) -> &'static str {
        match self.verdict {
            Ruling::Unavailable => "the service is busy; try again in a moment",
            Ruling::QuotaExhausted => "the quota is used up; `Retry-After` says when there is more",
            Ruling::Passes | Ruling::RateLimited => "too many requests; `Retry-After` says when to come again",
        }
    }

    /// What an answer that passes says of its limits.
    #[getter]
    fn told(&self) -> Vec<(&'static str, String)> {
        self.fields.clone()
    }

    /// The fields of the refusal.
    #[getter]
    fn refusal_fields(&self) -> Vec<(&'static str, String)> {
        let mut fields = self.fields.clone();
        if let Some(seconds) = self.retry_after {
            fields.push(("retry-after", seconds.to_string()));
        }
        if self.verdict != Ruling::Unavailable {
            fields.push(("buckler-refusal", self.code().to_owned()));
        }
        fields
    }
}
