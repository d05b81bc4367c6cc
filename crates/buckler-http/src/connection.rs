//! What a host knows of the connection that a request came over.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// The other end of the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// An address of the network.
    Ip(SocketAddr),
    /// A Unix socket, a test client, anything that has no address. Never a trusted proxy by itself.
    Local,
}

/// Whose share of something a request takes: those who cannot be told apart take one together.
///
/// An address of IPv4. Of IPv6 its first 64 bits: whoever has one address of a /64 has all of them (RFC 4291 §2.5.1,
/// RFC 6177). Everything without an address is one client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Client(Option<IpAddr>);

impl Client {
    /// What has no address.
    pub const LOCAL: Self = Self(None);
}

impl From<Peer> for Client {
    fn from(peer: Peer) -> Self {
        /// The part of an address of IPv6 that its owner chooses freely.
        const INTERFACE: u128 = u64::MAX as u128;
        match peer {
            Peer::Local => Self::LOCAL,
            Peer::Ip(address) => Self(Some(match address.ip().to_canonical() {
                IpAddr::V4(address) => IpAddr::V4(address),
                IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !INTERFACE)),
            })),
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    // R08
    #[test]
    fn who_owns_a_network_is_one_client() {
        let client = |address: &str| Client::from(Peer::Ip(address.parse().unwrap()));
        for (one, other, same) in [
            ("192.0.2.7:1", "192.0.2.7:2", true),
            ("192.0.2.7:1", "192.0.2.8:1", false),
            ("192.0.2.7:1", "[::ffff:192.0.2.7]:1", true),
            ("[::ffff:192.0.2.7]:1", "[::ffff:192.0.2.8]:1", false),
            ("[2001:db8:1:2::1]:1", "[2001:db8:1:2:ffff:ffff:ffff:ffff]:9", true),
            ("[2001:db8:1:2::1]:1", "[2001:db8:1:3::1]:1", false),
        ] {
            assert_eq!(client(one) == client(other), same, "{one} {other}");
        }
        assert_eq!(Client::from(Peer::Local), Client::LOCAL);
        assert_ne!(client("0.0.0.0:0"), Client::LOCAL);
    }
}
