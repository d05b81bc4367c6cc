//! The supervisor of the workers, and the endpoints that the gateway sends requests to.

use std::num::{NonZeroU16, NonZeroU32};
use std::sync::Arc;
use std::time::Duration;

use buckler_engine::Severity;
use buckler_gateway::log::{Incident, Log};
use buckler_gateway::upstream::{Endpoints, UpstreamSettings};
use buckler_gateway::workers::{
    AppFacts, Changes, Debug, EndpointEvent, Fault, Notice, Plan, Recycle, Supervisor, Target, WorkersConfig,
};
use buckler_policy::settings::{Environment, Policy};

use tokio::sync::watch;

use super::upstream_settings;
use crate::cli::console::Failure;

/// Idle connections to a worker are kept for so long: a worker never closes one by itself (`workers::KEEP_ALIVE`), so
/// they may outlast a pause between two bursts.
const POOL_IDLE: Duration = Duration::from_mins(1);

/// Workers whose endpoints come and go with them.
#[derive(Debug)]
pub(super) struct Workers(Supervisor);

impl Workers {
    /// Returns when the first is ready.
    pub(super) async fn start(
        target: Target,
        policy: &Policy,
        endpoints: Endpoints,
        log: Log,
    ) -> Result<Self, Failure> {
        let config = WorkersConfig {
            plan: plan(policy),
            drain: policy.server.timeouts.drain,
            upstream: UpstreamSettings { pool_idle: POOL_IDLE, ..upstream_settings(policy) },
            ..WorkersConfig::new(target)
        };
        let follow = move |event| match event {
            EndpointEvent::Ready { endpoint, .. } => endpoints.add(&endpoint),
            EndpointEvent::Gone { endpoint, .. } => endpoints.remove(&endpoint),
        };
        let tell = move |notice: &Notice<'_>| {
            // What an app prints is not ours, and stands in our log all the same.
            let what = buckler_engine::redact::text(&notice.to_string()).into_owned();
            log.incident(Incident::Worker { what, severity: severity(notice) });
        };
        Supervisor::start(config, follow, tell).await.map(Self).map_err(Failure::usage)
    }

    /// Follows another policy, and replaces them one by one.
    pub(super) fn reload(&self, policy: &Policy) {
        self.0.reload(plan(policy));
    }

    /// Why the app may not be served outside development.
    pub(super) fn deployable(&self) -> Result<(), Fault> {
        self.0.deployable()
    }

    /// Tells the policy what the app is, as it serves now and as it is about to.
    pub(super) fn tell_app(&self, policy: &mut Policy) {
        let next = self.0.app().borrow().clone();
        for app in self.0.apps().into_iter().chain(next) {
            app.tell(policy);
        }
    }

    /// Changes when a worker tells of another app than the one before.
    pub(super) fn app(&self) -> watch::Receiver<Option<Arc<AppFacts>>> {
        self.0.app()
    }

    /// Lets them finish.
    pub(super) async fn stop(&self) {
        self.0.stop().await;
    }

    /// Ends who is left.
    pub(super) async fn end(&self) {
        self.0.kill();
        self.0.stop().await;
    }
}

/// Says how they are whenever the count grows.
pub(super) async fn tell(workers: Arc<Workers>, mut questions: watch::Receiver<u32>, log: Log) {
    while questions.changed().await.is_ok() {
        for status in workers.0.status() {
            log.incident(Incident::Worker { what: status.to_string(), severity: Severity::Info });
        }
    }
}

/// Replaces them whenever the app's source changes.
pub(super) async fn follow(workers: Arc<Workers>, mut changes: Changes) {
    loop {
        let files = changes.next().await;
        workers.0.changed(&files);
    }
}

fn plan(policy: &Policy) -> Plan {
    let app = &policy.app;
    Plan {
        workers: NonZeroU16::new(app.workers).unwrap_or(NonZeroU16::MIN),
        concurrency: NonZeroU32::new(app.concurrency),
        recycle: Recycle { requests: app.max_requests, age: app.max_age, memory: app.max_memory },
        debug: match policy.environment {
            Environment::Development => Debug::Allowed,
            Environment::Production | Environment::Staging => Debug::Refused,
        },
    }
}

fn severity(notice: &Notice<'_>) -> Severity {
    match notice {
        Notice::Died { .. } | Notice::NotReplaced { .. } => Severity::Error,
        Notice::Killed { .. } | Notice::MemoryUnread { .. } => Severity::Warning,
        _ => Severity::Info,
    }
}
