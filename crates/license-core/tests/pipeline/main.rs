//! Tests of the pipeline from text to decision.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod activation;
mod answers;
mod lease;
mod license_key;
mod scope;
mod seat;
#[path = "../support/mod.rs"]
mod support;
mod trust;
mod validation;
mod validity;
mod verifier;

use std::num::NonZeroU32;

use license_core::chrono::{DateTime, Utc};
use license_core::evaluate::{Outcome, Rule, RuleOutcome};
use license_core::issue::LicenseDraft;
use license_core::policy::{Quota, UsageType};
use license_core::{Code, Context, Decision, FeatureMatrix, License};

use support::{DAY, SECOND, id, issue, issued, perpetual};

fn matrix() -> &'static FeatureMatrix {
    FeatureMatrix::built_in()
}

fn evaluate(license: &License, context: &Context<'_>) -> Decision {
    license.evaluate(matrix(), context)
}

/// Returns the code of a decision one day after the license was issued, with an extended context.
fn code<'a>(license: &License, with: impl FnOnce(Context<'a>) -> Context<'a>) -> Code {
    evaluate(license, &with(Context::at(issued() + DAY))).code()
}

fn code_at(license: &License, now: DateTime<Utc>) -> Code {
    evaluate(license, &Context::at(now)).code()
}

/// Issues a perpetual license with these changes.
fn license(set: impl FnOnce(&mut LicenseDraft)) -> License {
    let mut draft = perpetual("PRO", id(1));
    set(&mut draft);
    issue(&draft)
}

fn seats(seats: u32) -> NonZeroU32 {
    NonZeroU32::new(seats).unwrap()
}

#[test]
fn reading_a_decision_does_not_allocate() {
    let decision = evaluate(&license(|_| {}), &Context::at(issued()));
    let reading = allocation_counter::measure(|| {
        assert!(decision.allows("cloud_sync"));
        assert!(!decision.allows("sso"));
        assert_eq!(decision.quota("agents"), Some(Quota::Limit(52)));
        assert_eq!(decision.quota("nothing"), None);
        assert_eq!(decision.outcome(), Outcome::Licensed);
        assert_eq!(decision.code(), Code::Valid);
    });
    assert_eq!(reading.count_total, 0);
    let explaining = allocation_counter::measure(|| drop(decision.feature("sso", matrix())));
    assert!(explaining.count_total > 0, "the counter works");
}

#[test]
fn evaluating_a_valid_license_does_not_allocate() {
    let license = license(|draft| draft.expires_at = Some(issued() + DAY * 365));
    let context = Context::at(issued());
    let evaluating = allocation_counter::measure(|| {
        assert_eq!(evaluate(&license, &context).code(), Code::Valid);
    });
    assert_eq!(evaluating.count_total, 0);
}

#[test]
fn a_feature_that_is_not_granted_reports_whether_the_license_includes_it() {
    let ends = license(|draft| draft.expires_at = Some(issued() + DAY));
    let expired = evaluate(&ends, &Context::at(issued() + DAY));
    assert_eq!(expired.feature("cloud_sync", matrix()).code, Code::Expired);
    assert_eq!(
        expired.feature("sso", matrix()).code,
        Code::FeatureNotIncluded
    );
    assert!(expired.feature("local_execution", matrix()).granted);
    let valid = evaluate(&ends, &Context::at(issued()));
    assert!(valid.feature("cloud_sync", matrix()).granted);
    assert_eq!(
        valid.feature("sso", matrix()).code,
        Code::FeatureNotIncluded
    );
}

#[test]
fn without_a_license_the_base_tier_applies() {
    let decision = Decision::without_license(matrix(), &Context::at(issued()));
    assert_eq!(
        (decision.outcome(), decision.code()),
        (Outcome::Denied, Code::NoLicense)
    );
    assert_eq!(
        decision.entitlements(),
        &**matrix().base_tier().entitlements()
    );
    assert!(decision.allows("local_execution") && !decision.allows("cloud_sync"));
}

#[test]
fn the_first_failed_rule_decides_and_explain_returns_all_rules() {
    let license = license(|draft| {
        draft.users = vec!["alice".to_owned()];
        draft.usage_type = Some(UsageType::Runtime);
        draft.expires_at = Some(issued() + SECOND);
    });
    let context = Context::at(issued() + DAY);
    assert_eq!(evaluate(&license, &context).rule(), Some(Rule::User));
    let results = license.explain(matrix(), &context);
    let denied = results
        .iter()
        .filter(|result| matches!(result.outcome, RuleOutcome::Denied(_)));
    let rules: Vec<_> = denied.map(|result| result.rule).collect();
    assert_eq!(rules, [Rule::User, Rule::Usage, Rule::Expiry]);
    assert_eq!(
        results.iter().map(|result| result.rule).collect::<Vec<_>>(),
        Rule::ALL
    );
}
