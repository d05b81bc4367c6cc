//! A contract with an address: fetched at the start, at a reload, and every `contract.refresh`.
//!
//! What cannot be had, or is no contract, changes nothing that serves; it is told when that begins and when it is over,
//! and not with every attempt.

use std::fmt;
use std::time::Duration;

use buckler_gateway::fetch::{FetchError, Fetched, Fetcher};
use buckler_policy::settings::{Contract, ContractSource, Document, DocumentUrl, Mode, Policy, Requests};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use crate::cli::console::Failure;
use crate::documents;

/// A document that is asked for again and again.
pub(crate) struct Remote {
    fetcher: Fetcher,
    refresh: Option<Duration>,
    stage: Stage,
    /// The last one that is a contract.
    good: Option<Document>,
    trouble: Trouble,
    /// Why the last one that came is no contract, if it is none.
    unusable: Option<String>,
}

/// What is being done about the next one.
enum Stage {
    /// Nothing, until somebody asks for a reload.
    Resting,
    Waiting(Instant),
    Fetching(JoinHandle<(Fetcher, Result<Fetched, Trouble>)>),
}

/// Why there is no newer contract.
#[derive(Debug, Clone)]
enum Trouble {
    None,
    /// There is no document.
    Unreachable(String),
    /// It is no contract.
    Unusable(String),
}

/// What an attempt changes.
pub(super) enum News {
    /// Nothing that has not been told.
    Nothing,
    /// There is another contract.
    Renewed(Document),
    /// Trouble that has been told is over, and the contract is the one of before.
    Recovered,
    /// What has begun to go wrong.
    Trouble(String),
}

impl Trouble {
    fn is_alike(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remote")
            .field("url", self.fetcher.url())
            .field("trouble", &self.trouble)
            .finish_non_exhaustive()
    }
}

impl Remote {
    /// Fetches the document that the policy wants, if it has an address. `None`: it has none. What went wrong is in
    /// [`trouble`](Self::trouble).
    pub(crate) async fn of(policy: &Policy) -> Option<Self> {
        let url = url(&policy.contract)?.clone();
        let (fetcher, fetched) = fetch(Fetcher::new(url, documents::most())).await;
        let mut remote = Self {
            fetcher,
            refresh: policy.contract.refresh,
            stage: Stage::Resting,
            good: None,
            trouble: Trouble::None,
            unusable: None,
        };
        if let News::Renewed(document) = remote.learn(fetched) {
            remote.good = Some(document);
        }
        remote.rest();
        Some(remote)
    }

    /// Whether the policy's contract has an address.
    pub(crate) fn is_wanted(policy: &Policy) -> bool {
        url(&policy.contract).is_some()
    }

    /// The same for a policy that is about to serve, or to be looked at: the document goes into it.
    ///
    /// # Errors
    /// There is none, and the policy cannot do without.
    pub(crate) async fn obtain(policy: &mut Policy) -> Result<Option<Self>, Failure> {
        let remote = Self::of(policy).await;
        let Some(remote) = remote else { return Ok(None) };
        match remote.trouble() {
            Some(trouble) if policy.contract.requests == Requests::Judged(Mode::Enforce) => {
                Err(Failure::usage(format_args!("requests cannot be held to the contract: {trouble}\nhelp: {HELP}")))
            }
            _ => {
                policy.contract.document.clone_from(&remote.good);
                Ok(Some(remote))
            }
        }
    }

    /// Whether this is where the policy wants its contract from.
    pub(super) fn serves(&self, policy: &Policy) -> bool {
        url(&policy.contract) == Some(self.fetcher.url())
    }

    /// The last document that is a contract.
    pub(super) fn document(&self) -> Option<&Document> {
        self.good.as_ref()
    }

    /// What went wrong with the last attempt.
    pub(crate) fn trouble(&self) -> Option<String> {
        match &self.trouble {
            Trouble::None => None,
            Trouble::Unreachable(why) | Trouble::Unusable(why) => {
                Some(format!("the document {}: {why}", self.fetcher.url()))
            }
        }
    }

    /// Goes on with this document.
    pub(super) fn keep(&mut self, document: Document) {
        self.good = Some(document);
    }

    /// Goes on without the document that came last.
    pub(super) fn reject(&mut self, why: String) {
        self.unusable = Some(why.clone());
        self.trouble = Trouble::Unusable(why);
    }

    /// The next attempt that changes something, or `Nothing`. Cancelling loses nothing.
    pub(super) async fn next(&mut self) -> News {
        loop {
            match &mut self.stage {
                Stage::Resting => std::future::pending::<()>().await,
                Stage::Waiting(until) => {
                    sleep_until(*until).await;
                    self.stage = Stage::Fetching(tokio::spawn(fetch(self.fetcher.clone())));
                }
                Stage::Fetching(work) => {
                    let done = work.await;
                    self.rest();
                    match done {
                        Ok((fetcher, fetched)) => {
                            self.fetcher = fetcher;
                            return self.learn(fetched);
                        }
                        Err(error) => return self.is_now(Trouble::Unreachable(error.to_string())),
                    }
                }
            }
        }
    }

    fn rest(&mut self) {
        self.stage = self.refresh.map_or(Stage::Resting, |refresh| Stage::Waiting(Instant::now() + refresh));
    }

    fn learn(&mut self, fetched: Result<Fetched, Trouble>) -> News {
        match fetched {
            Ok(Fetched::New(document)) => {
                self.unusable = None;
                if self.good.as_ref() == Some(&document) {
                    return self.is_now(Trouble::None);
                }
                self.trouble = Trouble::None;
                News::Renewed(document)
            }
            // What has not changed may be what is no contract.
            Ok(Fetched::Unchanged) => self.is_now(self.unusable.clone().map_or(Trouble::None, Trouble::Unusable)),
            Err(trouble) => {
                if let Trouble::Unusable(why) = &trouble {
                    self.unusable = Some(why.clone());
                }
                self.is_now(trouble)
            }
        }
    }

    fn is_now(&mut self, trouble: Trouble) -> News {
        let is_told = self.trouble.is_alike(&trouble);
        self.trouble = trouble;
        match self.trouble() {
            _ if is_told => News::Nothing,
            Some(trouble) => News::Trouble(trouble),
            None => News::Recovered,
        }
    }
}

/// What mends it.
const HELP: &str = "`contract.source` names an address that this machine can reach, or a file; \
                    `buckler contract --check FILE` shows what is wrong with a document; `requests = \"monitor\"` serves \
                    without one and goes on trying";

fn url(contract: &Contract) -> Option<&DocumentUrl> {
    match &contract.source {
        Some(ContractSource::Url(url)) if contract.is_used() => Some(url),
        _ => None,
    }
}

/// Asks, and looks whether what came is a contract.
async fn fetch(mut fetcher: Fetcher) -> (Fetcher, Result<Fetched, Trouble>) {
    let unreachable = |error: FetchError| Trouble::Unreachable(error.to_string());
    let fetched = match fetcher.fetch().await {
        Ok(Fetched::New(document)) => {
            let looked_at = document.clone();
            // A large one takes a moment, in which requests are not to wait.
            match tokio::task::spawn_blocking(move || documents::fault(looked_at.as_bytes())).await {
                Ok(None) => Ok(Fetched::New(document)),
                Ok(Some(why)) => Err(Trouble::Unusable(why)),
                Err(error) => Err(Trouble::Unusable(error.to_string())),
            }
        }
        other => other.map_err(unreachable),
    };
    (fetcher, fetched)
}
