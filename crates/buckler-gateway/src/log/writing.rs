//! The writing thread: lines gather, and are written together.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender};
use std::thread;
use std::time::Duration;

use buckler_policy::settings::LogFormat;

use super::line::{Colour, Incident};
use super::{Entry, Handed, human, json};

/// How long the writer lets lines gather before it looks for them. A person does not notice, and a busy server never has
/// to wake it: that costs as much as judging a request, and this is fifty times a second whatever the load.
pub(super) const GATHER: Duration = Duration::from_millis(20);

/// Bytes that are written at once, at most a line more.
pub(super) const BATCH: usize = 64 * 1024;

/// What the writing thread owns.
pub(super) struct Writing<W> {
    handed: Receiver<Handed>,
    dropped: Arc<AtomicU64>,
    format: LogFormat,
    colour: Colour,
    out: W,
    batch: Vec<u8>,
    /// Who waits for what is in the batch.
    waiting: Vec<SyncSender<()>>,
}

impl<W: Write> Writing<W> {
    pub(super) fn new(
        handed: Receiver<Handed>,
        dropped: Arc<AtomicU64>,
        format: LogFormat,
        colour: Colour,
        out: W,
    ) -> Self {
        let batch = Vec::with_capacity(BATCH);
        Self { handed, dropped, format, colour, out, batch, waiting: Vec::new() }
    }

    /// Writes until nobody is left who could hand anything over.
    pub(super) fn run(mut self) {
        // Idle: whoever brings the first line wakes this thread.
        while let Ok(first) = self.handed.recv() {
            self.take(first);
            // Busy: it looks by itself, and is only woken to hurry.
            while self.write_what_is_there() {
                thread::park_timeout(GATHER);
            }
        }
        self.write_what_is_there();
    }

    /// Whether there was anything.
    fn write_what_is_there(&mut self) -> bool {
        let mut wrote = false;
        loop {
            while self.batch.len() < BATCH
                && let Ok(handed) = self.handed.try_recv()
            {
                self.take(handed);
            }
            let full = self.batch.len() >= BATCH;
            let lost = self.dropped.swap(0, Ordering::Relaxed);
            if lost > 0 {
                self.push(&Entry::Incident(Incident::LinesDropped { count: lost }));
            }
            wrote |= self.write_batch();
            if !full {
                return wrote;
            }
        }
    }

    fn take(&mut self, handed: Handed) {
        match handed {
            Handed::Line(entry) => self.push(&entry),
            Handed::Flush(waiting) => self.waiting.push(waiting),
        }
    }

    fn push(&mut self, entry: &Entry) {
        match self.format {
            LogFormat::Json => json::line(&mut self.batch, entry),
            LogFormat::Human => human::line(&mut self.batch, entry, self.colour),
        }
        self.batch.push(b'\n');
    }

    fn write_batch(&mut self) -> bool {
        if self.batch.is_empty() && self.waiting.is_empty() {
            return false;
        }
        // Nobody is left to tell that the log cannot be written.
        let _lost = self.out.write_all(&self.batch).and_then(|()| self.out.flush());
        self.batch.clear();
        for waiting in self.waiting.drain(..) {
            // Whoever asked may have lost patience.
            waiting.try_send(()).ok();
        }
        true
    }
}
