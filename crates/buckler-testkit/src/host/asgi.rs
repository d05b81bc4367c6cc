//! A case through the middleware, in a process of Python that runs one case after the other.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, PoisonError};

use buckler_http::connection::Scheme;
use serde_json::{Value, json};

use super::{Observed, Told};
use crate::case::{AppScript, Case, Ending, Named, RequestSpec, Verdict};
use crate::message::{Answer, Line, Received};

/// The process that has the extension loaded; started with the first case.
static PYTHON: Mutex<Option<Python>> = Mutex::new(None);

struct Python {
    _process: Child,
    cases: ChildStdin,
    answers: BufReader<ChildStdout>,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

impl Python {
    /// Builds the extension as it stands in the tree, and starts an interpreter with it.
    fn start() -> Result<Self, String> {
        let root = root();
        let built = Command::new("sh").arg("scripts/extension.sh").current_dir(&root).output();
        match built {
            Ok(built) if built.status.success() => {}
            Ok(built) => return Err(format!("the extension is not built: {}", String::from_utf8_lossy(&built.stderr))),
            Err(error) => return Err(format!("`sh` cannot be run: {error}")),
        }
        let own = root.join(".venv/bin/python");
        let interpreter = if own.exists() { own } else { PathBuf::from("python3") };
        let mut process = Command::new(&interpreter)
            .args(["-W", "error", "tests/harness/cases_host.py"])
            .env("PYTHONPATH", root.join("python"))
            .current_dir(&root)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("`{}` cannot be run: {error}", interpreter.display()))?;
        let pipes = process.stdin.take().zip(process.stdout.take());
        let (cases, answers) = pipes.ok_or("the interpreter has no pipes")?;
        Ok(Self { _process: process, cases, answers: BufReader::new(answers) })
    }

    fn ask(&mut self, case: &Value) -> Result<Value, String> {
        let gone = |error: std::io::Error| format!("the interpreter is gone: {error}");
        writeln!(self.cases, "{case}").and_then(|()| self.cases.flush()).map_err(gone)?;
        let mut line = String::new();
        self.answers.read_line(&mut line).map_err(gone)?;
        serde_json::from_str(&line).map_err(|error| format!("the interpreter says {line:?}: {error}"))
    }
}

/// Runs a case; `mode` replaces the policy's mode over all.
///
/// # Errors
/// What keeps the case from running: it is none for this host, or the policy does not load.
pub fn run(case: &Case, mode: Option<&str>) -> Result<Observed, String> {
    let app = match &case.app {
        AppScript::Answers { status, lines, body, chunked } => {
            json!({"status": status, "lines": texts(lines), "body": text(body), "chunked": chunked})
        }
        AppScript::Fails => Value::Null,
        AppScript::Verbatim(_) => {
            return Err("bytes of an app exist on a socket only; write `Hosts: gateway`".to_owned());
        }
    };
    let asked = json!({"policy": case.policy, "mode": mode, "request": request(&case.request)?, "app": app});
    let mut python = PYTHON.lock().unwrap_or_else(PoisonError::into_inner);
    let process = match &mut *python {
        Some(process) => process,
        unstarted => unstarted.insert(Python::start()?),
    };
    let told = process.ask(&asked)?;
    drop(python);
    if let Some(error) = told.get("error") {
        return Err(error.as_str().unwrap_or_default().to_owned());
    }
    observed(&told, case.request.start.starts_with(b"HEAD "))
}

/// One character a byte.
fn text(bytes: &[u8]) -> String {
    bytes.iter().map(|&byte| char::from(byte)).collect()
}

fn texts(lines: &[Line]) -> Vec<[String; 2]> {
    lines.iter().map(|(name, value)| [name.clone(), text(value)]).collect()
}

fn bytes(value: &Value) -> Vec<u8> {
    value.as_str().unwrap_or_default().chars().filter_map(|c| u8::try_from(u32::from(c)).ok()).collect()
}

fn request(spec: &RequestSpec) -> Result<Value, String> {
    let impossible = "a server makes no scope of this request line; write `Hosts: gateway`";
    let (method, target, version) = spec.method_and_target().ok_or(impossible)?;
    let version = match version {
        b"HTTP/1.1" => "1.1",
        b"HTTP/1.0" => "1.0",
        _ => return Err(impossible.to_owned()),
    };
    let scheme = match spec.scheme {
        Scheme::Http => "http",
        Scheme::Https => "https",
    };
    let pieces: Vec<String> = spec.pieces.iter().map(|piece| text(piece)).collect();
    Ok(json!({
        "method": text(method), "target": text(target), "version": version, "scheme": scheme, "peer": spec.peer,
        "lines": texts(&spec.lines), "pieces": pieces, "before": spec.before,
    }))
}

fn observed(told: &Value, is_head: bool) -> Result<Observed, String> {
    let member = |value: &Value, name: &str| value.get(name).cloned().unwrap_or_default();
    let lines = |value: &Value| -> Vec<Line> {
        let pairs = value.as_array().cloned().unwrap_or_default();
        let line = |pair: &Value| {
            let at = |at: usize| pair.get(at).map(bytes).unwrap_or_default();
            (String::from_utf8_lossy(&at(0)).into_owned(), at(1))
        };
        pairs.iter().map(line).collect()
    };
    let received = member(told, "received").as_array().cloned().unwrap_or_default();
    let received = received.iter().map(|each| Received {
        start: member(each, "start").as_str().unwrap_or_default().to_owned(),
        lines: lines(&member(each, "lines")),
        body: bytes(&member(each, "body")),
        ended: member(each, "ended") == true,
    });
    let mut answer = Answer {
        status: member(told, "status").as_u64().and_then(|status| u16::try_from(status).ok()).unwrap_or_default(),
        lines: lines(&member(told, "lines")),
        body: bytes(&member(told, "body")),
        ended: member(told, "ended") == true,
    };
    if is_head {
        // The server leaves it away.
        answer.body.clear();
    } else if let [length] = answer.values("content-length")[..]
        && length != answer.body.len().to_string().as_bytes()
        && answer.ended
        && !matches!(answer.status, 204 | 304)
    {
        return Err(format!("the answer's length is a lie: {}", String::from_utf8_lossy(length)));
    }
    let log = member(told, "log").as_array().cloned().unwrap_or_default();
    let [line] = log.as_slice() else { return Err(format!("the exchange left {} records", log.len())) };
    let record: Value = serde_json::from_str(line.as_str().unwrap_or_default()).map_err(|error| error.to_string())?;
    Ok(Observed { received: received.collect(), answer, told: written(&record)? })
}

/// What the line of the log says.
fn written(record: &Value) -> Result<Told, String> {
    let word = |name: &str| record.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let number = |name: &str| record.get(name).and_then(Value::as_u64).unwrap_or_default();
    let named = |said: &Value| {
        let word = |name: &str| said.get(name).and_then(Value::as_str).map(str::to_owned);
        Named { stage: word("stage").unwrap_or_default(), code: word("code").unwrap_or_default(), key: word("key") }
    };
    let all = |name: &str| record.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    let refusal = record.get("refusal").map(named);
    let ending = match (word("outcome").as_str(), refusal) {
        ("answered", None) => Ending::Answered,
        ("preflight", None) => Ending::Preflight,
        ("aborted", None) => Ending::Aborted,
        ("refused", Some(named)) => Ending::Refused(named),
        ("failed", Some(named)) => Ending::Failed(named.code),
        (other, _) => return Err(format!("`{other}` is no outcome: {record}")),
    };
    let client = match word("client").as_str() {
        "-" => "local".to_owned(),
        address => address.to_owned(),
    };
    let notes = all("notes").iter().map(|said| note(said.as_str().unwrap_or_default())).collect();
    Ok(Told {
        verdict: Verdict {
            ending,
            monitored: all("monitored").iter().map(named).collect(),
            notes,
            logged: Some(word("target")),
            client: Some(format!("{client} {}", word("scheme"))),
            host: record.get("host").and_then(Value::as_str).map(str::to_owned),
        },
        request_id: word("request_id"),
        status: u16::try_from(number("status")).unwrap_or_default(),
        bytes_out: number("bytes_out"),
    })
}

/// From the log's words to the name that cases use.
fn note(said: &str) -> String {
    match said.strip_prefix("the app sets a weaker ") {
        Some(field) => format!("weaker_header {field}"),
        None => match said {
            "forwarding fields of an untrusted peer ignored" => "unsolicited_forwarding",
            "error body replaced" => "error_masked",
            "input removed from 422" => "input_stripped",
            "monitored: error body would be replaced" => "error_would_be_masked",
            "monitored: input would be removed from 422" => "input_would_be_stripped",
            "undeclared members taken out of the body" => "fields_stripped",
            "strings of the body trimmed" => "strings_trimmed",
            "monitored: undeclared members would be taken out of the body" => "fields_would_be_stripped",
            "monitored: strings of the body would be trimmed" => "strings_would_be_trimmed",
            "members that never leave taken out of the answer" => "never_returned",
            "monitored: members that never leave would be taken out of the answer" => "would_not_be_returned",
            "undeclared members taken out of the answer" => "answer_stripped",
            "monitored: undeclared members would be taken out of the answer" => "answer_would_be_stripped",
            "the contract does not declare the answer's status" => "undeclared_status",
            "the contract does not declare the answer's media type" => "undeclared_media_type",
            "a limit could not be counted: its store does not answer" => "limit_uncounted",
            "counted on this machine alone: the store of a limit does not answer" => "limit_counted_locally",
            "the answer was not looked into: a part, or too long to be monitored" => "response_unjudged",
            other => other,
        }
        .to_owned(),
    }
}
