//! Tests of migrations and indexes.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use license_core::time;
use serde_json::json;

use super::*;
use crate::ledger::sqlite::SqliteLedger;
use crate::ledger::sqlite::reader::TRIALS;
use crate::ledger::{LedgerEntryKind, LedgerReader, LedgerWriter, NewLedgerEntry};

/// Creates a ledger with the schema of an older version.
fn ledger_of_version(version: usize) -> (tempfile::TempDir, std::path::PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ledger.db");
    let db = Connection::open(&path).unwrap();
    for step in MIGRATIONS.iter().take(version) {
        db.execute_batch(step).unwrap();
    }
    db.pragma_update(None, "application_id", APPLICATION_ID)
        .unwrap();
    db.pragma_update(None, "user_version", i64::try_from(version).unwrap())
        .unwrap();
    (directory, path)
}

fn license() -> NewLedgerEntry {
    NewLedgerEntry {
        kind: LedgerEntryKind::License,
        subject: "one".to_owned(),
        body: json!({ "supersedes": [], "trial_of": "CODITECT acme" }),
        artifact: "token".to_owned(),
    }
}

#[test]
fn a_ledger_of_any_version_is_read_unchanged_and_migrated_by_the_first_writer() {
    let now = time::parse_instant("2027-01-01").unwrap();
    for version in 1..=MIGRATIONS.len() {
        let (_directory, path) = ledger_of_version(version);
        // All versions have the same table of entries.
        let mut ledger = SqliteLedger {
            db: Connection::open(&path).unwrap(),
            path: path.clone(),
            lock_timeout: Duration::ZERO,
        };
        ledger.acquire(now).unwrap().append(&[license()]).unwrap();
        drop(ledger);
        let before = super::version(&Connection::open(&path).unwrap()).unwrap();
        let reader = SqliteLedger::open_read_only(&path).unwrap();
        assert_eq!(super::version(&reader.db).unwrap(), before);
        assert!(is_intact(&reader.db).unwrap(), "version {version}");
        assert_eq!(reader.trials("CODITECT acme").unwrap().len(), 1);
        drop(reader);
        let ledger = SqliteLedger::open(&path).unwrap();
        assert_eq!(super::version(&ledger.db).unwrap(), Version::Current);
        assert!(is_intact(&ledger.db).unwrap(), "from version {version}");
        assert_eq!(ledger.trials("CODITECT acme").unwrap().len(), 1);
        drop(ledger);
        let reopened = SqliteLedger::open(&path).unwrap();
        assert_eq!(reopened.entries_about("one").unwrap().len(), 1);
    }
}

#[test]
fn several_connections_may_migrate_a_ledger_at_once() {
    let (_directory, path) = ledger_of_version(1);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| drop(SqliteLedger::open(&path).unwrap()));
        }
    });
    let ledger = SqliteLedger::open_read_only(&path).unwrap();
    assert!(is_intact(&ledger.db).unwrap());
}

#[test]
fn queries_for_trials_and_usage_entries_use_an_index() {
    let (_directory, path) = ledger_of_version(MIGRATIONS.len());
    let db = Connection::open(path).unwrap();
    for (condition, index) in [
        (TRIALS, "entries_by_trial"),
        (
            "json_extract(body, '$.chain') = ?1 AND kind = 'usage'",
            "entries_by_chain",
        ),
        ("subject = ?1 AND kind = 'usage'", "entries_by_subject"),
    ] {
        let sql =
            format!("EXPLAIN QUERY PLAN SELECT seq FROM entries WHERE {condition} ORDER BY seq");
        let values: &[&str] = if sql.contains("?1") { &["x"] } else { &[] };
        let values = rusqlite::params_from_iter(values);
        let plan: String = db.query_row(&sql, values, |row| row.get("detail")).unwrap();
        assert!(plan.contains(index), "{condition}: {plan}");
    }
}
