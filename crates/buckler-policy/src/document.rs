//! The policy file: TOML in, values by key out.

use std::ops::Range;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::diagnostic::{Code, Diagnostic};
use crate::key::join;
use crate::mask;
use crate::node::Node;
use crate::place::{Place, Text, TextKind};
use crate::reader::Settings;
use crate::sections;
use crate::unknown::{Unknown, unknown};

/// Longest file that is read: a policy is written by people, and a thousand rules fit many times.
pub(crate) const LONGEST_FILE: usize = 1 << 20;

/// Reads the file into `settings`; the mistakes found on the way are returned.
pub(crate) fn read(name: &str, text: &str, settings: &mut Settings) -> Vec<Diagnostic> {
    if text.len() > LONGEST_FILE {
        settings.incomplete = true;
        let message = format!("{name} has {} bytes; a policy has at most {LONGEST_FILE}", text.len());
        return vec![Diagnostic::error(Code::TooLarge, None, message)];
    }
    let shown = Text {
        kind: TextKind::File(name.to_owned()),
        shown: mask::mask_file(text, &public_names()),
    };
    let place = Place::new(Arc::new(shown), 0..0);
    settings.beginning = Some(place.clone());
    let (first, faults) = DeTable::parse_recoverable(text);
    let errors: Vec<Diagnostic> = faults.iter().map(|fault| syntax(fault, text, &place)).collect();
    let mut walk = Walk { place: &place, settings, errors: Vec::new() };
    if errors.is_empty() {
        walk.table("", first.get_ref());
        return walk.errors;
    }
    // What stands behind a line that is no TOML at all is lost to the parser; without that line it is not.
    let rest = without_lines(text, &errors);
    let (second, again) = DeTable::parse_recoverable(&rest);
    walk.table("", if again.is_empty() { second.get_ref() } else { first.get_ref() });
    let mut found = walk.errors;
    settings.incomplete = true;
    found.retain(|error| !shares_line(error, &errors));
    settings.values.retain(|_, node| !touches(&node.place, &errors));
    errors.into_iter().chain(found).collect()
}

/// Last parts of keys whose values may be shown.
fn public_names() -> Vec<&'static str> {
    let keys = sections::keys().filter(|key| !key.shape().secret);
    keys.map(|key| key.about().name()).collect()
}

fn syntax(fault: &toml::de::Error, text: &str, place: &Place) -> Diagnostic {
    let span = fault.span().unwrap_or(text.len()..text.len());
    let message = fault.message().replace('\n', ", ");
    let duplicate = message.contains("duplicate key");
    let code = if duplicate { Code::Duplicate } else { Code::Syntax };
    let message = if duplicate { "the same key twice".to_owned() } else { format!("not TOML: {message}") };
    let mut error = Diagnostic::error(code, Some(place.at(span)), message);
    if duplicate {
        error.help("keep one of them");
    }
    error
}

/// The text with every line that an error touches made blank; same length, so that spans fit.
fn without_lines(text: &str, errors: &[Diagnostic]) -> String {
    let blank: Vec<Range<usize>> = errors.iter().filter_map(|error| error.place.as_ref()).map(Place::lines).collect();
    let mut at = 0;
    let mut rest = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let end = at + line.len();
        if blank.iter().any(|lines| lines.start < end && at <= lines.end) {
            rest.extend(line.bytes().map(|b| if b == b'\n' { '\n' } else { ' ' }));
        } else {
            rest.push_str(line);
        }
        at = end;
    }
    rest
}

fn shares_line(error: &Diagnostic, others: &[Diagnostic]) -> bool {
    error.place.as_ref().is_some_and(|place| touches(place, others))
}

fn touches(place: &Place, errors: &[Diagnostic]) -> bool {
    let lines = place.lines();
    errors.iter().filter_map(|error| error.place.as_ref()).any(|other| {
        let other = other.lines();
        other.start <= lines.end && lines.start <= other.end
    })
}

/// Walks the tables of a document and sorts what it finds by key.
struct Walk<'w> {
    place: &'w Place,
    settings: &'w mut Settings,
    errors: Vec<Diagnostic>,
}

impl Walk<'_> {
    fn table(&mut self, section: &str, table: &DeTable<'_>) {
        for (name, value) in table {
            self.entry(section, name, value);
        }
    }

    fn entry(&mut self, section: &str, name: &Spanned<std::borrow::Cow<'_, str>>, value: &Spanned<DeValue<'_>>) {
        let path = join(section, name.get_ref());
        let here = self.place.at(name.span());
        if let Some(known) = sections::section(&path) {
            self.section(known.path, &here, value);
        } else if let Some(key) = sections::key(&path) {
            let node = Node::from_toml(value, self.place);
            self.settings.values.entry(key.about().path).or_insert(node);
        } else {
            let is_section = matches!(value.get_ref(), DeValue::Table(_)) || is_list_of_tables(value);
            let Unknown { error, meant } = unknown(section, name.get_ref(), is_section, &here);
            self.errors.push(error);
            self.follow(meant, value);
        }
    }

    fn section(&mut self, path: &'static str, here: &Place, value: &Spanned<DeValue<'_>>) {
        let DeValue::Table(table) = value.get_ref() else {
            let message = if is_list_of_tables(value) {
                format!("`{path}` is one section and no list")
            } else {
                format!("`{path}` is a section and takes no value")
            };
            let mut error = Diagnostic::error(Code::WrongType, Some(here.clone()), message);
            error.key = Some(path.to_owned());
            error.help(format!("write [{path}] on a line of its own and its keys below"));
            self.errors.push(error);
            self.settings.incomplete = true;
            return;
        };
        self.settings.sections.entry(path.to_owned()).or_insert_with(|| here.clone());
        self.table(path, table);
    }

    /// Reads on below a misspelt section, so that one run shows the mistakes in it, too.
    fn follow(&mut self, meant: Option<&'static str>, value: &Spanned<DeValue<'_>>) {
        let Some(meant) = meant else { return };
        self.settings.meant.insert(meant);
        if let (Some(section), DeValue::Table(table)) = (sections::section(meant), value.get_ref()) {
            self.table(section.path, table);
        }
    }
}

fn is_list_of_tables(value: &Spanned<DeValue<'_>>) -> bool {
    let DeValue::Array(items) = value.get_ref() else { return false };
    !items.is_empty() && items.iter().all(|item| matches!(item.get_ref(), DeValue::Table(_)))
}
