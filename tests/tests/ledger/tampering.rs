//! `keygen ledger verify` detects changes that were made by hand.

use super::*;

/// Creates a ledger with five entries: the key, three licenses and a check-in.
fn filled() -> Scratch {
    let vendor = vendor();
    for name in ["1.lic", "2.lic", "3.lic"] {
        issue(&vendor, name, &["--customer", name]);
    }
    let check_in = ["check-in", "--key", "vendor.key", "2.lic", "--out", "v.lic"];
    let _ = keygen(&vendor, &check_in).expect_code(0);
    vendor
}

const TRIGGERS: [&str; 2] = ["entries_stay", "entries_last"];

/// Removes the triggers, executes SQL, and restores the triggers.
fn tamper(vendor: &Scratch, sql: &str) {
    let db = open(vendor);
    let trigger = "SELECT sql FROM sqlite_schema WHERE name = ?1";
    let triggers = TRIGGERS.map(|name| {
        let text: String = db.query_row(trigger, [name], |row| row.get(0)).unwrap();
        db.execute_batch(&format!("DROP TRIGGER {name}")).unwrap();
        text
    });
    db.execute_batch(sql).unwrap();
    for trigger in triggers {
        db.execute_batch(&trigger).unwrap();
    }
}

#[track_caller]
fn expect_broken(vendor: &Scratch, options: &[&str]) {
    let verify = [&["ledger", "verify"], options].concat();
    let failure = keygen(vendor, &verify).expect_failure(3);
    assert!(failure.message.starts_with("ledger "), "{failure:?}");
    let code = keygen(vendor, &[&verify[..], &["--json"]].concat()).expect_json_failure(3);
    assert_eq!(code, "BROKEN_CHAIN");
}

#[test]
fn an_edited_entry_is_detected() {
    for edit in [
        "UPDATE entries SET body = replace(body, '2.lic', '9.lic') WHERE seq = 3",
        "UPDATE entries SET body = body || ' ' WHERE seq = 3",
        "UPDATE entries SET artefact = (SELECT artefact FROM entries WHERE seq = 2) WHERE seq = 3",
        "UPDATE entries SET artefact = '' WHERE seq = 5",
        "UPDATE entries SET kind = 'enterprise_key' WHERE seq = 3",
        "UPDATE entries SET at = at + 1 WHERE seq = 3",
        "UPDATE entries SET subject = (SELECT subject FROM entries WHERE seq = 2) WHERE seq = 3",
        "UPDATE entries SET delivered = 0 WHERE seq = 3",
        "UPDATE entries SET hash = zeroblob(32) WHERE seq = 3",
        "UPDATE entries SET at = at - 1 WHERE seq = 1",
        "UPDATE entries SET seq = 9 WHERE seq = 5",
        // Values that the program never writes.
        "PRAGMA ignore_check_constraints = ON; UPDATE entries SET delivered = 2 WHERE seq = 3",
        "UPDATE entries SET subject = CAST(x'ff' AS TEXT) WHERE seq = 3",
        "UPDATE entries SET body = '[]' WHERE seq = 3",
        // The kind becomes part of the subject, so that both fields joined stay the same.
        "UPDATE entries SET subject = kind || subject, kind = '' WHERE seq = 3",
    ] {
        let vendor = filled();
        tamper(&vendor, edit);
        expect_broken(&vendor, &[]);
    }
}

#[test]
fn an_entry_that_was_removed_added_or_moved_is_detected() {
    for edit in [
        "DELETE FROM entries WHERE seq = 3",
        "DELETE FROM entries WHERE seq = 1",
        "DELETE FROM entries WHERE seq = 5",
        "DELETE FROM entries",
        "DELETE FROM entries WHERE seq = 3; UPDATE entries SET seq = seq - 1 WHERE seq > 3",
        "UPDATE entries SET seq = -1 WHERE seq = 2; UPDATE entries SET seq = 2 WHERE seq = 3;
         UPDATE entries SET seq = 3 WHERE seq = -1",
        "INSERT INTO entries SELECT 6, at, kind, subject, delivered, body, artefact, randomblob(32) FROM entries WHERE seq = 3",
        "INSERT INTO entries SELECT 0, at, kind, subject, delivered, body, artefact, randomblob(32) FROM entries WHERE seq = 3",
        "UPDATE head SET entries = 4",
        "UPDATE head SET hash = zeroblob(32)",
        "PRAGMA ignore_check_constraints = ON; INSERT INTO head SELECT 2, entries, hash, serial FROM head",
    ] {
        let vendor = filled();
        tamper(&vendor, edit);
        expect_broken(&vendor, &[]);
    }
}

#[test]
fn changed_tables_and_triggers_are_detected() {
    for edit in [
        "DROP TRIGGER entries_stay",
        "DROP TRIGGER entries_last",
        "CREATE TRIGGER other AFTER INSERT ON entries BEGIN SELECT 1; END",
        "DROP INDEX entries_by_subject",
        "CREATE VIEW other AS SELECT 1",
        "DROP TABLE intents",
        "DROP TABLE head",
        "DROP TABLE entries",
        "INSERT INTO replaced SELECT subject, 'another' FROM entries WHERE seq = 2",
    ] {
        let vendor = filled();
        open(&vendor).execute_batch(edit).unwrap();
        expect_broken(&vendor, &[]);
    }
}

#[test]
fn the_database_refuses_updates_and_deletions() {
    let vendor = filled();
    for edit in [
        "UPDATE entries SET at = 0",
        "DELETE FROM entries WHERE seq = 5",
    ] {
        let refused = open(&vendor).execute(edit, []).unwrap_err().to_string();
        assert!(refused.contains("append-only"), "{refused}");
    }
    assert_eq!(verified_chain(&vendor).0, 5);
}

#[test]
fn an_earlier_head_remains_part_of_a_growing_ledger() {
    let vendor = vendor();
    issue(&vendor, "1.lic", &[]);
    let (_, head) = verified_chain(&vendor);
    issue(&vendor, "2.lic", &[]);
    let later = keygen_json(&vendor, &["ledger", "verify", "--head", &head]);
    assert_ne!(later["head"], head.as_str());
    let upper = head.to_uppercase();
    let _ = keygen_json(&vendor, &["ledger", "verify", "--head", &upper]);
    // 64 zeros are the head of an empty ledger. They are part of every chain, so they prove
    // nothing.
    for wrong in ["", "12", &"0".repeat(64), &"g".repeat(64), &"é".repeat(32)] {
        let _ = keygen(&vendor, &["ledger", "verify", "--head", wrong]).expect_failure(2);
    }
}

/// Returns the codes and messages of the warnings of `keygen ledger verify`.
#[track_caller]
fn warnings(vendor: &Scratch) -> Vec<(String, String)> {
    let report = keygen_json(vendor, &["ledger", "verify"]);
    let warnings = report["warnings"].as_array().unwrap().iter();
    warnings
        .map(|warning| {
            (
                text(&warning["code"]).to_owned(),
                text(&warning["message"]).to_owned(),
            )
        })
        .collect()
}

#[test]
fn a_reset_serial_counter_is_reported() {
    let vendor = filled();
    assert_eq!(warnings(&vendor), []);
    tamper(&vendor, "UPDATE head SET serial = 7");
    let (code, message) = warnings(&vendor).pop().unwrap();
    assert_eq!(code, "LOW_SERIAL");
    assert!(
        message.ends_with(
            "or more, found 7: the counter was reset, or a license of another ledger was imported"
        ),
        "{message}"
    );
    let shown = keygen(&vendor, &["ledger", "verify"]).expect_code(0);
    assert!(shown.stderr.contains("LOW_SERIAL"), "{}", shown.stderr);
    // The next license raises the counter.
    issue(&vendor, "4.lic", &[]);
    assert_eq!(warnings(&vendor), []);
}

#[cfg(unix)]
#[test]
fn a_ledger_that_others_can_access_is_reported() {
    use std::fs::{Permissions, set_permissions};
    use std::os::unix::fs::PermissionsExt;
    let vendor = filled();
    let path = database(&vendor);
    let directory = path.parent().unwrap();
    for (file, mode, expected) in [
        (path.as_path(), 0o644, "expected mode 600, found 644"),
        (path.as_path(), 0o620, "expected mode 600, found 620"),
        (directory, 0o777, "expected mode 700, found 777"),
        (directory, 0o1777, ""),
        (directory, 0o755, ""),
    ] {
        let before = file.metadata().unwrap().permissions();
        set_permissions(file, Permissions::from_mode(mode)).unwrap();
        let warnings = warnings(&vendor);
        set_permissions(file, before).unwrap();
        // The log and the shared memory of SQLite have the mode of the database.
        let is_expected = |(code, message): &(String, String)| {
            code == "EXPOSED_LEDGER" && message.contains(expected)
        };
        assert_eq!(warnings.is_empty(), expected.is_empty(), "{warnings:?}");
        assert!(warnings.iter().all(is_expected), "{warnings:?}");
        // SQLite keeps the modes of files that it opens, so these are removed.
        issue(&vendor, &format!("{mode:o}.lic"), &[]);
    }
}

#[test]
fn a_truncated_and_repaired_chain_is_valid_but_does_not_contain_its_old_head() {
    let vendor = filled();
    let (_, head) = verified_chain(&vendor);
    let truncate = "DELETE FROM entries WHERE seq = 5;
               UPDATE head SET entries = 4, hash = (SELECT hash FROM entries WHERE seq = 4)";
    tamper(&vendor, truncate);
    assert_eq!(verified_chain(&vendor).0, 4);
    expect_broken(&vendor, &["--head", &head]);
}

#[test]
fn a_rewritten_chain_does_not_contain_its_old_head() {
    let vendor = filled();
    let (_, head) = verified_chain(&vendor);
    let other = filled();
    std::fs::copy(database(&other), database(&vendor)).unwrap();
    verified_chain(&vendor);
    expect_broken(&vendor, &["--head", &head]);
}

#[test]
fn later_entries_do_not_hide_a_change() {
    let vendor = filled();
    tamper(&vendor, "UPDATE entries SET at = at + 1 WHERE seq = 3");
    issue(&vendor, "4.lic", &[]);
    expect_broken(&vendor, &[]);
}

#[test]
fn a_damaged_entry_that_a_retirement_reads_is_not_an_error_of_writing() {
    let (vendor, next) = (vendor(), Vendor::with_new_key("2048", "RS256"));
    vendor.write_private("next.key", &next.key);
    vendor.write("next.jwk", next.jwk.to_string());
    let rotate = |options: &[&str]| {
        let rotate = ["rotate", "--key", "vendor.key"];
        keygen(&vendor, &[&rotate, options].concat())
    };
    let _ = rotate(&["--introduce", "next.jwk"]).expect_code(0);
    tamper(
        &vendor,
        "UPDATE entries SET body = CAST(x'ff' AS TEXT) WHERE kind = 'trust_statement'",
    );
    let failure = rotate(&["--retire", "--with", "next.key"]).expect_failure(4);
    assert!(failure.message.starts_with("ledger "), "{failure:?}");
}
