//! When a license holds: from its start to its end and the grace after it, while it checks in, until a newer one replaces it.

use license_core::{CheckIn, Code, Context, Evidence, Outcome, ProductCode, Renewal, Status};

use crate::support::{DAY, HOUR, id, issued};
use crate::validation::said;
use crate::{code, code_at, evaluate, license};

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
