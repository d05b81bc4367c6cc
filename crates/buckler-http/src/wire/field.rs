//! Field lines (RFC 9112 §5), of heads and of trailers.

use super::fault::WireFault;
use super::scan::{self, skip, take};

/// Longest `Content-Length` that is taken: eighteen digits always fit in 64 bits, and no body is an exabyte.
pub const MAX_LENGTH_DIGITS: u8 = 18;

/// `Transfer-Encoding`: longer names are none that matter here.
const LONGEST_NAME: usize = 17;

/// What the field lines of a head say about its framing.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Said {
    pub(super) length: Option<u64>,
    pub(super) coded: bool,
    pub(super) websocket: bool,
    host: bool,
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Start,
    Name,
    BeforeValue,
    Value,
    LineFeed,
    LastLineFeed,
}

/// A section of field lines up to the empty line behind it.
#[derive(Debug)]
pub(super) struct Fields {
    step: Step,
    trailers: bool,
    /// The beginning of a name that was cut in two by the end of a read.
    cut: [u8; LONGEST_NAME],
    cut_length: usize,
    value: Value,
    said: Said,
}

impl Fields {
    pub(super) const fn of_head() -> Self {
        let said = Said { length: None, coded: false, websocket: false, host: false };
        Self { step: Step::Start, trailers: false, cut: [0; LONGEST_NAME], cut_length: 0, value: Value::Any, said }
    }

    /// In trailers no field says anything about framing (RFC 9110 §6.5.1), so one that would is refused.
    pub(super) const fn of_trailers() -> Self {
        let mut fields = Self::of_head();
        fields.trailers = true;
        fields
    }

    pub(super) const fn said(&self) -> Said {
        self.said
    }

    /// Follows the bytes to the end of the section; `true` once it is there, else all of them are taken.
    pub(super) fn advance(&mut self, rest: &mut &[u8]) -> Result<bool, WireFault> {
        while let Some(&byte) = rest.first() {
            match self.step {
                Step::Start => match byte {
                    b'\r' => {
                        skip(rest, 1);
                        self.step = Step::LastLineFeed;
                    }
                    b'\n' => return Err(WireFault::BareLineFeed),
                    b' ' | b'\t' => return Err(WireFault::Folded),
                    _ => {
                        self.cut_length = 0;
                        self.step = Step::Name;
                    }
                },
                Step::Name => self.name(rest)?,
                Step::BeforeValue => match byte {
                    b' ' | b'\t' => skip(rest, 1),
                    _ => self.step = Step::Value,
                },
                Step::Value => {
                    let value = take(rest, scan::value(rest));
                    self.value.push(value)?;
                    match rest.first() {
                        None => {}
                        Some(b'\r') => {
                            skip(rest, 1);
                            self.step = Step::LineFeed;
                        }
                        Some(b'\n') => return Err(WireFault::BareLineFeed),
                        Some(_) => return Err(WireFault::Value),
                    }
                }
                Step::LineFeed | Step::LastLineFeed if byte != b'\n' => return Err(WireFault::BareCarriageReturn),
                Step::LineFeed => {
                    self.value.end(&mut self.said)?;
                    skip(rest, 1);
                    self.step = Step::Start;
                }
                Step::LastLineFeed => {
                    skip(rest, 1);
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    fn name(&mut self, rest: &mut &[u8]) -> Result<(), WireFault> {
        let part = take(rest, scan::token(rest));
        match rest.first() {
            None => self.keep(part),
            Some(b':') if self.cut_length == 0 => {
                if part.is_empty() {
                    return Err(WireFault::Name);
                }
                self.value = self.begin(part)?;
                skip(rest, 1);
                self.step = Step::BeforeValue;
            }
            Some(b':') => {
                self.keep(part);
                let cut = self.cut;
                self.value = self.begin(cut.get(..self.cut_length).unwrap_or_default())?;
                skip(rest, 1);
                self.step = Step::BeforeValue;
            }
            Some(b' ' | b'\t') => return Err(WireFault::SpaceBeforeColon),
            Some(b'\r' | b'\n') => return Err(WireFault::NoColon),
            Some(_) => return Err(WireFault::Name),
        }
        Ok(())
    }

    fn keep(&mut self, part: &[u8]) {
        let free = self.cut.get_mut(self.cut_length..).unwrap_or_default();
        for (place, byte) in free.iter_mut().zip(part) {
            *place = *byte;
        }
        // One that is too long gets a length that no place has, and so is none of the known.
        self.cut_length = (self.cut_length + part.len()).min(LONGEST_NAME + 1);
    }

    /// What the value of the field of this name has to be.
    fn begin(&mut self, name: &[u8]) -> Result<Value, WireFault> {
        let said = &mut self.said;
        let is = |known: &[u8]| name.eq_ignore_ascii_case(known);
        match name.len() {
            4 | 14 | 17 if self.trailers && (is(b"host") || is(b"content-length") || is(b"transfer-encoding")) => {
                return Err(WireFault::TrailerOfFraming);
            }
            _ if self.trailers => {}
            4 if is(b"host") && std::mem::replace(&mut said.host, true) => return Err(WireFault::HostTwice),
            7 if is(b"upgrade") => return Ok(Value::Upgrade(Word::new())),
            14 if is(b"content-length") => {
                if said.coded {
                    return Err(WireFault::LengthAndCoding);
                }
                if said.length.is_some() {
                    return Err(WireFault::LengthTwice);
                }
                return Ok(Value::Length(Number::default()));
            }
            17 if is(b"transfer-encoding") => {
                if said.length.is_some() {
                    return Err(WireFault::LengthAndCoding);
                }
                if std::mem::replace(&mut said.coded, true) {
                    return Err(WireFault::CodingTwice);
                }
                return Ok(Value::Coding(Word::new()));
            }
            _ => {}
        }
        Ok(Value::Any)
    }
}

/// What has been seen of a value, its white space at the beginning already gone.
#[derive(Debug, Clone, Copy)]
enum Value {
    Any,
    Length(Number),
    Coding(Word),
    Upgrade(Word),
}

impl Value {
    fn push(&mut self, part: &[u8]) -> Result<(), WireFault> {
        match self {
            Self::Any => {}
            Self::Length(number) => part.iter().try_for_each(|byte| number.push(*byte))?,
            Self::Coding(word) => part.iter().for_each(|byte| word.push(*byte, b"chunked")),
            Self::Upgrade(word) => part.iter().for_each(|byte| word.push(*byte, b"websocket")),
        }
        Ok(())
    }

    fn end(self, said: &mut Said) -> Result<(), WireFault> {
        match self {
            Self::Any => {}
            Self::Length(number) if number.digits == 0 => return Err(WireFault::Length),
            Self::Length(number) => said.length = Some(number.value),
            Self::Coding(word) if word.is(b"chunked") => {}
            Self::Coding(_) => return Err(WireFault::Coding),
            Self::Upgrade(word) => said.websocket |= word.is(b"websocket"),
        }
        Ok(())
    }
}

/// Digits and nothing else but white space at the end.
#[derive(Debug, Default, Clone, Copy)]
struct Number {
    value: u64,
    digits: u8,
    ended: bool,
}

impl Number {
    fn push(&mut self, byte: u8) -> Result<(), WireFault> {
        match byte {
            b'0'..=b'9' if !self.ended && self.digits < MAX_LENGTH_DIGITS => {
                self.value = self.value * 10 + u64::from(byte - b'0');
                self.digits += 1;
                Ok(())
            }
            b' ' | b'\t' => {
                self.ended = true;
                Ok(())
            }
            _ => Err(WireFault::Length),
        }
    }
}

/// One word, whatever its case, and nothing else but white space at the end.
#[derive(Debug, Clone, Copy)]
struct Word {
    matched: usize,
    ended: bool,
    other: bool,
}

impl Word {
    const fn new() -> Self {
        Self { matched: 0, ended: false, other: false }
    }

    fn push(&mut self, byte: u8, word: &[u8]) {
        match byte {
            b' ' | b'\t' => self.ended = true,
            _ if !self.ended && word.get(self.matched).is_some_and(|b| byte.eq_ignore_ascii_case(b)) => {
                self.matched += 1;
            }
            _ => self.other = true,
        }
    }

    const fn is(self, word: &[u8]) -> bool {
        self.matched == word.len() && !self.other
    }
}
