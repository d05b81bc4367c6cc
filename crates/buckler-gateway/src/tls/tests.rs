//! Real handshakes over loopback: which certificate a client gets, and which client gets in.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use buckler_policy::settings::Policy;
use buckler_policy::{Host, Sources};
use http::HeaderValue;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyIdMethod, KeyPair, KeyUsagePurpose, RevocationReason, RevokedCertParams,
    SerialNumber, SignatureAlgorithm,
};
use rustls::client::Resumption;
use rustls::{ClientConfig, HandshakeKind, ProtocolVersion, RootCertStore, SupportedProtocolVersion};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;

use super::identity::Identity;
use super::{Tls, TlsError};

const DAY: Duration = Duration::from_hours(24);

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority(name: &str) -> Authority {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// What a certificate is to be.
struct Asked<'a> {
    names: &'a [&'a str],
    kind: &'static SignatureAlgorithm,
    purpose: ExtendedKeyUsagePurpose,
    /// Days from now.
    until: i64,
    serial: u64,
}

const SERVER: Asked<'static> = Asked {
    names: &[],
    kind: &rcgen::PKCS_ECDSA_P256_SHA256,
    purpose: ExtendedKeyUsagePurpose::ServerAuth,
    until: 60,
    serial: 1,
};

const CLIENT: Asked<'static> = Asked { purpose: ExtendedKeyUsagePurpose::ClientAuth, ..SERVER };

/// A certificate and its key.
struct Issued {
    pem: String,
    der: CertificateDer<'static>,
    key: KeyPair,
}

fn issue(authority: &Authority, asked: &Asked<'_>) -> Issued {
    let names: Vec<String> = asked.names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.distinguished_name.push(DnType::CommonName, "A leaf");
    let now = SystemTime::now();
    params.not_before = (now - 30 * DAY).into();
    let far = DAY * u32::try_from(asked.until.unsigned_abs()).unwrap();
    params.not_after = if asked.until < 0 { now - far } else { now + far }.into();
    params.extended_key_usages = vec![asked.purpose.clone()];
    params.serial_number = Some(SerialNumber::from(asked.serial));
    let key = KeyPair::generate_for(asked.kind).unwrap();
    let made = params.signed_by(&key, authority).unwrap();
    Issued { pem: made.pem(), der: made.der().clone(), key }
}

/// A folder for a policy's files.
struct Files(TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path().join(name), text).unwrap();
    }

    /// Writes `NAME.pem` and `NAME-key.pem`.
    fn pair(&self, name: &str, issued: &Issued) {
        self.write(&format!("{name}.pem"), &issued.pem);
        self.write(&format!("{name}-key.pem"), &issued.key.serialize_pem());
    }

    /// A policy whose default certificate is `default`, with further lines of `[server.tls]`.
    fn policy(&self, environment: &str, more: &str) -> Policy {
        let text = format!(
            "environment = \"{environment}\"\n[server]\nhosts = [\"default.test\"]\n[server.tls]\n\
             certificate = \"file:@/default.pem\"\nkey = \"file:@/default-key.pem\"\n{more}"
        );
        let text = text.replace('@', self.path().to_str().unwrap());
        Sources::new(Host::Gateway).file("t.toml", text).load().unwrap().policy
    }

    fn further(names: &[&str]) -> String {
        let tables = names.iter().map(|name| {
            format!(
                "[[server.tls.certificates]]\ncertificate = \"file:@/{name}.pem\"\nkey = \"file:@/{name}-key.pem\"\n"
            )
        });
        tables.collect()
    }
}

async fn load(policy: &Policy) -> Result<Identity, TlsError> {
    Identity::of(policy, None, SystemTime::now()).await.map(Option::unwrap)
}

fn client(trusted: &Authority, own: Option<&Issued>, version: &'static SupportedProtocolVersion) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.der().clone()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots);
    match own {
        None => config.with_no_client_auth(),
        Some(own) => {
            let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(own.key.serialize_der()));
            config.with_client_auth_cert(vec![own.der.clone()], key).unwrap()
        }
    }
}

/// What came of a handshake.
struct Met {
    /// What the client was shown.
    leaf: Option<CertificateDer<'static>>,
    kind: Option<HandshakeKind>,
    /// What the app would be told, or why the server ended it.
    told: Result<Option<HeaderValue>, String>,
}

/// One handshake, and a byte each way so that tickets arrive.
async fn meet(tls: &Tls, config: &ClientConfig, name: &str) -> Met {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let config = Arc::new(config.clone());
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let dial = async {
        let tcp = TcpStream::connect(address).await.unwrap();
        let mut session = TlsConnector::from(config).connect(name, tcp).await.ok()?;
        let mut byte = [0];
        let _cut = session.write_all(b"?").await;
        let _cut = session.read_exact(&mut byte).await;
        let state = session.get_ref().1;
        let leaf = state.peer_certificates().and_then(<[_]>::first).cloned().map(CertificateDer::into_owned);
        Some((leaf, state.handshake_kind()))
    };
    let answer = async {
        let (tcp, _) = listener.accept().await.unwrap();
        match tls.accept(tcp).await {
            Err(error) => Err(error.to_string()),
            Ok((mut session, shown)) => {
                let mut byte = [0];
                let _cut = session.read_exact(&mut byte).await;
                let _cut = session.write_all(b"!").await;
                Ok(shown.map(|shown| shown.field()))
            }
        }
    };
    let (dialled, told) = tokio::join!(dial, answer);
    let (leaf, kind) = dialled.unwrap_or_default();
    Met { leaf, kind, told }
}

const VERSIONS: [&SupportedProtocolVersion; 2] = [&rustls::version::TLS12, &rustls::version::TLS13];

// R01
#[tokio::test]
async fn a_client_gets_the_certificate_of_the_name_that_it_asks_for() {
    let root = authority("Root");
    let files = Files::new();
    let asked: &[(&str, &[&str])] = &[
        ("default", &["default.test", "127.0.0.1"]),
        ("exact", &["a.wild.test", "Exact.Test"]),
        ("wild", &["*.wild.test"]),
    ];
    let issued: Vec<Issued> = asked.iter().map(|(_, names)| issue(&root, &Asked { names, ..SERVER })).collect();
    for ((name, _), issued) in asked.iter().zip(&issued) {
        files.pair(name, issued);
    }
    let identity = load(&files.policy("production", &Files::further(&["wild", "exact"]))).await.unwrap();
    assert_eq!(identity.warnings.iter().filter(|w| !w.contains("chmod")).count(), 0, "{:?}", identity.warnings);
    assert_eq!(identity.certificate_pem.trim_end(), issued[0].pem.trim_end());
    let tls = Tls::new(&identity);
    for version in VERSIONS {
        for (name, at) in [
            ("default.test", 0),
            ("exact.test", 1),
            ("EXACT.test", 1),
            ("a.wild.test", 1),
            ("b.wild.test", 2),
            ("127.0.0.1", 0),
        ] {
            let met = meet(&tls, &client(&root, None, version), name).await;
            assert_eq!(met.leaf.as_ref(), Some(&issued[at].der), "{name}");
        }
        // Names that none has get the default, which the client then refuses by itself.
        for name in ["c.b.wild.test", "wild.test", "other.test"] {
            let met = meet(&tls, &client(&root, None, version), name).await;
            assert!(met.leaf.is_none() && met.told.is_err(), "{name}");
            let told = met.told.unwrap_err();
            assert!(told.contains("BadCertificate") || told.contains("CertificateUnknown"), "{name}: {told}");
        }
    }
}

// R01
#[tokio::test]
async fn two_certificates_for_a_name_must_have_keys_of_different_kinds() {
    let root = authority("Root");
    let files = Files::new();
    let names = &["default.test", "*.x.test"];
    let ecdsa = issue(&root, &Asked { names, ..SERVER });
    let rsa = issue(&root, &Asked { names, kind: &rcgen::PKCS_RSA_SHA256, ..SERVER });
    let twin = issue(&root, &Asked { names: &["y.test", "*.x.test"], ..SERVER });
    files.pair("default", &rsa);
    files.pair("ecdsa", &ecdsa);
    files.pair("twin", &twin);
    let error = load(&files.policy("production", &Files::further(&["ecdsa", "twin"]))).await.map(drop).unwrap_err();
    let error = error.to_string();
    assert!(error.contains("ecdsa.pem and file:") && error.contains("twin.pem"), "{error}");
    assert!(error.contains("`*.x.test`"), "{error}");

    let tls = Tls::new(&load(&files.policy("production", &Files::further(&["ecdsa"]))).await.unwrap());
    for name in ["default.test", "a.x.test"] {
        let met = meet(&tls, &client(&root, None, &rustls::version::TLS13), name).await;
        assert_eq!(met.leaf.as_ref(), Some(&ecdsa.der), "what is cheaper for us, where the client takes it");
    }
}

// R01
#[tokio::test]
async fn every_usual_kind_of_key_serves() {
    let root = authority("Root");
    let files = Files::new();
    for kind in
        [&rcgen::PKCS_RSA_SHA256, &rcgen::PKCS_ECDSA_P256_SHA256, &rcgen::PKCS_ECDSA_P384_SHA384, &rcgen::PKCS_ED25519]
    {
        let issued = issue(&root, &Asked { names: &["default.test"], kind, ..SERVER });
        files.pair("default", &issued);
        let tls = Tls::new(&load(&files.policy("production", "")).await.unwrap());
        for version in VERSIONS {
            let met = meet(&tls, &client(&root, None, version), "default.test").await;
            assert_eq!((met.leaf, met.told), (Some(issued.der.clone()), Ok(None)), "{kind:?}");
        }
    }
}

// R01
#[tokio::test]
async fn what_clients_would_refuse_is_told_at_start() {
    let root = authority("Root");
    let files = Files::new();
    let names = &["default.test"];
    let expired = issue(&root, &Asked { names, until: -1, ..SERVER });
    files.pair("default", &expired);
    let production = files.policy("production", "");
    let error = load(&production).await.map(drop).unwrap_err().to_string();
    assert!(error.contains("default.pem") && error.contains("expired at"), "{error}");
    let staging = files.policy("staging", "");
    assert!(matches!(load(&staging).await, Err(TlsError::Expired { .. })));
    let shown = load(&files.policy("development", "")).await.unwrap();
    assert!(shown.warnings.iter().any(|warning| warning.contains("expired at")), "{:?}", shown.warnings);
    // What is shown already stays: there is no better one to keep.
    let again = Identity::of(&production, Some(&shown.shown), SystemTime::now()).await.unwrap().unwrap();
    assert!(again.shown.changes(&shown.shown).is_empty());

    // The key of the second certificate in the file, a host without a certificate, a key that all can read.
    let good = issue(&root, &Asked { names: &["elsewhere.test"], ..SERVER });
    files.pair("default", &good);
    let identity = load(&production).await.unwrap();
    assert!(identity.warnings.iter().any(|w| w.contains("no certificate is good for default.test")));
    files.write("default.pem", &format!("{}{}", root.pem(), good.pem));
    let error = load(&production).await.map(drop).unwrap_err().to_string();
    assert!(error.contains("belongs to certificate 2"), "{error}");
    files.pair("default", &good);
    let key = files.path().join("default-key.pem");
    for (mode, open) in [(0o600, false), (0o400, false), (0o640, true), (0o604, true)] {
        fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
        let told = load(&production).await.unwrap().warnings;
        assert_eq!(told.iter().any(|w| w.contains("chmod 600") && w.contains("default-key.pem")), open, "{told:?}");
    }
}

fn revoking(authority: &Authority, serials: &[u64], until: i64) -> String {
    let now = SystemTime::now();
    let far = DAY * u32::try_from(until.unsigned_abs()).unwrap();
    let revoked = serials.iter().map(|serial| RevokedCertParams {
        serial_number: SerialNumber::from(*serial),
        revocation_time: (now - DAY).into(),
        reason_code: Some(RevocationReason::KeyCompromise),
        invalidity_date: None,
    });
    let params = CertificateRevocationListParams {
        this_update: (now - 30 * DAY).into(),
        next_update: if until < 0 { now - far } else { now + far }.into(),
        crl_number: SerialNumber::from(1),
        issuing_distribution_point: None,
        revoked_certs: revoked.collect(),
        key_identifier_method: KeyIdMethod::Sha256,
    };
    params.signed_by(authority).unwrap().pem().unwrap()
}

fn field(issued: &Issued) -> HeaderValue {
    let text = base64::engine::general_purpose::STANDARD.encode(&issued.der);
    HeaderValue::try_from(format!(":{text}:")).unwrap()
}

// R01
#[tokio::test]
async fn who_shows_no_good_certificate_does_not_get_in() {
    let (root, clients, strangers) = (authority("Root"), authority("Clients"), authority("Strangers"));
    let files = Files::new();
    files.pair("default", &issue(&root, &Asked { names: &["default.test"], ..SERVER }));
    files.write("ca.pem", &clients.pem());
    files.write("crl.pem", &revoking(&clients, &[13], 30));
    let good = issue(&clients, &CLIENT);
    let cases = [
        (None, "\"required\""),
        (Some(issue(&strangers, &CLIENT)), "comes from no authority of `server.tls.client_ca`"),
        (Some(issue(&root, &CLIENT)), "comes from no authority"),
        (Some(issue(&clients, &Asked { until: -1, ..CLIENT })), "has expired"),
        (Some(issue(&clients, &Asked { serial: 13, ..CLIENT })), "was revoked"),
        (Some(issue(&clients, &SERVER)), "not meant for clients"),
    ];
    let lines = "client_ca = \"file:@/ca.pem\"\nclient_crl = \"file:@/crl.pem\"\n";
    let required = Tls::new(&load(&files.policy("production", lines)).await.unwrap());
    let lines = format!("{lines}client_certificates = \"optional\"\n");
    let optional = Tls::new(&load(&files.policy("production", &lines)).await.unwrap());
    for version in VERSIONS {
        for (own, part) in &cases {
            let config = client(&root, own.as_ref(), version);
            let told = meet(&required, &config, "default.test").await.told.unwrap_err();
            assert!(told.contains(part), "{part}: {told}");
            let met = meet(&optional, &config, "default.test").await;
            // None at all is a choice; a bad one is not.
            assert_eq!(met.told.ok(), own.is_none().then_some(None), "{part}");
        }
        let config = client(&root, Some(&good), version);
        for tls in [&required, &optional] {
            assert_eq!(meet(tls, &config, "default.test").await.told, Ok(Some(field(&good))));
        }
    }
    // A list that says nothing of the authority, and one that is too old to say anything.
    for (list, part) in [
        (revoking(&strangers, &[], 30), "no list of `server.tls.client_crl`"),
        (revoking(&clients, &[], -1), "out of date"),
    ] {
        files.write("crl.pem", &list);
        let identity = load(&files.policy("production", &lines)).await.unwrap();
        let told = meet(&Tls::new(&identity), &client(&root, Some(&good), VERSIONS[1]), "default.test").await.told;
        assert!(told.as_ref().is_err_and(|told| told.contains(part)), "{told:?}");
        assert_eq!(identity.warnings.iter().any(|w| w.contains("out of date")), part == "out of date");
    }
    for (file, text) in [("crl.pem", "nothing"), ("ca.pem", "nothing")] {
        files.write(file, text);
        let error = load(&files.policy("production", &lines)).await.map(drop).unwrap_err().to_string();
        assert!(error.contains(file), "{error}");
    }
}

// R01
#[tokio::test]
async fn a_resumed_session_is_still_that_clients() {
    let (root, clients) = (authority("Root"), authority("Clients"));
    let files = Files::new();
    files.pair("default", &issue(&root, &Asked { names: &["default.test"], ..SERVER }));
    files.write("ca.pem", &clients.pem());
    files.write("crl.pem", &revoking(&clients, &[], 30));
    let policy = files.policy("production", "client_ca = \"file:@/ca.pem\"\nclient_crl = \"file:@/crl.pem\"\n");
    let good = issue(&clients, &Asked { serial: 13, ..CLIENT });
    for version in VERSIONS {
        files.write("crl.pem", &revoking(&clients, &[], 30));
        let first = load(&policy).await.unwrap();
        let tls = Tls::new(&first);
        let mut config = client(&root, Some(&good), version);
        config.resumption = Resumption::in_memory_sessions(8);
        config.enable_early_data = true;
        let mut kinds = Vec::new();
        for _ in 0..3 {
            let met = meet(&tls, &config, "default.test").await;
            assert_eq!(met.told, Ok(Some(field(&good))), "{:?}", version.version);
            kinds.push(met.kind.unwrap());
        }
        assert_eq!(kinds, [HandshakeKind::Full, HandshakeKind::Resumed, HandshakeKind::Resumed]);
        // Revoked since: the old session is worth nothing any more.
        files.write("crl.pem", &revoking(&clients, &[13], 30));
        let next = load(&policy).await.unwrap();
        assert_eq!(next.shown.changes(&first.shown), ["client authorities"]);
        tls.replace(&next);
        let told = meet(&tls, &config, "default.test").await.told.unwrap_err();
        assert!(told.contains("was revoked"), "{told}");
    }
    let config = load(&policy).await.unwrap().config;
    assert_eq!(config.max_early_data_size, 0, "a 0-RTT request can be replayed");
    assert!(VERSIONS.iter().all(|v| [ProtocolVersion::TLSv1_2, ProtocolVersion::TLSv1_3].contains(&v.version)));
}
