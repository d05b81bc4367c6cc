//! Every reason to refuse, in one table. Status, public text and severity are read from here by the answer,
//! the log, the metrics and the documentation, so they cannot drift apart.

use http::StatusCode;

/// How much an operator should care about one occurrence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Part of the day: a typing error, a client that gave up.
    Info,
    /// Somebody tries something, or is configured wrongly.
    Warning,
    /// The service fails its users.
    Error,
}

macro_rules! reasons {
    ($($(#[doc = $doc:literal])+ $variant:ident = $code:literal, $status:ident, $title:literal, $severity:ident;)*) => {
        /// Why an exchange ended in an answer that the app did not give.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Reason { $($(#[doc = $doc])+ $variant,)* }

        impl Reason {
            /// All reasons, in the order of their status.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The stable `code` of the answer.
            pub const fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)* }
            }

            /// The status of the answer.
            pub const fn status(self) -> StatusCode {
                match self { $(Self::$variant => StatusCode::$status,)* }
            }

            /// The `title` of the answer; the same for every occurrence (RFC 9457 §3.1.4).
            pub const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)* }
            }

            /// How much an operator should care.
            pub const fn severity(self) -> Severity {
                match self { $(Self::$variant => Severity::$severity,)* }
            }

            /// What it means, for the reference.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => concat!($($doc),+),)* }
            }
        }
    };
}

reasons! {
    /// The request came over plain HTTP; the answer is a redirect and no problem document.
    HttpsRequired = "https_required", PERMANENT_REDIRECT, "HTTPS required", Info;
    /// The request names a host that the service does not answer to, or none.
    HostNotAllowed = "host_not_allowed", BAD_REQUEST, "Host not allowed", Warning;
    /// The request can be read in two ways, or in none.
    MalformedRequest = "malformed_request", BAD_REQUEST, "Malformed request", Warning;
    /// A browser asks on behalf of a page whose origin may not.
    OriginNotAllowed = "origin_not_allowed", FORBIDDEN, "Origin not allowed", Warning;
    /// There is nothing for clients at this path, or nothing that they may know of.
    NotFound = "not_found", NOT_FOUND, "Not found", Info;
    /// The method is one that no service here answers.
    MethodNotAllowed = "method_not_allowed", METHOD_NOT_ALLOWED, "Method not allowed", Info;
    /// The client sends slower than the policy allows.
    Timeout = "timeout", REQUEST_TIMEOUT, "Request timeout", Info;
    /// The body is larger than the policy allows.
    BodyTooLarge = "body_too_large", PAYLOAD_TOO_LARGE, "Body too large", Warning;
    /// The request target is longer than the policy allows.
    UriTooLong = "uri_too_long", URI_TOO_LONG, "URI too long", Warning;
    /// The body has a media type, a charset or a coding that is not taken here, or none.
    UnsupportedMediaType = "unsupported_media_type", UNSUPPORTED_MEDIA_TYPE, "Unsupported media type", Info;
    /// The request was meant for another host, or came over a connection that is not for it.
    Misdirected = "misdirected", MISDIRECTED_REQUEST, "Misdirected request", Warning;
    /// The body is not what it must be.
    ContractViolation = "contract_violation", UNPROCESSABLE_ENTITY, "Contract violation", Info;
    /// The client asks more often than the policy allows.
    RateLimited = "rate_limited", TOO_MANY_REQUESTS, "Rate limited", Info;
    /// The client has used up what it has for this day or month.
    QuotaExhausted = "quota_exhausted", TOO_MANY_REQUESTS, "Quota exhausted", Info;
    /// The header fields are more, or larger, than the policy allows.
    HeadersTooLarge = "headers_too_large", REQUEST_HEADER_FIELDS_TOO_LARGE, "Headers too large", Warning;
    /// The app, or the engine itself, failed; the details are in the log.
    InternalError = "internal_error", INTERNAL_SERVER_ERROR, "Internal error", Error;
    /// The app gave no answer, half of one, or one that is not HTTP.
    UpstreamFailed = "upstream_failed", BAD_GATEWAY, "Upstream failed", Error;
    /// Nobody is free to take the request.
    Overloaded = "overloaded", SERVICE_UNAVAILABLE, "Overloaded", Error;
    /// The app did not begin to answer in time.
    UpstreamTimeout = "upstream_timeout", GATEWAY_TIMEOUT, "Upstream timeout", Error;
}

impl Reason {
    /// The `type` of the answer: a name, not an address, so that it never breaks.
    pub fn type_uri(self) -> String {
        format!("{TYPE_URI}{}", self.code())
    }
}

/// What every `type` begins with.
pub(crate) const TYPE_URI: &str = "urn:buckler:problem:";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_stable_snake_case_and_each_stands_once() {
        let mut seen = std::collections::BTreeSet::new();
        for reason in Reason::ALL {
            assert!(reason.code().bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{reason:?}");
            assert!(seen.insert(reason.code()), "{reason:?} stands twice");
            let status = reason.status();
            assert!(status.is_client_error() || status.is_server_error() || *reason == Reason::HttpsRequired);
        }
    }

    #[test]
    fn the_table_is_sorted_by_status() {
        assert!(Reason::ALL.is_sorted_by_key(|r| r.status().as_u16()));
    }
}
