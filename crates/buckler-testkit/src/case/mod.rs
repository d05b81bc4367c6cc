//! Literate cases.

mod cell;
mod expectation;
mod making;
mod markdown;
mod policy;
mod reader;
mod request;
mod text;
mod verdict;

use std::path::{Path, PathBuf};

pub use expectation::{AppScript, Body, ExpectedAnswer, ExpectedReceipt, PerHost};
pub use policy::load_policy;
pub use reader::read;
pub use request::RequestSpec;
pub use text::{escape, unescape};
pub use verdict::{Ending, Named, Verdict};

/// The ways to run a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Host {
    /// Through the layer, in memory.
    Tower,
    /// Through the gateway, over a socket.
    Gateway,
    /// Through the middleware, inside a process of Python.
    Asgi,
}

impl Host {
    /// As it is written in a case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tower => "tower",
            Self::Gateway => "gateway",
            Self::Asgi => "asgi",
        }
    }
}

/// One case.
#[derive(Debug, Clone)]
pub struct Case {
    /// `file:line`.
    pub place: String,
    /// Its heading, and the row where it is one of a table.
    pub name: String,
    /// Ids of the requirements that its prose names.
    pub requirements: Vec<String>,
    /// The policy, as TOML.
    pub policy: String,
    /// What is sent.
    pub request: RequestSpec,
    /// What the app answers.
    pub app: AppScript,
    /// How the exchange ends.
    pub verdict: PerHost<Verdict>,
    /// What the client gets.
    pub answer: PerHost<ExpectedAnswer>,
    /// What the app gets.
    pub received: PerHost<ExpectedReceipt>,
    /// The hosts that it can run through; none are named where it is for all.
    pub only: Vec<Host>,
}

impl Case {
    /// Whether it runs through this host.
    pub fn runs_in(&self, host: Host) -> bool {
        self.only.is_empty() || self.only.contains(&host)
    }
}

/// A mistake in a file of cases.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {message}")]
pub struct Mistake {
    /// The file's name.
    pub file: String,
    /// Counted from 1.
    pub line: usize,
    /// What is wrong.
    pub message: String,
}

/// The folder of this repository that holds the cases.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../cases")
}

/// All cases of a folder, in the order of their files.
///
/// # Errors
/// The first mistake; a name that two cases have; a file that cannot be read.
pub fn load(folder: &Path) -> Result<Vec<Case>, Mistake> {
    let unreadable = |path: &Path, error: std::io::Error| Mistake {
        file: path.display().to_string(),
        line: 0,
        message: error.to_string(),
    };
    let entries = std::fs::read_dir(folder).map_err(|error| unreadable(folder, error))?;
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()
        .map_err(|error| unreadable(folder, error))?;
    paths.retain(|path| path.extension().is_some_and(|e| e == "md") && !path.ends_with("README.md"));
    paths.sort();
    let mut cases: Vec<Case> = Vec::new();
    let mut names = std::collections::BTreeMap::new();
    for path in paths {
        let text = std::fs::read_to_string(&path).map_err(|error| unreadable(&path, error))?;
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        for case in read(&name, &text)? {
            if let Some(first) = names.insert(case.name.clone(), case.place.clone()) {
                let message = format!("the case `{}` stands at {} and at {first}", case.name, case.place);
                return Err(Mistake { file: name, line: 0, message });
            }
            cases.push(case);
        }
    }
    Ok(cases)
}
