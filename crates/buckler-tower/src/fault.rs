//! What went wrong around the engine, said in a way that the layer can turn into the right answer.

use std::fmt;

use buckler_engine::Reason;

/// A failure that a host knows the cause of.
///
/// An inner service, or a request body, that fails with this (as its error, or anywhere in the error's
/// `source` chain) is answered with the matching refusal; any other error is `upstream_failed` when the
/// inner service fails, and the end of the exchange when the client's body does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The app gave no answer, half an answer or one that is not HTTP: 502 `upstream_failed`.
    UpstreamFailed,
    /// The app did not begin to answer in time: 504 `upstream_timeout`.
    UpstreamTimeout,
    /// No worker can take the request: 503 `overloaded`.
    Overloaded,
    /// The engine itself failed, or the app panicked: 500 `internal_error`.
    Broken,
    /// The request body ended before its end, or is framed wrongly: 400 `malformed_request`.
    BodyBroken,
    /// The client sends its body slower than the policy allows: 408 `timeout`.
    BodyTimeout,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UpstreamFailed => "the app failed to answer",
            Self::UpstreamTimeout => "the app did not answer in time",
            Self::Overloaded => "no worker is free",
            Self::Broken => "the engine failed",
            Self::BodyBroken => "the request body is broken",
            Self::BodyTimeout => "the request body came too slowly",
        })
    }
}

impl std::error::Error for Fault {}

impl From<Fault> for Reason {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::UpstreamFailed => Self::UpstreamFailed,
            Fault::UpstreamTimeout => Self::UpstreamTimeout,
            Fault::Overloaded => Self::Overloaded,
            Fault::Broken => Self::InternalError,
            Fault::BodyBroken => Self::MalformedRequest,
            Fault::BodyTimeout => Self::Timeout,
        }
    }
}

impl Fault {
    /// The fault that an error of an inner service stands for.
    pub(crate) fn of(error: &crate::BoxError) -> Self {
        Self::find(&**error).unwrap_or(Self::UpstreamFailed)
    }

    /// Looks for a fault in an error and in what caused it; at most eight causes deep.
    pub fn find(error: &(dyn std::error::Error + 'static)) -> Option<Self> {
        let mut current = Some(error);
        for _ in 0..8 {
            let error = current?;
            if let Some(fault) = error.downcast_ref::<Self>() {
                return Some(*fault);
            }
            current = error.source();
        }
        None
    }
}
