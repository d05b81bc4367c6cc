//! What the runners share.
#![allow(dead_code, reason = "each runner uses a part")]
#![expect(clippy::panic, reason = "helpers of tests may fail a test")]

use buckler_testkit::case::{Case, Host, folder, load};
use buckler_testkit::host::{Observed, through_asgi, through_gateway, through_tower};

/// All cases that run through a host; `CASE=text` leaves those whose name or place holds the text.
pub(crate) fn cases(host: Host) -> Vec<Case> {
    let wanted = std::env::var("CASE").unwrap_or_default();
    let mut cases = load(&folder()).unwrap_or_else(|mistake| panic!("{mistake}"));
    cases.retain(|case| case.runs_in(host) && (case.name.contains(&wanted) || case.place.contains(&wanted)));
    assert!(!cases.is_empty(), "no case is left");
    cases
}

pub(crate) async fn run(host: Host, case: &Case, mode: Option<&str>) -> Result<Observed, String> {
    match host {
        Host::Tower => through_tower(case, mode).await,
        Host::Gateway => through_gateway(case, mode).await,
        Host::Asgi => through_asgi(case, mode),
    }
}

/// Fails with everything that was found.
pub(crate) fn report(total: usize, complaints: &[String]) {
    assert!(complaints.is_empty(), "{} of {total} cases fail:\n\n{}\n", complaints.len(), complaints.join("\n\n"));
}

pub(crate) fn complain(case: &Case, found: &[String]) -> Option<String> {
    (!found.is_empty()).then(|| format!("cases/{} {}\n  {}", case.place, case.name, found.join("\n  ")))
}
