//! Anomalies.

use chrono::{DateTime, TimeDelta, Utc};
use license_core::time;

use super::sample::{audit, former_states, id, tenant};
use crate::domain::{
    Actor, AnomalyKind, AnomalyReport, AnomalyState, MachineSighting, NewAuditEntry, PageRequest,
};
use crate::store::ServerStore;

pub(super) async fn check(store: &dyn ServerStore) {
    licenses_with_many_new_machines_are_found(store).await;
    an_anomaly_is_raised_once_and_dismissed_once(store).await;
    old_anomalies_are_forgotten(store).await;
}

fn start() -> DateTime<Utc> {
    time::parse_instant("2027-01-15T09:00:00Z").unwrap()
}

async fn licenses_with_many_new_machines_are_found(store: &dyn ServerStore) {
    let (own, other) = (tenant(), tenant());
    let sighting = |license: u8, machine: u8, at| MachineSighting {
        license: id(license),
        machine: format!("machine {machine}"),
        version: None,
        user: None,
        at,
    };
    let early = start() - TimeDelta::days(2);
    let mut sightings: Vec<_> = (1..=3).map(|n| sighting(1, n, start())).collect();
    sightings.extend((1..=2).map(|n| sighting(2, n, start())));
    sightings.extend((1..=3).map(|n| sighting(3, n, early)));
    for part in sightings.chunks(3) {
        let record = store.record_machines(&own, part.to_vec(), 9);
        record.await.unwrap();
    }
    // The machines of the third license are not new.
    let again = (1..=3).map(|n| sighting(3, n, start())).collect();
    store.record_machines(&own, again, 9).await.unwrap();
    let since = start() - TimeDelta::days(1);
    let crowded = async |tenant, least| {
        let found = store.crowded_licenses(tenant, since, least).await;
        found.unwrap()
    };
    assert_eq!(crowded(&own, 3).await, [(id(1), 3)]);
    assert_eq!(crowded(&own, 2).await, [(id(1), 3), (id(2), 2)]);
    assert_eq!(crowded(&own, 4).await, []);
    assert_eq!(crowded(&other, 1).await, []);
}

fn report(number: u8, license: u8, seen: u64, after: TimeDelta) -> AnomalyReport {
    AnomalyReport {
        id: format!("anm_{number}"),
        kind: AnomalyKind::Machines,
        license: id(license),
        seen,
        threshold: 10,
        at: start() + after,
    }
}

async fn an_anomaly_is_raised_once_and_dismissed_once(store: &dyn ServerStore) {
    let (own, other) = (tenant(), tenant());
    let hour = TimeDelta::hours(1);
    let raise = |number, license, seen, after| {
        let report = report(number, license, seen, after);
        store.report_anomaly(&own, report, audit("anomaly.open"))
    };
    assert!(raise(1, 1, 12, hour).await.unwrap());
    assert!(!raise(2, 1, 15, hour * 2).await.unwrap());
    assert!(!raise(3, 1, 14, hour).await.unwrap());
    assert!(raise(4, 2, 12, hour).await.unwrap(), "another license");
    let list = async |tenant, state| {
        let found = store.anomalies(tenant, state, &PageRequest::first()).await;
        found.unwrap().items
    };
    assert!(list(&other, None).await.is_empty());
    let found = list(&own, Some(AnomalyState::Open)).await;
    let ids: Vec<_> = found.iter().map(|anomaly| anomaly.id.as_str()).collect();
    assert_eq!(ids, ["anm_4", "anm_1"]);
    let anomaly = &found[1];
    assert_eq!((anomaly.seen, anomaly.threshold), (15, 10));
    assert_eq!(
        (anomaly.first_at, anomaly.last_at),
        (start() + hour, start() + hour * 2)
    );

    let dismiss = async |tenant, id: &str, note: &str| {
        let actor = Actor::ApiToken("tok_1".to_owned());
        let audit = NewAuditEntry {
            actor,
            ..audit("anomaly.dismiss")
        };
        store
            .dismiss_anomaly(tenant, id, note, audit)
            .await
            .unwrap()
    };
    assert_eq!(dismiss(&other, "anm_1", "mine").await, None);
    assert_eq!(dismiss(&own, "anm_9", "mine").await, None);
    let dismissed = dismiss(&own, "anm_1", "a rollout").await.unwrap();
    assert_eq!(dismissed.state, AnomalyState::Dismissed);
    assert_eq!(
        dismissed.dismissed_by,
        Some(Actor::ApiToken("tok_1".into()).to_string())
    );
    let again = dismiss(&own, "anm_1", "another reason").await.unwrap();
    assert_eq!(again, dismissed);
    assert_eq!(dismissed.note.as_deref(), Some("a rollout"));
    let former = former_states(store, &own, "anomaly.dismiss").await;
    assert_eq!(former.len(), 1);
    assert_eq!(former[0]["state"], "open");
    // More of the same does not disturb the person again, and twice as many do.
    assert!(!raise(5, 1, 20, hour * 3).await.unwrap());
    assert!(raise(6, 1, 40, hour * 4).await.unwrap());
    assert_eq!(former_states(store, &own, "anomaly.open").await.len(), 3);
    let page = PageRequest::new(None, Some(2));
    let first = store.anomalies(&own, None, &page).await.unwrap();
    let rest = PageRequest::new(first.next, Some(2));
    let rest = store.anomalies(&own, None, &rest).await.unwrap();
    assert_eq!(
        (first.items.len(), rest.items.len(), rest.next),
        (2, 1, None)
    );
}

async fn old_anomalies_are_forgotten(store: &dyn ServerStore) {
    let own = tenant();
    for number in 1..=4 {
        let after = TimeDelta::days(number.into());
        let report = report(number, number, 12, after);
        let raised = store.report_anomaly(&own, report, audit("anomaly.open"));
        assert!(raised.await.unwrap());
    }
    let left = async |after: i64, keep| {
        let before = start() + TimeDelta::days(after);
        store.forget_anomalies(&own, before, keep).await.unwrap();
        let found = store.anomalies(&own, None, &PageRequest::first()).await;
        let ids = found.unwrap().items.into_iter().map(|found| found.id);
        ids.collect::<Vec<_>>()
    };
    assert_eq!(left(1, 9).await.len(), 4);
    assert_eq!(left(2, 9).await, ["anm_4", "anm_3", "anm_2"]);
    assert_eq!(left(2, 2).await, ["anm_4", "anm_3"]);
}
