//! Answers of the app, held to what its contract declares and to what the policy lets leave (R41).
//!
//! | module | holds |
//! |---|---|
//! | here | what is asked of answers, compiled |
//! | `never` | names that leave in no answer |
//! | `members` | which members of one answer go |
//! | `plan` | what becomes of an answer, by its head |
//! | `judging` | its body, held, streamed or watched |
//!
//! Errors of the app are rewritten before ([`crate::answer::errors`]) and not judged again. Parts (206), event streams
//! and lines of JSON pass: none of them is one JSON text.

pub(crate) mod judging;
mod members;
mod never;
pub(crate) mod plan;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use buckler_policy::settings::{Contract, Mode, ResponseRule, Responses};

use never::NeverReturn;

/// The key that names what never leaves.
pub(crate) const NEVER_KEY: &str = "contract.never_return";

/// The key that says what answers are held to.
pub(crate) const RESPONSES_KEY: &str = "contract.responses";

/// What answers are held to.
#[derive(Debug)]
pub(crate) struct ResponseRules {
    never: Option<(Mode, Arc<NeverReturn>)>,
    declared: Option<(ResponseRule, Mode)>,
    /// Bytes of an answer that are held.
    max: usize,
}

impl ResponseRules {
    pub(crate) fn compile(policy: &Contract) -> Self {
        let names = &policy.never_return;
        Self {
            never: (!names.is_empty()).then(|| (policy.mode, Arc::new(NeverReturn::new(names)))),
            declared: match policy.responses {
                Responses::Off => None,
                Responses::Judged(rule, mode) => Some((rule, mode)),
            },
            max: policy.max_response,
        }
    }
}
