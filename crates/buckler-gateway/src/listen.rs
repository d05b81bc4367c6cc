//! Sockets that take connections.
//!
//! Rules, in order:
//! 1. `max_connections` are open at most, over all listeners. When they are, nothing is accepted: the kernel's
//!    queue holds the next ones, and a slot that frees takes them.
//! 2. When the system runs out of descriptors or memory, accepting pauses, longer each time, instead of spinning.
//! 3. Answers leave at once (`TCP_NODELAY`), and a peer that vanished is noticed by keep-alive probes, since a
//!    WebSocket or an event stream may be silent for hours.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};

/// The first pause after a failed accept.
const PAUSE: Duration = Duration::from_millis(10);

/// The longest: half-second latency at worst once there is room again.
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// Silence before the first probe. Below the two minutes after which NATs forget a connection.
const PROBE_AFTER: Duration = Duration::from_mins(1);

/// Between probes.
const PROBE_INTERVAL: Duration = Duration::from_secs(15);

/// Unanswered probes before the peer is gone.
const PROBES: u32 = 4;

/// A socket that cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ListenError {
    /// Somebody else has it.
    #[error(
        "{address} is in use by another process; stop it, or give another address with `--listen` or `server.listen`"
    )]
    InUse {
        /// The address.
        address: SocketAddr,
    },
    /// A port below 1024 without the right to it.
    #[error("no permission to listen on {address}; take a port from 1024 up, or grant CAP_NET_BIND_SERVICE")]
    Permission {
        /// The address.
        address: SocketAddr,
    },
    /// An address that is not this machine's.
    #[error("{address} is not an address of this machine; `0.0.0.0` or `[::]` listens on all of them")]
    NotLocal {
        /// The address.
        address: SocketAddr,
    },
    /// A service manager handed over what nobody can connect to.
    #[error("socket {number} of those that the service manager hands over is no listening TCP socket: {source}")]
    NoListener {
        /// Which, from 1.
        number: usize,
        /// What it is.
        source: io::Error,
    },
    /// A service manager says that it hands over what cannot be.
    #[error("LISTEN_FDS is `{said}`, and has to be a number up to {most}")]
    TooMany {
        /// What it says.
        said: String,
        /// What it could say.
        most: usize,
    },
    /// A service manager handed over a socket that the policy does not know.
    #[error(
        "the service manager hands over a socket{name} at {address}, and the policy asks for {asked}; \
         let the socket unit and the policy name the same addresses"
    )]
    NotAskedFor {
        /// Where it is bound.
        address: SocketAddr,
        /// What it is named for.
        name: String,
        /// The addresses of the policy, with their keys.
        asked: String,
    },
    /// Anything else.
    #[error("cannot listen on {address}: {source}")]
    Other {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
}

/// Listens.
pub(crate) async fn bind(address: SocketAddr) -> Result<TcpListener, ListenError> {
    TcpListener::bind(address).await.map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => ListenError::InUse { address },
        io::ErrorKind::PermissionDenied => ListenError::Permission { address },
        io::ErrorKind::AddrNotAvailable => ListenError::NotLocal { address },
        _ => ListenError::Other { address, source },
    })
}

/// Prepares an accepted socket.
pub(crate) fn prepare(tcp: &TcpStream) -> io::Result<()> {
    tcp.set_nodelay(true)?;
    rustix::net::sockopt::set_socket_keepalive(tcp, true)?;
    rustix::net::sockopt::set_tcp_keepidle(tcp, PROBE_AFTER)?;
    rustix::net::sockopt::set_tcp_keepintvl(tcp, PROBE_INTERVAL)?;
    rustix::net::sockopt::set_tcp_keepcnt(tcp, PROBES)?;
    Ok(())
}

/// How long to wait after failed accepts.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// An accept succeeded.
    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }

    /// The pause after `error`; none if it concerns only the one connection that was lost.
    pub(crate) fn pause(&mut self, error: &io::Error) -> Option<Duration> {
        if matches!(
            error.kind(),
            io::ErrorKind::ConnectionAborted
                | io::ErrorKind::ConnectionReset
                | io::ErrorKind::ConnectionRefused
                | io::ErrorKind::Interrupted
        ) {
            return None;
        }
        let pause = PAUSE.saturating_mul(2_u32.saturating_pow(self.failures)).min(LONGEST_PAUSE);
        self.failures = self.failures.saturating_add(1);
        Some(pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_socket_that_cannot_be_had_is_explained() {
        let taken = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = taken.local_addr().unwrap();
        let error = bind(address).await.unwrap_err();
        assert!(matches!(error, ListenError::InUse { .. }), "{error}");
        assert!(error.to_string().contains("--listen"), "{error}");
        // TEST-NET-1 (RFC 5737) is nobody's.
        let error = bind("192.0.2.1:8443".parse().unwrap()).await.unwrap_err();
        assert!(matches!(error, ListenError::NotLocal { .. }), "{error}");
    }

    #[test]
    fn pauses_grow_and_end() {
        let mut backoff = Backoff::default();
        let full = io::Error::from_raw_os_error(24);
        let pauses: Vec<_> = (0..8).map(|_| backoff.pause(&full).unwrap().as_millis()).collect();
        assert_eq!(pauses, [10, 20, 40, 80, 160, 320, 500, 500]);
        assert_eq!(backoff.pause(&io::ErrorKind::ConnectionAborted.into()), None);
        backoff.reset();
        assert_eq!(backoff.pause(&full), Some(PAUSE));
    }
}
