//! All literate cases over sockets, through the gateway.

mod common;

use buckler_testkit::case::Host;
use buckler_testkit::judge;
use common::{cases, complain, report, run};

#[tokio::test]
async fn every_case_through_the_gateway() {
    let cases = cases(Host::Gateway);
    let mut complaints = Vec::new();
    for case in &cases {
        let found = match run(Host::Gateway, case, None).await {
            Ok(observed) => judge::compare(case, Host::Gateway, &observed),
            Err(message) => vec![message],
        };
        complaints.extend(complain(case, &found));
    }
    report(cases.len(), &complaints);
}
