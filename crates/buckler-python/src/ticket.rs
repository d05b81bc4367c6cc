//! What the gateway in front has judged already: see `buckler_gateway::workers::ticket`.

use std::env;
use std::sync::LazyLock;

use buckler_engine::RequestId;
use buckler_gateway::workers::ticket::{Judged, TicketKey, VARIABLE};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use crate::lines::Texts;
use crate::scope::Scope;

/// That of the gateway whose worker this process is; no other process has one.
static KEY: LazyLock<Option<TicketKey>> = LazyLock::new(|| TicketKey::parse(&env::var(VARIABLE).ok()?));

/// Whether nothing reaches this process but what the gateway has let pass, with the client that it has found.
pub(crate) fn behind_the_gateway() -> bool {
    KEY.is_some()
}

const REQUEST_ID: &[u8] = b"x-request-id";

/// The name of a request that was judged by a policy of this fingerprint. The ticket goes in any case: what runs in the
/// worker in front of us has put it where no client can put anything.
pub(crate) fn recognised(
    scope: &Bound<'_, PyDict>,
    read: &Scope<'_>,
    fields: &Texts<'_>,
    fingerprint: u64,
) -> PyResult<Option<RequestId>> {
    let Some(key) = &*KEY else { return Ok(None) };
    let name = intern!(scope.py(), "buckler.ticket");
    let Some(ticket) = scope.get_item(name)? else { return Ok(None) };
    scope.del_item(name)?;
    let Ok(ticket) = ticket.cast_into::<PyBytes>() else { return Ok(None) };
    let mut named = fields.iter().filter(|(name, _)| name.eq_ignore_ascii_case(REQUEST_ID));
    let (Some((_, id)), None) = (named.next(), named.next()) else { return Ok(None) };
    let Some(id) = RequestId::foreign(id) else { return Ok(None) };
    let judged = Judged { request_id: id.as_str(), method: read.method(), target: read.target(), fingerprint };
    Ok(key.accepts(ticket.as_bytes(), &judged).then_some(id))
}
