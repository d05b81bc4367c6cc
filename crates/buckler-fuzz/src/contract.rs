//! A contract under arbitrary bytes.

use buckler_schema::{Contract, Limits};

/// Compiles `data` as a document, and asks whatever comes of it for a path that is as strange.
///
/// # Panics
///
/// When compiling or finding fails, or when a document is refused without a reason.
pub fn contract(data: &[u8]) {
    match Contract::compile(data, &Limits::default()) {
        Ok(contract) => {
            let path = String::from_utf8_lossy(data.get(..data.len().min(256)).unwrap_or_default());
            let _found = contract.find(&path);
            let _found = contract.find("/");
        }
        Err(refused) => assert!(!refused.to_string().is_empty(), "refused without a reason"),
    }
}
