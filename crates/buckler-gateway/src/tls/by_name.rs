//! Which certificate a client gets.
//!
//! Rules, in order:
//! 1. One whose subjectAltName has the very name that the client asks for (SNI, RFC 6066 §3).
//! 2. One with a wildcard for it, which stands for one label.
//! 3. The default one, for whoever asks for no name or for one that none has. RFC 6066 leaves a server the choice
//!    between that and an `unrecognized_name` alert; the alert tells neither the user behind a network with names of
//!    its own nor the operator which name was wrong, while the client's own error shows it, and a request that comes
//!    all the same is judged by its `Host`.
//! 4. Of two for the same name, the first that the client can verify: ECDSA before Ed25519 before RSA, as it costs us.
//!
//! rustls hands the name over in lower case; a look-up allocates nothing.

use std::collections::HashMap;
use std::sync::Arc;

use buckler_policy::secret::SecretReference;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{SignatureAlgorithm, SignatureScheme};
use smallvec::SmallVec;

use super::chain::Name;
use super::error::TlsError;

/// Certificates for one name, the preferred first.
type Choices = SmallVec<[Arc<CertifiedKey>; 2]>;

#[derive(Debug)]
pub(super) struct ByName {
    exact: HashMap<Box<str>, Choices>,
    /// By the name without its first label.
    parents: HashMap<Box<str>, Choices>,
    default: Choices,
}

/// A certificate, where it came from, and the names that it is good for.
pub(super) struct Certified<'r> {
    pub(super) reference: &'r SecretReference,
    pub(super) key: Arc<CertifiedKey>,
    pub(super) names: &'r [Name],
}

impl ByName {
    /// The first is the default.
    pub(super) fn new(certificates: &[Certified<'_>]) -> Result<Self, TlsError> {
        let mut all = Self { exact: HashMap::new(), parents: HashMap::new(), default: Choices::new() };
        for (at, certificate) in certificates.iter().enumerate() {
            let before = certificates.get(..at).unwrap_or_default();
            for name in certificate.names {
                let rival = before.iter().find(|other| other.names.contains(name) && same_kind(other, certificate));
                if let Some(rival) = rival {
                    return Err(TlsError::SameName {
                        name: name.to_string(),
                        first: rival.reference.clone(),
                        second: certificate.reference.clone(),
                    });
                }
                all.add(name, &certificate.key);
            }
        }
        if let Some(first) = certificates.first() {
            all.default.push(Arc::clone(&first.key));
            let others = first.names.first().and_then(|name| all.choices(name)).cloned().unwrap_or_default();
            all.default.extend(others.into_iter().filter(|other| !Arc::ptr_eq(other, &first.key)));
        }
        Ok(all)
    }

    fn add(&mut self, name: &Name, key: &Arc<CertifiedKey>) {
        let choices = match name {
            Name::Exact(name) => self.exact.entry(name.as_str().into()).or_default(),
            Name::Below(name) => self.parents.entry(name.as_str().into()).or_default(),
        };
        // A name may stand twice in one certificate.
        if !choices.iter().any(|known| Arc::ptr_eq(known, key)) {
            choices.push(Arc::clone(key));
            choices.sort_by_key(|key| rank(key.key.algorithm()));
        }
    }

    fn choices(&self, name: &Name) -> Option<&Choices> {
        match name {
            Name::Exact(name) => self.exact.get(name.as_str()),
            Name::Below(name) => self.parents.get(name.as_str()),
        }
    }

    fn of(&self, name: Option<&str>, schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let asked = name.map(|name| name.strip_suffix('.').unwrap_or(name));
        let found = asked.and_then(|name| {
            self.exact.get(name).or_else(|| self.parents.get(name.split_once('.').map_or("", |(_, parent)| parent)))
        });
        let choices = found.unwrap_or(&self.default);
        choices.iter().find(|key| key.key.choose_scheme(schemes).is_some()).or(choices.first()).cloned()
    }
}

impl ResolvesServerCert for ByName {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.of(hello.server_name(), hello.signature_schemes())
    }
}

fn same_kind(one: &Certified<'_>, other: &Certified<'_>) -> bool {
    rank(one.key.key.algorithm()) == rank(other.key.key.algorithm())
}

fn rank(algorithm: SignatureAlgorithm) -> u8 {
    match algorithm {
        SignatureAlgorithm::ECDSA => 0,
        SignatureAlgorithm::ED25519 | SignatureAlgorithm::ED448 => 1,
        _ => 2,
    }
}
