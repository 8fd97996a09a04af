#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use license_core::Timestamp;
use serde_json::json;

use super::*;
use crate::ledger::sqlite::SqliteLedger;
use crate::ledger::{EntryKind, LedgerReader, LedgerWriter, NewEntry};

/// A ledger as the program of that version left it.
fn left_by(version: usize) -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let db = Connection::open(&path).unwrap();
    for step in MIGRATIONS.iter().take(version) {
        db.execute_batch(step).unwrap();
    }
    db.pragma_update(None, "application_id", APPLICATION_ID)
        .unwrap();
    db.pragma_update(None, "user_version", i64::try_from(version).unwrap())
        .unwrap();
    (folder, path)
}

fn record() -> NewEntry {
    NewEntry {
        kind: EntryKind::License,
        subject: "one".to_owned(),
        body: json!({ "supersedes": [], "trial_of": "CODITECT acme" }),
        artifact: "token".to_owned(),
    }
}

#[test]
fn a_ledger_of_any_version_becomes_one_of_this_with_all_that_is_in_it() {
    let now = Timestamp::parse("2027-01-01").unwrap();
    for version in 1..=MIGRATIONS.len() {
        let (_folder, path) = left_by(version);
        // Entered as that version would have: the table of entries is the same in all so far.
        let mut ledger = SqliteLedger {
            db: Connection::open(&path).unwrap(),
            path: path.clone(),
        };
        ledger.acquire(now).unwrap().append(&[record()]).unwrap();
        drop(ledger);
        let ledger = SqliteLedger::open_existing(&path).unwrap();
        assert_eq!(super::version(&ledger.db).unwrap(), Version::Present);
        assert!(is_intact(&ledger.db).unwrap(), "from version {version}");
        assert_eq!(ledger.trials("CODITECT acme").unwrap().len(), 1);
        drop(ledger);
        let again = SqliteLedger::open(&path).unwrap();
        assert_eq!(again.entries_about("one").unwrap().len(), 1);
    }
}

#[test]
fn two_processes_may_migrate_at_once() {
    let (_folder, path) = left_by(1);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| drop(SqliteLedger::open(&path).unwrap()));
        }
    });
    let ledger = SqliteLedger::open_existing(&path).unwrap();
    assert!(is_intact(&ledger.db).unwrap());
}

#[test]
fn trials_are_found_by_an_index() {
    let (_folder, path) = left_by(MIGRATIONS.len());
    let db = Connection::open(path).unwrap();
    let sql = "EXPLAIN QUERY PLAN SELECT seq FROM entries
               WHERE json_extract(body, '$.trial_of') = ?1 AND kind = 'license' ORDER BY seq";
    let plan: String = db.query_row(sql, ["x"], |row| row.get("detail")).unwrap();
    assert!(plan.contains("entries_by_trial"), "{plan}");
}

#[test]
fn what_was_reported_of_a_chain_or_of_a_license_is_found_by_an_index() {
    let (_folder, path) = left_by(MIGRATIONS.len());
    let db = Connection::open(path).unwrap();
    for (condition, index) in [
        (
            "json_extract(body, '$.chain') = ?1 AND kind = 'usage'",
            "entries_by_chain",
        ),
        ("subject = ?1 AND kind = 'usage'", "entries_by_subject"),
    ] {
        let sql =
            format!("EXPLAIN QUERY PLAN SELECT seq FROM entries WHERE {condition} ORDER BY seq");
        let plan: String = db.query_row(&sql, ["x"], |row| row.get("detail")).unwrap();
        assert!(plan.contains(index), "{plan}");
    }
}
