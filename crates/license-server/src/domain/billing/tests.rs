use chrono::{DateTime, TimeDelta, Utc};
use license_core::time::parse_instant;

use super::*;
use crate::domain::{Currency, Money};

fn at(text: &str) -> DateTime<Utc> {
    parse_instant(text).unwrap()
}

fn euros(minor: i64) -> Money {
    Money::new(minor, Currency::parse("EUR").unwrap()).unwrap()
}

/// Returns a paid invoice for the period that ends at a time.
fn invoice(end: &str) -> ProviderInvoice {
    ProviderInvoice {
        id: format!("in_{end}"),
        status: InvoiceStatus::Paid,
        period_end: Some(at(end)),
        due_at: None,
        total: euros(1000),
        paid: euros(1000),
        refunded: euros(0),
        disputed: euros(0),
        lost: euros(0),
    }
}

fn open(end: &str) -> ProviderInvoice {
    ProviderInvoice {
        status: InvoiceStatus::Open,
        paid: euros(0),
        ..invoice(end)
    }
}

const PERIOD_1: &str = "2027-02-15T10:00:00Z";
const PERIOD_2: &str = "2027-03-15T10:00:00Z";
/// The ends of the licenses of these periods: the day after the period is the last one.
const END_1: &str = "2027-02-17T00:00:00Z";
const END_2: &str = "2027-03-17T00:00:00Z";

/// Returns a subscription in its second month, whose invoices are paid.
fn subscription() -> ProviderSubscription {
    ProviderSubscription {
        id: "sub_1".to_owned(),
        customer: BillingCustomer {
            id: "cus_1".to_owned(),
            name: None,
            email: Some("ann@example.com".to_owned()),
            is_deleted: false,
            created_at: at("2027-01-15T10:00:00Z"),
        },
        status: SubscriptionStatus::Active,
        has_failed: false,
        pause: None,
        items: vec![item("price_team", 5)],
        invoices: vec![invoice(PERIOD_2), invoice(PERIOD_1)],
        period_start: at(PERIOD_1),
        period_end: at(PERIOD_2),
        trial_end: None,
        trial: None,
        cancel_at: None,
        created_at: at("2027-01-15T10:00:00Z"),
    }
}

fn item(price: &str, quantity: u32) -> SubscriptionItem {
    SubscriptionItem {
        price: price.to_owned(),
        quantity: Some(quantity),
    }
}

/// Returns the entitlement in the second month, after a change of the subscription.
fn entitled(
    change: impl FnOnce(&mut ProviderSubscription),
) -> (BillingState, BillingReason, String) {
    entitled_at("2027-02-20T00:00:00Z", change)
}

fn entitled_at(
    now: &str,
    change: impl FnOnce(&mut ProviderSubscription),
) -> (BillingState, BillingReason, String) {
    let mut subscription = subscription();
    change(&mut subscription);
    let found = Entitlement::new(&subscription, TimeDelta::days(30), at(now));
    let until = found.until.map_or_else(
        || "none".to_owned(),
        |until| license_core::time::rfc3339(until).to_string(),
    );
    (found.state, found.reason, until)
}

fn expect(
    found: (BillingState, BillingReason, String),
    state: BillingState,
    reason: BillingReason,
    until: &str,
) {
    assert_eq!(found, (state, reason, until.to_owned()));
}

use BillingReason as Reason;
use BillingState as State;
use SubscriptionStatus as Status;

#[test]
fn a_paid_period_lasts_until_the_end_of_the_day_after_it() {
    expect(entitled(|_| {}), State::Active, Reason::Paid, END_2);
    // The order of the invoices has no meaning.
    let found = entitled(|found| found.invoices.reverse());
    expect(found, State::Active, Reason::Paid, END_2);
    // An invoice over nothing, such as one with a coupon, is paid.
    let free = |found: &mut ProviderSubscription| {
        found.invoices[0].total = euros(0);
        found.invoices[0].paid = euros(0);
    };
    expect(entitled(free), State::Active, Reason::Paid, END_2);
}

#[test]
fn the_first_payment_decides_about_the_first_license() {
    let first = |status| {
        move |found: &mut ProviderSubscription| {
            found.status = status;
            found.invoices = vec![open(PERIOD_2)];
        }
    };
    let found = entitled(first(Status::Incomplete));
    expect(found, State::Pending, Reason::FirstPayment, "none");
    let found = entitled(first(Status::IncompleteExpired));
    expect(found, State::Ended, Reason::Unpaid, "none");
}

#[test]
fn a_payment_that_is_made_now_changes_nothing() {
    // Stripe has begun the period, and collects within the hour.
    let renewing = |found: &mut ProviderSubscription| found.invoices[0] = open(PERIOD_2);
    let found = entitled_at("2027-02-15T10:30:00Z", renewing);
    expect(found, State::Active, Reason::Invoiced, END_1);
    let draft = |found: &mut ProviderSubscription| {
        found.invoices[0] = open(PERIOD_2);
        found.invoices[0].status = InvoiceStatus::Draft;
    };
    let found = entitled_at("2027-02-15T10:30:00Z", draft);
    expect(found, State::Active, Reason::Invoiced, END_1);
    // An invoice that is not collected is late, and the license continues.
    let found = entitled_at("2027-02-15T22:00:01Z", renewing);
    expect(found, State::InGrace, Reason::PastDue, END_2);
}

#[test]
fn a_late_payment_has_no_effect_for_the_time_of_grace() {
    let late = |found: &mut ProviderSubscription| {
        found.status = Status::PastDue;
        found.invoices[0] = open(PERIOD_2);
    };
    // 30 days from the begin of the period are more than the payment would buy.
    let end = END_2;
    expect(entitled(late), State::InGrace, Reason::PastDue, end);
    let found = entitled_at("2027-03-16T23:59:59Z", late);
    expect(found, State::InGrace, Reason::PastDue, end);
    let found = entitled_at(end, late);
    expect(found, State::Suspended, Reason::Unpaid, end);
    // The payment arrives after all.
    let found = entitled_at(end, |_| {});
    expect(found, State::Active, Reason::Paid, END_2);
    // A longer period gives the whole time of grace, from the begin of the unpaid time.
    let yearly = |found: &mut ProviderSubscription| {
        late(found);
        found.period_end = at("2028-02-15T10:00:00Z");
    };
    let found = entitled(yearly);
    expect(
        found,
        State::InGrace,
        Reason::PastDue,
        "2027-03-18T00:00:00Z",
    );
}

#[test]
fn the_time_of_grace_does_not_depend_on_when_the_provider_gives_up() {
    let failed = |status| {
        move |found: &mut ProviderSubscription| {
            found.status = status;
            found.has_failed = status == Status::Canceled;
            found.invoices[0] = open(PERIOD_2);
            found.period_end = at("2028-02-15T10:00:00Z");
        }
    };
    let graced = "2027-03-18T00:00:00Z";
    for status in [Status::PastDue, Status::Unpaid, Status::Canceled] {
        let found = entitled(failed(status));
        expect(found, State::InGrace, Reason::PastDue, graced);
        let found = entitled_at("2027-03-17T23:59:59Z", failed(status));
        expect(found, State::InGrace, Reason::PastDue, graced);
    }
    for (status, state) in [
        (Status::PastDue, State::Suspended),
        (Status::Unpaid, State::Suspended),
        (Status::Canceled, State::Ended),
    ] {
        let found = entitled_at(graced, failed(status));
        expect(found, state, Reason::Unpaid, graced);
    }
    // A refund and a cancellation by a person end the paid time at once.
    let refunded = |found: &mut ProviderSubscription| {
        failed(Status::Unpaid)(found);
        found.invoices = vec![invoice(PERIOD_1)];
        found.invoices[0].refunded = euros(1000);
    };
    expect(entitled(refunded), State::Revoked, Reason::Refunded, "none");
    let canceled = |found: &mut ProviderSubscription| {
        failed(Status::Canceled)(found);
        found.has_failed = false;
    };
    expect(entitled(canceled), State::Ended, Reason::Canceled, END_1);
}

#[test]
fn an_invoice_that_the_customer_pays_has_a_due_date() {
    let sent = |found: &mut ProviderSubscription| {
        found.invoices = vec![open(PERIOD_2)];
        found.invoices[0].due_at = Some(at("2027-03-01T10:00:00Z"));
    };
    let end = END_2;
    expect(entitled(sent), State::Active, Reason::Invoiced, end);
    let found = entitled_at("2027-03-02T00:00:00Z", sent);
    expect(found, State::InGrace, Reason::PastDue, end);
}

#[test]
fn an_open_invoice_for_a_change_does_not_end_a_paid_period() {
    // Two more seats in the middle of the month: the period is paid, and the rest is open.
    let changed = |found: &mut ProviderSubscription| {
        let mut change = open(PERIOD_2);
        change.id = "in_change".to_owned();
        found.invoices.insert(0, change);
        found.status = Status::PastDue;
    };
    let found = entitled(changed);
    assert_eq!((found.0, found.1), (State::InGrace, Reason::PastDue));
    // The paid period counts if it is longer than the time of grace.
    let found = entitled(|found| {
        changed(found);
        for invoice in &mut found.invoices {
            if invoice.period_end == Some(at(PERIOD_2)) {
                invoice.period_end = Some(at("2028-02-15T10:00:00Z"));
            }
        }
    });
    assert_eq!(found.2, "2028-02-17T00:00:00Z");
}

#[test]
fn a_refund_of_the_whole_payment_revokes_and_a_part_does_not() {
    let refund =
        |minor| move |found: &mut ProviderSubscription| found.invoices[0].refunded = euros(minor);
    expect(entitled(refund(999)), State::Active, Reason::Paid, END_2);
    expect(
        entitled(refund(1000)),
        State::Revoked,
        Reason::Refunded,
        END_1,
    );
    // A refund of a former period takes nothing from this one.
    let former = |found: &mut ProviderSubscription| found.invoices[1].refunded = euros(1000);
    expect(entitled(former), State::Active, Reason::Paid, END_2);
    // The customer paid twice, by two invoices for the period, and one payment is returned.
    let twice = |found: &mut ProviderSubscription| {
        let mut second = invoice(PERIOD_2);
        second.id = "in_second".to_owned();
        second.refunded = euros(1000);
        found.invoices.insert(0, second);
    };
    expect(entitled(twice), State::Active, Reason::Paid, END_2);
    // A refund with a cancellation is still a refund.
    let canceled = |found: &mut ProviderSubscription| {
        found.status = Status::Canceled;
        found.invoices[0].refunded = euros(1000);
    };
    expect(entitled(canceled), State::Revoked, Reason::Refunded, END_1);
}

#[test]
fn a_period_that_another_one_has_replaced_takes_nothing_from_it() {
    // The year was refunded, and the customer pays by month.
    let year = "2028-01-15T10:00:00Z";
    let months = |found: &mut ProviderSubscription| {
        let mut refunded = invoice(year);
        refunded.refunded = euros(1000);
        found.invoices.push(refunded);
    };
    expect(entitled(months), State::Active, Reason::Paid, END_2);
    let disputed = |found: &mut ProviderSubscription| {
        months(found);
        found.invoices[2].refunded = euros(0);
        found.invoices[2].disputed = euros(1000);
    };
    expect(entitled(disputed), State::Active, Reason::Paid, END_2);
    // Nor at the begin of a month whose payment is made now.
    let renewing = |found: &mut ProviderSubscription| {
        months(found);
        found.invoices[0] = open(PERIOD_2);
    };
    let found = entitled_at("2027-02-15T10:30:00Z", renewing);
    expect(found, State::Active, Reason::Invoiced, END_1);
    // A refund of the month itself still counts, and a year that was kept is paid time.
    let both = |found: &mut ProviderSubscription| {
        months(found);
        found.invoices[0].refunded = euros(1000);
    };
    expect(entitled(both), State::Revoked, Reason::Refunded, END_1);
    let kept = |found: &mut ProviderSubscription| found.invoices.push(invoice(year));
    let end = "2028-01-17T00:00:00Z";
    expect(entitled(kept), State::Active, Reason::Paid, end);
}

#[test]
fn a_subscription_that_is_paid_after_its_period_is_valid_in_the_period() {
    // Stripe bills usage after the period, so no invoice is about the current one.
    let metered = |found: &mut ProviderSubscription| {
        found.invoices.remove(0);
    };
    expect(entitled(metered), State::Active, Reason::Paid, END_2);
    // The payment for the period before is late.
    let late = |found: &mut ProviderSubscription| {
        found.invoices = vec![open(PERIOD_1)];
        found.status = Status::PastDue;
    };
    let found = entitled(late);
    assert_eq!((found.0, found.1), (State::InGrace, Reason::PastDue));
}

#[test]
fn a_dispute_suspends_and_its_end_decides() {
    let disputed = |found: &mut ProviderSubscription| found.invoices[0].disputed = euros(1000);
    expect(
        entitled(disputed),
        State::Suspended,
        Reason::Disputed,
        END_1,
    );
    let lost = |found: &mut ProviderSubscription| found.invoices[0].lost = euros(1000);
    expect(entitled(lost), State::Revoked, Reason::DisputeLost, END_1);
    // A won dispute returns the amount.
    expect(entitled(|_| {}), State::Active, Reason::Paid, END_2);
    // A dispute about a part leaves the rest.
    let part = |found: &mut ProviderSubscription| found.invoices[0].disputed = euros(500);
    expect(entitled(part), State::Active, Reason::Paid, END_2);
    // A payment for a later period restores the license, although an earlier one is disputed.
    let paid = |found: &mut ProviderSubscription| found.invoices[1].disputed = euros(1000);
    expect(entitled(paid), State::Active, Reason::Paid, END_2);
}

#[test]
fn a_pause_takes_no_paid_time() {
    let paused = |pause| {
        move |found: &mut ProviderSubscription| {
            found.pause = Some(pause);
            found.invoices[0].status = InvoiceStatus::Void;
        }
    };
    expect(
        entitled(paused(Pause::Void)),
        State::Suspended,
        Reason::Paused,
        END_1,
    );
    let service_continues = entitled(|found| {
        found.pause = Some(Pause::Free);
        found.invoices[0] = open(PERIOD_2);
    });
    expect(service_continues, State::Active, Reason::Free, END_2);
    let paid = |found: &mut ProviderSubscription| found.pause = Some(Pause::Void);
    expect(entitled(paid), State::Suspended, Reason::Paused, END_2);
}

#[test]
fn a_trial_lasts_to_its_end_and_pauses_without_a_means_of_payment() {
    let trial = |status| {
        move |found: &mut ProviderSubscription| {
            found.status = status;
            found.trial_end = Some(at(PERIOD_2));
            found.invoices = vec![invoice(PERIOD_2)];
            found.invoices[0].total = euros(0);
            found.invoices[0].paid = euros(0);
        }
    };
    expect(
        entitled(trial(Status::Trialing)),
        State::Active,
        Reason::Trial,
        END_2,
    );
    let found = entitled(|found| {
        trial(Status::Trialing)(found);
        found.invoices.clear();
    });
    expect(found, State::Active, Reason::Trial, END_2);
    expect(
        entitled(trial(Status::Paused)),
        State::Suspended,
        Reason::Paused,
        END_2,
    );
}

#[test]
fn a_canceled_subscription_keeps_its_paid_time() {
    let canceled = |found: &mut ProviderSubscription| found.status = Status::Canceled;
    expect(entitled(canceled), State::Ended, Reason::Canceled, END_2);
    let unpaid = |found: &mut ProviderSubscription| {
        found.status = Status::Canceled;
        found.invoices[0] = open(PERIOD_2);
    };
    expect(entitled(unpaid), State::Ended, Reason::Canceled, END_1);
    let never = |found: &mut ProviderSubscription| {
        found.status = Status::Canceled;
        found.invoices.clear();
    };
    expect(entitled(never), State::Ended, Reason::Canceled, "none");
}

#[test]
fn the_last_day_of_a_month_is_the_providers() {
    // An anchor on the 31st: Stripe ends the periods on the last days of the months.
    for (end, expected) in [
        ("2027-01-31T23:59:59Z", "2027-02-02T00:00:00Z"),
        ("2027-02-28T23:59:59Z", "2027-03-02T00:00:00Z"),
        ("2028-02-29T12:00:00Z", "2028-03-02T00:00:00Z"),
        ("2027-03-31T00:00:00Z", "2027-04-02T00:00:00Z"),
        ("2027-12-31T23:30:00Z", "2028-01-02T00:00:00Z"),
    ] {
        let found = entitled(|found| {
            found.period_end = at(end);
            found.invoices = vec![invoice(end)];
        });
        assert_eq!(found.2, expected, "{end}");
    }
}

fn plan(price: &str, tier: Option<&str>, seats: u32, features: &[&str]) -> BillingPlan {
    BillingPlan {
        price: price.to_owned(),
        tier: tier.map(str::to_owned),
        seats,
        features: features.iter().map(|name| (*name).to_owned()).collect(),
    }
}

#[test]
fn the_items_of_a_subscription_buy_one_license() {
    let plans = [
        plan("price_team", Some("TEAM"), 1, &[]),
        plan("price_ent", Some("ENT"), 0, &["sso"]),
        plan("price_seats", None, 10, &[]),
        plan("price_sso", None, 0, &["sso", "audit"]),
    ];
    let terms = |items: &[SubscriptionItem]| PlannedTerms::new(items, &plans);
    let team = terms(&[
        item("price_team", 5),
        item("price_seats", 2),
        item("price_sso", 1),
    ]);
    let team = team.unwrap();
    assert_eq!((team.tier.as_str(), team.seats), ("TEAM", Some(25)));
    assert_eq!(team.features, ["audit", "sso"]);
    let enterprise = terms(&[item("price_ent", 1)]).unwrap();
    assert_eq!(
        (enterprise.seats, enterprise.features),
        (None, vec!["sso".to_owned()])
    );
    // A price that buys no license, such as support, has no effect if another one does.
    assert!(terms(&[item("price_support", 1), item("price_team", 1)]).is_ok());
    for (items, expected) in [
        (
            vec![item("price_new", 1)],
            UnmappedPrice::NoPlan("price_new".to_owned()),
        ),
        (vec![item("price_sso", 1)], UnmappedPrice::NoTier),
        (Vec::new(), UnmappedPrice::NoTier),
        (
            vec![item("price_team", 1), item("price_ent", 1)],
            UnmappedPrice::TwoTiers("TEAM".to_owned(), "ENT".to_owned()),
        ),
    ] {
        assert_eq!(terms(&items), Err(expected));
    }
    let many = terms(&[item("price_seats", u32::MAX), item("price_team", 1)]);
    assert_eq!(many.unwrap().seats, Some(u32::MAX));
}

fn license(end: &str) -> CurrentLicense {
    CurrentLicense {
        ends_at: Some(at(end)),
        is_revoked: false,
        is_held: false,
        has_terms: true,
        sold: None,
    }
}

fn step(
    entitlement: (State, Reason, Option<&str>),
    license: Option<&CurrentLicense>,
) -> Option<LicenseStep> {
    let (state, reason, until) = entitlement;
    let entitlement = Entitlement {
        state,
        reason,
        until: until.map(at),
    };
    let terms = PlannedTerms {
        tier: "TEAM".to_owned(),
        seats: Some(5),
        features: Vec::new(),
    };
    LicenseStep::next(
        &entitlement,
        Some(&terms),
        license,
        at("2027-02-20T00:00:00Z"),
    )
}

#[test]
fn the_next_step_leads_to_the_entitlement() {
    let paid = (State::Active, Reason::Paid, Some(END_2));
    let until = at(END_2);
    assert_eq!(step(paid, None), Some(LicenseStep::Issue { until }));
    assert_eq!(step(paid, Some(&license(END_2))), None);
    let replace = Some(LicenseStep::Replace { until: Some(until) });
    assert_eq!(step(paid, Some(&license(END_1))), replace);
    let other = CurrentLicense {
        has_terms: false,
        ..license(END_2)
    };
    assert_eq!(step(paid, Some(&other)), replace);
    // A license never becomes shorter.
    let longer = CurrentLicense {
        has_terms: false,
        ..license("2027-05-01T00:00:00Z")
    };
    let until = Some(at("2027-05-01T00:00:00Z"));
    assert_eq!(
        step(paid, Some(&longer)),
        Some(LicenseStep::Replace { until })
    );
    let perpetual = CurrentLicense {
        ends_at: None,
        has_terms: false,
        ..license(END_2)
    };
    let kept = Some(LicenseStep::Replace { until: None });
    assert_eq!(step(paid, Some(&perpetual)), kept);
}

#[test]
fn a_price_without_a_plan_costs_no_license_that_is_paid() {
    let entitlement = Entitlement {
        state: State::Active,
        reason: Reason::Paid,
        until: Some(at(END_2)),
    };
    let next = |license: Option<&CurrentLicense>| {
        LicenseStep::next(&entitlement, None, license, at("2027-02-20T00:00:00Z"))
    };
    let until = Some(at(END_2));
    assert_eq!(
        next(Some(&license("2027-02-21T00:00:00Z"))),
        Some(LicenseStep::Replace { until })
    );
    assert_eq!(next(Some(&license(END_2))), None);
    assert_eq!(next(None), None, "the terms are unknown");
}

#[test]
fn a_license_is_revoked_only_if_it_lasts_too_long() {
    for state in [State::Suspended, State::Ended, State::Revoked] {
        let paid_before = (state, Reason::Refunded, Some(END_1));
        let found = step(paid_before, Some(&license(END_2)));
        assert_eq!(found, Some(LicenseStep::Revoke), "{state}");
        assert_eq!(step(paid_before, Some(&license(END_1))), None);
        // Time that another payment has paid is not taken away.
        let elsewhere = (state, Reason::Refunded, Some("2027-03-01T00:00:00Z"));
        assert_eq!(step(elsewhere, Some(&license(END_2))), None);
        let never = (state, Reason::Refunded, None);
        assert_eq!(
            step(never, Some(&license(END_2))),
            Some(LicenseStep::Revoke)
        );
        // A license that has ended needs no revocation.
        assert_eq!(step(never, Some(&license(END_1))), None);
        assert_eq!(step(never, None), None);
        let revoked = CurrentLicense {
            is_revoked: true,
            is_held: true,
            ..license(END_2)
        };
        assert_eq!(step(never, Some(&revoked)), None);
    }
}

#[test]
fn billing_reinstates_what_it_has_revoked_and_nothing_else() {
    let paid = (State::Active, Reason::Paid, Some(END_2));
    let held = CurrentLicense {
        is_revoked: true,
        is_held: true,
        ..license(END_2)
    };
    assert_eq!(step(paid, Some(&held)), Some(LicenseStep::Reinstate));
    // The subscription has ended, and its paid time has not.
    let ended = (State::Ended, Reason::Canceled, Some(END_2));
    assert_eq!(step(ended, Some(&held)), Some(LicenseStep::Reinstate));
    let until = at(END_2);
    assert_eq!(step(ended, None), Some(LicenseStep::Issue { until }));
    let revoked_by_a_person = CurrentLicense {
        is_held: false,
        ..held
    };
    assert_eq!(step(paid, Some(&revoked_by_a_person)), None);
}

#[test]
fn billing_leaves_a_license_that_a_person_sold() {
    let sold = |end: Option<&str>| CurrentLicense {
        has_terms: false,
        sold: Some(SoldLicense {
            ends_at: end.map(at),
        }),
        ..license(END_1)
    };
    let (long, short) = ("2028-02-17T00:00:00Z", "2027-03-01T00:00:00Z");
    let paid = (State::Active, Reason::Paid, Some(END_2));
    for end in [Some(long), Some(END_2), None] {
        assert_eq!(step(paid, Some(&sold(end))), None, "{end:?}");
    }
    let replace = Some(LicenseStep::Replace {
        until: Some(at(END_2)),
    });
    assert_eq!(step(paid, Some(&sold(Some(short)))), replace);
    // Only the license of the subscription counts for a revocation and its end.
    let never = (State::Revoked, Reason::Refunded, None);
    let own = |is_held| CurrentLicense {
        ends_at: Some(at(END_2)),
        is_revoked: is_held,
        is_held,
        ..sold(Some(long))
    };
    assert_eq!(step(never, Some(&own(false))), Some(LicenseStep::Revoke));
    assert_eq!(step(never, Some(&own(true))), None);
    assert_eq!(step(paid, Some(&own(true))), Some(LicenseStep::Reinstate));
    let canceled = (State::Ended, Reason::Canceled, Some(END_1));
    assert_eq!(step(canceled, Some(&sold(Some(long)))), None);
    // The license of the subscription stays revoked by a person, and the customer keeps paying.
    let revoked = CurrentLicense {
        is_held: false,
        ..own(true)
    };
    assert_eq!(step(paid, Some(&revoked)), None);
}

#[test]
fn an_id_needs_no_escapes() {
    for id in ["sub_1", "evt_1A-2.b", "price_abc"] {
        assert!(is_provider_id(id), "{id}");
    }
    for id in ["", ".", "..", "a/b", "a b", "a?b", "ü", &"a".repeat(256)] {
        assert!(!is_provider_id(id), "{id}");
    }
}

#[test]
fn a_customer_has_a_name_for_the_license() {
    let mut customer = subscription().customer;
    assert_eq!(customer.license_name(), "ann@example.com");
    customer.name = Some("  ".to_owned());
    assert_eq!(customer.license_name(), "ann@example.com");
    customer.name = Some("ACME Ltd".to_owned());
    assert_eq!(customer.license_name(), "ACME Ltd");
    (customer.name, customer.email) = (None, None);
    assert_eq!(customer.license_name(), "cus_1");
}
