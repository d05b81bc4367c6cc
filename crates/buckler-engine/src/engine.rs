//! The judgement of a head. [`Engine::judge`] is the table of contents of the product.

use std::sync::Arc;

use buckler_http::head::{Head, Version};
use buckler_http::target::Target;
use buckler_policy::settings::{Mode, Policy};
use buckler_schema::{Changes, Contract};

use crate::admission::{Admission, ClientProofs, Proofs};
use crate::answer::Reply;
use crate::body::BodyInspector;
use crate::check::content::Announced;
use crate::check::cors::CorsVerdict;
use crate::check::{client, content, contract, cors, docs, framing, head_limits, host, https, limits, path};
use crate::consult::{Consult, ReadTarget};
use crate::contract::Matched;
use crate::exchange::{Exchange, Traffic};
use crate::facts::{Context, Facts, Timestamp};
use crate::limits::Counted;
use crate::reason::Reason;
use crate::record::{Outcome, Record, ReplyKind};
use crate::report::Control;
use crate::rules::Rules;
use crate::stage::{Finding, Findings, Ledger, Stage, Violation};
use crate::usage::{Counters, Usage};

/// A compiled policy. Immutable; a reload builds another one beside it.
#[derive(Debug)]
pub struct Engine {
    pub(crate) rules: Rules,
    controls: Vec<Control>,
    fingerprint: u64,
    pub(crate) counters: Counters,
}

/// What becomes of a request. Exhaustive on purpose: a new ending must break every host.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "a host that overlooks an ending would let something pass")]
pub enum Opening {
    /// Not the app's: this answer, and its record.
    Answer(Box<Ended>),
    /// Undecided until a store has counted: see [`Consult`].
    Consult(Box<Consult>),
    /// The app's.
    Admit(Box<Admission>),
}

/// An exchange that ended in an answer of the engine's own.
#[derive(Debug)]
pub struct Ended {
    /// What to send.
    pub reply: Reply,
    /// What to write down once it is sent.
    pub record: Record,
}

/// What the stages in front of what is counted agree on.
pub(crate) enum Approach<'a> {
    /// It is known who asks.
    Known { proofs: ClientProofs, target: Target<'a> },
    /// A question about sharing, which the app need not see.
    Preflight,
}

/// What all stages agree on.
pub(crate) struct Judged<'a> {
    pub(crate) proofs: Proofs,
    pub(crate) announced: Announced<'a>,
    pub(crate) matched: Matched,
    pub(crate) asked: Matched,
}

impl Engine {
    /// Compiles a policy.
    pub fn new(policy: &Policy) -> Self {
        let rules = Rules::compile(policy);
        let controls = crate::report::controls(policy, &rules.contract);
        let counters = Counters::of(rules.contract.document());
        Self { rules, controls, fingerprint: policy.fingerprint(), counters }
    }

    /// What tells its policy from those that judge otherwise.
    pub fn fingerprint(&self) -> u64 {
        self.fingerprint
    }

    /// What is enforced, monitored and off, and why; in the order of the stages.
    pub fn controls(&self) -> &[Control] {
        &self.controls
    }

    /// Judges the head of a request.
    pub fn open(self: &Arc<Self>, head: &Head<'_>, context: &Context) -> Opening {
        let mut ledger = Ledger::default();
        let mut facts = Facts::new(head, context);
        match self.judge_client(head, context, &mut facts, &mut ledger) {
            Ok(Approach::Known { proofs, target }) => {
                match self.rules.rates.asked(&self.rules, head, &target, &facts) {
                    Some(asked) => {
                        let engine = Arc::clone(self);
                        let read = ReadTarget::of(&target);
                        Opening::Consult(Box::new(Consult { engine, facts, ledger, proofs, read, asked }))
                    }
                    None => self.go_on(head, &target, facts, ledger, proofs, Counted::Nothing, context.now),
                }
            }
            Ok(Approach::Preflight) => {
                let reply = crate::answer::preflight(&self.rules, &facts);
                let outcome = Outcome::Replied(ReplyKind::Preflight);
                let record = Record::of(facts, reply.status, context.now, outcome, ledger.into_findings());
                Opening::Answer(Box::new(Ended { reply, record }))
            }
            Err(finding) => self.end(facts, ledger, finding, context.now),
        }
    }

    /// The stages behind what is counted, and what becomes of the request.
    #[expect(clippy::too_many_arguments, reason = "the state of a judgement, handed on once")]
    pub(crate) fn go_on(
        self: &Arc<Self>,
        head: &Head<'_>,
        target: &Target<'_>,
        mut facts: Box<Facts>,
        mut ledger: Ledger,
        client: ClientProofs,
        counted: Counted<'_>,
        now: Timestamp,
    ) -> Opening {
        match self.judge_request(head, target, client, counted, &mut facts, &mut ledger) {
            Ok(Judged { proofs, announced, matched, asked }) => {
                let inspector = self.inspector(&announced, &matched);
                let exchange = Exchange::new(Arc::clone(self), facts, ledger.into_findings(), asked);
                Opening::Admit(Box::new(Admission::new(proofs, head, inspector, exchange)))
            }
            Err(finding) => self.end(facts, ledger, finding, now),
        }
    }

    fn end(&self, facts: Box<Facts>, ledger: Ledger, finding: Box<Finding>, now: Timestamp) -> Opening {
        self.counters.answered(&facts, finding.violation.reason.status());
        Opening::Answer(Box::new(self.refuse(facts, finding, ledger.into_findings(), now)))
    }

    /// Goes on counting where the engine before has counted, which may go on as well: to be called before this one
    /// judges anything.
    pub fn inherit(&mut self, before: &Self) {
        let Self { rules, counters, .. } = self;
        counters.inherit(rules.contract.document(), &before.counters, before.contract());
    }

    /// What of the contract was used since the start, and what was used that it does not list. Nothing without a
    /// contract.
    pub fn usage(&self) -> Usage {
        self.counters.usage(self.contract())
    }

    /// What judges the body.
    pub(crate) fn inspector(&self, announced: &Announced<'_>, matched: &Matched) -> BodyInspector {
        let contract = contract::body(&self.rules.contract, matched, announced);
        BodyInspector::new(&self.rules.body, announced, contract)
    }

    /// Why the contract that the policy wants cannot be used, if it cannot: requests are refused then, or, where they
    /// would only be monitored, held to nothing.
    pub fn contract_fault(&self) -> Option<&str> {
        self.rules.contract.fault()
    }

    /// The contract that requests are held to, if they are held to one.
    pub fn contract(&self) -> Option<&Contract> {
        self.rules.contract.document()
    }

    /// Operations of the contract that are others than under the engine before; at most so many of a kind are named.
    pub fn contract_changes(&self, before: &Self, most: usize) -> Changes {
        match (self.contract(), before.contract()) {
            (Some(contract), before) => contract.changes_since(before, most),
            (None, Some(before)) => Changes { removed: before.changes_since(None, most).added, ..Changes::default() },
            (None, None) => Changes::default(),
        }
    }

    /// The ending of a request whose judging broke down: 500, written down, never a pass.
    pub fn broken(self: &Arc<Self>, method: &str, target: &[u8], context: &Context) -> Opening {
        let facts = Facts::new(&Head::new(method, target, Version::Http11), context);
        let exchange = Exchange::new(Arc::clone(self), facts, Findings::new(), Matched::new());
        Opening::Answer(Box::new(exchange.fail(Reason::InternalError, Traffic::default(), context.now)))
    }

    /// The ending of what never became a request: bytes that are no HTTP, a head that did not come to its end.
    /// Answered and written down like any refusal; `detail` says what is wrong.
    pub fn unread(self: &Arc<Self>, reason: Reason, detail: &'static str, context: &Context) -> Ended {
        let facts = Facts::new(&Head::new("-", b"-", Version::Http11), context);
        let stage = match reason {
            Reason::UriTooLong | Reason::HeadersTooLarge => Stage::HeadLimits,
            _ => Stage::Framing,
        };
        let finding = Box::new(Finding { stage, violation: Violation::fixed(reason, detail) });
        self.refuse(facts, finding, Findings::new(), context.now)
    }

    /// The first of the stages in their order: the cheap ones, each only on what those before it have made sure. Behind
    /// them stands who asks, and only then anything is counted; [`Self::judge_request`] is the rest.
    ///
    /// # Errors
    /// The finding of the first stage that refuses.
    pub(crate) fn judge_client<'a>(
        &self,
        head: &Head<'a>,
        context: &Context,
        facts: &mut Facts,
        ledger: &mut Ledger,
    ) -> Result<Approach<'a>, Box<Finding>> {
        let rules = &self.rules;

        // 1. Counting costs nothing and bounds all that follows.
        let (head_limits, ()) = ledger.judge(rules.limits.mode, head_limits::check(&rules.limits, head), ())?;

        // 2. One reading of the message, before anything in it is believed.
        let unread = Target::Origin { path: head.target(), query: None };
        let (framing, target) = ledger.judge(rules.server_mode, framing::check(head), unread)?;

        // 3. Who asks: everything that counts or logs by address needs it.
        let verdict = client::check(&rules.proxies, head, context.connection);
        let (client_known, client) = ledger.judge(rules.server_mode, verdict, client::bare(context.connection))?;
        facts.learn_client(head, &client);

        // 4. Whom they ask; before any redirect, so that none leads elsewhere.
        let verdict = host::check(&rules.hosts, head, &target, client.host, client.scheme);
        let (host, authority) = ledger.judge(rules.server_mode, verdict, None)?;
        facts.learn_host(authority.as_ref());

        // 5. Over what; before anything secret is looked at.
        let verdict = https::check(rules.transport, &target, &client, authority.as_ref());
        let (https, ()) = ledger.judge(rules.server_mode, verdict, ())?;

        // 6. A path that means one thing; before anything is matched against it.
        let (path, ()) = ledger.judge(rules.paths_mode, path::check(&target), ())?;

        // 7. Docs that are closed are not there for anybody: before what would answer for their path alone, as a
        //    preflight or an origin's refusal would.
        let verdict = docs::check(&rules.docs, &target, head.root_path());
        let (docs, ()) = ledger.judge(rules.docs_mode, verdict, ())?;

        // 8. On whose behalf. A preflight is answered here.
        let apps_own = CorsVerdict::Request(facts.sharing.clone());
        let verdict = match &rules.cors {
            Some(cors) => cors::check(cors, head, client.scheme, authority.as_ref()),
            None => Ok(apps_own.clone()),
        };
        let (cors, verdict) = ledger.judge(rules.cors_mode, verdict, apps_own)?;
        match (verdict, rules.cors_mode) {
            // The app's own answers stand.
            (_, Mode::Monitor) => {}
            (CorsVerdict::Request(sharing), Mode::Enforce) => facts.sharing = sharing,
            (CorsVerdict::Preflight(sharing), Mode::Enforce) => {
                facts.sharing = sharing;
                return Ok(Approach::Preflight);
            }
        }
        let proofs = ClientProofs { head_limits, framing, client: client_known, host, https, path, docs, cors };
        Ok(Approach::Known { proofs, target })
    }

    /// The other stages, in their order: what is counted, then what is asked.
    ///
    /// # Errors
    /// The finding of the first stage that refuses.
    pub(crate) fn judge_request<'a>(
        &self,
        head: &Head<'a>,
        target: &Target<'_>,
        client: ClientProofs,
        counted: Counted<'_>,
        facts: &mut Facts,
        ledger: &mut Ledger,
    ) -> Result<Judged<'a>, Box<Finding>> {
        let rules = &self.rules;

        // 9. How often. What was refused so far costs nobody's budget; what is wrong from here on does.
        let verdict = limits::check(&rules.rates, counted, facts);
        let (limits, ()) = ledger.judge(rules.rates.mode, verdict, ())?;

        // 10. What the body claims to be. What it is, `BodyInspector` judges as it streams.
        let verdict = content::check(&rules.content, head);
        let (content, announced) = ledger.judge(rules.body.mode, verdict, content::unjudged(head))?;
        let verdict = content::check_type(&rules.content, &announced);
        let (media_types, ()) = ledger.judge(rules.types_mode, verdict, ())?;

        // 11. What the app's own contract says of the head; last, since it costs most.
        let verdict = contract::check(&rules.contract, head, target, &announced);
        facts.listing = verdict.listing;
        self.counters.count(verdict.listing);
        let (contract, matched) = ledger.judge(verdict.mode, verdict.held, Matched::new())?;
        let (stricter, ()) = ledger.judge(Mode::Monitor, verdict.stricter, ())?;

        let proofs = Proofs { client, limits, content, media_types, contract, stricter };
        Ok(Judged { proofs, announced, matched, asked: verdict.asked })
    }
}
