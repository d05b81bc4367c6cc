//! From files, variables and flags to a policy.

use std::env;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use buckler_policy::{Host, Loaded, Override, PolicyErrors, Sources, Style};
use clap::Args;

use super::console::{self, Failure};

/// Looked for where no `--policy` is given.
const USUAL_FILE: &str = "buckler.toml";

/// More than the policy crate reads; a device or a wrong file ends here.
const MOST_BYTES: u64 = 16 << 20;

/// Variables that set policy keys begin so.
const VARIABLES: &str = "BUCKLER_";

#[derive(Debug, Clone, Args)]
pub(crate) struct PolicyArguments {
    /// The policy [default: ./buckler.toml, if there is one]
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
}

/// Why there is no policy.
pub(crate) enum PolicyFailure {
    /// It could not be read at all.
    Unread(Failure),
    /// It was read, and is wrong.
    Wrong(PolicyErrors),
}

impl From<PolicyFailure> for Failure {
    fn from(failure: PolicyFailure) -> Self {
        match failure {
            PolicyFailure::Unread(failure) => failure,
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
        let path = self.policy.clone().unwrap_or_else(|| PathBuf::from(USUAL_FILE));
        // A file that was there must not turn into defaults when it is gone.
        let required = self.policy.is_some() || path.exists();
        let variables = variables().map_err(PolicyFailure::Unread)?;
        Ok(PolicySource { path, required, variables, overrides })
    }
}

/// Where a policy can be loaded from more than once.
#[derive(Clone)]
pub(crate) struct PolicySource {
    path: PathBuf,
    required: bool,
    variables: Vec<(String, String)>,
    overrides: Vec<Override>,
}

impl PolicySource {
    /// Reads the file as it is now.
    pub(crate) fn load(&self) -> Result<Loaded, PolicyFailure> {
        let mut sources = Sources::new(Host::Gateway).overrides(self.overrides.clone());
        if let Some((name, text)) = self.read().map_err(PolicyFailure::Unread)? {
            sources = sources.file(name, text);
        }
        sources.environment(self.variables.clone()).load().map_err(PolicyFailure::Wrong)
    }

    fn read(&self) -> Result<Option<(String, String)>, Failure> {
        let name = self.path.display().to_string();
        match read_text(&self.path) {
            Ok(text) => Ok(Some((name, text))),
            Err(error) if !self.required && error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Failure::usage(format_args!("the policy `{name}` cannot be read: {error}"))),
        }
    }
}

fn read_text(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(MOST_BYTES).read_to_string(&mut text)?;
    Ok(text)
}

fn variables() -> Result<Vec<(String, String)>, Failure> {
    let ours = env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(VARIABLES.as_bytes()));
    ours.map(|(name, value)| match (name.into_string(), value.into_string()) {
        (Ok(name), Ok(value)) => Ok((name, value)),
        (Ok(name), Err(_)) => Err(Failure::usage(format_args!("the variable {name} is not UTF-8"))),
        (Err(name), _) => Err(Failure::usage(format_args!("the variable {} is not UTF-8", name.display()))),
    })
    .collect()
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
