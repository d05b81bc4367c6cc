//! Mistakes as `rustc` shows them.

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use crate::diagnostic::{Diagnostic, Severity, Style};
use crate::place::{Place, TextKind};

/// Lines of one place that are shown at most: a list over a thousand lines is shown by its beginning.
const MOST_LINES: usize = 8;

/// Columns at which long lines are cut; wide enough for any policy that people write by hand.
const WIDTH: usize = 160;

pub(crate) fn render(diagnostic: &Diagnostic, style: Style) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let title = level
        .primary_title(&diagnostic.message)
        .id(diagnostic.code.as_str());
    let mut group = Group::with_title(title);
    if let Some(place) = &diagnostic.place {
        group = group.element(snippet(
            place,
            diagnostic.label.as_deref(),
            AnnotationKind::Primary,
        ));
    }
    if let Some((place, label)) = &diagnostic.related {
        group = group.element(snippet(place, Some(label), AnnotationKind::Context));
    }
    if let Some(help) = &diagnostic.help {
        group = group.element(Level::HELP.message(help));
    }
    let renderer = match style {
        Style::Plain => Renderer::plain(),
        Style::Coloured => Renderer::styled(),
    };
    renderer
        .decor_style(DecorStyle::Ascii)
        .term_width(WIDTH)
        .render(&[group])
}

/// The lines of a place, cut out so that the cost follows the place and not the file.
fn snippet<'d>(
    place: &'d Place,
    label: Option<&'d str>,
    kind: AnnotationKind,
) -> Snippet<'d, annotate_snippets::Annotation<'d>> {
    let lines = place.lines();
    let shown: usize = place
        .lines_text()
        .split_inclusive('\n')
        .take(MOST_LINES)
        .map(str::len)
        .sum();
    let text = place.lines_text().get(..shown).unwrap_or_default();
    let start = place.span().start.saturating_sub(lines.start).min(shown);
    let end = place.span().end.saturating_sub(lines.start).min(shown);
    let path = match place.kind() {
        TextKind::File(name) => name.as_str(),
        TextKind::Variable(_) => "environment",
        TextKind::Flag(_) => "command line",
        TextKind::BuiltIn => "built-in default",
    };
    Snippet::source(text)
        .path(path)
        .line_start(place.line())
        .line_numbering(matches!(place.kind(), TextKind::File(_)))
        .annotation(kind.span(start..end).label(label))
}
