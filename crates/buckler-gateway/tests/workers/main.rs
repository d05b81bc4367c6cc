//! Worker processes with real Python apps: what is told about a bad target, and that a worker is replaced, drained and
//! never left behind.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests may fail a test"
)]

mod granian;
mod lives;
mod orphans;
mod replacing;
mod targets;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use buckler_gateway::upstream::{Address, Endpoint};
use buckler_gateway::workers::{
    EndpointEvent, Interpreter, Notice, Plan, StartError, Supervisor, Surroundings, Target, WorkersConfig, edge,
};
use buckler_http::connection::Scheme;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::mpsc;

/// No test waits longer for something that has to happen; a busy machine needs some of it.
const PATIENCE: Duration = Duration::from_mins(1);

/// The Python that has uvicorn and FastAPI.
fn python() -> Interpreter {
    let named = env::var_os("BUCKLER_TEST_PYTHON")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.venv/bin/python"), PathBuf::from);
    Interpreter::find(Some(&named), &Surroundings::of_process(None).unwrap())
        .unwrap_or_else(|error| panic!("run `make setup` first, or set BUCKLER_TEST_PYTHON: {error}"))
}

/// A folder with these files.
fn project(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

fn target(folder: &Path, app: &str) -> Target {
    Target {
        interpreter: python(),
        app: app.into(),
        server: None,
        app_dir: folder.into(),
        withheld: Vec::new(),
        given: Vec::new(),
    }
}

/// Workers for the app of a folder, with another plan.
fn planned(folder: &Path, change: impl FnOnce(&mut Plan)) -> WorkersConfig {
    let mut config = WorkersConfig::new(target(folder, "main:app"));
    change(&mut config.plan);
    config
}

/// An app without a framework, which starts fast. It answers with what it sees, and `started` and `stopped` may do more.
fn plain_app(started: &str, stopped: &str, answer: &str) -> String {
    let indented = |text: &str| text.replace('\n', "\n                ");
    format!(
        r#"
import asyncio, os, pathlib, signal, subprocess, sys, time
HERE = pathlib.Path(__file__).parent

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                {}
                await send({{"type": "lifespan.startup.complete"}})
            else:
                {}
                await send({{"type": "lifespan.shutdown.complete"}})
                return
    body = str(os.getpid())
    {}
    await send({{"type": "http.response.start", "status": 200,
        "headers": [(b"content-length", str(len(body)).encode())]}})
    await send({{"type": "http.response.body", "body": body.encode()}})
"#,
        indented(started),
        indented(stopped),
        answer.replace('\n', "\n    "),
    )
}

/// A supervisor and all that it says.
struct Watched {
    supervisor: Supervisor,
    events: mpsc::UnboundedReceiver<EndpointEvent>,
    log: Log,
}

type Log = Arc<Mutex<Vec<String>>>;

async fn start(config: WorkersConfig) -> Result<Watched, StartError> {
    let (sender, events) = mpsc::unbounded_channel();
    let log = Log::default();
    let lines = Arc::clone(&log);
    let supervisor = Supervisor::start(
        config,
        move |event| drop(sender.send(event)),
        move |notice: &Notice<'_>| lines.lock().unwrap().push(notice.to_string()),
    )
    .await?;
    Ok(Watched { supervisor, events, log })
}

impl Watched {
    async fn event(&mut self) -> EndpointEvent {
        within(self.events.recv()).await.unwrap()
    }

    async fn ready(&mut self) -> PathBuf {
        match self.event().await {
            EndpointEvent::Ready { endpoint, .. } => socket(&endpoint),
            event @ EndpointEvent::Gone { .. } => panic!("{event:?}"),
        }
    }

    fn logged(&self, text: &str) -> bool {
        self.log.lock().unwrap().iter().any(|line| line.contains(text))
    }
}

/// Where a worker listens.
fn socket(endpoint: &Endpoint) -> PathBuf {
    match endpoint.address() {
        Address::Unix(path) => path.clone(),
        other => panic!("{other:?}"),
    }
}

async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(PATIENCE, future).await.expect("it took too long")
}

/// Waits until it is so.
async fn until(what: &str, so: impl Fn() -> bool) {
    let waiting = async {
        while !so() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("never happened: {what}"));
}

/// A request as the gateway sends it.
async fn get(socket: &Path, path: &str) -> String {
    let local = "198.51.100.1:8443".parse().unwrap();
    let client = "192.0.2.7:51234".parse().unwrap();
    let value = edge::field_value(Scheme::Https, Some(client), local);
    let field = format!("{}: {}\r\n", edge::FIELD_NAME, value.to_str().unwrap());
    exchange(socket, &format!("GET {path} HTTP/1.1\r\nHost: shop.example\r\n{field}Connection: close\r\n\r\n")).await
}

async fn exchange(socket: &Path, request: &str) -> String {
    let mut stream = UnixStream::connect(socket).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    within(stream.read_to_end(&mut answer)).await.unwrap();
    String::from_utf8(answer).unwrap()
}

/// Whether a process is there and no zombie.
fn is_alive(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('Z')))
}
