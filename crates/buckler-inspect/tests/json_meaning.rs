//! Bodies that are JSON, yet mean different things to different parsers or cost more than they should; one
//! test for each class of attack, and the legal bodies that stand next to them.
// R08

mod judge;

use std::fmt::Write as _;

use buckler_inspect::json::{DEFAULT_DEPTH, DEFAULT_KEYS, DEFAULT_STRING, JsonFault, JsonLimits, NUMBER_BYTES};
use judge::{accepted, fault, judge, judge_within, refused};

const UNLIMITED: JsonLimits = JsonLimits { depth: u32::MAX, keys: u32::MAX, string: u32::MAX };

#[test]
fn duplicate_member_names_are_refused_after_unescaping() {
    refused(
        fault!(DuplicateMember),
        &[
            (r#"{"a":1,"a":2}"#, 7),
            (r#"{"a":1,"\u0061":2}"#, 7),
            (r#"{"\u0061":1,"a":2}"#, 12),
            (r#"{"/":1,"\/":2}"#, 7),
            (r#"{"\n":1,"\u000a":2}"#, 8),
            (r#"{"\u000A":1,"\u000a":2}"#, 12),
            (r#"{"é":1,"\u00e9":2}"#, 8),
            (r#"{"😀":1,"\ud83d\uDE00":2}"#, 10),
            (r#"{"":1,"":2}"#, 6),
            (r#"{"\u0000":1,"\u0000":2}"#, 12),
            (r#"{"a":1,"b":2,"c":3,"a":4}"#, 19),
            (r#"{"a":{"a":{"b":1,"b":2}}}"#, 17),
            (r#"[[{"a":[{"x":1,"x":2}]}]]"#, 15),
            (r#"{"a":{"b":1},"a":2}"#, 13),
            (r#"{"a":[{"a":1},{"a":1}],"b":0,"a":2}"#, 29),
            (r#"{"longer than a machine word":1,"longer than a machine word":2}"#, 32),
        ],
    );
}

#[test]
fn names_that_only_look_alike_are_different_members() {
    // The same letter, composed and decomposed: parsers do not normalise (RFC 8259 §8.3), nor do we.
    accepted(&["{\"\u{e1}\":1,\"a\u{301}\":2}"]);
    accepted(&[
        r#"{"a":1,"A":2}"#,
        r#"{"a":1,"a\u0000":2,"\u0000a":3,"":4}"#,
        r#"{"a":{"a":{"a":1}},"b":{"a":1}}"#,
        r#"[{"a":1},{"a":1}]"#,
        r#"{"a":[{"b":1},{"b":1}],"b":"b"}"#,
        r#"{"ab":1,"a":2,"b":3,"aab":4}"#,
    ]);
}

#[test]
fn a_duplicate_is_found_among_ten_thousand_members_wherever_it_stands() {
    for repeated in [0, 15, 16, 17, 5_000, 9_998] {
        let mut body = String::from("{");
        for index in 0..9_999 {
            let _ = write!(body, "\"k{index}\":{{\"k{index}\":0}},");
        }
        let at = body.len() as u64;
        let _ = write!(body, "\"k{repeated}\":0}}");
        let verdict = judge_within(JsonLimits { keys: u32::MAX, ..JsonLimits::default() }, body.as_bytes());
        assert_eq!(verdict, Err(JsonFault::DuplicateMember { offset: at }), "k{repeated}");
    }
}

#[test]
fn nesting_a_million_deep_is_refused_at_the_limit() {
    let million = 1_000_000;
    for unit in ["[", "{\"a\":", "[{\"a\":"] {
        let body = unit.repeat(million);
        let containers = unit.matches(['[', '{']).count() as u64;
        let depth = u64::from(DEFAULT_DEPTH);
        let offset = depth / containers * unit.len() as u64;
        assert_eq!(judge(&body), Err(JsonFault::TooDeep { offset }), "{unit}");
    }
}

#[test]
fn nesting_a_million_deep_overflows_no_stack_where_the_limit_allows_it() {
    let million = 1_000_000;
    for (open, inner, close) in [("[", "", "]"), ("{\"a\":", "0", "}")] {
        let body = open.repeat(million) + inner + &close.repeat(million);
        let summary = judge_within(UNLIMITED, body.as_bytes()).unwrap();
        assert_eq!(summary.depth, 1_000_000);
        assert_eq!(
            judge_within(UNLIMITED, &body.as_bytes()[..body.len() - 1]).map(|_| ()),
            Err(JsonFault::Truncated { offset: body.len() as u64 - 1 })
        );
    }
}

#[test]
fn depth_at_its_limit_passes_and_one_more_does_not() {
    for depth in [0_u32, 1, 2, 31, 32, 33, 64, 65, 200] {
        let limits = JsonLimits { depth, ..JsonLimits::default() };
        let (n, offset) = (depth as usize, u64::from(depth));
        let at_limit = "[".repeat(n) + if n == 0 { "0" } else { "" } + &"]".repeat(n);
        assert_eq!(judge_within(limits, at_limit.as_bytes()).unwrap().depth, depth);
        assert_eq!(judge_within(limits, "[".repeat(n + 1).as_bytes()), Err(JsonFault::TooDeep { offset }));
    }
    // Siblings do not add up.
    let body = format!("[{}[]]", "[[]],".repeat(1_000));
    assert_eq!(judge(&body).unwrap().depth, 3);
}

#[test]
fn members_are_counted_over_the_whole_body() {
    let limits = JsonLimits { keys: 3, ..JsonLimits::default() };
    let too_many = |offset| Err(JsonFault::TooManyKeys { offset });
    for (body, expected) in [
        (r#"{"a":1,"b":2,"c":3}"#, Ok(3)),
        (r#"{"a":1,"b":2,"c":3,"d":4}"#, too_many(19)),
        (r#"[{"a":1},{"a":1},{"a":1}]"#, Ok(3)),
        (r#"[{"a":1},{"a":1},{"a":1},{"a":1}]"#, too_many(26)),
        (r#"{"a":{"a":{"a":{"a":1}}}}"#, too_many(16)),
        (r#"{"a":1,"b":2,"c":3,"#, Err(JsonFault::Truncated { offset: 19 })),
        (r"[{},{},{},{},{}]", Ok(0)),
    ] {
        assert_eq!(judge_within(limits, body.as_bytes()).map(|summary| summary.keys), expected, "{body}");
    }
    let none = JsonLimits { keys: 0, ..limits };
    assert_eq!(judge_within(none, br#"{"a":1}"#), Err(JsonFault::TooManyKeys { offset: 1 }));
}

#[test]
fn strings_and_names_are_measured_in_characters_after_unescaping() {
    let limits = JsonLimits { string: 4, ..JsonLimits::default() };
    let too_long = |offset| Err(JsonFault::StringTooLong { offset });
    for (body, expected) in [
        (r#""aaaaa""#, too_long(5)),
        (r#""aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa""#, too_long(5)),
        (r#"{"aaaaa":1}"#, too_long(6)),
        (r#""\u0061\u0061\u0061\u0061\u0061""#, too_long(25)),
        (r#""\ud83d\ude00aaaa""#, too_long(16)),
        ("\"éééé€\"", too_long(9)),
        (r#""aaaa\n""#, too_long(5)),
        // What is one character too many is refused before it is looked at.
        (r#""aaaa\q""#, too_long(5)),
        (r#""aaaa""#, Ok(4)),
        (r#""\u0061\u0061\u0061\u0061""#, Ok(4)),
        (r#""\ud83d\ude00\ud83d\ude00\ud83d\ude00\ud83d\ude00""#, Ok(4)),
        ("\"😀😀😀😀\"", Ok(4)),
        ("\"éééé\"", Ok(4)),
        (r#"{"aaaa":"b"}"#, Ok(4)),
        (r#""""#, Ok(0)),
    ] {
        assert_eq!(judge_within(limits, body.as_bytes()).map(|summary| summary.longest_string), expected, "{body}");
    }
}

#[test]
fn an_endless_string_or_name_is_refused_at_the_limit() {
    let million = "a".repeat(1_000_000);
    let limit = u64::from(DEFAULT_STRING);
    assert_eq!(judge(format!("\"{million}\"")), Err(JsonFault::StringTooLong { offset: 1 + limit }));
    assert_eq!(judge(format!("{{\"{million}\":0}}")), Err(JsonFault::StringTooLong { offset: 2 + limit }));
}

#[test]
fn numbers_that_parsers_read_differently_are_refused() {
    let out = JsonFault::NumberOutOfRange { offset: 1 };
    for number in [
        "1e999",
        "-1e999",
        "1E+400",
        "1e309",
        "-1.8e308",
        "1797693134862315708e292",
        "0.1e310",
        "1e99999999999999999999",
    ] {
        assert_eq!(judge(format!("[{number}]")), Err(out), "{number}");
        assert_eq!(judge(format!(" {number}")), Err(out), "{number} as the whole text");
    }
    assert_eq!(judge("9".repeat(309)), Err(JsonFault::NumberOutOfRange { offset: 0 }));
    accepted(&[
        "1e308",
        "1.7976931348623157e308",
        "-1.7976931348623157E+308",
        "1e-999",
        "0e999",
        "-0.0e999",
        "0.0001e310",
        "5e-324",
    ]);
    accepted(&["9".repeat(64), "9".repeat(308), format!("-{}", "1".repeat(300)), format!("[{}]", "7".repeat(100))]);
}

#[test]
fn an_endless_number_is_refused_at_the_limit() {
    let limit = NUMBER_BYTES;
    for (head, digit) in [("1", "0"), ("-1", "0"), ("0.", "0"), ("0.", "9"), ("1e", "0"), ("1e-", "9")] {
        let at_limit = head.to_owned() + &digit.repeat(limit - head.len());
        assert_ne!(judge(&at_limit), Err(JsonFault::NumberTooLong { offset: 0 }), "{head}{digit}…");
        for more in [1, 2, 1_000_000] {
            let body = format!("[{at_limit}{}]", digit.repeat(more));
            assert_eq!(judge(body), Err(JsonFault::NumberTooLong { offset: 1 }), "{head}{digit}…");
        }
    }
    // The longest exact decimal of a double passes: 2^-1074.
    accepted(&[format!("-{:.1074}", f64::from_bits(1))]);
}

#[test]
fn the_defaults_are_those_of_the_policy() {
    let limits = JsonLimits { depth: DEFAULT_DEPTH, keys: DEFAULT_KEYS, string: DEFAULT_STRING };
    assert_eq!(limits, JsonLimits { depth: 32, keys: 10_000, string: 10_000 });
    assert_eq!(limits, JsonLimits::default());
}
