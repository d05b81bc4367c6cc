//! The checks of somebody who does not ask at the moment: for operators who look at counts.

use std::net::IpAddr;

use buckler_limits::{Check, Dimension, Subject};

use super::{CompiledLimit, LimitRules};
use crate::engine::Engine;

/// Whoever is asked for, by what limits tell clients apart by.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Who {
    /// An address.
    pub ip: Option<IpAddr>,
    /// A route, as the contract or a `[[route]]` calls it: `GET /items/{id}`.
    pub route: Option<String>,
    /// Header fields: name in lower case, and value.
    pub headers: Vec<(String, String)>,
}

/// A limit of the policy, and what to ask its store for.
#[derive(Debug, Clone)]
pub struct Counted {
    /// Where the limit stands: `default`, or a route.
    pub place: String,
    /// As it is written.
    pub limit: String,
    /// Takes nothing.
    pub check: Check,
}

impl Engine {
    /// The limits of the policy that tell clients apart by nothing but what is said of `who`; none of these checks
    /// charges anything.
    pub fn counts_of(&self, who: &Who) -> Vec<Counted> {
        let rates = &self.rules.rates;
        rates
            .all()
            .filter_map(|(place, limit)| {
                let subject = subject(rates, limit, who)?;
                let check = Check { subject, allowance: limit.terms.allowance, cost: 0, store_down: limit.store_down };
                Some(Counted { place: place.to_owned(), limit: limit.terms.text.clone(), check })
            })
            .collect()
    }
}

/// `None` where something of it is not known.
fn subject(rates: &LimitRules, limit: &CompiledLimit, who: &Who) -> Option<Subject> {
    let mut subject = Subject::new(limit.id);
    for part in &limit.parts {
        match part {
            Dimension::Ip => subject.push_address(who.ip?, rates.ipv6_prefix),
            Dimension::Route => subject.push(who.route.as_ref()?.as_bytes()),
            Dimension::Header(name) => {
                let values = who.headers.iter().filter(|(known, _)| known == name);
                let values: Vec<&[u8]> = values.map(|(_, value)| value.as_bytes()).collect();
                if values.is_empty() {
                    return None;
                }
                subject.push_values(&values);
            }
            Dimension::User | Dimension::Account | Dimension::Key => return None,
        }
    }
    Some(subject)
}
