//! Making a connection to the app.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use rustls_pki_types::ServerName;
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::address::{Address, Authority};
use crate::stream::Stream;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The socket refused, or is not there.
    #[error("cannot connect to {address}: {source}")]
    Refused {
        /// Where to.
        address: Address,
        /// Why.
        source: io::Error,
    },
    /// It took too long.
    #[error("cannot connect to {address}: no answer within {within:?}")]
    Timeout {
        /// Where to.
        address: Address,
        /// The deadline.
        within: Duration,
    },
}

/// Connects, TLS included, within `within`.
pub(crate) async fn connect(address: &Address, within: Duration) -> Result<Stream, ConnectError> {
    match timeout(within, open(address)).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(source)) => Err(ConnectError::Refused { address: address.clone(), source }),
        Err(_) => Err(ConnectError::Timeout { address: address.clone(), within }),
    }
}

async fn open(address: &Address) -> io::Result<Stream> {
    Ok(match address {
        Address::Unix(path) => Stream::Unix(unix(path).await?),
        Address::Http(authority) => Stream::Tcp(tcp(authority).await?),
        Address::Https(authority) => {
            let name = ServerName::try_from(authority.host.clone()).map_err(io::Error::other)?;
            let tls = connector()?.connect(name, tcp(authority).await?).await?;
            Stream::Tls(Box::new(tls.into()))
        }
    })
}

async fn unix(path: &PathBuf) -> io::Result<UnixStream> {
    UnixStream::connect(path).await
}

async fn tcp(authority: &Authority) -> io::Result<TcpStream> {
    let tcp = TcpStream::connect((authority.host.as_str(), authority.port)).await?;
    // A head and its body's first bytes are separate writes: none may wait for the other's acknowledgement.
    tcp.set_nodelay(true)?;
    Ok(tcp)
}

/// One configuration for all upstreams: sessions are resumed, the roots are read once.
fn connector() -> io::Result<TlsConnector> {
    static CONNECTOR: OnceLock<Option<TlsConnector>> = OnceLock::new();
    CONNECTOR
        .get_or_init(|| {
            use rustls_platform_verifier::BuilderVerifierExt as _;
            let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
            let mut config = rustls::ClientConfig::builder_with_provider(provider)
                .with_safe_default_protocol_versions()
                .ok()?
                .with_platform_verifier()
                .ok()?
                .with_no_client_auth();
            config.alpn_protocols = vec![b"http/1.1".to_vec()];
            Some(TlsConnector::from(Arc::new(config)))
        })
        .clone()
        .ok_or_else(|| io::Error::other("the platform's certificate roots cannot be read"))
}
