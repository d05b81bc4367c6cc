//! The address that a document is fetched from.

use std::fmt;
use std::net::IpAddr;

use url::{Host, Url};

/// The longest address. More than `server.limits.target` lets pass is no address of a document.
const LONGEST: usize = 2_048;

/// Where a document is fetched from: `https://host/path`, or `http://` where that is let pass. It prints itself without
/// its query, which may be what opens the door.
#[derive(Clone, PartialEq, Eq)]
pub struct DocumentUrl {
    transport: Transport,
    /// A name or an address, IPv6 without brackets.
    host: String,
    port: u16,
    /// In ASCII; begins with a slash.
    path: String,
    /// In ASCII, without the question mark.
    query: Option<String>,
}

/// What the document is fetched over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// `https`
    Tls,
    /// `http`
    Plain,
}

/// Why a text is no address of a document. It repeats nothing of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UrlFault {
    TooLong,
    Scheme,
    Userinfo,
    Fragment,
    Unreadable,
}

impl UrlFault {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::TooLong => "the address is too long",
            Self::Scheme => "documents are fetched over `https://`, or `http://` from this machine",
            Self::Userinfo => "an address may not carry user and password: it is shown and logged",
            Self::Fragment => "an address of a document has no `#` part",
            Self::Unreadable => "not an address",
        }
    }
}

impl DocumentUrl {
    pub(crate) fn parse(text: &str) -> Result<Self, UrlFault> {
        if text.len() > LONGEST {
            return Err(UrlFault::TooLong);
        }
        let url = Url::parse(text).map_err(|_| UrlFault::Unreadable)?;
        let transport = match url.scheme() {
            "https" => Transport::Tls,
            "http" => Transport::Plain,
            _ => return Err(UrlFault::Scheme),
        };
        // `https://@host` has none, and is written by nobody who means none.
        let authority =
            text.split_once("://").map_or("", |(_, rest)| rest.split(['/', '?', '#', '\\']).next().unwrap_or(""));
        if !url.username().is_empty() || url.password().is_some() || authority.contains('@') {
            return Err(UrlFault::Userinfo);
        }
        if url.fragment().is_some() {
            return Err(UrlFault::Fragment);
        }
        let host = match url.host().ok_or(UrlFault::Unreadable)? {
            Host::Domain(name) => name.to_owned(),
            Host::Ipv4(ip) => ip.to_string(),
            Host::Ipv6(ip) => ip.to_string(),
        };
        let port = url.port_or_known_default().filter(|port| *port != 0).ok_or(UrlFault::Unreadable)?;
        let query = url.query().map(str::to_owned);
        Ok(Self { transport, host, port, path: url.path().to_owned(), query })
    }

    /// What the document is fetched over.
    pub fn transport(&self) -> Transport {
        self.transport
    }

    /// A name or an address, IPv6 without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, the usual one if none is written.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Path and query, as a request names them. The query may hold a secret.
    pub fn target(&self) -> String {
        match &self.query {
            Some(query) => format!("{}?{query}", self.path),
            None => self.path.clone(),
        }
    }

    /// The value of `Host` (RFC 9110 §7.2): the port stands only where it is not the usual one.
    pub fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        let usual = match self.transport {
            Transport::Tls => 443,
            Transport::Plain => 80,
        };
        if self.port == usual { host } else { format!("{host}:{}", self.port) }
    }

    /// Whether what is sent stays on this machine.
    pub fn is_loopback(&self) -> bool {
        self.host == "localhost" || self.host.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
    }
}

impl fmt::Display for DocumentUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.transport {
            Transport::Tls => "https",
            Transport::Plain => "http",
        };
        write!(f, "{scheme}://{}{}", self.authority(), self.path)
    }
}

impl fmt::Debug for DocumentUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DocumentUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // R40
    #[test]
    fn what_is_no_address_of_a_document_is_refused() {
        let long = format!("https://a.example/{}", "x".repeat(LONGEST));
        for (text, fault) in [
            ("", UrlFault::Unreadable),
            ("https://", UrlFault::Unreadable),
            ("openapi.json", UrlFault::Unreadable),
            ("https://a.example:0/", UrlFault::Unreadable),
            ("https://a.example:99999/", UrlFault::Unreadable),
            ("ftp://a.example/openapi.json", UrlFault::Scheme),
            ("file:///etc/passwd", UrlFault::Scheme),
            ("gopher://127.0.0.1/", UrlFault::Scheme),
            ("https://me:hunter2@a.example/", UrlFault::Userinfo),
            ("https://me@a.example/", UrlFault::Userinfo),
            ("https://@a.example/", UrlFault::Userinfo),
            ("https://a.example\\@b.example/", UrlFault::Userinfo),
            ("https://a.example/#x", UrlFault::Fragment),
            (&long, UrlFault::TooLong),
        ] {
            let read = DocumentUrl::parse(text);
            // To a browser's parser a backslash is a slash: the host is the first, and nothing goes to the second.
            if text.contains('\\') {
                assert_eq!(read.map(|url| url.host), Ok("a.example".to_owned()));
                continue;
            }
            assert_eq!(read, Err(fault), "{text}");
        }
    }

    #[test]
    fn an_address_says_where_it_leads_and_hides_its_query() {
        for (text, shown, authority, target, loopback) in [
            ("https://a.example", "https://a.example/", "a.example", "/", false),
            (
                "https://A.example:443/o.json?k=CANARY",
                "https://a.example/o.json",
                "a.example",
                "/o.json?k=CANARY",
                false,
            ),
            ("http://127.0.0.1:8000/o", "http://127.0.0.1:8000/o", "127.0.0.1:8000", "/o", true),
            ("http://[::1]/o", "http://[::1]/o", "[::1]", "/o", true),
            ("http://localhost/o", "http://localhost/o", "localhost", "/o", true),
            ("http://localhost.a.example/o", "http://localhost.a.example/o", "localhost.a.example", "/o", false),
            // Other spellings of one address.
            ("http://2130706433/o", "http://127.0.0.1/o", "127.0.0.1", "/o", true),
            ("https://a.example/\r\nX: y", "https://a.example/X:%20y", "a.example", "/X:%20y", false),
        ] {
            let url = DocumentUrl::parse(text).unwrap();
            assert_eq!((url.to_string().as_str(), url.authority().as_str()), (shown, authority), "{text}");
            assert_eq!((url.target().as_str(), url.is_loopback()), (target, loopback), "{text}");
            assert!(!format!("{url} {url:?}").contains("CANARY"));
        }
    }
}
