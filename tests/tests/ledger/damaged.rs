//! Files that are not ledgers, and damaged ledgers.

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

/// Checks that reading and issuing fail with this exit code and error code, and change nothing.
#[track_caller]
fn expect_refused(vendor: &Scratch, exit: i32, code: &str) {
    let before = fs::read(vendor.file("l.db")).ok();
    let issue = [&ISSUE[..], &["l.db"]].concat();
    for args in [&LIST[..], &["ledger", "verify", "--ledger", "l.db"], &issue] {
        let failure = keygen(vendor, args).expect_failure(exit);
        assert!(failure.message.starts_with("ledger l.db: "), "{failure:?}");
        let json = [args, &["--json"]].concat();
        assert_eq!(keygen(vendor, &json).expect_json_failure(exit), code);
    }
    assert_eq!(fs::read(vendor.file("l.db")).ok(), before);
    assert!(!vendor.file("new.lic").exists());
}

fn filled() -> Scratch {
    let vendor = vendor();
    for name in ["1.lic", "2.lic", "3.lic"] {
        issue(&vendor, name, &["--ledger", "l.db"]);
    }
    vendor
}

#[test]
fn reading_a_missing_ledger_fails_and_does_not_create_it() {
    let vendor = vendor();
    for args in [
        &LIST[..],
        &["ledger", "verify", "--ledger", "l.db"],
        &words("revoke CODITECT-PRO-1234 --reason x --ledger l.db"),
    ] {
        let json = [args, &["--json"]].concat();
        assert_eq!(keygen(&vendor, &json).expect_json_failure(4), "NO_LEDGER");
    }
    assert!(!vendor.file("l.db").exists());
}

#[test]
fn an_empty_file_becomes_a_ledger_with_the_first_issued_license() {
    let vendor = vendor();
    vendor.write("l.db", "");
    let _ = keygen(&vendor, &LIST).expect_failure(4);
    assert_eq!(vendor.read("l.db"), "");
    issue(&vendor, "1.lic", &["--ledger", "l.db"]);
    let _ = keygen(&vendor, &LIST).expect_code(0);
}

#[test]
fn a_file_that_is_not_a_ledger_is_refused_and_not_changed() {
    let vendor = vendor();
    vendor.write(
        "l.db",
        "This file is a letter to a customer, not a ledger. ".repeat(40),
    );
    expect_refused(&vendor, 3, "MALFORMED");
    let vendor = self::vendor();
    let db = Connection::open(vendor.file("l.db")).unwrap();
    db.execute_batch("CREATE TABLE songs (name TEXT)").unwrap();
    drop(db);
    expect_refused(&vendor, 3, "MALFORMED");
}

#[test]
fn a_directory_is_refused() {
    let vendor = vendor();
    fs::create_dir(vendor.file("l.db")).unwrap();
    expect_refused(&vendor, 3, "MALFORMED");
}

#[test]
fn a_ledger_of_a_newer_version_is_refused_and_not_changed() {
    let vendor = filled();
    let db = Connection::open(vendor.file("l.db")).unwrap();
    db.pragma_update(None, "user_version", 99).unwrap();
    drop(db);
    expect_refused(&vendor, 3, "MALFORMED");
    let failure = keygen(&vendor, &LIST).expect_failure(3);
    assert!(
        failure.message.contains("version 3 at most, found 99"),
        "{failure:?}"
    );
    assert!(failure.hint.contains("newer version"), "{failure:?}");
}

#[test]
fn a_truncated_ledger_is_damaged() {
    for size in [50, 4096, 3 * 4096 + 7] {
        let vendor = filled();
        let bytes = fs::read(vendor.file("l.db")).unwrap();
        fs::write(vendor.file("l.db"), &bytes[..size]).unwrap();
        let failure = keygen(&vendor, &["ledger", "verify", "--ledger", "l.db"]);
        let failure = failure.expect_failure(3);
        assert!(
            failure.message.starts_with("ledger l.db: expected a"),
            "{failure:?}"
        );
    }
}

#[cfg(unix)]
#[test]
fn a_read_only_backup_can_be_read_but_reading_an_inaccessible_ledger_is_an_error() {
    use std::os::unix::fs::PermissionsExt;
    let Some(setpriv) = tools::setpriv() else {
        return;
    };
    let vendor = filled();
    let mode = |name: &str, mode| {
        fs::set_permissions(vendor.file(name), fs::Permissions::from_mode(mode)).unwrap();
    };
    let program = vendor.file("keygen-copy");
    programs::copy_for_all_users(programs::keygen(), &program);
    fs::set_permissions(vendor.path(), fs::Permissions::from_mode(0o755)).unwrap();
    mode("vendor.key", 0o644);
    let as_other_user = |args: &[&str]| {
        let user = ["--reuid=65534", "--regid=65534", "--clear-groups"];
        setpriv
            .run(&vendor)
            .args(user)
            .arg(&program)
            .args(args)
            .run()
    };
    let issue = [&ISSUE[..], &["l.db", "--json"]].concat();
    let list = [&LIST[..], &["--json"]].concat();
    assert_eq!(as_other_user(&list).expect_json_failure(4), "LEDGER");
    let refused = as_other_user(&issue);
    assert_eq!(
        refused.json()["error"]["code"],
        "LEDGER",
        "{}",
        refused.all_output()
    );
    // A backup has no write-ahead log, so it can be read without write access.
    let _ = keygen(
        &vendor,
        &["ledger", "backup", "--ledger", "l.db", "--out", "copy.db"],
    )
    .expect_code(0);
    mode("copy.db", 0o444);
    let copy = ["ledger", "verify", "--ledger", "copy.db"];
    let _ = as_other_user(&copy).expect_code(0);
    let refused = as_other_user(&[&ISSUE[..], &["copy.db", "--json"]].concat());
    assert_eq!(
        refused.json()["error"]["code"],
        "LEDGER",
        "{}",
        refused.all_output()
    );
}
