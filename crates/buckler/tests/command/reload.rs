//! SIGHUP: another policy and certificate without a restart.

use std::fs;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustix::process::Signal;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use tempfile::TempDir;

use super::serving::{APP, PATIENCE, Running, get, until};
use super::{project, python};

/// Plain HTTP for one name, with JSON lines.
fn policy(hosts: &str) -> String {
    format!(
        "environment = \"development\"\n[server]\nlisten = [\"127.0.0.1:0\"]\nhosts = [{hosts}]\n\
         [server.tls]\nmode = \"off\"\n[log]\nformat = \"json\"\n"
    )
}

fn served(policy: &str) -> (TempDir, Running) {
    let folder = project(&[("main.py", APP), ("buckler.toml", policy)]);
    let python = python();
    let running = Running::start(folder.path(), &["run", "main:app", "--python", python.to_str().unwrap()]);
    (folder, running)
}

/// Writes the policy, asks for the reload, and waits for what the log says about it.
fn reload(folder: &Path, running: &Running, policy: &str) -> serde_json::Value {
    fs::write(folder.join("buckler.toml"), policy).unwrap();
    running.signal(Signal::HUP);
    reloaded(running)
}

/// The next line about a reload that is no warning.
fn reloaded(running: &Running) -> serde_json::Value {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let line = running.out.recv_timeout(deadline.saturating_duration_since(Instant::now())).unwrap();
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        let is = |name: &str, value: &str| line.get(name).is_some_and(|found| found == value);
        if is("event", "reload") && !is("level", "warning") {
            return line;
        }
    }
}

fn status(running: &Running, host: &str) -> String {
    running.get("/", host).split(' ').nth(1).unwrap().to_owned()
}

#[test]
fn a_reload_takes_effect_and_says_what_changed() {
    // R02, R09
    let (folder, mut running) = served(&policy("\"a.example\""));
    assert_eq!((status(&running, "a.example"), status(&running, "b.example")), ("200".into(), "400".into()));
    let told = reload(folder.path(), &running, &policy("\"b.example\""));
    assert_eq!(told["what"], "policy reloaded: 1 key changed (server.hosts)");
    assert_eq!(told["level"], "info");
    assert_eq!((status(&running, "a.example"), status(&running, "b.example")), ("400".into(), "200".into()));

    let other = policy("\"b.example\"").replace("[\"127.0.0.1:0\"]", "[\"127.0.0.1:1\"]") + "[app]\nworkers = 3\n";
    let told = reload(folder.path(), &running, &other);
    assert_eq!(told["what"], "policy reloaded: 1 key changed (app.workers); needs a restart: server.listen");
    assert_eq!(status(&running, "b.example"), "200");
    running.signal(Signal::TERM);
    assert_eq!(running.ended().code(), Some(0));
}

#[test]
fn a_bad_reload_neither_opens_nor_stops_the_service() {
    // R02, R09, R61
    let (folder, mut running) = served(&policy("\"a.example\""));
    let stays = |place: &str, part: &str| {
        running.signal(Signal::HUP);
        // One reload may have more than one mistake, so those of the last one may come first.
        loop {
            let told = reloaded(&running);
            let what = told["what"].as_str().unwrap();
            assert_eq!(told["level"], "error", "{told}");
            assert!(what.starts_with("not reloaded, the old policy stays: ") && !what.contains("CANARY"), "{told}");
            if what.contains(place) && what.contains(part) {
                break;
            }
        }
        assert_eq!((status(&running, "a.example"), status(&running, "b.example")), ("200".into(), "400".into()));
    };
    let file = folder.path().join("buckler.toml");
    for (text, place, part) in [
        ("\n\n[server]\nhost = [\"*\"]\n", "buckler.toml:4:1: ", "did you mean `hosts`?"),
        ("[server\n", "buckler.toml:1:", "`]`"),
        ("", "", "`server.hosts`"),
        (
            "[server]\nhosts = [\"b.example\"]\n[server.tls]\ncertificate = \"CANARY-7d1f\"\nkey = \"CANARY-7d1f\"\n",
            "buckler.toml:4:15: ",
            "`server.tls.certificate`",
        ),
    ] {
        fs::write(&file, text).unwrap();
        stays(place, part);
    }
    // A file that is gone is no empty one.
    fs::remove_file(&file).unwrap();
    stays("buckler.toml", "cannot be read");
    running.signal(Signal::TERM);
    assert_eq!(running.ended().code(), Some(0));
}

#[test]
fn what_is_under_way_is_finished_under_the_old_policy() {
    // R09
    let (folder, running) = served(&policy("\"a.example\""));
    let address = running.address;
    let slow = thread::spawn(move || get(address, "/slow", "a.example"));
    until("the request arrived", || folder.path().join("begun").exists());
    reload(folder.path(), &running, &policy("\"b.example\""));
    assert_eq!(status(&running, "a.example"), "400");
    fs::write(folder.path().join("go"), "").unwrap();
    let answer = slow.join().unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

#[test]
fn every_request_is_answered_during_reloads() {
    // R09
    let unlimited = |hosts: &str| policy(hosts) + "[limits]\ndefault = []\n";
    let (folder, running) = served(&unlimited("\"a.example\""));
    let (address, over) = (running.address, Arc::new(AtomicBool::new(false)));
    let clients: Vec<_> = (0..4)
        .map(|_| {
            let over = Arc::clone(&over);
            thread::spawn(move || {
                let mut answered = 0_u32;
                while !over.load(Ordering::Relaxed) {
                    let answer = get(address, "/", "a.example");
                    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
                    answered += 1;
                }
                answered
            })
        })
        .collect();
    for round in 0..20 {
        let told = reload(folder.path(), &running, &unlimited(&format!("\"a.example\", \"n{round}.example\"")));
        assert_eq!(told["what"], "policy reloaded: 1 key changed (server.hosts)");
    }
    over.store(true, Ordering::Relaxed);
    for client in clients {
        assert!(client.join().unwrap() > 0);
    }
    assert_eq!(status(&running, "n19.example"), "200");
}

fn pair(folder: &Path) -> CertificateDer<'static> {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    fs::write(folder.join("chain.pem"), cert.pem()).unwrap();
    fs::write(folder.join("key.pem"), signing_key.serialize_pem()).unwrap();
    cert.der().clone()
}

/// Asks over TLS, trusting one certificate alone.
fn ask(running: &Running, trusted: &CertificateDer<'static>) -> io::Result<String> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    let session = ClientConnection::new(Arc::new(config), name).unwrap();
    let tcp = TcpStream::connect(running.address)?;
    tcp.set_read_timeout(Some(PATIENCE))?;
    let mut stream = StreamOwned::new(session, tcp);
    stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

#[test]
fn another_certificate_is_shown_from_the_next_handshake_on() {
    // R08, R09
    let folder = project(&[("main.py", APP)]);
    let first = pair(folder.path());
    let at = |name: &str| folder.path().join(name).display().to_string();
    let policy = format!(
        "environment = \"development\"\n[server]\nlisten = [\"127.0.0.1:0\"]\n[server.tls]\n\
         certificate = \"file:{}\"\nkey = \"file:{}\"\n[log]\nformat = \"json\"\n",
        at("chain.pem"),
        at("key.pem")
    );
    fs::write(folder.path().join("buckler.toml"), &policy).unwrap();
    let python = python();
    let running = Running::start(folder.path(), &["run", "main:app", "--python", python.to_str().unwrap()]);
    let shows = |certificate| ask(&running, certificate).is_ok_and(|answer| answer.starts_with("HTTP/1.1 200 "));
    assert!(shows(&first));

    // A key of another certificate: the old pair stays.
    let key = fs::read(folder.path().join("key.pem")).unwrap();
    let second = pair(folder.path());
    let new_key = fs::read(folder.path().join("key.pem")).unwrap();
    fs::write(folder.path().join("key.pem"), key).unwrap();
    let told = reload(folder.path(), &running, &policy);
    assert_eq!(told["level"], "error", "{told}");
    assert!(told["what"].as_str().unwrap().contains("does not belong to the certificate"), "{told}");
    assert!(shows(&first) && !shows(&second));

    fs::write(folder.path().join("key.pem"), new_key).unwrap();
    let told = reload(folder.path(), &running, &policy);
    assert_eq!(told["what"], "policy reloaded: no key changed; new certificate");
    assert!(shows(&second) && !shows(&first));
}
