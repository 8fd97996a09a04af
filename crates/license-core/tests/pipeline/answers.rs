//! Answers that applications show: decisions on features, warnings and their JSON objects.

use license_core::chrono::{DateTime, TimeDelta, Utc};
use license_core::evaluate::{Evidence, Warning};
use license_core::policy::{CheckIn, Renewal};
use license_core::{Code, Context, Decision, Tier};
use serde_json::json;

use crate::support::{DAY, HOUR, issued};
use crate::{evaluate, license, matrix};

/// Returns the only warning of a decision.
fn warning(decision: &Decision) -> Warning {
    let [warning] = decision.warnings() else {
        panic!("{:?}", decision.warnings())
    };
    warning.clone()
}

#[test]
fn an_unknown_feature_has_another_code_than_a_feature_that_is_not_included() {
    let valid = evaluate(&license(|_| {}), &Context::at(issued()));
    let base = Decision::without_license(matrix(), &Context::at(issued()));
    for decision in [valid, base] {
        assert!(!decision.allows("cloud-sync"));
        let unknown = decision.feature("cloud-sync", matrix());
        assert!(!unknown.granted);
        assert_eq!(unknown.code, Code::UnknownFeature);
        let expected = Evidence::UnknownFeature {
            feature: "cloud-sync".into(),
            product: matrix().product(),
            tier: decision.entitlements().tier(),
        };
        assert_eq!(unknown.evidence, expected);
        let known = decision.feature("sso", matrix());
        assert_eq!(known.code, Code::FeatureNotIncluded);
    }
}

#[test]
fn a_feature_that_only_the_license_has_is_known() {
    let license = license(|draft| {
        draft.add_feature("time_travel").unwrap();
        draft.expires_at = Some(issued() + DAY);
    });
    let valid = evaluate(&license, &Context::at(issued()));
    assert!(valid.feature("time_travel", matrix()).granted);
    let expired = evaluate(&license, &Context::at(issued() + DAY));
    let answer = expired.feature("time_travel", matrix());
    assert_eq!((answer.granted, answer.code), (false, Code::Expired));
}

#[test]
fn the_json_form_of_a_feature_decision_contains_its_evidence() {
    let decision = evaluate(&license(|_| {}), &Context::at(issued()));
    let expected = json!({
        "granted": false,
        "code": "UNKNOWN_FEATURE",
        "evidence": {
            "expected": "a feature of product CODITECT",
            "actual": "an unknown feature",
            "feature": "cloud-sync",
            "included_from": null,
            "tier": "PRO",
            "product": "CODITECT",
        },
    });
    assert_eq!(json!(decision.feature("cloud-sync", matrix())), expected);
}

#[test]
fn a_warning_contains_the_values_of_its_message() {
    let end = issued() + DAY * 30;
    let renewing = license(|draft| {
        draft.expires_at = Some(end);
        draft.renewal = Renewal::new(DAY * 14, HOUR * 72);
    });
    let at = |now: DateTime<Utc>| warning(&evaluate(&renewing, &Context::at(now)));
    let soon = Warning::ExpiresSoon {
        expires_at: end,
        remaining: TimeDelta::days(3),
    };
    assert_eq!(at(end - DAY * 3), soon);
    let grace = Warning::RenewalDue {
        holds_until: end + HOUR * 72,
        remaining: TimeDelta::hours(70),
    };
    assert_eq!(at(end + HOUR * 2), grace);

    let checked = license(|draft| draft.check_in = CheckIn::new(HOUR * 24, HOUR * 168));
    let due = evaluate(&checked, &Context::at(issued() + HOUR * 48));
    let expected = Warning::CheckInDue {
        holds_until: issued() + HOUR * 168,
        remaining: TimeDelta::hours(120),
    };
    assert_eq!(warning(&due), expected);

    let mark = issued() + DAY * 5;
    let behind = Context::at(issued()).high_water(mark);
    let expected = Warning::ClockBehind {
        clock: issued(),
        latest: mark,
        behind: TimeDelta::days(5),
    };
    assert_eq!(warning(&evaluate(&license(|_| {}), &behind)), expected);
}

#[test]
fn the_remaining_time_of_a_trial_is_never_negative() {
    let end = issued() + DAY * 10;
    let trial = license(|draft| {
        draft.trial = true;
        draft.expires_at = Some(end);
        draft.renewal = Renewal::new(TimeDelta::zero(), HOUR * 72);
    });
    for (now, days) in [(end - DAY * 4, 4), (end + DAY, 0)] {
        let decision = evaluate(&trial, &Context::at(now));
        let expected = Warning::Trial {
            expires_at: Some(end),
            remaining: Some(TimeDelta::days(days)),
        };
        assert_eq!(decision.warnings().last(), Some(&expected));
    }
}

#[test]
fn the_json_form_of_a_warning_contains_its_code_message_and_values() {
    let end = issued() + DAY * 30;
    let license = license(|draft| {
        draft.expires_at = Some(end);
        draft.renewal = Renewal::new(DAY * 14, HOUR * 72);
    });
    let decision = evaluate(&license, &Context::at(end - DAY * 3));
    let expected = json!([{
        "code": "EXPIRES_SOON",
        "message": "the license expires in 3 days, at 2027-01-31T00:00:00Z; ask the vendor to renew it",
        "expires_at": "2027-01-31T00:00:00Z",
        "remaining_seconds": 3 * 24 * 3600,
    }]);
    assert_eq!(json!(decision.warnings()), expected);
}

#[test]
fn entitlements_and_licenses_have_a_json_form() {
    let license = license(|_| {});
    let decision = evaluate(&license, &Context::at(issued()));
    let entitlements = json!(decision.entitlements());
    assert_eq!(entitlements["tier"], json!(Tier::parse("PRO").unwrap()));
    assert_eq!(entitlements["quotas"]["agents"], 52);
    assert_eq!(json!(license), json!(license.claims()));
}
