//! `keygen revoke --undo` and imports of reinstatements: licenses that would be valid together, and
//! licenses that stay denied.

use super::*;

/// Renews a license with these terms and returns the id of the renewal.
#[track_caller]
fn renew(vendor: &Scratch, id: &str, terms: &[&str]) -> String {
    let renew = ["renew", id, "--key", "vendor.key"];
    let report = keygen_json(vendor, &[&renew[..], terms].concat());
    text(&report["license_id"]).to_owned()
}

#[track_caller]
fn revoke(vendor: &Scratch, license: &[&str]) -> Value {
    let revoke = ["revoke", "--reason", "unpaid"];
    keygen_json(vendor, &[&revoke[..], license].concat())
}

fn undo(vendor: &Scratch, license: &[&str]) -> RunOutput {
    let undo = ["revoke", "--undo", "--reason", "paid", "--json"];
    keygen(vendor, &[&undo[..], license].concat())
}

/// Revokes all licenses of the customer with one command, including a license that was revoked
/// before.
fn revoke_together(vendor: &Scratch, revoked_before: &str) {
    let _ = undo(vendor, &[revoked_before, "--force"]).expect_code(0);
    let _ = revoke(vendor, &["--customer", "ACME Ltd"]);
}

/// Creates a license with two renewals, of which the first was a mistake. All three are revoked
/// together.
fn siblings() -> (Scratch, [String; 3]) {
    let vendor = vendor();
    let first = issue(&vendor, "1.lic", &["--days", "30"]);
    let first = text(&first["license_id"]).to_owned();
    let mistake = renew(&vendor, &first, &["--days", "9", "--out", "2.lic"]);
    let _ = revoke(&vendor, &[&mistake]);
    let renewal = renew(&vendor, &first, &["--days", "9", "--out", "3.lic"]);
    revoke_together(&vendor, &mistake);
    (vendor, [first, mistake, renewal])
}

/// Returns the commands of `keygen` that a message names.
fn commands(message: &str) -> Vec<Vec<&str>> {
    let quoted = message.split('`').skip(1).step_by(2);
    let arguments = quoted.map(|command| command.split(' ').skip(1).collect());
    arguments.collect()
}

#[track_caller]
fn revoked(vendor: &Scratch) -> Vec<String> {
    let revoked = licenses(vendor, &["list", "--status", "revoked"]);
    let ids = revoked.iter().map(|license| text(&license["license_id"]));
    ids.map(str::to_owned).collect()
}

#[test]
fn two_renewals_that_are_reinstated_together_are_named_and_the_hint_works() {
    for is_forced in [false, true] {
        let (vendor, [first, mistake, renewal]) = siblings();
        let customer = ["--customer", "ACME Ltd"];
        for license in [&customer[..], &[&first, "--with-successors"]] {
            assert_eq!(undo(&vendor, license).expect_json_failure(2), "RENEWED");
            let args = [&["revoke", "--undo", "--reason", "x"], license].concat();
            let error = keygen(&vendor, &args).expect_failure(2);
            let expected = format!(
                "expected one valid successor of license {first}, found 2: {mistake}, {renewal}"
            );
            assert_eq!(error.message, expected);
            assert!(error.hint.contains(&format!("only {renewal}")), "{error:?}");
            let commands = commands(&error.hint);
            let [kept, ended] = commands.as_slice() else {
                panic!("{error:?}");
            };
            if !is_forced {
                let _ = keygen(&vendor, kept).expect_code(0);
                assert_eq!(revoked(&vendor), [&*first, &*mistake]);
                let _ = undo(&vendor, &[&first]).expect_code(0);
            } else {
                let forced = undo(&vendor, &[license, &["--force"]].concat()).expect_code(0);
                let both = json!([mistake, renewal]);
                assert_eq!(forced.json()["competitors"], both);
                assert!(
                    forced.stderr.contains("RENEWED: expected one"),
                    "{forced:?}"
                );
                let _ = keygen(&vendor, ended).expect_code(0);
            }
            assert_eq!(revoked(&vendor), [&*mistake]);
            revoke_together(&vendor, &mistake);
        }
    }
}

#[test]
fn a_license_that_another_command_revoked_stays_revoked_and_is_named_with_its_command() {
    for bulk in [
        &["--customer", "ACME Ltd"][..],
        &["1.lic", "--with-successors"],
    ] {
        for (number, reason) in ["renewal refunded", "unpaid"].into_iter().enumerate() {
            let vendor = vendor();
            let mut ids = Vec::new();
            ids.push(text(&issue(&vendor, "1.lic", &["--days", "30"])["license_id"]).to_owned());
            for (last, out) in [(0, "2.lic"), (1, "3.lic")] {
                let terms = ["--days", "9", "--out", out];
                ids.push(renew(&vendor, &ids[last].clone(), &terms));
            }
            let refunded = ["revoke", &ids[2], "--reason", reason];
            keygen_json(&vendor, &refunded);
            let _ = revoke(&vendor, bulk);
            let undone = undo(&vendor, bulk).expect_code(0).json();
            assert_eq!(undone["reinstated"], json!(ids[..2]), "{number}");
            assert_eq!(undone["revoked_separately"], json!([ids[2]]));
            assert_eq!(revoked(&vendor), [&*ids[2]]);
            // A later command for another reason is separate, too.
            let _ = revoke(&vendor, &["1.lic"]);
            let _ = revoke(&vendor, &[&ids[1]]);
            let args = [
                &["revoke", "--undo", "--reason", "x", "1.lic"][..],
                &["--with-successors"],
            ];
            let shown = keygen(&vendor, &args.concat()).expect_code(0).stdout;
            let expected = [
                format!("reinstated license {}, revoked for: unpaid", ids[0]),
                format!("reinstated license {}, revoked for: unpaid", ids[1]),
                format!(
                    "license {} stays revoked, which another command did for: {reason}",
                    ids[2]
                ),
            ];
            for line in expected {
                assert!(shown.contains(&line), "{shown}");
            }
            let command = shown.split("keygen revoke ").nth(1).unwrap();
            let command = format!("revoke {} --force", command.trim());
            let _ = keygen(&vendor, &words(&command)).expect_code(0);
            assert!(revoked(&vendor).is_empty());
        }
    }
}

/// Reinstates all with `--force` and runs the commands that end licenses. The hint and the warnings
/// have the same commands.
#[track_caller]
fn expect_one_of_each(vendor: &Scratch, ended: usize, valid: usize) {
    let undo = [
        "revoke",
        "--customer",
        "ACME Ltd",
        "--undo",
        "--reason",
        "x",
    ];
    let refused = keygen(vendor, &undo).expect_failure(2);
    let forced = keygen(vendor, &[&undo[..], &["--force"]].concat()).expect_code(0);
    let warnings = forced.stderr.lines();
    let warnings = warnings.filter(|line| line.contains("RENEWED"));
    let of_warnings: Vec<_> = warnings.flat_map(commands).collect();
    let mut of_hint = commands(&refused.hint);
    of_hint.retain(|command| !command.contains(&"--undo"));
    assert_eq!(of_hint, of_warnings, "{refused:?}");
    assert_eq!(of_hint.len(), ended, "{refused:?}");
    for command in &of_hint {
        let _ = keygen(vendor, command).expect_code(0);
    }
    let all = licenses(vendor, &["list"]);
    let is_valid = |license: &&Value| license["status"] != "revoked";
    assert_eq!(all.iter().filter(is_valid).count(), valid, "{all:?}");
}

fn text_of(license: &Value) -> String {
    text(&license["license_id"]).to_owned()
}

/// Revokes all licenses with one command, including those that were revoked before.
fn revoke_all_together(vendor: &Scratch) {
    for license in revoked(vendor) {
        let _ = undo(vendor, &[&license, "--force"]).expect_code(0);
    }
    let _ = revoke(vendor, &["--customer", "ACME Ltd"]);
}

#[test]
fn the_commands_of_a_hint_end_all_conflicts() {
    let days = ["--days", "9"];
    let revoked_renewals = |vendor: &Scratch, of: &str, count: usize| -> Vec<String> {
        let renewal = || {
            let renewal = renew(vendor, of, &days);
            let _ = revoke(vendor, &[&renewal]);
            renewal
        };
        (0..count).map(|_| renewal()).collect()
    };
    let license = |vendor: &Scratch, name: &str| text_of(&issue(vendor, name, &["--days", "30"]));

    // Two licenses.
    let vendor = self::vendor();
    for name in ["1.lic", "2.lic"] {
        let _ = revoked_renewals(&vendor, &license(&vendor, name), 2);
    }
    revoke_all_together(&vendor);
    expect_one_of_each(&vendor, 2, 4);

    // Three renewals of one license.
    let vendor = self::vendor();
    let _ = revoked_renewals(&vendor, &license(&vendor, "1.lic"), 3);
    revoke_all_together(&vendor);
    expect_one_of_each(&vendor, 2, 2);

    // A renewal with renewals.
    let vendor = self::vendor();
    let first = license(&vendor, "1.lic");
    let _ = revoked_renewals(&vendor, &first, 1);
    let second = renew(&vendor, &first, &days);
    let _ = revoked_renewals(&vendor, &second, 2);
    let _ = revoke(&vendor, &[&second]);
    revoke_all_together(&vendor);
    expect_one_of_each(&vendor, 2, 3);
}

#[test]
fn a_renewal_is_reinstated_after_the_command_of_the_hint_has_ended_the_other_one() {
    let (vendor, [first, mistake, renewal]) = siblings();
    let _ = undo(&vendor, &[&mistake]).expect_code(0);
    let terms = ["--days", "9", "--out", "4.lic"];
    let later = renew(&vendor, &mistake, &terms);
    let undo_text = ["revoke", &renewal, "--undo", "--reason", "x"];
    let error = keygen(&vendor, &undo_text).expect_failure(2);
    for id in [&first, &mistake, &later, &renewal] {
        assert!(error.message.contains(id.as_str()), "{error:?}");
    }
    let commands = commands(&error.hint);
    assert_eq!(commands.len(), 1, "{error:?}");
    let _ = keygen(&vendor, &commands[0]).expect_code(0);
    let _ = undo(&vendor, &[&renewal]).expect_code(0);
    assert_eq!(revoked(&vendor), [&*first, &*mistake, &*later]);
    // The renewal of the mistaken renewal replaces the same license.
    assert_eq!(undo(&vendor, &[&later]).expect_json_failure(2), "RENEWED");
}

#[test]
fn an_ended_renewal_is_no_rival() {
    let vendor = vendor();
    let terms = words("--tier free --issued-at 2020-01-01 --expires 2020-06-30");
    let first = issue(&vendor, "1.lic", &terms);
    let first = text(&first["license_id"]);
    let short = ["--issued-at", "2020-06-01", "--until", "2020-12-31"];
    let ended = renew(&vendor, first, &short);
    let _ = revoke(&vendor, &[&ended]);
    let _ = renew(&vendor, first, &["--days", "9"]);
    let report = undo(&vendor, &[&ended]).expect_code(0).json();
    assert_eq!(report["competitors"], json!([]));
}

#[test]
fn renewals_of_a_license_that_the_ledger_lacks_are_rivals() {
    let vendor = vendor();
    issue(&vendor, "1.lic", &["--days", "30", "--no-ledger"]);
    let terms = ["--days", "9", "--trust", "trust.jwks"];
    let mistake = renew(&vendor, "1.lic", &terms);
    let _ = revoke(&vendor, &[&mistake]);
    let renewal = renew(&vendor, "1.lic", &terms);
    let forced = undo(&vendor, &[&mistake, "--force"]).expect_code(0).json();
    assert_eq!(forced["competitors"], json!([renewal]));
}

/// Returns a second ledger with the same entries.
fn copy_of(vendor: &Scratch) -> Scratch {
    let copy = self::vendor();
    let _ = import(&copy, vendor).expect_code(0);
    copy
}

/// Imports the entries of another ledger.
fn import(vendor: &Scratch, other: &Scratch) -> RunOutput {
    let exported = keygen(other, &["ledger", "export"]).expect_code(0).stdout;
    import_text(vendor, &exported)
}

fn import_text(vendor: &Scratch, exported: &str) -> RunOutput {
    vendor.write("all.jsonl", exported);
    let import = words("ledger import all.jsonl --trust trust.jwks --json");
    keygen(vendor, &import).expect_code(0)
}

#[test]
fn an_import_that_makes_two_renewals_valid_names_them() {
    let (one, [first, mistake, renewal]) = siblings();
    let two = copy_of(&one);
    let _ = undo(&one, &[&mistake]).expect_code(0);
    let _ = undo(&two, &[&renewal]).expect_code(0);
    let both = json!([{ "replaced": first, "licenses": [mistake, renewal] }]);
    let imported = import(&two, &one);
    assert_eq!(imported.json()["competitors"], both);
    let warning = imported
        .stderr
        .lines()
        .find(|line| line.contains("RENEWED"));
    let warning = warning.unwrap();
    for id in [&first, &mistake, &renewal] {
        assert!(warning.contains(id.as_str()), "{warning}");
    }
    let commands = commands(warning);
    let _ = keygen(&two, &commands[0]).expect_code(0);
    assert_eq!(revoked(&two), [&*first, &*mistake]);
    let again = import(&two, &one);
    assert_eq!(again.json()["competitors"], json!([]));
    assert!(!again.stderr.contains("RENEWED"), "{again:?}");

    // Both ledgers renew the same license.
    let one = vendor();
    let first = issue(&one, "1.lic", &["--days", "30"])["license_id"].clone();
    let two = copy_of(&one);
    let renewals = [&one, &two].map(|vendor| renew(vendor, text(&first), &["--days", "9"]));
    let imported = import(&one, &two).json();
    let both = json!([{ "replaced": first, "licenses": renewals }]);
    assert_eq!(imported["competitors"], both);
}

#[test]
fn a_later_reinstatement_of_the_same_import_withdraws_the_warning() {
    let one = vendor();
    let license = issue(&one, "1.lic", &[]);
    let id = text(&license["license_id"]);
    let two = copy_of(&one);
    let _ = revoke(&two, &[id]);
    let _ = revoke(&one, &[id]);
    let _ = undo(&one, &[id]).expect_code(0);
    let early = keygen(&one, &["ledger", "export"]).expect_code(0).stdout;
    let _ = import(&one, &two);
    let _ = undo(&one, &[id]).expect_code(0);
    // The first reinstatement does not count, because the file does not contain the revocation of
    // this ledger before it. The second one does.
    let late = copy_of(&two);
    assert_eq!(
        import_text(&two, &early).json()["still_revoked"],
        json!([id])
    );
    for vendor in [&two, &late] {
        let imported = import(vendor, &one);
        assert_eq!(imported.json()["still_revoked"], json!([]));
        assert!(!imported.stderr.contains("REVOKED"), "{imported:?}");
        assert!(revoked(vendor).is_empty());
    }
}

#[test]
fn two_ledgers_that_revoke_a_license_for_the_same_reason_in_the_same_second_are_distinguished() {
    let one = vendor();
    let license = issue(&one, "1.lic", &[]);
    let id = text(&license["license_id"]);
    let two = copy_of(&one);
    let _ = revoke(&one, &[id]);
    let _ = revoke(&two, &[id]);
    let _ = undo(&one, &[id]).expect_code(0);
    let at = export(&two).last().unwrap()["body"]["at"].clone();
    let mut lines = export(&one);
    for line in &mut lines {
        if line["body"]["at"].is_string() {
            line["body"]["at"] = at.clone();
        }
    }
    let lines: String = lines.iter().map(|line| format!("{line}\n")).collect();
    for _ in 0..2 {
        let imported = import_text(&two, &lines);
        assert_eq!(imported.json()["still_revoked"], json!([id]));
        assert_eq!(revoked(&two), [id]);
    }
}

#[test]
fn an_undo_names_a_token_for_a_replaced_license_that_still_denies_the_license() {
    let vendor = vendor();
    let terms = ["--days", "30", "--issued-at", "2026-01-01"];
    let first = issue(&vendor, "1.lic", &terms)["license_id"].clone();
    let upgrade = ["upgrade", text(&first), "--tier", "team", "--key"];
    let terms = ["vendor.key", "--issued-at", "2026-01-05", "--out", "2.lic"];
    let upgraded = keygen_json(&vendor, &[upgrade, terms].concat());
    let second = text(&upgraded["license_id"]);
    let check_in = |license: &str, status: &str, at: &str| {
        let check_in = ["check-in", license, "--key", "vendor.key"];
        let terms = ["--status", status, "--issued-at", at];
        let _ = keygen(&vendor, &[check_in, terms].concat()).expect_code(0);
    };
    let denials = || {
        let _ = revoke(&vendor, &[second]);
        let undone = undo(&vendor, &[second]).expect_code(0);
        (undone.json()["denials"].clone(), undone.stderr)
    };
    // The upgrade is newer than this token, and ends its effect.
    check_in("1.lic", "revoked", "2026-01-04");
    assert_eq!(denials().0, json!([]));
    check_in("1.lic", "suspended", "2026-01-06");
    let (found, stderr) = denials();
    let expected = json!([{
        "license_id": second, "token_license_id": first, "machine": null, "status": "suspended",
    }]);
    assert_eq!(found, expected);
    let warning = stderr.lines().find(|line| line.contains("STILL_DENIED"));
    let named = format!(
        "{second} on all machines (suspended by a token for {}",
        text(&first)
    );
    for part in [&*named, "keygen check-in LICENSE_ID --status active"] {
        assert!(warning.unwrap().contains(part), "{stderr}");
    }
    // Of two tokens of the same second, the denial counts on a machine.
    check_in("2.lic", "active", "2026-01-06");
    assert_eq!(denials().0, expected);
    check_in("2.lic", "active", "2026-01-07");
    assert_eq!(denials().0, json!([]));
}

#[test]
fn the_replacement_of_a_license_that_a_token_denies_says_that_the_token_does_not_deny_it() {
    let vendor = vendor();
    let terms = ["--days", "900", "--issued-at", "2026-01-01"];
    let id = issue(&vendor, "1.lic", &terms)["license_id"].clone();
    let id = text(&id);
    let renew = [
        "renew",
        id,
        "--days",
        "9",
        "--key",
        "vendor.key",
        "--dry-run",
    ];
    vendor.write("due.csv", format!("license_id\n{id}\n"));
    let list = words("renew --from due.csv --days 9 --key vendor.key --out out --dry-run");
    let upgrade = [
        "upgrade",
        id,
        "--tier",
        "team",
        "--key",
        "vendor.key",
        "--dry-run",
    ];
    for (status, is_denied) in [("active", false), ("suspended", true)] {
        let check_in = words("check-in 1.lic --key vendor.key --issued-at");
        let check_in = [&check_in[..], &["2026-01-05", "--status", status]].concat();
        let _ = keygen(&vendor, &check_in).expect_code(0);
        for (args, part) in [
            (&renew[..], format!("{id} on all machines ({status})")),
            (&upgrade, format!("{id} on all machines ({status})")),
            (
                &list,
                format!("deny 1 license, and do not deny the renewals, which are newer: {id}"),
            ),
        ] {
            let run = keygen(&vendor, args).expect_code(0);
            assert_eq!(run.stderr.contains(&part), is_denied, "{run:?}");
            assert_eq!(
                run.stderr.contains("validation tokens deny"),
                is_denied,
                "{run:?}"
            );
        }
    }
    let backdated = [&upgrade[..], &["--issued-at", "2026-01-04"]].concat();
    let run = keygen(&vendor, &backdated).expect_code(0);
    assert!(run.stderr.contains("also deny the new one"), "{run:?}");
}
