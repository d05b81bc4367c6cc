//! The judgement of a head: at once, or after a store has counted.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use buckler_engine::{Context, Ended, Opening};
use buckler_http::connection::Client;
use buckler_limits::Moment;
use buckler_store::Reach;
use buckler_tower::{SystemTime, Time as _};
use http::Method;
use pyo3::intern;
use pyo3::prelude::*;

use crate::bridge::Pending;
use crate::engine::{Host, Judge};
use crate::exchange::{Exchange, Opened, Room};
use crate::lines::Texts;
use crate::message::{self, Kind};
use crate::scope::{Judged, Scope};

/// What an exchange is opened with.
pub(crate) struct Asked {
    pub(crate) host: Arc<Host>,
    pub(crate) judge: Arc<Judge>,
    pub(crate) context: Context,
    pub(crate) kind: Kind,
    pub(crate) body_follows: bool,
    pub(crate) send: Py<PyAny>,
}

/// How far judging came.
enum Came {
    Decided(Opening),
    Waits(Box<buckler_engine::Consult>, buckler_store::Later),
}

/// A judgement that waits. Dropped before it goes on, as by a task that was cancelled, it is written down as abandoned.
struct Unheard {
    host: Arc<Host>,
    consult: Option<Box<buckler_engine::Consult>>,
}

impl Drop for Unheard {
    fn drop(&mut self) {
        if let Some(consult) = self.consult.take() {
            self.host.records().take(consult.abandon(SystemTime.now()));
        }
    }
}

impl Asked {
    /// Judges. Gives the exchange, the two messages that answer in place of the app, or what has to be waited for until
    /// there is either.
    pub(crate) fn open<'py>(self, read: &Scope<'py>, fields: &Texts<'_>) -> PyResult<Bound<'py, PyAny>> {
        let py = read.py();
        let came = catch_unwind(AssertUnwindSafe(|| {
            let mut head = read.head(fields);
            if self.body_follows {
                head.body_follows();
            }
            let now = self.context.now;
            match self.judge.engine.open(&head, &self.context) {
                Opening::Consult(consult) => {
                    match self.host.counting().counters().count(consult.batch(), Moment(now.0)) {
                        Reach::Now(answers) => Came::Decided(consult.resume(&head, &answers, now)),
                        Reach::Later(later) => Came::Waits(consult, later),
                    }
                }
                decided => Came::Decided(decided),
            }
        }));
        match came {
            Ok(Came::Decided(opening)) => self.opened(read, opening),
            Ok(Came::Waits(consult, later)) => {
                let kept = read.kept();
                let mut unheard = Unheard { host: Arc::clone(&self.host), consult: Some(consult) };
                let go_on = move |py: Python<'_>, answers: buckler_limits::Answers| {
                    let read = kept.into_bound(py);
                    let consult = unheard.consult.take();
                    let opening = catch_unwind(AssertUnwindSafe(|| {
                        // They were read before.
                        let fields = read.texts().unwrap_or_default();
                        let mut head = read.head(&fields);
                        if self.body_follows {
                            head.body_follows();
                        }
                        consult.map(|consult| consult.resume(&head, &answers, self.context.now))
                    }));
                    let opening = opening.ok().flatten().unwrap_or_else(|| self.broken(&read));
                    self.opened(&read, opening).map(Bound::unbind)
                };
                Ok(Bound::new(py, Pending::new(later, go_on))?.into_any())
            }
            Err(_panic) => {
                let broken = self.broken(read);
                self.opened(read, broken)
            }
        }
    }

    fn broken(&self, read: &Scope<'_>) -> Opening {
        self.judge.engine.broken(read.method(), read.target(), &self.context)
    }

    fn opened<'py>(self, read: &Scope<'py>, opening: Opening) -> PyResult<Bound<'py, PyAny>> {
        let py = read.py();
        let Self { host, judge, kind, send, .. } = self;
        let method = Method::from_bytes(read.method().as_bytes()).unwrap_or_default();
        match opening {
            Opening::Answer(ended) => {
                let Ended { reply, mut record } = *ended;
                record.bytes_out = reply.body.len() as u64;
                let messages = message::reply(py, &judge.ready, kind, &reply, &method, read.version)?;
                host.records().take(record);
                Ok(messages.into_any())
            }
            Opening::Admit(admission) => {
                read.admit(&admission)?;
                let room = Room::of(Client::from(admission.peer()));
                let judged = Judged::new(host.name(), &admission, Arc::clone(host.counting()));
                let judged = Bound::new(py, judged)?;
                read.tell(intern!(py, "buckler"), judged.as_any())?;
                let version = read.version;
                let (inspector, judging) = admission.into_parts();
                let opened = Opened { judged: judged.unbind(), judging, inspector, kind, version, method, room };
                Ok(Bound::new(py, Exchange::new(host, send, opened))?.into_any())
            }
            // Asked once, and answered: nothing asks again.
            Opening::Consult(_) => {
                let Ended { reply, record } = host.unread();
                host.records().take(record);
                Ok(message::reply(py, &judge.ready, kind, &reply, &method, read.version)?.into_any())
            }
        }
    }
}
