//! The request as the app's contract allows it: a path and a method that are listed, parameters, the body's type.
//!
//! Rules, in order:
//! 1. A path is looked for as the app's router would: decoded once, behind where the app stands, with or without the
//!    slash that Starlette redirects to.
//! 2. What is not listed is refused or passed, as the policy says. `HEAD` and `OPTIONS` of a listed path pass: the app
//!    answers them or not, and a preflight of its own sharing is one of them.
//! 3. Parameters have to be what one of the operations takes.
//! 4. A body has to have a type that the operation takes; one that must be there must be announced.
//!
//! The body itself is judged at its end; see `contract::body`.

use buckler_http::head::Head;
use buckler_http::media::{MediaRange, MediaType};
use buckler_http::target::Target;
use buckler_policy::settings::{Mode, Unlisted};
use buckler_schema::{Body, Found, MediaKind};
use smallvec::SmallVec;

use crate::check::content::Announced;
use crate::contract::asked::Asked;
use crate::contract::body::{BodyContract, Modes, Notation};
use crate::contract::edits::Edits;
use crate::contract::faults::{BODY, InputFault, MOST_FAULTS, Step, violation};
use crate::contract::{At, Compiled, ContractRules, Matched, ReadDocument, parameters};
use crate::reason::Reason;
use crate::stage::Violation;
use crate::usage::Listing;

/// What both readings say of a head.
pub(crate) struct Verdict {
    /// What it asks for.
    pub(crate) listing: Listing,
    /// The operations that it may be for, by what requests are held to.
    pub(crate) held: Result<Matched, Violation>,
    /// What becomes of it.
    pub(crate) mode: Mode,
    /// By what is only written down.
    pub(crate) stricter: Result<(), Violation>,
    /// The operations that are asked for by path and method, whatever else is wrong: one of them answers.
    pub(crate) asked: Matched,
}

impl Verdict {
    fn unjudged(mode: Mode) -> Self {
        Self { listing: Listing::Unjudged, held: Ok(Matched::new()), mode, stricter: Ok(()), asked: Matched::new() }
    }

    fn refused(mode: Mode, violation: Violation) -> Self {
        Self { held: Err(violation), ..Self::unjudged(mode) }
    }

    fn unlisted(self) -> Self {
        Self { listing: Listing::Unlisted, ..self }
    }
}

pub(crate) fn check(rules: &ContractRules, head: &Head<'_>, target: &Target<'_>, announced: &Announced<'_>) -> Verdict {
    let (mode, compiled) = match rules {
        ContractRules::Off(_) => return Verdict::unjudged(Mode::Monitor),
        ContractRules::Undecidable(_) => {
            let detail = "there is no contract that the request could be held to";
            let violation = Violation::of("contract.requests", Reason::InternalError, detail);
            return Verdict::refused(Mode::Enforce, violation);
        }
        ContractRules::Judged(mode, compiled) => (*mode, compiled),
        ContractRules::Answers(compiled) => (Mode::Monitor, compiled),
    };
    // The handshake of a WebSocket is a GET that no document lists.
    if is_websocket(head) {
        return Verdict::unjudged(mode);
    }
    match (Asked::of(head, target), rules) {
        (None, _) => Verdict::unjudged(mode),
        (Some(asked), ContractRules::Answers(_)) => {
            let asked = operations(head.method(), &found(compiled, head, &asked)).map(|(at, _)| at).collect();
            Verdict { asked, ..Verdict::unjudged(mode) }
        }
        (Some(asked), _) => judge(mode, compiled, head, &asked, announced),
    }
}

/// What the body's inspector has to do for the contract.
pub(crate) fn body(rules: &ContractRules, matched: &Matched, announced: &Announced<'_>) -> Option<Box<BodyContract>> {
    let ContractRules::Judged(mode, compiled) = rules else { return None };
    let (media, notation) = match announced {
        Announced::Json(media, _) => (media, Notation::Json),
        Announced::Typed(media) if media.is_form() => (media, Notation::Form),
        Announced::Typed(_) | Announced::Untyped | Announced::Nothing => return None,
    };
    // What is refused may be left to the app; what is taken out is not.
    let modes = Modes { judging: compiled.mode_of(*mode, matched.iter().copied()), editing: *mode };
    let made =
        |operations, is_required| Box::new(BodyContract::new(modes, notation, compiled, operations, is_required));
    let unsaid = || {
        let edited = notation == Notation::Json && compiled.edits.as_ref().is_some_and(Edits::concern_any_body);
        edited.then(|| made(SmallVec::new(), false))
    };
    let mut operations: SmallVec<[(At, usize); 1]> = SmallVec::new();
    let mut is_required = !matched.is_empty();
    for &at in matched {
        // An operation that says nothing of a body takes any: the app does not read it.
        let Some(body) = compiled.held.operation(at).and_then(|operation| operation.body.as_ref()) else {
            return unsaid();
        };
        let Some(known) = position(body, media) else { return unsaid() };
        is_required &= body.is_required;
        operations.push((at, known));
    }
    let judged = operations.iter().any(|&(at, known)| {
        let body = compiled.held.operation(at).and_then(|operation| operation.body.as_ref());
        body.and_then(|body| body.media.get(known)).is_some_and(|media| media.schema.is_some())
    });
    if judged { Some(made(operations, is_required)) } else { unsaid() }
}

fn is_websocket(head: &Head<'_>) -> bool {
    use buckler_http::head::Field;
    head.first(Field::Upgrade).is_some_and(|value| value.eq_ignore_ascii_case(b"websocket"))
}

fn judge(mode: Mode, compiled: &Compiled, head: &Head<'_>, asked: &Asked, announced: &Announced<'_>) -> Verdict {
    let root_path = std::str::from_utf8(head.root_path()).unwrap_or_default();
    let found = found(compiled, head, asked);
    if found.is_empty() {
        if is_redirected(compiled, asked, root_path) {
            return Verdict::unjudged(mode);
        }
        return match compiled.unlisted {
            Unlisted::Refuse => Verdict::refused(mode, unlisted()),
            Unlisted::Pass => Verdict::unjudged(mode),
        }
        .unlisted();
    }
    let method = head.method();
    let asked_for: Vec<(At, &Found<'_, '_>)> = operations(method, &found).collect();
    let Some((first, _)) = asked_for.first() else {
        if matches!(method, "HEAD" | "OPTIONS") {
            return Verdict::unjudged(mode);
        }
        return match compiled.unlisted {
            Unlisted::Refuse => Verdict::refused(mode, no_method(&found)),
            Unlisted::Pass => Verdict::unjudged(mode),
        }
        .unlisted();
    };
    // Of templates that overlap, the one that comes first, as the app's router would take it.
    let listing = Listing::Operation(*first);
    let by = |reading: &ReadDocument| taken(reading, &asked_for, asked, head, announced);
    let all: Matched = asked_for.iter().map(|(at, _)| *at).collect();
    let mode = compiled.mode_of(mode, asked_for.iter().map(|(at, _)| *at));
    let Some(stricter) = &compiled.stricter else {
        return Verdict { listing, held: by(&compiled.held), mode, stricter: Ok(()), asked: all };
    };
    match (by(stricter), asked_for.len()) {
        // What the stricter reading takes, the other takes, too.
        (Ok(matched), 1) => Verdict { listing, held: Ok(matched), mode, stricter: Ok(()), asked: all },
        (stricter, _) => {
            let held = by(&compiled.held);
            let stricter = if held.is_ok() { stricter.map(drop) } else { Ok(()) };
            Verdict { listing, held, mode, stricter, asked: all }
        }
    }
}

/// The routes that the path belongs to.
fn found<'c, 'p>(compiled: &'c Compiled, head: &'p Head<'_>, asked: &'p Asked) -> Vec<Found<'c, 'p>>
where
    'c: 'p,
{
    let document = &compiled.held.document;
    let root_path = std::str::from_utf8(head.root_path()).unwrap_or_default();
    let mut paths = asked.paths(root_path, &document.base_paths).map(|path| document.candidates(path));
    paths.find(|found| !found.is_empty()).unwrap_or_default()
}

/// The operations of these routes that have the method.
fn operations<'f, 'c, 'p>(method: &str, found: &'f [Found<'c, 'p>]) -> impl Iterator<Item = (At, &'f Found<'c, 'p>)> {
    found.iter().filter_map(move |found| {
        let operation = found.route.operations.iter().position(|operation| operation.method == method)?;
        Some((At { route: found.at, operation }, found))
    })
}

/// The operations that take the request.
fn taken(
    reading: &ReadDocument,
    asked_for: &[(At, &Found<'_, '_>)],
    asked: &Asked,
    head: &Head<'_>,
    announced: &Announced<'_>,
) -> Result<Matched, Violation> {
    let mut matched = Matched::new();
    let mut first = None;
    for (at, found) in asked_for {
        let Some(operation) = reading.operation(*at) else { continue };
        let faults = parameters::judge(reading, operation, &found.values, asked, head);
        let verdict =
            if faults.is_empty() { body_type(operation.body.as_ref(), announced) } else { Err(violation(faults)) };
        match verdict {
            Ok(()) => matched.push(*at),
            Err(violation) => drop(first.get_or_insert(violation)),
        }
    }
    match first {
        Some(violation) if matched.is_empty() => Err(violation),
        _ => Ok(matched),
    }
}

fn body_type(body: Option<&Body>, announced: &Announced<'_>) -> Result<(), Violation> {
    // What an operation does not speak of, the app does not read.
    let Some(body) = body.filter(|body| !body.media.is_empty()) else { return Ok(()) };
    match announced {
        Announced::Nothing if body.is_required => Err(absent(body)),
        Announced::Nothing | Announced::Untyped => Ok(()),
        Announced::Typed(media) | Announced::Json(media, _) => {
            if position(body, media).is_some() {
                return Ok(());
            }
            let detail = "the operation does not take this media type";
            Err(Violation::of("contract.requests", Reason::UnsupportedMediaType, detail))
        }
    }
}

/// What is said where a body has to be and is not: of a form, each field that is missing.
fn absent(body: &Body) -> Violation {
    let place = || Step::Name(BODY.into());
    let fields = body.media.first().map(|media| media.fields.as_slice()).unwrap_or_default();
    let required = fields.iter().filter(|field| field.is_required).take(MOST_FAULTS);
    let mut faults: Vec<InputFault> =
        required.map(|field| InputFault::missing(vec![place(), Step::Name(field.name.clone().into())])).collect();
    if faults.is_empty() {
        faults.push(InputFault::missing(vec![place()]));
    }
    violation(faults)
}

/// Which of the body's types it is. What is JSON by its suffix is read by `FastAPI` as JSON.
fn position(body: &Body, media: &MediaType<'_>) -> Option<usize> {
    let covers = |range: &str| MediaRange::parse(range).is_ok_and(|range| range.covers(media));
    let by_range = body.media.iter().position(|known| covers(&known.range));
    by_range.or_else(|| body.media.iter().position(|known| media.is_json() && known.kind == MediaKind::Json))
}

/// Whether the path with a slash more or less is listed: Starlette sends its clients there.
fn is_redirected(compiled: &Compiled, asked: &Asked, root_path: &str) -> bool {
    let document = &compiled.held.document;
    asked.paths(root_path, &document.base_paths).any(|path| {
        let other = match path.strip_suffix('/') {
            Some(shorter) => shorter.to_owned(),
            None => format!("{path}/"),
        };
        !document.candidates(&other).is_empty()
    })
}

fn unlisted() -> Violation {
    Violation::of("contract.unlisted_routes", Reason::NotFound, "there is nothing at this path")
}

fn no_method(found: &[Found<'_, '_>]) -> Violation {
    let mut methods: Vec<&str> =
        found.iter().flat_map(|found| &found.route.operations).map(|operation| operation.method).collect();
    methods.sort_unstable();
    methods.dedup();
    let detail = "the path is listed, the method is not";
    Violation {
        allow: Some(methods.join(", ")),
        ..Violation::of("contract.unlisted_routes", Reason::MethodNotAllowed, detail)
    }
}

/// Whether a body has to be kept for the contract before the app may see it.
pub(crate) fn holds(contract: Option<&BodyContract>) -> bool {
    contract.is_some_and(BodyContract::is_enforced)
}
