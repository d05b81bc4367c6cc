//! The judgement of a head. [`Engine::judge`] is the table of contents of the product.

use std::sync::Arc;

use buckler_http::forwarding::Client;
use buckler_http::head::{Head, Version};
use buckler_http::target::Target;
use buckler_policy::settings::{Mode, Policy};
use buckler_schema::{Changes, Contract};

use crate::admission::{Admission, Proofs};
use crate::answer::Reply;
use crate::body::BodyInspector;
use crate::check::content::Announced;
use crate::check::cors::CorsVerdict;
use crate::check::{client, content, contract, cors, docs, framing, head_limits, host, https, path};
use crate::contract::Matched;
use crate::exchange::{Exchange, Traffic};
use crate::facts::{Context, Facts};
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
    pub(crate) counters: Counters,
}

/// What becomes of a request. Exhaustive on purpose: a new ending must break every host.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "a host that overlooks an ending would let something pass")]
pub enum Opening {
    /// Not the app's: this answer, and its record.
    Answer(Box<Ended>),
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

/// What the stages agree on.
pub(crate) enum Judgement<'a> {
    /// Every stage was asked.
    Passed { proofs: Proofs, announced: Announced<'a>, client: Client<'a>, matched: Matched, asked: Matched },
    /// A question about sharing, which the app need not see.
    Preflight,
}

impl Engine {
    /// Compiles a policy.
    pub fn new(policy: &Policy) -> Self {
        let rules = Rules::compile(policy);
        let controls = crate::report::controls(policy, &rules.contract);
        let counters = Counters::of(rules.contract.document());
        Self { rules, controls, counters }
    }

    /// What is enforced, monitored and off, and why; in the order of the stages.
    pub fn controls(&self) -> &[Control] {
        &self.controls
    }

    /// Judges the head of a request.
    pub fn open(self: &Arc<Self>, head: &Head<'_>, context: &Context) -> Opening {
        let mut ledger = Ledger::default();
        let mut facts = Facts::new(head, context);
        let judgement = self.judge(head, context, &mut facts, &mut ledger);
        match judgement {
            Ok(Judgement::Passed { proofs, announced, client, matched, asked }) => {
                let inspector = self.inspector(&announced, &matched);
                let exchange = Exchange::new(Arc::clone(self), facts, ledger.into_findings(), asked);
                Opening::Admit(Box::new(Admission::new(proofs, head, &client, inspector, exchange)))
            }
            Ok(Judgement::Preflight) => {
                let reply = crate::answer::preflight(&self.rules, &facts);
                let outcome = Outcome::Replied(ReplyKind::Preflight);
                let record = Record::of(facts, reply.status, context.now, outcome, ledger.into_findings());
                Opening::Answer(Box::new(Ended { reply, record }))
            }
            Err(finding) => {
                self.counters.answered(&facts, finding.violation.reason.status());
                Opening::Answer(Box::new(self.refuse(facts, finding, ledger.into_findings(), context.now)))
            }
        }
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

    /// The stages in their order: the cheap ones first, each only on what those before it have made sure.
    ///
    /// # Errors
    /// The finding of the first stage that refuses.
    pub(crate) fn judge<'a>(
        &self,
        head: &Head<'a>,
        context: &Context,
        facts: &mut Facts,
        ledger: &mut Ledger,
    ) -> Result<Judgement<'a>, Box<Finding>> {
        let rules = &self.rules;

        // 1. Counting costs nothing and bounds all that follows.
        let (limits, ()) = ledger.judge(rules.limits.mode, head_limits::check(&rules.limits, head), ())?;

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
                return Ok(Judgement::Preflight);
            }
        }

        // 9. What the body claims to be. What it is, `BodyInspector` judges as it streams.
        let verdict = content::check(&rules.content, head);
        let (content, announced) = ledger.judge(rules.body.mode, verdict, content::unjudged(head))?;
        let verdict = content::check_type(&rules.content, &announced);
        let (media_types, ()) = ledger.judge(rules.types_mode, verdict, ())?;

        // 10. What the app's own contract says of the head; last, since it costs most.
        let verdict = contract::check(&rules.contract, head, &target, &announced);
        facts.listing = verdict.listing;
        self.counters.count(verdict.listing);
        let (contract, matched) = ledger.judge(verdict.mode, verdict.held, Matched::new())?;
        let (stricter, ()) = ledger.judge(Mode::Monitor, verdict.stricter, ())?;

        let proofs = Proofs {
            limits,
            framing,
            client: client_known,
            host,
            https,
            path,
            docs,
            cors,
            content,
            media_types,
            contract,
            stricter,
        };
        Ok(Judgement::Passed { proofs, announced, client, matched, asked: verdict.asked })
    }
}
