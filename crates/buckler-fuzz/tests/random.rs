//! A bounded run of random inputs through every target of the vocabulary, put together from what matters there.

use proptest::prelude::*;

const SCRAPS: &[&str] = &[
    "/",
    "..",
    "%2e",
    "%2f",
    "%c0%ae",
    "\\",
    "%00",
    "%",
    "a.example",
    ":",
    "443",
    "[::1]",
    "@",
    "https://",
    "null",
    "for=",
    "\"",
    ";",
    ",",
    " ",
    "\n",
    "GET ",
    "host: ",
    "x-forwarded-for: ",
    "x_real_ip: ",
    "application/json",
    "multipart/form-data",
    "boundary=",
    "charset=utf-8",
    "?",
    "1.2.3.4",
    "10.0.0.1",
    "unknown",
    "GET /\nhost: a.example\n",
    "x-forwarded-proto: https\n",
    "GET / HTTP/1.1\r\n",
    "Content-Length: 3\r\n",
    "Transfer-Encoding: chunked\r\n",
    "\r\n",
    "3\r\nabc\r\n",
    "0\r\n\r\n",
];

fn inputs() -> impl Strategy<Value = Vec<u8>> {
    let scrap = prop::sample::select(SCRAPS).prop_map(|scrap| scrap.as_bytes().to_vec());
    let noise = prop::collection::vec(any::<u8>(), 0..4);
    prop::collection::vec(prop_oneof![9 => scrap, 1 => noise], 0..24).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn no_scraps_break_a_promise(data in inputs()) {
        for target in [
            buckler_fuzz::authority,
            buckler_fuzz::forwarding,
            buckler_fuzz::head,
            buckler_fuzz::media_type,
            buckler_fuzz::origin,
            buckler_fuzz::target,
            buckler_fuzz::wire,
        ] {
            target(&data);
        }
    }
}

const WORDS: &[&str] = &[
    "1",
    "0",
    "5",
    "100",
    "1000000000000",
    "31536000",
    "9",
    "/",
    "second",
    "minute",
    "hour",
    "day",
    "month",
    "ms",
    "s",
    "m",
    "h",
    "d",
    " ",
    " burst ",
    " per ",
    "ip",
    "route",
    "header:",
    "x-key",
    "user",
    "+",
    "\u{ff15}",
    "-",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn no_words_break_the_language_of_limits(words in prop::collection::vec(prop::sample::select(WORDS), 0..14)) {
        buckler_fuzz::limit_text(words.concat().as_bytes());
    }

    #[test]
    fn what_is_nearly_a_limit_keeps_the_promises(
        count in "[0-9]{1,7}", period in "[0-9]{0,6}(ms|s|m|h|d|day|hour)", burst in "( burst [0-9]{1,6})?", per in "( per (ip|route|user)(\\+header:[a-z.!]{1,3})?)?",
    ) {
        buckler_fuzz::limit_text(format!("{count}/{period}{burst}{per}").as_bytes());
    }
}
