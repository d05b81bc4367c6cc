//! A judge that finds nothing wrong proves nothing: here each thing that may be wrong is made wrong once.
#![expect(clippy::expect_used, clippy::panic, reason = "helpers of tests may fail a test")]

mod common;

use buckler_testkit::case::{Case, Ending, Host, Named};
use buckler_testkit::host::{Observed, through_tower};
use buckler_testkit::{judge, monitor};
use common::cases;

fn case(name: &str) -> Case {
    cases(Host::Tower).into_iter().find(|case| case.name == name).unwrap_or_else(|| panic!("{name}"))
}

type Tamper = fn(&mut Observed);

fn finding() -> Named {
    Named { stage: "path".to_owned(), code: "malformed_request".to_owned(), key: None }
}

async fn bites(name: &str, tampers: &[(&str, Tamper)]) {
    let case = case(name);
    let observed = through_tower(&case, None).await.expect("it runs");
    assert_eq!(judge::compare(&case, Host::Tower, &observed), [""; 0], "{name}");
    for (what, tamper) in tampers {
        let mut tampered = observed.clone();
        tamper(&mut tampered);
        assert!(!judge::compare(&case, Host::Tower, &tampered).is_empty(), "{name}: {what}");
    }
}

#[tokio::test]
async fn whatever_is_wrong_with_an_admitted_exchange_is_found() {
    bites(
        "Fields of the app pass, each line as it is",
        &[
            ("never received", |o| o.received.clear()),
            ("received twice", |o| o.received.push(o.received[0].clone())),
            ("another target", |o| o.received[0].start.push('x')),
            ("a field more", |o| o.received[0].lines.push(("x-more".to_owned(), Vec::new()))),
            ("a field less", |o| drop(o.received[0].lines.pop())),
            ("another value", |o| o.received[0].lines[0].1.push(b'x')),
            ("a body", |o| o.received[0].body.push(b'x')),
            ("a body without end", |o| o.received[0].ended = false),
            ("another status", |o| o.answer.status = 201),
            ("another body", |o| o.answer.body.push(b'x')),
            ("an answer cut off", |o| o.answer.ended = false),
            ("a field that nobody expects", |o| o.answer.lines.push(("x-more".to_owned(), Vec::new()))),
            ("a field twice", |o| o.answer.lines.push(("x-frame-options".to_owned(), b"DENY".to_vec()))),
            ("a field gone", |o| o.answer.lines.retain(|(name, _)| name != "x-frame-options")),
            ("cookies in another order", |o| {
                let at: Vec<usize> =
                    (0..o.answer.lines.len()).filter(|&i| o.answer.lines[i].0 == "set-cookie").collect();
                o.answer.lines.swap(at[0], at[1]);
            }),
            ("another request id", |o| o.told.request_id.push('x')),
            ("another status in the record", |o| o.told.status = 201),
            ("other bytes in the record", |o| o.told.bytes_out += 1),
            ("another ending", |o| o.told.verdict.ending = Ending::Aborted),
            ("a finding", |o| o.told.verdict.monitored.push(finding())),
            ("a note", |o| o.told.verdict.notes.push("error_masked".to_owned())),
        ],
    )
    .await;
}

#[tokio::test]
async fn whatever_is_wrong_with_a_refusal_is_found() {
    bites(
        "A target beyond its limit",
        &[
            ("the app received it", |o| {
                let body = Vec::new();
                let start = "GET /".to_owned();
                o.received.push(buckler_testkit::message::Received { start, lines: Vec::new(), body, ended: true });
            }),
            ("another status", |o| (o.answer.status, o.told.status) = (400, 400)),
            ("no problem document", |o| o.answer.body = b"no".to_vec()),
            ("another type", |o| o.answer.lines.retain(|(name, _)| name != "content-type")),
            ("to be stored", |o| o.answer.lines.retain(|(name, _)| name != "cache-control")),
            ("another stage", |o| o.told.verdict.ending = Ending::Refused(finding())),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_monitor_that_says_less_or_more_is_found() {
    let case = case("A body without a type");
    let enforced = through_tower(&case, None).await.expect("it runs");
    let monitored = through_tower(&case, Some("monitor")).await.expect("it runs");
    assert_eq!(monitor::compare(&enforced, &monitored), [""; 0]);
    let tampers: &[(&str, Tamper)] = &[
        ("nothing said", |o| o.told.verdict.monitored.clear()),
        ("something else said", |o| o.told.verdict.monitored[0] = finding()),
        ("refused", |o| o.told.verdict.ending = Ending::Refused(finding())),
        ("never received", |o| o.received.clear()),
    ];
    for (what, tamper) in tampers {
        let mut tampered = monitored.clone();
        tamper(&mut tampered);
        assert!(!monitor::compare(&enforced, &tampered).is_empty(), "{what}");
    }
    let mut more = monitored.clone();
    more.told.verdict.monitored.push(finding());
    assert!(!monitor::compare(&monitored, &more).is_empty(), "a finding where enforcing finds nothing");
}
