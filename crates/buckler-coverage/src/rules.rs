//! From a route to findings, one function for each kind of them.

use buckler_policy::coverage::FindingId;
use buckler_policy::settings::{Docs, Environment, Mode, Policy};
use serde_json::Value;

use crate::cells::{Cells, Looked};
use crate::document::Documents;
use crate::table::{Kind, ResponseShape, RouteTable};
use crate::words;

/// A finding, and what in particular was found.
pub(crate) type Found = (FindingId, String);

/// Patterns of origins that every origin matches.
const ANY_ORIGIN: &[&str] =
    &[".*", ".+", "^.*$", "^.+$", "https?://.*", "^https?://.*$", "https?://.+", "^https?://.+$", "http.*"];

/// What is wrong with a route.
pub(crate) fn of_route(looked: &Looked<'_>, cells: &Cells) -> Vec<Found> {
    let mut found = Vec::new();
    // The docs are closed or open as a whole.
    if looked.route.docs {
        return found;
    }
    if looked.route.kind == Kind::Mount {
        found.push((FindingId::OpaqueMount, looked.route.endpoint.clone()));
        return found;
    }
    access(looked, cells, &mut found);
    limits(looked, cells, &mut found);
    bounds(looked, &mut found);
    contract(looked, &mut found);
    answers(looked, &mut found);
    found
}

fn access(looked: &Looked<'_>, cells: &Cells, found: &mut Vec<Found>) {
    let route = looked.route;
    let is_admin = words::is_admin(&route.path);
    let is_socket = route.kind == Kind::Websocket;
    let what = || {
        if is_admin {
            "looks like administration"
        } else if is_socket {
            "a WebSocket"
        } else {
            "changes something"
        }
    };
    let matters = route.kind != Kind::Static && (is_admin || is_socket || looked.is_unsafe());
    if matters && !words::is_sign_in(&route.path) {
        let declared = looked.asked.map(|asked| asked.security.join(", ")).filter(|names| !names.is_empty());
        if !cells.authenticates.is_covered() {
            let id = if looked.is_read() { FindingId::NoAuthentication } else { FindingId::UnreadAccess };
            let declared = declared.map(|names| format!("; the contract names {names}, which nothing asks for"));
            found.push((id, format!("{}{}", what(), declared.unwrap_or_default())));
        } else if is_admin && !cells.authorises.is_covered() && looked.is_read() {
            found.push((FindingId::NoAuthorisation, what().to_owned()));
        }
        if !route.schemes.is_empty() && route.schemes.iter().all(|scheme| scheme.optional) {
            let names: Vec<&str> = route.schemes.iter().map(|scheme| scheme.name.as_str()).collect();
            found.push((FindingId::OptionalAuthentication, names.join(", ")));
        }
    }
    if is_socket && looked.policy.cors.is_none() {
        found.push((FindingId::OpenSocket, "there is no [cors]".to_owned()));
    }
}

fn limits(looked: &Looked<'_>, cells: &Cells, found: &mut Vec<Found>) {
    let is_guessed = looked.is_unsafe() && words::is_guessed(&looked.route.path);
    // What is for people's clicks all over is too much for somebody's guesses.
    let is_limited = cells.limits.is_by_the_app() || !looked.own_limits().is_empty();
    if is_guessed && !is_limited {
        found.push((FindingId::UnlimitedSignIn, "nothing limits how often it is called".to_owned()));
    }
}

fn bounds(looked: &Looked<'_>, found: &mut Vec<Found>) {
    let has_own =
        looked.route.max_body.is_some() || looked.table.around(looked.route).any(|app| app.max_body.is_some());
    if looked.has_body() && looked.policy.content.mode == Mode::Monitor && !has_own {
        found.push((FindingId::UnboundedBody, "`content` is monitored".to_owned()));
    }
    if looked.route.body.as_deref() == Some("file") || looked.asked.is_some_and(|asked| asked.has_files) {
        found.push((FindingId::OpenUpload, "takes files".to_owned()));
    }
    let Some(asked) = looked.asked else { return };
    if !asked.strings.is_empty() {
        found.push((FindingId::UnboundedString, asked.strings.join(", ")));
    }
    if !asked.lists.is_empty() {
        found.push((FindingId::UnboundedArray, asked.lists.join(", ")));
    }
}

fn contract(looked: &Looked<'_>, found: &mut Vec<Found>) {
    let route = looked.route;
    // Where the whole document is missing, that is told once.
    let is_known = looked.asked.is_some() || (route.in_schema && !looked.documents.has(route.application));
    if route.kind == Kind::Http && !is_known {
        let why = match (looked.is_read(), route.in_schema) {
            (false, _) => "no operation of FastAPI",
            (true, false) => "include_in_schema=False",
            (true, true) => "the document does not list it",
        };
        found.push((FindingId::NotInContract, why.to_owned()));
    }
}

fn answers(looked: &Looked<'_>, found: &mut Vec<Found>) {
    let route = looked.route;
    if let Some(response) = &route.response
        && matches!(response.shape, ResponseShape::None | ResponseShape::Open)
        && route.kind == Kind::Http
    {
        let what = if response.model.is_empty() { "no annotation, no response_model" } else { &response.model };
        found.push((FindingId::NoResponseModel, what.to_owned()));
    }
    if let Some(asked) = looked.asked.filter(|asked| !asked.secrets.is_empty()) {
        found.push((FindingId::SensitiveAnswer, asked.secrets.join(", ")));
    }
}

/// What is wrong with the app as a whole.
pub(crate) fn of_app(policy: &Policy, table: &RouteTable, documents: &Documents) -> Vec<Found> {
    let mut found = Vec::new();
    if policy.server.hosts.is_empty() {
        found.push((FindingId::AnyHost, "`server.hosts` is empty".to_owned()));
    }
    let deployed = policy.environment != Environment::Development;
    if deployed && policy.contract.docs == Docs::Open && table.routes.iter().any(|route| route.docs) {
        found.push((FindingId::OpenDocs, "`contract.docs` is open".to_owned()));
    }
    if policy.cors.is_none() {
        let all = table.applications.iter().flat_map(|app| app.middlewares.iter().map(move |each| (app, each)));
        for (app, middleware) in all.filter(|(_, middleware)| allows_everybody(&middleware.arguments)) {
            let at = if app.at.is_empty() { "/" } else { &app.at };
            found.push((FindingId::OpenCors, format!("{} of the app at {at}", words::shown(&middleware.name))));
        }
    }
    let is_fastapi = table.applications.first().is_some_and(|app| app.framework == "fastapi");
    if let Some(fault) = documents.fault.as_ref().filter(|_| is_fastapi) {
        found.push((FindingId::NoContract, fault.lines().next().unwrap_or_default().to_owned()));
    }
    if let Some(fault) = &table.fault {
        found.push((FindingId::UnseenRoutes, format!("asking for them raised {fault}")));
    } else if table.left_out > 0 {
        found.push((FindingId::UnseenRoutes, format!("{} were left out", table.left_out)));
    }
    found
}

fn allows_everybody(arguments: &std::collections::BTreeMap<String, Value>) -> bool {
    let origins = arguments.get("allow_origins").and_then(Value::as_array);
    let any = origins.is_some_and(|origins| origins.iter().any(|origin| origin == "*"));
    let pattern = arguments.get("allow_origin_regex").and_then(Value::as_str);
    let any_pattern = pattern.is_some_and(|pattern| ANY_ORIGIN.contains(&pattern));
    arguments.get("allow_credentials").is_some_and(|value| value == true) && (any || any_pattern)
}
