//! Differences between licenses: none to itself, and the same either way.

use std::num::NonZeroU32;

use license_core::issue::LicenseDraft;
use license_core::{CheckIn, Difference, Effect, Matrix, Quota, Renewal, UsageType};
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use crate::cases;
use crate::support::{SERVER, draft, id, public};
use crate::world::{Step, at, step};

/// A license of any making, by little that is likely to be the same in another.
#[derive(Clone, Debug)]
struct Sold {
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

fn sold() -> impl Strategy<Value = Sold> {
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
    let whom = (
        of(step()),
        subsequence(vec!["ann", "bob", "cyd"], 0..=3),
        subsequence(vec!["m1", "m2", "m3"], 0..=3),
        of(select(&[UsageType::Builder, UsageType::Runtime][..])),
        of(select(&["<3", ">=2, <4"][..])),
        select(&["Ann", "Bob"][..]),
        any::<(bool, bool, bool)>(),
    );
    (terms, whom).prop_map(|(terms, whom)| Sold {
        tier: terms.0,
        starts: terms.1,
        ends: terms.2,
        features: terms.3,
        quotas: terms.4,
        seats: terms.5,
        check_in: terms.6,
        renewal: terms.7,
        maintenance: whom.0,
        users: whom.1,
        machines: whom.2,
        usage_type: whom.3,
        version: whom.4,
        customer: whom.5,
        flags: whom.6,
    })
}

fn made(sold: &Sold, number: u64) -> LicenseDraft {
    let mut draft = draft(sold.tier, id(number));
    draft.customer = sold.customer.to_owned();
    draft.not_before = sold.starts.map(at);
    draft.expires_at = sold.ends.map(at);
    for feature in &sold.features {
        draft.add_feature(feature).unwrap();
    }
    for (name, quota) in &sold.quotas {
        draft
            .set_quota(name, Quota::from_number(*quota).unwrap())
            .unwrap();
    }
    if let Some(seats) = sold.seats {
        let _ = draft.set_seats(NonZeroU32::new(seats).unwrap(), Matrix::built_in());
    }
    draft.check_in = sold
        .check_in
        .and_then(|(every, more)| CheckIn::new(every, every + more));
    draft.renewal = sold
        .renewal
        .and_then(|(days, hours)| Renewal::new(days, hours));
    draft.maintenance_until = sold.maintenance.map(at);
    draft.users = sold.users.iter().map(|&user| user.to_owned()).collect();
    draft.machines = sold
        .machines
        .iter()
        .map(|&machine| machine.into())
        .collect();
    draft.usage_type = sold.usage_type;
    draft.max_version = sold.version.map(|version| version.parse().unwrap());
    draft.trial = sold.flags.0;
    if sold.flags.1 {
        draft.confirmation = Some(public(&SERVER).to_jwk().try_into().unwrap());
    }
    if sold.flags.2 {
        draft.supersedes = vec![id(1), id(2)];
    }
    draft
}

fn difference(before: &LicenseDraft, after: &LicenseDraft) -> Difference {
    let (before, after) = (before.read_back().unwrap(), after.read_back().unwrap());
    Difference::between(&before, &after, Matrix::built_in())
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn nothing_changes_where_only_id_serial_and_dates_of_issue_do(sold in sold(), later in step()) {
        let (before, mut after) = (made(&sold, 1), made(&sold, 2));
        after.serial = Some(7);
        after.issued_at = Some(at(later));
        prop_assert!(difference(&before, &before).is_empty());
        prop_assert!(difference(&before, &after).is_empty());
    }

    #[test]
    fn the_way_back_is_the_way_there_reversed(one in sold(), other in sold()) {
        let (one, other) = (made(&one, 1), made(&other, 2));
        let (there, back) = (difference(&one, &other), difference(&other, &one));
        prop_assert_eq!(there.changes().len(), back.changes().len());
        for (change, back) in there.changes().iter().zip(back.changes()) {
            prop_assert_eq!(change.effect(), back.effect().reversed(), "{}", change);
            prop_assert_eq!(change.what(), back.what());
            prop_assert_eq!(change.name(), back.name());
            let [before, after] = back.values();
            prop_assert_eq!(change.values(), [after, before]);
            prop_assert_ne!(change.to_string(), back.to_string());
        }
        let gains = there.with_effect(Effect::Gain).count();
        prop_assert_eq!(back.is_worse(), gains > 0);
    }
}
