//! Judging a whole body, and tables of bodies.

use buckler_inspect::json::{JsonFault, JsonLimits, JsonScanner, JsonSummary};

pub(crate) fn judge_within(limits: JsonLimits, body: &[u8]) -> Result<JsonSummary, JsonFault> {
    let mut scanner = JsonScanner::new(limits);
    scanner.push(body)?;
    scanner.finish()
}

pub(crate) fn judge(body: impl AsRef<[u8]>) -> Result<JsonSummary, JsonFault> {
    judge_within(JsonLimits::default(), body.as_ref())
}

#[track_caller]
pub(crate) fn refused<B: AsRef<[u8]>>(fault: fn(u64) -> JsonFault, cases: &[(B, u64)]) {
    for (body, offset) in cases {
        let body = body.as_ref();
        assert_eq!(judge(body), Err(fault(*offset)), "{}", body.escape_ascii());
    }
}

#[track_caller]
pub(crate) fn accepted<B: AsRef<[u8]>>(cases: &[B]) {
    for body in cases {
        let body = body.as_ref();
        assert_eq!(judge(body).err(), None, "{}", body.escape_ascii());
    }
}

/// A variant of `JsonFault`, to be given its offset.
macro_rules! fault {
    ($variant:ident) => {
        |offset| JsonFault::$variant { offset }
    };
}

pub(crate) use fault;
