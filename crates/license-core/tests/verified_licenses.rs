//! License files with several licenses: their content, and which license decides.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use license_core::chrono::{DateTime, Utc};
use license_core::claims::Status;
use license_core::evaluate::ContextValue;
use license_core::issue::LicenseDraft;
use license_core::license::VerifiedLicensesError;
use license_core::policy::Quota;
use license_core::{
    Code, Context, FeatureMatrix, LicenseId, Unverified, VerifiedLicenses, Version, VersionReq,
    with_causes,
};
use proptest::prelude::*;
use support::{
    DAY, TRUST, UNTRUSTED, VENDOR, at, draft, id, issue, issued, perpetual, validation_draft,
};

fn armor(drafts: &[LicenseDraft]) -> String {
    let file = |draft: &LicenseDraft| {
        let token = draft.sign(&*VENDOR).unwrap();
        Unverified::parse(&token).unwrap().to_armor()
    };
    drafts.iter().map(file).collect()
}

fn verify(drafts: &[LicenseDraft]) -> VerifiedLicenses {
    VerifiedLicenses::verify(&armor(drafts), &TRUST, FeatureMatrix::built_in()).unwrap()
}

fn draft_until(tier: &str, number: u64, end: DateTime<Utc>) -> LicenseDraft {
    let mut draft = draft(tier, id(number));
    draft.check_in = None;
    draft.expires_at = Some(end);
    draft
}

fn tier_at(licenses: &VerifiedLicenses, now: DateTime<Utc>) -> String {
    let decision = licenses.evaluate(FeatureMatrix::built_in(), &Context::at(now));
    decision.entitlements().tier().to_string()
}

#[test]
fn the_highest_valid_tier_decides_even_in_its_grace_period() {
    let free = perpetual("FREE", id(1));
    let pro = draft_until("PRO", 2, at("2027-06-01"));
    for drafts in [[free.clone(), pro.clone()], [pro, free]] {
        let licenses = verify(&drafts);
        assert_eq!(tier_at(&licenses, at("2027-05-31")), "PRO");
        assert_eq!(tier_at(&licenses, at("2027-06-02")), "PRO", "in grace");
        assert_eq!(tier_at(&licenses, at("2027-06-04")), "FREE");
    }
}

#[test]
fn a_validation_token_can_lower_the_tier_of_a_license() {
    let team = issue(&perpetual("TEAM", id(1)));
    let free = support::entitlements("FREE", &["local_execution"], &[]);
    let mut lowered = validation_draft(&team, Status::Active, at("2027-02-01"));
    lowered.entitlements = &free;
    let lowered = [support::sign_validation(&lowered, &VENDOR, &team).unwrap()];
    let licenses = verify(&[perpetual("TEAM", id(1)), perpetual("PRO", id(2))]);
    let context = Context::at(at("2027-03-01")).validations(&lowered);
    let decision = licenses.evaluate(FeatureMatrix::built_in(), &context);
    assert_eq!(decision.entitlements().tier().as_str(), "PRO");
}

#[test]
fn the_license_that_is_valid_longer_decides_between_two_licenses_of_a_tier() {
    let drafts = [
        draft_until("PRO", 1, at("2027-06-01")),
        draft_until("PRO", 2, at("2028-06-01")),
    ];
    let decision =
        verify(&drafts).evaluate(FeatureMatrix::built_in(), &Context::at(at("2027-05-30")));
    assert_eq!(decision.license().unwrap().id(), &id(2));
    assert_eq!(decision.warnings(), []);
}

#[test]
fn a_feature_or_quota_of_another_license_in_the_file_is_known() {
    let mut ended = draft_until("PRO", 1, at("2027-06-01"));
    ended.add_feature("time_travel").unwrap();
    ended.set_quota("projects", Quota::Limit(5)).unwrap();
    let matrix = FeatureMatrix::built_in();
    let decision =
        verify(&[ended, perpetual("TEAM", id(2))]).evaluate(matrix, &Context::at(at("2027-07-01")));
    assert_eq!(decision.license().unwrap().id(), &id(2));
    let added = decision.feature("time_travel", matrix);
    assert_eq!(
        (added.granted, added.code),
        (false, Code::FeatureNotIncluded)
    );
    assert!(decision.knows_quota("projects", matrix));
    let misspelled = decision.feature("time-travel", matrix);
    assert_eq!(misspelled.code, Code::UnknownFeature);
    assert!(!decision.knows_quota("project", matrix));
}

#[test]
fn a_feature_that_only_a_validation_token_grants_is_known() {
    let license = issue(&draft_until("PRO", 1, at("2027-06-01")));
    let more = support::entitlements("PRO", &["time_travel"], &[]);
    let mut validation = validation_draft(&license, Status::Active, at("2027-02-01"));
    validation.entitlements = &more;
    let validations = [support::sign_validation(&validation, &VENDOR, &license).unwrap()];
    let matrix = FeatureMatrix::built_in();
    let code_at = |now: &str| {
        let context = Context::at(at(now)).validations(&validations);
        let decision = license.evaluate(matrix, &context);
        decision.feature("time_travel", matrix).code
    };
    assert_eq!(code_at("2027-03-01"), Code::Valid);
    assert_eq!(code_at("2027-07-01"), Code::Expired);
}

#[test]
fn a_renewal_that_is_installed_early_starts_without_a_gap() {
    let old = draft_until("PRO", 1, at("2027-06-01"));
    let mut new = draft_until("PRO", 2, at("2028-06-01"));
    new.not_before = Some(at("2027-06-01"));
    new.supersedes = vec![id(1)];
    let licenses = verify(&[old, new]);
    let on = |date| licenses.evaluate(FeatureMatrix::built_in(), &Context::at(at(date)));
    let before = on("2027-05-31");
    assert_eq!(
        (before.code(), before.license().unwrap().id()),
        (Code::Valid, &id(1))
    );
    let after = on("2027-06-01");
    assert_eq!(
        (after.code(), after.license().unwrap().id()),
        (Code::Valid, &id(2))
    );
}

#[test]
fn validations_and_licenses_of_the_context_are_used_with_those_of_the_file() {
    let license = issue(&perpetual("PRO", id(1)));
    let revoked = validation_draft(&license, Status::Revoked, at("2027-02-01"));
    let revoked = [support::sign_validation(&revoked, &VENDOR, &license).unwrap()];
    let licenses = verify(&[perpetual("PRO", id(1))]);
    let context = Context::at(at("2027-03-01")).validations(&revoked);
    assert_eq!(
        licenses
            .evaluate(FeatureMatrix::built_in(), &context)
            .code(),
        Code::Revoked
    );
    let newer = {
        let mut draft = perpetual("PRO", id(2));
        draft.supersedes = vec![id(1)];
        [issue(&draft)]
    };
    let context = Context::at(at("2027-03-01")).installed(&newer);
    assert_eq!(
        licenses
            .evaluate(FeatureMatrix::built_in(), &context)
            .code(),
        Code::Superseded
    );
}

#[test]
fn a_file_with_one_invalid_block_is_rejected_and_the_error_names_the_block() {
    let good = armor(&[perpetual("PRO", id(1))]);
    let foreign = perpetual("PRO", id(2)).sign(&*UNTRUSTED).unwrap();
    let foreign = Unverified::parse(&foreign).unwrap().to_armor();
    let error = VerifiedLicenses::verify(
        &format!("{good}\n{foreign}"),
        &TRUST,
        FeatureMatrix::built_in(),
    );
    let error = error.unwrap_err();
    let line = good.lines().count() + 2;
    assert!(
        matches!(error, VerifiedLicensesError::Block { line: found, .. } if found == line),
        "{error}"
    );
    assert_eq!(error.code(), Code::UntrustedKey);
}

#[test]
fn a_validation_token_without_its_license_is_rejected() {
    let (one, other) = (issue(&perpetual("PRO", id(1))), perpetual("PRO", id(2)));
    let validation = validation_draft(&one, Status::Active, at("2027-02-01"))
        .sign(&*VENDOR)
        .unwrap();
    let validation = Unverified::parse(&validation).unwrap().to_armor();
    let alone =
        VerifiedLicenses::verify(&validation, &TRUST, FeatureMatrix::built_in()).unwrap_err();
    assert!(matches!(alone, VerifiedLicensesError::NoLicense), "{alone}");
    let with_another_license = format!("{}{validation}", armor(&[other]));
    let error = VerifiedLicenses::verify(&with_another_license, &TRUST, FeatureMatrix::built_in())
        .unwrap_err();
    assert!(with_causes(&error).contains("another license"), "{error}");
}

#[test]
fn the_largest_token_that_can_be_signed_can_be_read_from_armor() {
    let with_features = |count: usize| {
        let mut draft = perpetual("PRO", id(1));
        for number in 0..count {
            draft.add_feature(&format!("feature_{number:050}")).unwrap();
        }
        draft
    };
    let (mut fits, mut too_many) = (0, 2000);
    while too_many - fits > 1 {
        let middle = (fits + too_many) / 2;
        match with_features(middle).sign(&*VENDOR) {
            Ok(_) => fits = middle,
            Err(_) => too_many = middle,
        }
    }
    assert!(fits > 500);
    let largest = armor(&[with_features(fits)]);
    for file in [largest.clone(), largest.replace('\n', "\r\n")] {
        assert!(VerifiedLicenses::verify(&file, &TRUST, FeatureMatrix::built_in()).is_ok());
    }
}

/// Parsing these texts would take minutes if the time were quadratic in the amount of white space.
#[test]
fn much_white_space_is_rejected_in_linear_time() {
    let blanks = " ".repeat(60_000);
    let armored = format!("-----BEGIN LICENSE-----\nA{blanks}B\n-----END LICENSE-----");
    let lines = format!(
        "-----BEGIN LICENSE-----\n{}-----END LICENSE-----",
        "A\n \n".repeat(60_000)
    );
    for text in [format!("e{blanks}.B.C"), armored, lines] {
        assert!(VerifiedLicenses::verify(&text, &TRUST, FeatureMatrix::built_in()).is_err());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn the_tier_of_a_file_never_rises_with_time(
        terms in prop::collection::vec((0_usize..4, prop::option::of(1..40), any::<bool>()), 1..4),
        mut days in prop::collection::vec(0..60, 2..8),
    ) {
        let names = ["FREE", "PRO", "TEAM", "ENT"];
        let drafts: Vec<_> = (1..).zip(&terms).map(|(number, (tier, end, checked))| {
            let mut draft = draft(names[*tier], id(number));
            draft.expires_at = end.map(|days| issued() + DAY * days);
            if !checked {
                draft.check_in = None;
            }
            draft
        }).collect();
        let licenses = verify(&drafts);
        days.sort_unstable();
        let matrix = FeatureMatrix::built_in();
        let ranks = days.iter().map(|days| {
            let decision = licenses.evaluate(matrix, &Context::at(issued() + DAY * *days));
            let tier = decision.entitlements().tier();
            matrix.tiers().iter().position(|terms| terms.name() == tier)
        });
        let ranks: Vec<_> = ranks.collect();
        prop_assert!(ranks.is_sorted_by(|earlier, later| earlier >= later), "{ranks:?}");
    }
}

/// Returns the license that restricts a missing value, and the value.
fn missing(drafts: &[LicenseDraft], context: &Context<'_>) -> Option<(LicenseId, ContextValue)> {
    let missing = verify(drafts).missing_context(FeatureMatrix::built_in(), context)?;
    Some((missing.license, missing.value))
}

#[test]
fn a_value_that_a_license_restricts_and_the_context_lacks_is_missing() {
    let license = |change: fn(&mut LicenseDraft)| {
        let mut draft = perpetual("PRO", id(1));
        change(&mut draft);
        [draft]
    };
    let bare = Context::at(at("2027-03-01"));
    assert_eq!(missing(&license(|_| {}), &bare), None);
    let named = license(|draft| draft.users = vec!["ann".to_owned()]);
    assert_eq!(missing(&named, &bare), Some((id(1), ContextValue::User)));
    assert_eq!(missing(&named, &bare.clone().user("ann")), None);
    let other = bare.clone().user("bob");
    assert_eq!(missing(&named, &other), None, "the decision is a denial");
    let limited = license(|draft| draft.max_version = VersionReq::parse("<3").ok());
    let expected = Some((id(1), ContextValue::AppVersion));
    assert_eq!(missing(&limited, &bare), expected);
    for version in [Version::new(2, 4, 0), Version::new(3, 0, 0)] {
        assert_eq!(missing(&limited, &bare.clone().app_version(version)), None);
    }
    let maintained = license(|draft| draft.maintenance_until = Some(at("2027-06-01")));
    let expected = Some((id(1), ContextValue::BuildDate));
    assert_eq!(missing(&maintained, &bare), expected);
    assert_eq!(
        missing(&maintained, &bare.build_date(at("2028-01-01"))),
        None
    );
}

#[test]
fn a_value_is_missing_even_if_another_license_is_valid_without_it() {
    let mut better = perpetual("ENT", id(2));
    better.users = vec!["ann".to_owned()];
    let bare = Context::at(at("2027-03-01"));
    let drafts = [perpetual("PRO", id(1)), better];
    assert_eq!(missing(&drafts, &bare), Some((id(2), ContextValue::User)));
}

#[test]
fn a_value_is_not_missing_for_a_license_that_another_license_replaces() {
    let mut old = perpetual("PRO", id(1));
    old.users = vec!["ann".to_owned()];
    let mut new = perpetual("PRO", id(2));
    new.supersedes = vec![id(1)];
    let bare = Context::at(at("2027-03-01"));
    assert_eq!(missing(&[old, new], &bare), None);
}

#[test]
fn a_value_is_missing_for_an_expired_license_only_if_no_other_license_is_valid() {
    let mut expired = draft_until("PRO", 1, at("2027-02-01"));
    expired.users = vec!["ann".to_owned()];
    let bare = Context::at(at("2027-06-01"));
    let drafts = [expired, perpetual("FREE", id(2))];
    assert_eq!(missing(&drafts, &bare), None);
    let expected = Some((id(1), ContextValue::User));
    assert_eq!(missing(&drafts[..1], &bare), expected);
}

/// A message about a hyphen helps with a damaged key, and with nothing else.
#[test]
fn a_text_that_is_no_license_is_described_and_not_quoted() {
    let refused = |text: &str| {
        let error = VerifiedLicenses::verify(text, &TRUST, FeatureMatrix::built_in()).unwrap_err();
        assert_eq!(error.code(), Code::Malformed);
        error.to_string()
    };
    for (text, length) in [
        ("hello", 5),
        (" \"correct horse\" ", 13),
        ("Dear Ann,\nthe well-known key is attached", 40),
        ("\u{1b}[2J", 4),
    ] {
        let expected = "expected a license file, a token or a license key, found";
        let found = format!("another text of {length} bytes");
        assert_eq!(refused(text), format!("{expected} {found}"));
    }
    for damaged in [
        "CODITECT-PRO-A7F3E9D2C4B1",
        "CODITECT-PRO-A7F3 E9D2C4B1-8F2A",
        "CODITECT - PRO - A7F3E9D2C4B1 - 8F2A",
        "\u{421}ODITECT-PRO-A7F3E9D2C4B1-8F2A",
        "CODITECTPRO-A7F3E9D2C4B1-8F2A",
        "CODITECT PRO A7F3E9D2C4B1 8F2A",
        "CODITECT_PRO_A7F3E9D2C4B1_8F2A",
        "CODITECT--A7F3E9D2C4B1-8F2A",
    ] {
        let message = refused(damaged);
        assert!(message.starts_with("license key: at "), "{message}");
    }
}
