//! What a server shows, from the policy to what rustls takes.

use std::os::unix::fs::MetadataExt as _;
use std::sync::Arc;
use std::time::SystemTime;

use buckler_http::host::HostPattern;
use buckler_policy::secret::{Secret, SecretReference};
use buckler_policy::settings::{ClientCertificates, Environment, Policy, Tls as TlsPolicy};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::ResolvesServerCert;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{InconsistentKeys, ServerConfig};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::by_name::{ByName, Certified};
use super::chain::{Age, Chain, Name};
use super::clients::{Authorities, ShownAuthorities};
use super::error::TlsError;
use super::self_signed::{self, SelfSigned};
use super::server_config;
use crate::secrets::resolve;

/// What a server shows to prove who it is, and what it asks of clients, ready for use.
#[derive(Debug)]
pub struct Identity {
    pub(super) config: Arc<ServerConfig>,
    /// The default chain in PEM form: what a client needs to trust a self-signed certificate (`curl --cacert`).
    pub certificate_pem: String,
    /// What the operator should know, in words.
    pub warnings: Vec<String>,
    /// What tells it from another.
    pub(crate) shown: Shown,
}

/// What tells one identity from another: the same chains have the same keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shown {
    chains: Vec<Vec<CertificateDer<'static>>>,
    clients: Option<ShownAuthorities>,
}

impl Shown {
    /// What is new of it beside `before`, in words.
    pub(crate) fn changes(&self, before: &Self) -> Vec<&'static str> {
        let certificates = (self.chains != before.chains).then_some("certificate");
        let clients = (self.clients != before.clients).then_some("client authorities");
        certificates.into_iter().chain(clients).collect()
    }
}

/// What to load.
#[derive(Debug, Clone)]
struct Wanted<'p> {
    /// The default one first.
    pairs: Vec<(&'static str, &'static str, &'p SecretReference, &'p SecretReference)>,
    hosts: &'p [HostPattern],
    clients: Option<&'p ClientCertificates>,
    expired: Expired<'p>,
}

/// What becomes of a certificate that no client would take any more.
#[derive(Debug, Clone, Copy)]
enum Expired<'p> {
    Warn,
    /// Unless it is shown already: then there is none to keep in its place.
    RefuseBeside(Option<&'p Shown>),
}

impl Identity {
    /// Reads what the policy names; `None` for no TLS. `before` is what is shown until now.
    pub(crate) async fn of(policy: &Policy, before: Option<&Shown>, now: SystemTime) -> Result<Option<Self>, TlsError> {
        let server = &policy.server;
        let deployed = policy.environment != Environment::Development;
        let mut wanted = Wanted {
            pairs: Vec::new(),
            hosts: &server.hosts,
            clients: server.client_certificates.as_ref(),
            expired: if deployed { Expired::RefuseBeside(before) } else { Expired::Warn },
        };
        match &server.tls {
            TlsPolicy::Off => return Ok(None),
            TlsPolicy::SelfSigned => {
                let hosts: Vec<String> = server.hosts.iter().map(ToString::to_string).collect();
                return Self::made(&hosts, wanted.clients, now).await.map(Some);
            }
            TlsPolicy::Files { certificate, key, certificates } => {
                wanted.pairs.push(("server.tls.certificate", "server.tls.key", certificate, key));
                let further = certificates
                    .iter()
                    .map(|pair| ("server.tls.certificates", "server.tls.certificates", &pair.certificate, &pair.key));
                wanted.pairs.extend(further);
            }
        }
        Self::read(wanted, now).await.map(Some)
    }

    /// Reads one certificate and its key. That it has expired is a warning.
    ///
    /// # Errors
    /// [`TlsError`], naming the place and the mend.
    pub async fn load(certificate: &SecretReference, key: &SecretReference, now: SystemTime) -> Result<Self, TlsError> {
        let pairs = vec![("server.tls.certificate", "server.tls.key", certificate, key)];
        Self::read(Wanted { pairs, hosts: &[], clients: None, expired: Expired::Warn }, now).await
    }

    async fn read(wanted: Wanted<'_>, now: SystemTime) -> Result<Self, TlsError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut loaded = Vec::with_capacity(wanted.pairs.len());
        for (named, key_named, certificate, key) in &wanted.pairs {
            let pair = Pair::load((named, key_named), certificate, key, &provider).await?;
            if let (Expired::RefuseBeside(before), Age::Expired(until)) = (wanted.expired, pair.chain.age(now))
                && before.is_none_or(|before| !before.chains.contains(&pair.certified.cert))
            {
                return Err(TlsError::Expired { certificate: (*certificate).clone(), until: until.to_string() });
            }
            loaded.push((*certificate, pair));
        }
        let mut warnings: Vec<String> = Vec::new();
        for (certificate, pair) in &loaded {
            warnings.extend(pair.warnings.iter().cloned().chain(pair.chain.warnings(certificate, now)));
        }
        let chains: Vec<&Chain> = loaded.iter().map(|(_, pair)| &pair.chain).collect();
        warnings.extend(uncovered(wanted.hosts, &chains));
        let certified: Vec<Certified<'_>> = loaded
            .iter()
            .map(|(reference, pair)| Certified {
                reference,
                key: Arc::clone(&pair.certified),
                names: &pair.chain.names,
            })
            .collect();
        let resolver = ByName::new(&certified)?;
        let clients = match wanted.clients {
            Some(clients) => Some(Authorities::load(clients, &provider, now).await?),
            None => None,
        };
        let certificate_pem = loaded.first().map(|(_, pair)| pair.pem.clone()).unwrap_or_default();
        let chains = loaded.iter().map(|(_, pair)| pair.certified.cert.clone()).collect();
        Self::new(Arc::new(resolver), chains, clients, &provider, certificate_pem, warnings)
    }

    /// Makes a certificate for development: for `hosts` and the loopback names, [`super::SELF_SIGNED_DAYS`] long, with a
    /// key that never leaves the memory.
    ///
    /// # Errors
    /// [`TlsError::SelfSigned`] if a host is no name that a certificate can hold.
    pub fn self_signed(hosts: &[String], now: SystemTime) -> Result<Self, TlsError> {
        Self::around(self_signed(hosts, now)?, None)
    }

    async fn made(hosts: &[String], clients: Option<&ClientCertificates>, now: SystemTime) -> Result<Self, TlsError> {
        let made = self_signed(hosts, now)?;
        let clients = match clients {
            Some(clients) => Some(Authorities::load(clients, &Arc::new(aws_lc_rs::default_provider()), now).await?),
            None => None,
        };
        Self::around(made, clients)
    }

    fn around(made: SelfSigned, clients: Option<Authorities>) -> Result<Self, TlsError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let failed = |error: rustls::Error| TlsError::SelfSigned(error.to_string());
        let chain = vec![made.certificate];
        let key = CertifiedKey::from_der(chain.clone(), made.key, &provider).map_err(failed)?;
        let resolver = Arc::new(SingleCertAndKey::from(key));
        Self::new(resolver, vec![chain], clients, &provider, made.certificate_pem, Vec::new())
    }

    fn new(
        resolver: Arc<dyn ResolvesServerCert>,
        chains: Vec<Vec<CertificateDer<'static>>>,
        clients: Option<Authorities>,
        provider: &Arc<CryptoProvider>,
        certificate_pem: String,
        mut warnings: Vec<String>,
    ) -> Result<Self, TlsError> {
        let (verifier, clients) = match clients {
            Some(Authorities { verifier, shown, warnings: more }) => {
                warnings.extend(more);
                (Some(verifier), Some(shown))
            }
            None => (None, None),
        };
        let config = server_config(resolver, verifier, provider).map_err(TlsError::Unavailable)?;
        Ok(Self { config, certificate_pem, warnings, shown: Shown { chains, clients } })
    }
}

fn self_signed(hosts: &[String], now: SystemTime) -> Result<SelfSigned, TlsError> {
    self_signed::make(hosts, now).map_err(|error| TlsError::SelfSigned(error.to_string()))
}

/// Names that clients may ask for and would get no good certificate for.
fn uncovered(hosts: &[HostPattern], chains: &[&Chain]) -> Option<String> {
    let bare: Vec<String> = hosts
        .iter()
        .filter(|host| match host {
            HostPattern::Exact(name) => !chains.iter().any(|chain| chain.covers(&Name::Exact(name.clone()))),
            HostPattern::Subdomains(name) => !chains.iter().any(|chain| chain.covers(&Name::Below(name.clone()))),
            // Who asks for an address names nobody, and gets the first.
            HostPattern::Address(address) => !chains.first().is_some_and(|chain| chain.addresses.contains(address)),
        })
        .map(ToString::to_string)
        .collect();
    (!bare.is_empty()).then(|| {
        format!(
            "`server.hosts`: no certificate is good for {}; clients that ask for it will refuse ours",
            bare.join(", ")
        )
    })
}

/// Certificate and key from one place of the policy.
struct Pair {
    certified: Arc<CertifiedKey>,
    chain: Chain,
    pem: String,
    warnings: Vec<String>,
}

impl Pair {
    async fn load(
        (named, key_named): (&'static str, &'static str),
        certificate: &SecretReference,
        key: &SecretReference,
        provider: &CryptoProvider,
    ) -> Result<Self, TlsError> {
        let pem = secret(named, certificate).await?;
        let private = secret(key_named, key).await?;
        let certificates = read_chain(certificate, &pem)?;
        let chain = Chain::read(&certificates)
            .map_err(|position| TlsError::BadCertificate { reference: certificate.clone(), position })?;
        let private = PrivateKeyDer::from_pem_slice(private.expose().as_bytes())
            .map_err(|_| TlsError::NoKey { reference: key.clone() })?;
        let unusable = |source| TlsError::Unusable { certificate: certificate.clone(), source };
        let signing = provider.key_provider.load_private_key(private).map_err(unusable)?;
        let certified = CertifiedKey::new(certificates, signing);
        match certified.keys_match() {
            Ok(()) | Err(rustls::Error::InconsistentKeys(InconsistentKeys::Unknown)) => {}
            Err(rustls::Error::InconsistentKeys(_)) => return Err(mismatch(certificate, key, &certified)),
            Err(source) => return Err(unusable(source)),
        }
        let warnings = readable_by_others(key).into_iter().collect();
        Ok(Self { certified: Arc::new(certified), chain, pem: pem.expose().to_owned(), warnings })
    }
}

/// The key may belong to another certificate of the file.
fn mismatch(certificate: &SecretReference, key: &SecretReference, certified: &CertifiedKey) -> TlsError {
    let own = certified
        .cert
        .iter()
        .position(|one| CertifiedKey::new(vec![one.clone()], Arc::clone(&certified.key)).keys_match().is_ok());
    match own {
        Some(at) => TlsError::NotFirst { certificate: certificate.clone(), position: at + 1 },
        None => TlsError::Mismatch { certificate: certificate.clone(), key: key.clone() },
    }
}

/// A key that others on the machine can read is not only ours.
fn readable_by_others(key: &SecretReference) -> Option<String> {
    const GROUP: u32 = 0o040;
    const ALL: u32 = 0o004;
    let SecretReference::File(path) = key else { return None };
    let file = std::fs::metadata(path).ok()?;
    // A file of somebody else's is ours to read by its group alone.
    let ours = file.uid() == rustix::process::geteuid().as_raw();
    let open = file.mode() & if ours { GROUP | ALL } else { ALL };
    (open != 0).then(|| {
        let mend = if ours { "600" } else { "o=" };
        format!("{key}: others than its owner can read the key; write: chmod {mend} {path}")
    })
}

/// Fetches what `key` of the policy refers to.
pub(super) async fn secret(key: &'static str, reference: &SecretReference) -> Result<Secret, TlsError> {
    resolve(reference).await.map_err(|source| TlsError::Secret { key, source })
}

pub(super) fn read_chain(reference: &SecretReference, text: &Secret) -> Result<Vec<CertificateDer<'static>>, TlsError> {
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
