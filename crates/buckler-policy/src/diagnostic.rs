//! One mistake or warning: what is wrong, where, and how to mend it.

use std::fmt;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::place::{Place, TextKind};
use crate::render;

/// What kind of mistake it is; stable, so that scripts and documentation can refer to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Code {
    /// The text is not TOML, or a variable's list is not JSON.
    Syntax,
    /// The same key twice.
    Duplicate,
    /// No such key.
    UnknownKey,
    /// No such section.
    UnknownSection,
    /// A `BUCKLER_` variable that sets nothing.
    UnknownVariable,
    /// Known, but this release does not enforce it.
    NotInThisRelease,
    /// A string where a number belongs, and the like.
    WrongType,
    /// A number beyond its bounds.
    OutOfRange,
    /// The value does not follow its grammar.
    Invalid,
    /// A secret written where a reference to it belongs.
    LiteralSecret,
    /// Something that must be said is not.
    Missing,
    /// Two settings that exclude each other, or one that defeats another.
    Conflict,
    /// A setting that has no effect as things stand.
    Unused,
    /// A setting that leaves a control without effect.
    Weak,
    /// The text is too long to be a policy.
    TooLarge,
}

impl Code {
    /// As it is written in brackets after `error`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Syntax => "syntax",
            Self::Duplicate => "duplicate",
            Self::UnknownKey => "unknown_key",
            Self::UnknownSection => "unknown_section",
            Self::UnknownVariable => "unknown_variable",
            Self::NotInThisRelease => "not_in_this_release",
            Self::WrongType => "wrong_type",
            Self::OutOfRange => "out_of_range",
            Self::Invalid => "invalid",
            Self::LiteralSecret => "literal_secret",
            Self::Missing => "missing",
            Self::Conflict => "conflict",
            Self::Unused => "unused",
            Self::Weak => "weak",
            Self::TooLarge => "too_large",
        }
    }
}

/// Whether the policy can be used in spite of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// It cannot.
    Error,
    /// It can.
    Warning,
}

/// A mistake or a warning. Holds no secret: its text is masked.
#[derive(Debug, Clone)]
pub struct Diagnostic {
    pub(crate) severity: Severity,
    pub(crate) code: Code,
    pub(crate) key: Option<String>,
    pub(crate) message: String,
    pub(crate) place: Option<Place>,
    pub(crate) label: Option<String>,
    pub(crate) related: Option<(Place, String)>,
    pub(crate) help: Option<String>,
}

/// Something to know about a policy that can be used.
pub type Warning = Diagnostic;

impl Diagnostic {
    pub(crate) fn error(code: Code, place: Option<Place>, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            code,
            key: None,
            message: message.into(),
            place,
            label: None,
            related: None,
            help: None,
        }
    }

    pub(crate) fn warning(code: Code, place: Option<Place>, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, place, message) }
    }

    /// What stands under the carets.
    pub(crate) fn label(&mut self, label: impl Into<String>) -> &mut Self {
        self.label = Some(label.into());
        self
    }

    /// How to mend it.
    pub(crate) fn help(&mut self, help: impl Into<String>) -> &mut Self {
        self.help = Some(help.into());
        self
    }

    /// A second place that explains the first.
    pub(crate) fn related(&mut self, place: Place, label: impl Into<String>) -> &mut Self {
        self.related = Some((place, label.into()));
        self
    }

    /// Whether the policy can be used in spite of it.
    pub fn severity(&self) -> Severity {
        self.severity
    }

    /// The kind of mistake.
    pub fn code(&self) -> Code {
        self.code
    }

    /// The key that it is about, such as `server.hosts`.
    pub fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    /// What is wrong, in one sentence.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Where it stands; `None` when there is no source at all, such as a missing file.
    pub fn place(&self) -> Option<&Place> {
        self.place.as_ref()
    }

    /// How to mend it.
    pub fn mend(&self) -> Option<&str> {
        self.help.as_deref()
    }

    /// As `rustc` shows mistakes: message, the lines concerned with carets, help.
    pub fn render(&self, style: Style) -> String {
        render::render(self, style)
    }
}

/// Colours or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// No escape sequences: pipes, files, `NO_COLOR`.
    Plain,
    /// ANSI colours.
    Coloured,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(Style::Plain))
    }
}

/// Flat, for `--json`: `severity`, `code`, `key`, `message`, `help`, and `file`/`line`/`column`/`source`, or
/// `variable`, or `flag`.
impl Serialize for Diagnostic {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        map.serialize_entry("severity", severity)?;
        map.serialize_entry("code", self.code.as_str())?;
        map.serialize_entry("key", &self.key)?;
        map.serialize_entry("message", &self.message)?;
        if let Some(place) = &self.place {
            match place.kind() {
                TextKind::File(name) => {
                    map.serialize_entry("file", name)?;
                    map.serialize_entry("line", &place.line())?;
                    map.serialize_entry("column", &place.column())?;
                }
                TextKind::Variable(name) => map.serialize_entry("variable", name)?,
                TextKind::Flag(name) => map.serialize_entry("flag", name)?,
                TextKind::BuiltIn => {}
            }
            map.serialize_entry("source", place.source_line())?;
        }
        map.serialize_entry("label", &self.label)?;
        map.serialize_entry("help", &self.help)?;
        map.end()
    }
}

/// Every mistake of a policy, in the order of their places. Never empty.
#[derive(Debug, Clone, Serialize)]
#[serde(transparent)]
pub struct PolicyErrors(Vec<Diagnostic>);

impl PolicyErrors {
    pub(crate) fn new(errors: Vec<Diagnostic>) -> Self {
        Self(errors)
    }

    /// The mistakes, in the order of their places.
    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.0.iter()
    }

    /// How many.
    #[expect(clippy::len_without_is_empty, reason = "it is never empty")]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// All of them, with an empty line between.
    pub fn render(&self, style: Style) -> String {
        let all: Vec<String> = self.0.iter().map(|error| error.render(style)).collect();
        all.join("\n\n")
    }
}

impl fmt::Display for PolicyErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(Style::Plain))
    }
}

impl std::error::Error for PolicyErrors {}

/// Collects mistakes while a value is read.
#[derive(Debug, Default)]
pub(crate) struct Faults(pub(crate) Vec<Diagnostic>);

impl Faults {
    /// Notes a mistake; the returned value takes label and help.
    pub(crate) fn refuse(&mut self, code: Code, place: &Place, message: impl Into<String>) -> &mut Diagnostic {
        self.push(Diagnostic::error(code, Some(place.clone()), message))
    }

    pub(crate) fn push(&mut self, diagnostic: Diagnostic) -> &mut Diagnostic {
        let at = self.0.len();
        self.0.push(diagnostic);
        #[expect(clippy::indexing_slicing, reason = "the element was pushed in the line above")]
        &mut self.0[at]
    }
}
