//! One slot: a worker, and the next one when it dies.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until};

use super::command::Task;
use super::fault::{Fault, FaultKind};
use super::notice::{EndpointEvent, Notice, WorkerId};
use super::probe::timed_out;
use super::process::{Happening, Process};
use super::report::Report;
use super::restart::Backoff;
use super::supervisor::{KEEP_ALIVE, Shared, State};

/// Beside the drain, for the app's own shutdown (its lifespan): closing pools takes no longer.
const SHUTDOWN: Duration = Duration::from_secs(5);

/// What all slots are told, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Order {
    /// Nobody is ready yet: who fails waits, because the whole start may be a failure.
    Begin,
    /// Keep a worker alive.
    Run,
    /// Let it end.
    Stop,
    /// End it now.
    Kill,
}

/// How the first attempt of a slot went.
pub(crate) type Settled = Result<(), Fault>;

/// What a slot needs.
pub(crate) struct Slot {
    pub(crate) number: u16,
    pub(crate) shared: Arc<Shared>,
    pub(crate) orders: watch::Receiver<Order>,
    pub(crate) settled: Option<mpsc::Sender<Settled>>,
}

/// How one life ended.
enum End {
    /// As ordered.
    Stopped,
    /// Otherwise: why, and how long it had served.
    Died(Fault, Duration),
}

impl Slot {
    /// Until the order to end has been carried out.
    pub(crate) async fn run(mut self) {
        let mut backoff = Backoff::new(self.shared.config.restart);
        let mut generation = 0_u32;
        while *self.orders.borrow() < Order::Stop {
            generation = generation.wrapping_add(1);
            let id = WorkerId { slot: self.number, generation };
            let End::Died(fault, served) = self.live(id).await else { break };
            self.settle(Err(fault.clone()));
            self.shared.set(id, |status| status.state = State::Waiting);
            // With nobody ready there is nothing to replace: either another slot makes it, or the start has failed.
            if self.reached(Order::Run).await >= Order::Stop {
                break;
            }
            let pause = backoff.pause(served);
            (self.shared.notices)(&Notice::Died { id, fault: &fault, again_in: pause });
            tokio::select! {
                () = sleep(pause) => {}
                _ = self.reached(Order::Stop) => break,
            }
            self.shared.set(id, |status| status.restarts = status.restarts.saturating_add(1));
        }
        self.shared.set(WorkerId { slot: self.number, generation }, |status| status.state = State::Stopped);
    }

    /// One life.
    async fn live(&mut self, id: WorkerId) -> End {
        let socket = self.shared.directory.socket(id.slot, id.generation);
        let mut process = match self.spawn(id, &socket) {
            Ok(process) => process,
            Err(error) => {
                let python = self.shared.config.target.interpreter.path().display();
                let message = format!("`{python}` could not be started: {error}");
                return End::Died(Fault::new(FaultKind::NotStarted, message), Duration::ZERO);
            }
        };
        let pid = process.pid();
        self.shared.set(id, |status| {
            status.pid = pid;
            status.state = State::Starting;
        });
        let mut endpoint = Endpoint { id, shared: Arc::clone(&self.shared), published: false, socket };
        let mut life = Life {
            kill_at: Some(Instant::now() + self.shared.config.start_deadline),
            ready_at: None,
            fault: None,
            obeyed: Order::Run,
        };
        let status = loop {
            tokio::select! {
                happening = process.next() => match happening {
                    Happening::Reported(Report::Ready) if life.obeyed < Order::Stop => {
                        life.kill_at = None;
                        life.ready_at = Some(Instant::now());
                        endpoint.publish(pid);
                        self.settle(Ok(()));
                    }
                    Happening::Reported(Report::Stopping) => endpoint.withdraw(),
                    Happening::Reported(Report::Failed(fault)) => life.fault = Some(fault),
                    Happening::Reported(Report::Ready | Report::App(_)) => {}
                    Happening::Ended(status) => break status,
                },
                order = self.reached(life.next_order()), if life.obeyed < Order::Kill => {
                    endpoint.withdraw();
                    life.obeyed = order;
                    if order == Order::Stop {
                        life.kill_at = Some(Instant::now() + self.shared.config.drain + SHUTDOWN);
                        process.terminate();
                    } else {
                        life.kill_at = None;
                        process.kill();
                    }
                }
                () = sleep_until(life.kill_at.unwrap_or_else(Instant::now)), if life.kill_at.is_some() => {
                    life.kill_at = None;
                    if life.obeyed == Order::Stop {
                        (self.shared.notices)(&Notice::Killed { id });
                    } else {
                        life.fault = Some(timed_out(&self.shared.config.target, self.shared.config.start_deadline));
                    }
                    process.kill();
                }
            }
        };
        drop(endpoint);
        self.shared.set(id, |status| status.pid = None);
        life.end(process, status).await
    }

    fn spawn(&self, id: WorkerId, socket: &std::path::Path) -> io::Result<Process> {
        let config = &self.shared.config;
        let task = Task::Serve { socket, keep_alive: KEEP_ALIVE, graceful: config.drain };
        let notices = Arc::clone(&self.shared.notices);
        Process::spawn(config.target.command(&self.shared.directory.program(), &task), move |line| {
            notices(&Notice::Line { id, text: &line.text, omitted: line.omitted });
        })
    }

    /// Waits until that order, or a later one, has been given. Nobody left to give one means to end now.
    async fn reached(&mut self, order: Order) -> Order {
        self.orders.wait_for(|given| *given >= order).await.map_or(Order::Kill, |given| *given)
    }

    fn settle(&mut self, how: Settled) {
        if let Some(first) = self.settled.take() {
            // Room for one of each slot; nobody listens any more once one is ready.
            first.try_send(how).ok();
        }
    }
}

/// What is known of a life while it lasts.
struct Life {
    /// When patience ends: with the start, later with the shutdown.
    kill_at: Option<Instant>,
    ready_at: Option<Instant>,
    fault: Option<Fault>,
    obeyed: Order,
}

impl Life {
    fn next_order(&self) -> Order {
        if self.obeyed < Order::Stop { Order::Stop } else { Order::Kill }
    }

    async fn end(self, process: Process, status: io::Result<ExitStatus>) -> End {
        let served = self.ready_at.map_or(Duration::ZERO, |since| since.elapsed());
        let said = process.last_words(status).await;
        if self.obeyed >= Order::Stop {
            return End::Stopped;
        }
        let fault = match self.fault {
            Some(fault) => fault.output(said.output),
            None => said,
        };
        End::Died(fault, served)
    }
}

/// What has been said about a worker's endpoint. Dropping it says that it is gone, and removes the socket.
struct Endpoint {
    id: WorkerId,
    shared: Arc<Shared>,
    published: bool,
    socket: PathBuf,
}

impl Endpoint {
    fn publish(&mut self, pid: Option<u32>) {
        if self.published {
            return;
        }
        self.published = true;
        self.shared.set(self.id, |status| status.state = State::Ready);
        (self.shared.endpoints)(EndpointEvent::Ready { id: self.id, path: self.socket.clone() });
        (self.shared.notices)(&Notice::Ready { id: self.id, pid: pid.unwrap_or_default() });
    }

    fn withdraw(&mut self) {
        if std::mem::take(&mut self.published) {
            (self.shared.endpoints)(EndpointEvent::Gone { id: self.id });
        }
        self.shared.set(self.id, |status| status.state = State::Stopping);
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.withdraw();
        // Not there if the app never started.
        fs::remove_file(&self.socket).ok();
    }
}
