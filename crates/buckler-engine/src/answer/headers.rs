//! Security header fields on every answer: the app's, and our own refusals (R04).
//!
//! 1. What the policy removes goes first (`Server`, `X-Powered-By`).
//! 2. Each managed field is added unless the app set it; with `force` ours replaces the app's.
//! 3. The content security policy follows what is answered: data, a page, or the docs in development.
//! 4. HSTS only where the client came over HTTPS: a plain answer may not speak for it (RFC 6797 §7.2).

use buckler_http::connection::Scheme;
use buckler_http::media::MediaType;
use buckler_http::target::decoded;
use buckler_policy::settings::{Headers, Mode};
use http::{HeaderName, HeaderValue, header};
use smallvec::SmallVec;

use super::weaker::is_weaker;
use super::{AnswerFields, FieldList};
use crate::check::cors::{CorsRules, Sharing};
use crate::facts::{Credentials, Facts};
use crate::record::Note;

/// Carries the name of the exchange.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

// Each in one place, so that hosts know them again; see [`crate::Engine::lasting_fields`].
pub(crate) static NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
static VARY_ORIGIN: HeaderValue = HeaderValue::from_static("Origin");
static CREDENTIALS: HeaderValue = HeaderValue::from_static("true");

/// Fields of the app that `[cors]` replaces.
pub(crate) const CORS_FIELDS: &[HeaderName] = &[
    header::ACCESS_CONTROL_ALLOW_ORIGIN,
    header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
    header::ACCESS_CONTROL_ALLOW_METHODS,
    header::ACCESS_CONTROL_ALLOW_HEADERS,
    header::ACCESS_CONTROL_EXPOSE_HEADERS,
    header::ACCESS_CONTROL_MAX_AGE,
];

#[derive(Debug, Clone)]
struct Managed {
    name: HeaderName,
    value: HeaderValue,
    precedence: Precedence,
    when: When,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Precedence {
    App,
    Policy,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum When {
    Always,
    Secure,
}

/// The compiled `[headers]`.
#[derive(Debug, Clone)]
pub(crate) struct HeaderRules {
    mode: Mode,
    fixed: Vec<Managed>,
    csp_name: HeaderName,
    csp_precedence: Precedence,
    csp_data: Option<HeaderValue>,
    csp_html: Option<HeaderValue>,
    csp_docs: Option<HeaderValue>,
    docs_paths: Vec<String>,
    no_store_authenticated: bool,
    no_store_paths: Vec<String>,
    remove: Vec<HeaderName>,
}

/// Edits of one answer.
#[derive(Debug, Default)]
pub(crate) struct Edits {
    pub(crate) remove: Vec<HeaderName>,
    pub(crate) add: FieldList,
    pub(crate) notes: SmallVec<[Note; 2]>,
}

impl HeaderRules {
    pub(crate) fn compile(headers: &Headers) -> Self {
        let value = |text: &Option<String>| text.as_deref().and_then(|t| HeaderValue::from_str(t).ok());
        let precedence = |name: &HeaderName| {
            if headers.force.iter().any(|f| f == name.as_str()) { Precedence::Policy } else { Precedence::App }
        };
        let fixed = [
            (header::STRICT_TRANSPORT_SECURITY, &headers.hsts, When::Secure),
            (header::X_CONTENT_TYPE_OPTIONS, &headers.content_type_options, When::Always),
            (header::X_FRAME_OPTIONS, &headers.frame_options, When::Always),
            (header::REFERRER_POLICY, &headers.referrer_policy, When::Always),
            (HeaderName::from_static("permissions-policy"), &headers.permissions_policy, When::Always),
            (HeaderName::from_static("cross-origin-opener-policy"), &headers.opener_policy, When::Always),
            (HeaderName::from_static("cross-origin-resource-policy"), &headers.resource_policy, When::Always),
            (header::X_XSS_PROTECTION, &headers.xss_protection, When::Always),
        ]
        .into_iter()
        .filter_map(|(name, text, when)| {
            let precedence = precedence(&name);
            Some(Managed { value: value(text)?, name, precedence, when })
        })
        .collect();
        let csp = &headers.content_security_policy;
        let csp_name =
            if csp.report_only { header::CONTENT_SECURITY_POLICY_REPORT_ONLY } else { header::CONTENT_SECURITY_POLICY };
        Self {
            mode: headers.mode,
            fixed,
            csp_precedence: precedence(&csp_name),
            csp_name,
            csp_data: value(&csp.data),
            csp_html: value(&csp.html),
            csp_docs: value(&csp.docs),
            docs_paths: csp.docs_paths.clone(),
            no_store_authenticated: headers.no_store_authenticated,
            no_store_paths: headers.no_store_paths.clone(),
            remove: headers.remove.iter().filter_map(|n| HeaderName::from_bytes(n.as_bytes()).ok()).collect(),
        }
    }

    /// See [`crate::Engine::lasting_fields`].
    pub(crate) fn lasting(&self) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
        let csp = [&self.csp_data, &self.csp_html, &self.csp_docs].into_iter().flatten();
        let csp = csp.map(|value| (self.csp_name.clone(), value.clone()));
        let fixed = self.fixed.iter().map(|managed| (managed.name.clone(), managed.value.clone()));
        fixed.chain(csp).chain([(header::CACHE_CONTROL, NO_STORE.clone())])
    }

    /// Edits of an answer whose fields are these, and whose body will be of `media`.
    pub(crate) fn edit(
        &self,
        facts: &Facts,
        cors: Option<&CorsRules>,
        fields: &impl AnswerFields,
        media: Option<&MediaType<'_>>,
    ) -> Edits {
        let mut edits = Edits { add: Vec::with_capacity(self.fixed.len() + 8), ..Edits::default() };
        // An app that names its own requests is overruled: answer and log have one name.
        if fields.first(&REQUEST_ID).is_some() {
            edits.remove.push(REQUEST_ID);
        }
        edits.add.push((REQUEST_ID, facts.request_id.header_value()));
        share(&mut edits, facts, cors, fields);
        edits.add.extend(facts.limits.fields_beside(fields));
        if self.mode == Mode::Monitor {
            return edits;
        }
        for name in &self.remove {
            if fields.first(name).is_some() {
                edits.remove.push(name.clone());
            }
        }
        for managed in &self.fixed {
            if managed.when == When::Always || facts.scheme == Scheme::Https {
                edits.set(fields, &managed.name, &managed.value, managed.precedence);
            }
        }
        if let Some(policy) = self.content_security_policy(facts, media) {
            edits.set(fields, &self.csp_name, policy, self.csp_precedence);
        }
        if self.is_private(facts) {
            edits.set(fields, &header::CACHE_CONTROL, &NO_STORE, Precedence::App);
        }
        edits
    }

    fn content_security_policy(&self, facts: &Facts, media: Option<&MediaType<'_>>) -> Option<&HeaderValue> {
        if !media.is_some_and(MediaType::is_html) {
            return self.csp_data.as_ref();
        }
        let path = facts.target.path();
        let is_docs = self.docs_paths.iter().any(|docs| docs.as_bytes() == path);
        self.csp_docs.as_ref().filter(|_| is_docs).or(self.csp_html.as_ref())
    }

    fn is_private(&self, facts: &Facts) -> bool {
        (self.no_store_authenticated && facts.credentials == Credentials::Present)
            || self.no_store_paths.iter().any(|prefix| begins_with(facts.target.path(), prefix.as_bytes()))
    }
}

/// Whether a path begins so, as it stands or as the app's router decodes it: else `/%61ccount` would be stored by
/// whoever stands in front.
fn begins_with(path: &[u8], prefix: &[u8]) -> bool {
    let mut read = decoded(path);
    path.starts_with(prefix) || prefix.iter().all(|&byte| read.next() == Some(byte))
}

impl Edits {
    fn set(&mut self, fields: &impl AnswerFields, name: &HeaderName, value: &HeaderValue, precedence: Precedence) {
        if let Some(own) = fields.first(name) {
            if precedence == Precedence::App {
                if let Some(known) = WATCHED.iter().find(|w| **w == name.as_str())
                    && is_weaker(known, own)
                {
                    self.notes.push(Note::WeakerHeader(known));
                }
                return;
            }
            self.remove.push(name.clone());
        }
        self.add.push((name.clone(), value.clone()));
    }
}

/// Fields whose own value of the app is looked at.
const WATCHED: &[&str] = &[
    "strict-transport-security",
    "x-content-type-options",
    "x-frame-options",
    "referrer-policy",
    "cross-origin-opener-policy",
    "cross-origin-resource-policy",
    "x-xss-protection",
    "content-security-policy",
];

/// What [`share`] adds, whatever the policy.
pub(crate) fn shared() -> FieldList {
    vec![(header::VARY, VARY_ORIGIN.clone()), (header::ACCESS_CONTROL_ALLOW_CREDENTIALS, CREDENTIALS.clone())]
}

fn share(edits: &mut Edits, facts: &Facts, cors: Option<&CorsRules>, fields: &impl AnswerFields) {
    let Some(cors) = cors else { return };
    let allow_origin = match &facts.sharing {
        Sharing::AppsOwn => return,
        Sharing::Unshared => None,
        Sharing::Shared(value) => Some(value),
    };
    edits.remove.extend(CORS_FIELDS.iter().filter(|name| fields.first(name).is_some()).cloned());
    let varies = fields.first(&header::VARY).is_some_and(|vary| {
        vary.split(|&b| b == b',')
            .map(buckler_http::token::trim_ows)
            .any(|m| m == b"*" || m.eq_ignore_ascii_case(b"origin"))
    });
    if !varies {
        edits.add.push((header::VARY, VARY_ORIGIN.clone()));
    }
    let Some(allow_origin) = allow_origin else { return };
    edits.add.push((header::ACCESS_CONTROL_ALLOW_ORIGIN, allow_origin.clone()));
    if cors.credentials {
        edits.add.push((header::ACCESS_CONTROL_ALLOW_CREDENTIALS, CREDENTIALS.clone()));
    }
    if let Some(expose) = &cors.expose {
        edits.add.push((header::ACCESS_CONTROL_EXPOSE_HEADERS, expose.clone()));
    }
}
