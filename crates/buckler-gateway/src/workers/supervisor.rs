//! The workers together.

use std::fmt;
use std::num::NonZeroU16;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tokio::sync::{mpsc, watch};
use tokio_util::task::TaskTracker;

use super::command::Target;
use super::directory::{Directory, DirectoryError};
use super::fault::Fault;
use super::notice::{EndpointEvent, Notice, WorkerId};
use super::restart::Restart;
use super::slot::{Order, Slot};

/// How long an app may take from the start of its process to readiness. Models of gigabytes load in less, and who
/// waits for a deployment wants to know by then.
pub const START_DEADLINE: Duration = Duration::from_mins(1);

/// How long a worker keeps an idle connection. Only the gateway is at the other end, so the gateway decides when to
/// close: its own pool must give connections up well before, and then never sends a request into a closing one.
pub const KEEP_ALIVE: Duration = Duration::from_hours(1);

/// What the policy gives for `server.timeouts.drain` by default.
const DRAIN: Duration = Duration::from_secs(30);

/// One worker too few is a development server, two let one answer while the other restarts.
const WORKERS: NonZeroU16 = NonZeroU16::MIN.saturating_add(1);

/// Which workers are wanted.
#[derive(Debug, Clone)]
pub struct WorkersConfig {
    /// Which app, and with what it is run.
    pub target: Target,
    /// How many. 2 by default.
    pub workers: NonZeroU16,
    /// What requests that are still running get when a worker is told to end. 30 s by default.
    pub drain: Duration,
    /// From a process's start to readiness. [`START_DEADLINE`] by default.
    pub start_deadline: Duration,
    /// The pauses between a death and the next start.
    pub restart: Restart,
}

impl WorkersConfig {
    /// Two workers of that app, everything else by default.
    pub fn new(target: Target) -> Self {
        Self { target, workers: WORKERS, drain: DRAIN, start_deadline: START_DEADLINE, restart: Restart::default() }
    }
}

/// How a worker is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Its process runs, its app has not started yet.
    Starting,
    /// It takes requests.
    Ready,
    /// It takes no more requests.
    Stopping,
    /// It died; its replacement starts after a pause.
    Waiting,
    /// It has ended as ordered.
    Stopped,
}

/// One worker, for the report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WorkerStatus {
    /// From 1.
    pub slot: u16,
    /// Its process, while there is one.
    pub pid: Option<u32>,
    /// How it is.
    pub state: State,
    /// How often it has been replaced.
    pub restarts: u32,
}

/// The app is not served.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// There is no place for the sockets.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// Every worker failed at its first attempt; this is what the first of them said.
    #[error("the app did not start: {0}")]
    Failed(#[source] Fault),
}

/// What slots and supervisor share.
pub(crate) struct Shared {
    pub(crate) config: WorkersConfig,
    pub(crate) directory: Directory,
    pub(crate) endpoints: Box<dyn Fn(EndpointEvent) + Send + Sync>,
    /// Shared with the threads that read what workers print, which may outlive everything else.
    pub(crate) notices: Arc<dyn Fn(&Notice<'_>) + Send + Sync>,
    statuses: Mutex<Vec<WorkerStatus>>,
}

impl Shared {
    pub(crate) fn set(&self, id: WorkerId, change: impl FnOnce(&mut WorkerStatus)) {
        let mut statuses = self.statuses.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(status) = statuses.iter_mut().find(|status| status.slot == id.slot) {
            change(status);
        }
    }
}

/// Keeps workers alive until it is told otherwise. Dropping it ends them at once.
pub struct Supervisor {
    orders: watch::Sender<Order>,
    slots: TaskTracker,
    shared: Arc<Shared>,
}

impl fmt::Debug for Supervisor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Supervisor").field("status", &self.status()).finish_non_exhaustive()
    }
}

impl Supervisor {
    /// Starts all workers and returns when the first is ready; the others follow in their own time. `endpoints` learns
    /// where requests may go and `notices` what is to be logged. Both are called from the runtime's threads, lines of
    /// the app from threads of their own; neither should block for long.
    ///
    /// Dropping the future ends what has been started.
    ///
    /// # Errors
    /// No worker got ready at its first attempt, or there is no place for the sockets.
    pub async fn start(
        config: WorkersConfig,
        endpoints: impl Fn(EndpointEvent) + Send + Sync + 'static,
        notices: impl Fn(&Notice<'_>) + Send + Sync + 'static,
    ) -> Result<Self, StartError> {
        let numbers = 1..=config.workers.get();
        let statuses =
            numbers.clone().map(|slot| WorkerStatus { slot, pid: None, state: State::Starting, restarts: 0 }).collect();
        let (orders, _) = watch::channel(Order::Begin);
        let (settle, mut settled) = mpsc::channel(usize::from(config.workers.get()));
        let supervisor = Self {
            orders,
            slots: TaskTracker::new(),
            shared: Arc::new(Shared {
                directory: Directory::create()?,
                endpoints: Box::new(endpoints),
                notices: Arc::new(notices),
                statuses: Mutex::new(statuses),
                config,
            }),
        };
        for number in numbers {
            let slot = Slot {
                number,
                shared: Arc::clone(&supervisor.shared),
                orders: supervisor.orders.subscribe(),
                settled: Some(settle.clone()),
            };
            drop(supervisor.slots.spawn(slot.run()));
        }
        drop(settle);
        let mut first_fault = None;
        while let Some(how) = settled.recv().await {
            match how {
                Ok(()) => {
                    supervisor.order(Order::Run);
                    return Ok(supervisor);
                }
                Err(fault) => first_fault = first_fault.or(Some(fault)),
            }
        }
        supervisor.order(Order::Kill);
        supervisor.ended().await;
        let nothing_said = || Fault::new(super::FaultKind::Died, "no worker could be kept");
        Err(StartError::Failed(first_fault.unwrap_or_else(nothing_said)))
    }

    /// Lets the workers end: each stops taking requests, finishes what runs within the drain time, shuts its app down.
    /// Who is not done then is killed. Returns when all processes are gone.
    ///
    /// Call it when no request is in flight any more, or none is to be waited for.
    pub async fn stop(&self) {
        self.order(Order::Stop);
        self.ended().await;
    }

    /// Ends the workers at once, whatever they do; a [`stop`](Self::stop) that is under way returns soon after.
    pub fn kill(&self) {
        self.order(Order::Kill);
    }

    /// How each worker is.
    pub fn status(&self) -> Vec<WorkerStatus> {
        self.shared.statuses.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn order(&self, order: Order) {
        // Orders are never taken back.
        self.orders.send_if_modified(|given| {
            let later = order > *given;
            *given = (*given).max(order);
            later
        });
    }

    async fn ended(&self) {
        self.slots.close();
        self.slots.wait().await;
    }
}
