//! Keys that are in no file: a real PKCS#11 module and a real HTTP service hold them, `keygen` signs with them, and what it
//! mints holds for `license`, PyJWT and OpenSSL.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod absent;
mod impostor;
mod kms;
mod kms_refusals;
mod moto;
mod pkcs11;
mod pkcs11_refusals;
mod token;

use std::ffi::OsString;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use license_tests::{Run, Scratch, tools};
use serde_json::Value;

/// An instant at which every license here holds.
const NOW: &str = "2025-06-01T12:00:00Z";
const ISSUED: &str = "2025-01-01T00:00:00Z";

/// A vendor's machine, and a key that is not on it.
struct Desk<'s> {
    scratch: &'s Scratch,
    /// What `--key` is to take.
    key: String,
    env: Vec<(&'static str, OsString)>,
}

impl<'s> Desk<'s> {
    /// A run of `keygen` with a command and the key.
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

/// Everything that a vendor does with a key, and what others find of it.
fn whole_story(desk: &Desk<'_>, algorithm: &str) {
    let kid = public_half(desk, algorithm);
    let told = desk.issue().args(["--out", "acme.lic", "--force"]).run();
    assert_eq!(told.expect_code(0).json()["kid"], kid);
    let check_in = desk
        .keygen("check-in")
        .args(["acme.lic", "--issued-at", NOW]);
    let said = check_in
        .args(["--out", "validation.lic", "--force", "--json"])
        .run();
    assert_eq!(said.expect_code(0).json()["kid"], kid);
    let both = ["acme.lic", "validation.lic"].map(|name| desk.scratch.read(name));
    desk.scratch.write("both.lic", both.concat());
    assert_eq!(decision(desk, "both.lic")["code"], "VALID");
    let token: String = desk.scratch.read("acme.lic");
    let token: String = token
        .lines()
        .filter(|line| !line.starts_with("-----"))
        .collect();
    pyjwt_verifies(desk, algorithm, &token);
    let (signed, signature) = token.rsplit_once('.').unwrap();
    openssl_verifies(desk, algorithm, signed, signature);

    let terms = ["--company", "ACME", "--seats", "100", "--perpetual"];
    let key = desk.keygen("enterprise-key").args(terms).run();
    let key = key.expect_code(0).stdout;
    let key = key.trim();
    assert_eq!(decision(desk, key)["code"], "VALID");
    let signature = key.splitn(6, '-').last().unwrap();
    let signed = key.strip_suffix(&format!("-{signature}")).unwrap();
    openssl_verifies(desk, algorithm, signed, signature);
}

/// Writes the public half as `vendor.pem` and `trust.jwks`, and returns its id.
fn public_half(desk: &Desk<'_>, algorithm: &str) -> Value {
    let public = desk.keygen("public").arg("--json").run().expect_code(0);
    let public = public.json();
    assert_eq!(public["alg"], algorithm);
    desk.scratch
        .write("vendor.pem", public["pem"].as_str().unwrap());
    desk.scratch.write("vendor.jwk", public["jwk"].to_string());
    let trust =
        Run::keygen(desk.scratch).args(["trust", "vendor.jwk", "--out", "trust.jwks", "--force"]);
    let _ = trust.run().expect_code(0);
    public["kid"].clone()
}

fn decision(desk: &Desk<'_>, license: &str) -> Value {
    let verify = ["verify", "--json", "--trust", "trust.jwks", "--at", NOW];
    let run = Run::license(desk.scratch).args(verify).arg(license);
    run.run().expect_code(0).json()
}

fn pyjwt_verifies(desk: &Desk<'_>, algorithm: &str, token: &str) {
    let Some(python) = tools::python() else {
        return;
    };
    desk.scratch.write("token", token);
    let verify = python.verify(desk.scratch).args(["token", "trust.jwks"]);
    let read = verify.args([algorithm, "CODITECT"]).run().expect_code(0);
    assert_eq!(read.json()["sub"], "ACME Ltd");
}

fn openssl_verifies(desk: &Desk<'_>, algorithm: &str, signed: &str, signature: &str) {
    let Some(openssl) = tools::openssl() else {
        return;
    };
    desk.scratch.write("signed", signed);
    desk.scratch
        .write("signature", BASE64URL.decode(signature).unwrap());
    let pss = [
        "rsa_padding_mode:pss",
        "rsa_pss_saltlen:32",
        "rsa_mgf1_md:sha256",
    ];
    let mut digest = openssl.run(desk.scratch);
    digest = digest.args(["dgst", "-sha256", "-verify", "vendor.pem"]);
    for option in pss.iter().filter(|_| algorithm == "PS256") {
        digest = digest.args(["-sigopt", option]);
    }
    let _ = digest
        .args(["-signature", "signature", "signed"])
        .run()
        .expect_code(0);
}
