//! Licenses that require a floating seat.

use license_core::chrono::TimeDelta;
use license_core::claims::{Confirmation, Status};
use license_core::evaluate::{Outcome, Rule, RuleOutcome};
use license_core::issue::{LeaseDraft, LicenseDraft, SigningError};
use license_core::license::{Lease, ValidationSigner};
use license_core::machine::Machine;
use license_core::session::SessionId;
use license_core::trust::VerifyError;
use license_core::{Code, Context, License, Unverified};

use super::lease::{certified, lease, lease_draft, license_with, machine, session};
use super::support::{
    DAY, HOUR, SECOND, SERVER, TRUST, VENDOR, id, issue, issued, perpetual, sign_validation,
    validation_draft,
};
use super::{evaluate, matrix};

fn floating(change: impl FnOnce(&mut LicenseDraft)) -> License {
    license_with(|draft| {
        draft.requires_seat = true;
        change(draft);
    })
}

fn lease_of(license: &License, change: impl FnOnce(&mut LeaseDraft<'_>)) -> Lease {
    let mut draft = lease_draft(license);
    change(&mut draft);
    lease(&draft, license).unwrap()
}

/// Returns the reason why a license gives no seat, and checks the code.
#[track_caller]
fn problem(license: &License, context: &Context<'_>) -> Option<String> {
    let decision = evaluate(license, context);
    let evidence = serde_json::to_value(decision.evidence()).unwrap();
    let problem = evidence["problem"].as_str().map(str::to_owned);
    let expected = match problem {
        Some(_) => Code::SeatRequired,
        None => Code::Valid,
    };
    assert_eq!(decision.code(), expected, "{evidence}");
    problem
}

#[test]
fn a_license_that_requires_a_seat_is_valid_only_while_the_machine_has_a_lease() {
    let (license, here) = (floating(|_| {}), machine());
    let lease = lease_of(&license, |_| {});
    let without = Context::at(lease.issued_at()).machine(&here);
    assert_eq!(problem(&license, &without).as_deref(), Some("no_lease"));
    let decision = evaluate(&license, &without);
    assert_eq!(decision.rule(), Some(Rule::Seat));
    assert_eq!(decision.entitlements().tier().as_str(), "FREE");

    let with = |at| Context::at(at).machine(&here).lease(&lease);
    assert_eq!(problem(&license, &with(lease.issued_at())), None);
    assert_eq!(problem(&license, &with(lease.expires_at() - SECOND)), None);
    let ended = with(lease.expires_at());
    assert_eq!(problem(&license, &ended).as_deref(), Some("ended"));
    let set_back = with(lease.issued_at()).high_water(lease.expires_at());
    assert_eq!(problem(&license, &set_back).as_deref(), Some("ended"));

    let other: Machine = "mach_ffffffffffffffffffffffffffffffff".parse().unwrap();
    for elsewhere in [
        Context::at(lease.issued_at()).lease(&lease),
        Context::at(lease.issued_at()).lease(&lease).machine(&other),
    ] {
        let problem = problem(&license, &elsewhere);
        assert_eq!(problem.as_deref(), Some("other_machine"));
    }
}

#[test]
fn a_session_that_the_caller_states_must_be_the_session_of_the_lease() {
    let (license, here) = (floating(|_| {}), machine());
    let lease = lease_of(&license, |_| {});
    let code = |session: SessionId| {
        let context = Context::at(lease.issued_at()).machine(&here).lease(&lease);
        problem(&license, &context.session(session))
    };
    assert_eq!(code(session(&license, "alice")), None);
    let bob = code(session(&license, "bob"));
    assert_eq!(bob.as_deref(), Some("other_session"));
}

#[test]
fn a_lease_that_the_caller_measures_does_not_depend_on_the_clocks() {
    let (license, here) = (floating(|_| {}), machine());
    let lease = lease_of(&license, |_| {});
    for clock in [issued() + DAY * 300, issued()] {
        let until = clock + TimeDelta::seconds(1);
        let context = Context::at(clock).machine(&here);
        let context = context.high_water(issued() + DAY * 400);
        let context = context.lease_until(&lease, until);
        assert_eq!(problem(&license, &context), None, "{clock}");
        let ended = problem(&license, &context.at_instant(until));
        assert_eq!(ended.as_deref(), Some("ended"), "{clock}");
    }
}

#[test]
fn the_clock_of_a_license_server_does_not_end_a_license() {
    let license = floating(|draft| draft.expires_at = Some(issued() + DAY * 365));
    let here = machine();
    // The server's clock is a year ahead. The lease ends a second before the license.
    let ahead = lease_of(&license, |draft| {
        draft.issued_at = issued() + DAY * 365 - SECOND * 121;
        draft.expires_at = issued() + DAY * 365 - SECOND;
    });
    let context = Context::at(issued() + DAY).machine(&here).lease(&ahead);
    let decision = evaluate(&license, &context);
    assert_eq!(decision.code(), Code::Valid);
    assert_eq!(decision.evaluated_at(), issued() + DAY);
}

#[test]
fn a_lease_counts_for_a_license_and_its_renewals_of_the_same_server() {
    let here = machine();
    let license = floating(|_| {});
    let lease = lease_of(&license, |_| {});
    let context = Context::at(lease.issued_at()).machine(&here).lease(&lease);
    let renewal = floating(|draft| {
        (draft.id, draft.supersedes) = (id(2), vec![id(1)]);
    });
    assert_eq!(problem(&renewal, &context), None);
    let other = floating(|draft| draft.id = id(3));
    let found = problem(&other, &context);
    assert_eq!(found.as_deref(), Some("other_license"));
    // A license with the same id that names another server.
    let mut moved = certified(perpetual("TEAM", id(1)), &super::support::SPARE);
    moved.requires_seat = true;
    let moved = issue(&moved);
    assert_ne!(moved.confirmation_key(), license.confirmation_key());
    let found = problem(&moved, &context);
    assert_eq!(found.as_deref(), Some("other_license"));
}

#[test]
fn the_seat_is_the_last_rule_and_is_skipped_for_any_application() {
    let license = floating(|draft| draft.expires_at = Some(issued() + DAY));
    let context = Context::at(issued() + DAY * 30);
    assert_eq!(evaluate(&license, &context).code(), Code::Expired);
    let results = license.explain(matrix(), &context);
    let last = results.last().unwrap();
    assert_eq!(last.rule, Rule::Seat);
    assert_eq!(last.outcome, RuleOutcome::Denied(Code::SeatRequired));
    let context = Context::at(issued()).any_application();
    assert_eq!(evaluate(&license, &context).code(), Code::Valid);
    let optional = license_with(|_| {});
    let results = optional.explain(matrix(), &Context::at(issued()));
    let last = results.last().unwrap();
    assert_eq!(last.outcome, RuleOutcome::NotApplicable);
}

#[test]
fn a_validation_token_is_no_seat() {
    let license = floating(|_| {});
    let draft = validation_draft(&license, Status::Active, issued() + DAY);
    let validation = sign_validation(&draft, &SERVER, &license).unwrap();
    assert_eq!(validation.signer(), ValidationSigner::Server);
    let validations = [validation];
    let here = machine();
    let context = Context::at(issued() + DAY).machine(&here);
    let found = problem(&license, &context.validations(&validations));
    assert_eq!(found.as_deref(), Some("no_lease"));
}

#[test]
fn the_end_of_a_lease_is_not_the_end_of_the_license() {
    let here = machine();
    let license = floating(|draft| draft.expires_at = Some(issued() + DAY * 365));
    let renewal = floating(|draft| {
        (draft.id, draft.supersedes) = (id(2), vec![id(1)]);
        draft.not_before = draft.issued_at.map(|at| at + DAY * 365);
        draft.expires_at = Some(issued() + DAY * 730);
    });
    let lease = lease_of(&license, |_| {});
    let context = Context::at(lease.issued_at()).machine(&here).lease(&lease);
    let decision = evaluate(&license, &context);
    assert_eq!(decision.holds_until(), Some(issued() + DAY * 365));
    // The renewal requires a seat too, which the program acquires then.
    let installed = [renewal];
    let decision = evaluate(&license, &context.installed(&installed));
    assert_eq!(decision.outcome(), Outcome::Licensed);
    assert_eq!(decision.holds_until(), Some(issued() + DAY * 730));
}

#[test]
fn the_evidence_shows_the_lease_and_the_reason() {
    let (license, here) = (floating(|_| {}), machine());
    let lease = lease_of(&license, |_| {});
    let context = Context::at(lease.issued_at() + HOUR).machine(&here);
    let decision = evaluate(&license, &context.lease(&lease));
    let evidence = serde_json::to_value(decision.evidence()).unwrap();
    let expected = serde_json::json!({
        "expected": "a floating seat of this license",
        "actual": "a lease that ended at 2027-01-02T00:02:00Z, now 2027-01-02T01:00:00Z",
        "problem": "ended",
        "machine": "mach_00112233445566778899aabbccddeeff",
        "until": "2027-01-02T00:02:00Z",
        "now": "2027-01-02T01:00:00Z",
    });
    assert_eq!(evidence, expected);
}

#[test]
fn a_license_that_requires_a_seat_names_a_server_and_makes_the_claim_critical() {
    let mut draft = perpetual("TEAM", id(1));
    draft.requires_seat = true;
    let signed = draft.sign(&*VENDOR);
    assert!(matches!(signed, Err(SigningError::NoServerKey)));
    assert!(matches!(draft.check(), Err(SigningError::NoServerKey)));
    let read = draft.read_back();
    assert!(matches!(read, Err(VerifyError::Claim(error)) if error.claim == "floating"));

    let token = certified(draft, &SERVER).sign(&*VENDOR).unwrap();
    let license = Unverified::parse(&token).unwrap().verify(&TRUST).unwrap();
    assert!(license.requires_seat());
    assert_eq!(license.claims().critical, ["floating"]);
    let server = license
        .claims()
        .confirmation
        .as_ref()
        .map(Confirmation::key);
    assert_eq!(server, license.confirmation_key());

    // A successor without the requirement does not name the claim.
    let mut next = LicenseDraft::successor_of(&license, id(2), issued() + DAY).unwrap();
    assert!(next.requires_seat);
    next.requires_seat = false;
    assert!(issue(&next).claims().critical.is_empty());
}
