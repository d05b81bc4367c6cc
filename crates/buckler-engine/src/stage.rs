//! The names of the stages, what a stage says against a request, and the proof that it was asked.

use std::borrow::Cow;
use std::marker::PhantomData;

use buckler_policy::settings::Mode;
use smallvec::SmallVec;

use crate::contract::faults::InputFault;
use crate::reason::Reason;

macro_rules! stages {
    ($($(#[doc = $doc:literal])+ $stage:ident = $name:literal, $key:literal;)*) => {
        /// A control, in the order in which a request meets them.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Stage { $($(#[doc = $doc])+ $stage,)* }

        impl Stage {
            /// All stages, in order.
            pub const ALL: &'static [Self] = &[$(Self::$stage,)*];

            /// The name in logs, reports and `buckler explain`.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$stage => $name,)* }
            }

            /// The policy key that switches the stage between enforcing and monitoring.
            pub const fn mode_key(self) -> &'static str {
                match self { $(Self::$stage => $key,)* }
            }

            /// What it does, for the report.
            pub const fn purpose(self) -> &'static str {
                match self { $(Self::$stage => concat!($($doc),+),)* }
            }
        }

        $(
            $(#[doc = $doc])+
            #[derive(Debug)]
            pub enum $stage {}
            impl Checked for $stage { const STAGE: Stage = Stage::$stage; }
        )*
    };
}

/// A type that stands for a stage in a [`Proof`].
pub trait Checked {
    /// The stage.
    const STAGE: Stage;
}

stages! {
    /// Bounds of the head: field lines, bytes, target.
    HeadLimits = "head_limits", "server.limits.mode";
    /// One reading of the message: lengths, singletons, aliases, target form, method.
    Framing = "framing", "server.mode";
    /// Who the client is, behind trusted proxies.
    Client = "client", "server.mode";
    /// The host that is asked for is one of ours.
    Host = "host", "server.mode";
    /// Plain HTTP is sent to HTTPS.
    Https = "https", "server.mode";
    /// The path means one thing only.
    Path = "path", "server.paths.mode";
    /// The interactive docs and the schema are open to clients, or not there.
    Docs = "docs", "contract.mode";
    /// Pages of other origins get what the policy shares.
    Cors = "cors", "cors.mode";
    /// Nobody asks more often than the policy allows.
    Limits = "limits", "limits.mode";
    /// The body's size and coding, and that it has a type.
    Content = "content", "content.mode";
    /// The body's type is one of those that are taken.
    MediaTypes = "media_types", "content.types";
    /// Path, parameters and body are what the app's contract allows.
    Contract = "contract", "contract.requests";
    /// The same by stricter rules, which are only recorded.
    Stricter = "stricter", "content.strict";
    /// JSON is well-formed, unambiguous and bounded.
    Json = "json", "content.mode";
    /// Security header fields on every answer.
    Headers = "headers", "headers.mode";
    /// Errors tell the client nothing about the inside.
    Errors = "errors", "errors.mode";
    /// Answers hold what the contract declares, and nothing that never leaves.
    Responses = "responses", "contract.responses";
}

/// Evidence that a stage judged this very request and let it pass (or, in monitor mode, wrote down that it
/// would not have). Only judging makes one, and it cannot be copied; an [`crate::Admission`] needs one of each.
///
/// ```compile_fail,E0451
/// use buckler_engine::stage::{Host, Proof};
/// let forged: Proof<Host> = Proof { stage: std::marker::PhantomData };
/// ```
/// ```compile_fail,E0599
/// fn twice(proof: buckler_engine::stage::Proof<buckler_engine::stage::Host>) {
///     let copy = proof.clone();
/// }
/// ```
#[derive(Debug)]
pub struct Proof<S: Checked> {
    stage: PhantomData<S>,
}

/// What a stage says against a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The row of the table.
    pub reason: Reason,
    /// Safe to show to the client: never holds what the client or the app sent.
    pub detail: Cow<'static, str>,
    /// The policy key that decides, if one does.
    pub key: Option<&'static str>,
    /// FastAPI's list for a 422, in place of `detail`; empty where there is none.
    pub faults: Vec<InputFault>,
    /// What `Allow` says of a method that is refused (RFC 9110 §10.2.1).
    pub allow: Option<String>,
    /// Where the client is sent, if the answer is a redirect.
    pub location: Option<String>,
}

impl Violation {
    /// A violation that no policy key can take back.
    pub fn fixed(reason: Reason, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { reason, detail: detail.into(), key: None, faults: Vec::new(), allow: None, location: None }
    }

    /// A violation of what `key` says.
    pub fn of(key: &'static str, reason: Reason, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { key: Some(key), ..Self::fixed(reason, detail) }
    }
}

/// A violation with the stage that found it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Who.
    pub stage: Stage,
    /// What.
    pub violation: Violation,
}

/// What a stage said, for `explain`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Who.
    pub stage: Stage,
    /// Whether it refuses.
    pub mode: Mode,
    /// What it said against the request, if anything.
    pub violation: Option<Violation>,
}

/// Findings of one exchange; nearly always none.
pub type Findings = SmallVec<[Box<Finding>; 1]>;

/// Takes down what each stage says, and decides by its mode whether that ends the exchange.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    findings: Findings,
    /// `Some` when explaining: every stage is asked, whatever the ones before it said.
    trace: Option<Vec<Step>>,
}

impl Ledger {
    pub(crate) fn tracing() -> Self {
        Self { findings: Findings::new(), trace: Some(Vec::new()) }
    }

    pub(crate) fn into_findings(self) -> Findings {
        self.findings
    }

    pub(crate) fn into_steps(self) -> Vec<Step> {
        self.trace.unwrap_or_default()
    }

    /// The one place where a mode means something: the verdict is made before, by the same function for
    /// both modes. `otherwise` is what later stages work with where a violation is only written down.
    pub(crate) fn judge<S: Checked, T>(
        &mut self,
        mode: Mode,
        verdict: Result<T, Violation>,
        otherwise: T,
    ) -> Result<(Proof<S>, T), Box<Finding>> {
        let proof = Proof { stage: PhantomData };
        if let Some(trace) = &mut self.trace {
            trace.push(Step { stage: S::STAGE, mode, violation: verdict.as_ref().err().cloned() });
            return Ok((proof, verdict.unwrap_or(otherwise)));
        }
        match (verdict, mode) {
            (Ok(value), _) => Ok((proof, value)),
            (Err(violation), Mode::Enforce) => Err(Box::new(Finding { stage: S::STAGE, violation })),
            (Err(violation), Mode::Monitor) => {
                self.findings.push(Box::new(Finding { stage: S::STAGE, violation }));
                Ok((proof, otherwise))
            }
        }
    }
}
