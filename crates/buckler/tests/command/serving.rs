//! `run` and `serve`, from the first request to the last.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::{buckler, project, python};

/// No test waits longer for something that has to happen.
pub(super) const PATIENCE: Duration = Duration::from_mins(1);

/// Plain HTTP in development, so that no client needs a certificate.
const POLICY: &str =
    "environment = \"development\"\n[server]\nlisten = [\"127.0.0.1:0\"]\n[server.tls]\nmode = \"off\"\n";

/// Answers with what it sees; `/slow` waits for a file.
pub(super) const APP: &str = r#"
import asyncio, os, pathlib
HERE = pathlib.Path(__file__).parent

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        (HERE / "stopped").write_text("")
        await send({"type": "lifespan.shutdown.complete"})
        return
    if scope["path"] == "/slow":
        (HERE / "begun").write_text("")
        while not (HERE / "go").exists():
            await asyncio.sleep(0.01)
    print("asked for", scope["path"])
    names = sorted(name.decode() for name, _ in scope["headers"] if name.startswith(b"buckler"))
    body = f"{os.getpid()} {scope['client'][0]} {scope['scheme']} {names}".encode()
    fields = [(b"content-length", str(len(body)).encode()), (b"content-type", b"text/plain")]
    await send({"type": "http.response.start", "status": 200, "headers": fields})
    await send({"type": "http.response.body", "body": body})
"#;

/// A running command.
pub(super) struct Running {
    child: Child,
    pub(super) address: SocketAddr,
    pub(super) out: mpsc::Receiver<String>,
    err: mpsc::Receiver<String>,
}

impl Running {
    pub(super) fn start(folder: &Path, arguments: &[&str]) -> Self {
        let mut child = buckler(folder)
            .args(arguments)
            .args(["--policy", "buckler.toml"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (out, err) = (lines(child.stdout.take().unwrap()), lines(child.stderr.take().unwrap()));
        let mut told = String::new();
        let address = loop {
            let line = err.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("it did not start:\n{told}"));
            let line = line.trim();
            if let Some(address) = line.strip_prefix("http://").or_else(|| line.strip_prefix("https://")) {
                break address.parse().unwrap();
            }
            told += line;
        };
        Self { child, address, out, err }
    }

    pub(super) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap(), signal).unwrap();
    }

    pub(super) fn ended(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "it did not end");
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// All lines of standard output, after the end.
    fn log(&self) -> Vec<String> {
        self.out.iter().collect()
    }

    pub(super) fn get(&self, path: &str, host: &str) -> String {
        get(self.address, path, host)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Only if a test failed before the end.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

pub(super) fn get(address: SocketAddr, path: &str, host: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let forged = "Buckler-Edge: http 6.6.6.6 6 6.6.6.6 6";
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\n{forged}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn lines(from: impl Read + Send + 'static) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    receiver
}

pub(super) fn until(what: &str, so: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !so() {
        assert!(Instant::now() < deadline, "never happened: {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// Whether a process is there and no zombie.
fn is_alive(pid: i32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('Z')))
}

fn served(workers: &str) -> (TempDir, Running) {
    let folder = project(&[("main.py", APP), ("buckler.toml", POLICY)]);
    let python = python();
    let arguments = ["run", "main:app", "--workers", workers, "--python", python.to_str().unwrap()];
    let running = Running::start(folder.path(), &arguments);
    (folder, running)
}

#[test]
fn run_serves_and_ends_with_a_signal() {
    // R03, R09, R80
    let (folder, mut running) = served("2");
    let answer = running.get("/", "localhost");
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with(" 127.0.0.1 http []"), "{answer}");
    assert!(running.get("/", "evil.example").starts_with("HTTP/1.1 400 "));
    running.signal(Signal::TERM);
    assert_eq!(running.ended().code(), Some(0));
    assert!(folder.path().join("stopped").exists());
    let log = running.log();
    for part in ["is ready", "200 GET /", "host_not_allowed", "| asked for /"] {
        assert!(log.iter().any(|line| line.contains(part)), "`{part}` is not in {log:#?}");
    }
    let told: Vec<String> = running.err.iter().collect();
    assert!(told.iter().any(|line| line.starts_with("enforced  host")), "{told:#?}");
}

#[test]
fn a_dead_worker_is_replaced_behind_the_gateway() {
    // R09
    let (_folder, mut running) = served("2");
    let pid = |answer: &str| answer.rsplit("\r\n").next().and_then(|body| body.split(' ').next()?.parse::<i32>().ok());
    let first = pid(&running.get("/", "localhost")).unwrap();
    kill_process(Pid::from_raw(first).unwrap(), Signal::KILL).unwrap();
    until("the worker is dead", || !is_alive(first));
    // Whoever asks now is answered, by the other or by the replacement.
    for _ in 0..50 {
        let answer = running.get("/", "localhost");
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        assert_ne!(pid(&answer), Some(first));
    }
    running.signal(Signal::INT);
    assert_eq!(running.ended().code(), Some(0));
    assert!(running.log().iter().any(|line| line.contains("was killed (signal 9)")));
}

#[test]
fn what_is_in_flight_is_answered_before_the_end() {
    // R09
    let (folder, mut running) = served("1");
    let address = running.address;
    let slow = thread::spawn(move || get(address, "/slow", "localhost"));
    until("the request arrived", || folder.path().join("begun").exists());
    running.signal(Signal::TERM);
    until("no new connection is taken", || TcpStream::connect(address).is_err());
    assert!(!folder.path().join("stopped").exists(), "the app was stopped under a request");
    fs::write(folder.path().join("go"), "").unwrap();
    let answer = slow.join().unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert_eq!(running.ended().code(), Some(0));
    assert!(folder.path().join("stopped").exists());
}

#[test]
fn the_second_signal_does_not_wait() {
    // R09
    let (folder, mut running) = served("1");
    let address = running.address;
    let slow = thread::spawn(move || get(address, "/slow", "localhost"));
    until("the request arrived", || folder.path().join("begun").exists());
    running.signal(Signal::INT);
    until("no new connection is taken", || TcpStream::connect(address).is_err());
    running.signal(Signal::INT);
    assert_eq!(running.ended().code(), Some(0));
    assert!(!slow.join().unwrap().contains(" 200 "));
}

#[test]
fn serve_stands_before_an_app_elsewhere() {
    // R80
    let (_app, mut behind) = served("1");
    let folder = project(&[("buckler.toml", POLICY)]);
    let mut running = Running::start(folder.path(), &["serve", "--upstream", &format!("http://{}", behind.address)]);
    let answer = running.get("/", "localhost");
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    behind.signal(Signal::TERM);
    behind.ended();
    let answer = running.get("/", "localhost");
    assert!(answer.starts_with("HTTP/1.1 502 ") && answer.contains("upstream_failed"), "{answer}");
    running.signal(Signal::TERM);
    assert_eq!(running.ended().code(), Some(0));
}
