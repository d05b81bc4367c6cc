//! Monitor equals enforce: what one refuses, the other writes down, and nothing else.

use crate::case::{Ending, Verdict};
use crate::host::Observed;

/// What is wrong between the two runs of one case, in words; empty if nothing is.
pub fn compare(enforced: &Observed, monitored: &Observed) -> Vec<String> {
    let (enforced, told) = (&enforced.told.verdict, &monitored.told.verdict);
    let mut found = Vec::new();
    if matches!(told.ending, Ending::Refused(_) | Ending::Preflight) {
        found.push(format!("monitoring must not answer in the app's place: {:?}", told.ending));
    }
    if !monitored.received.iter().any(|received| received.ended) {
        found.push("monitoring must let the request through to the app".to_owned());
    }
    found.extend(findings(enforced, told));
    found
}

/// The first findings of the monitoring run are those of the enforcing one, and then what it refused.
fn findings(enforced: &Verdict, told: &Verdict) -> Option<String> {
    let mut wanted = enforced.monitored.clone();
    let equal = if let Ending::Refused(named) = &enforced.ending {
        wanted.push(named.clone());
        // What the stages behind it would have said, enforcing never asked.
        told.monitored.starts_with(&wanted)
    } else {
        told.monitored == wanted
    };
    (!equal).then(|| format!("enforcing finds {wanted:?}, monitoring {:?}", told.monitored))
}
