//! What a store of counts in Redis is made with.

use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use crate::error::Reason;

/// A hundred times what Redis takes in one data centre, and nothing that a user would feel.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_millis(50);

/// A name resolved, a connection made and TLS agreed on across a continent; requests do not wait for it any longer than
/// for an answer.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// The shortest secret: as much as the key has that is derived from it.
pub const LEAST_SECRET: usize = 16;

/// The longest name of an app: it is part of each key.
pub const LONGEST_NAME: usize = 64;

/// Becomes of the store, told once for each change.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there is no third")]
pub enum Change {
    /// It answers again.
    Up {
        /// Host and port, or the path of the socket.
        server: String,
    },
    /// It does not, and is left alone for a while.
    Down {
        /// As of [`Self::Up`].
        server: String,
        /// Why.
        reason: Reason,
    },
}

/// Who is told of a change, on the thread that found it; so it must not block.
pub type OnChange = Arc<dyn Fn(&Change) + Send + Sync>;

/// What a store is made with. Never shows its address as a whole, nor its secret.
#[derive(Clone)]
pub struct RedisSettings {
    /// `redis://user:password@host:6379/0`, `rediss://…` over TLS, `valkey://`, `valkeys://`,
    /// `redis+unix:///path?user=…&pass=…&db=…`, and for a cluster `redis-cluster://host:6379?node=other:6379`
    /// (`rediss-cluster://…` over TLS).
    pub url: String,
    /// Apps of one name count together. Up to [`LONGEST_NAME`] letters, digits, `-`, `_` and `.`.
    pub name: String,
    /// For each answer, connecting included.
    pub timeout: Duration,
    /// Permits that are asked for at once and spent here; see the crate.
    pub lease: Option<NonZeroU32>,
    /// What names of keys are hashed with, at least [`LEAST_SECRET`] bytes. Without it that is random, and kept in Redis.
    pub secret: Option<Vec<u8>>,
    /// Authorities in PEM that the server's certificate may come from, in place of the platform's.
    pub authorities: Option<Vec<u8>>,
    /// Who is told when the store goes, and when it comes back.
    pub on_change: Option<OnChange>,
}

impl RedisSettings {
    /// Exact, with the defaults.
    pub fn new(url: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            name: name.into(),
            timeout: DEFAULT_TIMEOUT,
            lease: None,
            secret: None,
            authorities: None,
            on_change: None,
        }
    }
}

impl fmt::Debug for RedisSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisSettings")
            .field("name", &self.name)
            .field("timeout", &self.timeout)
            .field("lease", &self.lease)
            .field("secret", &self.secret.as_ref().map(|_| "…"))
            .finish_non_exhaustive()
    }
}
