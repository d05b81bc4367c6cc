//! What workers print: line by line, bounded, and harmless to a terminal.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::io::{self, BufRead};
use std::sync::{Mutex, PoisonError};

/// A line beyond this is cut: it is a dump and no message, and one worker must not fill the log.
const LONGEST_LINE: usize = 8 << 10;

/// Enough to hold a traceback of a server that died.
const TAIL_LINES: usize = 40;

/// A line, and how much of it was left out.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) text: String,
    pub(crate) omitted: usize,
}

/// The next line, or `None` at the end. Never holds more than [`LONGEST_LINE`] bytes of it.
pub(crate) fn read_line(from: &mut impl BufRead) -> io::Result<Option<Line>> {
    let mut kept = Vec::new();
    let mut omitted = 0;
    let mut any = false;
    loop {
        let buffer = match from.fill_buf() {
            Ok(buffer) => buffer,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if buffer.is_empty() {
            break;
        }
        any = true;
        let end = end_of_line(buffer);
        let part = buffer.get(..end.unwrap_or(buffer.len())).unwrap_or(buffer);
        let room = LONGEST_LINE.saturating_sub(kept.len()).min(part.len());
        let (fits, rest) = part.split_at_checked(room).unwrap_or((part, &[]));
        kept.extend_from_slice(fits);
        omitted += rest.len();
        let used = part.len() + usize::from(end.is_some());
        from.consume(used);
        if end.is_some() {
            break;
        }
    }
    if kept.last() == Some(&b'\r') {
        kept.pop();
    }
    Ok(any.then(|| Line { text: printable(&String::from_utf8_lossy(&kept)), omitted }))
}

fn end_of_line(buffer: &[u8]) -> Option<usize> {
    buffer.iter().position(|byte| *byte == b'\n')
}

/// The text with control characters escaped, tabs excepted: what an app logs may come from a client, and escape
/// sequences move the cursor of whoever reads the log (CWE-150).
pub fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() && character != '\t' {
            // Writing to a string cannot fail.
            write!(shown, "\\x{:02x}", u32::from(character)).ok();
        } else {
            shown.push(character);
        }
    }
    shown
}

/// The last lines that a process printed.
#[derive(Debug, Default)]
pub(crate) struct Tail(Mutex<VecDeque<String>>);

impl Tail {
    pub(crate) fn push(&self, line: String) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == TAIL_LINES {
            lines.pop_front();
        }
        lines.push_back(line);
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    fn lines(bytes: &[u8]) -> Vec<(String, usize)> {
        // A small buffer, so that lines span several reads.
        let mut from = BufReader::with_capacity(7, bytes);
        std::iter::from_fn(|| read_line(&mut from).unwrap()).map(|line| (line.text, line.omitted)).collect()
    }

    #[test]
    fn lines_of_all_sorts() {
        // R61
        let cases: &[(&[u8], &[&str])] = &[
            (b"\x1b]0;owned\x07\n", &["\\x1b]0;owned\\x07"]),
            (b"a\rb\x00c\x7f\n", &["a\\x0db\\x00c\\x7f"]),
            ("\u{9b}31m\n".as_bytes(), &["\\x9b31m"]),
            (b"\xff\xfe\n", &["\u{fffd}\u{fffd}"]),
            (b"", &[]),
            (b"\n\n", &["", ""]),
            (b"one\r\ntwo\nno end", &["one", "two", "no end"]),
            ("tab\tand Straße\n".as_bytes(), &["tab\tand Straße"]),
        ];
        for (bytes, wanted) in cases {
            let told: Vec<String> = lines(bytes).into_iter().map(|(text, _)| text).collect();
            assert_eq!(&told, wanted, "{bytes:?}");
        }
    }

    #[test]
    fn a_long_line_is_cut_and_the_next_one_is_whole() {
        let mut bytes = vec![b'x'; LONGEST_LINE + 1000];
        bytes.extend_from_slice(b"\nnext\n");
        assert_eq!(lines(&bytes), [("x".repeat(LONGEST_LINE), 1000), ("next".into(), 0)]);
    }

    #[test]
    fn the_tail_keeps_the_last() {
        let tail = Tail::default();
        for number in 0..100 {
            tail.push(number.to_string());
        }
        assert_eq!(tail.lines().len(), TAIL_LINES);
        assert_eq!(tail.lines().last().map(String::as_str), Some("99"));
    }
}
