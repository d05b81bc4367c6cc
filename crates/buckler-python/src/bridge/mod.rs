//! Waiting, inside a Python event loop, for what has to be asked of somebody else.
//!
//! ```text
//! loop's thread                       │ buckler-io
//! Pending ──► Wire::submit ───────────┼──► the future, on a runtime of its own
//!    ▲                                │        │
//!    └── Wire::drain ◄── one byte ────┼── queue ◄
//! ```
//!
//! The thread of the runtime never attaches to the interpreter. It puts answers into the queue of the loop that waits for
//! them, and writes a byte to the loop's socket only where none is on its way: so answers that come together wake the loop
//! once. `python/buckler/_waiting.py` has the loop listen, and makes the futures.
//!
//! | module | holds |
//! |---|---|
//! | `io` | the thread, one for a process, made with the first thing to wait for |
//! | `pending` | what is waited for, and what becomes of its answers |
//! | `wire` | what leads to one event loop |

mod io;
mod pending;
mod wire;

pub(crate) use pending::{Answered, Pending};
pub(crate) use wire::Wire;
