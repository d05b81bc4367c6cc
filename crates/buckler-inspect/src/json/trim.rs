//! Strings without the white space at their ends.

use smallvec::SmallVec;

use super::string::{hex_digit, plain_run};

/// Bytes of the longest way to write one character of white space: `\u2003`.
const LONGEST: usize = 6;

/// One string value that may span chunks, from behind its opening quote.
#[derive(Debug, Default)]
pub(super) struct Trimmer {
    /// Whether something other than white space has been written.
    begun: bool,
    /// White space that goes unless something follows it.
    held: Vec<u8>,
    /// The beginning of a character or an escape.
    partial: SmallVec<[u8; LONGEST]>,
    /// Whether anything was left out.
    shorter: bool,
}

impl Trimmer {
    /// Writes what stays. `Some` is the place of the closing quote; else the string goes on.
    pub(super) fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Option<usize> {
        let mut at = 0;
        while let Some((&byte, _)) = bytes.get(at..).and_then(<[u8]>::split_first) {
            if self.partial.is_empty() {
                if let Some(plain) = bytes.get(at..).and_then(|rest| rest.get(..plain_run(rest)))
                    && !plain.is_empty()
                {
                    self.plain(plain, out);
                    at += plain.len();
                    continue;
                }
                if byte == b'"' {
                    self.shorter |= !self.held.is_empty();
                    return Some(at);
                }
            }
            self.partial.push(byte);
            at += 1;
            if self.partial.len() == unit(&self.partial) {
                let partial = std::mem::take(&mut self.partial);
                if is_space(&partial) { self.space(&partial) } else { self.text(&partial, out) }
            }
        }
        None
    }

    /// Whether the string that has ended lost something.
    pub(super) const fn is_shorter(&self) -> bool {
        self.shorter
    }

    fn plain(&mut self, plain: &[u8], out: &mut Vec<u8>) {
        let end = plain.iter().rposition(|&byte| byte != b' ').map_or(0, |last| last + 1);
        let (text, space) = plain.split_at_checked(end).unwrap_or((plain, b""));
        if let Some(first) = text.iter().position(|&byte| byte != b' ') {
            let (before, text) = text.split_at_checked(first).unwrap_or((b"", text));
            self.space(before);
            self.text(text, out);
        }
        self.space(space);
    }

    fn space(&mut self, space: &[u8]) {
        if self.begun {
            self.held.extend_from_slice(space);
        } else {
            self.shorter |= !space.is_empty();
        }
    }

    fn text(&mut self, text: &[u8], out: &mut Vec<u8>) {
        self.begun = true;
        out.append(&mut self.held);
        out.extend_from_slice(text);
    }
}

/// How many bytes what has begun takes. Of what is no character or escape, each byte stands for itself.
fn unit(begun: &[u8]) -> usize {
    match begun {
        [b'\\', b'u', ..] => 6,
        [b'\\'] | [0xC2..=0xDF, ..] => 2,
        [0xE0..=0xEF, ..] => 3,
        [0xF0..=0xF4, ..] => 4,
        _ => begun.len(),
    }
}

/// What `str.isspace` of Python says of it.
fn is_space(written: &[u8]) -> bool {
    let character = match written {
        [b'\\', b'u', digits @ ..] => {
            let unit = digits.iter().try_fold(0, |unit, digit| Some((unit << 4) | u32::from(hex_digit(*digit)?)));
            unit.and_then(char::from_u32)
        }
        [b'\\', b'n' | b't' | b'r' | b'f'] => Some(' '),
        [b'\\', _] => None,
        _ => std::str::from_utf8(written).ok().and_then(|text| text.chars().next()),
    };
    character.is_some_and(|character| character.is_whitespace() || matches!(character, '\u{1C}'..='\u{1F}'))
}
