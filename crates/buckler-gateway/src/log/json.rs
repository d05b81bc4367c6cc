//! One JSON object a line, for machines.

use std::fmt::Display;
use std::net::IpAddr;

use buckler_engine::json::{self, Object, quote};
use buckler_engine::record::Outcome;
use buckler_engine::stage::Finding;
use buckler_engine::{Reason, Record};
use buckler_schema::Changes;
use jiff::Timestamp;
use jiff::fmt::temporal::DateTimePrinter;
use serde::{Serialize, Serializer};

use super::Entry;
use super::line::{Client, Incident, changed, level, note, outcome, severity};
use super::usage::Told;

/// What is written as it prints itself, without a text of its own in between.
struct Shown<T>(T);

impl<T: Display> Serialize for Shown<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

#[derive(Serialize)]
struct Happened<'a> {
    ts: Shown<Timestamp>,
    level: &'a str,
    event: &'a str,
    what: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<Shown<IpAddr>>,
    #[serde(flatten)]
    changes: Option<&'a Changes>,
    #[serde(flatten)]
    usage: Option<Told<'a>>,
}

pub(super) fn line(out: &mut Vec<u8>, entry: &Entry) {
    match entry {
        Entry::Exchange(record) => exchange(out, record),
        Entry::Incident(incident) => {
            let words;
            let (event, what, peer, severity) = match incident {
                Incident::LinesDropped { count } => {
                    words = format!("{count} lines could not be written in time");
                    ("log", words.as_str(), None, buckler_engine::Severity::Error)
                }
                Incident::Connection { what, peer, severity } => ("connection", what.as_str(), *peer, *severity),
                Incident::Reload { what, severity } => ("reload", what.as_str(), None, *severity),
                Incident::Store { what, severity } => ("store", what.as_str(), None, *severity),
                Incident::Contract { changes } => {
                    words = changed(changes);
                    ("contract", words.as_str(), None, buckler_engine::Severity::Info)
                }
                Incident::Usage { usage } => {
                    words = Told::of(usage).words();
                    ("usage", words.as_str(), None, buckler_engine::Severity::Info)
                }
                Incident::Worker { what, severity } => ("worker", what.as_str(), None, *severity),
            };
            let client = peer.map(|peer| Shown(peer.ip().to_canonical()));
            let (changes, usage) = match incident {
                Incident::Contract { changes } => (Some(changes), None),
                Incident::Usage { usage } => (None, Some(Told::of(usage))),
                _ => (None, None),
            };
            let happened =
                Happened { ts: Shown(Timestamp::now()), level: level(severity), event, what, client, changes, usage };
            json::write(out, &happened);
        }
    }
}

fn exchange(out: &mut Vec<u8>, record: &Record) {
    let began = i64::try_from(record.began.0).ok().and_then(|micros| Timestamp::from_microsecond(micros).ok());
    let mut line = Object::begin(out);
    time(line.member("ts"), began.unwrap_or_default());
    line.text("level", level(severity(record)));
    line.text("event", "request");
    line.text("request_id", record.request_id.as_str());
    line.shown("client", Client(record.peer));
    line.text("scheme", record.scheme.as_str());
    line.text("method", record.method.as_str());
    match record.host.as_ref().and_then(|host| host.to_str().ok()) {
        Some(host) => line.text("host", host),
        None => line.member("host").extend_from_slice(b"null"),
    }
    line.shown("target", &record.target);
    line.number("status", record.status.as_u16().into());
    line.number("bytes_in", record.bytes_in);
    line.number("bytes_out", record.bytes_out);
    line.number("duration_us", record.duration_micros());
    line.text("outcome", outcome(record));
    match &record.outcome {
        Outcome::Refused(finding) => said(line.member("refusal"), finding),
        Outcome::Failed(reason) => failed(line.member("refusal"), *reason),
        _ => {}
    }
    if !record.monitored.is_empty() {
        line.list("monitored", &record.monitored, |out, finding| said(out, finding));
    }
    if !record.notes.is_empty() {
        line.list("notes", &record.notes, |out, of| quote(out, &note(*of)));
    }
    line.end();
}

/// As [`Timestamp`] prints itself, without the formatting machinery.
fn time(out: &mut Vec<u8>, time: Timestamp) {
    const PRINTER: DateTimePrinter = DateTimePrinter::new();
    out.push(b'"');
    // Memory takes all of it.
    PRINTER.print_timestamp(&time, &mut *out).ok();
    out.push(b'"');
}

/// What a stage said.
fn said(out: &mut Vec<u8>, Finding { stage, violation }: &Finding) {
    let mut said = Object::begin(out);
    said.text("stage", stage.name());
    said.text("code", violation.reason.code());
    said.number("status", violation.reason.status().as_u16().into());
    said.text("detail", &violation.detail);
    if let Some(key) = violation.key {
        said.text("key", key);
    }
    said.end();
}

/// What kept an answer from being given.
fn failed(out: &mut Vec<u8>, reason: Reason) {
    let mut said = Object::begin(out);
    let stage = match reason {
        // What became of the request's body on its way in.
        Reason::MalformedRequest | Reason::Timeout => "client",
        _ => "upstream",
    };
    said.text("stage", stage);
    said.text("code", reason.code());
    said.number("status", reason.status().as_u16().into());
    said.text("detail", reason.title());
    said.end();
}
