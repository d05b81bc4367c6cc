//! Connections to Redis: one for all requests of a process, on which answers come in the order of the questions.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::cluster_async::ClusterConnection;
use redis::{AsyncConnectionConfig, Cmd, RedisFuture, Value};
use rustls::RootCertStore;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::task::AbortHandle;
use tokio_rustls::TlsConnector;

use crate::address::{Address, Peer, Wire};
use crate::error::{Reason, RedisError, of_io, reason};
use crate::settings::CONNECT_TIMEOUT;

/// Requests that wait for their turn to be written; more wait before.
const BUFFER: usize = 1024;

/// Nodes of a cluster are asked again this often within one request: once for a key that has moved.
const CLUSTER_RETRIES: u32 = 1;

/// How connections are made. Nothing is read or connected to before the first one.
pub(crate) struct Connector {
    address: Address,
    authorities: Option<Vec<u8>>,
    timeout: Duration,
    tls: OnceLock<TlsConnector>,
}

/// Ends the task that drives a connection, when nobody can ask any more.
struct Driver(AbortHandle);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Who is asked.
#[derive(Clone)]
enum Askable {
    One(MultiplexedConnection),
    Cluster(ClusterConnection),
}

/// A connection, or those to the nodes of a cluster. Clones share it.
#[derive(Clone)]
pub(crate) struct Link {
    to: Askable,
    /// Ends with the last clone.
    _driver: Option<Arc<Driver>>,
}

impl Link {
    pub(crate) fn ask<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        use redis::aio::ConnectionLike as _;
        match &mut self.to {
            Askable::One(connection) => connection.req_packed_command(command),
            Askable::Cluster(connection) => connection.req_packed_command(command),
        }
    }
}

impl Connector {
    /// # Errors
    /// The authorities are no certificates.
    pub(crate) fn new(address: Address, authorities: Option<Vec<u8>>, timeout: Duration) -> Result<Self, RedisError> {
        const NONE: RedisError = RedisError::Setting("the authorities of Redis are no certificates in PEM");
        let mut tls = OnceLock::new();
        if let Some(pem) = &authorities {
            let mut roots = RootCertStore::empty();
            for certificate in CertificateDer::pem_slice_iter(pem) {
                roots.add(certificate.map_err(|_| NONE)?).map_err(|_| NONE)?;
            }
            if roots.is_empty() {
                return Err(NONE);
            }
            let config = rustls::ClientConfig::builder_with_provider(provider())
                .with_safe_default_protocol_versions()
                .map_err(|_| NONE)?
                .with_root_certificates(roots)
                .with_no_client_auth();
            tls = OnceLock::from(TlsConnector::from(Arc::new(config)));
        }
        Ok(Self { address, authorities, timeout, tls })
    }

    pub(crate) fn address(&self) -> &Address {
        &self.address
    }

    pub(crate) async fn connect(self: Arc<Self>) -> Result<Link, Reason> {
        let connected = tokio::time::timeout(CONNECT_TIMEOUT, self.connected()).await;
        connected.unwrap_or(Err(Reason::Slow))
    }

    async fn connected(&self) -> Result<Link, Reason> {
        match &self.address.peer {
            Peer::Tcp { host, port, wire } => {
                let tcp = TcpStream::connect((host.as_str(), *port)).await.map_err(|error| of_io(&error))?;
                // A request is one write: it must not wait for the acknowledgement of the one before.
                tcp.set_nodelay(true).map_err(|error| of_io(&error))?;
                match wire {
                    Wire::Plain => self.greet(tcp).await,
                    Wire::Tls => {
                        let name = ServerName::try_from(host.clone());
                        let name =
                            name.map_err(|_| Reason::Tls("the host has no name for a certificate".to_owned()))?;
                        let tls = self.tls().await?.connect(name, tcp).await.map_err(|error| of_io(&error))?;
                        self.greet(tls).await
                    }
                }
            }
            Peer::Unix(path) => self.greet(UnixStream::connect(path).await.map_err(|error| of_io(&error))?).await,
            Peer::Cluster { nodes, wire } => self.cluster(nodes, *wire).await,
        }
    }

    /// Logs in, and lets a task of this runtime drive the connection.
    async fn greet<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(&self, stream: S) -> Result<Link, Reason> {
        // Whoever waits has a timeout of its own.
        let config = AsyncConnectionConfig::new().set_response_timeout(None).set_pipeline_buffer_size(BUFFER);
        let made = MultiplexedConnection::new_with_config(&self.address.login, stream, config).await;
        let (connection, driver) = made.map_err(|error| reason(&error))?;
        let driver = tokio::spawn(driver).abort_handle();
        Ok(Link { to: Askable::One(connection), _driver: Some(Arc::new(Driver(driver))) })
    }

    async fn cluster(&self, nodes: &[redis::ConnectionInfo], wire: Wire) -> Result<Link, Reason> {
        let mut builder = redis::cluster::ClusterClient::builder(nodes.iter().cloned())
            .connection_timeout(CONNECT_TIMEOUT)
            .response_timeout(self.timeout)
            .retries(CLUSTER_RETRIES);
        if let (Wire::Tls, Some(authorities)) = (wire, &self.authorities) {
            builder = builder.certs(redis::TlsCertificates { client_tls: None, root_cert: Some(authorities.clone()) });
        }
        let client = builder.build().map_err(|error| reason(&error))?;
        let connection = client.get_async_connection().await.map_err(|error| reason(&error))?;
        Ok(Link { to: Askable::Cluster(connection), _driver: None })
    }

    /// The platform's authorities are files, so another thread reads them, once.
    async fn tls(&self) -> Result<TlsConnector, Reason> {
        if let Some(tls) = self.tls.get() {
            return Ok(tls.clone());
        }
        let made = tokio::task::spawn_blocking(of_platform).await.map_err(|_| Reason::NoRuntime)?;
        let made = made.map_err(|error| Reason::Tls(error.to_string()))?;
        Ok(self.tls.get_or_init(|| made).clone())
    }
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

fn of_platform() -> Result<TlsConnector, rustls::Error> {
    use rustls_platform_verifier::BuilderVerifierExt as _;
    let config = rustls::ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_platform_verifier()?
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}
