//! Where Redis is.

use std::fmt;
use std::path::PathBuf;

use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo as _, ProtocolVersion, RedisConnectionInfo};
use url::Url;

use crate::error::RedisError;

/// Whether what is sent can be read on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wire {
    Plain,
    Tls,
}

/// Who is spoken to.
#[derive(Clone)]
pub(crate) enum Peer {
    Tcp {
        host: String,
        port: u16,
        wire: Wire,
    },
    Unix(PathBuf),
    /// Some nodes of a cluster, by which the others are found.
    Cluster {
        nodes: Vec<ConnectionInfo>,
        wire: Wire,
    },
}

/// A peer, and what is said to it first.
#[derive(Clone)]
pub(crate) struct Address {
    pub(crate) peer: Peer,
    /// User, password, database.
    pub(crate) login: RedisConnectionInfo,
}

/// Host and port: what may be told of it.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.peer {
            Peer::Tcp { host, port, .. } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Peer::Tcp { host, port, .. } => write!(f, "{host}:{port}"),
            Peer::Unix(path) => write!(f, "{}", path.display()),
            Peer::Cluster { nodes, .. } => {
                for (at, node) in nodes.iter().enumerate() {
                    write!(f, "{}{}", if at == 0 { "" } else { ", " }, node.addr())?;
                }
                Ok(())
            }
        }
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
}

const FORMS: RedisError = RedisError::Setting(
    "the address of Redis is none: write `redis://host:6379/0`, `rediss://…` over TLS, `redis+unix:///path` or \
     `redis-cluster://host:6379`; signs such as `@`, `/` and `#` in a password are written as `%40`, `%2F` and `%23`",
);

impl Address {
    pub(crate) fn parse(text: &str) -> Result<Self, RedisError> {
        let url = Url::parse(text).map_err(|_| FORMS)?;
        if url.fragment().is_some() {
            // Of the client library: `#insecure` would take any certificate.
            return Err(RedisError::Setting("the address of Redis has no part behind `#`: certificates are checked"));
        }
        match url.scheme() {
            "redis" | "valkey" | "rediss" | "valkeys" => Self::single(text),
            "redis+unix" | "unix" | "valkey+unix" => Self::unix(text),
            "redis-cluster" | "valkey-cluster" => Self::cluster(&url, text, Wire::Plain),
            "rediss-cluster" | "valkeys-cluster" => Self::cluster(&url, text, Wire::Tls),
            _ => Err(FORMS),
        }
    }

    fn single(text: &str) -> Result<Self, RedisError> {
        let info = text.into_connection_info().map_err(|_| FORMS)?;
        let peer = match info.addr() {
            ConnectionAddr::Tcp(host, port) => Peer::Tcp { host: host.clone(), port: *port, wire: Wire::Plain },
            ConnectionAddr::TcpTls { host, port, insecure: false, .. } => {
                Peer::Tcp { host: host.clone(), port: *port, wire: Wire::Tls }
            }
            ConnectionAddr::Unix(path) => Peer::Unix(path.clone()),
            _ => return Err(FORMS),
        };
        Ok(Self { peer, login: login(&info) })
    }

    fn unix(text: &str) -> Result<Self, RedisError> {
        let (_, rest) = text.split_once(':').ok_or(FORMS)?;
        let address = Self::single(&format!("unix:{rest}"))?;
        if matches!(&address.peer, Peer::Unix(path) if path.is_absolute()) { Ok(address) } else { Err(FORMS) }
    }

    /// The first node has the form of a single server; others follow in the query.
    fn cluster(url: &Url, text: &str, wire: Wire) -> Result<Self, RedisError> {
        let (_, rest) = text.split_once(':').ok_or(FORMS)?;
        let rest = rest.split_once('?').map_or(rest, |(rest, _)| rest);
        let scheme = match wire {
            Wire::Plain => "redis",
            Wire::Tls => "rediss",
        };
        let first = format!("{scheme}:{rest}").as_str().into_connection_info().map_err(|_| FORMS)?;
        let login = login(&first);
        let mut nodes = vec![first.set_redis_settings(login.clone())];
        for (name, value) in url.query_pairs() {
            if name != "node" {
                return Err(RedisError::Setting("of a cluster's address the query names nodes: `?node=host:6379`"));
            }
            let node = format!("{scheme}://{value}").as_str().into_connection_info().map_err(|_| FORMS)?;
            nodes.push(node.set_redis_settings(login.clone()));
        }
        Ok(Self { peer: Peer::Cluster { nodes, wire }, login })
    }
}

/// One protocol with all servers, and no command that is not needed: each is one more that a user must be allowed.
fn login(info: &ConnectionInfo) -> RedisConnectionInfo {
    info.redis_settings().clone().set_protocol(ProtocolVersion::RESP2).set_skip_set_lib_name()
}

#[cfg(test)]
mod tests {
    use super::*;

    // R13: hostile and mistaken ones first; none of them is repeated by the error
    #[test]
    fn addresses_that_are_none() {
        for text in [
            "",
            "hunter2",
            "redis",
            "redis://",
            "redis://:hunter2@",
            "http://user:hunter2@host",
            "redis://user:hunter2@host:99999",
            "redis://user:hunter2@host/db",
            "redis://user:hunter2@0.0.0.0",
            "rediss://user:hunter2@host/#insecure",
            "redis://user:hun#ter2@host",
            "redis+unix://",
            "redis+unix:?pass=hunter2",
            "redis-cluster://user:hunter2@host?nodes=other",
            "redis-cluster://user:hunter2@host?node=",
            "file:///hunter2",
        ] {
            let error = Address::parse(text).expect_err(text);
            assert!(!error.to_string().contains("hunter2") && !format!("{error:?}").contains("hunter2"), "{error}");
        }
    }

    // R13
    #[test]
    fn addresses_are_read_and_shown_without_their_secrets() {
        for (text, shown) in [
            ("redis://host", "host:6379"),
            ("redis://user:hunter2@host:1234/3", "host:1234"),
            ("redis://:hunter2%40%2F@host/0", "host:6379"),
            ("valkey://host:1", "host:1"),
            ("rediss://user:hunter2@[::1]:6380", "[::1]:6380"),
            ("redis+unix:///run/redis.sock?db=2&user=me&pass=hunter2", "/run/redis.sock"),
            ("unix:///run/redis.sock", "/run/redis.sock"),
            ("redis-cluster://user:hunter2@a:1?node=b:2&node=c", "a:1, b:2, c:6379"),
            ("rediss-cluster://a:1", "a:1"),
        ] {
            let address = Address::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(address.to_string(), shown);
            assert!(!format!("{address:?}").contains("hunter2"), "{address:?}");
        }
        let address = Address::parse("redis://us%3Aer:hunter2%40%2F@host/7").unwrap();
        assert_eq!(address.login.username(), Some("us:er"));
        assert_eq!(address.login.password(), Some("hunter2@/"));
        assert_eq!(address.login.db(), 7);
    }
}
