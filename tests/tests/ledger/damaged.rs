//! What is no ledger, or no longer one.

use std::fs;

use license_tests::{programs, tools};

use super::*;

const LIST: [&str; 4] = ["ledger", "list", "--ledger", "l.db"];
const ISSUE: [&str; 11] = [
    "issue",
    "--key",
    "vendor.key",
    "--tier",
    "pro",
    "--customer",
    "X",
    "--perpetual",
    "--out",
    "new.lic",
    "--ledger",
];

/// Both who looks and who mints are refused, with this exit code and code of the error; what is there is left as it is.
#[track_caller]
fn expect_refused(desk: &Scratch, exit: i32, code: &str) {
    let before = fs::read(desk.file("l.db")).ok();
    let mint = [&ISSUE[..], &["l.db"]].concat();
    for args in [&LIST[..], &["ledger", "verify", "--ledger", "l.db"], &mint] {
        let complaint = keygen(desk, args).expect_failure(exit);
        assert!(
            complaint.message.starts_with("ledger l.db: "),
            "{complaint:?}"
        );
        let json = [args, &["--json"]].concat();
        assert_eq!(keygen(desk, &json).expect_json_failure(exit), code);
    }
    assert_eq!(fs::read(desk.file("l.db")).ok(), before);
    assert!(!desk.file("new.lic").exists());
}

fn filled() -> Scratch {
    let desk = desk();
    for name in ["1.lic", "2.lic", "3.lic"] {
        issue(&desk, name, &["--ledger", "l.db"]);
    }
    desk
}

#[test]
fn where_there_is_none_who_looks_is_told_so_and_makes_none() {
    let desk = desk();
    for args in [
        &LIST[..],
        &["ledger", "verify", "--ledger", "l.db"],
        &words("revoke CODITECT-PRO-1234 --reason x --ledger l.db"),
    ] {
        let json = [args, &["--json"]].concat();
        assert_eq!(keygen(&desk, &json).expect_json_failure(4), "NO_LEDGER");
    }
    assert!(!desk.file("l.db").exists());
}

#[test]
fn an_empty_file_is_none_yet_and_who_mints_makes_it_one() {
    let desk = desk();
    desk.write("l.db", "");
    let _ = keygen(&desk, &LIST).expect_failure(4);
    assert_eq!(desk.read("l.db"), "");
    issue(&desk, "1.lic", &["--ledger", "l.db"]);
    let _ = keygen(&desk, &LIST).expect_code(0);
}

#[test]
fn another_file_is_no_ledger_and_is_left_alone() {
    let desk = desk();
    desk.write(
        "l.db",
        "a letter to a customer, long enough to be one. ".repeat(40),
    );
    expect_refused(&desk, 3, "MALFORMED");
    let desk = self::desk();
    let db = Connection::open(desk.file("l.db")).unwrap();
    db.execute_batch("CREATE TABLE songs (name TEXT)").unwrap();
    drop(db);
    expect_refused(&desk, 3, "MALFORMED");
}

#[test]
fn a_folder_is_no_ledger() {
    let desk = desk();
    fs::create_dir(desk.file("l.db")).unwrap();
    expect_refused(&desk, 3, "MALFORMED");
}

#[test]
fn a_ledger_of_a_newer_version_is_left_alone() {
    let desk = filled();
    let db = Connection::open(desk.file("l.db")).unwrap();
    db.pragma_update(None, "user_version", 99).unwrap();
    drop(db);
    expect_refused(&desk, 3, "MALFORMED");
    let complaint = keygen(&desk, &LIST).expect_failure(3);
    assert!(
        complaint.message.contains("version 3 at most, found 99"),
        "{complaint:?}"
    );
    assert!(complaint.hint.contains("newer version"), "{complaint:?}");
}

#[test]
fn a_ledger_that_was_cut_off_is_damaged() {
    for keep in [50, 4096, 3 * 4096 + 7] {
        let desk = filled();
        let bytes = fs::read(desk.file("l.db")).unwrap();
        fs::write(desk.file("l.db"), &bytes[..keep]).unwrap();
        let complaint = keygen(&desk, &["ledger", "verify", "--ledger", "l.db"]);
        let complaint = complaint.expect_failure(3);
        assert!(
            complaint.message.starts_with("ledger l.db: expected a"),
            "{complaint:?}"
        );
    }
}

#[cfg(unix)]
#[test]
fn what_may_not_be_written_can_be_read_and_what_may_not_be_read_says_so() {
    use std::os::unix::fs::PermissionsExt;
    let Some(setpriv) = tools::setpriv() else {
        return;
    };
    let desk = filled();
    let mode = |name: &str, mode| {
        fs::set_permissions(desk.file(name), fs::Permissions::from_mode(mode)).unwrap();
    };
    let program = desk.file("keygen-for-everybody");
    fs::copy(programs::keygen(), &program).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(desk.path(), fs::Permissions::from_mode(0o755)).unwrap();
    mode("vendor.key", 0o644);
    let nobody = |args: &[&str]| {
        let user = ["--reuid=65534", "--regid=65534", "--clear-groups"];
        setpriv.run(&desk).args(user).arg(&program).args(args).run()
    };
    let mint = [&ISSUE[..], &["l.db", "--json"]].concat();
    let list = [&LIST[..], &["--json"]].concat();
    assert_eq!(nobody(&list).expect_json_failure(4), "LEDGER");
    let refused = nobody(&mint);
    assert_eq!(
        refused.json()["error"]["code"],
        "LEDGER",
        "{}",
        refused.said()
    );
    // A copy has no log beside it, and can be read wherever it lies.
    let _ = keygen(
        &desk,
        &["ledger", "backup", "--ledger", "l.db", "--out", "copy.db"],
    )
    .expect_code(0);
    mode("copy.db", 0o444);
    let copy = ["ledger", "verify", "--ledger", "copy.db"];
    let _ = nobody(&copy).expect_code(0);
    let refused = nobody(&[&ISSUE[..], &["copy.db", "--json"]].concat());
    assert_eq!(
        refused.json()["error"]["code"],
        "LEDGER",
        "{}",
        refused.said()
    );
}
