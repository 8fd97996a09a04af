//! `keygen public`, and the private keys that it accepts.

use super::*;

#[test]
fn a_private_key_that_others_can_read_is_refused() {
    let workstation = Scratch::new();
    workstation.write("vendor.key", &Vendor::shared().key);
    if cfg!(unix) {
        let error = public(&workstation, &["--key", "vendor.key"]).expect_failure(2);
        assert_eq!(
            error.hint,
            "run `chmod 600 vendor.key` if this file is your private key"
        );
    }
}

#[test]
fn the_public_key_is_the_same_in_pem_and_jwk() {
    let vendor = Vendor::shared();
    let workstation = vendor.workstation();
    let print =
        |format| public(&workstation, &["--key", "vendor.key", "--format", format]).expect_code(0);
    assert_eq!(print("pem").stdout, vendor.public);
    let jwk = print("jwk").json();
    assert_eq!(jwk, vendor.jwk);
    let fixed = ["kty", "use", "alg", "e"].map(|member| &jwk[member]);
    assert_eq!(
        fixed,
        [
            &json!("RSA"),
            &json!("sig"),
            &json!("RS256"),
            &json!("AQAB")
        ]
    );
    assert_eq!(jwk.get("d"), None);
}

#[test]
fn an_invalid_private_key_is_refused_with_its_file_name() {
    let vendor = Vendor::shared();
    let workstation = vendor.workstation();
    let pem = &vendor.key;
    let lines: Vec<_> = pem.lines().collect();
    let without_middle = [&lines[..4], &lines[8..]].concat().join("\n");
    let noise = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    for (name, content, exit) in [
        ("public.key", vendor.public.as_str(), 3),
        ("cut.key", &pem[..900], 3),
        ("holed.key", &without_middle, 3),
        ("noise.key", noise, 3),
        (
            "license.key",
            &vendor.issue(&["--tier", "pro", "--perpetual"]).file,
            3,
        ),
        ("empty.key", "", 3),
    ] {
        workstation.write_private(name, content);
        let error = public(&workstation, &["--key", name]).expect_failure(exit);
        assert!(error.message.contains(name), "{name}: {error:?}");
    }
    public(&workstation, &["--key", "missing.key"]).expect_failure(4);
    // `home` is a directory.
    public(&workstation, &["--key", "home"]).expect_failure(4);
}

#[test]
fn a_weak_or_non_rsa_key_is_refused_with_the_reason() {
    let Some(openssl) = license_tests::tools::openssl() else {
        return;
    };
    for (algorithm, option, expected) in [
        ("RSA", "rsa_keygen_bits:1024", "1024"),
        ("EC", "ec_paramgen_curve:P-256", "RSA"),
    ] {
        let workstation = Scratch::new();
        let genpkey = ["genpkey", "-algorithm", algorithm, "-pkeyopt", option];
        let pem = openssl
            .run(&workstation)
            .args(genpkey)
            .run()
            .expect_code(0)
            .stdout;
        workstation.write_private("vendor.key", pem);
        let error = public(&workstation, &["--key", "vendor.key"]).expect_failure(3);
        assert!(error.message.contains(expected), "{error:?}");
        // The message is about the private key that was given, not about a public key.
        assert!(!error.message.contains("public"), "{error:?}");
    }
}
