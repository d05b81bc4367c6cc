//! Lines for people who watch a terminal.

use std::io::{Result, Write};

use buckler_engine::record::Outcome;
use buckler_engine::stage::Finding;
use buckler_engine::{Record, Severity};

use super::Entry;
use super::line::{Client, Colour, Incident, changed, level, note, severity};
use super::usage::Told;

pub(super) fn line(out: &mut Vec<u8>, entry: &Entry, colour: Colour) {
    // Writing to memory cannot fail.
    let _infallible = match entry {
        Entry::Exchange(record) => exchange(out, record, colour),
        Entry::Incident(incident) => happened(out, incident, colour),
    };
}

fn exchange(out: &mut Vec<u8>, record: &Record, colour: Colour) -> Result<()> {
    let (on, off) = paint(severity(record), colour);
    write!(
        out,
        "{on}{}{off} {} {} {} {}",
        record.status.as_u16(),
        record.method,
        record.target,
        duration(record.duration_micros()),
        Client(record.peer),
    )?;
    match &record.outcome {
        Outcome::Refused(finding) => {
            out.extend_from_slice(b" refused by ");
            said(out, finding)?;
        }
        Outcome::Failed(reason) => write!(out, " failed: {}", reason.code())?,
        Outcome::Aborted => out.extend_from_slice(b" cut off"),
        _ => {}
    }
    for finding in &record.monitored {
        out.extend_from_slice(b" monitored: ");
        said(out, finding)?;
    }
    for noted in &record.notes {
        write!(out, " ({})", note(*noted))?;
    }
    write!(out, " id={}", record.request_id.as_str())
}

fn said(out: &mut Vec<u8>, finding: &Finding) -> Result<()> {
    let violation = &finding.violation;
    write!(out, "{}: {}, {}", finding.stage.name(), violation.reason.code(), violation.detail)?;
    violation.key.map_or(Ok(()), |key| write!(out, " [{key}]"))
}

fn happened(out: &mut Vec<u8>, incident: &Incident, colour: Colour) -> Result<()> {
    let words;
    let (what, peer, severity) = match incident {
        Incident::Contract { changes } => {
            words = changed(changes);
            (&words, None, Severity::Info)
        }
        Incident::Usage { usage } => {
            words = Told::of(usage).words();
            (&words, None, Severity::Info)
        }
        Incident::LinesDropped { count } => {
            let (on, off) = paint(Severity::Error, colour);
            return write!(out, "{on}error{off} log: {count} lines could not be written in time");
        }
        Incident::Connection { what, peer, severity } => (what, *peer, *severity),
        Incident::Reload { what, severity }
        | Incident::Store { what, severity }
        | Incident::Worker { what, severity } => (what, None, *severity),
    };
    let (on, off) = paint(severity, colour);
    write!(out, "{on}{}{off} {what}", level(severity))?;
    peer.map_or(Ok(()), |peer| write!(out, " ({})", peer.ip().to_canonical()))
}

fn duration(micros: u64) -> String {
    match micros {
        0..1_000 => format!("{micros}µs"),
        1_000..1_000_000 => format!("{}.{}ms", micros / 1_000, micros % 1_000 / 100),
        _ => format!("{}.{}s", micros / 1_000_000, micros % 1_000_000 / 100_000),
    }
}

const fn paint(severity: Severity, colour: Colour) -> (&'static str, &'static str) {
    match (colour, severity) {
        (Colour::Plain, _) => ("", ""),
        (Colour::Ansi, Severity::Info) => ("\x1b[32m", "\x1b[0m"),
        (Colour::Ansi, Severity::Warning) => ("\x1b[33m", "\x1b[0m"),
        (Colour::Ansi, Severity::Error) => ("\x1b[31m", "\x1b[0m"),
    }
}
