//! Pages of other origins get what the policy shares (Fetch §3.2).
//!
//! - A preflight is answered here and never reaches the app: 204 for an origin of ours, 403 for any other.
//! - A simple request of a foreign page is answered without CORS fields: the browser then keeps the answer
//!   from the page, and a client that is no browser is not hindered.
//! - A WebSocket handshake of a foreign page is refused: the browser would not keep anything from it.
//! - `null` is foreign, always.

use buckler_http::authority::Authority;
use buckler_http::connection::Scheme;
use buckler_http::head::{Field, Head};
use buckler_http::origin::{Origin, OriginPattern};
use http::{HeaderName, HeaderValue, header};

use crate::reason::Reason;
use crate::stage::Violation;

/// The compiled `[cors]`.
#[derive(Debug, Clone)]
pub(crate) struct CorsRules {
    pub(crate) origins: Vec<KnownOrigin>,
    pub(crate) credentials: bool,
    pub(crate) methods: HeaderValue,
    pub(crate) headers: Option<HeaderValue>,
    pub(crate) expose: Option<HeaderValue>,
    pub(crate) max_age: HeaderValue,
}

/// An entry of the policy.
#[derive(Debug, Clone)]
pub(crate) struct KnownOrigin {
    pattern: OriginPattern,
    /// What an answer says to a page of it, where it stands for one origin; made once.
    value: Option<HeaderValue>,
}

impl CorsRules {
    /// See [`crate::Engine::lasting_fields`].
    pub(crate) fn lasting(&self) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
        let origins = self.origins.iter().filter_map(|known| known.value.as_ref());
        let origins = origins.map(|value| (header::ACCESS_CONTROL_ALLOW_ORIGIN, value));
        let others = [
            (header::ACCESS_CONTROL_EXPOSE_HEADERS, self.expose.as_ref()),
            (header::ACCESS_CONTROL_ALLOW_METHODS, Some(&self.methods)),
            (header::ACCESS_CONTROL_ALLOW_HEADERS, self.headers.as_ref()),
            (header::ACCESS_CONTROL_MAX_AGE, Some(&self.max_age)),
        ];
        let others = others.into_iter().filter_map(|(name, value)| Some((name, value?)));
        origins.chain(others).map(|(name, value)| (name, value.clone()))
    }
}

impl KnownOrigin {
    pub(crate) fn new(pattern: &OriginPattern) -> Self {
        Self { value: HeaderValue::from_str(&pattern.to_string()).ok(), pattern: pattern.clone() }
    }

    /// `Access-Control-Allow-Origin` for a page that is covered, as its browser spells it.
    fn allowing(&self, text: &[u8]) -> Sharing {
        match &self.value {
            Some(value) if value == text => Sharing::Shared(value.clone()),
            _ => HeaderValue::from_bytes(text).map_or(Sharing::Unshared, Sharing::Shared),
        }
    }
}

/// What the page behind a request may learn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Sharing {
    /// Left to the app: there is no `[cors]`, or it is monitored.
    AppsOwn,
    /// Nothing, or nothing that needs saying: no `Origin`, our own, or a foreign one.
    Unshared,
    /// The answer, under this `Access-Control-Allow-Origin`.
    Shared(HeaderValue),
}

/// What the stage found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CorsVerdict {
    /// To be judged on; the answer carries what `Sharing` says.
    Request(Sharing),
    /// A question that is answered here.
    Preflight(Sharing),
}

pub(crate) fn check(
    rules: &CorsRules,
    head: &Head<'_>,
    scheme: Scheme,
    authority: Option<&Authority<'_>>,
) -> Result<CorsVerdict, Violation> {
    let Some(text) = head.first(Field::Origin) else { return Ok(CorsVerdict::Request(Sharing::Unshared)) };
    let origin = Origin::parse(text).ok();
    let shared = origin.as_ref().and_then(|origin| rules.origins.iter().find(|known| known.pattern.covers(origin)));
    let sharing = match shared {
        Some(known) if known.pattern.is_any() && !rules.credentials => Sharing::Shared(HeaderValue::from_static("*")),
        Some(known) => known.allowing(text),
        None => Sharing::Unshared,
    };
    let foreign = sharing == Sharing::Unshared && !origin.is_some_and(|o| is_own(&o, scheme, authority));
    let refuse = |detail: &'static str| Err(Violation::of("cors.origins", Reason::OriginNotAllowed, detail));
    let is_preflight = head.method() == "OPTIONS" && head.slot(Field::AccessControlRequestMethod).lines() > 0;
    match (is_preflight, foreign) {
        (true, true) => refuse("this origin may not ask"),
        (true, false) => Ok(CorsVerdict::Preflight(sharing)),
        (false, true) if head.slot(Field::Upgrade).lines() > 0 => refuse("this origin may not open a WebSocket"),
        (false, _) => Ok(CorsVerdict::Request(sharing)),
    }
}

/// Whether the page was served by this very service.
fn is_own(origin: &Origin<'_>, scheme: Scheme, authority: Option<&Authority<'_>>) -> bool {
    let (Origin::Tuple { scheme: theirs, authority: page }, Some(ours)) = (origin, authority) else { return false };
    *theirs == scheme.as_str().as_bytes() && page.same_as(ours, scheme.default_port())
}
