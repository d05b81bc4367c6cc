//! All literate cases in memory, through the layer.

mod common;

use buckler_testkit::case::Host;
use buckler_testkit::judge;
use common::{cases, complain, report, run};

#[tokio::test]
async fn every_case_through_the_tower() {
    let cases = cases(Host::Tower);
    let mut complaints = Vec::new();
    for case in &cases {
        let found = match run(Host::Tower, case, None).await {
            Ok(observed) => judge::compare(case, Host::Tower, &observed),
            Err(message) => vec![message],
        };
        complaints.extend(complain(case, &found));
    }
    report(cases.len(), &complaints);
}
