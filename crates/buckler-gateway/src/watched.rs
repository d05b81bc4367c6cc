//! The client's socket as hyper sees it, reporting what passes to [`Activity`].
//!
//! hyper reads leniently and hands on what it has tidied up: of a length beside chunks the chunks, of two equal
//! lengths one. So what arrives is judged first ([`buckler_http::wire`]). A head that is at fault never reaches
//! hyper, nor does anything behind it; the requests before it are answered, and then the connection refuses it
//! ([`crate::connection`]). A body that is at fault breaks off for hyper where the fault is.
//!
//! No mode of the policy changes this: where a request ends is no rule that could be tried out.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use buckler_http::wire::{Refusal, Tracker, WireFault};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::activity::Activity;
use crate::stream::Stream;

/// `HTTP/1.1 431`: where the status of an answer stands.
const STATUS: std::ops::Range<usize> = 9..12;

/// A socket that tells what it does, and that keeps three things from hyper: heads that can be read in two ways,
/// closing (the connection lingers, [`crate::linger`]) and answering by itself (an unparsable head is answered in
/// the same form as any other refusal, [`crate::early`]).
#[derive(Debug)]
pub(crate) struct Watched {
    stream: Stream,
    activity: Arc<Activity>,
    closes: bool,
    /// `None` in a tunnel, which is not HTTP/1.
    tracker: Option<Tracker>,
    /// What is wrong with the body that is being read.
    broken: Option<WireFault>,
}

impl Watched {
    pub(crate) fn new(stream: Stream, activity: Arc<Activity>) -> Self {
        Self { stream, activity, closes: false, tracker: Some(Tracker::new()), broken: None }
    }

    /// From now on the socket is a tunnel's: its sending half is closed when it is told to.
    pub(crate) fn carry_closing(&mut self) {
        self.closes = true;
        self.tracker = None;
    }

    pub(crate) fn into_inner(self) -> Stream {
        self.stream
    }

    /// hyper writes while it serves a request; anything else is the automatic answer to a head that it could
    /// not parse. It is taken note of and goes nowhere.
    fn intercept(&self, bytes: &[u8]) -> bool {
        if self.activity.is_serving() {
            // Who sends ahead of the app's consent gets no tunnel.
            return self.activity.is_upgraded() && self.activity.withheld().is_some();
        }
        let digits = bytes.get(STATUS).and_then(|digits| std::str::from_utf8(digits).ok());
        if let Some(status) = digits.and_then(|digits| digits.parse().ok()) {
            self.activity.refuse(status);
        }
        true
    }

    /// Judges bytes that have arrived; how many of them hyper gets.
    fn judge(&mut self, bytes: &[u8]) -> usize {
        if self.activity.is_upgraded() {
            self.tracker = None;
        }
        let Some(tracker) = &mut self.tracker else { return bytes.len() };
        if tracker.is_asked() && self.activity.is_settled() {
            tracker.declined();
        }
        match tracker.feed(bytes) {
            Ok(heads) => {
                self.activity.heads_passed(heads);
                bytes.len()
            }
            Err(Refusal { fault, clean, heads, in_body }) => {
                self.activity.heads_passed(heads);
                if in_body {
                    self.broken = Some(fault);
                } else {
                    self.activity.withhold(fault);
                }
                clean
            }
        }
    }

    /// What hyper finds instead of bytes that are at fault. Nobody is woken for a head: the connection looks for
    /// it itself, whenever hyper has done something.
    fn ended(&self) -> Option<Poll<io::Result<()>>> {
        match self.broken {
            Some(fault) => Some(Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, fault)))),
            None => self.activity.withheld().map(|_| Poll::Pending),
        }
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
        if let Some(end) = this.ended() {
            return end;
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut this.stream).poll_read(cx, buffer))?;
        let arrived = buffer.filled().get(before..).unwrap_or_default();
        if arrived.is_empty() {
            return Poll::Ready(Ok(()));
        }
        this.activity.received();
        let taken = this.judge(arrived);
        buffer.set_filled(before + taken);
        // Nothing read would be the end of the connection.
        if taken == 0 { this.ended().unwrap_or(Poll::Pending) } else { Poll::Ready(Ok(())) }
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
