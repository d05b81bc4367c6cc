//! The coverage of an app's routes as `buckler check` and `buckler run` tell it.

use std::fmt::{self, Write as _};

use buckler_coverage::{Coverage, Finding, Row};
use buckler_gateway::workers::{Survey, printable};
use buckler_policy::Loaded;
use buckler_policy::coverage::Level;
use buckler_policy::settings;

use super::console::{BAD, FAINT, Failure, STRONG, WEAK};

/// Routes of one finding that are shown; `--json` has all of them.
const SHOWN: usize = 8;

/// Columns of a cell, and of a path: what is longer is cut.
const WIDEST: usize = 40;

/// Judges every route of the app.
pub(crate) fn coverage(loaded: &Loaded, survey: &Survey) -> Coverage {
    Coverage::of(&loaded.policy, &survey.table, &survey.documents())
}

/// One line for the start: how many, and how to see them.
pub(crate) fn summary(coverage: &Coverage) -> String {
    let told = coverage.summary();
    let style = if told.errors > 0 { WEAK } else { FAINT };
    format!("{style}coverage{style:#}  {told}; `buckler check --app APP` shows them")
}

/// Why the app is not served: `contract.coverage = "enforce"`, and the findings that stand.
///
/// # Errors
/// The policy enforces the coverage, and a finding of level `error` stands.
pub(crate) fn enforce(loaded: &Loaded, coverage: &Coverage) -> Result<(), Failure> {
    let errors: Vec<&Finding> = coverage.errors().collect();
    if loaded.policy.contract.coverage == settings::Coverage::Report || errors.is_empty() {
        return Ok(());
    }
    let mut text = format!("{} findings stand, and `contract.coverage` is \"enforce\"", errors.len());
    for finding in &errors {
        let place = finding.route.as_deref().unwrap_or("the app");
        write!(text, "\n  {} {place}: {}", finding.id, printable(&finding.detail)).unwrap_or_default();
    }
    text.push_str("\nhelp: mend them, or silence each with its reason under `[[contract.silence]]` (docs/coverage.md)");
    Err(Failure::usage(text))
}

/// The table and what was found.
pub(crate) struct Told<'c>(pub(crate) &'c Coverage);

impl fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        table(f, &self.0.routes)?;
        let mut rest = self.0.findings.as_slice();
        while let Some(first) = rest.first() {
            let same = rest.iter().take_while(|finding| finding.id == first.id).count();
            let (of_kind, further) = rest.split_at(same);
            kind(f, first, of_kind)?;
            rest = further;
        }
        for silenced in &self.0.silenced {
            let place = silenced.finding.route.as_deref().unwrap_or("the app");
            let (place, reason) = (printable(place), printable(&silenced.reason));
            writeln!(f, "{FAINT}silenced{FAINT:#} {} {place}: {reason}", silenced.finding.id)?;
        }
        for idle in &self.0.idle {
            let place = idle.route.as_deref().unwrap_or("the app");
            let meant = idle.meant.as_ref().map_or_else(String::new, |meant| format!("; did you mean \"{meant}\"?"));
            let told = printable(&format!("{place}: {}{meant}", idle.why));
            writeln!(f, "{WEAK}silences nothing{WEAK:#} {} {told}", idle.id)?;
        }
        write!(f, "{STRONG}coverage{STRONG:#}: {}", self.0.summary())
    }
}

const HEADS: [&str; 7] = ["method", "path", "authenticates", "authorises", "limits", "bounds", "filters"];

fn table(f: &mut fmt::Formatter<'_>, rows: &[Row]) -> fmt::Result {
    let lines: Vec<[String; 7]> = rows.iter().map(cells).collect();
    let widths: [usize; 7] = std::array::from_fn(|at| {
        let cells = lines.iter().filter_map(|line| line.get(at)).map(|cell| cell.chars().count());
        cells.chain(HEADS.get(at).map(|head| head.len())).max().unwrap_or_default()
    });
    writeln!(f, "{STRONG}{}{STRONG:#}", aligned(&HEADS.map(str::to_owned), &widths))?;
    for (line, row) in lines.iter().zip(rows) {
        let codes: Vec<&str> = row.findings.iter().map(|id| id.code()).collect();
        let heaviest = row.findings.iter().map(|id| id.level()).max();
        let style = heaviest.map_or(FAINT, style);
        writeln!(f, "{}  {style}{}{style:#}", aligned(line, &widths), codes.join(" "))?;
    }
    writeln!(f)
}

fn cells(row: &Row) -> [String; 7] {
    let path = row.host.as_ref().map_or_else(|| row.path.clone(), |host| format!("{} ({host})", row.path));
    let cells = &row.cells;
    [
        cut(&row.method),
        cut(&path),
        cut(&cells.authenticates.to_string()),
        cut(&cells.authorises.to_string()),
        cut(&cells.limits.to_string()),
        cut(&cells.bounds.to_string()),
        cut(&cells.filters.to_string()),
    ]
}

fn aligned(cells: &[String; 7], widths: &[usize; 7]) -> String {
    let padded: Vec<String> = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
    padded.join("  ")
}

/// What an app calls things may be long, and may hold anything.
fn cut(text: &str) -> String {
    let shown = printable(text);
    if shown.chars().count() <= WIDEST {
        return shown;
    }
    let begin: String = shown.chars().take(WIDEST - 1).collect();
    format!("{begin}…")
}

fn style(level: Level) -> anstyle::Style {
    match level {
        Level::Error => BAD,
        Level::Warning => WEAK,
        Level::Note => FAINT,
    }
}

fn kind(f: &mut fmt::Formatter<'_>, first: &Finding, all: &[Finding]) -> fmt::Result {
    let style = style(first.level);
    writeln!(f, "{style}{}{style:#} {STRONG}{}{STRONG:#}", first.level.as_str(), first.id)?;
    for finding in all.iter().take(SHOWN) {
        let place = finding.route.as_deref().unwrap_or("the app");
        writeln!(f, "  {} {FAINT}({}){FAINT:#}", printable(place), printable(&finding.detail))?;
    }
    if all.len() > SHOWN {
        writeln!(f, "  {FAINT}and {} more{FAINT:#}", all.len() - SHOWN)?;
    }
    writeln!(f, "  help: {}\n", first.remedy)
}
