//! What happens outside of any request, for whoever logs and counts.
//!
//! A request that reaches the engine leaves the engine's record. What ends before (a failed handshake, a head
//! that is not HTTP) or beneath (a client that stops reading) is told here, so that nothing goes unseen.

use std::io;
use std::net::SocketAddr;

use buckler_http::frames::Flood;

/// Which deadline of a connection has passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expired {
    /// No request came. The normal end of a kept-alive connection.
    Idle,
    /// A request's head was begun and not finished.
    Head,
    /// The client accepted nothing of what waited for it.
    WriteStall,
}

/// One happening.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// The operating system has no room for another connection; accepting pauses for a moment.
    AcceptFailed {
        /// The listener's address.
        listener: SocketAddr,
        /// Why.
        error: &'a io::Error,
    },
    /// `server.max_connections` are open: new ones wait in the kernel until one closes.
    Full {
        /// The listener's address.
        listener: SocketAddr,
    },
    /// No TLS session came to be.
    HandshakeFailed {
        /// The client.
        peer: SocketAddr,
        /// Why.
        error: &'a io::Error,
    },
    /// A deadline of the connection passed, and it was closed.
    Expired {
        /// The client.
        peer: SocketAddr,
        /// Which.
        deadline: Expired,
    },
    /// A client kept an HTTP/2 connection busy with what asks for nothing; it was closed.
    Flooded {
        /// The client.
        peer: SocketAddr,
        /// With what.
        flood: Flood,
    },
    /// The codec refused an HTTP/2 request, or gave the connection up.
    Http2Error {
        /// The client.
        peer: SocketAddr,
        /// The name of the error code that the client was sent (RFC 9113 §7).
        code: &'static str,
    },
    /// The drain deadline passed with the connection still busy.
    Cut {
        /// The client.
        peer: SocketAddr,
    },
}

/// Sees every [`Event`]. Called from the connections' tasks: it must not block.
pub trait Observer: Send + Sync + 'static {
    /// Something happened.
    fn observe(&self, event: &Event<'_>);
}

/// Sees nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unobserved;

impl Observer for Unobserved {
    fn observe(&self, _: &Event<'_>) {}
}
