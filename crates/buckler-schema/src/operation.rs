//! Operations: what a method of a path takes and gives.

use serde_json::Value;

use crate::body::{Body, Media, content};
use crate::convert::{Converter, Direction};
use crate::fault::Fault;
use crate::parameter::{self, Location, Parameter};
use crate::place::{Place, shown};

/// Methods that a document can speak of.
pub(crate) const METHODS: &[(&str, &str)] = &[
    ("get", "GET"),
    ("put", "PUT"),
    ("post", "POST"),
    ("delete", "DELETE"),
    ("options", "OPTIONS"),
    ("head", "HEAD"),
    ("patch", "PATCH"),
    ("trace", "TRACE"),
];

/// What a method of a path takes and gives.
#[derive(Debug, Clone)]
pub struct Operation {
    /// In capitals.
    pub method: &'static str,
    /// The name that the document gives it.
    pub id: Option<String>,
    /// Those of the path included.
    pub parameters: Vec<Parameter>,
    /// What may be sent.
    pub body: Option<Body>,
    /// What may be answered, by status.
    pub responses: Vec<Response>,
    /// Who would have answered what is refused.
    pub first: First,
    /// What authenticates: one of them is enough. Empty if the document asks for nothing.
    pub security: Vec<Requirement>,
}

/// Who answers first where an operation is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum First {
    /// Its own fields are the first thing that is judged.
    Fields,
    /// Something else of the app: a dependency that may ask for a caller, a middleware, a handler with another answer.
    App,
}

/// Marks an operation of which the app would answer first. Whoever hands a document over says so, and only of an app
/// that could be asked.
const FIRST: &str = "x-buckler-first";

/// An answer of an operation.
#[derive(Debug, Clone)]
pub struct Response {
    /// `200`, `2XX` or `default`.
    pub status: String,
    /// What its body may be.
    pub media: Vec<Media>,
}

/// Schemes that are asked for together, with their scopes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement {
    /// Name of a scheme, and scopes. None at all: without any is fine, too.
    pub schemes: Vec<(String, Vec<String>)>,
}

/// What an operation has from those around it.
pub(crate) struct Around<'a, 'd> {
    pub(crate) parameters: Option<&'d Value>,
    pub(crate) parameters_place: &'a Place<'a>,
    pub(crate) names: &'a [&'a str],
    pub(crate) most: usize,
}

pub(crate) fn read<'d>(
    converter: &mut Converter<'d>,
    method: &'static str,
    given: &'d Value,
    around: &Around<'_, 'd>,
    place: &Place<'_>,
) -> Result<Operation, Fault> {
    if !given.is_object() {
        return Err(Fault::new(place, "the operation is no object"));
    }
    let mut parameters = Vec::new();
    let below = place.name("parameters");
    // The operation's own replace those of the path.
    self::parameters(converter, given.get("parameters"), &below, &mut parameters, around.most)?;
    self::parameters(converter, around.parameters, around.parameters_place, &mut parameters, around.most)?;
    path_parameters(converter, &parameters, around.names, place);
    let document = converter.document();
    let body = match given.get("requestBody") {
        Some(given) => {
            let below = place.name("requestBody");
            let (body, at) = document.follow(given, &below)?;
            let below = at.map_or(below, Place::base);
            let media = content(converter, body, &below, Direction::Request)?;
            let is_required = body.get("required").and_then(Value::as_bool).unwrap_or_default();
            Some(Body { is_required, media })
        }
        None => None,
    };
    Ok(Operation {
        method,
        id: given.get("operationId").and_then(Value::as_str).map(shown),
        parameters,
        body,
        first: if given.get(FIRST).is_some_and(|who| who == "app") { First::App } else { First::Fields },
        responses: responses(converter, given.get("responses"), &place.name("responses"))?,
        security: security(
            converter,
            given.get("security").or_else(|| document.root.get("security")),
            &place.name("security"),
        )?,
    })
}

fn parameters<'d>(
    converter: &mut Converter<'d>,
    given: Option<&'d Value>,
    place: &Place<'_>,
    parameters: &mut Vec<Parameter>,
    most: usize,
) -> Result<(), Fault> {
    let Some(given) = given else { return Ok(()) };
    let Some(given) = given.as_array() else { return Err(Fault::new(place, "`parameters` is no list")) };
    let inherited = parameters.len();
    for (at, given) in given.iter().enumerate() {
        let place = place.index(at);
        if parameters.len() == most {
            return Err(Fault::new(&place, format!("more than {most} parameters")));
        }
        let Some(parameter) = parameter::read(converter, given, &place)? else { continue };
        let same = parameters.iter().position(|known| is_same(known, &parameter));
        match same {
            None => parameters.push(parameter),
            Some(known) if known < inherited => {}
            Some(_) => {
                let name = shown(&parameter.name);
                return Err(Fault::new(&place, format!("the parameter `{name}` is there twice")));
            }
        }
    }
    Ok(())
}

fn is_same(one: &Parameter, two: &Parameter) -> bool {
    let same = match one.location {
        Location::Header => one.name.eq_ignore_ascii_case(&two.name),
        Location::Path | Location::Query | Location::Cookie => one.name == two.name,
    };
    one.location == two.location && same
}

/// Names of the template and of the parameters should be the same; where they are not, nothing is judged.
fn path_parameters(converter: &mut Converter<'_>, parameters: &[Parameter], names: &[&str], place: &Place<'_>) {
    let in_path = || parameters.iter().filter(|parameter| parameter.location == Location::Path);
    for name in names {
        if !in_path().any(|parameter| parameter.name == *name) {
            converter.gaps.add(place, &format!("`{{{}}}`", shown(name)), "no parameter describes it");
        }
    }
    for parameter in in_path() {
        if !names.contains(&parameter.name.as_str()) {
            let what = format!("the parameter `{}`", shown(&parameter.name));
            converter.gaps.add(place, &what, "the path has no such name");
        }
    }
}

fn responses<'d>(
    converter: &mut Converter<'d>,
    given: Option<&'d Value>,
    place: &Place<'_>,
) -> Result<Vec<Response>, Fault> {
    let Some(given) = given else { return Ok(Vec::new()) };
    let Some(given) = given.as_object() else { return Err(Fault::new(place, "`responses` is no object")) };
    let mut responses = Vec::new();
    for (status, given) in given.iter().filter(|(status, _)| !status.starts_with("x-")) {
        let below = place.name(status);
        if !is_status(status) {
            return Err(Fault::new(&below, format!("`{}` is no status, no `2XX` and no `default`", shown(status))));
        }
        let (response, at) = converter.document().follow(given, &below)?;
        let below = at.map_or(below, Place::base);
        if response.get("headers").and_then(Value::as_object).is_some_and(|headers| !headers.is_empty()) {
            converter.gaps.add(&below.name("headers"), "headers", "fields of answers are not judged by the contract");
        }
        let media = content(converter, response, &below, Direction::Response)?;
        responses.push(Response { status: status.to_ascii_uppercase().replace("DEFAULT", "default"), media });
    }
    Ok(responses)
}

fn is_status(text: &str) -> bool {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit() || byte.eq_ignore_ascii_case(&b'x'));
    text == "default" || (text.len() == 3 && digits && text.starts_with(['1', '2', '3', '4', '5']))
}

fn security(
    converter: &mut Converter<'_>,
    given: Option<&Value>,
    place: &Place<'_>,
) -> Result<Vec<Requirement>, Fault> {
    let Some(given) = given else { return Ok(Vec::new()) };
    let Some(given) = given.as_array() else { return Err(Fault::new(place, "`security` is no list")) };
    let schemes = converter.document().root.pointer("/components/securitySchemes");
    let mut requirements = Vec::new();
    for (at, requirement) in given.iter().enumerate() {
        let place = place.index(at);
        let Some(requirement) = requirement.as_object() else {
            return Err(Fault::new(&place, "a requirement is an object"));
        };
        let mut asked = Vec::new();
        for (name, scopes) in requirement {
            if schemes.and_then(|schemes| schemes.get(name)).is_none() {
                let what = format!("the scheme `{}`", shown(name));
                converter.gaps.add(&place, &what, "it is not among the security schemes of the document");
            }
            let scopes = scopes.as_array().into_iter().flatten().filter_map(Value::as_str);
            asked.push((name.clone(), scopes.map(str::to_owned).collect()));
        }
        requirements.push(Requirement { schemes: asked });
    }
    Ok(requirements)
}
