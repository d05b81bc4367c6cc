//! HTTP messages as lines and bytes: no parser of the product has touched them.

use crate::case::escape;

/// A header field line, its name in lower case.
pub type Line = (String, Vec<u8>);

/// What the app received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// Method and target.
    pub start: String,
    /// Field lines in the order of arrival.
    pub lines: Vec<Line>,
    /// The body, its framing taken off.
    pub body: Vec<u8>,
    /// Whether the body came to its end.
    pub ended: bool,
}

/// What the client got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// Field lines in the order of arrival.
    pub lines: Vec<Line>,
    /// The body, its framing taken off.
    pub body: Vec<u8>,
    /// Whether the body came to its end.
    pub ended: bool,
}

/// Fields that belong to one connection, which the gateway writes itself and memory does not need.
const OF_THE_CONNECTION: &[&str] =
    &["connection", "keep-alive", "transfer-encoding", "te", "upgrade", "expect", "proxy-connection"];

/// Whether a field belongs to one connection alone (RFC 9110 §7.6.1).
pub fn is_of_the_connection(name: &str) -> bool {
    OF_THE_CONNECTION.contains(&name)
}

impl Answer {
    /// The connection ended without one.
    pub const NONE: Self = Self { status: 0, lines: Vec::new(), body: Vec::new(), ended: false };

    /// The values of a field.
    pub fn values(&self, name: &str) -> Vec<&[u8]> {
        values(&self.lines, name)
    }
}

/// The values of a field, in order.
pub fn values<'l>(lines: &'l [Line], name: &str) -> Vec<&'l [u8]> {
    lines.iter().filter(|(n, _)| n == name).map(|(_, value)| value.as_slice()).collect()
}

/// Splits a head at its line ends and takes its first line off; `None` if some other line is no field line.
pub fn split_head(head: &[u8]) -> Option<(&[u8], Vec<Line>)> {
    let head = head.strip_suffix(b"\r\n\r\n").unwrap_or(head);
    let mut rest = split_lines(head).into_iter();
    let start = rest.next()?;
    let lines = rest.map(split_field).collect::<Option<Vec<_>>>()?;
    Some((start, lines))
}

fn split_lines(head: &[u8]) -> Vec<&[u8]> {
    let mut lines = Vec::new();
    let mut rest = head;
    while let Some(at) = rest.windows(2).position(|pair| pair == b"\r\n") {
        let Some((line, after)) = rest.split_at_checked(at) else { break };
        lines.push(line);
        rest = after.get(2..).unwrap_or_default();
    }
    lines.push(rest);
    lines
}

fn split_field(line: &[u8]) -> Option<Line> {
    let colon = line.iter().position(|&byte| byte == b':')?;
    let (name, value) = line.split_at_checked(colon)?;
    let name = std::str::from_utf8(name).ok()?.to_ascii_lowercase();
    Some((name, value.get(1..)?.trim_ascii().to_vec()))
}

/// Shows lines for a complaint.
pub fn show_lines(lines: &[Line]) -> String {
    lines.iter().map(|(name, value)| ["\n    ", name, ": ", &escape(value)].concat()).collect()
}

/// Where a body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// After so many bytes.
    Length(usize),
    /// After the last chunk.
    Chunked,
    /// With the connection.
    Close,
}

/// What the field lines say of the body's end.
pub fn framing(lines: &[Line]) -> Option<Framing> {
    if let Some(coding) = values(lines, "transfer-encoding").first() {
        return coding.eq_ignore_ascii_case(b"chunked").then_some(Framing::Chunked);
    }
    match values(lines, "content-length").first() {
        Some(length) => std::str::from_utf8(length).ok()?.parse().ok().map(Framing::Length),
        None => Some(Framing::Close),
    }
}

/// Takes the framing off what has come of a body so far, and says whether it is whole.
pub fn unframe(framing: Framing, bytes: &[u8]) -> (Vec<u8>, bool) {
    match framing {
        Framing::Length(length) => (bytes.get(..length).unwrap_or(bytes).to_vec(), bytes.len() >= length),
        Framing::Close => (bytes.to_vec(), false),
        Framing::Chunked => unchunk(bytes),
    }
}

fn unchunk(mut bytes: &[u8]) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    loop {
        let Some(end) = bytes.windows(2).position(|pair| pair == b"\r\n") else { return (body, false) };
        let (size, after) = (bytes.get(..end).unwrap_or_default(), bytes.get(end + 2..).unwrap_or_default());
        let digits = size.split(|&byte| byte == b';').next().unwrap_or_default();
        let size = std::str::from_utf8(digits).ok().and_then(|d| usize::from_str_radix(d.trim(), 16).ok());
        let Some(size) = size else { return (body, false) };
        if size == 0 {
            let ended = after.starts_with(b"\r\n") || after.windows(4).any(|four| four == b"\r\n\r\n");
            return (body, ended);
        }
        body.extend_from_slice(after.get(..size.min(after.len())).unwrap_or_default());
        let Some(next) = after.get(size + 2..) else { return (body, false) };
        bytes = next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_end_where_they_end() {
        for (bytes, body, ended) in [
            (&b"3\r\nabc\r\n0\r\n\r\n"[..], &b"abc"[..], true),
            (b"3;x=1\r\nabc\r\n0\r\nx: 1\r\n\r\n", b"abc", true),
            (b"3\r\nabc\r\n0\r\n", b"abc", false),
            (b"3\r\nab", b"ab", false),
            (b"3\r\nabc\r\n", b"abc", false),
            (b"", b"", false),
            (b"zz\r\n", b"", false),
        ] {
            assert_eq!(unchunk(bytes), (body.to_vec(), ended), "{bytes:?}");
        }
    }

    #[test]
    fn a_head_is_split_without_being_understood() {
        let (start, lines) = split_head(b"GET / HTTP/1.1\r\nA:  1 \r\na: \x80\r\n\r\n").unwrap();
        assert_eq!(start, b"GET / HTTP/1.1");
        assert_eq!(lines, [("a".to_owned(), b"1".to_vec()), ("a".to_owned(), b"\x80".to_vec())]);
        assert!(split_head(b"GET / HTTP/1.1\r\nno field\r\n\r\n").is_none());
    }
}
