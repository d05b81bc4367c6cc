//! Where the app listens.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// One listening socket of the app.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Address {
    /// `unix:/run/app.sock`
    Unix(PathBuf),
    /// `http://host:port`
    Http(Authority),
    /// `https://host:port`, its certificate checked against the platform's roots.
    Https(Authority),
}

/// Host and port.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Authority {
    /// A name or an address, IPv6 without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

/// A text that is no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    /// Neither `unix:`, `http://` nor `https://`.
    #[error("`{0}` is no upstream: write `http://host:port`, `https://host:port` or `unix:/path/to/socket`")]
    Scheme(String),
    /// `unix:` without an absolute path.
    #[error("`{0}` needs the absolute path of a socket: `unix:/path/to/socket`")]
    SocketPath(String),
    /// No host, or something that is none.
    #[error("`{0}` needs a host, and a port from 1 to 65535 if it is not the usual one: `http://127.0.0.1:8000`")]
    Authority(String),
    /// A path, query or fragment: requests keep their own.
    #[error("`{0}` may not have a path: requests keep their own")]
    Path(String),
    /// User and password.
    #[error("the upstream may not carry user and password")]
    Userinfo,
}

impl Address {
    /// The value of `Host` for requests that have none (HTTP/1.0).
    pub(crate) fn host(&self) -> String {
        match self {
            Self::Unix(_) => "localhost".to_owned(),
            Self::Http(authority) | Self::Https(authority) => authority.to_string(),
        }
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        if let Some(path) = text.strip_prefix("unix:") {
            return if path.starts_with('/') {
                Ok(Self::Unix(PathBuf::from(path)))
            } else {
                Err(AddressError::SocketPath(text.to_owned()))
            };
        }
        let url = url::Url::parse(text).map_err(|_| AddressError::Scheme(text.to_owned()))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(AddressError::Userinfo);
        }
        let https = match url.scheme() {
            "http" => false,
            "https" => true,
            _ => return Err(AddressError::Scheme(text.to_owned())),
        };
        if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
            return Err(AddressError::Path(text.to_owned()));
        }
        let host = match url.host() {
            Some(url::Host::Domain(name)) => name.to_owned(),
            Some(url::Host::Ipv4(ip)) => ip.to_string(),
            Some(url::Host::Ipv6(ip)) => ip.to_string(),
            None => return Err(AddressError::Authority(text.to_owned())),
        };
        let port = url.port_or_known_default().filter(|port| *port != 0);
        let Some(port) = port else { return Err(AddressError::Authority(text.to_owned())) };
        let authority = Authority { host, port };
        Ok(if https { Self::Https(authority) } else { Self::Http(authority) })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Http(authority) => write!(f, "http://{authority}"),
            Self::Https(authority) => write!(f, "https://{authority}"),
        }
    }
}

impl fmt::Display for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_address_is_refused() {
        let scheme = |text: &str| AddressError::Scheme(text.to_owned());
        let path = |text: &str| AddressError::Path(text.to_owned());
        let cases = [
            ("", scheme("")),
            ("127.0.0.1:8000", scheme("127.0.0.1:8000")),
            ("localhost:8000", scheme("localhost:8000")),
            ("ftp://host", scheme("ftp://host")),
            ("http://", scheme("http://")),
            ("http://host:99999", scheme("http://host:99999")),
            ("http://host:0", AddressError::Authority("http://host:0".to_owned())),
            ("http://user:secret@host", AddressError::Userinfo),
            ("http://host/api", path("http://host/api")),
            ("http://host?x", path("http://host?x")),
            ("http://host#x", path("http://host#x")),
            ("unix:", AddressError::SocketPath("unix:".to_owned())),
            ("unix:app.sock", AddressError::SocketPath("unix:app.sock".to_owned())),
        ];
        for (text, expected) in cases {
            assert_eq!(text.parse::<Address>(), Err(expected), "{text}");
        }
    }

    #[test]
    fn addresses_say_what_they_were_read_from() {
        let cases = [
            ("http://127.0.0.1:8000", "127.0.0.1:8000"),
            ("http://[::1]:8000", "[::1]:8000"),
            ("http://app:80", "app:80"),
            ("https://app.example:8443", "app.example:8443"),
            ("unix:/run/app.sock", "localhost"),
        ];
        for (text, host) in cases {
            let address: Address = text.parse().unwrap();
            assert_eq!(address.to_string(), text);
            assert_eq!(address.host(), host);
        }
        assert_eq!("http://app".parse::<Address>().unwrap().to_string(), "http://app:80");
    }
}
