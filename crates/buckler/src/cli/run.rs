//! `buckler run`

use std::path::Path;

use buckler_gateway::workers::{self, Changes};
use buckler_policy::settings::{AppServer, Environment, Reload};
use clap::{Args, ValueEnum};

use super::app::{AppArguments, target};
use super::console::{Exit, Failure};
use super::coverage::{coverage, enforce, summary};
use super::policy::{PolicyArguments, set, warn};
use crate::serving::{self, App, Origin};

/// Starts a FastAPI app behind the gateway.
///
/// The app runs unchanged in worker processes on private sockets, served by the uvicorn or granian of its own
/// environment.
/// SIGHUP loads policy and certificate again without a restart, and replaces the workers one by one by new ones of the
/// app as it is now; with a mistake in any of them, the old ones stay. SIGUSR1 writes to the log how the
/// workers are, and what of the contract is used.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  buckler run main:app --dev\n  buckler run shop.main:app --policy buckler.toml --workers 4"
)]
pub(crate) struct Arguments {
    /// The app, as uvicorn writes it: `module:attribute`, or `module:factory()` [default: `app.target` of the policy]
    #[arg(value_name = "APP")]
    app: Option<String>,

    #[command(flatten)]
    policy: PolicyArguments,

    /// Address to listen on, in place of those of the policy; may be repeated
    #[arg(long, value_name = "ADDR")]
    listen: Vec<String>,

    /// Worker processes, in place of `app.workers`
    #[arg(long, value_name = "N")]
    workers: Option<String>,

    /// What serves the app in the workers [default: uvicorn, or granian where only that is installed]
    #[arg(long, value_enum)]
    server: Option<Server>,

    #[command(flatten)]
    run_with: AppArguments,

    /// Development: self-signed certificate, loopback names, docs open, errors shown, reload on change
    #[arg(long)]
    dev: bool,

    /// Replace the workers when a Python file of the app changes [default: in development]
    #[arg(long, overrides_with = "no_reload")]
    reload: bool,

    /// Leave the workers as they are until SIGHUP or a restart
    #[arg(long, overrides_with = "reload")]
    no_reload: bool,
}

/// What can run in a worker.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Server {
    Uvicorn,
    Granian,
}

impl From<Server> for AppServer {
    fn from(server: Server) -> Self {
        match server {
            Server::Uvicorn => Self::Uvicorn,
            Server::Granian => Self::Granian,
        }
    }
}

pub(super) fn run(arguments: Arguments, wheel: Option<&Path>) -> Result<Exit, Failure> {
    let inherited = serving::inherit()?;
    let mut overrides = Vec::new();
    overrides.extend(arguments.app.map(|app| set("app.target", "APP", app)));
    overrides.extend(arguments.workers.map(|workers| set("app.workers", "--workers", workers)));
    let server = arguments.server.map(AppServer::from);
    overrides.extend(server.map(|server| set("app.server", "--server", server.as_str())));
    overrides.extend(arguments.run_with.overrides());
    overrides.extend(arguments.reload.then(|| set("app.reload", "--reload", "on-change")));
    overrides.extend(arguments.no_reload.then(|| set("app.reload", "--no-reload", "off")));
    overrides.extend(front(&arguments.listen, arguments.dev));
    let source = arguments.policy.source(overrides)?;
    let mut loaded = source.load()?;
    warn(&loaded);
    let mut target = target(&loaded, wheel)?;
    target.given.extend(arguments.policy.given());
    let remote = serving::obtain_contract(&mut loaded.policy)?;
    // Before the app is imported, so that no change falls between.
    let changes = match loaded.policy.app.reload {
        Reload::OnChange => Some(Changes::since_now(target.app_dir.clone())),
        Reload::Off => None,
    };
    let survey =
        serving::block_on(async { workers::survey(&target, workers::START_DEADLINE).await.map_err(Failure::usage) })?;
    let facts = &survey.app;
    if loaded.policy.environment != Environment::Development {
        facts.deployable().map_err(Failure::usage)?;
    }
    facts.tell(&mut loaded.policy);
    let coverage = coverage(&loaded, &survey);
    enforce(&loaded, &coverage)?;
    let app = App::Workers { target, facts: Box::new(survey.app), coverage: summary(&coverage), changes };
    serving::serve(&loaded, Origin { source, remote }, app, inherited)
}

/// What `run` and `serve` have in common.
pub(super) fn front(listen: &[String], dev: bool) -> impl Iterator<Item = buckler_policy::Override> {
    let addresses = (!listen.is_empty()).then(|| set("server.listen", "--listen", listen.join(",")));
    let environment = dev.then(|| set("environment", "--dev", "development"));
    addresses.into_iter().chain(environment)
}
