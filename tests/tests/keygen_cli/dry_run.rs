//! `--dry-run` reports what a real run would report, needs no secret, and changes no file.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use rusqlite::Connection;

use super::*;

const ISSUE: &[&str] = &["issue", "--tier", "team", "--customer", "ACME Ltd"];
const TERM: &[&str] = &["--issued-at", "2026-01-01", "--expires", "2030-12-31"];
const ENTERPRISE: &[&str] = &["enterprise-key", "--company", "ACME", "--seats", "100"];
const CHECK_IN: &[&str] = &["check-in", "acme.lic", "--issued-at", "2026-03-01"];
const KEY: &[&str] = &["--key", "vendor.key"];

/// Returns a vendor's directory with a license, and with the signing key in the ledger.
fn workstation() -> Scratch {
    let workstation = Vendor::shared().workstation();
    let issue = [ISSUE, TERM, KEY, &["--out", "acme.lic"]].concat();
    let _ = keygen(&workstation, &issue).expect_code(0);
    workstation
}

/// Returns the paths of all files and directories, with the content of each file.
fn snapshot(directory: &Path) -> BTreeMap<std::path::PathBuf, Option<Vec<u8>>> {
    let mut found = BTreeMap::new();
    let mut directories = vec![directory.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            let is_directory = path.symlink_metadata().unwrap().is_dir();
            if is_directory {
                directories.push(path.clone());
            }
            let content = (!is_directory).then(|| fs::read(&path).unwrap_or_default());
            found.insert(path, content);
        }
    }
    found
}

/// Runs a command with `--dry-run`, and checks that no file has changed.
#[track_caller]
fn dry_run(workstation: &Scratch, args: &[&str]) -> RunOutput {
    let before = snapshot(workstation.path());
    let outcome = keygen(workstation, &[args, &["--dry-run"]].concat());
    assert!(
        snapshot(workstation.path()) == before,
        "{args:?} changed a file in a dry run"
    );
    outcome
}

/// Returns arguments for every command that issues an artifact.
fn issuing_commands() -> Vec<Vec<&'static str>> {
    let issue = |terms: &[&'static str]| [ISSUE, TERM, KEY, terms].concat();
    let enterprise = |terms: &[&'static str]| [ENTERPRISE, KEY, terms].concat();
    let check_in = |terms: &[&'static str]| [CHECK_IN, KEY, terms].concat();
    vec![
        issue(&[]),
        issue(&["--out", "new.lic", "--seats", "20", "--offline"]),
        issue(&["--machine", FINGERPRINT, "--machine", DIGEST]),
        issue(&["--out", "acme.lic", "--force", "--add-feature", "brand_new"]),
        issue(&words("--not-before 2027-01-01 --user ann --check-in 12")),
        enterprise(&["--perpetual"]),
        enterprise(&["--expires", "20301231", "--out", "acme.key"]),
        enterprise(&["--expires", "20301231", "--short"]),
        enterprise(&["--expires", "20201231"]),
        check_in(&[]),
        check_in(&[
            "--out",
            "validation.lic",
            "--machine",
            DIGEST,
            "--nonce",
            "4711",
        ]),
        check_in(&["--status", "suspended"]),
    ]
}

/// Returns a report without the members that only a real run can fill.
fn terms(report: &Value) -> Value {
    let filled_by_real_run = [
        "license_id",
        "key",
        "short_key",
        "kid",
        "alg",
        "path",
        "token",
        "id",
        "dry_run",
    ];
    let is_planned = |(name, _): &(&String, &Value)| !filled_by_real_run.contains(&name.as_str());
    match report {
        Value::Object(members) => {
            let planned = members.iter().filter(is_planned);
            planned
                .map(|(name, value)| (name.clone(), terms(value)))
                .collect()
        }
        Value::Array(items) => items.iter().map(terms).collect(),
        other => other.clone(),
    }
}

fn warnings(outcome: &RunOutput) -> Vec<&str> {
    outcome.stderr.lines().collect()
}

#[test]
fn a_dry_run_reports_the_same_as_the_real_run() {
    for command in issuing_commands() {
        let workstation = workstation();
        let json = [&command[..], &["--json"]].concat();
        let planned = dry_run(&workstation, &json).expect_code(0);
        let real = keygen(&workstation, &json).expect_code(0);
        assert_eq!(warnings(&planned), warnings(&real), "{command:?}");
        let (planned, real) = (planned.json(), real.json());
        assert_eq!(terms(&planned), terms(&real), "{command:?}");
        assert_eq!(planned["dry_run"], true);
        assert_eq!(real["dry_run"], false);
        let members = |report: &Value| {
            report
                .as_object()
                .unwrap()
                .keys()
                .cloned()
                .collect::<Vec<_>>()
        };
        assert_eq!(members(&planned), members(&real), "{command:?}");
    }
}

#[test]
fn members_that_need_a_signature_are_null() {
    let workstation = workstation();
    for command in issuing_commands() {
        let report = dry_run(&workstation, &[&command[..], &["--json"]].concat());
        let report = report.expect_code(0).json();
        for member in ["license_id", "key", "short_key", "kid", "path", "token"] {
            assert!(report[member].is_null(), "{member}: {report}");
        }
        for validation in report["validations"].as_array().into_iter().flatten() {
            assert!(
                validation["id"].is_null() && validation["token"].is_null(),
                "{validation}"
            );
            assert!(validation["license_id"].is_string());
        }
    }
}

#[test]
fn the_printed_report_is_the_same_as_in_the_real_run() {
    let workstation = workstation();
    let command = [ISSUE, TERM, KEY, &["--out", "new.lic"]].concat();
    let planned = dry_run(&workstation, &command).expect_code(0).stdout;
    let real = keygen(&workstation, &command).expect_code(0).stdout;
    let is_shared = |line: &&str| {
        let own = ["dry run ", "wrote ", "license id ", "key "];
        !own.iter().any(|start| line.starts_with(start))
    };
    let report: Vec<_> = planned.lines().filter(is_shared).collect();
    assert!(report.len() > 1, "{planned}");
    assert!(real.lines().filter(is_shared).eq(report), "{planned}");
}

#[test]
fn a_dry_run_creates_no_ledger() {
    for command in [
        [ISSUE, TERM, KEY].concat(),
        [ENTERPRISE, KEY, &["--perpetual"]].concat(),
    ] {
        let workstation = Vendor::shared().workstation();
        let _ = dry_run(&workstation, &command).expect_code(0);
        let deep = ["--ledger", "a/b/ledger.db"];
        let _ = dry_run(&workstation, &[&command[..], &deep].concat()).expect_code(0);
        let none = ["--no-ledger"];
        let _ = dry_run(&workstation, &[&command[..], &none].concat()).expect_code(0);
    }
}

#[test]
fn a_ledger_that_is_open_elsewhere_is_read() {
    let workstation = workstation();
    let path = workstation.home().join(".local/share/keygen/ledger.db");
    let other = Connection::open(&path).unwrap();
    let write = "UPDATE head SET serial = serial + 1";
    assert_eq!(other.execute(write, []).unwrap(), 1);
    // Every reader changes the file `-shm`, which is the shared memory of all connections.
    let files = || {
        let mut all = snapshot(workstation.path());
        all.retain(|path, _| !path.to_str().unwrap().ends_with("-shm"));
        all
    };
    let before = files();
    let command = [CHECK_IN, KEY, &["--dry-run"]].concat();
    let _ = keygen(&workstation, &command).expect_code(0);
    assert!(files() == before, "a dry run changed a file");
    drop(other);
    let _ = keygen(&workstation, &["ledger", "verify"]).expect_code(0);
}

#[test]
fn an_encrypted_key_is_checked_but_not_opened() {
    let workstation = workstation();
    workstation.write("passphrase", PASSPHRASE);
    let new_key = ["new-key", "--out", "sealed.key", "--bits", "2048"];
    let encrypted = ["--passphrase-file", "passphrase"];
    let _ = keygen(&workstation, &[&new_key[..], &encrypted].concat()).expect_code(0);
    // There is no terminal for a prompt.
    let key = ["--key", "sealed.key"];
    let command = [ISSUE, TERM, &key].concat();
    let _ = dry_run(&workstation, &command).expect_code(0);
    keygen(&workstation, &command).expect_failure(2);
    let wrong = [&command[..], &["--passphrase-file", "nowhere"]].concat();
    dry_run(&workstation, &wrong).expect_failure(4);
    fs::remove_file(workstation.file("sealed.key")).unwrap();
    assert_eq!(
        dry_run(&workstation, &command).expect_failure(4),
        keygen(&workstation, &command).expect_failure(4)
    );
}

/// Returns arguments that `keygen` refuses in the directory of [`directory_with_obstacles`].
fn invalid_commands() -> Vec<Vec<&'static str>> {
    let with = |base: &[&'static str], rest: &[&'static str]| [base, rest].concat();
    let issue = |rest| with(&[ISSUE, TERM].concat(), rest);
    let enterprise = |rest| with(&[ENTERPRISE, &["--perpetual"]].concat(), rest);
    let check_in = |rest| with(CHECK_IN, rest);
    let bare = |rest: &[&'static str]| with(&["issue", "--key", "vendor.key"], rest);
    let mut wrong = vec![
        bare(&["--tier", "gold", "--customer", "A", "--days", "1"]),
        bare(&["--tier", "pro", "--customer", " ", "--days", "1"]),
        bare(&["--tier", "pro", "--customer", "A"]),
        bare(&words("--tier team --customer A --days 1 --seats 4")),
        bare(&words("--tier pro --customer A --days 1 --machine laptop")),
        bare(&words(
            "--tier pro --customer A --days 1 --product-file acme.lic",
        )),
        enterprise(&["--key", "vendor.key", "--short", "--alg", "PS256"]),
        check_in(&["--key", "vendor.key", "--nonce", ""]),
        check_in(&["--key", "vendor.key", "--out", "acme.lic", "--force"]),
        check_in(&["--key", "vendor.key", "--product-file", "widget.toml"]),
        vec!["check-in", "tampered.lic", "--key", "vendor.key"],
        vec!["check-in", "foreign.lic", "--key", "vendor.key"],
        vec!["check-in", "noise", "--key", "vendor.key"],
        vec!["check-in", "nowhere.lic", "--key", "vendor.key"],
        vec!["check-in", "vendor.key", "--key", "vendor.key"],
    ];
    let common: [&[&str]; 13] = [
        &["--key", "vendor.key", "--out", "noise"],
        &["--key", "vendor.key", "--out", "nowhere/new.lic"],
        &["--key", "vendor.key", "--out", "other.key", "--force"],
        &["--key", "vendor.key", "--out", "link", "--force"],
        &["--key", "vendor.key", "--out", "home", "--force"],
        &["--key", "vendor.key", "--out", "new/"],
        &["--key", "vendor.key", "--ledger", "noise"],
        &["--key", "vendor.key", "--ledger", "other.db"],
        &["--key", "vendor.key", "--ledger", "newer.db"],
        &["--key", "vendor.key", "--ledger", "home"],
        &["--key", "nowhere.key"],
        &["--key", "noise"],
        &["--key", "exposed.key"],
    ];
    for rest in common {
        wrong.extend([issue(rest), enterprise(rest), check_in(rest)]);
    }
    wrong
}

/// Returns a directory with damaged, foreign and unsuitable files.
fn directory_with_obstacles() -> Scratch {
    let workstation = workstation();
    let license = workstation.read("acme.lic");
    workstation.write(
        "tampered.lic",
        vendor::changed_at(&license, license.find('.').unwrap() + 80),
    );
    let stranger = Vendor::with_new_key("2048", "RS256");
    workstation.write(
        "foreign.lic",
        stranger.issue(&["--tier", "pro", "--perpetual"]).file,
    );
    workstation.write_private("other.key", &stranger.key);
    workstation.write("exposed.key", &stranger.key);
    workstation.write("noise", "no such thing\n");
    workstation.write("widget.toml", license_tests::WIDGET);
    let database = |name: &str, sql: &str| {
        let db = Connection::open(workstation.file(name)).unwrap();
        db.execute_batch(sql).unwrap();
    };
    database("other.db", "CREATE TABLE things (thing TEXT)");
    let newer = "CREATE TABLE t (x); PRAGMA application_id = 0x4C69634C; PRAGMA user_version = 99";
    database("newer.db", newer);
    #[cfg(unix)]
    std::os::unix::fs::symlink("acme.lic", workstation.file("link")).unwrap();
    workstation
}

#[cfg(unix)]
#[test]
fn a_dry_run_refuses_with_the_same_error_as_the_real_run() {
    let workstation = directory_with_obstacles();
    for command in invalid_commands() {
        let refused = dry_run(&workstation, &command);
        assert!(
            matches!(refused.code, Some(2..=4)),
            "{command:?}: {refused:?}"
        );
        let real = keygen(&workstation, &command);
        assert_eq!(
            (refused.code, &refused.stderr, &refused.stdout),
            (real.code, &real.stderr, &real.stdout),
            "{command:?}"
        );
    }
}

#[test]
fn a_ledger_that_cannot_be_created_is_an_error() {
    let workstation = workstation();
    for place in ["acme.lic/ledger.db", "acme.lic/directory/ledger.db"] {
        let command = [ISSUE, TERM, KEY, &["--ledger", place]].concat();
        let error = dry_run(&workstation, &command).expect_failure(4);
        assert!(error.message.contains(place), "{error:?}");
        keygen(&workstation, &command).expect_failure(4);
    }
}

#[test]
fn a_license_that_is_too_large_is_refused_before_a_key_is_opened() {
    let workstation = workstation();
    let name = "x".repeat(60_000);
    let command = ["issue", "--tier", "pro", "--perpetual", "--customer", &name];
    let error = dry_run(&workstation, &[&command[..], KEY].concat()).expect_failure(2);
    assert!(error.message.contains("65536"), "{error:?}");
    assert!(error.hint.contains("smaller"), "{error:?}");
}

#[test]
fn without_the_signing_key_a_license_is_verified_with_keys_from_the_ledger_or_a_trust_set() {
    let workstation = workstation();
    workstation.write("passphrase", PASSPHRASE);
    let new_key = ["new-key", "--out", "sealed.key", "--bits", "2048"];
    let _ = keygen(
        &workstation,
        &[&new_key[..], &["--passphrase-file", "passphrase"]].concat(),
    );
    let command = [CHECK_IN, &["--key", "sealed.key"]].concat();
    let from_ledger = dry_run(&workstation, &command).expect_code(0);
    assert!(
        from_ledger.stderr.contains("KEY_NOT_OPENED"),
        "{from_ledger:?}"
    );
    workstation.write("trust.jwks", &Vendor::shared().trust);
    let trusted = dry_run(
        &workstation,
        &[&command[..], &["--trust", "trust.jwks"]].concat(),
    );
    assert_eq!(trusted.expect_code(0).stderr, "");
    let unknown = dry_run(&workstation, &[&command[..], &["--no-ledger"]].concat());
    let error = unknown.expect_failure(3);
    assert!(error.hint.contains("--trust"), "{error:?}");
}

#[test]
fn without_the_signing_key_an_enterprise_key_is_verified_with_keys_from_the_ledger() {
    let workstation = workstation();
    workstation.write("acme.key", Vendor::shared().enterprise_key());
    workstation.write("passphrase", PASSPHRASE);
    let new_key = ["new-key", "--out", "sealed.key", "--bits", "2048"];
    let _ = keygen(
        &workstation,
        &[&new_key[..], &["--passphrase-file", "passphrase"]].concat(),
    );
    let command = ["check-in", "acme.key", "--key", "sealed.key"];
    let outcome = dry_run(&workstation, &command).expect_code(0);
    assert!(outcome.stderr.contains("KEY_NOT_OPENED"), "{outcome:?}");
}
