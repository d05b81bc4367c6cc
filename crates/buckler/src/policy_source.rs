//! Where a policy comes from: a file, the variables of the process, and what is set beside them.
//!
//! ```
//! use buckler::policy_source::PolicySource;
//! use buckler_policy::{Host, Override};
//!
//! let overrides = vec![Override {
//!     key: "environment".into(),
//!     value: "development".into(),
//!     origin: "environment=".into(),
//! }];
//! // No path: `./buckler.toml` if there is one, else the defaults.
//! let loaded = PolicySource::find(Host::InProcess, None, overrides)?.load()?;
//! assert!(loaded.provenance.of("environment").is_some());
//!
//! let failure = PolicySource::find(Host::InProcess, Some("gone.toml".as_ref()), Vec::new())?.load().unwrap_err();
//! assert!(failure.to_string().starts_with("error: the policy `gone.toml` cannot be read"));
//! # Ok::<(), buckler::policy_source::PolicyFailure>(())
//! ```

use std::env;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use buckler_policy::settings::{ContractSource, Document};
use buckler_policy::{Host, Loaded, Override, PolicyErrors, Sources, Style};

use crate::documents;

/// Looked for where no file is named.
pub const USUAL_FILE: &str = "buckler.toml";

/// More than the policy crate reads; a device or a wrong file ends here.
const MOST_BYTES: u64 = 16 << 20;

/// Variables that set policy keys begin so.
const VARIABLES: &str = "BUCKLER_";

/// Where a policy can be loaded from more than once.
#[derive(Clone)]
pub struct PolicySource {
    host: Host,
    path: PathBuf,
    required: bool,
    variables: Vec<(String, String)>,
    overrides: Vec<Override>,
}

/// Names only: values may hold secrets.
impl fmt::Debug for PolicySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let variables: Vec<&str> = self.variables.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("PolicySource")
            .field("host", &self.host)
            .field("path", &self.path)
            .field("required", &self.required)
            .field("variables", &variables)
            .field("overrides", &self.overrides)
            .finish()
    }
}

/// Why there is no policy. It displays itself as `buckler check` tells it, without colours.
#[derive(Debug)]
pub enum PolicyFailure {
    /// It could not be read at all; in one sentence.
    Unread(String),
    /// It was read, and is wrong.
    Wrong(PolicyErrors),
}

impl fmt::Display for PolicyFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unread(why) => write!(f, "error: {why}"),
            Self::Wrong(errors) => f.write_str(&errors.render(Style::Plain)),
        }
    }
}

impl std::error::Error for PolicyFailure {}

impl PolicySource {
    /// The file (without one, [`USUAL_FILE`] in the current folder if it is there), the variables of the process as they
    /// are now, then `overrides`, each stronger than the one before.
    ///
    /// # Errors
    /// A variable that begins as ours do is no text.
    pub fn find(host: Host, file: Option<&Path>, overrides: Vec<Override>) -> Result<Self, PolicyFailure> {
        let path = file.map_or_else(|| PathBuf::from(USUAL_FILE), Path::to_owned);
        // A file that was there must not turn into defaults when it is gone.
        let required = file.is_some() || path.exists();
        Ok(Self { host, path, required, variables: variables()?, overrides })
    }

    /// The file, or where one would be.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the file as it is now.
    ///
    /// # Errors
    /// The file cannot be read, or something in any of the sources is wrong.
    pub fn load(&self) -> Result<Loaded, PolicyFailure> {
        let mut sources = Sources::new(self.host).overrides(self.overrides.clone());
        if let Some((name, text)) = self.read()? {
            sources = sources.file(name, text);
        }
        let mut loaded = sources.environment(self.variables.clone()).load().map_err(PolicyFailure::Wrong)?;
        let contract = &mut loaded.policy.contract;
        if let (Some(ContractSource::File(file)), true) = (&contract.source, contract.is_used()) {
            contract.document = Some(self.document(file)?);
        }
        Ok(loaded)
    }

    /// The contract's document; a relative path begins at the folder of the policy.
    fn document(&self, file: &Path) -> Result<Document, PolicyFailure> {
        let path = self.path.parent().map_or_else(|| file.to_owned(), |folder| folder.join(file));
        match documents::of_file(&path) {
            Ok(bytes) => Ok(Document::new(bytes)),
            Err(error) => Err(PolicyFailure::Unread(format!(
                "`contract.source`: the document `{}` cannot be read: {error}",
                path.display()
            ))),
        }
    }

    fn read(&self) -> Result<Option<(String, String)>, PolicyFailure> {
        let name = self.path.display().to_string();
        match read_text(&self.path) {
            Ok(text) => Ok(Some((name, text))),
            Err(error) if !self.required && error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(PolicyFailure::Unread(format!("the policy `{name}` cannot be read: {error}"))),
        }
    }
}

fn read_text(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(MOST_BYTES).read_to_string(&mut text)?;
    Ok(text)
}

fn variables() -> Result<Vec<(String, String)>, PolicyFailure> {
    let ours = env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(VARIABLES.as_bytes()));
    ours.map(|(name, value)| match (name.into_string(), value.into_string()) {
        (Ok(name), Ok(value)) => Ok((name, value)),
        (Ok(name), Err(_)) => Err(PolicyFailure::Unread(format!("the variable {name} is not UTF-8"))),
        (Err(name), _) => Err(PolicyFailure::Unread(format!("the variable {} is not UTF-8", name.display()))),
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn find(host: Host, file: &Path, overrides: Vec<Override>) -> Result<Loaded, PolicyFailure> {
        PolicySource::find(host, Some(file), overrides)?.load()
    }

    // R64, R81
    #[test]
    fn mistakes_have_their_places_and_no_colours_in_every_host() {
        let folder = tempfile::tempdir().unwrap();
        let (wrong, binary) = (folder.path().join("wrong.toml"), folder.path().join("binary.toml"));
        fs::write(&wrong, "environment = \"prod\"\n[server]\nhost = []\n").unwrap();
        fs::write(&binary, [0xff, 0xfe]).unwrap();
        for host in [Host::Gateway, Host::InProcess] {
            for (file, parts) in [
                (wrong.as_path(), &["error[invalid]: ", "wrong.toml:1", "wrong.toml:3", "did you mean `hosts`?"][..]),
                (binary.as_path(), &["error: the policy `", "cannot be read: "]),
                (folder.path(), &["error: the policy `", "cannot be read: "]),
                (Path::new("/dev/null/none"), &["error: the policy `/dev/null/none` cannot be read: "]),
            ] {
                let told = find(host, file, Vec::new()).unwrap_err().to_string();
                for part in parts {
                    assert!(told.contains(part), "`{part}` is not in:\n{told}");
                }
                assert!(!told.contains('\u{1b}'), "{told}");
            }
        }
    }

    // R61
    #[test]
    fn what_is_debugged_shows_no_value() {
        let set = Override { key: "server.tls.key".into(), value: "CANARY-7d1f".into(), origin: "--key".into() };
        let source = PolicySource {
            host: Host::Gateway,
            path: PathBuf::from(USUAL_FILE),
            required: false,
            variables: vec![("BUCKLER_SERVER__TLS__KEY".to_owned(), "CANARY-7d1f".to_owned())],
            overrides: vec![set],
        };
        let told = format!("{source:?} {:?}", source.load().unwrap_err());
        assert!(told.contains("BUCKLER_SERVER__TLS__KEY") && !told.contains("CANARY"), "{told}");
    }
}
