//! The grammar of RFC 8259 as a flat state machine.

use smallvec::SmallVec;

use super::{
    JsonFault, JsonLimits, JsonSummary,
    members::{Members, OpenObject},
    number::NumberScan,
    string::{Discard, StringScan},
};

/// Nesting that needs no allocation; ordinary bodies stay below.
const SHALLOW: usize = 16;

/// Judges one JSON text that arrives in chunks.
///
/// The verdict and its offset depend on the bytes alone, not on how they are cut. Once a fault was returned,
/// every later call returns it again: no part of a refused body is ever accepted.
///
/// ```
/// # use buckler_inspect::json::{JsonFault, JsonLimits, JsonScanner};
/// let mut scanner = JsonScanner::new(JsonLimits { depth: 2, ..JsonLimits::default() });
/// assert_eq!(scanner.push(b"[[ 1, "), Ok(()));
/// assert_eq!(scanner.push(b"[2]]]"), Err(JsonFault::TooDeep { offset: 6 }));
/// assert_eq!(scanner.finish(), Err(JsonFault::TooDeep { offset: 6 }));
/// ```
#[derive(Debug)]
pub struct JsonScanner {
    limits: JsonLimits,
    state: State,
    /// Bytes of all chunks before the current one.
    offset: u64,
    nesting: SmallVec<[Nesting; SHALLOW]>,
    members: Members,
    string: StringScan,
    /// Offset of the opening quote of the member name being read.
    name: u64,
    number: NumberScan,
    /// What is still to come of `true`, `false` or `null`.
    literal: &'static [u8],
    summary: JsonSummary,
    fault: Option<JsonFault>,
}

/// Where in the grammar the next byte stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    // Between tokens, where whitespace may stand. What is expected:
    /// The value that is the whole text.
    Text,
    /// The value of a member, or an element after a comma.
    Value,
    /// An element, or the end of an empty array.
    FirstElement,
    /// A member name, or the end of an empty object.
    FirstName,
    /// A member name after a comma.
    Name,
    Colon,
    /// A comma, or the end of the array.
    AfterElement,
    /// A comma, or the end of the object.
    AfterMember,
    /// Nothing but the end of the body.
    End,
    // Within a token:
    InName,
    InString,
    InNumber,
    InLiteral,
}

/// One array or object that is open.
#[derive(Debug, Clone, Copy)]
enum Nesting {
    Array,
    Object(OpenObject),
}

impl JsonScanner {
    /// Bytes that the names of open objects take at the moment, at most.
    pub fn memory(&self) -> usize {
        self.members.memory()
    }

    /// A scanner for one body.
    pub fn new(limits: JsonLimits) -> Self {
        Self {
            limits,
            state: State::Text,
            offset: 0,
            nesting: SmallVec::new(),
            members: Members::default(),
            string: StringScan::default(),
            name: 0,
            number: NumberScan::new(0),
            literal: &[],
            summary: JsonSummary::default(),
            fault: None,
        }
    }

    /// Judges the next bytes of the body; an empty chunk changes nothing.
    ///
    /// # Errors
    ///
    /// The first [`JsonFault`] of the body, as soon as its byte has arrived; from then on always the same.
    pub fn push(&mut self, chunk: &[u8]) -> Result<(), JsonFault> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        self.scan(chunk).map_err(|fault| {
            let fault = self.recognise_encoding(fault, chunk);
            self.fault = Some(fault);
            fault
        })?;
        self.offset += chunk.len() as u64;
        Ok(())
    }

    /// Ends the body.
    ///
    /// # Errors
    ///
    /// The fault that [`push`](Self::push) returned, or what only the end shows: [`JsonFault::Empty`],
    /// [`JsonFault::Truncated`], [`JsonFault::NumberOutOfRange`] for a body that is a number.
    pub fn finish(self) -> Result<JsonSummary, JsonFault> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        match self.state {
            State::End => {}
            State::InNumber if self.nesting.is_empty() => self.number.finish(self.offset)?,
            State::Text => {
                return Err(JsonFault::Empty { offset: self.offset });
            }
            _ => {
                return Err(JsonFault::Truncated { offset: self.offset });
            }
        }
        Ok(JsonSummary { bytes: self.offset, ..self.summary })
    }

    fn scan(&mut self, chunk: &[u8]) -> Result<(), JsonFault> {
        let mut rest = chunk;
        while let Some((&byte, tail)) = rest.split_first() {
            let at = self.offset + (chunk.len() - rest.len()) as u64;
            // A token that consumes the chunk to its end goes on in the next.
            let after = match self.state {
                State::InString => self.in_string(rest, at)?,
                State::InName => self.in_name(rest, at)?,
                State::InNumber => self.in_number(rest, at)?,
                State::InLiteral => Some(self.in_literal(byte, tail, at)?),
                _ if matches!(byte, b' ' | b'\n' | b'\r' | b'\t') => Some(tail),
                State::FirstElement if byte == b']' => Some(self.close(tail)),
                State::Text | State::Value | State::FirstElement => Some(self.value(byte, rest, tail, at)?),
                State::FirstName if byte == b'}' => Some(self.close(tail)),
                State::FirstName | State::Name => Some(self.member_name(byte, tail, at)?),
                State::Colon if byte == b':' => Some(self.enter(State::Value, tail)),
                State::AfterElement if byte == b',' => Some(self.enter(State::Value, tail)),
                State::AfterElement if byte == b']' => Some(self.close(tail)),
                State::AfterMember if byte == b',' => Some(self.enter(State::Name, tail)),
                State::AfterMember if byte == b'}' => Some(self.close(tail)),
                State::End => return Err(JsonFault::TrailingData { offset: at }),
                State::Colon | State::AfterElement | State::AfterMember => {
                    return Err(JsonFault::Syntax { offset: at });
                }
            };
            let Some(after) = after else { return Ok(()) };
            rest = after;
        }
        Ok(())
    }

    fn value<'a>(&mut self, byte: u8, rest: &'a [u8], tail: &'a [u8], at: u64) -> Result<&'a [u8], JsonFault> {
        match byte {
            b'"' => {
                self.string = StringScan::default();
                Ok(self.enter(State::InString, tail))
            }
            b'{' => {
                let object = self.members.open();
                self.open(Nesting::Object(object), at)?;
                Ok(self.enter(State::FirstName, tail))
            }
            b'[' => {
                self.open(Nesting::Array, at)?;
                Ok(self.enter(State::FirstElement, tail))
            }
            b'-' | b'0'..=b'9' => {
                self.number = NumberScan::new(at);
                Ok(self.enter(State::InNumber, rest))
            }
            b't' => Ok(self.begin_literal(b"rue", tail)),
            b'f' => Ok(self.begin_literal(b"alse", tail)),
            b'n' => Ok(self.begin_literal(b"ull", tail)),
            _ => Err(JsonFault::Syntax { offset: at }),
        }
    }

    fn open(&mut self, nesting: Nesting, at: u64) -> Result<(), JsonFault> {
        if self.nesting.len() >= self.limits.depth as usize {
            return Err(JsonFault::TooDeep { offset: at });
        }
        self.nesting.push(nesting);
        let depth = u32::try_from(self.nesting.len()).unwrap_or(u32::MAX);
        self.summary.depth = self.summary.depth.max(depth);
        Ok(())
    }

    fn close<'a>(&mut self, tail: &'a [u8]) -> &'a [u8] {
        if let Some(Nesting::Object(object)) = self.nesting.pop() {
            self.members.close(object);
        }
        self.end_value();
        tail
    }

    fn end_value(&mut self) {
        self.state = match self.nesting.last() {
            Some(Nesting::Array) => State::AfterElement,
            Some(Nesting::Object(_)) => State::AfterMember,
            None => State::End,
        };
    }

    fn member_name<'a>(&mut self, byte: u8, tail: &'a [u8], at: u64) -> Result<&'a [u8], JsonFault> {
        if byte != b'"' {
            return Err(JsonFault::Syntax { offset: at });
        }
        if self.summary.keys >= self.limits.keys {
            return Err(JsonFault::TooManyKeys { offset: at });
        }
        self.summary.keys += 1;
        self.name = at;
        self.string = StringScan::default();
        Ok(self.enter(State::InName, tail))
    }

    fn in_name<'a>(&mut self, rest: &'a [u8], at: u64) -> Result<Option<&'a [u8]>, JsonFault> {
        let after = self.string.scan(rest, at, self.limits.string, &mut self.members)?;
        if after.is_some() {
            self.end_string();
            let fresh = match self.nesting.last_mut() {
                Some(Nesting::Object(object)) => self.members.admit(object),
                // A name stands in an object only; were it otherwise, refusing is the safe answer.
                _ => false,
            };
            if !fresh {
                return Err(JsonFault::DuplicateMember { offset: self.name });
            }
            self.state = State::Colon;
        }
        Ok(after)
    }

    fn in_string<'a>(&mut self, rest: &'a [u8], at: u64) -> Result<Option<&'a [u8]>, JsonFault> {
        let after = self.string.scan(rest, at, self.limits.string, &mut Discard)?;
        if after.is_some() {
            self.end_string();
            self.end_value();
        }
        Ok(after)
    }

    fn end_string(&mut self) {
        self.summary.longest_string = self.summary.longest_string.max(self.string.length());
        self.summary.nul |= self.string.nul();
    }

    fn in_number<'a>(&mut self, rest: &'a [u8], at: u64) -> Result<Option<&'a [u8]>, JsonFault> {
        let after = self.number.scan(rest, at)?;
        if after.is_some() {
            self.end_value();
        }
        Ok(after)
    }

    fn begin_literal<'a>(&mut self, literal: &'static [u8], tail: &'a [u8]) -> &'a [u8] {
        self.literal = literal;
        self.enter(State::InLiteral, tail)
    }

    fn in_literal<'a>(&mut self, byte: u8, tail: &'a [u8], at: u64) -> Result<&'a [u8], JsonFault> {
        match self.literal.split_first() {
            Some((&expected, more)) if byte == expected => self.literal = more,
            _ => return Err(JsonFault::Syntax { offset: at }),
        }
        if self.literal.is_empty() {
            self.end_value();
        }
        Ok(tail)
    }

    fn enter<'a>(&mut self, state: State, rest: &'a [u8]) -> &'a [u8] {
        self.state = state;
        rest
    }

    /// Names the encoding as the reason where that is what went wrong. A JSON text begins with an ASCII
    /// character, so a NUL among the first two bytes shows UTF-16 or UTF-32 (RFC 4627 §3), and a first byte
    /// EF, FE or FF can only begin a byte order mark.
    fn recognise_encoding(&self, fault: JsonFault, chunk: &[u8]) -> JsonFault {
        let (JsonFault::Syntax { offset }
        | JsonFault::TrailingData { offset }
        | JsonFault::ControlCharacter { offset }) = fault
        else {
            return fault;
        };
        let place = offset.checked_sub(self.offset).and_then(|place| usize::try_from(place).ok());
        match (offset, place.and_then(|place| chunk.get(place))) {
            (0, Some(0xEF)) => JsonFault::ByteOrderMark { offset },
            (0, Some(0xFE | 0xFF)) | (0 | 1, Some(0x00)) => JsonFault::WrongEncoding { offset },
            _ => fault,
        }
    }
}
