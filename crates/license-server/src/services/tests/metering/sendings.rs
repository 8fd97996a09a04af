//! Amounts that the billing provider gets.

use chrono::TimeDelta;
use serde_json::json;

use super::super::{at, id};
use super::{METER_EVENTS, Metered, entries, report};
use crate::billing::{BillingProvider, MeteredUsage};
use crate::clock::ServerClock;
use crate::domain::{Actor, NewAuditEntry, PageRequest, SendingState};
use crate::store::{MeteringStore, SendingClaim};

#[tokio::test]
async fn the_overage_reaches_the_provider_once_if_the_process_ends_before_it_is_recorded() {
    let server = Metered::start().await;
    server.subscribe().await;
    server
        .submit(&report(&entries(1, &[("2027-01-15", 1, 17)]), true))
        .await;
    server.settle("2027-01-15T10:00:00Z").await;
    // The process takes the amount, the provider gets it, and the process ends.
    let now = server.clock.wall();
    let claim = SendingClaim {
        now,
        next_at: now + TimeDelta::minutes(5),
        oldest: now,
        limit: 9,
    };
    let tenant = server.services.tenant().clone();
    let audit = NewAuditEntry::new(Actor::Server, "usage.uncertain", "", json!({}), now);
    let claimed = server.store.claim_sendings(&tenant, claim, audit).await;
    let sending = claimed.unwrap().remove(0);
    let usage = MeteredUsage {
        meter: sending.event,
        customer: "cus_1".to_owned(),
        amount: sending.quantity,
        at: sending.at,
        identifier: sending.id,
    };
    let provider = server.double.stripe();
    let sent = tokio::task::spawn_blocking(move || provider.report_usage(&usage));
    sent.await.unwrap().unwrap();
    let server = server.restart().await;
    assert_eq!(server.services.outbox.send().await.unwrap(), 0);
    server.clock.advance_to(at("2027-01-15T10:05:00Z"));
    assert_eq!(server.services.outbox.send().await.unwrap(), 1);
    assert_eq!(server.double.requests().len(), 2);
    let counted = server.counted();
    assert_eq!(counted.values().copied().collect::<Vec<_>>(), [7]);
    assert_eq!(server.services.outbox.send().await.unwrap(), 0);
    assert_eq!(
        server.amounts("commands", "2027-01-15").await,
        (17, 0, 7, 7)
    );
    // The start of the first period cannot move any more, and that of a later one never does.
    let anchor = async |day: &str| {
        let metering = &server.services.metering;
        let day = day.parse().unwrap();
        metering
            .set_anchor(&Actor::Console, id(1).as_str(), day)
            .await
    };
    assert_eq!(
        anchor("2027-01-12").await.unwrap_err().code,
        "ALREADY_DECIDED"
    );
    // More usage is another amount, once a day.
    server
        .submit(&report(&entries(2, &[("2027-01-15", 1, 2)]), true))
        .await;
    server.settle("2027-01-15T11:00:00Z").await;
    assert_eq!(server.services.outbox.send().await.unwrap(), 0);
    server.settle("2027-01-16T11:00:00Z").await;
    assert_eq!(server.services.outbox.send().await.unwrap(), 1);
    assert_eq!(server.counted().values().sum::<u64>(), 9);
    // After the first period, a new day of the month bills nothing again.
    server.settle("2027-02-20").await;
    anchor("2027-02-10").await.unwrap();
    server.settle("2027-02-20T00:01:00Z").await;
    assert_eq!(server.services.outbox.send().await.unwrap(), 0);
    assert_eq!(server.counted().values().sum::<u64>(), 9);
}

#[tokio::test]
async fn an_amount_without_an_answer_waits_and_is_shown_to_a_person_after_a_day() {
    let server = Metered::start().await;
    server.subscribe().await;
    server
        .submit(&report(&entries(1, &[("2027-01-15", 1, 17)]), true))
        .await;
    server.settle("2027-01-15T10:00:00Z").await;
    let outbox = &server.services.outbox;
    // A refusal is an answer: the provider does not have the amount, however long it takes.
    let error = json!({ "error": { "type": "invalid_request_error" } });
    server.double.fail(METER_EVENTS, 400, error);
    for now in [
        "2027-01-15T10:00:00Z",
        "2027-01-17T10:00:00Z",
        "2027-01-19T10:00:00Z",
    ] {
        server.clock.advance_to(at(now));
        assert_eq!(outbox.send().await.unwrap(), 0);
        assert_eq!(server.states().await, [SendingState::Waiting], "{now}");
    }
    // An answer that does not come leaves open whether the provider has the amount.
    server.double.set_down(true);
    server.clock.advance_to(at("2027-01-19T12:00:00Z"));
    assert_eq!(outbox.send().await.unwrap(), 0);
    server.clock.advance_to(at("2027-01-20T11:00:00Z"));
    assert_eq!(outbox.send().await.unwrap(), 0);
    assert_eq!(server.states().await, [SendingState::Waiting]);
    server.clock.advance_to(at("2027-01-20T12:00:01Z"));
    let requests = server.double.requests().len();
    assert_eq!(outbox.send().await.unwrap(), 0);
    assert_eq!(server.states().await, [SendingState::Uncertain]);
    assert_eq!(
        server.double.requests().len(),
        requests,
        "it is not sent again"
    );
    let list = outbox.list(None, &PageRequest::first()).await.unwrap();
    let id = &list.items[0].id;
    let decide = |state| outbox.decide(&Actor::Console, id, state, "looked it up");
    decide(SendingState::Waiting).await.unwrap();
    let again = decide(SendingState::Sent).await.unwrap_err();
    assert_eq!(again.code, "ALREADY_DECIDED");
    let unknown = outbox.decide(&Actor::Console, "mtr_0", SendingState::Sent, "x");
    assert_eq!(unknown.await.unwrap_err().code, "NOT_FOUND");
    server.double.set_down(false);
    server.double.answer(METER_EVENTS, json!({}));
    server.clock.advance_to(at("2027-01-20T13:00:01Z"));
    assert_eq!(outbox.send().await.unwrap(), 1);
    assert_eq!(server.states().await, [SendingState::Sent]);
}

#[tokio::test]
async fn an_error_is_not_repeated_to_later_attempts() {
    let server = Metered::start().await;
    server.subscribe().await;
    server
        .submit(&report(&entries(1, &[("2027-01-15", 1, 17)]), true))
        .await;
    server.settle("2027-01-15T10:00:00Z").await;
    let outbox = &server.services.outbox;
    for (now, status) in [("10:00:00", 400), ("10:05:00", 500), ("10:10:00", 400)] {
        let error = json!({ "error": { "type": "api_error" } });
        server.double.fail(METER_EVENTS, status, error);
        server.clock.advance_to(at(&format!("2027-01-15T{now}Z")));
        assert_eq!(outbox.send().await.unwrap(), 0);
        assert_eq!(server.states().await, [SendingState::Waiting], "{now}");
    }
    let answer = json!({ "object": "billing.meter_event" });
    server.double.answer(METER_EVENTS, answer);
    server.clock.advance_to(at("2027-01-15T10:15:00Z"));
    assert_eq!(outbox.send().await.unwrap(), 1);
    assert_eq!(server.states().await, [SendingState::Sent]);
}
