//! `--dry-run`: it says what minting would say, asks for no secret, and leaves every byte as it was.

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

/// A desk with a license, whose ledger knows the signing key.
fn desk() -> Scratch {
    let desk = Vendor::shared().desk();
    let issue = [ISSUE, TERM, KEY, &["--out", "acme.lic"]].concat();
    let _ = keygen(&desk, &issue).expect_code(0);
    desk
}

/// Every file with its bytes.
fn everything(folder: &Path) -> BTreeMap<std::path::PathBuf, Option<Vec<u8>>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let is_folder = path.symlink_metadata().unwrap().is_dir();
            if is_folder {
                folders.push(path.clone());
            }
            let content = (!is_folder).then(|| fs::read(&path).unwrap_or_default());
            found.insert(path, content);
        }
    }
    found
}

/// Runs it with `--dry-run` and shows that nothing is different afterwards.
#[track_caller]
fn rehearsed(desk: &Scratch, args: &[&str]) -> Outcome {
    let before = everything(desk.path());
    let outcome = keygen(desk, &[args, &["--dry-run"]].concat());
    assert!(
        everything(desk.path()) == before,
        "{args:?} has changed something"
    );
    outcome
}

/// Orders of every command that issues.
fn orders() -> Vec<Vec<&'static str>> {
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
        check_in(&["--out", "said.lic", "--machine", DIGEST, "--nonce", "4711"]),
        check_in(&["--status", "suspended"]),
    ]
}

/// Of what is told, all that does not come from minting.
fn terms(told: &Value) -> Value {
    let made = [
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
    let of_minting = |(name, _): &(&String, &Value)| !made.contains(&name.as_str());
    match told {
        Value::Object(members) => {
            let kept = members.iter().filter(of_minting);
            kept.map(|(name, value)| (name.clone(), terms(value)))
                .collect()
        }
        Value::Array(items) => items.iter().map(terms).collect(),
        other => other.clone(),
    }
}

fn warnings(outcome: &Outcome) -> Vec<&str> {
    outcome.stderr.lines().collect()
}

#[test]
fn what_a_dry_run_promises_is_what_is_minted_then() {
    for order in orders() {
        let desk = desk();
        let json = [&order[..], &["--json"]].concat();
        let promised = rehearsed(&desk, &json).expect_code(0);
        let minted = keygen(&desk, &json).expect_code(0);
        assert_eq!(warnings(&promised), warnings(&minted), "{order:?}");
        let (promised, minted) = (promised.json(), minted.json());
        assert_eq!(terms(&promised), terms(&minted), "{order:?}");
        assert_eq!(promised["dry_run"], true);
        assert_eq!(minted["dry_run"], false);
        let members = |told: &Value| {
            told.as_object()
                .unwrap()
                .keys()
                .cloned()
                .collect::<Vec<_>>()
        };
        assert_eq!(members(&promised), members(&minted), "{order:?}");
    }
}

#[test]
fn what_only_minting_makes_is_null() {
    let desk = desk();
    for order in orders() {
        let told = rehearsed(&desk, &[&order[..], &["--json"]].concat());
        let told = told.expect_code(0).json();
        for made in ["license_id", "key", "short_key", "kid", "path", "token"] {
            assert!(told[made].is_null(), "{made}: {told}");
        }
        for said in told["validations"].as_array().into_iter().flatten() {
            assert!(said["id"].is_null() && said["token"].is_null(), "{said}");
            assert!(said["license_id"].is_string());
        }
    }
}

#[test]
fn the_words_are_those_of_minting() {
    let desk = desk();
    let order = [ISSUE, TERM, KEY, &["--out", "new.lic"]].concat();
    let promised = rehearsed(&desk, &order).expect_code(0).stdout;
    let minted = keygen(&desk, &order).expect_code(0).stdout;
    let told: Vec<_> = promised.lines().skip(1).collect();
    let of_minting = |line: &&str| line.starts_with("license id") || line.starts_with("key ");
    let minted = minted.lines().skip(1).filter(|line| !of_minting(line));
    assert!(minted.eq(told), "{promised}");
}

#[test]
fn where_there_is_no_ledger_none_is_made() {
    for order in [
        [ISSUE, TERM, KEY].concat(),
        [ENTERPRISE, KEY, &["--perpetual"]].concat(),
    ] {
        let desk = Vendor::shared().desk();
        let _ = rehearsed(&desk, &order).expect_code(0);
        let deep = ["--ledger", "a/b/ledger.db"];
        let _ = rehearsed(&desk, &[&order[..], &deep].concat()).expect_code(0);
        let none = ["--no-ledger"];
        let _ = rehearsed(&desk, &[&order[..], &none].concat()).expect_code(0);
    }
}

#[test]
fn the_ledger_is_read_while_somebody_else_has_it_open() {
    let desk = desk();
    let path = desk.home().join(".local/share/keygen/ledger.db");
    let other = Connection::open(&path).unwrap();
    let write = "UPDATE head SET serial = serial + 1";
    assert_eq!(other.execute(write, []).unwrap(), 1);
    // But for the memory that all who have it open share.
    let kept = || {
        let mut all = everything(desk.path());
        all.retain(|path, _| !path.to_str().unwrap().ends_with("-shm"));
        all
    };
    let before = kept();
    let order = [CHECK_IN, KEY, &["--dry-run"]].concat();
    let _ = keygen(&desk, &order).expect_code(0);
    assert!(kept() == before);
    drop(other);
    let whole = keygen(&desk, &["ledger", "verify"]);
    let _ = whole.expect_code(0);
}

#[test]
fn a_sealed_key_is_looked_for_and_not_opened() {
    let desk = desk();
    desk.write("passphrase", PASSPHRASE);
    let make = ["new-key", "--out", "sealed.key", "--bits", "2048"];
    let sealed = ["--passphrase-file", "passphrase"];
    let _ = keygen(&desk, &[&make[..], &sealed].concat()).expect_code(0);
    // There is no terminal to ask on.
    let key = ["--key", "sealed.key"];
    let order = [ISSUE, TERM, &key].concat();
    let _ = rehearsed(&desk, &order).expect_code(0);
    keygen(&desk, &order).expect_failure(2);
    let wrong = [&order[..], &["--passphrase-file", "nowhere"]].concat();
    rehearsed(&desk, &wrong).expect_failure(4);
    fs::remove_file(desk.file("sealed.key")).unwrap();
    assert_eq!(
        rehearsed(&desk, &order).expect_failure(4),
        keygen(&desk, &order).expect_failure(4)
    );
}

/// Orders that are refused, each in its way, at a desk where all sorts of things lie about.
fn wrong_orders() -> Vec<Vec<&'static str>> {
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
    let around: [&[&str]; 13] = [
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
    for rest in around {
        wrong.extend([issue(rest), enterprise(rest), check_in(rest)]);
    }
    wrong
}

/// The desk of [`wrong_orders`].
fn disorder() -> Scratch {
    let desk = desk();
    let license = desk.read("acme.lic");
    desk.write(
        "tampered.lic",
        vendor::changed_at(&license, license.find('.').unwrap() + 80),
    );
    let stranger = Vendor::with_key("2048", "RS256");
    desk.write(
        "foreign.lic",
        stranger.issue(&["--tier", "pro", "--perpetual"]).file,
    );
    desk.write_private("other.key", &stranger.key);
    desk.write("exposed.key", &stranger.key);
    desk.write("noise", "no such thing\n");
    desk.write("widget.toml", license_tests::WIDGET);
    let database = |name: &str, sql: &str| {
        let db = Connection::open(desk.file(name)).unwrap();
        db.execute_batch(sql).unwrap();
    };
    database("other.db", "CREATE TABLE things (thing TEXT)");
    let newer = "CREATE TABLE t (x); PRAGMA application_id = 0x4C69634C; PRAGMA user_version = 99";
    database("newer.db", newer);
    #[cfg(unix)]
    std::os::unix::fs::symlink("acme.lic", desk.file("link")).unwrap();
    desk
}

#[cfg(unix)]
#[test]
fn what_is_refused_is_refused_in_the_same_words_before_anything_is_made() {
    let desk = disorder();
    for order in wrong_orders() {
        let refused = rehearsed(&desk, &order);
        assert!(
            matches!(refused.code, Some(2..=4)),
            "{order:?}: {refused:?}"
        );
        let found = keygen(&desk, &order);
        assert_eq!(
            (refused.code, &refused.stderr, &refused.stdout),
            (found.code, &found.stderr, &found.stdout),
            "{order:?}"
        );
    }
}

#[test]
fn a_ledger_that_could_not_be_made_is_none() {
    let desk = desk();
    for place in ["acme.lic/ledger.db", "acme.lic/folder/ledger.db"] {
        let order = [ISSUE, TERM, KEY, &["--ledger", place]].concat();
        let complaint = rehearsed(&desk, &order).expect_failure(4);
        assert!(complaint.message.contains(place), "{complaint:?}");
        keygen(&desk, &order).expect_failure(4);
    }
}

#[test]
fn a_license_too_large_is_refused_before_a_key_is_opened() {
    let desk = desk();
    let name = "x".repeat(60_000);
    let order = ["issue", "--tier", "pro", "--perpetual", "--customer", &name];
    let complaint = rehearsed(&desk, &[&order[..], KEY].concat()).expect_failure(2);
    assert!(complaint.message.contains("65536"), "{complaint:?}");
    assert!(complaint.hint.contains("too large"), "{complaint:?}");
}

#[test]
fn whose_license_it_is_is_told_as_far_as_it_is_known_without_the_key() {
    let desk = desk();
    desk.write("passphrase", PASSPHRASE);
    let make = ["new-key", "--out", "sealed.key", "--bits", "2048"];
    let _ = keygen(
        &desk,
        &[&make[..], &["--passphrase-file", "passphrase"]].concat(),
    );
    let order = [CHECK_IN, &["--key", "sealed.key"]].concat();
    let by_ledger = rehearsed(&desk, &order).expect_code(0);
    assert!(by_ledger.stderr.contains("KEY_NOT_OPENED"), "{by_ledger:?}");
    desk.write("trust.jwks", &Vendor::shared().trust);
    let trusted = rehearsed(&desk, &[&order[..], &["--trust", "trust.jwks"]].concat());
    assert_eq!(trusted.expect_code(0).stderr, "");
    let unknown = rehearsed(&desk, &[&order[..], &["--no-ledger"]].concat());
    let complaint = unknown.expect_failure(3);
    assert!(complaint.hint.contains("--trust"), "{complaint:?}");
}

#[test]
fn an_enterprise_key_is_verified_by_the_ledger_too() {
    let desk = desk();
    desk.write("acme.key", Vendor::shared().enterprise_key());
    desk.write("passphrase", PASSPHRASE);
    let make = ["new-key", "--out", "sealed.key", "--bits", "2048"];
    let _ = keygen(
        &desk,
        &[&make[..], &["--passphrase-file", "passphrase"]].concat(),
    );
    let order = ["check-in", "acme.key", "--key", "sealed.key"];
    let outcome = rehearsed(&desk, &order).expect_code(0);
    assert!(outcome.stderr.contains("KEY_NOT_OPENED"), "{outcome:?}");
}
