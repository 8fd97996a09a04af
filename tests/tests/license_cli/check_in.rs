//! Check-ins: how long a license holds without, and which validation tokens count.

use super::*;

/// A machine with PRO installed, which is due a day after [`AT`]'s, and with these validation tokens as files.
#[track_caller]
fn site_with_tokens(tokens: &[(&str, &[&str])]) -> Scratch {
    let site = site_with("pro.lic");
    for (file, options) in tokens {
        site.write(file, Vendor::shared().check_in(&PRO, options));
    }
    site
}

/// Code and outcome of the installed license.
#[track_caller]
fn status(site: &Scratch, at: &str) -> (String, String) {
    let said = license(site, &["status", "--json", "--at", at]).json();
    let text = |member: &str| said[member].as_str().unwrap().to_owned();
    (text("decision"), text("code"))
}

#[track_caller]
fn expect(site: &Scratch, at: &str, decision: &str, code: &str) {
    let (decision, code) = (decision.to_owned(), code.to_owned());
    assert_eq!(status(site, at), (decision, code), "{at}");
}

#[test]
fn without_a_check_in_it_holds_for_a_day_and_then_for_six_in_grace() {
    let site = site_with("pro.lic");
    expect(&site, "2020-01-01T23:59:59Z", "licensed", "VALID");
    expect(&site, "2020-01-02T00:00:00Z", "grace", "GRACE_OFFLINE");
    expect(&site, "2020-01-08T00:00:00Z", "grace", "GRACE_OFFLINE");
    expect(&site, "2020-01-08T00:00:01Z", "denied", "CHECK_IN_OVERDUE");
}

#[test]
fn in_grace_everything_works_and_it_is_said_for_how_long() {
    let site = site_with("pro.lic");
    let at = ["--at", "2020-01-03T00:00:00Z"];
    let said = license(&site, &[&["status"], &at[..]].concat()).expect_code(0);
    assert!(
        said.stdout.starts_with("grace: GRACE_OFFLINE\n"),
        "{}",
        said.stdout
    );
    let told = "warning: GRACE_OFFLINE: a check-in is due; valid for 5 more days, until 2020-01-08T00:00:00Z\nhint: install a check-in: the vendor mints it with `keygen check-in`\n";
    assert_eq!(said.stderr, told);
    let _ = license(&site, &[&["check", "cloud_sync"], &at[..]].concat()).expect_code(0);
    let _ = license(&site, &[&["status", "--strict"], &at[..]].concat()).expect_code(1);
}

#[test]
fn overdue_leaves_the_free_tier() {
    let site = site_with("pro.lic");
    let at = "2020-01-08T00:00:01Z";
    let said = license(&site, &["status", "--json", "--at", at])
        .expect_code(1)
        .json();
    assert_eq!(
        (&said["effective_tier"], &said["tier"]),
        (&json!("FREE"), &json!("PRO"))
    );
    let _ = license(&site, &["check", "cloud_sync", "--at", at]).expect_code(1);
    let _ = license(&site, &["check", "local_execution", "--at", at]).expect_code(0);
}

#[test]
fn a_check_in_moves_it_all() {
    let checked_in = "2020-02-01T12:00:00Z";
    let site = site_with_tokens(&[("validation.lic", &["--issued-at", checked_in])]);
    let installed = license(
        &site,
        &["install", "--json", "--at", checked_in, "validation.lic"],
    );
    expect_valid(installed);
    expect(&site, "2020-02-02T11:59:59Z", "licensed", "VALID");
    expect(&site, "2020-02-02T12:00:00Z", "grace", "GRACE_OFFLINE");
    expect(&site, "2020-02-08T12:00:00Z", "grace", "GRACE_OFFLINE");
    expect(&site, "2020-02-08T12:00:01Z", "denied", "CHECK_IN_OVERDUE");
    assert_eq!(
        site.read("state/license.lic"),
        PRO.file,
        "the license itself stays"
    );
}

#[test]
fn a_status_is_installed_and_denies_until_a_later_one_says_active() {
    for (said, code) in [
        ("suspended", "SUSPENDED"),
        ("revoked", "REVOKED"),
        ("canceled", "CANCELED"),
    ] {
        let site = site_with_tokens(&[
            (
                "denial.lic",
                &["--issued-at", "2020-01-02", "--status", said],
            ),
            ("active.lic", &["--issued-at", "2020-01-02T00:00:01Z"]),
        ]);
        let at = "2020-01-02T01:00:00Z";
        let told = license(&site, &["install", "--json", "--at", at, "denial.lic"]);
        assert_eq!(told.expect_code(1).json()["code"], code);
        expect(&site, at, "denied", code);
        let _ = license(&site, &["check", "cloud_sync", "--at", at]).expect_code(1);
        expect_valid(license(
            &site,
            &["install", "--json", "--at", at, "active.lic"],
        ));
        expect(&site, at, "licensed", "VALID");
    }
}

#[test]
fn one_for_another_machine_is_refused_with_both_named() {
    let (here, elsewhere) = (digest_of(HERE), digest_of(ELSEWHERE));
    let options = ["--machine", &elsewhere, "--issued-at", "2020-01-02"];
    let site = site_with_tokens(&[("validation.lic", &options)]);
    let install = ["install", "--at", "2020-01-02T01:00:00Z", "validation.lic"];
    let complaint = on(HERE, &site, &install).expect_failure(1);
    for digest in [&here, &elsewhere] {
        assert!(complaint.message.contains(digest), "{complaint:?}");
    }
    let install = [&install[..], &["--json"]].concat();
    let json = on(HERE, &site, &install);
    assert_eq!(json.expect_json_failure(1), "MACHINE_MISMATCH");
    expect(&site, "2020-01-02T01:00:00Z", "grace", "GRACE_OFFLINE");
    expect_valid(on(ELSEWHERE, &site, &install));
}

#[test]
fn an_answer_must_carry_the_nonce_that_was_asked_for() {
    let site = site_with_tokens(&[
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
        license(&site, &args)
    };
    for [file, nonce] in [
        ["answer.lic", "4712"],
        ["answer.lic", ""],
        ["other.lic", "4711"],
    ] {
        assert_eq!(install(file, nonce).expect_json_failure(3), "MALFORMED");
    }
    expect(&site, "2020-01-02T01:00:00Z", "grace", "GRACE_OFFLINE");
    expect_valid(install("answer.lic", "4711"));
    expect(&site, "2020-01-02T01:00:00Z", "licensed", "VALID");
}

#[test]
fn one_without_its_license_is_refused() {
    let site = site();
    let options = ["--issued-at", "2020-01-01"];
    site.write("validation.lic", Vendor::shared().check_in(&PRO, &options));
    let install = ["install", "--trust", "trust.jwks", "validation.lic"];
    let complaint = license(&site, &install).expect_failure(1);
    assert!(
        complaint.hint.contains("install the license first"),
        "{complaint:?}"
    );
    let json = license(&site, &[&install[..], &["--json"]].concat());
    assert_eq!(json.expect_json_failure(1), "NO_LICENSE");
    let _ = license(
        &site,
        &["install", "--trust", "trust.jwks", "--at", AT, "pro.lic"],
    )
    .expect_code(0);
    let _ = license(&site, &["install", "--at", AT, "validation.lic"]).expect_code(0);
}

#[test]
fn an_older_one_changes_nothing() {
    let site = site_with_tokens(&[
        (
            "older.lic",
            &["--issued-at", "2020-02-01", "--status", "revoked"],
        ),
        ("newer.lic", &["--issued-at", "2020-02-02"]),
    ]);
    let install = |file| license(&site, &["install", "--at", "2020-02-02T01:00:00Z", file]);
    let _ = install("newer.lic").expect_code(0);
    let told = install("older.lic").expect_code(0);
    assert!(told.stderr.contains("nothing was changed"), "{told:?}");
    expect(&site, "2020-02-02T23:59:59Z", "licensed", "VALID");
}

#[test]
fn one_of_another_license_is_refused() {
    let site = site_with("pro.lic");
    site.write("validation.lic", Vendor::shared().check_in(&TEAM, &[]));
    let before = std::fs::read(site.file("state/license.cache")).unwrap();
    let refused = license(&site, &["install", "validation.lic"]);
    let complaint = refused.expect_failure(3);
    assert!(!complaint.hint.is_empty(), "{complaint:?}");
    let after = std::fs::read(site.file("state/license.cache")).unwrap();
    assert!(before == after, "nothing was changed");
}

#[test]
fn one_that_was_tampered_with_is_refused_and_nothing_is_changed() {
    let site = site_with_tokens(&[
        ("first.lic", &["--issued-at", "2020-02-01"]),
        ("second.lic", &["--issued-at", "2020-02-02"]),
    ]);
    let _ = license(&site, &["install", "--at", "2020-02-01", "first.lic"]).expect_code(0);
    let before = std::fs::read(site.file("state/license.cache")).unwrap();
    let text = site.read("second.lic");
    let at = text.find('.').unwrap() + 40;
    assert_ne!(&text[at..=at], "\n");
    site.write("tampered.lic", changed_at(&text, at));
    let refused = license(&site, &["install", "--json", "tampered.lic"]);
    assert_eq!(refused.expect_json_failure(3), "BAD_SIGNATURE");
    let after = std::fs::read(site.file("state/license.cache")).unwrap();
    assert!(before == after, "nothing was changed");
    expect(&site, "2020-02-02T00:00:00Z", "grace", "GRACE_OFFLINE");
}

#[test]
fn one_by_a_stranger_is_refused() {
    let site = site_with("pro.lic");
    let stranger = Vendor::with_key("2048", "RS256");
    let ours = site.file("trust.jwks");
    let options = ["--trust", ours.to_str().unwrap()];
    site.write("validation.lic", stranger.check_in(&PRO, &options));
    let refused = license(&site, &["install", "--json", "validation.lic"]);
    assert_eq!(refused.expect_json_failure(3), "UNTRUSTED_KEY");
    let refused = license(&site, &["install", "validation.lic"]);
    assert!(refused.expect_failure(3).hint.contains("--trust"));
}

#[test]
fn one_in_the_same_file_as_its_license_counts() {
    let site = site();
    let validation = Vendor::shared().check_in(&PRO, &["--issued-at", "2020-03-01"]);
    site.write("both.lic", format!("{}{validation}", PRO.file));
    let install = ["install", "--trust", "trust.jwks", "--at", "2020-03-01"];
    let _ = license(&site, &[&install[..], &["both.lic"]].concat()).expect_code(0);
    expect(&site, "2020-03-01T23:59:59Z", "licensed", "VALID");
    expect(&site, "2020-03-08T00:00:01Z", "denied", "CHECK_IN_OVERDUE");
}

#[test]
fn what_was_said_holds_when_the_license_is_removed_and_installed_again() {
    let site = site_with_tokens(&[("validation.lic", &["--issued-at", "2020-02-01"])]);
    let at = ["--at", "2020-02-01T01:00:00Z"];
    let _ = license(&site, &[&["install", "validation.lic"], &at[..]].concat()).expect_code(0);
    let _ = license(&site, &["remove"]).expect_code(0);
    let again = ["install", "--trust", "trust.jwks", "pro.lic"];
    let again = license(&site, &[&again[..], &at].concat()).expect_code(0);
    assert!(
        again.stdout.contains("last on 2020-02-01T00:00:00Z"),
        "{again:?}"
    );
}

#[test]
fn a_suspension_is_undone_by_no_removal_of_a_file_or_of_the_license() {
    let site = site_with_tokens(&[("suspended.lic", &["--status", "suspended"])]);
    let _ = license(&site, &["install", "suspended.lic"]).expect_code(1);
    let is_suspended = || {
        let status = license(&site, &["status", "--json"]).expect_code(1).json();
        assert_eq!(status["code"], "SUSPENDED");
    };
    for file in ["state/license.cache", "state/quota"] {
        std::fs::remove_file(site.file(file)).unwrap();
        is_suspended();
        let _ = license(&site, &["use", "commands_per_day"]).expect_code(0);
    }
    let install = |file| {
        let force = ["install", "--trust", "trust.jwks", "--force", file];
        let _ = license(&site, &force);
    };
    install("ent.lic");
    install("pro.lic");
    is_suspended();
    let _ = license(&site, &["remove"]).expect_code(0);
    install("pro.lic");
    is_suspended();
}

#[test]
fn one_by_a_new_key_of_the_vendor_counts_from_then_on() {
    let (site, new) = (site_with("pro.lic"), Vendor::with_key("2048", "RS256"));
    let desk = new.desk();
    desk.write("old.jwks", &Vendor::shared().trust);
    desk.write("pro.lic", &PRO.file);
    let mint = words("check-in --key vendor.key --trust old.jwks pro.lic");
    let minted = Run::keygen(&desk)
        .args(mint)
        .args(["--issued-at", "2020-02-01"]);
    site.write("validation.lic", minted.run().expect_code(0).stdout);
    site.write("new.jwks", &new.trust);
    let at = "2020-02-01T01:00:00Z";
    let install = [
        "install",
        "--trust",
        "new.jwks",
        "--at",
        at,
        "validation.lic",
    ];
    let _ = license(&site, &install).expect_code(0);
    expect(&site, at, "licensed", "VALID");
}

#[test]
fn a_license_that_holds_by_its_check_in_is_not_replaced_by_one_that_does_not() {
    let site = site_with_tokens(&[("validation.lic", &["--issued-at", "2020-12-01"])]);
    let at = ["--at", "2020-12-01T01:00:00Z"];
    let _ = license(&site, &[&["install", "validation.lic"], &at[..]].concat()).expect_code(0);
    site.write(
        "old.lic",
        minted(&["--tier", "ent", "--expires", "2020-02-01"]).file,
    );
    let install = ["install", "--trust", "trust.jwks", "old.lic"];
    let refused = license(&site, &[&install[..], &at].concat());
    let complaint = refused.expect_failure(1);
    assert!(complaint.hint.contains("--force"), "{complaint:?}");
    expect(&site, "2020-12-01T01:00:00Z", "licensed", "VALID");
}
