//! Another policy and certificate for a gateway that serves.
//!
//! Rules, in order:
//! 1. Everything new is built beside what serves; only when all of it is good is it swapped in. A mistake changes
//!    nothing.
//! 2. What sockets, workers and the log were made with stays as it was ([`Reloaded::needs_restart`]); the rest takes
//!    effect.
//! 3. A plain listener stays plain only where the new policy may be served so: plain HTTP outside development is for
//!    named proxies (the rule of `server.tls.mode`).
//! 4. A self-signed certificate lives on until its names change: clients were told to trust that one.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use buckler_policy::settings::{Environment, Policy, Tls as TlsPolicy};
use buckler_schema::Changes;
use buckler_tower::BucklerLayer;
use tokio::sync::Mutex;

use crate::assembly::{AssemblyError, with_known_port};
use crate::tls::{Identity, Shown, Tls, TlsError};

/// Operations of each kind that a change of the contract names: what fits a line of the log. The others are counted.
const MOST_NAMED: usize = 20;

/// Swaps policy and certificate of a gateway that serves. Clones reload the same gateway, one after the other.
#[derive(Debug, Clone)]
pub struct Reloader {
    layer: BucklerLayer,
    tls: Option<Tls>,
    proxies_named: Arc<AtomicBool>,
    taken: Arc<[SocketAddr]>,
    serving: Arc<Mutex<Serving>>,
}

/// What is in force.
#[derive(Debug)]
struct Serving {
    /// The policy, with what could not change since the start.
    policy: Policy,
    shown: Option<Shown>,
}

/// What a reload did.
#[derive(Debug)]
#[non_exhaustive]
pub struct Reloaded {
    /// Keys whose new value does not take effect before a restart, in the order of the reference.
    pub needs_restart: Vec<&'static str>,
    /// The chain that clients are shown from now on, if it is another one.
    pub certificate_pem: Option<String>,
    /// What else clients are shown or asked for, in words.
    pub renewed: Vec<&'static str>,
    /// Operations of the contract that are judged in another way from now on.
    pub contract: Changes,
    /// What the operator should know about the certificate, in words.
    pub warnings: Vec<String>,
}

impl Reloader {
    pub(crate) fn new(
        policy: &Policy,
        layer: BucklerLayer,
        tls: Option<(Tls, Shown)>,
        proxies_named: Arc<AtomicBool>,
        taken: Vec<SocketAddr>,
    ) -> Self {
        let (tls, shown) = tls.unzip();
        let serving = Serving { policy: policy.clone(), shown };
        Self { layer, tls, proxies_named, taken: taken.into(), serving: Arc::new(Mutex::new(serving)) }
    }

    /// Judges requests and shakes hands by `policy` from now on. Requests, connections and tunnels under way are
    /// finished as they began.
    ///
    /// # Errors
    /// What is wrong with the certificate, or that the policy cannot be served without a restart; then nothing has
    /// changed.
    pub async fn reload(&self, policy: &Policy) -> Result<Reloaded, AssemblyError> {
        let mut serving = self.serving.lock().await;
        let (effective, needs_restart) = keep_fixed(policy, &serving.policy);
        let exposed = matches!(effective.server.tls, TlsPolicy::Off)
            && !matches!(policy.server.tls, TlsPolicy::Off)
            && effective.environment != Environment::Development
            && effective.server.trusted_proxies.is_empty();
        if exposed {
            return Err(AssemblyError::NeedsRestart { key: "server.tls.mode" });
        }
        let identity = match &self.tls {
            Some(tls) => next_identity(&effective, &serving).await?.map(|identity| (tls, identity)),
            None => None,
        };
        let known = with_known_port(&effective, &self.taken);
        let engine = crate::assembly::engine(known.as_ref().unwrap_or(&effective))?;

        // From here on nothing can fail.
        let contract = engine.contract_changes(&self.layer.engine(), MOST_NAMED);
        let mut reloaded =
            Reloaded { needs_restart, certificate_pem: None, renewed: Vec::new(), contract, warnings: Vec::new() };
        if let Some((tls, identity)) = identity {
            reloaded.warnings.clone_from(&identity.warnings);
            reloaded.renewed = match &serving.shown {
                Some(before) => identity.shown.changes(before),
                None => vec!["certificate"],
            };
            // What is the same stays, and with it the keys of its tickets: sessions of before can be resumed.
            if !reloaded.renewed.is_empty() {
                tls.replace(&identity);
                serving.shown = Some(identity.shown);
                reloaded.certificate_pem = Some(identity.certificate_pem);
            }
        }
        self.proxies_named.store(!effective.server.trusted_proxies.is_empty(), Ordering::Relaxed);
        self.layer.reload(engine);
        serving.policy = effective;
        Ok(reloaded)
    }
}

/// `None` where the one that is shown goes on.
async fn next_identity(next: &Policy, serving: &Serving) -> Result<Option<Identity>, TlsError> {
    let now = &serving.policy;
    let both_self_signed =
        matches!((&next.server.tls, &now.server.tls), (TlsPolicy::SelfSigned, TlsPolicy::SelfSigned));
    let asked = next.server.client_certificates.is_some() || now.server.client_certificates.is_some();
    // Clients of development were told to trust that one; whom they are asked for is made with it.
    if both_self_signed && hosts(next) == hosts(now) && !asked {
        return Ok(None);
    }
    Identity::of(next, serving.shown.as_ref(), SystemTime::now()).await
}

fn hosts(policy: &Policy) -> Vec<String> {
    policy.server.hosts.iter().map(ToString::to_string).collect()
}

/// `next` with what cannot change taken from `now`, and the keys that this concerns.
fn keep_fixed(next: &Policy, now: &Policy) -> (Policy, Vec<&'static str>) {
    let mut kept = next.clone();
    let mut keys = Vec::new();
    macro_rules! keep {
        ($($key:literal: $($field:ident).+;)*) => {$(
            if kept.$($field).+ != now.$($field).+ {
                kept.$($field).+.clone_from(&now.$($field).+);
                keys.push($key);
            }
        )*};
    }
    keep! {
        // The workers.
        "app.target": app.target;
        "app.server": app.server;
        "app.reload": app.reload;
        "app.app_dir": app.app_dir;
        "app.python": app.python;
        // The sockets.
        "server.listen": server.listen;
        "server.http_redirect": server.http_redirect;
        "server.max_connections": server.max_connections;
        "server.http2": server.http2;
    }
    if matches!(kept.server.tls, TlsPolicy::Off) != matches!(now.server.tls, TlsPolicy::Off) {
        kept.server.tls.clone_from(&now.server.tls);
        keys.push("server.tls.mode");
    }
    keep! {
        "server.timeouts.header": server.timeouts.header;
        "server.timeouts.body": server.timeouts.body;
        "server.timeouts.body_rate": server.timeouts.body_rate;
        "server.timeouts.idle": server.timeouts.idle;
        "server.timeouts.upstream": server.timeouts.upstream;
        "server.timeouts.connect": server.timeouts.connect;
        "server.timeouts.drain": server.timeouts.drain;
        // The parser before the engine has its own copy.
        "server.limits.headers": server.limits.headers;
        "server.limits.head": server.limits.head;
        "server.limits.streams": server.limits.streams;
        // The store of the limits.
        "store.state": store.state;
        "store.name": store.name;
        "store.path": store.path;
        "store.keys": store.keys;
        "store.keep": store.keep;
        "store.secret": store.secret;
        "store.ca": store.ca;
        "store.timeout": store.timeout;
        "store.lease": store.lease;
        // The writing thread.
        "log.format": log.format;
        "log.access": log.access;
    }
    (kept, keys)
}

#[cfg(test)]
mod tests {
    use buckler_engine::Engine;
    use buckler_policy::{Host, Sources};

    use super::*;

    fn policy(lines: &str) -> Policy {
        let text = format!("environment = \"development\"\n{lines}");
        Sources::new(Host::Gateway).file("t.toml", text).load().unwrap().policy
    }

    // R09
    #[test]
    fn what_was_made_at_start_is_kept_and_named() {
        let start = policy("");
        for (lines, keys) in [
            ("", &[][..]),
            ("[server]\nhosts = [\"api.example.com\"]", &[]),
            ("[server.tls]\nmode = \"off\"", &["server.tls.mode"]),
            ("[server.tls]\ncertificate = \"file:a\"\nkey = \"file:b\"", &[]),
            (
                "[server]\nlisten = [\"127.0.0.1:1\"]\nmax_connections = 7\nhttp_redirect = \"127.0.0.1:2\"",
                &["server.listen", "server.http_redirect", "server.max_connections"],
            ),
            ("[server.timeouts]\nidle = \"1s\"\ndrain = \"1s\"", &["server.timeouts.idle", "server.timeouts.drain"]),
            ("[server.limits]\nheaders = 11\ntarget = 999", &["server.limits.headers"]),
            ("[app]\ntarget = \"a:b\"\nworkers = 9", &["app.target"]),
            ("[log]\nformat = \"json\"\naccess = \"refusals\"", &["log.format", "log.access"]),
        ] {
            let (kept, named) = keep_fixed(&policy(lines), &start);
            assert_eq!(named, keys, "{lines}");
            // What was kept is the old value, so a second look finds nothing.
            assert_eq!(keep_fixed(&kept, &start).1, [""; 0], "{lines}");
        }
    }

    // R09
    #[test]
    fn what_can_change_is_the_new_value() {
        let next =
            policy("[server]\nhosts = [\"api.example.com\"]\nmax_connections = 7\n[server.limits]\ntarget = 999");
        let (kept, _) = keep_fixed(&next, &policy(""));
        assert_eq!(hosts(&kept), ["api.example.com"]);
        assert_eq!(kept.server.limits.target, 999);
        assert_ne!(kept.server.max_connections, 7);
    }

    fn reloader(start: &Policy, tls: Option<(Tls, Shown)>) -> Reloader {
        let layer = BucklerLayer::new(Engine::new(start));
        Reloader::new(start, layer, tls, Arc::default(), Vec::new())
    }

    // R09
    #[tokio::test]
    async fn a_self_signed_certificate_lives_until_the_hosts_change() {
        let start = policy("");
        let made = Identity::of(&start, None, SystemTime::now()).await.unwrap().unwrap();
        let reloader = reloader(&start, Some((Tls::new(&made), made.shown)));
        let again = reloader.reload(&policy("[content]\nmax_body = \"1KiB\"")).await.unwrap();
        assert_eq!(again.certificate_pem, None);
        let named = policy("[server]\nhosts = [\"api.example.com\"]");
        assert!(reloader.reload(&named).await.unwrap().certificate_pem.is_some());
        assert_eq!(reloader.reload(&named).await.unwrap().certificate_pem, None);
    }

    // R08, R09
    #[tokio::test]
    async fn a_certificate_that_cannot_be_read_changes_nothing() {
        let start = policy("");
        let made = Identity::of(&start, None, SystemTime::now()).await.unwrap().unwrap();
        let reloader = reloader(&start, Some((Tls::new(&made), made.shown)));
        let before = reloader.layer.engine();
        let lines =
            "[server]\nhosts = [\"a.example\"]\n[server.tls]\ncertificate = \"file:/nowhere/a\"\nkey = \"file:b\"";
        let error = reloader.reload(&policy(lines)).await.unwrap_err().to_string();
        assert!(error.contains("server.tls.certificate") && error.contains("/nowhere/a"), "{error}");
        assert!(Arc::ptr_eq(&before, &reloader.layer.engine()));
        assert_eq!(hosts(&reloader.serving.lock().await.policy), hosts(&start));
    }

    // R08
    #[tokio::test]
    async fn a_plain_listener_does_not_stay_open_under_a_policy_that_wants_tls() {
        let text = "[server]\nhosts = [\"a.example\"]\ntrusted_proxies = [\"10.0.0.1\"]\n[server.tls]\nmode = \"off\"";
        let load = |text: &str| Sources::new(Host::Gateway).file("t.toml", text).load().unwrap().policy;
        let start = load(text);
        let reloader = reloader(&start, None);
        let before = reloader.layer.engine();
        let secure = "[server]\nhosts = [\"a.example\"]\n[server.tls]\ncertificate = \"file:a\"\nkey = \"file:b\"";
        let error = reloader.reload(&load(secure)).await.unwrap_err().to_string();
        assert!(error.contains("server.tls.mode"), "{error}");
        assert!(Arc::ptr_eq(&before, &reloader.layer.engine()));
    }
}
