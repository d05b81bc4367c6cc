//! `OpenAPI` documents as commands read them: no more of them than can be compiled.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use buckler_schema::{Contract, Limits, Reading};

/// The longest document that can be compiled, in bytes.
pub(crate) fn most() -> usize {
    Limits::default().bytes
}

/// A document from a file. One that is too long comes cut, one byte longer than can be compiled.
pub(crate) fn of_file(file: &Path) -> io::Result<Vec<u8>> {
    of(File::open(file)?)
}

/// The same of anything else.
pub(crate) fn of(source: impl Read) -> io::Result<Vec<u8>> {
    let most = u64::try_from(most()).unwrap_or(u64::MAX).saturating_add(1);
    let mut bytes = Vec::new();
    source.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Why a document cannot be compiled, in one line.
pub(crate) fn fault(document: &[u8]) -> Option<String> {
    Contract::compile(document, Reading::OF_THE_APP, &Limits::default()).err().map(|refused| refused.to_string())
}
