//! The policy compiled for judging: no parsing, no look-up by name, no switch that is read twice.

use buckler_http::forwarding::TrustedProxies;
use buckler_http::host::HostSet;
use buckler_inspect::coding::Coding;
use buckler_inspect::json::JsonLimits;
use buckler_policy::settings::{Cors, Environment, Errors, HeadLimits, Mode, Policy, Tls};
use http::HeaderValue;

use crate::answer::headers::HeaderRules;
use crate::answer::problem::Audience;
use crate::body::BodyRules;
use crate::check::content::ContentRules;
use crate::check::cors::{CorsRules, KnownOrigin};
use crate::check::docs::DocsRules;
use crate::check::https::Transport;
use crate::contract::ContractRules;
use crate::limits::LimitRules;
use crate::response::ResponseRules;

/// Everything that a request is judged by.
#[derive(Debug)]
pub(crate) struct Rules {
    pub(crate) limits: HeadLimits,
    pub(crate) server_mode: Mode,
    pub(crate) proxies: TrustedProxies,
    pub(crate) hosts: HostSet,
    pub(crate) transport: Transport,
    pub(crate) paths_mode: Mode,
    pub(crate) docs: DocsRules,
    pub(crate) docs_mode: Mode,
    pub(crate) cors: Option<CorsRules>,
    pub(crate) cors_mode: Mode,
    pub(crate) rates: LimitRules,
    pub(crate) content: ContentRules,
    pub(crate) types_mode: Mode,
    pub(crate) contract: ContractRules,
    pub(crate) responses: ResponseRules,
    pub(crate) body: BodyRules,
    /// What a refusal of a coding says is taken instead (RFC 9110 §12.5.3).
    pub(crate) accept_encoding: HeaderValue,
    pub(crate) headers: HeaderRules,
    pub(crate) errors: Errors,
    pub(crate) audience: Audience,
}

/// Port of `https` where the policy names no listener.
const HTTPS_PORT: u16 = 443;

impl Rules {
    pub(crate) fn compile(policy: &Policy) -> Self {
        let server = &policy.server;
        let port = server.redirect_port.or_else(|| server.listen.first().map(std::net::SocketAddr::port));
        let narrow = |limit: usize| u32::try_from(limit).unwrap_or(u32::MAX);
        let json = policy.content.json;
        Self {
            limits: server.limits,
            server_mode: server.mode,
            proxies: server.trusted_proxies.clone(),
            hosts: HostSet::new(&server.hosts),
            transport: match server.tls {
                Tls::Files { .. } | Tls::SelfSigned => Transport::Terminated { port: port.unwrap_or(HTTPS_PORT) },
                Tls::Off => Transport::Elsewhere,
            },
            paths_mode: server.paths.mode,
            docs: DocsRules::compile(&policy.contract),
            docs_mode: policy.contract.mode,
            cors: policy.cors.as_ref().map(compile_cors),
            cors_mode: policy.cors.as_ref().map_or(Mode::Enforce, |cors| cors.mode),
            rates: LimitRules::compile(policy),
            content: ContentRules {
                max_body: policy.content.max_body,
                types: policy.content.types.clone(),
                untyped: policy.content.untyped,
                encodings: policy.content.encodings.clone(),
            },
            types_mode: policy.content.types_mode,
            contract: ContractRules::compile(policy),
            responses: ResponseRules::compile(&policy.contract),
            body: BodyRules {
                mode: policy.content.mode,
                max: policy.content.max_body,
                ratio: policy.content.max_ratio,
                json: JsonLimits { depth: narrow(json.depth), keys: narrow(json.keys), string: narrow(json.string) },
            },
            accept_encoding: accept_encoding(&policy.content.encodings),
            headers: HeaderRules::compile(&policy.headers),
            errors: policy.errors,
            audience: match policy.environment {
                Environment::Development => Audience::Developers,
                Environment::Production | Environment::Staging => Audience::Public,
            },
        }
    }
}

fn accept_encoding(encodings: &[Coding]) -> HeaderValue {
    let names: Vec<_> = encodings.iter().map(|coding| coding.name()).collect();
    HeaderValue::from_str(&names.join(", "))
        .ok()
        .filter(|value| !value.is_empty())
        .unwrap_or(HeaderValue::from_static("identity"))
}

fn compile_cors(cors: &Cors) -> CorsRules {
    let list = |items: &[String]| HeaderValue::from_str(&items.join(", ")).ok().filter(|v| !v.is_empty());
    CorsRules {
        origins: cors.origins.iter().map(KnownOrigin::new).collect(),
        credentials: cors.credentials,
        methods: list(&cors.methods).unwrap_or(HeaderValue::from_static("GET")),
        headers: list(&cors.headers),
        expose: list(&cors.expose),
        max_age: HeaderValue::from(cors.max_age.as_secs()),
    }
}
