//! Periods that follow a subscription.

use super::*;

#[test]
fn periods_follow_the_subscription_after_its_trial() {
    let mut customer = Customer::new();
    customer.state.first_day = day("2027-02-10");
    customer.begin("2027-02-03", "2027-02-03", "2027-02-17");
    customer.commands("2027-02-10", 14);
    let trial = customer.settle("2027-02-10T10:00:00Z");
    assert_eq!(sent(&trial), [(0, 4, "2027-02-10T10:00:00+00:00".into())]);
    assert_eq!(trial.due_at, at("2027-03-03"));
    // The trial ends, and the provider counts its months from this day.
    customer.begin("2027-02-03", "2027-02-17", "2027-03-17");
    let ended = customer.settle("2027-02-17T10:00:00Z");
    assert_eq!(rows(&ended), [row("2027-02-03", 0, 14, 4, "2027-02-03")]);
    assert_eq!(ended.closed_until, Some(day("2027-02-17")));
    assert_eq!((sent(&ended), ended.due_at), (vec![], at("2027-03-17")));
    customer.commands("2027-02-20", 12);
    let paid = customer.settle("2027-02-20T10:00:00Z");
    assert_eq!(sent(&paid), [(0, 2, "2027-02-20T10:00:00+00:00".into())]);
    let closed = customer.settle("2027-03-17T01:00:00Z");
    assert_eq!(rows(&closed), [row("2027-02-17", 0, 12, 2, "2027-02-17")]);
    assert_eq!(closed.totals[0].period.end, day("2027-03-17"));
    // The next period follows, although the day of the month is another one.
    customer.begin("2027-02-03", "2027-03-17", "2027-04-17");
    let same = customer.settle("2027-03-18");
    assert_eq!(same.anchor, PeriodAnchor::new(day("2027-02-17")));
}

#[test]
fn a_period_keeps_its_end_if_amounts_of_later_days_were_sent() {
    let mut customer = Customer::new();
    customer.begin("2027-02-03", "2027-02-03", "2027-02-17");
    customer.commands("2027-02-17", 14);
    let sent_late = customer.settle("2027-02-17T10:00:00Z");
    assert_eq!(sent(&sent_late).len(), 1);
    // The provider begins the new period afterwards.
    customer.begin("2027-02-03", "2027-02-17", "2027-03-17");
    let kept = customer.settle("2027-02-18T10:00:00Z");
    assert_eq!((rows(&kept), sent(&kept)), (vec![], vec![]));
    assert_eq!(kept.anchor, PeriodAnchor::new(day("2027-02-03")));
    let closed = customer.settle("2027-03-03T01:00:00Z");
    assert_eq!(rows(&closed), [row("2027-02-03", 0, 14, 4, "2027-02-03")]);
    assert_eq!(closed.due_at, at("2027-03-17"));
    assert_eq!(sent(&closed), []);
}

#[test]
fn a_period_that_a_person_has_moved_does_not_follow_the_subscription() {
    let mut customer = Customer::new();
    customer.state.anchor = Some(PeriodAnchor::new(day("2027-02-05")));
    customer.state.is_anchor_fixed = true;
    customer.begin("2027-02-03", "2027-02-17", "2027-03-17");
    customer.commands("2027-02-10", 8);
    let settlement = customer.settle("2027-02-18");
    assert_eq!(settlement.anchor, PeriodAnchor::new(day("2027-02-05")));
    assert_eq!(settlement.due_at, at("2027-03-05"));
}

#[test]
fn what_was_used_before_the_subscription_is_not_billed() {
    let mut customer = Customer::new();
    customer.billed = None;
    customer.commands("2027-02-10", 14);
    customer.commands("2027-03-05", 15);
    customer.settle("2027-03-05T10:00:00Z");
    customer.begin("2027-03-12", "2027-03-12", "2027-04-12");
    customer.commands("2027-03-12", 13);
    let subscribed = customer.settle("2027-03-12T10:00:00Z");
    assert_eq!(
        rows(&subscribed),
        [row("2027-02-28", 0, 15, 5, "2027-02-28")]
    );
    assert_eq!(
        sent(&subscribed),
        [(0, 3, "2027-03-12T10:00:00+00:00".into())]
    );
}
