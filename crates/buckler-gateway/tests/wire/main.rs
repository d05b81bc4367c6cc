//! The gateway over real sockets: what passes, what is refused, and what happens when either side misbehaves.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "helpers of tests may fail a test")]

mod broken;
mod deadlines;
mod drain;
mod forwarding;
mod hostile;
mod http2;
mod places;
mod support;
mod tls;
mod websocket;
