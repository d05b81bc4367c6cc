//! Sockets that a service manager opened before we were started (`sd_listen_fds(3)`): clients that connect while
//! nobody serves wait in them, so a restart refuses nobody.
//!
//! Rules, in order:
//! 1. They are ours only if `LISTEN_PID` says so. No child gets them or the variables.
//! 2. A socket named `redirect` is for `server.http_redirect`, one named `https` for `server.listen`
//!    (`FileDescriptorName=` of a socket unit); any other name says nothing.
//! 3. It stands in for the address of the policy that it is bound to. `[::]` stands in for `0.0.0.0`, since it takes both.
//! 4. A socket that no address of the policy asks for is an error: the two files disagree about what is served.
//! 5. An address that no socket stands in for is bound as always.

use std::env;
use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::process;

use listenfd::ListenFd;

use crate::listen::ListenError;

/// More sockets than that are no list of listeners.
const MOST: usize = 64;

/// Variables of the protocol, which no child is to have: `NOTIFY_SOCKET` would let it speak for us.
pub(crate) const VARIABLES: [&str; 7] = [
    "LISTEN_PID",
    "LISTEN_FDS",
    "LISTEN_FDNAMES",
    "LISTEN_FDS_FIRST_FD",
    "NOTIFY_SOCKET",
    "WATCHDOG_PID",
    "WATCHDOG_USEC",
];

/// What is handed over. Dropping it closes what was not asked for.
#[derive(Debug, Default)]
pub struct Inherited(Vec<Socket>);

#[derive(Debug)]
struct Socket {
    name: Name,
    address: SocketAddr,
    listener: TcpListener,
}

/// What a socket is named for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Name {
    Https,
    Redirect,
    Other,
}

impl Name {
    fn of(text: &str) -> Self {
        match text {
            "https" => Self::Https,
            "redirect" => Self::Redirect,
            _ => Self::Other,
        }
    }

    /// Whether a socket of that name may stand in for an address of that key.
    fn suits(self, key: Key) -> bool {
        matches!((self, key), (Self::Other, _) | (Self::Https, Key::Listen) | (Self::Redirect, Key::Redirect))
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Https => " named `https`",
            Self::Redirect => " named `redirect`",
            Self::Other => "",
        })
    }
}

/// Which key of the policy an address comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Key {
    /// `server.listen`
    Listen,
    /// `server.http_redirect`
    Redirect,
}

impl Inherited {
    /// Nothing.
    pub fn none() -> Self {
        Self::default()
    }

    /// Takes what is handed over. Call it first of all: before another thread runs, and before a child is started.
    ///
    /// # Errors
    /// Something was handed over that is no listening TCP socket.
    pub fn take() -> Result<Self, ListenError> {
        let variable = |name: &str| env::var(name).unwrap_or_default();
        if variable("LISTEN_PID") != process::id().to_string() {
            return Ok(Self::none());
        }
        let handed_over = variable("LISTEN_FDS");
        if handed_over.parse::<usize>().map_or(true, |count| count > MOST) {
            return Err(ListenError::TooMany { said: handed_over.chars().take(MOST).collect(), most: MOST });
        }
        let names = variable("LISTEN_FDNAMES");
        let mut names = names.split(':').map(Name::of);
        let mut sockets = ListenFd::from_env();
        let mut taken = Vec::with_capacity(sockets.len());
        for number in 0..sockets.len() {
            let of = |source| ListenError::NoListener { number: number.saturating_add(1), source };
            let Some(listener) = sockets.take_tcp_listener(number).map_err(of)? else { continue };
            taken.push(Socket::new(names.next().unwrap_or(Name::Other), listener).map_err(of)?);
        }
        Ok(Self(taken))
    }

    /// The sockets for these addresses, in their order.
    pub(crate) fn stand_in(self, asked: &[(SocketAddr, Key)]) -> Result<Vec<Option<TcpListener>>, ListenError> {
        let mut places: Vec<Option<TcpListener>> = asked.iter().map(|_| None).collect();
        for socket in self.0 {
            let fits = |(place, (address, key)): &(&mut Option<TcpListener>, &(SocketAddr, Key))| {
                place.is_none() && socket.name.suits(*key) && stands_in(socket.address, *address)
            };
            let Some((place, _)) = places.iter_mut().zip(asked).find(fits) else {
                let asked = asked.iter().map(|(address, key)| match key {
                    Key::Listen => format!("`server.listen` {address}"),
                    Key::Redirect => format!("`server.http_redirect` {address}"),
                });
                return Err(ListenError::NotAskedFor {
                    address: socket.address,
                    name: socket.name.to_string(),
                    asked: asked.collect::<Vec<_>>().join(", "),
                });
            };
            *place = Some(socket.listener);
        }
        Ok(places)
    }
}

impl Socket {
    fn new(name: Name, listener: TcpListener) -> io::Result<Self> {
        if !rustix::net::sockopt::socket_acceptconn(&listener)? {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it does not listen"));
        }
        listener.set_nonblocking(true)?;
        Ok(Self { name, address: listener.local_addr()?, listener })
    }
}

/// Whether a socket at `bound` is what `asked` means.
fn stands_in(bound: SocketAddr, asked: SocketAddr) -> bool {
    let same_port = asked.port() == bound.port() || asked.port() == 0;
    let both_any = bound.is_ipv6() && bound.ip().is_unspecified() && asked.ip().is_unspecified();
    same_port && (asked.ip() == bound.ip() || both_any)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn socket(name: Name) -> Socket {
        Socket::new(name, TcpListener::bind("127.0.0.1:0").unwrap()).unwrap()
    }

    #[test]
    fn what_stands_in_for_what() {
        let at = |text: &str| text.parse::<SocketAddr>().unwrap();
        for (bound, asked, stands) in [
            ("127.0.0.1:8443", "127.0.0.1:8443", true),
            ("127.0.0.1:8443", "127.0.0.1:0", true),
            ("127.0.0.1:8443", "127.0.0.1:8080", false),
            ("127.0.0.1:8443", "0.0.0.0:8443", false),
            ("0.0.0.0:8443", "127.0.0.1:8443", false),
            ("[::]:8443", "0.0.0.0:8443", true),
            ("0.0.0.0:8443", "[::]:8443", false),
            ("[::1]:8443", "[::]:8443", false),
        ] {
            assert_eq!(stands_in(at(bound), at(asked)), stands, "{bound} for {asked}");
        }
    }

    // R09
    #[test]
    fn names_and_addresses_decide_and_what_nobody_asked_for_is_an_error() {
        let (first, second) = (socket(Name::Other), socket(Name::Redirect));
        let (a, b) = (first.address, second.address);
        let asked = [(b, Key::Listen), (a, Key::Listen), (b, Key::Redirect)];
        let places = Inherited(vec![first, second]).stand_in(&asked).unwrap();
        let taken: Vec<_> = places.iter().map(|place| place.as_ref().map(|one| one.local_addr().unwrap())).collect();
        assert_eq!(taken, [None, Some(a), Some(b)]);

        for (name, key) in [(Name::Https, Key::Redirect), (Name::Redirect, Key::Listen)] {
            let wrong = socket(name);
            let address = wrong.address;
            let error = Inherited(vec![wrong]).stand_in(&[(address, key)]).unwrap_err().to_string();
            assert!(error.contains(&name.to_string()) && error.contains(&address.to_string()), "{error}");
        }
        let foreign = socket(Name::Other);
        let address = foreign.address.to_string();
        let asked = "127.0.0.1:1".parse().unwrap();
        let error = Inherited(vec![foreign]).stand_in(&[(asked, Key::Listen)]).unwrap_err().to_string();
        assert!(error.contains(&address) && error.contains("`server.listen` 127.0.0.1:1"), "{error}");
    }

    #[test]
    fn a_socket_that_does_not_listen_is_none() {
        let connected = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = std::net::TcpStream::connect(connected.local_addr().unwrap()).unwrap();
        let owned = std::os::fd::OwnedFd::from(stream);
        assert!(Socket::new(Name::Other, TcpListener::from(owned)).is_err());
    }
}
