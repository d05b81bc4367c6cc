//! Certificates of clients (RFC 8446 §4.3.2): who is let in, and what the app is told of it.
//!
//! Rules, in order:
//! 1. A certificate comes from an authority of `server.tls.client_ca`, is in time, and is meant for clients.
//! 2. Where there are lists of revoked ones, one of them has to speak for every certificate of the chain, and be in
//!    time: what is unknown is refused.
//! 3. A resumed session has the certificate of the one that it goes on with. A reload that changes authorities, lists
//!    or the mode changes the keys of the tickets, too, so nobody comes back past it.
//! 4. The app gets the certificate as `Client-Cert` (RFC 9440 §2.2), made once for a connection. What clients say in a
//!    field of that name is taken off by the engine.

use std::io;
use std::sync::Arc;
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use buckler_policy::secret::SecretReference;
use buckler_policy::settings::{ClientCertificates, Presence};
use http::{HeaderName, HeaderValue};
use jiff::Timestamp;
use rustls::crypto::CryptoProvider;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{CertificateError, RootCertStore};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer};
use x509_parser::prelude::FromDer as _;
use x509_parser::revocation_list::CertificateRevocationList;

use super::chain::{Age, Chain};
use super::error::TlsError;
use super::identity::{read_chain, secret};

/// `Client-Cert` (RFC 9440)
pub(crate) const FIELD_NAME: HeaderName = HeaderName::from_static("client-cert");

/// What clients are judged by.
pub(super) struct Authorities {
    pub(super) verifier: Arc<dyn ClientCertVerifier>,
    pub(super) shown: ShownAuthorities,
    pub(super) warnings: Vec<String>,
}

/// What tells one from another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ShownAuthorities {
    presence: Presence,
    roots: Vec<CertificateDer<'static>>,
    lists: Vec<CertificateRevocationListDer<'static>>,
}

impl Authorities {
    pub(super) async fn load(
        wanted: &ClientCertificates,
        provider: &Arc<CryptoProvider>,
        now: SystemTime,
    ) -> Result<Self, TlsError> {
        let reference = &wanted.authorities;
        let roots = read_chain(reference, &secret("server.tls.client_ca", reference).await?)?;
        let lists = match &wanted.revoked {
            Some(reference) => read_lists(reference, secret("server.tls.client_crl", reference).await?.expose())?,
            None => Vec::new(),
        };
        let mut store = RootCertStore::empty();
        let mut warnings = Vec::new();
        for (at, root) in roots.iter().enumerate() {
            let bad = |_| TlsError::BadCertificate { reference: reference.clone(), position: at + 1 };
            store.add(root.clone()).map_err(bad)?;
            let age = Chain::read(std::slice::from_ref(root)).map(|chain| chain.age(now));
            if let Ok(Age::Expired(until)) = age {
                warnings.push(format!("{reference}: certificate {} expired at {until}: it vouches for nobody", at + 1));
            }
        }
        if let Some(reference) = &wanted.revoked {
            warnings.extend(lists.iter().filter_map(|list| late(reference, list, now)));
        }
        let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(store), Arc::clone(provider));
        let builder = builder.with_crls(lists.iter().cloned()).enforce_revocation_expiration();
        let builder = match wanted.presence {
            Presence::Optional => builder.allow_unauthenticated(),
            Presence::Required => builder,
        };
        let bad = |error: rustls::server::VerifierBuilderError| TlsError::Clients {
            reference: wanted.revoked.as_ref().unwrap_or(reference).clone(),
            what: error.to_string(),
        };
        let verifier = builder.build().map_err(bad)?;
        let shown = ShownAuthorities { presence: wanted.presence, roots, lists };
        Ok(Self { verifier, shown, warnings })
    }
}

fn read_lists(reference: &SecretReference, text: &str) -> Result<Vec<CertificateRevocationListDer<'static>>, TlsError> {
    let lists = CertificateRevocationListDer::pem_slice_iter(text.as_bytes()).collect::<Result<Vec<_>, _>>();
    lists.ok().filter(|lists| !lists.is_empty()).ok_or_else(|| TlsError::Clients {
        reference: reference.clone(),
        what: "no list of revoked certificates in it; it must be PEM (`-----BEGIN X509 CRL-----`)".to_owned(),
    })
}

/// A list without a next one never ages.
fn late(reference: &SecretReference, list: &CertificateRevocationListDer<'_>, now: SystemTime) -> Option<String> {
    let (_, list) = CertificateRevocationList::from_der(list.as_ref()).ok()?;
    let until = Timestamp::from_second(list.next_update()?.timestamp()).ok()?;
    let now = Timestamp::try_from(now).ok()?;
    let issuer = list.issuer();
    (now >= until).then(|| {
        format!(
            "{reference}: the list of `{issuer}` is out of date since {until}: every client of it is refused; fetch \
                 the next one"
        )
    })
}

/// Why a handshake failed, in words that name the key of the policy where it is about the client's certificate.
pub(super) fn explained(error: io::Error) -> io::Error {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    let what = match inner {
        Some(rustls::Error::NoCertificatesPresented) => {
            "the client showed no certificate, and `server.tls.client_certificates` is \"required\""
        }
        Some(rustls::Error::InvalidCertificate(fault)) => match fault {
            CertificateError::UnknownIssuer => {
                "the client's certificate comes from no authority of `server.tls.client_ca`"
            }
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                "the client's certificate has expired"
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                "the client's certificate is not valid yet"
            }
            CertificateError::Revoked => "the client's certificate was revoked (`server.tls.client_crl`)",
            CertificateError::UnknownRevocationStatus => {
                "no list of `server.tls.client_crl` speaks for the client's certificate or its issuer"
            }
            CertificateError::ExpiredRevocationList | CertificateError::ExpiredRevocationListContext { .. } => {
                "the list of `server.tls.client_crl` for the client's certificate is out of date; fetch the next one \
                 and reload"
            }
            CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
                "the client's certificate is not meant for clients (extended key usage)"
            }
            _ => return io::Error::new(io::ErrorKind::PermissionDenied, format!("the client's certificate: {error}")),
        },
        _ => return error,
    };
    io::Error::new(io::ErrorKind::PermissionDenied, what)
}

/// What the client of a connection has shown, as the app is told: a request extension.
#[derive(Debug, Clone)]
pub(crate) struct ClientCertificate(HeaderValue);

impl ClientCertificate {
    pub(super) fn new(leaf: &CertificateDer<'_>) -> Option<Self> {
        HeaderValue::try_from(format!(":{}:", STANDARD.encode(leaf))).ok().map(Self)
    }

    /// The value of the field.
    pub(crate) fn field(&self) -> HeaderValue {
        self.0.clone()
    }
}
