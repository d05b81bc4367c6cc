//! A server of a test's own, and stores that ask it.

use std::io::Write as _;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{LazyLock, Mutex};
use std::time::{Duration, Instant};

use buckler_limits::{Allowance, Answer, Answers, Check, LimitId, Moment, Rate, StoreDown, Subject};
use buckler_store::{Counters, Later, Reach};
use buckler_store_redis::{Change, Redis, RedisSettings};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// Drives the connections of all tests.
pub(crate) static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
});

/// Long enough for a loaded machine: what a test waits for comes, or the test has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// For stores whose answers must come however loaded the machine is.
pub(crate) const PATIENT: Duration = Duration::from_secs(20);

/// What speaks the protocol, in the order in which it is looked for.
const PROGRAMS: [&str; 2] = ["redis-server", "valkey-server"];

fn has(program: &str) -> bool {
    let asked = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    asked.is_ok_and(|status| status.success())
}

/// All that are on this machine.
pub(crate) fn programs() -> Vec<&'static str> {
    PROGRAMS.into_iter().filter(|program| has(program)).collect()
}

/// Says that a test is skipped, where it may be.
pub(crate) fn skipped(why: &str) {
    assert!(std::env::var_os("CI").is_none(), "{why}, which CI needs");
    // Past the test runner, which keeps what passing tests print to itself.
    drop(writeln!(std::io::stderr(), "SKIPPED: {why}"));
}

pub(crate) struct Server {
    child: Child,
    program: &'static str,
    arguments: Vec<String>,
    pub(crate) port: u16,
    folder: TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        // One that is stopped is killed all the same.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// So far above its own port is the one at which a node of a cluster talks to the others.
const BUS: u16 = 10_000;

fn free_port() -> u16 {
    loop {
        let own = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = own.local_addr().expect("an address").port();
        if port.checked_add(BUS).is_some_and(|bus| TcpListener::bind(("127.0.0.1", bus)).is_ok()) {
            return port;
        }
    }
}

impl Server {
    /// `None` where the machine has no server; that is said.
    pub(crate) fn start(arguments: &[&str]) -> Option<Self> {
        let Some(program) = programs().first().copied() else {
            skipped("neither redis-server nor valkey-server is installed");
            return None;
        };
        Some(Self::start_program(program, arguments))
    }

    pub(crate) fn start_program(program: &'static str, arguments: &[&str]) -> Self {
        Self::try_start(program, arguments).unwrap_or_else(|| panic!("{program} does not start"))
    }

    /// `None` of one that does not know what it is told.
    pub(crate) fn try_start(program: &'static str, arguments: &[&str]) -> Option<Self> {
        let folder = TempDir::new().expect("a folder");
        let arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        let port = free_port();
        let child = spawn(program, port, &folder, &arguments);
        let mut server = Self { child, program, arguments, port, folder };
        server.is_up().then_some(server)
    }

    fn is_up(&mut self) -> bool {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            if std::os::unix::net::UnixStream::connect(self.socket()).is_ok() {
                return true;
            }
            if self.child.try_wait().expect("a state").is_some() {
                return false;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("{} does not answer", self.program)
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("redis.sock")
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub(crate) fn unix_url(&self) -> String {
        format!("redis+unix://{}", self.socket().display())
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("a kill");
        self.child.wait().expect("an end");
        drop(std::fs::remove_file(self.socket()));
    }

    /// On the same port, with nothing in it.
    pub(crate) fn restart(&mut self) {
        self.child = spawn(self.program, self.port, &self.folder, &self.arguments);
        assert!(self.is_up(), "{} does not start again", self.program);
    }

    pub(crate) fn pause(&self) {
        self.signal(Signal::STOP);
    }

    pub(crate) fn resume(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.child.id()).expect("a process id");
        kill_process(Pid::from_raw(id).expect("a process id"), signal).expect("a signal");
    }

    /// Sends one command as an administrator would.
    pub(crate) fn command(&self, words: &[&str]) -> redis::Value {
        let client = redis::Client::open(format!("unix://{}", self.socket().display())).expect("an address");
        let mut connection = client.get_connection().expect("a connection");
        let mut command = redis::cmd(words[0]);
        for word in &words[1..] {
            command.arg(*word);
        }
        command.query(&mut connection).expect("an answer")
    }

    /// The names of all keys.
    pub(crate) fn keys(&self) -> Vec<String> {
        redis::from_redis_value(self.command(&["KEYS", "*"])).expect("names")
    }
}

fn spawn(program: &str, port: u16, folder: &TempDir, arguments: &[String]) -> Child {
    let mut command = Command::new(program);
    command.args(["--save", "", "--appendonly", "no", "--bind", "127.0.0.1", "--unixsocketperm", "700"]);
    command.arg("--unixsocket").arg(folder.path().join("redis.sock")).arg("--dir").arg(folder.path());
    if !arguments.iter().any(|argument| argument == "--tls-port") {
        command.arg("--port").arg(port.to_string());
    }
    let port_of_tls = port.to_string();
    command.args(arguments.iter().map(|argument| argument.replace("{port}", &port_of_tls)));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("a server")
}

/// A name that no other test counts under.
pub(crate) fn name() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("test-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// A store whose answers are waited for.
pub(crate) fn patient(url: String) -> RedisSettings {
    RedisSettings { timeout: PATIENT, ..RedisSettings::new(url, name()) }
}

pub(crate) fn store(url: String) -> Redis {
    Redis::new(patient(url)).expect("a store")
}

pub(crate) fn wait(later: Later) -> Answers {
    RUNTIME.block_on(later)
}

pub(crate) fn ask(store: &impl Counters, batch: &[Check]) -> Answers {
    match store.count(batch, now()) {
        Reach::Now(answers) => answers,
        Reach::Later(later) => wait(later),
    }
}

pub(crate) fn now() -> Moment {
    let since = std::time::SystemTime::now().duration_since(std::time::SystemTime::UNIX_EPOCH).expect("a time");
    Moment(u64::try_from(since.as_micros()).expect("a time"))
}

pub(crate) fn subject(key: u64) -> Subject {
    let mut subject = Subject::new(LimitId::of("test", "test"));
    subject.push(&key.to_le_bytes());
    subject
}

/// `count` a year, all at once.
pub(crate) fn rate(count: u64) -> Allowance {
    Allowance::Rate(Rate::new(count, Duration::from_hours(24 * 365), count).expect("a rate"))
}

pub(crate) fn check(key: u64, allowance: Allowance) -> Check {
    Check { subject: subject(key), allowance, cost: 1, store_down: StoreDown::Closed }
}

pub(crate) fn is_counted(answers: &Answers) -> bool {
    answers.iter().all(|answer| matches!(answer, Answer::Counted(_)))
}

/// Asks until it is counted.
pub(crate) fn until_counted(store: &Redis, batch: &[Check]) {
    let begun = Instant::now();
    while !is_counted(&ask(store, batch)) {
        assert!(begun.elapsed() < PATIENCE, "it never counts again");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Writes down each change.
#[derive(Default)]
pub(crate) struct Changes(Mutex<Vec<Change>>);

impl Changes {
    pub(crate) fn told(self: &std::sync::Arc<Self>) -> buckler_store_redis::OnChange {
        let changes = std::sync::Arc::clone(self);
        std::sync::Arc::new(move |change| changes.0.lock().unwrap().push(change.clone()))
    }

    pub(crate) fn all(&self) -> Vec<Change> {
        self.0.lock().unwrap().clone()
    }
}
