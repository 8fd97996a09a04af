//! A ledger that a stranger made: its pending artifacts name files of the user.
#![cfg(unix)]

use std::fs;

use rusqlite::params;

use super::*;

/// A vendor with a ledger `evil.db` that has a valid chain and pending artifacts of a stranger.
///
/// Recovery without checks would delete `notes.txt`, `staged/.keygen-1` and `link`, and would
/// replace `orders.txt` with `payload.txt`.
fn with_evil_ledger() -> Scratch {
    let vendor = vendor();
    issue(&vendor, "1.lic", &["--ledger", "evil.db"]);
    for name in ["notes.txt", "orders.txt", "payload.txt", "target.txt"] {
        vendor.write(name, name);
    }
    fs::create_dir(vendor.file("staged")).unwrap();
    vendor.write("staged/.keygen-1", "another directory");
    std::os::unix::fs::symlink("notes.txt", vendor.file(".keygen-2")).unwrap();
    let db = Connection::open(vendor.file("evil.db")).unwrap();
    let insert =
        "INSERT INTO intents (at, kind, subject, body, artefact, path, passing, replaces, entered)
                  VALUES (1, 'license', 'x', '{}', 'token', ?1, ?2, 1, ?3)";
    for (path, staging, is_recorded) in [
        ("missing.lic", "notes.txt", false),
        ("orders.txt", "payload.txt", true),
        ("missing.lic", "staged/.keygen-1", false),
        ("target.txt", "staged/.keygen-1", true),
        ("target.txt", ".keygen-2", true),
    ] {
        let absolute = |name: &str| vendor.file(name).to_str().unwrap().to_owned();
        let row = params![absolute(path), absolute(staging), is_recorded];
        assert_eq!(db.execute(insert, row).unwrap(), 1);
    }
    vendor
}

#[track_caller]
fn expect_untouched(vendor: &Scratch, context: &str) {
    for name in ["notes.txt", "orders.txt", "payload.txt", "target.txt"] {
        let content = fs::read_to_string(vendor.file(name));
        assert_eq!(content.ok().as_deref(), Some(name), "{context}");
    }
    assert!(vendor.file("staged/.keygen-1").exists(), "{context}");
    let link = fs::symlink_metadata(vendor.file(".keygen-2"));
    assert!(link.is_ok_and(|found| found.is_symlink()), "{context}");
    assert!(!vendor.file("missing.lic").exists(), "{context}");
}

#[test]
fn commands_that_read_change_no_file() {
    let vendor = with_evil_ledger();
    let ledger = fs::read(vendor.file("evil.db")).unwrap();
    let id = keygen_json(&vendor, &words("ledger list --ledger evil.db"));
    let id = text(&id["licenses"][0]["license_id"]).to_owned();
    for (index, command) in [
        "ledger list",
        "ledger stats",
        "ledger find ACME",
        "ledger expiring",
        "ledger export",
        "ledger verify",
        "ledger backup --out copy.db",
        "usage summary",
        "revocations --key vendor.key --dry-run",
        "diff 1.lic 1.lic",
        &format!("ledger show {id}"),
        &format!("ledger resend {id}"),
    ]
    .into_iter()
    .enumerate()
    {
        let args = [words(command), words("--ledger evil.db")].concat();
        let _ = keygen(&vendor, &args).expect_code(0);
        expect_untouched(&vendor, &format!("{index}: {command}"));
        assert!(
            fs::read(vendor.file("evil.db")).unwrap() == ledger,
            "{command}"
        );
    }
}

#[test]
fn a_command_that_writes_ignores_staging_files_that_are_not_its_own() {
    let vendor = with_evil_ledger();
    issue(&vendor, "2.lic", &["--ledger", "evil.db"]);
    expect_untouched(&vendor, "issue");
    let report = keygen_json(&vendor, &words("ledger verify --ledger evil.db"));
    let pending = report["pending"].as_array().unwrap();
    assert_eq!(pending.len(), 5, "{report}");
    assert_eq!(
        pending[0]["path"],
        vendor.file("missing.lic").to_str().unwrap()
    );
    assert_eq!(
        pending[0]["staging"],
        vendor.file("notes.txt").to_str().unwrap()
    );
    let recoverable: Vec<_> = pending
        .iter()
        .map(|artifact| &artifact["recoverable"])
        .collect();
    assert_eq!(recoverable, [false, false, false, false, true]);
    assert_eq!(report["warnings"][0]["code"], "PENDING");
    let shown = keygen(&vendor, &words("ledger verify --ledger evil.db")).expect_code(0);
    assert!(
        shown.stderr.contains("PENDING: 5 artifacts pending"),
        "{}",
        shown.stderr
    );
}
