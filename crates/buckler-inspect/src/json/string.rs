//! Strings: their characters (RFC 3629), their escapes (RFC 8259 §7) and their length.

use super::{JsonFault, members::Members};

/// A string or member name that may span chunks.
#[derive(Debug, Default)]
pub(super) struct StringScan {
    expect: Expect,
    /// Unicode scalar values so far; one begun counts.
    length: u32,
    /// Offset of the backslash of the last `\u` escape that was not a second half.
    escape: u64,
    /// Whether U+0000 was written.
    nul: bool,
}

/// What the next byte must be.
#[derive(Debug, Clone, Copy, Default)]
enum Expect {
    /// The beginning of a character, an escape or the end.
    #[default]
    Character,
    /// A continuation byte of a UTF-8 sequence within `low..=high`, then `more` within 80..BF.
    Continuation { low: u8, high: u8, more: u8 },
    /// The letter of an escape.
    Escape,
    /// `more` hexadecimal digits of a code unit, which must complete `first` if that is there.
    Digits { more: u8, unit: u16, first: Option<u16> },
    /// The backslash of the escape that completes the surrogate pair.
    SecondBackslash { first: u16 },
    /// The `u` of that escape.
    SecondLetter { first: u16 },
}

/// Where the unescaped string goes.
pub(super) trait Sink {
    fn extend(&mut self, bytes: &[u8]);
}

/// Values are only judged.
pub(super) struct Discard;

impl Sink for Discard {
    fn extend(&mut self, _: &[u8]) {}
}

/// Names are kept while their object is open.
impl Sink for Members {
    fn extend(&mut self, bytes: &[u8]) {
        Self::extend(self, bytes);
    }
}

/// A name that is looked up at once.
impl Sink for Vec<u8> {
    fn extend(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

impl StringScan {
    /// Length in Unicode scalar values after unescaping.
    pub(super) const fn length(&self) -> u32 {
        self.length
    }

    /// Whether U+0000 occurred.
    pub(super) const fn nul(&self) -> bool {
        self.nul
    }

    /// Scans on through `bytes`, which begin at `offset`, after the opening quote. `None` means that the
    /// string goes on in the next chunk; otherwise the rest begins after the closing quote.
    pub(super) fn scan<'a>(
        &mut self,
        bytes: &'a [u8],
        offset: u64,
        limit: u32,
        sink: &mut impl Sink,
    ) -> Result<Option<&'a [u8]>, JsonFault> {
        let mut rest = bytes;
        loop {
            if let Expect::Character = self.expect
                && let Some((plain, after)) = rest.split_at_checked(plain_run(rest))
            {
                let at = offset + (bytes.len() - rest.len()) as u64;
                self.lengthen(plain.len(), at, limit)?;
                sink.extend(plain);
                rest = after;
            }
            let Some((&byte, tail)) = rest.split_first() else {
                return Ok(None);
            };
            let at = offset + (bytes.len() - rest.len()) as u64;
            if let (0x80.., Expect::Character) = (byte, self.expect)
                && let Some((wide, after)) = whole_characters(rest)
            {
                self.lengthen_wide(wide, at, limit)?;
                sink.extend(wide.as_bytes());
                rest = after;
                continue;
            }
            rest = tail;
            self.expect = match self.expect {
                Expect::Character => match byte {
                    b'"' => return Ok(Some(tail)),
                    b'\\' => {
                        self.lengthen(1, at, limit)?;
                        self.escape = at;
                        Expect::Escape
                    }
                    0x00..0x20 => return Err(JsonFault::ControlCharacter { offset: at }),
                    _ => {
                        let next = after_lead(byte).ok_or(JsonFault::InvalidUtf8 { offset: at })?;
                        self.lengthen(1, at, limit)?;
                        sink.extend(&[byte]);
                        next
                    }
                },
                Expect::Continuation { low, high, more } => {
                    if !(low..=high).contains(&byte) {
                        return Err(JsonFault::InvalidUtf8 { offset: at });
                    }
                    sink.extend(&[byte]);
                    match more.checked_sub(1) {
                        Some(more) => Expect::Continuation { low: 0x80, high: 0xBF, more },
                        None => Expect::Character,
                    }
                }
                Expect::Escape => match unescaped(byte) {
                    Some(character) => {
                        sink.extend(&[character]);
                        Expect::Character
                    }
                    None if byte == b'u' => Expect::Digits { more: 4, unit: 0, first: None },
                    None => return Err(JsonFault::InvalidEscape { offset: at }),
                },
                Expect::Digits { more, unit, first } => {
                    let digit = hex_digit(byte).ok_or(JsonFault::InvalidEscape { offset: at })?;
                    let unit = (unit << 4) | digit;
                    match more {
                        2.. => Expect::Digits { more: more - 1, unit, first },
                        _ => self.code_unit(unit, first, sink)?,
                    }
                }
                Expect::SecondBackslash { first } if byte == b'\\' => Expect::SecondLetter { first },
                Expect::SecondLetter { first } if byte == b'u' => {
                    Expect::Digits { more: 4, unit: 0, first: Some(first) }
                }
                Expect::SecondBackslash { .. } | Expect::SecondLetter { .. } => {
                    return Err(JsonFault::LoneSurrogate { offset: self.escape });
                }
            };
        }
    }

    /// Counts `more` scalar values whose first byte is at `at`; all but the last take one byte each.
    fn lengthen(&mut self, more: usize, at: u64, limit: u32) -> Result<(), JsonFault> {
        let room = limit.saturating_sub(self.length);
        match u32::try_from(more) {
            Ok(more) if more <= room => {
                self.length += more;
                Ok(())
            }
            _ => Err(JsonFault::StringTooLong { offset: at + u64::from(room) }),
        }
    }

    /// Counts the scalar values of `text`, which begins at `at`.
    fn lengthen_wide(&mut self, text: &str, at: u64, limit: u32) -> Result<(), JsonFault> {
        let room = limit.saturating_sub(self.length);
        match u32::try_from(text.chars().count()) {
            Ok(more) if more <= room => {
                self.length += more;
                Ok(())
            }
            _ => {
                let place = text.char_indices().nth(room as usize).map_or(0, |(place, _)| place);
                Err(JsonFault::StringTooLong { offset: at + place as u64 })
            }
        }
    }

    /// Takes in a whole `\u` escape; says what must follow.
    fn code_unit(&mut self, unit: u16, first: Option<u16>, sink: &mut impl Sink) -> Result<Expect, JsonFault> {
        if let (None, 0xD800..0xDC00) = (first, unit) {
            return Ok(Expect::SecondBackslash { first: unit });
        }
        let units = first.into_iter().chain([unit]);
        for character in char::decode_utf16(units) {
            let character = character.map_err(|_| JsonFault::LoneSurrogate { offset: self.escape })?;
            self.nul |= character == '\0';
            sink.extend(character.encode_utf8(&mut [0; 4]).as_bytes());
        }
        Ok(Expect::Character)
    }
}

/// What must follow the first byte of a sequence of several bytes (RFC 3629 §4, the `UTF8-octets` rules);
/// nothing can follow a byte that begins none. The narrower ranges keep out overlong forms (E0, F0),
/// surrogates (ED) and what lies above U+10FFFF (F4).
const fn after_lead(byte: u8) -> Option<Expect> {
    let (low, high, more) = match byte {
        0xC2..=0xDF => (0x80, 0xBF, 0),
        0xE0 => (0xA0, 0xBF, 1),
        0xE1..=0xEC | 0xEE..=0xEF => (0x80, 0xBF, 1),
        0xED => (0x80, 0x9F, 1),
        0xF0 => (0x90, 0xBF, 2),
        0xF1..=0xF3 => (0x80, 0xBF, 2),
        0xF4 => (0x80, 0x8F, 2),
        _ => return None,
    };
    Some(Expect::Continuation { low, high, more })
}

/// The character that a two-byte escape stands for.
const fn unescaped(letter: u8) -> Option<u8> {
    Some(match letter {
        b'"' | b'\\' | b'/' => letter,
        b'b' => 0x08,
        b'f' => 0x0C,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        _ => return None,
    })
}

pub(super) const fn hex_digit(byte: u8) -> Option<u16> {
    Some(match byte {
        b'0'..=b'9' => byte - b'0',
        b'a'..=b'f' => byte - b'a' + 10,
        b'A'..=b'F' => byte - b'A' + 10,
        _ => return None,
    } as u16)
}

/// How many bytes at the front are plain: ASCII, no control character, no quote, no backslash.
pub(super) fn plain_run(bytes: &[u8]) -> usize {
    let (words, tail) = bytes.as_chunks::<8>();
    let mut run = 0;
    for word in words {
        let special = special_bytes(u64::from_le_bytes(*word));
        if special != 0 {
            return run + (special.trailing_zeros() / 8) as usize;
        }
        run += 8;
    }
    run + tail.iter().take_while(|&&byte| is_plain(byte)).count()
}

/// The whole and valid characters beyond ASCII at the front, at least one, and the rest. What follows them is
/// ASCII, invalid or cut by the end of the chunk.
fn whole_characters(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let run = bytes.iter().take_while(|byte| !byte.is_ascii()).count();
    let valid = match std::str::from_utf8(bytes.get(..run)?) {
        Ok(_) => run,
        Err(error) => error.valid_up_to(),
    };
    let (characters, rest) = bytes.split_at_checked(valid)?;
    let text = std::str::from_utf8(characters).ok()?;
    (!text.is_empty()).then_some((text, rest))
}

const fn is_plain(byte: u8) -> bool {
    matches!(byte, 0x20..0x80) && byte != b'"' && byte != b'\\'
}

/// Marks with its high bit each byte of `word` that is not plain. A borrow may mark a byte above a marked
/// one too, so only the lowest mark counts.
const fn special_bytes(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let control = word.wrapping_sub(ONES * 0x20) & !word;
    let quote = word ^ (ONES * b'"' as u64);
    let quote = quote.wrapping_sub(ONES) & !quote;
    let backslash = word ^ (ONES * b'\\' as u64);
    let backslash = backslash.wrapping_sub(ONES) & !backslash;
    (word | control | quote | backslash) & HIGH
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_byte_at_every_place_of_a_word_is_told_plain_or_not() {
        for neighbour in [b'a', 0x00, 0x1F, 0x20, b'"', b'\\', 0x7F, 0x80, 0xFF] {
            for place in 0..20 {
                for byte in 0..=u8::MAX {
                    let mut bytes = [b'a'; 24];
                    bytes[place] = byte;
                    bytes[place + 1..].fill(neighbour);
                    let expected = bytes.iter().take_while(|&&byte| is_plain(byte)).count();
                    assert_eq!(plain_run(&bytes), expected, "{bytes:?}");
                }
            }
        }
    }

    proptest! {
        #[test]
        fn utf8_is_judged_as_the_standard_library_does(bytes in proptest::collection::vec(
            prop_oneof![0x80_u8..=0xFF, Just(b'a'), Just(0xED), Just(0xE0), Just(0xF0), Just(0xF4)], 0..12,
        )) {
            let mut scan = StringScan::default();
            let mut text = Members::default();
            let quoted = [bytes.as_slice(), b"\""].concat();
            let verdict = scan.scan(&quoted, 0, 100, &mut text);
            match std::str::from_utf8(&bytes) {
                Ok(valid) => {
                    prop_assert_eq!(verdict, Ok(Some(b"".as_slice())));
                    prop_assert_eq!(scan.length() as usize, valid.chars().count());
                }
                Err(error) => {
                    let at = verdict.unwrap_err().offset();
                    let broken = error.valid_up_to() + error.error_len().unwrap_or(bytes.len() - error.valid_up_to());
                    // The library reports the sequence, we report the byte that breaks it.
                    prop_assert!(at >= error.valid_up_to() as u64 && at <= broken as u64);
                }
            }
        }
    }
}
