//! What of the contract is used, and what is used that it does not list (OWASP API9: shadow and zombie operations).
//!
//! A counter for each operation, and two bounded tables of paths that are not listed: those that the app answers, and
//! those that lead nowhere, so that whoever tries names fills a table that nobody needs. Counters live on over reloads.

mod shape;
mod table;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use buckler_schema::Contract;
use http::StatusCode;

use crate::contract::At;
use crate::facts::Facts;

use table::Table;
pub use table::{Requested, Unlisted};

/// What a request asks for, to the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Listing {
    /// No matter of the contract, or there is none.
    Unjudged,
    /// This operation.
    Operation(At),
    /// Nothing that it lists.
    Unlisted,
}

/// Counters of one engine, shared with those before and behind it.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    /// By route and operation of the contract.
    operations: Vec<Vec<Arc<AtomicU64>>>,
    unlisted: Arc<Tables>,
}

#[derive(Debug, Default)]
struct Tables {
    answered: Table,
    nowhere: Table,
}

/// What of a contract was used since the start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Usage {
    /// Every operation of the contract with the requests for it, refused ones included; in its order.
    pub operations: Vec<Requested>,
    /// What the contract does not list and the app answers, with another status than 404 and 405.
    pub answered: Unlisted,
    /// What neither the contract lists nor the app has.
    pub nowhere: Unlisted,
}

/// Method and template.
type Key<'c> = (&'c str, &'c str);

/// The operations of a contract in their order.
fn keys(contract: Option<&Contract>) -> impl Iterator<Item = Key<'_>> {
    contract
        .into_iter()
        .flat_map(|contract| &contract.routes)
        .flat_map(|route| route.operations.iter().map(|operation| (operation.method, route.template.text.as_str())))
}

impl Counters {
    pub(crate) fn of(contract: Option<&Contract>) -> Self {
        let routes = contract.into_iter().flat_map(|contract| &contract.routes);
        let operations = routes.map(|route| route.operations.iter().map(|_| Arc::default()).collect()).collect();
        Self { operations, unlisted: Arc::default() }
    }

    /// Goes on counting what another engine has counted: operations of the same method and template.
    pub(crate) fn inherit(&mut self, contract: Option<&Contract>, before: &Self, before_contract: Option<&Contract>) {
        self.unlisted = Arc::clone(&before.unlisted);
        let known: HashMap<_, _> =
            before.each(before_contract).map(|(key, counter)| (key, Arc::clone(counter))).collect();
        for (key, counter) in keys(contract).zip(self.operations.iter_mut().flatten()) {
            if let Some(known) = known.get(&key) {
                *counter = Arc::clone(known);
            }
        }
    }

    fn each<'c>(&'c self, contract: Option<&'c Contract>) -> impl Iterator<Item = (Key<'c>, &'c Arc<AtomicU64>)> {
        keys(contract).zip(self.operations.iter().flatten())
    }

    /// Counts a request that asks for this.
    pub(crate) fn count(&self, listing: Listing) {
        if let Listing::Operation(at) = listing
            && let Some(counter) = self.operations.get(at.route).and_then(|operations| operations.get(at.operation))
        {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Counts what was answered to a request for what is not listed.
    pub(crate) fn answered(&self, facts: &Facts, status: StatusCode) {
        if facts.listing != Listing::Unlisted {
            return;
        }
        let table = match status {
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => &self.unlisted.nowhere,
            _ => &self.unlisted.answered,
        };
        table.count(facts.method.as_str(), || shape::of(facts.target.path()));
    }

    pub(crate) fn usage(&self, contract: Option<&Contract>) -> Usage {
        let operations = self.each(contract).map(|((method, template), counter)| Requested {
            what: format!("{method} {}", buckler_schema::shown(template)),
            requests: counter.load(Ordering::Relaxed),
        });
        Usage {
            operations: operations.collect(),
            answered: self.unlisted.answered.read(),
            nowhere: self.unlisted.nowhere.read(),
        }
    }
}
