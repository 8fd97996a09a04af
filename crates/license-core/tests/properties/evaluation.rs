//! Evaluation: time and a customer's own server can only take away.

use license_core::{
    Code, Decision, Entitlements, Matrix, Outcome, Quota, Signer, Status, Validation,
};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::cases;
use crate::support::{DAY, issued, machine};
use crate::world::{World, at, plan, step};

/// Everything that a decision says, except that the clock is behind.
fn said(decision: &Decision) -> impl PartialEq + std::fmt::Debug + use<> {
    let warnings = decision
        .warnings()
        .iter()
        .filter(|warning| warning.code != Code::ClockBehind);
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
        .any(|warning| warning.code == Code::ClockBehind)
}

/// Whether the first allows nothing that the second does not.
fn is_within(first: &Entitlements, second: &Entitlements) -> bool {
    let quota =
        |(name, quota): (&str, Quota)| second.quota(name).is_some_and(|bound| quota <= bound);
    first.features().all(|feature| second.allows(feature)) && first.quotas().all(quota)
}

proptest! {
    #![proptest_config(cases(800))]

    #[test]
    fn a_later_now_is_never_better(plan in plan(), steps in vec(step(), 2..12)) {
        let world = World::new(plan);
        let start = world.license.not_before().unwrap();
        let mut instants: Vec<_> = steps.into_iter().map(at).collect();
        instants.sort_unstable();
        let decisions = instants.iter().map(|&now| world.at(now)).filter(|decision| decision.evaluated_at() >= start);
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
        let (one, other) = (World::new(plan.clone()), World::new(plan));
        let (one, other) = (one.at(at(now)), other.at(at(now)));
        prop_assert_eq!(said(&one), said(&other));
        prop_assert_eq!(is_behind(&one), is_behind(&other));
        for feature in ["cloud_sync", "sso", "nothing"] {
            let answers = [&one, &other].map(|decision| decision.feature(feature, Matrix::built_in()));
            prop_assert_eq!(&answers[0], &answers[1]);
        }
    }

    /// Files are read in the order in which a directory lists them.
    #[test]
    fn the_order_of_artefacts_does_not_matter(plan in plan(), now in step()) {
        let mut plan = plan;
        plan.statements.sort_by_key(|statement| at(statement.at));
        plan.statements.dedup_by_key(|statement| at(statement.at));
        let mut world = World::new(plan);
        let decision = world.at(at(now));
        world.validations.reverse();
        world.installed.reverse();
        prop_assert_eq!(said(&decision), said(&world.at(at(now))));
    }

    /// Else whoever holds an older and a newer statement of one second could choose between them.
    #[test]
    fn of_statements_of_one_second_the_stricter_counts(plan in plan(), when in step(), now in step()) {
        let mut plan = plan;
        plan.statements.iter_mut().for_each(|statement| statement.at = when);
        let mut world = World::new(plan);
        let decision = world.at(at(now));
        world.validations.reverse();
        prop_assert_eq!(decision.outcome(), world.at(at(now)).outcome());
        let matching = world.plan.statements.iter().filter(|statement| {
            let here = world.plan.is_named && statement.machine == Some("m1");
            let is_heard = world.plan.has_server || !statement.by_server;
            // Whoever minted the license later than that knew what was said of the former one.
            let is_known = statement.of_former && at(statement.at) < issued();
            (here || statement.machine.is_none()) && is_heard && !is_known
        });
        if matching.clone().any(|statement| statement.status != Status::Active) {
            prop_assert_eq!(decision.outcome(), Outcome::Denied);
        }
    }

    #[test]
    fn a_clock_set_back_gains_nothing(plan in plan(), clock in step()) {
        let world = World::new(plan);
        let context = match world.plan.mark {
            Some(mark) => world.context(at(clock)).high_water(at(mark)),
            None => world.context(at(clock)),
        };
        let decision = world.evaluate(&context);
        let issue_dates = world.validations.iter().map(Validation::issued_at);
        let latest = issue_dates.chain(world.plan.mark.map(at)).chain([issued(), at(clock)]).max().unwrap();
        prop_assert_eq!(decision.evaluated_at(), latest);
        let right = world.at(latest);
        prop_assert_eq!(said(&decision), said(&right));
        prop_assert!(!is_behind(&right));
        prop_assert_eq!(is_behind(&decision), latest.seconds_since(at(clock)) > DAY);
    }

    #[test]
    fn denied_leaves_the_base_tier(plan in plan(), now in step()) {
        let decision = World::new(plan).at(at(now));
        let base = Matrix::built_in().base_tier().entitlements();
        if decision.outcome() == Outcome::Denied {
            prop_assert_eq!(decision.entitlements(), &**base);
        }
    }

    /// Compared with the same case in which the server is silent.
    #[test]
    fn a_server_never_adds_and_never_lifts_what_the_vendor_denied(plan in plan(), now in step()) {
        let mut world = World::new(plan);
        let decision = world.at(at(now));
        world.validations.retain(|validation| validation.signer() == Signer::Vendor);
        let silent = world.at(at(now));
        if decision.outcome() != Outcome::Denied && silent.outcome() != Outcome::Denied {
            prop_assert!(is_within(decision.entitlements(), silent.entitlements()));
            prop_assert_eq!(decision.entitlements().tier(), silent.entitlements().tier());
        }
        if matches!(silent.code(), Code::Revoked | Code::Suspended | Code::Canceled) {
            prop_assert_eq!(decision.outcome(), Outcome::Denied);
        }
    }

    #[test]
    fn what_the_vendor_said_last_replaces_what_was_bought(plan in plan(), now in step()) {
        let mut plan = plan;
        plan.statements.retain(|statement| !statement.by_server && !statement.of_former);
        plan.statements.sort_by_key(|statement| at(statement.at));
        plan.statements.dedup_by_key(|statement| at(statement.at));
        let world = World::new(plan);
        let machine = world.plan.is_named.then(|| machine("m1"));
        let mut validations = world.validations.iter().rev();
        let newest = validations.find(|said| said.machine().is_none() || said.machine() == machine);
        let decision = world.at(at(now));
        if decision.outcome() != Outcome::Denied {
            let granted = newest.map_or(world.license.entitlements(), |said| said.entitlements());
            prop_assert_eq!(decision.entitlements(), granted);
        }
    }

    /// Else a renewal would be a way out of a suspension.
    #[test]
    fn what_denies_the_former_license_denies_its_successor(plan in plan(), when in step(), now in step()) {
        let mut world = World::new(plan);
        let when = at(when).max(issued());
        let former = world.license.supersedes()[0].clone();
        let is_own = |said: &Validation| *said.license_id() != former;
        world.validations.retain(|said| !is_own(said) || said.issued_at() <= when);
        world.validations.retain(|said| is_own(said) || said.issued_at() < when);
        world.suspend_former(when);
        prop_assert_eq!(world.at(at(now)).outcome(), Outcome::Denied);
    }

    /// What is promised of a license, and of what follows it, is kept.
    #[test]
    fn it_holds_until_the_instant_that_is_promised(plan in plan(), now in step()) {
        let world = World::new(plan);
        let bundle = world.bundle();
        let at_hand = |now| world.context(now);
        let decision = bundle.evaluate(Matrix::built_in(), &at_hand(at(now)));
        if let Some(until) = decision.holds_until() {
            let before = bundle.evaluate(Matrix::built_in(), &at_hand(until.minus(1).max(decision.evaluated_at())));
            prop_assert!(before.outcome() != Outcome::Denied, "{:?}", before);
        }
    }
}
