//! Looks whether a connection's deadline has passed.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::time::{Instant, Sleep};

use crate::activity::ClientDeadlines;
use crate::event::Expired;

/// What a connection is doing, whatever it speaks.
pub(crate) trait Watched {
    /// The next moment at which something has taken too long, and what.
    fn deadline(&self, deadlines: &ClientDeadlines) -> Option<(Instant, Due)>;

    /// [`Due::Patience`] has come.
    fn waited_out(&self) {}
}

/// What comes with a deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Due {
    /// The end of the connection.
    End(Expired),
    /// The end of the place that its request has ([`PATIENCE`](crate::upstream::PATIENCE)).
    Patience,
}

/// One timer for all deadlines of a connection. It is only ever moved nearer: when it fires and the deadline has
/// meanwhile moved away, it is set anew. So a request that is answered at once never touches a timer.
pub(crate) struct Watchdog<'a, W> {
    connection: &'a W,
    deadlines: &'a ClientDeadlines,
    timer: Option<Pin<Box<Sleep>>>,
}

impl<'a, W: Watched> Watchdog<'a, W> {
    pub(crate) fn new(connection: &'a W, deadlines: &'a ClientDeadlines) -> Self {
        Self { connection, deadlines, timer: None }
    }

    /// Ready when a deadline has passed.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Expired> {
        loop {
            let Some((at, what)) = self.connection.deadline(self.deadlines) else { return Poll::Pending };
            let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(at)));
            if at < timer.deadline() || timer.is_elapsed() {
                timer.as_mut().reset(at);
            }
            ready!(timer.as_mut().poll(cx));
            if timer.deadline() == at {
                match what {
                    Due::End(expired) => return Poll::Ready(expired),
                    Due::Patience => self.connection.waited_out(),
                }
            }
        }
    }
}
