//! A first policy for an app, from what the app itself tells: its routes, its contract, its middlewares.
//!
//! What can be enforced is written as keys; what is a proposal, or cannot be enforced yet, as comments. The text is
//! loaded before it is handed out, so that no draft is wrong.

mod carried;
mod text;

use buckler_coverage::{Coverage, Documents, RouteTable};
use buckler_policy::coverage::FindingId;
use buckler_policy::{Host, Loaded, PolicyErrors, Sources};
use buckler_schema::Template;

use carried::Carried;
use text::Text;

/// Routes of one kind that are named in a comment.
const NAMED: usize = 30;

/// What a policy is drafted from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Material<'a> {
    /// `module:attribute`, of an app that can be run.
    pub(crate) target: Option<&'a str>,
    /// The folder of its module.
    pub(crate) app_dir: Option<&'a str>,
    /// What the draft says that it comes from.
    pub(crate) from: &'a str,
    pub(crate) table: &'a RouteTable,
    pub(crate) documents: &'a Documents,
}

/// A policy and what belongs to it.
#[derive(Debug)]
pub(crate) struct Draft {
    /// `buckler.toml`
    pub(crate) policy: String,
    /// `.env.example`
    pub(crate) environment: String,
    /// What was found in the app, under this policy.
    pub(crate) coverage: Coverage,
    /// What was carried over from middlewares, a line each.
    pub(crate) carried: Vec<String>,
}

/// Lines that a repository should ignore.
pub(crate) const IGNORED: [&str; 3] = [".env", "*.key", "*-key.pem"];

/// Kinds of findings, with their words.
pub(crate) const KINDS: [(&[FindingId], &str); 9] = [
    (&[FindingId::NoAuthentication, FindingId::UnreadAccess], "that nothing authenticates"),
    (&[FindingId::NoAuthorisation], "for administration that any account may call"),
    (&[FindingId::OpenUpload], "with file uploads"),
    (&[FindingId::UnboundedString], "with strings of any length"),
    (&[FindingId::UnboundedArray], "with lists of any length"),
    (&[FindingId::NoResponseModel], "without a response model"),
    (&[FindingId::SensitiveAnswer], "with names of secrets in answers"),
    (&[FindingId::UnlimitedSignIn], "to sign in at, without a limit of their own"),
    (&[FindingId::NotInContract, FindingId::OpaqueMount], "in no contract"),
];

impl Draft {
    /// # Errors
    /// What is wrong with the draft, which would be ours.
    pub(crate) fn of(material: &Material<'_>) -> Result<Self, PolicyErrors> {
        let carried = Carried::from(material.table);
        let mut text = Text::default();
        head(&mut text, material);
        server(&mut text, &carried);
        cors(&mut text, &carried);
        content(&mut text, material);
        let so_far = load(text.as_str())?.policy;
        let coverage = Coverage::of(&so_far, material.table, material.documents);
        contract(&mut text, material, &coverage, &so_far.contract.never_return);
        limits(&mut text, &carried, &coverage);
        let policy = text.finish();
        load(&policy)?;
        Ok(Self { policy, environment: ENVIRONMENT.to_owned(), coverage, carried: carried.told() })
    }
}

/// `.env.example`: what differs where the app is developed.
const ENVIRONMENT: &str = "\
# Copy to .env and load it where you develop; none of it belongs into production.
# Any key of the policy can be set like this: BUCKLER_, the sections and the key, with two underscores between.
BUCKLER_ENVIRONMENT=development
BUCKLER_SERVER__HOSTS=localhost,127.0.0.1
BUCKLER_SERVER__TLS__MODE=self-signed
";

fn load(text: &str) -> Result<Loaded, PolicyErrors> {
    Sources::new(Host::Gateway).file("buckler.toml", text).load()
}

fn head(text: &mut Text, material: &Material<'_>) {
    text.comment(&format!("Drafted by `buckler init` from {}.", material.from));
    text.comment("Keys are in force. Comments are proposals, or say what this release cannot enforce.");
    text.comment("Every key, its default and the reason for it: docs/policy.md. Next: `buckler check --app APP`.");
    text.gap();
    text.comment("\"development\" and \"staging\" are the others; .env.example shows what to set where you develop.");
    text.key("environment", &"production");
    if let Some(target) = material.target {
        text.section("app");
        text.key("target", &target);
        if let Some(folder) = material.app_dir {
            text.key("app_dir", &folder);
        }
    }
}

fn server(text: &mut Text, carried: &Carried) {
    text.section("server");
    if carried.hosts.is_empty() {
        text.comment("CHANGE THIS to the names that clients use. Any other name gets 400.");
        text.key("hosts", &["api.example.com"]);
    } else {
        text.comment("From the app's TrustedHostMiddleware. Any other name gets 400.");
        text.key("hosts", &carried.hosts);
    }
    for left in &carried.hosts_left {
        text.comment(&format!("Not carried over: {left}"));
    }
    text.comment("Behind a proxy or a load balancer: its address, and mode = \"off\" below if it has the certificate.");
    text.proposal("trusted_proxies = [\"10.1.2.3\"]");
    text.section("server.tls");
    text.comment("CHANGE THIS to where yours are. References only: \"file:\", \"env:\" or \"cmd:\".");
    text.key("certificate", &"file:/etc/buckler/fullchain.pem");
    text.key("key", &"file:/etc/buckler/privkey.pem");
}

fn cors(text: &mut Text, carried: &Carried) {
    let Some(cors) = carried.cors.as_ref().filter(|cors| !cors.origins.is_empty()) else {
        text.gap();
        text.comment("Without [cors] the app's own CORS answers pass, and foreign WebSockets are the app's business.");
        for left in carried.cors.iter().flat_map(|cors| &cors.left) {
            text.comment(&format!("Not carried over: {left}"));
        }
        text.proposal("[cors]");
        text.proposal("origins = [\"https://app.example.com\"]");
        return;
    };
    text.section("cors");
    text.comment("From the app's CORSMiddleware, whose answers this replaces.");
    for left in &cors.left {
        text.comment(&format!("Not carried over: {left}"));
    }
    text.key("origins", &cors.origins);
    if cors.credentials {
        text.key("credentials", &true);
    }
    if let Some(methods) = &cors.methods {
        text.key("methods", methods);
    }
    if let Some(headers) = &cors.headers {
        text.key("headers", headers);
    }
    if let Some(expose) = &cors.expose {
        text.key("expose", expose);
    }
    if let Some(seconds) = cors.max_age {
        text.key("max_age", &format!("{seconds}s"));
    }
}

fn content(text: &mut Text, material: &Material<'_>) {
    let mut types: Vec<&str> =
        material.documents.operations(0).flat_map(|(_, _, asked)| &asked.body).map(String::as_str).collect();
    types.sort_unstable();
    types.dedup();
    text.section("content");
    text.comment("Bodies have at most 10 MiB, JSON a depth of 32; larger needs are said here.");
    text.proposal("max_body = \"10MiB\"");
    text.comment(
        "What no model names, by none of its aliases, and what only Pydantic's coercion takes (\"1\" for 1) is",
    );
    text.comment("refused. Clients that send such things: write \"monitor\" and look at the log first.");
    text.key("unknown_fields", &"reject");
    text.key("strict", &true);
    if !types.is_empty() {
        text.comment(
            "What the contract's operations take. Named here, every other media type gets 415; until then the",
        );
        text.comment("default list is monitored. Routes outside of the contract may take more: look at the log first.");
        text.proposal(&format!("types = {}", text::value(&types)));
    }
}

fn contract(text: &mut Text, material: &Material<'_>, coverage: &Coverage, never: &[String]) {
    text.section("contract");
    if material.target.is_some() && material.documents.has(0) {
        text.comment(
            "What breaks the app's own contract gets 422 before the app: also an anonymous client's, who would",
        );
        text.comment(
            "else hear 401. \"auto\" leaves that to the app wherever a client could tell; then write \"monitor\"",
        );
        text.comment("for unknown_fields and strict, too.");
        text.key("requests", &"enforce");
        text.comment(
            "What no response model names is taken out of answers. Clients that read more: write \"monitor\" and",
        );
        text.comment("look at the log first. `never_return` names what leaves in no answer at all.");
        text.key("responses", &"filter");
        never_return(text, material, never);
    }
    text.gap();
    text.comment(&format!("As drafted: {}.", coverage.summary()));
    text.comment("`buckler check --app APP` shows each, docs/coverage.md what it means. Once no error stands, write");
    text.comment("\"enforce\": then `buckler run` does not start while a route is uncovered.");
    text.key("coverage", &"report");
    for (ids, words) in KINDS {
        let of_kind = || coverage.findings.iter().filter(|finding| ids.contains(&finding.id));
        let count = of_kind().count();
        if count == 0 {
            continue;
        }
        text.gap();
        text.comment(&format!("{count} {words}:"));
        for finding in of_kind().take(NAMED) {
            let route = finding.route.as_deref().unwrap_or("the app");
            text.comment(&format!("  {} {route}: {}", finding.id.code(), finding.detail));
        }
        if count > NAMED {
            text.comment(&format!("  and {} more", count - NAMED));
        }
        if let Some(first) = of_kind().next() {
            text.comment(&format!("Mend: {}.", first.remedy));
        }
    }
    let first = coverage.errors().find_map(|finding| Some((finding.id, finding.route.as_deref()?)));
    let (id, route) = first.unwrap_or((FindingId::NoAuthentication, "GET /health"));
    text.gap();
    text.comment("What has to stay as it is, is silenced with its reason, once for each:");
    text.proposal("[[contract.silence]]");
    text.proposal(&format!("id = {}", text::value(&id.code())));
    text.proposal(&format!("route = {}", text::value(&route)));
    text.proposal("reason = \"why everybody may\"");
}

/// The names of secrets that the contract lets answers have: whether a client needs one, the app does not say.
fn never_return(text: &mut Text, material: &Material<'_>, usual: &[String]) {
    let fields = material.documents.operations(0).flat_map(|(_, _, asked)| &asked.secrets);
    let names = fields.filter_map(|field| field.rsplit('.').next());
    let mut never: Vec<&str> = usual.iter().map(String::as_str).chain(names).collect();
    never.sort_unstable();
    never.dedup();
    if never.len() > usual.len() {
        text.comment("Response models name these; clients that need none of them lose nothing:");
        text.proposal(&format!("never_return = {}", text::value(&never)));
    }
}

/// Where people sign in, and the limits that slowapi has.
fn limits(text: &mut Text, carried: &Carried, coverage: &Coverage) {
    if !carried.limits.is_empty() {
        text.gap();
        text.comment(
            "Limits of slowapi, which counts each worker by itself. Here they are a `[[route]]` with `limits`:",
        );
        for limit in carried.limits.iter().take(NAMED) {
            text.comment(&format!("  {limit}"));
        }
    }
    let guessed = coverage.findings.iter().filter(|finding| finding.id == FindingId::UnlimitedSignIn);
    let routes = guessed.filter_map(|finding| finding.route.as_deref()).filter(|route| is_plain(route));
    for route in routes.take(NAMED) {
        text.tables("route");
        text.key("match", &route);
        text.key("limits", &SIGN_IN);
    }
}

/// What people who have forgotten which password it was need, and no more.
const SIGN_IN: [&str; 1] = ["5/minute per ip"];

/// `POST /login`: a route as `match` can name it.
fn is_plain(route: &str) -> bool {
    let Some((method, path)) = route.split_once(' ') else { return false };
    let is_method = !method.is_empty() && method.bytes().all(|byte| byte.is_ascii_uppercase());
    is_method && path.bytes().all(|byte| byte.is_ascii_graphic()) && Template::parse(path).is_ok()
}

#[cfg(test)]
mod tests;
