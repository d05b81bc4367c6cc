//! What goes wrong between the gateway and the app.

use std::fmt;

use buckler_tower::Fault;

use super::connect::ConnectError;
use crate::BoxError;

/// Why there is no answer, or only a part of one.
///
/// In its `source` chain stands the [`Fault`] that decides what the client is told. The text is for the
/// operator's log; nothing of it may reach a client.
#[derive(Debug)]
pub struct UpstreamError {
    kind: Kind,
    fault: Option<Fault>,
}

#[derive(Debug)]
pub(crate) enum Kind {
    /// No worker exists, or too many requests wait for one already.
    NoEndpoint,
    /// Every worker is full, and the line before them too, or the wait in it has been long enough.
    Full,
    /// No connection to any endpoint.
    Connect(ConnectError),
    /// The connection broke, or what came was no HTTP, before an answer's head was whole.
    Exchange(hyper::Error),
    /// The connection was closed without an answer.
    Closed,
    /// Nothing came in time.
    Timeout,
    /// `101 Switching Protocols` without having been asked for it, or to something else.
    UnexpectedUpgrade,
    /// `CONNECT` names another server; a gateway has none to offer.
    Tunnel,
    /// The client's body failed while it was being sent.
    RequestBody(BoxError),
    /// The answer's body ended before its end.
    Truncated(Option<hyper::Error>),
}

impl UpstreamError {
    pub(crate) fn new(kind: Kind) -> Self {
        let fault = match &kind {
            Kind::NoEndpoint | Kind::Full => Some(Fault::Overloaded),
            Kind::Timeout => Some(Fault::UpstreamTimeout),
            Kind::RequestBody(cause) => Fault::find(cause.as_ref()),
            Kind::Connect(_)
            | Kind::Exchange(_)
            | Kind::Closed
            | Kind::UnexpectedUpgrade
            | Kind::Tunnel
            | Kind::Truncated(_) => Some(Fault::UpstreamFailed),
        };
        Self { kind, fault }
    }

    /// Whether there are workers, and each has enough to do.
    pub(crate) fn is_full(&self) -> bool {
        matches!(self.kind, Kind::Full)
    }

    /// What the client is to be told; `None` where it is the client's own connection that failed.
    pub fn fault(&self) -> Option<Fault> {
        self.fault
    }
}

impl fmt::Display for UpstreamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::NoEndpoint => f.write_str("no worker is running"),
            Kind::Full => f.write_str("every worker has as many requests in flight as `app.concurrency` lets it have"),
            Kind::Connect(error) => write!(f, "{error}"),
            Kind::Exchange(error) => write!(f, "the app's answer failed: {error}"),
            Kind::Closed => f.write_str("the app closed the connection without an answer"),
            Kind::Timeout => f.write_str("the app did not begin to answer in time"),
            Kind::UnexpectedUpgrade => f.write_str("the app switched protocols without being asked to"),
            Kind::Tunnel => f.write_str("CONNECT is not served"),
            Kind::RequestBody(error) => write!(f, "the request's body failed: {error}"),
            Kind::Truncated(Some(error)) => write!(f, "the app's answer was cut off: {error}"),
            Kind::Truncated(None) => f.write_str("the app's answer was cut off"),
        }
    }
}

impl std::error::Error for UpstreamError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match (&self.fault, &self.kind) {
            (Some(fault), _) => Some(fault),
            (None, Kind::RequestBody(error)) => Some(error.as_ref()),
            (None, _) => None,
        }
    }
}
