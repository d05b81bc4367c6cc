//! The store as hosts see it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use buckler_limits::{Answer, Answers, Check, Moment, batch::unavailable};
use buckler_store::{Counters, Reach};
use redis::Value;
use smallvec::SmallVec;

use crate::address::Address;
use crate::breaker::{Gate, Turn};
use crate::connect::Connector;
use crate::error::{self, Reason, RedisError};
use crate::keys::{HashKey, Names, Origin};
use crate::lease::{Leases, Step};
use crate::script::{self, Form, Question, Reply, Time, Wish};
use crate::session::Session;
use crate::settings::{CONNECT_TIMEOUT, Change, LEAST_SECRET, LONGEST_NAME, OnChange, RedisSettings};

/// Counts in Redis or Valkey. Clones share one connection.
#[derive(Clone)]
pub struct Redis(Arc<Shared>);

struct Shared {
    connector: Arc<Connector>,
    names: Names,
    derived: Option<HashKey>,
    timeout: Duration,
    lease: Option<std::num::NonZeroU32>,
    time: Time,
    on_change: Option<OnChange>,
    session: ArcSwap<Session>,
    tally: Tallies,
}

#[derive(Default)]
struct Tallies {
    asked: AtomicU64,
    failed: AtomicU64,
    spared: AtomicU64,
}

/// What a process has asked, since it made the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Tally {
    /// Requests for which Redis was asked.
    pub asked: u64,
    /// Of these, those that had no usable answer in time: each may have waited for [`RedisSettings::timeout`].
    pub failed: u64,
    /// Requests for which it was not asked, since it did not answer before or too many waited already.
    pub spared: u64,
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis").field("server", &self.0.connector.address().to_string()).finish_non_exhaustive()
    }
}

/// What is asked for one request.
struct Asked {
    batch: SmallVec<[Check; 2]>,
    wishes: SmallVec<[Wish; 2]>,
    told: Option<Moment>,
}

impl Redis {
    /// Reads the settings. Nothing is connected to before the first count, so this may be called before a fork.
    ///
    /// # Errors
    /// The settings are none.
    pub fn new(settings: RedisSettings) -> Result<Self, RedisError> {
        Self::with_time(settings, Time::Server)
    }

    /// Counts by the time that [`Counters::count`] is told, and lets nothing expire: for tests of the arithmetic.
    ///
    /// # Errors
    /// The settings are none.
    #[doc(hidden)]
    pub fn with_told_time(settings: RedisSettings) -> Result<Self, RedisError> {
        Self::with_time(settings, Time::Told)
    }

    fn with_time(settings: RedisSettings, time: Time) -> Result<Self, RedisError> {
        let RedisSettings { url, name, timeout, lease, secret, authorities, on_change } = settings;
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        if name.is_empty() || name.len() > LONGEST_NAME || !name.bytes().all(is_plain) {
            return Err(RedisError::Setting("the name of an app is 1 to 64 letters, digits, `-`, `_` or `.`"));
        }
        if timeout.is_zero() {
            return Err(RedisError::Setting("Redis needs some time for an answer"));
        }
        if secret.as_ref().is_some_and(|secret| secret.len() < LEAST_SECRET) {
            return Err(RedisError::Setting("a secret for the names of keys has at least 16 bytes"));
        }
        let connector = Connector::new(Address::parse(&url)?, authorities, timeout)?;
        let derived = secret.as_deref().map(HashKey::derive);
        let session = Arc::new(fresh(derived, lease, timeout)?);
        Ok(Self(Arc::new(Shared {
            connector: Arc::new(connector),
            names: Names::new(&name),
            derived,
            timeout,
            lease,
            time,
            on_change,
            session: ArcSwap::new(session),
            tally: Tallies::default(),
        })))
    }

    /// Connects and has the script run once without a count, for a clear word at the start. Waits for longer than a
    /// request does.
    ///
    /// # Errors
    /// It cannot be asked, and why; host and port are told, and nothing else of the address.
    pub async fn probe(&self) -> Result<(), RedisError> {
        let shared = &self.0;
        let nothing = Asked { batch: SmallVec::new(), wishes: SmallVec::new(), told: None };
        let down = |reason| RedisError::Down { server: shared.connector.address().to_string(), reason };
        let session = shared.session().ok_or_else(|| down(Reason::NoRuntime))?;
        let asked = shared.exchange(&session, &nothing);
        match tokio::time::timeout(CONNECT_TIMEOUT + shared.timeout, asked).await {
            Ok(Ok(_)) => {
                shared.turned(session.breaker.answered(), None);
                Ok(())
            }
            Ok(Err((reason, _))) => Err(down(reason)),
            Err(_) => Err(down(Reason::Slow)),
        }
    }

    /// What this process has asked so far.
    pub fn tally(&self) -> Tally {
        let tally = &self.0.tally;
        Tally {
            asked: tally.asked.load(Ordering::Relaxed),
            failed: tally.failed.load(Ordering::Relaxed),
            spared: tally.spared.load(Ordering::Relaxed),
        }
    }
}

fn fresh(
    derived: Option<HashKey>,
    lease: Option<std::num::NonZeroU32>,
    timeout: Duration,
) -> Result<Session, RedisError> {
    const NONE: RedisError = RedisError::Setting("the system has no random numbers");
    let leases = match lease {
        Some(size) => Some(Leases::new(size, timeout, HashKey::random().ok_or(NONE)?)),
        None => None,
    };
    let key = derived.or_else(HashKey::random).ok_or(NONE)?;
    Ok(Session::new(std::process::id(), key, leases))
}

impl Shared {
    /// That of this process. What a parent had is left as it is: its locks may be held, and its tasks be waited for, by
    /// threads that the child does not have.
    fn session(&self) -> Option<Arc<Session>> {
        let session = self.session.load();
        if session.process == std::process::id() {
            return Some(Arc::clone(&session));
        }
        let mine = Arc::new(fresh(self.derived, self.lease, self.timeout).ok()?);
        let before = self.session.compare_and_swap(&session, Arc::clone(&mine));
        if Arc::ptr_eq(&before, &session) {
            std::mem::forget(Arc::clone(&before));
            return Some(mine);
        }
        Some(Arc::clone(&self.session.load()))
    }

    async fn counted(self: Arc<Self>, session: Arc<Session>, asked: Asked, gate: Gate) -> Answers {
        let Some(_seat) = session.seat() else {
            self.tally.spared.fetch_add(1, Ordering::Relaxed);
            return unavailable(&asked.batch);
        };
        self.tally.asked.fetch_add(1, Ordering::Relaxed);
        let begun = Instant::now();
        let outcome = match tokio::runtime::Handle::try_current() {
            Ok(_) => tokio::time::timeout(self.timeout, self.exchange(&session, &asked)).await,
            Err(_) => Ok(Err((Reason::NoRuntime, None))),
        };
        match outcome {
            Ok(Ok(found)) => {
                self.turned(session.breaker.answered(), None);
                match session.leases() {
                    Some(mut leases) => leases.settle(&asked.batch, &asked.wishes, &found, begun),
                    None => found.iter().map(|found| Answer::Counted(found.standing)).collect(),
                }
            }
            Ok(Err((reason, link))) => self.failed(&session, &asked, gate, reason, link),
            Err(_) => self.failed(&session, &asked, gate, Reason::Slow, session.ready()),
        }
    }

    fn failed(&self, session: &Session, asked: &Asked, gate: Gate, reason: Reason, link: Option<u64>) -> Answers {
        self.tally.failed.fetch_add(1, Ordering::Relaxed);
        let turn = session.breaker.failed(gate, Instant::now());
        // A link on which nobody answers may lead to a machine that is gone, without a word of it.
        if let (true, Some(number)) = (turn == Turn::Down || gate == Gate::Trial, link) {
            session.forget(number);
        }
        self.turned(turn, Some(reason));
        unavailable(&asked.batch)
    }

    fn turned(&self, turn: Turn, reason: Option<Reason>) {
        let Some(on_change) = &self.on_change else { return };
        let server = || self.connector.address().to_string();
        match (turn, reason) {
            (Turn::Up, _) => on_change(&Change::Up { server: server() }),
            (Turn::Down, Some(reason)) => on_change(&Change::Down { server: server(), reason }),
            (Turn::Down, None) | (Turn::None, _) => {}
        }
    }

    /// One question and its answer: again on a new link where the one that was there is broken, again with the text of
    /// the script where the server does not know it, and again with the key that the server has.
    async fn exchange(
        &self,
        session: &Arc<Session>,
        asked: &Asked,
    ) -> Result<SmallVec<[script::Found; 2]>, (Reason, Option<u64>)> {
        let origin = if self.derived.is_some() { Origin::Secret } else { Origin::KeptInRedis };
        let (mut form, mut is_retried, mut is_rekeyed) = (Form::Hash, false, false);
        loop {
            let (mut link, number) = session.link(&self.connector).await.map_err(|reason| (reason, None))?;
            let question = Question {
                names: &self.names,
                key: session.key(),
                origin,
                batch: &asked.batch,
                wishes: &asked.wishes,
                told: asked.told,
            };
            let answer: Result<Value, redis::RedisError> = link.ask(&question.command(form)).await;
            match answer.and_then(Value::extract_error) {
                Ok(value) => match script::read(&question, value) {
                    Some(Reply::Counted(found)) => return Ok(found),
                    Some(Reply::OtherKey(key)) if !is_rekeyed => {
                        let key = HashKey::from_hex(&key).ok_or((Reason::Garbage, Some(number)))?;
                        session.set_key(key);
                        is_rekeyed = true;
                    }
                    Some(Reply::OtherKey(_)) | None => return Err((Reason::Garbage, Some(number))),
                },
                Err(error) if script::is_unknown(&error) && form == Form::Hash => form = Form::Text,
                Err(error) if error::is_broken(&error) => {
                    session.forget(number);
                    if is_retried {
                        return Err((error::reason(&error), None));
                    }
                    is_retried = true;
                }
                Err(error) => return Err((error::reason(&error), Some(number))),
            }
        }
    }
}

impl Counters for Redis {
    fn count(&self, batch: &[Check], now: Moment) -> Reach {
        let shared = &self.0;
        if batch.is_empty() {
            return Reach::Now(Answers::new());
        }
        let Some(session) = shared.session() else { return Reach::Now(unavailable(batch)) };
        let begun = Instant::now();
        let wishes = match session.leases().map(|mut leases| leases.step(batch, begun)) {
            Some(Step::Done(answers)) => return Reach::Now(answers),
            Some(Step::Ask(wishes)) => wishes,
            None => batch.iter().map(|check| Wish { cost: check.cost, lease: check.cost }).collect(),
        };
        let gate = session.breaker.ask(begun);
        if gate == Gate::Closed {
            shared.tally.spared.fetch_add(1, Ordering::Relaxed);
            return Reach::Now(unavailable(batch));
        }
        let told = match shared.time {
            Time::Told => Some(now),
            Time::Server => None,
        };
        let asked = Asked { batch: batch.into(), wishes, told };
        Reach::Later(Box::pin(Arc::clone(shared).counted(session, asked, gate)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // R13: a forked child has a session of its own, and neither uses nor drops what its parent had
    #[test]
    fn another_process_begins_anew() {
        let settings =
            RedisSettings { lease: std::num::NonZeroU32::new(5), ..RedisSettings::new("redis://127.0.0.1:1", "app") };
        let store = Redis::new(settings).unwrap();
        let parents = Arc::new(Session::new(std::process::id() + 1, HashKey::random().unwrap(), None));
        store.0.session.store(Arc::clone(&parents));
        let mine = store.0.session().unwrap();
        assert!(!Arc::ptr_eq(&mine, &parents) && mine.leases.is_some());
        assert_eq!(mine.process, std::process::id());
        assert!(Arc::ptr_eq(&mine, &store.0.session().unwrap()));
        // Ours, and the one that is kept so that nothing of it is dropped.
        assert_eq!(Arc::strong_count(&parents), 2);
    }
}
