//! What goes back to the client: the app's answer with our edits, or an answer of our own.

pub(crate) mod errors;
pub(crate) mod headers;
pub(crate) mod problem;
pub(crate) mod refusal;
pub(crate) mod weaker;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};

use crate::check::content;
use crate::check::cors::{CorsRules, Sharing};
use crate::engine::Engine;
use crate::facts::{Facts, Unread};
use crate::reason::Reason;
use crate::rules::Rules;
use crate::stage::Violation;

/// Header fields in the order in which they are sent.
pub type FieldList = Vec<(HeaderName, HeaderValue)>;

/// A whole answer of the engine's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// Its status.
    pub status: StatusCode,
    /// All its fields but the length.
    pub fields: FieldList,
    /// Its body; empty for `HEAD`.
    pub body: Bytes,
    /// Whether the connection can be used again.
    pub connection: AfterReply,
}

/// What becomes of the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterReply {
    /// It is used again.
    Keep,
    /// It is closed.
    Close,
}

/// The fields of an app's answer, as the host has them.
pub trait AnswerFields {
    /// The value of the first line of a field.
    fn first(&self, name: &HeaderName) -> Option<&[u8]>;
}

impl AnswerFields for HeaderMap {
    fn first(&self, name: &HeaderName) -> Option<&[u8]> {
        self.get(name).map(HeaderValue::as_bytes)
    }
}

/// What to do to the app's answer: first take away, then add.
#[derive(Debug)]
pub struct AnswerPlan {
    /// Every line of these goes.
    pub remove: Vec<HeaderName>,
    /// These are added, once each.
    pub add: FieldList,
    /// The status to send.
    pub status: StatusCode,
    /// What becomes of the body.
    pub body: AnswerBody,
}

/// What becomes of the body of an app's answer.
#[derive(Debug)]
pub enum AnswerBody {
    /// Passed on as it comes.
    Pass,
    /// Never read; this is sent instead.
    Replace(Bytes),
    /// Kept whole and handed to [`Rewrite::apply`], whose result is sent.
    Rewrite(Rewrite),
    /// Kept whole, up to so many bytes, before anything is sent, and handed to
    /// [`Answering::judge`](crate::Answering::judge).
    Hold(usize),
    /// Each piece is handed to [`Answering::filter`](crate::Answering::filter), and what that gives is sent.
    Filter,
}

/// What an answer that was held becomes, where it does not go as it came.
#[derive(Debug)]
pub struct Changed {
    /// The status to send.
    pub status: StatusCode,
    /// Every line of these goes.
    pub remove: Vec<HeaderName>,
    /// These are added, once each.
    pub add: FieldList,
    /// The body, whose length the host says.
    pub body: Bytes,
}

pub use errors::Rewrite;

/// What whoever finds nobody free is told (RFC 9110 §10.2.3), in seconds: a burst is over by then, and the least that
/// the field can say.
pub(crate) const RETRY_AFTER: u64 = 1;

impl Engine {
    /// The fields that many answers have in common. An answer that carries one carries this very value and no copy, so a
    /// host may make something of each once, and know it again by where its bytes lie.
    pub fn lasting_fields(&self) -> FieldList {
        // As they follow each other in answers, so that who looks for them finds them soon.
        let cors = self.rules.cors.iter().flat_map(CorsRules::lasting);
        let problem = (header::CONTENT_TYPE, problem::MEDIA_TYPE.clone());
        let limits = self.rules.rates.lasting();
        headers::shared()
            .into_iter()
            .chain(cors)
            .chain(limits)
            .chain(self.rules.headers.lasting())
            .chain([problem])
            .collect()
    }

    /// The answer to a violation: a problem document, or a redirect where the violation knows the way.
    pub(crate) fn render(&self, facts: &Facts, violation: &Violation) -> Reply {
        let status = violation.reason.status();
        let location = violation.location.as_deref().and_then(|l| HeaderValue::from_str(l).ok());
        if let Some(location) = location {
            let mut reply = empty(&self.rules, facts, status);
            reply.fields.push((header::LOCATION, location));
            return reply;
        }
        let body = problem::of_violation(violation, facts.request_id.as_str(), self.rules.audience);
        let cors = self.rules.cors.as_ref();
        // A problem document is data, as is what has no type.
        let mut fields = self.rules.headers.edit(facts, cors, &HeaderMap::new(), None).add;
        fields.push((header::CONTENT_TYPE, problem::MEDIA_TYPE.clone()));
        if !fields.iter().any(|(name, _)| *name == header::CACHE_CONTROL) {
            fields.push((header::CACHE_CONTROL, headers::NO_STORE.clone()));
        }
        if status == StatusCode::METHOD_NOT_ALLOWED {
            // RFC 9110 §15.5.6 wants the field; without a contract, what the app would take is not known here.
            let known = violation.allow.as_deref().and_then(|methods| HeaderValue::from_str(methods).ok());
            fields.push((header::ALLOW, known.unwrap_or(HeaderValue::from_static(""))));
        }
        let is_told = fields.iter().any(|(name, _)| *name == header::RETRY_AFTER);
        if violation.reason == Reason::Overloaded && !is_told {
            fields.push((header::RETRY_AFTER, HeaderValue::from(RETRY_AFTER)));
        }
        if violation.key == Some(content::ENCODINGS) && violation.reason == Reason::UnsupportedMediaType {
            fields.push((header::ACCEPT_ENCODING, self.rules.accept_encoding.clone()));
        }
        let body = if facts.method == Method::HEAD { Bytes::new() } else { body };
        Reply { status, fields, body, connection: after(facts, violation.reason) }
    }
}

/// A refused body is not read to its end, and behind a message that was not understood nobody knows where the
/// next one begins. Any other refusal costs the client no new handshake.
fn after(facts: &Facts, reason: Reason) -> AfterReply {
    match reason {
        Reason::MalformedRequest | Reason::HeadersTooLarge | Reason::UriTooLong | Reason::Timeout => AfterReply::Close,
        _ => after_body(facts),
    }
}

fn after_body(facts: &Facts) -> AfterReply {
    match facts.body {
        Unread::Body => AfterReply::Close,
        Unread::Nothing => AfterReply::Keep,
    }
}

/// 204 with what the policy shares (Fetch §3.2.3).
pub(crate) fn preflight(rules: &Rules, facts: &Facts) -> Reply {
    let mut reply = empty(rules, facts, StatusCode::NO_CONTENT);
    if let (Some(cors), Sharing::Shared(_)) = (&rules.cors, &facts.sharing) {
        reply.fields.push((header::ACCESS_CONTROL_ALLOW_METHODS, cors.methods.clone()));
        reply.fields.extend(cors.headers.clone().map(|value| (header::ACCESS_CONTROL_ALLOW_HEADERS, value)));
        reply.fields.push((header::ACCESS_CONTROL_MAX_AGE, cors.max_age.clone()));
    }
    reply
}

fn empty(rules: &Rules, facts: &Facts, status: StatusCode) -> Reply {
    let fields = rules.headers.edit(facts, rules.cors.as_ref(), &HeaderMap::new(), None).add;
    Reply { status, fields, body: Bytes::new(), connection: after_body(facts) }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use buckler_http::connection::Connection;
    use buckler_http::head::{Head, Version};
    use buckler_policy::{Host, Sources};

    use super::*;
    use crate::engine::Opening;
    use crate::facts::{Context, Timestamp};

    const POLICY: &str = r#"
        [server]
        hosts = ["a.example"]
        [server.tls]
        mode = "off"
        [cors]
        origins = ["https://b.example"]
        credentials = true
        headers = ["content-type"]
        [headers]
        no_store_paths = ["/private"]
    "#;

    #[test]
    fn what_answers_have_in_common_lies_where_the_policy_has_it() {
        let policy = Sources::new(Host::InProcess).file("buckler.toml", POLICY).load().unwrap().policy;
        let engine = Arc::new(Engine::new(&policy));
        let lasting = engine.lasting_fields();
        let context = Context { connection: Connection::LOCAL, now: Timestamp(0), nonce: [1; 16] };
        let open = |method: &str, target: &[u8], host: &[u8], origin: &[u8]| {
            let mut head = Head::new(method, target, Version::Http11);
            head.push(b"host", host);
            head.push(b"origin", origin);
            head.push(b"access-control-request-method", b"POST");
            engine
                .open(&head, &context)
                .settle(&head, context.now, |batch| buckler_limits::batch::unheard_of(batch, buckler_limits::Moment(0)))
        };
        let ours = b"https://b.example";
        let mut answers = Vec::new();
        for opening in [
            open("GET", b"/private", b"a.example", ours),
            open("GET", b"/", b"wrong.example", ours),
            open("OPTIONS", b"/", b"a.example", ours),
            open("OPTIONS", b"/", b"a.example", b"https://c.example"),
        ] {
            answers.push(match opening {
                Opening::Answer(ended) => ended.reply.fields,
                Opening::Consult(_) => panic!("settled"),
                Opening::Admit(admission) => admission.into_parts().1.answer(StatusCode::OK, &HeaderMap::new()).0.add,
            });
        }
        for (name, value) in answers.iter().flatten().filter(|(name, _)| *name != headers::REQUEST_ID) {
            let same = |(known, theirs): &&(HeaderName, HeaderValue)| {
                known == name && std::ptr::eq(theirs.as_bytes(), value.as_bytes())
            };
            assert!(lasting.iter().any(|field| same(&field)), "{name}: {value:?} is a copy");
        }
        assert!(answers.iter().all(|fields| fields.len() > 8));
    }
}
