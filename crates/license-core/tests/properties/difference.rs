//! Differences between licenses: empty for equal licenses, and symmetric.

use std::num::NonZeroU32;

use license_core::FeatureMatrix;
use license_core::diff::{Difference, Effect};
use license_core::issue::LicenseDraft;
use license_core::policy::{Quota, UsageType};
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use crate::scenario::{Step, at, step};
use crate::support::{SERVER, draft, id, public};
use crate::{cases, check_in, renewal};

/// The parameters of a license. Each parameter has few values, so that two licenses often have some
/// values in common.
#[derive(Clone, Debug)]
struct LicensePlan {
    tier: &'static str,
    starts: Option<Step>,
    ends: Option<Step>,
    features: Vec<&'static str>,
    quotas: Vec<(&'static str, i64)>,
    seats: Option<u32>,
    check_in: Option<(u64, u64)>,
    renewal: Option<(u64, u64)>,
    maintenance: Option<Step>,
    users: Vec<&'static str>,
    machines: Vec<&'static str>,
    usage_type: Option<UsageType>,
    version: Option<&'static str>,
    customer: &'static str,
    flags: (bool, bool, bool),
}

fn plan() -> impl Strategy<Value = LicensePlan> {
    let names = select(&["agents", "users", "brand_new"][..]);
    let number = select(&[-1_i64, 0, 3, 52][..]);
    let terms = (
        select(&["FREE", "PRO", "TEAM", "ENT"][..]),
        of(step()),
        of(step()),
        subsequence(vec!["brand_new", "other_new"], 0..=2),
        vec((names, number), 0..3),
        of(select(&[5_u32, 20][..])),
        of((1..4_u64, 0..3_u64)),
        of((0..3_u64, 0..3_u64)),
    );
    let scope = (
        of(step()),
        subsequence(vec!["ann", "bob", "cyd"], 0..=3),
        subsequence(vec!["m1", "m2", "m3"], 0..=3),
        of(select(&[UsageType::Builder, UsageType::Runtime][..])),
        of(select(&["<3", ">=2, <4"][..])),
        select(&["Ann", "Bob"][..]),
        any::<(bool, bool, bool)>(),
    );
    (terms, scope).prop_map(|(terms, scope)| LicensePlan {
        tier: terms.0,
        starts: terms.1,
        ends: terms.2,
        features: terms.3,
        quotas: terms.4,
        seats: terms.5,
        check_in: terms.6,
        renewal: terms.7,
        maintenance: scope.0,
        users: scope.1,
        machines: scope.2,
        usage_type: scope.3,
        version: scope.4,
        customer: scope.5,
        flags: scope.6,
    })
}

fn to_draft(plan: &LicensePlan, number: u64) -> LicenseDraft {
    let mut draft = draft(plan.tier, id(number));
    draft.customer = plan.customer.to_owned();
    draft.not_before = plan.starts.map(at);
    draft.expires_at = plan.ends.map(at);
    for feature in &plan.features {
        draft.add_feature(feature).unwrap();
    }
    for (name, quota) in &plan.quotas {
        draft
            .set_quota(name, Quota::from_number(*quota).unwrap())
            .unwrap();
    }
    if let Some(seats) = plan.seats {
        let _ = draft.set_seats(NonZeroU32::new(seats).unwrap(), FeatureMatrix::built_in());
    }
    draft.check_in = plan
        .check_in
        .and_then(|(every, more)| check_in(every, every + more));
    draft.renewal = plan.renewal.and_then(|(days, hours)| renewal(days, hours));
    draft.maintenance_until = plan.maintenance.map(at);
    draft.users = plan.users.iter().map(|&user| user.to_owned()).collect();
    draft.machines = plan
        .machines
        .iter()
        .map(|&machine| machine.parse().unwrap())
        .collect();
    draft.usage_type = plan.usage_type;
    draft.max_version = plan.version.map(|version| version.parse().unwrap());
    draft.trial = plan.flags.0;
    if plan.flags.1 {
        draft.confirmation = Some(public(&SERVER).to_jwk().try_into().unwrap());
    }
    if plan.flags.2 {
        draft.supersedes = vec![id(1), id(2)];
    }
    draft
}

fn difference(before: &LicenseDraft, after: &LicenseDraft) -> Difference {
    let (before, after) = (before.read_back().unwrap(), after.read_back().unwrap());
    Difference::from_claims(&before, &after, FeatureMatrix::built_in())
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn id_serial_and_time_of_issue_are_not_compared(plan in plan(), later in step()) {
        let (before, mut after) = (to_draft(&plan, 1), to_draft(&plan, 2));
        after.serial = Some(7);
        after.issued_at = Some(at(later));
        prop_assert!(difference(&before, &before).is_empty());
        prop_assert!(difference(&before, &after).is_empty());
    }

    #[test]
    fn the_reverse_comparison_has_reverse_changes(one in plan(), other in plan()) {
        let (one, other) = (to_draft(&one, 1), to_draft(&other, 2));
        let (forward, back) = (difference(&one, &other), difference(&other, &one));
        prop_assert_eq!(forward.changes().len(), back.changes().len());
        let mut gains = 0;
        for (change, back) in forward.changes().iter().zip(back.changes()) {
            // A renewal that starts later takes nothing away. The reverse change is a gain.
            let is_renewal = change.what() == "not_before"
                && [change.effect(), back.effect()].contains(&Effect::Other);
            if !is_renewal {
                prop_assert_eq!(change.effect(), back.effect().reversed(), "{}", change);
            }
            gains += usize::from(change.effect() == Effect::Gain && !is_renewal);
            prop_assert_eq!(change.what(), back.what());
            prop_assert_eq!(change.name(), back.name());
            let [before, after] = back.values();
            prop_assert_eq!(change.values(), [after, before]);
            prop_assert_ne!(change.to_string(), back.to_string());
        }
        prop_assert_eq!(back.is_worse(), gains > 0);
    }
}
