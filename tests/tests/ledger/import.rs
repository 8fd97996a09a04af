//! `keygen ledger import`: artifacts that were issued without a ledger, and exports.

use super::*;

fn import(vendor: &Scratch, files: &[&str]) -> RunOutput {
    let import = ["ledger", "import", "--trust", "trust.jwks", "--json"];
    keygen(vendor, &[&import[..], files].concat())
}

/// Imports files. Returns the number of new entries and the number of entries that were known.
#[track_caller]
fn imported(vendor: &Scratch, files: &[&str]) -> (u64, u64) {
    let report = import(vendor, files).expect_code(0).json();
    let count = |name: &str| report[name].as_u64().unwrap();
    (count("entered"), count("known"))
}

/// Creates a license, an enterprise key and a validation token without a ledger.
fn unrecorded() -> Scratch {
    let vendor = vendor();
    issue(
        &vendor,
        "acme.lic",
        &["--no-ledger", "--tier", "team", "--seats", "9"],
    );
    let terms = words("--company ACME --seats 100 --perpetual --no-ledger");
    let key = ["enterprise-key", "--key", "vendor.key", "--out", "acme.key"];
    let _ = keygen(&vendor, &[&key[..], &terms].concat()).expect_code(0);
    let check_in = words("check-in --key vendor.key acme.lic --out v.lic --no-ledger");
    let _ = keygen(&vendor, &check_in).expect_code(0);
    vendor
}

#[test]
fn artifacts_that_were_issued_without_a_ledger_are_imported_once() {
    let vendor = unrecorded();
    assert_eq!(
        imported(&vendor, &["acme.lic", "v.lic", "acme.key"]),
        (3, 0)
    );
    assert_eq!(
        imported(&vendor, &["acme.lic", "v.lic", "acme.key"]),
        (0, 3)
    );
    assert_eq!(kinds(&vendor), ["license", "check_in", "enterprise_key"]);
    verified_chain(&vendor);
    let both = vendor.read("acme.lic") + &vendor.read("v.lic");
    vendor.write("both.lic", both);
    assert_eq!(imported(&vendor, &["both.lic", "both.lic"]), (0, 4));
}

#[test]
fn a_file_that_is_named_twice_is_imported_once() {
    let vendor = unrecorded();
    assert_eq!(imported(&vendor, &["acme.lic", "acme.lic"]), (1, 1));
}

#[test]
fn artifacts_that_were_issued_with_this_ledger_are_known() {
    let vendor = vendor();
    issue(
        &vendor,
        "acme.lic",
        &["--company", "ACME", "--tier", "ent", "--seats", "100"],
    );
    enterprise_key(&vendor, "acme.key");
    assert_eq!(imported(&vendor, &["acme.lic", "acme.key"]), (0, 2));
}

/// Creates a ledger with licenses, an enterprise key, check-ins and a revocation.
fn filled() -> Scratch {
    let vendor = vendor();
    issue(&vendor, "1.lic", &["--customer", "Jo \"Doe\", Žofie\nInc"]);
    let two = issue(
        &vendor,
        "2.lic",
        &["--company", "ACME", "--tier", "ent", "--seats", "100"],
    );
    enterprise_key(&vendor, "acme.key");
    for license in ["1.lic", "acme.key"] {
        let check_in = ["check-in", "--key", "vendor.key", license];
        let _ = keygen(&vendor, &check_in).expect_code(0);
    }
    let revoke = ["revoke", text(&two["license_id"]), "--reason", "unpaid"];
    let _ = keygen(&vendor, &revoke).expect_code(0);
    vendor
}

#[test]
fn the_import_of_an_export_creates_an_equal_ledger() {
    let vendor = filled();
    let _ = keygen(&vendor, &["ledger", "export", "--out", "all.jsonl"]).expect_code(0);
    let other = self::vendor();
    other.write("all.jsonl", vendor.read("all.jsonl"));
    assert_eq!(imported(&other, &["all.jsonl"]), (7, 0));
    assert_eq!(imported(&other, &["all.jsonl"]), (0, 7));
    verified_chain(&other);
    let licenses_of = |vendor: &Scratch| {
        let mut licenses = licenses(vendor, &["list"]);
        for license in &mut licenses {
            license["recorded_at"].take();
        }
        licenses
    };
    assert_eq!(licenses_of(&vendor), licenses_of(&other));
    let contents = |vendor: &Scratch| {
        let entries = export(vendor).into_iter();
        let contents = entries
            .map(|entry| ["kind", "subject", "body", "artefact"].map(|name| entry[name].clone()));
        contents.collect::<Vec<_>>()
    };
    assert_eq!(contents(&vendor), contents(&other));
    // A ledger knows the entries of its own export.
    assert_eq!(imported(&vendor, &["all.jsonl"]), (0, 7));
}

#[test]
fn an_exported_check_in_is_imported_without_its_license() {
    let vendor = unrecorded();
    let check_in = words("check-in --key vendor.key acme.lic --out w.lic");
    let _ = keygen(&vendor, &check_in).expect_code(0);
    let _ = keygen(&vendor, &["ledger", "export", "--out", "all.jsonl"]).expect_code(0);
    let other = self::vendor();
    other.write("all.jsonl", vendor.read("all.jsonl"));
    assert_eq!(imported(&other, &["all.jsonl"]), (2, 0));
}

#[test]
fn an_import_with_a_foreign_or_changed_file_is_refused_as_a_whole() {
    let vendor = unrecorded();
    let stranger = Vendor::with_new_key("2048", "RS256");
    vendor.write(
        "foreign.lic",
        stranger.issue(&["--tier", "pro", "--perpetual"]).file,
    );
    let license = vendor.read("acme.lic");
    vendor.write(
        "changed.lic",
        license_tests::vendor::changed_at(&license, 200),
    );
    vendor.write("noise", "noise\n");
    vendor.write("object", "{\"kind\": \"license\"}\n");
    for wrong in [
        "foreign.lic",
        "changed.lic",
        "noise",
        "object",
        "trust.jwks",
        "vendor.key",
    ] {
        let refused = import(&vendor, &["acme.lic", wrong]);
        assert_eq!(refused.code, Some(3), "{wrong}: {}", refused.all_output());
    }
    let missing = import(&vendor, &["acme.lic", "missing"]);
    assert_eq!(missing.code, Some(4), "{}", missing.all_output());
    assert!(
        !database(&vendor).exists(),
        "a refused import must not create a ledger"
    );
    // A validation token cannot be verified without its license.
    assert_eq!(import(&vendor, &["v.lic"]).code, Some(3));
}

#[test]
fn an_export_that_contradicts_its_tokens_is_refused() {
    let vendor = filled();
    let entries = export(&vendor);
    let other = self::vendor();
    let at = |kind: &str| {
        entries
            .iter()
            .position(|entry| entry["kind"] == kind)
            .unwrap()
    };
    let changes: [(usize, &str, Value); 10] = [
        (at("license"), "/body/customer", json!("Another")),
        (at("license"), "/body/seats", json!(1_000_000)),
        (at("license"), "/subject", entries[2]["subject"].clone()),
        (at("license"), "/kind", json!("check_in")),
        (at("license"), "/artefact", entries[2]["artefact"].clone()),
        (at("enterprise_key"), "/body/tier", json!("FREE")),
        (at("check_in"), "/body/status", json!("revoked")),
        (at("check_in"), "/artefact", json!("x.y.z")),
        (at("signing_key"), "/subject", json!("another")),
        (at("revocation"), "/subject", json!("not an id")),
    ];
    for (row, pointer, value) in changes {
        let mut entries = entries.clone();
        *entries[row].pointer_mut(pointer).unwrap() = value;
        let lines: String = entries.iter().map(|entry| format!("{entry}\n")).collect();
        other.write("all.jsonl", lines);
        let refused = import(&other, &["all.jsonl"]);
        assert_eq!(refused.code, Some(3), "{pointer}: {}", refused.all_output());
    }
    assert!(
        !database(&other).exists(),
        "a refused import must not create a ledger"
    );
}

#[test]
fn an_exported_trust_statement_is_verified_if_its_key_is_trusted() {
    let vendor = vendor();
    let next = Vendor::with_new_key("2048", "RS256");
    vendor.write("next.jwk", next.jwk.to_string());
    vendor.write("next.jwks", &next.trust);
    let rotate = words("rotate --key vendor.key --introduce next.jwk --out rotation.lic");
    let _ = keygen(&vendor, &rotate).expect_code(0);
    let exported = keygen(&vendor, &["ledger", "export"]).expect_code(0).stdout;
    let entries = export(&vendor).into_iter();
    let mut statements = entries.filter(|entry| entry["kind"] == "trust_statement");
    let statement = statements.next().unwrap();
    let token = text(&statement["artefact"]);
    // The token ends with the signature.
    let forged = license_tests::vendor::changed_at(token, token.len() - 9);
    let forged = exported.replace(token, &forged);
    let introduced = format!("\"introduces\":[\"{}\"]", next.kid);
    assert!(exported.contains(&introduced), "{exported}");
    let edited = exported.replace(&introduced, "\"introduces\":[]");
    for (name, content, trust, code) in [
        ("1.db", &exported, "trust.jwks", 0),
        ("2.db", &forged, "trust.jwks", 3),
        ("3.db", &edited, "trust.jwks", 3),
        ("4.db", &exported, "next.jwks", 0),
    ] {
        vendor.write("export.jsonl", content);
        let import = ["ledger", "import", "export.jsonl", "--trust", trust];
        let _ = keygen(&vendor, &[&import[..], &["--ledger", name]].concat()).expect_code(code);
    }
}

/// Creates a ledger with entries of the commands that issue licenses, enterprise keys and
/// check-ins, and with a revocation. Returns the vendor's machine and the export of the ledger.
fn exported() -> (Scratch, String) {
    let vendor = vendor();
    let run = |args: &[&str]| {
        let report = keygen(
            &vendor,
            &[args, &["--key", "vendor.key", "--json"]].concat(),
        );
        let report = report.expect_code(0).json();
        report["license_id"].as_str().unwrap_or_default().to_owned()
    };
    let trial = run(&["trial", "--customer", "ACME"]);
    run(&["trial", "--customer", "acme", "--again"]);
    let convert = [
        "issue",
        "--tier",
        "pro",
        "--convert",
        &trial,
        "--days",
        "9",
        "--user",
        "alice",
    ];
    let paid = run(&convert);
    let change = [
        "reassign",
        &paid,
        "--from",
        "alice",
        "--to",
        "bob",
        "--waive-cool-down",
    ];
    let named = run(&[&change[..], &["--out", "named.lic"]].concat());
    run(&["upgrade", &named, "--tier", "team", "--out", "team.lic"]);
    run(&["renew", "team.lic", "--days", "9"]);
    run(&words(
        "check-in team.lic --machine mach_00112233445566778899aabbccddeeff",
    ));
    run(&words(
        "enterprise-key --company ACME --seats 9 --perpetual",
    ));
    vendor.write("orders.csv", "tier,customer,days\npro,Batch,9\n");
    run(&["batch", "orders.csv", "--out", "out"]);
    let _ = keygen(&vendor, &["revoke", &trial, "--reason", "fraud"]).expect_code(0);
    let exported = keygen(&vendor, &["ledger", "export"]).expect_code(0).stdout;
    (vendor, exported)
}

#[test]
fn an_export_with_the_entries_of_many_commands_restores_the_ledger() {
    let (vendor, exported) = exported();
    vendor.write("all.jsonl", &exported);
    let lines = u64::try_from(exported.lines().count()).unwrap();
    let other = ["--ledger", "other.db", "all.jsonl"];
    assert_eq!(imported(&vendor, &other), (lines, 0));
    let again = keygen(&vendor, &["ledger", "export", "--ledger", "other.db"]);
    let again = again.expect_code(0).stdout;
    for member in [
        "\"again\":true",
        "\"cool_down_waived\":true",
        "\"order\":",
        "\"trial_of\":\"CODITECT acme\"",
    ] {
        assert_eq!(
            again.matches(member).count(),
            exported.matches(member).count(),
            "{member}"
        );
        assert!(again.contains(member), "{member}");
    }
    let second = words("trial --key vendor.key --customer ACME --ledger other.db");
    assert_eq!(
        keygen(&vendor, &[&second[..], &["--json"]].concat()).expect_json_failure(2),
        "TRIAL_USED"
    );
}

#[test]
fn an_export_of_an_earlier_version_is_accepted_and_an_edited_export_is_refused() {
    let (vendor, exported) = exported();
    // Earlier versions did not record the member `trial_of`.
    let earlier = exported
        .replace("\"trial_of\":null,", "")
        .replace("\"trial_of\":\"CODITECT acme\",", "");
    assert!(!earlier.contains("trial_of"), "{earlier}");
    vendor.write("earlier.jsonl", &earlier);
    let _ = import(&vendor, &["--ledger", "earlier.db", "earlier.jsonl"]).expect_code(0);
    let second = words("trial --key vendor.key --customer ACME --ledger earlier.db");
    assert_eq!(
        keygen(&vendor, &[&second[..], &["--json"]].concat()).expect_json_failure(2),
        "TRIAL_USED"
    );
    for (from, to) in [
        ("\"customer\":\"ACME\"", "\"customer\":\"Other\""),
        (
            "\"trial_of\":\"CODITECT acme\"",
            "\"trial_of\":\"CODITECT other\"",
        ),
        ("\"tier\":\"PRO\"", "\"tier\":\"ENT\""),
        ("\"seats\":null,", ""),
        ("\"trial\":true", "\"trial\":true,\"more\":1"),
    ] {
        assert!(exported.contains(from), "{from}");
        vendor.write("edited.jsonl", exported.replacen(from, to, 1));
        let refused = import(&vendor, &["--ledger", "edited.db", "edited.jsonl"]);
        assert_eq!(refused.expect_json_failure(3), "MALFORMED", "{from}");
    }
}

#[test]
fn an_unknown_claim_is_recorded_and_shown_and_is_optional_in_an_export() {
    let vendor = Scratch::new();
    let vector = include_str!("../../../fixtures/vectors/tokens/ok-unknown-string");
    vendor.write(
        "license.jwt",
        vector.trim_end().rsplit('\n').next().unwrap(),
    );
    let jwks = include_str!("../../../fixtures/trust/vendor.jwks");
    vendor.write("trust.jwks", jwks);
    assert_eq!(imported(&vendor, &["license.jwt"]), (1, 0));
    assert_eq!(licenses(&vendor, &["list"])[0]["color"], "anything");
    let id = "01a2ce8b-d400-7a10-8c4e-5f1d2a3b4c01";
    let shown = keygen(&vendor, &["ledger", "show", id])
        .expect_code(0)
        .stdout;
    assert!(shown.contains("\n  color       anything\n"), "{shown}");
    let exported = keygen(&vendor, &["ledger", "export"]).expect_code(0).stdout;
    let claim = ",\"color\":\"anything\"";
    assert!(exported.contains(claim), "{exported}");
    for (change, code) in [("", 0), (",\"color\":\"other\"", 3)] {
        vendor.write("export.jsonl", exported.replace(claim, change));
        let _ = import(&vendor, &["--ledger", "other.db", "export.jsonl"]).expect_code(code);
    }
}

#[test]
fn a_ledger_of_the_first_version_is_readable_before_its_migration() {
    let (vendor, _) = exported();
    let path = keygen_json(&vendor, &["ledger", "stats"])["path"].clone();
    let db = rusqlite::Connection::open(text(&path)).unwrap();
    let downgrade = "DROP INDEX entries_by_trial; DROP INDEX entries_by_chain;
                DROP INDEX entries_by_nonce; DROP INDEX entries_by_activation; PRAGMA user_version = 1;";
    db.execute_batch(downgrade).unwrap();
    drop(db);
    let trial = words("trial --key vendor.key --customer ACME --json");
    let dry = keygen(&vendor, &[&trial[..], &["--dry-run"]].concat());
    assert_eq!(dry.expect_json_failure(2), "TRIAL_USED");
    let renew = words("renew team.lic --days 9 --key vendor.key --json");
    assert_eq!(keygen(&vendor, &renew).expect_json_failure(2), "RENEWED");
    verified_chain(&vendor);
}

/// Creates two licenses, revokes the first, and writes the revocation list. Returns the id of the
/// revoked license.
fn listed() -> (Scratch, String) {
    let vendor = vendor();
    let license = issue(&vendor, "1.lic", &[]);
    issue(&vendor, "2.lic", &[]);
    let id = text(&license["license_id"]).to_owned();
    let _ = keygen(&vendor, &["revoke", &id, "--reason", "charged back"]).expect_code(0);
    let _ = list(&vendor, &["--out", "list.lic"]).expect_code(0);
    (vendor, id)
}

fn list(vendor: &Scratch, options: &[&str]) -> RunOutput {
    let args = ["revocations", "--key", "vendor.key"];
    keygen(vendor, &[&args[..], options].concat())
}

#[test]
fn the_last_revocation_list_restores_the_revocations_of_a_lost_ledger() {
    let (vendor, id) = listed();
    std::fs::remove_dir_all(vendor.home().join(".local/share/keygen")).unwrap();
    issue(&vendor, "3.lic", &[]);
    let report = list(&vendor, &["--dry-run", "--json"]).expect_code(0);
    assert_eq!(report.json()["revoked"], 0);
    assert_eq!(imported(&vendor, &["list.lic"]), (2, 0));
    assert_eq!(imported(&vendor, &["list.lic"]), (0, 2));
    let report = list(&vendor, &["--json"]).expect_code(0).json();
    assert_eq!(report["revoked"], 1);
    let entry = export(&vendor)
        .into_iter()
        .find(|entry| entry["kind"] == "revocation");
    let entry = entry.unwrap();
    assert_eq!(
        (text(&entry["subject"]), &entry["body"]["reason"]),
        (&*id, &"charged back".into())
    );
    verified_chain(&vendor);
}

#[test]
fn a_revocation_list_that_is_edited_or_signed_by_an_untrusted_key_is_refused() {
    let (vendor, _) = listed();
    let file = vendor.read("list.lic");
    let at = file.find('.').unwrap() + 80;
    vendor.write("edited.lic", license_tests::vendor::changed_at(&file, at));
    assert_eq!(
        import(&vendor, &["edited.lic"]).expect_json_failure(3),
        "BAD_SIGNATURE"
    );
    let stranger = Vendor::with_new_key("2048", "RS256");
    vendor.write("other.jwks", &stranger.trust);
    let args = words("ledger import --trust other.jwks --json list.lic");
    assert_eq!(
        keygen(&vendor, &args).expect_json_failure(3),
        "UNTRUSTED_KEY"
    );
}
