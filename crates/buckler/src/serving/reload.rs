//! SIGHUP: the policy and the certificate are loaded again while requests go on, and with a policy that is good the
//! workers are replaced one by one, so that new code of the app is picked up.
//!
//! A contract that has an address goes the same way whenever there is a newer one at it (`remote`).
//!
//! A mistake changes nothing but the log, which gets one line for each, with its place. What the log is told is names of
//! keys and masked messages, never values.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use buckler_engine::Severity;
use buckler_gateway::Reloader;
use buckler_gateway::log::{Incident, Log};
use buckler_gateway::workers::AppFacts;
use buckler_policy::settings::{Environment, Mode, Policy, Requests};
use buckler_policy::{Diagnostic, Loaded, Provenance};
use buckler_schema::Changes;
use tokio::sync::watch;

use super::manager;
use super::remote::{News, Remote};
use super::workers::Workers;
use crate::policy_source::{PolicyFailure, PolicySource};

/// What a reload needs to know of the start.
pub(super) struct Reloads {
    pub(super) source: PolicySource,
    /// The contract, if it has an address.
    pub(super) remote: Option<Remote>,
    pub(super) reloader: Reloader,
    /// What the policy in force said of each key.
    pub(super) provenance: Provenance,
    /// The policy in force as it was read.
    pub(super) policy: Policy,
    /// The app's workers, if they are ours.
    pub(super) workers: Option<Arc<Workers>>,
    /// Where clients were told that the self-signed certificate is.
    pub(super) certificate: Option<PathBuf>,
    pub(super) log: Log,
}

impl Reloads {
    /// Reloads whenever the count grows. Signals that come during a reload are one more reload.
    pub(super) async fn follow(mut self, mut hangups: watch::Receiver<u32>) {
        let mut app = self.workers.as_ref().map(|workers| workers.app());
        if let Some(app) = &mut app {
            app.borrow_and_update();
        }
        if *hangups.borrow_and_update() > 0 {
            self.reload().await;
        }
        loop {
            tokio::select! {
                changed = hangups.changed() => match changed {
                    Ok(()) => self.reload().await,
                    Err(_) => return,
                },
                () = heard_of(&mut app) => self.follow_app().await,
                news = next_of(&mut self.remote) => self.follow_document(news).await,
            }
        }
    }

    /// The docs of another app may be elsewhere: they are closed, or open, before it serves (R10).
    async fn follow_app(&self) {
        let mut policy = self.policy.clone();
        self.complete(&mut policy, self.remote.as_ref());
        match self.reloader.reload(&policy).await {
            Ok(reloaded) => self.tell_contract(reloaded.contract),
            Err(error) => {
                let what = format!("the contract and the docs of the app stay as they were: {error}");
                self.tell(&what, Severity::Error);
            }
        }
    }

    /// Another contract is swapped in; workers and certificate stay as they are.
    async fn follow_document(&mut self, news: News) {
        let document = match news {
            News::Nothing => return,
            News::Trouble(trouble) => {
                return self.tell(&format!("the contract stays as it was: {trouble}"), Severity::Error);
            }
            News::Recovered => return self.tell("the contract's document can be had again", Severity::Info),
            News::Renewed(document) => document,
        };
        let mut policy = self.policy.clone();
        self.complete(&mut policy, None);
        policy.contract.document = Some(document.clone());
        let reloaded = self.reloader.reload(&policy).await.map_err(|error| error.to_string());
        let Some(remote) = &mut self.remote else { return };
        match reloaded {
            Ok(reloaded) => {
                remote.keep(document);
                self.tell_contract(reloaded.contract);
            }
            Err(error) => {
                remote.reject(error.clone());
                self.tell(&format!("the contract stays as it was: {error}"), Severity::Error);
            }
        }
    }

    /// What the policy as it was read does not say: what the app is, and what is at the contract's address.
    fn complete(&self, policy: &mut Policy, remote: Option<&Remote>) {
        if let Some(workers) = &self.workers {
            workers.tell_app(policy);
        }
        if let Some(document) = remote.and_then(Remote::document) {
            policy.contract.document = Some(document.clone());
        }
    }

    /// The document of another policy, if it has an address: as it is now, or as it was last where it is the same
    /// address. With what should be known about it.
    async fn fetch(&self, policy: &Policy) -> Result<(Option<Remote>, Option<String>), Vec<String>> {
        let Some(mut remote) = Remote::of(policy).await else { return Ok((None, None)) };
        let Some(trouble) = remote.trouble() else { return Ok((Some(remote), None)) };
        let before = self.remote.as_ref().filter(|before| before.serves(policy)).and_then(Remote::document);
        match before {
            Some(document) => remote.keep(document.clone()),
            None if policy.contract.requests == Requests::Judged(Mode::Enforce) => return Err(vec![trouble]),
            None => {}
        }
        Ok((Some(remote), Some(format!("no newer contract: {trouble}"))))
    }

    async fn reload(&mut self) {
        manager::reloading();
        self.try_to().await;
        manager::ready();
    }

    async fn try_to(&mut self) {
        match self.attempt().await {
            Ok(what) => self.tell(&what, Severity::Info),
            Err(mistakes) => {
                for mistake in mistakes {
                    self.tell(&format!("not reloaded, the old policy stays: {mistake}"), Severity::Error);
                }
            }
        }
    }

    async fn attempt(&mut self) -> Result<String, Vec<String>> {
        let one = |mistake: &dyn std::fmt::Display| vec![mistake.to_string()];
        let source = self.source.clone();
        let read = tokio::task::spawn_blocking(move || source.load()).await.map_err(|error| one(&error))?;
        let Loaded { mut policy, provenance, warnings } = read.map_err(mistakes)?;
        let read = policy.clone();
        if let Some(workers) = self.workers.as_ref().filter(|_| policy.environment != Environment::Development) {
            workers.deployable().map_err(|fault| one(&fault))?;
        }
        let (remote, warning) = self.fetch(&policy).await?;
        self.complete(&mut policy, remote.as_ref());
        let reloaded = self.reloader.reload(&policy).await.map_err(|error| one(&error))?;

        if let Some(workers) = &self.workers {
            workers.reload(&policy);
        }
        (self.policy, self.remote) = (read, remote);
        for warning in warnings.iter().map(line).chain(reloaded.warnings).chain(warning) {
            self.tell(&warning, Severity::Warning);
        }
        self.tell_contract(reloaded.contract);
        if let (Some(file), Some(pem)) = (&self.certificate, &reloaded.certificate_pem)
            && let Err(error) = fs::write(file, pem)
        {
            let what = format!("the new certificate cannot be written to {}: {error}", file.display());
            self.tell(&what, Severity::Warning);
        }
        let changed = changed(&self.provenance, &provenance, &reloaded.needs_restart);
        self.provenance = provenance;
        Ok(summary(&changed, &reloaded.needs_restart, &reloaded.renewed))
    }

    fn tell_contract(&self, changes: Changes) {
        if !changes.is_empty() {
            self.log.incident(Incident::Contract { changes });
        }
    }

    fn tell(&self, what: &str, severity: Severity) {
        // One incident is one line, whatever a name in it holds.
        let what = what.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
        let what = what.collect::<Vec<_>>().join(" ");
        self.log.incident(Incident::Reload { what, severity });
    }
}

async fn next_of(remote: &mut Option<Remote>) -> News {
    match remote {
        Some(remote) => remote.next().await,
        None => std::future::pending().await,
    }
}

async fn heard_of(app: &mut Option<watch::Receiver<Option<Arc<AppFacts>>>>) {
    let heard = match app {
        Some(app) => app.changed().await.is_ok(),
        None => false,
    };
    if !heard {
        std::future::pending::<()>().await;
    }
}

fn mistakes(failure: PolicyFailure) -> Vec<String> {
    match failure {
        PolicyFailure::Unread(why) => vec![why],
        PolicyFailure::Wrong(errors) => errors.iter().map(line).collect(),
    }
}

/// Place, message and mend in one line.
fn line(diagnostic: &Diagnostic) -> String {
    let place = diagnostic.place().map(|place| format!("{place}: ")).unwrap_or_default();
    let mend = diagnostic.mend().map(|mend| format!("; help: {mend}")).unwrap_or_default();
    format!("{place}{}{mend}", diagnostic.message())
}

/// The keys that have another value and take effect, in the order of the reference.
fn changed(before: &Provenance, after: &Provenance, needs_restart: &[&str]) -> Vec<&'static str> {
    let tls_waits = needs_restart.contains(&"server.tls.mode");
    let waits = |key: &str| needs_restart.contains(&key) || (tls_waits && key.starts_with("server.tls."));
    let other = |key: &str, value: &str| before.setting(key).is_none_or(|setting| setting.value != value);
    let found = after.iter().filter(|setting| other(setting.key, &setting.value) && !waits(setting.key));
    found.map(|setting| setting.key).collect()
}

fn summary(changed: &[&str], needs_restart: &[&str], renewed: &[&str]) -> String {
    let mut text = match changed {
        [] => "policy reloaded: no key changed".to_owned(),
        [key] => format!("policy reloaded: 1 key changed ({key})"),
        keys => format!("policy reloaded: {} keys changed ({})", keys.len(), keys.join(", ")),
    };
    if !renewed.is_empty() {
        text += "; new ";
        text += &renewed.join(", ");
    }
    if !needs_restart.is_empty() {
        text += "; needs a restart: ";
        text += &needs_restart.join(", ");
    }
    text
}

#[cfg(test)]
mod tests {
    use buckler_policy::{Host, Sources};

    use super::*;

    fn provenance(lines: &str) -> Provenance {
        let text = format!("environment = \"development\"\n{lines}");
        Sources::new(Host::Gateway).file("t.toml", text).load().unwrap().provenance
    }

    // R09
    #[test]
    fn what_changed_is_named_without_what_waits() {
        let old = "[server]\nhosts = [\"a.example\"]\n";
        for (new, needs_restart, keys) in [
            (old, &[][..], &[][..]),
            ("# moved\n\n[server]\nhosts = [\"a.example\"]\n", &[], &[]),
            ("[server]\nhosts = [\"b.example\"]\n", &[], &["server.hosts"]),
            ("[server]\nhosts = [\"a.example\"]\nmax_connections = 7", &["server.max_connections"], &[]),
            (
                "[server]\nhosts = [\"a.example\"]\n[server.tls]\ncertificate = \"file:a\"\nkey = \"file:b\"",
                &["server.tls.mode"],
                &[],
            ),
            (
                "[content]\nmax_body = \"1KiB\"\n[server]\nhosts = [\"b.example\"]",
                &[],
                &["server.hosts", "content.max_body"],
            ),
        ] {
            assert_eq!(changed(&provenance(old), &provenance(new), needs_restart), keys, "{new}");
        }
    }

    #[test]
    fn a_reload_is_told_in_a_line() {
        for (changed, restart, renewed, text) in [
            (&[][..], &[][..], &[][..], "policy reloaded: no key changed"),
            (&["a"], &[], &["certificate"], "policy reloaded: 1 key changed (a); new certificate"),
            (&["a", "b"], &["c"], &[], "policy reloaded: 2 keys changed (a, b); needs a restart: c"),
        ] {
            assert_eq!(summary(changed, restart, renewed), text);
        }
    }

    // R61
    #[test]
    fn a_mistake_is_told_with_its_place_and_no_secret() {
        let text = "[server]\nhost = [\"a.example\"]\n[server.tls]\nkey = \"CANARY-7d1f\"\n";
        let errors = Sources::new(Host::Gateway).file("t.toml", text).load().unwrap_err();
        let told = mistakes(PolicyFailure::Wrong(errors)).join("\n");
        assert!(told.contains("t.toml:2:1: ") && told.contains("did you mean `hosts`?"), "{told}");
        assert!(told.contains("t.toml:4:") && !told.contains("CANARY"), "{told}");
    }
}
