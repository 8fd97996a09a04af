//! What was minted elsewhere, and what another ledger holds.

use super::*;

fn import(desk: &Scratch, files: &[&str]) -> Outcome {
    let import = ["ledger", "import", "--trust", "trust.jwks", "--json"];
    keygen(desk, &[&import[..], files].concat())
}

#[track_caller]
fn imported(desk: &Scratch, files: &[&str]) -> (u64, u64) {
    let told = import(desk, files).expect_code(0).json();
    let count = |name: &str| told[name].as_u64().unwrap();
    (count("entered"), count("known"))
}

/// A desk where things were minted without a ledger.
fn unrecorded() -> Scratch {
    let desk = desk();
    issue(
        &desk,
        "acme.lic",
        &["--no-ledger", "--tier", "team", "--seats", "9"],
    );
    let terms = words("--company ACME --seats 100 --perpetual --no-ledger");
    let key = ["enterprise-key", "--key", "vendor.key", "--out", "acme.key"];
    let _ = keygen(&desk, &[&key[..], &terms].concat()).expect_code(0);
    let check_in = words("check-in --key vendor.key acme.lic --out v.lic --no-ledger");
    let _ = keygen(&desk, &check_in).expect_code(0);
    desk
}

#[test]
fn what_was_minted_without_a_ledger_is_entered_once() {
    let desk = unrecorded();
    assert_eq!(imported(&desk, &["acme.lic", "v.lic", "acme.key"]), (3, 0));
    assert_eq!(imported(&desk, &["acme.lic", "v.lic", "acme.key"]), (0, 3));
    assert_eq!(kinds(&desk), ["license", "check_in", "enterprise_key"]);
    whole(&desk);
    let both = desk.read("acme.lic") + &desk.read("v.lic");
    desk.write("both.lic", both);
    assert_eq!(imported(&desk, &["both.lic", "both.lic"]), (0, 4));
}

#[test]
fn the_same_file_twice_at_once_is_entered_once() {
    let desk = unrecorded();
    assert_eq!(imported(&desk, &["acme.lic", "acme.lic"]), (1, 1));
}

#[test]
fn what_was_minted_here_is_known() {
    let desk = desk();
    issue(
        &desk,
        "acme.lic",
        &["--company", "ACME", "--tier", "ent", "--seats", "100"],
    );
    enterprise_key(&desk, "acme.key");
    assert_eq!(imported(&desk, &["acme.lic", "acme.key"]), (0, 2));
}

/// A desk with something of every kind in its ledger.
fn filled() -> Scratch {
    let desk = desk();
    issue(&desk, "1.lic", &["--customer", "Jo \"Doe\", Žofie\nInc"]);
    let two = issue(
        &desk,
        "2.lic",
        &["--company", "ACME", "--tier", "ent", "--seats", "100"],
    );
    enterprise_key(&desk, "acme.key");
    for license in ["1.lic", "acme.key"] {
        let check_in = ["check-in", "--key", "vendor.key", license];
        let _ = keygen(&desk, &check_in).expect_code(0);
    }
    let revoke = ["revoke", text(&two["license_id"]), "--reason", "unpaid"];
    let _ = keygen(&desk, &revoke).expect_code(0);
    desk
}

#[test]
fn an_export_makes_the_same_ledger_elsewhere() {
    let desk = filled();
    let _ = keygen(&desk, &["ledger", "export", "--out", "all.jsonl"]).expect_code(0);
    let other = self::desk();
    other.write("all.jsonl", desk.read("all.jsonl"));
    assert_eq!(imported(&other, &["all.jsonl"]), (7, 0));
    assert_eq!(imported(&other, &["all.jsonl"]), (0, 7));
    whole(&other);
    let of = |desk: &Scratch| {
        let mut licenses = licenses(desk, &["list"]);
        for license in &mut licenses {
            license["recorded_at"].take();
        }
        licenses
    };
    assert_eq!(of(&desk), of(&other));
    let facts = |desk: &Scratch| {
        let entries = export(desk).into_iter();
        let facts = entries
            .map(|entry| ["kind", "subject", "body", "artefact"].map(|name| entry[name].clone()));
        facts.collect::<Vec<_>>()
    };
    assert_eq!(facts(&desk), facts(&other));
    // Its own export is known to it.
    assert_eq!(imported(&desk, &["all.jsonl"]), (0, 7));
}

#[test]
fn a_check_in_whose_license_is_nowhere_comes_along() {
    let desk = unrecorded();
    let check_in = words("check-in --key vendor.key acme.lic --out w.lic");
    let _ = keygen(&desk, &check_in).expect_code(0);
    let _ = keygen(&desk, &["ledger", "export", "--out", "all.jsonl"]).expect_code(0);
    let other = self::desk();
    other.write("all.jsonl", desk.read("all.jsonl"));
    assert_eq!(imported(&other, &["all.jsonl"]), (2, 0));
}

#[test]
fn what_is_foreign_or_tampered_with_is_refused_with_all_that_came_along() {
    let desk = unrecorded();
    let stranger = Vendor::with_key("2048", "RS256");
    desk.write(
        "foreign.lic",
        stranger.issue(&["--tier", "pro", "--perpetual"]).file,
    );
    let license = desk.read("acme.lic");
    desk.write(
        "changed.lic",
        license_tests::vendor::changed_at(&license, 200),
    );
    desk.write("noise", "noise\n");
    desk.write("object", "{\"kind\": \"license\"}\n");
    for wrong in [
        "foreign.lic",
        "changed.lic",
        "noise",
        "object",
        "trust.jwks",
        "vendor.key",
    ] {
        let refused = import(&desk, &["acme.lic", wrong]);
        assert_eq!(refused.code, Some(3), "{wrong}: {}", refused.said());
    }
    let missing = import(&desk, &["acme.lic", "missing"]);
    assert_eq!(missing.code, Some(4), "{}", missing.said());
    assert!(!database(&desk).exists(), "nothing was entered");
    // A validation proves nothing without its license.
    assert_eq!(import(&desk, &["v.lic"]).code, Some(3));
}

#[test]
fn an_export_that_says_what_was_not_signed_is_refused() {
    let desk = filled();
    let entries = export(&desk);
    let other = self::desk();
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
        assert_eq!(refused.code, Some(3), "{pointer}: {}", refused.said());
    }
    assert!(!database(&other).exists(), "nothing was entered");
}

/// Exports of a ledger into which every command that mints has entered something.
fn exported() -> (Scratch, String) {
    let desk = desk();
    let own = |args: &[&str]| {
        let told = keygen(&desk, &[args, &["--key", "vendor.key", "--json"]].concat());
        let told = told.expect_code(0).json();
        told["license_id"].as_str().unwrap_or_default().to_owned()
    };
    let trial = own(&["trial", "--customer", "ACME"]);
    own(&["trial", "--customer", "acme", "--again"]);
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
    let paid = own(&convert);
    let change = [
        "reassign",
        &paid,
        "--from",
        "alice",
        "--to",
        "bob",
        "--waive-cool-down",
    ];
    let named = own(&[&change[..], &["--out", "named.lic"]].concat());
    own(&["upgrade", &named, "--tier", "team", "--out", "team.lic"]);
    own(&["renew", "team.lic", "--days", "9"]);
    own(&words(
        "check-in team.lic --machine mach_00112233445566778899aabbccddeeff",
    ));
    own(&words(
        "enterprise-key --company ACME --seats 9 --perpetual",
    ));
    desk.write("orders.csv", "tier,customer,days\npro,Batch,9\n");
    own(&["batch", "orders.csv", "--out", "out"]);
    let _ = keygen(&desk, &["revoke", &trial, "--reason", "fraud"]).expect_code(0);
    let exported = keygen(&desk, &["ledger", "export"]).expect_code(0).stdout;
    (desk, exported)
}

#[test]
fn a_ledger_comes_back_from_its_own_export_whatever_was_minted() {
    let (desk, exported) = exported();
    desk.write("all.jsonl", &exported);
    let lines = u64::try_from(exported.lines().count()).unwrap();
    let other = ["--ledger", "other.db", "all.jsonl"];
    assert_eq!(imported(&desk, &other), (lines, 0));
    let again = keygen(&desk, &["ledger", "export", "--ledger", "other.db"]);
    let again = again.expect_code(0).stdout;
    for fact in [
        "\"again\":true",
        "\"cool_down_waived\":true",
        "\"order\":",
        "\"trial_of\":\"CODITECT acme\"",
    ] {
        assert_eq!(
            again.matches(fact).count(),
            exported.matches(fact).count(),
            "{fact}"
        );
        assert!(again.contains(fact), "{fact}");
    }
    let second = words("trial --key vendor.key --customer ACME --ledger other.db");
    assert_eq!(
        keygen(&desk, &[&second[..], &["--json"]].concat()).expect_json_failure(2),
        "TRIAL_USED"
    );
}

#[test]
fn an_export_of_an_earlier_version_is_taken_and_an_edited_one_is_not() {
    let (desk, exported) = exported();
    let earlier = exported
        .replace("\"trial_of\":null,", "")
        .replace("\"trial_of\":null", "\"x\":1")
        .replace("\"trial_of\":\"CODITECT acme\",", "");
    desk.write("earlier.jsonl", &earlier);
    let _ = import(&desk, &["--ledger", "earlier.db", "earlier.jsonl"]).expect_code(0);
    let second = words("trial --key vendor.key --customer ACME --ledger earlier.db");
    assert_eq!(
        keygen(&desk, &[&second[..], &["--json"]].concat()).expect_json_failure(2),
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
        desk.write("edited.jsonl", exported.replacen(from, to, 1));
        let refused = import(&desk, &["--ledger", "edited.db", "edited.jsonl"]);
        assert_eq!(refused.expect_json_failure(3), "MALFORMED", "{from}");
    }
}

#[test]
fn an_unknown_claim_is_recorded_and_shown_and_may_be_missing_in_an_earlier_export() {
    let desk = Scratch::new();
    let vector = include_str!("../../../fixtures/vectors/tokens/ok-unknown-string");
    desk.write(
        "license.jwt",
        vector.trim_end().rsplit('\n').next().unwrap(),
    );
    let jwks = include_str!("../../../fixtures/trust/vendor.jwks");
    desk.write("trust.jwks", jwks);
    assert_eq!(imported(&desk, &["license.jwt"]), (1, 0));
    assert_eq!(licenses(&desk, &["list"])[0]["colour"], "anything");
    let id = "01a2ce8b-d400-7a10-8c4e-5f1d2a3b4c01";
    let shown = keygen(&desk, &["ledger", "show", id]).expect_code(0).stdout;
    assert!(
        shown.contains("    colour             anything\n"),
        "{shown}"
    );
    let exported = keygen(&desk, &["ledger", "export"]).expect_code(0).stdout;
    let claim = ",\"colour\":\"anything\"";
    assert!(exported.contains(claim), "{exported}");
    for (change, code) in [("", 0), (",\"colour\":\"other\"", 3)] {
        desk.write("export.jsonl", exported.replace(claim, change));
        let _ = import(&desk, &["--ledger", "other.db", "export.jsonl"]).expect_code(code);
    }
}

#[test]
fn a_ledger_of_the_first_version_is_asked_before_it_is_migrated() {
    let (desk, _) = exported();
    let place = told(&desk, &["ledger", "stats"])["path"].clone();
    let db = rusqlite::Connection::open(text(&place)).unwrap();
    let back = "DROP INDEX entries_by_trial; DROP INDEX entries_by_chain;
                DROP INDEX entries_by_nonce; DROP INDEX entries_by_activation; PRAGMA user_version = 1;";
    db.execute_batch(back).unwrap();
    drop(db);
    let trial = words("trial --key vendor.key --customer ACME --json");
    let dry = keygen(&desk, &[&trial[..], &["--dry-run"]].concat());
    assert_eq!(dry.expect_json_failure(2), "TRIAL_USED");
    let renew = words("renew team.lic --days 9 --key vendor.key --json");
    assert_eq!(keygen(&desk, &renew).expect_json_failure(2), "RENEWED");
    whole(&desk);
}

/// A desk where one of two licenses was revoked, and the list that says so.
fn listed() -> (Scratch, String) {
    let desk = desk();
    let license = issue(&desk, "1.lic", &[]);
    issue(&desk, "2.lic", &[]);
    let id = text(&license["license_id"]).to_owned();
    let _ = keygen(&desk, &["revoke", &id, "--reason", "charged back"]).expect_code(0);
    let _ = list(&desk, &["--out", "list.lic"]).expect_code(0);
    (desk, id)
}

fn list(desk: &Scratch, options: &[&str]) -> Outcome {
    let args = ["revocations", "--key", "vendor.key"];
    keygen(desk, &[&args[..], options].concat())
}

#[test]
fn a_ledger_that_was_lost_learns_from_the_last_list_what_is_revoked() {
    let (desk, id) = listed();
    std::fs::remove_dir_all(desk.home().join(".local/share/keygen")).unwrap();
    issue(&desk, "3.lic", &[]);
    let told = list(&desk, &["--dry-run", "--json"]).expect_code(0);
    assert_eq!(told.json()["revoked"], 0);
    assert_eq!(imported(&desk, &["list.lic"]), (2, 0));
    assert_eq!(imported(&desk, &["list.lic"]), (0, 2));
    let told = list(&desk, &["--json"]).expect_code(0).json();
    assert_eq!(told["revoked"], 1);
    let entry = export(&desk)
        .into_iter()
        .find(|entry| entry["kind"] == "revocation");
    let entry = entry.unwrap();
    assert_eq!(
        (text(&entry["subject"]), &entry["body"]["reason"]),
        (&*id, &"charged back".into())
    );
    whole(&desk);
}

#[test]
fn a_list_that_another_has_signed_or_changed_is_not_entered() {
    let (desk, _) = listed();
    let file = desk.read("list.lic");
    let at = file.find('.').unwrap() + 80;
    desk.write("edited.lic", license_tests::vendor::changed_at(&file, at));
    assert_eq!(
        import(&desk, &["edited.lic"]).expect_json_failure(3),
        "BAD_SIGNATURE"
    );
    let stranger = Vendor::with_key("2048", "RS256");
    desk.write("other.jwks", &stranger.trust);
    let args = words("ledger import --trust other.jwks --json list.lic");
    assert_eq!(keygen(&desk, &args).expect_json_failure(3), "UNTRUSTED_KEY");
}
