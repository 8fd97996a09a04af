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
        json!({ "path": "copy.db", "entries": entries, "head": head, "not_included": [] })
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
    // A backup of an earlier version that was killed left this file.
    vendor.write("copy.db.partial", "half");
    let _ = backup("copy.db").expect_code(0);
    std::fs::remove_file(vendor.file("copy.db")).unwrap();
    // A killed backup leaves this directory behind.
    std::fs::create_dir(vendor.file("copy.db.partial")).unwrap();
    vendor.write("copy.db.partial/.keygen-copy", "half");
    vendor.write("copy.db.partial/.keygen-copy-journal", "half");
    let _ = backup("copy.db").expect_code(0);
    let names = std::fs::read_dir(vendor.path()).unwrap();
    let copies = names.filter(|name| {
        let name = name.as_ref().unwrap().file_name();
        name.to_str().unwrap().starts_with("copy")
    });
    assert_eq!(copies.count(), 1);
}

#[test]
fn a_directory_with_other_files_is_not_removed() {
    let vendor = vendor();
    issue(&vendor, "1.lic", &[]);
    std::fs::create_dir(vendor.file("copy.db.partial")).unwrap();
    vendor.write("copy.db.partial/precious", "precious");
    let backup = keygen(&vendor, &words("ledger backup --out copy.db --json"));
    assert_eq!(backup.expect_json_failure(4), "LEDGER");
    assert_eq!(vendor.read("copy.db.partial/precious"), "precious");
    assert!(!vendor.file("copy.db").exists());
}

#[cfg(unix)]
#[test]
fn a_file_of_a_stranger_in_a_shared_directory_is_not_adopted() {
    use license_tests::{programs, tools};
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt, chown};
    let Some(setpriv) = tools::setpriv() else {
        return;
    };
    let vendor = vendor();
    issue(&vendor, "1.lic", &["--ledger", "own/l.db"]);
    let mode = |name: &str, mode| {
        fs::set_permissions(vendor.file(name), Permissions::from_mode(mode)).unwrap();
    };
    for name in ["own", "own/l.db", "own/l.db.lock"] {
        chown(vendor.file(name), Some(65534), None).unwrap();
    }
    programs::copy_for_all_users(programs::keygen(), &vendor.file("keygen-copy"));
    fs::set_permissions(vendor.path(), Permissions::from_mode(0o755)).unwrap();
    fs::create_dir(vendor.file("shared")).unwrap();
    mode("shared", 0o1777);
    let backup = || {
        let user = ["--reuid=65534", "--regid=65534", "--clear-groups"];
        let args = words("ledger backup --ledger own/l.db --out shared/copy.db --json");
        let run = setpriv.run(&vendor).args(user);
        run.arg(vendor.file("keygen-copy")).args(args).run()
    };
    // Root is the stranger here. Everyone may write its file, but only root may remove it.
    vendor.write("shared/copy.db.partial", "");
    mode("shared/copy.db.partial", 0o666);
    assert_eq!(backup().expect_json_failure(4), "LEDGER");
    assert_eq!(vendor.read("shared/copy.db.partial"), "");
    assert!(!vendor.file("shared/copy.db").exists());
    fs::remove_file(vendor.file("shared/copy.db.partial")).unwrap();
    fs::create_dir(vendor.file("shared/copy.db.partial")).unwrap();
    mode("shared/copy.db.partial", 0o777);
    assert_eq!(backup().expect_json_failure(4), "LEDGER");
    fs::remove_dir(vendor.file("shared/copy.db.partial")).unwrap();
    let _ = backup().expect_code(0);
    assert_eq!(vendor.mode("shared/copy.db"), 0o600);
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
