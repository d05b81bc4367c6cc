//! Which `[[route]]` a request is for, and what the app's own route is called.

use buckler_http::head::Head;
use buckler_policy::settings::Route;
use buckler_schema::Templates;

use super::CompiledLimit;
use crate::contract::asked::paths;
use crate::rules::Rules;

/// Every `[[route]]`.
#[derive(Debug)]
pub(crate) struct RouteTable {
    templates: Option<Templates>,
    rules: Vec<RouteRule>,
}

#[derive(Debug)]
struct RouteRule {
    method: Option<String>,
    written: String,
    limits: Vec<CompiledLimit>,
    cost: u32,
}

impl RouteTable {
    pub(super) fn compile(routes: &[Route]) -> Self {
        let rules: Vec<RouteRule> = routes
            .iter()
            .map(|route| {
                let written = route.written();
                let limits = route.limits.iter().enumerate();
                let limits = limits.map(|(at, rule)| CompiledLimit::new(&written, "route", "route", at, rule));
                RouteRule { method: route.method.clone(), limits: limits.collect(), cost: route.cost, written }
            })
            .collect();
        // The policy has read every template, and allows no more than the router takes.
        let templates = Templates::new(routes.iter().map(|route| route.template.clone())).ok();
        Self { templates, rules }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Every limit, with the rule that it stands in.
    pub(super) fn all(&self) -> impl Iterator<Item = (&str, &CompiledLimit)> {
        self.rules.iter().flat_map(|rule| rule.limits.iter().map(|limit| (rule.written.as_str(), limit)))
    }

    /// The rule of a request: of the most specific path, and there one that names the method before one that does not.
    pub(super) fn find(&self, head: &Head<'_>, path: &str) -> Option<usize> {
        let templates = self.templates.as_ref()?;
        let method = method(head);
        let root_path = std::str::from_utf8(head.root_path()).unwrap_or_default();
        for path in paths(path, root_path, &[]) {
            let found = templates.find(path);
            let of = |wanted: Option<&str>| {
                found
                    .iter()
                    .copied()
                    .find(|at| self.rules.get(*at).is_some_and(|rule| rule.method.as_deref() == wanted))
            };
            if let Some(rule) = of(Some(method)).or_else(|| of(None)) {
                return Some(rule);
            }
        }
        None
    }

    pub(super) fn cost(&self, rule: usize) -> u32 {
        self.rules.get(rule).map_or(1, |rule| rule.cost)
    }

    pub(super) fn of(&self, rule: usize) -> &[CompiledLimit] {
        self.rules.get(rule).map_or(&[], |rule| &rule.limits)
    }
}

/// What a request counts as: `HEAD` asks for what `GET` does.
fn method<'h>(head: &Head<'h>) -> &'h str {
    if head.method() == "HEAD" { "GET" } else { head.method() }
}

/// What a request's route is called: by the app's own contract, else by the rule that is for it. All that neither knows
/// counts as one: else whoever tries a million paths would have a million budgets.
pub(super) fn name(rules: &Rules, table: &RouteTable, rule: Option<usize>, head: &Head<'_>, path: &str) -> String {
    let method = method(head);
    let root_path = std::str::from_utf8(head.root_path()).unwrap_or_default();
    if let Some(contract) = rules.contract.document() {
        for path in paths(path, root_path, &contract.base_paths) {
            let found = contract.candidates(path);
            let has_method = found.iter().find(|found| found.route.operations.iter().any(|op| op.method == method));
            if let Some(found) = has_method {
                return format!("{method} {}", found.route.template.text);
            }
        }
    }
    rule.and_then(|rule| table.rules.get(rule)).map_or_else(String::new, |rule| rule.written.clone())
}
