//! Whether bytes that are a stream of a coding without a magic number are JSON as they stand.
//!
//! An app that decodes nothing reads `[…]` where the header says `br` and the stream is valid brotli, and what was
//! judged is another document. Real streams cease to be JSON within their first few bytes.

use super::CodingFault;
use crate::json::{JsonFault, JsonLimits, JsonScanner};

/// Follows the bytes as long as they could be JSON.
#[derive(Debug)]
pub(super) struct OtherReading {
    scanner: Option<Box<JsonScanner>>,
    text: Text,
}

/// Whatever could be read is read: this is about the grammar alone.
const LIMITS: JsonLimits = JsonLimits { depth: 64, keys: 64, string: u32::MAX };

impl OtherReading {
    pub(super) fn new() -> Self {
        Self { scanner: Some(Box::new(JsonScanner::new(LIMITS))), text: Text::default() }
    }

    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<(), CodingFault> {
        let Some(scanner) = &mut self.scanner else { return Ok(()) };
        match scanner.push(&self.text.decode(bytes)) {
            Ok(()) => Ok(()),
            Err(fault) => self.leave(fault),
        }
    }

    pub(super) fn finish(&mut self) -> Result<(), CodingFault> {
        let Some(mut scanner) = self.scanner.take() else { return Ok(()) };
        match scanner.push(self.text.rest()).and_then(|()| scanner.finish()) {
            Ok(_) => Err(CodingFault::TwoReadings),
            Err(fault) => self.leave(fault),
        }
    }

    /// Not JSON to any reader, or JSON to one that is less strict than ours.
    fn leave(&mut self, fault: JsonFault) -> Result<(), CodingFault> {
        self.scanner = None;
        match fault {
            JsonFault::Empty { .. }
            | JsonFault::Truncated { .. }
            | JsonFault::Syntax { .. }
            | JsonFault::TrailingData { .. }
            | JsonFault::ControlCharacter { .. }
            | JsonFault::InvalidEscape { .. }
            | JsonFault::InvalidUtf8 { .. }
            | JsonFault::WrongEncoding { .. } => Ok(()),
            JsonFault::LoneSurrogate { .. }
            | JsonFault::ByteOrderMark { .. }
            | JsonFault::TooDeep { .. }
            | JsonFault::TooManyKeys { .. }
            | JsonFault::StringTooLong { .. }
            | JsonFault::DuplicateMember { .. }
            | JsonFault::NumberTooLong { .. }
            | JsonFault::NumberOutOfRange { .. } => Err(CodingFault::TwoReadings),
        }
    }
}

/// Text in UTF-8, or in UTF-16 or UTF-32 as Python's `json` tells them apart: by the zeros among the first four bytes.
#[derive(Debug, Default)]
struct Text {
    encoding: Option<Encoding>,
    /// Bytes that are no whole character yet.
    rest: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Utf8,
    Utf16(Order),
    Utf32(Order),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Big,
    Little,
}

impl Encoding {
    const fn of(first: [u8; 4]) -> Self {
        match first {
            [0, 0, _, _] => Self::Utf32(Order::Big),
            [0xff, 0xfe, 0, 0] | [_, 0, 0, 0] => Self::Utf32(Order::Little),
            [0xfe, 0xff, _, _] | [0, _, _, _] => Self::Utf16(Order::Big),
            [0xff, 0xfe, _, _] | [_, 0, _, _] => Self::Utf16(Order::Little),
            _ => Self::Utf8,
        }
    }
}

impl Text {
    /// The characters that have become whole, in UTF-8. Halves of surrogate pairs, which Python lets pass, and what is
    /// no character are U+FFFD.
    fn decode(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.rest.extend_from_slice(bytes);
        let Some(encoding) = self.encoding.or_else(|| self.rest.first_chunk().copied().map(Encoding::of)) else {
            return Vec::new();
        };
        let mut text = String::new();
        let (order, width) = match encoding {
            Encoding::Utf8 => {
                self.encoding = Some(encoding);
                return std::mem::take(&mut self.rest);
            }
            Encoding::Utf16(order) => (order, 2),
            Encoding::Utf32(order) => (order, 4),
        };
        let units = self.rest.chunks_exact(width);
        let rest = units.remainder().to_vec();
        for unit in units {
            let value = match order {
                Order::Big => unit.iter().fold(0, |value, byte| value << 8 | u32::from(*byte)),
                Order::Little => unit.iter().rev().fold(0, |value, byte| value << 8 | u32::from(*byte)),
            };
            text.push(char::from_u32(value).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
        // The mark in front belongs to the encoding.
        let text = if self.encoding.is_none() { text.trim_start_matches('\u{feff}') } else { &text };
        self.encoding = Some(encoding);
        self.rest = rest;
        text.as_bytes().to_vec()
    }

    /// What never became four bytes.
    fn rest(&self) -> &[u8] {
        if self.encoding.is_none() { &self.rest } else { &[] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(bytes: &[u8]) -> Result<(), CodingFault> {
        let mut other = OtherReading::new();
        other.push(bytes).and_then(|()| other.finish())
    }

    #[test]
    fn json_is_seen_in_every_encoding_that_python_reads() {
        let wide = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
        let wide_be = |text: &str| text.encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<_>>();
        let wider = |text: &str| text.chars().flat_map(|c| u32::from(c).to_le_bytes()).collect::<Vec<_>>();
        for bytes in [
            b"[1]".to_vec(),
            b" {\"a\": 1, \"a\": 2}".to_vec(),
            b"\"\\ud800\"".to_vec(),
            b"1e999".to_vec(),
            "[".repeat(65).into_bytes(),
            b"\xef\xbb\xbf[1]".to_vec(),
            wide("[1, 2]"),
            wide("\u{feff}[1, 2]"),
            wide("[\"漢字😀\"]"),
            wide_be("[1, 2]"),
            wider("[1, 2]"),
        ] {
            assert_eq!(verdict(&bytes), Err(CodingFault::TwoReadings), "{bytes:?}");
        }
    }

    #[test]
    fn what_no_reader_takes_for_json_passes() {
        for bytes in [
            &b"\x0b\x00\x80{}\x03"[..],
            b"[\x00\x00",
            b"\x5b\xff\x01",
            b"[1",
            b"",
            b"\x0b\0\0\0\0\0\0\0",
            b"[\0\0\0\0\0\0\0",
            b"\x21\x2c\x00\x04",
        ] {
            assert_eq!(verdict(bytes), Ok(()), "{bytes:?}");
        }
    }
}
