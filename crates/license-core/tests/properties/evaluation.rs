//! Evaluation: neither time nor a customer's own license server improves a decision.

use license_core::claims::Status;
use license_core::evaluate::Outcome;
use license_core::license::{Validation, ValidationSigner};
use license_core::policy::{Entitlements, Quota};
use license_core::{Code, Decision, FeatureMatrix, time};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::cases;
use crate::scenario::{Scenario, at, plan, step};
use crate::support::{DAY, SECOND, issued, machine};

/// Returns the content of a decision, except the warning about the clock.
fn content(decision: &Decision) -> impl PartialEq + std::fmt::Debug + use<> {
    let warnings = decision
        .warnings()
        .iter()
        .filter(|warning| warning.code() != Code::ClockBehind);
    (
        (
            decision.outcome(),
            decision.code(),
            decision.rule(),
            decision.evaluated_at(),
        ),
        decision.entitlements().clone(),
        decision.evidence().clone(),
        warnings.cloned().collect::<Vec<_>>(),
    )
}

fn is_behind(decision: &Decision) -> bool {
    decision
        .warnings()
        .iter()
        .any(|warning| warning.code() == Code::ClockBehind)
}

/// Returns whether the second entitlements include the first.
fn is_within(first: &Entitlements, second: &Entitlements) -> bool {
    let quota =
        |(name, quota): (&str, Quota)| second.quota(name).is_some_and(|bound| quota <= bound);
    first.features().all(|feature| second.allows(feature)) && first.quotas().all(quota)
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn a_later_instant_never_improves_a_decision(plan in plan(), steps in vec(step(), 2..12)) {
        let scenario = Scenario::new(plan);
        let start = scenario.license.not_before().unwrap();
        let mut instants: Vec<_> = steps.into_iter().map(at).collect();
        instants.sort_unstable();
        let decisions = instants.iter().map(|&now| scenario.at(now)).filter(|decision| decision.evaluated_at() >= start);
        let decisions: Vec<_> = decisions.collect();
        for (earlier, later) in decisions.iter().zip(decisions.iter().skip(1)) {
            prop_assert!(later.outcome() <= earlier.outcome(), "{:?} then {:?}", earlier, later);
            if later.outcome() != Outcome::Denied {
                prop_assert_eq!(later.entitlements(), earlier.entitlements());
            }
        }
    }

    #[test]
    fn the_same_inputs_give_the_same_decision(plan in plan(), now in step()) {
        let (one, other) = (Scenario::new(plan.clone()), Scenario::new(plan));
        let (one, other) = (one.at(at(now)), other.at(at(now)));
        prop_assert_eq!(content(&one), content(&other));
        prop_assert_eq!(is_behind(&one), is_behind(&other));
        for feature in ["cloud_sync", "sso", "nothing"] {
            let answers = [&one, &other].map(|decision| decision.feature(feature, FeatureMatrix::built_in()));
            prop_assert_eq!(&answers[0], &answers[1]);
        }
    }

    /// Files are read in the order in which a directory lists them.
    #[test]
    fn the_order_of_tokens_does_not_matter(plan in plan(), now in step()) {
        let mut plan = plan;
        plan.validations.sort_by_key(|validation| at(validation.at));
        plan.validations.dedup_by_key(|validation| at(validation.at));
        let mut scenario = Scenario::new(plan);
        let decision = scenario.at(at(now));
        scenario.validations.reverse();
        scenario.installed.reverse();
        prop_assert_eq!(content(&decision), content(&scenario.at(at(now))));
    }

    /// If the order decided, a user with two validation tokens of the same second could choose the
    /// decision.
    #[test]
    fn the_strictest_validation_of_the_same_second_decides(plan in plan(), when in step(), now in step()) {
        let mut plan = plan;
        plan.validations.iter_mut().for_each(|validation| validation.at = when);
        let mut scenario = Scenario::new(plan);
        let decision = scenario.at(at(now));
        scenario.validations.reverse();
        prop_assert_eq!(decision.outcome(), scenario.at(at(now)).outcome());
        let matching = scenario.plan.validations.iter().filter(|validation| {
            let is_for_machine = scenario.plan.is_named && validation.machine == Some("m1");
            let is_accepted = scenario.plan.has_server || !validation.by_server;
            // A status of the previous license has no effect if this license was issued later.
            let is_outdated = validation.for_previous && at(validation.at) < issued();
            (is_for_machine || validation.machine.is_none()) && is_accepted && !is_outdated
        });
        if matching.clone().any(|validation| validation.status != Status::Active) {
            prop_assert_eq!(decision.outcome(), Outcome::Denied);
        }
    }

    #[test]
    fn setting_the_clock_back_does_not_improve_a_decision(plan in plan(), clock in step()) {
        let scenario = Scenario::new(plan);
        let context = match scenario.plan.high_water {
            Some(high_water) => scenario.context(at(clock)).high_water(at(high_water)),
            None => scenario.context(at(clock)),
        };
        let decision = scenario.evaluate(&context);
        let issue_dates = scenario.validations.iter().map(Validation::issued_at);
        let latest = issue_dates.chain(scenario.plan.high_water.map(at)).chain([issued(), at(clock)]).max().unwrap();
        prop_assert_eq!(decision.evaluated_at(), latest);
        let expected = scenario.at(latest);
        prop_assert_eq!(content(&decision), content(&expected));
        prop_assert!(!is_behind(&expected));
        prop_assert_eq!(is_behind(&decision), time::duration_since(latest, at(clock)) > DAY);
    }

    #[test]
    fn a_denied_license_gives_the_base_tier(plan in plan(), now in step()) {
        let decision = Scenario::new(plan).at(at(now));
        let base = FeatureMatrix::built_in().base_tier().entitlements();
        if decision.outcome() == Outcome::Denied {
            prop_assert_eq!(decision.entitlements(), &**base);
        }
    }

    /// Compares the decision with the decision without the tokens of the server.
    #[test]
    fn a_server_never_adds_entitlements_and_never_lifts_a_denial_by_the_vendor(plan in plan(), now in step()) {
        let mut scenario = Scenario::new(plan);
        let decision = scenario.at(at(now));
        scenario.validations.retain(|validation| validation.signer() == ValidationSigner::Vendor);
        let without = scenario.at(at(now));
        if decision.outcome() != Outcome::Denied && without.outcome() != Outcome::Denied {
            prop_assert!(is_within(decision.entitlements(), without.entitlements()));
            prop_assert_eq!(decision.entitlements().tier(), without.entitlements().tier());
        }
        if matches!(without.code(), Code::Revoked | Code::Suspended | Code::Canceled) {
            prop_assert_eq!(decision.outcome(), Outcome::Denied);
        }
    }

    #[test]
    fn the_latest_validation_of_the_vendor_replaces_the_entitlements(plan in plan(), now in step()) {
        let mut plan = plan;
        plan.validations.retain(|validation| !validation.by_server && !validation.for_previous);
        plan.validations.sort_by_key(|validation| at(validation.at));
        plan.validations.dedup_by_key(|validation| at(validation.at));
        let scenario = Scenario::new(plan);
        let machine = scenario.plan.is_named.then(|| machine("m1"));
        let mut validations = scenario.validations.iter().rev();
        let newest = validations.find(|token| token.machine().is_none() || token.machine() == machine);
        let decision = scenario.at(at(now));
        if decision.outcome() != Outcome::Denied {
            let granted = newest.map_or(scenario.license.entitlements(), |token| token.entitlements());
            prop_assert_eq!(decision.entitlements(), granted);
        }
    }

    /// A renewal does not end a suspension.
    #[test]
    fn a_denial_of_the_previous_license_denies_its_successor(plan in plan(), when in step(), now in step()) {
        let mut scenario = Scenario::new(plan);
        let when = at(when).max(issued());
        let previous = scenario.license.supersedes()[0].clone();
        let is_own = |token: &Validation| *token.license_id() != previous;
        scenario.validations.retain(|token| !is_own(token) || token.issued_at() <= when);
        scenario.validations.retain(|token| is_own(token) || token.issued_at() < when);
        scenario.suspend_previous(when);
        prop_assert_eq!(scenario.at(at(now)).outcome(), Outcome::Denied);
    }

    #[test]
    fn licenses_are_valid_until_the_end_date_of_the_decision(plan in plan(), now in step()) {
        let scenario = Scenario::new(plan);
        let licenses = scenario.verified_file();
        let decide = |now| licenses.evaluate(FeatureMatrix::built_in(), &scenario.context(now));
        let decision = decide(at(now));
        if let Some(until) = decision.holds_until() {
            let before = decide((until - SECOND).max(decision.evaluated_at()));
            prop_assert!(before.outcome() != Outcome::Denied, "{:?}", before);
        }
    }
}
