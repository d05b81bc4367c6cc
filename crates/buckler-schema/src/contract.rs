//! A document, compiled.

use serde_json::Value;

use crate::changes::{self, Changes, Fingerprints};
use crate::convert::{Converter, has_directions};
use crate::document::Document;
use crate::explain::Violation;
use crate::fault::{Fault, Refused, Unenforced};
use crate::instance::Instance;
use crate::limits::Limits;
use crate::operation::{self, Around, METHODS, Operation};
use crate::outline::Outline;
use crate::place::{Place, shown};
use crate::reading::{Names, Reading};
use crate::report::Report;
use crate::router::{Ambiguity, Found, Route, Router, ambiguities};
use crate::template::Template;
use crate::validator::{SchemaId, Schemas};
use crate::{cost, loose, names};

/// Servers whose paths are read.
const SERVERS: usize = 100;

/// A document, compiled: immutable, and meant to be shared.
#[derive(Debug)]
pub struct Contract {
    /// `info.title`.
    pub title: String,
    /// `openapi`.
    pub version: String,
    /// Paths under which the servers of the document have the app, without a slash at their end; each once.
    pub base_paths: Vec<String>,
    /// In the order of the document.
    pub routes: Vec<Route>,
    /// Routes whose order decides.
    pub ambiguities: Vec<Ambiguity>,
    /// What the document says and clients are not held to.
    pub unenforced: Vec<Unenforced>,
    /// How many more of these there are than are listed.
    pub further_unenforced: usize,
    router: Router,
    schemas: Schemas,
    prints: Fingerprints,
}

impl Contract {
    /// Compiles a document, to be read so.
    ///
    /// # Errors
    ///
    /// What is wrong with it, each with its operation or its place.
    pub fn compile(document: &[u8], reading: Reading, limits: &Limits) -> Result<Self, Refused> {
        let directions = has_directions(document);
        let document = Document::read(document, limits)?;
        let root = Place::base("#");
        let mut converter = Converter::new(&document, directions, reading, limits);
        let routes = routes(&mut converter, limits)?;
        converter.finish()?;
        let (ambiguities, all) = ambiguities(&routes, limits.listed);
        if !all {
            converter.gaps.add(&root.name("paths"), "ambiguous paths", "there are too many to look at all of them");
        }
        let mut places = std::mem::take(&mut converter.places);
        let mut definitions = std::mem::take(&mut converter.definitions);
        loose::settle(&mut definitions, &places, &mut converter.gaps);
        cost::check(&definitions, &places, limits)?;
        // Each round takes something away, so they end.
        while names::settle(&mut definitions) {
            loose::settle(&mut definitions, &places, &mut converter.gaps);
        }
        if reading.names == Names::Closed {
            names::close(&mut definitions, &mut places, &converter.entered, &converter.requests);
        }
        let router = Router::new(&routes).map_err(|(path, why)| Fault::new(&root.name("paths").name(&path), why))?;
        let base_paths = base_paths(&mut converter);
        let gaps = std::mem::replace(&mut converter.gaps, crate::fault::Gaps::new(0));
        let patterns = converter.into_patterns().compiled();
        let schemas = Schemas::new(definitions, patterns).map_err(|why| Fault::new(&root, why))?;
        let prints = Fingerprints::of(&document, &routes, limits);
        let title = document.root.pointer("/info/title").and_then(Value::as_str).unwrap_or_default();
        Ok(Self {
            title: shown(title),
            version: document.version.clone(),
            base_paths,
            routes,
            ambiguities,
            unenforced: gaps.listed,
            further_unenforced: gaps.further,
            router,
            schemas,
            prints,
        })
    }

    /// The route that a path belongs to: the static one first, then the more specific.
    pub fn find<'c, 'p>(&'c self, path: &'p str) -> Option<Found<'c, 'p>> {
        self.candidates(path).into_iter().next()
    }

    /// Every route that a path belongs to, what is meant first. Where methods are told apart by templates of the
    /// same shape, the first that has the method is the one.
    pub fn candidates<'c, 'p>(&'c self, path: &'p str) -> Vec<Found<'c, 'p>> {
        self.router.candidates(&self.routes, path)
    }

    /// Whether a value is what its schema says.
    pub fn is_valid(&self, schema: SchemaId, value: &Instance<'_>) -> bool {
        self.schemas.is_valid(schema, value)
    }

    /// Where a value breaks its schema, at most so many places; none if it does not.
    pub fn violations(&self, schema: SchemaId, value: &Instance<'_>, most: usize) -> Vec<Violation> {
        self.schemas.violations(schema, value, most)
    }

    /// What names members have in values of these schemas, at every depth.
    pub fn outline(&self, schemas: impl IntoIterator<Item = SchemaId>, limits: &Limits) -> Outline {
        Outline::new(self.schemas.definitions(), schemas, limits)
    }

    /// Operations that are others than in the document that was in force before, if there was one; of each kind at most
    /// so many are named. Order and remarks make no difference.
    pub fn changes_since(&self, before: Option<&Self>, most: usize) -> Changes {
        let nothing = Fingerprints::default();
        let before = before.map_or((&[][..], &nothing), |before| (&before.routes[..], &before.prints));
        changes::between(before, (&self.routes, &self.prints), most)
    }

    /// What was found, for people and for machines.
    pub fn report(&self) -> Report {
        Report::of(self)
    }
}

fn routes(converter: &mut Converter<'_>, limits: &Limits) -> Result<Vec<Route>, Refused> {
    let document = converter.document();
    let root = Place::base("#");
    let place = root.name("paths");
    let paths = match document.root.get("paths") {
        None => return Ok(Vec::new()),
        Some(Value::Object(paths)) => paths,
        Some(_) => return Err(Fault::new(&place, "`paths` is no object").into()),
    };
    if paths.len() > limits.routes {
        return Err(Fault::new(&place, format!("{} paths; {} are the limit", paths.len(), limits.routes)).into());
    }
    let (mut routes, mut faults) = (Vec::new(), Vec::new());
    for (path, item) in paths.iter().filter(|(path, _)| !path.starts_with("x-")) {
        match route(converter, path, item, &place.name(path), limits, &mut faults) {
            Ok(route) => routes.push(route),
            Err(fault) => faults.push(fault),
        }
        if faults.len() >= FAULTS {
            break;
        }
    }
    if faults.is_empty() { Ok(routes) } else { Err(Refused { faults }) }
}

/// Faults that are shown together.
const FAULTS: usize = 20;

fn route<'d>(
    converter: &mut Converter<'d>,
    path: &str,
    item: &'d Value,
    place: &Place<'_>,
    limits: &Limits,
    faults: &mut Vec<Fault>,
) -> Result<Route, Fault> {
    let template = Template::parse(path).map_err(|why| Fault::new(place, why))?;
    let (item, at) = converter.document().follow(item, place)?;
    let place = &at.map_or(*place, Place::base);
    let Some(members) = item.as_object() else { return Err(Fault::new(place, "the path's item is no object")) };
    let mut operations: Vec<Operation> = Vec::new();
    let names: Vec<&str> = template.names().collect();
    let around = Around {
        parameters: members.get("parameters"),
        parameters_place: &place.name("parameters"),
        names: &names,
        most: limits.parameters,
    };
    for (name, given) in members {
        let Some((_, method)) = METHODS.iter().find(|(known, _)| known == name) else { continue };
        match operation::read(converter, method, given, &around, &place.name(name)) {
            Ok(operation) => operations.push(operation),
            Err(fault) => faults.push(fault.of(&format!("{method} {path}"))),
        }
    }
    drop(names);
    Ok(Route { template, operations })
}

/// The paths of the servers' addresses. Their variables are read by their defaults.
fn base_paths(converter: &mut Converter<'_>) -> Vec<String> {
    let document = converter.document();
    let root = Place::base("#");
    let place = root.name("servers");
    let servers = document.root.get("servers").and_then(Value::as_array);
    let mut found: Vec<String> = Vec::new();
    for (at, server) in servers.into_iter().flatten().take(SERVERS).enumerate() {
        let mut url = server.get("url").and_then(Value::as_str).unwrap_or("/").to_owned();
        for (name, variable) in server.get("variables").and_then(Value::as_object).into_iter().flatten().take(SERVERS) {
            let default = variable.get("default").and_then(Value::as_str).unwrap_or_default();
            url = url.replace(&format!("{{{name}}}"), default);
            if url.len() > LONGEST_URL {
                break;
            }
        }
        let after_host =
            url.split_once("://").map_or(Some(url.as_str()), |(_, rest)| rest.find('/').and_then(|at| rest.get(at..)));
        let path = after_host.unwrap_or_default().split(['?', '#']).next().unwrap_or_default();
        if url.len() > LONGEST_URL || path.contains(['{', '}']) {
            converter.gaps.add(&place.index(at), "the server's path", "its variables have no defaults");
            continue;
        }
        let path = path.trim_end_matches('/');
        let path = if path.is_empty() || path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        if !found.contains(&path) {
            found.push(path);
        }
    }
    if found.is_empty() {
        found.push(String::new());
    }
    found
}

/// Bytes of a server's address: its variables may hold each other.
const LONGEST_URL: usize = 8_192;
