//! Where each value came from: what `check` prints and what `explain` points to.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::{Serialize, Serializer};

use crate::key::Key;
use crate::place::{Place, TextKind};

/// Where a value came from.
#[derive(Debug, Clone)]
pub enum Origin {
    /// Nothing sets it.
    Default {
        /// The reason for the default, one sentence.
        because: Cow<'static, str>,
    },
    /// A line of the policy file.
    File(Place),
    /// An environment variable.
    Environment {
        /// Its name.
        variable: String,
    },
    /// A flag of the command line.
    Flag {
        /// As it is written, such as `--listen`.
        flag: String,
    },
}

impl Origin {
    pub(crate) fn because(reason: &'static str) -> Self {
        Self::Default { because: Cow::Borrowed(reason) }
    }

    pub(crate) fn of(place: &Place) -> Self {
        match place.kind() {
            TextKind::File(_) => Self::File(place.clone()),
            TextKind::Variable(variable) => Self::Environment { variable: variable.clone() },
            TextKind::Flag(flag) => Self::Flag { flag: flag.clone() },
            TextKind::BuiltIn => Self::because("built-in default"),
        }
    }

    /// Whether no source sets the value.
    pub fn is_default(&self) -> bool {
        matches!(self, Self::Default { .. })
    }
}

/// `buckler.toml:12:3`, `BUCKLER_SERVER__LISTEN`, `--listen` or `default`.
impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default { .. } => f.write_str("default"),
            Self::File(place) => place.fmt(f),
            Self::Environment { variable } => f.write_str(variable),
            Self::Flag { flag } => f.write_str(flag),
        }
    }
}

impl Serialize for Origin {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// One key, its value as written and where it came from.
#[derive(Debug, Clone, Serialize)]
pub struct Setting {
    /// Such as `server.hosts`.
    pub key: &'static str,
    /// As written, on one line; secrets are masked. For what is not set and has no value: what that means.
    pub value: String,
    /// Where it came from.
    pub origin: Origin,
}

/// Every key with its origin, in the order of the reference.
#[derive(Debug, Clone, Default)]
pub struct Provenance {
    settings: Vec<Setting>,
    index: BTreeMap<&'static str, usize>,
}

impl Provenance {
    /// Where the value of a key came from. `None` only for what is no key.
    pub fn of(&self, key: &str) -> Option<&Origin> {
        self.setting(key).map(|setting| &setting.origin)
    }

    /// The key's value as written and its origin.
    pub fn setting(&self, key: &str) -> Option<&Setting> {
        self.settings.get(*self.index.get(key)?)
    }

    /// Every key, in the order of the reference.
    pub fn iter(&self) -> impl Iterator<Item = &Setting> {
        self.settings.iter()
    }

    pub(crate) fn set<G>(&mut self, key: &'static Key<G>, origin: Origin, value: &str) {
        let value = value.split_whitespace().collect::<Vec<_>>().join(" ");
        let setting = Setting { key: key.about.path, value, origin };
        if let Some(known) = self.index.get(key.about.path).and_then(|at| self.settings.get_mut(*at)) {
            *known = setting;
        } else {
            self.index.insert(key.about.path, self.settings.len());
            self.settings.push(setting);
        }
    }
}
