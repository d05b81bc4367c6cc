//! A certificate for development.

use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

/// How long a self-signed certificate is valid: longer than any development session, shorter than what is
/// forgotten in production.
pub const SELF_SIGNED_DAYS: u64 = 90;

const DAY: Duration = Duration::from_hours(24);

/// Names that are always in it.
const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

pub(super) struct SelfSigned {
    pub(super) certificate: CertificateDer<'static>,
    pub(super) certificate_pem: String,
    pub(super) key: PrivateKeyDer<'static>,
}

pub(super) fn make(hosts: &[String], now: SystemTime) -> Result<SelfSigned, rcgen::Error> {
    let mut names: Vec<String> = LOOPBACK.iter().map(|name| (*name).to_owned()).collect();
    for host in hosts {
        let name = bare(host);
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name.push(DnType::CommonName, "Buckler development certificate");
    // Clocks differ; nobody is helped by a certificate of the future.
    params.not_before = (now - DAY).into();
    params.not_after = (now + DAY * u32::try_from(SELF_SIGNED_DAYS).unwrap_or(u32::MAX)).into();
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate()?;
    let certificate = params.self_signed(&key)?;
    Ok(SelfSigned {
        certificate: certificate.der().clone(),
        certificate_pem: certificate.pem(),
        key: PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())),
    })
}

/// `[::1]` is written without its brackets in a certificate.
fn bare(host: &str) -> String {
    let inner = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    match inner.parse::<IpAddr>() {
        Ok(ip) => ip.to_string(),
        Err(_) => inner.to_ascii_lowercase(),
    }
}
