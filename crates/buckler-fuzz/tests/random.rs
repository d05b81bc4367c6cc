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
