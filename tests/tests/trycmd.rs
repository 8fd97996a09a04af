//! The command lines in `cli/*.md` print what stands there, to the letter. `TRYCMD=overwrite` writes them anew.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use std::fs;
use std::path::Path;

use license_core::{
    ActivationRequest, ClockRequest, Fingerprint, Letter, LicenseId, Nonce, ProductCode, Receipt,
    Secret, Timestamp,
};
use license_tests::vendor::changed_at;
use license_tests::{Run, Scratch, programs, words};

/// One test, for each file is run in a working directory of its own.
#[test]
fn command_lines_print_what_is_documented() {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("cli");
    let mut files: Vec<_> = fs::read_dir(cases)
        .unwrap()
        .map(|file| file.unwrap().path())
        .collect();
    files.sort();
    assert!(files.len() > 4, "the folder is the right one");
    for file in files {
        let machine = machine();
        std::env::set_current_dir(machine.path()).unwrap();
        let path = |path: &Path| path.to_str().unwrap().to_owned();
        let cases = trycmd::TestCases::new();
        cases
            .register_bin("license", programs::license())
            .register_bin("keygen", programs::keygen())
            .env("HOME", path(&machine.home()))
            .env("CODITECT_HOME", path(&machine.state()))
            .env("NO_COLOR", "1")
            .insert_var("[STATE]", path(&machine.state()))
            .unwrap()
            .case(file);
        cases.run();
        // Where it is cannot be removed everywhere.
        std::env::set_current_dir(env!("CARGO_MANIFEST_DIR")).unwrap();
    }
}

/// A machine with keys and licenses that are always the same: those that are committed, and what follows from them.
fn machine() -> Scratch {
    let fixtures = programs::workspace().join("fixtures");
    let fixture = |path: &str| fs::read_to_string(fixtures.join(path)).unwrap();
    let machine = Scratch::new();
    machine.write_private("vendor.key", fixture("keys/vendor.pem"));
    machine.write_private("stranger.key", fixture("keys/stranger.pem"));
    machine.write("trust.jwks", fixture("trust/vendor.jwks"));
    machine.write("vendor.pem", fixture("trust/vendor.pem"));
    let license = fixture("files/valid-pro.lic");
    machine.write("acme.lic", &license);
    machine.write(
        "tampered.lic",
        changed_at(&license, license.find('.').unwrap() + 80),
    );
    machine.write("cut.lic", license.get(..400).unwrap());
    machine.write("noise.lic", [0x80, 0xff, 0x00, 0x1b]);
    letters(&machine);
    machine.write("large.lic", "A".repeat(257 * 1024));
    let foreign = [
        "issue",
        "--key",
        "stranger.key",
        "--tier",
        "ent",
        "--customer",
        "ACME Ltd",
        "--perpetual",
    ];
    let foreign = Run::keygen(&machine)
        .args(foreign)
        .args(["--out", "foreign.lic"]);
    let _ = foreign.run().expect_code(0);
    let key =
        words("enterprise-key --key vendor.key --company ACME --seats 100 --expires 20281231");
    let key = Run::keygen(&machine)
        .args(key)
        .args(["--out", "enterprise.key"]);
    let _ = key.run().expect_code(0);
    machine
}

/// What a machine sends, of the license in `acme.lic`: a request, a receipt, and a request to repair its clock.
fn letters(machine: &Scratch) {
    let told = Run::keygen(machine).args(["inspect", "--json", "acme.lic"]);
    let told = told.run().expect_code(0).json();
    let license = told.pointer("/tokens/0/claims/jti");
    let license = license.and_then(serde_json::Value::as_str);
    let license = license.and_then(LicenseId::parse).unwrap();
    let product = ProductCode::parse("CODITECT").unwrap();
    let here = Fingerprint::parse("fp1:id=60cc22a081bb116368e42320,mac=00112233445566778899aabb");
    let (here, nonce) = (here.unwrap(), Nonce::from_random([0x4c; 16]));
    let at = |text| Timestamp::parse(text).unwrap();
    let request = Letter::Activation(ActivationRequest {
        product,
        license: license.clone(),
        machine: here.clone(),
        nonce,
        commitment: Secret::from_random([7; 32]).commitment(),
        made_at: at("2027-01-15T09:00:00Z"),
    });
    let receipt = Letter::Deactivation(Receipt {
        product,
        license,
        machine: here.digest().unwrap(),
        nonce,
        secret: Secret::from_random([7; 32]),
        made_at: at("2027-02-15T09:00:00Z"),
    });
    let clock = Letter::Clock(ClockRequest {
        product,
        machine: here,
        nonce,
        mark: at("2031-01-01T00:00:00Z"),
        made_at: at("2027-01-15T09:00:00Z"),
    });
    machine.write("request.lic", request.to_armor());
    machine.write("edited.lic", request.to_armor().replace("60cc", "60cd"));
    machine.write("receipt.lic", receipt.to_armor());
    machine.write("clock.lic", clock.to_armor());
}
