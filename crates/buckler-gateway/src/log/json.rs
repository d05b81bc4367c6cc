//! One JSON object a line, for machines.

use std::fmt::Display;
use std::net::IpAddr;

use buckler_engine::record::Outcome;
use buckler_engine::redact::Target;
use buckler_engine::stage::Finding;
use buckler_engine::{Reason, Record};
use buckler_schema::Changes;
use jiff::Timestamp;
use serde::{Serialize, Serializer};

use super::Entry;
use super::line::{Client, Incident, changed, level, note, outcome, severity};
use super::usage::Told;

#[derive(Serialize)]
struct Exchange<'a> {
    ts: Shown<Timestamp>,
    level: &'a str,
    event: &'a str,
    request_id: &'a str,
    client: Shown<Client>,
    scheme: &'a str,
    method: &'a str,
    host: Option<&'a str>,
    target: Shown<&'a Target>,
    status: u16,
    bytes_in: u64,
    bytes_out: u64,
    duration_us: u64,
    outcome: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    refusal: Option<Said<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    monitored: Vec<Said<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
}

/// What is written as it prints itself, without a text of its own in between.
struct Shown<T>(T);

impl<T: Display> Serialize for Shown<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// What a stage said.
#[derive(Serialize)]
struct Said<'a> {
    stage: &'a str,
    code: &'a str,
    status: u16,
    detail: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
}

impl<'a> From<&'a Finding> for Said<'a> {
    fn from(finding: &'a Finding) -> Self {
        let violation = &finding.violation;
        Self {
            stage: finding.stage.name(),
            code: violation.reason.code(),
            status: violation.reason.status().as_u16(),
            detail: &violation.detail,
            key: violation.key,
        }
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
    let written = match entry {
        Entry::Exchange(record) => serde_json::to_writer(out, &exchange(record)),
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
            serde_json::to_writer(out, &happened)
        }
    };
    // Text, numbers and lists of them always serialise, and memory takes all of it.
    written.ok();
}

fn exchange(record: &Record) -> Exchange<'_> {
    let (refusal, code) = match &record.outcome {
        Outcome::Refused(finding) => (Some(Said::from(&**finding)), None),
        Outcome::Failed(reason) => (None, Some(*reason)),
        _ => (None, None),
    };
    let failure = code.map(|reason| Said {
        stage: match reason {
            // What became of the request's body on its way in.
            Reason::MalformedRequest | Reason::Timeout => "client",
            _ => "upstream",
        },
        code: reason.code(),
        status: reason.status().as_u16(),
        detail: reason.title(),
        key: None,
    });
    Exchange {
        ts: Shown(
            i64::try_from(record.began.0).ok().and_then(|us| Timestamp::from_microsecond(us).ok()).unwrap_or_default(),
        ),
        level: level(severity(record)),
        event: "request",
        request_id: record.request_id.as_str(),
        client: Shown(Client(record.peer)),
        scheme: record.scheme.as_str(),
        method: record.method.as_str(),
        host: record.host.as_ref().and_then(|host| host.to_str().ok()),
        target: Shown(&record.target),
        status: record.status.as_u16(),
        bytes_in: record.bytes_in,
        bytes_out: record.bytes_out,
        duration_us: record.duration_micros(),
        outcome: outcome(record),
        refusal: refusal.or(failure),
        monitored: record.monitored.iter().map(|finding| Said::from(&**finding)).collect(),
        notes: record.notes.iter().map(|n| note(*n)).collect(),
    }
}
