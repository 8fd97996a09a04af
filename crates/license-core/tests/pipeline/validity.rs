//! Validity of a license: start, expiry, grace periods, check-ins and replacement.

use license_core::chrono::{DateTime, TimeDelta, Utc};
use license_core::claims::Status;
use license_core::evaluate::{Evidence, Outcome};
use license_core::issue::SigningError;
use license_core::policy::{CheckIn, Renewal};
use license_core::{Code, Context, ProductCode, time};

use crate::support::{DAY, HOUR, SECOND, VENDOR, id, issued, perpetual};
use crate::validation::validation;
use crate::{code, code_at, evaluate, license};

#[test]
fn a_license_is_valid_from_its_first_instant() {
    let start = issued() + DAY;
    let license = license(|draft| draft.not_before = Some(start));
    assert_eq!(code_at(&license, start - SECOND), Code::NotYetValid);
    assert_eq!(code_at(&license, start), Code::Valid);
}

#[test]
fn a_license_and_its_grace_period_exclude_their_end() {
    let end = issued() + DAY * 30;
    let ends = license(|draft| draft.expires_at = Some(end));
    assert_eq!(code_at(&ends, end - SECOND), Code::Valid);
    assert_eq!(code_at(&ends, end), Code::Expired);
    let renews = license(|draft| {
        draft.expires_at = Some(end);
        draft.renewal = Renewal::new(DAY * 14, HOUR * 72);
    });
    assert_eq!(code_at(&renews, end - SECOND), Code::Valid);
    assert_eq!(code_at(&renews, end), Code::GraceRenewal);
    assert_eq!(
        code_at(&renews, end + HOUR * 72 - SECOND),
        Code::GraceRenewal
    );
    assert_eq!(code_at(&renews, end + HOUR * 72), Code::Expired);
}

#[test]
fn the_expiry_warning_starts_notify_days_before_the_end() {
    let end = issued() + DAY * 30;
    let license = license(|draft| {
        draft.expires_at = Some(end);
        draft.renewal = Renewal::new(DAY * 14, HOUR * 72);
    });
    let warns = |now| {
        let decision = evaluate(&license, &Context::at(now));
        decision
            .warnings()
            .iter()
            .any(|warning| warning.code() == Code::ExpiresSoon)
    };
    assert!(!warns(end - DAY * 14 - SECOND));
    assert!(warns(end - DAY * 14));
    assert!(warns(end - SECOND));
    assert!(!warns(end), "the license has expired");
}

#[test]
fn a_check_in_is_due_after_every_hours_and_its_grace_period_includes_the_end() {
    let license = license(|draft| draft.check_in = CheckIn::new(HOUR * 24, HOUR * 168));
    let last = issued() + DAY * 5;
    let validations = [validation(&license, Status::Active, last)];
    for (validations, last) in [(&[][..], issued()), (&validations[..], last)] {
        let code = |now| evaluate(&license, &Context::at(now).validations(validations)).code();
        assert_eq!(code(last + HOUR * 24 - SECOND), Code::Valid);
        assert_eq!(code(last + HOUR * 24), Code::GraceOffline);
        assert_eq!(code(last + HOUR * 168), Code::GraceOffline);
        assert_eq!(code(last + HOUR * 168 + SECOND), Code::CheckInOverdue);
    }
}

#[test]
fn a_clock_more_than_a_day_behind_gives_a_warning() {
    let license = license(|_| {});
    let mark = issued() + DAY * 30;
    let decide = |clock| evaluate(&license, &Context::at(clock).high_water(mark));
    assert!(decide(mark - DAY).warnings().is_empty());
    let behind = decide(mark - DAY - SECOND);
    assert_eq!(behind.warnings()[0].code(), Code::ClockBehind);
    assert_eq!(
        (behind.outcome(), behind.evaluated_at()),
        (Outcome::Licensed, mark)
    );
}

#[test]
fn a_license_is_superseded_from_the_start_of_its_successor() {
    let older = license(|_| {});
    let start = issued() + DAY * 30;
    let newer = license(|draft| {
        draft.id = id(2);
        draft.supersedes = vec![older.id().clone()];
        draft.not_before = Some(start);
    });
    let installed = [older.clone(), newer.clone()];
    let decide = |license, now| evaluate(license, &Context::at(now).installed(&installed));
    assert_eq!(decide(&older, start - SECOND).code(), Code::Valid);
    assert_eq!(decide(&newer, start - SECOND).code(), Code::NotYetValid);
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

#[test]
fn instants_of_a_context_are_clamped_to_whole_seconds_in_the_range() {
    let end = issued() + DAY * 30;
    let license = license(|draft| draft.expires_at = Some(end));
    assert_eq!(code_at(&license, DateTime::<Utc>::MIN_UTC), Code::Valid);
    assert_eq!(code_at(&license, DateTime::<Utc>::MAX_UTC), Code::Expired);
    assert_eq!(
        code_at(&license, end - TimeDelta::milliseconds(1)),
        Code::Valid
    );
    let late = Context::at(issued()).high_water(DateTime::<Utc>::MAX_UTC);
    assert_eq!(evaluate(&license, &late).evaluated_at(), time::MAX);
    let fraction = Context::at(issued() + TimeDelta::milliseconds(999));
    assert_eq!(fraction.clock(), issued());
}

#[test]
fn a_claim_beyond_the_range_is_not_signed() {
    for end in [time::MIN - SECOND, time::MAX + SECOND] {
        let mut draft = perpetual("PRO", id(1));
        draft.expires_at = Some(end);
        assert!(matches!(draft.sign(&*VENDOR), Err(SigningError::Json)));
    }
}

#[test]
fn terms_are_in_whole_hours_and_days() {
    let half_an_hour = TimeDelta::minutes(30);
    assert_eq!(CheckIn::new(half_an_hour, DAY), None);
    assert_eq!(CheckIn::new(HOUR, HOUR + half_an_hour), None);
    assert_eq!(Renewal::new(HOUR, DAY), None);
    assert_eq!(Renewal::new(DAY, half_an_hour), None);
    assert_eq!(Renewal::new(-DAY, DAY), None);
    assert_eq!(CheckIn::new(TimeDelta::MAX, TimeDelta::MAX), None);
}
