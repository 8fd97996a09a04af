//! Tests of the built-in feature matrix.

use super::*;
use crate::policy::{CheckIn, Renewal};

fn tier(name: &str) -> &'static TierPolicy {
    FeatureMatrix::built_in()
        .tier(Tier::parse(name).unwrap())
        .unwrap()
}

fn quotas(name: &str) -> [i64; 5] {
    [
        "commands_per_day",
        "agents",
        "slash_commands",
        "users",
        "devices",
    ]
    .map(|quota| tier(name).entitlements().quota(quota).unwrap().to_number())
}

#[test]
fn the_built_in_matrix_matches_the_specification() {
    assert_eq!(quotas("FREE"), [10, 10, 81, 1, 1]);
    assert_eq!(quotas("PRO"), [-1, 52, 81, 1, -1]);
    assert_eq!(quotas("TEAM"), [-1, 52, 81, 5, 5]);
    assert_eq!(quotas("ENT"), [-1, 52, 81, -1, -1]);
    let counts =
        ["FREE", "PRO", "TEAM", "ENT"].map(|name| tier(name).entitlements().features().len());
    assert_eq!(counts, [3, 12, 18, 26]);
    let check_ins = ["FREE", "PRO", "TEAM", "ENT"].map(|name| tier(name).check_in());
    let daily = CheckIn::from_hours(24, 168);
    assert_eq!(check_ins, [None, daily, daily, None]);
    let renewals = ["FREE", "PRO", "TEAM", "ENT"].map(|name| tier(name).renewal());
    let two_weeks = Renewal::from_days_and_hours(14, 72);
    assert_eq!(
        renewals,
        [
            None,
            two_weeks,
            two_weeks,
            Renewal::from_days_and_hours(30, 168)
        ]
    );
}
