//! TLS towards the client.
//!
//! Rules, in order:
//! 1. TLS 1.2 and 1.3 only, with key exchange that keeps past sessions secret and authenticated ciphers only:
//!    the suites of rustls, which has no others (RFC 9325).
//! 2. ALPN takes `http/1.1` and `http/1.0`: who offers nothing else would be turned away (RFC 7301 §3.2), as
//!    `curl --http1.0` was.
//! 3. No early data: a 0-RTT request can be replayed (RFC 8446 §8).
//! 4. Sessions are resumed by tickets whose keys live in this process and change every six hours.
//! 5. A session must be there within [`HANDSHAKE`].

mod self_signed;
mod validity;

use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use buckler_policy::secret::{Secret, SecretReference};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use crate::secrets::{SecretError, resolve};
use crate::stream::Stream;

pub use self_signed::SELF_SIGNED_DAYS;

/// From the connection to the end of the handshake: as long as a request's head may take.
pub const HANDSHAKE: Duration = Duration::from_secs(10);

/// A certificate expires so soon that the operator should know at every start.
const EXPIRES_SOON: Duration = Duration::from_hours(14 * 24);

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// Certificate or key cannot be fetched.
    #[error("`{key}`: {source}")]
    Secret {
        /// The key of the policy.
        key: &'static str,
        /// Why.
        source: SecretError,
    },
    /// The text holds no certificate.
    #[error("{reference}: no certificate in it; it must hold the chain in PEM form, the server's own first")]
    NoCertificate {
        /// Where it came from.
        reference: SecretReference,
    },
    /// A certificate that is none.
    #[error("{reference}: certificate {position} cannot be read; it must be PEM (`-----BEGIN CERTIFICATE-----`)")]
    BadCertificate {
        /// Where it came from.
        reference: SecretReference,
        /// Counted from 1.
        position: usize,
    },
    /// The text holds no key.
    #[error(
        "{reference}: no private key in it; it must be PEM without a passphrase (PKCS#8, PKCS#1 or SEC1). \
         `openssl pkey -in key.pem -out plain.pem` takes the passphrase off"
    )]
    NoKey {
        /// Where it came from.
        reference: SecretReference,
    },
    /// The two do not belong together.
    #[error(
        "{key}: this key does not belong to the certificate in {certificate}; give the key that the certificate was requested with"
    )]
    Mismatch {
        /// Where the certificate came from.
        certificate: SecretReference,
        /// Where the key came from.
        key: SecretReference,
    },
    /// The library refuses them.
    #[error("{certificate}: it cannot be used: {source}")]
    Unusable {
        /// Where the certificate came from.
        certificate: SecretReference,
        /// Why.
        source: rustls::Error,
    },
    /// The self-signed certificate could not be made.
    #[error("the self-signed certificate cannot be made: {0}")]
    SelfSigned(String),
}

/// What a server shows to prove who it is, ready for use.
#[derive(Debug)]
pub struct Identity {
    config: Arc<ServerConfig>,
    /// The chain in PEM form: what a client needs to trust a self-signed certificate (`curl --cacert`).
    pub certificate_pem: String,
    /// What the operator should know, in words.
    pub warnings: Vec<String>,
}

impl Identity {
    /// Reads certificate and key from where the policy says.
    ///
    /// # Errors
    /// [`TlsError`], naming the place and the mend.
    pub async fn load(certificate: &SecretReference, key: &SecretReference, now: SystemTime) -> Result<Self, TlsError> {
        let failed = |key| move |source| TlsError::Secret { key, source };
        let chain = resolve(certificate).await.map_err(failed("server.tls.certificate"))?;
        let secret = resolve(key).await.map_err(failed("server.tls.key"))?;
        let certificates = read_chain(certificate, &chain)?;
        let private = PrivateKeyDer::from_pem_slice(secret.expose().as_bytes())
            .map_err(|_| TlsError::NoKey { reference: key.clone() })?;
        let warnings = certificates
            .first()
            .and_then(|leaf| validity::of(leaf))
            .map(|validity| validity.warnings(certificate, now, EXPIRES_SOON))
            .unwrap_or_default();
        let config = server_config(certificates, private).map_err(|source| match source {
            rustls::Error::InconsistentKeys(_) => {
                TlsError::Mismatch { certificate: certificate.clone(), key: key.clone() }
            }
            source => TlsError::Unusable { certificate: certificate.clone(), source },
        })?;
        Ok(Self { config, certificate_pem: chain.expose().to_owned(), warnings })
    }

    /// Makes a certificate for development: for `hosts` and the loopback names, [`SELF_SIGNED_DAYS`] long, with a
    /// key that never leaves the memory.
    ///
    /// # Errors
    /// [`TlsError::SelfSigned`] if a host is no name that a certificate can hold.
    pub fn self_signed(hosts: &[String], now: SystemTime) -> Result<Self, TlsError> {
        let made = self_signed::make(hosts, now).map_err(|error| TlsError::SelfSigned(error.to_string()))?;
        let config =
            server_config(vec![made.certificate], made.key).map_err(|error| TlsError::SelfSigned(error.to_string()))?;
        Ok(Self { config, certificate_pem: made.certificate_pem, warnings: Vec::new() })
    }
}

/// Makes sessions; clones share the identity, which can be replaced while they run.
#[derive(Debug, Clone)]
pub struct Tls(Arc<ArcSwap<ServerConfig>>);

impl Tls {
    /// Shows `identity`.
    pub fn new(identity: &Identity) -> Self {
        Self(Arc::new(ArcSwap::new(Arc::clone(&identity.config))))
    }

    /// Shows `identity` from the next handshake on; sessions that exist go on.
    pub fn replace(&self, identity: &Identity) {
        self.0.store(Arc::clone(&identity.config));
    }

    /// Shakes hands.
    pub(crate) async fn accept(&self, tcp: TcpStream) -> io::Result<Stream> {
        let acceptor = TlsAcceptor::from(self.0.load_full());
        let session = tokio::time::timeout(HANDSHAKE, acceptor.accept(tcp)).await??;
        Ok(Stream::Tls(Box::new(session.into())))
    }
}

fn read_chain(reference: &SecretReference, text: &Secret) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let chain = CertificateDer::pem_slice_iter(text.expose().as_bytes())
        .enumerate()
        .map(|(index, certificate)| {
            certificate.map_err(|_| TlsError::BadCertificate { reference: reference.clone(), position: index + 1 })
        })
        .collect::<Result<Vec<_>, _>>()?;
    if chain.is_empty() {
        return Err(TlsError::NoCertificate { reference: reference.clone() });
    }
    Ok(chain)
}

fn server_config(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<Arc<ServerConfig>, rustls::Error> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec(), b"http/1.0".to_vec()];
    config.ticketer = aws_lc_rs::Ticketer::new()?;
    Ok(Arc::new(config))
}
