//! From a policy to what keeps the counts of its limits.
//!
//! The embedded store is a file that every process of the app finds by itself: of the same user, the same policy file (or,
//! without one, the same folder) and the same `store.name`. Redis is asked for the first time when something has to be
//! counted, so that a process can be forked before.

use std::env;
use std::hash::Hasher as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use buckler_engine::Severity;
use buckler_gateway::log::Incident;
use buckler_gateway::secrets::resolve;
use buckler_limits::StoreDown;
use buckler_policy::secret::{Secret, SecretReference};
use buckler_policy::settings::{Keep, LimitRule, Policy, StateStore, Store};
use buckler_store::embedded::{FORMAT, Keep as KeepRegion, Region, RegionSettings};
use buckler_store::{Counters, WithLocal};
use buckler_store_redis::{Change, OnChange, Redis, RedisSettings};
use siphasher::sip::SipHasher24;

use crate::policy_source::USUAL_FILE;

/// Memory that has a name.
const SHARED_MEMORY: &str = "/dev/shm";

/// The name of an app in Redis that the policy does not name.
const USUAL_NAME: &str = "default";

/// What keeps the counts of a policy.
#[derive(Debug)]
pub struct Opened {
    /// To be asked.
    pub counters: Arc<dyn Counters>,
    /// Where that is, for people; never with a password.
    pub place: String,
    redis: Option<Arc<Redis>>,
}

/// Why counts cannot be kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{key}`: {why}")]
pub struct StoreFailure {
    /// The key of the policy that decides.
    pub key: &'static str,
    /// What is wrong, and what mends it.
    pub why: String,
}

fn failure(key: &'static str, why: &impl ToString) -> StoreFailure {
    StoreFailure { key, why: why.to_string() }
}

/// Opens the store of a policy that was read from `file`; `on_change` is told when Redis goes and comes back.
///
/// # Errors
/// The file cannot be had, a secret cannot be read, or an address is none. That Redis does not answer is none: see
/// [`Opened::probe`].
pub async fn open(policy: &Policy, file: Option<&Path>, on_change: Option<OnChange>) -> Result<Opened, StoreFailure> {
    let store = &policy.store;
    let path = region_path(store, file);
    let keep = match store.keep {
        Keep::WhileUsed => KeepRegion::WhileUsed,
        Keep::Always => KeepRegion::Always,
    };
    let region = Region::open(&RegionSettings { path: path.clone(), keys: store.keys, keep });
    let region = Arc::new(region.map_err(|why| failure("store.path", &why))?);
    let StateStore::Redis(address) = &store.state else {
        return Ok(Opened { counters: region, place: path.display().to_string(), redis: None });
    };
    let url = secret("store.state", address).await?;
    let mut settings = RedisSettings::new(url.expose().trim(), store.name.as_deref().unwrap_or(USUAL_NAME));
    (settings.timeout, settings.lease, settings.on_change) = (store.timeout, store.lease, on_change);
    if let Some(reference) = &store.secret {
        settings.secret = Some(secret("store.secret", reference).await?.expose().trim().as_bytes().to_vec());
    }
    if let Some(reference) = &store.ca {
        settings.authorities = Some(secret("store.ca", reference).await?.expose().as_bytes().to_vec());
    }
    let redis = Arc::new(Redis::new(settings).map_err(|why| failure("store.state", &why))?);
    let counters = Arc::new(WithLocal::new(Arc::clone(&redis), region));
    Ok(Opened { counters, place: "Redis".to_owned(), redis: Some(redis) })
}

/// Has a log told when Redis goes and when it comes back.
pub fn telling(log: impl Fn(Incident) + Send + Sync + 'static) -> OnChange {
    Arc::new(move |change| {
        let (what, severity) = match change {
            Change::Up { server } => (format!("the store of limits answers again: Redis at {server}"), Severity::Info),
            Change::Down { server, reason } => {
                (format!("the store of limits cannot be asked: Redis at {server}: {reason}"), Severity::Error)
            }
        };
        log(Incident::Store { what, severity });
    })
}

/// The same as [`open`], for whoever has no threads of its own to wait with.
///
/// # Errors
/// As of [`open`].
pub fn open_blocking(
    policy: &Policy,
    file: Option<&Path>,
    on_change: Option<OnChange>,
) -> Result<Opened, StoreFailure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime
        .map_err(|why| failure("store", &format!("nothing can be waited for: {why}")))?
        .block_on(open(policy, file, on_change))
}

async fn secret(key: &'static str, reference: &SecretReference) -> Result<Secret, StoreFailure> {
    resolve(reference).await.map_err(|why| failure(key, &why))
}

impl Opened {
    /// Asks Redis once, if there is one: whether it answers, and to whom.
    ///
    /// # Errors
    /// It does not; in words for people, and without the password.
    pub async fn probe(&self) -> Result<(), String> {
        match &self.redis {
            Some(redis) => redis.probe().await.map_err(|why| why.to_string()),
            None => Ok(()),
        }
    }
}

/// Whether some limit refuses everything while its store cannot be asked.
pub fn needs_store(policy: &Policy) -> bool {
    let closes = |rule: &LimitRule| rule.store_down == Some(StoreDown::Closed);
    let own = policy.routes.iter().flat_map(|route| &route.limits);
    policy.limits.default.iter().chain(own).any(closes)
}

/// The file of the embedded store.
fn region_path(store: &Store, file: Option<&Path>) -> PathBuf {
    if let Some(path) = &store.path {
        return path.clone();
    }
    let folder = Path::new(SHARED_MEMORY);
    let folder = if folder.is_dir() { folder.to_owned() } else { env::temp_dir() };
    let user = rustix::process::getuid().as_raw();
    folder.join(format!("buckler-{user}-{:016x}.limits", name(store, file)))
}

/// What tells one app's store from another's. It keeps nothing secret: nobody else may open the file.
fn name(store: &Store, file: Option<&Path>) -> u64 {
    let mut hasher = SipHasher24::new();
    hasher.write_u32(FORMAT);
    hasher.write_u64(store.keys);
    if let Some(name) = &store.name {
        hasher.write(name.as_bytes());
    } else {
        let folder = env::current_dir().unwrap_or_default();
        let policy = folder.join(file.unwrap_or_else(|| Path::new(USUAL_FILE)));
        let policy = policy.canonicalize().unwrap_or(policy);
        hasher.write(policy.as_os_str().as_bytes());
    }
    hasher.finish()
}
