//! The limits of the policy, compiled, and which of them a request counts against.

pub(crate) mod fields;
mod route;
pub(crate) mod ruling;
pub(crate) mod terms;
#[cfg(test)]
mod tests;
pub(crate) mod who;

use buckler_http::connection::Peer;
use buckler_http::head::{Field, Head};
use buckler_http::target::Target;
use buckler_limits::{Answer, Batch, Check, Dimension, LimitId, StoreDown, Subject};
use buckler_policy::settings::{LimitFields, LimitRule, Mode, Policy};
use http::{HeaderName, HeaderValue};
use smallvec::SmallVec;

use crate::facts::Facts;
use crate::rules::Rules;
use route::RouteTable;
use terms::Terms;

/// The compiled `[limits]`, and those of every `[[route]]`.
#[derive(Debug)]
pub(crate) struct LimitRules {
    pub(crate) mode: Mode,
    pub(crate) fields: LimitFields,
    pub(crate) default: Vec<CompiledLimit>,
    pub(crate) routes: RouteTable,
    ipv6_prefix: u8,
    /// Whether some limit has to know the app's route.
    asks_for_route: bool,
}

/// One limit.
#[derive(Debug)]
pub(crate) struct CompiledLimit {
    id: LimitId,
    parts: Vec<Dimension>,
    pub(crate) store_down: StoreDown,
    pub(crate) terms: Terms,
}

impl CompiledLimit {
    fn new(place: &str, key: &'static str, name: &str, at: usize, rule: &LimitRule) -> Self {
        let name = if at == 0 { name.to_owned() } else { format!("{name}-{}", at + 1) };
        let terms = Terms::of_policy(&rule.limit, key, &name);
        Self {
            id: LimitId::of(place, terms.text()),
            parts: rule.limit.per.to_vec(),
            store_down: rule.store_down.unwrap_or(StoreDown::Closed),
            terms,
        }
    }
}

/// What a request counts against, and which limit each check is of.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) batch: Batch,
    limits: SmallVec<[At; 2]>,
}

/// Where a limit stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    Default(usize),
    Route(usize, usize),
}

/// What a store has said of a request.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Counted<'a> {
    /// No limit is about it.
    Nothing,
    /// These answers to what was asked.
    Asked(&'a Asked, &'a [Answer]),
}

/// Where the limits over all stand, for [`LimitId::of`].
const EVERYWHERE: &str = "default";

impl LimitRules {
    pub(crate) fn compile(policy: &Policy) -> Self {
        let limits = &policy.limits;
        let default = limits.default.iter().enumerate();
        let default: Vec<_> =
            default.map(|(at, rule)| CompiledLimit::new(EVERYWHERE, "limits.default", "default", at, rule)).collect();
        let routes = RouteTable::compile(&policy.routes);
        let all = default.iter().chain(routes.all().map(|(_, limit)| limit));
        let asks_for_route = all.into_iter().any(|limit| limit.parts.contains(&Dimension::Route));
        let (mode, fields, ipv6_prefix) = (limits.mode, limits.fields, limits.ipv6_prefix);
        Self { mode, fields, default, routes, ipv6_prefix, asks_for_route }
    }

    /// The limits of a request; `None` if there is none.
    pub(crate) fn asked(&self, rules: &Rules, head: &Head<'_>, target: &Target<'_>, facts: &Facts) -> Option<Asked> {
        let path = (self.asks_for_route || !self.routes.is_empty()).then(|| crate::contract::asked::path(target));
        let path = path.flatten();
        let rule = path.as_deref().and_then(|path| self.routes.find(head, path));
        let named = match path.as_deref().filter(|_| self.asks_for_route) {
            Some(path) => route::name(rules, &self.routes, rule, head, path),
            None => String::new(),
        };
        let cost = rule.map_or(1, |rule| self.routes.cost(rule));
        let mut asked = Asked { batch: Batch::new(), limits: SmallVec::new() };
        let own = rule.into_iter().flat_map(|rule| {
            let limits = self.routes.of(rule).iter().enumerate();
            limits.map(move |(at, limit)| (At::Route(rule, at), limit))
        });
        let over_all = self.default.iter().enumerate().map(|(at, limit)| (At::Default(at), limit));
        for (at, limit) in over_all.chain(own) {
            let Some(subject) = self.subject(limit, head, facts, &named) else { continue };
            asked.batch.push(Check { subject, allowance: limit.terms.allowance, cost, store_down: limit.store_down });
            asked.limits.push(at);
        }
        (!asked.batch.is_empty()).then_some(asked)
    }

    /// Whose count it is; `None` of a client without an address, who is not told from others by it.
    fn subject(&self, limit: &CompiledLimit, head: &Head<'_>, facts: &Facts, route: &str) -> Option<Subject> {
        let mut subject = Subject::new(limit.id);
        for part in &limit.parts {
            match part {
                Dimension::Ip => match facts.peer {
                    Peer::Local => return None,
                    Peer::Ip(address) => subject.push_address(address.ip(), self.ipv6_prefix),
                },
                Dimension::Route => subject.push(route.as_bytes()),
                Dimension::Header(name) => push_field(&mut subject, head, name),
                // The policy refuses these until there is somebody to count them for. Were one to come as far as this,
                // all would count together: too strict, and never too lax.
                Dimension::User | Dimension::Account | Dimension::Key => subject.push(b""),
            }
        }
        Some(subject)
    }

    /// Every limit of the policy, with where it stands.
    fn all(&self) -> impl Iterator<Item = (&str, &CompiledLimit)> {
        self.default.iter().map(|limit| (EVERYWHERE, limit)).chain(self.routes.all())
    }

    /// See [`crate::Engine::lasting_fields`]: what most answers tell where there is one limit over all. Those of routes
    /// may be many, and all would be looked through for each field that is none of them.
    pub(crate) fn lasting(&self) -> Option<(HeaderName, HeaderValue)> {
        let [limit] = &*self.default else { return None };
        let told = self.mode == Mode::Enforce && self.fields != LimitFields::Off;
        told.then(|| (fields::RATE_LIMIT_POLICY, limit.terms.item.clone()))
    }

    /// The limits that were asked, in the order of the batch.
    pub(crate) fn limits_of<'a>(&'a self, asked: &'a Asked) -> impl Iterator<Item = &'a CompiledLimit> + Clone {
        asked.limits.iter().filter_map(|at| match *at {
            At::Default(at) => self.default.get(at),
            At::Route(rule, at) => self.routes.of(rule).get(at),
        })
    }
}

/// What all lines of a field say.
fn push_field(subject: &mut Subject, head: &Head<'_>, name: &str) {
    let values: SmallVec<[&[u8]; 2]> = match Field::of(name.as_bytes()) {
        Some(field) => head.values(field).collect(),
        None => head.others(name.as_bytes()).collect(),
    };
    subject.push_values(&values);
}
