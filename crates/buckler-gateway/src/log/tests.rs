use std::io;
use std::sync::Mutex;

use buckler_engine::{Context, Ending, Engine, Opening, Severity, Timestamp, Traffic};
use buckler_http::connection::Connection;
use buckler_http::head::{Head, Version};
use buckler_policy::{Host, Sources};
use buckler_tower::Observer;
use http::{HeaderMap, StatusCode};

use super::*;

const CANARY: &str = "CANARY-7d1f";

#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn record(target: &str, host: &str) -> Record {
    let text = "environment = \"development\"\n[server.tls]\nmode = \"off\"";
    let policy = Sources::new(Host::Gateway).file("t.toml", text).load().unwrap().policy;
    let context = Context { connection: Connection::LOCAL, now: Timestamp(1_700_000_000_000_000), nonce: [1; 16] };
    let mut head = Head::new("GET", target.as_bytes(), Version::Http11);
    head.push(b"host", host.as_bytes());
    head.push(b"authorization", CANARY.as_bytes());
    head.push(b"cookie", CANARY.as_bytes());
    head.push(b"x-forwarded-for", CANARY.as_bytes());
    match Arc::new(Engine::new(&policy)).open(&head, &context) {
        Opening::Answer(ended) => ended.record,
        Opening::Admit(admission) => {
            let (_, exchange) = admission.into_parts();
            let (_, answering) = exchange.answer(StatusCode::OK, &HeaderMap::new());
            answering.close(Ending::Complete, Traffic::default(), Timestamp(1_700_000_000_000_250))
        }
    }
}

fn lines(format: LogFormat, access: AccessLog, entries: Vec<Entry>) -> String {
    let out = Shared::default();
    let (log, writer) = Log::start(access, format, Colour::Plain, out.clone()).unwrap();
    for entry in entries {
        match entry {
            Entry::Exchange(exchange) => log.record(*exchange),
            Entry::Incident(incident) => log.incident(incident),
        }
    }
    drop(log);
    writer.finish();
    String::from_utf8(out.0.lock().unwrap().clone()).unwrap()
}

// R61
#[test]
fn a_secret_sent_everywhere_appears_nowhere() {
    for format in [LogFormat::Json, LogFormat::Human] {
        let target = format!("/a?token={CANARY}&{CANARY}");
        for host in ["localhost", CANARY, "user:CANARY-7d1f@localhost"] {
            let text = lines(format, AccessLog::All, vec![Entry::Exchange(Box::new(record(&target, host)))]);
            assert!(!text.contains(CANARY), "{text}");
            assert_eq!(text.lines().count(), 1);
        }
    }
}

#[test]
fn a_refusal_names_stage_code_and_key() {
    let refused = || vec![Entry::Exchange(Box::new(record("/a", "evil.example")))];
    let json: serde_json::Value = serde_json::from_str(&lines(LogFormat::Json, AccessLog::All, refused())).unwrap();
    assert_eq!(json["refusal"]["stage"], "host");
    assert_eq!(json["refusal"]["code"], "host_not_allowed");
    assert_eq!(json["refusal"]["key"], "server.hosts");
    assert_eq!(json["ts"], "2023-11-14T22:13:20Z");
    let human = lines(LogFormat::Human, AccessLog::All, refused());
    assert!(human.contains("refused by host: host_not_allowed") && human.contains("[server.hosts]"), "{human}");
}

#[test]
fn only_what_is_remarkable_is_written_if_asked_so() {
    let entries = || {
        vec![
            Entry::Exchange(Box::new(record("/fine", "localhost"))),
            Entry::Exchange(Box::new(record("/refused", "evil.example"))),
        ]
    };
    assert_eq!(lines(LogFormat::Human, AccessLog::Refusals, entries()).lines().count(), 1);
    assert_eq!(lines(LogFormat::Human, AccessLog::All, entries()).lines().count(), 2);
}

#[test]
fn no_request_writes_a_second_line() {
    let text = lines(
        LogFormat::Human,
        AccessLog::All,
        vec![Entry::Exchange(Box::new(record("/a%0ab\u{1b}[2J\"", "localhost")))],
    );
    assert_eq!(text.lines().count(), 1);
    assert!(!text.contains('\u{1b}'), "{text}");
}

/// Blocks until it is let go.
struct Stuck(Arc<Mutex<()>>);

impl Write for Stuck {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _held = self.0.lock().unwrap();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_writer_that_is_stuck_blocks_nobody_and_the_loss_is_counted() {
    let gate = Arc::new(Mutex::new(()));
    let held = gate.lock().unwrap();
    let (log, writer) = Log::start(AccessLog::All, LogFormat::Human, Colour::Plain, Stuck(Arc::clone(&gate))).unwrap();
    for _ in 0..WAITING_LINES * 2 {
        log.incident(Incident::Worker { what: "x".to_owned(), severity: Severity::Info });
    }
    assert!(log.dropped.load(Ordering::Relaxed) >= WAITING_LINES as u64 - 2);
    drop(held);
    drop(log);
    writer.finish();
}
