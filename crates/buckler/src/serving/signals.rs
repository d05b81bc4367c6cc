//! SIGTERM and SIGINT: the first lets requests finish, the second does not wait for them.

use std::io;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// How many signals have come.
#[derive(Debug)]
pub(super) struct Signals(watch::Receiver<u32>);

impl Signals {
    /// From now on the signals no longer end the process by themselves.
    pub(super) fn listen() -> io::Result<Self> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let (count, counted) = watch::channel(0_u32);
        // Ends with the runtime.
        drop(tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
                count.send_modify(|count| *count = count.saturating_add(1));
            }
        }));
        Ok(Self(counted))
    }

    /// Waits for the first one.
    pub(super) fn stop(&self) -> impl Future<Output = ()> + use<> {
        self.reached(1)
    }

    /// Waits for the second one.
    pub(super) fn force(&self) -> impl Future<Output = ()> + use<> {
        self.reached(2)
    }

    fn reached(&self, wanted: u32) -> impl Future<Output = ()> + use<> {
        let mut counted = self.0.clone();
        async move {
            // Fails only when nobody counts any more, which is the runtime's end.
            counted.wait_for(|count| *count >= wanted).await.ok();
        }
    }
}
