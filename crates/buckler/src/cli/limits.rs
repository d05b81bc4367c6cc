//! `buckler limits`

use std::fmt::Write as _;
use std::net::IpAddr;

use buckler_engine::{Counted, Engine, Who};
use buckler_limits::{Answer, Check, Moment};
use buckler_store::{Counters, Reach};
use buckler_tower::{SystemTime, Time as _};
use clap::{Args, Subcommand};
use serde::Serialize;

use super::console::{self, BAD, Exit, FAINT, Failure, GOOD, STRONG};
use super::policy::{PolicyArguments, set};
use crate::{serving, stores};

/// Looks at the counts of the policy's limits.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  buckler limits show 203.0.113.7\n  \
                        buckler limits show 203.0.113.7 route=\"POST /reports/{name}\" header:x-api-key=abc")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Show(ShowArguments),
}

/// Prints how a client stands under each limit that is counted by nothing but what is said of it. Nothing is charged.
#[derive(Debug, Args)]
struct ShowArguments {
    /// An address (`203.0.113.7`), `route=METHOD /template`, or `header:NAME=VALUE`; several together
    #[arg(value_name = "KEY", required = true, value_parser = part)]
    key: Vec<Part>,

    #[command(flatten)]
    policy: PolicyArguments,

    /// Print what was found as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone)]
enum Part {
    Ip(IpAddr),
    Route(String),
    Header(String, String),
}

const FORMS: &str = "an address (203.0.113.7), route=\"GET /items/{id}\", or header:x-api-key=VALUE";

fn part(text: &str) -> Result<Part, String> {
    if let Ok(address) = text.parse() {
        return Ok(Part::Ip(address));
    }
    match text.split_once('=') {
        Some(("ip", address)) => address.parse().map(Part::Ip).map_err(|_| format!("no address; write {FORMS}")),
        Some(("route", route)) => Ok(Part::Route(route.to_owned())),
        Some((name, value)) if name.starts_with("header:") => {
            Ok(Part::Header(name.trim_start_matches("header:").to_ascii_lowercase(), value.to_owned()))
        }
        // It may be a secret, so it is not repeated.
        _ => Err(format!("no key; write {FORMS}")),
    }
}

fn who(parts: &[Part]) -> Who {
    let mut who = Who::default();
    for part in parts {
        match part.clone() {
            Part::Ip(address) => who.ip = Some(address),
            Part::Route(route) => who.route = Some(route),
            Part::Header(name, value) => who.headers.push((name, value)),
        }
    }
    who
}

/// How a client stands under one limit.
#[derive(Debug, Serialize)]
struct Row {
    place: String,
    limit: String,
    /// Uses that are left; `None` where the store cannot be asked.
    remaining: Option<u64>,
    capacity: u64,
    /// Seconds until all is free.
    reset: Option<f64>,
}

pub(super) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let Command::Show(arguments) = &arguments.command;
    // Nothing is served, so what production asks for beside the limits may be missing.
    let source = arguments.policy.source(vec![set("environment", "buckler limits", "development")])?;
    let loaded = source.load()?;
    let counts = Engine::new(&loaded.policy).counts_of(&who(&arguments.key));
    if counts.is_empty() {
        return Err(Failure::usage(
            "no limit of the policy is counted by that alone\nhelp: `buckler check` lists the limits; name what they are \
             counted per: an address, route=\"GET /items/{id}\", header:x-api-key=VALUE",
        ));
    }
    let rows = serving::block_on(async {
        let opened = stores::open(&loaded.policy, Some(source.path()), None).await.map_err(Failure::usage)?;
        opened.probe().await.map_err(Failure::usage)?;
        let mut rows = Vec::new();
        for counted in counts {
            rows.push(row(&*opened.counters, counted).await);
        }
        Ok((opened.place, rows))
    });
    let (place, rows) = rows?;
    if arguments.json {
        console::print_json(&rows)?;
    } else {
        console::print(table(&place, &rows))?;
    }
    let is_used_up = rows.iter().any(|row| row.remaining.is_none_or(|remaining| remaining == 0));
    Ok(if is_used_up { Exit::Found } else { Exit::Fine })
}

async fn row(counters: &dyn Counters, counted: Counted) -> Row {
    let Counted { place, limit, check } = counted;
    let (capacity, check): (u64, [Check; 1]) = (check.allowance.capacity(), [check]);
    let answers = match counters.count(&check, Moment(SystemTime.now().0)) {
        Reach::Now(answers) => answers,
        Reach::Later(later) => later.await,
    };
    let standing = answers.first().and_then(Answer::standing);
    let reset = standing.map(|standing| standing.reset_after.as_secs_f64());
    Row { place, limit, remaining: standing.map(|standing| standing.remaining), capacity, reset }
}

fn table(place: &str, rows: &[Row]) -> String {
    let mut text = format!("{FAINT}counted in {place}{FAINT:#}");
    for row in rows {
        let Row { place, limit, remaining, capacity, reset } = row;
        let (colour, left) = match remaining {
            Some(0) => (BAD, "nothing left".to_owned()),
            Some(remaining) => (GOOD, format!("{remaining} of {capacity} left")),
            None => (BAD, "not known: the store does not answer".to_owned()),
        };
        let until = reset.filter(|reset| *reset > 0.0).map(|reset| format!(", all free in {reset:.0} s"));
        let until = until.unwrap_or_default();
        // Writing to a string does not fail.
        let _always = write!(text, "\n{STRONG}{limit}{STRONG:#} ({place}): {colour}{left}{colour:#}{until}");
    }
    text
}
