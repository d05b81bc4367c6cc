//! What commands print, and how they end: standard output for what was asked for, standard error for everything else.

use std::fmt;
use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use serde::Serialize;

pub(crate) use crate::exit::Exit;

/// A command that could not do its work.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    text: String,
    /// Whether the text begins with what it is, as a policy's mistakes do.
    rendered: bool,
}

impl Failure {
    /// Wrong usage: exit code 2. Lines that begin with `help: ` say how to mend it.
    pub(crate) fn usage(text: impl fmt::Display) -> Self {
        Self { exit: Exit::Usage, text: text.to_string(), rendered: false }
    }

    /// Diagnostics as the policy crate renders them, with colours.
    pub(crate) fn diagnostics(rendered: String) -> Self {
        Self { exit: Exit::Usage, text: rendered, rendered: true }
    }

    /// Nothing to say: a reader that went away is no mistake.
    fn silent() -> Self {
        Self { exit: Exit::Fine, text: String::new(), rendered: true }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe { Self::silent() } else { Self::usage(error) }
    }
}

const ERROR: Style = AnsiColor::Red.on_default().bold();
const HELP: Style = AnsiColor::Cyan.on_default().bold();
pub(crate) const STRONG: Style = Style::new().bold();
/// What fails a check.
pub(crate) const BAD: Style = ERROR;
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
pub(crate) const WEAK: Style = AnsiColor::Yellow.on_default();
pub(crate) const FAINT: Style = Style::new().dimmed();

/// What was asked for, on standard output. Colours are taken off for pipes, for `NO_COLOR` and for terminals without any.
pub(crate) fn print(text: impl fmt::Display) -> Result<(), Failure> {
    let mut out = anstream::stdout().lock();
    writeln!(out, "{text}")?;
    Ok(out.flush()?)
}

/// What was asked for, for a machine.
pub(crate) fn print_json(value: &impl Serialize) -> Result<(), Failure> {
    print(serde_json::to_string_pretty(value).map_err(Failure::usage)?)
}

/// Something beside, on standard error. Where it cannot be written, it is lost.
pub(crate) fn note(text: impl fmt::Display) {
    let mut err = anstream::stderr().lock();
    writeln!(err, "{text}").and_then(|()| err.flush()).ok();
}

/// Why there is nothing else.
pub(crate) fn failure(failure: &Failure) {
    if failure.rendered {
        if !failure.text.is_empty() {
            note(&failure.text);
        }
        return;
    }
    let mut lines = failure.text.lines();
    note(format_args!("{ERROR}error{ERROR:#}: {}", lines.next().unwrap_or_default()));
    for line in lines {
        match line.strip_prefix("help: ") {
            Some(help) => note(format_args!("{HELP}help{HELP:#}: {help}")),
            None => note(line),
        }
    }
}
