//! `buckler check`

use std::path::Path;

use buckler_coverage::Coverage;
use buckler_engine::Engine;
use buckler_engine::report::{Control, State};
use buckler_gateway::workers::{self, AppFacts, Fault, Survey, printable};
use buckler_policy::Loaded;
use buckler_policy::settings::Environment;
use clap::Args;
use serde_json::{Value, json};

use super::app::{AppArguments, target};
use super::console::{self, Exit, FAINT, Failure, GOOD, STRONG, WEAK};
use super::coverage::{Told, coverage};
use super::policy::{PolicyArguments, set, warn};
use crate::policy_source::PolicyFailure;
use crate::serving;

/// Checks the policy, and tells what is enforced, monitored and off.
///
/// With an app it is imported as `run` would, and checked for what must not be deployed; and a table of every route
/// shows what authenticates, authorises, limits, bounds and filters it (docs/coverage.md tells what each id means).
/// Exit code 1 if a route is not covered; what may stay is silenced under `[[contract.silence]]` with its reason.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  buckler check --policy buckler.toml --app shop.main:app")]
pub(crate) struct Arguments {
    #[command(flatten)]
    policy: PolicyArguments,

    /// The app to look at: `module:attribute`, or `module:factory()`
    #[arg(long, value_name = "APP")]
    app: Option<String>,

    #[command(flatten)]
    run_with: AppArguments,

    /// Check as `run --dev` would start
    #[arg(long)]
    dev: bool,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments, wheel: Option<&Path>) -> Result<Exit, Failure> {
    let mut overrides: Vec<_> = arguments.run_with.overrides().collect();
    overrides.extend(arguments.app.iter().map(|app| set("app.target", "--app", app)));
    overrides.extend(arguments.dev.then(|| set("environment", "--dev", "development")));
    let mut loaded = match arguments.policy.load(overrides) {
        Ok(loaded) => loaded,
        Err(PolicyFailure::Wrong(errors)) if arguments.json => {
            console::print_json(&json!({"valid": false, "errors": errors}))?;
            return Ok(Exit::Usage);
        }
        Err(failure) => return Err(failure.into()),
    };
    serving::obtain_contract(&mut loaded.policy)?;
    let app = arguments.app.is_some().then(|| look_at(&loaded, wheel)).transpose()?;
    if let Some(Ok(survey)) = &app {
        survey.app.tell(&mut loaded.policy);
    }
    let app = app.map(|survey| survey.map(|survey| (coverage(&loaded, &survey), survey.app)));
    let controls = Engine::new(&loaded.policy).controls().to_vec();
    if arguments.json {
        console::print_json(&as_json(&loaded, &controls, app.as_ref()))?;
    } else {
        warn(&loaded);
        console::print(report(&loaded, &controls))?;
        match &app {
            Some(Ok((coverage, facts))) => console::print(format_args!("{}\n\n{}", about(facts), Told(coverage)))?,
            Some(Err(fault)) => console::print(format_args!("{STRONG}app{STRONG:#}: {fault}"))?,
            None => {}
        }
    }
    Ok(match app {
        Some(Err(_)) => Exit::Found,
        Some(Ok((coverage, _))) if coverage.errors().next().is_some() => Exit::Found,
        Some(Ok(_)) | None => Exit::Fine,
    })
}

/// Imports the app. What is wrong with it is a finding.
fn look_at(loaded: &Loaded, wheel: Option<&Path>) -> Result<Result<Survey, Fault>, Failure> {
    let target = target(loaded, wheel)?;
    serving::block_on(async {
        let found = workers::survey(&target, workers::START_DEADLINE).await;
        let deployed = loaded.policy.environment != Environment::Development;
        Ok(found.and_then(|found| if deployed { found.app.deployable().map(|()| found) } else { Ok(found) }))
    })
}

/// One line for each control: whether it acts, on what, and where that is set.
pub(crate) fn report(loaded: &Loaded, controls: &[Control]) -> String {
    let lines = controls.iter().map(|control| {
        let style = match control.state {
            State::Enforced => GOOD,
            State::Monitored | State::Off => WEAK,
        };
        let (state, name) = (control.state.as_str(), control.stage.name());
        let origin = loaded.provenance.of(control.key).map_or_else(String::new, |origin| format!(", {origin}"));
        let (detail, key) = (&control.detail, control.key);
        format!("{style}{state:<9}{style:#} {STRONG}{name:<11}{STRONG:#} {detail} {FAINT}({key}{origin}){FAINT:#}")
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Where requests are held to less than the app's document says, because its models take more; nothing if nowhere.
pub(crate) fn read_widely(facts: &AppFacts) -> Option<String> {
    let further = match facts.read_widely_count.saturating_sub(facts.read_widely.len()) {
        0 => String::new(),
        further => format!("\n  and {further} more"),
    };
    let named: Vec<String> = facts.read_widely.iter().map(|place| printable(place)).collect();
    let count = facts.read_widely_count;
    (count > 0).then(|| {
        let named = named.join("\n  ");
        format!("{WEAK}{count} places where the app takes more than its document says{WEAK:#}\n  {named}{further}")
    })
}

fn about(facts: &AppFacts) -> String {
    let docs = if facts.docs_paths.is_empty() { "none".to_owned() } else { facts.docs_paths.join(", ") };
    let cors = if facts.own_cors { "brings a CORSMiddleware" } else { "no CORSMiddleware" };
    let title = facts.title.as_deref().unwrap_or("untitled");
    let widely = read_widely(facts).map(|told| format!("\n{told}")).unwrap_or_default();
    format!(
        "{STRONG}app{STRONG:#}: {title} ({}, Python {}, {} {}); docs: {docs}; {cors}{widely}",
        facts.framework, facts.python, facts.server, facts.server_version
    )
}

fn as_json(loaded: &Loaded, controls: &[Control], app: Option<&Result<(Coverage, AppFacts), Fault>>) -> Value {
    let controls: Vec<Value> = controls
        .iter()
        .map(|control| {
            json!({
                "stage": control.stage.name(),
                "state": control.state.as_str(),
                "detail": control.detail,
                "key": control.key,
            })
        })
        .collect();
    let settings: Vec<_> = loaded.provenance.iter().collect();
    let mut all = json!({"valid": true, "warnings": loaded.warnings, "controls": controls, "settings": settings});
    if let (Some(app), Some(all)) = (app, all.as_object_mut()) {
        let told = match app {
            Ok((coverage, facts)) => {
                json!({"facts": facts, "coverage": {"summary": coverage.summary(), "found": coverage}})
            }
            Err(fault) => json!({"fault": fault}),
        };
        all.insert("app".to_owned(), told);
    }
    all
}
