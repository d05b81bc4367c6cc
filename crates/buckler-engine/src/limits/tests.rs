//! Whose count a request is, and what becomes of one that nobody could count.

use std::collections::BTreeSet;
use std::sync::Arc;

use buckler_http::connection::{Connection, Scheme};
use buckler_http::head::Version;
use buckler_limits::batch::unheard_of;
use buckler_limits::{Answers, Moment};
use buckler_policy::settings::Document;
use buckler_policy::{Host, Sources};
use http::{HeaderMap, StatusCode, header};

use super::ruling::Ruling;
use super::*;
use crate::engine::{Ended, Engine, Opening};
use crate::exchange::{Ending, Exchange, Traffic};
use crate::facts::{Context, Timestamp};
use crate::reason::Reason;
use crate::record::{Note, Outcome};

fn engine(limits: &str) -> Arc<Engine> {
    with_document(limits, None)
}

fn with_document(limits: &str, document: Option<&str>) -> Arc<Engine> {
    let text = format!("environment = \"development\"\n{limits}");
    let mut policy = Sources::new(Host::InProcess).file("buckler.toml", text).load().unwrap().policy;
    policy.contract.document = document.map(|text| Document::new(text.as_bytes().to_vec()));
    Arc::new(Engine::new(&policy))
}

fn context(peer: &str) -> Context {
    let peer = Peer::Ip(format!("{peer}:40000").parse().unwrap());
    Context { connection: Connection { peer, scheme: Scheme::Https }, now: Timestamp(1), nonce: [0; 16] }
}

fn head<'a>(method: &'a str, target: &'a str, fields: &[(&'a str, &'a str)]) -> Head<'a> {
    let mut head = Head::new(method, target.as_bytes(), Version::Http11);
    head.push(b"host", b"localhost");
    for (name, value) in fields {
        head.push(name.as_bytes(), value.as_bytes());
    }
    head
}

/// What a request is counted under.
fn subjects(engine: &Arc<Engine>, head: &Head<'_>, peer: &str) -> Vec<Subject> {
    match engine.open(head, &context(peer)) {
        Opening::Consult(consult) => consult.batch().iter().map(|check| check.subject.clone()).collect(),
        Opening::Answer(ended) => panic!("refused: {:?}", ended.record.outcome),
        Opening::Admit(_) => Vec::new(),
    }
}

// R12, hostile: a network of addresses is one client
#[test]
fn addresses_of_a_network_count_together() {
    for (prefix, one, other, same) in [
        (64, "192.0.2.7", "192.0.2.8", false),
        (64, "192.0.2.7", "[::ffff:192.0.2.7]", true),
        (64, "[::ffff:192.0.2.7]", "[::ffff:192.0.2.8]", false),
        (64, "[2001:db8:1:2::1]", "[2001:db8:1:2:ffff:ffff:ffff:ffff]", true),
        (64, "[2001:db8:1:2::1]", "[2001:db8:1:3::1]", false),
        (56, "[2001:db8:1:2::1]", "[2001:db8:1:ff::1]", true),
        (128, "[2001:db8:1:2::1]", "[2001:db8:1:2::2]", false),
        (32, "[2001:db8:1:2::1]", "[2001:db8:ffff::1]", true),
        (32, "[2001:db8::1]", "[2001:db9::1]", false),
        // An address of IPv4 is none of IPv6 with the same bytes.
        (32, "32.1.13.184", "[2001:db8::1]", false),
    ] {
        let engine = engine(&format!("[limits]\ndefault = [\"5/minute per ip\"]\nipv6_prefix = {prefix}\n"));
        let head = head("GET", "/", &[]);
        assert_eq!(subjects(&engine, &head, one) == subjects(&engine, &head, other), same, "{one} {other} /{prefix}");
    }
}

// R12: each part is told from all others
#[test]
fn fields_are_told_apart() {
    let engine = engine("[limits]\ndefault = [\"5/minute per header:x-api-key+header:x-tenant\"]\n");
    let requests: [&[(&str, &str)]; 9] = [
        &[],
        &[("x-api-key", "")],
        &[("x-api-key", "a")],
        &[("x-api-key", "A")],
        &[("x-tenant", "a")],
        &[("x-api-key", "a"), ("x-tenant", "b")],
        &[("x-api-key", "ab")],
        &[("x-api-key", "a"), ("x-api-key", "b")],
        &[("x-api-key", "a"), ("X-Api-Key", "b"), ("x-tenant", "")],
    ];
    let told: BTreeSet<Vec<u8>> = requests
        .iter()
        .flat_map(|fields| subjects(&engine, &head("GET", "/", fields), "192.0.2.7"))
        .map(|subject| subject.as_bytes().to_vec())
        .collect();
    assert_eq!(told.len(), requests.len());
}

// R12, hostile: a route is its template, and what nobody lists is one
#[test]
fn routes_count_by_their_template() {
    let document = r#"{"openapi": "3.1.0", "info": {"title": "t", "version": "1"}, "paths": {
        "/items/{id}": {"get": {"responses": {}}, "put": {"responses": {}}}, "/items/all": {"get": {"responses": {}}}}}"#;
    let limits = "[limits]\ndefault = [\"5/minute per route\"]\n[contract]\nrequests = \"monitor\"\n\
                  [[route]]\nmatch = \"/files/{name:path}\"\n";
    let engine = with_document(limits, Some(document));
    let of = |method: &str, target: &str| subjects(&engine, &head(method, target, &[]), "192.0.2.7");
    let item = of("GET", "/items/1");
    for (method, target, same) in [
        ("GET", "/items/2", true),
        ("GET", "/items/2?page=1", true),
        ("GET", "/%69tems/x", true),
        ("HEAD", "/items/2", true),
        ("PUT", "/items/1", false),
        ("GET", "/items/all", false),
        ("GET", "/items/1/more", false),
    ] {
        assert_eq!(of(method, target) == item, same, "{method} {target}");
    }
    assert_eq!(of("GET", "/nowhere"), of("POST", "/else/where"));
    assert_eq!(of("GET", "/files/a"), of("PUT", "/files/a/b/c"));
    assert_ne!(of("GET", "/files/a"), of("GET", "/nowhere"));
}

// R12: what is changed begins anew, and what is not goes on
#[test]
fn a_limit_is_known_by_what_it_says() {
    let of = |limits: &str| subjects(&engine(limits), &head("GET", "/a", &[]), "192.0.2.7");
    let one = of("[limits]\ndefault = [\"5/minute per ip\"]\n");
    assert_eq!(one, of("[limits]\ndefault = [\"5/60s per ip\"]\nfields = \"off\"\n"));
    assert_ne!(one, of("[limits]\ndefault = [\"6/minute per ip\"]\n"));
    assert_ne!(one, of("[limits]\ndefault = []\n[[route]]\nmatch = \"/a\"\nlimits = [\"5/minute per ip\"]\n"));
}

fn answered(engine: &Arc<Engine>, answers: &[Answer]) -> Result<Option<Note>, Box<Ended>> {
    let head = head("GET", "/", &[]);
    match engine.open(&head, &context("192.0.2.7")).settle(&head, Timestamp(2), |_| Answers::from_slice(answers)) {
        Opening::Consult(_) => panic!("asked twice"),
        Opening::Answer(ended) => Err(ended),
        Opening::Admit(admission) => {
            let record = admission.into_parts().1.abandon(Traffic::default(), Timestamp(3));
            Ok(record.notes.first().copied())
        }
    }
}

// R13: what becomes of it is declared, and nothing passes by being forgotten
#[test]
fn what_nobody_could_count() {
    let standing = {
        let limit: buckler_limits::Limit = "5/minute".parse().unwrap();
        limit.allowance.charge(buckler_limits::State::EMPTY, Moment(1), 1).standing
    };
    for (store_down, answers, passes) in [
        ("open", vec![Answer::Unavailable], Ok(Some(Note::LimitUncounted))),
        ("open", vec![], Ok(Some(Note::LimitUncounted))),
        ("closed", vec![Answer::Unavailable], Err(Reason::Overloaded)),
        ("closed", vec![], Err(Reason::Overloaded)),
        ("local", vec![Answer::Unavailable], Err(Reason::Overloaded)),
        ("local", vec![Answer::Local(standing)], Ok(Some(Note::LimitCountedLocally))),
        ("local", vec![Answer::Counted(standing)], Ok(None)),
    ] {
        let engine = engine(&format!("[limits]\ndefault = [\"5/minute\"]\nstore_down = \"{store_down}\"\n"));
        let told = answered(&engine, &answers).map_err(|ended| match ended.record.outcome {
            Outcome::Refused(finding) => finding.violation.reason,
            other => panic!("{other:?}"),
        });
        assert_eq!(told, passes, "{store_down} {answers:?}");
    }
    // Each limit for itself: one that passes does not excuse one that cannot be counted.
    let limits = "[limits]\ndefault = [{ limit = \"5/minute\", store_down = \"open\" }, \
                  { limit = \"9/hour\", store_down = \"closed\" }]\n";
    let both = [Answer::Unavailable, Answer::Unavailable];
    assert!(answered(&engine(limits), &both).is_err());
    assert!(answered(&engine(limits), &[Answer::Unavailable, Answer::Counted(standing)]).is_ok());
    // Only recorded, it passes.
    let monitored = engine("[limits]\nmode = \"monitor\"\ndefault = [\"5/minute\"]\nstore_down = \"closed\"\n");
    assert!(answered(&monitored, &[Answer::Unavailable]).is_ok());
}

/// An exchange whose own limits have room.
fn admitted(engine: &Arc<Engine>) -> Exchange {
    let head = head("GET", "/", &[]);
    match engine.open(&head, &context("192.0.2.7")).settle(&head, Timestamp(2), |batch| unheard_of(batch, Moment(2))) {
        Opening::Admit(admission) => admission.into_parts().1,
        other => panic!("{other:?}"),
    }
}

/// What a store says of a limit that stands in the app.
fn of_the_app(mode: Mode, answer: Answer) -> Ruling {
    let terms = Terms::of_app(&"1/hour".parse().unwrap(), Some("own"));
    Ruling::of([(&terms, StoreDown::Open)].into_iter(), &[answer], mode, LimitFields::All)
}

// R12: the answer tells of all limits in the same fields, and of the nearest of them
#[test]
fn limits_of_the_app_are_told_with_those_of_the_policy() {
    let engine = engine("[limits]\ndefault = [\"5/minute\"]\nfields = \"all\"\n");
    let used = "1/hour".parse::<buckler_limits::Limit>().unwrap().allowance;
    let charged = used.charge(buckler_limits::State::EMPTY, Moment(2), 1);
    let told = |rulings: &[Ruling]| {
        let mut exchange = admitted(&engine);
        for ruling in rulings {
            exchange.learn_limits(ruling.clone());
        }
        let (plan, answering) = exchange.answer(StatusCode::OK, &HeaderMap::new());
        let fields = plan.add.into_iter().filter(|(name, _)| name.as_str().contains("ratelimit"));
        let fields: Vec<_> = fields.map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
        (fields.join("\n"), answering.close(Ending::Complete, Traffic::default(), Timestamp(3)).notes.to_vec())
    };
    let both = "ratelimit-policy: \"default\";q=5;w=60, \"own\";q=1;w=3600\n\
                ratelimit: \"default\";r=4;t=12, \"own\";r=0;t=3600\n\
                x-ratelimit-limit: 1\nx-ratelimit-remaining: 0\nx-ratelimit-reset: 3600";
    let local = of_the_app(Mode::Enforce, Answer::Local(charged.standing));
    assert_eq!(told(&[local]), (both.to_owned(), vec![Note::LimitCountedLocally]));
    let alone = "ratelimit-policy: \"default\";q=5;w=60\nratelimit: \"default\";r=4;t=12\n\
                 x-ratelimit-limit: 5\nx-ratelimit-remaining: 4\nx-ratelimit-reset: 12";
    let uncounted = of_the_app(Mode::Enforce, Answer::Unavailable);
    assert_eq!(told(&[uncounted]), (alone.to_owned(), vec![Note::LimitUncounted]));
    // What it refuses is told by the app's own answer.
    let again = used.charge(charged.state, Moment(2), 1).standing;
    assert_eq!(told(&[of_the_app(Mode::Enforce, Answer::Counted(again))]), (alone.to_owned(), vec![]));
}

// R12: what only would be refused is written down, whoever has written the limit
#[test]
fn limits_of_the_app_are_monitored_with_those_of_the_policy() {
    let engine = engine("[limits]\nmode = \"monitor\"\ndefault = [\"5/minute\"]\n");
    let allowance = "1/hour".parse::<buckler_limits::Limit>().unwrap().allowance;
    let charged = allowance.charge(buckler_limits::State::EMPTY, Moment(2), 1);
    let again = allowance.charge(charged.state, Moment(2), 1).standing;
    let mut exchange = admitted(&engine);
    exchange.learn_limits(of_the_app(Mode::Monitor, Answer::Counted(again)));
    let (plan, answering) = exchange.answer(StatusCode::OK, &HeaderMap::new());
    assert!(!plan.add.iter().any(|(name, _)| name == "ratelimit" || *name == header::RETRY_AFTER));
    let record = answering.close(Ending::Complete, Traffic::default(), Timestamp(3));
    let found: Vec<_> = record.monitored.iter().map(|finding| (finding.stage, finding.violation.reason)).collect();
    assert_eq!(found, [(crate::stage::Stage::Limits, Reason::RateLimited)]);
}

// R12: what every answer tells of the one limit over all is made once
#[test]
fn the_field_of_the_one_limit_over_all_lasts() {
    let named = |fields: &[(HeaderName, HeaderValue)]| {
        let of = |(name, value): &(HeaderName, HeaderValue)| (name == "ratelimit-policy").then(|| value.clone());
        fields.iter().find_map(of)
    };
    let one = engine("[limits]\ndefault = [\"5/minute\"]\n[[route]]\nmatch = \"/a\"\nlimits = [\"9/hour\"]\n");
    let lasting = named(&one.lasting_fields()).unwrap();
    let told = named(&admitted(&one).answer(StatusCode::OK, &HeaderMap::new()).0.add).unwrap();
    assert!(std::ptr::eq(lasting.as_bytes(), told.as_bytes()), "it is a copy");
    for other in ["default = []", "default = [\"5/minute\", \"9/hour\"]", "mode = \"monitor\"", "fields = \"off\""] {
        assert_eq!(named(&engine(&format!("[limits]\n{other}\n")).lasting_fields()), None, "{other}");
    }
}

// R12: a refusal that says nothing of when says nothing else about the store, either
#[test]
fn a_refusal_for_want_of_a_store_can_be_tried_again() {
    let engine = engine("[limits]\ndefault = [\"5/minute\"]\nstore_down = \"closed\"\n");
    let ended = answered(&engine, &[Answer::Unavailable]).unwrap_err();
    assert_eq!(ended.reply.status, 503);
    assert!(ended.reply.fields.iter().any(|(name, _)| *name == header::RETRY_AFTER));
    assert!(!ended.reply.fields.iter().any(|(name, _)| name == "ratelimit"));
}

// R12: nothing of an explanation is counted, and it names what would be
#[test]
fn explaining_counts_nothing() {
    let engine = engine("[limits]\ndefault = [\"1/hour per ip\"]\n");
    for _ in 0..3 {
        let explained = engine.explain(&head("GET", "/", &[]), None, &context("192.0.2.7"));
        assert_eq!((explained.decisive, explained.limits), (None, vec!["1/hour per ip".to_owned()]));
    }
}

// R12: what an operator asks for is what requests are counted under
#[test]
fn an_operator_finds_the_counts_of_a_client() {
    let engine = engine(
        "[limits]\ndefault = [\"5/minute per ip\", \"9/day per header:x-api-key\", \"7/hour per ip+header:x-api-key\"]\n\
         [[route]]\nmatch = \"GET /a\"\nlimits = [\"3/minute per ip\"]\n",
    );
    let asked = subjects(&engine, &head("GET", "/a", &[("X-API-Key", "k")]), "[2001:db8::7]");
    let counts = |who: &who::Who| -> Vec<(String, Subject)> {
        engine.counts_of(who).into_iter().map(|counted| (counted.limit, counted.check.subject)).collect()
    };
    let ip = "2001:db8::8".parse().ok();
    let by_ip = counts(&who::Who { ip, ..Default::default() });
    assert_eq!(
        by_ip,
        [("5/minute per ip".to_owned(), asked[0].clone()), ("3/minute per ip".to_owned(), asked[3].clone())]
    );
    let headers = vec![("x-api-key".to_owned(), "k".to_owned())];
    let by_both = counts(&who::Who { ip, headers, ..Default::default() });
    assert_eq!(by_both.into_iter().map(|(_, subject)| subject).collect::<Vec<_>>(), asked);
    assert!(engine.counts_of(&who::Who { ip, ..Default::default() }).iter().all(|counted| counted.check.cost == 0));
    // A store that was never asked knows nothing.
    let head = head("GET", "/a", &[]);
    let opened = engine.open(&head, &context("192.0.2.7"));
    assert!(matches!(opened.settle(&head, Timestamp(1), |batch| unheard_of(batch, Moment(1))), Opening::Admit(_)));
}
