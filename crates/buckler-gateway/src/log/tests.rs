use std::io;
use std::sync::Mutex;

use buckler_engine::{Context, Ending, Engine, Opening, Requested, Severity, Timestamp, Traffic, Unlisted, Usage};
use buckler_http::connection::Connection;
use buckler_http::head::{Head, Version};
use buckler_policy::{Host, Sources};
use buckler_schema::{Changes, Named};
use buckler_tower::Observer;
use http::{HeaderMap, StatusCode};

use super::*;

const CANARY: &str = "CANARY-7d1f";

#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Shared {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

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
        Opening::Consult(_) => panic!("a client without an address is not counted"),
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
    out.text()
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
fn a_line_is_one_object_whatever_was_sent() {
    let answered = r#""status":200,"bytes_in":0,"bytes_out":0,"duration_us":250,"outcome":"answered","notes":["#;
    let refused = r#""status":400,"bytes_in":0,"bytes_out":0,"duration_us":0,"outcome":"refused","refusal":{"stage":"#;
    for (target, host, level, written, rest) in [
        ("/\"\\\u{1}\u{e9}", "localhost", "warning", r#"null,"target":"/\\x22\\x5c\\x01\\xc3\\xa9""#, refused),
        ("/", "\"}\u{e9}", "warning", r#"null,"target":"/""#, refused),
        ("/a?b=c", "localhost", "info", r#""localhost","target":"/a?b=***""#, answered),
    ] {
        let line = lines(LogFormat::Json, AccessLog::All, vec![Entry::Exchange(Box::new(record(target, host)))]);
        assert!(serde_json::from_str::<serde_json::Value>(&line).is_ok_and(|line| line.is_object()), "{line}");
        let id = "01".repeat(16);
        let begin = format!(
            r#"{{"ts":"2023-11-14T22:13:20Z","level":"{level}","event":"request","request_id":"{id}","client":"-","scheme":"http","method":"GET","host":{written},{rest}"#
        );
        assert!(line.starts_with(&begin), "{line}\n{begin}");
    }
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

/// Blocks until it is let go, then keeps what comes.
struct Stuck(Arc<Mutex<Vec<u8>>>);

impl Write for Stuck {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

// R40
#[test]
fn a_change_of_the_contract_is_told_in_fields_and_in_words() {
    let named = |count, first: &[&str]| Named { count, first: first.iter().map(|name| (*name).to_owned()).collect() };
    let changes =
        Changes { added: named(3, &["GET /a", "PUT /b"]), removed: named(1, &["GET /c"]), ..Changes::default() };
    let entry = || vec![Entry::Incident(Incident::Contract { changes: changes.clone() })];
    let words = "operations of the contract: 3 added (GET /a, PUT /b and 1 more); 1 removed (GET /c)";
    assert_eq!(lines(LogFormat::Human, AccessLog::All, entry()), format!("info {words}\n"));
    let line: serde_json::Value = serde_json::from_str(&lines(LogFormat::Json, AccessLog::All, entry())).unwrap();
    assert_eq!((&line["event"], &line["what"]), (&"contract".into(), &words.into()));
    assert_eq!(line["added"], serde_json::json!({"count": 3, "first": ["GET /a", "PUT /b"]}));
    assert_eq!(line["changed"], serde_json::json!({"count": 0, "first": []}));
}

// R07
#[test]
fn what_of_the_contract_is_used_is_told_in_fields_and_in_words() {
    let requested = |what: &str, requests| Requested { what: what.to_owned(), requests };
    let operations = [("GET /a", 2), ("GET /b", 0), ("PUT /a", 7)].map(|(what, requests)| requested(what, requests));
    let answered = Unlisted { shapes: vec![requested("GET /admin", 1)], further: 0 };
    let shapes = (0..30).map(|at| requested(&format!("GET /{at}"), 1)).collect();
    let usage = Usage { operations: operations.into(), answered, nowhere: Unlisted { shapes, further: 5 } };
    let entry = || vec![Entry::Incident(Incident::Usage { usage: usage.clone() })];
    let words = lines(LogFormat::Human, AccessLog::All, entry());
    let begin = "info 2 operations of the contract used (PUT /a 7×, GET /a 2×); 1 never used (GET /b); \
                 1 not listed and answered by the app (GET /admin 1×); 30 not listed and not there (GET /0 1×, ";
    assert!(words.starts_with(begin) && words.ends_with(" and 10 more)\n"), "{words}");
    let line: serde_json::Value = serde_json::from_str(&lines(LogFormat::Json, AccessLog::All, entry())).unwrap();
    assert_eq!((&line["event"], &line["used"]["requests"]), (&"usage".into(), &9.into()));
    assert_eq!(
        line["unused"],
        serde_json::json!({"count": 1, "requests": 0, "first": [{"what": "GET /b", "requests": 0}]})
    );
    assert_eq!((&line["nowhere"]["requests"], &line["nowhere"]["further"]), (&35.into(), &5.into()));
    assert_eq!(line["nowhere"]["first"].as_array().unwrap().len(), 20);
}

#[test]
fn a_writer_that_is_stuck_blocks_nobody_and_the_loss_is_counted() {
    const HANDED: usize = WAITING_LINES * 2;
    let gate = Arc::default();
    let out = Stuck(Arc::clone(&gate));
    let held = gate.lock().unwrap();
    let (log, writer) = Log::start(AccessLog::All, LogFormat::Human, Colour::Plain, out).unwrap();
    let long = "x".repeat(100);
    for _ in 0..HANDED {
        log.incident(Incident::Worker { what: long.clone(), severity: Severity::Info });
    }
    drop(held);
    drop(log);
    writer.finish();
    let text = String::from_utf8(std::mem::take(&mut *gate.lock().unwrap())).unwrap();
    let (written, others): (Vec<&str>, Vec<&str>) = text.lines().partition(|line| line.contains(&long));
    let number = |line: &&str| line.split(' ').find_map(|word| word.parse::<usize>().ok()).unwrap();
    let lost: usize = others.iter().map(number).sum();
    assert_eq!(written.len() + lost, HANDED, "{others:?}");
    // The queue was full, and so may have been what the writer had in its hand.
    assert!(written.len() <= WAITING_LINES + writing::BATCH / long.len() + 1, "{}", written.len());
}

/// A minute: more than any writer needs that is not stuck.
const PATIENCE: Duration = Duration::from_mins(1);

fn incident(number: usize) -> Incident {
    Incident::Worker { what: format!("line {number}"), severity: Severity::Info }
}

#[test]
fn what_was_handed_over_is_written_when_flush_returns() {
    // More than fits into one batch, in steps that end in the middle of one.
    const STEPS: usize = 40;
    const LINES: usize = 777;
    let out = Shared::default();
    let (log, writer) = Log::start(AccessLog::All, LogFormat::Json, Colour::Plain, out.clone()).unwrap();
    for step in 1..=STEPS {
        (0..LINES).for_each(|number| log.incident(incident(number)));
        assert!(log.flush(PATIENCE));
        assert_eq!(out.text().lines().count(), step * LINES);
    }
    drop(log);
    writer.finish();
}

#[test]
fn all_is_written_in_order_when_the_last_handle_is_gone() {
    const LINES: usize = 5000;
    let out = Shared::default();
    let (log, writer) = Log::start(AccessLog::All, LogFormat::Human, Colour::Plain, out.clone()).unwrap();
    (0..LINES).for_each(|number| log.incident(incident(number)));
    drop(log);
    writer.finish();
    let written = out.text();
    let lines: Vec<&str> = written.lines().collect();
    let wanted: Vec<String> = (0..LINES).map(|number| format!("info line {number}")).collect();
    assert!(lines == wanted, "{} of {LINES} lines", lines.len());
}

#[test]
fn the_end_is_waited_for_with_patience() {
    let gate = Arc::new(Mutex::new(Vec::new()));
    for stuck in [false, true] {
        let held = stuck.then(|| gate.lock().unwrap());
        let out = Stuck(Arc::clone(&gate));
        let (log, writer) = Log::start(AccessLog::All, LogFormat::Human, Colour::Plain, out).unwrap();
        log.incident(incident(0));
        drop(log);
        assert_eq!(writer.finish_within(if stuck { Duration::from_millis(50) } else { PATIENCE }), !stuck);
        drop(held);
    }
}

#[test]
fn flush_loses_patience_with_a_writer_that_is_stuck() {
    let gate = Arc::new(Mutex::new(Vec::new()));
    let held = gate.lock().unwrap();
    let (log, writer) = Log::start(AccessLog::All, LogFormat::Human, Colour::Plain, Stuck(Arc::clone(&gate))).unwrap();
    log.incident(incident(0));
    // With room for the question, and without.
    assert!(!log.flush(Duration::ZERO));
    (0..WAITING_LINES * 2).for_each(|number| log.incident(incident(number)));
    assert!(!log.flush(Duration::ZERO));
    drop(held);
    assert!(log.flush(PATIENCE));
    drop(log);
    writer.finish();
}

// R81
#[test]
fn another_process_leaves_the_queue_alone() {
    let out = Shared::default();
    let (mut log, mut writer) = Log::start(AccessLog::All, LogFormat::Human, Colour::Plain, out).unwrap();
    // The writer goes on as long as this is there, so joining it would never end.
    let _kept = log.to_writer.sender.clone().unwrap();
    // As in a child after a fork.
    Arc::get_mut(&mut log.to_writer).unwrap().process ^= 1;
    writer.process ^= 1;
    assert!(!log.flush(PATIENCE));
    drop(log);
    writer.finish();
}
