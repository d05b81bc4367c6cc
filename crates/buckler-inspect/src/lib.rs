//! Incremental inspectors for request bodies: bytes in, verdicts out, no buffering.
