//! `keygen trust`.

use super::*;

fn trust(workstation: &Scratch, args: &[&str]) -> RunOutput {
    Run::keygen(workstation).arg("trust").args(args).run()
}

/// Returns a directory with the public key as PEM and as JWK.
fn workstation() -> Scratch {
    let (workstation, vendor) = (Scratch::new(), Vendor::shared());
    workstation.write("vendor.pem", &vendor.public);
    workstation.write("vendor.jwk", vendor.jwk.to_string());
    workstation
}

/// Returns the path of a fixture with an untrustworthy or invalid key.
fn fixture(name: &str) -> String {
    let path = programs::workspace()
        .join("fixtures")
        .join("trust")
        .join(name);
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_pem_file_and_a_jwk_set_are_combined_into_one_set() {
    let workstation = workstation();
    let spare = Vendor::with_new_key("2048", "PS256");
    workstation.write("spare.jwks", &spare.trust);
    let jwks = trust(&workstation, &["vendor.pem", "spare.jwks"])
        .expect_code(0)
        .json();
    let keys = jwks["keys"].as_array().unwrap();
    assert_eq!(keys.len(), 2);
    for jwk in [&Vendor::shared().jwk, &spare.jwk] {
        assert!(keys.contains(jwk), "{jwks:#}");
    }
}

#[test]
fn a_duplicate_key_is_in_the_set_once() {
    let jwks = trust(&workstation(), &["vendor.pem", "vendor.jwk", "vendor.pem"])
        .expect_code(0)
        .json();
    assert_eq!(jwks["keys"].as_array().unwrap().len(), 1);
}

#[test]
fn one_key_for_two_algorithms_is_refused() {
    let workstation = workstation();
    let mut other = Vendor::shared().jwk.clone();
    other["alg"] = "PS256".into();
    workstation.write("other.jwk", other.to_string());
    trust(
        &workstation,
        &["vendor.jwk", "other.jwk", "--out", "trust.jwks"],
    )
    .expect_failure(3);
    assert!(!workstation.file("trust.jwks").exists());
}

#[test]
fn standard_input_is_read() {
    let workstation = Scratch::new();
    let trust = Run::keygen(&workstation)
        .args(["trust", "-"])
        .stdin(Vendor::shared().public.as_str());
    assert_eq!(trust.run().expect_code(0).stdout, Vendor::shared().trust);
}

#[test]
fn an_untrustworthy_key_is_refused_and_nothing_is_written() {
    let workstation = workstation();
    workstation.write_private("vendor.key", &Vendor::shared().key);
    let pem = &Vendor::shared().public;
    workstation.write("cut.pem", &pem[..200]);
    workstation.write("empty.pem", "");
    let fixtures = [
        "bits-1024.pem",
        "exponent-3.pem",
        "roca.pem",
        "ec-p256.pem",
        "certificate.pem",
        "private-encrypted.pem",
    ];
    let local = ["vendor.key", "cut.pem", "empty.pem"].map(str::to_owned);
    for file in local.into_iter().chain(fixtures.map(fixture)) {
        let error =
            trust(&workstation, &["vendor.pem", &file, "--out", "trust.jwks"]).expect_failure(3);
        assert!(error.message.starts_with(&format!("{file}: ")), "{error:?}");
        assert!(!workstation.file("trust.jwks").exists(), "{file}");
    }
    let error = trust(&workstation, &["vendor.key"]).expect_failure(3);
    assert!(error.hint.contains("keygen public"), "{error:?}");
}

#[test]
fn a_license_instead_of_a_key_is_named_in_the_error() {
    let workstation = workstation();
    workstation.write(
        "acme.lic",
        Vendor::shared()
            .issue(&["--tier", "pro", "--perpetual"])
            .file,
    );
    let error = trust(&workstation, &["acme.lic"]).expect_failure(3);
    assert!(error.message.contains("LICENSE"), "{error:?}");
}

#[test]
fn a_missing_file_is_named_and_a_file_is_required() {
    let workstation = workstation();
    let error = trust(&workstation, &["missing.pem"]).expect_failure(4);
    assert!(error.message.contains("missing.pem"), "{error:?}");
    trust(&workstation, &[]).expect_failure(2);
}

#[test]
fn the_number_of_keys_is_printed() {
    let workstation = workstation();
    let report = trust(&workstation, &["vendor.pem", "--out", "trust.jwks"]).expect_code(0);
    assert_eq!(report.stdout, "");
    assert!(report.stderr.contains("1 key"), "{}", report.stderr);
    assert!(!report.stderr.contains("1 keys"), "{}", report.stderr);
}
