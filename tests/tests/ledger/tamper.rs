//! Whatever is changed by hand is found by `keygen ledger verify`.

use super::*;

/// A desk with five entries: the key, three licenses and a check-in.
fn filled() -> Scratch {
    let desk = desk();
    for name in ["1.lic", "2.lic", "3.lic"] {
        issue(&desk, name, &["--customer", name]);
    }
    let check_in = ["check-in", "--key", "vendor.key", "2.lic", "--out", "v.lic"];
    let _ = keygen(&desk, &check_in).expect_code(0);
    desk
}

const TRIGGERS: [&str; 2] = ["entries_stay", "entries_last"];

/// Does it past the triggers, which are then put back.
fn tamper(desk: &Scratch, sql: &str) {
    let db = open(desk);
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
fn expect_broken(desk: &Scratch, options: &[&str]) {
    let verify = [&["ledger", "verify"], options].concat();
    let complaint = keygen(desk, &verify).expect_failure(3);
    assert!(complaint.message.starts_with("ledger "), "{complaint:?}");
    let code = keygen(desk, &[&verify[..], &["--json"]].concat()).expect_json_failure(3);
    assert_eq!(code, "BROKEN_CHAIN");
}

#[test]
fn a_row_that_was_edited_is_found() {
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
        // What the program itself never writes.
        "PRAGMA ignore_check_constraints = ON; UPDATE entries SET delivered = 2 WHERE seq = 3",
        "UPDATE entries SET subject = CAST(x'ff' AS TEXT) WHERE seq = 3",
        "UPDATE entries SET body = '[]' WHERE seq = 3",
        // What is moved from one field to the next.
        "UPDATE entries SET subject = kind || subject, kind = '' WHERE seq = 3",
    ] {
        let desk = filled();
        tamper(&desk, edit);
        expect_broken(&desk, &[]);
    }
}

#[test]
fn a_row_that_was_removed_added_or_moved_is_found() {
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
    ] {
        let desk = filled();
        tamper(&desk, edit);
        expect_broken(&desk, &[]);
    }
}

#[test]
fn tables_and_triggers_that_were_changed_are_found() {
    for edit in [
        "DROP TRIGGER entries_stay",
        "DROP TRIGGER entries_last",
        "CREATE TRIGGER quiet AFTER INSERT ON entries BEGIN SELECT 1; END",
        "DROP INDEX entries_by_subject",
        "CREATE VIEW other AS SELECT 1",
        "DROP TABLE intents",
        "DROP TABLE head",
        "DROP TABLE entries",
        "INSERT INTO replaced SELECT subject, 'another' FROM entries WHERE seq = 2",
    ] {
        let desk = filled();
        open(&desk).execute_batch(edit).unwrap();
        expect_broken(&desk, &[]);
    }
}

#[test]
fn the_database_itself_refuses_changes_and_removals() {
    let desk = filled();
    for edit in [
        "UPDATE entries SET at = 0",
        "DELETE FROM entries WHERE seq = 5",
    ] {
        let refused = open(&desk).execute(edit, []).unwrap_err().to_string();
        assert!(refused.contains("append-only"), "{refused}");
    }
    assert_eq!(whole(&desk).0, 5);
}

#[test]
fn a_head_that_was_written_down_holds_on_as_the_ledger_grows() {
    let desk = desk();
    issue(&desk, "1.lic", &[]);
    let (_, head) = whole(&desk);
    issue(&desk, "2.lic", &[]);
    let later = told(&desk, &["ledger", "verify", "--head", &head]);
    assert_ne!(later["head"], head.as_str());
    let upper = head.to_uppercase();
    let _ = told(&desk, &["ledger", "verify", "--head", &upper]);
    // The head of a ledger in which nothing is.
    let _ = told(&desk, &["ledger", "verify", "--head", &"0".repeat(64)]);
    for wrong in ["", "12", &"g".repeat(64), &"é".repeat(32)] {
        let _ = keygen(&desk, &["ledger", "verify", "--head", wrong]).expect_failure(2);
    }
}

#[test]
fn a_chain_that_was_cut_at_its_end_and_closed_is_whole_but_does_not_hold_its_head() {
    let desk = filled();
    let (_, head) = whole(&desk);
    let cut = "DELETE FROM entries WHERE seq = 5;
               UPDATE head SET entries = 4, hash = (SELECT hash FROM entries WHERE seq = 4)";
    tamper(&desk, cut);
    assert_eq!(whole(&desk).0, 4);
    expect_broken(&desk, &["--head", &head]);
}

#[test]
fn a_chain_that_was_written_anew_does_not_hold_its_head() {
    let desk = filled();
    let (_, head) = whole(&desk);
    let other = filled();
    std::fs::copy(database(&other), database(&desk)).unwrap();
    whole(&desk);
    expect_broken(&desk, &["--head", &head]);
}

#[test]
fn what_is_entered_after_it_was_changed_does_not_hide_it() {
    let desk = filled();
    tamper(&desk, "UPDATE entries SET at = at + 1 WHERE seq = 3");
    issue(&desk, "4.lic", &[]);
    expect_broken(&desk, &[]);
}
