//! Requests that a contract judges: parameters and bodies of any bytes.

use std::sync::{Arc, LazyLock};

use buckler_engine::{BodyInspector, Context, Engine, Judged, Opening, Timestamp, Traffic};
use buckler_http::connection::Connection;
use buckler_http::head::{Head, Version};
use buckler_inspect::json::{JsonLimits, JsonScanner};
use buckler_policy::settings::Document;
use buckler_policy::{Host, Sources};
use buckler_schema::Instance;
use serde_json::Value;

/// What every style of parameter and every kind of schema is in.
const DOCUMENT: &str = include_str!("contract_requests.json");

/// As `FastAPI` reads, as strictly as can be, and with bodies that are edited.
const POLICIES: [&str; 3] = [
    "strict = false\nunknown_fields = \"ignore\"",
    "strict = true\nunknown_fields = \"reject\"",
    "unknown_fields = \"strip\"\ntrim = true",
];

static ENGINES: LazyLock<Vec<Arc<Engine>>> = LazyLock::new(|| {
    let engine = |content: &&str| {
        let text = format!(
            "environment = \"development\"\n[server.tls]\nmode = \"off\"\n[contract]\nsource = \"file:of-the-target\"\n\
             requests = \"enforce\"\n[content]\n{content}\n"
        );
        let mut policy = Sources::new(Host::InProcess).file("fuzz.toml", text).load().ok()?.policy;
        policy.contract.document = Some(Document::new(DOCUMENT.as_bytes()));
        Some(Arc::new(Engine::new(&policy)))
    };
    POLICIES.iter().filter_map(engine).collect()
});

fn engines() -> &'static [Arc<Engine>] {
    assert_eq!(ENGINES.len(), POLICIES.len(), "a policy of this target is wrong");
    &ENGINES
}

const CONTEXT: Context = Context { connection: Connection::LOCAL, now: Timestamp(0), nonce: [1; 16] };

/// Nothing that was sent stands in an answer of ours.
const CANARY: &[u8] = b"CANARY";

/// A query, and lines of header fields behind it, as an operation with every style of parameter gets them.
///
/// # Panics
///
/// When judging fails, when two judgements differ, or when an answer repeats what was sent.
pub fn contract_parameters(data: &[u8]) {
    let mut lines = data.split(|byte| *byte == b'\n');
    let query = lines.next().unwrap_or_default();
    let target = [b"/all/7/a,b?", query].concat();
    let fields: Vec<(&[u8], &[u8])> = lines
        .take(32)
        .filter_map(|line| {
            let at = line.iter().position(|byte| *byte == b':')?;
            Some((line.get(..at)?, line.get(at + 1..)?.trim_ascii()))
        })
        .collect();
    for engine in engines() {
        let told: Vec<Option<Vec<u8>>> = (0..2).map(|_| refusal(engine, &target, &fields)).collect();
        assert_eq!(told.first(), told.last(), "the same request is judged twice otherwise");
    }
}

fn refusal(engine: &Arc<Engine>, target: &[u8], fields: &[(&[u8], &[u8])]) -> Option<Vec<u8>> {
    let mut head = Head::new("GET", target, Version::Http11);
    head.push(b"host", b"localhost");
    for (name, value) in fields {
        head.push(name, value);
    }
    match engine.open(&head, &CONTEXT) {
        Opening::Admit(admission) => {
            let (_inspector, exchange) = admission.into_parts();
            let _record = exchange.abandon(Traffic::default(), Timestamp(1));
            None
        }
        Opening::Consult(_) => unreachable!("a client without an address is not counted"),
        Opening::Answer(ended) => {
            let body = ended.reply.body.to_vec();
            assert!(!contains(&body, CANARY), "what was sent is repeated");
            Some(body)
        }
    }
}

/// A JSON body, held to a schema with every keyword.
///
/// # Panics
///
/// When judging fails, when the verdict or an edited body depends on how the bytes are cut, when an answer repeats what
/// was sent, when what was edited is no JSON, or when a text is read otherwise than serde reads it.
pub fn contract_body(data: &[u8]) {
    agree(data);
    for engine in engines() {
        let whole = judged(engine, data.len(), [data]);
        for length in [1, 7, 64] {
            assert_eq!(judged(engine, data.len(), data.chunks(length)), whole, "in chunks of {length}");
        }
        if let Ok(Some(edited)) = &whole {
            assert!(serde_json::from_slice::<Value>(edited).is_ok(), "what was edited is no JSON");
            assert!(edited.len() < data.len(), "what was edited has not become less");
        }
    }
}

/// What the scanner lets pass is read alike.
fn agree(data: &[u8]) {
    let mut scanner = JsonScanner::new(JsonLimits::default());
    if scanner.push(data).and_then(|()| scanner.finish()).is_err() {
        return;
    }
    let value: Result<Value, _> = serde_json::from_slice(data);
    let read = Instance::read(data);
    assert_eq!(read.is_ok(), value.is_ok(), "one of two readers refuses");
    if let (Ok(value), Ok(read)) = (value, read) {
        assert_eq!(Instance::from(&value), read, "two readers disagree");
    }
}

/// What the app gets instead of the body, if anything; or what the client is told.
fn judged<'a>(
    engine: &Arc<Engine>,
    length: usize,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Result<Option<Vec<u8>>, Vec<u8>> {
    let length = length.to_string();
    let mut head = Head::new("POST", b"/all", Version::Http11);
    head.push(b"host", b"localhost");
    head.push(b"content-type", b"application/json");
    head.push(b"content-length", length.as_bytes());
    let admission = match engine.open(&head, &CONTEXT) {
        Opening::Admit(admission) => admission,
        Opening::Consult(_) => unreachable!("a client without an address is not counted"),
        Opening::Answer(ended) => return Err(ended.reply.body.to_vec()),
    };
    let (mut inspector, exchange) = admission.into_parts();
    match feed(&mut inspector, pieces) {
        Ok(()) => {
            let edited = inspector.take_edited().map(|edited| edited.text().to_vec());
            let _record = exchange.abandon(Traffic::default(), Timestamp(1));
            Ok(edited)
        }
        Err(finding) => {
            let body = exchange.refuse(finding, Traffic::default(), Timestamp(1)).reply.body.to_vec();
            assert!(!contains(&body, CANARY), "what was sent is repeated");
            Err(body)
        }
    }
}

fn feed<'a>(
    inspector: &mut BodyInspector,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Result<(), Box<buckler_engine::stage::Finding>> {
    for mut piece in pieces {
        while let Judged::Part(taken) = inspector.push(piece)? {
            piece = piece.get(taken..).unwrap_or_default();
        }
    }
    while inspector.finish()? != Judged::Whole {}
    Ok(())
}

fn contains(text: &[u8], wanted: &[u8]) -> bool {
    text.windows(wanted.len()).any(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    // Otherwise the targets would pass whatever came.
    #[test]
    fn the_targets_meet_requests_of_every_kind() {
        let [usual, strict, edited] = engines() else { panic!("three policies") };
        let body = |engine, text: &str| judged(engine, text.len(), [text.as_bytes()]);
        assert_eq!(body(usual, r#"{"kind":"one","count":"3","other":1}"#), Ok(None));
        assert!(body(usual, r#"{"kind":"one","count":"x"}"#).is_err());
        assert!(body(strict, r#"{"kind":"one","count":"3"}"#).is_err());
        assert!(body(strict, r#"{"kind":"one","other":1}"#).is_err());
        let text = br#"{"kind":"one","text":"a"}"#.to_vec();
        assert_eq!(body(edited, r#"{"kind":"one","text":" a","other":1}"#), Ok(Some(text)));
        let asked = |query: &str| refusal(usual, &[b"/all/7/a,b?", query.as_bytes()].concat(), &[]);
        assert_eq!(asked("n=1.5&a=1&a=2&f=on"), None);
        assert!(asked("a=x").is_some() && asked("j=1").is_some() && asked("o[x]=y").is_some());
    }
}
