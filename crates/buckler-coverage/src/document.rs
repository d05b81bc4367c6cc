//! What an `OpenAPI` document says of an operation that matters here: what it asks for, what it leaves unbounded, what
//! its answers hold. Read after the compiler of contracts has found the document good, which bounds it.

use std::collections::{BTreeMap, BTreeSet};

use buckler_schema::{Contract, Limits, Reading};
use serde_json::Value;

use crate::table::{Application, Kind, ResponseModel, ResponseShape, Route, RouteTable, Scheme};
use crate::words;

/// Schemas of one operation that are looked at.
const VISITED: usize = 5_000;

/// Schemas within each other.
const DEEPEST: usize = 32;

/// Names of one kind that are kept for one operation.
const MOST: usize = 20;

/// Operations by method and template, for each application of the table that has a document.
#[derive(Debug, Default)]
pub struct Documents {
    /// Whether there is a document for the application of that place in the table.
    read: Vec<Option<BTreeMap<(String, String), Asked>>>,
    /// What is wrong with the app's own document.
    pub(crate) fault: Option<String>,
}

/// What a document says of one operation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked {
    /// Schemes that it declares; empty if it asks for nothing, or for nothing is fine too.
    pub security: Vec<String>,
    /// Scopes that these are asked for.
    pub scopes: Vec<String>,
    /// Media types of its body.
    pub body: Vec<String>,
    /// Whether its body holds files.
    pub has_files: bool,
    /// Strings that a client may make as long as it likes, such as `body.name`.
    pub strings: Vec<String>,
    /// Lists of that kind.
    pub lists: Vec<String>,
    /// Fields of answers that are named like secrets.
    pub secrets: Vec<String>,
    /// What its good answers are said to hold.
    pub answers: Answers,
}

/// What the good answers of an operation are said to hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Answers {
    /// No body.
    #[default]
    Empty,
    /// Each body has a schema.
    Described,
    /// A body without one.
    Anything,
}

impl Documents {
    /// Reads the documents of the applications, in their order. What is wrong with the first, the app's own, is kept.
    pub fn read<'d>(documents: impl IntoIterator<Item = Result<&'d str, &'d str>>) -> Self {
        let mut all = Self::default();
        for (at, document) in documents.into_iter().enumerate() {
            let read = document.map_err(str::to_owned).and_then(operations);
            if let (0, Err(why)) = (at, &read) {
                all.fault = Some(why.clone());
            }
            all.read.push(read.ok());
        }
        all
    }

    /// Whether the application of that place has a document.
    pub fn has(&self, application: usize) -> bool {
        self.read.get(application).is_some_and(Option::is_some)
    }

    /// Every operation of the document of that application: its method, its template, what it says.
    pub fn operations(&self, application: usize) -> impl Iterator<Item = (&str, &str, &Asked)> {
        let all = self.read.get(application).and_then(Option::as_ref).into_iter().flatten();
        all.map(|((method, template), asked)| (method.as_str(), template.as_str(), asked))
    }

    /// What is wrong with the first document.
    pub fn fault(&self) -> Option<&str> {
        self.fault.as_deref()
    }

    /// The routes that the first document lists, of an app that nobody can ask.
    pub fn table(&self) -> RouteTable {
        let route = |(method, template, asked): (&str, &str, &Asked)| Route {
            kind: Kind::Http,
            path: template.to_owned(),
            template: template.to_owned(),
            host: None,
            methods: vec![method.to_owned()],
            endpoint: String::new(),
            framework: "fastapi".to_owned(),
            in_schema: true,
            docs: false,
            schemes: asked.security.iter().map(|name| Scheme { name: name.clone(), optional: false }).collect(),
            scopes: asked.scopes.clone(),
            dependencies: Vec::new(),
            limits: Vec::new(),
            max_body: None,
            body: None,
            response: Some(ResponseModel {
                shape: match asked.answers {
                    Answers::Empty => ResponseShape::Empty,
                    Answers::Described => ResponseShape::Model,
                    Answers::Anything => ResponseShape::None,
                },
                model: "the contract".to_owned(),
            }),
            application: 0,
        };
        let application = Application { framework: "fastapi".to_owned(), ..Application::default() };
        let routes = self.operations(0).map(route).collect();
        RouteTable { applications: vec![application], routes, ..RouteTable::default() }
    }

    /// What the document of that application says of an operation.
    pub fn find(&self, application: usize, method: &str, template: &str) -> Option<&Asked> {
        self.read.get(application)?.as_ref()?.get(&(method.to_owned(), template.to_owned()))
    }
}

fn operations(document: &str) -> Result<BTreeMap<(String, String), Asked>, String> {
    // Nothing is judged by it here, so how strictly it would be read is one.
    let contract = Contract::compile(document.as_bytes(), Reading::LITERAL, &Limits::default());
    let contract = contract.map_err(|refused| refused.to_string())?;
    let root: Value = serde_json::from_str(document).map_err(|error| error.to_string())?;
    let mut found = BTreeMap::new();
    for route in &contract.routes {
        let path = &route.template.text;
        let Some(item) = root.get("paths").and_then(|paths| paths.get(path)) else { continue };
        for operation in &route.operations {
            let Some(given) = item.get(operation.method.to_lowercase()) else { continue };
            let mut asked = Asked::default();
            // An empty alternative: without any of them is fine.
            if !operation.security.iter().any(|requirement| requirement.schemes.is_empty()) {
                let schemes = || operation.security.iter().flat_map(|requirement| &requirement.schemes);
                let names: BTreeSet<&String> = schemes().map(|(name, _)| name).collect();
                let scopes: BTreeSet<&String> = schemes().flat_map(|(_, scopes)| scopes).collect();
                asked.security = names.into_iter().cloned().collect();
                asked.scopes = scopes.into_iter().cloned().collect();
            }
            if let Some(body) = &operation.body {
                asked.body = body.media.iter().map(|media| media.range.clone()).collect();
                let mut fields = body.media.iter().flat_map(|media| &media.fields);
                asked.has_files = fields.any(|field| field.kind == buckler_schema::FieldKind::File);
            }
            request(&root, item, given, &mut asked);
            answers(&root, given, &mut asked);
            found.insert((operation.method.to_owned(), path.clone()), asked);
        }
    }
    Ok(found)
}

fn request(root: &Value, item: &Value, given: &Value, asked: &mut Asked) {
    let mut walk = Walk::new(root);
    let lists = [given.get("parameters"), item.get("parameters")];
    for parameter in lists.into_iter().flatten().filter_map(Value::as_array).flatten() {
        let parameter = walk.follow(parameter);
        let (Some(place), Some(name)) = (text(parameter, "in"), text(parameter, "name")) else { continue };
        if let Some(schema) = parameter.get("schema") {
            walk.schema(schema, &format!("{place}.{name}"), DEEPEST);
        }
    }
    if let Some(body) = given.get("requestBody").map(|body| walk.follow(body)) {
        for media in body.get("content").and_then(Value::as_object).into_iter().flat_map(|content| content.values()) {
            if let Some(schema) = media.get("schema") {
                walk.schema(schema, "body", DEEPEST);
            }
        }
    }
    asked.strings = walk.strings;
    asked.lists = walk.lists;
}

fn answers(root: &Value, given: &Value, asked: &mut Asked) {
    let mut walk = Walk::new(root);
    let responses = given.get("responses").and_then(Value::as_object);
    let good = responses.into_iter().flatten().filter(|(status, _)| status.starts_with('2') || *status == "default");
    let mut models = Vec::new();
    for (_, response) in good {
        let response = walk.follow(response);
        for media in response.get("content").and_then(Value::as_object).into_iter().flat_map(|content| content.values())
        {
            let schema = media.get("schema").unwrap_or(&Value::Null);
            models.push(schema.as_object().is_some_and(|members| !members.is_empty()));
            walk.schema(schema, "", DEEPEST);
        }
    }
    asked.answers = match models.as_slice() {
        [] => Answers::Empty,
        models if models.iter().all(|model| *model) => Answers::Described,
        _ => Answers::Anything,
    };
    asked.secrets = walk.secrets;
}

/// Through the schemas of one operation, each reference once.
struct Walk<'d> {
    root: &'d Value,
    seen: BTreeSet<&'d str>,
    visited: usize,
    strings: Vec<String>,
    lists: Vec<String>,
    secrets: Vec<String>,
}

impl<'d> Walk<'d> {
    fn new(root: &'d Value) -> Self {
        Self { root, seen: BTreeSet::new(), visited: 0, strings: Vec::new(), lists: Vec::new(), secrets: Vec::new() }
    }

    fn follow(&self, value: &'d Value) -> &'d Value {
        let target = text(value, "$ref").and_then(|reference| self.root.pointer(reference.strip_prefix('#')?));
        target.unwrap_or(value)
    }

    fn schema(&mut self, schema: &'d Value, place: &str, depth: usize) {
        self.visited += 1;
        let Some(depth) = depth.checked_sub(1).filter(|_| self.visited <= VISITED) else { return };
        if let Some(reference) = text(schema, "$ref") {
            if self.seen.insert(reference) {
                self.schema(self.follow(schema), place, depth);
            }
            return;
        }
        if is_unbounded(schema, "string", &["maxLength", "enum", "const", "pattern", "contentMediaType"])
            && text(schema, "format").is_none_or(|format| format == "password")
        {
            keep(&mut self.strings, place);
        }
        if is_unbounded(schema, "array", &["maxItems", "enum", "const"]) {
            keep(&mut self.lists, place);
        }
        for (name, property) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
            let below = if place.is_empty() { name.clone() } else { format!("{place}.{name}") };
            if words::is_secret(name) && holds_text(self.follow(property)) {
                keep(&mut self.secrets, &below);
            }
            self.schema(property, &below, depth);
        }
        for part in ["items", "additionalProperties", "not"] {
            if let Some(inner) = schema.get(part).filter(|inner| inner.is_object()) {
                self.schema(inner, place, depth);
            }
        }
        for part in ["allOf", "anyOf", "oneOf", "prefixItems"] {
            for inner in schema.get(part).and_then(Value::as_array).into_iter().flatten() {
                self.schema(inner, place, depth);
            }
        }
    }
}

fn text<'v>(value: &'v Value, name: &str) -> Option<&'v str> {
    value.get(name).and_then(Value::as_str)
}

fn is_unbounded(schema: &Value, kind: &str, bounds: &[&str]) -> bool {
    let is_kind = match schema.get("type") {
        Some(Value::String(name)) => name == kind,
        Some(Value::Array(names)) => names.iter().any(|name| name == kind),
        _ => false,
    };
    is_kind && !bounds.iter().any(|bound| schema.get(bound).is_some())
}

/// Whether a field could hold a secret: what is true or false, or a date, tells of one at most.
fn holds_text(schema: &Value) -> bool {
    let plain = |schema: &Value| {
        !matches!(text(schema, "type"), Some("boolean" | "null"))
            && !matches!(text(schema, "format"), Some("date-time" | "date" | "duration"))
    };
    match schema.get("anyOf").and_then(Value::as_array) {
        Some(alternatives) => alternatives.iter().any(plain),
        None => plain(schema),
    }
}

fn keep(names: &mut Vec<String>, place: &str) {
    if names.len() < MOST && !names.iter().any(|name| name == place) {
        names.push(place.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(operation: &str) -> Asked {
        let document = format!(
            r##"{{"openapi": "3.1.0", "info": {{"title": "t", "version": "1"}}, "paths": {{"/a/{{id}}": {{"post": {operation}}}}},
            "components": {{
              "securitySchemes": {{"O": {{"type": "http", "scheme": "bearer"}}}},
              "schemas": {{
                "Node": {{"type": "object", "properties": {{"name": {{"type": "string"}}, "next": {{"$ref": "#/components/schemas/Node"}}}}}},
                "Out": {{"type": "object", "properties": {{"id": {{"type": "integer"}}, "hashed_password": {{"type": "string"}},
                  "has_password": {{"type": "boolean"}}, "secret": {{"anyOf": [{{"type": "string"}}, {{"type": "null"}}]}}}}}}
              }}
            }}}}"##
        );
        let documents = Documents::read([Ok(document.as_str())]);
        assert_eq!(documents.fault, None);
        documents.find(0, "POST", "/a/{id}").cloned().expect("the operation")
    }

    fn owned(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn what_is_unbounded_and_what_is_secret() {
        // R65
        type Told<'t> = (&'t str, &'t [&'t str], &'t [&'t str], &'t [&'t str]);
        let path = r#""parameters": [{"name": "id", "in": "path", "required": true, "schema": {"type": "string"}}]"#;
        let cases: &[Told<'_>] = &[
            // A list that holds itself ends.
            (
                r##""requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Node"}}}}"##,
                &["path.id", "body.name"],
                &[],
                &[],
            ),
            (
                r#""requestBody": {"content": {"application/json": {"schema": {"type": "array", "items":
                    {"type": "string", "maxLength": 3}}}}}"#,
                &["path.id"],
                &["body"],
                &[],
            ),
            (
                r#""requestBody": {"content": {"application/json": {"schema": {"properties": {
                    "day": {"type": "string", "format": "date"}, "word": {"type": "string", "format": "password"},
                    "kind": {"type": "string", "enum": ["a"]}, "maybe": {"type": ["string", "null"]},
                    "list": {"type": "array", "maxItems": 3, "items": {"type": "integer"}}}}}}}"#,
                &["path.id", "body.word", "body.maybe"],
                &[],
                &[],
            ),
            (
                r##""responses": {"200": {"description": "", "content": {"application/json": {"schema":
                    {"type": "array", "items": {"$ref": "#/components/schemas/Out"}}}}},
                    "422": {"description": "", "content": {"application/json": {"schema": {"properties":
                    {"password": {"type": "string"}}}}}}}"##,
                &["path.id"],
                &[],
                &["hashed_password", "secret"],
            ),
        ];
        for (operation, strings, lists, secrets) in cases {
            let found = asked(&format!("{{{path}, {operation}}}"));
            assert_eq!((found.strings, found.lists, found.secrets), (owned(strings), owned(lists), owned(secrets)));
        }
    }

    #[test]
    fn routes_of_an_app_that_nobody_can_ask() {
        // R66
        let document = r#"{"openapi": "3.1.0", "info": {"title": "t", "version": "1"}, "security": [{"O": ["a:b"]}],
            "components": {"securitySchemes": {"O": {"type": "oauth2", "flows": {}}}}, "paths": {
              "/a": {"get": {"responses": {"204": {"description": ""}}},
                     "put": {"responses": {"200": {"description": "", "content": {"application/json": {}}}}}}}}"#;
        let table = Documents::read([Ok(document)]).table();
        let told: Vec<_> = table
            .routes
            .iter()
            .map(|route| (route.methods.join(","), route.scopes.join(","), route.response.as_ref().map(|r| r.shape)))
            .collect();
        let (get, put) = (Some(ResponseShape::Empty), Some(ResponseShape::None));
        assert_eq!(told, [("GET".into(), "a:b".into(), get), ("PUT".into(), "a:b".into(), put)]);
    }

    #[test]
    fn what_a_document_asks_for() {
        for (security, schemes) in [
            (r#""security": [{"O": []}]"#, vec!["O"]),
            (r#""security": [{"O": []}, {}]"#, vec![]),
            (r#""security": []"#, vec![]),
            (r#""summary": "s""#, vec![]),
        ] {
            let parameters = r#""parameters": [{"name": "id", "in": "path", "required": true, "schema": {}}]"#;
            assert_eq!(asked(&format!("{{{security}, {parameters}}}")).security, schemes, "{security}");
        }
        let documents = Documents::read([Err("it raised"), Ok("{}")]);
        assert_eq!(documents.fault.as_deref(), Some("it raised"));
        assert!(!documents.has(0) && !documents.has(1) && !documents.has(2));
    }
}
