//! Revocation lists never improve a decision.

use license_core::chrono::{DateTime, Utc};
use license_core::evaluate::Outcome;
use license_core::issue::{RevocationEntry, RevocationListDraft, SigningKey};
use license_core::license::{RecordedRevocation, RevocationList};
use license_core::{Code, Context, Decision, FeatureMatrix, ProductCode, Unverified};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::cases;
use crate::scenario::{Scenario, Step, at, plan, step};
use crate::support::{SPARE, VENDOR, id, trust};

/// The parameters of a revocation list.
#[derive(Clone, Debug)]
struct ListPlan {
    seq: u64,
    issued_at: Step,
    next_update: Step,
    revoked_at: Option<Step>,
    by_spare: bool,
}

fn list() -> impl Strategy<Value = ListPlan> {
    let revoked_at = proptest::option::weighted(0.4, step());
    (0..4_u64, step(), step(), revoked_at, any::<bool>()).prop_map(
        |(seq, issued_at, next_update, revoked_at, by_spare)| ListPlan {
            seq,
            issued_at,
            next_update,
            revoked_at,
            by_spare,
        },
    )
}

fn sign(plan: &ListPlan) -> RevocationList {
    let revoked = plan.revoked_at.map(|step| RevocationEntry {
        license: id(1),
        at: at(step),
        reason: "refunded".to_owned(),
    });
    let draft = RevocationListDraft {
        issuer: "CODITECT".to_owned(),
        product: ProductCode::parse("CODITECT").unwrap(),
        issued_at: at(plan.issued_at),
        seq: plan.seq,
        next_update: at(plan.next_update),
        revoked: revoked.into_iter().collect(),
    };
    let key: &SigningKey = if plan.by_spare { &SPARE } else { &VENDOR };
    let token = draft.sign(key).unwrap();
    let trust = trust(&[&VENDOR, &SPARE]);
    let token = Unverified::parse(&token).unwrap();
    token.verify_revocations(&trust).unwrap()
}

fn decide(scenario: &Scenario, lists: &[RevocationList], now: DateTime<Utc>) -> Decision {
    let context: Context<'_> = scenario.context(now).revocations(lists);
    scenario
        .license
        .evaluate(FeatureMatrix::built_in(), &context)
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn a_later_instant_never_improves_a_decision_with_lists(
        plan in plan(), lists in vec(list(), 0..4), steps in vec(step(), 2..12),
    ) {
        let scenario = Scenario::new(plan);
        let lists: Vec<_> = lists.iter().map(sign).collect();
        let start = scenario.license.not_before().unwrap();
        let mut instants: Vec<_> = steps.into_iter().map(at).collect();
        instants.sort_unstable();
        let decisions = instants.iter().map(|&now| decide(&scenario, &lists, now));
        let decisions: Vec<_> = decisions.filter(|decision| decision.evaluated_at() >= start).collect();
        for (earlier, later) in decisions.iter().zip(decisions.iter().skip(1)) {
            prop_assert!(later.outcome() <= earlier.outcome(), "{:?} then {:?}", earlier, later);
        }
        for decision in &decisions {
            let until = decision.holds_until();
            prop_assert!(until.is_none_or(|until| until >= decision.evaluated_at()));
        }
    }

    /// Lists are read in the order in which a directory lists them, and may occur twice.
    #[test]
    fn the_order_of_lists_does_not_matter(plan in plan(), lists in vec(list(), 0..4), now in step()) {
        let scenario = Scenario::new(plan);
        let mut lists: Vec<_> = lists.iter().map(sign).collect();
        let decision = decide(&scenario, &lists, at(now));
        lists.reverse();
        lists.extend_from_within(..);
        let other = decide(&scenario, &lists, at(now));
        prop_assert_eq!(decision.outcome(), other.outcome());
        prop_assert_eq!(decision.code(), other.code());
    }

    /// Both decisions are for the same instant, because a list can move the instant forward.
    #[test]
    fn lists_never_lift_a_denial(plan in plan(), lists in vec(list(), 0..4), now in step()) {
        let scenario = Scenario::new(plan);
        let lists: Vec<_> = lists.iter().map(sign).collect();
        let with = decide(&scenario, &lists, at(now));
        let without = decide(&scenario, &[], with.evaluated_at());
        prop_assert!(with.outcome() <= without.outcome());
    }

    #[test]
    fn a_license_is_revoked_by_the_newest_list_of_any_key(lists in vec(list(), 1..5), now in step()) {
        let license = crate::support::issue(&crate::support::perpetual("PRO", id(1)));
        let signed: Vec<_> = lists.iter().map(sign).collect();
        let context = Context::at(at(now)).revocations(&signed);
        let decision = license.evaluate(FeatureMatrix::built_in(), &context);
        let now = decision.evaluated_at();
        let is_newest = |plan: &&ListPlan| {
            !lists.iter().any(|other| other.by_spare == plan.by_spare && other.seq > plan.seq)
        };
        let mut newest = lists.iter().filter(is_newest);
        let is_revoked = newest.any(|plan| plan.revoked_at.is_some_and(|step| at(step) <= now));
        prop_assert_eq!(decision.code() == Code::Revoked, is_revoked);
        prop_assert_eq!(decision.outcome() == Outcome::Denied, is_revoked);
        let latest = lists.iter().filter(is_newest).map(|plan| at(plan.next_update)).max();
        let warns = decision.warnings().iter().any(|warning| warning.code() == Code::ListOutdated);
        prop_assert_eq!(warns, latest.is_some_and(|next| now > next));
    }

    #[test]
    fn a_recorded_revocation_counts_like_its_list_until_a_later_list(plan in list(), now in step()) {
        let license = crate::support::issue(&crate::support::perpetual("PRO", id(1)));
        let decide = |context: Context<'_>| license.evaluate(FeatureMatrix::built_in(), &context);
        let list = [sign(&plan)];
        let with_list = decide(Context::at(at(now)).revocations(&list));
        let recorded: Vec<_> = RecordedRevocation::new(&list[0], license.id()).into_iter().collect();
        // The date of the list moves the instant of the evaluation.
        let without = Context::at(with_list.evaluated_at()).recorded_revocations(&recorded);
        prop_assert_eq!(decide(without.clone()).code(), with_list.code());
        let both = decide(without.clone().revocations(&list));
        prop_assert_eq!(both.evidence(), with_list.evidence());
        let omits = ListPlan { revoked_at: None, ..plan.clone() };
        let later = [sign(&ListPlan { seq: plan.seq + 1, ..omits.clone() })];
        prop_assert_eq!(decide(without.clone().revocations(&later)).code(), Code::Valid);
        let of_other_key = [sign(&ListPlan { seq: plan.seq + 1, by_spare: !plan.by_spare, ..omits })];
        prop_assert_eq!(decide(without.revocations(&of_other_key)).code(), with_list.code());
    }
}
