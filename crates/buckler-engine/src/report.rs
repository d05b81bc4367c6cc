//! What is enforced, monitored and off. The start-up report and `buckler check` print this; it is made from
//! the same policy that the rules are compiled from, so neither can say more than the other does.

use std::borrow::Cow;

use buckler_policy::settings::{
    Docs, Environment, Http2, Mask, Mode, Policy, Presence, ResponseRule, Responses, StateStore, Stricter, StripInput,
    Tls, Trim, UnknownFields, Unlisted,
};

use crate::check;
use crate::contract::{ContractRules, WhyOff};
use crate::stage::Stage;

/// One line of the report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Control {
    /// Which stage.
    pub stage: Stage,
    /// Whether it acts.
    pub state: State,
    /// What it holds requests or answers to, or why it does not.
    pub detail: Cow<'static, str>,
    /// The policy key that changes this.
    pub key: &'static str,
}

/// Whether a control acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It refuses.
    Enforced,
    /// It writes down what it would refuse.
    Monitored,
    /// It does nothing.
    Off,
}

impl State {
    /// For the report.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Enforced => "enforced",
            Self::Monitored => "monitored",
            Self::Off => "off",
        }
    }
}

impl From<Mode> for State {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Enforce => Self::Enforced,
            Mode::Monitor => Self::Monitored,
        }
    }
}

/// One control for each stage, in their order.
pub(crate) fn controls(policy: &Policy, contract: &ContractRules) -> Vec<Control> {
    let server = &policy.server;
    let line = |stage: Stage, state: State, detail: Cow<'static, str>, key| Control { stage, state, detail, key };
    let of = |stage: Stage, mode: Mode, detail: String, key| line(stage, mode.into(), detail.into(), key);
    let limits = &server.limits;
    let json = policy.content.json;
    vec![
        of(
            Stage::HeadLimits,
            limits.mode,
            format!("{} fields, {} bytes, target {} bytes", limits.headers, limits.head, limits.target),
            "server.limits",
        ),
        of(Stage::Framing, server.mode, "one length, one host, no aliases".to_owned(), "server.mode"),
        if server.trusted_proxies.is_empty() {
            let detail = "no proxy is trusted: the peer is the client";
            line(Stage::Client, server.mode.into(), detail.into(), "server.trusted_proxies")
        } else {
            let detail = format!("{} trusted networks", server.trusted_proxies.networks().len());
            of(Stage::Client, server.mode, detail, "server.trusted_proxies")
        },
        if server.hosts.is_empty() {
            line(Stage::Host, State::Off, "any host is answered: name yours".into(), "server.hosts")
        } else {
            let names: Vec<_> = server.hosts.iter().map(ToString::to_string).collect();
            of(Stage::Host, server.mode, names.join(", "), "server.hosts")
        },
        https(policy),
        of(
            Stage::Path,
            server.paths.mode,
            "no dot segments, encoded separators, backslashes, NUL".to_owned(),
            "server.paths.mode",
        ),
        docs(policy),
        match &policy.cors {
            None => line(Stage::Cors, State::Off, "left to the app: there is no [cors]".into(), "cors.origins"),
            Some(cors) => {
                let names: Vec<_> = cors.origins.iter().map(ToString::to_string).collect();
                of(Stage::Cors, cors.mode, names.join(", "), "cors.origins")
            }
        },
        rates(policy),
        of(
            Stage::Content,
            policy.content.mode,
            format!(
                "{} bytes, untyped bodies {}",
                policy.content.max_body,
                match policy.content.untyped {
                    buckler_policy::settings::Untyped::Refuse => "refused",
                    buckler_policy::settings::Untyped::Pass => "passed",
                }
            ),
            "content.max_body",
        ),
        {
            let names: Vec<_> = policy.content.types.iter().map(ToString::to_string).collect();
            of(Stage::MediaTypes, policy.content.types_mode, names.join(", "), "content.types")
        },
        self::contract(policy, contract),
        stricter(policy, contract),
        of(
            Stage::Json,
            policy.content.mode,
            format!("depth {}, {} members, strings of {}", json.depth, json.keys, json.string),
            "content.json",
        ),
        match policy.headers.mode {
            Mode::Enforce => line(Stage::Headers, State::Enforced, "on every answer".into(), "headers"),
            Mode::Monitor => line(Stage::Headers, State::Off, "monitored: nothing is added".into(), "headers.mode"),
        },
        match (policy.errors.mode, policy.errors.mask, policy.errors.strip_input) {
            (Mode::Monitor, _, _) | (_, Mask::Pass, StripInput::Keep) => {
                line(Stage::Errors, State::Off, "errors pass as the app writes them".into(), "errors")
            }
            (Mode::Enforce, Mask::Replace, StripInput::Remove) => {
                let detail = "5xx bodies are masked, a 422 loses its input";
                line(Stage::Errors, State::Enforced, detail.into(), "errors")
            }
            (Mode::Enforce, Mask::Replace, StripInput::Keep) => {
                let detail = "5xx bodies are masked, a 422 echoes its input";
                line(Stage::Errors, State::Enforced, detail.into(), "errors.strip_input")
            }
            (Mode::Enforce, Mask::Pass, StripInput::Remove) => {
                let detail = "a 422 loses its input; 5xx bodies are shown";
                line(Stage::Errors, State::Enforced, detail.into(), "errors.mask")
            }
        },
        responses(policy, contract),
    ]
}

fn rates(policy: &Policy) -> Control {
    let limits = &policy.limits;
    let own = policy.routes.iter().filter(|route| !route.limits.is_empty()).count();
    let default: Vec<String> = limits.default.iter().map(|rule| rule.limit.to_string()).collect();
    let routes = match own {
        0 => String::new(),
        1 => "1 route has its own".to_owned(),
        more => format!("{more} routes have their own"),
    };
    let said: Vec<String> = default.into_iter().chain((own > 0).then_some(routes)).collect();
    let (state, detail) = match (said.is_empty(), &policy.store.state) {
        (true, _) => (State::Off, "nothing is counted: `limits.default` is empty".to_owned()),
        (false, StateStore::Embedded) => (limits.mode.into(), format!("{}; counted on this machine", said.join(", "))),
        (false, StateStore::Redis(_)) => (limits.mode.into(), format!("{}; counted in Redis", said.join(", "))),
    };
    Control { stage: Stage::Limits, state, detail: detail.into(), key: "limits" }
}

fn docs(policy: &Policy) -> Control {
    let contract = &policy.contract;
    let environment = match policy.environment {
        Environment::Production => "production",
        Environment::Staging => "staging",
        Environment::Development => "development",
    };
    let (state, detail) = match contract.docs {
        Docs::Open => (State::Off, format!("open ({environment})")),
        Docs::Closed => {
            let paths = check::docs::paths(contract);
            let paths = if paths.is_empty() { "there are none".to_owned() } else { paths.join(", ") };
            (contract.mode.into(), format!("closed ({environment}): {paths}"))
        }
    };
    Control { stage: Stage::Docs, state, detail: detail.into(), key: "contract.docs" }
}

fn contract(policy: &Policy, rules: &ContractRules) -> Control {
    let (state, detail) = match rules {
        ContractRules::Off(WhyOff::Policy) | ContractRules::Answers(_) => {
            (State::Off, "requests are left to the app".to_owned())
        }
        ContractRules::Off(WhyOff::NoDocument) if policy.contract.asks_the_app() => {
            (State::Off, "no OpenAPI document is known: under `run` and in process it is the app's own".to_owned())
        }
        ContractRules::Off(WhyOff::NoDocument) => (State::Off, "there is no OpenAPI document".to_owned()),
        ContractRules::Undecidable(_) if awaits_the_app(policy) => {
            let detail = "by the app's own OpenAPI document; without one every request is refused";
            (State::Enforced, detail.to_owned())
        }
        ContractRules::Off(WhyOff::Refused(why)) => (State::Off, format!("the document cannot be used: {why}")),
        ContractRules::Undecidable(why) => (State::Enforced, format!("every request is refused: {why}")),
        ContractRules::Judged(mode, compiled) => {
            let document = &compiled.held.document;
            let operations: usize = document.routes.iter().map(|route| route.operations.len()).sum();
            let gaps = match document.unenforced.len() + document.further_unenforced {
                0 => String::new(),
                gaps => format!("; {gaps} places of the document are not enforced (`buckler contract --check`)"),
            };
            let left = match compiled.left() {
                0 => String::new(),
                left => format!("; of {left} of them the app answers first, so there it is recorded"),
            };
            let unlisted = match policy.contract.unlisted {
                Unlisted::Refuse => "refused",
                Unlisted::Pass => "passed",
            };
            (State::from(*mode), format!("{operations} operations; what they do not list is {unlisted}{left}{gaps}"))
        }
    };
    Control { stage: Stage::Contract, state, detail: detail.into(), key: "contract.requests" }
}

/// Whether the app has yet to say what it takes.
fn awaits_the_app(policy: &Policy) -> bool {
    let contract = &policy.contract;
    contract.asks_the_app() && contract.document.is_none() && contract.document_fault.is_none()
}

fn stricter(policy: &Policy, rules: &ContractRules) -> Control {
    let content = &policy.content;
    let (names, unknown) = match content.unknown_fields {
        UnknownFields::Reject => (Stricter::Enforce, "unknown fields"),
        UnknownFields::Strip => (Stricter::Enforce, "unknown fields taken out"),
        UnknownFields::Monitor => (Stricter::Monitor, "unknown fields"),
        UnknownFields::Ignore => (Stricter::Off, "unknown fields"),
    };
    let trim = match content.trim {
        Trim::On => Stricter::Enforce,
        Trim::Off => Stricter::Off,
    };
    let asked = |wanted: Stricter| {
        let rules = [(content.strict, "types without coercion"), (names, unknown), (trim, "strings trimmed")];
        let names: Vec<&str> = rules.into_iter().filter(|(rule, _)| *rule == wanted).map(|(_, name)| name).collect();
        (!names.is_empty()).then(|| names.join(", "))
    };
    let (state, detail) = match (rules, asked(Stricter::Enforce), asked(Stricter::Monitor)) {
        (ContractRules::Judged(Mode::Enforce, _), Some(held), None) => (State::Enforced, held),
        (ContractRules::Judged(Mode::Enforce, _), Some(held), Some(watched)) => {
            (State::Enforced, format!("{held}; {watched} only monitored"))
        }
        (ContractRules::Judged(..), held, watched) if held.is_some() || watched.is_some() => {
            let names: Vec<String> = held.into_iter().chain(watched).collect();
            (State::Monitored, names.join(", "))
        }
        _ => (State::Off, "what the app coerces or ignores passes".to_owned()),
    };
    Control { stage: Stage::Stricter, state, detail: detail.into(), key: "content.strict" }
}

fn responses(policy: &Policy, rules: &ContractRules) -> Control {
    let contract = &policy.contract;
    let never = match (contract.never_return.as_slice(), contract.mode) {
        ([], _) => None,
        (names, Mode::Enforce) => Some((State::Enforced, format!("{} never leave", names.join(", ")))),
        (names, Mode::Monitor) => Some((State::Monitored, format!("{} would never leave", names.join(", ")))),
    };
    let compiled = rules.compiled().and_then(|compiled| compiled.outline.as_ref());
    let declared = match (contract.responses, compiled) {
        (Responses::Off, _) => None,
        (Responses::Judged(..), None) => {
            Some((State::Off, "no OpenAPI document tells what answers declare".to_owned()))
        }
        (Responses::Judged(rule, mode), Some(outline)) => {
            let what = match (rule, mode) {
                (ResponseRule::Filter, Mode::Enforce) => "undeclared members are stripped",
                (ResponseRule::Refuse, Mode::Enforce) => "an undeclared answer is a 500",
                (_, Mode::Monitor) => "undeclared members are only recorded",
            };
            let open = match outline.left_open {
                0 => String::new(),
                open => format!("; {open} places are too many to be looked at"),
            };
            Some((mode.into(), format!("{what}{open}")))
        }
    };
    let (state, detail) = match (never, declared) {
        (None, None) => (State::Off, "answers leave as the app writes them".to_owned()),
        (Some(said), None) | (None, Some(said)) => said,
        (Some((state, never)), Some((other, declared))) => {
            let state = if other == State::Enforced { other } else { state };
            (state, format!("{never}; {declared}"))
        }
    };
    Control { stage: Stage::Responses, state, detail: detail.into(), key: "contract.responses" }
}

fn https(policy: &Policy) -> Control {
    let server = &policy.server;
    let clients = match server.client_certificates.as_ref().map(|clients| clients.presence) {
        None => "",
        Some(Presence::Optional) => "; client certificates optional",
        Some(Presence::Required) => "; client certificates required",
    };
    let (state, detail, key) = match server.tls {
        Tls::Off if server.trusted_proxies.is_empty() => (
            State::Off,
            "TLS ends elsewhere; plain HTTP is redirected where a trusted proxy says so".to_owned(),
            "server.tls.mode",
        ),
        Tls::Off => {
            let detail = "a trusted proxy ends TLS; what it took in plain is redirected";
            (server.mode.into(), detail.to_owned(), "server.tls.mode")
        }
        Tls::SelfSigned | Tls::Files { .. } => {
            let spoken = match server.http2 {
                Http2::Offered => "HTTP/2 and HTTP/1.1 over TLS 1.2 and 1.3",
                Http2::Off => "HTTP/1.1 over TLS 1.2 and 1.3",
            };
            (server.mode.into(), format!("{spoken}; plain HTTP is redirected{clients}"), "server.tls")
        }
    };
    Control { stage: Stage::Https, state, detail: detail.into(), key }
}
