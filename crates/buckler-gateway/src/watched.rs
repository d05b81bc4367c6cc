//! The client's socket as hyper sees it, reporting what passes to [`Activity`].

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::activity::Activity;
use crate::stream::Stream;

/// `HTTP/1.1 431`: where the status of an answer stands.
const STATUS: std::ops::Range<usize> = 9..12;

/// A socket that tells what it does, and that keeps two things from hyper: closing (the connection lingers,
/// [`crate::linger`]) and answering by itself (an unparsable head is answered in the same form as any other
/// refusal, [`crate::early`]).
#[derive(Debug)]
pub(crate) struct Watched {
    stream: Stream,
    activity: Arc<Activity>,
    closes: bool,
}

impl Watched {
    pub(crate) fn new(stream: Stream, activity: Arc<Activity>) -> Self {
        Self { stream, activity, closes: false }
    }

    /// From now on the socket is a tunnel's: its sending half is closed when it is told to.
    pub(crate) fn carry_closing(&mut self) {
        self.closes = true;
    }

    pub(crate) fn into_inner(self) -> Stream {
        self.stream
    }

    /// hyper writes while it serves a request; anything else is the automatic answer to a head that it could
    /// not parse. It is taken note of and goes nowhere.
    fn intercept(&self, bytes: &[u8]) -> bool {
        if self.activity.is_serving() {
            return false;
        }
        let digits = bytes.get(STATUS).and_then(|digits| std::str::from_utf8(digits).ok());
        if let Some(status) = digits.and_then(|digits| digits.parse().ok()) {
            self.activity.refuse(status);
        }
        true
    }

    fn wrote(&self, outcome: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match outcome {
            Poll::Pending => self.activity.write_blocked(),
            Poll::Ready(Ok(_)) => self.activity.write_progressed(),
            Poll::Ready(Err(_)) => {}
        }
        outcome
    }
}

impl AsyncRead for Watched {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        let outcome = Pin::new(&mut this.stream).poll_read(cx, buffer);
        if buffer.filled().len() > before {
            this.activity.received();
        }
        outcome
    }
}

impl AsyncWrite for Watched {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.intercept(bytes) {
            return Poll::Ready(Ok(bytes.len()));
        }
        let outcome = Pin::new(&mut this.stream).poll_write(cx, bytes);
        this.wrote(outcome)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.intercept(slices.first().map_or(&[], |first| first)) {
            return Poll::Ready(Ok(slices.iter().map(|slice| slice.len()).sum()));
        }
        let outcome = Pin::new(&mut this.stream).poll_write_vectored(cx, slices);
        this.wrote(outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let outcome = Pin::new(&mut this.stream).poll_flush(cx);
        match outcome {
            Poll::Ready(Ok(())) => {
                this.activity.write_progressed();
                this.activity.flushed();
            }
            // Under TLS a write is accepted into the session's buffer, and it is the flush that waits.
            Poll::Pending => this.activity.write_blocked(),
            Poll::Ready(Err(_)) => {}
        }
        outcome
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.closes { Pin::new(&mut this.stream).poll_shutdown(cx) } else { Poll::Ready(Ok(())) }
    }
}
