//! The thread that does I/O for all loops of a process.
//!
//! It lives until the process ends, and holds up no end: it owns nothing that must be put away.

use std::future::pending;
use std::io;
use std::mem;
use std::sync::Arc;
use std::thread;

use arc_swap::ArcSwapOption;
use tokio::runtime::{Builder, Handle};

use crate::records::forks;

static IO: ArcSwapOption<Io> = ArcSwapOption::const_empty();

struct Io {
    handle: Handle,
    forks: u64,
}

/// The runtime of this process.
///
/// # Errors
/// The operating system gives no thread, or no file for the runtime to wait with.
pub(super) fn runtime() -> io::Result<Handle> {
    let forks = forks();
    match &*IO.load() {
        Some(io) if io.forks == forks => return Ok(io.handle.clone()),
        _ => {}
    }
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let handle = runtime.handle().clone();
    thread::Builder::new().name("buckler-io".to_owned()).spawn(move || runtime.block_on(pending::<()>()))?;
    // Of two threads that come here at once one makes a runtime that serves its first question and no other.
    let before = IO.swap(Some(Arc::new(Io { handle: handle.clone(), forks })));
    // What a fork has copied may be locked by a thread that is not here, and its files are the parent's as well.
    mem::forget(before);
    Ok(handle)
}
