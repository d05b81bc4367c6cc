//! What a case sends.

use buckler_http::connection::Scheme;

use super::making::Making;
use super::text::unescape;
use crate::message::{Line, values};

/// A request, as bytes and as the lines that they are made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestSpec {
    /// Address of the client, or `local` for none.
    pub peer: String,
    /// Plain or under TLS.
    pub scheme: Scheme,
    /// The request line.
    pub start: Vec<u8>,
    /// Field lines; names in lower case.
    pub lines: Vec<Line>,
    /// The head as it is sent.
    pub head: Vec<u8>,
    /// The pieces of the body, without framing.
    pub pieces: Vec<Vec<u8>>,
    /// The body as it is sent, framing included.
    pub wire_body: Vec<u8>,
    /// The body is not what its head says, on purpose.
    pub raw: bool,
    /// So often the same was sent before, by the same client; what came of it is not looked at.
    pub before: usize,
}

impl RequestSpec {
    /// The body without framing.
    pub fn body(&self) -> Vec<u8> {
        self.pieces.concat()
    }

    /// Method and target, where the request line has three parts.
    pub fn method_and_target(&self) -> Option<(&[u8], &[u8], &[u8])> {
        let mut parts = self.start.split(|&byte| byte == b' ');
        let parts = (parts.next()?, parts.next()?, parts.next()?, parts.next());
        match parts {
            (method, target, version, None) => Some((method, target, version)),
            _ => None,
        }
    }

    /// Reads a block.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub(super) fn read(block: &[String]) -> Result<Self, String> {
        let mut peer = "127.0.0.1".to_owned();
        let mut scheme = Scheme::Http;
        let mut sizes = Vec::new();
        let mut raw = false;
        let mut before = 0;
        let mut making = Vec::new();
        let mut rest = block.iter();
        let mut start = None;
        for line in rest.by_ref() {
            let Some(directive) = line.strip_prefix('@') else {
                start = Some(line);
                break;
            };
            let (word, value) = directive.split_once(' ').unwrap_or((directive, ""));
            match (word, value) {
                ("peer", value) if value == "local" || value.parse::<std::net::IpAddr>().is_ok() => {
                    value.clone_into(&mut peer);
                }
                ("scheme", "https") => scheme = Scheme::Https,
                ("chunks", sizes_text) => {
                    let read = sizes_text.split(' ').map(str::parse).collect::<Result<Vec<usize>, _>>();
                    sizes = read.map_err(|_| format!("`{sizes_text}` are no sizes of chunks"))?;
                }
                ("raw", "") => raw = true,
                ("before", times) => {
                    before = times.parse().map_err(|_| format!("`{times}` is no number of requests"))?;
                }
                ("coded" | "cut" | "flip" | "append", value) => making.push(Making::read(word, value)?),
                _ => return Err(format!("`@{directive}` is nothing that a request knows")),
            }
        }
        let start = unescape(start.ok_or("the request is empty")?)?;
        let mut head_lines = Vec::new();
        for line in rest.by_ref().take_while(|line| !line.is_empty()) {
            head_lines.push(unescape(line)?);
        }
        let body = body(&rest.map(String::as_str).collect::<Vec<_>>())?;
        let body = making.iter().try_fold(body, |body, making| making.apply(body))?;
        for line in &mut head_lines {
            if line.eq_ignore_ascii_case(b"content-length: auto") {
                *line = format!("Content-Length: {}", body.len()).into_bytes();
            }
        }
        let head = [vec![start.clone()], head_lines.clone(), vec![Vec::new(), Vec::new()]].concat().join(&b"\r\n"[..]);
        let lines = crate::message::split_head(&head).map(|(_, lines)| lines);
        let lines = lines
            .ok_or_else(|| "a line of the head is no field line".to_owned())
            .or_else(|message| if raw { Ok(Vec::new()) } else { Err(message) })?;
        let pieces = cut(body, &sizes)?;
        let chunked = !values(&lines, "transfer-encoding").is_empty() && !raw;
        let wire_body = if chunked { chunk(&pieces) } else { pieces.concat() };
        let spec = Self { peer, scheme, start, lines, head, pieces, wire_body, raw, before };
        spec.check()?;
        Ok(spec)
    }

    /// What would hang a socket is a mistake of the case's author, unless said to be on purpose.
    fn check(&self) -> Result<(), String> {
        let length = self.body().len();
        let lengths = values(&self.lines, "content-length");
        let framed = !values(&self.lines, "transfer-encoding").is_empty();
        match lengths.as_slice() {
            _ if self.raw => Ok(()),
            [] if length > 0 && !framed => Err("the body has no length; write `Content-Length: auto`".to_owned()),
            [one] if !framed && *one != length.to_string().as_bytes() => {
                Err(format!("the body has {length} bytes; write `@raw` if the head is to say otherwise"))
            }
            _ => Ok(()),
        }
    }
}

/// The lines of a body; between them stands a line feed.
pub(super) fn body(lines: &[&str]) -> Result<Vec<u8>, String> {
    let lines = lines.iter().map(|line| unescape(line)).collect::<Result<Vec<_>, _>>()?;
    Ok(lines.join(&b'\n'))
}

fn cut(body: Vec<u8>, sizes: &[usize]) -> Result<Vec<Vec<u8>>, String> {
    if sizes.is_empty() {
        return Ok(if body.is_empty() { Vec::new() } else { vec![body] });
    }
    if sizes.iter().sum::<usize>() != body.len() || sizes.contains(&0) {
        return Err(format!("the chunks do not make the {} bytes of the body", body.len()));
    }
    let mut rest = body.as_slice();
    let mut pieces = Vec::new();
    for &size in sizes {
        let (piece, after) = rest.split_at_checked(size).ok_or("the chunks are longer than the body")?;
        pieces.push(piece.to_vec());
        rest = after;
    }
    Ok(pieces)
}

fn chunk(pieces: &[Vec<u8>]) -> Vec<u8> {
    let mut wire = Vec::new();
    for piece in pieces {
        wire.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
        wire.extend_from_slice(piece);
        wire.extend_from_slice(b"\r\n");
    }
    wire.extend_from_slice(b"0\r\n\r\n");
    wire
}
