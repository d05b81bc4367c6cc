//! Counts in Redis or Valkey, which all machines share.
//!
//! All limits of one request are one call of one script (`count.lua`), which is atomic and goes by the server's clock.
//! It makes the decision; how a key stands is then told by the arithmetic of [`buckler_limits`], from what it found. The
//! two agree to the nanosecond, or the answer is thrown away. Needs Redis 6.2, or Valkey.
//!
//! ```no_run
//! use buckler_store_redis::{Redis, RedisSettings};
//!
//! # async fn start() -> Result<(), buckler_store_redis::RedisError> {
//! let store = Redis::new(RedisSettings::new("redis://127.0.0.1:6379/0", "shop"))?;
//! store.probe().await?;
//! # Ok(())
//! # }
//! ```
//!
//! **Keys.** `{buckler:NAME}:` and a keyed hash of whose count it is; each expires when it says nothing any more. With
//! [`RedisSettings::secret`] a dump tells nothing without that; else the hash key is random, lies beside the counts as
//! `{buckler:NAME}:key`, and whoever has both can try out addresses. The braces put all keys of an app in one slot of a
//! cluster, so that one script reaches them: a cluster keeps an app available and divides apps, but one app's counts are
//! never more than one node bears.
//!
//! **What a user needs**: `~{buckler:NAME}:* +eval +evalsha +time +get +set`, and `+select` for a database other than 0.
//!
//! **When it does not answer** within [`RedisSettings::timeout`], or answers with an error, a request hears
//! [`Answer::Unavailable`](buckler_limits::Answer::Unavailable) and the policy decides. After three of these in a row
//! nobody asks but one request in each pause (0.1 s, growing to 5 s): an outage costs a handful of requests their
//! timeout, and the others nothing. [`RedisSettings::on_change`] is told once. What was asked before a timeout may still
//! be counted by the server: it errs by counting what was not admitted. A Redis that has lost its data begins anew.
//!
//! **Leases** ([`RedisSettings::lease`]). Exact is the default: each request asks. With a lease of N a process that asks
//! for a key takes N uses at once, while no more than half of the limit is used, and answers the next requests by itself.
//! Never is more admitted than the limit says, since a lease is worth no more than lies between now and the time at
//! which its uses would have come back anyway; at the latest it ends when all of them have, or with a quota's window.
//! Requests may be refused while up to N uses lie unused in each other process. Which is refused is then
//! remembered, for ten seconds at most. Costs of N and more are asked exactly, and so is what a full table (16,384 keys)
//! has no room for. A Redis that loses its data while leases are out gives their uses twice.
//!
//! **Threads and forks.** A connection lives in the tokio runtime in which the first request waited for it, and is made
//! anew where that has ended, or the process is another one.

mod address;
mod breaker;
mod connect;
mod error;
mod keys;
mod lease;
mod script;
mod session;
mod settings;
mod store;

pub use error::{Reason, RedisError};
pub use settings::{CONNECT_TIMEOUT, Change, DEFAULT_TIMEOUT, LEAST_SECRET, LONGEST_NAME, OnChange, RedisSettings};
pub use store::{Redis, Tally};
