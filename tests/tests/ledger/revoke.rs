//! `keygen revoke`.

use std::time::SystemTime;

use license_core::chrono::TimeDelta;
use license_core::time;

use super::*;

fn revoke(vendor: &Scratch, id: &str, options: &[&str]) -> RunOutput {
    let revoke = ["revoke", id, "--reason", "unpaid", "--json"];
    keygen(vendor, &[&revoke[..], options].concat())
}

#[test]
fn a_license_is_revoked_by_its_id_its_key_or_its_short_key() {
    let vendor = vendor();
    let terms = ["--company", "ACME", "--tier", "ent", "--seats", "50"];
    for (number, name) in ["license_id", "key", "short_key"].iter().enumerate() {
        let license = issue(&vendor, &format!("{number}.lic"), &terms);
        let report = revoke(&vendor, text(&license[*name]), &[])
            .expect_code(0)
            .json();
        let expected = json!({
            "license_id": license["license_id"], "customer": null, "reason": "unpaid",
            "already_revoked": false, "revoked": [license["license_id"]], "still_hold": [],
            "successors": [], "dry_run": false,
        });
        assert_eq!(report, expected);
    }
    let key = enterprise_key(&vendor, "acme.key");
    let full = vendor.read("acme.key");
    let report = revoke(&vendor, full.trim(), &[]).expect_code(0).json();
    assert_eq!(report["license_id"], key["short_key"]);
    assert_eq!(licenses(&vendor, &["list", "--status", "revoked"]).len(), 4);
    assert_eq!(licenses(&vendor, &["list", "--status", "active"]).len(), 0);
    let last = export(&vendor).pop().unwrap();
    assert_eq!(last["kind"], "revocation");
    assert_eq!(last["body"]["reason"], "unpaid");
    verified_chain(&vendor);
}

#[test]
fn a_second_revocation_records_nothing() {
    let vendor = vendor();
    let license = issue(&vendor, "1.lic", &[]);
    let id = text(&license["license_id"]);
    let _ = revoke(&vendor, id, &[]).expect_code(0);
    let again = revoke(&vendor, id, &[]).expect_code(0).json();
    assert_eq!(again["already_revoked"], true);
    assert_eq!(kinds(&vendor), ["signing_key", "license", "revocation"]);
    let output = keygen(&vendor, &["revoke", id, "--reason", "x"]).expect_code(0);
    assert!(
        output.stdout.contains("already revoked"),
        "{}",
        output.stdout
    );
}

#[test]
fn an_unknown_license_is_revoked_only_with_force() {
    let vendor = vendor();
    issue(&vendor, "1.lic", &[]);
    let unrecorded = issue(&vendor, "2.lic", &["--no-ledger"]);
    let id = text(&unrecorded["license_id"]);
    assert_eq!(revoke(&vendor, id, &[]).expect_json_failure(2), "NOT_FOUND");
    let forced = revoke(&vendor, id, &["--force"]).expect_code(0).json();
    assert_eq!(forced["license_id"], id);
    let short = "CODITECT-ENT-ACME-100-99991231-6E424F3468AF2ACC";
    let forced = revoke(&vendor, short, &["--force"]).expect_code(0).json();
    assert_eq!(forced["license_id"], short);
    // A standard key does not contain the license id.
    for text in ["nonsense", "", text(&unrecorded["key"])] {
        assert_eq!(
            revoke(&vendor, text, &["--force"]).expect_json_failure(2),
            "USAGE"
        );
    }
    assert_eq!(kinds(&vendor).len(), 4);
}

#[test]
fn a_signing_key_cannot_be_revoked_as_a_license() {
    let vendor = vendor();
    issue(&vendor, "1.lic", &[]);
    let kid = &Vendor::shared().kid;
    let revoke = ["revoke", "--reason=x", "--json", "--", kid];
    assert_eq!(keygen(&vendor, &revoke).expect_json_failure(2), "NOT_FOUND");
    assert_eq!(kinds(&vendor), ["signing_key", "license"]);
}

#[test]
fn a_reason_is_one_line_of_at_most_200_characters() {
    let vendor = vendor();
    let license = issue(&vendor, "1.lic", &[]);
    let id = text(&license["license_id"]);
    let long = "x".repeat(201);
    for reason in ["", "  ", "two\nlines", "a\u{1b}[2J", &long] {
        let _ = keygen(&vendor, &["revoke", id, "--reason", reason]).expect_failure(2);
    }
    let _ = keygen(&vendor, &["revoke", id]).expect_failure(2);
    let without_ledger = ["revoke", id, "--reason", "x", "--no-ledger"];
    let _ = keygen(&vendor, &without_ledger).expect_failure(2);
    assert_eq!(kinds(&vendor), ["signing_key", "license"]);
    let longest = "x".repeat(200);
    let _ = keygen(&vendor, &["revoke", id, "--reason", &longest]).expect_code(0);
}

/// Renews a license and returns the id of the renewal.
fn renew(vendor: &Scratch, id: &str, out: &str) -> String {
    let renew = [
        "renew",
        id,
        "--days",
        "9",
        "--key",
        "vendor.key",
        "--out",
        out,
    ];
    let report = keygen_json(vendor, &renew);
    text(&report["license_id"]).to_owned()
}

/// Creates a license with a renewal and a renewal of the renewal, and returns the three ids.
fn chain() -> (Scratch, [String; 3]) {
    let vendor = vendor();
    let first = issue(&vendor, "1.lic", &["--days", "30"]);
    let first = text(&first["license_id"]).to_owned();
    let second = renew(&vendor, &first, "2.lic");
    let third = renew(&vendor, &second, "3.lic");
    (vendor, [first, second, third])
}

#[test]
fn predecessors_and_successors_that_stay_valid_are_named() {
    let (vendor, [first, second, third]) = chain();
    let before = kinds(&vendor);
    let dry = revoke(&vendor, &second, &["--dry-run"]).expect_code(0);
    let report = dry.json();
    assert_eq!(report["revoked"], json!([second]));
    assert_eq!(report["still_hold"], json!([first]));
    assert_eq!(report["successors"], json!([third]));
    assert_eq!(kinds(&vendor), before);
    let dry = ["revoke", &second, "--reason", "x", "--dry-run"];
    let dry = keygen(&vendor, &dry).expect_code(0).stdout;
    let line = format!("would revoke license {second}: PRO, ACME Ltd, through 20");
    assert!(dry.contains(&line), "{dry}");
    let output = keygen(&vendor, &["revoke", &first, "--reason", "x"]).expect_code(0);
    let warning = output.stderr.lines().next().unwrap();
    for part in ["STILL_HOLDS", &second, &third, "--with-successors"] {
        assert!(warning.contains(part), "{warning}");
    }
    assert_eq!(licenses(&vendor, &["list", "--status", "revoked"]).len(), 1);
    let output = keygen(
        &vendor,
        &["revoke", &first, "--reason", "x", "--with-successors"],
    );
    let output = output.expect_code(0);
    assert!(!output.stderr.contains("STILL_HOLDS"), "{}", output.stderr);
    for id in [&second, &third] {
        let line = format!("revoked license {id}\n");
        assert!(output.stdout.contains(&line), "{}", output.stdout);
    }
    assert_eq!(licenses(&vendor, &["list", "--status", "revoked"]).len(), 3);
    verified_chain(&vendor);
}

#[test]
fn all_licenses_of_a_customer_are_revoked_but_not_those_that_have_ended() {
    let vendor = vendor();
    let name = |name| ["--customer", name];
    let ended = ["--issued-at", "2020-01-01", "--days", "1"];
    issue(
        &vendor,
        "ended.lic",
        &[&name("Größe AG")[..], &ended].concat(),
    );
    issue(&vendor, "1.lic", &name("Größe AG"));
    issue(&vendor, "2.lic", &name("GRO\u{308}SSE  ag"));
    issue(&vendor, "3.lic", &name("Größe AG Süd"));
    let revoke = ["revoke", "--reason", "fraud", "--json", "--customer"];
    for unknown in ["Größe", "", "\u{200b}"] {
        let refused = keygen(&vendor, &[&revoke[..], &[unknown]].concat());
        assert_eq!(refused.expect_json_failure(2), "NOT_FOUND");
    }
    let named = keygen(&vendor, &["revoke", "grösse AG", "--reason", "fraud"]);
    let hint = named.expect_failure(2).hint;
    assert!(hint.contains("keygen revoke --customer"), "{hint}");
    let run = |options: &[&str]| {
        let args = [&revoke[..], &["grösse AG"], options].concat();
        keygen(&vendor, &args).expect_code(0).json()
    };
    let report = run(&[]);
    assert_eq!(report["revoked"].as_array().unwrap().len(), 2);
    assert_eq!(
        (&report["license_id"], &report["customer"]),
        (&Value::Null, &json!("grösse AG"))
    );
    assert_eq!(
        customers(&vendor, &["list", "--status", "active"]),
        ["Größe AG Süd"]
    );
    assert_eq!(run(&[])["revoked"], json!([]));
    assert_eq!(run(&["--undo"])["reinstated"], report["revoked"]);
    assert_eq!(licenses(&vendor, &["list", "--status", "active"]).len(), 3);
    let _ = keygen(&vendor, &words("revoke ID --customer ACME --reason x")).expect_failure(2);
    let _ = keygen(&vendor, &words("revoke --reason x")).expect_failure(2);
}

#[test]
fn a_license_is_revoked_by_its_file_or_token() {
    let vendor = vendor();
    let mut ids = Vec::new();
    for file in ["1.lic", "2.lic", "3.lic"] {
        ids.push(text(&issue(&vendor, file, &[])["license_id"]).to_owned());
    }
    vendor.write("4.lic", vendor.read("1.lic") + &vendor.read("2.lic"));
    assert_eq!(
        revoke(&vendor, "4.lic", &[]).expect_json_failure(2),
        "USAGE"
    );
    let token = export(&vendor)[2]["artefact"].as_str().unwrap().to_owned();
    let piped = Run::keygen(&vendor).args(["revoke", "-", "--reason", "x", "--json"]);
    let piped = piped.stdin(vendor.read("3.lic")).run();
    let reports = [
        revoke(&vendor, "1.lic", &[]),
        revoke(&vendor, &token, &[]),
        piped,
    ];
    for (report, id) in reports.into_iter().zip(&ids) {
        assert_eq!(report.expect_code(0).json()["license_id"], **id);
    }
    let key = enterprise_key(&vendor, "acme.key");
    let report = revoke(&vendor, "acme.key", &[]).expect_code(0).json();
    assert_eq!(report["license_id"], key["short_key"]);
    // A forged file would name the license of another customer.
    let stranger = Vendor::with_new_key("2048", "RS256");
    let other = stranger.workstation();
    issue(&other, "forged.lic", &[]);
    vendor.write("forged.lic", other.read("forged.lic"));
    let forged = revoke(&vendor, "forged.lic", &["--force"]);
    assert_eq!(forged.expect_json_failure(3), "UNTRUSTED_KEY");
    vendor.write("other.jwks", &stranger.trust);
    let trusted = ["--trust", "other.jwks"];
    let unknown = revoke(&vendor, "forged.lic", &trusted);
    assert_eq!(unknown.expect_json_failure(2), "NOT_FOUND");
    let forced = revoke(
        &vendor,
        "forged.lic",
        &[&trusted[..], &["--force"]].concat(),
    );
    let _ = forced.expect_code(0);
}

#[test]
fn a_revocation_is_undone_and_can_be_repeated() {
    let (vendor, [first, second, third]) = chain();
    let _ = revoke(&vendor, &first, &["--with-successors"]).expect_code(0);
    let undo = |id: &str, options: &[&str]| {
        let undo = ["revoke", id, "--undo", "--reason", "paid"];
        keygen_json(&vendor, &[&undo[..], options].concat())
    };
    assert_eq!(undo(&second, &["--dry-run"])["reinstated"], json!([second]));
    assert_eq!(licenses(&vendor, &["list", "--status", "revoked"]).len(), 3);
    let expected = json!({
        "license_id": second, "customer": null, "reason": "paid", "reinstated": [second, third],
        "revoked_separately": [], "not_revoked": [], "competitors": [], "denials": [], "dry_run": false,
    });
    assert_eq!(undo(&second, &["--with-successors"]), expected);
    assert_eq!(undo(&second, &[])["not_revoked"], json!([second]));
    let status = || -> Vec<String> {
        let licenses = licenses(&vendor, &["list"]);
        let status = licenses
            .iter()
            .map(|license| text(&license["status"]).to_owned());
        status.collect()
    };
    assert_eq!(status(), ["revoked", "future", "future"]);
    // An export contains the reinstatements.
    let _ = keygen(&vendor, &words("ledger export --out all.jsonl")).expect_code(0);
    let import = words("ledger import all.jsonl --trust trust.jwks --ledger other.db");
    let _ = keygen(&vendor, &import).expect_code(0);
    let list = words("ledger list --status revoked --ledger other.db --json");
    let revoked = keygen(&vendor, &list).expect_code(0).json();
    assert_eq!(revoked["licenses"][0]["license_id"], *first);
    assert_eq!(revoked["count"], 1);
    let _ = revoke(&vendor, &second, &[]).expect_code(0);
    assert_eq!(status(), ["revoked", "revoked", "future"]);
    verified_chain(&vendor);
}

#[test]
fn an_imported_reinstatement_ends_no_revocation_that_the_import_does_not_contain() {
    for date in ["2020-01-01T00:00:00Z", "2027-09-25T00:00:00Z"] {
        let [one, two] = [vendor(), vendor()];
        let license = issue(&one, "1.lic", &[]);
        let id = text(&license["license_id"]);
        let base = keygen(&one, &["ledger", "export"]).expect_code(0).stdout;
        let _ = revoke(&one, id, &[]).expect_code(0);
        let _ = revoke(&one, id, &["--undo"]).expect_code(0);
        // The clock of the first ledger was wrong.
        let mut later = String::new();
        for mut entry in export(&one) {
            if entry["body"]["at"].is_string() {
                entry["body"]["at"] = json!(date);
            }
            later += &format!("{entry}\n");
        }
        two.write("base.jsonl", base);
        two.write("later.jsonl", later);
        let import = |file: &str| {
            let args = ["ledger", "import", "--trust", "trust.jwks", "--json", file];
            keygen(&two, &args).expect_code(0)
        };
        let _ = import("base.jsonl");
        let _ = revoke(&two, id, &[]).expect_code(0);
        for _ in 0..2 {
            let imported = import("later.jsonl");
            assert_eq!(imported.json()["still_revoked"], json!([id]));
            assert!(imported.stderr.contains("REVOKED: "), "{imported:?}");
        }
        assert_eq!(licenses(&two, &["list", "--status", "revoked"]).len(), 1);
        let list = keygen_json(&two, &["revocations", "--key", "vendor.key"]);
        assert_eq!(list["revoked"], 1);
        let again = revoke(&two, id, &[]).expect_code(0).json();
        assert_eq!(again["already_revoked"], true);
        // The other ledger is restored by the same file, because nothing contradicts it.
        let three = vendor();
        three.write("later.jsonl", two.read("later.jsonl"));
        let args = ["ledger", "import", "--trust", "trust.jwks", "later.jsonl"];
        let _ = keygen(&three, &args).expect_code(0);
        assert!(licenses(&three, &["list", "--status", "revoked"]).is_empty());
    }
}

#[test]
fn an_export_with_equal_revocations_keeps_their_order() {
    let [one, two] = [vendor(), vendor()];
    let id = issue(&one, "1.lic", &[])["license_id"].clone();
    for options in [&[][..], &["--undo"], &[]] {
        let _ = revoke(&one, text(&id), options).expect_code(0);
    }
    let mut lines = export(&one);
    for line in &mut lines {
        // Earlier versions recorded statements without an id.
        let body = line["body"].as_object_mut().unwrap();
        if body.remove("statement_id").is_some() {
            body.insert("at".to_owned(), json!("2026-01-01T00:00:00Z"));
        }
    }
    let lines: String = lines.iter().map(|line| format!("{line}\n")).collect();
    two.write("all.jsonl", lines);
    let import = words("ledger import all.jsonl --trust trust.jwks --json");
    let _ = keygen(&two, &import).expect_code(0);
    assert_eq!(licenses(&two, &["list", "--status", "revoked"]).len(), 1);
    assert_eq!(
        keygen(&two, &import).expect_code(0).json()["entered"],
        json!(0)
    );
}

#[test]
fn licenses_in_the_renewal_grace_period_are_revoked_and_named() {
    let vendor = vendor();
    let day = |days: i64| {
        let now = time::from_system_time(SystemTime::now()).unwrap();
        let at = now + TimeDelta::days(days);
        at.format("%Y-%m-%d").to_string()
    };
    let [start, end, long_ago] = [-100, -3, -20].map(day);
    let issue = |out: &str, tier: &str, end: &str| {
        let terms = ["--tier", tier, "--issued-at", &start, "--expires", end];
        text(&issue(&vendor, out, &terms)["license_id"]).to_owned()
    };
    // An ENT license has a grace period of seven days, and a FREE license has none.
    let in_grace = issue("1.lic", "ent", &end);
    let _ = issue("2.lic", "free", &end);
    let _ = issue("3.lic", "ent", &long_ago);
    let renewal = renew(&vendor, &in_grace, "4.lic");
    let report = revoke(&vendor, &renewal, &["--dry-run"]).expect_code(0);
    assert_eq!(report.json()["still_hold"], json!([in_grace]));
    let key = ["--company", "ACME", "--seats", "100", "--expires"];
    let key_end = end.replace('-', "");
    let args = ["enterprise-key", "--key", "vendor.key", "--out", "acme.key"];
    let key = keygen_json(&vendor, &[&args[..], &key, &[&key_end]].concat());
    let all = ["revoke", "--customer", "ACME Ltd", "--reason", "x"];
    assert_eq!(
        keygen_json(&vendor, &all)["revoked"],
        json!([in_grace, renewal])
    );
    let company = ["revoke", "--customer", "ACME", "--reason", "x"];
    assert_eq!(
        keygen_json(&vendor, &company)["revoked"],
        json!([key["short_key"]])
    );
}

#[test]
fn an_undone_renewal_beside_another_renewal_needs_force() {
    let vendor = vendor();
    let first = issue(&vendor, "1.lic", &["--days", "30"]);
    let first = text(&first["license_id"]).to_owned();
    let second = renew(&vendor, &first, "2.lic");
    let _ = revoke(&vendor, &second, &[]).expect_code(0);
    let third = renew(&vendor, &first, "3.lic");
    for mode in [&["--dry-run"][..], &[]] {
        let undo = revoke(&vendor, &second, &[&["--undo"], mode].concat());
        assert_eq!(undo.expect_json_failure(2), "RENEWED");
    }
    let undo = ["revoke", &second, "--undo", "--reason", "x"];
    let error = keygen(&vendor, &undo).expect_failure(2);
    assert!(error.message.contains(&third), "{error:?}");
    let forced = revoke(&vendor, &second, &["--undo", "--force", "--dry-run"]).expect_code(0);
    assert!(forced.stderr.contains("RENEWED: "), "{forced:?}");
    assert_eq!(forced.json()["competitors"], json!([third]));
    // Two renewals that are reinstated together are the same mistake.
    let _ = revoke(&vendor, &second, &["--undo", "--force"]).expect_code(0);
    let all = ["revoke", "--customer", "ACME Ltd", "--reason", "unpaid"];
    let _ = keygen(&vendor, &all).expect_code(0);
    let both = [
        "revoke",
        "--customer",
        "ACME Ltd",
        "--undo",
        "--reason",
        "x",
    ];
    let error = keygen(&vendor, &both).expect_failure(2);
    assert!(error.message.contains(&third), "{error:?}");
    assert_eq!(
        revoke(&vendor, &second, &["--undo"]).expect_code(0).json()["competitors"],
        json!([])
    );
}

#[test]
fn an_undo_names_the_validation_tokens_that_still_deny_the_license() {
    let vendor = vendor();
    let terms = words("--tier team --days 30 --devices 5 --issued-at 2026-01-01");
    let id = issue(&vendor, "1.lic", &terms)["license_id"].clone();
    let id = text(&id);
    let machines = ["1", "2"].map(|digit| format!("mach_{}", digit.repeat(32)));
    // A token lifts only an earlier denial, so each token has a date of its own.
    let check_in = |day: &str, status: &str, machine: Option<&str>| {
        let args = ["check-in", "1.lic", "--key", "vendor.key", "--issued-at"];
        let mut args = [&args[..], &[day, "--status", status]].concat();
        args.extend(
            machine
                .into_iter()
                .flat_map(|machine| ["--machine", machine]),
        );
        let _ = keygen(&vendor, &args).expect_code(0);
    };
    let undo = || {
        let _ = revoke(&vendor, id, &[]).expect_code(0);
        revoke(&vendor, id, &["--undo"]).expect_code(0)
    };
    assert_eq!(undo().json()["denials"], json!([]));
    check_in("2026-01-02", "active", None);
    check_in("2026-01-03", "revoked", Some(&machines[0]));
    check_in("2026-01-04", "canceled", Some(&machines[1]));
    check_in("2026-01-05", "active", Some(&machines[1]));
    let undone = undo();
    let expected = json!([{
        "license_id": id, "token_license_id": id, "machine": machines[0], "status": "revoked",
    }]);
    assert_eq!(undone.json()["denials"], expected);
    let warning = undone
        .stderr
        .lines()
        .find(|line| line.contains("STILL_DENIED"));
    assert!(warning.unwrap().contains("keygen check-in"), "{undone:?}");
    check_in("2026-01-06", "revoked", None);
    assert_eq!(undo().json()["denials"][0]["machine"], Value::Null);
    check_in("2026-01-07", "active", None);
    assert_eq!(undo().json()["denials"], json!([]));
}

#[test]
fn a_pasted_key_in_place_of_a_name_is_not_repeated() {
    let vendor = vendor();
    issue(&vendor, "1.lic", &[]);
    let key = enterprise_key(&vendor, "acme.key");
    let stranger = Vendor::with_new_key("2048", "RS256").workstation();
    let _ = enterprise_key(&stranger, "other.key");
    let key_line = vendor.read("vendor.key");
    let key_line = key_line.lines().nth(1).unwrap();
    let token = export(&vendor)[1]["artefact"].clone();
    assert_eq!(key_line.len(), 64);
    for pasted in [key_line, stranger.read("other.key").trim(), text(&token)] {
        for args in [
            &["revoke", "--reason", "x", "--customer"][..],
            &["revoke", "--reason", "x"],
            &["ledger", "show"],
            &["ledger", "resend"],
            &["renew", "--days", "9", "--key", "vendor.key"],
            &["upgrade", "--seats", "9", "--key", "vendor.key"],
            &["diff", "1.lic"],
            &[
                "issue",
                "--tier",
                "pro",
                "--days",
                "9",
                "--key",
                "vendor.key",
                "--convert",
            ],
            &[
                "issue",
                "--tier",
                "pro",
                "--days",
                "9",
                "--customer",
                "A",
                "--key",
                "vendor.key",
                "--add-feature",
            ],
            &[
                "upgrade",
                "1.lic",
                "--key",
                "vendor.key",
                "--remove-feature",
            ],
            &[
                "reassign",
                "--from",
                "a",
                "--to",
                "b",
                "--key",
                "vendor.key",
            ],
        ] {
            let run = keygen(&vendor, &[args, &[pasted]].concat());
            let shown = run.stdout.clone() + &run.stderr;
            let part: String = pasted.chars().rev().take(40).collect();
            let part: String = part.chars().rev().collect();
            assert!(!shown.contains(&part), "{args:?}: {run:?}");
        }
    }
    // A short key is no secret.
    let short = text(&key["short_key"]).replace("ACME", "OTHER");
    let error = keygen(&vendor, &["ledger", "show", &short]).expect_failure(2);
    assert!(error.message.contains(&short), "{error:?}");
}

#[test]
fn a_suspended_license_looks_suspended_and_a_check_in_of_its_renewal_does_not_end_that() {
    let vendor = vendor();
    let terms = words("--days 900 --issued-at 2026-01-01 --devices 5");
    let id = issue(&vendor, "1.lic", &terms)["license_id"].clone();
    let id = text(&id);
    let renew = words("renew 1.lic --days 9 --key vendor.key --issued-at 2026-01-02 --out 2.lic");
    keygen_json(
        &vendor,
        &renew.iter().map(|word| &**word).collect::<Vec<_>>(),
    );
    let check_in = |file: &str, status: &str, day: &str, options: &[&str]| {
        let args = ["check-in", file, "--key", "vendor.key", "--status", status];
        let args = [&args[..], &["--issued-at", day], options].concat();
        keygen(&vendor, &args).expect_code(0).stderr
    };
    let screens = || {
        let commands = [
            &["find", id][..],
            &["list", "--customer", "acme"],
            &["show", id],
        ];
        let run = |args: &[&str]| keygen(&vendor, &[&["ledger"], args].concat()).expect_code(0);
        commands.map(|args| run(args).stdout)
    };
    let machine = format!("mach_{}", "1".repeat(32));
    let machine = ["--machine", &machine];
    let _ = check_in("1.lic", "suspended", "2026-01-03", &machine);
    let [found, listed, shown] = screens();
    assert!(!(found + &listed).contains("suspended"));
    let expected = format!(
        "suspended by a token of 2026-01-03T00:00:00Z, on {}",
        machine[1]
    );
    assert!(shown.contains(&expected), "{shown}");
    let _ = check_in("1.lic", "suspended", "2026-01-04", &[]);
    for screen in screens() {
        assert!(screen.contains("suspended"), "{screen}");
    }
    let shown = keygen_json(&vendor, &["ledger", "show", id]);
    assert_eq!(shown["license"]["denials"][0]["status"], "suspended");
    let denial = || {
        let commands = [["find", id], ["list", "--customer=acme"]].into_iter();
        let listed = commands.map(|[command, argument]| {
            let listed = keygen_json(&vendor, &["ledger", command, argument]);
            let mut licenses = listed["licenses"].as_array().unwrap().iter();
            let found = licenses.find(|license| license["license_id"] == id);
            found.unwrap()["denial"].clone()
        });
        listed.collect::<Vec<_>>()
    };
    assert_eq!(denial(), ["suspended", "suspended"]);
    let warned = check_in("2.lic", "active", "2026-01-05", &[]);
    let command = format!("`keygen check-in {id} --status active`");
    let warning = warned.lines().find(|line| line.contains("STILL_DENIED"));
    assert!(warning.unwrap().contains(&command), "{warned}");
    for file in ["1.lic", "2.lic"] {
        let warned = check_in(file, "active", "2026-01-06", &[]);
        assert!(!warned.contains("STILL_DENIED"), "{warned}");
    }
    for screen in screens()[..2].iter() {
        assert!(!screen.contains("suspended"), "{screen}");
    }
    assert_eq!(denial(), [Value::Null, Value::Null]);
}
