//! The command as people and scripts meet it: exit codes, what goes where, and that it serves and ends.
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests may fail a test")]

mod mistakes;
mod offline;
mod reload;
mod remote;
mod serving;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

/// A command in a folder, with nothing of this process's environment that could matter.
fn buckler(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_buckler"));
    command.current_dir(folder).env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    buckler(folder).args(arguments).output().unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap_or_else(|| panic!("{output:?}"))
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// A folder with these files.
fn project(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

/// The Python that has uvicorn.
fn python() -> PathBuf {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.venv/bin/python");
    let named = std::env::var_os("BUCKLER_TEST_PYTHON").map_or_else(beside, PathBuf::from);
    assert!(named.exists(), "run `make setup` first, or set BUCKLER_TEST_PYTHON: {}", named.display());
    named
}
