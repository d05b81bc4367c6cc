//! The app's worker processes: `buckler run` from the target to requests answered, and to the last one at the end.
//!
//! ```no_run
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! use buckler_gateway::workers::{self, EndpointEvent, Interpreter, Supervisor, Target, WorkersConfig};
//!
//! let target = Target {
//!     interpreter: Interpreter::find(None, &workers::Surroundings::of_process()?)?,
//!     app: "shop.main:app".into(),
//!     app_dir: std::env::current_dir()?,
//!     withheld: Vec::new(),
//! };
//! let facts = workers::probe(&target, workers::START_DEADLINE).await?;
//! let supervisor = Supervisor::start(
//!     WorkersConfig::new(target),
//!     |event| match event {
//!         EndpointEvent::Ready { id, path } => drop((id, path)), // requests may go there
//!         EndpointEvent::Gone { id } => drop(id),                // and no longer
//!     },
//!     |notice| drop(notice.to_string()), // a line for the log
//! )
//! .await?;
//! // … serve, drain …
//! supervisor.stop().await;
//! # Ok(()) }
//! ```
//!
//! - [`interpreter`](Interpreter) finds the Python that has the app's packages.
//! - `directory` is the private folder (0700) with the sockets and the Python side, which the binary carries.
//! - [`probe()`] imports the app once, in a process of its own, and tells what kind of app it is or why it is none.
//! - `slot` keeps one worker alive: `process` is one life of it, [`Restart`] the pause between two.
//! - [`Supervisor`] holds the slots together.
//! - [`edge`] is the field by which the app sees the client as if it stood at the edge itself.
//!
//! No worker survives the gateway, however that ends: each holds the reading end of a pipe whose writing end only the
//! gateway has, and ends itself when the pipe does. The Python side is in `python/`.

mod command;
mod directory;
pub mod edge;
mod fault;
mod interpreter;
mod notice;
mod output;
mod probe;
mod process;
mod report;
mod restart;
mod slot;
mod supervisor;

pub use command::Target;
pub use directory::DirectoryError;
pub use fault::{Fault, FaultKind};
pub use interpreter::{Interpreter, InterpreterError, Source, Surroundings};
pub use notice::{EndpointEvent, Notice, WorkerId};
pub use probe::{AppFacts, probe};
pub use restart::Restart;
pub use supervisor::{KEEP_ALIVE, START_DEADLINE, StartError, State, Supervisor, WorkerStatus, WorkersConfig};
