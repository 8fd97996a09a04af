//! Tests of queries.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod activations;
mod history;

use license_core::chrono::{DateTime, Utc};
use license_core::time;
use serde_json::{Value, json};

use super::*;
use crate::ledger::{LedgerWriter, LicenseStatus, NewLedgerEntry};

fn at(text: &str) -> DateTime<Utc> {
    time::parse_instant(text).unwrap()
}

fn license(id: &str, body: Value) -> NewLedgerEntry {
    NewLedgerEntry {
        kind: LedgerEntryKind::License,
        subject: id.to_owned(),
        body,
        artifact: id.to_owned(),
    }
}

fn ledger(entries: &[NewLedgerEntry]) -> (tempfile::TempDir, SqliteLedger) {
    let directory = tempfile::tempdir().unwrap();
    let mut ledger = SqliteLedger::open(&directory.path().join("ledger.db")).unwrap();
    let mut writer = ledger.acquire(at("2020-01-01T00:00:00Z")).unwrap();
    writer.append(entries).unwrap();
    drop(writer);
    (directory, ledger)
}

fn select(
    ledger: &SqliteLedger,
    filter: &LicenseFilter,
    now: &str,
) -> Vec<(String, LicenseStatus)> {
    let mut rows = Vec::new();
    let mut each = |row: RecordedLicense| {
        rows.push((row.entry.subject, row.status));
    };
    ledger.visit_licenses(filter, at(now), &mut each).unwrap();
    rows
}

fn status(ledger: &SqliteLedger, now: &str) -> Vec<LicenseStatus> {
    let rows = select(ledger, &LicenseFilter::default(), now);
    rows.into_iter().map(|(_, status)| status).collect()
}

#[test]
fn a_license_is_active_from_its_start_and_expired_at_its_end() {
    let (_directory, ledger) = ledger(&[license(
        "a",
        json!({ "not_before": "2027-01-01T00:00:00Z", "expires_at": "2028-01-01T00:00:00Z" }),
    )]);
    for (now, expected) in [
        ("2026-12-31T23:59:59Z", LicenseStatus::Future),
        ("2027-01-01T00:00:00Z", LicenseStatus::Active),
        ("2027-12-31T23:59:59Z", LicenseStatus::Active),
        ("2028-01-01T00:00:00Z", LicenseStatus::Expired),
    ] {
        assert_eq!(status(&ledger, now), [expected], "{now}");
    }
}

#[test]
fn the_order_of_precedence_is_revoked_superseded_expired() {
    let ended = json!({ "expires_at": "2021-01-01T00:00:00Z" });
    let newer = json!({ "supersedes": ["revoked", "superseded"] });
    let revocation = NewLedgerEntry {
        kind: LedgerEntryKind::Revocation,
        subject: "revoked".to_owned(),
        body: json!({}),
        artifact: String::new(),
    };
    let (_directory, ledger) = ledger(&[
        license("revoked", ended.clone()),
        license("superseded", ended.clone()),
        license("expired", ended),
        license("newer", newer),
        revocation,
    ]);
    assert_eq!(
        status(&ledger, "2027-01-01T00:00:00Z"),
        [
            LicenseStatus::Revoked,
            LicenseStatus::Superseded,
            LicenseStatus::Expired,
            LicenseStatus::Active
        ]
    );
}

#[test]
fn licenses_are_selected_by_a_period_that_includes_its_last_instant() {
    let (_directory, ledger) = ledger(&[
        license("a", json!({ "expires_at": "2027-01-31T00:00:00Z" })),
        license("never", json!({ "expires_at": null })),
    ]);
    let count = |after: Option<&str>, by: Option<&str>| {
        let filter = LicenseFilter {
            ends_after: after.map(at),
            ends_by: by.map(at),
            ..LicenseFilter::default()
        };
        select(&ledger, &filter, "2027-03-01T00:00:00Z").len()
    };
    assert_eq!(count(None, Some("2027-01-30T23:59:59Z")), 0);
    assert_eq!(count(None, Some("2027-01-31T00:00:00Z")), 1);
    assert_eq!(count(Some("2027-01-30T23:59:59Z"), None), 1);
    assert_eq!(count(Some("2027-01-31T00:00:00Z"), None), 0);
    let (after, by) = ("2027-01-01T00:00:00Z", "2027-03-01T00:00:00Z");
    assert_eq!(count(Some(after), Some(by)), 1);
}

#[test]
fn text_that_looks_like_a_pattern_is_matched_literally() {
    let (_directory, ledger) = ledger(&[
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
        let filter = LicenseFilter {
            customer: Some(text.to_owned()),
            ..LicenseFilter::default()
        };
        let found = select(&ledger, &filter, "2027-01-01T00:00:00Z");
        let found: Vec<_> = found.iter().map(|(id, _)| id.as_str()).collect();
        assert_eq!(found, expected, "{text}");
    }
}

#[test]
fn any_limit_is_accepted() {
    let (_directory, ledger) = ledger(&[license("a", json!({})), license("b", json!({}))]);
    for (limit, expected) in [(0, 0), (1, 1), (2, 2), (u64::MAX, 2)] {
        let filter = LicenseFilter {
            limit: Some(limit),
            ..LicenseFilter::default()
        };
        let found = select(&ledger, &filter, "2027-01-01T00:00:00Z");
        assert_eq!(found.len(), expected, "{limit}");
    }
}

#[test]
fn the_status_of_a_license_is_found_without_a_scan() {
    let (_directory, ledger) = ledger(&[]);
    let sql = format!("EXPLAIN QUERY PLAN SELECT {STATUS} FROM entries e WHERE e.subject = ?2");
    let mut plan = ledger.db.prepare(&sql).unwrap();
    let steps = plan.query_map(["", ""], |row| row.get("detail")).unwrap();
    let steps: Vec<String> = steps.map(Result::unwrap).collect();
    let scans_many_rows = |step: &String| step.contains("SCAN") || step.contains("entries_by_kind");
    assert!(!steps.iter().any(scans_many_rows), "{steps:?}");
}

#[test]
fn trials_of_earlier_versions_are_found() {
    // Earlier versions recorded names in lower case.
    let trial = |id: &str, key: &str| license(id, json!({ "trial_of": key }));
    let (_directory, ledger) = ledger(&[
        trial("1", "CODITECT größe ag"),
        trial("2", "CODITECT gro\u{308}ße\u{200b} ag"),
        trial("3", "CODITECT grosse ag"),
        trial("4", "WIDGET größe ag"),
        trial("5", "CODITECT grösse ag"),
        license("6", json!({ "trial_of": null })),
    ]);
    let trials = ledger.trials("CODITECT grösse ag").unwrap();
    let ids: Vec<_> = trials.iter().map(|entry| entry.subject.as_str()).collect();
    assert_eq!(ids, ["1", "2", "5"]);
    let trials = ledger.trials("CODITECT grosse ag").unwrap();
    assert_eq!(trials.len(), 1);
}

#[test]
fn entries_after_a_number_are_visited_in_order_and_up_to_a_limit() {
    let names = ["a", "b", "c", "d"];
    let (_directory, ledger) = ledger(&names.map(|id| license(id, json!({"customer": id}))));
    let mut seen = Vec::new();
    let visited = ledger.visit_entries_after(1, 2, &mut |entry| seen.push(entry.subject));
    visited.unwrap();
    assert_eq!(seen, ["b", "c"]);
    assert_eq!(ledger.entry(4).unwrap().unwrap().subject, "d");
    assert!(ledger.entry(5).unwrap().is_none());
    let filter = LicenseFilter {
        after: Some(2),
        ..LicenseFilter::default()
    };
    let found = select(&ledger, &filter, "2020-01-02T00:00:00Z");
    let found: Vec<_> = found.iter().map(|(id, _)| id.as_str()).collect();
    assert_eq!(found, ["c", "d"]);
}
