//! The log: one line for each exchange, and one for whatever ends outside of any.
//!
//! The threads that serve hand records over and go on. A thread of its own writes; when it cannot keep up
//! (a disk that is full, a terminal that is paused), lines are dropped and counted, and the count is the next
//! line. What a line may hold is decided by type: a [`Record`] has no place for a header field or a body, and
//! its target prints itself redacted (R61).

//!
//! The writing thread is woken by the first line after a pause; while lines come, it looks for them by itself.
//!
//! A thread does not survive a fork. A child that is to log starts a [`Log`] of its own, and may drop the one that it
//! inherited at any time: that neither waits nor ends the parent's, whose lines the parent writes. It must not log to it.

mod human;
mod json;
mod line;
mod standard_error;
mod usage;
mod writing;

use std::io::Write;
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle, Thread};
use std::time::{Duration, Instant};

use buckler_engine::Record;
use buckler_engine::record::Outcome;
use buckler_policy::settings::{AccessLog, LogFormat};

pub use line::{Colour, Incident};
pub use standard_error::StandardError;
use writing::Writing;

/// Lines that wait for the writer: what a busy machine makes in the time that they gather ([`writing::GATHER`]), several
/// times over, and some megabytes at most.
const WAITING_LINES: usize = 8192;

/// Between two looks at a queue that is full, or at a writer that has yet to end.
const PAUSE: Duration = Duration::from_millis(1);

/// What a line is made of.
#[derive(Debug)]
enum Entry {
    Exchange(Box<Record>),
    Incident(Incident),
}

/// What the writer is handed.
#[derive(Debug)]
enum Handed {
    Line(Entry),
    /// Somebody waits until everything before this is written.
    Flush(SyncSender<()>),
}

/// Hands entries to the writer. Cheap to clone; when the last one is dropped, the writer finishes.
#[derive(Debug, Clone)]
pub struct Log {
    to_writer: Arc<ToWriter>,
    access: AccessLog,
}

#[derive(Debug)]
struct ToWriter {
    /// There until it is dropped.
    sender: Option<SyncSender<Handed>>,
    dropped: Arc<AtomicU64>,
    thread: Thread,
    process: u32,
}

impl Drop for ToWriter {
    fn drop(&mut self) {
        let sender = self.sender.take();
        if self.process == process::id() {
            drop(sender);
            self.thread.unpark();
        } else {
            // The queue may have been copied while the writer held its lock, and that writer is not here to let go.
            std::mem::forget(sender);
        }
    }
}

/// The writing thread. Who has no use for its end may drop this; the thread goes on.
#[derive(Debug)]
pub struct Writer {
    /// There until it is dropped.
    thread: Option<JoinHandle<()>>,
    process: u32,
}

impl Drop for Writer {
    fn drop(&mut self) {
        if self.process != process::id() {
            // Its name may be another thread's by now.
            std::mem::forget(self.thread.take());
        }
    }
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
        let writing = Writing::new(receiver, Arc::clone(&dropped), format, colour, out);
        let thread = thread::Builder::new().name("buckler-log".to_owned()).spawn(move || writing.run())?;
        let process = process::id();
        let to_writer = ToWriter { sender: Some(sender), dropped, thread: thread.thread().clone(), process };
        Ok((Self { to_writer: Arc::new(to_writer), access }, Writer { thread: Some(thread), process }))
    }

    /// Takes what happened outside of any exchange.
    pub fn incident(&self, incident: Incident) {
        self.send(Entry::Incident(incident));
    }

    /// Waits until everything that was handed over so far is written, but no longer than `patience`. Whether it is.
    pub fn flush(&self, patience: Duration) -> bool {
        let to_writer = &*self.to_writer;
        let Some(sender) = to_writer.sender.as_ref().filter(|_| to_writer.process == process::id()) else {
            return false;
        };
        let began = Instant::now();
        // One more than the writer ever says, so that it never waits for whoever has given up.
        let (written, is_written) = sync_channel(1);
        let mut question = Handed::Flush(written);
        while let Err(error) = sender.try_send(question) {
            to_writer.thread.unpark();
            match error {
                TrySendError::Full(back) if began.elapsed() < patience => question = back,
                TrySendError::Full(_) | TrySendError::Disconnected(_) => return false,
            }
            thread::sleep(PAUSE);
        }
        to_writer.thread.unpark();
        match is_written.recv_timeout(patience.saturating_sub(began.elapsed())) {
            Ok(()) => true,
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => false,
        }
    }

    fn send(&self, entry: Entry) {
        let lost = self.to_writer.sender.as_ref().is_none_or(|sender| sender.try_send(Handed::Line(entry)).is_err());
        if lost {
            self.to_writer.dropped.fetch_add(1, Ordering::Relaxed);
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
    pub fn finish(mut self) {
        if self.process == process::id()
            && let Some(thread) = self.thread.take()
        {
            let _panicked = thread.join();
        }
    }

    /// The same, for as long as there is patience: whoever reads what is written may have stopped. Whether all is
    /// written.
    pub fn finish_within(mut self, patience: Duration) -> bool {
        let Some(thread) = self.thread.take().filter(|_| self.process == process::id()) else { return false };
        let began = Instant::now();
        thread.thread().unpark();
        while !thread.is_finished() {
            if began.elapsed() >= patience {
                return false;
            }
            thread::sleep(PAUSE);
        }
        thread.join().is_ok()
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
