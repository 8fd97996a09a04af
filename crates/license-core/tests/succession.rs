//! A license and what follows it: check-ins, denials and promises that go on from one to the other.
#![allow(clippy::unwrap_used, reason = "a test that can't be set up has failed")]

mod support;

use license_core::issue::LicenseDraft;
use license_core::{
    Bundle, Code, Context, Decision, License, Matrix, Outcome, Status, Timestamp, Unverified,
    Validation,
};
use support::{SERVER, TRUST, VENDOR, at, draft, id, mint, public, statement, validated};

const START: &str = "2027-02-01";

/// PRO, which must be validated every day and holds for a week without, for the month of January.
fn former() -> LicenseDraft {
    let mut draft = draft("PRO", id(1));
    draft.expires_at = Some(at(START));
    draft
}

/// Its renewal for the rest of the year, minted on 5 January.
fn renewal() -> LicenseDraft {
    let mut draft = draft("PRO", id(2));
    draft.supersedes = vec![id(1)];
    draft.issued_at = Some(at("2027-01-05"));
    draft.not_before = Some(at(START));
    draft.expires_at = Some(at("2028-01-01"));
    draft
}

fn said(license: &License, status: Status, on: &str) -> Validation {
    let mut said = statement(license, status, at(on));
    said.id = id(at(on).unix_seconds());
    validated(&said, &VENDOR, license).unwrap()
}

fn file(drafts: &[LicenseDraft]) -> Bundle {
    let armor = drafts.iter().map(|draft| {
        let token = draft.sign(&*VENDOR).unwrap();
        Unverified::parse(&token).unwrap().to_armor()
    });
    Bundle::verify(&armor.collect::<String>(), &TRUST, Matrix::built_in()).unwrap()
}

fn decide(license: &License, said: &[Validation], now: Timestamp) -> Decision {
    license.evaluate(Matrix::built_in(), &Context::at(now).validations(said))
}

fn code(license: &License, said: &[Validation], now: &str) -> Code {
    decide(license, said, at(now)).code()
}

#[test]
fn a_license_is_not_overdue_for_its_check_in_before_it_begins() {
    let renewal = mint(&renewal());
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
fn a_check_in_of_what_it_replaces_counts_for_it() {
    let (former, renewal) = (mint(&former()), mint(&renewal()));
    let late = [said(&former, Status::Active, "2027-02-07")];
    assert_eq!(code(&renewal, &late, "2027-02-07T23:59:59Z"), Code::Valid);
    assert_eq!(code(&renewal, &late, "2027-02-14"), Code::GraceOffline);
    assert_eq!(code(&renewal, &late, "2027-02-15"), Code::CheckInOverdue);
    // One from before it begins gives no more time, and takes none.
    let early = [said(&former, Status::Active, "2027-01-10")];
    assert_eq!(code(&renewal, &early, "2027-02-08"), Code::GraceOffline);
    assert_eq!(code(&renewal, &early, "2027-02-09"), Code::CheckInOverdue);
    // Nor does one of the renewal for what it replaces.
    let other = [said(&renewal, Status::Active, "2027-01-20")];
    assert_eq!(code(&former, &other, "2027-01-20"), Code::CheckInOverdue);
}

#[test]
fn what_was_granted_of_the_former_license_is_not_granted_of_its_successor() {
    let former = mint(&former());
    let mut team = draft("TEAM", id(2));
    team.supersedes = vec![id(1)];
    let team = mint(&team);
    let late = [said(&former, Status::Active, "2027-01-03")];
    let decision = decide(&team, &late, at("2027-01-03"));
    assert_eq!(decision.entitlements(), team.entitlements());
}

#[test]
fn a_denial_goes_over_to_the_successor_unless_that_was_minted_later() {
    let (former, renewal) = (mint(&former()), mint(&renewal()));
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
            let denied = [said(&former, status, on)];
            assert_eq!(
                code(&renewal, &denied, "2027-02-01T12:00:00Z"),
                expected,
                "{on}"
            );
        }
    }
}

#[test]
fn a_denial_is_lifted_by_what_is_said_later_of_the_same_license_or_of_its_successor() {
    let (former, renewal) = (mint(&former()), mint(&renewal()));
    let suspended = said(&former, Status::Suspended, "2027-01-20");
    for license in [&former, &renewal] {
        let same_second = said(license, Status::Active, "2027-01-20");
        let later = said(license, Status::Active, "2027-01-20T00:00:01Z");
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
fn a_denial_of_the_successor_is_not_lifted_by_what_is_said_of_the_former_license() {
    let (former, renewal) = (mint(&former()), mint(&renewal()));
    let suspended = said(&renewal, Status::Suspended, "2027-02-02");
    let active = said(&former, Status::Active, "2027-02-03");
    let now = "2027-02-03";
    assert_eq!(code(&renewal, &[suspended, active], now), Code::Suspended);
}

#[test]
fn of_the_former_license_the_same_server_speaks_and_no_other() {
    let mut draft = former();
    draft.confirmation = Some(public(&SERVER).to_jwk().try_into().unwrap());
    let former = mint(&draft);
    let active = statement(&former, Status::Active, at("2027-02-07"));
    let said = [validated(&active, &SERVER, &former).unwrap()];
    let mut with_server = renewal();
    with_server.confirmation = draft.confirmation;
    let now = "2027-02-09";
    assert_eq!(code(&mint(&with_server), &said, now), Code::GraceOffline);
    assert_eq!(code(&mint(&renewal()), &said, now), Code::CheckInOverdue);
}

#[test]
fn what_the_vendor_said_of_the_former_license_verifies_beside_the_successor_alone() {
    let (former, renewal) = (mint(&former()), mint(&renewal()));
    let said = statement(&former, Status::Active, at("2027-02-01"));
    assert!(validated(&said, &VENDOR, &renewal).is_ok());
    let said = statement(&renewal, Status::Active, at("2027-02-01"));
    assert!(validated(&said, &VENDOR, &former).is_err());
}

#[test]
fn the_promise_goes_on_through_a_renewal_at_hand() {
    let bundle = file(&[former(), renewal()]);
    let former = &bundle.licenses()[0];
    let checked = [said(former, Status::Active, "2027-01-28")];
    let context = |now| Context::at(at(now)).validations(&checked);
    let matrix = Matrix::built_in();
    for now in [
        "2027-01-28",
        "2027-01-30",
        "2027-01-31T23:59:59Z",
        "2027-02-01",
    ] {
        let decision = bundle.evaluate(matrix, &context(now));
        assert_eq!(decision.holds_until(), Some(at("2027-02-08")), "{now}");
    }
    assert_eq!(
        bundle.evaluate(matrix, &context("2027-02-08")).outcome(),
        Outcome::Grace
    );
    let after = bundle.evaluate(matrix, &context("2027-02-08T00:00:01Z"));
    assert_eq!(after.code(), Code::CheckInOverdue);
    // A gap before it is promised by nobody.
    let decision = bundle.evaluate(matrix, &Context::at(at("2027-01-03")));
    assert_eq!(decision.holds_until(), Some(at("2027-01-08")));
}

#[test]
fn nothing_is_promised_beyond_the_start_of_a_renewal_that_will_not_hold() {
    let mut locked = renewal();
    locked.machines = vec!["m1".into()];
    let bundle = file(&[former(), locked]);
    let checked = [said(&bundle.licenses()[0], Status::Active, "2027-01-30")];
    let context = Context::at(at("2027-01-30")).validations(&checked);
    let decision = bundle.evaluate(Matrix::built_in(), &context);
    assert_eq!(decision.holds_until(), Some(at(START)));
    let context = Context::at(at(START)).validations(&checked);
    let decision = bundle.evaluate(Matrix::built_in(), &context);
    assert_eq!(decision.outcome(), Outcome::Denied);
}

#[test]
fn of_licenses_that_do_not_hold_one_that_has_begun_tells_why() {
    for drafts in [[former(), renewal()], [renewal(), former()]] {
        let bundle = file(&drafts);
        let matrix = Matrix::built_in();
        for (now, expected) in [
            ("2027-01-20", Code::CheckInOverdue),
            ("2027-01-31T23:59:59Z", Code::CheckInOverdue),
            ("2027-02-01", Code::Valid),
            ("2028-06-01", Code::Expired),
        ] {
            let decision = bundle.evaluate(matrix, &Context::at(at(now)));
            assert_eq!(decision.code(), expected, "{now}");
        }
    }
    let mut later = renewal();
    later.supersedes = Vec::new();
    let decision = file(&[later]).evaluate(Matrix::built_in(), &Context::at(at("2027-01-20")));
    assert_eq!(decision.code(), Code::NotYetValid);
}
