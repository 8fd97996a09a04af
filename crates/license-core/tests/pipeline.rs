//! From text to decision: what each arrow of the pipeline lets through, and what it refuses.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what can't be so has failed the test"
)]

mod support;

use std::num::NonZeroU32;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use license_core::issue::{LicenseDraft, Sign, SigningKey, ValidationDraft, enterprise_key};
use license_core::{
    Artefacts, CheckIn, Code, Company, Context, Date, Decision, EnterpriseKey, EnterpriseTerms,
    Evidence, KeyExpiry, License, LicenseKey, Matrix, Outcome, ProductCode, Quota, Renewal, Rule,
    RuleOutcome, ShortEnterpriseKey, Signer, Status, Timestamp, TokenKind, TrustSet, Unverified,
    UsageType, Validation, VerifyError, Version, VersionReq,
};
use support::{
    DAY, HOUR, SERVER, SPARE, STRANGER, TRUST, VENDOR, at, draft, entitlements, id, issued, mint,
    public, statement, timeless, trust, validated,
};

fn matrix() -> &'static Matrix {
    Matrix::built_in()
}

fn evaluate(license: &License, context: &Context<'_>) -> Decision {
    license.evaluate(matrix(), context)
}

/// The code of a decision a day after the license was issued, with something added to the context.
fn code<'a>(license: &License, with: impl FnOnce(Context<'a>) -> Context<'a>) -> Code {
    evaluate(license, &with(Context::at(issued().plus(DAY)))).code()
}

fn code_at(license: &License, now: Timestamp) -> Code {
    evaluate(license, &Context::at(now)).code()
}

/// A perpetual license with what is set here.
fn license(set: impl FnOnce(&mut LicenseDraft)) -> License {
    let mut draft = timeless("PRO", id(1));
    set(&mut draft);
    mint(&draft)
}

fn seats(seats: u32) -> NonZeroU32 {
    NonZeroU32::new(seats).unwrap()
}

// ---- Asking ----

#[test]
fn asking_a_decision_allocates_nothing() {
    let decision = evaluate(&license(|_| {}), &Context::at(issued()));
    let asked = allocation_counter::measure(|| {
        assert!(decision.allows("cloud_sync"));
        assert!(!decision.allows("sso"));
        assert_eq!(decision.quota("agents"), Some(Quota::Limit(52)));
        assert_eq!(decision.quota("nothing"), None);
        assert_eq!(decision.outcome(), Outcome::Licensed);
        assert_eq!(decision.code(), Code::Valid);
    });
    assert_eq!(asked.count_total, 0);
    let evaluated = allocation_counter::measure(|| drop(decision.feature("sso", matrix())));
    assert!(evaluated.count_total > 0, "the counter counts");
}

#[test]
fn a_feature_that_is_not_granted_says_whether_it_was_bought() {
    let ends = license(|draft| draft.expires_at = Some(issued().plus(DAY)));
    let expired = evaluate(&ends, &Context::at(issued().plus(DAY)));
    assert_eq!(expired.feature("cloud_sync", matrix()).code, Code::Expired);
    assert_eq!(
        expired.feature("sso", matrix()).code,
        Code::FeatureNotIncluded
    );
    assert!(expired.feature("local_execution", matrix()).granted);
    let holds = evaluate(&ends, &Context::at(issued()));
    assert!(holds.feature("cloud_sync", matrix()).granted);
    assert_eq!(
        holds.feature("sso", matrix()).code,
        Code::FeatureNotIncluded
    );
}

#[test]
fn without_a_license_the_base_tier_is_left() {
    let decision = Decision::without_license(matrix(), issued());
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

// ---- Whom and what it is for ----

#[test]
fn a_node_locked_license_holds_on_its_machines_only() {
    let license = license(|draft| draft.machines = vec!["m1".to_owned(), "m2".to_owned()]);
    assert_eq!(code(&license, |context| context), Code::MachineMismatch);
    assert_eq!(
        code(&license, |context| context.machine("m3")),
        Code::MachineMismatch
    );
    assert_eq!(
        code(&license, |context| context.machine("M1")),
        Code::MachineMismatch
    );
    assert_eq!(
        code(&license, |context| context.machine("")),
        Code::MachineMismatch
    );
    assert_eq!(code(&license, |context| context.machine("m1")), Code::Valid);
    assert_eq!(code(&license, |context| context.machine("m2")), Code::Valid);
}

#[test]
fn named_users_alone_may_use_it() {
    let license = license(|draft| draft.users = vec!["alice".to_owned()]);
    assert_eq!(code(&license, |context| context), Code::UserMismatch);
    assert_eq!(
        code(&license, |context| context.user("bob")),
        Code::UserMismatch
    );
    assert_eq!(
        code(&license, |context| context.user("alice ")),
        Code::UserMismatch
    );
    assert_eq!(code(&license, |context| context.user("alice")), Code::Valid);
}

#[test]
fn a_license_that_names_nobody_is_for_everybody() {
    let license = license(|_| {});
    assert_eq!(
        code(&license, |context| context.machine("m9").user("zoe")),
        Code::Valid
    );
    assert_eq!(
        code(&license, |context| context.usage_type(UsageType::Runtime)),
        Code::Valid
    );
    assert_eq!(code(&license, |context| context), Code::Valid);
}

#[test]
fn each_kind_of_use_needs_its_license() {
    use UsageType::{Builder, Runtime};
    for (bought, asked, expected) in [
        (Builder, Builder, Code::Valid),
        (Builder, Runtime, Code::UsageMismatch),
        (Runtime, Builder, Code::UsageMismatch),
        (Runtime, Runtime, Code::Valid),
    ] {
        let license = license(|draft| draft.usage_type = Some(bought));
        assert_eq!(
            code(&license, |context| context.usage_type(asked)),
            expected,
            "{bought} {asked}"
        );
    }
    let builder = license(|draft| draft.usage_type = Some(Builder));
    assert_eq!(
        code(&builder, |context| context),
        Code::Valid,
        "a development tool unless said otherwise"
    );
}

#[test]
fn a_version_is_covered_if_it_or_the_release_it_leads_up_to_is() {
    let license = license(|draft| draft.max_version = Some(VersionReq::parse("<3.0.0").unwrap()));
    assert_eq!(
        code(&license, |context| context),
        Code::VersionNotCovered,
        "not given"
    );
    for (version, expected) in [
        ("0.1.0", Code::Valid),
        ("2.9.9", Code::Valid),
        ("2.9.9-rc.1", Code::Valid),
        ("2.9.9-rc.1+build.5", Code::Valid),
        ("2.9.9+build.5", Code::Valid),
        ("3.0.0-alpha", Code::VersionNotCovered),
        ("3.0.0", Code::VersionNotCovered),
        ("3.0.1-rc.1", Code::VersionNotCovered),
    ] {
        let version = Version::parse(version).unwrap();
        let found = code(&license, |context| context.app_version(version.clone()));
        assert_eq!(found, expected, "{version}");
    }
}

#[test]
fn builds_up_to_the_end_of_maintenance_are_covered_for_ever() {
    let end = issued().plus(30 * DAY);
    let license = license(|draft| draft.maintenance_until = Some(end));
    let long_after = Context::at(at("2099-01-01"));
    let code = |context: Context<'_>| evaluate(&license, &context).code();
    assert_eq!(
        code(long_after.clone()),
        Code::VersionNotCovered,
        "not given"
    );
    assert_eq!(code(long_after.clone().build_date(end)), Code::Valid);
    assert_eq!(
        code(long_after.build_date(end.plus(1))),
        Code::VersionNotCovered
    );
}

#[test]
fn a_license_for_another_product_allows_nothing_here() {
    let other = ProductCode::parse("OTHER").unwrap();
    let license = license(|draft| draft.product = other);
    let decision = evaluate(&license, &Context::at(issued()));
    assert_eq!(decision.code(), Code::ProductMismatch);
    let expected = Evidence::Product {
        expected: matrix().product(),
        actual: other,
    };
    assert_eq!(decision.evidence(), &expected);
}

// ---- When ----

#[test]
fn the_start_is_the_first_instant_that_holds() {
    let start = issued().plus(DAY);
    let license = license(|draft| draft.not_before = Some(start));
    assert_eq!(code_at(&license, start.minus(1)), Code::NotYetValid);
    assert_eq!(code_at(&license, start), Code::Valid);
}

#[test]
fn the_end_is_the_first_instant_that_does_not_hold_and_so_is_that_of_the_grace_period() {
    let end = issued().plus(30 * DAY);
    let ends = license(|draft| draft.expires_at = Some(end));
    assert_eq!(code_at(&ends, end.minus(1)), Code::Valid);
    assert_eq!(code_at(&ends, end), Code::Expired);
    let renews = license(|draft| {
        draft.expires_at = Some(end);
        draft.renewal = Renewal::new(14, 72);
    });
    assert_eq!(code_at(&renews, end.minus(1)), Code::Valid);
    assert_eq!(code_at(&renews, end), Code::GraceRenewal);
    assert_eq!(
        code_at(&renews, end.plus(72 * HOUR).minus(1)),
        Code::GraceRenewal
    );
    assert_eq!(code_at(&renews, end.plus(72 * HOUR)), Code::Expired);
}

#[test]
fn the_warning_before_the_end_begins_on_the_second() {
    let end = issued().plus(30 * DAY);
    let license = license(|draft| {
        draft.expires_at = Some(end);
        draft.renewal = Renewal::new(14, 72);
    });
    let warns = |now| {
        let decision = evaluate(&license, &Context::at(now));
        decision
            .warnings()
            .iter()
            .any(|warning| warning.code == Code::ExpiresSoon)
    };
    assert!(!warns(end.minus(14 * DAY).minus(1)));
    assert!(warns(end.minus(14 * DAY)));
    assert!(warns(end.minus(1)));
    assert!(!warns(end), "by then it is no longer soon");
}

#[test]
fn check_in_is_due_on_the_second_and_grace_lasts_through_its_last() {
    let license = license(|draft| draft.check_in = CheckIn::new(24, 168));
    let last = issued().plus(5 * DAY);
    let validations = [said(&license, Status::Active, last)];
    for (validations, last) in [(&[][..], issued()), (&validations[..], last)] {
        let code = |now| evaluate(&license, &Context::at(now).validations(validations)).code();
        assert_eq!(code(last.plus(24 * HOUR).minus(1)), Code::Valid);
        assert_eq!(code(last.plus(24 * HOUR)), Code::GraceOffline);
        assert_eq!(code(last.plus(168 * HOUR)), Code::GraceOffline);
        assert_eq!(code(last.plus(168 * HOUR).plus(1)), Code::CheckInOverdue);
    }
}

#[test]
fn a_clock_a_day_behind_is_honest_and_one_second_more_is_worth_a_warning() {
    let license = license(|_| {});
    let mark = issued().plus(30 * DAY);
    let decide = |clock| evaluate(&license, &Context::at(clock).high_water(mark));
    assert!(decide(mark.minus(DAY)).warnings().is_empty());
    let behind = decide(mark.minus(DAY + 1));
    assert_eq!(behind.warnings()[0].code, Code::ClockBehind);
    assert_eq!(
        (behind.outcome(), behind.evaluated_at()),
        (Outcome::Licensed, mark)
    );
}

#[test]
fn a_license_is_replaced_once_the_newer_one_has_started() {
    let older = license(|_| {});
    let start = issued().plus(30 * DAY);
    let newer = license(|draft| {
        draft.id = id(2);
        draft.supersedes = vec![older.id().clone()];
        draft.not_before = Some(start);
    });
    let installed = [older.clone(), newer.clone()];
    let decide = |license, now| evaluate(license, &Context::at(now).installed(&installed));
    assert_eq!(decide(&older, start.minus(1)).code(), Code::Valid);
    assert_eq!(decide(&newer, start.minus(1)).code(), Code::NotYetValid);
    assert_eq!(decide(&older, start).code(), Code::Superseded);
    assert_eq!(decide(&newer, start).code(), Code::Valid);
    let evidence = Evidence::SupersededBy {
        license: newer.id().clone(),
    };
    assert_eq!(decide(&older, start).evidence(), &evidence);
    assert_eq!(
        code_at(&older, start),
        Code::Valid,
        "nobody has the newer one here"
    );
}

#[test]
fn a_license_for_another_product_replaces_none() {
    let older = license(|_| {});
    let other = license(|draft| {
        draft.id = id(2);
        draft.product = ProductCode::parse("OTHER").unwrap();
        draft.supersedes = vec![older.id().clone()];
    });
    let installed = [other];
    assert_eq!(
        code(&older, |context| context.installed(&installed)),
        Code::Valid
    );
}

#[test]
fn the_first_rule_that_fails_decides_and_explain_shows_the_rest() {
    let license = license(|draft| {
        draft.users = vec!["alice".to_owned()];
        draft.usage_type = Some(UsageType::Runtime);
        draft.expires_at = Some(issued().plus(1));
    });
    let context = Context::at(issued().plus(DAY));
    assert_eq!(evaluate(&license, &context).rule(), Some(Rule::User));
    let findings = license.explain(matrix(), &context);
    let denied = findings
        .iter()
        .filter(|finding| matches!(finding.outcome, RuleOutcome::Denied(_)));
    let rules: Vec<_> = denied.map(|finding| finding.rule).collect();
    assert_eq!(rules, [Rule::User, Rule::Usage, Rule::Expiry]);
    assert_eq!(
        findings
            .iter()
            .map(|finding| finding.rule)
            .collect::<Vec<_>>(),
        Rule::ALL
    );
}

// ---- Keys that name licenses ----

fn is_named(license: &License, key: impl ToString) -> bool {
    license.is_named_by(&LicenseKey::parse(&key.to_string()).unwrap(), matrix())
}

#[test]
fn a_standard_key_names_the_license_of_which_it_was_made() {
    let pro = license(|_| {});
    let key = pro.standard_key().unwrap();
    assert_eq!(key, timeless("PRO", id(1)).standard_key());
    assert!(is_named(&pro, key));
    let changes: [fn(&mut LicenseDraft); 3] = [
        |draft| draft.id = id(2),
        |draft| draft.customer = "customer-2".to_owned(),
        |draft| draft.expires_at = Some(at("2030-01-01")),
    ];
    for change in changes {
        assert!(!is_named(&license(change), key));
    }
    assert!(!is_named(&mint(&timeless("TEAM", id(1))), key));
}

fn company_license(set: impl FnOnce(&mut LicenseDraft)) -> License {
    let mut draft = timeless("ENT", id(1));
    draft.company = Some(Company::parse("ACME").unwrap());
    draft.expires_at = Some(at("2028-01-01"));
    draft.set_seats(seats(100), matrix()).unwrap();
    set(&mut draft);
    mint(&draft)
}

#[test]
fn a_short_enterprise_key_names_the_license_file_of_which_it_was_made() {
    let license = company_license(|_| {});
    let key = license.short_enterprise_key(matrix()).unwrap();
    assert!(
        key.to_string()
            .starts_with("CODITECT-ENT-ACME-100-20271231-"),
        "{key}"
    );
    assert!(is_named(&license, key));
    assert!(
        is_named(&license, license.standard_key().unwrap()),
        "it has a standard key too"
    );
    assert!(!is_named(&company_license(|draft| draft.id = id(2)), key));
    let perpetual = company_license(|draft| draft.expires_at = None);
    let key = perpetual.short_enterprise_key(matrix()).unwrap();
    assert!(key.to_string().contains("-99991231-"), "{key}");
    assert!(is_named(&perpetual, key));
}

#[test]
fn a_license_that_does_not_say_what_an_enterprise_key_says_has_none() {
    let none = |license: License| license.short_enterprise_key(matrix()).is_none();
    assert!(none(company_license(|draft| draft.company = None)));
    assert!(none(company_license(
        |draft| draft.expires_at = Some(at("2028-01-01T00:00:01Z"))
    )));
    assert!(none(company_license(
        |draft| draft.expires_at = Some(at("2027-12-31T23:59:59Z"))
    )));
    let mut without_seats = timeless("ENT", id(1));
    without_seats.company = Some(Company::parse("ACME").unwrap());
    assert!(none(mint(&without_seats)));
    let mut team = timeless("TEAM", id(1));
    team.company = Some(Company::parse("ACME").unwrap());
    team.set_seats(seats(100), matrix()).unwrap();
    assert!(none(mint(&team)));
}

fn enterprise(company: &str, key: &SigningKey) -> EnterpriseKey {
    let terms = EnterpriseTerms {
        product: matrix().product(),
        company: Company::parse(company).unwrap(),
        seats: seats(100),
        expiry: KeyExpiry::LastDay(Date::parse("20271231").unwrap()),
    };
    enterprise_key(terms, key).unwrap()
}

#[test]
fn an_enterprise_key_is_a_license_named_by_both_of_its_forms() {
    let key = enterprise("ACME", &VENDOR);
    let license = key.verify(&TRUST, matrix()).unwrap();
    assert!(is_named(&license, &key));
    assert!(is_named(&license, key.short()));
    assert_eq!(license.standard_key(), None);
    assert_eq!(license.id().as_str(), key.short().to_string());
    let other = enterprise("OTHER", &VENDOR);
    assert!(!is_named(&license, &other));
    assert!(!is_named(&license, other.short()));
    assert!(!is_named(
        &license,
        ShortEnterpriseKey::new(key.unverified_terms(), &[])
    ));
    assert!(
        !is_named(&company_license(|_| {}), key.short()),
        "same terms, another signature"
    );
}

#[test]
fn an_enterprise_key_stands_for_its_tier_and_seats_and_needs_no_check_in() {
    let license = enterprise("ACME", &VENDOR)
        .verify(&TRUST, matrix())
        .unwrap();
    let decision = evaluate(&license, &Context::at(at("2027-12-31T23:59:59Z")));
    assert_eq!(decision.code(), Code::Valid);
    assert!(decision.allows("sso") && decision.allows("air_gapped_deployment"));
    assert_eq!(decision.quota("users"), Some(Quota::Limit(100)));
    assert_eq!(license.check_in(), None);
    assert_eq!(code_at(&license, at("2028-01-01")), Code::GraceRenewal);
    assert_eq!(
        code_at(&license, at("2028-01-01").plus(168 * HOUR)),
        Code::Expired
    );
    assert_eq!(
        code_at(&license, Timestamp::MIN),
        Code::Valid,
        "it has no start"
    );
}

// ---- Validation tokens ----

/// What the vendor says of the license.
fn said(license: &License, status: Status, at: Timestamp) -> Validation {
    validated(&statement(license, status, at), &VENDOR, license).unwrap()
}

#[test]
fn the_newest_statement_decides() {
    let license = license(|_| {});
    let active = said(&license, Status::Active, issued());
    for (status, expected) in [
        (Status::Suspended, Code::Suspended),
        (Status::Revoked, Code::Revoked),
        (Status::Canceled, Code::Canceled),
    ] {
        let later = said(&license, status, issued().plus(1));
        let validations = [later.clone(), active.clone()];
        assert_eq!(
            code(&license, |context| context.validations(&validations)),
            expected
        );
        let lifted = [later, said(&license, Status::Active, issued().plus(2))];
        assert_eq!(
            code(&license, |context| context.validations(&lifted)),
            Code::Valid
        );
    }
}

#[test]
fn of_two_statements_of_one_second_the_stricter_counts_in_any_order() {
    let license = license(|_| {});
    let active = said(&license, Status::Active, issued());
    let revoked = said(&license, Status::Revoked, issued());
    for validations in [[active.clone(), revoked.clone()], [revoked, active]] {
        assert_eq!(
            code(&license, |context| context.validations(&validations)),
            Code::Revoked
        );
    }
}

/// An enterprise key has no id but its short form; what the vendor says of it must still be heard.
#[test]
fn what_was_said_of_an_enterprise_key_is_read() {
    let license = enterprise("ACME", &VENDOR)
        .verify(&TRUST, matrix())
        .unwrap();
    let validations = [said(&license, Status::Suspended, issued())];
    assert_eq!(
        code(&license, |context| context.validations(&validations)),
        Code::Suspended
    );
}

#[test]
fn a_statement_for_another_machine_is_passed_over() {
    let license = license(|_| {});
    let elsewhere = ValidationDraft {
        machine: Some("m2".to_owned()),
        ..statement(&license, Status::Suspended, issued())
    };
    let validations = [validated(&elsewhere, &VENDOR, &license).unwrap()];
    let code = |machine| {
        code(&license, |context| {
            context.validations(&validations).machine(machine)
        })
    };
    assert_eq!(code("m1"), Code::Valid);
    assert_eq!(code("m2"), Code::Suspended);
}

#[test]
fn a_statement_about_another_license_is_refused() {
    let (one, other) = (license(|_| {}), license(|draft| draft.id = id(2)));
    let product = ProductCode::parse("OTHER").unwrap();
    let elsewhere = license(|draft| draft.product = product);
    for spoken_of in [&other, &elsewhere] {
        let said = statement(spoken_of, Status::Active, issued());
        assert!(validated(&said, &VENDOR, spoken_of).is_ok());
        assert!(matches!(
            validated(&said, &VENDOR, &one),
            Err(VerifyError::OtherLicense)
        ));
    }
}

/// Where a caller hands over what it verified for another license, it counts for nothing.
#[test]
fn a_statement_about_another_license_is_passed_over() {
    let (one, other) = (license(|_| {}), license(|draft| draft.id = id(2)));
    let validations = [said(&other, Status::Revoked, issued())];
    assert_eq!(
        code(&one, |context| context.validations(&validations)),
        Code::Valid
    );
    assert_eq!(
        code(&other, |context| context.validations(&validations)),
        Code::Revoked
    );
}

#[test]
fn what_the_vendor_grants_replaces_what_was_bought_and_a_server_may_only_narrow_it() {
    let license = with_server(1);
    let granted = entitlements(
        "TEAM",
        &["cloud_sync", "brand_new"],
        &[("agents", 60), ("users", 0), ("brand_new", 1)],
    );
    let said = ValidationDraft {
        entitlements: &granted,
        ..statement(&license, Status::Active, issued())
    };
    let decide = |key, signer| {
        let validations = [validated(&said, key, &license).unwrap()];
        assert_eq!(validations[0].signer(), signer);
        evaluate(&license, &Context::at(issued()).validations(&validations))
    };
    assert_eq!(decide(&VENDOR, Signer::Vendor).entitlements(), &granted);
    let narrowed = decide(&SERVER, Signer::Server);
    assert_eq!(
        narrowed.entitlements().features().collect::<Vec<_>>(),
        ["cloud_sync"]
    );
    assert_eq!(narrowed.entitlements().tier(), license.tier());
    assert_eq!(narrowed.quota("agents"), Some(Quota::Limit(52)));
    assert_eq!(narrowed.quota("users"), Some(Quota::Limit(0)));
    assert_eq!(narrowed.quota("brand_new"), None);
    assert_eq!(
        narrowed.quota("devices"),
        license.entitlements().quota("devices")
    );
}

fn with_server(number: u64) -> License {
    license(|draft| {
        draft.id = id(number);
        draft.confirmation = Some(public(&SERVER).to_jwk());
    })
}

#[test]
fn a_server_speaks_for_its_own_license_only() {
    let (its_own, other) = (with_server(1), license(|draft| draft.id = id(2)));
    let speak = |spoken_of: &License, asked: &License| {
        validated(
            &statement(spoken_of, Status::Active, issued()),
            &SERVER,
            asked,
        )
    };
    assert_eq!(speak(&its_own, &its_own).unwrap().signer(), Signer::Server);
    assert!(matches!(
        speak(&other, &other),
        Err(VerifyError::UntrustedKey { .. })
    ));
    assert!(matches!(
        speak(&its_own, &other),
        Err(VerifyError::UntrustedKey { .. })
    ));
    assert!(matches!(
        speak(&with_server(3), &its_own),
        Err(VerifyError::OtherLicense)
    ));
    let stranger = validated(
        &statement(&its_own, Status::Active, issued()),
        &STRANGER,
        &its_own,
    );
    assert!(matches!(stranger, Err(VerifyError::UntrustedKey { .. })));
}

#[test]
fn a_server_can_suspend_but_not_lift_what_the_vendor_suspended() {
    let license = with_server(1);
    let say = |status, second, key| {
        let said = statement(&license, status, issued().plus(second));
        validated(&said, key, &license).unwrap()
    };
    let decide = |validations: &[Validation]| {
        evaluate(
            &license,
            &Context::at(issued().plus(DAY)).validations(validations),
        )
        .code()
    };
    let suspended = say(Status::Suspended, 1, &VENDOR);
    assert_eq!(
        decide(&[suspended.clone(), say(Status::Active, 2, &SERVER)]),
        Code::Suspended
    );
    assert_eq!(
        decide(&[suspended, say(Status::Active, 2, &VENDOR)]),
        Code::Valid
    );
    let active = say(Status::Active, 1, &VENDOR);
    assert_eq!(
        decide(&[active, say(Status::Suspended, 2, &SERVER)]),
        Code::Suspended
    );
}

#[test]
fn a_server_mints_no_licenses() {
    let token = timeless("ENT", id(4)).sign(&*SERVER).unwrap();
    let refused = Unverified::parse(&token).unwrap().verify(&TRUST);
    assert!(matches!(refused, Err(VerifyError::UntrustedKey { .. })));
    assert!(matches!(
        enterprise("ACME", &SERVER).verify(&TRUST, matrix()),
        Err(VerifyError::Signature)
    ));
}

/// The same claims, signed by one key under the id of another.
fn under_the_id_of(named: &SigningKey, signer: &SigningKey, token: &str) -> String {
    let claims = token.split('.').nth(1).unwrap();
    let (alg, kid) = (named.public().algorithm(), named.public().id());
    let typ = Unverified::parse(token).unwrap().unverified_kind().typ();
    let header = format!(r#"{{"alg":"{alg}","kid":"{kid}","typ":"{typ}"}}"#);
    let signed = format!("{}.{claims}", URL_SAFE_NO_PAD.encode(header));
    let signature = URL_SAFE_NO_PAD.encode(signer.sign(signed.as_bytes()).unwrap());
    format!("{signed}.{signature}")
}

#[test]
fn the_key_that_the_header_names_is_the_only_one_that_is_tried() {
    let license = with_server(1);
    let token = statement(&license, Status::Active, issued())
        .sign(&*SERVER)
        .unwrap();
    let verify = |named, signer| {
        let token = under_the_id_of(named, signer, &token);
        Unverified::parse(&token)
            .unwrap()
            .verify_validation(&TRUST, &license)
    };
    assert_eq!(verify(&SERVER, &SERVER).unwrap().signer(), Signer::Server);
    assert_eq!(verify(&VENDOR, &VENDOR).unwrap().signer(), Signer::Vendor);
    assert!(matches!(
        verify(&VENDOR, &SERVER),
        Err(VerifyError::Signature)
    ));
    assert!(matches!(
        verify(&SERVER, &VENDOR),
        Err(VerifyError::Signature)
    ));
    assert!(matches!(
        verify(&STRANGER, &SERVER),
        Err(VerifyError::UntrustedKey { .. })
    ));
}

/// A license that names the vendor's own key as its server's gains nothing and loses nothing.
#[test]
fn a_key_of_the_trust_set_is_the_vendors_whatever_a_license_says() {
    let license = license(|draft| draft.confirmation = Some(public(&VENDOR).to_jwk()));
    assert_eq!(
        said(&license, Status::Active, issued()).signer(),
        Signer::Vendor
    );
}

// ---- Keys that are trusted ----

#[test]
fn the_spare_signs_as_well_as_the_key_in_use() {
    let both = trust(&[&VENDOR, &SPARE]);
    for key in [&VENDOR, &SPARE] {
        let key: &SigningKey = key;
        let token = timeless("PRO", id(1)).sign(key).unwrap();
        let license = Unverified::parse(&token).unwrap().verify(&both).unwrap();
        assert_eq!(license.key_id(), key.public().id());
        let said = statement(&license, Status::Active, issued())
            .sign(key)
            .unwrap();
        let said = Unverified::parse(&said)
            .unwrap()
            .verify_validation(&both, &license)
            .unwrap();
        assert_eq!(said.signer(), Signer::Vendor);
        let license = enterprise("ACME", key).verify(&both, matrix()).unwrap();
        assert_eq!(license.key_id(), key.public().id());
    }
    let token = timeless("PRO", id(1)).sign(&*SPARE).unwrap();
    let refused = Unverified::parse(&token).unwrap().verify(&TRUST);
    assert!(matches!(
        refused,
        Err(VerifyError::UntrustedKey { trusted: 1, .. })
    ));
    let refused = Unverified::parse(&token)
        .unwrap()
        .verify(&TrustSet::default());
    assert!(matches!(
        refused,
        Err(VerifyError::UntrustedKey { trusted: 0, .. })
    ));
}

#[test]
fn a_key_signs_with_its_one_algorithm() {
    let both = trust(&[&VENDOR, &SPARE]);
    let token = timeless("PRO", id(1)).sign(&*SPARE).unwrap();
    let claims = token.split('.').nth(1).unwrap();
    let kid = SPARE.public().id();
    let header = format!(r#"{{"alg":"RS256","kid":"{kid}","typ":"license+jwt"}}"#);
    let signed = format!("{}.{claims}", URL_SAFE_NO_PAD.encode(header));
    let signature = URL_SAFE_NO_PAD.encode(SPARE.sign(signed.as_bytes()).unwrap());
    let token = format!("{signed}.{signature}");
    let refused = Unverified::parse(&token).unwrap().verify(&both);
    assert!(matches!(refused, Err(VerifyError::Algorithm { .. })));
}

#[test]
fn a_token_of_one_kind_is_none_of_another() {
    let license = license(|_| {});
    let said = statement(&license, Status::Active, issued())
        .sign(&*VENDOR)
        .unwrap();
    let refused = Unverified::parse(&said).unwrap().verify(&TRUST);
    assert!(matches!(
        refused,
        Err(VerifyError::Kind {
            expected: TokenKind::License,
            ..
        })
    ));
    let token = timeless("PRO", id(1)).sign(&*VENDOR).unwrap();
    let refused = Unverified::parse(&token)
        .unwrap()
        .verify_validation(&TRUST, &license);
    assert!(matches!(
        refused,
        Err(VerifyError::Kind {
            expected: TokenKind::Validation,
            ..
        })
    ));
}

#[test]
fn a_file_holds_a_license_and_what_was_said_of_it() {
    let token = draft("PRO", id(1)).sign(&*VENDOR).unwrap();
    let license = Unverified::parse(&token).unwrap().verify(&TRUST).unwrap();
    let last = issued().plus(6 * DAY);
    let said = statement(&license, Status::Active, last)
        .sign(&*VENDOR)
        .unwrap();
    let armor = |token: &str| Unverified::parse(token).unwrap().to_armor();
    let text = format!("{}\n{}", armor(&said), armor(&token));
    let file = Artefacts::parse(&text).unwrap();
    let license = file
        .of_kind(TokenKind::License)
        .next()
        .unwrap()
        .token
        .verify(&TRUST)
        .unwrap();
    let said = file.of_kind(TokenKind::Validation).next().unwrap();
    let validations = [said.token.verify_validation(&TRUST, &license).unwrap()];
    let now = last.plus(23 * HOUR);
    assert_eq!(code_at(&license, now), Code::GraceOffline);
    assert_eq!(
        evaluate(&license, &Context::at(now).validations(&validations)).code(),
        Code::Valid
    );
}
