//! `buckler run`

use buckler_gateway::workers;
use buckler_policy::settings::Environment;
use clap::{Args, ValueEnum};

use super::app::{AppArguments, target};
use super::console::{Exit, Failure};
use super::policy::{PolicyArguments, set, warn};
use crate::serving::{self, App};

/// Starts a FastAPI app behind the gateway.
///
/// The app runs unchanged in worker processes on private sockets, served by the uvicorn of its own environment.
/// SIGHUP loads policy and certificate again without a restart; with a mistake in them, the old ones stay.
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

    /// The server that runs in the workers
    #[arg(long, value_enum, default_value_t = Server::Uvicorn)]
    server: Server,

    #[command(flatten)]
    run_with: AppArguments,

    /// Development: self-signed certificate, loopback names, docs open, errors shown
    #[arg(long)]
    dev: bool,
}

/// What can run in a worker.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Server {
    Uvicorn,
}

pub(super) fn run(arguments: Arguments) -> Result<Exit, Failure> {
    let Server::Uvicorn = arguments.server;
    let mut overrides = Vec::new();
    overrides.extend(arguments.app.map(|app| set("app.target", "APP", app)));
    overrides.extend(arguments.workers.map(|workers| set("app.workers", "--workers", workers)));
    overrides.extend(arguments.run_with.overrides());
    overrides.extend(front(&arguments.listen, arguments.dev));
    let source = arguments.policy.source(overrides)?;
    let loaded = source.load()?;
    warn(&loaded);
    let target = target(&loaded)?;
    let facts =
        serving::block_on(async { workers::probe(&target, workers::START_DEADLINE).await.map_err(Failure::usage) })?;
    if loaded.policy.environment != Environment::Development {
        facts.deployable().map_err(Failure::usage)?;
    }
    serving::serve(&loaded, source, App::Workers { target, facts: Box::new(facts) })
}

/// What `run` and `serve` have in common.
pub(super) fn front(listen: &[String], dev: bool) -> impl Iterator<Item = buckler_policy::Override> {
    let addresses = (!listen.is_empty()).then(|| set("server.listen", "--listen", listen.join(",")));
    let environment = dev.then(|| set("environment", "--dev", "development"));
    addresses.into_iter().chain(environment)
}
