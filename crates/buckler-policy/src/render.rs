//! Mistakes as `rustc` shows them.

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use crate::diagnostic::{Diagnostic, Severity, Style};
use crate::place::{Place, TextKind};

/// Lines of one place that are shown at most: a list over a thousand lines is shown by its beginning.
const MOST_LINES: usize = 8;

/// Bytes of one place's lines beyond which only its position is shown.
const LONGEST_LINES: usize = 8_192;

/// Columns at which long lines are cut; wide enough for any policy that people write by hand.
const WIDTH: usize = 160;

pub(crate) fn render(diagnostic: &Diagnostic, style: Style) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let title = level.primary_title(&diagnostic.message).id(diagnostic.code.as_str());
    let mut group = Group::with_title(title);
    match &diagnostic.place {
        // Something the whole file lacks: no line of it is to blame.
        Some(place) if place.span() == (0..0) => {
            group = group.element(Origin::path(place.file().unwrap_or_default()));
        }
        Some(place) if place.lines_text().len() > LONGEST_LINES => {
            let path = place.file().unwrap_or_default();
            group = group.element(Origin::path(path).line(place.line()).char_column(place.column()));
        }
        Some(place) => {
            let label = diagnostic.label.as_deref();
            group = group.element(snippet(place, label, AnnotationKind::Primary));
        }
        None => {}
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
    let rendered = renderer.decor_style(DecorStyle::Ascii).term_width(WIDTH).render(&[group]);
    let lines: Vec<&str> = rendered.lines().map(str::trim_end).collect();
    lines.join("\n")
}

/// The lines of a place, cut out so that the cost follows the place and not the file.
fn snippet<'d>(
    place: &'d Place,
    label: Option<&'d str>,
    kind: AnnotationKind,
) -> Snippet<'d, annotate_snippets::Annotation<'d>> {
    let lines = place.lines();
    let shown: usize = place.lines_text().split_inclusive('\n').take(MOST_LINES).map(str::len).sum();
    let text = place.lines_text().get(..shown).unwrap_or_default();
    let start = place.span().start.saturating_sub(lines.start).min(shown);
    let end = place.span().end.saturating_sub(lines.start).min(shown);
    // A variable or a flag is shown with its name, which says where it comes from.
    Snippet::source(text)
        .path(place.file())
        .line_start(place.line())
        .line_numbering(matches!(place.kind(), TextKind::File(_)))
        .annotation(kind.span(start..end).label(label))
}
