//! The workers together.

use std::fmt;
use std::num::{NonZeroU16, NonZeroU32};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc, watch};
use tokio_util::task::TaskTracker;

use super::command::Target;
use super::directory::{Directory, DirectoryError};
use super::fault::Fault;
use super::memory::resident;
use super::notice::{EndpointEvent, Notice, Reason};
use super::probe::AppFacts;
use super::recycle::Recycle;
use super::restart::Restart;
use super::slot::{Order, Rollouts, Settled, Slot};
use super::status::{Board, WorkerStatus};
use crate::upstream::UpstreamSettings;

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
    /// How many, and when they are replaced.
    pub plan: Plan,
    /// How requests reach them. How many at a time is the plan's to say.
    pub upstream: UpstreamSettings,
    /// What requests that are still running get when a worker is told to end. 30 s by default.
    pub drain: Duration,
    /// From a process's start to readiness. [`START_DEADLINE`] by default.
    pub start_deadline: Duration,
    /// The pauses between a death and the next start.
    pub restart: Restart,
    /// What the jitter of recycling is made from. From the operating system by default.
    pub seed: u64,
}

/// What can change while workers run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// How many. 2 by default.
    pub workers: NonZeroU16,
    /// Requests in flight to one of them. Without bound by default.
    pub concurrency: Option<NonZeroU32>,
    /// When one that is well is replaced. Never by default.
    pub recycle: Recycle,
    /// Whether an app with `debug=True` may serve. Refused by default.
    pub debug: Debug,
}

/// Whether an app with `debug=True` may serve (R09).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Debug {
    /// Development.
    Allowed,
    /// Everywhere else.
    Refused,
}

/// The plan, and which revision of the app is to run by it.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub(crate) plan: Plan,
    pub(crate) revision: u64,
    /// Why that revision.
    pub(crate) cause: Reason,
}

impl WorkersConfig {
    /// Two workers of that app, everything else by default.
    pub fn new(target: Target) -> Self {
        Self {
            target,
            plan: Plan { workers: WORKERS, concurrency: None, recycle: Recycle::default(), debug: Debug::Refused },
            upstream: UpstreamSettings::default(),
            drain: DRAIN,
            start_deadline: START_DEADLINE,
            restart: Restart::default(),
            // Without randomness all machines have the same jitter, which is no reason not to serve.
            seed: getrandom::u64().unwrap_or_default(),
        }
    }
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
    pub(crate) orders: watch::Sender<Order>,
    pub(crate) wanted: watch::Sender<Wanted>,
    pub(crate) tasks: TaskTracker,
    pub(crate) board: Board,
    pub(crate) rollouts: Rollouts,
    /// What the worker that started last said of the app.
    pub(crate) app: watch::Sender<Option<Arc<AppFacts>>>,
    /// Who replaces its worker has it.
    pub(crate) turn: Arc<Semaphore>,
}

impl Shared {
    pub(crate) fn plan(&self) -> Plan {
        self.wanted.borrow().plan
    }
}

/// Keeps workers alive until it is told otherwise. Dropping it ends them at once.
pub struct Supervisor {
    shared: Arc<Shared>,
    /// How many slots there are; those that are not wanted wait.
    slots: Mutex<u16>,
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        self.order(Order::Kill);
    }
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
        if config.plan.recycle.memory.is_some()
            && let Err(error) = resident(std::process::id())
        {
            notices(&Notice::MemoryUnread { error: &error });
        }
        let (settle, mut settled) = mpsc::channel(usize::from(config.plan.workers.get()));
        let supervisor = Self {
            slots: Mutex::new(0),
            shared: Arc::new(Shared {
                directory: Directory::create()?,
                endpoints: Box::new(endpoints),
                notices: Arc::new(notices),
                orders: watch::Sender::new(Order::Begin),
                wanted: watch::Sender::new(Wanted { plan: config.plan, revision: 1, cause: Reason::Reload }),
                tasks: TaskTracker::new(),
                board: Board::default(),
                rollouts: Rollouts::default(),
                app: watch::Sender::new(None),
                turn: Arc::new(Semaphore::new(1)),
                config,
            }),
        };
        supervisor.make_slots(Some(&settle));
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

    /// Follows another plan from now on, and replaces all workers one by one: what has changed of the app is served
    /// when its first worker is ready, and if that one fails, all stay as they are. Asked for again meanwhile, it
    /// begins again once.
    pub fn reload(&self, plan: Plan) {
        self.shared.wanted.send_modify(|wanted| {
            wanted.plan = plan;
            wanted.revision = wanted.revision.saturating_add(1);
            wanted.cause = Reason::Reload;
        });
        self.make_slots(None);
    }

    /// The same for an app whose source has changed, under the plan as it is. `files` is what the log is told.
    pub fn changed(&self, files: &str) {
        self.shared.wanted.send_modify(|wanted| {
            wanted.revision = wanted.revision.saturating_add(1);
            wanted.cause = Reason::Changed(files.into());
        });
    }

    /// Why the app that serves now may not be served outside development.
    ///
    /// # Errors
    /// `debug=True` in one of the workers.
    pub fn deployable(&self) -> Result<(), Fault> {
        self.apps().iter().try_for_each(|app| app.deployable())
    }

    /// The app as it serves now; more than one while it is replaced by another.
    pub fn apps(&self) -> Vec<Arc<AppFacts>> {
        self.shared.board.lives().iter().filter_map(|life| life.app.get().cloned()).collect()
    }

    /// The app as the worker that started last tells it, before that one serves. Changes when the app does.
    pub fn app(&self) -> watch::Receiver<Option<Arc<AppFacts>>> {
        self.shared.app.subscribe()
    }

    /// How each worker is.
    pub fn status(&self) -> Vec<WorkerStatus> {
        self.shared.board.statuses()
    }

    /// Slots are made when they are first wanted, and stay.
    fn make_slots(&self, settle: Option<&mpsc::Sender<Settled>>) {
        // The number is a single assignment.
        let mut made = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = self.shared.plan().workers.get();
        for number in made.saturating_add(1)..=wanted {
            self.shared.board.set(number, |_| {});
            let slot = Slot {
                number,
                shared: Arc::clone(&self.shared),
                orders: self.shared.orders.subscribe(),
                wanted: self.shared.wanted.subscribe(),
                settled: settle.cloned(),
                generation: 0,
            };
            drop(self.shared.tasks.spawn(slot.run()));
        }
        *made = (*made).max(wanted);
    }

    fn order(&self, order: Order) {
        // Orders are never taken back.
        self.shared.orders.send_if_modified(|given| {
            let later = order > *given;
            *given = (*given).max(order);
            later
        });
    }

    async fn ended(&self) {
        self.shared.tasks.close();
        self.shared.tasks.wait().await;
    }
}
