//! A contract that has an address: fetched, followed, and kept where it cannot be had.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Instant;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustix::process::Signal;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::serving::{PATIENCE, Running};
use super::{buckler, code, project, python, run, text};

/// What is told of the address and must not be logged.
const QUERY: &str = "token=CANARY-7d1f";

/// A server of documents, and of an app that answers 200 to everything else.
#[derive(Clone)]
struct Site {
    address: SocketAddr,
    /// The answer to whoever asks for the document.
    answer: Arc<Mutex<String>>,
}

impl Site {
    fn start(tls: Option<Arc<ServerConfig>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let site = Self { address: listener.local_addr().unwrap(), answer: Arc::default() };
        let serving = site.clone();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (site, tls) = (serving.clone(), tls.clone());
                thread::spawn(move || match tls {
                    Some(config) => {
                        let session = ServerConnection::new(config).unwrap();
                        site.serve(StreamOwned::new(session, stream));
                    }
                    None => site.serve(stream),
                });
            }
        });
        site
    }

    fn serve(&self, mut stream: impl Read + Write) {
        let mut question = Vec::new();
        let mut byte = [0];
        while !question.ends_with(b"\r\n\r\n") {
            match stream.read(&mut byte) {
                Ok(1) => question.push(byte[0]),
                _ => return,
            }
        }
        let is_document = question.starts_with(format!("GET /openapi.json?{QUERY} ").as_bytes());
        let answer = if is_document { self.answer.lock().unwrap().clone() } else { ok("app") };
        stream.write_all(answer.as_bytes()).and_then(|()| stream.flush()).ok();
    }

    fn says(&self, answer: String) {
        *self.answer.lock().unwrap() = answer;
    }

    fn source(&self) -> String {
        format!("http://{}/openapi.json?{QUERY}", self.address)
    }
}

fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())
}

fn document(paths: &[&str]) -> String {
    let paths: Vec<String> =
        paths.iter().map(|path| format!("\"{path}\": {{\"get\": {{\"responses\": {{}}}}}}")).collect();
    format!(
        "{{\"openapi\": \"3.1.0\", \"info\": {{\"title\": \"t\", \"version\": \"1\"}}, \"paths\": {{{}}}}}",
        paths.join(",")
    )
}

fn policy(requests: &str, refresh: &str, source: &str) -> String {
    format!(
        "environment = \"development\"\n[server]\nlisten = [\"127.0.0.1:0\"]\n[server.tls]\nmode = \"off\"\n\
         [log]\nformat = \"json\"\n\
         [contract]\nsource = \"{source}\"\nrequests = \"{requests}\"\nrefresh = \"{refresh}\"\n"
    )
}

fn serve(folder: &Path, site: &Site) -> Running {
    Running::start(folder, &["serve", "--upstream", &format!("http://{}", site.address)])
}

fn status(running: &Running, path: &str) -> String {
    running.get(path, "127.0.0.1").split(' ').nth(1).unwrap().to_owned()
}

/// The next line that is no request's.
fn told(running: &Running) -> serde_json::Value {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let line = running.out.recv_timeout(deadline.saturating_duration_since(Instant::now())).unwrap();
        assert!(!line.contains("CANARY"), "{line}");
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        if line.get("event").is_some_and(|event| event != "request") {
            return line;
        }
    }
}

#[test]
fn a_newer_document_is_in_force_without_a_restart_and_a_bad_one_is_not() {
    // R40, R61
    let site = Site::start(None);
    site.says(ok(&document(&["/a", "/b"])));
    let folder = project(&[("buckler.toml", &policy("enforce", "1s", &site.source()))]);
    let mut running = serve(folder.path(), &site);
    assert_eq!(["/a", "/b", "/c"].map(|path| status(&running, path)), ["200", "200", "404"]);

    site.says(ok(&document(&["/b", "/c"])));
    let line = told(&running);
    assert_eq!((&line["event"], &line["level"]), (&"contract".into(), &"info".into()), "{line}");
    assert_eq!(line["added"], serde_json::json!({"count": 1, "first": ["GET /c"]}));
    assert_eq!(line["removed"], serde_json::json!({"count": 1, "first": ["GET /a"]}));
    assert_eq!(line["changed"]["count"], 0);
    assert_eq!(["/a", "/b", "/c"].map(|path| status(&running, path)), ["404", "200", "200"]);

    // Each kind of trouble is told once, and changes nothing.
    for (answer, part) in [
        (ok("{\"openapi\": \"2.0\"}"), "OpenAPI `2.0`"),
        ("HTTP/1.1 500 CANARY\r\nContent-Length: 0\r\n\r\n".to_owned(), "the answer is 500"),
    ] {
        site.says(answer);
        let line = told(&running);
        assert_eq!((&line["event"], &line["level"]), (&"reload".into(), &"error".into()), "{line}");
        let what = line["what"].as_str().unwrap();
        assert!(what.starts_with("the contract stays as it was: ") && what.contains(part), "{line}");
        thread::sleep(std::time::Duration::from_millis(2_500));
        assert_eq!(["/a", "/b", "/c"].map(|path| status(&running, path)), ["404", "200", "200"]);
    }
    // A reload that cannot have it goes on with what there is.
    running.signal(Signal::HUP);
    assert!(told(&running)["what"].as_str().unwrap().starts_with("no newer contract: "));
    assert_eq!(told(&running)["what"], "policy reloaded: no key changed");
    assert_eq!(["/a", "/b"].map(|path| status(&running, path)), ["404", "200"]);

    site.says(ok(&document(&["/a"])));
    let line = told(&running);
    assert_eq!((&line["added"]["first"][0], &line["removed"]["count"]), (&"GET /a".into(), &2.into()), "{line}");
    assert_eq!(["/a", "/b"].map(|path| status(&running, path)), ["200", "404"]);
    running.signal(Signal::TERM);
    assert_eq!(running.ended().code(), Some(0));
}

#[test]
fn a_start_without_its_document_ends_where_it_is_enforced_and_goes_on_where_it_is_monitored() {
    // R40
    let site = Site::start(None);
    site.says("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n".to_owned());
    let folder = project(&[("buckler.toml", &policy("enforce", "1s", &site.source()))]);
    let upstream = format!("http://{}", site.address);
    let output = run(folder.path(), &["serve", "--upstream", &upstream, "--policy", "buckler.toml"]);
    let said = text(&output.stderr);
    assert_eq!(code(&output), 2, "{said}");
    assert!(
        said.contains("redirects are not followed") && said.contains("help: ") && !said.contains("CANARY"),
        "{said}"
    );

    fs::write(folder.path().join("buckler.toml"), policy("monitor", "1s", &site.source())).unwrap();
    let running = serve(folder.path(), &site);
    assert_eq!(status(&running, "/a"), "200");
    site.says(ok(&document(&["/a"])));
    assert_eq!(told(&running)["event"], "contract");

    // Whoever asks what would happen sees it judged, too.
    fs::write(folder.path().join("buckler.toml"), policy("enforce", "off", &site.source())).unwrap();
    let output = run(folder.path(), &["explain", "GET", "http://127.0.0.1/b", "--policy", "buckler.toml"]);
    assert!(text(&output.stdout).contains("contract.unlisted_routes"), "{}", text(&output.stdout));
    let output = run(folder.path(), &["check", "--policy", "buckler.toml"]);
    assert!(
        text(&output.stdout).contains("1 operations; what they do not list is refused"),
        "{}",
        text(&output.stdout)
    );
}

#[test]
fn a_certificate_that_nobody_vouches_for_gives_no_contract() {
    // R40, R01
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(signing_key.serialize_der()));
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(vec![cert.der().clone()], key).unwrap();
    let site = Site::start(Some(Arc::new(config)));
    site.says(ok(&document(&["/a"])));
    let port = site.address.port();
    let source = |host: &str| format!("https://{host}:{port}/openapi.json?{QUERY}");
    let folder = project(&[("buckler.toml", &policy("enforce", "off", &source("localhost"))), ("ca.pem", &cert.pem())]);
    let check = |roots: Option<&str>| {
        let mut command = buckler(folder.path());
        let roots = roots.map(|file| ("SSL_CERT_FILE", folder.path().join(file)));
        let output =
            command.envs(roots).args(["check", "--policy", "buckler.toml"]).stdin(Stdio::null()).output().unwrap();
        (code(&output), format!("{}{}", text(&output.stdout), text(&output.stderr)))
    };
    let (status, said) = check(Some("ca.pem"));
    assert_eq!(status, 0, "{said}");
    let (status, said) = check(None);
    assert!(status == 2 && said.contains("cannot connect to https://localhost"), "{said}");
    fs::write(folder.path().join("buckler.toml"), policy("enforce", "off", &source("127.0.0.1"))).unwrap();
    let (status, said) = check(Some("ca.pem"));
    assert!(status == 2 && said.contains("cannot connect to https://127.0.0.1") && !said.contains("CANARY"), "{said}");
}

#[test]
fn a_document_of_a_file_is_read_again_with_the_policy() {
    // R40
    let site = Site::start(None);
    let file = policy("enforce", "1s", "file:openapi.json");
    let folder = project(&[("buckler.toml", &file), ("openapi.json", &document(&["/a"]))]);
    let running = serve(folder.path(), &site);
    assert_eq!(["/a", "/b"].map(|path| status(&running, path)), ["200", "404"]);
    fs::write(folder.path().join("openapi.json"), document(&["/b"])).unwrap();
    running.signal(Signal::HUP);
    let line = told(&running);
    assert_eq!(
        (&line["added"]["first"][0], &line["removed"]["first"][0]),
        (&"GET /b".into(), &"GET /a".into()),
        "{line}"
    );
    assert_eq!(["/a", "/b"].map(|path| status(&running, path)), ["404", "200"]);
    fs::write(folder.path().join("openapi.json"), "[]").unwrap();
    while told(&running)["level"] != "info" {}
    running.signal(Signal::HUP);
    assert_eq!(told(&running)["level"], "error");
    assert_eq!(["/a", "/b"].map(|path| status(&running, path)), ["404", "200"]);
}

#[test]
fn an_app_that_fails_to_make_its_document_is_told_what_it_raised() {
    // R40
    let app = "import fastapi\n\nclass App(fastapi.FastAPI):\n    def openapi(self):\n        raise TypeError(\"no schema for Socket\")\n\napp = App()\n";
    let policy = "environment = \"development\"\n[server.tls]\nmode = \"off\"\n[contract]\nrequests = \"enforce\"\n";
    let folder = project(&[("main.py", app), ("buckler.toml", policy)]);
    let python = python();
    let asked = ["main:app", "--python", python.to_str().unwrap(), "--policy", "buckler.toml"];
    let output = run(folder.path(), &[&["run"][..], &asked].concat());
    let said = text(&output.stderr);
    assert!(code(&output) == 2 && said.contains("the app fails to make it: TypeError: no schema for Socket"), "{said}");
}

#[test]
fn what_of_the_contract_is_used_is_told_when_asked_and_at_the_end() {
    // R07
    let site = Site::start(None);
    let text = policy("monitor", "off", "file:openapi.json");
    let folder = project(&[("buckler.toml", &text), ("openapi.json", &document(&["/a", "/b"]))]);
    let mut running = serve(folder.path(), &site);
    for path in ["/a", "/a", "/hidden/7", "/hidden/8?token=CANARY-7d1f"] {
        assert_eq!(status(&running, path), "200");
    }
    let is_usage = |line: &serde_json::Value, used: u64| {
        let first = |kind: &str| line.pointer(&format!("/{kind}/first/0/what")).and_then(|what| what.as_str());
        let found = (first("used"), first("unused"), first("unlisted"));
        assert_eq!(found, (Some("GET /a"), Some("GET /b"), Some("GET /hidden/{}")), "{line}");
        assert_eq!(line.pointer("/used/requests").and_then(serde_json::Value::as_u64), Some(used), "{line}");
    };
    running.signal(Signal::USR1);
    is_usage(&told(&running), 2);
    // Another engine goes on counting.
    running.signal(Signal::HUP);
    assert_eq!(told(&running)["what"], "policy reloaded: no key changed");
    assert_eq!(status(&running, "/a"), "200");
    running.signal(Signal::TERM);
    is_usage(&told(&running), 3);
    assert_eq!(running.ended().code(), Some(0));
}

#[test]
fn new_code_of_the_app_tells_what_it_changed_of_the_contract() {
    // R40
    let app = |path: &str| {
        format!("import fastapi\n\napp = fastapi.FastAPI()\n\n\n@app.get(\"{path}\")\ndef read():\n    return 1\n")
    };
    let text = "environment = \"development\"\n[server]\nlisten = [\"127.0.0.1:0\"]\n[server.tls]\nmode = \"off\"\n\
                [log]\nformat = \"json\"\n[app]\nreload = \"off\"\nworkers = 1\n";
    let folder = project(&[("main.py", &app("/a")), ("buckler.toml", text)]);
    let python = python();
    let mut running = Running::start(folder.path(), &["run", "main:app", "--python", python.to_str().unwrap()]);
    // Of another length: Python takes its own copy of a module for the same by the second and the size.
    fs::write(folder.path().join("main.py"), app("/other")).unwrap();
    running.signal(Signal::HUP);
    let line = loop {
        let line = told(&running);
        if line.get("event").is_some_and(|event| event == "contract") {
            break line;
        }
    };
    let first = |kind: &str| line.pointer(&format!("/{kind}/first/0")).and_then(|what| what.as_str());
    assert_eq!((first("added"), first("removed")), (Some("GET /other"), Some("GET /a")), "{line}");
    running.signal(Signal::TERM);
    assert_eq!(running.ended().code(), Some(0));
}

#[test]
fn an_argument_names_an_address_as_well_as_a_file() {
    // R40
    let site = Site::start(None);
    site.says(ok(&document(&["/a"])));
    let text = policy("enforce", "off", "file:gone.json");
    let folder = project(&[("buckler.toml", &text), ("openapi.json", &document(&["/b"]))]);
    let upstream = format!("http://{}", site.address);
    for (named, found) in [(site.source().as_str(), ["200", "404"]), ("openapi.json", ["404", "200"])] {
        let running = Running::start(folder.path(), &["serve", "--upstream", &upstream, "--contract", named]);
        assert_eq!(["/a", "/b"].map(|path| status(&running, path)), found, "{named}");
    }
}
