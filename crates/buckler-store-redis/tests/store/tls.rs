//! TLS with an authority of the test's own.

use buckler_store_redis::{Reason, Redis, RedisError, RedisSettings};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;

use crate::server::{RUNTIME, Server, ask, check, is_counted, patient, programs, rate, skipped};

/// In a folder: an authority, and the certificate and key of a server of a name.
fn made(name: &str) -> (TempDir, Vec<u8>) {
    let folder = TempDir::new().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new([name.to_owned()]).unwrap().signed_by(&key, &authority).unwrap();
    let pem = authority.pem();
    std::fs::write(folder.path().join("ca.pem"), &pem).unwrap();
    std::fs::write(folder.path().join("cert.pem"), certificate.pem()).unwrap();
    std::fs::write(folder.path().join("key.pem"), key.serialize_pem()).unwrap();
    (folder, pem.into_bytes())
}

fn server(folder: &TempDir, more: &[&str]) -> Option<Server> {
    let program = programs().first().copied()?;
    let file = |name: &str| folder.path().join(name).display().to_string();
    let (ca, cert, key) = (file("ca.pem"), file("cert.pem"), file("key.pem"));
    let mut arguments = vec![
        "--tls-port",
        "{port}",
        "--port",
        "0",
        "--tls-ca-cert-file",
        &ca,
        "--tls-cert-file",
        &cert,
        "--tls-key-file",
        &key,
        "--tls-auth-clients",
        "no",
    ];
    arguments.extend_from_slice(more);
    Server::try_start(program, &arguments)
}

// R13: with the right authority it counts; without it, or for another name, it says why and nothing is sent
#[test]
fn certificates_are_checked() {
    let ((folder, authority), (_other_folder, other)) = (made("127.0.0.1"), made("127.0.0.1"));
    let Some(server) = server(&folder, &["--requirepass", "hunter2"]) else {
        skipped("no server that speaks TLS is installed");
        return;
    };
    let url = format!("rediss://:hunter2@127.0.0.1:{}", server.port);
    let with = |url: &str, authorities: Option<&[u8]>| {
        let authorities = authorities.map(<[u8]>::to_vec);
        Redis::new(RedisSettings { authorities, ..patient(url.to_owned()) }).unwrap()
    };
    let store = with(&url, Some(&authority));
    RUNTIME.block_on(store.probe()).expect("it is trusted");
    assert!(is_counted(&ask(&store, &[check(1, rate(5))])));
    let by_another_name = url.replace("127.0.0.1", "localhost");
    for (url, authorities) in [(&url, Some(&other[..])), (&url, None), (&by_another_name, Some(&authority[..]))] {
        let error = RUNTIME.block_on(with(url, authorities).probe()).expect_err("it is not");
        assert!(!error.to_string().contains("hunter2"), "{error}");
        assert!(matches!(error, RedisError::Down { reason: Reason::Tls(_), .. }), "{error}");
    }
    // Without TLS nothing is understood, and nothing hangs.
    let plain = with(&url.replace("rediss", "redis"), None);
    RUNTIME.block_on(plain.probe()).expect_err("it speaks TLS");
}
