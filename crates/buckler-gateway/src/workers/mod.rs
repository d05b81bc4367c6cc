//! The app's worker processes: `buckler run` from the target to requests answered, and to the last one at the end.
//!
//! ```no_run
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! use buckler_gateway::workers::{self, EndpointEvent, Interpreter, Supervisor, Target, WorkersConfig};
//!
//! let target = Target {
//!     interpreter: Interpreter::find(None, &workers::Surroundings::of_process(None)?)?,
//!     app: "shop.main:app".into(),
//!     server: None,
//!     app_dir: std::env::current_dir()?,
//!     withheld: Vec::new(),
//!     given: Vec::new(),
//! };
//! let facts = workers::probe(&target, workers::START_DEADLINE).await?;
//! let supervisor = Supervisor::start(
//!     WorkersConfig::new(target),
//!     |event| match event {
//!         EndpointEvent::Ready { id, endpoint } => drop((id, endpoint)), // requests may go there
//!         EndpointEvent::Gone { id, endpoint } => drop((id, endpoint)),  // and no longer
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
//! - [`probe()`] imports the app once, in a process of its own, and tells what kind of app it is or why it is none;
//!   [`contract()`] asks such a process for its `OpenAPI` document, [`survey()`] for every route as well.
//! - `slot` keeps one worker alive, and replaces it when it has to go: `life` is one of its lives, `process` what runs
//!   in it, [`Restart`] the pause after a death, [`Recycle`] what ends a worker that is well.
//! - [`Supervisor`] holds the slots together; [`WorkerStatus`] tells how they are.
//! - [`Changes`] tells when the app's source is another, for development.
//! - [`edge`] is the field by which the app sees the client as if it stood at the edge itself.
//!
//! No worker survives the gateway, however that ends: each holds the reading end of a pipe whose writing end only the
//! gateway has, and ends itself when the pipe does. The Python side is in `python/`.

mod changes;
mod command;
mod directory;
pub mod edge;
mod fault;
mod interpreter;
mod life;
mod memory;
mod notice;
mod output;
mod probe;
mod process;
mod recycle;
mod report;
mod restart;
mod slot;
mod status;
mod supervisor;
mod survey;
pub mod ticket;

pub use changes::Changes;
pub use command::Target;
pub use directory::DirectoryError;
pub use fault::{Fault, FaultKind};
pub use interpreter::{Interpreter, InterpreterError, Source, Surroundings};
pub use notice::{EndpointEvent, Notice, Reason, WorkerId};
pub use output::printable;
pub use probe::{AppFacts, contract, probe};
pub use recycle::Recycle;
pub use restart::Restart;
pub use status::{State, WorkerStatus};
pub use supervisor::{Debug, KEEP_ALIVE, Plan, START_DEADLINE, StartError, Supervisor, WorkersConfig};
pub use survey::{Survey, survey};
