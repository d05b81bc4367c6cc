//! Plain HTTP is sent to HTTPS with 308, which keeps method and body (RFC 9110 §15.4.9).

use buckler_http::authority::Authority;
use buckler_http::connection::Scheme;
use buckler_http::forwarding::{Client, Source};
use buckler_http::target::Target;

use crate::reason::Reason;
use crate::stage::Violation;

/// What a plain request means here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    /// TLS ends at the gateway: whatever came in plain goes to this port.
    Terminated {
        /// Port of the HTTPS address that clients use.
        port: u16,
    },
    /// TLS ends before us, or nowhere: only a trusted proxy knows that the client came in plain.
    Elsewhere,
}

pub(crate) fn check(
    transport: Transport,
    target: &Target<'_>,
    client: &Client<'_>,
    authority: Option<&Authority<'_>>,
) -> Result<(), Violation> {
    if client.scheme == Scheme::Https {
        return Ok(());
    }
    let port = match (transport, client.source) {
        (Transport::Terminated { port }, Source::Connection | Source::Unsolicited) => port,
        // A proxy that has the certificate and does not name the scheme would be sent round for ever.
        (Transport::Elsewhere, Source::TrustedProxy) if !client.scheme_told => return Ok(()),
        // The proxy listens on the port that the world knows.
        (Transport::Terminated { .. } | Transport::Elsewhere, Source::TrustedProxy) => Scheme::Https.default_port(),
        (Transport::Elsewhere, _) => return Ok(()),
    };
    let violation = Violation::of("server.tls", Reason::HttpsRequired, "this service is reached over HTTPS");
    // Without a host and a path (which monitor mode can lead to) there is nowhere to send the client: the
    // violation stands and is answered as it is.
    Err(Violation { location: location(port, target, authority), ..violation })
}

fn location(port: u16, target: &Target<'_>, authority: Option<&Authority<'_>>) -> Option<String> {
    let text = |bytes| std::str::from_utf8(bytes).ok();
    let (host, path) = (text(authority?.host())?, text(target.path()?)?);
    let mut location = format!("https://{host}");
    if port != Scheme::Https.default_port() {
        location.push(':');
        location.push_str(&port.to_string());
    }
    location.push_str(path);
    if let Some(query) = target.query().and_then(text) {
        location.push('?');
        location.push_str(query);
    }
    Some(location)
}
