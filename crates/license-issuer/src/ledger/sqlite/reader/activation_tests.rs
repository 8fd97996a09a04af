#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::{Value, json};

use super::*;
use crate::ledger::{LedgerWriter, NewEntry};

fn entered(kind: EntryKind, license: &str, body: Value) -> NewEntry {
    let artifact = match kind {
        EntryKind::Release => String::new(),
        _ => format!("{license} {body}"),
    };
    NewEntry {
        kind,
        subject: license.to_owned(),
        body,
        artifact,
    }
}

fn license(id: &str, supersedes: &[&str]) -> NewEntry {
    entered(EntryKind::License, id, json!({ "supersedes": supersedes }))
}

fn check_in(license: &str, machine: Option<&str>, status: &str) -> NewEntry {
    let body = json!({ "machine": machine, "status": status });
    entered(EntryKind::CheckIn, license, body)
}

fn activation(license: &str, machine: &str, id: &str) -> NewEntry {
    let body =
        json!({ "machine": machine, "activation_id": id, "nonce": format!("nonce of {id}") });
    entered(EntryKind::Activation, license, body)
}

fn release(license: &str, machine: &str, id: &str) -> NewEntry {
    let body = json!({ "machine": machine, "activation_id": id });
    entered(EntryKind::Release, license, body)
}

fn ledger(records: &[NewEntry]) -> (tempfile::TempDir, SqliteLedger) {
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = SqliteLedger::open(&folder.path().join("ledger.db")).unwrap();
    let now = Timestamp::parse("2027-06-01T00:00:00Z").unwrap();
    ledger.acquire(now).unwrap().append(records).unwrap();
    (folder, ledger)
}

fn machines(records: &[NewEntry]) -> Vec<String> {
    let (_folder, ledger) = ledger(records);
    ledger
        .machines_in_use(&["a", "b"])
        .unwrap()
        .into_iter()
        .collect()
}

#[test]
fn a_machine_counts_once_and_only_where_it_was_said_to_be_good() {
    let records = [
        check_in("a", Some("one"), "active"),
        check_in("a", Some("one"), "active"),
        activation("a", "one", "x"),
        check_in("a", Some("two"), "suspended"),
        check_in("a", None, "active"),
        activation("b", "three", "y"),
        check_in("c", Some("four"), "active"),
    ];
    assert_eq!(machines(&records), ["one", "three"]);
}

#[test]
fn a_machine_that_was_released_counts_no_more_until_it_is_seen_again() {
    let mut records = vec![
        check_in("a", Some("one"), "active"),
        activation("a", "one", "x"),
        check_in("b", Some("one"), "active"),
        release("a", "one", "x"),
    ];
    assert_eq!(machines(&records), [""; 0]);
    records.push(check_in("b", Some("one"), "active"));
    assert_eq!(machines(&records), ["one"]);
    records.pop();
    records.push(activation("b", "one", "y"));
    assert_eq!(machines(&records), ["one"]);
}

#[test]
fn a_receipt_that_comes_late_does_not_free_a_machine_that_was_activated_again() {
    let records = [
        activation("a", "one", "x"),
        activation("a", "one", "y"),
        release("a", "one", "x"),
    ];
    assert_eq!(machines(&records), ["one"]);
}

#[test]
fn licenses_that_follow_each_other_are_one_kin_and_circles_end() {
    let (_folder, ledger) = ledger(&[
        license("a", &[]),
        license("b", &["a"]),
        license("c", &["a", "b"]),
        license("d", &["e"]),
        license("e", &["d"]),
    ]);
    let kin = |id| {
        ledger
            .license_family(id)
            .unwrap()
            .into_iter()
            .collect::<Vec<_>>()
    };
    for id in ["a", "b", "c"] {
        assert_eq!(kin(id), ["a", "b", "c"], "{id}");
    }
    assert_eq!(kin("d"), ["d", "e"]);
    assert_eq!(kin("none"), ["none"]);
}

#[test]
fn an_activation_that_was_entered_twice_is_one() {
    let (_folder, ledger) = ledger(&[
        activation("a", "one", "x"),
        activation("a", "one", "x"),
        release("a", "one", "x"),
    ]);
    let found = ledger.activations("a").unwrap();
    assert_eq!(found.len(), 1);
    assert!(found.iter().all(|activated| activated.release.is_some()));
    let answer = ledger.answer(EntryKind::Activation, "nonce of x").unwrap();
    assert_eq!(answer.map(|entry| entry.seq), Some(2));
    assert!(
        ledger
            .answer(EntryKind::ClockRepair, "nonce of x")
            .unwrap()
            .is_none()
    );
}

#[test]
fn answers_are_found_by_indexes() {
    let (_folder, ledger) = ledger(&[]);
    for (condition, index) in [
        (
            "json_extract(body, '$.nonce') = ?1 AND kind IN ('activation', 'clock_repair')",
            "entries_by_nonce",
        ),
        (
            "json_extract(body, '$.activation_id') = ?1 AND kind IN ('activation', 'release')",
            "entries_by_activation",
        ),
    ] {
        let sql =
            format!("EXPLAIN QUERY PLAN SELECT seq FROM entries WHERE {condition} ORDER BY seq");
        let plan: String = ledger
            .db
            .query_row(&sql, ["x"], |row| row.get("detail"))
            .unwrap();
        assert!(plan.contains(index), "{plan}");
    }
    let mut statement = ledger
        .db
        .prepare(&format!("EXPLAIN QUERY PLAN {USES}"))
        .unwrap();
    let plan = statement.query_map(["x"], |row| row.get::<_, String>("detail"));
    let plan: Vec<String> = plan.unwrap().map(Result::unwrap).collect();
    let plan = plan.join("\n");
    for index in ["entries_by_subject", "entries_by_activation"] {
        assert!(plan.contains(index), "{plan}");
    }
    assert!(!plan.contains("SCAN e"), "{plan}");
}
