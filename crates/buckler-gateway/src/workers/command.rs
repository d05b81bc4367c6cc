//! How the Python side is started.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use buckler_policy::settings::AppServer;
use tokio::process::Command;

use super::interpreter::Interpreter;
use super::ticket::{self, TicketKey};
use crate::inherited::VARIABLES;

/// Variables of the gateway's own begin so. They may hold secrets, and the app has no use for them.
const OWN_VARIABLES: &[u8] = b"BUCKLER_";

/// Which app, and with what it is run.
#[derive(Debug, Clone)]
pub struct Target {
    /// The Python that has the app's packages.
    pub interpreter: Interpreter,
    /// `module:attribute`, or `module:factory()`.
    pub app: String,
    /// What serves it; `None` is what its environment has, uvicorn first.
    pub server: Option<AppServer>,
    /// Folder that is put in front of the module search path.
    pub app_dir: PathBuf,
    /// Names of environment variables that the app does not get, besides every `BUCKLER_…`: those that the policy
    /// takes the gateway's own secrets from.
    pub withheld: Vec<OsString>,
    /// Variables that the app does get: of the policy, where limits are counted that stand in the app.
    pub given: Vec<(OsString, OsString)>,
}

/// What a worker is asked to do.
pub(crate) enum Task<'a> {
    Probe,
    Contract,
    Survey,
    Serve { socket: &'a Path, keep_alive: Duration, graceful: Duration },
}

impl Target {
    /// `program` is the folder of the Python side.
    pub(crate) fn command(&self, program: &Path, task: &Task<'_>) -> Command {
        let mut command = Command::new(self.interpreter.path());
        command.arg(program);
        command.arg(match task {
            Task::Probe => "probe",
            Task::Contract => "contract",
            Task::Survey => "survey",
            Task::Serve { .. } => "serve",
        });
        // With `=`, so that a value that begins with a dash is a value.
        command.arg(joined("--target=", self.app.as_ref()));
        command.arg(joined("--app-dir=", self.app_dir.as_os_str()));
        if let Some(server) = self.server {
            command.arg(format!("--server={}", server.as_str()));
        }
        if let Task::Serve { socket, keep_alive, graceful } = task {
            command.arg(joined("--socket=", socket.as_os_str()));
            command.arg(format!("--keep-alive={}", keep_alive.as_secs().max(1)));
            command.arg(format!("--graceful={}", graceful.as_secs().max(1)));
        }
        for (name, _) in env::vars_os() {
            if name.as_encoded_bytes().starts_with(OWN_VARIABLES) {
                command.env_remove(name);
            }
        }
        for name in VARIABLES {
            command.env_remove(name);
        }
        for name in &self.withheld {
            command.env_remove(name);
        }
        for (name, value) in &self.given {
            command.env(name, value);
        }
        if let (Task::Serve { .. }, Some(key)) = (task, TicketKey::of_this_process()) {
            command.env(ticket::VARIABLE, key.written());
        }
        // What the app prints is to be seen when it is printed.
        command.env("PYTHONUNBUFFERED", "1");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // A group of its own: Ctrl-C in the terminal reaches the gateway alone, which then drains.
        command.process_group(0);
        command
    }
}

fn joined(option: &str, value: &std::ffi::OsStr) -> OsString {
    let mut text = OsString::from(option);
    text.push(value);
    text
}
