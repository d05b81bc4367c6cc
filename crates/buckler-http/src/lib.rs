//! The vocabulary of HTTP that the engine judges: heads, authorities, targets, forwarding fields, media types.
