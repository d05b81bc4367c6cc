//! Which Python runs the app.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// What the search looks at, besides the file system.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// The interpreter that the command is installed with, if it came in a wheel.
    pub wheel: Option<PathBuf>,
    /// `VIRTUAL_ENV`: the environment that the user's shell has activated.
    pub virtual_env: Option<OsString>,
    /// `PATH`.
    pub path: Option<OsString>,
    /// Where `./.venv` is looked for.
    pub current_dir: PathBuf,
}

impl Surroundings {
    /// Those of this process, and the interpreter of its wheel.
    ///
    /// # Errors
    /// The current directory is gone or unreadable.
    pub fn of_process(wheel: Option<&Path>) -> io::Result<Self> {
        Ok(Self {
            wheel: wheel.map(Path::to_owned),
            virtual_env: env::var_os("VIRTUAL_ENV"),
            path: env::var_os("PATH"),
            current_dir: env::current_dir()?,
        })
    }
}

/// A Python that can be started. Whether it has a server for the app shows when the app is probed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interpreter {
    path: PathBuf,
    source: Source,
}

/// By which rule an interpreter was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// `--python` or `app.python`.
    Named,
    /// The one that the command is installed with.
    Wheel,
    /// `$VIRTUAL_ENV`.
    VirtualEnv,
    /// `./.venv`.
    DotVenv,
    /// `python3` on `PATH`.
    Path,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Named => "as named",
            Self::Wheel => "of this wheel",
            Self::VirtualEnv => "from $VIRTUAL_ENV",
            Self::DotVenv => "from ./.venv",
            Self::Path => "from PATH",
        })
    }
}

/// No interpreter. Each says where it was looked for and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InterpreterError {
    /// What `--python` or `app.python` names is not there or not executable.
    #[error("there is no program `{}`; `--python` takes the path of a Python interpreter or a name on PATH", .0.display())]
    Named(PathBuf),
    /// The wheel's own has been moved or removed since. Another one would run other packages.
    #[error("`{}`, which this wheel is installed for, is no program any more: install it anew, or give `--python`", .0.display())]
    Wheel(PathBuf),
    /// An environment is activated that does not exist. Taking another one silently would run the wrong packages.
    #[error("$VIRTUAL_ENV names `{}`, but it has no `bin/python`: activate the right environment, or give `--python`", .0.display())]
    VirtualEnv(PathBuf),
    /// `./.venv` is there, but nothing in it can be started.
    #[error("`{}` has no `bin/python`: make it anew with `python3 -m venv .venv`, or give `--python`", .0.display())]
    DotVenv(PathBuf),
    /// Nowhere.
    #[error(
        "no Python was found: neither $VIRTUAL_ENV nor ./.venv nor a `python3` on PATH; make an environment with \
         `python3 -m venv .venv && .venv/bin/python -m pip install 'uvicorn[standard]'`, or give `--python`"
    )]
    Nowhere,
}

impl Interpreter {
    /// The first of: `named` (a path, or a name on `PATH`), the wheel's own, `$VIRTUAL_ENV`, `./.venv`, `python3` on
    /// `PATH`.
    ///
    /// # Errors
    /// The first of them that is there at all cannot be started, or none is there.
    pub fn find(named: Option<&Path>, around: &Surroundings) -> Result<Self, InterpreterError> {
        if let Some(named) = named {
            let has_folder = named.parent().is_some_and(|folder| folder != Path::new(""));
            let found = if has_folder {
                Some(around.current_dir.join(named)).filter(|path| is_program(path))
            } else {
                on_path(named.as_os_str(), around)
            };
            let path = found.ok_or_else(|| InterpreterError::Named(named.to_owned()))?;
            return Ok(Self { path, source: Source::Named });
        }
        if let Some(wheel) = &around.wheel {
            let path = around.current_dir.join(wheel);
            return if is_program(&path) {
                Ok(Self { path, source: Source::Wheel })
            } else {
                Err(InterpreterError::Wheel(path))
            };
        }
        if let Some(folder) = around.virtual_env.as_ref().filter(|value| !value.is_empty()) {
            let path = around.current_dir.join(folder).join("bin/python");
            return if is_program(&path) {
                Ok(Self { path, source: Source::VirtualEnv })
            } else {
                Err(InterpreterError::VirtualEnv(folder.into()))
            };
        }
        let folder = around.current_dir.join(".venv");
        if folder.is_dir() {
            let path = folder.join("bin/python");
            return if is_program(&path) {
                Ok(Self { path, source: Source::DotVenv })
            } else {
                Err(InterpreterError::DotVenv(folder))
            };
        }
        let path = on_path(OsStr::new("python3"), around).ok_or(InterpreterError::Nowhere)?;
        Ok(Self { path, source: Source::Path })
    }

    /// Its absolute path. Links are kept: an environment is recognised by where its `python` stands.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// By which rule it was found.
    pub fn source(&self) -> Source {
        self.source
    }
}

fn on_path(name: &OsStr, around: &Surroundings) -> Option<PathBuf> {
    env::split_paths(around.path.as_ref()?)
        .map(|folder| around.current_dir.join(folder).join(name))
        .find(|path| is_program(path))
}

fn is_program(path: &Path) -> bool {
    path.metadata().is_ok_and(|facts| facts.is_file() && facts.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn program(path: &Path, mode: u32) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "").unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    /// What it is about, `--python`, the wheel's, `$VIRTUAL_ENV`, the current folder, what is found.
    type Case =
        (&'static str, Option<&'static str>, Option<&'static str>, Option<&'static str>, &'static str, Option<Source>);

    #[test]
    fn the_order_of_the_search() {
        // R09, R80
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        program(&at("usr/python3"), 0o755);
        program(&at("usr/python3.11"), 0o755);
        program(&at("usr/readme"), 0o644);
        program(&at("active/bin/python"), 0o755);
        program(&at("with/.venv/bin/python"), 0o755);
        fs::create_dir_all(at("without")).unwrap();
        fs::create_dir_all(at("broken/.venv")).unwrap();
        let path = Some(at("usr").into_os_string());

        let cases: &[Case] = &[
            ("a name that is nowhere", Some("python9"), None, None, "with", None),
            ("a path that is nowhere", Some("./bin/python"), None, None, "with", None),
            ("a file that is no program", Some("readme"), None, None, "with", None),
            ("a folder", Some("../usr"), None, None, "with", None),
            ("activated, but gone", None, None, Some("gone"), "with", None),
            (".venv without python", None, None, None, "broken", None),
            ("a name on PATH", Some("python3.11"), None, Some("active"), "with", Some(Source::Named)),
            ("a relative path", Some(".venv/bin/python"), None, Some("active"), "with", Some(Source::Named)),
            ("activated", None, None, Some("active"), "with", Some(Source::VirtualEnv)),
            ("the wheel's, but gone", None, Some("gone/python"), Some("active"), "with", None),
            ("named before the wheel's", Some("python3.11"), Some("usr/python3"), None, "with", Some(Source::Named)),
            ("the wheel's", None, Some("usr/python3"), Some("active"), "with", Some(Source::Wheel)),
            ("activated as nothing", None, None, Some(""), "with", Some(Source::DotVenv)),
            ("beside", None, None, None, "with", Some(Source::DotVenv)),
            ("the machine's", None, None, None, "without", Some(Source::Path)),
        ];
        for (name, named, wheel, active, folder, wanted) in cases {
            let around = Surroundings {
                wheel: wheel.map(at),
                virtual_env: active.map(|part| if part.is_empty() { OsString::new() } else { at(part).into() }),
                path: path.clone(),
                current_dir: at(folder),
            };
            let found = Interpreter::find(named.map(Path::new), &around);
            assert_eq!(found.as_ref().ok().map(Interpreter::source), *wanted, "{name}: {found:?}");
            if let Ok(found) = found {
                assert!(found.path().is_absolute(), "{name}");
            }
        }
        let nothing = Surroundings { wheel: None, virtual_env: None, path: None, current_dir: at("without") };
        assert_eq!(Interpreter::find(None, &nothing), Err(InterpreterError::Nowhere));
    }
}
