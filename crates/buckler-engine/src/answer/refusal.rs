//! An answer by which the app itself refuses: a request that is one too many of a limit that stands in the app.
//!
//! The app says so in a field of ours, `Buckler-Refusal`, with the code of the reason. The field never reaches a client.
//! What it says counts where the status is that of the reason; the answer is then the one that the engine itself would
//! have given, with the fields that the app has set to tell of its limits.

use http::{HeaderName, StatusCode, header};

use super::AnswerFields;
use crate::limits::ruling::words;
use crate::reason::Reason;
use crate::stage::{Finding, Stage, Violation};

/// `Buckler-Refusal`
pub(crate) static FIELD: HeaderName = HeaderName::from_static("buckler-refusal");

/// What apps can refuse for.
const KNOWN: [Reason; 3] = [Reason::RateLimited, Reason::QuotaExhausted, Reason::Overloaded];

/// The refusal that an answer is; `None` of every other answer. What the app says of it in words is not repeated; of
/// when to come again it says a number, or nothing.
pub(crate) fn of(status: StatusCode, fields: &impl AnswerFields) -> Option<Box<Finding>> {
    let said = fields.first(&FIELD)?;
    let reason = KNOWN.into_iter().find(|reason| reason.code().as_bytes() == said && reason.status() == status)?;
    let after = fields.first(&header::RETRY_AFTER).and_then(|value| std::str::from_utf8(value).ok()?.parse().ok());
    Some(Box::new(Finding { stage: Stage::Limits, violation: Violation::fixed(reason, words(reason, after)) }))
}
