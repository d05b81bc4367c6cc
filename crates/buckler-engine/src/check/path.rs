//! The path means one thing only to whoever decodes it. It is judged and passed on, never rewritten.

use buckler_http::target::{Target, judge_path};

use crate::reason::Reason;
use crate::stage::Violation;

pub(crate) fn check(target: &Target<'_>) -> Result<(), Violation> {
    let Some(path) = target.path() else { return Ok(()) };
    judge_path(path).map_err(|fault| Violation::of("server.paths.mode", Reason::MalformedRequest, fault.to_string()))
}
