//! The log: one line for each exchange, and one for whatever ends outside of any.
//!
//! The threads that serve hand records over and go on. A thread of its own writes; when it cannot keep up
//! (a disk that is full, a terminal that is paused), lines are dropped and counted, and the count is the next
//! line. What a line may hold is decided by type: a [`Record`] has no place for a header field or a body, and
//! its target prints itself redacted (R61).

mod human;
mod json;
mod line;

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use buckler_engine::Record;
use buckler_engine::record::Outcome;
use buckler_policy::settings::{AccessLog, LogFormat};

pub use line::{Colour, Incident};

/// Lines that wait for the writer: a second of a busy machine, some megabytes at most.
const WAITING_LINES: usize = 8192;

/// What a line is made of.
#[derive(Debug)]
enum Entry {
    Exchange(Box<Record>),
    Incident(Incident),
}

/// Hands entries to the writer. Cheap to clone; when the last one is dropped, the writer finishes.
#[derive(Debug, Clone)]
pub struct Log {
    sender: SyncSender<Entry>,
    dropped: Arc<AtomicU64>,
    access: AccessLog,
}

/// The writing thread.
#[derive(Debug)]
pub struct Writer {
    thread: JoinHandle<()>,
}

impl Log {
    /// Starts a thread that writes to `out`.
    ///
    /// # Errors
    /// The operating system gives no thread.
    pub fn start(
        access: AccessLog,
        format: LogFormat,
        colour: Colour,
        out: impl Write + Send + 'static,
    ) -> std::io::Result<(Self, Writer)> {
        let (sender, receiver) = sync_channel(WAITING_LINES);
        let dropped = Arc::new(AtomicU64::new(0));
        let log = Self { sender, dropped: Arc::clone(&dropped), access };
        let thread = std::thread::Builder::new()
            .name("buckler-log".to_owned())
            .spawn(move || write_all(&receiver, &dropped, format, colour, out))?;
        Ok((log, Writer { thread }))
    }

    /// Takes what happened outside of any exchange.
    pub fn incident(&self, incident: Incident) {
        self.send(Entry::Incident(incident));
    }

    fn send(&self, entry: Entry) {
        match self.sender.try_send(entry) {
            Ok(()) => {}
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                self.dropped.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

impl buckler_tower::Observer for Log {
    fn record(&self, record: Record) {
        if self.access == AccessLog::All || is_remarkable(&record) {
            self.send(Entry::Exchange(Box::new(record)));
        }
    }
}

/// Whether the record is more than an answer as any other.
fn is_remarkable(record: &Record) -> bool {
    record.status.is_server_error()
        || !record.monitored.is_empty()
        || matches!(record.outcome, Outcome::Refused(_) | Outcome::Failed(_))
}

impl Writer {
    /// Waits until all lines are written; every [`Log`] must be gone.
    pub fn finish(self) {
        let _panicked = self.thread.join();
    }
}

/// How long the writer lets lines gather before it writes them: a person does not notice, and a busy server
/// wakes it two hundred times a second instead of with every request.
const GATHER: Duration = Duration::from_millis(5);

/// Bytes that are written at once, at most a line more.
const BATCH: usize = 64 * 1024;

fn write_all(entries: &Receiver<Entry>, dropped: &AtomicU64, format: LogFormat, colour: Colour, mut out: impl Write) {
    let mut batch = String::with_capacity(BATCH);
    let push = |batch: &mut String, entry: &Entry| {
        match format {
            LogFormat::Json => json::line(batch, entry),
            LogFormat::Human => human::line(batch, entry, colour),
        }
        batch.push('\n');
    };
    while let Ok(first) = entries.recv() {
        push(&mut batch, &first);
        std::thread::sleep(GATHER);
        while batch.len() < BATCH
            && let Ok(entry) = entries.try_recv()
        {
            push(&mut batch, &entry);
        }
        let lost = dropped.swap(0, Ordering::Relaxed);
        if lost > 0 {
            push(&mut batch, &Entry::Incident(Incident::LinesDropped { count: lost }));
        }
        // Nobody is left to tell that the log cannot be written.
        let _lost = out.write_all(batch.as_bytes()).and_then(|()| out.flush());
        batch.clear();
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
