//! `license verify`: the reasons to refuse an input.

use super::*;

#[test]
fn a_key_is_compared_only_with_a_license_that_verifies() {
    let machine = machine();
    machine.write("tampered.lic", tampered(&PRO));
    let refused = verify(
        &machine,
        &["--json", PRO.key(), "--license", "tampered.lic"],
    );
    assert_eq!(refused.expect_json_failure(3), "BAD_SIGNATURE");
}

#[test]
fn the_error_names_the_invalid_file() {
    let machine = machine();
    machine.write("tampered.lic", tampered(&PRO));
    let error = verify(&machine, &[PRO.key(), "--license", "tampered.lic"]).expect_failure(3);
    assert!(error.message.starts_with("tampered.lic: "), "{error:?}");
}

#[test]
fn a_key_with_one_wrong_character_is_a_checksum_mismatch() {
    let machine = machine();
    for at in ["CODITECT-PRO-".len(), PRO.key().len() - 1] {
        let wrong = changed_at(PRO.key(), at);
        assert_eq!(
            verify(&machine, &["--json", &wrong]).expect_json_failure(3),
            "CHECKSUM_MISMATCH"
        );
    }
}

#[test]
fn an_enterprise_key_with_changed_terms_has_a_bad_signature() {
    let machine = machine();
    for (term, other) in [
        ("-100-", "-900-"),
        ("ACME", "ACNE"),
        ("2030", "2031"),
        ("CODITECT", "CODITEST"),
    ] {
        let wrong = ENTERPRISE_KEY.replacen(term, other, 1);
        assert_eq!(
            verify(&machine, &["--json", &wrong]).expect_json_failure(3),
            "BAD_SIGNATURE"
        );
    }
}

#[test]
fn without_the_vendors_keys_no_license_is_trusted() {
    let machine = machine();
    let verify = ["verify", "--at", AT, "pro.lic"];
    let error = license(&machine, &verify).expect_failure(3);
    assert!(error.hint.contains("--trust"), "{error:?}");
    let json = license(&machine, &[&verify[..], &["--json"]].concat());
    assert_eq!(json.expect_json_failure(3), "UNTRUSTED_KEY");
}

#[test]
fn a_license_of_another_vendor_is_not_trusted() {
    let machine = machine();
    let stranger = Vendor::with_new_key("2048", "RS256");
    machine.write(
        "stranger.lic",
        stranger.issue(&["--tier", "ent", "--perpetual"]).file,
    );
    assert_eq!(
        verify(&machine, &["--json", "stranger.lic"]).expect_json_failure(3),
        "UNTRUSTED_KEY"
    );
    let error = verify(&machine, &["stranger.lic"]).expect_failure(3);
    assert!(error.message.contains(&stranger.kid), "{error:?}");
    assert!(!error.message.contains("the 1 trusted"), "{error:?}");
    let key = stranger.enterprise_key();
    assert_eq!(
        verify(&machine, &["--json", &key]).expect_json_failure(3),
        "BAD_SIGNATURE"
    );
    machine.write("stranger.jwks", &stranger.trust);
    expect_valid(verify(
        &machine,
        &["--json", "--trust", "stranger.jwks", "stranger.lic"],
    ));
    expect_valid(verify(
        &machine,
        &["--json", "--trust", "stranger.jwks", "pro.lic"],
    ));
}

#[test]
fn a_changed_license_has_a_bad_signature() {
    let machine = machine();
    machine.write("tampered.lic", tampered(&PRO));
    assert_eq!(
        verify(&machine, &["--json", "tampered.lic"]).expect_json_failure(3),
        "BAD_SIGNATURE"
    );
}

#[test]
fn input_that_is_not_a_license_is_malformed() {
    let machine = machine();
    let vendor = Vendor::shared();
    machine.write_private("vendor.key", &vendor.key);
    machine.write("cut.lic", &PRO.file[..400]);
    machine.write("large.lic", "A".repeat(257 * 1024));
    machine.write("noise.lic", [0x80, 0xff, 0x00, 0x1b].repeat(256));
    machine.write("zeros.lic", [0; 1024]);
    machine.write(
        "prose.lic",
        "Dear customer,\n\nplease find your license attached.\n",
    );
    machine.write("page.html", "<html><body>404 Not Found</body></html>\n");
    machine.write("empty.lic", "");
    machine.write("blank.lic", " \r\n\r\n");
    // The kind of a file is known without keys.
    let request = "-----BEGIN LICENSE ACTIVATION REQUEST-----\n{}\n";
    machine.write("req.txt", request);
    let certificate = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
    machine.write("c.pem", certificate);
    for (file, found) in [
        ("trust.jwks", "public keys"),
        ("req.txt", "an activation request"),
        ("c.pem", "a certificate"),
        ("vendor.key", "a private key"),
    ] {
        for command in ["install", "verify", "features --license"] {
            let args = [&words(command)[..], &[file]].concat();
            let error = license(&machine, &args).expect_failure(3);
            for part in ["MALFORMED: ", found] {
                assert!(error.text().contains(part), "{command} {file}: {error:?}");
            }
        }
    }
    for file in [
        "cut.lic",
        "large.lic",
        "noise.lic",
        "zeros.lic",
        "prose.lic",
        "page.html",
        "empty.lic",
        "blank.lic",
        "trust.jwks",
        "vendor.key",
    ] {
        assert_eq!(
            verify(&machine, &["--json", file]).expect_json_failure(3),
            "MALFORMED",
            "{file}"
        );
        let error = verify(&machine, &[file]).expect_failure(3);
        assert!(error.message.starts_with(&format!("{file}: ")), "{error:?}");
    }
}

#[test]
fn an_empty_file_is_reported_as_empty() {
    let machine = machine();
    machine.write("empty.lic", "");
    machine.write("blank.lic", " \r\n\r\n");
    for file in ["empty.lic", "blank.lic"] {
        let PrintedError { message, hint, .. } = verify(&machine, &[file]).expect_failure(3);
        assert!(!message.contains("product code"), "{message}");
        assert!(!hint.contains("case-sensitive"), "{hint}");
    }
}

#[test]
fn a_private_key_is_reported_as_a_private_key() {
    let machine = machine();
    machine.write_private("vendor.key", &Vendor::shared().key);
    let trusted = ["verify", "--trust", "vendor.key", "pro.lic"];
    for error in [
        license(&machine, &trusted).expect_failure(3),
        license(&machine, &["inspect", "vendor.key"]).expect_failure(3),
        verify(&machine, &["vendor.key"]).expect_failure(3),
    ] {
        assert!(error.message.contains("private key"), "{error:?}");
    }
}

#[test]
fn a_pasted_key_in_place_of_a_name_or_path_is_not_repeated() {
    let machine = machine();
    let line = Vendor::shared().key.lines().nth(1).unwrap().to_owned();
    let enterprise_key = format!("CODITECT-ENT-ACME-100-99991231-{}", line.repeat(5));
    for pasted in [&line, &enterprise_key] {
        for command in ["check", "use", "session", "usage"] {
            for mode in [&["--json"][..], &[]] {
                let run = license(&machine, &[&[command], mode, &["--", pasted]].concat());
                assert_eq!(run.code, Some(2), "{run:?}");
                let part = &pasted[pasted.len() - 24..];
                assert!(!run.all_output().contains(part), "{command}: {run:?}");
            }
        }
    }
}

#[test]
fn a_missing_file_and_a_directory_are_system_errors() {
    let machine = machine();
    for path in ["missing.lic", "home", "missing/acme.lic"] {
        assert_eq!(
            verify(&machine, &["--json", path]).expect_json_failure(4),
            "IO"
        );
        let error = verify(&machine, &[path]).expect_failure(4);
        assert!(error.message.contains(path), "{error:?}");
        let trust = ["verify", "--trust", path, "pro.lic"];
        license(&machine, &trust).expect_failure(4);
        verify(&machine, &[PRO.key(), "--license", path]).expect_failure(4);
    }
}

#[test]
fn an_invalid_trust_set_is_malformed() {
    let machine = machine();
    machine.write("noise", "noise");
    machine.write("empty", "");
    for file in ["pro.lic", "noise", "empty"] {
        let verify = ["verify", "--json", "--trust", file, "pro.lic"];
        assert_eq!(
            license(&machine, &verify).expect_json_failure(3),
            "MALFORMED"
        );
    }
}

#[test]
fn one_invalid_license_makes_the_whole_file_invalid() {
    let machine = machine();
    machine.write("both.lic", format!("{}{}", ENT.file, tampered(&PRO)));
    assert_eq!(
        verify(&machine, &["--json", "both.lic"]).expect_json_failure(3),
        "BAD_SIGNATURE"
    );
}

#[test]
fn the_hint_does_not_repeat_an_option_that_was_given() {
    let vendor = Vendor::shared();
    let machine = vendor.customer_machine();
    let terms = ["--tier", "pro", "--perpetual", "--offline"];
    let hint = |own: &[&str], context: &[&str]| {
        let license = vendor.issue(&[&terms[..], own].concat()).file;
        machine.write("a.lic", license);
        let args = ["verify", "a.lic", "--trust", "trust.jwks"];
        let run = Run::license(&machine).args(args).args(context).run();
        run.expect_code(1).stderr
    };
    assert!(hint(&["--user", "ann"], &[]).contains("--user"));
    assert!(
        hint(&["--user", "ann"], &["--user", "bob"]).contains("ask the vendor to add this user")
    );
    let until = ["--maintenance-until", "2026-12-31"];
    assert!(hint(&until, &["--build-date", "2027-01-01"]).contains("use a covered version"));
    let below = ["--max-version", "<3.0.0"];
    assert!(hint(&below, &["--app-version", "3.0.0"]).contains("use a covered version"));
}
