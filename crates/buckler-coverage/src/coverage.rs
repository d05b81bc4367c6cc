//! All of it together: rows, what was found, what is silenced and why.

use std::collections::BTreeSet;
use std::fmt;

use buckler_policy::coverage::{FindingId, Level};
use buckler_policy::settings::{Policy, Silence};
use serde::{Serialize, Serializer};

use crate::cells::{Cells, Looked};
use crate::document::Documents;
use crate::rules;
use crate::table::{Kind, Route, RouteTable};

/// What protects each route of an app, and what nothing protects.
#[derive(Debug, Clone, Serialize)]
pub struct Coverage {
    /// One for each method of each route, in the app's order.
    pub routes: Vec<Row>,
    /// What stands, the heaviest first.
    pub findings: Vec<Finding>,
    /// What the policy silences.
    pub silenced: Vec<Silenced>,
    /// Lines of the policy that silence nothing.
    pub idle: Vec<Idle>,
}

/// A method of a route.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// `GET`, `ANY`, `WEBSOCKET` or `MOUNT`.
    pub method: String,
    /// As the app writes it.
    pub path: String,
    /// The host that leads to it, if one does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// `module:name` of what answers.
    pub endpoint: String,
    /// Whether a contract lists it.
    pub in_contract: bool,
    /// The columns.
    #[serde(flatten)]
    pub cells: Cells,
    /// What stands against it.
    #[serde(serialize_with = "codes")]
    pub findings: Vec<FindingId>,
}

/// Something that stands.
#[derive(Debug, Clone, Serialize)]
pub struct Finding {
    /// Which.
    #[serde(serialize_with = "code")]
    pub id: FindingId,
    /// How much it weighs.
    #[serde(serialize_with = "level")]
    pub level: Level,
    /// In a few words.
    pub title: &'static str,
    /// `METHOD /path`; `None` is the app.
    pub route: Option<String>,
    /// What in particular was found.
    pub detail: String,
    /// How to mend it.
    pub remedy: &'static str,
}

/// Something that the policy silences.
#[derive(Debug, Clone, Serialize)]
pub struct Silenced {
    /// What would stand.
    #[serde(flatten)]
    pub finding: Finding,
    /// Why it may.
    pub reason: String,
}

/// A line of the policy that silences nothing.
#[derive(Debug, Clone, Serialize)]
pub struct Idle {
    /// Which finding.
    #[serde(serialize_with = "code")]
    pub id: FindingId,
    /// Of which route.
    pub route: Option<String>,
    /// Why it silences nothing.
    pub why: String,
    /// The route that was probably meant.
    pub meant: Option<String>,
}

/// Counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Rows.
    pub routes: usize,
    /// Findings that fail.
    pub errors: usize,
    /// Findings to look at.
    pub warnings: usize,
    /// Findings to know.
    pub notes: usize,
    /// Findings that the policy silences.
    pub silenced: usize,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands in a reference")]
fn code<S: Serializer>(id: &FindingId, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(id.code())
}

fn codes<S: Serializer>(ids: &[FindingId], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(ids.iter().map(|id| id.code()))
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands in a reference")]
fn level<S: Serializer>(level: &Level, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(level.as_str())
}

impl Coverage {
    /// Judges every route of the table.
    pub fn of(policy: &Policy, table: &RouteTable, documents: &Documents) -> Self {
        let mut judged = Judged {
            silences: &policy.contract.silence,
            used: BTreeSet::new(),
            findings: Vec::new(),
            silenced: Vec::new(),
        };
        let mut rows = Vec::new();
        for route in &table.routes {
            for method in methods(route) {
                rows.push(row(policy, table, documents, route, method, &mut judged));
            }
        }
        for (id, detail) in rules::of_app(policy, table, documents) {
            judged.take(id, None, detail);
        }
        let Judged { used, mut findings, silenced, .. } = judged;
        findings.sort_by(|one, two| two.level.cmp(&one.level).then(one.id.cmp(&two.id)));
        let unused = policy.contract.silence.iter().enumerate().filter(|(at, _)| !used.contains(at));
        let idle = unused.map(|(_, silence)| idle(silence, &rows)).collect();
        Self { routes: rows, findings, silenced, idle }
    }

    /// What fails.
    pub fn errors(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.level == Level::Error)
    }

    /// How many of each.
    pub fn summary(&self) -> Summary {
        let count = |level: Level| self.findings.iter().filter(|finding| finding.level == level).count();
        Summary {
            routes: self.routes.len(),
            errors: count(Level::Error),
            warnings: count(Level::Warning),
            notes: count(Level::Note),
            silenced: self.silenced.len(),
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counted = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
        let (routes, errors) = (counted(self.routes, "route"), counted(self.errors, "error"));
        let (warnings, notes) = (counted(self.warnings, "warning"), counted(self.notes, "note"));
        write!(f, "{routes}: {errors}, {warnings}, {notes}, {} silenced", self.silenced)
    }
}

impl Row {
    /// `METHOD /path`
    pub fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}

/// What has been found so far.
struct Judged<'p> {
    silences: &'p [Silence],
    used: BTreeSet<usize>,
    findings: Vec<Finding>,
    silenced: Vec<Silenced>,
}

impl Judged<'_> {
    /// Whether it stands.
    fn take(&mut self, id: FindingId, row: Option<(&str, &[&str])>, detail: String) -> bool {
        let route = row.map(|(method, paths)| format!("{method} {}", paths.first().unwrap_or(&"")));
        let finding = Finding { id, level: id.level(), title: id.title(), route, detail, remedy: id.remedy() };
        let speaks = |silence: &Silence| silence.id == id && covers(silence, row);
        // Every line that speaks of it is of use; the first gives the reason.
        let matching: Vec<usize> =
            self.silences.iter().enumerate().filter(|(_, silence)| speaks(silence)).map(|(at, _)| at).collect();
        self.used.extend(&matching);
        if let Some(silence) = matching.first().and_then(|at| self.silences.get(*at)) {
            self.silenced.push(Silenced { finding, reason: silence.reason.clone() });
            false
        } else {
            self.findings.push(finding);
            true
        }
    }
}

fn covers(silence: &Silence, row: Option<(&str, &[&str])>) -> bool {
    let Some(named) = &silence.route else { return true };
    let Some((method, paths)) = row else { return false };
    match named.split_once(' ') {
        Some((wanted, path)) => wanted == method && paths.contains(&path),
        None => paths.contains(&named.as_str()),
    }
}

fn row(
    policy: &Policy,
    table: &RouteTable,
    documents: &Documents,
    route: &Route,
    method: Option<&str>,
    judged: &mut Judged<'_>,
) -> Row {
    let asked = method.and_then(|method| {
        let at = table.applications.get(route.application).map_or("", |app| app.at.as_str());
        documents.find(route.application, method, route.template.strip_prefix(at)?)
    });
    let looked = Looked { policy, table, documents, route, asked, method };
    let cells = looked.cells();
    let shown = match route.kind {
        Kind::Http => method.unwrap_or("ANY"),
        Kind::Websocket => "WEBSOCKET",
        Kind::Static | Kind::Mount => "MOUNT",
    };
    let paths = [route.path.as_str(), route.template.as_str()];
    let found = rules::of_route(&looked, &cells);
    let findings =
        found.into_iter().filter_map(|(id, detail)| judged.take(id, Some((shown, &paths[..])), detail).then_some(id));
    let findings = findings.collect();
    Row {
        method: shown.to_owned(),
        path: route.path.clone(),
        host: route.host.clone(),
        endpoint: route.endpoint.clone(),
        in_contract: asked.is_some(),
        cells,
        findings,
    }
}

/// One row for each; `HEAD` goes with `GET`, which it is answered by.
fn methods(route: &Route) -> Vec<Option<&str>> {
    let has_get = route.methods.iter().any(|method| method == "GET");
    let told: Vec<Option<&str>> =
        route.methods.iter().map(String::as_str).filter(|method| !(has_get && *method == "HEAD")).map(Some).collect();
    if told.is_empty() { vec![None] } else { told }
}

fn idle(silence: &Silence, rows: &[Row]) -> Idle {
    let known = silence.route.as_ref().is_none_or(|named| match named.split_once(' ') {
        Some((method, path)) => rows.iter().any(|row| row.method == method && row.path == path),
        None => rows.iter().any(|row| row.path == *named),
    });
    let meant = silence.route.as_ref().filter(|_| !known).and_then(|named| {
        let names: Vec<String> =
            rows.iter().map(|row| if named.contains(' ') { row.name() } else { row.path.clone() }).collect();
        buckler_policy::coverage::nearest_route(named, names.iter().map(String::as_str)).map(str::to_owned)
    });
    let why = if known { "nothing of that kind is found there" } else { "there is no such route" };
    Idle { id: silence.id, route: silence.route.clone(), why: why.to_owned(), meant }
}
