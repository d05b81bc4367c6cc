//! One process of the Python side, from its start to its last words.

use std::fs::File;
use std::io::{self, BufReader};
use std::process::ExitStatus;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::fault::{Fault, FaultKind};
use super::output::{Line, Tail, read_line};
use super::report::{Report, Reports};

/// What a process wrote before its end is read for so long after it. A child of the app may hold the pipes open.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// Something about a process.
#[derive(Debug)]
pub(crate) enum Happening {
    Reported(Report),
    Ended(io::Result<ExitStatus>),
}

/// A running process.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    /// The worker ends itself when this is dropped.
    _lifeline: Option<ChildStdin>,
    reports: Reports,
    tail: Arc<Tail>,
    printed: oneshot::Receiver<()>,
}

impl Process {
    /// Starts it. `line` gets every line that it prints, on a thread of its own: as long as `line` blocks, the app
    /// blocks in printing, as it would without a supervisor.
    pub(crate) fn spawn(mut command: Command, line: impl Fn(&Line) + Send + 'static) -> io::Result<Self> {
        let mut child = command.spawn()?;
        let lifeline = child.stdin.take();
        let reports = Reports::new(child.stdout.take());
        let tail = Arc::new(Tail::default());
        let (done, printed) = oneshot::channel::<()>();
        if let Some(from) = child.stderr.take() {
            let from = File::from(from.into_owned_fd()?);
            let tail = Arc::clone(&tail);
            thread::Builder::new().name("worker-output".into()).spawn(move || {
                let mut from = BufReader::new(from);
                while let Ok(Some(read)) = read_line(&mut from) {
                    line(&read);
                    tail.push(read.text);
                }
                drop(done);
            })?;
        }
        Ok(Self { child, _lifeline: lifeline, reports, tail, printed })
    }

    pub(crate) fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// What comes next. Cancelling loses nothing.
    pub(crate) async fn next(&mut self) -> Happening {
        tokio::select! {
            biased;
            Some(report) = self.reports.next(), if self.reports.is_open() => Happening::Reported(report),
            status = self.child.wait() => Happening::Ended(status),
        }
    }

    /// Asks the process to end.
    pub(crate) fn terminate(&self) {
        if let Some(pid) = self.running() {
            // It may have ended this moment.
            kill_process(pid, Signal::TERM).ok();
        }
    }

    /// Ends the process and everything that it started.
    pub(crate) fn kill(&self) {
        if let Some(pid) = self.running() {
            kill_process_group(pid, Signal::KILL).ok();
        }
    }

    /// Only of a process that has not been waited for: after that the number may be another's.
    fn running(&self) -> Option<Pid> {
        Pid::from_raw(i32::try_from(self.child.id()?).ok()?)
    }

    /// After the end: why, as the process itself said it, else as the system did.
    pub(crate) async fn last_words(mut self, status: io::Result<ExitStatus>) -> Fault {
        let mut fault = None;
        timeout(LAST_WORDS, async {
            while let Some(report) = self.reports.next().await {
                if let Report::Failed(told) = report {
                    fault = Some(told);
                }
            }
            // Ends with an error when the thread drops its end, which is what is waited for.
            self.printed.await.ok();
        })
        .await
        .ok();
        let fault = fault.unwrap_or_else(|| match status {
            Ok(status) => Fault::died(status),
            Err(error) => Fault::new(FaultKind::Died, format!("the process cannot be waited for: {error}")),
        });
        fault.output(self.tail.lines())
    }
}
