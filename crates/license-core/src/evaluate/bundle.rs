//! Evaluation of a license file as a whole.

use super::context::AtHand;
use super::{Context, Decision, Finding, Outcome};
use crate::ids::Tier;
use crate::license::{Bundle, License};
use crate::matrix::Matrix;

impl Bundle {
    /// Evaluates every license and returns the decision for the one that allows most: of the
    /// licenses that hold, the one of the highest tier, then the best outcome, the latest end, the
    /// latest issue. So what is allowed never grows again by the mere passing of time. If no license
    /// holds, a license that has started decides before one that has not.
    pub fn evaluate(&self, matrix: &Matrix, context: &Context<'_>) -> Decision {
        let context = in_context(self, context);
        let decisions = self
            .licenses()
            .iter()
            .map(|license| license.evaluate(matrix, &context));
        let best = decisions.max_by_key(|decision| {
            let license = decision.license();
            let holds = decision.outcome() != Outcome::Denied;
            // The tier in effect: a validation token may have changed what was bought.
            let tier = rank(decision.entitlements().tier(), matrix).filter(|_| holds);
            let end = license.and_then(License::expires_at);
            let issued = license.and_then(License::issued_at);
            let now = decision.evaluated_at();
            let start = license.and_then(License::not_before);
            let has_begun = start.is_none_or(|start| start <= now);
            // A perpetual license ends after all others.
            let end = (end.is_none(), end);
            (holds, tier, decision.outcome(), has_begun, end, issued)
        });
        best.unwrap_or_else(|| Decision::without_license(matrix, &context))
    }

    /// Applies every rule to the license that decides [`Bundle::evaluate`].
    pub fn explain(&self, matrix: &Matrix, context: &Context<'_>) -> Vec<Finding> {
        let decision = self.evaluate(matrix, context);
        let context = in_context(self, context);
        decision
            .license()
            .map(|license| license.explain(matrix, &context))
            .unwrap_or_default()
    }
}

fn in_context<'a>(bundle: &'a Bundle, context: &Context<'a>) -> Context<'a> {
    context.clone().in_bundle(AtHand {
        licenses: bundle.licenses(),
        validations: bundle.validations(),
        revocations: bundle.revocations(),
        activations: bundle.activations(),
        given_up: bundle.deactivated(),
    })
}

fn rank(tier: Tier, matrix: &Matrix) -> Option<usize> {
    matrix.tiers().iter().position(|terms| terms.name() == tier)
}
