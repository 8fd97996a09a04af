//! Where the ledger is, and who may read it.

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
fn it_is_in_the_users_data_folder_by_default() {
    let desk = desk();
    let _ = keygen(&desk, &ISSUE).expect_code(0);
    assert!(database(&desk).is_file());
    let elsewhere = Run::keygen(&desk).env("XDG_DATA_HOME", desk.file("data"));
    let _ = elsewhere.args(ISSUE).arg("--force").run().expect_code(0);
    assert!(desk.file("data/keygen/ledger.db").is_file());
}

#[test]
fn the_option_goes_before_the_environment_and_that_before_the_default() {
    let desk = desk();
    let run = |args: &[&str]| {
        let run = Run::keygen(&desk).env("KEYGEN_LEDGER", desk.file("named.db"));
        run.args(ISSUE)
            .arg("--force")
            .args(args)
            .run()
            .expect_code(0)
    };
    let _ = run(&["--ledger", "given.db"]);
    assert!(desk.file("given.db").is_file() && !desk.file("named.db").exists());
    let _ = run(&[]);
    assert!(desk.file("named.db").is_file() && !database(&desk).exists());
    let empty = Run::keygen(&desk).env("KEYGEN_LEDGER", "").args(ISSUE);
    let _ = empty.arg("--force").run().expect_code(0);
    assert!(database(&desk).is_file());
}

#[test]
fn without_a_ledger_nothing_is_entered_anywhere() {
    let desk = desk();
    let run = Run::keygen(&desk).env("KEYGEN_LEDGER", desk.file("named.db"));
    let minted = run.args(ISSUE).arg("--no-ledger").run().expect_code(0);
    assert!(minted.stdout.contains("wrote"), "{}", minted.stdout);
    let check_in = ["check-in", "--key", "vendor.key", "acme.lic", "--no-ledger"];
    let _ = keygen(&desk, &check_in).expect_code(0);
    assert!(!desk.file("named.db").exists());
    assert_eq!(std::fs::read_dir(desk.home()).unwrap().count(), 0);
    for looks in [
        &["ledger", "list"][..],
        &["ledger", "import", "acme.lic", "--trust", "trust.jwks"],
    ] {
        let _ = keygen(&desk, &[looks, &["--no-ledger"]].concat()).expect_failure(2);
    }
    let both = ["ledger", "list", "--no-ledger", "--ledger", "given.db"];
    let _ = keygen(&desk, &both).expect_failure(2);
}

#[test]
fn names_that_sqlite_would_take_for_others_are_files() {
    let desk = desk();
    for name in [":memory:", "file:x?mode=memory", "ledger with spaces"] {
        let args = [&ISSUE[..], &["--force", "--ledger", name]].concat();
        let _ = keygen(&desk, &args).expect_code(0);
        let verify = keygen(&desk, &["ledger", "verify", "--ledger", name]);
        assert!(verify.expect_code(0).stdout.starts_with("whole: 2 entries"));
        assert!(desk.file(name).metadata().unwrap().len() > 0);
    }
}

#[cfg(unix)]
#[test]
fn it_is_its_owners_to_read_and_so_is_what_is_copied_from_it() {
    let desk = desk();
    let _ = keygen(
        &desk,
        &[&ISSUE[..], &["--ledger", "new/folder/l.db"]].concat(),
    )
    .expect_code(0);
    let ledger = |args: &[&str]| {
        let at = ["--ledger", "new/folder/l.db"];
        let _ = keygen(&desk, &[&["ledger"], args, &at].concat()).expect_code(0);
    };
    ledger(&["export", "--out", "export.jsonl"]);
    ledger(&["backup", "--out", "copy.db"]);
    for name in [
        "new/folder/l.db",
        "new/folder/l.db.lock",
        "export.jsonl",
        "copy.db",
    ] {
        assert_eq!(desk.mode(name), 0o600, "{name}");
    }
}

#[cfg(unix)]
#[test]
fn by_whatever_link_it_is_reached_its_lock_is_one() {
    let desk = desk();
    let _ = keygen(&desk, &[&ISSUE[..], &["--ledger", "l.db"]].concat()).expect_code(0);
    std::os::unix::fs::symlink("l.db", desk.file("link.db")).unwrap();
    let args = [&ISSUE[..], &["--force", "--ledger", "link.db"]].concat();
    let _ = keygen(&desk, &args).expect_code(0);
    assert!(!desk.file("link.db.lock").exists());
    let list = told(&desk, &["ledger", "list", "--ledger", "l.db"]);
    assert_eq!(list["count"], 2);
}
