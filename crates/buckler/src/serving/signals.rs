//! SIGTERM and SIGINT: the first lets requests finish, the second does not wait for them. SIGHUP: load the policy
//! again. SIGUSR1: tell how the workers are, and what of the contract is used.

use std::io::{self, IsTerminal as _};

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// How many signals have come, of those that end, those that reload, and those that ask.
#[derive(Debug)]
pub(super) struct Signals {
    ends: watch::Receiver<u32>,
    hangups: watch::Receiver<u32>,
    questions: watch::Receiver<u32>,
}

impl Signals {
    /// From now on the signals no longer end the process by themselves.
    pub(super) fn listen() -> io::Result<Self> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut hangup = signal(SignalKind::hangup())?;
        let mut question = signal(SignalKind::user_defined1())?;
        let (end, ends) = watch::channel(0_u32);
        let (reload, hangups) = watch::channel(0_u32);
        let (ask, questions) = watch::channel(0_u32);
        let in_terminal = io::stdin().is_terminal();
        // Ends with the runtime.
        drop(tokio::spawn(async move {
            loop {
                let count = tokio::select! {
                    _ = terminate.recv() => &end,
                    _ = interrupt.recv() => &end,
                    _ = question.recv() => &ask,
                    // The other meaning of SIGHUP: the terminal was closed, and with it whoever started this.
                    _ = hangup.recv() => if in_terminal && !io::stdin().is_terminal() { &end } else { &reload },
                };
                count.send_modify(|count| *count = count.saturating_add(1));
            }
        }));
        Ok(Self { ends, hangups, questions })
    }

    /// Waits for the first one.
    pub(super) fn stop(&self) -> impl Future<Output = ()> + use<> {
        self.reached(1)
    }

    /// Waits for the second one.
    pub(super) fn force(&self) -> impl Future<Output = ()> + use<> {
        self.reached(2)
    }

    /// How often the policy was to be loaded again.
    pub(super) fn hangups(&self) -> watch::Receiver<u32> {
        self.hangups.clone()
    }

    /// How often somebody asked how things are.
    pub(super) fn questions(&self) -> watch::Receiver<u32> {
        self.questions.clone()
    }

    fn reached(&self, wanted: u32) -> impl Future<Output = ()> + use<> {
        let mut counted = self.ends.clone();
        async move {
            // Fails only when nobody counts any more, which is the runtime's end.
            counted.wait_for(|count| *count >= wanted).await.ok();
        }
    }
}
