//! What is entered, command by command.

use super::*;

#[test]
fn a_new_key_is_entered_by_its_public_half() {
    let desk = Scratch::new();
    let options = ["--bits", "2048", "--no-passphrase", "--out", "new.key"];
    let key = told(&desk, &[&["new-key"][..], &options].concat());
    let entries = export(&desk);
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0]["kind"], "signing_key");
    assert_eq!(entries[0]["subject"], key["kid"]);
    assert_eq!(entries[0]["body"]["jwk"]["kid"], key["kid"]);
    assert_eq!(entries[0]["artefact"], "");
    let private = desk.read("new.key");
    let secret = private.lines().nth(1).unwrap();
    let database = std::fs::read(database(&desk)).unwrap();
    let held = database.windows(secret.len());
    assert!(!held.into_iter().any(|held| held == secret.as_bytes()));
}

#[test]
fn a_license_is_entered_with_its_facts_and_its_token_and_the_key_once() {
    let desk = desk();
    let terms = ["--tier", "team", "--seats", "7", "--expires", "2099-12-31"];
    let one = issue(&desk, "one.lic", &terms);
    issue(&desk, "two.lic", &[]);
    assert_eq!(kinds(&desk), ["signing_key", "license", "license"]);
    let entry = &export(&desk)[1];
    assert_eq!(entry["subject"], one["license_id"]);
    assert_eq!(entry["delivered"], true);
    let token: String = desk
        .read("one.lic")
        .lines()
        .filter(|line| !line.starts_with("-----"))
        .collect();
    assert_eq!(entry["artefact"], token);
    for fact in [
        "license_id",
        "key",
        "short_key",
        "product",
        "tier",
        "customer",
        "expires_at",
    ] {
        assert_eq!(entry["body"][fact], one[fact], "{fact}");
    }
    assert_eq!(entry["body"]["seats"], 7);
    let claims = license_tests::vendor::payload(&token);
    assert_eq!(entry["body"]["serial"], claims["serial"]);
}

#[test]
fn what_is_printed_is_entered_as_well() {
    let desk = desk();
    let terms = ["--tier", "pro", "--customer", "ACME Ltd", "--perpetual"];
    let args = [&["issue", "--key", "vendor.key"][..], &terms].concat();
    let text = keygen(&desk, &args).expect_code(0).stdout;
    let json = told(&desk, &args);
    let entries = export(&desk);
    assert_eq!(entries.len(), 3);
    let armored: String = text
        .lines()
        .filter(|line| !line.starts_with("-----"))
        .collect();
    assert_eq!(entries[1]["artefact"], armored);
    assert_eq!(entries[2]["artefact"], json["token"]);
    assert!(entries.iter().all(|entry| entry["delivered"] == true));
}

#[test]
fn an_enterprise_key_is_entered_once_however_often_it_is_made() {
    let desk = desk();
    let key = enterprise_key(&desk, "one.key");
    enterprise_key(&desk, "two.key");
    assert_eq!(desk.read("one.key"), desk.read("two.key"));
    assert_eq!(kinds(&desk), ["signing_key", "enterprise_key"]);
    let entry = &export(&desk)[1];
    assert_eq!(entry["artefact"], desk.read("one.key").trim_end());
    assert_eq!(entry["subject"], key["short_key"]);
    assert_eq!(entry["body"]["seats"], 100);
}

#[test]
fn a_short_form_alone_proves_nothing_and_is_not_entered() {
    let desk = desk();
    let terms = words("--company ACME --seats 100 --perpetual --short");
    for out in [&[][..], &["--out", "short.key"], &["--json"]] {
        let args = [&["enterprise-key", "--key", "vendor.key"][..], &terms, out].concat();
        let _ = keygen(&desk, &args).expect_code(0);
    }
    assert_eq!(kinds(&desk), ["signing_key"]);
    assert!(desk.read("short.key").starts_with("CODITECT-ENT-ACME-100-"));
}

#[test]
fn a_check_in_is_entered_under_its_license() {
    let desk = desk();
    let license = issue(&desk, "acme.lic", &[]);
    let args = words("check-in --key vendor.key acme.lic --nonce 4711");
    let _ = keygen(&desk, &[&args[..], &["--out", "validation.lic"]].concat()).expect_code(0);
    let said = told(&desk, &[&args[..], &["--status", "suspended"]].concat());
    let entries = export(&desk);
    assert_eq!(entries.len(), 4);
    for entry in &entries[2..] {
        assert_eq!(entry["kind"], "check_in");
        assert_eq!(entry["subject"], license["license_id"]);
        assert_eq!(entry["body"]["nonce"], "4711");
    }
    assert_eq!(entries[3]["body"]["status"], "suspended");
    assert_eq!(entries[3]["artefact"], said["validations"][0]["token"]);
    let shown = told(&desk, &["ledger", "show", text(&license["key"])]);
    assert_eq!(shown["entries"].as_array().unwrap().len(), 3);
}

#[test]
fn what_is_refused_is_not_entered_and_what_only_reads_enters_nothing() {
    let desk = desk();
    issue(&desk, "acme.lic", &[]);
    let issue = words("issue --key vendor.key --customer X --perpetual");
    desk.write("folder.txt", "");
    for (wrong, code) in [
        (&["--tier", "gold"][..], 2),
        (&["--tier", "pro", "--out", "acme.lic"], 2),
        (&["--tier", "pro", "--out", "missing/new.lic"], 4),
        (&["--tier", "pro", "--out", "home", "--force"], 4),
        (&["--tier", "pro", "--out", "new/"], 4),
        (&["--tier", "pro", "--out", "folder.txt/new.lic"], 4),
        (&["--tier", "pro", "--out", &"x".repeat(300)], 4),
    ] {
        let _ = keygen(&desk, &[&issue[..], wrong].concat()).expect_failure(code);
    }
    for reads in [
        &["public", "--key", "vendor.key"][..],
        &["trust", "trust.jwks"],
        &["inspect", "acme.lic"],
        &["ledger", "list"],
        &["ledger", "stats"],
    ] {
        let _ = keygen(&desk, reads).expect_code(0);
    }
    assert_eq!(kinds(&desk), ["signing_key", "license"]);
    whole(&desk);
}

#[cfg(unix)]
#[test]
fn a_link_is_neither_followed_nor_replaced_nor_entered() {
    let desk = desk();
    issue(&desk, "other.lic", &[]);
    desk.write("precious", "precious");
    std::os::unix::fs::symlink("precious", desk.file("link")).unwrap();
    let args = words("issue --key vendor.key --tier pro --customer X");
    let to_link = ["--perpetual", "--out", "link", "--force"];
    let _ = keygen(&desk, &[&args[..], &to_link].concat()).expect_failure(2);
    assert_eq!(desk.read("precious"), "precious");
    assert!(desk.file("link").symlink_metadata().unwrap().is_symlink());
    assert_eq!(kinds(&desk), ["signing_key", "license"]);
}

#[test]
fn serials_rise_with_every_license() {
    let desk = desk();
    for name in ["1", "2", "3", "4"] {
        issue(&desk, name, &["--issued-at", "2020-01-01T00:00:00Z"]);
    }
    let entries = export(&desk);
    let serial = |entry: &Value| entry["body"]["serial"].as_u64().unwrap();
    let serials: Vec<_> = entries[1..].iter().map(serial).collect();
    assert!(serials.is_sorted_by(|one, next| one < next), "{serials:?}");
}
