//! Refusals of `keygen check-in`, and files that it never changes.

use super::*;

#[track_caller]
fn refused(desk: &Scratch, exit: i32, options: &[&str]) -> PrintedError {
    let options = [options, &["--out", "refused.lic"]].concat();
    let complaint = check_in(desk, &options).expect_failure(exit);
    assert!(!desk.file("refused.lic").exists(), "{complaint:?}");
    complaint
}

#[test]
fn an_invalid_machine_is_refused_with_a_hint() {
    let desk = desk();
    for (wrong, found) in [
        ("", "an empty value"),
        ("laptop of Jo", "another text"),
        ("fp1:id=60cc22a081bb116368e4232", "a damaged fingerprint"),
        ("fp2:id=60cc22a081bb116368e42320", "another text"),
        ("mach_6a49", "a damaged digest"),
        ("fp1:cpu=60cc22a081bb116368e42320", "only cpu"),
        ("fp1:mac=60cc22a081bb116368e42320", "only mac"),
    ] {
        let complaint = refused(&desk, 2, &["acme.lic", "--machine", wrong]);
        assert!(
            complaint
                .message
                .starts_with("--machine: expected a fingerprint"),
            "{complaint:?}"
        );
        assert!(
            complaint.message.ends_with(&format!("found {found}")),
            "{complaint:?}"
        );
        assert!(
            complaint.hint.contains("`license machine`"),
            "{complaint:?}"
        );
    }
}

#[test]
fn a_nonce_of_1_to_128_printable_characters_is_accepted() {
    let desk = desk();
    for nonce in ["x", "a b~!", &"f".repeat(128)] {
        assert_eq!(claims(&desk, &["--nonce", nonce])["nonce"], nonce);
    }
    for (wrong, found) in [
        ("", "an empty value"),
        (&"f".repeat(129), "129"),
        (&"f".repeat(10_000), "10000"),
        ("tab\there", "another character"),
        ("\u{1b}[2J", "another character"),
        ("line\nbreak", "another character"),
        ("ünicode", "another character"),
    ] {
        let complaint = refused(&desk, 2, &["acme.lic", "--nonce", wrong]);
        assert!(
            complaint.message.starts_with("--nonce: expected 1 to 128"),
            "{complaint:?}"
        );
        assert!(complaint.message.contains(found), "{complaint:?}");
    }
}

#[test]
fn an_invalid_status_or_time_is_refused_with_the_name_of_its_option() {
    let desk = desk();
    for (flag, wrong) in [
        ("--status", "paused"),
        ("--status", ""),
        ("--issued-at", "soon"),
        ("--issued-at", "1900-01-01T00:00:00Z"),
        ("--alg", "none"),
    ] {
        let complaint = refused(&desk, 2, &["acme.lic", flag, wrong]);
        assert!(complaint.message.contains(flag), "{complaint:?}");
    }
    refused(&desk, 2, &[]);
}

#[test]
fn a_license_signed_by_another_key_needs_trust() {
    let desk = desk();
    let old = Vendor::with_new_key("2048", "PS256");
    desk.write(
        "acme.lic",
        old.issue(&["--tier", "pro", "--perpetual"]).file,
    );
    desk.write("old.jwks", &old.trust);
    let complaint = refused(&desk, 3, &["acme.lic"]);
    assert!(complaint.hint.contains("--trust FILE"), "{complaint:?}");
    assert_eq!(
        check_in(&desk, &["acme.lic", "--json"]).expect_json_failure(3),
        "UNTRUSTED_KEY"
    );
    let trusting = [
        "acme.lic",
        "--trust",
        "old.jwks",
        "--out",
        "validation.lic",
        "--issued-at",
        LATER,
    ];
    let _ = check_in(&desk, &trusting).expect_code(0);
    let both = Run::keygen(&desk).args(words("trust trust.jwks old.jwks --out trust.jwks --force"));
    let _ = both.run().expect_code(0);
    assert_eq!(decision(&desk, &["validation.lic"], LATER)["code"], "VALID");
}

#[test]
fn one_key_for_two_algorithms_is_refused() {
    let desk = desk();
    let mut other = Vendor::shared().jwk.clone();
    other["alg"] = "PS256".into();
    desk.write("other.jwk", other.to_string());
    let complaint = refused(&desk, 3, &["acme.lic", "--trust", "other.jwk"]);
    assert!(
        complaint.message.starts_with("--trust and --key: "),
        "{complaint:?}"
    );
    assert!(complaint.hint.contains("--alg"), "{complaint:?}");
}

#[test]
fn an_enterprise_key_signed_by_another_key_needs_trust() {
    let desk = desk();
    let old = Vendor::with_new_key("2048", "RS256");
    desk.write("acme.key", old.enterprise_key());
    let complaint = refused(&desk, 3, &["acme.key"]);
    assert!(complaint.hint.contains("--trust FILE"), "{complaint:?}");
    assert_eq!(
        check_in(&desk, &["acme.key", "--json"]).expect_json_failure(3),
        "BAD_SIGNATURE"
    );
    desk.write("old.pem", &old.public);
    let _ = check_in(&desk, &["acme.key", "--trust", "old.pem"]).expect_code(0);
}

#[test]
fn an_invalid_or_foreign_license_is_refused_with_its_file_name() {
    let (vendor, desk) = (Vendor::shared(), desk());
    let license = desk.read("acme.lic");
    let issued = vendor.issue(&["--tier", "pro", "--perpetual"]);
    let key = vendor.enterprise_key();
    let options = ["acme.lic", "--out", "validation.lic", "--issued-at", LATER];
    let _ = check_in(&desk, &options).expect_code(0);
    let dot = license.find('.').unwrap();
    for (name, content, code) in [
        ("empty", "", "MALFORMED"),
        ("blank", " \r\n\t", "MALFORMED"),
        ("cut.lic", &license[..400], "MALFORMED"),
        (
            "no-end.lic",
            license.split("-----END").next().unwrap(),
            "MALFORMED",
        ),
        (
            "tampered.lic",
            &license_tests::vendor::changed_at(&license, dot + 80),
            "BAD_SIGNATURE",
        ),
        (
            "tampered.key",
            &license_tests::vendor::changed_at(&key, key.len() - 40),
            "BAD_SIGNATURE",
        ),
        ("cut.key", &key[..200], "MALFORMED"),
        ("standard.key", issued.key(), "NEEDS_LICENSE_FILE"),
        (
            "validation.lic",
            &desk.read("validation.lic"),
            "NEEDS_LICENSE_FILE",
        ),
        ("prose", "Dear vendor, here it is", "MALFORMED"),
        ("trust.jwks", &vendor.trust, "MALFORMED"),
        ("vendor.pem", &vendor.public, "MALFORMED"),
    ] {
        desk.write(name, content);
        let complaint = refused(&desk, 3, &[name]);
        assert!(
            complaint.message.starts_with(&format!("{name}: ")),
            "{complaint:?}"
        );
        assert_eq!(
            check_in(&desk, &[name, "--json"]).expect_json_failure(3),
            code,
            "{name}"
        );
    }
    desk.write("binary", [0x80, 0xff, 0x00]);
    refused(&desk, 3, &["binary"]);
    desk.write("large", "A".repeat(257 * 1024));
    refused(&desk, 3, &["large"]);
    refused(&desk, 4, &["missing.lic"]);
    refused(&desk, 4, &["home"]);
}

#[test]
fn an_invalid_license_is_refused_before_the_passphrase_prompt() {
    let desk = desk();
    desk.write_private("vendor.key", "no key at all");
    desk.write("empty", "");
    let complaint = refused(&desk, 3, &["empty"]);
    assert!(complaint.message.starts_with("empty: "), "{complaint:?}");
    let complaint = refused(&desk, 2, &["acme.lic", "--nonce", ""]);
    assert!(complaint.message.starts_with("--nonce: "), "{complaint:?}");
}

#[test]
fn a_private_key_instead_of_a_license_is_never_printed() {
    let desk = desk();
    let pem = Vendor::shared().key.clone();
    let body = pem.lines().nth(2).unwrap();
    let whole_body: String = pem
        .lines()
        .filter(|line| !line.starts_with("-----"))
        .collect();
    desk.write("cut.key", &pem[..900]);
    desk.write("one-line.key", pem.replace('\n', " "));
    desk.write("body", &whole_body);
    for name in ["vendor.key", "cut.key", "one-line.key", "body"] {
        for options in [
            &[name][..],
            &[name, "--json"],
            &["acme.lic", "--trust", name],
        ] {
            let validation = check_in(&desk, options).expect_code(3).all_output();
            assert!(
                !validation.contains(body) && !validation.contains("PRIVATE KEY-----\n"),
                "{validation}"
            );
        }
    }
    let complaint = refused(&desk, 3, &["vendor.key"]);
    assert!(
        complaint.message.contains("found a private key"),
        "{complaint:?}"
    );
    for option in ["--nonce", "--machine"] {
        let validation = check_in(&desk, &["acme.lic", option, &pem])
            .expect_code(2)
            .all_output();
        assert!(!validation.contains(body), "{validation}");
    }
}

#[test]
fn a_license_of_another_product_needs_its_product_file() {
    let desk = desk();
    let key = words("enterprise-key --key vendor.key --company ACME --seats 3");
    let key = Run::keygen(&desk)
        .args(key)
        .args(["--perpetual", "--product", "WIDGET"]);
    desk.write("widget.key", key.run().expect_code(0).stdout);
    let complaint = refused(&desk, 2, &["widget.key"]);
    assert_eq!(
        complaint.message,
        "expected a license for CODITECT, found one for WIDGET"
    );
    assert!(complaint.hint.contains("--product-file"), "{complaint:?}");
    desk.write("widget.toml", WIDGET);
    let options = ["widget.key", "--json", "--product-file", "widget.toml"];
    let report = check_in(&desk, &options).expect_code(0).json();
    let validation = payload(report["validations"][0]["token"].as_str().unwrap());
    assert_eq!(
        (&validation["aud"], &validation["iss"]),
        (&json!("WIDGET"), &json!("Widget Makers"))
    );
    assert_eq!(validation["features"], json!(["polish", "turn"]));
    refused(&desk, 4, &["acme.lic", "--product-file", "missing.toml"]);
}

const WIDGET: &str = r#"
    product = "WIDGET"
    issuer = "Widget Makers"
    base_tier = "FREE"
    enterprise_tier = "ENT"

    [[tiers]]
    name = "FREE"
    features = ["turn"]
    quotas = { turns_per_day = 3 }

    [[tiers]]
    name = "ENT"
    extends = "FREE"
    features = ["polish"]
"#;

#[test]
fn an_existing_file_is_replaced_with_force_but_not_the_license() {
    let desk = desk();
    desk.write("validation.lic", "precious");
    let options = ["acme.lic", "--out", "validation.lic"];
    let complaint = check_in(&desk, &options).expect_failure(2);
    assert!(complaint.hint.contains("--force"), "{complaint:?}");
    assert_eq!(desk.read("validation.lic"), "precious");
    let _ = check_in(&desk, &[&options[..], &["--force"]].concat()).expect_code(0);
    assert!(
        desk.read("validation.lic")
            .starts_with("-----BEGIN LICENSE VALIDATION-----\n")
    );
    for (file, out) in [("acme.lic", "./acme.lic"), ("acme.lic", "vendor.key")] {
        let before = desk.read(out);
        let complaint = check_in(&desk, &[file, "--out", out, "--force"]).expect_failure(2);
        assert!(complaint.hint.contains("another name"), "{complaint:?}");
        assert_eq!(desk.read(out), before);
    }
}

#[test]
fn standard_input_is_read_by_one_option_only() {
    let desk = desk();
    for options in [
        &["-", "--trust", "-"][..],
        &["-", "--product-file", "-"],
        &["-", "--passphrase-file", "-"],
        &["acme.lic", "--trust", "-", "--trust", "-"],
    ] {
        let complaint = refused(&desk, 2, options);
        assert!(
            complaint.message.contains("standard input"),
            "{complaint:?}"
        );
    }
    let both = Run::keygen(&desk).args(["check-in", "--key", "-", "-"]);
    both.run().expect_failure(2);
}
