//! R04 for whatever an app may set: its lines come out as they are, ours exactly once, on every status.
#![expect(clippy::expect_used, reason = "helpers of tests may fail a test")]

mod common;

use std::sync::LazyLock;

use buckler_testkit::case::{AppScript, Case, Host};
use buckler_testkit::host::through_tower;
use buckler_testkit::message::{Line, values};
use common::cases;
use proptest::prelude::*;

/// Fields that the policy sets unless the app does.
const OURS: &[&str] = &[
    "content-security-policy",
    "strict-transport-security",
    "x-content-type-options",
    "x-frame-options",
    "referrer-policy",
    "permissions-policy",
    "cross-origin-opener-policy",
    "cross-origin-resource-policy",
    "x-xss-protection",
];

/// Fields that the default policy removes.
const REMOVED: &[&str] = &["server", "x-powered-by"];

/// Fields that describe a body, and go with it.
const OF_A_BODY: &[&str] = &["content-type", "content-language", "etag", "last-modified", "content-disposition"];

const OTHERS: &[&str] =
    &["set-cookie", "link", "x-custom", "vary", "www-authenticate", "x-request-id", "cache-control"];

/// A case over HTTPS under the defaults.
static CASE: LazyLock<Case> = LazyLock::new(|| {
    let name = "Fields of the app pass, each line as it is";
    cases(Host::Tower).into_iter().find(|case| case.name == name).expect("the case")
});

fn lines() -> impl Strategy<Value = Vec<Line>> {
    let names: Vec<&str> = [OURS, REMOVED, OF_A_BODY, OTHERS].concat();
    let value = prop_oneof!["[ -~]{0,20}", Just(String::new())].prop_map(|text| text.trim().as_bytes().to_vec());
    prop::collection::vec((prop::sample::select(names).prop_map(str::to_owned), value), 0..20)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_line_of_the_app_comes_out_and_ours_once(
        set in lines(),
        status in prop::sample::select(vec![200_u16, 201, 302, 400, 404, 500, 503]),
    ) {
        let mut case = CASE.clone();
        case.app = AppScript::Answers { status, lines: set.clone(), body: b"body".to_vec(), chunked: false };
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let observed = runtime.block_on(through_tower(&case, None)).expect("it runs");
        let answer = observed.answer;
        prop_assert_eq!(answer.status, status);
        for name in OURS {
            let (theirs, seen) = (values(&set, name), answer.values(name));
            if theirs.is_empty() {
                prop_assert_eq!(seen.len(), 1, "{} is ours, once", name);
            } else {
                prop_assert_eq!(seen, theirs, "{} is the app's", name);
            }
        }
        for name in REMOVED {
            prop_assert!(answer.values(name).is_empty(), "{} is removed", name);
        }
        let masked = status >= 500;
        for name in OF_A_BODY.iter().filter(|name| !masked || **name != "content-type") {
            let wanted = if masked { Vec::new() } else { values(&set, name) };
            prop_assert_eq!(answer.values(name), wanted, "{}", name);
        }
        for name in OTHERS.iter().filter(|name| **name != "x-request-id") {
            prop_assert_eq!(answer.values(name), values(&set, name), "{}", name);
        }
        prop_assert_eq!(answer.values("x-request-id"), vec![observed.told.request_id.as_bytes()]);
    }
}
