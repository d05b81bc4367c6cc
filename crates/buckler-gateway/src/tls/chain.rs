//! What a certificate chain says of itself (RFC 5280), and what clients would say against it.
//!
//! The handshake looks at none of this: it is the client who refuses. So the operator is told at start.

use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use buckler_policy::secret::SecretReference;
use jiff::Timestamp;
use rustls_pki_types::CertificateDer;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::oid_registry::OID_PKIX_ACCESS_DESCRIPTOR_CA_ISSUERS;
use x509_parser::prelude::FromDer as _;
use x509_parser::time::ASN1Time;

/// A certificate expires so soon that the operator should know at every start.
const EXPIRES_SOON: Duration = Duration::from_hours(14 * 24);

/// A name that a certificate is good for, lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Name {
    Exact(String),
    /// Every name one label below this one (RFC 9525 §6.3).
    Below(String),
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exact(name) => f.write_str(name),
            Self::Below(name) => write!(f, "*.{name}"),
        }
    }
}

/// How the moment of asking lies to a certificate's time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Age {
    NotYet(Timestamp),
    Good,
    Late(Timestamp),
    Expired(Timestamp),
}

/// A chain, read.
#[derive(Debug)]
pub(super) struct Chain {
    pub(super) names: Vec<Name>,
    pub(super) addresses: Vec<IpAddr>,
    from: Timestamp,
    until: Timestamp,
    complaints: Vec<String>,
}

impl Chain {
    /// Reads a chain, the server's own certificate first. The error is the position, counted from 1, of what is no
    /// certificate.
    pub(super) fn read(chain: &[CertificateDer<'_>]) -> Result<Self, usize> {
        let mut read = Vec::with_capacity(chain.len());
        for (at, der) in chain.iter().enumerate() {
            read.push(X509Certificate::from_der(der).map_err(|_| at + 1)?.1);
        }
        let leaf = read.first().ok_or(1_usize)?;
        let (names, addresses) = names(leaf);
        let mut complaints = order(&read);
        if names.is_empty() && addresses.is_empty() {
            complaints.push("it has no subjectAltName, so clients find no name in it; request it with one".to_owned());
        }
        let time = |time: &ASN1Time| Timestamp::from_second(time.timestamp()).unwrap_or(Timestamp::MAX);
        let validity = leaf.validity();
        let (from, until) = (time(&validity.not_before), time(&validity.not_after));
        Ok(Self { names, addresses, from, until, complaints })
    }

    pub(super) fn age(&self, now: SystemTime) -> Age {
        let Ok(now) = Timestamp::try_from(now) else { return Age::Good };
        if now >= self.until {
            Age::Expired(self.until)
        } else if now < self.from {
            Age::NotYet(self.from)
        } else if now.checked_add(EXPIRES_SOON).is_ok_and(|then| then >= self.until) {
            Age::Late(self.until)
        } else {
            Age::Good
        }
    }

    /// What is wrong with it now, or soon.
    pub(super) fn warnings(&self, certificate: &SecretReference, now: SystemTime) -> Vec<String> {
        let age = match self.age(now) {
            Age::Good => None,
            Age::Expired(until) => {
                Some(format!("the certificate expired at {until}; clients will refuse it, renew it"))
            }
            Age::NotYet(from) => {
                Some(format!("the certificate is not valid before {from}; is this machine's clock right?"))
            }
            Age::Late(until) => Some(format!("the certificate expires at {until}; renew it")),
        };
        let all = self.complaints.iter().cloned().chain(age);
        all.map(|what| format!("{certificate}: {what}")).collect()
    }

    /// Whether a client that asks for `host` would take it.
    pub(super) fn covers(&self, host: &Name) -> bool {
        self.names.contains(host)
            || match (host, self.names.as_slice()) {
                (Name::Exact(host), names) => host
                    .split_once('.')
                    .is_some_and(|(_, parent)| names.iter().any(|name| matches!(name, Name::Below(p) if p == parent))),
                (Name::Below(_), _) => false,
            }
    }
}

fn names(leaf: &X509Certificate<'_>) -> (Vec<Name>, Vec<IpAddr>) {
    let (mut names, mut addresses) = (Vec::new(), Vec::new());
    let found = leaf.subject_alternative_name().ok().flatten();
    for name in found.iter().flat_map(|extension| &extension.value.general_names) {
        match name {
            GeneralName::DNSName(name) => {
                let name = name.to_ascii_lowercase();
                match name.strip_prefix("*.") {
                    Some(parent) => names.push(Name::Below(parent.to_owned())),
                    None if name.contains('*') || name.is_empty() => {}
                    None => names.push(Name::Exact(name)),
                }
            }
            GeneralName::IPAddress(bytes) => {
                let four = <[u8; 4]>::try_from(*bytes).map(IpAddr::from);
                addresses.extend(four.or_else(|_| <[u8; 16]>::try_from(*bytes).map(IpAddr::from)).ok());
            }
            _ => {}
        }
    }
    (names, addresses)
}

/// Clients get the chain as it stands; most of them put no order into it and fetch nothing that is missing.
fn order(chain: &[X509Certificate<'_>]) -> Vec<String> {
    let mut complaints = Vec::new();
    for (at, pair) in chain.windows(2).enumerate() {
        if let [before, next] = pair
            && before.issuer().as_raw() != next.subject().as_raw()
        {
            complaints.push(format!(
                "certificate {} of the chain did not issue the one before it; put the server's own first and behind \
                 each the one that issued it: cat server.pem intermediate.pem > fullchain.pem",
                at + 2
            ));
        }
    }
    if let [leaf] = chain
        && leaf.issuer().as_raw() != leaf.subject().as_raw()
        && let Some(address) = issuer_address(leaf)
    {
        complaints.push(format!(
            "the chain ends with the server's own certificate, and clients that do not know `{}` refuse it; put that \
             certificate, {address}, in PEM form behind it",
            leaf.issuer()
        ));
    }
    complaints
}

/// Where the issuer's certificate can be had (RFC 5280 §4.2.2.1). Authorities whose own certificate is no root name it;
/// a private root, which clients were given, does not.
fn issuer_address(leaf: &X509Certificate<'_>) -> Option<String> {
    leaf.iter_extensions().find_map(|extension| match extension.parsed_extension() {
        ParsedExtension::AuthorityInfoAccess(access) => access.accessdescs.iter().find_map(|description| {
            match (&description.access_location, description.access_method == OID_PKIX_ACCESS_DESCRIPTOR_CA_ISSUERS) {
                (GeneralName::URI(address), true) => Some((*address).escape_default().to_string()),
                _ => None,
            }
        }),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, CustomExtension, DnType, Issuer, KeyPair};

    use super::*;

    fn at(text: &str) -> SystemTime {
        text.parse::<Timestamp>().unwrap().into()
    }

    fn certificate(from: &str, until: &str) -> Vec<u8> {
        let names = ["A.example", "*.b.example", "f*.c.example", "192.0.2.1", "::1"].map(str::to_owned);
        let mut params = CertificateParams::new(names).unwrap();
        (params.not_before, params.not_after) = (at(from).into(), at(until).into());
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
    }

    fn read(der: &[u8]) -> Result<Chain, usize> {
        Chain::read(&[CertificateDer::from(der)])
    }

    // R01
    #[test]
    fn names_and_both_forms_of_time_are_read() {
        for (from, until) in
            [("2026-01-02T03:04:05Z", "2026-12-31T23:59:59Z"), ("1999-01-02T03:04:05Z", "2060-12-31T23:59:59Z")]
        {
            let chain = read(&certificate(from, until)).unwrap();
            assert_eq!((chain.from.to_string(), chain.until.to_string()), (from.to_owned(), until.to_owned()));
            assert_eq!(chain.names, [Name::Exact("a.example".into()), Name::Below("b.example".into())]);
            assert_eq!(chain.addresses, ["192.0.2.1".parse::<IpAddr>().unwrap(), "::1".parse().unwrap()]);
            for (host, covered) in [
                (Name::Exact("a.example".into()), true),
                (Name::Exact("x.b.example".into()), true),
                (Name::Below("b.example".into()), true),
                (Name::Exact("b.example".into()), false),
                (Name::Exact("x.y.b.example".into()), false),
                (Name::Exact("x.a.example".into()), false),
                (Name::Below("a.example".into()), false),
            ] {
                assert_eq!(chain.covers(&host), covered, "{host}");
            }
        }
    }

    #[test]
    fn what_is_cut_off_anywhere_is_no_certificate() {
        let whole = certificate("2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z");
        for length in 0..whole.len() {
            assert_eq!(read(&whole[..length]).map(drop), Err(1));
        }
        let mut hostile = whole;
        for index in 0..hostile.len() {
            for byte in [0x00, 0x7f, 0x80, 0x84, 0xff] {
                let original = std::mem::replace(&mut hostile[index], byte);
                let _any = read(&hostile);
                hostile[index] = original;
            }
        }
    }

    #[test]
    fn the_operator_is_warned() {
        let reference = SecretReference::File("cert.pem".to_owned());
        let chain = read(&certificate("2026-01-01T00:00:00Z", "2026-04-01T00:00:00Z")).unwrap();
        let cases = [
            ("2025-12-31T00:00:00Z", Some("not valid before 2026-01-01")),
            ("2026-02-01T00:00:00Z", None),
            ("2026-03-25T00:00:00Z", Some("expires at 2026-04-01")),
            ("2026-04-01T00:00:00Z", Some("expired at 2026-04-01")),
        ];
        for (now, expected) in cases {
            let warnings = chain.warnings(&reference, at(now));
            match expected {
                None => assert_eq!(warnings, Vec::<String>::new()),
                Some(part) => assert!(warnings[0].contains(part) && warnings[0].contains("cert.pem"), "{warnings:?}"),
            }
        }
    }

    // R01
    #[test]
    fn a_chain_that_clients_cannot_follow_is_told_with_the_mend() {
        let authority = |name: &str, above: Option<&Issuer<'_, KeyPair>>| {
            let mut params = CertificateParams::new(Vec::new()).unwrap();
            params.distinguished_name.push(DnType::CommonName, name);
            params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
            let key = KeyPair::generate().unwrap();
            let made = match above {
                Some(above) => params.signed_by(&key, above).unwrap(),
                None => params.self_signed(&key).unwrap(),
            };
            (made.der().clone(), Issuer::new(params, key))
        };
        let (root, root_issuer) = authority("Root", None);
        let (middle, middle_issuer) = authority("Middle", Some(&root_issuer));
        let leaf = |issuer: &Issuer<'_, KeyPair>, names: Vec<String>, told: bool| {
            let mut params = CertificateParams::new(names).unwrap();
            if told {
                // caIssuers, http://ca.example/
                let der = b"\x30\x20\x30\x1e\x06\x08\x2b\x06\x01\x05\x05\x07\x30\x02\x86\x12http://ca.example/";
                let oid = [1, 3, 6, 1, 5, 5, 7, 1, 1];
                params.custom_extensions.push(CustomExtension::from_oid_content(&oid, der.to_vec()));
            }
            params.signed_by(&KeyPair::generate().unwrap(), issuer).unwrap().der().clone()
        };
        let named = || vec!["a.example".to_owned()];
        let public = leaf(&middle_issuer, named(), true);
        let cases = [
            (vec![public.clone()], Some("http://ca.example/")),
            (vec![public.clone(), middle.clone()], None),
            (vec![public.clone(), middle.clone(), root.clone()], None),
            (vec![public.clone(), root.clone(), middle.clone()], Some("certificate 2 of the chain did not issue")),
            (vec![leaf(&root_issuer, named(), false)], None),
            (vec![leaf(&root_issuer, Vec::new(), false)], Some("no subjectAltName")),
        ];
        for (chain, complaint) in cases {
            let found = Chain::read(&chain).unwrap().complaints;
            match complaint {
                None => assert_eq!(found, Vec::<String>::new()),
                Some(part) => assert!(found[0].contains(part), "{found:?}"),
            }
        }
        assert_eq!(Chain::read(&[public, CertificateDer::from(&b"\x30\x00"[..])]).map(drop), Err(2));
    }
}
