//! The location of the ledger, and its permissions.

use super::*;

const ISSUE: [&str; 10] = [
    "issue",
    "--key",
    "vendor.key",
    "--tier",
    "pro",
    "--customer",
    "ACME Ltd",
    "--perpetual",
    "--out",
    "acme.lic",
];

#[cfg(target_os = "linux")]
#[test]
fn the_default_location_is_the_data_directory_of_the_user() {
    let vendor = vendor();
    let _ = keygen(&vendor, &ISSUE).expect_code(0);
    assert!(database(&vendor).is_file());
    let elsewhere = Run::keygen(&vendor).env("XDG_DATA_HOME", vendor.file("data"));
    let _ = elsewhere.args(ISSUE).arg("--force").run().expect_code(0);
    assert!(vendor.file("data/keygen/ledger.db").is_file());
}

#[test]
fn the_option_overrides_the_environment_and_the_environment_overrides_the_default() {
    let vendor = vendor();
    let run = |args: &[&str]| {
        let run = Run::keygen(&vendor).env("KEYGEN_LEDGER", vendor.file("named.db"));
        run.args(ISSUE)
            .arg("--force")
            .args(args)
            .run()
            .expect_code(0)
    };
    let _ = run(&["--ledger", "given.db"]);
    assert!(vendor.file("given.db").is_file() && !vendor.file("named.db").exists());
    let _ = run(&[]);
    assert!(vendor.file("named.db").is_file() && !database(&vendor).exists());
    let empty = Run::keygen(&vendor).env("KEYGEN_LEDGER", "").args(ISSUE);
    let _ = empty.arg("--force").run().expect_code(0);
    assert!(database(&vendor).is_file());
}

#[test]
fn nothing_is_recorded_without_a_ledger() {
    let vendor = vendor();
    let run = Run::keygen(&vendor).env("KEYGEN_LEDGER", vendor.file("named.db"));
    let issued = run.args(ISSUE).arg("--no-ledger").run().expect_code(0);
    assert!(issued.stdout.contains("wrote"), "{}", issued.stdout);
    let check_in = ["check-in", "--key", "vendor.key", "acme.lic", "--no-ledger"];
    let _ = keygen(&vendor, &check_in).expect_code(0);
    assert!(!vendor.file("named.db").exists());
    assert_eq!(std::fs::read_dir(vendor.home()).unwrap().count(), 0);
    for command in [
        &["ledger", "list"][..],
        &["ledger", "import", "acme.lic", "--trust", "trust.jwks"],
    ] {
        let _ = keygen(&vendor, &[command, &["--no-ledger"]].concat()).expect_failure(2);
    }
    let both = ["ledger", "list", "--no-ledger", "--ledger", "given.db"];
    let _ = keygen(&vendor, &both).expect_failure(2);
}

#[test]
fn names_with_a_special_meaning_in_sqlite_are_file_names() {
    let vendor = vendor();
    for name in [":memory:", "file:x?mode=memory", "ledger with spaces"] {
        let args = [&ISSUE[..], &["--force", "--ledger", name]].concat();
        let _ = keygen(&vendor, &args).expect_code(0);
        let verify = keygen(&vendor, &["ledger", "verify", "--ledger", name]);
        assert!(
            verify
                .expect_code(0)
                .stdout
                .starts_with("intact: 2 entries")
        );
        assert!(vendor.file(name).metadata().unwrap().len() > 0);
    }
}

#[cfg(unix)]
#[test]
fn only_the_owner_can_read_the_ledger_and_its_copies() {
    let vendor = vendor();
    let _ = keygen(
        &vendor,
        &[&ISSUE[..], &["--ledger", "new/directory/l.db"]].concat(),
    )
    .expect_code(0);
    let ledger = |args: &[&str]| {
        let at = ["--ledger", "new/directory/l.db"];
        let _ = keygen(&vendor, &[&["ledger"], args, &at].concat()).expect_code(0);
    };
    ledger(&["export", "--out", "export.jsonl"]);
    ledger(&["backup", "--out", "copy.db"]);
    for name in [
        "new/directory/l.db",
        "new/directory/l.db.lock",
        "export.jsonl",
        "copy.db",
    ] {
        assert_eq!(vendor.mode(name), 0o600, "{name}");
    }
}

#[cfg(unix)]
#[test]
fn a_symbolic_link_to_the_ledger_uses_the_same_lock() {
    let vendor = vendor();
    let _ = keygen(&vendor, &[&ISSUE[..], &["--ledger", "l.db"]].concat()).expect_code(0);
    std::os::unix::fs::symlink("l.db", vendor.file("link.db")).unwrap();
    let args = [&ISSUE[..], &["--force", "--ledger", "link.db"]].concat();
    let _ = keygen(&vendor, &args).expect_code(0);
    assert!(!vendor.file("link.db.lock").exists());
    let list = keygen_json(&vendor, &["ledger", "list", "--ledger", "l.db"]);
    assert_eq!(list["count"], 2);
}

#[cfg(unix)]
#[test]
fn root_locks_no_user_out_of_directories_and_ledgers() {
    use std::os::unix::fs::{MetadataExt, chown};
    let vendor = vendor();
    let user = 65534;
    if chown(vendor.home(), Some(user), None).is_err() {
        eprintln!("SKIPPED: only root can change the owner of a directory");
        return;
    }
    for dry_run in [&[][..], &["--dry-run"]] {
        let args = [&ISSUE[..], &["--json"], dry_run].concat();
        assert_eq!(keygen(&vendor, &args).expect_json_failure(4), "LEDGER");
    }
    assert_eq!(std::fs::read_dir(vendor.home()).unwrap().count(), 0);
    // A ledger in an existing directory belongs to the owner of the directory.
    let ledger = vendor.home().join("l.db");
    let args = [&ISSUE[..], &["--ledger", ledger.to_str().unwrap()]].concat();
    let _ = keygen(&vendor, &args).expect_code(0);
    for name in ["l.db", "l.db.lock"] {
        assert_eq!(
            vendor.home().join(name).metadata().unwrap().uid(),
            user,
            "{name}"
        );
    }
}
