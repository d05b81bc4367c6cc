//! One request walked through the policy: what every stage says, and which of them decides.

use std::sync::Arc;

use buckler_http::head::Head;
use buckler_limits::Moment;
use buckler_limits::batch::unheard_of;
use buckler_policy::settings::Mode;

use crate::body::{BodyInspector, Judged};
use crate::check::content::Announced;
use crate::engine::{Approach, Engine, Judged as Passed};
use crate::facts::{Context, Facts};
use crate::limits::Counted;
use crate::stage::{Finding, Ledger, Stage, Step};

/// What the stages say, each asked whatever the others said.
#[derive(Debug)]
pub struct Explanation {
    /// In the order of the stages.
    pub steps: Vec<Step>,
    /// Index into `steps` of the one whose word counts; `None` where the request is admitted.
    pub decisive: Option<usize>,
    /// Whether the engine answers with nothing wrong: a preflight.
    pub preflight: Option<Stage>,
    /// The limits that it counts against, as the policy has them. Nothing is counted: each is judged as the first use of it.
    pub limits: Vec<String>,
}

impl Engine {
    /// Walks a request through the stages without stopping at the first that refuses. Same functions, same
    /// order as [`Self::open`].
    pub fn explain(self: &Arc<Self>, head: &Head<'_>, body: Option<&[u8]>, context: &Context) -> Explanation {
        let mut ledger = Ledger::tracing();
        let mut facts = Facts::new(head, context);
        let mut limits = Vec::new();
        let (passed, preflight) = match self.judge_client(head, context, &mut facts, &mut ledger) {
            Ok(Approach::Known { proofs, target }) => {
                let rates = &self.rules.rates;
                let asked = rates.asked(&self.rules, head, &target, &facts);
                let answers = asked.as_ref().map(|asked| unheard_of(&asked.batch, Moment(context.now.0)));
                let counted = match (&asked, &answers) {
                    (Some(asked), Some(answers)) => {
                        limits.extend(rates.limits_of(asked).map(|limit| limit.terms.text.clone()));
                        Counted::Asked(asked, answers)
                    }
                    _ => Counted::Nothing,
                };
                (self.judge_request(head, &target, proofs, counted, &mut facts, &mut ledger).ok(), None)
            }
            Ok(Approach::Preflight) => (None, Some(Stage::Cors)),
            Err(_) => (None, None),
        };
        let mut steps = ledger.into_steps();
        if let (Some(Passed { announced, matched, .. }), Some(body)) = (&passed, body) {
            let is_json = matches!(announced, Announced::Json(..));
            let mut inspector = self.inspector(announced, matched);
            let refused = judge_whole(&mut inspector, body).err().map(|finding| (Mode::Enforce, finding));
            let monitored = inspector.into_found().0.into_iter().map(|finding| (Mode::Monitor, finding));
            let before = steps.len();
            steps.extend(monitored.chain(refused).map(|(mode, finding)| {
                let Finding { stage, violation } = *finding;
                Step { stage, mode, violation: Some(violation) }
            }));
            if is_json && steps.len() == before {
                steps.push(Step { stage: Stage::Json, mode: self.rules.body.mode, violation: None });
            }
        }
        let decisive = steps.iter().position(|step| step.mode == Mode::Enforce && step.violation.is_some());
        Explanation { steps, decisive, preflight: preflight.filter(|_| decisive.is_none()), limits }
    }
}

fn judge_whole(inspector: &mut BodyInspector, mut body: &[u8]) -> Result<(), Box<Finding>> {
    while let Judged::Part(taken) = inspector.push(body)? {
        body = body.get(taken..).unwrap_or_default();
    }
    while inspector.finish()? != Judged::Whole {}
    Ok(())
}
