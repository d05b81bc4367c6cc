//! Expected against observed.
//!
//! Beside what a case says, some things hold always, and are looked at in every case:
//! - a request that is refused never reaches the app, or its body never comes to an end there;
//! - an admitted one reaches it once;
//! - every answer names its exchange once, by the name that stands in the record and that the app was told;
//! - a refusal is a problem document with the code's own status, and carries the security fields once.

use buckler_engine::Reason;
use serde_json::Value;

use crate::case::{Body, Case, Ending, ExpectedAnswer, ExpectedReceipt, Host, escape};
use crate::host::Observed;
use crate::message::{Line, Received, is_of_the_connection, show_lines};

/// Fields of a refusal, once each.
const ON_EVERY_REFUSAL: &[&str] = &["x-request-id", "content-type", "cache-control"];

/// Fields that a server adds to an answer by itself.
const OF_THE_SERVER: &[&str] = &["date", "content-length"];

/// What is wrong, in words; empty if nothing is.
pub fn compare(case: &Case, host: Host, observed: &Observed) -> Vec<String> {
    let mut found = Vec::new();
    let verdict = case.verdict.of(host);
    let told = &observed.told;
    let id = told.request_id.as_str();
    found.extend(verdict.differences(&told.verdict));
    if verdict.ending == Ending::Aborted {
        // How much arrived before the connection broke is chance; that it looks whole must not be.
        if observed.answer.ended {
            found.push("an answer that was broken off looks whole".to_owned());
        }
        found.extend(compare_receipt(case, case.received.of(host), &observed.received, id));
        return found;
    }
    if told.status != observed.answer.status {
        found.push(format!("the record says {}, the answer {}", told.status, observed.answer.status));
    }
    if told.bytes_out != observed.answer.body.len() as u64 && !case.request.start.starts_with(b"HEAD ") {
        found.push(format!("the record says {} bytes, the answer has {}", told.bytes_out, observed.answer.body.len()));
    }
    found.extend(compare_answer(case.answer.of(host), observed, id));
    match &verdict.ending {
        Ending::Refused(named) => found.extend(refusal(observed, &named.code, case)),
        Ending::Failed(code) | Ending::Early(code) => found.extend(refusal(observed, code, case)),
        Ending::Answered | Ending::Preflight | Ending::Aborted => {}
    }
    let named = observed.answer.values("x-request-id");
    if named != [id.as_bytes()] {
        found.push(format!("the answer does not name its exchange once: {}", show_lines(&observed.answer.lines)));
    }
    if !observed.answer.ended {
        found.push("the answer is cut off".to_owned());
    }
    found.extend(compare_receipt(case, case.received.of(host), &observed.received, id));
    found
}

fn compare_answer(expected: &ExpectedAnswer, observed: &Observed, id: &str) -> Vec<String> {
    let mut found = Vec::new();
    let answer = &observed.answer;
    if expected.status.is_some_and(|status| status != answer.status) {
        found.push(format!("status: expected {:?}, found {}", expected.status, answer.status));
    }
    let mut names: Vec<&str> = expected.lines.iter().map(|(name, _)| name.as_str()).collect();
    names.dedup();
    for name in &names {
        let wanted: Vec<Vec<u8>> =
            expected.lines.iter().filter(|(n, _)| n == name).map(|(_, value)| put_id(value, id)).collect();
        let seen = answer.values(name);
        if wanted != seen {
            let show = |values: &[&[u8]]| values.iter().map(|v| escape(v)).collect::<Vec<_>>().join("\n      ");
            let wanted: Vec<&[u8]> = wanted.iter().map(Vec::as_slice).collect();
            found.push(format!("{name}: expected\n      {}\n    found\n      {}", show(&wanted), show(&seen)));
        }
    }
    for name in &expected.absent {
        if !answer.values(name).is_empty() {
            found.push(format!("{name} must not be there"));
        }
    }
    if expected.exact {
        let others: Vec<Line> = answer
            .lines
            .iter()
            .filter(|(name, _)| {
                !names.contains(&name.as_str())
                    && !OF_THE_SERVER.contains(&name.as_str())
                    && !is_of_the_connection(name)
            })
            .cloned()
            .collect();
        if !others.is_empty() {
            found.push(format!("fields that nobody expects:{}", show_lines(&others)));
        }
    }
    match &expected.body {
        Body::Any => {}
        Body::Exact(body) => {
            let body = put_id(body, id);
            if body != answer.body {
                found.push(format!("body: expected\n    {}\n  found\n    {}", escape(&body), escape(&answer.body)));
            }
        }
        Body::Json(wanted) => match serde_json::from_slice::<Value>(&answer.body) {
            Ok(seen) if holds(&seen, wanted, id) => {}
            _ => found.push(format!("body: expected at least\n    {wanted}\n  found\n    {}", escape(&answer.body))),
        },
    }
    found
}

/// `{id}` stands for the name of the exchange.
fn put_id(bytes: &[u8], id: &str) -> Vec<u8> {
    const PLACE: &[u8] = b"{id}";
    let mut put = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(at) = rest.windows(PLACE.len()).position(|window| window == PLACE) {
        put.extend_from_slice(rest.get(..at).unwrap_or_default());
        put.extend_from_slice(id.as_bytes());
        rest = rest.get(at + PLACE.len()..).unwrap_or_default();
    }
    put.extend_from_slice(rest);
    put
}

/// Whether all members that are wanted are there; lists are equal in length.
fn holds(seen: &Value, wanted: &Value, id: &str) -> bool {
    match (seen, wanted) {
        (Value::Object(seen), Value::Object(wanted)) => {
            wanted.iter().all(|(name, value)| seen.get(name).is_some_and(|seen| holds(seen, value, id)))
        }
        (Value::Array(seen), Value::Array(wanted)) => {
            seen.len() == wanted.len() && seen.iter().zip(wanted).all(|(seen, wanted)| holds(seen, wanted, id))
        }
        (Value::String(seen), Value::String(wanted)) => seen == wanted || (wanted == "{id}" && seen == id),
        _ => seen == wanted,
    }
}

/// What every refusal is.
fn refusal(observed: &Observed, code: &str, case: &Case) -> Vec<String> {
    let mut found = Vec::new();
    let answer = &observed.answer;
    let Some(reason) = Reason::ALL.iter().find(|reason| reason.code() == code) else {
        return vec![format!("`{code}` is no code")];
    };
    let redirected = !answer.values("location").is_empty();
    if redirected {
        return found;
    }
    if answer.status != reason.status().as_u16() {
        found.push(format!("{code} is answered with {}, not {}", answer.status, reason.status().as_u16()));
    }
    for name in ON_EVERY_REFUSAL {
        if answer.values(name).len() != 1 {
            found.push(format!("a refusal carries `{name}` once:{}", show_lines(&answer.lines)));
        }
    }
    if answer.values("content-type") != [b"application/problem+json"] {
        found.push("a refusal is `application/problem+json`".to_owned());
    }
    if case.request.start.starts_with(b"HEAD ") {
        return found;
    }
    match serde_json::from_slice::<Value>(&answer.body) {
        Ok(problem) => {
            let id = observed.told.request_id.as_str();
            for (name, expected) in
                [("code", Value::from(code)), ("status", Value::from(answer.status)), ("request_id", Value::from(id))]
            {
                if problem.get(name) != Some(&expected) {
                    found.push(format!("`{name}` of the problem is not {expected}: {problem}"));
                }
            }
        }
        Err(_) => found.push(format!("the body is no JSON: {}", escape(&answer.body))),
    }
    found
}

fn compare_receipt(case: &Case, expected: &ExpectedReceipt, received: &[Received], id: &str) -> Vec<String> {
    let (start, lines, body, ended) = match expected {
        ExpectedReceipt::Nothing if received.is_empty() => return Vec::new(),
        ExpectedReceipt::Nothing => return vec![format!("the app received something: {}", show(received))],
        ExpectedReceipt::Unchanged => match unchanged(case) {
            Some(start) => (start, lines_unchanged(case), case.request.body(), true),
            None => return vec!["what the app must receive has to be written".to_owned()],
        },
        ExpectedReceipt::Exact { start, lines, body, ended } => {
            (start.clone(), lines.clone(), body.clone().unwrap_or_else(|| case.request.body()), *ended)
        }
    };
    let [received] = received else {
        return vec![format!("the app must receive one request, not {}: {}", received.len(), show(received))];
    };
    let mut found = Vec::new();
    if start != received.start {
        found.push(format!("the app: expected `{start}`, found `{}`", received.start));
    }
    let sorted = |lines: &[Line]| {
        let mut lines: Vec<Line> = lines.iter().filter(|(name, _)| !is_of_the_connection(name)).cloned().collect();
        lines.sort();
        lines
    };
    let wanted: Vec<Line> = lines.iter().map(|(name, value)| (name.clone(), put_id(value, id))).collect();
    let (wanted, seen) = (sorted(&wanted), sorted(&received.lines));
    if wanted != seen {
        found.push(format!("the app: expected the fields{}\n  found{}", show_lines(&wanted), show_lines(&seen)));
    }
    if ended != received.ended {
        found.push(format!("the body came to its end at the app: expected {ended}, found {}", received.ended));
    }
    // How much of a body that is broken off has come depends on the pieces.
    if ended && body != received.body {
        found.push(format!(
            "the app: expected the body\n    {}\n  found\n    {}",
            escape(&body),
            escape(&received.body)
        ));
    }
    found
}

fn unchanged(case: &Case) -> Option<String> {
    let (method, target, _) = case.request.method_and_target()?;
    Some(format!("{} {}", String::from_utf8_lossy(method), String::from_utf8_lossy(target)))
}

/// What was sent, and by which the app is told of its client.
fn lines_unchanged(case: &Case) -> Vec<Line> {
    let mut lines = case.request.lines.clone();
    let mut add = |name: &str, value: &[u8]| lines.push((name.to_owned(), value.to_vec()));
    add("x-request-id", b"{id}");
    add("x-forwarded-proto", case.request.scheme.as_str().as_bytes());
    if case.request.peer != "local" {
        add("x-forwarded-for", case.request.peer.as_bytes());
    }
    if let Some(host) = crate::message::values(&case.request.lines, "host").first() {
        add("x-forwarded-host", host);
    }
    lines
}

fn show(received: &[Received]) -> String {
    let one = |r: &Received| format!("\n  {}{}\n    {}", r.start, show_lines(&r.lines), escape(&r.body));
    received.iter().map(one).collect()
}
