use serde_json::{Value, json};

use super::*;
use crate::encoding::from_strict_json;
use crate::matrix::FeatureMatrix;
use crate::requests::ActivationSecret;

fn event(number: u8) -> TelemetryEvent {
    let matrix = FeatureMatrix::built_in();
    TelemetryEvent {
        id: TelemetryId([number; 16]),
        day: TelemetryDay::parse("2027-03-01").unwrap(),
        client: Version::new(0, 1, 0),
        product: matrix.product(),
        version: Some(Version::new(2, 4, 0)),
        tier: matrix.base_tier().name(),
        os: "linux".to_owned(),
        arch: "x86_64".to_owned(),
        dropped: 0,
        quotas: [("exports".to_owned(), QuotaTelemetry::default())].into(),
        refused_features: [("sso".to_owned(), 2)].into(),
        denials: [("EXPIRED".to_owned(), 1)].into(),
    }
}

fn split(events: Vec<TelemetryEvent>) -> Vec<TelemetryBatch> {
    let secret = ActivationSecret::from_random([7; 32]);
    TelemetryBatch::split(TelemetryId([1; 16]), secret.commitment(), events)
}

/// Returns whether a batch is accepted after a change of its only event.
fn accepts(change: impl FnOnce(&mut Value)) -> bool {
    let mut batch = json!(split(vec![event(1)])[0]);
    change(&mut batch);
    from_strict_json::<TelemetryBatch>(batch.to_string().as_bytes()).is_ok()
}

#[test]
fn a_batch_reads_back_to_the_same_bytes() {
    let mut without_version = event(2);
    without_version.version = None;
    for batch in split(vec![event(1), without_version]) {
        let json = batch.to_json();
        let read: TelemetryBatch = from_strict_json(json.as_bytes()).unwrap();
        assert_eq!(read.to_json(), json);
        assert_eq!(read, batch);
    }
}

#[test]
fn every_member_is_bounded_and_an_unknown_member_is_refused() {
    assert!(accepts(|_| {}));
    let event =
        |name: &'static str, value: Value| accepts(move |batch| batch["events"][0][name] = value);
    for (name, value) in [
        ("user", json!("ann")),
        ("day", json!("20270301")),
        ("day", json!("2027-02-29")),
        ("client", json!(null)),
        ("version", json!(null)),
        ("version", json!(format!("1.0.0-{}", "x".repeat(64)))),
        ("tier", json!("pro")),
        ("os", json!("/home/ann")),
        ("arch", json!("")),
        ("dropped", json!(-1)),
        ("quotas", json!({"exports": [1, 2]})),
        ("quotas", json!({"exports": {"used": 1}})),
        ("refused_features", json!({"ann@acme.example": 1})),
        ("refused_features", json!({"sso": MAX_EVENT_COUNT + 1})),
        ("denials", json!([])),
        ("denials", json!({"x".repeat(65): 1})),
    ] {
        assert!(!event(name, value.clone()), "{name}: {value}");
    }
    assert!(event("refused_features", json!({"sso": MAX_EVENT_COUNT})));
    let names = |count: usize| {
        let names = (0..count).map(|number| (format!("f{number}"), json!(1)));
        Value::Object(names.collect())
    };
    assert!(event("refused_features", names(MAX_EVENT_NAMES)));
    assert!(!event("refused_features", names(MAX_EVENT_NAMES + 1)));
    assert!(!accepts(|batch| batch["events"] = json!([])));
    assert!(!accepts(|batch| batch["events"][0] = json!([])));
    let repeated = |count| {
        accepts(move |batch| batch["events"] = vec![batch["events"][0].clone(); count].into())
    };
    assert!(repeated(MAX_BATCH_EVENTS));
    assert!(!repeated(MAX_BATCH_EVENTS + 1));
}

#[test]
fn events_are_divided_by_number_and_by_size_in_their_order() {
    let lengths = |events: Vec<TelemetryEvent>| {
        let batches = split(events.clone());
        let joined: Vec<_> = batches
            .iter()
            .flat_map(|batch| batch.events.clone())
            .collect();
        assert_eq!(joined, events);
        for batch in &batches {
            assert!(batch.to_json().len() <= MAX_BATCH_BYTES);
        }
        let lengths = batches.iter().map(|batch| batch.events.len());
        lengths.collect::<Vec<_>>()
    };
    assert_eq!(
        lengths(vec![event(1); MAX_BATCH_EVENTS]),
        [MAX_BATCH_EVENTS]
    );
    assert_eq!(
        lengths(vec![event(1); MAX_BATCH_EVENTS + 1]),
        [MAX_BATCH_EVENTS, 1]
    );
    let mut large = event(1);
    let names = (0..MAX_EVENT_NAMES).map(|number| format!("{number:064}"));
    large.refused_features = names.map(|name| (name, MAX_EVENT_COUNT)).collect();
    let lengths = lengths(vec![large; 20]);
    assert!(lengths.len() > 1, "{lengths:?}");
}
