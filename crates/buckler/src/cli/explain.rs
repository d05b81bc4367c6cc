//! `buckler explain`

use std::fs::File;
use std::io::{self, Read};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use buckler_engine::explain::Explanation;
use buckler_engine::stage::{Stage, Step};
use buckler_engine::{Context, Engine, Timestamp};
use buckler_http::connection::{Connection, Peer, Scheme};
use buckler_http::head::{Head, Version};
use buckler_policy::Loaded;
use buckler_policy::settings::Mode;
use clap::Args;
use serde_json::{Value, json};

use super::console::{self, Exit, FAINT, Failure, GOOD, STRONG, WEAK};
use super::policy::{PolicyArguments, set};
use crate::serving;

/// Walks one request through the policy and names what decides.
///
/// Nothing is sent: the stages are asked in their order, each whatever the others said. Exit code 1 if the request would
/// be refused.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  buckler explain POST https://api.example.com/users -H 'Content-Type: application/json' \
                  --data user.json\n  buckler explain GET /docs --dev"
)]
pub(crate) struct Arguments {
    /// The method
    method: String,

    /// The whole URL, or a path; a path is asked for at `https://localhost`
    url: String,

    /// A header field; may be repeated. `Host` is taken from the URL where it is not given
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE")]
    headers: Vec<String>,

    /// A file that holds the body, or `-` for standard input
    #[arg(long, value_name = "FILE")]
    data: Option<PathBuf>,

    /// The address that the connection comes from
    #[arg(long, value_name = "IP", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    from: IpAddr,

    #[command(flatten)]
    policy: PolicyArguments,

    /// Explain under development's defaults
    #[arg(long)]
    dev: bool,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// More than any policy may let pass would be judged the same.
const MOST_BODY: u64 = 1 << 30;

/// A client's port is of no account to any rule.
const ANY_PORT: u16 = 50_000;

pub(super) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let environment = arguments.dev.then(|| set("environment", "--dev", "development"));
    let mut loaded = arguments.policy.load(environment.into_iter().collect())?;
    serving::obtain_contract(&mut loaded.policy)?;
    let url = Url::split(&arguments.url)?;
    let fields = fields(&arguments.headers)?;
    let body = arguments.data.as_deref().map(read_body).transpose()?;
    let length = body.as_ref().map(|body| body.len().to_string());
    let head = head(&arguments.method, &url, &fields, length.as_deref());

    let engine = Arc::new(Engine::new(&loaded.policy));
    let peer = Peer::Ip(SocketAddr::new(arguments.from, ANY_PORT));
    let connection = Connection { peer, scheme: url.scheme };
    let context = Context { connection, now: Timestamp(0), nonce: [0; 16] };
    let explanation = engine.explain(&head, body.as_deref(), &context);
    if arguments.json {
        console::print_json(&as_json(&loaded, &explanation))?;
    } else {
        console::print(told(&loaded, &explanation))?;
    }
    Ok(if explanation.decisive.is_some() { Exit::Found } else { Exit::Fine })
}

/// A URL cut at its seams. Not parsed further: what is strange in it is the engine's to judge.
struct Url<'a> {
    scheme: Scheme,
    authority: &'a str,
    target: &'a str,
}

impl<'a> Url<'a> {
    fn split(text: &'a str) -> Result<Self, Failure> {
        if text.starts_with('/') {
            return Ok(Self { scheme: Scheme::Https, authority: "localhost", target: text });
        }
        let (scheme, rest) = if let Some(rest) = text.strip_prefix("https://") {
            (Scheme::Https, rest)
        } else if let Some(rest) = text.strip_prefix("http://") {
            (Scheme::Http, rest)
        } else {
            return Err(Failure::usage(format_args!(
                "`{text}` is no URL\nhelp: write `https://host/path`, or `/path` alone"
            )));
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at_checked(end).unwrap_or((rest, ""));
        // A fragment is never sent.
        let target = target.split('#').next().unwrap_or_default();
        Ok(Self { scheme, authority, target: if target.is_empty() { "/" } else { target } })
    }
}

fn fields(given: &[String]) -> Result<Vec<(&str, &str)>, Failure> {
    given
        .iter()
        .map(|field| {
            let split = field.split_once(':').filter(|(name, _)| !name.is_empty());
            let (name, value) = split.ok_or_else(|| {
                Failure::usage(format_args!("`{field}` is no header field\nhelp: write -H 'Name: value'"))
            })?;
            Ok((name, value.trim()))
        })
        .collect()
}

fn head<'a>(method: &'a str, url: &Url<'a>, fields: &[(&'a str, &'a str)], length: Option<&'a str>) -> Head<'a> {
    let mut head = Head::new(method, url.target.as_bytes(), Version::Http11);
    let has = |wanted: &str| fields.iter().any(|(name, _)| name.eq_ignore_ascii_case(wanted));
    if !has("host") {
        head.push(b"host", url.authority.as_bytes());
    }
    for (name, value) in fields {
        head.push(name.as_bytes(), value.as_bytes());
    }
    if let Some(length) = length.filter(|_| !has("content-length") && !has("transfer-encoding")) {
        head.push(b"content-length", length.as_bytes());
    }
    head
}

fn read_body(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    let read = if path == Path::new("-") {
        io::stdin().lock().take(MOST_BODY).read_to_end(&mut body)
    } else {
        File::open(path).and_then(|file| file.take(MOST_BODY).read_to_end(&mut body))
    };
    read.map_err(|error| Failure::usage(format_args!("--data: `{}` cannot be read: {error}", path.display())))?;
    Ok(body)
}

fn told(loaded: &Loaded, explanation: &Explanation) -> String {
    let mut lines: Vec<String> = explanation.steps.iter().map(|step| line(loaded, explanation, step)).collect();
    lines.push(match explanation.decisive.and_then(|at| explanation.steps.get(at)) {
        Some(Step { stage, violation: Some(violation), .. }) => {
            let (status, code) = (violation.reason.status().as_u16(), violation.reason.code());
            let word = if violation.location.is_some() { "redirected" } else { "refused" };
            format!("{STRONG}{word}{STRONG:#}: {status} {code}, by {}", stage.name())
        }
        _ if explanation.preflight.is_some() => format!("{STRONG}answered{STRONG:#}: a preflight, without the app"),
        _ => format!("{STRONG}admitted{STRONG:#}"),
    });
    lines.join("\n")
}

fn line(loaded: &Loaded, explanation: &Explanation, step: &Step) -> String {
    let name = step.stage.name();
    let Some(violation) = &step.violation else {
        // Nothing is counted here: what is told is under which limits it would be.
        let counted = if step.stage == Stage::Limits && !explanation.limits.is_empty() {
            format!(" {FAINT}(counts against {}){FAINT:#}", explanation.limits.join("; "))
        } else {
            String::new()
        };
        return format!("{GOOD}passed{GOOD:#}    {name}{counted}");
    };
    let word = match step.mode {
        Mode::Enforce => "refused",
        Mode::Monitor => "monitored",
    };
    let origin =
        violation.key.map_or_else(String::new, |key| format!(" {FAINT}({key}{}){FAINT:#}", origin(loaded, key)));
    format!("{WEAK}{word:<9}{WEAK:#} {name}: {}, {}{origin}", violation.reason.code(), violation.detail)
}

/// Where the value of a key was set, as the end of a parenthesis.
fn origin(loaded: &Loaded, key: &str) -> String {
    loaded.provenance.of(key).map_or_else(String::new, |origin| format!(", {origin}"))
}

fn as_json(loaded: &Loaded, explanation: &Explanation) -> Value {
    let steps: Vec<Value> = explanation
        .steps
        .iter()
        .map(|step| {
            let violation = step.violation.as_ref().map(|violation| {
                json!({
                    "code": violation.reason.code(),
                    "status": violation.reason.status().as_u16(),
                    "detail": violation.detail,
                    "key": violation.key,
                    "origin": violation.key.and_then(|key| loaded.provenance.of(key)),
                })
            });
            let mode = match step.mode {
                Mode::Enforce => "enforce",
                Mode::Monitor => "monitor",
            };
            json!({"stage": step.stage.name(), "mode": mode, "violation": violation})
        })
        .collect();
    let decisive = explanation.decisive.and_then(|at| explanation.steps.get(at)).map(|step| step.stage.name());
    json!({
        "admitted": decisive.is_none(),
        "decisive": decisive,
        "preflight": explanation.preflight.is_some(),
        "limits": explanation.limits,
        "steps": steps,
    })
}
