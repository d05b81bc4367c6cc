//! What the supervisor tells while it runs.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::fault::Fault;

/// One life of one worker. The slot stays when a worker is replaced, the generation does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WorkerId {
    /// From 1.
    pub slot: u16,
    /// From 1, counted per slot.
    pub generation: u32,
}

impl fmt::Display for WorkerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "worker {}", self.slot)
    }
}

/// Where requests may go. Every `Ready` is followed by exactly one `Gone` of the same id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EndpointEvent {
    /// The app has started and its socket takes connections.
    Ready {
        /// Which worker.
        id: WorkerId,
        /// Its Unix socket.
        path: PathBuf,
    },
    /// It is stopping or dead: no new request may go there. Those in flight may still be answered.
    Gone {
        /// Which worker.
        id: WorkerId,
    },
}

/// Something for the log.
#[derive(Debug)]
#[non_exhaustive]
pub enum Notice<'a> {
    /// The app printed or logged a line.
    Line {
        /// Which worker.
        id: WorkerId,
        /// The line without its end, control characters escaped.
        text: &'a str,
        /// Bytes that were left out because the line was longer than a line may be.
        omitted: usize,
    },
    /// A worker takes requests.
    Ready {
        /// Which worker.
        id: WorkerId,
        /// Its process.
        pid: u32,
    },
    /// A worker is dead and will be replaced.
    Died {
        /// Which worker.
        id: WorkerId,
        /// Why.
        fault: &'a Fault,
        /// The pause before its replacement starts.
        again_in: Duration,
    },
    /// A worker did not end in time and was killed.
    Killed {
        /// Which worker.
        id: WorkerId,
    },
}

/// For people.
impl fmt::Display for Notice<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line { id, text, omitted: 0 } => write!(f, "{id} | {text}"),
            Self::Line { id, text, omitted } => write!(f, "{id} | {text}… ({omitted} bytes more)"),
            Self::Ready { id, pid } => write!(f, "{id} is ready (process {pid})"),
            Self::Died { id, fault, again_in } => {
                write!(f, "{id} failed and starts again in {:.1} s: {fault}", again_in.as_secs_f64())
            }
            Self::Killed { id } => write!(f, "{id} did not end in time and was killed"),
        }
    }
}
