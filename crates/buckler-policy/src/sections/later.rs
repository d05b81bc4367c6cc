//! What the policy's design names and this release does not enforce.
//!
//! Accepting such a key would be a control that is silently off, so each is refused by name.

/// Sections and keys by path, with what they are for.
pub(crate) const LATER: [(&str, &str); 16] = [
    ("bans", "temporary bans"),
    ("csrf", "protection of cookies against cross-site requests"),
    ("headers.cookies", "hardening of the app's cookies"),
    ("identity", "accounts, tokens and access rules"),
    ("limits.login", "limits of signing in"),
    ("log.audit", "the audit log"),
    ("log.redact", "masking of further names"),
    ("log.retention", "deletion of old logs"),
    ("log.sinks", "further destinations of the log"),
    ("secrets", "secret stores"),
    ("server.acme", "certificates by ACME"),
    ("server.admin", "the operator's listener"),
    ("server.tls.acme", "certificates by ACME"),
    ("store.identity", "a store of accounts"),
    ("uploads", "inspection of uploads"),
    ("websocket", "rules for WebSocket messages"),
];

/// What the path is for, if it is one of a later release or lies below one.
pub(crate) fn purpose(path: &str) -> Option<(&'static str, &'static str)> {
    LATER
        .iter()
        .find(|(later, _)| path.strip_prefix(later).is_some_and(|rest| rest.is_empty() || rest.starts_with('.')))
        .copied()
}
