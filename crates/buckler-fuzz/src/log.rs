//! What is written to a log.

use buckler_engine::redact;

/// A line that an app prints stays of bounded length, and shows no value of a telling name.
pub fn redact_text(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    for line in text.lines() {
        let shown = redact::text(line);
        assert!(shown.len() <= line.len() * 3 + 8);
        let secret = format!("{} password=CANARY", line.replace("CANARY", "x"));
        assert!(!redact::text(&secret).contains("CANARY"), "{secret}");
    }
}

/// A target is shown as printable ASCII on one line, and without the values of its query.
pub fn redact_target(data: &[u8]) {
    let shown = redact::Target::new(data).to_string();
    assert!(shown.chars().all(|c| c.is_ascii_graphic() || c == '…'), "{shown}");
    assert!(shown.len() <= redact::MAX_LOGGED_TARGET * 4 + 8);
    let query = [b"/a?token=CANARY&", data].concat();
    if !data.windows(6).any(|window| window == b"CANARY") {
        assert!(!redact::Target::new(&query).to_string().contains("CANARY"));
    }
}
