//! Bodies that are no JSON text, or one in the wrong encoding; one test for each class of attack, and the
//! legal bodies that stand next to them.
// R08

mod judge;

use buckler_inspect::json::{JsonFault, JsonLimits, JsonScanner, JsonSummary};
use judge::{accepted, fault, judge, refused};

#[test]
fn a_byte_order_mark_is_refused() {
    refused(fault!(ByteOrderMark), &[("\u{feff}{}", 0), ("\u{feff}", 0), ("\u{feff}\u{feff}[]", 0)]);
    refused(fault!(Syntax), &[(" \u{feff}{}", 1), ("[\u{feff}]", 1)]);
    refused(fault!(TrailingData), &[("{}\u{feff}", 2)]);
    accepted(&["\"\u{feff}\""]);
}

#[test]
fn utf16_and_utf32_are_refused() {
    let wide = |text: &str, unit: fn(u32) -> Vec<u8>| text.chars().flat_map(|c| unit(c.into())).collect::<Vec<_>>();
    let utf16be = |c: u32| u16::try_from(c).unwrap().to_be_bytes().to_vec();
    let utf16le = |c: u32| u16::try_from(c).unwrap().to_le_bytes().to_vec();
    for text in ["{\"a\":1}", "[]", "\"text\"", "12", "1", "true", " {}", "-1"] {
        for (body, offset) in [
            (wide(text, utf16be), 0),
            (wide(text, |c| c.to_be_bytes().to_vec()), 0),
            (wide(text, utf16le), 1),
            (wide(text, |c| c.to_le_bytes().to_vec()), 1),
            (wide(&format!("\u{feff}{text}"), utf16be), 0),
            (wide(&format!("\u{feff}{text}"), utf16le), 0),
            (wide(&format!("\u{feff}{text}"), |c| c.to_be_bytes().to_vec()), 0),
            (wide(&format!("\u{feff}{text}"), |c| c.to_le_bytes().to_vec()), 0),
        ] {
            assert_eq!(judge(&body), Err(JsonFault::WrongEncoding { offset }), "{}", body.escape_ascii());
        }
    }
}

#[test]
fn invalid_utf8_is_refused() {
    refused::<&[u8]>(
        fault!(InvalidUtf8),
        &[
            (b"\"\x80\"", 1), // continuation byte alone
            (b"\"\xBF\"", 1),
            (b"\"\xC0\x80\"", 1), // overlong NUL, two bytes
            (b"\"\xC0\xAF\"", 1), // overlong slash
            (b"\"\xC1\xBF\"", 1),
            (b"\"\xE0\x80\xAF\"", 2), // overlong, three bytes
            (b"\"\xE0\x9F\xBF\"", 2),
            (b"\"\xF0\x80\x80\xAF\"", 2), // overlong, four bytes
            (b"\"\xF0\x8F\xBF\xBF\"", 2),
            (b"\"\xED\xA0\x80\"", 2),             // surrogate D800
            (b"\"\xED\xBF\xBF\"", 2),             // surrogate DFFF
            (b"\"\xED\xA0\xBD\xED\xB8\x80\"", 2), // CESU-8 pair
            (b"\"\xF4\x90\x80\x80\"", 2),         // U+110000
            (b"\"\xF5\x80\x80\x80\"", 1),
            (b"\"\xF8\x88\x80\x80\x80\"", 1), // five bytes
            (b"\"\xFE\"", 1),
            (b"\"\xFF\"", 1),
            (b"\"\xC3\"", 2), // cut short by the quote
            (b"\"\xE2\x82\"", 3),
            (b"\"\xF0\x9F\x98\"", 4),
            (b"\"\xE2\x82a\"", 3),
            (b"\"\xC3\\u0061\"", 2),
            (b"\"caf\xE9\"", 5), // Latin-1
            (b"{\"\xFF\":1}", 2),
        ],
    );
    refused::<&[u8]>(fault!(Truncated), &[(b"\"\xE2\x82", 3)]);
    accepted(&[
        "\"\u{80}\u{7ff}\u{800}\u{d7ff}\u{e000}\u{ffff}\u{10000}\u{10ffff}\"",
        "\"\u{fffe}\u{fdd0}\u{1ffff}\u{2028}\u{7f}\"",
    ]);
}

#[test]
fn lone_surrogates_in_escapes_are_refused() {
    refused(
        fault!(LoneSurrogate),
        &[
            (r#""\ud800""#, 1),
            (r#""\uDBFF""#, 1),
            (r#""\udc00""#, 1),
            (r#""\uDFFF""#, 1),
            (r#""ab\ud800cd""#, 3),
            (r#""\ud800\n""#, 1),
            (r#""\ud800\u0061""#, 1),
            (r#""\ud800\ud800\udc00""#, 1),
            (r#""\udc00\ud800""#, 1),
            (r#""\ud83d\ude00\ude00""#, 13),
            (r#""\ud800😀""#, 1),
            (r#"{"\ud800":1}"#, 2),
        ],
    );
    refused(fault!(Truncated), &[(r#""\ud800"#, 7), (r#""\ud800\"#, 8), (r#""\ud800\u"#, 9), (r#""\ud800\udc0"#, 12)]);
    accepted(&[r#""\ud800\udc00""#, r#""\uDBFF\uDFFF""#, r#""\ud83d\ude00\ud83d\ude00""#, r#""\ud7ff\ue000""#]);
}

#[test]
fn invalid_escapes_are_refused() {
    refused(
        fault!(InvalidEscape),
        &[
            (r#""\a""#, 2),
            (r#""\'""#, 2),
            (r#""\x41""#, 2),
            (r#""\0""#, 2),
            (r#""\U0041""#, 2),
            ("\"\\\n\"", 2),
            (r#""\ ""#, 2),
            (r#""\é""#, 2),
            (r#""\u""#, 3),
            (r#""\u{41}""#, 3),
            (r#""\u+041""#, 3),
            (r#""\u 041""#, 3),
            (r#""\u00G0""#, 5),
            (r#""\u004""#, 6),
            (r#""\ud800\u00zz""#, 11),
        ],
    );
    accepted(&[r#""\"\\\/\b\f\n\r\t\u0041\uABCD\uabcd""#]);
}

#[test]
fn control_characters_in_strings_are_refused() {
    for byte in 0..0x20 {
        let at = |body: &[u8], offset| {
            assert_eq!(judge(body), Err(JsonFault::ControlCharacter { offset }), "{}", body.escape_ascii());
        };
        at(&[b'"', b'a', byte, b'"'], 2);
        at(&[b'"', b'a', b'a', b'a', b'a', b'a', b'a', b'a', b'a', b'a', byte, b'a', b'a', b'"'], 10);
        at(&[b'{', b'"', byte, b'"', b':', b'1', b'}'], 2);
    }
    accepted(&["\"\u{7f}\""]);
}

#[test]
fn an_escaped_nul_is_accepted_and_told() {
    for (body, nul) in [
        (r#""a\u0000b""#, true),
        (r#"{"\u0000":1}"#, true),
        (r#"["\u0000", "a"]"#, true),
        (r#""\u0001""#, false),
        (r#""\\u0000""#, false),
        (r#""0""#, false),
    ] {
        assert_eq!(judge(body).unwrap().nul, nul, "{body}");
    }
}

#[test]
fn what_is_not_json_is_refused() {
    refused(
        fault!(Syntax),
        &[
            ("[1,]", 3),
            (r#"{"a":1,}"#, 7),
            ("[,1]", 1),
            ("[1,,2]", 3),
            ("[1 2]", 3),
            (r#"{"a" 1}"#, 5),
            (r#"{"a"::1}"#, 5),
            (r#"{"a":}"#, 5),
            (r#"{"a"}"#, 4),
            (r#"{"a":1 "b":2}"#, 7),
            (r"{a:1}", 1),
            (r"{'a':1}", 1),
            (r"{1:1}", 1),
            (r"{null:1}", 1),
            ("{,}", 1),
            ("[}", 1),
            ("{]", 1),
            (r#"["a":1]"#, 4),
            (r#"{"a":1]"#, 6),
            ("[1}", 2),
            ("]", 0),
            ("}", 0),
            (":", 0),
            (",", 0),
            ("// c\n1", 0),
            ("/**/1", 0),
            ("[1/**/]", 2),
            ("[1 # c\n]", 3),
            ("NaN", 0),
            ("[NaN]", 1),
            ("Infinity", 0),
            ("-Infinity", 1),
            ("-NaN", 1),
            ("nan", 1),
            ("inf", 0),
            ("01", 1),
            ("-01", 2),
            ("00", 1),
            ("[012]", 2),
            ("+1", 0),
            ("[1.]", 3),
            ("1.e5", 2),
            (".5", 0),
            ("-.5", 1),
            ("[-]", 2),
            ("--1", 1),
            ("[1e]", 3),
            ("[1e+]", 4),
            ("1e+-1", 3),
            ("1ee1", 2),
            ("1e.5", 2),
            ("[1.2.3]", 4),
            ("[1e1.5]", 4),
            ("[0x1F]", 2),
            ("[1_000]", 2),
            ("[1n]", 2),
            ("True", 0),
            ("tRue", 1),
            ("nulL", 3),
            ("[truefalse]", 5),
            ("[nulll]", 5),
            ("undefined", 0),
            ("'a'", 0),
            ("`a`", 0),
            ("\u{a0}1", 0),
            ("\u{c}1", 0),
            ("[\u{b}]", 1),
            ("[1\u{2028}]", 2),
            ("é", 0),
            (r"\u005b]", 0),
            (r#"["a"\n]"#, 4),
            ("(1)", 0),
        ],
    );
    refused::<&[u8]>(fault!(Syntax), &[(b"  \x00", 2), (b"[\xFF]", 1), (b"\x80", 0), (b"[1\x00]", 2)]);
}

#[test]
fn data_after_the_value_is_refused() {
    refused(
        fault!(TrailingData),
        &[
            ("{}{}", 2),
            ("{} {}", 3),
            ("[]]", 2),
            ("{}}", 2),
            ("1 2", 2),
            ("1,", 1),
            ("1 true", 2),
            ("nulll", 4),
            (r#""a""b""#, 3),
            ("{}\n{}\n", 3),
            ("1+1", 1),
            ("1-1", 1),
            ("{}\u{c}", 2),
            ("{};", 2),
            ("{} // c", 3),
            ("0x10", 1),
        ],
    );
    refused::<&[u8]>(fault!(TrailingData), &[(b"{}\x00", 2), (b"12\x00", 2)]);
}

#[test]
fn an_empty_body_is_refused() {
    refused(fault!(Empty), &[("", 0), (" ", 1), ("\r\n\t ", 4)]);
}

#[test]
fn every_truncation_is_refused() {
    let body = r#" {"a\u00e9\ud83d\ude00é€😀": [1.5e+10, -0, true, false, null, "x\n", {}], "b": {"c": []}}"#;
    assert_eq!(judge(body).err(), None);
    for end in 0..body.len() {
        let fault =
            if end < 2 { JsonFault::Empty { offset: end as u64 } } else { JsonFault::Truncated { offset: end as u64 } };
        assert_eq!(judge(&body.as_bytes()[..end]), Err(fault), "{end} bytes");
    }
    refused(
        fault!(Truncated),
        &[("-", 1), ("1.", 2), ("1e", 2), ("1e+", 3), ("nul", 3), ("\"", 1), ("[1", 2), ("[0", 2)],
    );
}

#[test]
fn ordinary_texts_are_accepted_and_measured() {
    for (body, depth, keys, longest_string) in [
        ("0", 0, 0, 0),
        (" \t\r\n-12.5e-3 \t\r\n", 0, 0, 0),
        ("\"text\"", 0, 0, 4),
        ("null", 0, 0, 0),
        ("true", 0, 0, 0),
        ("[]", 1, 0, 0),
        ("{}", 1, 0, 0),
        (" [ 1 , 2 ] ", 1, 0, 0),
        (r#"{"name":"teapot","tags":["tea",["new"]],"owner":{"id":7}}"#, 3, 4, 6),
        (r#"{ "a" : { "b" : { } } , "c" : [ ] }"#, 3, 3, 1),
        ("[0,0.0,-0,1e5,1E-5,1e+5,0e0,10,9.99]", 1, 0, 0),
    ] {
        let bytes = body.len() as u64;
        assert_eq!(judge(body), Ok(JsonSummary { bytes, depth, keys, longest_string, nul: false }), "{body}");
    }
}

#[test]
fn a_refused_body_stays_refused() {
    let mut scanner = JsonScanner::new(JsonLimits::default());
    let fault = JsonFault::Syntax { offset: 3 };
    assert_eq!(scanner.push(b"[1,]"), Err(fault));
    assert_eq!(scanner.push(b" 2]"), Err(fault));
    assert_eq!(scanner.push(b""), Err(fault));
    assert_eq!(scanner.finish(), Err(fault));
}
