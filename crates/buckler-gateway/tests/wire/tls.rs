//! TLS: what is offered, what is refused, and what a bad certificate says.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use buckler_gateway::tls::{Identity, Tls, TlsError};
use buckler_gateway::upstream::{Endpoint, Endpoints, UpstreamSettings};
use buckler_policy::secret::{Secret, SecretReference};
use rustls::{ClientConfig, ProtocolVersion, RootCertStore, SupportedProtocolVersion};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::support::{Backend, Client, Running, gateway};

const GET: &str = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
const HELLO: &str = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";

fn literal(text: &str) -> SecretReference {
    SecretReference::Literal(Secret::new(text.to_owned()))
}

/// Certificate and key, in PEM form.
fn pair() -> (String, String) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    (made.cert.pem(), made.signing_key.serialize_pem())
}

fn client_config(trusted: &str, versions: &[&'static SupportedProtocolVersion]) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(trusted.as_bytes()) {
        roots.add(certificate.unwrap()).unwrap();
    }
    let mut config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config
}

async fn connect(running: &Running, config: ClientConfig, name: &str) -> std::io::Result<TlsStream<TcpStream>> {
    let tcp = TcpStream::connect(running.address).await?;
    let name = ServerName::try_from(name.to_owned()).unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, tcp).await
}

async fn serving(tls: Tls) -> (Running, Backend) {
    let (backend, _) = Backend::fixed(HELLO).await;
    let running = gateway(backend.endpoints(UpstreamSettings::default()), |settings| {
        settings.listen[0].tls = Some(tls);
    })
    .await;
    (running, backend)
}

#[tokio::test]
async fn an_old_protocol_alone_is_spoken_and_an_unknown_one_is_not() {
    // R01
    let identity = Identity::self_signed(&[], SystemTime::now()).unwrap();
    let (running, _backend) = serving(Tls::new(&identity)).await;
    let offering = |protocols: &[&[u8]]| {
        let mut config = client_config(&identity.certificate_pem, &[&rustls::version::TLS13]);
        config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
        config
    };
    let stream = connect(&running, offering(&[b"http/1.0"]), "localhost").await.unwrap();
    let mut client = Client::new(stream);
    client.send("GET / HTTP/1.0\r\nHost: x\r\n\r\n").await;
    assert_eq!(client.answer("GET").await.text(), "hello");
    assert!(connect(&running, offering(&[b"imap"]), "localhost").await.is_err());
    assert!(connect(&running, offering(&[]), "localhost").await.is_ok());
}

#[tokio::test]
async fn a_self_signed_certificate_serves_loopback_and_the_hosts() {
    // R01
    let identity =
        Identity::self_signed(&["shop.test".to_owned(), "*.shop.test".to_owned()], SystemTime::now()).unwrap();
    let (running, _backend) = serving(Tls::new(&identity)).await;
    for name in ["localhost", "127.0.0.1", "::1", "shop.test", "www.shop.test"] {
        for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
            let config = client_config(&identity.certificate_pem, &[version]);
            let stream = connect(&running, config, name).await.unwrap_or_else(|error| panic!("{name}: {error}"));
            let session = stream.get_ref().1;
            assert_eq!(session.alpn_protocol(), Some(&b"http/1.1"[..]));
            assert_eq!(session.protocol_version(), Some(version.version));
            let suite = format!("{:?}", session.negotiated_cipher_suite().unwrap().suite());
            let modern = suite.starts_with("TLS13_") || suite.starts_with("TLS_ECDHE_");
            assert!(modern && !suite.contains("CBC"), "{suite}");
            let mut client = Client::new(stream);
            client.send(GET).await;
            assert_eq!(client.answer("GET").await.text(), "hello");
        }
    }
    let config = client_config(&identity.certificate_pem, rustls::ALL_VERSIONS);
    assert!(connect(&running, config, "other.test").await.is_err());
}

#[tokio::test]
async fn sessions_are_resumed() {
    let identity = Identity::self_signed(&[], SystemTime::now()).unwrap();
    let (running, _backend) = serving(Tls::new(&identity)).await;
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let config = client_config(&identity.certificate_pem, &[version]);
        let mut kinds = Vec::new();
        for _ in 0..2 {
            let mut client = Client::new(connect(&running, config.clone(), "localhost").await.unwrap());
            client.send(GET).await;
            client.answer("GET").await;
            kinds.push(client.stream.get_ref().1.handshake_kind().unwrap());
        }
        assert_eq!(kinds[1], rustls::HandshakeKind::Resumed, "{:?}", version.version);
    }
}

#[tokio::test]
async fn what_speaks_no_tls_or_an_old_one_is_turned_away() {
    // R01
    let identity = Identity::self_signed(&[], SystemTime::now()).unwrap();
    let (running, _backend) = serving(Tls::new(&identity)).await;
    // A hello that offers TLS 1.0 with RSA key exchange and CBC.
    let old: &[u8] = &[
        0x16, 0x03, 0x01, 0x00, 0x2d, 0x01, 0x00, 0x00, 0x29, 0x03, 0x01, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13,
        14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 0x00, 0x00, 0x02, 0x00, 0x2f, 0x01,
        0x00,
    ];
    for hello in [GET.as_bytes(), old] {
        let mut client = running.client().await;
        client.send(hello).await;
        let answer = client.rest().await;
        assert!(!answer.contains("HTTP/"), "{answer}");
        assert!(!answer.contains('\u{16}'), "no server hello: {answer:?}");
    }
    crate::support::until(|| {
        running.events.all().iter().filter(|event| event.contains("HandshakeFailed")).count() == 2
    })
    .await;
}

#[tokio::test]
async fn a_certificate_is_replaced_while_connections_live() {
    // R01
    let first = Identity::self_signed(&[], SystemTime::now()).unwrap();
    let second = Identity::self_signed(&[], SystemTime::now()).unwrap();
    let tls = Tls::new(&first);
    let (running, _backend) = serving(tls.clone()).await;
    let trusting = |identity: &Identity| client_config(&identity.certificate_pem, rustls::ALL_VERSIONS);
    let mut old = Client::new(connect(&running, trusting(&first), "localhost").await.unwrap());
    tls.replace(&second);
    assert!(connect(&running, trusting(&first), "localhost").await.is_err());
    assert!(connect(&running, trusting(&second), "localhost").await.is_ok());
    old.send(GET).await;
    assert_eq!(old.answer("GET").await.text(), "hello");
}

#[tokio::test]
async fn what_cannot_be_used_says_where_it_is_and_what_to_do() {
    let (certificate, key) = pair();
    let (_, other) = pair();
    let broken = certificate.replace("MII", "!!!");
    let now = SystemTime::now();
    let cases = [
        (literal("nothing"), literal(&key), "no certificate in it"),
        (literal(&key), literal(&key), "no certificate in it"),
        (literal(&broken), literal(&key), "certificate 1 cannot be read"),
        (literal(&certificate), literal("nothing"), "no private key in it"),
        (literal(&certificate), literal(&certificate), "no private key in it"),
        (literal(&certificate), literal(&other), "does not belong to the certificate"),
        (SecretReference::File("/nowhere/cert.pem".to_owned()), literal(&key), "/nowhere/cert.pem"),
        (literal(&certificate), SecretReference::File("/nowhere/key.pem".to_owned()), "/nowhere/key.pem"),
    ];
    for (certificate, key, part) in cases {
        let error: TlsError = Identity::load(&certificate, &key, now).await.map(drop).expect_err(part);
        assert!(error.to_string().contains(part), "{error}");
        assert!(!error.to_string().contains("BEGIN PRIVATE"), "{error}");
    }
    let identity = Identity::load(&literal(&certificate), &literal(&key), now).await.unwrap();
    assert_eq!(identity.warnings, Vec::<String>::new());
    assert_eq!(identity.certificate_pem, certificate);
}

#[tokio::test]
async fn an_expired_certificate_is_a_warning() {
    let now = SystemTime::now();
    let mut params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    params.not_before = (now - Duration::from_hours(48)).into();
    params.not_after = (now - Duration::from_hours(24)).into();
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap().pem();
    let identity = Identity::load(&literal(&certificate), &literal(&key.serialize_pem()), now).await.unwrap();
    assert!(identity.warnings[0].contains("expired"), "{:?}", identity.warnings);
}

#[tokio::test]
async fn half_an_answer_ends_without_the_notice_that_would_make_it_whole() {
    // R11: an HTTP/1.0 client tells a whole answer from a cut one by TLS's own end.
    let backend = Backend::new(|stream, _| async move {
        let mut client = Client::new(stream);
        client.head().await;
        client.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n").await;
    })
    .await;
    let identity = Identity::self_signed(&[], SystemTime::now()).unwrap();
    let running = gateway(backend.endpoints(UpstreamSettings::default()), |settings| {
        settings.listen[0].tls = Some(Tls::new(&identity));
    })
    .await;
    let config = client_config(&identity.certificate_pem, rustls::ALL_VERSIONS);
    let mut client = Client::new(connect(&running, config, "localhost").await.unwrap());
    client.send("GET / HTTP/1.0\r\nHost: x\r\n\r\n").await;
    let answer = client.answer("GET").await;
    assert!(!answer.whole, "{answer:?}");
    assert_eq!(client.stream.get_ref().1.protocol_version(), Some(ProtocolVersion::TLSv1_3));
}

#[tokio::test]
async fn an_app_under_tls_must_prove_who_it_is() {
    let identity = Identity::self_signed(&[], SystemTime::now()).unwrap();
    let (app, _backend) = serving(Tls::new(&identity)).await;
    let address = format!("https://localhost:{}", app.address.port()).parse().unwrap();
    let endpoint = Endpoint::new(address, UpstreamSettings::default());
    let running = gateway(Endpoints::fixed(vec![endpoint]), |_| {}).await;
    let answer = running.ask(GET).await;
    assert_eq!(answer.status(), 502);
    assert!(answer.text().contains("certificate"), "{}", answer.text());
}
