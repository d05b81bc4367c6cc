//! `[[route]]`: rules of single routes.

use std::collections::BTreeMap;

use buckler_limits::{Dimension, StoreDown};
use buckler_schema::Piece;

use super::limits::{MOST_LIMITS, STORE_DOWN_KEY, is_within, never_reached, with_store_down};
use crate::diagnostic::Code;
use crate::grammar::{List, RouteRules};
use crate::key::{About, Key, Preset};
use crate::reader::{Read, Reader};
use crate::settings::{LimitRule, Limits, Route};

pub(crate) static ROUTES: Key<List<RouteRules>> = Key {
    about: About {
        path: "route",
        doc: "Rules of single routes: `[[route]]`, once for each. `match` names a method and a path template as the app \
              does, or a path alone for every method; where several fit, the most specific wins. Its `limits` count \
              beside `limits.default`, for this route alone; its `cost` is what each of its requests takes, of \
              `limits.default` as well. `HEAD` counts as `GET`.",
        preset: Preset::Always("[]"),
        why: "what all routes have in common stands in the sections",
        example: "[{ match = \"POST /users/{user_id}/avatar\", limits = [\"10/minute per ip\"], cost = 5 }]",
        aliases: &["routes", "rules", "endpoints", "paths"],
    },
    grammar: List { item: RouteRules, not_empty: None },
};

pub(crate) fn read(reader: &mut Reader, limits: Option<&Limits>) -> Read<Vec<Route>> {
    let mut routes = reader.read(&ROUTES)?;
    let store_down = reader.read(&STORE_DOWN_KEY).unwrap_or(StoreDown::Local);
    for route in &mut routes {
        route.limits = with_store_down(std::mem::take(&mut route.limits), store_down);
    }
    refuse_doubles(reader, &routes);
    let default = limits.map_or(&[][..], |limits| &limits.default);
    for (at, route) in routes.iter().enumerate() {
        judge(reader, at, route, default);
    }
    Ok(routes)
}

/// What two routes must not have in common: the shape of their path, and the method.
fn refuse_doubles(reader: &mut Reader, routes: &[Route]) {
    let items = reader.items(&ROUTES);
    let mut seen: BTreeMap<(Option<&str>, String), usize> = BTreeMap::new();
    let mut doubles = Vec::new();
    for (at, route) in routes.iter().enumerate() {
        if let Some(first) = seen.insert((route.method.as_deref(), shape(route)), at) {
            doubles.push((first, at));
        }
    }
    for (first, second) in doubles {
        let written = |at: usize| routes.get(at).map(Route::written).unwrap_or_default();
        let place = |at: usize| items.get(at).map(|item| item.place.clone());
        let message = match place(first) {
            Some(earlier) => {
                let line = earlier.line();
                format!("`{}` is for the same requests as `{}` in line {line}", written(second), written(first))
            }
            None => format!("`{}` and `{}` are for the same requests", written(second), written(first)),
        };
        let fault = reader.conflict(&ROUTES, Code::Conflict, message);
        fault.place = place(second).or(fault.place.take());
        fault.help("write one `[[route]]` for both");
    }
}

/// The template without the names of its parameters.
fn shape(route: &Route) -> String {
    let pieces = route.template.pieces.iter().map(|piece| match piece {
        Piece::Text(text) => text.as_str(),
        Piece::Value { rest: false, .. } => "{}",
        Piece::Value { rest: true, .. } => "{:path}",
    });
    pieces.collect()
}

fn judge(reader: &mut Reader, at: usize, route: &Route, default: &[LimitRule]) {
    let place = reader.items(&ROUTES).get(at).map(|item| item.place.clone());
    let written = route.written();
    let warn = |reader: &mut Reader, code, message: String, help: &str| {
        let warning = reader.warn(&ROUTES, code, message);
        warning.place = place.clone().or(warning.place.take());
        warning.help(help);
    };
    if route.limits.len() > MOST_LIMITS {
        let message = format!("`{written}`: {} limits are too many", route.limits.len());
        reader.conflict(&ROUTES, Code::OutOfRange, message).label(format!("at most {MOST_LIMITS}"));
    }
    for rule in default.iter().chain(&route.limits) {
        if u64::from(route.cost) > rule.limit.allowance.capacity() {
            let (cost, limit) = (route.cost, &rule.limit);
            let message =
                format!("`{written}`: a cost of {cost} is more than `{limit}` ever has: every request is refused");
            warn(reader, Code::Weak, message, "lower the cost, or raise the limit's burst");
        }
    }
    for (own, rule) in route.limits.iter().enumerate() {
        let reached = never_reached(&rule.limit, route.limits.iter().enumerate(), own);
        // A limit over all ends before a laxer one of a single route; one per route is that already.
        let over_all = default.iter().map(|rule| &rule.limit).find(|other| {
            let same = other.per == rule.limit.per && !other.per.contains(&Dimension::Route);
            same && is_within(other, &rule.limit)
        });
        if let Some(other) = reached.or(over_all) {
            let message = format!("`{written}`: `{}` is never reached: `{other}` ends before", rule.limit);
            warn(reader, Code::Unused, message, "remove it, or write a stricter one");
        }
    }
}
