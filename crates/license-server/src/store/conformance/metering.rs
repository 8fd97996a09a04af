//! Metering.

mod sendings;

use chrono::{DateTime, NaiveDate, Utc};
use license_core::time;

use super::sample::{audit, former_states, id, license, tenant};
use crate::clock::{ServerClock, SystemServerClock};
use crate::domain::{
    ActivationRecord, ActivationState, FactKind, FactReceipt, HistoryHour, LedgerCopy,
    LedgerPosition, MeteredCustomer, NewSending, PageRequest, PeriodAnchor, PoolId,
    SeatHistoryBatch, SeatScope, SeatSums, TenantId, UsageFact, UsageNotice, UsagePeriod,
    UsageSettlement, UsageTotal,
};
use crate::store::ServerStore;

pub(super) async fn check(store: &dyn ServerStore) {
    a_fact_counts_once_and_sums_are_by_day(store).await;
    activations_and_the_ledger_count_once(store).await;
    metering_starts_once(store).await;
    seats_count_with_the_most_of_each_hour(store).await;
    one_of_two_settlements_is_stored(store).await;
    closed_amounts_only_grow(store).await;
    sendings::check(store).await;
    usage_that_is_no_longer_needed_is_deleted(store).await;
}

/// Returns the time of the computer. The clock of the store may show another one.
fn now() -> DateTime<Utc> {
    SystemServerClock.wall()
}

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn at(text: &str) -> DateTime<Utc> {
    time::parse_instant(text).unwrap()
}

fn pool(number: u8) -> PoolId {
    PoolId::new(&id(number))
}

fn period() -> UsagePeriod {
    UsagePeriod {
        start: day("2027-01-15"),
        end: day("2027-02-15"),
    }
}

fn fact(license: u8, source: &str, on: &str, quantity: i64) -> UsageFact {
    UsageFact {
        license: id(license),
        kind: FactKind::Quota,
        source: source.to_owned(),
        name: "commands_per_day".to_owned(),
        day: day(on),
        quantity,
        digest: quantity.to_string(),
        is_counted: true,
    }
}

async fn install(store: &dyn ServerStore, tenant: &TenantId) {
    let licenses = vec![license(1, 1, &[]), license(2, 1, &[1]), license(3, 3, &[])];
    let installed = store.install_licenses(tenant, licenses, audit("license.install"));
    assert_eq!(installed.await.unwrap(), 3);
}

/// Returns the sums of a customer: the day, the kind, the sum, the largest and the uncounted
/// amount.
async fn sums(
    store: &dyn ServerStore,
    tenant: &TenantId,
    customer: u8,
) -> Vec<(String, &'static str, i64, i64, i64)> {
    let from = day("2027-01-01");
    let days = store.usage_days(tenant, &pool(customer), from).await;
    let days = days.unwrap().into_iter();
    let days = days.map(|found| {
        let kind = found.kind.as_str();
        let day = found.day.to_string();
        (day, kind, found.sum, found.max, found.set_aside)
    });
    days.collect()
}

fn receipt(new: u64, known: u64, conflicting: u64, unknown: u64) -> FactReceipt {
    FactReceipt {
        new,
        known,
        conflicting,
        unknown,
    }
}

async fn customer(store: &dyn ServerStore, tenant: &TenantId, number: u8) -> MeteredCustomer {
    let found = store.metered_customer(tenant, &pool(number)).await;
    found.unwrap().unwrap()
}

async fn a_fact_counts_once_and_sums_are_by_day(store: &dyn ServerStore) {
    let (own, other) = (tenant(), tenant());
    install(store, &own).await;
    let record = |facts| store.record_facts(&own, facts);
    let first = vec![
        fact(1, "a/1", "2027-01-15", 3),
        fact(1, "a/2", "2027-01-16", 4),
        fact(9, "a/3", "2027-01-16", 5),
    ];
    let found = record(first.clone()).await.unwrap();
    assert_eq!(found, receipt(2, 0, 0, 1));
    assert_eq!(record(first).await.unwrap(), receipt(0, 2, 0, 1));
    // Another amount with the same identity is a contradiction, and the first one stays. The same
    // entry of another license is another fact. The renewal belongs to the same customer.
    let next = vec![
        fact(1, "a/1", "2027-01-15", 9),
        fact(2, "a/1", "2027-01-15", 10),
        fact(3, "a/1", "2027-01-15", 7),
        UsageFact {
            is_counted: false,
            ..fact(2, "a/4", "2027-01-15", 100)
        },
    ];
    assert_eq!(record(next).await.unwrap(), receipt(3, 0, 1, 0));
    let expected = [
        ("2027-01-15".to_owned(), "quota", 13, 10, 100),
        ("2027-01-16".to_owned(), "quota", 4, 4, 0),
    ];
    assert_eq!(sums(store, &own, 1).await, expected);
    assert_eq!(sums(store, &own, 3).await.len(), 1);
    assert!(sums(store, &other, 1).await.is_empty());
    assert_eq!(record(Vec::new()).await.unwrap(), FactReceipt::default());

    let found = customer(store, &own, 1).await;
    assert_eq!((found.anchor, found.closed_until), (None, None));
    assert!(!found.is_anchor_fixed);
    assert_eq!(found.first_day, day("2027-01-15"));
    assert!(found.changes > found.settled);
    let page = |after| PageRequest::new(after, Some(1));
    let one = store.metered_customers(&own, &page(None)).await.unwrap();
    let two = store.metered_customers(&own, &page(one.next)).await;
    let names = [
        one.items[0].customer.clone(),
        two.unwrap().items[0].customer.clone(),
    ];
    assert_eq!(names, [pool(1), pool(3)]);
    let none = store.metered_customers(&other, &page(None)).await.unwrap();
    assert!(none.items.is_empty());

    let adjust = |number| {
        let adjustment = UsageFact {
            kind: FactKind::Adjustment,
            name: "commands".to_owned(),
            ..fact(number, "adj_1", "2027-01-15", -2)
        };
        store.adjust_usage(&own, adjustment, audit("usage.adjust"))
    };
    for _ in 0..2 {
        assert!(adjust(2).await.unwrap(), "a repetition changes nothing");
    }
    assert!(!adjust(9).await.unwrap(), "the license is not installed");
    assert_eq!(sums(store, &own, 1).await[0].1, "adjustment");
    // The installation, and one adjustment.
    assert_eq!(store.verify_audit(&own).await.unwrap().entries, 2);
}

async fn activations_and_the_ledger_count_once(store: &dyn ServerStore) {
    let own = tenant();
    install(store, &own).await;
    for nonce in ["a", "b"] {
        let request = ActivationRecord {
            nonce: nonce.to_owned(),
            license: id(2),
            machine: format!("machine {nonce}"),
            request: "request".to_owned(),
            requested_at: time::MIN,
            answer: None,
            answered_at: None,
            receipt: None,
            state: ActivationState::Waiting,
        };
        store.store_activation(&own, request, 9).await.unwrap();
    }
    let answer = |nonce: &'static str| {
        let audit = audit("activation.import");
        store.answer_activation(&own, nonce, "answer".to_owned(), audit)
    };
    let count = async || {
        store.record_usage(&own, now()).await.unwrap();
        let days = store.usage_days(&own, &pool(1), NaiveDate::MIN).await;
        let days = days.unwrap();
        let kinds = days.iter().filter(|day| day.kind == FactKind::Activation);
        kinds.map(|day| day.sum).sum::<i64>()
    };
    assert_eq!(count().await, 0);
    answer("a").await.unwrap();
    assert_eq!(count().await, 1);
    assert_eq!(count().await, 1);
    answer("a").await.unwrap();
    answer("b").await.unwrap();
    assert_eq!(count().await, 2);
    // The ledger has the same activation, an entry of a report, and the license of the entry.
    let activation = UsageFact {
        kind: FactKind::Activation,
        name: String::new(),
        digest: String::new(),
        ..fact(2, "b", "2027-01-15", 1)
    };
    let copy = LedgerCopy {
        licenses: vec![(license(4, 1, &[2]), None)],
        trials: Vec::new(),
        audits: Vec::new(),
        facts: vec![activation, fact(4, "a/1", "2027-01-15", 6)],
        position: LedgerPosition {
            seq: 1,
            hash: vec![7; 32],
        },
    };
    store.copy_ledger(&own, copy).await.unwrap();
    assert_eq!(count().await, 2);
    let mut found = sums(store, &own, 1).await;
    found.retain(|(_, kind, ..)| *kind == "quota");
    assert_eq!(found, [("2027-01-15".to_owned(), "quota", 6, 6, 0)]);
}

async fn seats_count_with_the_most_of_each_hour(store: &dyn ServerStore) {
    let (own, other) = (tenant(), tenant());
    let now = now();
    let this_hour = HistoryHour::of(now);
    let add = async |tenant: &TenantId, scope, hours: i64, held_high| {
        let sums = SeatSums {
            held_high,
            ..SeatSums::default()
        };
        let hour = HistoryHour(this_hour.0 + hours);
        let batch = SeatHistoryBatch {
            hours: [((scope, hour), sums)].into(),
            ..SeatHistoryBatch::default()
        };
        store.add_seat_history(tenant, batch).await.unwrap();
    };
    let record = async |tenant: &TenantId| store.record_usage(tenant, now).await.unwrap();
    let of_pool = || SeatScope::Pool(pool(1));
    // Hours before the start of metering do not count.
    add(&own, of_pool(), -30, 7).await;
    record(&own).await;
    let seats = async |tenant: &TenantId| {
        let days = store.usage_days(tenant, &pool(1), NaiveDate::MIN).await;
        let days = days.unwrap().into_iter();
        let days: Vec<_> = days.map(|day| (day.kind, day.sum, day.max)).collect();
        let sum = days.iter().map(|(_, sum, _)| sum).sum::<i64>();
        assert!(days.iter().all(|(kind, ..)| *kind == FactKind::Seats));
        (sum, days.iter().map(|(_, _, max)| *max).max())
    };
    assert_eq!(seats(&own).await, (0, None));
    add(&own, of_pool(), 0, 2).await;
    add(&own, SeatScope::All, 0, 9).await;
    add(&other, of_pool(), 0, 5).await;
    record(&own).await;
    assert_eq!(seats(&own).await, (2, Some(2)));
    // The hour continues, and a smaller number changes nothing.
    add(&own, of_pool(), 0, 3).await;
    record(&own).await;
    add(&own, of_pool(), 0, 1).await;
    add(&own, of_pool(), 1, 4).await;
    record(&own).await;
    record(&own).await;
    assert_eq!(seats(&own).await, (7, Some(4)));
    assert_eq!(seats(&other).await, (0, None));
}

async fn metering_starts_once(store: &dyn ServerStore) {
    let (own, other) = (tenant(), tenant());
    let start = async |tenant: &TenantId, now: &str| {
        let day = store.usage_start(tenant, at(now)).await.unwrap();
        day.to_string()
    };
    assert_eq!(start(&own, "2027-01-15T09:00:00Z").await, "2027-01-15");
    assert_eq!(start(&own, "2027-03-15T09:00:00Z").await, "2027-01-15");
    assert_eq!(start(&other, "2027-03-15T09:00:00Z").await, "2027-03-15");
}

fn total(number: u64, quantity: i64) -> UsageTotal {
    UsageTotal {
        seq: 0,
        customer: pool(1),
        period: period(),
        meter: "commands".to_owned(),
        number,
        quantity,
        included: Some(5),
        overage: quantity - 5,
        booked: period(),
        recorded_at: at("2027-02-15T01:00:00Z"),
    }
}

fn sending(number: u64, quantity: u64) -> NewSending {
    NewSending {
        meter: "commands".to_owned(),
        event: "coditect_commands".to_owned(),
        period: period(),
        number,
        quantity,
        at: at("2027-01-20"),
    }
}

fn settlement(before: MeteredCustomer) -> UsageSettlement {
    let notice = UsageNotice {
        period: period(),
        meter: "commands".to_owned(),
        percent: 80,
    };
    UsageSettlement {
        before,
        anchor: PeriodAnchor::new(day("2027-01-15")),
        closed_until: Some(day("2027-02-15")),
        due_at: at("2027-03-15"),
        totals: vec![total(0, 13)],
        sendings: vec![sending(0, 8)],
        notices: vec![(notice, audit("usage.threshold"))],
    }
}

async fn one_of_two_settlements_is_stored(store: &dyn ServerStore) {
    let (own, other) = (tenant(), tenant());
    install(store, &own).await;
    let facts = vec![fact(1, "a/1", "2027-01-15", 13)];
    store.record_facts(&own, facts).await.unwrap();
    let due = async |now: &str| {
        let found = store.due_customers(&own, at(now), 9).await.unwrap();
        found.len()
    };
    assert_eq!(due("2027-01-16").await, 1);
    let before = customer(store, &own, 1).await;
    let settle = |settlement| store.settle_usage(&own, settlement);
    let facts = vec![fact(1, "a/2", "2027-01-17", 1)];
    store.record_facts(&own, facts).await.unwrap();
    assert!(settle(settlement(before.clone())).await.unwrap());
    assert!(!settle(settlement(before.clone())).await.unwrap());
    let foreign = store.settle_usage(&other, settlement(before)).await;
    assert!(!foreign.unwrap());
    let after = customer(store, &own, 1).await;
    assert_eq!(after.anchor, Some(PeriodAnchor::new(day("2027-01-15"))));
    assert_eq!(after.closed_until, Some(day("2027-02-15")));
    // The fact that came in between makes the customer due again.
    assert_eq!(due("2027-01-18").await, 1);
    let again = UsageSettlement {
        totals: vec![total(1, 1)],
        ..settlement(after)
    };
    assert!(settle(again).await.unwrap());
    assert_eq!(due("2027-03-14").await, 0);
    assert_eq!(due("2027-03-15").await, 1);
    let totals = store.usage_totals(&own, &pool(1), day("2027-01-15")).await;
    let totals = totals.unwrap();
    let rows: Vec<_> = totals
        .iter()
        .map(|row| (row.seq, row.number, row.quantity, row.included, row.overage))
        .collect();
    assert_eq!(rows, [(1, 0, 13, Some(5), 8), (2, 1, 1, Some(5), -4)]);
    assert_eq!((totals[0].period, totals[0].booked), (period(), period()));
    let later = store.usage_totals(&own, &pool(1), day("2027-01-16")).await;
    assert!(later.unwrap().is_empty());
    // The installation, and one threshold. The sending was queued once.
    assert_eq!(store.verify_audit(&own).await.unwrap().entries, 2);
    assert_eq!(store.sendings_of(&own, &pool(1)).await.unwrap().len(), 1);
}

async fn closed_amounts_only_grow(store: &dyn ServerStore) {
    let own = tenant();
    install(store, &own).await;
    let facts = vec![fact(1, "a/1", "2027-01-15", 13)];
    store.record_facts(&own, facts).await.unwrap();
    let before = customer(store, &own, 1).await;
    let anchor = async |number: u8| {
        let (pool, day) = (pool(number), day("2027-01-10"));
        let audit = audit("usage.anchor");
        let changed = store.set_usage_anchor(&own, &pool, day, audit).await;
        changed.unwrap()
    };
    assert!(anchor(1).await);
    // The settlement was computed with the former anchor.
    let stored = store.settle_usage(&own, settlement(before)).await;
    assert!(!stored.unwrap());
    let before = customer(store, &own, 1).await;
    assert_eq!(before.anchor, Some(PeriodAnchor::new(day("2027-01-10"))));
    assert!(before.is_anchor_fixed);
    let former = former_states(store, &own, "usage.anchor").await;
    assert_eq!(former[0]["anchor"], serde_json::Value::Null);
    let mut rows = settlement(before);
    rows.totals.push(UsageTotal {
        meter: "seats".to_owned(),
        included: None,
        ..total(0, 3)
    });
    assert!(store.settle_usage(&own, rows).await.unwrap());
    assert!(!anchor(3).await);
    // A reader of the export continues where it stopped.
    let page = |after| PageRequest::new(after, Some(1));
    let one = store.recorded_totals(&own, &page(None)).await.unwrap();
    let two = store.recorded_totals(&own, &page(one.next)).await.unwrap();
    assert_eq!(
        (&one.items[0].meter[..], &two.items[0].meter[..]),
        ("commands", "seats")
    );
    assert_eq!(two.items[0].included, None);
    let end = store.recorded_totals(&own, &page(two.next)).await.unwrap();
    assert!(end.items.is_empty());
    assert_eq!(end.next.unwrap().as_str(), "2");
}

async fn usage_that_is_no_longer_needed_is_deleted(store: &dyn ServerStore) {
    let own = tenant();
    install(store, &own).await;
    let facts = vec![
        fact(1, "a/1", "2027-01-15", 13),
        fact(1, "a/2", "2027-01-16", 1),
    ];
    store.record_facts(&own, facts).await.unwrap();
    let forget = |before| store.forget_usage(&own, day(before));
    assert_eq!(forget("2027-01-15").await.unwrap(), 0);
    assert_eq!(forget("2027-01-16").await.unwrap(), 1);
    assert_eq!(sums(store, &own, 1).await.len(), 1);
}
