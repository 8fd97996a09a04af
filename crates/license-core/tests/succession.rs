//! Previous licenses and their successors: check-ins, denials and end dates that carry over.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use license_core::chrono::{DateTime, Utc};
use license_core::claims::Status;
use license_core::evaluate::Outcome;
use license_core::issue::LicenseDraft;
use license_core::license::Validation;
use license_core::{
    Code, Context, Decision, FeatureMatrix, License, Unverified, VerifiedLicenses, time,
};

use support::{
    SERVER, TRUST, VENDOR, at, draft, id, issue, public, sign_validation, validation_draft,
};

const START: &str = "2027-02-01";

/// A PRO license for January, with a check-in every day and a grace period of a week.
fn previous() -> LicenseDraft {
    let mut draft = draft("PRO", id(1));
    draft.expires_at = Some(at(START));
    draft
}

/// The renewal for the rest of the year, issued on January 5.
fn renewal() -> LicenseDraft {
    let mut draft = draft("PRO", id(2));
    draft.supersedes = vec![id(1)];
    draft.issued_at = Some(at("2027-01-05"));
    draft.not_before = Some(at(START));
    draft.expires_at = Some(at("2028-01-01"));
    draft
}

/// Returns a validation token of the vendor with this status and time of issue.
fn validation(license: &License, status: Status, on: &str) -> Validation {
    let mut draft = validation_draft(license, status, at(on));
    draft.id = id(time::unix_seconds(at(on)));
    sign_validation(&draft, &VENDOR, license).unwrap()
}

fn file(drafts: &[LicenseDraft]) -> VerifiedLicenses {
    let armor = drafts.iter().map(|draft| {
        let token = draft.sign(&*VENDOR).unwrap();
        Unverified::parse(&token).unwrap().to_armor()
    });
    VerifiedLicenses::verify(
        &armor.collect::<String>(),
        &TRUST,
        FeatureMatrix::built_in(),
    )
    .unwrap()
}

fn decide(license: &License, validations: &[Validation], now: DateTime<Utc>) -> Decision {
    let context = Context::at(now).validations(validations);
    license.evaluate(FeatureMatrix::built_in(), &context)
}

fn code(license: &License, validations: &[Validation], now: &str) -> Code {
    decide(license, validations, at(now)).code()
}

#[test]
fn a_check_in_is_not_overdue_before_the_license_starts() {
    let renewal = issue(&renewal());
    for (now, expected) in [
        ("2027-01-31T23:59:59Z", Code::NotYetValid),
        ("2027-02-01T00:00:00Z", Code::Valid),
        ("2027-02-01T23:59:59Z", Code::Valid),
        ("2027-02-02T00:00:00Z", Code::GraceOffline),
        ("2027-02-08T00:00:00Z", Code::GraceOffline),
        ("2027-02-08T00:00:01Z", Code::CheckInOverdue),
    ] {
        assert_eq!(code(&renewal, &[], now), expected, "{now}");
    }
}

#[test]
fn a_check_in_of_the_previous_license_counts_for_its_successor() {
    let (previous, renewal) = (issue(&previous()), issue(&renewal()));
    let late = [validation(&previous, Status::Active, "2027-02-07")];
    assert_eq!(code(&renewal, &late, "2027-02-07T23:59:59Z"), Code::Valid);
    assert_eq!(code(&renewal, &late, "2027-02-14"), Code::GraceOffline);
    assert_eq!(code(&renewal, &late, "2027-02-15"), Code::CheckInOverdue);
    // A check-in before the start of the successor has no effect.
    let early = [validation(&previous, Status::Active, "2027-01-10")];
    assert_eq!(code(&renewal, &early, "2027-02-08"), Code::GraceOffline);
    assert_eq!(code(&renewal, &early, "2027-02-09"), Code::CheckInOverdue);
    // A check-in of the successor does not count for the previous license.
    let other = [validation(&renewal, Status::Active, "2027-01-20")];
    assert_eq!(code(&previous, &other, "2027-01-20"), Code::CheckInOverdue);
}

#[test]
fn entitlements_of_a_validation_of_the_previous_license_do_not_apply_to_its_successor() {
    let previous = issue(&previous());
    let mut team = draft("TEAM", id(2));
    team.supersedes = vec![id(1)];
    let team = issue(&team);
    let late = [validation(&previous, Status::Active, "2027-01-03")];
    let decision = decide(&team, &late, at("2027-01-03"));
    assert_eq!(decision.entitlements(), team.entitlements());
}

#[test]
fn a_denial_applies_to_the_successor_unless_the_successor_was_issued_later() {
    let (previous, renewal) = (issue(&previous()), issue(&renewal()));
    for (status, expected) in [
        (Status::Suspended, Code::Suspended),
        (Status::Canceled, Code::Canceled),
        (Status::Revoked, Code::Revoked),
    ] {
        for (on, expected) in [
            ("2027-01-04T23:59:59Z", Code::Valid),
            ("2027-01-05T00:00:00Z", expected),
            ("2027-01-20", expected),
            ("2027-02-01T12:00:00Z", expected),
        ] {
            let denied = [validation(&previous, status, on)];
            assert_eq!(
                code(&renewal, &denied, "2027-02-01T12:00:00Z"),
                expected,
                "{on}"
            );
        }
    }
}

#[test]
fn a_later_validation_of_the_license_or_of_its_successor_lifts_a_denial() {
    let (previous, renewal) = (issue(&previous()), issue(&renewal()));
    let suspended = validation(&previous, Status::Suspended, "2027-01-20");
    for license in [&previous, &renewal] {
        let same_second = validation(license, Status::Active, "2027-01-20");
        let later = validation(license, Status::Active, "2027-01-20T00:00:01Z");
        let now = "2027-02-01T01:00:00Z";
        let both = [suspended.clone(), same_second];
        assert_eq!(code(&renewal, &both, now), Code::Suspended);
        assert_eq!(
            code(&renewal, &[later, suspended.clone()], now),
            Code::Valid
        );
    }
}

#[test]
fn a_validation_of_the_previous_license_does_not_lift_a_denial_of_the_successor() {
    let (previous, renewal) = (issue(&previous()), issue(&renewal()));
    let suspended = validation(&renewal, Status::Suspended, "2027-02-02");
    let active = validation(&previous, Status::Active, "2027-02-03");
    let now = "2027-02-03";
    assert_eq!(code(&renewal, &[suspended, active], now), Code::Suspended);
}

#[test]
fn a_check_in_with_a_license_server_counts_only_for_a_successor_with_the_same_server() {
    let mut draft = previous();
    draft.confirmation = Some(public(&SERVER).to_jwk().try_into().unwrap());
    let previous = issue(&draft);
    let active = validation_draft(&previous, Status::Active, at("2027-02-07"));
    let validations = [sign_validation(&active, &SERVER, &previous).unwrap()];
    let mut with_server = renewal();
    with_server.confirmation = draft.confirmation;
    let now = "2027-02-09";
    assert_eq!(
        code(&issue(&with_server), &validations, now),
        Code::GraceOffline
    );
    assert_eq!(
        code(&issue(&renewal()), &validations, now),
        Code::CheckInOverdue
    );
}

#[test]
fn a_validation_of_the_previous_license_verifies_with_the_successor_alone() {
    let (previous, renewal) = (issue(&previous()), issue(&renewal()));
    let draft = validation_draft(&previous, Status::Active, at("2027-02-01"));
    assert!(sign_validation(&draft, &VENDOR, &renewal).is_ok());
    let draft = validation_draft(&renewal, Status::Active, at("2027-02-01"));
    assert!(sign_validation(&draft, &VENDOR, &previous).is_err());
}

#[test]
fn the_end_date_includes_an_installed_renewal() {
    let licenses = file(&[previous(), renewal()]);
    let previous = &licenses.licenses()[0];
    let checked = [validation(previous, Status::Active, "2027-01-28")];
    let context = |now| Context::at(at(now)).validations(&checked);
    let matrix = FeatureMatrix::built_in();
    for now in [
        "2027-01-28",
        "2027-01-30",
        "2027-01-31T23:59:59Z",
        "2027-02-01",
    ] {
        let decision = licenses.evaluate(matrix, &context(now));
        assert_eq!(decision.holds_until(), Some(at("2027-02-08")), "{now}");
    }
    assert_eq!(
        licenses.evaluate(matrix, &context("2027-02-08")).outcome(),
        Outcome::Grace
    );
    let after = licenses.evaluate(matrix, &context("2027-02-08T00:00:01Z"));
    assert_eq!(after.code(), Code::CheckInOverdue);
    // The renewal does not count if there is a gap before it.
    let decision = licenses.evaluate(matrix, &Context::at(at("2027-01-03")));
    assert_eq!(decision.holds_until(), Some(at("2027-01-08")));
}

#[test]
fn the_end_date_is_the_start_of_an_installed_renewal_that_is_not_valid() {
    let mut locked = renewal();
    locked.machines = vec!["m1".parse().unwrap()];
    let licenses = file(&[previous(), locked]);
    let checked = [validation(
        &licenses.licenses()[0],
        Status::Active,
        "2027-01-30",
    )];
    let context = Context::at(at("2027-01-30")).validations(&checked);
    let decision = licenses.evaluate(FeatureMatrix::built_in(), &context);
    assert_eq!(decision.holds_until(), Some(at(START)));
    let context = Context::at(at(START)).validations(&checked);
    let decision = licenses.evaluate(FeatureMatrix::built_in(), &context);
    assert_eq!(decision.outcome(), Outcome::Denied);
}

#[test]
fn among_invalid_licenses_a_license_that_has_started_gives_the_reason() {
    for drafts in [[previous(), renewal()], [renewal(), previous()]] {
        let licenses = file(&drafts);
        let matrix = FeatureMatrix::built_in();
        for (now, expected) in [
            ("2027-01-20", Code::CheckInOverdue),
            ("2027-01-31T23:59:59Z", Code::CheckInOverdue),
            ("2027-02-01", Code::Valid),
            ("2028-06-01", Code::Expired),
        ] {
            let decision = licenses.evaluate(matrix, &Context::at(at(now)));
            assert_eq!(decision.code(), expected, "{now}");
        }
    }
    let mut later = renewal();
    later.supersedes = Vec::new();
    let decision =
        file(&[later]).evaluate(FeatureMatrix::built_in(), &Context::at(at("2027-01-20")));
    assert_eq!(decision.code(), Code::NotYetValid);
}
