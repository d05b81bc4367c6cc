//! The five columns: what does it, and who.

use std::fmt;

use buckler_policy::settings::{Docs, LimitRule, Mode, Policy, Presence, Requests};
use buckler_schema::Templates;
use serde::{Serialize, Serializer};

use crate::document::{Asked, Documents};
use crate::table::{Kind, ResponseShape, Route, RouteTable};
use crate::words;

/// Starlette's own middleware: it says who calls, and refuses nobody.
const IDENTIFIES: &str = "starlette.middleware.authentication:AuthenticationMiddleware";

/// Who does it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum By {
    /// The app: a scheme, a model, a limit.
    App(String),
    /// The app, as far as a name tells.
    Name(String),
    /// We, by this key of the policy.
    Policy(String),
    /// Its code, which is not read.
    LeftToTheApp,
    /// Nothing is to be done.
    NotNeeded(&'static str),
}

impl fmt::Display for By {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::App(what) => write!(f, "the app: {what}"),
            Self::Name(what) => write!(f, "the app: {what} (by its name)"),
            Self::Policy(what) => write!(f, "policy: {what}"),
            Self::LeftToTheApp => f.write_str("left to the app"),
            Self::NotNeeded(why) => f.write_str(why),
        }
    }
}

/// What does something for a route; nothing at all is `none`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cell(pub Vec<By>);

impl Cell {
    /// Whether something does it, or nothing is to be done.
    pub fn is_covered(&self) -> bool {
        self.0.iter().any(|by| !matches!(by, By::LeftToTheApp))
    }

    /// Whether the app does it, as far as can be seen.
    pub fn is_by_the_app(&self) -> bool {
        self.0.iter().any(|by| matches!(by, By::App(_) | By::Name(_)))
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("none");
        }
        let told: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&told.join("; "))
    }
}

impl Serialize for Cell {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The columns of a route.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Cells {
    /// Who asks who calls.
    pub authenticates: Cell,
    /// Who asks whether that one may.
    pub authorises: Cell,
    /// What bounds how often.
    pub limits: Cell,
    /// What bounds how much.
    pub bounds: Cell,
    /// What bounds what leaves.
    pub filters: Cell,
}

/// What is looked at for one route.
#[derive(Clone, Copy)]
pub(crate) struct Looked<'a> {
    pub(crate) policy: &'a Policy,
    pub(crate) table: &'a RouteTable,
    pub(crate) documents: &'a Documents,
    pub(crate) route: &'a Route,
    /// What the contract says of it.
    pub(crate) asked: Option<&'a Asked>,
    /// In capitals; `None` is every method, or none as of a WebSocket.
    pub(crate) method: Option<&'a str>,
}

impl Looked<'_> {
    /// Whether the endpoint is read at all.
    pub(crate) fn is_read(&self) -> bool {
        self.route.framework == "fastapi"
    }

    /// Whether a request can change something.
    pub(crate) fn is_unsafe(&self) -> bool {
        // RFC 9110, section 9.2.1.
        self.route.kind == Kind::Http && !matches!(self.method, Some("GET" | "HEAD" | "OPTIONS" | "TRACE"))
    }

    /// Whether it takes a body, as far as is known.
    pub(crate) fn has_body(&self) -> bool {
        let declared = self.route.body.is_some() || self.asked.is_some_and(|asked| !asked.body.is_empty());
        self.route.kind == Kind::Http && (declared || (!self.is_read() && self.is_unsafe()))
    }

    pub(crate) fn cells(&self) -> Cells {
        Cells {
            authenticates: self.authenticates(),
            authorises: self.authorises(),
            limits: self.limits(),
            bounds: self.bounds(),
            filters: self.filters(),
        }
    }

    fn authenticates(&self) -> Cell {
        let mut by = Vec::new();
        let clients = self.policy.server.client_certificates.as_ref();
        if clients.is_some_and(|clients| clients.presence == Presence::Required) {
            by.push(By::Policy("client certificate".to_owned()));
        }
        let contract = &self.policy.contract;
        if self.route.docs && (contract.docs, contract.mode) == (Docs::Closed, Mode::Enforce) {
            return Cell(vec![By::Policy("closed".to_owned())]);
        }
        let schemes = &self.route.schemes;
        by.extend(schemes.iter().map(|scheme| {
            let optional = if scheme.optional { " (optional)" } else { "" };
            By::App(format!("{}{optional}", scheme.name))
        }));
        if schemes.is_empty() {
            let named = |name: &&String| words::authenticates(name) || words::authorises(name);
            let name = |name: &String| By::Name(words::shown(name).to_owned());
            by.extend(self.route.dependencies.iter().filter(named).map(name));
        }
        let middlewares = self.table.middlewares(self.route).map(|middleware| &middleware.name);
        let middlewares = middlewares.filter(|name| words::authenticates(name) && name.as_str() != IDENTIFIES);
        by.extend(middlewares.map(|name| By::Name(words::shown(name).to_owned())));
        self.or_left(by)
    }

    fn authorises(&self) -> Cell {
        let mut by = Vec::new();
        if !self.route.scopes.is_empty() {
            by.push(By::App(format!("scopes {}", self.route.scopes.join(", "))));
        }
        let named = self.route.dependencies.iter().filter(|name| words::authorises(name));
        by.extend(named.map(|name| By::Name(words::shown(name).to_owned())));
        self.or_left(by)
    }

    fn limits(&self) -> Cell {
        let mut by: Vec<By> = Vec::new();
        let has_slowapi =
            || self.table.middlewares(self.route).any(|middleware| middleware.name.starts_with("slowapi."));
        if !self.route.limits.is_empty() {
            by.push(By::App(format!("slowapi {}", self.route.limits.join(", "))));
        } else if has_slowapi() {
            let everywhere: Vec<&str> =
                self.table.around(self.route).flat_map(|app| &app.limits).map(String::as_str).collect();
            if !everywhere.is_empty() {
                by.push(By::App(format!("slowapi {}", everywhere.join(", "))));
            }
        }
        let names =
            self.table.middlewares(self.route).map(|middleware| &middleware.name).chain(&self.route.dependencies);
        let named = names.filter(|name| words::limits(name) && !name.starts_with("slowapi."));
        by.extend(named.map(|name| By::Name(words::shown(name).to_owned())));
        if self.policy.limits.mode == Mode::Enforce {
            let written = |rule: &LimitRule| By::Policy(rule.limit.to_string());
            by.extend(self.own_limits().iter().chain(&self.policy.limits.default).map(written));
        }
        match self.route.kind {
            Kind::Mount if by.is_empty() => Cell(vec![By::LeftToTheApp]),
            _ => Cell(by),
        }
    }

    /// The limits of the policy that are for this route alone.
    pub(crate) fn own_limits(&self) -> &[LimitRule] {
        let rules = &self.policy.routes;
        let Ok(templates) = Templates::new(rules.iter().map(|rule| rule.template.clone())) else { return &[] };
        // The template of the app is a path that the template of a rule fits, whatever its parameters are called.
        let found = templates.find(&self.route.path);
        let of = |method: Option<&str>| {
            found.iter().filter_map(|at| rules.get(*at)).find(|rule| rule.method.as_deref() == method)
        };
        of(self.method).or_else(|| of(None)).map_or(&[], |rule| &rule.limits)
    }

    fn bounds(&self) -> Cell {
        let mut by = Vec::new();
        if self.route.kind == Kind::Websocket {
            return Cell(by);
        }
        let given = self.table.around(self.route).filter_map(|app| app.max_body).min();
        let own = self.route.max_body.or(given).map(|bytes| By::App(format!("max_body_size {}", size(bytes))));
        if self.has_body() || self.is_unsafe() || self.route.kind == Kind::Mount {
            if self.policy.content.mode == Mode::Enforce {
                by.push(By::Policy(format!("max_body {}", size(self.policy.content.max_body))));
            }
            by.extend(own);
        } else if self.policy.server.limits.mode == Mode::Enforce {
            let target = u64::try_from(self.policy.server.limits.target).unwrap_or(u64::MAX);
            by.push(By::Policy(format!("target {}", size(target))));
        }
        let held = self.policy.contract.requests == Requests::Judged(Mode::Enforce);
        if held && self.route.in_schema {
            by.push(By::Policy("contract".to_owned()));
        }
        Cell(by)
    }

    fn filters(&self) -> Cell {
        let Some(response) = &self.route.response else {
            return Cell(vec![By::LeftToTheApp]);
        };
        match response.shape {
            ResponseShape::Model | ResponseShape::Scalar => Cell(vec![By::App(response.model.clone())]),
            ResponseShape::Empty => Cell(vec![By::NotNeeded("no body")]),
            ResponseShape::Raw => Cell(vec![By::LeftToTheApp]),
            // The document may say more than the function: `responses={200: {"model": …}}`.
            ResponseShape::Open | ResponseShape::None => Cell::default(),
        }
    }

    fn or_left(&self, by: Vec<By>) -> Cell {
        if by.is_empty() && !self.is_read() { Cell(vec![By::LeftToTheApp]) } else { Cell(by) }
    }
}

/// Bytes as people write them.
fn size(bytes: u64) -> String {
    const UNITS: [(&str, u64); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    match UNITS.iter().find(|(_, unit)| bytes >= *unit && bytes.is_multiple_of(*unit)) {
        Some((name, unit)) => format!("{} {name}", bytes / unit),
        None => format!("{bytes} bytes"),
    }
}
