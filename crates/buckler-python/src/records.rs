//! The log of a process that may fork, and of an interpreter that may end.

use std::env;
use std::io::{self, IsTerminal as _, Write as _};
use std::mem;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use buckler_engine::Record;
use buckler_gateway::log::{Colour, Incident, Log, StandardError, Writer};
use buckler_policy::settings;
use buckler_tower::{Nonces, Observer as _};
use pyo3::prelude::*;

/// How often this process has been forked off: no thread of before is in it.
static FORKS: AtomicU64 = AtomicU64::new(0);

/// What this process names exchanges by; a child must not go on with its parent's.
static NONCES: LazyLock<ArcSwap<Nonces>> = LazyLock::new(|| ArcSwap::from_pointee(Nonces::new()));

/// Every log, for the end of the interpreter.
static ALL: Mutex<Vec<Weak<Records>>> = Mutex::new(Vec::new());

/// Writers whose middleware is gone, with lines that may not be written yet.
static LEFT: Mutex<Vec<Writer>> = Mutex::new(Vec::new());

/// So many are kept before the oldest, which has ended long ago, is forgotten.
const MOST_LEFT: usize = 32;

/// Bytes that no other exchange of this process has.
pub(crate) fn nonce() -> [u8; 16] {
    NONCES.load().next()
}

/// How often this process has been forked off. Another number than at some earlier time tells another process.
pub(crate) fn forks() -> u64 {
    FORKS.load(Ordering::Relaxed)
}

/// Called in a child right after the fork, while it has one thread.
#[pyfunction]
pub(crate) fn forked() {
    FORKS.fetch_add(1, Ordering::Relaxed);
    NONCES.store(Arc::new(Nonces::new()));
}

/// What whoever reads the log gets at the interpreter's end. A reader that has stopped must not keep the process: a
/// server that was told to stop is killed when it has not, with more lost than lines.
const PATIENCE: Duration = Duration::from_secs(3);

/// Writes what is not written yet. Called at the interpreter's end; records that come later are still written.
#[pyfunction]
pub(crate) fn flush(py: Python<'_>) {
    let all: Vec<_> = lock(&ALL).iter().filter_map(Weak::upgrade).collect();
    // The writer may wait for a terminal that is paused: nobody else is to wait with it.
    py.detach(|| {
        let writers: Vec<_> = all.iter().filter_map(|records| records.end()).collect();
        let end = Instant::now() + PATIENCE;
        for writer in writers.into_iter().chain(mem::take(&mut *lock(&LEFT))) {
            writer.finish_within(end.saturating_duration_since(Instant::now()));
        }
        // An interpreter ends without dropping what it has.
        buckler_store::embedded::leave();
    });
}

/// Where records go: a log whose thread is started with the first record.
#[derive(Debug)]
pub(crate) struct Records {
    settings: settings::Log,
    state: Mutex<State>,
}

#[derive(Debug)]
enum State {
    Unstarted,
    Started {
        log: Log,
        writer: Writer,
        forks: u64,
    },
    /// The operating system gives no thread. It was said once.
    Impossible,
}

fn colour() -> Colour {
    let wanted = io::stderr().is_terminal() && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    if wanted { Colour::Ansi } else { Colour::Plain }
}

/// What is guarded here is never left half changed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Records {
    pub(crate) fn new(settings: settings::Log) -> Arc<Self> {
        let records = Arc::new(Self { settings, state: Mutex::new(State::Unstarted) });
        let mut all = lock(&ALL);
        all.retain(|records| records.strong_count() > 0);
        all.push(Arc::downgrade(&records));
        records
    }

    /// Hands a record to the writer, which says what could not be written.
    pub(crate) fn take(&self, record: Record) {
        self.with_log(|log| log.record(record));
    }

    /// Has the writer tell of something else.
    pub(crate) fn tell(&self, incident: Incident) {
        self.with_log(|log| log.incident(incident));
    }

    fn with_log(&self, write: impl FnOnce(&Log)) {
        let forks = forks();
        let mut state = lock(&self.state);
        if matches!(&*state, State::Started { forks: started, .. } if *started != forks) {
            // The thread stayed behind in the parent.
            *state = State::Unstarted;
        }
        if matches!(&*state, State::Unstarted) {
            let settings::Log { access, format } = self.settings;
            *state = match Log::start(access, format, colour(), StandardError) {
                Ok((log, writer)) => State::Started { log, writer, forks },
                Err(error) => {
                    // Nobody is left to tell if that cannot be written either.
                    let _lost = writeln!(io::stderr(), "buckler: there is no log, since no thread can be had: {error}");
                    State::Impossible
                }
            };
        }
        if let State::Started { log, .. } = &*state {
            write(log);
        }
    }

    /// Lets the writer come to its end.
    fn end(&self) -> Option<Writer> {
        match mem::replace(&mut *lock(&self.state), State::Unstarted) {
            State::Started { writer, .. } => Some(writer),
            State::Unstarted | State::Impossible => None,
        }
    }
}

impl Drop for Records {
    fn drop(&mut self) {
        let Some(writer) = self.end() else { return };
        let mut left = lock(&LEFT);
        left.push(writer);
        let oldest = (left.len() > MOST_LEFT).then(|| left.remove(0));
        drop(left);
        if let Some(writer) = oldest {
            writer.finish_within(Duration::ZERO);
        }
    }
}
