//! From a loaded policy and an app to a service: sockets first, then workers, then the report, then requests.
//!
//! The order matters. A port in use is told before an app is imported; the log is there before the first worker prints;
//! nothing is announced before an app is ready. At the end the other way round: requests first, then workers, then the
//! log's last lines.

mod announce;
mod manager;
mod reload;
mod remote;
mod signals;
mod usage;
mod workers;

use std::io;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use buckler_gateway::log::{Colour, Log, Writer};
use buckler_gateway::upstream::{Address, Endpoint, Endpoints, UpstreamSettings};
use buckler_gateway::workers::{AppFacts, Changes, Target};
use buckler_gateway::{Assembled, Behind, Inherited};
use buckler_policy::Loaded;
use buckler_policy::settings::Policy;
use buckler_store::Counters;

use crate::cli::console::{self, Exit, Failure, WEAK};
use crate::policy_source::PolicySource;
use crate::stores;
use tokio::task::JoinSet;

use reload::Reloads;
pub(crate) use remote::Remote;
use signals::Signals;
use workers::Workers;

/// What the log still gets at the end. A child of the app that lives on may hold its line open.
const LAST_LINES: Duration = Duration::from_secs(1);

/// Who answers admitted requests.
pub(crate) enum App {
    /// Workers of our own; `coverage` of their routes in a line, `changes` of whose source, if it is to be followed.
    Workers { target: Target, facts: Box<AppFacts>, coverage: String, changes: Option<Changes> },
    /// Something that runs elsewhere.
    Upstream(Vec<Address>),
}

/// Runs something that waits.
pub(crate) fn block_on<T>(future: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.map_err(|error| Failure::usage(format_args!("no threads could be started: {error}")))?.block_on(future)
}

/// Fetches the contract that the policy names an address for. Where it is only monitored, what is wrong is a warning.
pub(crate) fn obtain_contract(policy: &mut Policy) -> Result<Option<Remote>, Failure> {
    // Most policies name none, and need no threads for it.
    if !Remote::is_wanted(policy) {
        return Ok(None);
    }
    let remote = block_on(Remote::obtain(policy))?;
    if let Some(trouble) = remote.as_ref().and_then(Remote::trouble) {
        console::note(format_args!("{WEAK}warning{WEAK:#}: no contract: {trouble}"));
    }
    Ok(remote)
}

/// Sockets that a service manager hands over. To be called before anything else runs.
pub(crate) fn inherit() -> Result<Inherited, Failure> {
    Inherited::take().map_err(Failure::usage)
}

/// What SIGHUP loads again.
pub(crate) struct Origin {
    /// The policy.
    pub(crate) source: PolicySource,
    /// Its contract, if that has an address.
    pub(crate) remote: Option<Remote>,
}

/// Serves until a signal comes; SIGHUP loads from `origin` again.
pub(crate) fn serve(loaded: &Loaded, origin: Origin, app: App, inherited: Inherited) -> Result<Exit, Failure> {
    let colour = match anstream::AutoStream::choice(&io::stdout()) {
        anstream::ColorChoice::Never => Colour::Plain,
        anstream::ColorChoice::Always | anstream::ColorChoice::AlwaysAnsi | anstream::ColorChoice::Auto => Colour::Ansi,
    };
    let policy = &loaded.policy;
    let (log, writer) = Log::start(policy.log.access, policy.log.format, colour, io::stdout())?;
    let done = block_on(serve_until_signal(loaded, origin, app, inherited, log));
    finish(writer);
    done
}

/// Where limits are counted. A Redis that does not answer ends the start only where a limit could then let nobody pass.
async fn counters(policy: &Policy, source: &PolicySource, log: &Log) -> Result<Arc<dyn Counters>, Failure> {
    let told = log.clone();
    let on_change = stores::telling(move |incident| told.incident(incident));
    let opened = stores::open(policy, Some(source.path()), Some(on_change)).await.map_err(Failure::usage)?;
    if let Err(why) = opened.probe().await {
        if stores::needs_store(policy) {
            return Err(Failure::usage(format_args!(
                "limits cannot be counted: {why}\nhelp: start it, or say what becomes of limits without it: \
                 `store_down = \"local\"` counts on this machine"
            )));
        }
        console::note(format_args!("{WEAK}warning{WEAK:#}: {why}; until it answers, `store_down` decides"));
    }
    Ok(opened.counters)
}

async fn serve_until_signal(
    loaded: &Loaded,
    origin: Origin,
    app: App,
    inherited: Inherited,
    log: Log,
) -> Result<Exit, Failure> {
    let policy = &loaded.policy;
    let signals = Signals::listen()?;
    let (endpoints, behind) = match &app {
        App::Workers { .. } => (Endpoints::managed(), Behind::Workers),
        App::Upstream(addresses) => (fixed(addresses, policy), Behind::Upstream),
    };
    let counters = counters(policy, &origin.source, &log).await?;
    let assembled = Assembled::new(policy, endpoints.clone(), behind, counters, log.clone(), inherited);
    let assembled = assembled.await.map_err(Failure::usage)?;
    let workers = match &app {
        App::Workers { target, .. } => tokio::select! {
            started = Workers::start(target.clone(), policy, endpoints, log.clone()) => Some(Arc::new(started?)),
            () = signals.stop() => return Ok(Exit::Fine),
        },
        App::Upstream(_) => None,
    };
    let certificate = announce::announce(loaded, &app, &assembled)?;
    let reloads = Reloads {
        source: origin.source,
        remote: origin.remote,
        reloader: assembled.reloader(),
        provenance: loaded.provenance.clone(),
        policy: policy.clone(),
        workers: workers.clone(),
        certificate: certificate.as_ref().map(|folder| folder.path().join(announce::CERTIFICATE)),
        log: log.clone(),
    };
    let (layer, last_words) = (assembled.layer().clone(), log.clone());
    let usage_so_far = move || layer.engine().usage();
    let mut beside = JoinSet::new();
    beside.spawn(usage::follow(usage_so_far.clone(), signals.questions(), log.clone()));
    if let Some(workers) = &workers {
        beside.spawn(workers::tell(Arc::clone(workers), signals.questions(), log));
        if let App::Workers { changes: Some(changes), .. } = app {
            beside.spawn(workers::follow(Arc::clone(workers), changes));
        }
    }
    // Beside what serves, so that a large policy keeps no connection waiting.
    beside.spawn(reloads.follow(signals.hangups()));
    beside.spawn(manager::live());
    manager::ready();
    let stop = signals.stop();
    let told_to_stop = async move {
        stop.await;
        manager::stopping();
    };
    let served = tokio::select! {
        () = assembled.serve(told_to_stop) => true,
        () = signals.force() => false,
    };
    drop(beside);
    usage::tell(usage_so_far(), &last_words);
    if let Some(workers) = &workers {
        if served {
            tokio::select! {
                () = workers.stop() => {}
                () = signals.force() => {}
            }
        }
        workers.end().await;
    }
    Ok(Exit::Fine)
}

/// The endpoints that `--upstream` names.
fn fixed(addresses: &[Address], policy: &Policy) -> Endpoints {
    let settings = upstream_settings(policy);
    Endpoints::fixed(addresses.iter().map(|address| Endpoint::new(address.clone(), settings)).collect())
}

fn upstream_settings(policy: &Policy) -> UpstreamSettings {
    let timeouts = &policy.server.timeouts;
    UpstreamSettings { connect: timeouts.connect, first_byte: timeouts.upstream, ..UpstreamSettings::default() }
}

/// Lets the log write what it still has.
fn finish(writer: Writer) {
    let (done, finished) = mpsc::channel::<()>();
    let waiting = thread::Builder::new().name("log-end".to_owned()).spawn(move || {
        writer.finish();
        drop(done);
    });
    if waiting.is_ok() {
        // Ends when the other end is dropped, or with patience.
        finished.recv_timeout(LAST_LINES).ok();
    }
}
