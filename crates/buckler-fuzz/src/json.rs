//! The JSON scanner under arbitrary bytes, limits and chunks.

use buckler_inspect::json::{JsonFault, JsonLimits, JsonScanner, JsonSummary};

/// Runs `data` as a body through the scanner, under the default limits and under limits small enough to be
/// met by an input of a few bytes.
///
/// # Panics
///
/// When the verdict depends on how the body is cut into chunks, when a fault points behind the body, when a
/// summary exceeds the limits, or when a refused body is later accepted.
pub fn json_scanner(data: &[u8]) {
    // The first byte also chooses the small limits, so that a fuzzer can vary them.
    let choice = u32::from(data.first().copied().unwrap_or_default());
    let small = JsonLimits { depth: choice % 5, keys: choice % 7, string: choice % 11 };
    for limits in [JsonLimits::default(), small] {
        let verdict = judge(limits, [data]);
        let size = data.len() as u64;
        match verdict {
            Ok(summary) => {
                assert_eq!(summary.bytes, size, "not all was read");
                assert!(summary.depth <= limits.depth, "too deep");
                assert!(summary.keys <= limits.keys, "too many members");
                assert!(summary.longest_string <= limits.string, "string too long");
            }
            Err(fault) => assert!(fault.offset() <= size, "{fault} lies behind the end at {size}"),
        }
        for length in [1, 2, 3, 7, 8, 9, 64] {
            assert_eq!(judge(limits, data.chunks(length)), verdict, "in chunks of {length}");
        }
        // Halves of halves: cuts where no fixed length has them.
        let mut cut = data.len();
        while cut > 0 {
            cut /= 2;
            let (front, back) = data.split_at(cut);
            assert_eq!(judge(limits, [front, back]), verdict, "cut at {cut}");
        }
    }
}

fn judge<'a>(limits: JsonLimits, chunks: impl IntoIterator<Item = &'a [u8]>) -> Result<JsonSummary, JsonFault> {
    let mut scanner = JsonScanner::new(limits);
    let mut refused = None;
    for chunk in chunks {
        match (scanner.push(chunk), refused) {
            (verdict, Some(fault)) => assert_eq!(verdict, Err(fault), "a refused body changed its verdict"),
            (verdict, None) => refused = verdict.err(),
        }
    }
    let verdict = scanner.finish();
    if let Some(fault) = refused {
        assert_eq!(verdict, Err(fault), "a refused body changed its verdict at its end");
    }
    verdict
}
