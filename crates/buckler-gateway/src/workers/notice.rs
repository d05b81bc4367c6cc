//! What the supervisor tells while it runs.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::fault::Fault;
use super::memory::Mebibytes;
use crate::upstream::Endpoint;

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
#[derive(Debug, Clone)]
pub enum EndpointEvent {
    /// The app has started and its socket takes connections.
    Ready {
        /// Which worker.
        id: WorkerId,
        /// Its Unix socket.
        endpoint: Arc<Endpoint>,
    },
    /// It is stopping or dead: no new request may go there. Those in flight may still be answered.
    Gone {
        /// Which worker.
        id: WorkerId,
        /// What was told when it was ready.
        endpoint: Arc<Endpoint>,
    },
}

/// Why a worker that serves is replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// It was given as many requests as the policy says.
    Requests,
    /// It served for as long as the policy says.
    Age,
    /// Its process takes more memory than the policy says.
    Memory {
        /// What it takes, in bytes.
        resident: u64,
        /// What the policy says.
        limit: u64,
    },
    /// The operator asked for it.
    Reload,
    /// The app's source is another; which files.
    Changed(Arc<str>),
}

impl Reason {
    /// Whether it concerns all workers.
    pub(crate) fn is_rollout(&self) -> bool {
        matches!(self, Self::Reload | Self::Changed(_))
    }
}

/// Before the replacement.
impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Requests => f.write_str("so many requests"),
            Self::Age => f.write_str("its age"),
            Self::Memory { resident, limit } => {
                write!(f, "memory {} over {}", Mebibytes(*resident), Mebibytes(*limit))
            }
            Self::Reload => f.write_str("reload"),
            Self::Changed(files) => write!(f, "{files} changed"),
        }
    }
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
    /// The next worker of a slot serves; this one finishes and ends.
    Replaced {
        /// Which worker.
        id: WorkerId,
        /// Why.
        reason: &'a Reason,
        /// Requests that it was given.
        requests: u64,
        /// How long it served.
        age: Duration,
    },
    /// The next worker of a slot did not get ready; this one stays in service.
    NotReplaced {
        /// Which worker.
        id: WorkerId,
        /// Why it was to be replaced.
        reason: &'a Reason,
        /// Why it is not.
        fault: &'a Fault,
        /// The pause before the next attempt; `None` if there is none, and all workers stay as they are.
        again_in: Option<Duration>,
    },
    /// What the policy says of memory cannot be held.
    MemoryUnread {
        /// Why.
        error: &'a std::io::Error,
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
            Self::Replaced { id, reason: Reason::Requests, requests: 1, .. } => {
                write!(f, "{id} recycled after 1 request")
            }
            Self::Replaced { id, reason: Reason::Requests, requests, .. } => {
                write!(f, "{id} recycled after {} requests", thousands(*requests))
            }
            Self::Replaced { id, reason: Reason::Age, age, .. } => write!(f, "{id} recycled after {} s", age.as_secs()),
            Self::Replaced { id, reason, .. } => write!(f, "{id} replaced: {reason}"),
            Self::NotReplaced { id, reason, fault, again_in: Some(pause) } => {
                let pause = pause.as_secs_f64();
                write!(f, "{id} stays ({reason}), its replacement failed and is tried again in {pause:.1} s: {fault}")
            }
            Self::NotReplaced { reason, fault, again_in: None, .. } => {
                write!(f, "the workers stay as they are ({reason}), the app does not start: {fault}")
            }
            Self::MemoryUnread { error } => {
                write!(f, "`app.max_memory` has no effect: the memory of a process cannot be read: {error}")
            }
            Self::Killed { id } => write!(f, "{id} did not end in time and was killed"),
        }
    }
}

/// `10,012`
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut shown = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workers::FaultKind;

    #[test]
    fn what_is_said_of_replacements() {
        // R09
        let id = WorkerId { slot: 2, generation: 7 };
        let replaced = |reason: &Reason| {
            Notice::Replaced { id, reason, requests: 10_012, age: Duration::from_hours(24) }.to_string()
        };
        assert_eq!(replaced(&Reason::Requests), "worker 2 recycled after 10,012 requests");
        assert_eq!(replaced(&Reason::Age), "worker 2 recycled after 86400 s");
        let memory = Reason::Memory { resident: 812 << 20, limit: 800 << 20 };
        assert_eq!(replaced(&memory), "worker 2 replaced: memory 812 MiB over 800 MiB");
        assert_eq!(replaced(&Reason::Reload), "worker 2 replaced: reload");
        assert_eq!(replaced(&Reason::Changed("main.py".into())), "worker 2 replaced: main.py changed");
        let fault = Fault::new(FaultKind::ImportError, "importing `main` raised SyntaxError");
        let stays = |again_in| Notice::NotReplaced { id, reason: &Reason::Reload, fault: &fault, again_in }.to_string();
        assert_eq!(
            stays(Some(Duration::from_millis(400))),
            "worker 2 stays (reload), its replacement failed and is tried again in 0.4 s: importing `main` raised \
             SyntaxError"
        );
        assert_eq!(
            stays(None),
            "the workers stay as they are (reload), the app does not start: importing `main` raised SyntaxError"
        );
    }

    #[test]
    fn numbers_for_people() {
        for (number, shown) in [(0, "0"), (999, "999"), (1000, "1,000"), (10_012, "10,012"), (1_234_567, "1,234,567")] {
            assert_eq!(thousands(number), shown);
        }
    }
}
