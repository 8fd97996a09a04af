//! Retention of telemetry.

use std::sync::atomic::Ordering;

use chrono::TimeDelta;
use license_core::requests::ActivationSecret;
use license_core::telemetry::{TelemetryBatch, TelemetryEvent, TelemetryId};

use super::{TestServer, at, matrix};
use crate::domain::{Actor, PageRequest, TenantId};
use crate::services::TelemetryReceipt;
use crate::services::telemetry::MAX_BYTES;
use crate::store::TelemetryStore;

pub(crate) fn event(number: u8, day: &str) -> TelemetryEvent {
    TelemetryEvent {
        id: TelemetryId([number; 16]),
        day: day.parse().unwrap(),
        client: "0.1.0".parse().unwrap(),
        product: matrix().product(),
        version: None,
        tier: matrix().base_tier().name(),
        os: "linux".to_owned(),
        arch: "x86_64".to_owned(),
        dropped: 0,
        quotas: Default::default(),
        refused_features: Default::default(),
        denials: Default::default(),
    }
}

pub(crate) fn batch(number: u8, events: Vec<TelemetryEvent>) -> TelemetryBatch {
    TelemetryBatch {
        installation: TelemetryId([number; 16]),
        commitment: ActivationSecret::from_random([number; 32]).commitment(),
        events,
    }
}

async fn days(server: &TestServer) -> Vec<String> {
    let telemetry = &server.services.telemetry;
    let from = Some("1970-01-01".parse().unwrap());
    let first = PageRequest::first();
    let found = telemetry.list(from, None, &first).await.unwrap();
    let items = found.items.into_iter();
    items.map(|row| row.day).collect()
}

#[tokio::test]
async fn days_outside_the_retention_are_ignored_and_forgotten() {
    // The server starts on 2027-01-15, and keeps 400 days.
    let server = TestServer::start().await;
    let today = at("2027-01-15").date_naive();
    let oldest = (today - TimeDelta::days(400)).to_string();
    let too_old = (today - TimeDelta::days(401)).to_string();
    let tomorrow = (today + TimeDelta::days(1)).to_string();
    let later = (today + TimeDelta::days(2)).to_string();
    let events = [&too_old, &oldest, &tomorrow, &later];
    let events = (1..).zip(events).map(|(number, day)| event(number, day));
    let batch = batch(1, events.collect());
    let receipt = server.services.telemetry.submit(batch).await.unwrap();
    let expected = TelemetryReceipt {
        stored: 2,
        known: 0,
        ignored: 2,
    };
    assert_eq!(receipt, expected);
    // The default list ends today.
    assert_eq!(days(&server).await, [oldest]);
    let telemetry = &server.services.telemetry;
    telemetry.clean_up().await.unwrap();
    assert_eq!(days(&server).await.len(), 1);
    server.clock.advance_to(at("2027-01-16T09:00:00Z"));
    telemetry.clean_up().await.unwrap();
    assert_eq!(days(&server).await, [tomorrow]);
}

#[tokio::test]
async fn a_batch_without_a_new_event_takes_no_space() {
    let server = TestServer::start().await;
    let telemetry = &server.services.telemetry;
    let send = |number, day| telemetry.submit(batch(number, vec![event(1, day)]));
    send(1, "2027-01-15").await.unwrap();
    let tenant = TenantId::site();
    let size = || server.store.telemetry_size(&tenant);
    let taken = || telemetry.bytes.load(Ordering::Relaxed);
    let before = (size().await.unwrap(), taken());
    let ignored = send(2, "1970-01-01").await.unwrap();
    assert_eq!((ignored.stored, ignored.ignored), (0, 1));
    let known = send(3, "2027-01-15").await.unwrap();
    assert_eq!((known.stored, known.known), (0, 1));
    assert_eq!((size().await.unwrap(), taken()), before);
    // The clean-up measures what the requests have added.
    telemetry.clean_up().await.unwrap();
    assert_eq!(taken(), before.1);
    // A deletion that arrives before the first batch is remembered.
    let secret = ActivationSecret::from_random([4; 32]);
    telemetry
        .delete(TelemetryId([4; 16]), &secret)
        .await
        .unwrap();
    let late = batch(4, vec![event(4, "2027-01-15")]);
    let refusal = telemetry.submit(late).await.unwrap_err();
    assert_eq!(refusal.code, "TELEMETRY_DELETED");
}

#[tokio::test]
async fn a_full_server_keeps_no_more_telemetry_and_still_deletes() {
    let server = TestServer::start().await;
    let telemetry = &server.services.telemetry;
    telemetry.bytes.store(MAX_BYTES, Ordering::Relaxed);
    let more = batch(1, vec![event(1, "2027-01-15")]);
    let refusal = telemetry.submit(more).await.unwrap_err();
    assert_eq!(refusal.code, "LIMIT_REACHED");
    let secret = ActivationSecret::from_random([1; 32]);
    telemetry
        .delete(TelemetryId([1; 16]), &secret)
        .await
        .unwrap();
}

#[tokio::test]
async fn an_administrator_deletes_all_telemetry() {
    let server = TestServer::start().await;
    let telemetry = &server.services.telemetry;
    telemetry.clean_up().await.unwrap();
    let empty = telemetry.bytes.load(Ordering::Relaxed);
    let sent = batch(1, vec![event(1, "2027-01-14"), event(2, "2027-01-15")]);
    telemetry.submit(sent).await.unwrap();
    let deleted = telemetry.delete_all(&Actor::Console).await.unwrap();
    assert_eq!((deleted.events, deleted.installations), (2, 1));
    assert_eq!(telemetry.size().await.unwrap().events, 0);
    assert_eq!(telemetry.bytes.load(Ordering::Relaxed), empty);
    let again = telemetry.delete_all(&Actor::Console).await.unwrap();
    assert_eq!(again.events, 0);
    let later = batch(1, vec![event(3, "2027-01-15")]);
    assert_eq!(telemetry.submit(later).await.unwrap().stored, 1);
}
