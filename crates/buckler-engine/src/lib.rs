//! The judgement: bytes and facts in, verdicts, edits and records out. No I/O of its own.
