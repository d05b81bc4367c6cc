//! The head of a request: request line (RFC 9112 §3), field lines, and which body follows (§6.3).

use super::fault::WireFault;
use super::field::Fields;
use super::scan::{self, skip, take};

/// What follows a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum After {
    Nothing,
    Length(u64),
    Chunks,
    /// No body, and no further request before this one is answered: the client asks for a `WebSocket`.
    Asking,
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Start,
    BlankLineFeed,
    Method,
    Target,
    Version,
    LineEnd,
    LineFeed,
    Fields,
}

/// What every version that is taken begins with.
const VERSION: &[u8] = b"HTTP/1.";

#[derive(Debug)]
pub(super) struct Head {
    step: Step,
    /// An empty line stood before the request line: some clients send one behind a body, and §2.2 asks to take
    /// *one*.
    blank: bool,
    /// Bytes of the part of the request line that is being read, as far as it matters.
    part: usize,
    is_1_1: bool,
    fields: Fields,
}

impl Head {
    pub(super) const fn new() -> Self {
        Self { step: Step::Start, blank: false, part: 0, is_1_1: false, fields: Fields::of_head() }
    }

    /// Follows the bytes to the end of the head; `None` if all of them are taken and it is not there yet.
    pub(super) fn advance(&mut self, rest: &mut &[u8]) -> Result<Option<After>, WireFault> {
        while let Some(&byte) = rest.first() {
            match self.step {
                Step::Start => match byte {
                    b'\r' if self.blank => return Err(WireFault::EmptyLines),
                    b'\r' => {
                        skip(rest, 1);
                        self.blank = true;
                        self.step = Step::BlankLineFeed;
                    }
                    b'\n' => return Err(WireFault::BareLineFeed),
                    _ => self.next(Step::Method),
                },
                Step::BlankLineFeed if byte == b'\n' => {
                    skip(rest, 1);
                    self.step = Step::Start;
                }
                Step::Method => self.method(rest)?,
                Step::Target => self.target(rest)?,
                Step::Version => self.version(rest, byte)?,
                Step::LineEnd => match byte {
                    b'\r' => {
                        skip(rest, 1);
                        self.step = Step::LineFeed;
                    }
                    b'\n' => return Err(WireFault::BareLineFeed),
                    _ => return Err(WireFault::Version),
                },
                Step::LineFeed if byte == b'\n' => {
                    skip(rest, 1);
                    self.step = Step::Fields;
                }
                Step::BlankLineFeed | Step::LineFeed => return Err(WireFault::BareCarriageReturn),
                Step::Fields => return if self.fields.advance(rest)? { self.end().map(Some) } else { Ok(None) },
            }
        }
        Ok(None)
    }

    fn next(&mut self, step: Step) {
        self.step = step;
        self.part = 0;
    }

    fn method(&mut self, rest: &mut &[u8]) -> Result<(), WireFault> {
        self.part += take(rest, scan::token(rest)).len();
        match rest.first() {
            None => Ok(()),
            Some(b' ') if self.part > 0 => {
                skip(rest, 1);
                self.next(Step::Target);
                Ok(())
            }
            Some(_) => Err(WireFault::Method),
        }
    }

    fn target(&mut self, rest: &mut &[u8]) -> Result<(), WireFault> {
        self.part += take(rest, scan::target(rest)).len();
        match rest.first() {
            None => Ok(()),
            Some(b' ') if self.part > 0 => {
                skip(rest, 1);
                self.next(Step::Version);
                Ok(())
            }
            Some(b' ') => Err(WireFault::Spaces),
            Some(b'\r' | b'\n') => Err(WireFault::NoVersion),
            Some(_) => Err(WireFault::Target),
        }
    }

    fn version(&mut self, rest: &mut &[u8], byte: u8) -> Result<(), WireFault> {
        match (VERSION.get(self.part), byte) {
            (Some(expected), byte) if byte == *expected => self.part += 1,
            (Some(_), b' ') if self.part == 0 => return Err(WireFault::Spaces),
            (Some(_), b'\r' | b'\n') if self.part == 0 => return Err(WireFault::NoVersion),
            (None, b'0' | b'1') => {
                self.is_1_1 = byte == b'1';
                self.step = Step::LineEnd;
            }
            _ => return Err(WireFault::Version),
        }
        skip(rest, 1);
        Ok(())
    }

    fn end(&self) -> Result<After, WireFault> {
        let said = self.fields.said();
        match said.length {
            _ if said.coded && self.is_1_1 => Ok(After::Chunks),
            _ if said.coded => Err(WireFault::CodingInHttp10),
            None | Some(0) if said.websocket && self.is_1_1 => Ok(After::Asking),
            None => Ok(After::Nothing),
            Some(length) => Ok(After::Length(length)),
        }
    }
}
