//! What a host knows of the connection that a request came over.

use std::net::SocketAddr;

/// The other end of the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// An address of the network.
    Ip(SocketAddr),
    /// A Unix socket, a test client, anything that has no address. Never a trusted proxy by itself.
    Local,
}

/// The protocol that the connection speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// Plain.
    Http,
    /// Under TLS.
    Https,
}

impl Scheme {
    /// `http` or `https`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    /// 80 or 443.
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

/// Facts of the connection, told by the host with each request (as a request extension under tower).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connection {
    /// Who is connected.
    pub peer: Peer,
    /// How.
    pub scheme: Scheme,
}

impl Connection {
    /// A connection without an address and without TLS: what is assumed where a host tells nothing.
    pub const LOCAL: Self = Self { peer: Peer::Local, scheme: Scheme::Http };
}
