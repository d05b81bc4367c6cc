//! The policy file: TOML in, values by key out.

use std::collections::BTreeSet;
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
use crate::suggest::quoted;
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
    let (first, faults) = DeTable::parse_recoverable(text);
    let shown = Text { kind: TextKind::File(name.to_owned()), shown: masked(text, first.get_ref()) };
    let place = Place::new(Arc::new(shown), 0..0);
    settings.beginning = Some(place.clone());
    let errors = syntax_errors(faults, text, &place);
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

/// The text as it may be shown.
fn masked(text: &str, table: &DeTable<'_>) -> String {
    let public = public_names();
    let mut shown = mask::mask_file(text, &public);
    let mut spans = Vec::new();
    secret_spans(table, &public, &mut spans);
    mask::mask_spans(&mut shown, &spans);
    shown
}

fn secret_spans(table: &DeTable<'_>, public: &[&str], spans: &mut Vec<Range<usize>>) {
    for (name, value) in table {
        match value.get_ref() {
            // Masked by lines: a reference is shown but for the arguments of a command.
            DeValue::String(text) if mask::is_reference(text) => {}
            // A section with such a name, `[secrets]`, is not a value; what is in it is looked at by name.
            DeValue::Table(below) => secret_spans(below, public, spans),
            _ if mask::is_secret_name(name.get_ref(), public) && !is_list_of_tables(value) => spans.push(value.span()),
            DeValue::Array(items) => {
                let tables = items.iter().filter_map(|item| item.get_ref().as_table());
                tables.for_each(|below| secret_spans(below, public, spans));
            }
            _ => {}
        }
    }
}

/// Last parts of keys whose values may be shown.
fn public_names() -> Vec<&'static str> {
    let keys = sections::keys().filter(|key| !key.shape().secret);
    keys.map(|key| key.about().name()).collect()
}

/// A mistake of the parser in our words, where those of the parser need explanation.
fn syntax(fault: &toml::de::Error, text: &str, place: &Place) -> Diagnostic {
    let here = place.at(fault.span().unwrap_or(text.len()..text.len()));
    let message = fault.message().replace('\n', ", ");
    let excerpt = here.excerpt().to_owned();
    let error = |code, message: String| Diagnostic::error(code, Some(here.clone()), message);
    if message.contains("duplicate key") {
        let mut error = error(Code::Duplicate, format!("{} is there twice", quoted(&excerpt)));
        error.help("keep one of them");
        return error;
    }
    if message.starts_with(UNQUOTED) {
        if excerpt.is_empty() {
            return error(Code::Syntax, "not TOML: the value is missing".to_owned());
        }
        let mut error = error(Code::Syntax, "not TOML: a string needs quotes".to_owned());
        let masked = excerpt.bytes().all(|b| b == b'*');
        error.help(if masked { "put the value in quotes".to_owned() } else { format!("write \"{excerpt}\"") });
        return error;
    }
    error(Code::Syntax, format!("not TOML: {message}"))
}

/// How the parser begins what it says of a value that is nothing it knows.
const UNQUOTED: &str = "string values must be quoted";

/// How it begins what it says inside a list, item after item, once the closing bracket is missing.
const NO_COMMA: &str = "missing comma between array elements";

/// Mistakes of the parser that are looked at: their number grows with the file, and each is compared with the others.
const MOST_SYNTAX_FAULTS: usize = 200;

/// Names that are no keys and are looked into for what they were meant to be.
const MOST_UNKNOWN: usize = 200;

/// What it says at the end of such a list.
const OPEN_LIST: &str = "unclosed array";

/// The parser's mistakes, one a line, and one alone for a list that is not closed: everything behind it is read as
/// items, and as many mistakes as the file has lines would hide the one.
fn syntax_errors(mut faults: Vec<toml::de::Error>, text: &str, place: &Place) -> Vec<Diagnostic> {
    faults.sort_by_key(|fault| fault.span().map_or(text.len(), |span| span.start));
    faults.truncate(MOST_SYNTAX_FAULTS);
    let open = faults.iter().any(|fault| fault.message().contains(OPEN_LIST));
    let cut = faults.iter().position(|fault| open && fault.message().contains(NO_COMMA));
    let kept = faults.get(..cut.unwrap_or(faults.len())).unwrap_or_default();
    let mut errors: Vec<Diagnostic> = kept.iter().map(|fault| syntax(fault, text, place)).collect();
    if let Some(fault) = cut.and_then(|at| faults.get(at)) {
        let mut error = syntax(fault, text, place);
        "not TOML: the list above is not closed".clone_into(&mut error.message);
        error.help("write `]` after its last item");
        errors.push(error);
    }
    let mut lines = BTreeSet::new();
    errors.retain(|error| error.place.as_ref().is_none_or(|place| lines.insert(place.lines().start)));
    errors
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
            self.section(known.path, &self.place.at(header_span(name.span(), value.span())), value);
        } else if let Some(key) = sections::key(&path) {
            let node = Node::from_toml(value, self.place);
            self.settings.values.entry(key.about().path).or_insert(node);
        } else if self.errors.len() < MOST_UNKNOWN {
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

/// The brackets with the name, or the name alone where a section is opened without brackets.
fn header_span(name: Range<usize>, value: Range<usize>) -> Range<usize> {
    if value.start < name.start && name.end < value.end { value } else { name }
}

fn is_list_of_tables(value: &Spanned<DeValue<'_>>) -> bool {
    let DeValue::Array(items) = value.get_ref() else { return false };
    !items.is_empty() && items.iter().all(|item| matches!(item.get_ref(), DeValue::Table(_)))
}
