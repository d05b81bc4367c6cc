//! From sources to a policy: the only way to one.

use std::fmt;

use crate::diagnostic::{Diagnostic, PolicyErrors, Severity, Warning};
use crate::place::TextKind;
use crate::provenance::Provenance;
use crate::reader::{Read, Reader, Settings};
use crate::sections::{
    self, app, content, contract, cors, errors, general, headers, limits, log, route, server, store,
};
use crate::settings::Policy;
use crate::{document, environment};

/// Who asks for the policy: what must be present differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Host {
    /// A process of its own with listeners and TLS.
    Gateway,
    /// Inside the app's process, behind whatever server runs it.
    InProcess,
}

/// A value from the command line.
#[derive(Clone)]
pub struct Override {
    /// The key that it sets, such as `server.listen`.
    pub key: String,
    /// The value, written as in an environment variable.
    pub value: String,
    /// The flag as the user wrote it, such as `--listen`.
    pub origin: String,
}

/// Without the value, which may be a secret.
impl fmt::Debug for Override {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Override").field("key", &self.key).field("origin", &self.origin).finish_non_exhaustive()
    }
}

/// A policy and what is known about it.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The policy.
    pub policy: Policy,
    /// Where each value came from.
    pub provenance: Provenance,
    /// What is weak or without effect, in the order of the places.
    pub warnings: Vec<Warning>,
}

/// Sources of settings, the weaker first: defaults, file, environment, flags.
///
/// ```
/// use buckler_policy::{Host, Sources};
///
/// let loaded = Sources::new(Host::Gateway)
///     .file("buckler.toml", "environment = \"development\"\n")
///     .environment([("BUCKLER_SERVER__LISTEN".to_owned(), "127.0.0.1:9443".to_owned())])
///     .load()?;
/// assert_eq!(loaded.policy.server.listen[0].port(), 9443);
/// # Ok::<(), buckler_policy::PolicyErrors>(())
/// ```
#[derive(Clone)]
pub struct Sources {
    host: Host,
    file: Option<(String, String)>,
    variables: Vec<(String, String)>,
    overrides: Vec<Override>,
}

/// Names only: texts and values may hold secrets.
impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let variables: Vec<&str> = self.variables.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("Sources")
            .field("host", &self.host)
            .field("file", &self.file.as_ref().map(|(name, _)| name))
            .field("variables", &variables)
            .field("overrides", &self.overrides)
            .finish()
    }
}

impl Sources {
    /// Nothing but the defaults.
    pub fn new(host: Host) -> Self {
        Self { host, file: None, variables: Vec::new(), overrides: Vec::new() }
    }

    /// The policy file: the name that messages show, and its text.
    #[must_use]
    pub fn file(mut self, name: impl Into<String>, text: impl Into<String>) -> Self {
        self.file = Some((name.into(), text.into()));
        self
    }

    /// The environment; variables that do not begin with `BUCKLER_` are left alone.
    #[must_use]
    pub fn environment(mut self, variables: impl IntoIterator<Item = (String, String)>) -> Self {
        let ours = variables.into_iter().filter(|(name, _)| name.starts_with("BUCKLER_"));
        self.variables.extend(ours);
        self.variables.sort();
        self
    }

    /// Values from the command line, the strongest source.
    #[must_use]
    pub fn overrides(mut self, overrides: Vec<Override>) -> Self {
        self.overrides.extend(overrides);
        self
    }

    /// Reads everything.
    ///
    /// # Errors
    /// Every mistake of every source, in the order of their places.
    pub fn load(&self) -> Result<Loaded, PolicyErrors> {
        let mut settings = Settings::default();
        let mut found = match &self.file {
            Some((name, text)) => document::read(name, text, &mut settings),
            None => Vec::new(),
        };
        found.extend(environment::overlay(&self.variables, &mut settings));
        found.extend(environment::override_with(&self.overrides, &mut settings));
        let mut reader = Reader::new(settings, self.host);
        let policy = read(&mut reader);
        let (mut all, mut warnings) = (reader.errors, reader.warnings);
        all.append(&mut found);
        sort(&mut all);
        sort(&mut warnings);
        match policy {
            Ok(policy) if all.is_empty() => Ok(Loaded { policy, provenance: reader.provenance, warnings }),
            _ => Err(PolicyErrors::new(bounded(all))),
        }
    }
}

/// Reads every section whatever the others hold, so that all mistakes are found.
fn read(reader: &mut Reader) -> Read<Policy> {
    general::read(reader);
    let app = app::read(reader);
    let server = server::read(reader);
    let headers = headers::read(reader);
    let cors = cors::read(reader);
    let content = content::read(reader);
    let contract = contract::read(reader);
    let limits = limits::read(reader);
    let routes = route::read(reader, limits.as_ref().ok());
    let store = store::read(reader);
    let errors = errors::read(reader);
    let log = log::read(reader);
    reader.check_shadowed(sections::key);
    Ok(Policy {
        environment: reader.environment,
        app: app?,
        server: server?,
        headers: headers?,
        cors: cors?,
        content: content?,
        contract: contract?,
        limits: limits?,
        routes: routes?,
        store: store?,
        errors: errors?,
        log: log?,
    })
}

/// File first, by position; then environment and flags; then what has no place.
fn sort(diagnostics: &mut [Diagnostic]) {
    diagnostics.sort_by_key(|diagnostic| match &diagnostic.place {
        Some(place) => {
            let rank = match place.kind() {
                TextKind::File(_) => 0,
                TextKind::Variable(_) => 1,
                TextKind::Flag(_) => 2,
                TextKind::BuiltIn => 3,
            };
            (rank, place.span().start)
        }
        None => (4, 0),
    });
}

/// Mistakes that are reported at most. Whoever mends the first hundred has understood the rest.
const MOST_REPORTED: usize = 100;

fn bounded(mut errors: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let left_out = errors.len() > MOST_REPORTED;
    errors.truncate(MOST_REPORTED);
    if errors.is_empty() {
        // Cannot happen: a section that is not read has noted why. Refusing is still the safe answer.
        errors.push(Diagnostic::error(crate::Code::Invalid, None, "the policy could not be read"));
    }
    if left_out {
        errors.push(Diagnostic::error(crate::Code::Invalid, None, "there are more mistakes than are shown"));
    }
    debug_assert!(errors.iter().all(|error| error.severity == Severity::Error));
    errors
}
