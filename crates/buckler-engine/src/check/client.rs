//! Who the client is. The walk itself is vocabulary ([`buckler_http::forwarding`]); here its faults become a
//! refusal.

use buckler_http::connection::Connection;
use buckler_http::forwarding::{Client, Source, TrustedProxies, resolve};
use buckler_http::head::Head;

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
