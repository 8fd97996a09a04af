//! The entries that each command records.

use super::*;

#[test]
fn a_new_key_is_recorded_with_its_public_half_only() {
    let vendor = Scratch::new();
    let options = ["--bits", "2048", "--no-passphrase", "--out", "new.key"];
    let key = keygen_json(&vendor, &[&["new-key"][..], &options].concat());
    let entries = export(&vendor);
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0]["kind"], "signing_key");
    assert_eq!(entries[0]["subject"], key["kid"]);
    assert_eq!(entries[0]["body"]["jwk"]["kid"], key["kid"]);
    assert_eq!(entries[0]["artefact"], "");
    let private = vendor.read("new.key");
    let secret = private.lines().nth(1).unwrap();
    let database = std::fs::read(database(&vendor)).unwrap();
    let mut windows = database.windows(secret.len());
    assert!(!windows.any(|window| window == secret.as_bytes()));
}

#[test]
fn a_license_is_recorded_with_its_terms_and_token_and_the_signing_key_is_recorded_once() {
    let vendor = vendor();
    let terms = ["--tier", "team", "--seats", "7", "--expires", "2099-12-31"];
    let one = issue(&vendor, "one.lic", &terms);
    issue(&vendor, "two.lic", &[]);
    assert_eq!(kinds(&vendor), ["signing_key", "license", "license"]);
    let entry = &export(&vendor)[1];
    assert_eq!(entry["subject"], one["license_id"]);
    assert_eq!(entry["delivered"], true);
    let token: String = vendor
        .read("one.lic")
        .lines()
        .filter(|line| !line.starts_with("-----"))
        .collect();
    assert_eq!(entry["artefact"], token);
    for member in [
        "license_id",
        "key",
        "short_key",
        "product",
        "tier",
        "customer",
        "expires_at",
    ] {
        assert_eq!(entry["body"][member], one[member], "{member}");
    }
    assert_eq!(entry["body"]["seats"], 7);
    let claims = license_tests::vendor::payload(&token);
    assert_eq!(entry["body"]["serial"], claims["serial"]);
}

#[test]
fn a_printed_license_is_recorded() {
    let vendor = vendor();
    let terms = ["--tier", "pro", "--customer", "ACME Ltd", "--perpetual"];
    let args = [&["issue", "--key", "vendor.key"][..], &terms].concat();
    let text = keygen(&vendor, &args).expect_code(0).stdout;
    let json = keygen_json(&vendor, &args);
    let entries = export(&vendor);
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
fn an_enterprise_key_that_is_issued_twice_is_recorded_once() {
    let vendor = vendor();
    let key = enterprise_key(&vendor, "one.key");
    enterprise_key(&vendor, "two.key");
    assert_eq!(vendor.read("one.key"), vendor.read("two.key"));
    assert_eq!(kinds(&vendor), ["signing_key", "enterprise_key"]);
    let entry = &export(&vendor)[1];
    assert_eq!(entry["artefact"], vendor.read("one.key").trim_end());
    assert_eq!(entry["subject"], key["short_key"]);
    assert_eq!(entry["body"]["seats"], 100);
}

#[test]
fn a_short_enterprise_key_is_not_recorded() {
    let vendor = vendor();
    let terms = words("--company ACME --seats 100 --perpetual --short");
    for out in [&[][..], &["--out", "short.key"], &["--json"]] {
        let args = [&["enterprise-key", "--key", "vendor.key"][..], &terms, out].concat();
        let _ = keygen(&vendor, &args).expect_code(0);
    }
    assert_eq!(kinds(&vendor), ["signing_key"]);
    assert!(
        vendor
            .read("short.key")
            .starts_with("CODITECT-ENT-ACME-100-")
    );
}

#[test]
fn a_check_in_is_recorded_for_its_license() {
    let vendor = vendor();
    let license = issue(&vendor, "acme.lic", &[]);
    let args = words("check-in --key vendor.key acme.lic --nonce 4711");
    let _ = keygen(&vendor, &[&args[..], &["--out", "validation.lic"]].concat()).expect_code(0);
    let output = keygen_json(&vendor, &[&args[..], &["--status", "suspended"]].concat());
    let entries = export(&vendor);
    assert_eq!(entries.len(), 4);
    for entry in &entries[2..] {
        assert_eq!(entry["kind"], "check_in");
        assert_eq!(entry["subject"], license["license_id"]);
        assert_eq!(entry["body"]["nonce"], "4711");
    }
    assert_eq!(entries[3]["body"]["status"], "suspended");
    assert_eq!(entries[3]["artefact"], output["validations"][0]["token"]);
    let shown = keygen_json(&vendor, &["ledger", "show", text(&license["key"])]);
    assert_eq!(shown["entries"].as_array().unwrap().len(), 3);
}

#[test]
fn refused_commands_and_read_only_commands_record_nothing() {
    let vendor = vendor();
    issue(&vendor, "acme.lic", &[]);
    let issue = words("issue --key vendor.key --customer X --perpetual");
    vendor.write("file.txt", "");
    for (wrong, code) in [
        (&["--tier", "gold"][..], 2),
        (&["--tier", "pro", "--out", "acme.lic"], 2),
        (&["--tier", "pro", "--out", "missing/new.lic"], 4),
        (&["--tier", "pro", "--out", "home", "--force"], 4),
        (&["--tier", "pro", "--out", "new/"], 4),
        (&["--tier", "pro", "--out", "file.txt/new.lic"], 4),
        (&["--tier", "pro", "--out", &"x".repeat(300)], 4),
    ] {
        let _ = keygen(&vendor, &[&issue[..], wrong].concat()).expect_failure(code);
    }
    for command in [
        &["public", "--key", "vendor.key"][..],
        &["trust", "trust.jwks"],
        &["inspect", "acme.lic"],
        &["ledger", "list"],
        &["ledger", "stats"],
    ] {
        let _ = keygen(&vendor, command).expect_code(0);
    }
    assert_eq!(kinds(&vendor), ["signing_key", "license"]);
    verified_chain(&vendor);
}

#[cfg(unix)]
#[test]
fn a_symbolic_link_is_neither_followed_nor_replaced_and_nothing_is_recorded() {
    let vendor = vendor();
    issue(&vendor, "other.lic", &[]);
    vendor.write("precious", "precious");
    std::os::unix::fs::symlink("precious", vendor.file("link")).unwrap();
    let args = words("issue --key vendor.key --tier pro --customer X");
    let to_link = ["--perpetual", "--out", "link", "--force"];
    let _ = keygen(&vendor, &[&args[..], &to_link].concat()).expect_failure(2);
    assert_eq!(vendor.read("precious"), "precious");
    assert!(vendor.file("link").symlink_metadata().unwrap().is_symlink());
    assert_eq!(kinds(&vendor), ["signing_key", "license"]);
}

#[test]
fn serials_increase_with_each_license() {
    let vendor = vendor();
    for name in ["1", "2", "3", "4"] {
        issue(&vendor, name, &["--issued-at", "2020-01-01T00:00:00Z"]);
    }
    let entries = export(&vendor);
    let serial = |entry: &Value| entry["body"]["serial"].as_u64().unwrap();
    let serials: Vec<_> = entries[1..].iter().map(serial).collect();
    assert!(
        serials.is_sorted_by(|serial, next| serial < next),
        "{serials:?}"
    );
}
