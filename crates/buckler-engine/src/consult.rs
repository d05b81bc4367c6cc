//! An exchange that waits for what a store has counted.

use std::sync::Arc;

use buckler_http::head::Head;
use buckler_http::target::Target;
use buckler_limits::{Answer, Answers, Check};

use crate::admission::ClientProofs;
use crate::contract::Matched;
use crate::engine::{Engine, Opening};
use crate::exchange::{Exchange, Traffic};
use crate::facts::{Facts, Timestamp};
use crate::limits::{Asked, Counted};
use crate::record::Record;
use crate::stage::Ledger;

/// A request whose limits have to be counted before more is said of it.
///
/// Whoever holds it has nothing to call an app with: it becomes an [`Opening`] again only by the answers, and only once.
#[derive(Debug)]
pub struct Consult {
    pub(crate) engine: Arc<Engine>,
    pub(crate) facts: Box<Facts>,
    pub(crate) ledger: Ledger,
    pub(crate) proofs: ClientProofs,
    pub(crate) read: ReadTarget,
    pub(crate) asked: Asked,
}

/// What the stages read of the target: it is borrowed from the head, which the host hands over again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReadTarget {
    /// What it says.
    Parsed,
    /// Its bytes as a path: it is none, and only monitored.
    Unread,
}

impl ReadTarget {
    pub(crate) fn of(target: &Target<'_>) -> Self {
        match target {
            // Only what begins with a slash is parsed as this form.
            Target::Origin { path, .. } if path.first() != Some(&b'/') => Self::Unread,
            _ => Self::Parsed,
        }
    }

    fn again<'a>(self, head: &Head<'a>) -> Target<'a> {
        let unread = Target::Origin { path: head.target(), query: None };
        match self {
            Self::Parsed => Target::parse(head.target()).unwrap_or(unread),
            Self::Unread => unread,
        }
    }
}

impl Consult {
    /// What is to be counted: all of it, or nothing if one of the limits refuses.
    pub fn batch(&self) -> &[Check] {
        &self.asked.batch
    }

    /// Ends the exchange because the client is gone: nobody is left to answer to.
    pub fn abandon(self, now: Timestamp) -> Record {
        let exchange = Exchange::new(self.engine, self.facts, self.ledger.into_findings(), Matched::new());
        exchange.abandon(Traffic::default(), now)
    }

    /// Goes on with one answer to each of [`Self::batch`], in their order; what is missing was not answered. `head` is
    /// the one that was judged.
    pub fn resume(self, head: &Head<'_>, answers: &[Answer], now: Timestamp) -> Opening {
        let Self { engine, facts, ledger, proofs, read, asked } = self;
        let target = read.again(head);
        engine.go_on(head, &target, facts, ledger, proofs, Counted::Asked(&asked, answers), now)
    }
}

impl Opening {
    /// Goes on at once with what `count` says, where something has to be counted.
    #[must_use]
    pub fn settle(self, head: &Head<'_>, now: Timestamp, count: impl FnOnce(&[Check]) -> Answers) -> Self {
        match self {
            Self::Consult(consult) => {
                let answers = count(consult.batch());
                consult.resume(head, &answers, now)
            }
            settled @ (Self::Answer(_) | Self::Admit(_)) => settled,
        }
    }
}
