//! Looks whether a connection's deadline has passed.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::time::Sleep;

use crate::activity::{Activity, ClientDeadlines};
use crate::event::Expired;

/// One timer for all deadlines of a connection. It is only ever moved nearer: when it fires and the deadline has
/// meanwhile moved away, it is set anew. So a request that is answered at once never touches a timer.
pub(crate) struct Watchdog<'a> {
    activity: &'a Activity,
    deadlines: &'a ClientDeadlines,
    timer: Option<Pin<Box<Sleep>>>,
}

impl<'a> Watchdog<'a> {
    pub(crate) fn new(activity: &'a Activity, deadlines: &'a ClientDeadlines) -> Self {
        Self { activity, deadlines, timer: None }
    }

    /// Ready when a deadline has passed.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Expired> {
        loop {
            let Some((at, what)) = self.activity.deadline(self.deadlines) else { return Poll::Pending };
            let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(at)));
            if at < timer.deadline() || timer.is_elapsed() {
                timer.as_mut().reset(at);
            }
            ready!(timer.as_mut().poll(cx));
            if timer.deadline() == at {
                return Poll::Ready(what);
            }
        }
    }
}
