//! A contract under arbitrary bytes.

use buckler_schema::{Contract, Instance, Limits, Names, Reading, Types};

/// Every way in which a document can be read.
const READINGS: [Reading; 4] = [
    Reading::LITERAL,
    Reading::OF_THE_APP,
    Reading { types: Types::Lax, names: Names::Closed },
    Reading { types: Types::Strict, names: Names::Closed },
];

/// Compiles `data` as a document, asks whatever comes of it for a path that is as strange, and judges the document by
/// its own schemas.
///
/// # Panics
///
/// When compiling, finding or judging fails, when a document is refused without a reason, or when a refused value has
/// no violation.
pub fn contract(data: &[u8]) {
    for reading in READINGS {
        match Contract::compile(data, reading, &Limits::default()) {
            Ok(contract) => {
                let path = String::from_utf8_lossy(data.get(..data.len().min(256)).unwrap_or_default());
                let _found = contract.find(&path);
                let _found = contract.find("/");
                judge(&contract, data);
            }
            Err(refused) => assert!(!refused.to_string().is_empty(), "refused without a reason"),
        }
    }
}

fn judge(contract: &Contract, data: &[u8]) {
    let Ok(value) = serde_json::from_slice::<serde_json::Value>(data) else { return };
    let operations = contract.routes.iter().flat_map(|route| &route.operations);
    let media = operations.filter_map(|operation| operation.body.as_ref()).flat_map(|body| &body.media);
    for schema in media.filter_map(|media| media.schema).take(4) {
        let is_valid = contract.is_valid(schema, &Instance::from(&value));
        let found = contract.violations(schema, &Instance::from(&value), 5);
        assert_eq!(is_valid, found.is_empty(), "a verdict without its violations");
    }
}
