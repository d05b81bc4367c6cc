//! Every case under `mode = "enforce"` and again under `mode = "monitor"`, compared: what enforcing refuses,
//! monitoring writes down and lets pass (R64).

mod common;

use buckler_testkit::case::{Case, Ending, Host};
use buckler_testkit::monitor;
use common::{cases, complain, report, run};

/// Cases that monitoring cannot let pass, by host and heading, with the reason.
const NOT_FOR_THE_APP: &[(Host, &str, &str)] = &[
    (Host::Gateway, "A tunnel", "the target names another server, and the gateway has none to offer"),
    (Host::Gateway, "A length that no machine has", "its body is never sent, so it cannot arrive"),
    (Host::Gateway, "More than the default", "its body is never sent, so it cannot arrive"),
];

fn excepted(host: Host, case: &Case) -> bool {
    // Bytes that are no request are refused by the parser: there is nothing that could be passed on.
    if matches!(case.verdict.of(host).ending, Ending::Early(_)) {
        return true;
    }
    NOT_FOR_THE_APP.iter().any(|(only, heading, _)| *only == host && case.name.starts_with(heading))
}

async fn compare(host: Host) {
    let cases = cases(host);
    let mut complaints = Vec::new();
    for case in cases.iter().filter(|case| !excepted(host, case)) {
        let runs = (run(host, case, None).await, run(host, case, Some("monitor")).await);
        let found = match runs {
            (Ok(enforced), Ok(monitored)) => monitor::compare(&enforced, &monitored),
            (Err(message), _) => vec![format!("enforcing: {message}")],
            (_, Err(message)) => vec![format!("monitoring: {message}")],
        };
        complaints.extend(complain(case, &found));
    }
    report(cases.len(), &complaints);
}

#[tokio::test]
async fn monitor_equals_enforce_in_the_tower() {
    compare(Host::Tower).await;
}

#[tokio::test]
async fn monitor_equals_enforce_in_the_gateway() {
    compare(Host::Gateway).await;
}

#[tokio::test]
async fn monitor_equals_enforce_in_the_middleware() {
    compare(Host::Asgi).await;
}

#[test]
fn every_exception_is_a_case() {
    for (host, heading, reason) in NOT_FOR_THE_APP {
        assert!(cases(*host).iter().any(|case| case.name.starts_with(heading)), "{heading}");
        assert!(!reason.is_empty(), "{heading}");
    }
}
