//! The engine inside a Python process: the host for FastAPI, Starlette and every other ASGI app.
//!
//! ```text
//! scope ──► scope: one pass over the fields ──► Engine::open ─┬─► Answer: two messages, ready to be sent
//!                                                             └─► Exchange
//! receive ──► Exchange::judge   each piece of the body          │
//! app ──────► Exchange(message) the answer, on its way to `send` ◄
//! ```
//!
//! Python's side (`python/buckler/middleware.py`) awaits; this side decides, and awaits nothing. What is called for each
//! message is called with the interpreter attached and does no I/O: records are handed to a thread that writes them.
//!
//! # Rules
//! 1. No exception and no panic of ours lets a request pass: it becomes that exchange's 500.
//! 2. A scope is read as the app reads it. Where `raw_path` and `path` disagree, somebody in front has rewritten the
//!    path, and `path`, which the app routes by, is what is judged.
//! 3. What the app sends is copied before it is changed: its list of fields may be used again for the next answer.
//! 4. A process may be forked at any time. Whatever thread there was is forgotten in the child, and made anew.
//!
//! | module | holds |
//! |---|---|
//! | `engine` | the compiled policy of one middleware, and how an exchange is opened |
//! | `lines` | header fields |
//! | `scope` | the scope, read and edited |
//! | `opening` | how far a head is judged at once, and the rest when a store has counted |
//! | `exchange` | one exchange between its admission and its record |
//! | `message` | ASGI messages |
//! | `bridge` | what is waited for in an event loop |
//! | `limits` | limits that apps have written themselves |
//! | `records` | the log of a process that may fork |
//! | `ticket` | what the gateway in front has judged already |
//! | `error` | what Python is told when a policy is wrong |
//!
//! The same module carries the whole command ([`command`]), so the `buckler` of the wheel is the program itself.

mod bridge;
mod command;
mod engine;
mod error;
mod exchange;
mod limits;
mod lines;
mod message;
mod opening;
mod records;
mod scope;
mod ticket;

use pyo3::prelude::*;

/// `buckler._buckler`: what the package's Python is built on, and no interface of its own.
#[pymodule(gil_used = false)]
mod _buckler {
    #[pymodule_export]
    use super::bridge::{Answered, Pending, Wire};
    #[pymodule_export]
    use super::command::main;
    #[pymodule_export]
    use super::engine::Engine;
    #[pymodule_export]
    use super::error::PolicyError;
    #[pymodule_export]
    use super::exchange::Exchange;
    #[pymodule_export]
    use super::limits::{Limit, Standing, Store};
    #[pymodule_export]
    use super::message::Done;
    #[pymodule_export]
    use super::records::{flush, forked};
    #[pymodule_export]
    use super::scope::Judged;
    use pyo3::prelude::*;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
