//! Copies of the ledger.

use std::thread;

use super::*;

#[test]
fn a_backup_holds_what_the_ledger_does_and_can_take_its_place() {
    let desk = desk();
    issue(&desk, "1.lic", &[]);
    let told = told(&desk, &["ledger", "backup", "--out", "copy.db"]);
    let (entries, head) = whole(&desk);
    assert_eq!(
        told,
        json!({ "path": "copy.db", "entries": entries, "head": head })
    );
    issue(&desk, "2.lic", &["--ledger", "copy.db"]);
    let verify = ["ledger", "verify", "--ledger", "copy.db", "--head", &head];
    assert!(
        keygen(&desk, &verify)
            .expect_code(0)
            .stdout
            .starts_with("whole: 3 entries")
    );
    assert_eq!(whole(&desk).0, 2);
}

#[test]
fn a_backup_replaces_nothing_and_leaves_nothing_else() {
    let desk = desk();
    issue(&desk, "1.lic", &[]);
    desk.write("precious", "precious");
    let backup = |out| keygen(&desk, &["ledger", "backup", "--json", "--out", out]);
    assert_eq!(backup("precious").expect_json_failure(2), "EXISTS");
    assert_eq!(backup("missing/copy.db").expect_json_failure(4), "LEDGER");
    assert_eq!(desk.read("precious"), "precious");
    // Of one that was killed.
    desk.write("copy.db.partial", "half");
    let _ = backup("copy.db").expect_code(0);
    let names = std::fs::read_dir(desk.path()).unwrap();
    let copies = names.filter(|name| {
        let name = name.as_ref().unwrap().file_name();
        name.to_str().unwrap().starts_with("copy")
    });
    assert_eq!(copies.count(), 1);
}

#[test]
fn a_backup_is_whole_while_another_mints() {
    let desk = desk();
    issue(&desk, "first.lic", &[]);
    thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0..10 {
                issue(&desk, &format!("{number}.lic"), &[]);
            }
        });
        for number in 0..5 {
            let copy = format!("copy-{number}.db");
            let told = told(&desk, &["ledger", "backup", "--out", &copy]);
            let verify = ["ledger", "verify", "--ledger", &copy];
            let head = text(&told["head"]);
            let _ = keygen(&desk, &verify).expect_code(0);
            // It is a part of the ledger.
            let _ = self::told(&desk, &["ledger", "verify", "--head", head]);
        }
    });
    assert_eq!(whole(&desk).0, 12);
    assert_eq!(licenses(&desk, &["list"]).len(), 11);
}
