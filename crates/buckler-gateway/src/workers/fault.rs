//! Why the app is not served.

use std::fmt;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use serde::{Deserialize, Serialize};

use super::output::printable;

/// Which kind of mistake it is; stable, for `--json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FaultKind {
    /// The target is not of the form `module:attribute`.
    TargetSyntax,
    /// There is no such module.
    ModuleNotFound,
    /// The module is there, and raised when it was imported.
    ImportError,
    /// The module has no such attribute.
    AttributeNotFound,
    /// What the target leads to is no ASGI application.
    NotCallable,
    /// The factory raised.
    FactoryFailed,
    /// The interpreter has not the server that is to run the app, or none at all.
    ServerMissing,
    /// Its server lacks what a worker needs.
    ServerTooOld,
    /// The app's lifespan said that its start failed.
    LifespanFailed,
    /// `debug=True` outside development: tracebacks with local values for whoever makes the app raise.
    Debug,
    /// The app has no `OpenAPI` document.
    NoContract,
    /// Making that document raised.
    ContractFailed,
    /// The process could not be started.
    NotStarted,
    /// It took longer than the start deadline.
    TimedOut,
    /// It ended without a reason of its own.
    Died,
}

/// What happened, and how to mend it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// Which kind.
    pub kind: FaultKind,
    /// In one sentence.
    pub message: String,
    /// How to mend it, where that is known.
    pub hint: Option<String>,
    /// The app's traceback, without frames that are not the app's. At most 60 lines.
    pub traceback: Vec<String>,
    /// What the process printed last. At most 40 lines.
    #[serde(default)]
    pub output: Vec<String>,
}

impl Fault {
    pub(crate) fn new(kind: FaultKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hint: None, traceback: Vec::new(), output: Vec::new() }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(crate) fn output(mut self, output: Vec<String>) -> Self {
        self.output = output;
        self
    }

    /// The process ended and did not say why.
    pub(crate) fn died(status: ExitStatus) -> Self {
        /// `SIGKILL`, POSIX.
        const KILLED: i32 = 9;
        match (status.signal(), status.code()) {
            (Some(KILLED), _) => Self::new(FaultKind::Died, "the process was killed (signal 9)")
                .hint("if nobody did that on purpose, the machine ran out of memory: `dmesg` tells"),
            (Some(signal), _) => Self::new(FaultKind::Died, format!("the process ended by signal {signal}")),
            (None, Some(0)) => Self::new(FaultKind::Died, "the process ended by itself"),
            (None, code) => {
                Self::new(FaultKind::Died, format!("the process ended with exit code {}", code.unwrap_or(-1)))
            }
        }
    }
}

/// Several lines: what happened, then indented what the app said, then how to mend it. Control characters are escaped.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&printable(&self.message))?;
        // A traceback tells it better than what was printed on the way.
        let told = if self.traceback.is_empty() { &self.output } else { &self.traceback };
        for line in told {
            write!(f, "\n  {}", printable(line))?;
        }
        match &self.hint {
            Some(hint) => write!(f, "\nhelp: {}", printable(hint)),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Fault {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_reads_well_and_cannot_drive_a_terminal() {
        // R09, R61
        let mut fault = Fault::new(FaultKind::ImportError, "importing `main` raised RuntimeError: \x1b[2Jboom")
            .hint("mend it")
            .output(vec!["printed before".into()]);
        assert_eq!(
            fault.to_string(),
            "importing `main` raised RuntimeError: \\x1b[2Jboom\n  printed before\nhelp: mend it"
        );
        fault.traceback = vec!["  File \"main.py\", line 1".into(), "RuntimeError".into()];
        assert_eq!(
            fault.to_string(),
            "importing `main` raised RuntimeError: \\x1b[2Jboom\n    File \"main.py\", line 1\n  RuntimeError\nhelp: mend it"
        );
    }

    #[test]
    fn how_a_process_ended() {
        for (raw, wanted) in [
            (9, "the process was killed (signal 9)"),
            (11, "the process ended by signal 11"),
            (0, "the process ended by itself"),
            (3 << 8, "the process ended with exit code 3"),
        ] {
            assert_eq!(Fault::died(ExitStatus::from_raw(raw)).message, wanted);
        }
    }
}
