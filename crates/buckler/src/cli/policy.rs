//! The flags that name a policy, and what is said of it.

use std::ffi::OsString;
use std::path::{self, PathBuf};

use buckler_policy::{Host, Loaded, Override, Style};
use clap::Args;

use super::console::{self, Failure};
use crate::policy_source::{PolicyFailure, PolicySource};

/// Where whoever counts in the app looks for the policy's file.
const FILE_VARIABLE: &str = "BUCKLER_POLICY";

#[derive(Debug, Clone, Args)]
pub(crate) struct PolicyArguments {
    /// The policy [default: ./buckler.toml, if there is one]
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
}

impl From<PolicyFailure> for Failure {
    fn from(failure: PolicyFailure) -> Self {
        match failure {
            PolicyFailure::Unread(why) => Self::usage(why),
            PolicyFailure::Wrong(errors) => Self::diagnostics(errors.render(Style::Coloured)),
        }
    }
}

impl PolicyArguments {
    /// Reads the policy of a gateway: file, environment, then what the command line sets.
    pub(crate) fn load(&self, overrides: Vec<Override>) -> Result<Loaded, PolicyFailure> {
        self.source(overrides)?.load()
    }

    /// Where the policy of a gateway comes from: the file, the environment as it is now, the command line.
    pub(crate) fn source(&self, overrides: Vec<Override>) -> Result<PolicySource, PolicyFailure> {
        PolicySource::find(Host::Gateway, self.policy.as_deref(), overrides)
    }
}

impl PolicyArguments {
    /// The variable by which the app finds the policy that was named.
    pub(crate) fn given(&self) -> Option<(OsString, OsString)> {
        let file = path::absolute(self.policy.as_ref()?).ok()?;
        Some((FILE_VARIABLE.into(), file.into_os_string()))
    }
}

/// Sets a key from the command line, so that it is checked and explained like any other source.
pub(crate) fn set(key: &str, flag: &str, value: impl Into<String>) -> Override {
    Override { key: key.into(), value: value.into(), origin: flag.into() }
}

/// Shows what is weak or without effect.
pub(crate) fn warn(loaded: &Loaded) {
    for warning in &loaded.warnings {
        console::note(warning.render(Style::Coloured));
    }
}
