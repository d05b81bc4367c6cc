//! `buckler contract`

use std::fmt::Write as _;
use std::path::Path;

use buckler_gateway::workers;
use buckler_schema::{Contract, Limits, Reading, Refused, Report};
use clap::Args;
use serde::Serialize;

use super::app::{AppArguments, target};
use super::console::{self, Exit, FAINT, Failure, GOOD, STRONG, WEAK};
use super::policy::{PolicyArguments, set};
use crate::{documents, serving};

/// Prints the contract that the app writes of itself, as JSON, whether or not clients may read it.
///
/// The app is imported as `run` would, in a process of its own, and serves nothing.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  buckler contract shop.main:app > openapi.json\n  \
                        buckler contract shop.main:app --check\n  buckler contract --check openapi.json")]
pub(crate) struct Arguments {
    /// The app: `module:attribute`, or `module:factory()` [default: `app.target` of the policy]
    #[arg(value_name = "APP")]
    app: Option<String>,

    #[command(flatten)]
    policy: PolicyArguments,

    #[command(flatten)]
    run_with: AppArguments,

    /// Compile the contract instead, and print its operations, what cannot be enforced, and ambiguous routes
    ///
    /// Of the app, or of a document in JSON (a file, or `-` for standard input). Exit code 1 if there is something to
    /// look at.
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "")]
    check: Option<String>,

    /// Print what was found as JSON
    #[arg(long, requires = "check")]
    json: bool,
}

pub(super) fn run(arguments: &Arguments, wheel: Option<&Path>) -> Result<Exit, Failure> {
    let Some(checked) = &arguments.check else {
        console::print(of_app(arguments, arguments.app.as_deref(), wheel)?)?;
        return Ok(Exit::Fine);
    };
    let document = match checked.as_str() {
        "" => of_app(arguments, arguments.app.as_deref(), wheel)?.into_bytes(),
        _ if arguments.app.is_some() => return Err(Failure::usage("an app and a document are both named; check one")),
        app if is_app(app) => of_app(arguments, Some(app), wheel)?.into_bytes(),
        file => of_file(file)?,
    };
    check(&document, arguments.json)
}

/// `module:attribute`, unless there is a file of that name.
fn is_app(named: &str) -> bool {
    named.contains(':') && !Path::new(named).exists()
}

fn of_app(arguments: &Arguments, app: Option<&str>, wheel: Option<&Path>) -> Result<String, Failure> {
    let mut overrides: Vec<_> = arguments.run_with.overrides().collect();
    overrides.extend(app.map(|app| set("app.target", "APP", app)));
    // Nothing is served, so what production asks for beside the app may be missing.
    overrides.push(set("environment", "buckler contract", "development"));
    let loaded = arguments.policy.load(overrides)?;
    let target = target(&loaded, wheel)?;
    serving::block_on(async { workers::contract(&target, workers::START_DEADLINE).await.map_err(Failure::usage) })
}

pub(super) fn of_file(file: &str) -> Result<Vec<u8>, Failure> {
    let read = if file == "-" { documents::of(std::io::stdin().lock()) } else { documents::of_file(Path::new(file)) };
    read.map_err(|error| Failure::usage(format_args!("`{file}` cannot be read: {error}")))
}

#[derive(Serialize)]
struct Faults<'r> {
    refused: &'r [buckler_schema::Fault],
}

fn check(document: &[u8], json: bool) -> Result<Exit, Failure> {
    let report = match Contract::compile(document, Reading::OF_THE_APP, &Limits::default()) {
        Ok(contract) => contract.report(),
        Err(Refused { faults }) if json => {
            console::print_json(&Faults { refused: &faults })?;
            return Ok(Exit::Found);
        }
        Err(refused) => {
            console::print(format_args!("{WEAK}the contract is refused{WEAK:#}\n{refused}"))?;
            return Ok(Exit::Found);
        }
    };
    if json {
        console::print_json(&report)?;
    } else {
        console::print(told(&report).trim_end())?;
    }
    Ok(if report.is_clean() { Exit::Fine } else { Exit::Found })
}

/// Places of one kind that are shown; `--json` has all of them.
const SHOWN: usize = 3;

fn told(report: &Report) -> String {
    let mut text = String::new();
    write_report(&mut text, report).unwrap_or_default();
    text
}

fn write_report(text: &mut String, report: &Report) -> std::fmt::Result {
    let operations = report.operations.len();
    writeln!(text, "{STRONG}{}{STRONG:#}, OpenAPI {}: {operations} operations", report.title, report.openapi)?;
    let longest = report.operations.iter().map(|line| line.path.chars().count()).max().unwrap_or_default().min(60);
    for line in &report.operations {
        let mut judged: Vec<String> = line
            .parameters
            .iter()
            .map(|(location, names)| format!("{} {}", format!("{location:?}").to_lowercase(), names.join(", ")))
            .collect();
        judged.extend((!line.bodies.is_empty()).then(|| format!("body {}", line.bodies.join(", "))));
        judged.extend((!line.answers.is_empty()).then(|| format!("answers {}", line.answers.join(", "))));
        judged.extend((!line.security.is_empty()).then(|| format!("security {}", line.security.join(" or "))));
        let judged = if judged.is_empty() { "nothing declared".to_owned() } else { judged.join("; ") };
        writeln!(text, "  {:<7} {:<longest$}  {FAINT}{judged}{FAINT:#}", line.method, line.path)?;
    }
    if !report.ambiguous.is_empty() {
        writeln!(text, "\n{WEAK}ambiguous{WEAK:#}")?;
        for found in &report.ambiguous {
            writeln!(text, "  {} and {} ({}): {}", found.first, found.second, found.methods.join(", "), found.why)?;
        }
    }
    if report.unenforced.is_empty() {
        return writeln!(text, "\n{GOOD}all that it says can be enforced{GOOD:#}");
    }
    writeln!(text, "\n{WEAK}not enforced{WEAK:#}")?;
    let mut kinds: Vec<(&str, &str, Vec<&str>)> = Vec::new();
    for gap in &report.unenforced {
        match kinds.iter_mut().find(|(what, why, _)| *what == gap.what && *why == gap.why) {
            Some((_, _, places)) => places.push(&gap.place),
            None => kinds.push((&gap.what, gap.why, vec![&gap.place])),
        }
    }
    for (what, why, places) in kinds {
        writeln!(text, "  {what}: {why}")?;
        for place in places.iter().take(SHOWN) {
            writeln!(text, "    {FAINT}{place}{FAINT:#}")?;
        }
        if places.len() > SHOWN {
            writeln!(text, "    {FAINT}and {} more places{FAINT:#}", places.len() - SHOWN)?;
        }
    }
    if report.further_unenforced > 0 {
        writeln!(text, "  and {} more", report.further_unenforced)?;
    }
    Ok(())
}
