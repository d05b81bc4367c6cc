//! One life of a worker: from the start of its process to its end.
//!
//! Rules, in order:
//! 1. Its endpoint is published when its app has started, and never before. An app that may not be served (`debug=True`
//!    outside development) does not come to that.
//! 2. Told to stop, it is withdrawn first and finishes what it was given; only then is it asked to end, so that no
//!    request meets a closing socket. Half of the drain time is for that, the other half for what the app's server
//!    still has after it (streams, which it may end in its own way).
//! 3. Who is not done then is killed.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::command::Task;
use super::fault::{Fault, FaultKind};
use super::notice::{EndpointEvent, Notice, WorkerId};
use super::probe::{AppFacts, timed_out};
use super::process::{Happening, Process};
use super::report::Report;
use super::slot::Order;
use super::status::State;
use super::supervisor::{Debug, KEEP_ALIVE, Shared};
use crate::upstream::{Address, Endpoint, UpstreamSettings};

/// Beside the drain, for the app's own shutdown (its lifespan): closing pools takes no longer.
const SHUTDOWN: Duration = Duration::from_secs(5);

/// How far a life has come.
#[derive(Debug, Clone)]
pub(crate) enum Phase {
    Starting,
    Ready,
    Stopping,
    Ended(End),
}

/// How a life ended.
#[derive(Debug, Clone)]
pub(crate) enum End {
    /// As ordered.
    Stopped,
    /// Otherwise.
    Died(Fault),
}

/// What everybody may know of a life.
#[derive(Debug)]
pub(crate) struct Facts {
    pub(crate) id: WorkerId,
    /// The app as it was at that revision.
    pub(crate) revision: u64,
    pub(crate) endpoint: Arc<Endpoint>,
    pub(crate) pid: OnceLock<u32>,
    pub(crate) app: OnceLock<Arc<AppFacts>>,
    pub(crate) ready_at: OnceLock<Instant>,
    phase: watch::Receiver<Phase>,
}

impl Facts {
    pub(crate) fn state(&self) -> State {
        match *self.phase.borrow() {
            Phase::Starting => State::Starting,
            Phase::Ready => State::Ready,
            Phase::Stopping => State::Stopping,
            Phase::Ended(_) => State::Stopped,
        }
    }

    /// How long it has served.
    pub(crate) fn age(&self) -> Option<Duration> {
        self.ready_at.get().map(Instant::elapsed)
    }
}

/// The handle of a life, which runs as a task of its own. Dropping it kills the worker.
#[derive(Debug)]
pub(crate) struct Life {
    pub(crate) facts: Arc<Facts>,
    orders: watch::Sender<Order>,
}

impl Life {
    pub(crate) fn begin(shared: &Arc<Shared>, id: WorkerId, revision: u64) -> Self {
        let socket = shared.directory.socket(id.slot, id.generation);
        let (orders, own) = watch::channel(Order::Run);
        let (phase, seen) = watch::channel(Phase::Starting);
        let upstream = UpstreamSettings { concurrency: shared.plan().concurrency, ..shared.config.upstream };
        let facts = Arc::new(Facts {
            id,
            revision,
            endpoint: Endpoint::new(Address::Unix(socket.clone()), upstream),
            pid: OnceLock::new(),
            app: OnceLock::new(),
            ready_at: OnceLock::new(),
            phase: seen,
        });
        let lived = Lived {
            orders: Orders { common: shared.orders.subscribe(), own },
            published: Published { facts: Arc::clone(&facts), shared: Arc::clone(shared), phase, socket, told: false },
            kill_at: Some(Instant::now() + shared.config.start_deadline),
            drain_until: None,
            fault: None,
            obeyed: Order::Run,
        };
        drop(shared.tasks.spawn(lived.run()));
        Self { facts, orders }
    }

    /// Lets it finish.
    pub(crate) fn stop(&self) {
        self.orders.send_replace(Order::Stop);
    }

    /// Ends it.
    pub(crate) fn kill(&self) {
        self.orders.send_replace(Order::Kill);
    }

    /// Waits for its readiness, or for why there was none.
    pub(crate) async fn ready(&self) -> Result<(), Fault> {
        match self.reached(|phase| !matches!(phase, Phase::Starting)).await {
            Phase::Ended(End::Died(fault)) => Err(fault),
            Phase::Ended(End::Stopped) => Err(Fault::new(FaultKind::Died, "it was told to end")),
            Phase::Starting | Phase::Ready | Phase::Stopping => Ok(()),
        }
    }

    /// Waits for its end.
    pub(crate) async fn ended(&self) -> End {
        match self.reached(|phase| matches!(phase, Phase::Ended(_))).await {
            Phase::Ended(end) => end,
            Phase::Starting | Phase::Ready | Phase::Stopping => End::Stopped,
        }
    }

    async fn reached(&self, so: impl FnMut(&Phase) -> bool) -> Phase {
        let mut phase = self.facts.phase.clone();
        let found = phase.wait_for(so).await.map(|phase| phase.clone());
        // Only a task that broke off leaves without a word.
        found.unwrap_or_else(|_| Phase::Ended(End::Died(Fault::new(FaultKind::Died, "the worker was lost"))))
    }
}

/// What a life is told: what all are, and what it alone is.
struct Orders {
    common: watch::Receiver<Order>,
    own: watch::Receiver<Order>,
}

impl Orders {
    /// Waits until that order, or a later one, has been given. Nobody left to give one means to end now.
    async fn reached(&mut self, order: Order) -> Order {
        tokio::select! {
            given = self.common.wait_for(|given| *given >= order) => given.map_or(Order::Kill, |given| *given),
            given = self.own.wait_for(|given| *given >= order) => given.map_or(Order::Kill, |given| *given),
        }
    }
}

/// What is known of a life while it lasts.
struct Lived {
    orders: Orders,
    published: Published,
    /// When patience ends: with the start, later with the shutdown.
    kill_at: Option<Instant>,
    /// Told to stop, it may finish its requests until then before its process is told.
    drain_until: Option<Instant>,
    fault: Option<Fault>,
    obeyed: Order,
}

impl Lived {
    async fn run(mut self) {
        let shared = Arc::clone(&self.published.shared);
        let facts = Arc::clone(&self.published.facts);
        let end = match self.spawn(&shared) {
            Ok(mut process) => {
                if let Some(pid) = process.pid() {
                    facts.pid.set(pid).ok();
                }
                let status = self.live(&shared, &mut process).await;
                self.published.withdraw();
                self.last_words(process, status).await
            }
            Err(error) => {
                let python = shared.config.target.interpreter.path().display();
                let message = format!("`{python}` could not be started: {error}");
                End::Died(Fault::new(FaultKind::NotStarted, message))
            }
        };
        self.published.end(end);
    }

    fn spawn(&self, shared: &Shared) -> io::Result<Process> {
        let config = &shared.config;
        let task = Task::Serve { socket: &self.published.socket, keep_alive: KEEP_ALIVE, graceful: config.drain / 2 };
        let notices = Arc::clone(&shared.notices);
        let id = self.published.facts.id;
        Process::spawn(config.target.command(&shared.directory.program(), &task), move |line| {
            notices(&Notice::Line { id, text: &line.text, omitted: line.omitted });
        })
    }

    async fn live(&mut self, shared: &Shared, process: &mut Process) -> io::Result<ExitStatus> {
        let endpoint = Arc::clone(&self.published.facts.endpoint);
        loop {
            let next = if self.obeyed < Order::Stop { Order::Stop } else { Order::Kill };
            tokio::select! {
                happening = process.next() => match happening {
                    Happening::Reported(report) => self.reported(report, shared, process),
                    Happening::Ended(status) => return status,
                },
                order = self.orders.reached(next), if self.obeyed < Order::Kill => self.obey(order, shared, process),
                () = endpoint.drained(), if self.drain_until.is_some() => self.terminate(process),
                () = at(self.drain_until), if self.drain_until.is_some() => self.terminate(process),
                () = at(self.kill_at), if self.kill_at.is_some() => self.lose_patience(shared, process),
            }
        }
    }

    fn reported(&mut self, report: Report, shared: &Shared, process: &Process) {
        match report {
            Report::Ready if self.obeyed < Order::Stop && self.fault.is_none() => {
                self.kill_at = None;
                self.published.publish();
            }
            Report::Ready | Report::Contract { .. } | Report::Survey(_) => {}
            Report::Stopping => self.published.withdraw(),
            Report::Failed(fault) => self.fault = Some(fault),
            Report::App(app) => {
                let refused = match shared.plan().debug {
                    Debug::Allowed => Ok(()),
                    Debug::Refused => app.deployable(),
                };
                if let Err(fault) = refused {
                    self.fault = Some(fault);
                    process.kill();
                }
                let app = Arc::new(*app);
                self.published.facts.app.set(Arc::clone(&app)).ok();
                shared.app.send_if_modified(|known| {
                    let other = known.as_ref() != Some(&app);
                    *known = Some(app);
                    other
                });
            }
        }
    }

    fn obey(&mut self, order: Order, shared: &Shared, process: &Process) {
        self.published.withdraw();
        self.obeyed = order;
        if order == Order::Stop {
            let now = Instant::now();
            self.drain_until = Some(now + shared.config.drain / 2);
            self.kill_at = Some(now + shared.config.drain + SHUTDOWN);
        } else {
            self.drain_until = None;
            self.kill_at = None;
            process.kill();
        }
    }

    fn terminate(&mut self, process: &Process) {
        self.drain_until = None;
        process.terminate();
    }

    fn lose_patience(&mut self, shared: &Shared, process: &Process) {
        self.kill_at = None;
        if self.obeyed == Order::Stop {
            (shared.notices)(&Notice::Killed { id: self.published.facts.id });
        } else {
            self.fault = Some(timed_out(&shared.config.target, shared.config.start_deadline));
        }
        process.kill();
    }

    async fn last_words(&mut self, process: Process, status: io::Result<ExitStatus>) -> End {
        let said = process.last_words(status).await;
        if self.obeyed >= Order::Stop {
            return End::Stopped;
        }
        End::Died(match self.fault.take() {
            Some(fault) => fault.output(said.output),
            None => said,
        })
    }
}

/// Only polled where there is such a moment.
async fn at(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

/// What has been said about a worker. Dropping it says that its endpoint is gone, and removes the socket.
struct Published {
    facts: Arc<Facts>,
    shared: Arc<Shared>,
    phase: watch::Sender<Phase>,
    socket: PathBuf,
    told: bool,
}

impl Published {
    fn publish(&mut self) {
        if self.told || self.facts.ready_at.set(Instant::now()).is_err() {
            return;
        }
        self.told = true;
        let (id, endpoint) = (self.facts.id, Arc::clone(&self.facts.endpoint));
        (self.shared.endpoints)(EndpointEvent::Ready { id, endpoint });
        (self.shared.notices)(&Notice::Ready { id, pid: self.facts.pid.get().copied().unwrap_or_default() });
        self.phase.send_replace(Phase::Ready);
    }

    fn withdraw(&mut self) {
        if std::mem::take(&mut self.told) {
            let (id, endpoint) = (self.facts.id, Arc::clone(&self.facts.endpoint));
            (self.shared.endpoints)(EndpointEvent::Gone { id, endpoint });
        }
        // What never got ready is starting until it has ended.
        self.phase.send_if_modified(|phase| {
            let serving = matches!(phase, Phase::Ready);
            if serving {
                *phase = Phase::Stopping;
            }
            serving
        });
    }

    fn end(mut self, end: End) {
        self.withdraw();
        fs::remove_file(&self.socket).ok();
        self.phase.send_replace(Phase::Ended(end));
    }
}

impl Drop for Published {
    fn drop(&mut self) {
        self.withdraw();
        // Not there if the app never started.
        fs::remove_file(&self.socket).ok();
    }
}
