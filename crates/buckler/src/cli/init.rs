//! `buckler init`

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use buckler_coverage::{Coverage, Documents};
use buckler_gateway::workers::{self, Survey, printable};
use buckler_policy::{Host, Sources};
use clap::Args;

use super::app::{AppArguments, target};
use super::console::{self, Exit, FAINT, Failure, STRONG};
use super::contract::of_file;
use super::policy::set;
use crate::draft::{Draft, IGNORED, KINDS, Material};
use crate::policy_source::USUAL_FILE;
use crate::serving;

/// The example of variables, beside the policy.
const ENVIRONMENT: &str = ".env.example";

/// Routes of one kind that are named.
const SHOWN: usize = 4;

/// Drafts a policy that fits an app, from its routes, its contract and its middlewares, and tells what was found.
///
/// Writes `buckler.toml` with comments, `.env.example`, and lines for `.gitignore`. Origins of a `CORSMiddleware` and
/// names of a `TrustedHostMiddleware` are carried over, limits of slowapi stand as comments. The app is imported as
/// `run` would, in a process of its own, and serves nothing.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  buckler init shop.main:app\n  buckler init --contract openapi.json --output deploy"
)]
pub(crate) struct Arguments {
    /// The app: `module:attribute`, or `module:factory()`
    #[arg(value_name = "APP", required_unless_present = "contract")]
    app: Option<String>,

    /// An `OpenAPI` document in JSON, in place of the one that the app writes of itself; `-` for standard input
    #[arg(long, value_name = "FILE")]
    contract: Option<String>,

    /// Folder that is written to [default: the current one]
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,

    /// Replace `buckler.toml` and `.env.example` if they are there
    #[arg(long)]
    force: bool,

    #[command(flatten)]
    run_with: AppArguments,
}

pub(super) fn run(arguments: &Arguments, wheel: Option<&Path>) -> Result<Exit, Failure> {
    let folder = arguments.output.clone().unwrap_or_else(|| PathBuf::from("."));
    // Before the app is imported, which may take a while.
    refuse_to_replace(arguments, &folder)?;
    let survey = arguments.app.as_deref().map(|app| look_at(arguments, app, wheel)).transpose()?;
    let documents = match &arguments.contract {
        Some(file) => of_document(file)?,
        None => survey.as_ref().map(Survey::documents).unwrap_or_default(),
    };
    let listed;
    let table = if let Some(survey) = &survey {
        &survey.table
    } else {
        listed = documents.table();
        &listed
    };
    let named = arguments.app.as_deref().or(arguments.contract.as_deref()).unwrap_or_default();
    let from = format!("`{named}`");
    let material = Material {
        target: arguments.app.as_deref(),
        app_dir: arguments.run_with.app_dir.as_deref(),
        from: &from,
        table,
        documents: &documents,
    };
    let draft = Draft::of(&material).map_err(|errors| Failure::usage(format_args!("the draft is wrong:\n{errors}")))?;
    fs::create_dir_all(&folder).map_err(|error| unwritten(&folder, &error))?;
    write(&folder.join(USUAL_FILE), &draft.policy, arguments.force)?;
    write(&folder.join(ENVIRONMENT), &draft.environment, arguments.force)?;
    let ignored = ignore(&folder.join(".gitignore"))?;
    tell(named, &draft, documents.fault())?;
    let added = if ignored == 0 { String::new() } else { format!(", {ignored} lines of .gitignore") };
    console::print(format_args!("\n{STRONG}wrote{STRONG:#} {USUAL_FILE}, {ENVIRONMENT}{added}"))?;
    let policy = folder.join(USUAL_FILE);
    let app = arguments.app.as_deref().map_or_else(String::new, |app| format!(" --app {app}"));
    console::print(format_args!("next: buckler check --policy {}{app}", policy.display()))?;
    Ok(Exit::Fine)
}

fn look_at(arguments: &Arguments, app: &str, wheel: Option<&Path>) -> Result<Survey, Failure> {
    // A policy that is there may be what is to be replaced, so nothing of it counts.
    let mut overrides: Vec<_> = arguments.run_with.overrides().collect();
    overrides.push(set("app.target", "APP", app));
    overrides.push(set("environment", "buckler init", "development"));
    let loaded = Sources::new(Host::Gateway).overrides(overrides).load();
    let loaded = loaded.map_err(|errors| Failure::diagnostics(errors.render(buckler_policy::Style::Coloured)))?;
    let target = target(&loaded, wheel)?;
    serving::block_on(async { workers::survey(&target, workers::START_DEADLINE).await.map_err(Failure::usage) })
}

fn of_document(file: &str) -> Result<Documents, Failure> {
    let bytes = of_file(file)?;
    let text = String::from_utf8(bytes).map_err(|_| Failure::usage(format_args!("`{file}` is not UTF-8")))?;
    let documents = Documents::read([Ok(text.as_str())]);
    match documents.fault() {
        Some(fault) => Err(Failure::usage(format_args!("the contract `{file}` is refused:\n{fault}"))),
        None => Ok(documents),
    }
}

fn refuse_to_replace(arguments: &Arguments, folder: &Path) -> Result<(), Failure> {
    let there: Vec<String> = [USUAL_FILE, ENVIRONMENT]
        .iter()
        .map(|name| folder.join(name))
        // A link that leads nowhere is there, too.
        .filter(|path| path.symlink_metadata().is_ok())
        .map(|path| format!("`{}`", path.display()))
        .collect();
    if arguments.force || there.is_empty() {
        return Ok(());
    }
    let verb = if there.len() == 1 { "is" } else { "are" };
    Err(Failure::usage(format_args!(
        "{} {verb} there already\nhelp: `--output DIR` writes elsewhere, `--force` replaces",
        there.join(" and ")
    )))
}

fn write(path: &Path, text: &str, replace: bool) -> Result<(), Failure> {
    let mut options = OpenOptions::new();
    options.write(true);
    // What has come since we looked is not replaced either.
    if replace {
        options.create(true).truncate(true)
    } else {
        options.create_new(true)
    };
    let written = options.open(path).and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| unwritten(path, &error))
}

/// Adds what is missing; how many lines.
fn ignore(path: &Path) -> Result<usize, Failure> {
    let there = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(unwritten(path, &error)),
    };
    let missing: Vec<&str> =
        IGNORED.iter().copied().filter(|line| !there.lines().any(|other| other.trim() == *line)).collect();
    if missing.is_empty() {
        return Ok(0);
    }
    let gap = if there.is_empty() || there.ends_with('\n') { "" } else { "\n" };
    let text = format!("{gap}{}\n", missing.join("\n"));
    let file: io::Result<File> = OpenOptions::new().create(true).append(true).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes())).map_err(|error| unwritten(path, &error))?;
    Ok(missing.len())
}

fn unwritten(path: &Path, error: &io::Error) -> Failure {
    Failure::usage(format_args!("`{}` cannot be written: {error}", path.display()))
}

fn tell(named: &str, draft: &Draft, fault: Option<&str>) -> Result<(), Failure> {
    let coverage: &Coverage = &draft.coverage;
    console::print(format_args!("{STRONG}{}{STRONG:#}: {}", printable(named), coverage.summary()))?;
    if let Some(fault) = fault {
        console::print(format_args!("  no contract: {}", printable(fault.lines().next().unwrap_or_default())))?;
    }
    for (ids, words) in KINDS {
        let of_kind: Vec<&str> = coverage
            .findings
            .iter()
            .filter(|finding| ids.contains(&finding.id))
            .map(|finding| finding.route.as_deref().unwrap_or("the app"))
            .collect();
        if of_kind.is_empty() {
            continue;
        }
        let more = if of_kind.len() > SHOWN { ", …" } else { "" };
        let names = printable(&of_kind.iter().take(SHOWN).copied().collect::<Vec<_>>().join(", "));
        console::print(format_args!("  {:>4} {words}  {FAINT}{names}{more}{FAINT:#}", of_kind.len()))?;
    }
    for line in &draft.carried {
        console::print(format_args!("  {}", printable(line)))?;
    }
    Ok(())
}
