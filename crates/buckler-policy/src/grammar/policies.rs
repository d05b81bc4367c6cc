//! Values of security header fields.
//!
//! Browsers ignore what they do not understand, without a word: a misspelt directive is a control that is silently
//! off. So the values are read here as browsers read them, and what a browser would ignore is a mistake.

use super::field::value;
use super::written::Complaint;
use crate::suggest::nearest;

/// Directives of a Content Security Policy (CSP Level 3 §6 and the specifications that add to it).
const CSP_DIRECTIVES: [&str; 26] = [
    "base-uri",
    "child-src",
    "connect-src",
    "default-src",
    "fenced-frame-src",
    "font-src",
    "form-action",
    "frame-ancestors",
    "frame-src",
    "img-src",
    "manifest-src",
    "media-src",
    "object-src",
    "report-to",
    "report-uri",
    "require-trusted-types-for",
    "sandbox",
    "script-src",
    "script-src-attr",
    "script-src-elem",
    "style-src",
    "style-src-attr",
    "style-src-elem",
    "trusted-types",
    "upgrade-insecure-requests",
    "worker-src",
];

/// Words that mean something only within quotes (CSP Level 3 §2.3.1); without them they are names of hosts.
const CSP_KEYWORDS: [&str; 10] = [
    "none",
    "self",
    "unsafe-inline",
    "unsafe-eval",
    "unsafe-hashes",
    "strict-dynamic",
    "report-sample",
    "wasm-unsafe-eval",
    "inline-speculation-rules",
    "allow-duplicates",
];

/// Policies of `Referrer-Policy` (Referrer Policy §3).
const REFERRER_POLICIES: [&str; 8] = [
    "no-referrer",
    "no-referrer-when-downgrade",
    "same-origin",
    "origin",
    "strict-origin",
    "origin-when-cross-origin",
    "strict-origin-when-cross-origin",
    "unsafe-url",
];

/// `Content-Security-Policy`
pub(crate) fn csp(text: &str) -> Result<Option<String>, Complaint> {
    let mut seen: Vec<String> = Vec::new();
    for part in text.split(';').map(str::trim).filter(|part| !part.is_empty()) {
        let mut words = part.split_ascii_whitespace();
        let name = words.next().unwrap_or_default().to_ascii_lowercase();
        if !CSP_DIRECTIVES.contains(&name.as_str()) {
            let complaint = Complaint::new(format!("browsers ignore the unknown directive `{}`", name.escape_debug()));
            return Err(match nearest(&name, CSP_DIRECTIVES) {
                Some(near) => complaint.help(format!("did you mean `{near}`?")),
                None => complaint,
            });
        }
        let source_list =
            name.ends_with("-src") || matches!(name.as_str(), "base-uri" | "form-action" | "frame-ancestors");
        for word in words.filter(|_| source_list) {
            if CSP_KEYWORDS.contains(&word) {
                return Err(Complaint::new(format!("without quotes `{word}` is the name of a host"))
                    .help(format!("write '{word}' with single quotes")));
            }
        }
        if seen.contains(&name) {
            return Err(Complaint::new(format!("browsers ignore the second `{name}`")));
        }
        seen.push(name);
    }
    value(text)
}

/// `Strict-Transport-Security` (RFC 6797 §6.1)
pub(crate) fn strict_transport(text: &str) -> Result<Option<String>, Complaint> {
    let Some(field) = value(text)? else { return Ok(None) };
    let mut ages = 0;
    for part in field.split(';').map(str::trim).filter(|part| !part.is_empty()) {
        let (name, argument) = part.split_once('=').map_or((part, None), |(n, v)| (n.trim(), Some(v.trim())));
        match (name.to_ascii_lowercase().as_str(), argument) {
            ("max-age", Some(seconds)) if is_number(seconds.trim_matches('"')) => ages += 1,
            ("max-age", _) => {
                return Err(Complaint::new("`max-age` needs a number of seconds").help("write \"max-age=63072000\""));
            }
            ("includesubdomains" | "preload", None) => {}
            _ => {
                let known = ["max-age", "includeSubDomains", "preload"];
                let complaint = Complaint::new("browsers ignore the unknown directive");
                return Err(match nearest(name, known) {
                    Some(near) => complaint.help(format!("did you mean `{near}`?")),
                    None => complaint.help("known are max-age, includeSubDomains and preload"),
                });
            }
        }
    }
    if ages == 1 {
        Ok(Some(field))
    } else {
        Err(Complaint::new("browsers ignore the field unless `max-age` is there once")
            .help("write \"max-age=63072000; includeSubDomains\""))
    }
}

/// `Referrer-Policy`
pub(crate) fn referrer(text: &str) -> Result<Option<String>, Complaint> {
    let Some(field) = value(text)? else { return Ok(None) };
    for word in field.split(',').map(str::trim) {
        if !REFERRER_POLICIES.contains(&word) {
            let complaint = Complaint::new("browsers ignore the unknown policy");
            return Err(match nearest(word, REFERRER_POLICIES) {
                Some(near) => complaint.help(format!("did you mean \"{near}\"?")),
                None => complaint.help(format!("known are {}", REFERRER_POLICIES.join(", "))),
            });
        }
    }
    Ok(Some(field))
}

/// `Permissions-Policy`: a dictionary (RFC 9651 §3.2), not the blank-separated form of the older `Feature-Policy`.
pub(crate) fn permissions(text: &str) -> Result<Option<String>, Complaint> {
    let Some(field) = value(text)? else { return Ok(None) };
    for member in field.split(',').map(str::trim) {
        let well_formed = member.split_once('=').is_some_and(|(name, list)| {
            let list = list.split(';').next().unwrap_or_default().trim();
            let is_list = list.starts_with('(') && list.find(')') == Some(list.len() - 1);
            let is_name =
                !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
            is_name && (is_list || list == "*" || list == "self" || list.starts_with('"'))
        });
        if !well_formed {
            return Err(Complaint::new("browsers ignore the whole field when one member is malformed")
                .help("write \"camera=(), geolocation=(self)\""));
        }
    }
    Ok(Some(field))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaint<T>(result: Result<T, Complaint>) -> Option<String> {
        result.err().map(|c| format!("{} | {}", c.reason, c.help.unwrap_or_default()))
    }

    // R04
    #[test]
    fn what_browsers_would_ignore_is_refused() {
        for text in [
            "default-src self",
            "defualt-src 'self'",
            "img-src 'self'; img-src *",
            "default-src 'self'\r\nX-Evil: 1",
            "default-src 'self'\u{e9}",
            " default-src 'self'",
        ] {
            assert!(complaint(csp(text)).is_some(), "{text}");
        }
        for text in ["includeSubDomains", "max-age", "max-age=x", "max-age=1; max-age=2", "max-age=1; subdomains"] {
            assert!(complaint(strict_transport(text)).is_some(), "{text}");
        }
        for text in ["camera 'none'", "camera=()geolocation=()", "camera=(),", "camera=none"] {
            assert!(complaint(permissions(text)).is_some(), "{text}");
        }
        assert!(complaint(referrer("no-referer")).is_some_and(|c| c.contains("\"no-referrer\"")));
    }

    // R04
    #[test]
    fn what_browsers_understand_is_taken_as_it_is() {
        for text in ["default-src 'none'; frame-ancestors 'none'", "script-src 'self' 'nonce-abc' https://cdn.example"]
        {
            assert_eq!(csp(text).ok().flatten().as_deref(), Some(text));
        }
        for text in ["max-age=0", "max-age=31536000; includeSubDomains; preload", "MAX-AGE=\"1\";"] {
            assert_eq!(strict_transport(text).ok().flatten().as_deref(), Some(text));
        }
        assert_eq!(csp("").ok(), Some(None));
        assert!(permissions("camera=(), geolocation=(self \"https://a.example\"), fullscreen=*").is_ok());
        assert!(referrer("no-referrer, strict-origin-when-cross-origin").is_ok());
    }
}
