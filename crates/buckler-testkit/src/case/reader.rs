//! From a file to its cases. What is not understood is a mistake, and each file says how many cases it holds.

use super::cell::fill;
use super::markdown::{Piece, pieces};
use super::verdict::{Ending, Verdict};
use super::{AppScript, Case, ExpectedAnswer, ExpectedReceipt, Host, Mistake, PerHost, RequestSpec, load_policy};

/// Columns of a table that mean the same in every table.
const COLUMNS_OF_ALL: &[&str] = &["verdict", "status", "gateway", "asgi", "only"];

/// Reads one file.
///
/// # Errors
/// The first mistake, with its line.
pub fn read(file: &str, text: &str) -> Result<Vec<Case>, Mistake> {
    let mut reader =
        Reader { file, title: None, counted: None, policy: None, section: Vec::new(), open: None, cases: Vec::new() };
    let mut last = 1;
    for (line, piece) in pieces(file, text)? {
        last = line;
        reader.take(line, piece)?;
    }
    reader.close()?;
    let found = reader.cases.len();
    match reader.counted {
        Some(counted) if counted == found => Ok(reader.cases),
        Some(counted) => Err(reader.mistake(last, format!("the file says `Cases: {counted}`, found are {found}"))),
        None => Err(reader.mistake(last, "the file does not say `Cases: N` under its title")),
    }
}

struct Reader<'t> {
    file: &'t str,
    title: Option<Vec<String>>,
    counted: Option<usize>,
    policy: Option<String>,
    /// Requirements named under the section's heading.
    section: Vec<String>,
    open: Option<Open<'t>>,
    cases: Vec<Case>,
}

/// A case, or a table of cases, whose end has not come.
struct Open<'t> {
    line: usize,
    name: &'t str,
    requirements: Vec<String>,
    only: Vec<Host>,
    blocks: Vec<(usize, &'t str, Vec<&'t str>)>,
    table: Option<Table<'t>>,
}

struct Table<'t> {
    columns: Vec<&'t str>,
    rows: Vec<(usize, Vec<&'t str>)>,
}

impl<'t> Reader<'t> {
    fn mistake(&self, line: usize, message: impl Into<String>) -> Mistake {
        Mistake { file: self.file.to_owned(), line, message: message.into() }
    }

    fn take(&mut self, line: usize, piece: Piece<'t>) -> Result<(), Mistake> {
        match piece {
            Piece::Heading { level: 1, .. } if self.title.is_some() => Err(self.mistake(line, "a second title")),
            Piece::Heading { level: 1, .. } => {
                self.title = Some(Vec::new());
                Ok(())
            }
            Piece::Heading { .. } if self.title.is_none() => Err(self.mistake(line, "the title is missing")),
            Piece::Heading { level: 2, .. } => {
                self.close()?;
                self.section.clear();
                Ok(())
            }
            Piece::Heading { level: 3, text } => {
                self.close()?;
                self.open = Some(Open {
                    line,
                    name: text,
                    requirements: Vec::new(),
                    only: Vec::new(),
                    blocks: Vec::new(),
                    table: None,
                });
                Ok(())
            }
            Piece::Heading { .. } => Err(self.mistake(line, "there are headings of three levels, no more")),
            Piece::Prose(text) => self.prose(line, text),
            Piece::Block { info: "toml policy", lines } if self.open.is_none() => {
                let policy = lines.join("\n");
                load_policy(&policy, None).map_err(|errors| self.mistake(line, errors))?;
                self.policy = Some(policy);
                Ok(())
            }
            Piece::Block { info, lines } => match &mut self.open {
                Some(open) => {
                    open.blocks.push((line, info, lines));
                    Ok(())
                }
                None => Err(self.mistake(line, format!("a block `{info}` outside of a case"))),
            },
            Piece::Table { columns, rows } => match &mut self.open {
                Some(open) if open.table.is_none() => {
                    open.table = Some(Table { columns, rows });
                    Ok(())
                }
                Some(_) => Err(self.mistake(line, "a second table in one case")),
                None => Err(self.mistake(line, "a table outside of a case")),
            },
        }
    }

    fn prose(&mut self, line: usize, text: &str) -> Result<(), Mistake> {
        if let Some(count) = text.strip_prefix("Cases:") {
            let count = count.trim().parse().ok().filter(|_| self.counted.is_none() && self.open.is_none());
            self.counted = Some(count.ok_or_else(|| self.mistake(line, "`Cases: N` stands once, under the title"))?);
            return Ok(());
        }
        if let Some(hosts) = text.strip_prefix("Hosts:") {
            let hosts = read_hosts(hosts.trim());
            let open = self.open.as_mut().filter(|open| open.only.is_empty());
            return match (hosts, open) {
                (Some(hosts), Some(open)) => {
                    open.only = hosts;
                    Ok(())
                }
                _ => Err(self.mistake(line, "`Hosts: gateway`, `tower`, `asgi` or two of them stands once, in a case")),
            };
        }
        let found = requirements(text);
        match (&mut self.open, &mut self.title) {
            (Some(open), _) => open.requirements.extend(found),
            (None, Some(title)) if self.policy.is_none() && self.section.is_empty() => title.extend(found),
            (None, _) => self.section.extend(found),
        }
        Ok(())
    }

    /// Ends the case whose heading stands above.
    fn close(&mut self) -> Result<(), Mistake> {
        let Some(open) = self.open.take() else { return Ok(()) };
        let mut named = open.requirements.clone();
        named.extend(self.section.iter().cloned());
        named.extend(self.title.iter().flatten().cloned());
        if named.is_empty() {
            return Err(self.mistake(open.line, "no requirement (R02 …) is named"));
        }
        let Some(policy) = self.policy.clone() else {
            return Err(self.mistake(open.line, "no `toml policy` stands above"));
        };
        match &open.table {
            None => {
                let place = format!("{}:{}", self.file, open.line);
                let blocks = open.blocks.iter();
                let blocks =
                    blocks.map(|(at, info, lines)| (*at, *info, lines.iter().map(|&l| l.to_owned()).collect()));
                let case =
                    Draft { place, name: open.name.to_owned(), named, policy, only: open.only.clone(), row: None };
                let case =
                    case.finish(blocks.collect(), open.line).map_err(|(at, message)| self.mistake(at, message))?;
                self.cases.push(case);
            }
            Some(table) => self.close_table(&open, table, &named, &policy)?,
        }
        Ok(())
    }

    fn close_table(
        &mut self,
        open: &Open<'t>,
        table: &Table<'t>,
        named: &[String],
        policy: &str,
    ) -> Result<(), Mistake> {
        let columns = &table.columns;
        if !columns.contains(&"verdict") {
            return Err(self.mistake(open.line, "the table has no column `verdict`"));
        }
        let mut used: Vec<bool> = columns.iter().map(|column| COLUMNS_OF_ALL.contains(column)).collect();
        for (at_row, (at, row)) in (1..).zip(&table.rows) {
            let mut blocks = Vec::new();
            for (line, info, lines) in &open.blocks {
                let filled =
                    lines.iter().map(|line| fill(line, columns, row, &mut used)).collect::<Result<Vec<_>, _>>();
                blocks.push((*line, *info, filled.map_err(|message| self.mistake(*line, message))?));
            }
            let cell = |name: &str| {
                let at = columns.iter().position(|column| *column == name)?;
                row.get(at).copied().filter(|cell| !cell.is_empty())
            };
            let only = match cell("only") {
                Some(text) => read_hosts(text).ok_or_else(|| self.mistake(*at, format!("`{text}` is no host")))?,
                None => open.only.clone(),
            };
            let draft = Draft {
                place: format!("{}:{at}", self.file),
                name: format!("{} – row {at_row}", open.name),
                named: named.to_vec(),
                policy: policy.to_owned(),
                only,
                row: Some(Row {
                    verdict: cell("verdict"),
                    gateway: cell("gateway"),
                    asgi: cell("asgi"),
                    status: cell("status"),
                }),
            };
            let case = draft.finish(blocks, *at).map_err(|(line, message)| self.mistake(line, message))?;
            self.cases.push(case);
        }
        if let Some(at) = used.iter().position(|used| !used) {
            let name = columns.get(at).copied().unwrap_or_default();
            return Err(self.mistake(open.line, format!("the column `{name}` is used nowhere")));
        }
        Ok(())
    }
}

/// Cells that are no parts of a template.
struct Row<'t> {
    verdict: Option<&'t str>,
    gateway: Option<&'t str>,
    asgi: Option<&'t str>,
    status: Option<&'t str>,
}

/// A case but for its blocks.
struct Draft<'t> {
    place: String,
    name: String,
    named: Vec<String>,
    policy: String,
    only: Vec<Host>,
    row: Option<Row<'t>>,
}

type Wrong = (usize, String);

impl Draft<'_> {
    fn finish(self, blocks: Vec<(usize, &str, Vec<String>)>, line: usize) -> Result<Case, Wrong> {
        let wrong = |message: &str| (line, message.to_owned());
        let (mut request, mut app) = (None, None);
        let mut verdict = Variants::default();
        let mut answer = Variants::default();
        let mut received = Variants::default();
        for (at, info, lines) in blocks {
            let at_block = |message: String| (at, message);
            let (kind, host) = split_info(info);
            let once = |fresh: bool| if fresh { Ok(()) } else { Err((at, format!("a second block `{info}`"))) };
            match kind {
                "http request" if host.is_none() => {
                    once(request.is_none())?;
                    request = Some(RequestSpec::read(&lines).map_err(at_block)?);
                }
                "http app" if host.is_none() => {
                    once(app.is_none())?;
                    app = Some(AppScript::read(&lines).map_err(at_block)?);
                }
                "http response" => once(answer.put(host, ExpectedAnswer::read(&lines).map_err(at_block)?))?,
                "http received" => once(received.put(host, ExpectedReceipt::read(&lines).map_err(at_block)?))?,
                "verdict" => {
                    let read = Verdict::read(lines.iter().map(String::as_str)).map_err(at_block)?;
                    once(verdict.put(host, read))?;
                }
                _ => return Err((at, format!("`{info}` is no block of a case"))),
            }
        }
        if let Some(row) = &self.row {
            for (host, text) in [(None, row.verdict), (Some(Host::Gateway), row.gateway), (Some(Host::Asgi), row.asgi)]
            {
                let Some(text) = text else { continue };
                let read = Verdict::read(text.split(';')).map_err(|message| (line, message))?;
                if !verdict.put(host, read) {
                    return Err(wrong("the verdict stands in a block and in the table"));
                }
            }
        }
        let request = request.ok_or_else(|| wrong("the case has no `http request`"))?;
        let verdict = verdict.finish(None).ok_or_else(|| wrong("the case has no verdict"))?;
        let mut answer = answer.finish(Some(ExpectedAnswer::default())).ok_or_else(|| wrong("no answer"))?;
        if let Some(status) = self.row.as_ref().and_then(|row| row.status) {
            let status = status.parse().map_err(|_| wrong("the status is no number"))?;
            if answer.all.status.replace(status).is_some_and(|other| other != status) {
                return Err(wrong("the status stands in a block and in the table"));
            }
        }
        // Said by the verdict already, unless a block says otherwise.
        let usual = |verdict: &Verdict| match verdict.ending {
            Ending::Answered => Some(ExpectedReceipt::Unchanged),
            Ending::Refused(_) | Ending::Preflight | Ending::Early(_) => Some(ExpectedReceipt::Nothing),
            Ending::Failed(_) | Ending::Aborted => None,
        };
        if received.gateway.is_none() && received.all.is_none() {
            received.gateway = verdict.gateway.as_ref().and_then(usual);
        }
        if received.asgi.is_none() && received.all.is_none() {
            received.asgi = verdict.asgi.as_ref().and_then(usual);
        }
        let missing = || wrong("nothing says what the app received; write an `http received` block");
        let received = received.finish(usual(&verdict.all)).ok_or_else(missing)?;
        Ok(Case {
            place: self.place,
            name: self.name,
            requirements: self.named,
            policy: self.policy,
            request,
            app: app.unwrap_or_default(),
            verdict,
            answer,
            received,
            only: self.only,
        })
    }
}

struct Variants<T> {
    all: Option<T>,
    tower: Option<T>,
    gateway: Option<T>,
    asgi: Option<T>,
}

impl<T> Default for Variants<T> {
    fn default() -> Self {
        Self { all: None, tower: None, gateway: None, asgi: None }
    }
}

impl<T> Variants<T> {
    /// `false` if it was there already.
    fn put(&mut self, host: Option<Host>, value: T) -> bool {
        let slot = match host {
            None => &mut self.all,
            Some(Host::Tower) => &mut self.tower,
            Some(Host::Gateway) => &mut self.gateway,
            Some(Host::Asgi) => &mut self.asgi,
        };
        slot.replace(value).is_none()
    }

    fn finish(self, otherwise: Option<T>) -> Option<PerHost<T>> {
        Some(PerHost { all: self.all.or(otherwise)?, tower: self.tower, gateway: self.gateway, asgi: self.asgi })
    }
}

/// `http received gateway` is the block for one host.
fn split_info(info: &str) -> (&str, Option<Host>) {
    match info.rsplit_once(' ') {
        Some((kind, last)) if read_host(last).is_some() => (kind, read_host(last)),
        _ => (info, None),
    }
}

fn read_host(text: &str) -> Option<Host> {
    [Host::Tower, Host::Gateway, Host::Asgi].into_iter().find(|host| host.name() == text)
}

fn read_hosts(text: &str) -> Option<Vec<Host>> {
    text.split(' ').map(read_host).collect()
}

/// `R` and two digits.
fn requirements(text: &str) -> Vec<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric());
    let is_id =
        |word: &&str| word.len() == 3 && word.starts_with('R') && word.bytes().skip(1).all(|b| b.is_ascii_digit());
    words.filter(is_id).map(str::to_owned).collect()
}
