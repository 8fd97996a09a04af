//! Backups of the ledger.

use std::thread;

use super::*;

#[test]
fn a_backup_has_the_same_entries_and_can_replace_the_ledger() {
    let vendor = vendor();
    issue(&vendor, "1.lic", &[]);
    let report = keygen_json(&vendor, &["ledger", "backup", "--out", "copy.db"]);
    let (entries, head) = verified_chain(&vendor);
    assert_eq!(
        report,
        json!({ "path": "copy.db", "entries": entries, "head": head })
    );
    issue(&vendor, "2.lic", &["--ledger", "copy.db"]);
    let verify = ["ledger", "verify", "--ledger", "copy.db", "--head", &head];
    assert!(
        keygen(&vendor, &verify)
            .expect_code(0)
            .stdout
            .starts_with("intact: 3 entries")
    );
    assert_eq!(verified_chain(&vendor).0, 2);
}

#[test]
fn a_backup_overwrites_no_file_and_removes_a_partial_copy() {
    let vendor = vendor();
    issue(&vendor, "1.lic", &[]);
    vendor.write("precious", "precious");
    let backup = |out| keygen(&vendor, &["ledger", "backup", "--json", "--out", out]);
    assert_eq!(backup("precious").expect_json_failure(2), "EXISTS");
    assert_eq!(backup("missing/copy.db").expect_json_failure(4), "LEDGER");
    assert_eq!(vendor.read("precious"), "precious");
    // An earlier backup that was killed left this file.
    vendor.write("copy.db.partial", "half");
    let _ = backup("copy.db").expect_code(0);
    let names = std::fs::read_dir(vendor.path()).unwrap();
    let copies = names.filter(|name| {
        let name = name.as_ref().unwrap().file_name();
        name.to_str().unwrap().starts_with("copy")
    });
    assert_eq!(copies.count(), 1);
}

#[test]
fn a_backup_during_issuing_is_valid() {
    let vendor = vendor();
    issue(&vendor, "first.lic", &[]);
    thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0..10 {
                issue(&vendor, &format!("{number}.lic"), &[]);
            }
        });
        for number in 0..5 {
            let copy = format!("copy-{number}.db");
            let report = keygen_json(&vendor, &["ledger", "backup", "--out", &copy]);
            let verify = ["ledger", "verify", "--ledger", &copy];
            let head = text(&report["head"]);
            let _ = keygen(&vendor, &verify).expect_code(0);
            // The ledger contains the head of the backup.
            let _ = keygen_json(&vendor, &["ledger", "verify", "--head", head]);
        }
    });
    assert_eq!(verified_chain(&vendor).0, 12);
    assert_eq!(licenses(&vendor, &["list"]).len(), 11);
}
