//! Telemetry.

use license_core::FeatureMatrix;
use license_core::requests::ActivationSecret;
use license_core::telemetry::{
    QuotaTelemetry, TelemetryBatch, TelemetryDay, TelemetryEvent, TelemetryId,
};

use super::sample::{audit, tenant};
use crate::domain::{
    AuditFilter, PageRequest, TelemetryDeletion, TelemetryDimension, TelemetryOutcome,
    TelemetryRange, TelemetryRecord, TenantId,
};
use crate::store::{ServerStore, ServerStoreError};

pub(super) async fn check(store: &dyn ServerStore) {
    an_event_counts_once_and_sums_have_their_groups(store).await;
    only_the_secret_deletes_and_a_late_batch_stores_nothing(store).await;
    old_days_are_forgotten(store).await;
    a_summary_shows_no_value_of_few_installations(store).await;
    all_telemetry_of_a_tenant_is_deleted_in_parts(store).await;
}

fn day(text: &str) -> TelemetryDay {
    text.parse().unwrap()
}

fn event(number: u8, on: &str) -> TelemetryEvent {
    let matrix = FeatureMatrix::built_in();
    let counts = QuotaTelemetry {
        used: 3,
        refused: 1,
    };
    TelemetryEvent {
        id: TelemetryId([number; 16]),
        day: day(on),
        client: "0.1.0".parse().unwrap(),
        product: matrix.product(),
        version: None,
        tier: matrix.base_tier().name(),
        os: "linux".to_owned(),
        arch: "x86_64".to_owned(),
        dropped: u64::from(number == 2),
        quotas: [("exports".to_owned(), counts)].into(),
        refused_features: [("sso".to_owned(), 2)].into(),
        denials: [("EXPIRED".to_owned(), 4)].into(),
    }
}

fn secret(number: u8) -> ActivationSecret {
    ActivationSecret::from_random([number; 32])
}

fn record(installation: u8, events: Vec<TelemetryEvent>) -> TelemetryRecord {
    TelemetryRecord {
        batch: TelemetryBatch {
            installation: TelemetryId([installation; 16]),
            commitment: secret(installation).commitment(),
            events,
        },
        received_on: day("2027-03-01"),
    }
}

fn all() -> TelemetryRange {
    TelemetryRange {
        from: day("1970-01-01"),
        through: day("9999-12-31"),
        least: 1,
    }
}

fn stored(stored: u64, known: u64) -> TelemetryOutcome {
    TelemetryOutcome::Stored { stored, known }
}

async fn stored_events(store: &dyn ServerStore, tenant: &TenantId) -> u64 {
    store.telemetry_size(tenant).await.unwrap().events
}

async fn an_event_counts_once_and_sums_have_their_groups(store: &dyn ServerStore) {
    let (own, other) = (tenant(), tenant());
    let send = |record| store.store_telemetry(&own, record);
    let one = record(1, vec![event(1, "2027-03-01")]);
    assert_eq!(send(one.clone()).await.unwrap(), stored(1, 0));
    assert_eq!(send(one).await.unwrap(), stored(0, 1));
    let two = vec![event(2, "2027-03-01"), event(3, "2027-03-02")];
    assert_eq!(send(record(2, two)).await.unwrap(), stored(2, 0));
    let size = store.telemetry_size(&own).await.unwrap();
    assert_eq!((size.events, size.installations), (3, 2));
    let lengths = [
        event(1, "2027-03-01"),
        event(2, "2027-03-01"),
        event(3, "2027-03-02"),
    ]
    .map(|event| u64::try_from(event.to_json().len()).unwrap());
    assert_eq!(size.event_bytes, lengths.iter().sum::<u64>());
    // A known event adds no row, also if another installation sends it.
    let known = record(3, vec![event(1, "2027-03-01")]);
    assert_eq!(send(known).await.unwrap(), stored(0, 1));
    assert_eq!(store.telemetry_size(&own).await.unwrap(), size);
    assert_eq!(stored_events(store, &other).await, 0);

    let limit = |limit| PageRequest::new(None, Some(limit));
    let page = store.telemetry(&own, all(), &limit(100)).await.unwrap();
    let rows = page.items.iter().map(|row| {
        let counts = (row.installations, row.used, row.refused);
        (
            row.day.as_str(),
            row.kind.as_str(),
            row.name.as_str(),
            counts,
        )
    });
    let expected = [
        ("2027-03-01", "denial", "EXPIRED", (2, 8, 0)),
        ("2027-03-01", "dropped", "", (1, 1, 0)),
        ("2027-03-01", "event", "", (2, 2, 0)),
        ("2027-03-01", "quota", "exports", (2, 6, 2)),
        ("2027-03-01", "refused_feature", "sso", (2, 0, 4)),
        ("2027-03-02", "denial", "EXPIRED", (1, 4, 0)),
        ("2027-03-02", "event", "", (1, 1, 0)),
        ("2027-03-02", "quota", "exports", (1, 3, 1)),
        ("2027-03-02", "refused_feature", "sso", (1, 0, 2)),
    ];
    assert_eq!(rows.collect::<Vec<_>>(), expected);
    assert_eq!((&page.items[0].version, page.next), (&None, None));

    let first = store.telemetry(&own, all(), &limit(4)).await.unwrap();
    let rest = PageRequest::new(first.next.clone(), Some(100));
    let rest = store.telemetry(&own, all(), &rest).await.unwrap();
    let joined: Vec<_> = first.items.into_iter().chain(rest.items).collect();
    assert_eq!(joined, page.items);
    let wrong = PageRequest::new(crate::domain::Cursor::parse("x"), None);
    let refused = store.telemetry(&own, all(), &wrong).await;
    assert!(matches!(refused, Err(ServerStoreError::Cursor { .. })));

    let range = TelemetryRange {
        from: day("2027-03-02"),
        through: day("2027-03-02"),
        least: 1,
    };
    let page = store.telemetry(&own, range, &limit(100)).await.unwrap();
    assert_eq!(page.items.len(), 4);
    let page = store.telemetry(&other, all(), &limit(100)).await.unwrap();
    assert!(page.items.is_empty());
    // The second day has one installation only.
    let range = TelemetryRange { least: 2, ..all() };
    let page = store.telemetry(&own, range, &limit(100)).await.unwrap();
    let days: Vec<_> = page.items.iter().map(|row| row.day.as_str()).collect();
    assert_eq!(days, ["2027-03-01"; 4]);
}

/// Sends one event of an installation on a day with a version and an operating system.
async fn send(store: &dyn ServerStore, tenant: &TenantId, number: u8, version: &str, os: &str) {
    let event = TelemetryEvent {
        version: Some(version.parse().unwrap()),
        os: os.to_owned(),
        ..event(number, "2027-03-01")
    };
    let stored = store.store_telemetry(tenant, record(number, vec![event]));
    stored.await.unwrap();
}

async fn a_summary_shows_no_value_of_few_installations(store: &dyn ServerStore) {
    let (own, other) = (tenant(), tenant());
    for (number, version, os) in [
        (11, "2.0.0", "linux"),
        (12, "2.0.0", "linux"),
        (13, "2.0.0", "macos"),
        (14, "1.9.0", "linux"),
        (15, "1.8.0", "linux"),
        (16, "1.7.0", "linux"),
    ] {
        send(store, &own, number, version, os).await;
    }
    let product = FeatureMatrix::built_in().product();
    let shares = async |tenant, dimension, least, limit, cursor| {
        let range = TelemetryRange { least, ..all() };
        let page = PageRequest::new(cursor, Some(limit));
        let found = store.telemetry_summary(tenant, product, range, dimension, &page);
        let found = found.await.unwrap();
        let items = found.items.into_iter();
        let items: Vec<_> = items
            .map(|share| (share.value, share.installations, share.used, share.refused))
            .collect();
        (items, found.next)
    };
    let row = |value: &str, installations, used, refused| {
        (value.to_owned(), installations, used, refused)
    };
    let (version, os) = (TelemetryDimension::Version, TelemetryDimension::Os);
    let (found, _) = shares(&own, version, 3, 100, None).await;
    assert_eq!(found, [row("(others)", 3, 3, 0), row("2.0.0", 3, 3, 0)]);
    // One installation with macOS is too few, also as `(others)`.
    let (found, _) = shares(&own, os, 2, 100, None).await;
    assert_eq!(found, [row("linux", 5, 5, 0)]);
    let quota = TelemetryDimension::Quota;
    let (found, _) = shares(&own, quota, 6, 100, None).await;
    assert_eq!(found, [row("exports", 6, 18, 6)]);
    assert_eq!(shares(&own, quota, 7, 100, None).await.0, []);
    assert_eq!(shares(&other, quota, 1, 100, None).await.0, []);
    let (all, _) = shares(&own, version, 1, 100, None).await;
    assert_eq!(all.len(), 4);
    let (first, next) = shares(&own, version, 1, 3, None).await;
    let (rest, end) = shares(&own, version, 1, 3, next).await;
    assert_eq!(([first, rest].concat(), end), (all, None));
    for dimension in TelemetryDimension::ALL {
        let name = dimension.as_str();
        assert_eq!(TelemetryDimension::parse(name), Some(dimension));
        assert!(
            !shares(&own, dimension, 1, 100, None).await.0.is_empty(),
            "{name}"
        );
    }
}

async fn only_the_secret_deletes_and_a_late_batch_stores_nothing(store: &dyn ServerStore) {
    let (own, other) = (tenant(), tenant());
    let send = |record| store.store_telemetry(&own, record);
    send(record(1, vec![event(1, "2027-03-01")])).await.unwrap();
    send(record(2, vec![event(2, "2027-03-01")])).await.unwrap();
    let mut foreign = record(1, vec![event(3, "2027-03-01")]);
    foreign.batch.commitment = secret(9).commitment();
    assert_eq!(
        send(foreign).await.unwrap(),
        TelemetryOutcome::OtherCommitment
    );
    let id = TelemetryId([1; 16]);
    let delete = |tenant, number| {
        let commitment = secret(number).commitment();
        store.delete_telemetry(tenant, id, commitment, None)
    };
    assert_eq!(
        delete(&own, 9).await.unwrap(),
        TelemetryDeletion::WrongSecret
    );
    assert_eq!(delete(&other, 1).await.unwrap(), TelemetryDeletion::Deleted);
    assert_eq!(stored_events(store, &own).await, 2);
    for _ in 0..2 {
        assert_eq!(delete(&own, 1).await.unwrap(), TelemetryDeletion::Deleted);
        assert_eq!(stored_events(store, &own).await, 1);
    }
    let late = send(record(1, vec![event(4, "2027-03-01")])).await.unwrap();
    assert_eq!(late, TelemetryOutcome::Deleted);
    // The deletion can also arrive before the first batch.
    let (early, commitment) = (TelemetryId([3; 16]), secret(3).commitment());
    let on = Some(day("2027-03-01"));
    let deleted = store.delete_telemetry(&own, early, commitment, on).await;
    assert_eq!(deleted.unwrap(), TelemetryDeletion::Deleted);
    let late = send(record(3, vec![event(5, "2027-03-01")])).await.unwrap();
    assert_eq!(late, TelemetryOutcome::Deleted);
}

async fn old_days_are_forgotten(store: &dyn ServerStore) {
    let own = tenant();
    let events = vec![event(1, "2027-02-01"), event(2, "2027-03-01")];
    let first = record(1, events);
    store.store_telemetry(&own, first.clone()).await.unwrap();
    let forget = |before| store.forget_telemetry(&own, day(before));
    assert_eq!(forget("2027-02-01").await.unwrap(), 0);
    assert_eq!(forget("2027-03-01").await.unwrap(), 1);
    assert_eq!(stored_events(store, &own).await, 1);
    // The installation has sent an event of the last day, so its commitment still counts.
    let mut foreign = record(1, vec![event(3, "2027-03-01")]);
    foreign.batch.commitment = secret(9).commitment();
    let refused = store.store_telemetry(&own, foreign.clone()).await.unwrap();
    assert_eq!(refused, TelemetryOutcome::OtherCommitment);
    // The event, and the installation.
    assert_eq!(forget("2027-03-02").await.unwrap(), 2);
    let accepted = store.store_telemetry(&own, foreign).await.unwrap();
    assert_eq!(accepted, stored(1, 0));
}

async fn all_telemetry_of_a_tenant_is_deleted_in_parts(store: &dyn ServerStore) {
    let (own, other) = (tenant(), tenant());
    for number in [21, 22, 23] {
        send(store, &own, number, "2.0.0", "linux").await;
    }
    send(store, &other, 24, "2.0.0", "linux").await;
    let (deleted_before, commitment) = (TelemetryId([23; 16]), secret(23).commitment());
    let deleted = store.delete_telemetry(&own, deleted_before, commitment, None);
    assert_eq!(deleted.await.unwrap(), TelemetryDeletion::Deleted);
    let clear = async |audit| store.clear_telemetry(&own, audit).await.unwrap();
    // Two events with their installations.
    assert_eq!(clear(Some(audit("telemetry.delete"))).await, 4);
    assert_eq!(clear(None).await, 0);
    let size = store.telemetry_size(&own).await.unwrap();
    assert_eq!((size.events, size.installations), (0, 1));
    assert_eq!(stored_events(store, &other).await, 1);
    let everything = AuditFilter::default();
    let found = store.audit(&own, &everything, &PageRequest::first()).await;
    let actions = found.unwrap().items.into_iter().map(|entry| entry.action);
    assert_eq!(actions.collect::<Vec<_>>(), ["telemetry.delete"]);
    // An installation sends again, unless its user has deleted the events.
    let send = |number| {
        let record = record(number, vec![event(number, "2027-03-02")]);
        store.store_telemetry(&own, record)
    };
    assert_eq!(send(21).await.unwrap(), stored(1, 0));
    assert_eq!(send(23).await.unwrap(), TelemetryOutcome::Deleted);
}
