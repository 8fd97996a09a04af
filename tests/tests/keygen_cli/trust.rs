//! `keygen trust`.

use super::*;

fn trust(desk: &Scratch, args: &[&str]) -> Outcome {
    Run::keygen(desk).arg("trust").args(args).run()
}

/// A desk with the public key as PEM and as JWK.
fn desk() -> Scratch {
    let (desk, vendor) = (Scratch::new(), Vendor::shared());
    desk.write("vendor.pem", &vendor.public);
    desk.write("vendor.jwk", vendor.jwk.to_string());
    desk
}

/// A public key that must not be trusted, or is none.
fn fixture(name: &str) -> String {
    let path = programs::workspace()
        .join("fixtures")
        .join("trust")
        .join(name);
    path.to_str().unwrap().to_owned()
}

#[test]
fn pem_jwk_and_sets_are_bundled_into_one_set() {
    let desk = desk();
    let spare = Vendor::with_key("2048", "PS256");
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
fn a_key_given_twice_is_in_the_set_once() {
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
fn what_must_not_be_trusted_is_refused_and_nothing_is_written() {
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
fn a_license_in_place_of_a_key_is_called_so() {
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
fn nothing_is_overwritten_without_force_and_a_missing_file_is_named() {
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
fn it_is_said_how_many_keys_there_are() {
    let desk = desk();
    let told = trust(&desk, &["vendor.pem", "--out", "trust.jwks"]).expect_code(0);
    assert_eq!(told.stdout, "");
    assert!(told.stderr.contains("1 key"), "{}", told.stderr);
    assert!(!told.stderr.contains("1 keys"), "{}", told.stderr);
}
