//! Validity of a license: start, expiry, grace periods, check-ins and replacement.

use license_core::{CheckIn, Code, Context, Evidence, Outcome, ProductCode, Renewal, Status};

use crate::support::{DAY, HOUR, id, issued};
use crate::validation::validation;
use crate::{code, code_at, evaluate, license};

#[test]
fn a_license_is_valid_from_its_first_instant() {
    let start = issued().plus(DAY);
    let license = license(|draft| draft.not_before = Some(start));
    assert_eq!(code_at(&license, start.minus(1)), Code::NotYetValid);
    assert_eq!(code_at(&license, start), Code::Valid);
}

#[test]
fn a_license_and_its_grace_period_exclude_their_end() {
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
fn the_expiry_warning_starts_notify_days_before_the_end() {
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
            .any(|warning| warning.code() == Code::ExpiresSoon)
    };
    assert!(!warns(end.minus(14 * DAY).minus(1)));
    assert!(warns(end.minus(14 * DAY)));
    assert!(warns(end.minus(1)));
    assert!(!warns(end), "the license has expired");
}

#[test]
fn a_check_in_is_due_after_every_hours_and_its_grace_period_includes_the_end() {
    let license = license(|draft| draft.check_in = CheckIn::new(24, 168));
    let last = issued().plus(5 * DAY);
    let validations = [validation(&license, Status::Active, last)];
    for (validations, last) in [(&[][..], issued()), (&validations[..], last)] {
        let code = |now| evaluate(&license, &Context::at(now).validations(validations)).code();
        assert_eq!(code(last.plus(24 * HOUR).minus(1)), Code::Valid);
        assert_eq!(code(last.plus(24 * HOUR)), Code::GraceOffline);
        assert_eq!(code(last.plus(168 * HOUR)), Code::GraceOffline);
        assert_eq!(code(last.plus(168 * HOUR).plus(1)), Code::CheckInOverdue);
    }
}

#[test]
fn a_clock_more_than_a_day_behind_gives_a_warning() {
    let license = license(|_| {});
    let mark = issued().plus(30 * DAY);
    let decide = |clock| evaluate(&license, &Context::at(clock).high_water(mark));
    assert!(decide(mark.minus(DAY)).warnings().is_empty());
    let behind = decide(mark.minus(DAY + 1));
    assert_eq!(behind.warnings()[0].code(), Code::ClockBehind);
    assert_eq!(
        (behind.outcome(), behind.evaluated_at()),
        (Outcome::Licensed, mark)
    );
}

#[test]
fn a_license_is_superseded_from_the_start_of_its_successor() {
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
        "the successor is not installed"
    );
}

#[test]
fn a_license_for_another_product_does_not_supersede() {
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
