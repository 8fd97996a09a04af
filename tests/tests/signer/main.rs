//! Keys that are not in files, but in a real PKCS#11 token or behind a real HTTP service. `keygen`
//! signs with these keys, and `license`, OpenSSL and the verifier in Python verify the signatures.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod fake_kms;
mod gcp_kms;
mod gcp_kms_refusals;
mod google_kms;
mod kms;
mod kms_refusals;
mod kms_server;
mod moto;
mod pkcs11;
mod pkcs11_refusals;
mod python_server;
mod softhsm_guide;
mod token;
mod without_device;

use std::ffi::OsString;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use license_tests::{Run, Scratch, programs, tools};
use serde_json::Value;

/// An instant at which all licenses of these tests are valid.
const NOW: &str = "2025-06-01T12:00:00Z";
const ISSUED: &str = "2025-01-01T00:00:00Z";

/// A machine of a vendor, with a key that is not in a file.
struct VendorMachine<'s> {
    scratch: &'s Scratch,
    /// The value of `--key`.
    key: String,
    env: Vec<(&'static str, OsString)>,
}

impl<'s> VendorMachine<'s> {
    /// Prepares a `keygen` command that uses the key.
    fn keygen(&self, command: &str) -> Run<'s> {
        self.with_env(Run::keygen(self.scratch))
            .args([command, "--key", &self.key])
    }

    fn with_env(&self, run: Run<'s>) -> Run<'s> {
        let env = self.env.iter();
        env.fold(run, |run, (name, value)| run.env(name, value))
    }

    fn issue(&self) -> Run<'s> {
        let terms = ["--tier", "team", "--customer", "ACME Ltd", "--perpetual"];
        self.keygen("issue")
            .args(terms)
            .args(["--issued-at", ISSUED, "--json"])
    }
}

/// Issues all kinds of artifacts with a key, and verifies them with `license` and third-party
/// tools.
fn issue_and_verify(vendor: &VendorMachine<'_>, algorithm: &str) {
    let kid = write_public_key(vendor, algorithm);
    let report = vendor.issue().args(["--out", "acme.lic", "--force"]).run();
    assert_eq!(report.expect_code(0).json()["kid"], kid);
    let check_in = vendor
        .keygen("check-in")
        .args(["acme.lic", "--issued-at", NOW]);
    let check_in = check_in
        .args(["--out", "validation.lic", "--force", "--json"])
        .run();
    assert_eq!(check_in.expect_code(0).json()["kid"], kid);
    let both = ["acme.lic", "validation.lic"].map(|name| vendor.scratch.read(name));
    vendor.scratch.write("both.lic", both.concat());
    assert_eq!(decision(vendor, "both.lic")["code"], "VALID");
    python_verifies(vendor, "both.lic");
    let token: String = vendor.scratch.read("acme.lic");
    let token: String = token
        .lines()
        .filter(|line| !line.starts_with("-----"))
        .collect();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    openssl_verifies(vendor, algorithm, signed, signature);

    let terms = ["--company", "ACME", "--seats", "100", "--perpetual"];
    let key = vendor.keygen("enterprise-key").args(terms).run();
    let key = key.expect_code(0).stdout;
    let key = key.trim();
    assert_eq!(decision(vendor, key)["code"], "VALID");
    let signature = key.splitn(6, '-').last().unwrap();
    let signed = key.strip_suffix(&format!("-{signature}")).unwrap();
    openssl_verifies(vendor, algorithm, signed, signature);
}

/// Writes the public key to `vendor.pem` and `trust.jwks`. Returns the key id.
fn write_public_key(vendor: &VendorMachine<'_>, algorithm: &str) -> Value {
    let public = vendor.keygen("public").arg("--json").run().expect_code(0);
    let public = public.json();
    assert_eq!(public["alg"], algorithm);
    vendor
        .scratch
        .write("vendor.pem", public["pem"].as_str().unwrap());
    vendor
        .scratch
        .write("vendor.jwk", public["jwk"].to_string());
    let trust =
        Run::keygen(vendor.scratch).args(["trust", "vendor.jwk", "--out", "trust.jwks", "--force"]);
    let _ = trust.run().expect_code(0);
    public["kid"].clone()
}

fn decision(vendor: &VendorMachine<'_>, license: &str) -> Value {
    let verify = ["verify", "--json", "--trust", "trust.jwks", "--at", NOW];
    let run = Run::license(vendor.scratch).args(verify).arg(license);
    run.run().expect_code(0).json()
}

/// Verifies a license with its validation token, with the verifier in Python.
fn python_verifies(vendor: &VendorMachine<'_>, file: &str) {
    let Some(python) = tools::cryptography() else {
        return;
    };
    let script = programs::workspace().join("examples/verifiers/verify.py");
    let settings = ["--trust=trust.jwks", "--product=CODITECT"];
    let verify = python.run(vendor.scratch).arg(script).args(settings);
    let verify = verify.args([&format!("--at={NOW}"), file]);
    let read = verify.run().expect_code(0).json();
    assert_eq!(read["licenses"][0]["claims"]["sub"], "ACME Ltd");
}

fn openssl_verifies(vendor: &VendorMachine<'_>, algorithm: &str, signed: &str, signature: &str) {
    let Some(openssl) = tools::openssl() else {
        return;
    };
    vendor.scratch.write("signed", signed);
    vendor
        .scratch
        .write("signature", BASE64URL.decode(signature).unwrap());
    let pss = [
        "rsa_padding_mode:pss",
        "rsa_pss_saltlen:32",
        "rsa_mgf1_md:sha256",
    ];
    let mut digest = openssl.run(vendor.scratch);
    digest = digest.args(["dgst", "-sha256", "-verify", "vendor.pem"]);
    for option in pss.iter().filter(|_| algorithm == "PS256") {
        digest = digest.args(["-sigopt", option]);
    }
    let _ = digest
        .args(["-signature", "signature", "signed"])
        .run()
        .expect_code(0);
}
