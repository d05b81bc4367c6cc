//! `buckler check`

use std::path::Path;

use buckler_engine::Engine;
use buckler_engine::report::{Control, State};
use buckler_gateway::workers::{self, AppFacts, Fault};
use buckler_policy::Loaded;
use buckler_policy::settings::Environment;
use clap::Args;
use serde_json::{Value, json};

use super::app::{AppArguments, target};
use super::console::{self, Exit, FAINT, Failure, GOOD, STRONG, WEAK};
use super::policy::{PolicyArguments, set, warn};
use crate::policy_source::PolicyFailure;
use crate::serving;

/// Checks the policy, and tells what is enforced, monitored and off.
///
/// With an app it is imported as `run` would, and checked for what must not be deployed.
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
    let app = arguments.app.is_some().then(|| look_at(&loaded, wheel)).transpose()?;
    if let Some(Ok(facts)) = &app {
        facts.tell_docs(&mut loaded.policy);
    }
    let controls = Engine::new(&loaded.policy).controls().to_vec();
    if arguments.json {
        console::print_json(&as_json(&loaded, &controls, app.as_ref()))?;
    } else {
        warn(&loaded);
        console::print(report(&loaded, &controls))?;
        if let Some(app) = &app {
            console::print(about(app))?;
        }
    }
    Ok(if matches!(app, Some(Err(_))) { Exit::Found } else { Exit::Fine })
}

/// Imports the app. What is wrong with it is a finding.
fn look_at(loaded: &Loaded, wheel: Option<&Path>) -> Result<Result<AppFacts, Fault>, Failure> {
    let target = target(loaded, wheel)?;
    serving::block_on(async {
        let found = workers::probe(&target, workers::START_DEADLINE).await;
        let deployed = loaded.policy.environment != Environment::Development;
        Ok(found.and_then(|facts| if deployed { facts.deployable().map(|()| facts) } else { Ok(facts) }))
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

fn about(app: &Result<AppFacts, Fault>) -> String {
    match app {
        Ok(facts) => {
            let docs = if facts.docs_paths.is_empty() { "none".to_owned() } else { facts.docs_paths.join(", ") };
            let cors = if facts.own_cors { "brings a CORSMiddleware" } else { "no CORSMiddleware" };
            let title = facts.title.as_deref().unwrap_or("untitled");
            format!(
                "{STRONG}app{STRONG:#}: {title} ({}, Python {}, {} {}); docs: {docs}; {cors}",
                facts.framework, facts.python, facts.server, facts.server_version
            )
        }
        Err(fault) => format!("{STRONG}app{STRONG:#}: {fault}"),
    }
}

fn as_json(loaded: &Loaded, controls: &[Control], app: Option<&Result<AppFacts, Fault>>) -> Value {
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
            Ok(facts) => json!({"facts": facts}),
            Err(fault) => json!({"fault": fault}),
        };
        all.insert("app".to_owned(), told);
    }
    all
}
