//! The typed policy: what is left when every mistake has been refused.
//!
//! Nothing here can be invalid: names are parsed into patterns, numbers carry their unit, references to
//! secrets are references. The engine compiles this value once into its own tables.

mod contract;
mod fingerprint;
mod limits;

use std::net::SocketAddr;
use std::time::Duration;

use buckler_http::forwarding::TrustedProxies;
use buckler_http::host::HostPattern;
use buckler_http::media::MediaRange;
use buckler_http::origin::OriginPattern;
use buckler_inspect::coding::Coding;

use crate::secret::SecretReference;
pub use contract::{
    Contract, ContractSource, Coverage, Docs, Document, DocumentUrl, Requests, ResponseRule, Responses, Silence,
    Transport, Unlisted,
};

pub use limits::{Keep, LimitFields, LimitRule, Limits, Route, StateStore, Store};

/// The whole policy, resolved: file, environment and defaults have been laid over each other.
#[derive(Debug, Clone)]
pub struct Policy {
    /// Which defaults apply and what may be missing.
    pub environment: Environment,
    /// How the app is started (`buckler run`).
    pub app: App,
    /// Listeners, names, trusted proxies, transport.
    pub server: Server,
    /// Response header fields.
    pub headers: Headers,
    /// Cross-origin sharing; `None` leaves it to the app.
    pub cors: Option<Cors>,
    /// Request bodies.
    pub content: Content,
    /// What the app says of itself.
    pub contract: Contract,
    /// How often clients may ask.
    pub limits: Limits,
    /// Rules of single routes.
    pub routes: Vec<Route>,
    /// Where counts are kept.
    pub store: Store,
    /// What a client may learn from an error.
    pub errors: Errors,
    /// Access and event log.
    pub log: Log,
}

/// Where the policy is in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Environment {
    /// Hosts and certificate must be named, errors are masked.
    Production,
    /// As production, for machines that are not reached by users.
    Staging,
    /// Self-signed certificate, loopback names, docs open, errors shown.
    Development,
}

impl Environment {
    /// As it is written in a policy.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Production => "production",
            Self::Staging => "staging",
            Self::Development => "development",
        }
    }
}

/// Whether a control refuses or only records what it would refuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Refuse.
    Enforce,
    /// Record exactly what enforcing would refuse, refuse nothing.
    Monitor,
}

/// `[app]`
#[derive(Debug, Clone)]
pub struct App {
    /// `module:attribute`, as uvicorn writes it.
    pub target: Option<String>,
    /// Worker processes, 1 to 256.
    pub workers: u16,
    /// What serves it in the workers; `None` is what is installed, uvicorn first.
    pub server: Option<AppServer>,
    /// Requests in flight to one worker, 1 to 100,000.
    pub concurrency: u32,
    /// Requests that a worker is given before it is replaced; `None` is without end.
    pub max_requests: Option<u64>,
    /// How long a worker serves; `None` is for ever.
    pub max_age: Option<Duration>,
    /// Resident bytes of a worker's process; `None` is whatever it takes.
    pub max_memory: Option<u64>,
    /// Whether workers are replaced when the app's source changes.
    pub reload: Reload,
    /// Folder put in front of the module search path.
    pub app_dir: Option<String>,
    /// Interpreter, before the search that `run` does on its own.
    pub python: Option<String>,
}

/// What can serve an app in a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppServer {
    /// <https://uvicorn.dev>
    Uvicorn,
    /// <https://github.com/emmett-framework/granian>
    Granian,
}

impl AppServer {
    /// The name of its package.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Uvicorn => "uvicorn",
            Self::Granian => "granian",
        }
    }
}

/// Whether workers are replaced when the app's source changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reload {
    /// They are. Development only.
    OnChange,
    /// They are not.
    Off,
}

/// `[server]`
#[derive(Debug, Clone)]
pub struct Server {
    /// Enforce or monitor: host and HTTPS checks.
    pub mode: Mode,
    /// Addresses that the gateway listens on.
    pub listen: Vec<SocketAddr>,
    /// Plain-HTTP address that answers 308 to HTTPS.
    pub http_redirect: Option<SocketAddr>,
    /// Port that redirects name; `None` is the first `listen` port.
    pub redirect_port: Option<u16>,
    /// Names that the service answers to. Empty: any name is let pass (in-process only, reported).
    pub hosts: Vec<HostPattern>,
    /// Peers whose forwarding header fields are believed. Empty: nobody.
    pub trusted_proxies: TrustedProxies,
    /// Connections open at the same time, all listeners together.
    pub max_connections: usize,
    /// Transport security.
    pub tls: Tls,
    /// Certificates of clients; `None` asks for none.
    pub client_certificates: Option<ClientCertificates>,
    /// Deadlines.
    pub timeouts: Timeouts,
    /// Bounds of the request head.
    pub limits: HeadLimits,
    /// Whether clients are offered HTTP/2.
    pub http2: Http2,
    /// Path rules.
    pub paths: Paths,
}

/// `[server.tls]`
#[derive(Debug, Clone)]
pub enum Tls {
    /// PEM chain and key.
    Files {
        /// Certificate chain, leaf first.
        certificate: SecretReference,
        /// Private key.
        key: SecretReference,
        /// Further certificates, chosen by the name that a client asks for.
        certificates: Vec<KeyPair>,
    },
    /// A certificate made at start for the configured hosts and loopback names; development only.
    SelfSigned,
    /// Plain HTTP; in production only behind named trusted proxies.
    Off,
}

/// A certificate chain and the key of its first certificate.
#[derive(Debug, Clone)]
pub struct KeyPair {
    /// Certificate chain, leaf first.
    pub certificate: SecretReference,
    /// Private key.
    pub key: SecretReference,
}

/// Certificates of clients: whose, and from whom they are wanted.
#[derive(Debug, Clone)]
pub struct ClientCertificates {
    /// Whether a client may do without.
    pub presence: Presence,
    /// The roots that they must come from.
    pub authorities: SecretReference,
    /// Lists of what was revoked.
    pub revoked: Option<SecretReference>,
}

/// Whether a client may come without a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// It may; one that it shows must be good.
    Optional,
    /// It may not.
    Required,
}

/// `[server.timeouts]`
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// From the first byte of a request to the end of its head.
    pub header: Duration,
    /// Grace before `body_rate` counts.
    pub body: Duration,
    /// Bytes per second that a request body must keep up after the grace.
    pub body_rate: u64,
    /// Keep-alive connection without a request.
    pub idle: Duration,
    /// Request sent to first byte of the app's answer.
    pub upstream: Duration,
    /// Connecting to the app.
    pub connect: Duration,
    /// In-flight requests at shutdown.
    pub drain: Duration,
}

/// `server.http2`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Http2 {
    /// By ALPN, before HTTP/1.1.
    Offered,
    /// HTTP/1.1 alone.
    Off,
}

/// `[server.limits]`
#[derive(Debug, Clone, Copy)]
pub struct HeadLimits {
    /// Enforce or monitor.
    pub mode: Mode,
    /// Header field lines.
    pub headers: usize,
    /// Bytes of the whole head (request line, names, values, separators).
    pub head: usize,
    /// Bytes of the request target.
    pub target: usize,
    /// Requests under way on one HTTP/2 connection.
    pub streams: u32,
}

/// `[server.paths]`
#[derive(Debug, Clone, Copy)]
pub struct Paths {
    /// Enforce or monitor.
    pub mode: Mode,
}

/// `[headers]`
#[derive(Debug, Clone)]
pub struct Headers {
    /// Enforce, or monitor: record what the app's answer lacks, add nothing but the request id.
    pub mode: Mode,
    /// The fields that are set, in the order they are sent, with the value per kind of answer.
    pub content_security_policy: Csp,
    /// `Strict-Transport-Security`, never sent in development nor over plain HTTP.
    pub hsts: Option<String>,
    /// `X-Content-Type-Options`
    pub content_type_options: Option<String>,
    /// `X-Frame-Options`
    pub frame_options: Option<String>,
    /// `Referrer-Policy`
    pub referrer_policy: Option<String>,
    /// `Permissions-Policy`
    pub permissions_policy: Option<String>,
    /// `Cross-Origin-Opener-Policy`
    pub opener_policy: Option<String>,
    /// `Cross-Origin-Resource-Policy`
    pub resource_policy: Option<String>,
    /// `X-XSS-Protection`
    pub xss_protection: Option<String>,
    /// `Cache-Control: no-store` on answers to requests that carry credentials, unless the app set its own.
    pub no_store_authenticated: bool,
    /// Path prefixes whose answers are never stored.
    pub no_store_paths: Vec<String>,
    /// Lower-case names whose value from the policy replaces the app's.
    pub force: Vec<String>,
    /// Lower-case names removed from the app's answers.
    pub remove: Vec<String>,
}

/// `[headers.csp]`: one policy per kind of answer; `None` sends none.
#[derive(Debug, Clone)]
pub struct Csp {
    /// Anything that is not a page.
    pub data: Option<String>,
    /// `text/html` and `application/xhtml+xml`.
    pub html: Option<String>,
    /// The interactive docs pages, development only.
    pub docs: Option<String>,
    /// Exact paths of the docs pages.
    pub docs_paths: Vec<String>,
    /// Send `Content-Security-Policy-Report-Only` instead.
    pub report_only: bool,
}

/// `[cors]`
#[derive(Debug, Clone)]
pub struct Cors {
    /// Enforce or monitor.
    pub mode: Mode,
    /// Origins that may read answers.
    pub origins: Vec<OriginPattern>,
    /// Whether cookies and `Authorization` may be sent along. Never with a wildcard origin.
    pub credentials: bool,
    /// Methods, upper case.
    pub methods: Vec<String>,
    /// Request header fields, lower case.
    pub headers: Vec<String>,
    /// Response header fields that scripts may read.
    pub expose: Vec<String>,
    /// How long a browser may keep a preflight's answer.
    pub max_age: Duration,
}

/// `[content]`
#[derive(Debug, Clone)]
pub struct Content {
    /// Enforce or monitor.
    pub mode: Mode,
    /// Bytes of a request body.
    pub max_body: u64,
    /// Media types that a body may have.
    pub types: Vec<MediaRange>,
    /// What `types` does to a type that is not listed: monitored until the policy names `types`.
    pub types_mode: Mode,
    /// What happens to a body without `Content-Type`.
    pub untyped: Untyped,
    /// Content codings that an inspected body may have.
    pub encodings: Vec<Coding>,
    /// How many times larger than what was sent a compressed body may become.
    pub max_ratio: u32,
    /// Bounds of a JSON document.
    pub json: Json,
    /// Whether values must have the types that the contract says, without Pydantic's coercion.
    pub strict: Stricter,
    /// Whether members and parameters that the contract does not name are refused.
    pub unknown_fields: UnknownFields,
    /// White space at both ends of strings.
    pub trim: Trim,
}

/// A body without `Content-Type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Untyped {
    /// 415.
    Refuse,
    /// Passed on, not inspected.
    Pass,
}

/// `content.json`
#[derive(Debug, Clone, Copy)]
pub struct Json {
    /// Nesting of arrays and objects.
    pub depth: usize,
    /// Members of all objects together.
    pub keys: usize,
    /// Characters of one string or member name.
    pub string: usize,
}

/// `content.unknown_fields`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnknownFields {
    /// A request that has some is refused where the contract's requests are enforced.
    Reject,
    /// Those of a body are taken out of it before the app sees it; others are recorded.
    Strip,
    /// They are recorded.
    Monitor,
    /// They pass.
    Ignore,
}

/// `content.trim`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trim {
    /// Strings of a body lose the white space at both ends.
    On,
    /// They stay as they are.
    Off,
}

/// A rule that is stricter than the app's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stricter {
    /// It refuses where the contract's requests are enforced.
    Enforce,
    /// It records.
    Monitor,
    /// It is not asked.
    Off,
}

/// `[errors]`
#[derive(Debug, Clone, Copy)]
pub struct Errors {
    /// Enforce or monitor.
    pub mode: Mode,
    /// Replace the body of an app's 5xx. On outside development.
    pub mask: Mask,
    /// Remove the echoed `input` from FastAPI's 422.
    pub strip_input: StripInput,
}

/// Whether a 5xx body of the app reaches the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mask {
    /// Replaced by problem+json.
    Replace,
    /// Passed as it is.
    Pass,
}

/// Whether a 422 may echo what was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StripInput {
    /// `input` is removed at every place FastAPI writes it.
    Remove,
    /// Passed as it is.
    Keep,
}

/// `[log]`
#[derive(Debug, Clone)]
pub struct Log {
    /// Shape of the lines.
    pub format: LogFormat,
    /// Whether each request gets a line, or refusals only.
    pub access: AccessLog,
}

/// Shape of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For people.
    Human,
}

/// Which requests are logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccessLog {
    /// Every request.
    All,
    /// Refused, monitored and failed ones.
    Refusals,
}
