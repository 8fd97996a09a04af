//! Retention of telemetry.

use chrono::TimeDelta;
use license_core::requests::ActivationSecret;
use license_core::telemetry::{TelemetryBatch, TelemetryEvent, TelemetryId};

use super::{TestServer, at, matrix};
use crate::domain::PageRequest;
use crate::services::TelemetryReceipt;

fn event(number: u8, day: &str) -> TelemetryEvent {
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
    let batch = TelemetryBatch {
        installation: TelemetryId([1; 16]),
        commitment: ActivationSecret::from_random([7; 32]).commitment(),
        events: events.collect(),
    };
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
