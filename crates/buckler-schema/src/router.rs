//! Which template a path belongs to: the static one first, then the more specific.
//!
//! Templates whose parameters fill whole segments stand in a tree of segments, of which a look-up visits no node
//! twice. The others (`/report.{format}`, `/files/{p:path}`) are linear expressions, tried in their order.

use std::collections::HashMap;

use regex::Regex;
use serde::Serialize;

use crate::operation::Operation;
use crate::template::{Piece, Template};

/// Templates that need an expression of their own.
const EXPRESSIONS: usize = 1_000;

/// Segments that are compared in search of overlaps. Ten thousand routes that share nothing need less.
const COMPARED: usize = 60_000_000;

/// A template and what can be done there.
#[derive(Debug, Clone)]
pub struct Route {
    /// The path template.
    pub template: Template,
    /// In the order of the document.
    pub operations: Vec<Operation>,
}

/// A route that a path belongs to.
#[derive(Debug, Clone)]
pub struct Found<'c, 'p> {
    /// The route.
    pub route: &'c Route,
    /// Its place among the routes of the contract.
    pub at: usize,
    /// Values of its parameters, as they stand in the path.
    pub values: Vec<(&'c str, &'p str)>,
}

/// Two templates that one path may belong to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ambiguity {
    /// What is declared first, which is what a framework that tries routes in their order takes.
    pub first: String,
    /// What is declared later.
    pub second: String,
    /// Methods that both have.
    pub methods: Vec<&'static str>,
    /// What follows from it.
    pub why: &'static str,
}

#[derive(Debug, Default)]
struct Node {
    literal: HashMap<String, Node>,
    value: Option<Box<Node>>,
    routes: Vec<usize>,
}

#[derive(Debug)]
struct Expression {
    regex: Regex,
    route: usize,
    /// Whether a value of it takes slashes: such a one is tried last.
    rest: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Router {
    tree: Node,
    expressions: Vec<Expression>,
}

impl Router {
    /// `Err` with the template that cannot be taken, and why.
    pub(crate) fn new(routes: &[Route]) -> Result<Self, (String, String)> {
        let mut router = Self::default();
        for (at, route) in routes.iter().enumerate() {
            let refused = |why: String| (route.template.text.clone(), why);
            match plain(&route.template) {
                Some(segments) => router.tree.insert(&segments, at),
                None if router.expressions.len() == EXPRESSIONS => {
                    return Err(refused(format!("more than {EXPRESSIONS} paths with parameters inside of segments")));
                }
                None => {
                    let regex = expression(&route.template).map_err(|error| refused(error.to_string()))?;
                    let rest = has_rest(&route.template);
                    router.expressions.push(Expression { regex, route: at, rest });
                }
            }
        }
        Ok(router)
    }

    /// Every route that a path belongs to, what is meant first.
    pub(crate) fn candidates<'c, 'p>(&'c self, routes: &'c [Route], path: &'p str) -> Vec<Found<'c, 'p>> {
        let mut matched = Vec::new();
        let segments: Vec<&str> = path.split('/').collect();
        self.tree.walk(&segments, &mut Vec::new(), &mut matched);
        let plain = matched.into_iter().filter_map(|(at, values)| {
            let route = routes.get(at)?;
            Some(Found { route, at, values: route.template.names().zip(values).collect() })
        });
        let (mut found, dynamic): (Vec<_>, Vec<_>) = plain.partition(|found| found.route.template.is_static());
        found.extend(self.matching(routes, path, false));
        found.extend(dynamic);
        found.extend(self.matching(routes, path, true));
        found
    }

    fn matching<'c, 'p>(
        &'c self,
        routes: &'c [Route],
        path: &'p str,
        rest: bool,
    ) -> impl Iterator<Item = Found<'c, 'p>> {
        self.expressions.iter().filter(move |expression| expression.rest == rest).filter_map(move |expression| {
            let captures = expression.regex.captures(path)?;
            let route = routes.get(expression.route)?;
            let values = captures.iter().skip(1).map(|value| value.map_or("", |value| value.as_str()));
            Some(Found { route, at: expression.route, values: route.template.names().zip(values).collect() })
        })
    }
}

impl Node {
    fn insert(&mut self, segments: &[Segment<'_>], route: usize) {
        let mut node = self;
        for segment in segments {
            node = match segment {
                Segment::Literal(text) => node.literal.entry((*text).to_owned()).or_default(),
                Segment::Any | Segment::Mixed { .. } => node.value.get_or_insert_default(),
            };
        }
        node.routes.push(route);
    }

    fn walk<'p>(&self, segments: &[&'p str], values: &mut Vec<&'p str>, found: &mut Vec<(usize, Vec<&'p str>)>) {
        let Some((segment, further)) = segments.split_first() else {
            found.extend(self.routes.iter().map(|route| (*route, values.clone())));
            return;
        };
        if let Some(node) = self.literal.get(*segment) {
            node.walk(further, values, found);
        }
        if let Some(node) = self.value.as_ref().filter(|_| !segment.is_empty()) {
            values.push(segment);
            node.walk(further, values, found);
            values.pop();
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Segment<'t> {
    Literal(&'t str),
    Any,
    /// Text and values; how it begins and how it ends.
    Mixed {
        begin: &'t str,
        end: &'t str,
    },
}

impl<'t> Segment<'t> {
    fn of(begin: &'t str, has_value: bool, end: &'t str) -> Self {
        match (begin, has_value, end) {
            (_, false, _) => Self::Literal(begin),
            ("", true, "") => Self::Any,
            _ => Self::Mixed { begin, end },
        }
    }

    fn meets(self, other: Segment<'t>) -> bool {
        match (self, other) {
            (Self::Any, Self::Literal(text)) | (Self::Literal(text), Self::Any) => !text.is_empty(),
            (Self::Any, _) | (_, Self::Any) => true,
            (Self::Literal(one), Self::Literal(two)) => one == two,
            (Self::Literal(text), Self::Mixed { begin, end }) | (Self::Mixed { begin, end }, Self::Literal(text)) => {
                text.len() > begin.len() + end.len() && text.starts_with(begin) && text.ends_with(end)
            }
            (Self::Mixed { begin: a, end: b }, Self::Mixed { begin: c, end: d }) => {
                (a.starts_with(c) || c.starts_with(a)) && (b.ends_with(d) || d.ends_with(b))
            }
        }
    }

    /// Whether all that it stands for belongs to the other, too.
    fn within(self, other: Segment<'t>) -> bool {
        match (self, other) {
            (Self::Mixed { begin: a, end: b }, Self::Mixed { begin: c, end: d }) => a.starts_with(c) && b.ends_with(d),
            (Self::Literal(_), _) => self.meets(other),
            (_, other) => other == Self::Any,
        }
    }
}

/// The segments of a template, and whether a value with slashes follows.
fn segments(template: &Template) -> (Vec<Segment<'_>>, bool) {
    let mut segments = Vec::new();
    // Of the segment under way: text before its first value, whether it has one, text after its last.
    let (mut begin, mut has_value, mut end) = ("", false, "");
    for piece in &template.pieces {
        match piece {
            Piece::Value { rest: true, .. } => return (segments, true),
            Piece::Value { rest: false, .. } => {
                (has_value, end) = (true, "");
            }
            Piece::Text(text) => {
                let mut parts = text.split('/');
                let first = parts.next().unwrap_or_default();
                *(if has_value { &mut end } else { &mut begin }) = first;
                for part in parts {
                    segments.push(Segment::of(begin, has_value, end));
                    (begin, has_value, end) = (part, false, "");
                }
            }
        }
    }
    segments.push(Segment::of(begin, has_value, end));
    (segments, false)
}

/// The segments of a template that the tree can hold.
fn plain(template: &Template) -> Option<Vec<Segment<'_>>> {
    let fills = |at: usize| {
        let text = |at: Option<usize>| match at.and_then(|at| template.pieces.get(at)) {
            Some(Piece::Text(text)) => Some(text.as_str()),
            _ => None,
        };
        let before = text(at.checked_sub(1)).is_some_and(|text| text.ends_with('/'));
        let last = at + 1 == template.pieces.len();
        before && (last || text(Some(at + 1)).is_some_and(|text| text.starts_with('/')))
    };
    let fits = |(at, piece): (usize, &Piece)| match piece {
        Piece::Text(_) => true,
        Piece::Value { rest, .. } => !rest && fills(at),
    };
    let plain = template.pieces.iter().enumerate().all(fits);
    plain.then(|| segments(template).0)
}

fn has_rest(template: &Template) -> bool {
    template.pieces.iter().any(|piece| matches!(piece, Piece::Value { rest: true, .. }))
}

fn expression(template: &Template) -> Result<Regex, regex::Error> {
    let mut text = String::from("^(?s)");
    for piece in &template.pieces {
        match piece {
            Piece::Text(literal) => text.push_str(&regex::escape(literal)),
            Piece::Value { rest: true, .. } => text.push_str("(.*)"),
            Piece::Value { rest: false, .. } => text.push_str("([^/]+)"),
        }
    }
    text.push('$');
    Regex::new(&text)
}

/// Pairs of routes that one path may belong to and whose order decides; `false` if not all were compared.
pub(crate) fn ambiguities(routes: &[Route], most: usize) -> (Vec<Ambiguity>, bool) {
    let shapes: Vec<_> = routes.iter().map(|route| segments(&route.template)).collect();
    let mut found = Vec::new();
    let mut compared = 0;
    for (at, (first, first_shape)) in routes.iter().zip(&shapes).enumerate() {
        for (second, second_shape) in routes.iter().zip(&shapes).skip(at + 1) {
            compared += 1;
            if compared > COMPARED || found.len() == most {
                return (found, false);
            }
            if !meet(first_shape, second_shape, &mut compared) {
                continue;
            }
            let methods: Vec<_> =
                first.operations.iter().map(|one| one.method).filter(|method| second.has(method)).collect();
            if methods.is_empty() {
                continue;
            }
            let why = match (within(first_shape, second_shape), within(second_shape, first_shape)) {
                (true, true) => "both stand for the same paths; only the first is ever reached",
                (true, false) => continue,
                (false, true) => "the first takes what is meant for the second, if routes are tried in their order",
                (false, false) => "some paths belong to both, and neither is the more specific one",
            };
            let text = |route: &Route| route.template.text.clone();
            found.push(Ambiguity { first: text(first), second: text(second), methods, why });
        }
    }
    (found, true)
}

impl Route {
    fn has(&self, method: &str) -> bool {
        self.operations.iter().any(|operation| operation.method == method)
    }
}

type Shape<'t> = (Vec<Segment<'t>>, bool);

fn meet((one, one_rest): &Shape<'_>, (two, two_rest): &Shape<'_>, compared: &mut usize) -> bool {
    let lengths = match (one_rest, two_rest) {
        (false, false) => one.len() == two.len(),
        // What takes the rest has a slash before it.
        (true, false) => one.len() < two.len(),
        (false, true) => two.len() < one.len(),
        (true, true) => true,
    };
    lengths
        && one.iter().zip(two).all(|(one, two)| {
            *compared += 1;
            one.meets(*two)
        })
}

fn within((one, one_rest): &Shape<'_>, (two, two_rest): &Shape<'_>) -> bool {
    let lengths = match (one_rest, two_rest) {
        (false, false) => one.len() == two.len(),
        (true, true) => one.len() >= two.len(),
        (false, true) => one.len() > two.len(),
        (true, false) => false,
    };
    lengths && one.iter().zip(two).all(|(one, two)| one.within(*two))
}
