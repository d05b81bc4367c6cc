//! What the app's own process tells of its routes. Untrusted: names are the app's, and shown as such.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Every route of an app.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct RouteTable {
    /// The app, and those that are mounted in it; routes refer to them by their place in this list.
    #[serde(default)]
    pub applications: Vec<Application>,
    /// In the order in which the app tries them.
    #[serde(default)]
    pub routes: Vec<Route>,
    /// Routes, or whole apps, beyond the bounds of what is read.
    #[serde(default)]
    pub left_out: usize,
    /// What the app raised when it was asked for them.
    #[serde(default)]
    pub fault: Option<String>,
}

/// An application of Starlette or FastAPI.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Application {
    /// Where it is mounted; empty for the app itself.
    pub at: String,
    /// The host that leads to it, if one does.
    #[serde(default)]
    pub host: Option<String>,
    /// `fastapi` or `starlette`.
    pub framework: String,
    /// Its middlewares, the outermost first.
    #[serde(default)]
    pub middlewares: Vec<Middleware>,
    /// Limits that slowapi applies to every route.
    #[serde(default)]
    pub limits: Vec<String>,
    /// Bytes of a body, if the app bounds them.
    #[serde(default)]
    pub max_body: Option<u64>,
}

/// A middleware.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Middleware {
    /// `module:name`
    pub name: String,
    /// Those arguments that are known by name and are no secrets.
    #[serde(default)]
    pub arguments: BTreeMap<String, Value>,
}

/// What kind of route it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// An HTTP endpoint.
    Http,
    /// A WebSocket.
    Websocket,
    /// A folder of files.
    Static,
    /// Something mounted whose routes are unknown.
    Mount,
}

/// A route.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Route {
    /// What kind it is.
    pub kind: Kind,
    /// With the prefixes of routers and mounts, as the app writes it: `/files/{name:path}`.
    pub path: String,
    /// The same as contracts write it: `/files/{name}`.
    #[serde(default)]
    pub template: String,
    /// The host that leads to it, if one does.
    #[serde(default)]
    pub host: Option<String>,
    /// In capitals; empty is every method.
    #[serde(default)]
    pub methods: Vec<String>,
    /// `module:name` of what answers.
    #[serde(default)]
    pub endpoint: String,
    /// `fastapi` or `starlette`.
    #[serde(default)]
    pub framework: String,
    /// Whether it stands in the contract.
    #[serde(default)]
    pub in_schema: bool,
    /// Whether it is a page of the docs, or the contract itself.
    #[serde(default)]
    pub docs: bool,
    /// Security schemes among its dependencies.
    #[serde(default)]
    pub schemes: Vec<Scheme>,
    /// Scopes that these are asked for.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// `module:name` of its other dependencies, nested ones included.
    #[serde(default)]
    pub dependencies: Vec<String>,
    /// Limits that slowapi applies to it.
    #[serde(default)]
    pub limits: Vec<String>,
    /// Bytes of a body, if the route bounds them.
    #[serde(default)]
    pub max_body: Option<u64>,
    /// `json`, `form` or `file`.
    #[serde(default)]
    pub body: Option<String>,
    /// What filters its answers.
    #[serde(default)]
    pub response: Option<ResponseModel>,
    /// Which of the applications it belongs to.
    #[serde(default)]
    pub application: usize,
}

/// A security scheme.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Scheme {
    /// As the contract names it.
    pub name: String,
    /// Whether a request without credentials reaches the code.
    #[serde(default)]
    pub optional: bool,
}

/// What filters answers.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ResponseModel {
    /// Whether it names what may leave.
    pub shape: ResponseShape,
    /// The type, as an annotation writes it.
    #[serde(default)]
    pub model: String,
}

/// Whether a response model names what may leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ResponseShape {
    /// It names its fields.
    Model,
    /// A number or a text.
    Scalar,
    /// No body at all.
    Empty,
    /// The function makes the response itself.
    Raw,
    /// A `dict`, or anything.
    Open,
    /// There is none.
    None,
}

impl RouteTable {
    /// The middlewares in front of a route: those of its application, and of the ones that this is mounted in.
    pub fn middlewares<'t>(&'t self, route: &'t Route) -> impl Iterator<Item = &'t Middleware> {
        self.around(route).flat_map(|application| &application.middlewares)
    }

    /// The applications that a route is in.
    pub fn around<'t>(&'t self, route: &'t Route) -> impl Iterator<Item = &'t Application> {
        let own = self.applications.get(route.application);
        self.applications.iter().filter(move |other| {
            own.is_some_and(|own| is_below(&own.at, &other.at) && (other.host.is_none() || other.host == own.host))
        })
    }
}

fn is_below(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
