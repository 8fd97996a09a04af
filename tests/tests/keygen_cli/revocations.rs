//! `keygen revocations`: signed lists of the revocations in the ledger.

use license_tests::tools;

use super::*;

fn text<'v>(value: &'v Value, member: &str) -> &'v str {
    value[member].as_str().unwrap()
}

/// Issues and revokes a license or key, and returns its id.
fn revoked(workstation: &Scratch, command: &[&str]) -> String {
    let report = keygen(
        workstation,
        &[command, &["--key", "vendor.key", "--json"]].concat(),
    );
    let report = report.expect_code(0).json();
    let id = report["license_id"]
        .as_str()
        .or(report["short_key"].as_str());
    let id = id.unwrap().to_owned();
    let _ = keygen(workstation, &["revoke", &id, "--reason", "charged back"]).expect_code(0);
    id
}

const PRO: [&str; 7] = [
    "issue",
    "--customer",
    "ACME",
    "--tier",
    "pro",
    "--days",
    "30",
];
const ENTERPRISE: [&str; 6] = [
    "enterprise-key",
    "--company",
    "ACME",
    "--seats",
    "5",
    "--perpetual",
];

fn list(workstation: &Scratch, options: &[&str]) -> Value {
    let args = ["revocations", "--key", "vendor.key", "--json"];
    keygen(workstation, &[&args, options].concat())
        .expect_code(0)
        .json()
}

fn kinds(workstation: &Scratch) -> Vec<String> {
    let lines = keygen(workstation, &["ledger", "export"])
        .expect_code(0)
        .stdout;
    let kind = |line: &str| text(&serde_json::from_str(line).unwrap(), "kind").to_owned();
    lines.lines().map(kind).collect()
}

#[test]
fn the_list_contains_exactly_the_revoked_licenses() {
    let workstation = Vendor::shared().workstation();
    let mut ids = vec![
        revoked(&workstation, &PRO),
        revoked(&workstation, &ENTERPRISE),
    ];
    let _ = issued(
        &workstation,
        &["--tier", "pro", "--days", "3", "--out", "good.lic"],
    )
    .expect_code(0);
    ids.sort();
    let report = list(&workstation, &["--valid-days", "7"]);
    assert_eq!(
        (&report["revoked"], &report["dry_run"]),
        (&json!(2), &json!(false))
    );
    let claims = payload(text(&report, "token"));
    let entries = claims["revoked"].as_array().unwrap();
    let found: Vec<_> = entries.iter().map(|entry| text(entry, "jti")).collect();
    assert_eq!(found, ids);
    assert!(
        entries
            .iter()
            .all(|entry| entry["reason"] == "charged back")
    );
    assert_eq!(claims["aud"], "CODITECT");
    let instant = |claim: &str| claims[claim].as_u64().unwrap();
    assert_eq!(instant("next_update") - instant("iat"), 7 * 24 * 3600);
    assert_eq!(kinds(&workstation).last().unwrap(), "revocation_list");
}

#[test]
fn list_numbers_increase() {
    let workstation = Vendor::shared().workstation();
    let _ = revoked(&workstation, &PRO);
    let numbers: Vec<_> = (0..4)
        .map(|_| list(&workstation, &[])["seq"].as_u64().unwrap())
        .collect();
    assert!(numbers.is_sorted_by(|one, next| one < next), "{numbers:?}");
    // A new ledger with the same key does not start with a lower number.
    let other = Vendor::shared().workstation();
    let _ = revoked(&other, &PRO);
    assert!(list(&other, &[])["seq"].as_u64().unwrap() >= numbers[0]);
    let _ = keygen(&workstation, &["ledger", "verify"]).expect_code(0);
}

#[test]
fn a_restored_backup_does_not_repeat_the_number_of_a_list() {
    let workstation = Vendor::shared().workstation();
    let _ = revoked(&workstation, &PRO);
    let _ = keygen(&workstation, &["ledger", "backup", "--out", "backup.db"]).expect_code(0);
    let first = list(&workstation, &[])["seq"].as_u64();
    let restored = list(&workstation, &["--ledger", "backup.db"])["seq"].as_u64();
    assert!(first < restored, "{first:?} {restored:?}");
}

#[test]
fn each_product_has_its_own_list() {
    let workstation = Vendor::shared().workstation();
    workstation.write("widget.toml", license_tests::WIDGET);
    let _ = revoked(&workstation, &PRO);
    let report = list(&workstation, &["--product-file", "widget.toml"]);
    assert_eq!(
        (&report["product"], &report["revoked"]),
        (&json!("WIDGET"), &json!(0))
    );
}

#[test]
fn a_dry_run_signs_and_records_nothing() {
    let workstation = Vendor::shared().workstation();
    let _ = revoked(&workstation, &PRO);
    let before = kinds(&workstation);
    let report = list(&workstation, &["--dry-run", "--out", "list.lic"]);
    assert_eq!(
        (&report["revoked"], &report["seq"]),
        (&json!(1), &Value::Null)
    );
    assert_eq!(kinds(&workstation), before);
    assert!(!workstation.file("list.lic").exists());
}

#[test]
fn an_existing_file_is_not_replaced_and_a_ledger_is_needed() {
    let workstation = Vendor::shared().workstation();
    let args = ["revocations", "--key", "vendor.key"];
    let PrintedError { message, .. } = keygen(&workstation, &args).expect_failure(4);
    assert!(message.contains("ledger"), "{message}");
    let refused = keygen(&workstation, &[&args[..], &["--no-ledger"]].concat());
    let _ = refused.expect_failure(2);
    let _ = revoked(&workstation, &PRO);
    workstation.write("list.lic", "kept");
    let _ = keygen(&workstation, &[&args[..], &["--out", "list.lic"]].concat()).expect_failure(2);
    assert_eq!(workstation.read("list.lic"), "kept");
    assert_eq!(
        list(&workstation, &["--out", "list.lic", "--force"])["path"],
        "list.lic"
    );
    assert!(
        workstation
            .read("list.lic")
            .starts_with("-----BEGIN LICENSE REVOCATIONS-----\n")
    );
}

#[test]
fn a_revoked_license_is_denied_where_the_list_is_installed() {
    let workstation = Vendor::shared().workstation();
    let report = issued(
        &workstation,
        &words("--tier team --days 30 --offline --out acme.lic --json"),
    );
    let report = report.expect_code(0).json();
    let site = Vendor::shared().customer_machine();
    site.write("acme.lic", workstation.read("acme.lic"));
    let license = |args: &[&str]| Run::license(&site).args(args).run();
    let _ = license(&["install", "--trust", "trust.jwks", "acme.lic"]).expect_code(0);
    let _ = keygen(
        &workstation,
        &[
            "revoke",
            text(&report, "license_id"),
            "--reason",
            "charged back",
        ],
    )
    .expect_code(0);
    let _ = list(&workstation, &["--out", "list.lic"]);
    site.write("list.lic", workstation.read("list.lic"));
    let _ = license(&["check", "cloud_sync"]).expect_code(0);
    let output = license(&["install", "list.lic"]).expect_code(1);
    assert!(output.stdout.contains("charged back"), "{}", output.stdout);
    let _ = license(&["check", "cloud_sync"]).expect_code(1);
}

#[test]
fn a_list_that_may_omit_revocations_causes_a_warning() {
    let workstation = Vendor::shared().workstation();
    let _ = revoked(&workstation, &PRO);
    let args = ["revocations", "--key", "vendor.key", "--json"];
    let first = keygen(&workstation, &args).expect_code(0);
    assert!(first.stderr.contains("SHORTER_LIST"), "{first:?}");
    assert!(first.stderr.contains("keygen ledger import"), "{first:?}");
    for _ in 0..2 {
        let _ = revoked(&workstation, &PRO);
        let next = keygen(&workstation, &args).expect_code(0);
        assert!(!next.stderr.contains("SHORTER_LIST"), "{next:?}");
    }
}

#[test]
fn a_far_postdated_list_is_refused() {
    let workstation = Vendor::shared().workstation();
    let _ = revoked(&workstation, &PRO);
    let args = words("revocations --key vendor.key --issued-at 2099-01-01");
    for dry_run in [&[][..], &["--dry-run"]] {
        let error = keygen(&workstation, &[&args[..], dry_run].concat()).expect_failure(2);
        assert!(error.message.contains("2099-01-01"), "{error:?}");
        assert!(error.hint.contains("--issued-at"), "{error:?}");
    }
}

#[test]
fn a_list_replaces_the_earlier_list_at_its_path_but_no_other_file() {
    let workstation = Vendor::shared().workstation();
    let _ = revoked(&workstation, &PRO);
    let first = list(&workstation, &["--out", "list.lic"]);
    let next = list(&workstation, &["--out", "list.lic"]);
    assert!(next["seq"].as_u64() > first["seq"].as_u64());
    workstation.write("widget.toml", license_tests::WIDGET);
    let product = ["--product-file", "widget.toml"];
    let _ = list(
        &workstation,
        &[&product[..], &["--out", "widget.lic"]].concat(),
    );
    let other = Vendor::with_new_key("2048", "RS256").workstation();
    let _ = revoked(&other, &PRO);
    let _ = list(&other, &["--out", "list.lic"]);
    workstation.write("other.lic", other.read("list.lic"));
    let args = ["revocations", "--key", "vendor.key", "--json", "--out"];
    for out in ["widget.lic", "other.lic"] {
        let refused = keygen(&workstation, &[&args[..], &[out]].concat());
        assert_eq!(refused.expect_json_failure(2), "EXISTS", "{out}");
    }
}

/// Replaces the ledger with `backup.db`.
fn restore(workstation: &Scratch) {
    let ledger = workstation.home().join(".local/share/keygen/ledger.db");
    for name in ["ledger.db", "ledger.db-wal", "ledger.db-shm"] {
        let _ = std::fs::remove_file(ledger.with_file_name(name));
    }
    let _ = std::fs::copy(workstation.file("backup.db"), &ledger).unwrap();
}

#[test]
fn a_ledger_from_an_old_backup_gives_no_revoked_license_back() {
    let workstation = Vendor::shared().workstation();
    let ledger = workstation.home().join(".local/share/keygen/ledger.db");
    let _ = revoked(&workstation, &PRO);
    let _ = list(&workstation, &["--out", "list.lic"]);
    let _ = keygen(&workstation, &words("ledger backup --out backup.db")).expect_code(0);
    let lost = revoked(&workstation, &PRO);
    let _ = list(&workstation, &["--out", "list.lic"]);
    let restore = || restore(&workstation);
    let copy = std::fs::read_dir(ledger.parent().unwrap()).unwrap();
    let mut copy = copy.map(|entry| entry.unwrap().path());
    let copy = copy.find(|path| path.extension().is_some_and(|end| end == "lic"));
    let copy = copy.unwrap();
    let args = ["revocations", "--key", "vendor.key"];
    for (out, has_copy) in [("new.lic", true), ("list.lic", true), ("list.lic", false)] {
        restore();
        if !has_copy {
            std::fs::rename(&copy, workstation.file("copy.lic")).unwrap();
        }
        for mode in [&["--dry-run"][..], &[]] {
            let refused = keygen(&workstation, &[&args[..], &["--out", out], mode].concat());
            let error = refused.expect_failure(2);
            assert!(error.message.contains(&lost), "{error:?}");
            let list = if has_copy {
                copy.to_str().unwrap()
            } else {
                "list.lic"
            };
            let import = format!("`keygen ledger import {list} --trust FILE`");
            assert!(error.hint.contains(&import), "{error:?}");
        }
        assert_eq!(kinds(&workstation).len(), 4);
    }
    std::fs::rename(workstation.file("copy.lic"), &copy).unwrap();
    let code = keygen(&workstation, &[&args[..], &["--json"]].concat()).expect_json_failure(2);
    assert_eq!(code, "SHORTER_LIST");
    // A list that was damaged proves nothing.
    let armor = std::fs::read_to_string(&copy).unwrap();
    let at = armor.rfind("\n-----").unwrap() - 9;
    for damaged in ["garbage", &license_tests::vendor::changed_at(&armor, at)] {
        std::fs::write(&copy, damaged).unwrap();
        let refused = keygen(&workstation, &args);
        assert_ne!(refused.code, Some(0), "{refused:?}");
    }
    std::fs::write(&copy, armor).unwrap();
    let forced = keygen(
        &workstation,
        &[&args[..], &["--force", "--out", "f.lic"]].concat(),
    );
    let forced = forced.expect_code(0);
    assert!(forced.stderr.contains("SHORTER_LIST"), "{}", forced.stderr);
    assert!(forced.stderr.contains(&lost), "{}", forced.stderr);
    workstation.write("trust.jwks", &Vendor::shared().trust);
    let import = words("ledger import list.lic --trust trust.jwks");
    let _ = keygen(&workstation, &import).expect_code(0);
    let report = list(&workstation, &["--out", "list.lic"]);
    assert_eq!(report["revoked"], 2);
}

#[test]
fn a_backup_on_another_computer_signs_the_next_list_with_a_warning() {
    let workstation = Vendor::shared().workstation();
    let _ = revoked(&workstation, &PRO);
    let _ = list(&workstation, &[]);
    let backup = keygen(&workstation, &words("ledger backup --out backup.db")).expect_code(0);
    assert!(backup.stderr.contains(".lic"), "{backup:?}");
    assert!(backup.stderr.contains("signing key"), "{backup:?}");
    let json = keygen(&workstation, &words("ledger backup --out b.db --json"));
    let names = json.expect_code(0).json()["not_included"].clone();
    assert!(
        names[0].as_str().unwrap().contains("ledger.db.CODITECT-"),
        "{names}"
    );
    let _ = revoked(&workstation, &PRO);
    assert_eq!(list(&workstation, &[])["revoked"], 2);
    let other = Vendor::shared().workstation();
    std::fs::copy(workstation.file("backup.db"), other.file("ledger.db")).unwrap();
    let args = words("revocations --key vendor.key --ledger ledger.db --json");
    let next = keygen(&other, &args).expect_code(0);
    assert!(next.stderr.contains("SHORTER_LIST"), "{next:?}");
    assert!(
        next.stderr
            .contains("`keygen ledger import LIST --trust FILE`"),
        "{next:?}"
    );
    // The new list has a copy.
    let next = keygen(&other, &args).expect_code(0);
    assert!(!next.stderr.contains("SHORTER_LIST"), "{next:?}");
}

#[test]
fn a_reinstatement_before_the_last_list_excuses_no_omission() {
    let workstation = Vendor::shared().workstation();
    let id = revoked(&workstation, &PRO);
    let _ = keygen(&workstation, &["revoke", &id, "--undo", "--reason", "paid"]).expect_code(0);
    let _ = keygen(&workstation, &words("ledger backup --out backup.db")).expect_code(0);
    let _ = keygen(&workstation, &["revoke", &id, "--reason", "fraud"]).expect_code(0);
    assert_eq!(list(&workstation, &["--out", "list.lic"])["revoked"], 1);
    restore(&workstation);
    // Files with similar names are no copies of a list.
    let directory = workstation.home().join(".local/share/keygen");
    std::fs::write(directory.join("ledger.db.CODITECT-old.lic"), "other").unwrap();
    let args = words("revocations --key vendor.key --out list.lic");
    let error = keygen(&workstation, &args).expect_failure(2);
    assert!(error.message.contains(&id), "{error:?}");
    workstation.write("trust.jwks", &Vendor::shared().trust);
    let import = words("ledger import list.lic --trust trust.jwks");
    let _ = keygen(&workstation, &import).expect_code(0);
    assert_eq!(list(&workstation, &["--out", "list.lic"])["revoked"], 1);
}

#[test]
fn a_list_that_the_ledger_does_not_know_proves_no_reinstatement_whatever_its_date() {
    let workstation = Vendor::shared().workstation();
    let id = revoked(&workstation, &PRO);
    let _ = keygen(&workstation, &["revoke", &id, "--undo", "--reason", "paid"]).expect_code(0);
    let _ = keygen(&workstation, &words("ledger backup --out backup.db")).expect_code(0);
    let _ = keygen(&workstation, &["revoke", &id, "--reason", "fraud"]).expect_code(0);
    // The list is older than the reinstatement, according to its date.
    let report = list(
        &workstation,
        &words("--issued-at 2020-01-01 --out my\u{a0}list.lic"),
    );
    assert_eq!(report["revoked"], 1);
    restore(&workstation);
    let args = words("revocations --key vendor.key --out next.lic");
    let error = keygen(&workstation, &args).expect_failure(2);
    assert!(error.message.contains(&id), "{error:?}");
    assert!(
        error.message.contains("1 license or activation of"),
        "{error:?}"
    );
    std::fs::rename(
        workstation.file("my\u{a0}list.lic"),
        workstation.file("my list.lic"),
    )
    .unwrap();
    // A path with blanks is quoted in the hint.
    let ledger = workstation.home().join(".local/share/keygen");
    let copies = std::fs::read_dir(&ledger).unwrap();
    for copy in copies.map(|entry| entry.unwrap().path()) {
        if copy.extension().is_some_and(|end| end == "lic") {
            std::fs::remove_file(copy).unwrap();
        }
    }
    let at_list = ["revocations", "--key", "vendor.key", "--out", "my list.lic"];
    let error = keygen(&workstation, &at_list).expect_failure(2);
    assert!(
        error
            .hint
            .contains("`keygen ledger import 'my list.lic' --trust FILE`"),
        "{error:?}"
    );
    workstation.write("trust.jwks", &Vendor::shared().trust);
    let import = [
        "ledger",
        "import",
        "my list.lic",
        "--trust",
        "trust.jwks",
        "--json",
    ];
    let imported = keygen(&workstation, &import).expect_code(0);
    assert!(
        imported.stderr.contains("REVOKED: the ledger did not know"),
        "{imported:?}"
    );
    assert_eq!(imported.json()["revoked_again"], json!([id]));
    assert_eq!(list(&workstation, &["--out", "my list.lic"])["revoked"], 1);
    // The list is now known, so a reinstatement after it counts.
    let _ = keygen(&workstation, &["revoke", &id, "--undo", "--reason", "paid"]).expect_code(0);
    assert_eq!(list(&workstation, &["--out", "my list.lic"])["revoked"], 0);
    let again = keygen(&workstation, &import).expect_code(0).json();
    assert_eq!(again["entered"], 0);
}

#[test]
fn later_revocations_do_not_replace_those_of_a_list_that_the_ledger_only_counts() {
    let workstation = Vendor::shared().workstation();
    let _ = revoked(&workstation, &PRO);
    let _ = list(&workstation, &[]);
    let lines = keygen(&workstation, &["ledger", "export"]).expect_code(0);
    let lines = lines.stdout.lines();
    let lines = lines.filter(|line| !line.contains("\"kind\":\"revocation\""));
    let lines: Vec<_> = lines.collect();
    assert_eq!(lines.len(), 3);
    let other = Vendor::shared().workstation();
    other.write("part.jsonl", lines.join("\n"));
    other.write("trust.jwks", &Vendor::shared().trust);
    let import = words("ledger import part.jsonl --trust trust.jwks");
    let _ = keygen(&other, &import).expect_code(0);
    let id = revoked(&other, &PRO);
    let args = words("revocations --key vendor.key --out list.lic");
    for _ in 0..2 {
        let error = keygen(&other, &args).expect_failure(2);
        assert!(error.message.contains("knows 0"), "{error:?}");
        let undo = ["revoke", &id, "--undo", "--reason", "paid"];
        let _ = keygen(&other, &undo).expect_code(0);
    }
}

#[test]
fn a_revocation_with_a_wrong_clock_needs_force_and_takes_effect_at_once() {
    let Some(faketime) = tools::faketime() else {
        return;
    };
    let workstation = Vendor::shared().workstation();
    let report = issued(&workstation, &words("--tier pro --days 9 --json"));
    let report = report.expect_code(0).json();
    let id = text(&report, "license_id");
    let revoke = ["revoke", id, "--reason", "fraud"];
    let undo = ["revoke", id, "--undo", "--reason", "paid"];
    let release = ["release", "--activation", id, "--reason", "lost"];
    let at = |time: &str, args: &[&str]| {
        let run = tools::keygen_at_time(faketime, &workstation, time);
        run.args(args).run()
    };
    let far = "@2099-01-02 00:00:00";
    for time in [far, "@1970-01-02 00:00:00"] {
        for command in [&revoke[..], &undo, &release] {
            for mode in [&["--json"][..], &["--json", "--dry-run"]] {
                let refused = at(time, &[command, mode].concat());
                assert_eq!(refused.expect_json_failure(2), "WRONG_CLOCK", "{command:?}");
            }
        }
    }
    let forced = at(far, &[&revoke[..], &["--force"]].concat()).expect_code(0);
    assert!(forced.stderr.contains("WRONG_CLOCK: "), "{forced:?}");
    let claims = list(&workstation, &["--force"]);
    let claims = payload(text(&claims, "token"));
    assert_eq!(claims["revoked"][0]["at"], claims["iat"]);
    // The reinstatement counts, although its clock is behind that of the revocation.
    let _ = keygen(&workstation, &undo).expect_code(0);
    assert_eq!(list(&workstation, &[])["revoked"], 0);
    let _ = keygen(&workstation, &revoke).expect_code(0);
    assert_eq!(list(&workstation, &[])["revoked"], 1);
}

#[test]
fn a_later_list_undoes_a_revocation_on_the_machine() {
    let workstation = Vendor::shared().workstation();
    let terms = words("--tier team --days 30 --offline --out acme.lic --json");
    let report = issued(&workstation, &terms).expect_code(0).json();
    let id = text(&report, "license_id");
    let site = Vendor::shared().customer_machine();
    let license = |args: &[&str]| Run::license(&site).args(args).run();
    let publish = || {
        let _ = list(&workstation, &["--out", "list.lic"]);
        site.write("list.lic", workstation.read("list.lic"));
    };
    site.write("acme.lic", workstation.read("acme.lic"));
    let _ = license(&["install", "--trust", "trust.jwks", "acme.lic"]).expect_code(0);
    let _ = keygen(&workstation, &["revoke", id, "--reason", "unpaid"]).expect_code(0);
    publish();
    let _ = license(&["install", "list.lic"]).expect_code(1);
    let undo = ["revoke", id, "--undo", "--reason", "paid after all"];
    let undone = keygen(&workstation, &undo).expect_code(0);
    assert!(undone.stdout.contains("unpaid"), "{}", undone.stdout);
    assert!(
        undone.stderr.contains("keygen revocations"),
        "{}",
        undone.stderr
    );
    publish();
    let _ = license(&["install", "list.lic"]).expect_code(0);
    let _ = license(&["check", "cloud_sync"]).expect_code(0);
}
