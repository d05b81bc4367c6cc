//! All literate cases inside a process of Python, through the middleware (R81).

mod common;

use buckler_testkit::case::Host;
use buckler_testkit::judge;
use common::{cases, complain, report, run};

#[tokio::test]
async fn every_case_through_the_middleware() {
    let cases = cases(Host::Asgi);
    let mut complaints = Vec::new();
    for case in &cases {
        let found = match run(Host::Asgi, case, None).await {
            Ok(observed) => judge::compare(case, Host::Asgi, &observed),
            Err(message) => vec![message],
        };
        complaints.extend(complain(case, &found));
    }
    report(cases.len(), &complaints);
}
