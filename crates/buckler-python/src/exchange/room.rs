//! Room for the body of one exchange.

use std::sync::Arc;

use buckler_http::connection::Client;
use buckler_tower::Fault;
use buckler_tower::room::{HoldBudget, Lease};

/// What of the budget one exchange has. Nothing is asked for before there is a byte to keep: most requests have none.
#[derive(Debug)]
pub(crate) struct Room {
    client: Client,
    held: Option<Lease>,
    expanding: Option<Lease>,
}

impl Room {
    pub(crate) const fn of(client: Client) -> Self {
        Self { client, held: None, expanding: None }
    }

    /// Holds so many bytes of a body, and of what judging it takes.
    pub(super) fn hold(&mut self, budget: &Arc<HoldBudget>, bytes: usize) -> Result<(), Fault> {
        take(&mut self.held, bytes, || budget.lease(self.client))
    }

    /// Has decoders take so many bytes.
    pub(super) fn expand(&mut self, budget: &Arc<HoldBudget>, bytes: usize) -> Result<(), Fault> {
        take(&mut self.expanding, bytes, || budget.lease_to_expand(self.client))
    }

    pub(super) fn stop_expanding(&mut self) {
        self.expanding = None;
    }

    pub(super) fn give_back(&mut self) {
        (self.held, self.expanding) = (None, None);
    }
}

fn take(lease: &mut Option<Lease>, bytes: usize, make: impl FnOnce() -> Lease) -> Result<(), Fault> {
    if lease.is_none() && bytes == 0 {
        return Ok(());
    }
    lease.get_or_insert_with(make).hold(bytes)
}
