//! The commands in `cli/*.md` print exactly the documented output. `TRYCMD=overwrite` updates the
//! files.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use std::fs;
use std::path::Path;

use license_core::ids::Nonce;
use license_core::machine::Fingerprint;
use license_core::requests::{
    ActivationRequest, ActivationSecret, ClockRequest, DeactivationReceipt, MachineRequest,
};
use license_core::{LicenseId, ProductCode, time};
use license_tests::vendor::changed_at;
use license_tests::{Run, Scratch, programs, words};

/// One test for all files, because each file needs its own working directory.
#[test]
fn commands_print_the_documented_output() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("cli");
    let mut files: Vec<_> = fs::read_dir(&directory)
        .unwrap()
        .map(|file| file.unwrap().path())
        .collect();
    files.sort();
    assert!(
        files.len() > 4,
        "expected more files in {}",
        directory.display()
    );
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
        // Empty variables count as not set, unlike those of the developer.
        let variables = std::env::vars().map(|(name, _)| name);
        let own = variables.filter(|name| name.starts_with("KEYGEN_"));
        for name in own.chain(["XDG_CONFIG_HOME".to_owned(), "XDG_DATA_HOME".to_owned()]) {
            cases.env(name, "");
        }
        cases.run();
        // Some systems cannot delete the working directory of a process.
        std::env::set_current_dir(env!("CARGO_MANIFEST_DIR")).unwrap();
    }
}

/// Writes a license as mail and editors change it, and files that people confuse with it.
fn write_pasted(machine: &Scratch, license: &str) {
    let quoted = license.trim_end().replace('\n', "\n> ");
    machine.write("mail.txt", format!("> {quoted}\n"));
    let invisible = license.replacen("\neyJ", "\neyJ\u{200b}", 1);
    machine.write("invisible.lic", invisible);
    machine.write("photo.lic", b"\x89PNG\r\n\x1a\n\0\0");
    let certificate = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
    machine.write("server.crt", certificate);
    machine.write("page.html", "<!DOCTYPE html><p>Sign in</p>\n");
    machine.write("orders.csv", b"PK\x03\x04\x14\0\x06\0");
}

/// Creates a machine with keys and licenses that are the same in every run.
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
    write_pasted(&machine, &license);
    write_requests(&machine);
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

/// Writes an activation request, a deactivation receipt and a clock request for the license in
/// `acme.lic`.
fn write_requests(machine: &Scratch) {
    let inspect = Run::keygen(machine).args(["inspect", "--json", "acme.lic"]);
    let report = inspect.run().expect_code(0).json();
    let license = report.pointer("/tokens/0/claims/jti");
    let license = license.and_then(serde_json::Value::as_str);
    let license = license.and_then(LicenseId::parse).unwrap();
    let product = ProductCode::parse("CODITECT").unwrap();
    let here = Fingerprint::parse("fp1:id=60cc22a081bb116368e42320,mac=00112233445566778899aabb");
    let (here, nonce) = (here.unwrap(), Nonce::from_random([0x4c; 16]));
    let at = |text| time::parse_instant(text).unwrap();
    let request = MachineRequest::Activation(ActivationRequest {
        product,
        license: license.clone(),
        machine: here.clone(),
        nonce,
        commitment: ActivationSecret::from_random([7; 32]).commitment(),
        made_at: at("2027-01-15T09:00:00Z"),
    });
    let receipt = MachineRequest::Deactivation(DeactivationReceipt {
        product,
        license,
        machine: here.digest().unwrap(),
        nonce,
        secret: ActivationSecret::from_random([7; 32]),
        made_at: at("2027-02-15T09:00:00Z"),
    });
    let clock = MachineRequest::Clock(ClockRequest {
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
