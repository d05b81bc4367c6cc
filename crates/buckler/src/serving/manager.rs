//! What a service manager is told (`sd_notify(3)`): when requests are answered, that a reload has begun and is over, that
//! the end has begun, and, where it asks, that we are alive. Without one (no `NOTIFY_SOCKET`) nothing happens.

use std::time::Duration;

use sd_notify::NotifyState;
use tokio::time::{MissedTickBehavior, interval};

/// A sign of life comes so many times within the time after which we are taken for dead, as `sd_watchdog_enabled(3)`
/// advises.
const SIGNS: u32 = 2;

/// Requests are answered.
pub(super) fn ready() {
    tell(&[NotifyState::Ready, NotifyState::MainPid(std::process::id())]);
}

/// The policy is being loaded again; [`ready`] ends it.
pub(super) fn reloading() {
    // It wants both, or takes us for broken.
    if let Ok(now) = NotifyState::monotonic_usec_now() {
        tell(&[NotifyState::Reloading, now]);
    }
}

/// No new connection is taken from now on.
pub(super) fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// Gives signs of life for as long as the runtime runs, if they are asked for.
pub(super) async fn live() {
    let Some(patience) = sd_notify::watchdog_enabled().filter(|patience| *patience > Duration::ZERO) else { return };
    let mut signs = interval(patience / SIGNS);
    signs.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        signs.tick().await;
        tell(&[NotifyState::Watchdog]);
    }
}

fn tell(what: &[NotifyState<'_>]) {
    // A manager that does not listen finds out by itself, and requests are not to suffer for it.
    sd_notify::notify(what).ok();
}
