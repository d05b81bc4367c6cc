//! What leads to one event loop.

use std::collections::HashMap;
use std::io::{self, Read as _, Write as _};
use std::mem;
use std::os::fd::{AsRawFd as _, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use buckler_limits::Answers;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use tokio::task::AbortHandle;

use super::io::runtime;
use super::pending::{Answered, Pending};
use crate::records::forks;

/// Bytes that are read at once of those that wake the loop: there is one, or two where one came while another was read.
const WAKING_BYTES: usize = 16;

/// The end that the I/O thread has.
#[derive(Debug)]
struct Outlet {
    ready: Mutex<Vec<(u64, Answers)>>,
    /// A byte is on its way.
    armed: AtomicBool,
    writer: UnixStream,
}

impl Outlet {
    fn push(&self, key: u64, answers: Answers) {
        lock(&self.ready).push((key, answers));
        if !self.armed.swap(true, Ordering::AcqRel) {
            // It fails only where the loop is gone, and nobody waits.
            let _gone = (&self.writer).write(&[1]);
        }
    }
}

/// Tells the loop of an end, whatever it is: also of a future that panicked, which gives no answers.
struct Delivery {
    outlet: Arc<Outlet>,
    key: u64,
    answers: Answers,
}

impl Delivery {
    fn of(mut self, answers: Answers) {
        self.answers = answers;
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        self.outlet.push(self.key, mem::take(&mut self.answers));
    }
}

/// What an event loop listens to, and asks by.
#[pyclass(frozen, module = "buckler._buckler")]
#[derive(Debug)]
pub(crate) struct Wire {
    outlet: Arc<Outlet>,
    reader: UnixStream,
    /// By their keys; without a task where there is no thread to ask.
    waiting: Mutex<HashMap<u64, Option<AbortHandle>>>,
    next: AtomicU64,
    forks: u64,
}

#[pymethods]
impl Wire {
    #[new]
    fn new() -> PyResult<Self> {
        let (reader, writer) = UnixStream::pair()?;
        for end in [&reader, &writer] {
            end.set_nonblocking(true)?;
        }
        let outlet = Outlet { ready: Mutex::default(), armed: AtomicBool::new(false), writer };
        Ok(Self {
            outlet: Arc::new(outlet),
            reader,
            waiting: Mutex::default(),
            next: AtomicU64::new(0),
            forks: forks(),
        })
    }

    /// What to listen to: it is readable when there is something to drain.
    fn fileno(&self) -> RawFd {
        self.reader.as_raw_fd()
    }

    /// How many are waited for.
    #[getter]
    fn waiting(&self) -> usize {
        if self.is_here() { lock(&self.waiting).len() } else { 0 }
    }

    /// Has it asked. Gives the key under which its answers come.
    fn submit(&self, pending: &Pending) -> PyResult<u64> {
        if !self.is_here() {
            return Err(PyRuntimeError::new_err("this event loop was forked: make another one in the new process"));
        }
        let later = pending.take().ok_or_else(|| PyRuntimeError::new_err("this is waited for already"))?;
        let key = self.next.fetch_add(1, Ordering::Relaxed);
        let delivery = Delivery { outlet: Arc::clone(&self.outlet), key, answers: Answers::new() };
        let mut waiting = lock(&self.waiting);
        // Where there is no thread, the delivery ends here: nothing was counted.
        let task = runtime().ok().map(|runtime| runtime.spawn(async move { delivery.of(later.await) }).abort_handle());
        waiting.insert(key, task);
        Ok(key)
    }

    /// Nobody waits for it any more.
    fn forget(&self, key: u64) {
        if self.is_here()
            && let Some(Some(task)) = lock(&self.waiting).remove(&key)
        {
            task.abort();
        }
    }

    /// All that came and is still waited for.
    fn drain(&self) -> PyResult<Vec<(u64, Answered)>> {
        if !self.is_here() {
            return Ok(Vec::new());
        }
        match (&self.reader).read(&mut [0; WAKING_BYTES]) {
            Ok(_) => {}
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
            Err(error) => return Err(error.into()),
        }
        // Before the queue is taken: what comes behind it brings another byte.
        self.outlet.armed.store(false, Ordering::Release);
        let ready = mem::take(&mut *lock(&self.outlet.ready));
        let mut waiting = lock(&self.waiting);
        let still = |(key, answers)| waiting.remove(&key).map(|_| (key, Answered { answers }));
        Ok(ready.into_iter().filter_map(still).collect())
    }
}

impl Wire {
    /// Whether this is the process that made it. In another one its locks may be held by threads that are not there.
    fn is_here(&self) -> bool {
        self.forks == forks()
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        let waiting = mem::take(self.waiting.get_mut().unwrap_or_else(PoisonError::into_inner));
        if self.forks != forks() {
            mem::forget(waiting);
            return;
        }
        for task in waiting.into_values().flatten() {
            task.abort();
        }
    }
}

/// What is guarded here is never left half changed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
