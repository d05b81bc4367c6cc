//! What the app answers, what the client must get, and what the app must receive.

use serde_json::Value;

use super::Host;
use super::making::Making;
use super::request::body;
use super::text::unescape;
use crate::message::Line;

/// Something that may differ between hosts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PerHost<T> {
    pub(super) all: T,
    pub(super) tower: Option<T>,
    pub(super) gateway: Option<T>,
    pub(super) asgi: Option<T>,
}

impl<T> PerHost<T> {
    /// The one for this host.
    pub fn of(&self, host: Host) -> &T {
        match host {
            Host::Tower => self.tower.as_ref().unwrap_or(&self.all),
            Host::Gateway => self.gateway.as_ref().unwrap_or(&self.all),
            Host::Asgi => self.asgi.as_ref().unwrap_or(&self.all),
        }
    }
}

/// What the app does with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AppScript {
    /// It reads the request to its end and gives this answer.
    Answers {
        /// Status code.
        status: u16,
        /// Field lines; the length is added where it is not there.
        lines: Vec<Line>,
        /// Body.
        body: Vec<u8>,
        /// Sent in pieces of one half each, chunked.
        chunked: bool,
    },
    /// It reads the request and writes these bytes, then closes.
    Verbatim(Vec<u8>),
    /// It closes the connection without an answer.
    Fails,
}

/// What a client must get; what is not said is not compared.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ExpectedAnswer {
    /// Status code.
    pub status: Option<u16>,
    /// All lines of each field that is named here, in order.
    pub lines: Vec<Line>,
    /// Fields that must not be there.
    pub absent: Vec<String>,
    /// There must be no other field.
    pub exact: bool,
    /// The body.
    pub body: Body,
}

/// What a body must be.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Body {
    /// Anything.
    #[default]
    Any,
    /// These bytes.
    Exact(Vec<u8>),
    /// JSON with at least these members.
    Json(Value),
}

/// What the app must receive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExpectedReceipt {
    /// No request at all.
    Nothing,
    /// Each line and byte as it was sent, and the fields by which the app is told of its client.
    Unchanged,
    /// This.
    Exact {
        /// Method and target.
        start: String,
        /// All lines but those of the connection.
        lines: Vec<Line>,
        /// The body; `None` is as it was sent.
        body: Option<Vec<u8>>,
        /// Whether it comes to its end.
        ended: bool,
    },
}

struct Parts {
    directives: Vec<String>,
    first: String,
    lines: Vec<String>,
    body: Option<Vec<u8>>,
}

/// Directives, first line, lines up to a blank one, and what follows it.
fn split(block: &[String]) -> Result<Parts, String> {
    let mut directives = Vec::new();
    let mut rest = block.iter();
    let first = loop {
        match rest.next() {
            Some(line) => match line.strip_prefix('@') {
                Some(directive) => directives.push(directive.to_owned()),
                None => break line.clone(),
            },
            None if directives.is_empty() => return Err("the block is empty".to_owned()),
            None => break String::new(),
        }
    };
    let mut lines = Vec::new();
    let mut blank = false;
    for line in rest.by_ref() {
        if line.is_empty() {
            blank = true;
            break;
        }
        lines.push(line.clone());
    }
    let body = if blank { Some(body(&rest.map(String::as_str).collect::<Vec<_>>())?) } else { None };
    Ok(Parts { directives, first, lines, body })
}

fn field(line: &str) -> Result<Line, String> {
    let (name, value) = line.split_once(':').ok_or_else(|| format!("`{line}` is no field line"))?;
    if name.is_empty() || name.contains(' ') {
        return Err(format!("`{line}` is no field line"));
    }
    Ok((name.to_ascii_lowercase(), unescape(value.trim())?))
}

fn status(text: &str) -> Result<u16, String> {
    text.trim()
        .parse()
        .ok()
        .filter(|status| (100..600).contains(status))
        .ok_or_else(|| format!("`{text}` is no status"))
}

impl Default for AppScript {
    fn default() -> Self {
        let lines = vec![("content-type".to_owned(), b"text/plain".to_vec())];
        Self::Answers { status: 200, lines, body: b"hello".to_vec(), chunked: false }
    }
}

impl AppScript {
    pub(super) fn read(block: &[String]) -> Result<Self, String> {
        if block.first().is_some_and(|line| line == "@verbatim") {
            let lines = block.iter().skip(1).map(|line| unescape(line)).collect::<Result<Vec<_>, _>>()?;
            return Ok(Self::Verbatim(lines.join(&b"\r\n"[..])));
        }
        let Parts { directives, first, lines, body } = split(block)?;
        let mut chunked = false;
        let mut body = body.unwrap_or_default();
        for directive in &directives {
            if let Some(("coded", codings)) = directive.split_once(' ') {
                body = Making::read("coded", codings)?.apply(body)?;
                continue;
            }
            match directive.as_str() {
                "chunked" => chunked = true,
                "fails" if directives.len() == 1 && first.is_empty() => return Ok(Self::Fails),
                other => return Err(format!("`@{other}` is nothing that an app knows")),
            }
        }
        let lines = lines.iter().map(|line| field(line)).collect::<Result<_, _>>()?;
        Ok(Self::Answers { status: status(&first)?, lines, body, chunked })
    }
}

impl ExpectedAnswer {
    pub(super) fn read(block: &[String]) -> Result<Self, String> {
        let Parts { directives, first, lines, body } = split(block)?;
        let mut answer = Self { status: Some(status(&first)?), ..Self::default() };
        let mut json = false;
        for directive in directives {
            match directive.as_str() {
                "exact" => answer.exact = true,
                "json" => json = true,
                other => return Err(format!("`@{other}` is nothing that an answer knows")),
            }
        }
        for line in lines {
            match line.strip_prefix("absent:") {
                Some(name) => answer.absent.push(name.trim().to_ascii_lowercase()),
                None => answer.lines.push(field(&line)?),
            }
        }
        answer.body = match (body, json) {
            (None, false) => Body::Any,
            (Some(body), false) => Body::Exact(body),
            (Some(body), true) => {
                Body::Json(serde_json::from_slice(&body).map_err(|error| format!("the body is no JSON: {error}"))?)
            }
            (None, true) => return Err("`@json` needs a body".to_owned()),
        };
        Ok(answer)
    }
}

impl ExpectedReceipt {
    pub(super) fn read(block: &[String]) -> Result<Self, String> {
        match block {
            [word] if word == "nothing" => return Ok(Self::Nothing),
            [word] if word == "unchanged" => return Ok(Self::Unchanged),
            _ => {}
        }
        let Parts { directives, first, lines, body } = split(block)?;
        let (mut ended, mut as_sent) = (true, false);
        for directive in directives {
            match directive.as_str() {
                "unfinished" => ended = false,
                "body as sent" => as_sent = true,
                other => return Err(format!("`@{other}` is nothing that a receipt knows")),
            }
        }
        if first.split(' ').count() != 2 {
            return Err(format!("`{first}` is not `METHOD target`"));
        }
        let start = String::from_utf8(unescape(&first)?).map_err(|_| "the target is no text".to_owned())?;
        let lines = lines.iter().map(|line| field(line)).collect::<Result<_, _>>()?;
        let body = if as_sent { None } else { Some(body.unwrap_or_default()) };
        Ok(Self::Exact { start, lines, body, ended })
    }
}
