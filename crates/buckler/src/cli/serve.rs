//! `buckler serve`

use buckler_gateway::upstream::Address;
use clap::Args;

use super::console::{Exit, Failure};
use super::policy::{PolicyArguments, set, warn};
use super::run::front;
use crate::serving::{self, App, Origin};

/// Puts the gateway before an HTTP API that runs elsewhere.
///
/// SIGHUP loads policy, contract and certificate again without a restart; with a mistake in them, the old ones stay.
/// SIGUSR1 writes to the log what of the contract is used, and what is that it does not list.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  buckler serve --upstream http://127.0.0.1:8000 --dev\n  \
                  buckler serve --upstream unix:/run/app.sock --policy buckler.toml")]
pub(crate) struct Arguments {
    /// Where the app listens: `http://host:port`, `https://host:port` or `unix:/path`; may be repeated
    #[arg(long, value_name = "URL", required = true)]
    upstream: Vec<String>,

    #[command(flatten)]
    policy: PolicyArguments,

    /// The contract, an `OpenAPI` document in JSON, that requests are held to, in place of `contract.source`: a file, or
    /// an address (`https://…`)
    #[arg(long, value_name = "FILE|URL")]
    contract: Option<String>,

    /// Address to listen on, in place of those of the policy; may be repeated
    #[arg(long, value_name = "ADDR")]
    listen: Vec<String>,

    /// Development: self-signed certificate, loopback names, errors shown
    #[arg(long)]
    dev: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let inherited = serving::inherit()?;
    let addresses: Vec<Address> = arguments
        .upstream
        .iter()
        .map(|text| text.parse())
        .collect::<Result<_, _>>()
        .map_err(|error| Failure::usage(format_args!("--upstream: {error}")))?;
    let mut overrides: Vec<_> = front(&arguments.listen, arguments.dev).collect();
    if let Some(named) = &arguments.contract {
        let source = if named.contains("://") {
            named.clone()
        } else {
            // From the current folder, as every argument; the policy's own path begins at the policy.
            format!("file:{}", std::path::absolute(named)?.display())
        };
        overrides.push(set("contract.source", "--contract", source));
    }
    let source = arguments.policy.source(overrides)?;
    let mut loaded = source.load()?;
    warn(&loaded);
    let remote = serving::obtain_contract(&mut loaded.policy)?;
    serving::serve(&loaded, Origin { source, remote }, App::Upstream(addresses), inherited)
}
