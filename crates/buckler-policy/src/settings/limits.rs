//! `[limits]`, `[[route]]` and `[store]`: how often clients may ask, and who counts it.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use buckler_limits::{Limit, StoreDown};
use buckler_schema::Template;

use super::Mode;
use crate::secret::SecretReference;

/// `[limits]`
#[derive(Debug, Clone)]
pub struct Limits {
    /// Enforce or monitor.
    pub mode: Mode,
    /// What every request counts against.
    pub default: Vec<LimitRule>,
    /// What becomes of requests while the store cannot be asked, but for limits that say it themselves.
    pub store_down: StoreDown,
    /// Bits of an IPv6 address that tell clients apart, 32 to 128.
    pub ipv6_prefix: u8,
    /// What clients are told of their limits.
    pub fields: LimitFields,
}

/// A limit, and what becomes of it while its store cannot be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitRule {
    /// As it is written.
    pub limit: Limit,
    /// While the store cannot be asked; `None` is what the section says. Never `None` in a loaded policy.
    pub store_down: Option<StoreDown>,
}

/// `limits.fields`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitFields {
    /// `RateLimit` and `RateLimit-Policy`.
    Standard,
    /// Those, and `X-RateLimit-Limit`, `-Remaining`, `-Reset`.
    All,
    /// None but `Retry-After`.
    Off,
}

/// `[[route]]`
#[derive(Debug, Clone)]
pub struct Route {
    /// `None` is every method.
    pub method: Option<String>,
    /// The paths that it is about.
    pub template: Template,
    /// What its requests count against beside `limits.default`.
    pub limits: Vec<LimitRule>,
    /// What one of its requests takes of each limit, 1 to 1,000,000.
    pub cost: u32,
}

impl Route {
    /// As `match` has it.
    pub fn written(&self) -> String {
        match &self.method {
            Some(method) => format!("{method} {}", self.template.text),
            None => self.template.text.clone(),
        }
    }
}

/// `[store]`
#[derive(Debug, Clone)]
pub struct Store {
    /// Where counts are kept.
    pub state: StateStore,
    /// What apps that share a store are told apart by; `None` is the policy's file, or the working directory.
    pub name: Option<String>,
    /// The file of the embedded store; `None` is one in the machine's memory.
    pub path: Option<PathBuf>,
    /// Live keys that the embedded store holds exactly.
    pub keys: u64,
    /// Whether counts outlive the last process that uses them.
    pub keep: Keep,
    /// What keys in a store of several machines are hashed with; `None` is a random one that is kept there.
    pub secret: Option<SecretReference>,
    /// Authorities of a Redis over TLS; `None` is those that the machine trusts.
    pub ca: Option<SecretReference>,
    /// How long Redis may take to answer.
    pub timeout: Duration,
    /// Uses that are asked of Redis at once; `None` asks for each request.
    pub lease: Option<NonZeroU32>,
}

/// Where counts are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StateStore {
    /// In memory that all processes of the machine share.
    Embedded,
    /// In Redis or Valkey; an address, which may hold a password.
    Redis(SecretReference),
}

/// `store.keep`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// As long as some process uses them.
    WhileUsed,
    /// Over a restart of all.
    Always,
}
