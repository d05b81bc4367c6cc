//! An answer by which the app itself refuses: a request that is one too many of a limit that stands in the app.
//!
//! The app says so in a field of ours, `Buckler-Refusal`, with the code of the reason. The field never reaches a client.
//! What it says counts where the status is that of the reason; the answer is then the one that the engine itself would
//! have given, with the fields that the app has set to tell of its limits.

use http::{HeaderName, StatusCode};

use super::AnswerFields;
use crate::reason::Reason;
use crate::stage::{Finding, Stage, Violation};

/// `Buckler-Refusal`
pub(crate) static FIELD: HeaderName = HeaderName::from_static("buckler-refusal");

/// What apps can refuse for, and how it is put to the client: what they say of it themselves is not repeated.
const KNOWN: [(Reason, &str); 2] = [
    (Reason::RateLimited, "too many requests; Retry-After says when to come again"),
    (Reason::QuotaExhausted, "nothing is left of the quota; Retry-After says when it begins anew"),
];

/// The refusal that an answer is; `None` of every other answer.
pub(crate) fn of(status: StatusCode, fields: &impl AnswerFields) -> Option<Box<Finding>> {
    let said = fields.first(&FIELD)?;
    let (reason, detail) =
        KNOWN.into_iter().find(|(reason, _)| reason.code().as_bytes() == said && reason.status() == status)?;
    Some(Box::new(Finding { stage: Stage::Limits, violation: Violation::fixed(reason, detail) }))
}
