//! Reads keys one by one out of the layered settings, notes every mistake and where each value came from.

use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostic::{Code, Diagnostic, Faults};
use crate::grammar::Grammar;
use crate::key::{Declared, Key, Preset};
use crate::node::Node;
use crate::place::Place;
use crate::provenance::{Origin, Provenance};
use crate::settings::{Environment, Mode};
use crate::sources::Host;

/// Values as written, one for each key that any source sets.
#[derive(Default)]
pub(crate) struct Settings {
    /// The strongest value of each key.
    pub(crate) values: BTreeMap<&'static str, Node>,
    /// Weaker values, kept so that their mistakes are reported, too.
    pub(crate) shadowed: Vec<(&'static str, Node)>,
    /// Where each section begins.
    pub(crate) sections: BTreeMap<String, Place>,
    /// Keys that a misspelt one was probably meant to be: not set, but not forgotten either.
    pub(crate) meant: BTreeSet<&'static str>,
    /// Whether parts of the file could not be read, so that nothing can be said to be missing.
    pub(crate) incomplete: bool,
    /// A place to show when something is missing from the file.
    pub(crate) beginning: Option<Place>,
}

/// Proof that a mistake has been noted: only the reader makes it, and only where it notes one. So a section that
/// cannot be built always says why.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Noted(());

/// A value, or the proof that its mistake has been noted.
pub(crate) type Read<T> = Result<T, Noted>;

/// Reads settings; see the module.
pub(crate) struct Reader {
    pub(crate) settings: Settings,
    pub(crate) host: Host,
    pub(crate) environment: Environment,
    pub(crate) mode: Mode,
    pub(crate) errors: Vec<Diagnostic>,
    pub(crate) warnings: Vec<Diagnostic>,
    pub(crate) provenance: Provenance,
}

impl Reader {
    pub(crate) fn new(settings: Settings, host: Host) -> Self {
        Self {
            settings,
            host,
            environment: Environment::Production,
            mode: Mode::Enforce,
            errors: Vec::new(),
            warnings: Vec::new(),
            provenance: Provenance::default(),
        }
    }

    /// Whether production's demands hold.
    pub(crate) fn is_deployed(&self) -> bool {
        self.environment != Environment::Development
    }

    /// The value of a key that has a default.
    pub(crate) fn read<G: Grammar>(&mut self, key: &'static Key<G>) -> Read<G::Value> {
        if let Some(read) = self.read_set(key) {
            return read;
        }
        let literal = match key.about.preset {
            Preset::Always(literal) => literal,
            Preset::ByEnvironment { deployed, development } => {
                if self.is_deployed() {
                    deployed
                } else {
                    development
                }
            }
            Preset::Unset(_) | Preset::Mode => return Err(self.broken_default(key)),
        };
        let mut faults = Faults::default();
        let value = Node::from_default(literal).and_then(|node| key.grammar.parse(&node, &mut faults));
        self.provenance.set(key, Origin::because(key.about.why), literal);
        value.ok_or_else(|| self.broken_default(key))
    }

    /// The value of a key that may be left unset.
    pub(crate) fn read_optional<G: Grammar>(&mut self, key: &'static Key<G>) -> Read<Option<G::Value>> {
        if let Some(read) = self.read_set(key) {
            return read.map(Some);
        }
        let Preset::Unset(meaning) = key.about.preset else {
            return Err(self.broken_default(key));
        };
        self.provenance.set(key, Origin::because(key.about.why), meaning);
        Ok(None)
    }

    /// A section's mode.
    pub(crate) fn read_mode<G: Grammar<Value = Mode>>(&mut self, key: &'static Key<G>) -> Read<Mode> {
        if let Some(read) = self.read_set(key) {
            return read;
        }
        let word = match self.mode {
            Mode::Enforce => "\"enforce\"",
            Mode::Monitor => "\"monitor\"",
        };
        self.provenance.set(key, Origin::because(key.about.why), word);
        Ok(self.mode)
    }

    /// The value of a key if a source sets it.
    fn read_set<G: Grammar>(&mut self, key: &'static Key<G>) -> Option<Read<G::Value>> {
        let node = self.settings.values.get(key.about.path)?;
        let mut faults = Faults::default();
        let value = key.grammar.parse(node, &mut faults);
        // A grammar that refuses without a word would let a value vanish.
        if value.is_none() && faults.0.is_empty() {
            faults.refuse(Code::Invalid, &node.place, "cannot be read");
        }
        let origin = Origin::of(&node.place);
        self.provenance.set(key, origin, node.place.excerpt());
        self.note(key.about.path, faults);
        Some(value.ok_or(Noted(())))
    }

    /// Applies the grammars of values that a stronger source overrides.
    pub(crate) fn check_shadowed(&mut self, declared: impl Fn(&str) -> Option<&'static dyn Declared>) {
        for (path, node) in std::mem::take(&mut self.settings.shadowed) {
            let mut faults = Faults::default();
            if let Some(key) = declared(path) {
                key.check(&node, &mut faults);
            }
            self.note(path, faults);
        }
    }

    fn note(&mut self, path: &'static str, faults: Faults) {
        for mut fault in faults.0 {
            fault.key = Some(path.to_owned());
            fault.message = format!("`{path}`: {}", fault.message);
            self.errors.push(fault);
        }
    }

    /// A declaration that contradicts itself: refused like any other mistake, so that nothing runs on half a
    /// policy. The tests of the declarations keep this from being reached.
    fn broken_default<G: Grammar>(&mut self, key: &'static Key<G>) -> Noted {
        let path = key.about.path;
        let message = format!("the built-in default of `{path}` cannot be read");
        self.errors.push(Diagnostic::error(Code::Invalid, None, message));
        Noted(())
    }

    /// Whether a source sets the key.
    pub(crate) fn is_set<G>(&self, key: &Key<G>) -> bool {
        self.settings.values.contains_key(key.about.path)
    }

    /// Whether nothing speaks of the key, not even a misspelling of it or a line that could not be read.
    pub(crate) fn is_absent<G>(&self, key: &Key<G>) -> bool {
        !self.is_set(key) && !self.settings.incomplete && !self.settings.meant.contains(key.about.path)
    }

    /// Where a source sets the key.
    pub(crate) fn place_of<G>(&self, key: &Key<G>) -> Option<Place> {
        self.settings.values.get(key.about.path).map(|node| node.place.clone())
    }

    /// The items of a list that a source sets, as written.
    pub(crate) fn items<G>(&self, key: &Key<G>) -> Vec<Node> {
        self.settings
            .values
            .get(key.about.path)
            .and_then(|node| node.items("a list", &mut Faults::default()))
            .unwrap_or_default()
    }

    /// The best place to show for something that a section lacks.
    pub(crate) fn section_place(&self, section: &str) -> Option<Place> {
        let sections = &self.settings.sections;
        sections.get(section).or(self.settings.beginning.as_ref()).cloned()
    }

    /// Whether any source sets anything in the section, or opens it.
    pub(crate) fn has_section(&self, section: &str) -> bool {
        self.settings.sections.contains_key(section)
            || self
                .settings
                .values
                .keys()
                .any(|path| path.strip_prefix(section).is_some_and(|rest| rest.starts_with('.')))
    }

    /// Notes a mistake of one key's value against the rest of the policy.
    pub(crate) fn conflict<G>(&mut self, key: &Key<G>, code: Code, message: impl Into<String>) -> &mut Diagnostic {
        let place = self.place_of(key).or_else(|| self.section_place(key.about.section()));
        let mut error = Diagnostic::error(code, place, message);
        error.key = Some(key.about.path.to_owned());
        push(&mut self.errors, error)
    }

    /// For a value that cannot be built because of mistakes noted before; notes one if there are none.
    pub(crate) fn noted_before<G>(&mut self, key: &Key<G>) -> Noted {
        if self.errors.is_empty() && !self.settings.incomplete && self.settings.meant.is_empty() {
            self.conflict(key, Code::Missing, format!("`{}` is missing", key.about.path));
        }
        Noted(())
    }

    /// Notes something to know about a key.
    pub(crate) fn warn<G>(&mut self, key: &Key<G>, code: Code, message: impl Into<String>) -> &mut Diagnostic {
        let place = self.place_of(key).or_else(|| self.section_place(key.about.section()));
        let mut warning = Diagnostic::warning(code, place, message);
        warning.key = Some(key.about.path.to_owned());
        push(&mut self.warnings, warning)
    }
}

fn push(list: &mut Vec<Diagnostic>, diagnostic: Diagnostic) -> &mut Diagnostic {
    let at = list.len();
    list.push(diagnostic);
    #[expect(clippy::indexing_slicing, reason = "the element was pushed in the line above")]
    &mut list[at]
}
