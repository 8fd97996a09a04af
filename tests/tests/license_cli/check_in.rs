//! Check-ins: validity without a validation token, and the tokens that are accepted.

use super::*;

/// Returns a machine with PRO installed and with these validation tokens as files. The first
/// check-in of the license is due on 2020-01-02.
#[track_caller]
fn machine_with_tokens(tokens: &[(&str, &[&str])]) -> Scratch {
    let machine = machine_with("pro.lic");
    for (file, options) in tokens {
        machine.write(file, Vendor::shared().check_in(&PRO, options));
    }
    machine
}

/// Returns the outcome and the code of the decision on the installed license.
#[track_caller]
fn status(machine: &Scratch, at: &str) -> (String, String) {
    let output = license(machine, &["status", "--json", "--at", at]).json();
    let text = |member: &str| output[member].as_str().unwrap().to_owned();
    (text("decision"), text("code"))
}

#[track_caller]
fn expect(machine: &Scratch, at: &str, decision: &str, code: &str) {
    let (decision, code) = (decision.to_owned(), code.to_owned());
    assert_eq!(status(machine, at), (decision, code), "{at}");
}

#[test]
fn without_a_check_in_the_license_is_valid_for_a_day_and_then_in_grace_for_six() {
    let machine = machine_with("pro.lic");
    expect(&machine, "2020-01-01T23:59:59Z", "licensed", "VALID");
    expect(&machine, "2020-01-02T00:00:00Z", "grace", "GRACE_OFFLINE");
    expect(&machine, "2020-01-08T00:00:00Z", "grace", "GRACE_OFFLINE");
    expect(
        &machine,
        "2020-01-08T00:00:01Z",
        "denied",
        "CHECK_IN_OVERDUE",
    );
}

#[test]
fn in_grace_all_features_are_granted_and_the_end_is_reported() {
    let machine = machine_with("pro.lic");
    let at = ["--at", "2020-01-03T00:00:00Z"];
    let output = license(&machine, &[&["status"], &at[..]].concat()).expect_code(0);
    assert!(
        output.stdout.starts_with("grace: GRACE_OFFLINE\n"),
        "{}",
        output.stdout
    );
    let expected = "warning: GRACE_OFFLINE: a check-in is due; the license remains valid for 5 more days, until 2020-01-08T00:00:00Z\nhint: install a new validation token; ask the vendor for one\n";
    assert_eq!(output.stderr, expected);
    let _ = license(&machine, &[&["check", "cloud_sync"], &at[..]].concat()).expect_code(0);
    let _ = license(&machine, &[&["status", "--strict"], &at[..]].concat()).expect_code(1);
}

#[test]
fn with_an_overdue_check_in_only_the_free_tier_is_in_effect() {
    let machine = machine_with("pro.lic");
    let at = "2020-01-08T00:00:01Z";
    let output = license(&machine, &["status", "--json", "--at", at])
        .expect_code(1)
        .json();
    assert_eq!(
        (&output["effective_tier"], &output["tier"]),
        (&json!("FREE"), &json!("PRO"))
    );
    let _ = license(&machine, &["check", "cloud_sync", "--at", at]).expect_code(1);
    let _ = license(&machine, &["check", "local_execution", "--at", at]).expect_code(0);
}

#[test]
fn a_check_in_postpones_the_next_check_in_and_the_grace_period() {
    let checked_in = "2020-02-01T12:00:00Z";
    let machine = machine_with_tokens(&[("validation.lic", &["--issued-at", checked_in])]);
    let installed = license(
        &machine,
        &["install", "--json", "--at", checked_in, "validation.lic"],
    );
    expect_valid(installed);
    expect(&machine, "2020-02-02T11:59:59Z", "licensed", "VALID");
    expect(&machine, "2020-02-02T12:00:00Z", "grace", "GRACE_OFFLINE");
    expect(&machine, "2020-02-08T12:00:00Z", "grace", "GRACE_OFFLINE");
    expect(
        &machine,
        "2020-02-08T12:00:01Z",
        "denied",
        "CHECK_IN_OVERDUE",
    );
    assert_eq!(
        machine.read("state/license.lic"),
        PRO.file,
        "the license file is unchanged"
    );
}

#[test]
fn a_denying_status_applies_until_a_later_token_has_status_active() {
    for (status, code) in [
        ("suspended", "SUSPENDED"),
        ("revoked", "REVOKED"),
        ("canceled", "CANCELED"),
    ] {
        let machine = machine_with_tokens(&[
            (
                "denial.lic",
                &["--issued-at", "2020-01-02", "--status", status],
            ),
            ("active.lic", &["--issued-at", "2020-01-02T00:00:01Z"]),
        ]);
        let at = "2020-01-02T01:00:00Z";
        let report = license(&machine, &["install", "--json", "--at", at, "denial.lic"]);
        assert_eq!(report.expect_code(1).json()["code"], code);
        expect(&machine, at, "denied", code);
        let _ = license(&machine, &["check", "cloud_sync", "--at", at]).expect_code(1);
        expect_valid(license(
            &machine,
            &["install", "--json", "--at", at, "active.lic"],
        ));
        expect(&machine, at, "licensed", "VALID");
    }
}

#[test]
fn a_token_for_another_machine_is_refused_and_both_machines_are_named() {
    let (here, elsewhere) = (digest_of(HERE), digest_of(ELSEWHERE));
    let options = ["--machine", &elsewhere, "--issued-at", "2020-01-02"];
    let machine = machine_with_tokens(&[("validation.lic", &options)]);
    let install = ["install", "--at", "2020-01-02T01:00:00Z", "validation.lic"];
    let error = on(HERE, &machine, &install).expect_failure(1);
    for digest in [&here, &elsewhere] {
        assert!(error.message.contains(digest), "{error:?}");
    }
    let install = [&install[..], &["--json"]].concat();
    let json = on(HERE, &machine, &install);
    assert_eq!(json.expect_json_failure(1), "MACHINE_MISMATCH");
    expect(&machine, "2020-01-02T01:00:00Z", "grace", "GRACE_OFFLINE");
    expect_valid(on(ELSEWHERE, &machine, &install));
}

#[test]
fn a_token_must_contain_the_given_nonce() {
    let machine = machine_with_tokens(&[
        (
            "answer.lic",
            &["--issued-at", "2020-01-02", "--nonce", "4711"],
        ),
        ("other.lic", &["--issued-at", "2020-01-03"]),
    ]);
    let install = |file: &str, nonce: &str| {
        let args = [
            "install",
            "--json",
            "--at",
            "2020-01-02T01:00:00Z",
            "--nonce",
            nonce,
            file,
        ];
        license(&machine, &args)
    };
    for [file, nonce] in [
        ["answer.lic", "4712"],
        ["answer.lic", ""],
        ["other.lic", "4711"],
    ] {
        assert_eq!(install(file, nonce).expect_json_failure(3), "MALFORMED");
    }
    expect(&machine, "2020-01-02T01:00:00Z", "grace", "GRACE_OFFLINE");
    expect_valid(install("answer.lic", "4711"));
    expect(&machine, "2020-01-02T01:00:00Z", "licensed", "VALID");
}

#[test]
fn a_token_without_its_license_is_refused() {
    let machine = machine();
    let options = ["--issued-at", "2020-01-01"];
    machine.write("validation.lic", Vendor::shared().check_in(&PRO, &options));
    let install = ["install", "--trust", "trust.jwks", "validation.lic"];
    let error = license(&machine, &install).expect_failure(1);
    assert!(
        error.hint.contains("install the license first"),
        "{error:?}"
    );
    let json = license(&machine, &[&install[..], &["--json"]].concat());
    assert_eq!(json.expect_json_failure(1), "NO_LICENSE");
    let _ = license(
        &machine,
        &["install", "--trust", "trust.jwks", "--at", AT, "pro.lic"],
    )
    .expect_code(0);
    let _ = license(&machine, &["install", "--at", AT, "validation.lic"]).expect_code(0);
}

#[test]
fn an_older_token_changes_nothing() {
    let machine = machine_with_tokens(&[
        (
            "older.lic",
            &["--issued-at", "2020-02-01", "--status", "revoked"],
        ),
        ("newer.lic", &["--issued-at", "2020-02-02"]),
    ]);
    let install = |file| license(&machine, &["install", "--at", "2020-02-02T01:00:00Z", file]);
    let _ = install("newer.lic").expect_code(0);
    let report = install("older.lic").expect_code(0);
    assert!(report.stderr.contains("nothing was changed"), "{report:?}");
    expect(&machine, "2020-02-02T23:59:59Z", "licensed", "VALID");
}

#[test]
fn a_token_of_another_license_is_refused() {
    let machine = machine_with("pro.lic");
    machine.write("validation.lic", Vendor::shared().check_in(&TEAM, &[]));
    let before = std::fs::read(machine.file("state/license.cache")).unwrap();
    let refused = license(&machine, &["install", "validation.lic"]);
    let error = refused.expect_failure(3);
    assert!(!error.hint.is_empty(), "{error:?}");
    let after = std::fs::read(machine.file("state/license.cache")).unwrap();
    assert!(before == after, "nothing was changed");
}

#[test]
fn a_changed_token_is_refused_and_nothing_is_changed() {
    let machine = machine_with_tokens(&[
        ("first.lic", &["--issued-at", "2020-02-01"]),
        ("second.lic", &["--issued-at", "2020-02-02"]),
    ]);
    let _ = license(&machine, &["install", "--at", "2020-02-01", "first.lic"]).expect_code(0);
    let before = std::fs::read(machine.file("state/license.cache")).unwrap();
    let text = machine.read("second.lic");
    let at = text.find('.').unwrap() + 40;
    assert_ne!(&text[at..=at], "\n");
    machine.write("tampered.lic", changed_at(&text, at));
    let refused = license(&machine, &["install", "--json", "tampered.lic"]);
    assert_eq!(refused.expect_json_failure(3), "BAD_SIGNATURE");
    let after = std::fs::read(machine.file("state/license.cache")).unwrap();
    assert!(before == after, "nothing was changed");
    expect(&machine, "2020-02-02T00:00:00Z", "grace", "GRACE_OFFLINE");
}

#[test]
fn a_token_signed_with_an_untrusted_key_is_refused() {
    let machine = machine_with("pro.lic");
    let stranger = Vendor::with_new_key("2048", "RS256");
    let ours = machine.file("trust.jwks");
    let options = ["--trust", ours.to_str().unwrap()];
    machine.write("validation.lic", stranger.check_in(&PRO, &options));
    let refused = license(&machine, &["install", "--json", "validation.lic"]);
    assert_eq!(refused.expect_json_failure(3), "UNTRUSTED_KEY");
    let refused = license(&machine, &["install", "validation.lic"]);
    assert!(refused.expect_failure(3).hint.contains("--trust"));
}

#[test]
fn a_token_in_the_same_file_as_its_license_is_used() {
    let machine = machine();
    let validation = Vendor::shared().check_in(&PRO, &["--issued-at", "2020-03-01"]);
    machine.write("both.lic", format!("{}{validation}", PRO.file));
    let install = ["install", "--trust", "trust.jwks", "--at", "2020-03-01"];
    let _ = license(&machine, &[&install[..], &["both.lic"]].concat()).expect_code(0);
    expect(&machine, "2020-03-01T23:59:59Z", "licensed", "VALID");
    expect(
        &machine,
        "2020-03-08T00:00:01Z",
        "denied",
        "CHECK_IN_OVERDUE",
    );
}

#[test]
fn a_check_in_stays_when_the_license_is_removed_and_installed_again() {
    let machine = machine_with_tokens(&[("validation.lic", &["--issued-at", "2020-02-01"])]);
    let at = ["--at", "2020-02-01T01:00:00Z"];
    let _ = license(
        &machine,
        &[&["install", "validation.lic"], &at[..]].concat(),
    )
    .expect_code(0);
    let _ = license(&machine, &["remove"]).expect_code(0);
    let again = ["install", "--trust", "trust.jwks", "pro.lic"];
    let again = license(&machine, &[&again[..], &at].concat()).expect_code(0);
    assert!(
        again.stdout.contains("last 2020-02-01T00:00:00Z"),
        "{again:?}"
    );
}

#[test]
fn removing_a_file_or_the_license_does_not_undo_a_suspension() {
    let machine = machine_with_tokens(&[("suspended.lic", &["--status", "suspended"])]);
    let _ = license(&machine, &["install", "suspended.lic"]).expect_code(1);
    let is_suspended = || {
        let status = license(&machine, &["status", "--json"])
            .expect_code(1)
            .json();
        assert_eq!(status["code"], "SUSPENDED");
    };
    for file in ["state/license.cache", "state/quota"] {
        std::fs::remove_file(machine.file(file)).unwrap();
        is_suspended();
        let _ = license(&machine, &["use", "commands_per_day"]).expect_code(0);
    }
    let install = |file| {
        let force = ["install", "--trust", "trust.jwks", "--force", file];
        let _ = license(&machine, &force);
    };
    install("ent.lic");
    install("pro.lic");
    is_suspended();
    let _ = license(&machine, &["remove"]).expect_code(0);
    install("pro.lic");
    is_suspended();
}

#[test]
fn a_token_signed_with_a_new_key_of_the_vendor_is_used() {
    let (machine, new) = (
        machine_with("pro.lic"),
        Vendor::with_new_key("2048", "RS256"),
    );
    let workstation = new.workstation();
    workstation.write("old.jwks", &Vendor::shared().trust);
    workstation.write("pro.lic", &PRO.file);
    let check_in = words("check-in --key vendor.key --trust old.jwks pro.lic");
    let issued = Run::keygen(&workstation)
        .args(check_in)
        .args(["--issued-at", "2020-02-01"]);
    machine.write("validation.lic", issued.run().expect_code(0).stdout);
    machine.write("new.jwks", &new.trust);
    let at = "2020-02-01T01:00:00Z";
    let install = [
        "install",
        "--trust",
        "new.jwks",
        "--at",
        at,
        "validation.lic",
    ];
    let _ = license(&machine, &install).expect_code(0);
    expect(&machine, at, "licensed", "VALID");
}

#[test]
fn an_invalid_license_does_not_replace_a_license_with_a_current_check_in() {
    let machine = machine_with_tokens(&[("validation.lic", &["--issued-at", "2020-12-01"])]);
    let at = ["--at", "2020-12-01T01:00:00Z"];
    let _ = license(
        &machine,
        &[&["install", "validation.lic"], &at[..]].concat(),
    )
    .expect_code(0);
    machine.write(
        "old.lic",
        issue_license(&["--tier", "ent", "--expires", "2020-02-01"]).file,
    );
    let install = ["install", "--trust", "trust.jwks", "old.lic"];
    let refused = license(&machine, &[&install[..], &at].concat());
    let error = refused.expect_failure(1);
    assert!(error.hint.contains("--force"), "{error:?}");
    expect(&machine, "2020-12-01T01:00:00Z", "licensed", "VALID");
}
