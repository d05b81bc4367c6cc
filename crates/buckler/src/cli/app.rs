//! Which app is meant, and with what it is run.

use std::env;
use std::ffi::OsString;
use std::path::Path;

use buckler_gateway::workers::{Interpreter, Surroundings, Target};
use buckler_policy::secret::SecretReference;
use buckler_policy::settings::{Policy, Tls};
use buckler_policy::{Loaded, Override};
use clap::Args;

use super::console::Failure;
use super::policy::set;

/// Not a doc comment, since those are Markdown.
const PYTHON_HELP: &str =
    "Python interpreter that has the app's packages [default: the wheel's own, $VIRTUAL_ENV, ./.venv, python3]";

#[derive(Debug, Clone, Default, Args)]
pub(crate) struct AppArguments {
    /// Folder that is put in front of the module search path [default: the current one]
    #[arg(long, value_name = "DIR")]
    pub(crate) app_dir: Option<String>,

    #[arg(long, value_name = "PATH", help = PYTHON_HELP)]
    pub(crate) python: Option<String>,
}

impl AppArguments {
    /// As settings of the policy, which checks them.
    pub(crate) fn overrides(&self) -> impl Iterator<Item = Override> + '_ {
        let of = |key, flag, value: &Option<String>| value.as_ref().map(|value| set(key, flag, value));
        of("app.app_dir", "--app-dir", &self.app_dir).into_iter().chain(of("app.python", "--python", &self.python))
    }
}

/// From the policy's `[app]` to what can be started.
pub(crate) fn target(loaded: &Loaded, wheel: Option<&Path>) -> Result<Target, Failure> {
    let app = &loaded.policy.app;
    let Some(name) = &app.target else {
        return Err(Failure::usage(
            "no app is named\nhelp: write `buckler run module:attribute`, or `target = \"module:attribute\"` under `[app]`",
        ));
    };
    let around = Surroundings::of_process(wheel)
        .map_err(|error| Failure::usage(format_args!("the current folder cannot be read: {error}")))?;
    let named = app.python.as_deref().map(Path::new);
    let interpreter = Interpreter::find(named, &around).map_err(Failure::usage)?;
    let app_dir = around.current_dir.join(app.app_dir.as_deref().unwrap_or_default());
    if !app_dir.is_dir() {
        let shown = app_dir.display();
        return Err(Failure::usage(format_args!(
            "there is no folder `{shown}`\nhelp: `--app-dir` names the folder that holds the app's module"
        )));
    }
    Ok(Target {
        interpreter,
        app: name.clone(),
        server: app.server,
        app_dir,
        withheld: withheld(&loaded.policy),
        given: given(),
    })
}

/// Sections of the policy that say how limits are counted which stand in the app.
const COUNTED_BY: [&str; 2] = ["BUCKLER_STORE__", "BUCKLER_LIMITS__"];

/// Variables of the policy that the app is to have: by them it counts where the gateway does.
fn given() -> Vec<(OsString, OsString)> {
    let is_given = |name: &OsString| {
        let name = name.to_string_lossy();
        COUNTED_BY.iter().any(|section| name.starts_with(section))
    };
    env::vars_os().filter(|(name, _)| is_given(name)).collect()
}

/// Variables that the gateway takes its own secrets from. The app is not to have them.
fn withheld(policy: &Policy) -> Vec<OsString> {
    let server = &policy.server;
    let mut references: Vec<&SecretReference> = match &server.tls {
        Tls::Files { certificate, key, certificates } => {
            let further = certificates.iter().flat_map(|pair| [&pair.certificate, &pair.key]);
            [certificate, key].into_iter().chain(further).collect()
        }
        Tls::SelfSigned | Tls::Off => Vec::new(),
    };
    if let Some(clients) = &server.client_certificates {
        references.extend([Some(&clients.authorities), clients.revoked.as_ref()].into_iter().flatten());
    }
    let names = references.into_iter().filter_map(|reference| match reference {
        SecretReference::Env(name) => Some(OsString::from(name)),
        SecretReference::File(_) | SecretReference::Command(_) | SecretReference::Literal(_) => None,
    });
    names.collect()
}
