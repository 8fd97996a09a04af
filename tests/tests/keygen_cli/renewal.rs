//! `keygen renew` and `upgrade`: what follows a license, and what takes its place.

use super::*;

/// A command with the vendor's key, in February 2026.
fn now(desk: &Scratch, args: &[&str]) -> Outcome {
    let (command, rest) = args.split_first().unwrap();
    let own = [command, "--key", "vendor.key", "--issued-at", "2026-02-01"];
    keygen(desk, &[&own[..], rest].concat())
}

#[track_caller]
fn minted(desk: &Scratch, args: &[&str]) -> Value {
    now(desk, &[args, &["--json"]].concat())
        .expect_code(0)
        .json()
}

#[track_caller]
fn code(desk: &Scratch, args: &[&str]) -> String {
    now(desk, &[args, &["--json"]].concat()).expect_json_failure(2)
}

/// A desk with a license through 2026-06-30, and its id.
fn desk(terms: &[&str]) -> (Scratch, String) {
    let desk = Vendor::shared().desk();
    let issue = words("issue --key vendor.key --customer ACME --issued-at 2026-01-01");
    let out = ["--out", "acme.lic", "--json"];
    let told = keygen(&desk, &[&issue[..], terms, &out].concat())
        .expect_code(0)
        .json();
    let id = told["license_id"].as_str().unwrap().to_owned();
    (desk, id)
}

const PRO: &[&str] = &["--tier", "pro", "--expires", "2026-06-30"];

#[test]
fn a_renewal_begins_where_the_license_ends() {
    let (desk, id) = desk(PRO);
    for (term, end) in [
        (&["--days", "365"][..], json!("2027-07-01T00:00:00Z")),
        (&["--until", "2026-12-31"], json!("2027-01-01T00:00:00Z")),
        (&["--perpetual"], Value::Null),
    ] {
        let told = minted(&desk, &[&["renew", "acme.lic", "--dry-run"], term].concat());
        assert_eq!(told["not_before"], "2026-07-01T00:00:00Z");
        assert_eq!(told["expires_at"], end);
        assert_eq!(told["supersedes"], json!([id]));
    }
    let told = minted(&desk, &["renew", &id, "--days", "30"]);
    assert_eq!(told["supersedes"], json!([id]));
    assert_eq!(code(&desk, &["renew", &id, "--days", "30"]), "RENEWED");
    // The first goes on until then, also in the ledger.
    let list = keygen(&desk, &["ledger", "show", &id, "--json"]).expect_code(0);
    assert!(!list.stdout.contains("superseded"), "{list:?}");
}

/// A desk with a license and its renewal, and the ids of both.
fn renewed(terms: &[&str]) -> (Scratch, String, String) {
    let (desk, id) = desk(terms);
    let next = minted(&desk, &["renew", &id, "--days", "30"]);
    let next = next["license_id"].as_str().unwrap().to_owned();
    (desk, id, next)
}

#[test]
fn what_was_renewed_is_changed_by_its_renewal_which_then_replaces_both_at_once() {
    let terms = [PRO, &["--user", "alice"]].concat();
    let reassign = ["--from", "alice", "--to", "bob", "--waive-cool-down"];
    let upgrade = ["--tier", "team", "--seats", "9"];
    for (command, change) in [("upgrade", &upgrade[..]), ("reassign", &reassign)] {
        let (desk, id, next) = renewed(&terms);
        let complaint = now(&desk, &[&[command, &id], change].concat()).expect_failure(2);
        assert!(complaint.message.contains(&next), "{complaint:?}");
        assert!(complaint.message.contains("2026-07-01"), "{complaint:?}");
        assert!(complaint.hint.contains("name that one"), "{complaint:?}");
        let refused = code(&desk, &[&[command, &id], change].concat());
        assert_eq!(refused, "RENEWED");
        let told = minted(&desk, &[&[command, &next], change].concat());
        assert_eq!(told["not_before"], "2026-02-01T00:00:00Z");
        assert_eq!(told["expires_at"], "2026-07-31T00:00:00Z");
        assert_eq!(told["supersedes"], json!([id, next]));
    }
}

#[test]
fn of_several_renewals_the_last_is_named() {
    let (desk, id, next) = renewed(PRO);
    let third = minted(&desk, &["renew", &next, "--days", "30"]);
    let third = third["license_id"].as_str().unwrap();
    for command in [
        &["renew", &id, "--days", "9"][..],
        &["upgrade", &id, "--seats", "9"],
    ] {
        let complaint = now(&desk, command).expect_failure(2);
        assert!(complaint.message.contains(third), "{complaint:?}");
    }
}

#[test]
fn a_license_that_follows_nothing_begins_when_it_did_also_when_it_is_upgraded() {
    let later = words("--tier pro --expires 2026-06-30 --not-before 2026-05-01");
    let (desk, _) = desk(&later);
    let told = minted(&desk, &["upgrade", "acme.lic", "--tier", "team"]);
    assert_eq!(told["not_before"], "2026-05-01T00:00:00Z");
}

#[test]
fn what_was_changed_by_mistake_can_be_changed_again_once_that_is_revoked() {
    let (desk, id) = desk(&["--tier", "pro", "--expires", "2096-06-30"]);
    let team = minted(&desk, &["upgrade", &id, "--tier", "team"]);
    let team = team["license_id"].as_str().unwrap();
    assert_eq!(code(&desk, &["renew", &id, "--days", "9"]), "SUPERSEDED");
    let revoke = ["revoke", team, "--reason", "a mistake", "--json"];
    let told = keygen(&desk, &revoke).expect_code(0);
    assert!(told.stderr.contains("STILL_HOLDS"), "{told:?}");
    assert!(told.stderr.contains(&id), "{told:?}");
    assert_eq!(told.json()["still_hold"], json!([id]));
    let told = minted(&desk, &["renew", &id, "--days", "9"]);
    assert_eq!(told["supersedes"], json!([id]));
}

#[test]
fn an_upgrade_lowers_nothing_that_is_asked_for_but_by_force() {
    let own = ["--quota", "users=7", "--devices", "5", "--seats", "7"];
    let team = ["--tier", "team", "--expires", "2026-06-30"];
    let (desk, _) = desk(&[&team[..], &own].concat());
    for lower in [
        &["--quota", "users=1"][..],
        &["--quota", "commands_per_day=0"],
        &["--devices", "3"],
        &["--seats", "6"],
    ] {
        let args = [&["upgrade", "acme.lic", "--dry-run"], lower].concat();
        let complaint = now(&desk, &args).expect_failure(2);
        assert!(complaint.message.contains("that") || complaint.message.contains("has"));
        assert!(complaint.hint.contains("allows more"), "{complaint:?}");
    }
    let args = words("upgrade acme.lic --dry-run --devices 3 --force");
    let told = now(&desk, &[&args[..], &["--json"]].concat()).expect_code(0);
    assert!(told.stderr.contains("warning: LOSS: "), "{told:?}");
    let losses = told.json()["losses"].clone();
    assert!(losses.to_string().contains("from 5 to 3"), "{losses}");
    let quiet = now(&desk, &[&args[..], &["--quiet"]].concat()).expect_code(0);
    assert!(quiet.stderr.contains("LOSS"), "{quiet:?}");
}

#[test]
fn a_renewal_of_what_has_ended_begins_now() {
    let (desk, _) = desk(&["--tier", "pro", "--expires", "2026-01-15"]);
    let told = minted(&desk, &["renew", "acme.lic", "--days", "10"]);
    assert_eq!(told["not_before"], "2026-02-01T00:00:00Z");
    assert_eq!(told["expires_at"], "2026-02-12T00:00:00Z");
    let (desk, _) = self::desk(&["--tier", "pro", "--expires", "2026-01-15"]);
    let told = now(&desk, &["renew", "acme.lic", "--days", "10", "--dry-run"]).expect_code(0);
    assert!(told.stderr.contains("16 days since then"), "{told:?}");
}

#[test]
fn a_renewal_never_shortens() {
    let (desk, _) = desk(PRO);
    for until in ["2026-06-30", "2026-03-01", "2020-01-01"] {
        assert_eq!(
            code(&desk, &["renew", "acme.lic", "--until", until]),
            "USAGE",
            "{until}"
        );
    }
    let complaint = now(&desk, &["renew", "acme.lic", "--until", "2026-06-29"]).expect_failure(2);
    assert!(complaint.message.contains("2026-07-01"), "{complaint:?}");
    // It covers versions of any day.
    let narrower = words("renew acme.lic --days 9 --maintenance-until 2027-01-01");
    assert_eq!(code(&desk, &narrower), "USAGE");
}

#[test]
fn of_what_never_ends_the_maintenance_is_renewed() {
    let terms = words("--tier pro --perpetual --maintenance-until 2026-12-31");
    let (desk, id) = desk(&terms);
    assert_eq!(code(&desk, &["renew", "acme.lic", "--days", "9"]), "USAGE");
    assert_eq!(
        code(
            &desk,
            &["renew", "acme.lic", "--maintenance-until", "2026-12-30"]
        ),
        "USAGE"
    );
    let told = minted(
        &desk,
        &["renew", "acme.lic", "--maintenance-until", "2027-12-31"],
    );
    assert_eq!(
        (&told["expires_at"], &told["supersedes"]),
        (&Value::Null, &json!([id]))
    );
    assert_eq!(told["not_before"], "2026-02-01T00:00:00Z");
    let claims = payload(told["token"].as_str().unwrap());
    assert_eq!(claims["maintenance_until"], 1_830_297_599);
}

#[test]
fn an_upgrade_adds_what_the_higher_tier_has_and_keeps_what_the_license_had_of_its_own() {
    let own = words("--add-feature sla_guarantee --remove-feature hooks --quota agents=99");
    let (desk, id) = desk(&[PRO, &own, &["--offline", "--user", "alice"]].concat());
    let told = minted(
        &desk,
        &["upgrade", "acme.lic", "--tier", "team", "--seats", "7"],
    );
    let claims = payload(told["token"].as_str().unwrap());
    let features = claims["features"].as_array().unwrap();
    let has = |name: &str| features.contains(&json!(name));
    assert!(has("team_analytics") && has("sla_guarantee") && !has("hooks"));
    assert_eq!(claims["quotas"]["agents"], 99);
    assert_eq!(claims["quotas"]["users"], 7);
    assert_eq!(
        (&told["tier"], &told["users"]),
        (&json!("TEAM"), &json!(["alice"]))
    );
    assert_eq!(told["check_in"], Value::Null);
    assert_eq!(told["expires_at"], "2026-07-01T00:00:00Z");
    assert_eq!(told["supersedes"], json!([id]));
}

#[test]
fn an_upgrade_tells_what_the_customer_gains_and_loses() {
    let (desk, _) = desk(PRO);
    let told = now(
        &desk,
        &["upgrade", "acme.lic", "--tier", "team", "--dry-run"],
    )
    .expect_code(0);
    assert!(
        told.stderr
            .contains("gained: feature team_analytics is added"),
        "{told:?}"
    );
    assert!(
        told.stderr
            .contains("LOSS: quota devices is lowered from unlimited to 5"),
        "{told:?}"
    );
    let told = now(&desk, &["renew", "acme.lic", "--days", "9", "--dry-run"]).expect_code(0);
    assert!(!told.stderr.contains("LOSS"), "{told:?}");
}

#[test]
fn what_is_no_upgrade_is_refused() {
    let (desk, _) = desk(PRO);
    for args in [
        &["--tier", "free"][..],
        &["--tier", "pro"],
        &["--add-feature", "hooks"],
    ] {
        assert_eq!(
            code(&desk, &[&["upgrade", "acme.lic"], args].concat()),
            "USAGE",
            "{args:?}"
        );
    }
    let (ended, _) = self::desk(&["--tier", "pro", "--expires", "2026-01-15"]);
    let complaint = now(&ended, &["upgrade", "acme.lic", "--tier", "team"]).expect_failure(2);
    assert!(complaint.hint.contains("keygen renew"), "{complaint:?}");
}

#[test]
fn what_was_replaced_or_revoked_is_neither_renewed_nor_upgraded() {
    let (desk, id) = desk(PRO);
    let team = minted(&desk, &["upgrade", "acme.lic", "--tier", "team"]);
    let complaint = now(&desk, &["renew", "acme.lic", "--days", "9"]).expect_failure(2);
    assert!(
        complaint
            .hint
            .contains(team["license_id"].as_str().unwrap()),
        "{complaint:?}"
    );
    let revoked = team["license_id"].as_str().unwrap();
    let _ = keygen(&desk, &["revoke", revoked, "--reason", "fraud"]).expect_code(0);
    assert_eq!(code(&desk, &["renew", revoked, "--days", "9"]), "REVOKED");
    let _ = minted(&desk, &["upgrade", &id, "--seats", "9"]);
}

#[test]
fn only_what_one_of_the_vendors_keys_has_signed_is_followed() {
    let (desk, _) = desk(PRO);
    let stranger = Vendor::with_key("2048", "RS256");
    desk.write(
        "foreign.lic",
        stranger.issue(&["--tier", "ent", "--perpetual"]).file,
    );
    let renew = now(
        &desk,
        &words("renew foreign.lic --maintenance-until 2030-01-01 --json"),
    );
    assert_eq!(renew.expect_json_failure(3), "UNTRUSTED_KEY");
    let file = desk.read("acme.lic");
    let at = file.find('.').unwrap() + 80;
    desk.write("edited.lic", vendor::changed_at(&file, at));
    let renew = now(&desk, &["renew", "edited.lic", "--days", "9", "--json"]);
    assert_eq!(renew.expect_json_failure(3), "BAD_SIGNATURE");
}

#[test]
fn a_trial_and_an_enterprise_key_are_told_their_own_ways() {
    let desk = Vendor::shared().desk();
    let trial = ["trial", "--customer", "ACME", "--out", "trial.lic"];
    let _ = now(&desk, &trial).expect_code(0);
    let complaint = now(&desk, &["renew", "trial.lic", "--days", "9"]).expect_failure(2);
    assert!(complaint.hint.contains("--convert"), "{complaint:?}");
    let _ = now(&desk, &["upgrade", "trial.lic", "--tier", "team"]).expect_failure(2);
    let key = words("enterprise-key --key vendor.key --company ACME --seats 9");
    let _ = keygen(
        &desk,
        &[&key[..], &["--expires", "20271231", "--out", "a.key"]].concat(),
    )
    .expect_code(0);
    let complaint = now(&desk, &["renew", "a.key", "--days", "9"]).expect_failure(2);
    assert!(complaint.hint.contains("enterprise-key"), "{complaint:?}");
}

#[test]
fn the_license_and_the_keys_may_come_on_standard_input() {
    let (desk, id) = desk(PRO);
    for command in [
        &["renew", "-", "--days", "9"][..],
        &["upgrade", "-", "--tier", "team"],
    ] {
        let run = Run::keygen(&desk)
            .args(command)
            .args(["--key", "vendor.key", "--json"]);
        let ledger = format!("{}.db", command[0]);
        let at = ["--issued-at", "2026-02-01", "--ledger", &ledger];
        let trust = ["--trust", "vendor.jwk"];
        desk.write("vendor.jwk", &Vendor::shared().trust);
        let told = run.args(at).args(trust).stdin(desk.read("acme.lic")).run();
        let told = told.expect_code(0).json();
        assert!(told["supersedes"].to_string().contains(&id));
    }
    let run = Run::keygen(&desk).args(["renew", "acme.lic", "--days", "9", "--key", "vendor.key"]);
    let at = words("--issued-at 2026-02-01 --ledger third.db --trust -");
    let _ = run
        .args(at)
        .stdin(Vendor::shared().trust.clone())
        .run()
        .expect_code(0);
}
