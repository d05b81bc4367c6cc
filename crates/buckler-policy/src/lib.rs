//! The policy file: text and environment in, a value that cannot be invalid out.
