//! `keygen trust`.

use super::*;

fn trust(desk: &Scratch, args: &[&str]) -> RunOutput {
    Run::keygen(desk).arg("trust").args(args).run()
}

/// Returns a directory with the public key as PEM and as JWK.
fn desk() -> Scratch {
    let (desk, vendor) = (Scratch::new(), Vendor::shared());
    desk.write("vendor.pem", &vendor.public);
    desk.write("vendor.jwk", vendor.jwk.to_string());
    desk
}

/// Returns the path of a fixture of an untrustworthy or invalid key.
fn fixture(name: &str) -> String {
    let path = programs::workspace()
        .join("fixtures")
        .join("trust")
        .join(name);
    path.to_str().unwrap().to_owned()
}

#[test]
fn pem_jwk_and_sets_are_combined_into_one_set() {
    let desk = desk();
    let spare = Vendor::with_new_key("2048", "PS256");
    desk.write("spare.jwks", &spare.trust);
    let jwks = trust(&desk, &["vendor.pem", "spare.jwks"])
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
    let jwks = trust(&desk(), &["vendor.pem", "vendor.jwk", "vendor.pem"])
        .expect_code(0)
        .json();
    assert_eq!(jwks["keys"].as_array().unwrap().len(), 1);
}

#[test]
fn one_key_for_two_algorithms_is_refused() {
    let desk = desk();
    let mut other = Vendor::shared().jwk.clone();
    other["alg"] = "PS256".into();
    desk.write("other.jwk", other.to_string());
    trust(&desk, &["vendor.jwk", "other.jwk", "--out", "trust.jwks"]).expect_failure(3);
    assert!(!desk.file("trust.jwks").exists());
}

#[test]
fn standard_input_is_read() {
    let desk = Scratch::new();
    let trust = Run::keygen(&desk)
        .args(["trust", "-"])
        .stdin(Vendor::shared().public.as_str());
    assert_eq!(trust.run().expect_code(0).stdout, Vendor::shared().trust);
}

#[test]
fn an_untrustworthy_key_is_refused_and_nothing_is_written() {
    let desk = desk();
    desk.write_private("vendor.key", &Vendor::shared().key);
    let pem = &Vendor::shared().public;
    desk.write("cut.pem", &pem[..200]);
    desk.write("empty.pem", "");
    let weak = [
        "bits-1024.pem",
        "exponent-3.pem",
        "roca.pem",
        "ec-p256.pem",
        "certificate.pem",
        "private-encrypted.pem",
    ];
    let named = ["vendor.key", "cut.pem", "empty.pem"].map(str::to_owned);
    for file in named.into_iter().chain(weak.map(fixture)) {
        let complaint =
            trust(&desk, &["vendor.pem", &file, "--out", "trust.jwks"]).expect_failure(3);
        assert!(
            complaint.message.starts_with(&format!("{file}: ")),
            "{complaint:?}"
        );
        assert!(!desk.file("trust.jwks").exists(), "{file}");
    }
    let complaint = trust(&desk, &["vendor.key"]).expect_failure(3);
    assert!(complaint.hint.contains("keygen public"), "{complaint:?}");
}

#[test]
fn a_license_instead_of_a_key_is_named_in_the_error() {
    let desk = desk();
    desk.write(
        "acme.lic",
        Vendor::shared()
            .issue(&["--tier", "pro", "--perpetual"])
            .file,
    );
    let complaint = trust(&desk, &["acme.lic"]).expect_failure(3);
    assert!(complaint.message.contains("LICENSE"), "{complaint:?}");
}

#[test]
fn an_existing_file_is_replaced_only_with_force_and_a_missing_file_is_named() {
    let desk = desk();
    desk.write("trust.jwks", "precious");
    trust(&desk, &["vendor.pem", "--out", "trust.jwks"]).expect_failure(2);
    assert_eq!(desk.read("trust.jwks"), "precious");
    let _ = trust(&desk, &["vendor.pem", "--out", "trust.jwks", "--force"]).expect_code(0);
    assert_eq!(desk.read("trust.jwks"), Vendor::shared().trust);
    let complaint = trust(&desk, &["missing.pem"]).expect_failure(4);
    assert!(complaint.message.contains("missing.pem"), "{complaint:?}");
    trust(&desk, &[]).expect_failure(2);
}

#[test]
fn the_number_of_keys_is_printed() {
    let desk = desk();
    let report = trust(&desk, &["vendor.pem", "--out", "trust.jwks"]).expect_code(0);
    assert_eq!(report.stdout, "");
    assert!(report.stderr.contains("1 key"), "{}", report.stderr);
    assert!(!report.stderr.contains("1 keys"), "{}", report.stderr);
}
