//! What holds for every body: the verdict does not depend on how it is cut into chunks, and it is the verdict
//! of another parser except where ours is stricter by rule.
// R08

mod oracle;

use buckler_inspect::json::{JsonFault, JsonLimits, JsonScanner, JsonSummary};
use oracle::Reading;
use proptest::prelude::*;

fn judge<'a>(limits: JsonLimits, chunks: impl IntoIterator<Item = &'a [u8]>) -> Result<JsonSummary, JsonFault> {
    let mut scanner = JsonScanner::new(limits);
    for chunk in chunks {
        scanner.push(chunk)?;
    }
    scanner.finish()
}

/// Small enough that generated bodies meet them.
fn limits() -> impl Strategy<Value = JsonLimits> {
    (0_u32..8, 0_u32..12, 0_u32..12).prop_map(|(depth, keys, string)| JsonLimits { depth, keys, string })
}

const UNLIMITED: JsonLimits = JsonLimits { depth: u32::MAX, keys: u32::MAX, string: u32::MAX };

/// Sequences of tokens and fragments of tokens: rarely a JSON text, mostly nearly one.
fn fragments() -> impl Strategy<Value = Vec<u8>> {
    let fragment = prop_oneof![
        4 => proptest::sample::select(vec![
            "{", "}", "[", "]", ":", ",", "\"", " ", "\n", "true", "false", "null", "0", "-", ".", "e", "+", "12",
            "\"a\":", "\"b\":", "\"\\u0061\":", "\"a\"", "{}", "[]", "{\"a\":1}", "1e999", "1.5",
        ]).prop_map(|text| text.as_bytes().to_vec()),
        2 => proptest::sample::select(vec![
            "\\", "\\u", "\\ud800", "\\udc00", "\\u0061", "\\n", "\\u0000", "é", "€", "😀", "\u{feff}", "\0", "\u{1f}",
        ]).prop_map(|text| text.as_bytes().to_vec()),
        1 => any::<u8>().prop_map(|byte| vec![byte]),
    ];
    proptest::collection::vec(fragment, 0..24).prop_map(|fragments| fragments.concat())
}

/// A string token; every escape and every length of UTF-8 sequence occurs.
fn string() -> impl Strategy<Value = String> {
    let piece = proptest::sample::select(vec![
        "a",
        "b",
        "plain text",
        "é",
        "€",
        "😀",
        "\\u0061",
        "\\u00e9",
        "\\ud83d\\ude00",
        "\\n",
        "\\\"",
        "\\\\",
        "\\/",
        "\\u0000",
    ]);
    proptest::collection::vec(piece, 0..4).prop_map(|pieces| format!("\"{}\"", pieces.concat()))
}

/// A JSON text: valid unless members repeat or numbers overflow.
fn text() -> impl Strategy<Value = String> {
    let scalar = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        Just("false".to_owned()),
        "-?(0|[1-9][0-9]{0,30})(\\.[0-9]{1,5})?([eE][+-]?[0-9]{1,3})?",
        string(),
    ];
    let space = proptest::sample::select(vec!["", "", "", " ", "\n\t", "\r "]);
    scalar.prop_recursive(8, 48, 6, move |value| {
        let element = (space.clone(), value.clone()).prop_map(|(space, value)| format!("{space}{value}{space}"));
        let member = (space.clone(), string(), value)
            .prop_map(|(space, name, value)| format!("{space}{name}{space}:{space}{value}{space}"));
        prop_oneof![
            proptest::collection::vec(element, 0..6).prop_map(|elements| format!("[{}]", elements.join(","))),
            proptest::collection::vec(member, 0..6).prop_map(|members| format!("{{{}}}", members.join(","))),
        ]
    })
}

/// A JSON text in which a few bytes were overwritten, inserted or removed.
fn damaged() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![any::<u8>(), proptest::sample::select(b"{}[]:,\"\\ue0-.+19 nt".to_vec())];
    let damage = proptest::collection::vec((any::<prop::sample::Index>(), 0..3_u8, byte), 1..4);
    (text(), damage).prop_map(|(text, damage)| {
        let mut bytes = text.into_bytes();
        for (index, how, byte) in damage {
            let at = index.index(bytes.len() + 1);
            let removed = if how == 0 { at..at } else { at..bytes.len().min(at + 1) };
            let inserted = if how == 2 { None } else { Some(byte) };
            bytes.splice(removed, inserted);
        }
        bytes
    })
}

fn any_body() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        2 => text().prop_map(String::into_bytes),
        2 => damaged(),
        2 => fragments(),
        1 => proptest::collection::vec(any::<u8>(), 0..32),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn the_verdict_does_not_depend_on_the_chunks(
        body in any_body(), limits in prop_oneof![limits(), Just(UNLIMITED)], cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let whole = judge(limits, [body.as_slice()]);
        prop_assert_eq!(judge(limits, body.chunks(1)), whole, "byte by byte");
        for at in 0..=body.len() {
            let (front, back) = body.split_at(at);
            prop_assert_eq!(judge(limits, [front, b"", back]), whole, "cut at {}", at);
        }
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(body.len() + 1)).collect();
        cuts.extend([0, body.len()]);
        cuts.sort_unstable();
        let chunks = cuts.windows(2).map(|pair| &body[pair[0]..pair[1]]);
        prop_assert_eq!(judge(limits, chunks), whole, "cut at {:?}", cuts);
    }

    #[test]
    fn the_verdict_is_that_of_serde_json_except_where_ours_is_stricter_by_rule(body in any_body()) {
        let reading = oracle::read(&body);
        match (judge(UNLIMITED, [body.as_slice()]), reading) {
            (Ok(summary), Some(reading)) => {
                prop_assert!(!reading.duplicate, "a duplicate member passed");
                prop_assert!(!reading.infinite, "an infinite number passed");
                prop_assert_eq!(summary.bytes, body.len() as u64);
                prop_assert_eq!(Reading { duplicate: false, infinite: false, ..reading }, Reading {
                    depth: summary.depth,
                    keys: summary.keys,
                    longest_string: summary.longest_string,
                    nul: summary.nul,
                    ..Reading::default()
                });
            }
            (Err(JsonFault::DuplicateMember { .. }), Some(reading)) => prop_assert!(reading.duplicate),
            (Err(JsonFault::NumberOutOfRange { .. }), Some(reading)) => prop_assert!(reading.infinite),
            (Err(fault), Some(_)) => prop_assert!(false, "refused without a rule: {}", fault),
            (Ok(_), None) => prop_assert!(false, "accepted what serde_json refuses"),
            (Err(fault), None) => prop_assert!(fault.offset() <= body.len() as u64),
        }
    }

    #[test]
    fn a_limit_refuses_exactly_what_exceeds_it(body in text(), limits in limits()) {
        let Ok(measured) = judge(UNLIMITED, [body.as_bytes()]) else { return Ok(()) };
        let exceeds = measured.depth > limits.depth
            || measured.keys > limits.keys
            || measured.longest_string > limits.string;
        match judge(limits, [body.as_bytes()]) {
            Ok(summary) => {
                prop_assert!(!exceeds);
                prop_assert_eq!(summary, measured);
            }
            Err(fault) => {
                prop_assert!(exceeds && fault.is_limit(), "{}", fault);
                match fault {
                    JsonFault::TooDeep { .. } => prop_assert!(measured.depth > limits.depth),
                    JsonFault::TooManyKeys { .. } => prop_assert!(measured.keys > limits.keys),
                    _ => prop_assert!(measured.longest_string > limits.string),
                }
            }
        }
    }
}

/// The generators would prove little if one verdict never occurred.
#[test]
fn the_generated_bodies_reach_every_kind_of_verdict() {
    use proptest::{strategy::ValueTree, test_runner::TestRunner};

    let mut runner = TestRunner::deterministic();
    let (mut accepted, mut duplicates, mut infinite, mut other) = (0, 0, 0, 0);
    for _ in 0..4_000 {
        let body = any_body().new_tree(&mut runner).unwrap().current();
        match judge(UNLIMITED, [body.as_slice()]) {
            Ok(_) => accepted += 1,
            Err(JsonFault::DuplicateMember { .. }) => duplicates += 1,
            Err(JsonFault::NumberOutOfRange { .. }) => infinite += 1,
            Err(_) => other += 1,
        }
    }
    let counts = [accepted, duplicates, infinite, other];
    assert!(counts.iter().all(|&count| count >= 40), "accepted, duplicates, infinite, other: {counts:?}");
}
