//! Who the client is. The walk itself is vocabulary ([`buckler_http::forwarding`]); here its faults become a
//! refusal.

use buckler_http::connection::{Connection, Peer};
use buckler_http::forwarding::{Client, Source, TrustedProxies, resolve};
use buckler_http::head::{Head, Version};
use buckler_policy::settings::Policy;

use crate::reason::Reason;
use crate::stage::Violation;

pub(crate) fn check<'a>(
    proxies: &TrustedProxies,
    head: &Head<'a>,
    connection: Connection,
) -> Result<Client<'a>, Violation> {
    resolve(connection, head, proxies)
        .map_err(|fault| Violation::of("server.trusted_proxies", Reason::MalformedRequest, fault.to_string()))
}

/// What is known without any field.
pub(crate) fn bare<'a>(connection: Connection) -> Client<'a> {
    let Connection { peer, scheme } = connection;
    Client { peer, scheme, scheme_told: false, host: None, source: Source::Connection }
}

/// Finds clients as [`Engine::open`](crate::Engine::open) does, where a request is counted that no engine has judged.
#[derive(Debug, Clone)]
pub struct Clients {
    proxies: TrustedProxies,
}

impl Clients {
    /// Behind the proxies that the policy trusts.
    pub fn new(policy: &Policy) -> Self {
        Self { proxies: policy.server.trusted_proxies.clone() }
    }

    /// The client of a request with these fields. Nobody is there to refuse what cannot be read in one way: it is then
    /// the proxy's own request, as it is where an engine only monitors.
    pub fn client<'a>(&self, connection: Connection, fields: impl Iterator<Item = (&'a [u8], &'a [u8])>) -> Peer {
        if self.proxies.is_empty() {
            return connection.peer;
        }
        let mut head = Head::new("GET", b"/", Version::Http11);
        for (name, value) in fields {
            head.push(name, value);
        }
        check(&self.proxies, &head, connection).unwrap_or_else(|_| bare(connection)).peer
    }
}

#[cfg(test)]
mod tests {
    use buckler_http::connection::Scheme;
    use buckler_policy::{Host, Sources};

    use super::*;

    const POLICY: &str = r#"
        environment = "development"
        [server]
        trusted_proxies = ["10.0.0.0/8"]
    "#;

    // R03, hostile: nobody is counted as somebody else who does not stand behind a trusted proxy
    #[test]
    fn whoever_is_not_trusted_speaks_for_itself() {
        let clients = Clients::new(&Sources::new(Host::InProcess).file("buckler.toml", POLICY).load().unwrap().policy);
        let many = ["1.1.1.1"; 40].join(", ");
        for (peer, fields, client) in [
            ("192.0.2.1", &[("x-forwarded-for", "203.0.113.9")][..], "192.0.2.1"),
            ("192.0.2.1", &[("Forwarded", "for=203.0.113.9")], "192.0.2.1"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &[("X-Forwarded-For", "203.0.113.9")], "203.0.113.9"),
            ("10.0.0.1", &[("forwarded", "for=\"[2001:db8::1]:80\"")], "2001:db8::1"),
            ("10.0.0.1", &[("x-forwarded-for", "198.51.100.1, 203.0.113.9, 10.2.3.4")], "203.0.113.9"),
            ("10.0.0.1", &[("x-forwarded-for", "198.51.100.1"), ("x-forwarded-for", "203.0.113.9")], "203.0.113.9"),
            ("10.0.0.1", &[("x_forwarded_for", "203.0.113.9"), ("x-real-ip", "203.0.113.9")], "10.0.0.1"),
            // What cannot be read in one way names nobody.
            ("10.0.0.1", &[("x-forwarded-for", "nobody")], "10.0.0.1"),
            ("10.0.0.1", &[("x-forwarded-for", &many)], "10.0.0.1"),
            ("10.0.0.1", &[("x-forwarded-for", "203.0.113.9"), ("forwarded", "for=203.0.113.9")], "10.0.0.1"),
        ] {
            let peer = Peer::Ip(format!("{peer}:1").parse().unwrap());
            let fields = fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
            let found = clients.client(Connection { peer, scheme: Scheme::Http }, fields.clone());
            assert!(matches!(found, Peer::Ip(found) if found.ip().to_string() == client), "{found:?}, not {client}");
            assert_eq!(clients.client(Connection::LOCAL, fields), Peer::Local);
        }
    }
}
