#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::json;

use super::super::{Kind, Record};
use super::*;

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn license(id: &str, body: Value) -> Record {
    Record {
        kind: Kind::License,
        subject: id.to_owned(),
        body,
        artefact: id.to_owned(),
    }
}

fn ledger(records: &[Record]) -> (tempfile::TempDir, Ledger) {
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::open(&folder.path().join("ledger.db")).unwrap();
    let mut desk = ledger.desk(at("2020-01-01T00:00:00Z")).unwrap();
    desk.record(records).unwrap();
    drop(desk);
    (folder, ledger)
}

fn found(ledger: &Ledger, filter: &Filter, now: &str) -> Vec<(String, Standing)> {
    let mut rows = Vec::new();
    let each = |row: LicenseRow| {
        rows.push((row.entry.subject, row.standing));
        Ok(())
    };
    ledger.licenses(filter, at(now), each).unwrap();
    rows
}

fn standing(ledger: &Ledger, now: &str) -> Vec<Standing> {
    let rows = found(ledger, &Filter::default(), now);
    rows.into_iter().map(|(_, standing)| standing).collect()
}

#[test]
fn a_license_is_active_from_its_start_and_expired_at_its_end() {
    let (_folder, ledger) = ledger(&[license(
        "a",
        json!({ "not_before": "2027-01-01T00:00:00Z", "expires_at": "2028-01-01T00:00:00Z" }),
    )]);
    for (now, expected) in [
        ("2026-12-31T23:59:59Z", Standing::Future),
        ("2027-01-01T00:00:00Z", Standing::Active),
        ("2027-12-31T23:59:59Z", Standing::Active),
        ("2028-01-01T00:00:00Z", Standing::Expired),
    ] {
        assert_eq!(standing(&ledger, now), [expected], "{now}");
    }
}

#[test]
fn revoked_goes_before_superseded_and_that_before_expired() {
    let ended = json!({ "expires_at": "2021-01-01T00:00:00Z" });
    let newer = json!({ "supersedes": ["revoked", "superseded"] });
    let revocation = Record {
        kind: Kind::Revocation,
        subject: "revoked".to_owned(),
        body: json!({}),
        artefact: String::new(),
    };
    let (_folder, ledger) = ledger(&[
        license("revoked", ended.clone()),
        license("superseded", ended.clone()),
        license("expired", ended),
        license("newer", newer),
        revocation,
    ]);
    assert_eq!(
        standing(&ledger, "2027-01-01T00:00:00Z"),
        [
            Standing::Revoked,
            Standing::Superseded,
            Standing::Expired,
            Standing::Active
        ]
    );
}

#[test]
fn what_ends_at_the_very_instant_ends_within_the_span() {
    let (_folder, ledger) = ledger(&[
        license("a", json!({ "expires_at": "2027-01-31T00:00:00Z" })),
        license("never", json!({ "expires_at": null })),
    ]);
    let by = |end: &str, now: &str| {
        let filter = Filter {
            ends_by: Some(at(end)),
            ..Filter::default()
        };
        found(&ledger, &filter, now).len()
    };
    let now = "2027-01-01T00:00:00Z";
    assert_eq!(by("2027-01-30T23:59:59Z", now), 0);
    assert_eq!(by("2027-01-31T00:00:00Z", now), 1);
    // It has ended.
    assert_eq!(by("2027-03-01T00:00:00Z", "2027-01-30T23:59:59Z"), 1);
    assert_eq!(by("2027-03-01T00:00:00Z", "2027-01-31T00:00:00Z"), 0);
}

#[test]
fn what_looks_like_a_pattern_is_looked_for_as_it_is() {
    let (_folder, ledger) = ledger(&[
        license("a", json!({ "customer": "100% Ltd" })),
        license("b", json!({ "customer": "100x Ltd" })),
        license("c", json!({ "customer": r"under_score\back" })),
    ]);
    for (text, expected) in [
        ("100%", vec!["a"]),
        ("100_", vec![]),
        ("R_S", vec!["c"]),
        (r"e\b", vec!["c"]),
        ("ltd", vec!["a", "b"]),
    ] {
        let filter = Filter {
            customer: Some(text.to_owned()),
            ..Filter::default()
        };
        let found = found(&ledger, &filter, "2027-01-01T00:00:00Z");
        let found: Vec<_> = found.iter().map(|(id, _)| id.as_str()).collect();
        assert_eq!(found, expected, "{text}");
    }
}

#[test]
fn any_limit_is_taken() {
    let (_folder, ledger) = ledger(&[license("a", json!({})), license("b", json!({}))]);
    for (limit, expected) in [(0, 0), (1, 1), (2, 2), (u64::MAX, 2)] {
        let filter = Filter {
            limit: Some(limit),
            ..Filter::default()
        };
        let found = found(&ledger, &filter, "2027-01-01T00:00:00Z");
        assert_eq!(found.len(), expected);
    }
}

#[test]
fn a_standing_is_looked_up_and_not_searched_for() {
    let (_folder, ledger) = ledger(&[]);
    let sql = format!("EXPLAIN QUERY PLAN SELECT {STANDING} FROM entries e WHERE e.subject = ?2");
    let mut plan = ledger.db.prepare(&sql).unwrap();
    let steps = plan.query_map(["", ""], |row| row.get("detail")).unwrap();
    let steps: Vec<String> = steps.map(Result::unwrap).collect();
    let goes_through_many =
        |step: &String| step.contains("SCAN") || step.contains("entries_by_kind");
    assert!(!steps.iter().any(goes_through_many), "{steps:?}");
}
