//! Where each HTTP/1 request of a connection begins and ends, judged on the bytes as they arrive.
//!
//! A parser that hands on a tidy message has decided what the untidy one meant, and the next reader of the same
//! bytes may decide otherwise: that difference is a smuggled request (CWE-444). So before a parser gets them, the
//! bytes pass a [`Tracker`], which follows heads and bodies and takes one spelling of each: the grammar of RFC 9112
//! without what it says a lenient recipient *may* accept. It keeps a few words of state and no bytes, allocates
//! nothing, and judges the same however the bytes are cut into reads.
//!
//! | file | follows |
//! |---|---|
//! | `head` | the request line, and which body comes after the head |
//! | `field` | field lines, of heads and of trailers |
//! | `chunk` | a chunked body with its trailers |
//! | `scan` | runs of bytes of one kind |
//! | `fault` | what can be wrong, and where that is written |
//!
//! Not judged here, because a parsed head shows it too: which host and path are asked for, how long a head may be,
//! names that only *resemble* those of framing fields.

mod chunk;
mod fault;
mod field;
mod head;
#[cfg(test)]
mod properties;
mod scan;
#[cfg(test)]
mod tests;

pub use chunk::{MAX_EXTENSION, MAX_SIZE_DIGITS, MAX_TRAILERS};
pub use fault::WireFault;
pub use field::MAX_LENGTH_DIGITS;

use chunk::Chunks;
use head::{After, Head};

/// Follows what one client sends, from its first byte on.
///
/// ```
/// use buckler_http::wire::{Tracker, WireFault};
/// let mut tracker = Tracker::new();
/// assert_eq!(tracker.feed(b"GET / HTTP/1.1\r\nHo"), Ok(0));
/// assert_eq!(tracker.feed(b"st: a.example\r\n\r\n"), Ok(1));
/// let refusal = tracker.feed(b"GET / HTTP/1.1\r\nHost : a.example\r\n\r\n").unwrap_err();
/// assert_eq!(refusal.fault, WireFault::SpaceBeforeColon);
/// ```
#[derive(Debug)]
pub struct Tracker {
    state: State,
}

#[derive(Debug)]
enum State {
    Head(Head),
    /// Bytes that are still to come.
    Length(u64),
    Chunked(Chunks),
    /// A request to become a `WebSocket` is out, and the client has to wait for the answer.
    Asked,
    Failed(WireFault),
}

/// Why no more bytes are taken, and which of the last ones are free of blame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// What is wrong.
    pub fault: WireFault,
    /// So many of the bytes fed last may be used: they end where the faulty head begins, or in a body right before
    /// what is wrong with it.
    pub clean: usize,
    /// So many heads have come to their end within the clean bytes.
    pub heads: usize,
    /// The fault lies in the body of a request whose head was good.
    pub in_body: bool,
}

impl Default for Tracker {
    fn default() -> Self {
        Self::new()
    }
}

impl Tracker {
    /// A tracker for the beginning of a connection.
    pub const fn new() -> Self {
        Self { state: State::Head(Head::new()) }
    }

    /// Follows the next bytes of the connection; tells how many heads came to their end with them.
    ///
    /// # Errors
    /// [`Refusal`] for the first thing that is wrong. From then on every call repeats it.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<usize, Refusal> {
        let mut rest = bytes;
        let mut heads = 0;
        // Where the message that is being read begins, as far as these bytes hold it.
        let mut begin = 0;
        // What is clean before a handshake whose head came to its end in these bytes.
        let mut before_asking = (0, 0);
        while !rest.is_empty() {
            let refusal = match &mut self.state {
                State::Head(head) => match head.advance(&mut rest) {
                    Ok(None) => return Ok(heads),
                    Ok(Some(after)) => {
                        before_asking = (begin, heads);
                        heads += 1;
                        self.state = match after {
                            After::Nothing | After::Length(0) => State::Head(Head::new()),
                            After::Length(length) => State::Length(length),
                            After::Chunks => State::Chunked(Chunks::new()),
                            After::Asking => State::Asked,
                        };
                        begin = bytes.len() - rest.len();
                        continue;
                    }
                    Err(fault) => Refusal { fault, clean: begin, heads, in_body: false },
                },
                State::Length(left) => {
                    let here = usize::try_from(*left).unwrap_or(usize::MAX).min(rest.len());
                    scan::skip(&mut rest, here);
                    *left -= here as u64;
                    if *left == 0 {
                        self.state = State::Head(Head::new());
                        begin = bytes.len() - rest.len();
                    }
                    continue;
                }
                State::Chunked(chunks) => match chunks.advance(&mut rest) {
                    Ok(false) => return Ok(heads),
                    Ok(true) => {
                        self.state = State::Head(Head::new());
                        begin = bytes.len() - rest.len();
                        continue;
                    }
                    Err(fault) => Refusal { fault, clean: bytes.len() - rest.len(), heads, in_body: true },
                },
                State::Asked => {
                    let (clean, heads) = before_asking;
                    Refusal { fault: WireFault::AheadOfUpgrade, clean, heads, in_body: false }
                }
                State::Failed(fault) => Refusal { fault: *fault, clean: 0, heads: 0, in_body: false },
            };
            self.state = State::Failed(refusal.fault);
            return Err(refusal);
        }
        Ok(heads)
    }

    /// Whether a request to become a `WebSocket` waits for its answer.
    pub const fn is_asked(&self) -> bool {
        matches!(self.state, State::Asked)
    }

    /// The answer was no, and it is out: the next request may come. After a yes there is nothing left to track.
    pub fn declined(&mut self) {
        if self.is_asked() {
            self.state = State::Head(Head::new());
        }
    }
}
