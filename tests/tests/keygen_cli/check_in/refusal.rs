//! Refusals of `keygen check-in`, and files that it never changes.

use super::*;

#[track_caller]
fn refused(workstation: &Scratch, exit: i32, options: &[&str]) -> PrintedError {
    let options = [options, &["--out", "refused.lic"]].concat();
    let error = check_in(workstation, &options).expect_failure(exit);
    assert!(!workstation.file("refused.lic").exists(), "{error:?}");
    error
}

#[test]
fn an_invalid_machine_is_refused_with_a_hint() {
    let workstation = workstation();
    for (wrong, found) in [
        ("", "an empty value"),
        ("laptop of Jo", "other text"),
        ("fp1:id=60cc22a081bb116368e4232", "a damaged fingerprint"),
        ("fp2:id=60cc22a081bb116368e42320", "other text"),
        ("mach_6a49", "a damaged digest"),
        ("fp1:cpu=60cc22a081bb116368e42320", "only cpu"),
        ("fp1:mac=60cc22a081bb116368e42320", "only mac"),
    ] {
        let error = refused(&workstation, 2, &["acme.lic", "--machine", wrong]);
        assert!(
            error
                .message
                .starts_with("--machine: expected a fingerprint"),
            "{error:?}"
        );
        assert!(
            error.message.ends_with(&format!("found {found}")),
            "{error:?}"
        );
        assert!(error.hint.contains("`license machine`"), "{error:?}");
    }
}

#[test]
fn a_nonce_of_1_to_128_printable_characters_is_accepted() {
    let workstation = workstation();
    for nonce in ["x", "a b~!", &"f".repeat(128)] {
        assert_eq!(claims(&workstation, &["--nonce", nonce])["nonce"], nonce);
    }
    for (wrong, found) in [
        ("", "an empty value"),
        (&"f".repeat(129), "129"),
        (&"f".repeat(10_000), "10000"),
        ("tab\there", "a character that is not printable ASCII"),
        ("\u{1b}[2J", "a character that is not printable ASCII"),
        ("line\nbreak", "a character that is not printable ASCII"),
        ("ünicode", "a character that is not printable ASCII"),
    ] {
        let error = refused(&workstation, 2, &["acme.lic", "--nonce", wrong]);
        assert!(
            error.message.starts_with("--nonce: expected 1 to 128"),
            "{error:?}"
        );
        assert!(error.message.contains(found), "{error:?}");
    }
}

#[test]
fn an_invalid_status_or_time_is_refused_with_the_name_of_its_option() {
    let workstation = workstation();
    for (flag, wrong) in [
        ("--status", "paused"),
        ("--status", ""),
        ("--issued-at", "soon"),
        ("--issued-at", "1900-01-01T00:00:00Z"),
        ("--alg", "none"),
    ] {
        let error = refused(&workstation, 2, &["acme.lic", flag, wrong]);
        assert!(error.message.contains(flag), "{error:?}");
    }
    refused(&workstation, 2, &[]);
}

#[test]
fn a_license_signed_by_another_key_needs_a_trust_option() {
    let workstation = workstation();
    let old = Vendor::with_new_key("2048", "PS256");
    workstation.write(
        "acme.lic",
        old.issue(&["--tier", "pro", "--perpetual"]).file,
    );
    workstation.write("old.jwks", &old.trust);
    let error = refused(&workstation, 3, &["acme.lic"]);
    assert!(error.hint.contains("--trust FILE"), "{error:?}");
    assert_eq!(
        check_in(&workstation, &["acme.lic", "--json"]).expect_json_failure(3),
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
    let _ = check_in(&workstation, &trusting).expect_code(0);
    let both =
        Run::keygen(&workstation).args(words("trust trust.jwks old.jwks --out trust.jwks --force"));
    let _ = both.run().expect_code(0);
    assert_eq!(
        decision(&workstation, &["validation.lic"], LATER)["code"],
        "VALID"
    );
}

#[test]
fn one_key_for_two_algorithms_is_refused() {
    let workstation = workstation();
    let mut other = Vendor::shared().jwk.clone();
    other["alg"] = "PS256".into();
    workstation.write("other.jwk", other.to_string());
    let error = refused(&workstation, 3, &["acme.lic", "--trust", "other.jwk"]);
    assert!(
        error.message.starts_with("--trust and --key: "),
        "{error:?}"
    );
    assert!(error.hint.contains("--alg"), "{error:?}");
}

#[test]
fn an_enterprise_key_signed_by_another_key_needs_a_trust_option() {
    let workstation = workstation();
    let old = Vendor::with_new_key("2048", "RS256");
    workstation.write("acme.key", old.enterprise_key());
    let error = refused(&workstation, 3, &["acme.key"]);
    assert!(error.hint.contains("--trust FILE"), "{error:?}");
    assert_eq!(
        check_in(&workstation, &["acme.key", "--json"]).expect_json_failure(3),
        "BAD_SIGNATURE"
    );
    workstation.write("old.pem", &old.public);
    let _ = check_in(&workstation, &["acme.key", "--trust", "old.pem"]).expect_code(0);
}

#[test]
fn an_invalid_or_foreign_license_is_refused_with_its_file_name() {
    let (vendor, workstation) = (Vendor::shared(), workstation());
    let license = workstation.read("acme.lic");
    let issued = vendor.issue(&["--tier", "pro", "--perpetual"]);
    let key = vendor.enterprise_key();
    let options = ["acme.lic", "--out", "validation.lic", "--issued-at", LATER];
    let _ = check_in(&workstation, &options).expect_code(0);
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
            &workstation.read("validation.lic"),
            "NEEDS_LICENSE_FILE",
        ),
        ("prose", "Dear vendor, here it is", "MALFORMED"),
        ("trust.jwks", &vendor.trust, "MALFORMED"),
        ("vendor.pem", &vendor.public, "MALFORMED"),
    ] {
        workstation.write(name, content);
        let error = refused(&workstation, 3, &[name]);
        assert!(error.message.starts_with(&format!("{name}: ")), "{error:?}");
        assert_eq!(
            check_in(&workstation, &[name, "--json"]).expect_json_failure(3),
            code,
            "{name}"
        );
    }
    workstation.write("binary", [0x80, 0xff, 0x00]);
    refused(&workstation, 3, &["binary"]);
    workstation.write("large", "A".repeat(257 * 1024));
    refused(&workstation, 3, &["large"]);
    // The argument can also be an id or a key of the ledger.
    refused(&workstation, 2, &["missing.lic"]);
    refused(&workstation, 4, &["home"]);
}

#[test]
fn an_invalid_license_is_refused_before_the_passphrase_prompt() {
    let workstation = workstation();
    workstation.write_private("vendor.key", "no key at all");
    workstation.write("empty", "");
    let error = refused(&workstation, 3, &["empty"]);
    assert!(error.message.starts_with("empty: "), "{error:?}");
    let error = refused(&workstation, 2, &["acme.lic", "--nonce", ""]);
    assert!(error.message.starts_with("--nonce: "), "{error:?}");
}

#[test]
fn a_private_key_instead_of_a_license_is_never_printed() {
    let workstation = workstation();
    let pem = Vendor::shared().key.clone();
    let body = pem.lines().nth(2).unwrap();
    let whole_body: String = pem
        .lines()
        .filter(|line| !line.starts_with("-----"))
        .collect();
    workstation.write("cut.key", &pem[..900]);
    workstation.write("one-line.key", pem.replace('\n', " "));
    workstation.write("body", &whole_body);
    for name in ["vendor.key", "cut.key", "one-line.key", "body"] {
        for options in [
            &[name][..],
            &[name, "--json"],
            &["acme.lic", "--trust", name],
        ] {
            let output = check_in(&workstation, options).expect_code(3).all_output();
            assert!(
                !output.contains(body) && !output.contains("PRIVATE KEY-----\n"),
                "{output}"
            );
        }
    }
    let error = refused(&workstation, 3, &["vendor.key"]);
    assert!(error.message.contains("found a private key"), "{error:?}");
    for option in ["--nonce", "--machine"] {
        let output = check_in(&workstation, &["acme.lic", option, &pem])
            .expect_code(2)
            .all_output();
        assert!(!output.contains(body), "{output}");
    }
}

#[test]
fn a_license_of_another_product_needs_its_product_file() {
    let workstation = workstation();
    let key = words("enterprise-key --key vendor.key --company ACME --seats 3 --no-ledger");
    let key = Run::keygen(&workstation)
        .args(key)
        .args(["--perpetual", "--product", "WIDGET"]);
    workstation.write("widget.key", key.run().expect_code(0).stdout);
    let error = refused(&workstation, 2, &["widget.key"]);
    assert_eq!(
        error.message,
        "expected a license for CODITECT, found one for WIDGET"
    );
    assert!(error.hint.contains("--product-file"), "{error:?}");
    workstation.write("widget.toml", WIDGET);
    let options = ["widget.key", "--json", "--product-file", "widget.toml"];
    let report = check_in(&workstation, &options).expect_code(0).json();
    let validation = payload(report["validations"][0]["token"].as_str().unwrap());
    assert_eq!(
        (&validation["aud"], &validation["iss"]),
        (&json!("WIDGET"), &json!("Widget Makers"))
    );
    assert_eq!(validation["features"], json!(["polish", "turn"]));
    refused(
        &workstation,
        4,
        &["acme.lic", "--product-file", "missing.toml"],
    );
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
fn force_does_not_replace_the_license_or_the_signing_key() {
    let workstation = workstation();
    for (file, out) in [("acme.lic", "./acme.lic"), ("acme.lic", "vendor.key")] {
        let before = workstation.read(out);
        let error = check_in(&workstation, &[file, "--out", out, "--force"]).expect_failure(2);
        assert!(error.hint.contains("another name"), "{error:?}");
        assert_eq!(workstation.read(out), before);
    }
}

#[test]
fn standard_input_is_read_by_one_option_only() {
    let workstation = workstation();
    for options in [
        &["-", "--trust", "-"][..],
        &["-", "--product-file", "-"],
        &["-", "--passphrase-file", "-"],
        &["acme.lic", "--trust", "-", "--trust", "-"],
    ] {
        let error = refused(&workstation, 2, options);
        assert!(error.message.contains("standard input"), "{error:?}");
    }
    let both = Run::keygen(&workstation).args(["check-in", "--key", "-", "-"]);
    both.run().expect_failure(2);
}
