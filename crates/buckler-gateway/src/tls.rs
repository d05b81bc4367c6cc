//! TLS towards the client.
//!
//! Rules, in order:
//! 1. TLS 1.2 and 1.3 only, with key exchange that keeps past sessions secret and authenticated ciphers only:
//!    the suites of rustls, which has no others (RFC 9325).
//! 2. ALPN takes `h2`, `http/1.1` and `http/1.0`, in this order: who offers nothing else would be turned away (RFC 7301 §3.2), as
//!    `curl --http1.0` was.
//! 3. No early data: a 0-RTT request can be replayed (RFC 8446 §8).
//! 4. Sessions are resumed by tickets whose keys live in this process and change every six hours.
//! 5. A session must be there within [`HANDSHAKE`].
//! 6. Which certificate a client gets: `by_name`. What is asked of clients: `clients`.
//! 7. Outside development nothing that clients refuse is loaded: an expired certificate is an error at start, and at a
//!    reload, unless it is the one that is shown already.

mod by_name;
mod chain;
pub(crate) mod clients;
mod error;
mod identity;
mod self_signed;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use buckler_policy::settings::Http2;
use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{ResolvesServerCert, WebPkiClientVerifier};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use crate::stream::{ALPN_HTTP2, Stream};
use clients::ClientCertificate;

pub use error::TlsError;
pub use identity::Identity;
pub(crate) use identity::Shown;
pub use self_signed::SELF_SIGNED_DAYS;

/// From the connection to the end of the handshake: as long as a request's head may take.
pub const HANDSHAKE: Duration = Duration::from_secs(10);

/// Makes sessions; clones share the identity, which can be replaced while they run.
#[derive(Debug, Clone)]
pub struct Tls {
    config: Arc<ArcSwap<ServerConfig>>,
    http2: Http2,
}

impl Tls {
    /// Shows `identity`.
    pub fn new(identity: &Identity) -> Self {
        Self { config: Arc::new(ArcSwap::new(Arc::clone(&identity.config))), http2: Http2::Offered }
    }

    /// Offers HTTP/1.1 alone.
    #[must_use]
    pub fn without_http2(self) -> Self {
        let config = Arc::new(ArcSwap::new(offering(&self.config.load_full(), Http2::Off)));
        Self { config, http2: Http2::Off }
    }

    /// Shows `identity` from the next handshake on; sessions that exist go on.
    pub fn replace(&self, identity: &Identity) {
        self.config.store(offering(&identity.config, self.http2));
    }

    /// Shakes hands; the session, and what the client has shown.
    pub(crate) async fn accept(&self, tcp: TcpStream) -> io::Result<(Stream, Option<ClientCertificate>)> {
        let acceptor = TlsAcceptor::from(self.config.load_full());
        let session = tokio::time::timeout(HANDSHAKE, acceptor.accept(tcp)).await?.map_err(clients::explained)?;
        let leaf = session.get_ref().1.peer_certificates().and_then(<[_]>::first);
        let shown = leaf.and_then(ClientCertificate::new);
        Ok((Stream::Tls(Box::new(session.into())), shown))
    }
}

/// The same, with what is agreed on by ALPN.
fn offering(config: &Arc<ServerConfig>, http2: Http2) -> Arc<ServerConfig> {
    match http2 {
        Http2::Offered => Arc::clone(config),
        Http2::Off => {
            let mut config = ServerConfig::clone(config);
            config.alpn_protocols.retain(|protocol| protocol != ALPN_HTTP2);
            Arc::new(config)
        }
    }
}

fn server_config(
    resolver: Arc<dyn ResolvesServerCert>,
    clients: Option<Arc<dyn ClientCertVerifier>>,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<ServerConfig>, rustls::Error> {
    let mut config = ServerConfig::builder_with_provider(Arc::clone(provider))
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?
        .with_client_cert_verifier(clients.unwrap_or_else(WebPkiClientVerifier::no_client_auth))
        .with_cert_resolver(resolver);
    config.alpn_protocols = vec![ALPN_HTTP2.to_vec(), b"http/1.1".to_vec(), b"http/1.0".to_vec()];
    config.ticketer = aws_lc_rs::Ticketer::new()?;
    Ok(Arc::new(config))
}

#[cfg(test)]
mod tests;
