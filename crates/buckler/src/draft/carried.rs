//! What the middlewares of an app say that a policy says, too.

use buckler_coverage::RouteTable;
use buckler_coverage::table::Middleware;
use buckler_http::host::HostPattern;
use buckler_http::origin::OriginPattern;
use serde_json::Value;

const CORS: &str = "starlette.middleware.cors:CORSMiddleware";
const HOSTS: &str = "starlette.middleware.trustedhost:TrustedHostMiddleware";

/// A field that Starlette's `CORSMiddleware` always allows.
const ALWAYS: &str = "Content-Type";

/// Seconds that `cors.max_age` may have.
const LONGEST_AGE: u64 = 24 * 60 * 60;

/// What was found, and what of it a policy cannot say.
#[derive(Debug, Default)]
pub(super) struct Carried {
    pub(super) hosts: Vec<String>,
    pub(super) hosts_left: Vec<String>,
    pub(super) cors: Option<Cors>,
    /// `POST /login: 5 per 1 minute`
    pub(super) limits: Vec<String>,
}

/// Of a `CORSMiddleware`; what is `None` is our default.
#[derive(Debug, Default)]
pub(super) struct Cors {
    pub(super) origins: Vec<String>,
    pub(super) credentials: bool,
    pub(super) methods: Option<Vec<String>>,
    pub(super) headers: Option<Vec<String>>,
    pub(super) expose: Option<Vec<String>>,
    pub(super) max_age: Option<u64>,
    pub(super) left: Vec<String>,
}

impl Carried {
    pub(super) fn from(table: &RouteTable) -> Self {
        let mut carried = Self::default();
        let main = table.applications.iter().find(|app| app.at.is_empty() && app.host.is_none());
        for middleware in main.into_iter().flat_map(|app| &app.middlewares) {
            match middleware.name.as_str() {
                HOSTS => carried.take_hosts(middleware),
                CORS if carried.cors.is_none() => carried.cors = Some(Cors::from(middleware)),
                _ => {}
            }
        }
        for app in table.applications.iter().filter(|app| !app.at.is_empty() || app.host.is_some()) {
            for middleware in
                app.middlewares.iter().filter(|middleware| [HOSTS, CORS].contains(&middleware.name.as_str()))
            {
                let name = middleware.name.rsplit(':').next().unwrap_or_default();
                let what = format!("{name} of the app mounted at `{}`: a policy speaks of the whole service", app.at);
                if middleware.name == HOSTS {
                    carried.hosts_left.push(what);
                } else {
                    carried.cors.get_or_insert_default().left.push(what);
                }
            }
        }
        for app in &table.applications {
            let all = app.limits.iter().map(|limit| format!("every route below `{}/`: {limit}", app.at));
            carried.limits.extend(all);
        }
        for route in table.routes.iter().filter(|route| !route.limits.is_empty()) {
            carried.limits.push(format!("{} {}: {}", route.methods.join(", "), route.path, route.limits.join(", ")));
        }
        carried
    }

    fn take_hosts(&mut self, middleware: &Middleware) {
        for host in texts(middleware, "allowed_hosts").unwrap_or_default() {
            if host == "*" {
                self.hosts_left.push("`*` of TrustedHostMiddleware: every host".to_owned());
            } else if HostPattern::parse(&host).is_ok() {
                self.hosts.push(host);
            } else {
                self.hosts_left.push(format!("`{host}` of TrustedHostMiddleware: no name that a client can ask for"));
            }
        }
    }

    /// A line for each thing that was carried over.
    pub(super) fn told(&self) -> Vec<String> {
        let mut told = Vec::new();
        if !self.hosts.is_empty() {
            told.push(format!("TrustedHostMiddleware: {} names are `server.hosts`", self.hosts.len()));
        }
        if let Some(cors) = self.cors.as_ref().filter(|cors| !cors.origins.is_empty()) {
            told.push(format!("CORSMiddleware: {} origins are `[cors]`", cors.origins.len()));
        }
        if !self.limits.is_empty() {
            told.push(format!("slowapi: {} limits stand as comments", self.limits.len()));
        }
        let left = self.hosts_left.iter().chain(self.cors.iter().flat_map(|cors| &cors.left));
        told.extend(left.map(|what| format!("not carried over: {what}")));
        told
    }
}

impl Cors {
    fn from(middleware: &Middleware) -> Self {
        let mut cors = Self {
            credentials: middleware.arguments.get("allow_credentials").is_some_and(|value| value == true),
            ..Self::default()
        };
        for origin in texts(middleware, "allow_origins").unwrap_or_default() {
            match OriginPattern::parse(&origin) {
                Ok(pattern) if pattern.is_any() && cors.credentials => {
                    cors.left
                        .push("`*` together with credentials lets every page act as the signed-in user".to_owned());
                }
                Ok(_) => cors.origins.push(origin),
                Err(error) => cors.left.push(format!("the origin `{origin}`: {error}")),
            }
        }
        if let Some(pattern) = middleware.arguments.get("allow_origin_regex").and_then(Value::as_str) {
            cors.left.push(format!("allow_origin_regex `{pattern}`: write \"https://*.example.com\" instead"));
        }
        // Starlette's own default: https://www.starlette.dev/middleware/#corsmiddleware
        let methods = texts(middleware, "allow_methods").unwrap_or_else(|| vec!["GET".to_owned()]);
        if !methods.iter().any(|method| method == "*") {
            cors.methods = Some(methods.into_iter().filter(|method| is_token(method)).collect());
        }
        match texts(middleware, "allow_headers") {
            Some(headers) if headers.iter().any(|header| header == "*") => {
                cors.left.push("allow_headers `*`: write the fields that your front end sends as `headers`".to_owned());
            }
            headers => {
                let mut headers: Vec<String> = headers.unwrap_or_default();
                headers.retain(|name| is_token(name));
                // Starlette allows it whatever is listed, and a page needs it to send JSON.
                if !headers.iter().any(|name| name.eq_ignore_ascii_case(ALWAYS)) {
                    headers.push(ALWAYS.to_owned());
                }
                cors.headers = Some(headers);
            }
        }
        let expose = texts(middleware, "expose_headers");
        cors.expose = expose.map(|names| names.into_iter().filter(|name| is_token(name)).collect());
        let seconds = middleware.arguments.get("max_age").and_then(Value::as_u64);
        cors.max_age = Some(seconds.unwrap_or(600).min(LONGEST_AGE));
        cors
    }
}

/// `token`, RFC 9110, section 5.6.2; `*` is none here, since it means all.
fn is_token(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(allowed)
}

/// A list of texts among the arguments.
fn texts(middleware: &Middleware, name: &str) -> Option<Vec<String>> {
    let items = middleware.arguments.get(name)?.as_array()?;
    Some(items.iter().filter_map(Value::as_str).map(str::to_owned).collect())
}
