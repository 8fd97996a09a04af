//! A vendor with a signing key, and the licenses that it issues.

use std::fs;
use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use serde_json::Value;

use crate::{Run, Scratch, programs, words};

/// The default issue date.
///
/// This date is before any day on which a test runs, because third-party verifiers read the system
/// clock.
pub const ISSUED: &str = "2020-01-01T00:00:00Z";

/// A vendor with a signing key.
///
/// The key is kept in memory. Only [`Vendor::workstation`] writes it to a machine.
#[derive(Debug)]
pub struct Vendor {
    /// The size of the key in bits.
    pub bits: u64,
    /// The algorithm of the key.
    pub algorithm: String,
    /// The id of the key.
    pub kid: String,
    /// The private key: PKCS#8 in PEM, not encrypted.
    pub key: String,
    /// The public key in PEM.
    pub public: String,
    /// The public key as a JWK.
    pub jwk: Value,
    /// A trust set with only this key.
    pub trust: String,
}

impl Vendor {
    /// Returns the vendor of most tests. Its key (2048 bits, RS256) is generated once per process.
    pub fn shared() -> &'static Self {
        static VENDOR: OnceLock<Vendor> = OnceLock::new();
        VENDOR.get_or_init(|| Self::with_new_key("2048", "RS256"))
    }

    /// Returns the vendor of the fixtures. Its public key is compiled into the example programs.
    ///
    /// # Panics
    ///
    /// Panics if the key cannot be read.
    #[track_caller]
    pub fn of_fixtures() -> &'static Self {
        static VENDOR: OnceLock<Vendor> = OnceLock::new();
        VENDOR.get_or_init(|| {
            let key = programs::workspace().join("fixtures/keys/vendor.pem");
            let key = fs::read_to_string(key).expect("the fixtures contain the key");
            Self::from_key(key, &[])
        })
    }

    /// Creates a vendor with a new key.
    ///
    /// # Panics
    ///
    /// Panics if `keygen` fails.
    #[track_caller]
    pub fn with_new_key(bits: &str, algorithm: &str) -> Self {
        let workstation = Scratch::new();
        let options = ["--out", "vendor.key", "--no-passphrase", "--json"];
        let new_key = Run::keygen(&workstation).arg("new-key").args(options);
        let new_key = new_key.args(["--bits", bits, "--alg", algorithm]);
        let report = new_key.run().expect_code(0).json();
        assert_eq!(report["alg"], algorithm);
        Self::from_key(workstation.read("vendor.key"), &[])
    }

    /// Creates a vendor with an existing key. `options` are added to `keygen public`.
    ///
    /// # Panics
    ///
    /// Panics if `keygen` refuses the key.
    #[track_caller]
    pub fn from_key(key: String, options: &[&str]) -> Self {
        let workstation = Scratch::new();
        workstation.write_private("vendor.key", &key);
        let public = Run::keygen(&workstation).args(["public", "--json", "--key", "vendor.key"]);
        let public = public.args(options).run().expect_code(0).json();
        let jwk = public["jwk"].clone();
        workstation.write("vendor.jwk", jwk.to_string());
        let trust = Run::keygen(&workstation).args(["trust", "vendor.jwk"]);
        let text = |member: &str| public[member].as_str().map(str::to_owned);
        Self {
            bits: public["bits"].as_u64().expect("a number"),
            algorithm: text("alg").expect("a string"),
            kid: text("kid").expect("a string"),
            public: text("pem").expect("a string"),
            trust: trust.run().expect_code(0).stdout,
            key,
            jwk,
        }
    }

    /// Issues a license. By default, the customer is `ACME Ltd` and the issue date is [`ISSUED`].
    ///
    /// `options` are those of `keygen issue`.
    ///
    /// # Panics
    ///
    /// Panics if `keygen` fails.
    #[track_caller]
    pub fn issue(&self, options: &[&str]) -> IssuedLicense {
        let workstation = self.workstation();
        let mut issue =
            Run::keygen(&workstation)
                .arg("issue")
                .args(["--json", "--key", "vendor.key"]);
        for [option, value] in [["--customer", "ACME Ltd"], ["--issued-at", ISSUED]] {
            if !options.contains(&option) {
                issue = issue.args([option, value]);
            }
        }
        let issue = issue.args(options).args(["--out", "issued.lic"]);
        let report = issue.run().expect_code(0).json();
        IssuedLicense {
            file: workstation.read("issued.lic"),
            report,
        }
    }

    /// Issues a validation token for a license, as an armor block. `options` are those of
    /// `keygen check-in`.
    ///
    /// # Panics
    ///
    /// Panics if `keygen` fails.
    #[track_caller]
    pub fn check_in(&self, license: &IssuedLicense, options: &[&str]) -> String {
        let workstation = self.workstation();
        workstation.write("acme.lic", &license.file);
        let defaults = ["--key", "vendor.key", "acme.lic", "--out", "validation.lic"];
        let check_in = Run::keygen(&workstation).arg("check-in").args(defaults);
        let _ = check_in.args(options).run().expect_code(0);
        workstation.read("validation.lic")
    }

    /// Issues an enterprise key for `ACME` with 100 seats. Its last day is 2030-12-31.
    ///
    /// # Panics
    ///
    /// Panics if `keygen` fails.
    #[track_caller]
    pub fn enterprise_key(&self) -> String {
        let workstation = self.workstation();
        let options = words("--company ACME --seats 100 --expires 20301231");
        let key = Run::keygen(&workstation).args(["enterprise-key", "--key", "vendor.key"]);
        let key = key.args(options).run().expect_code(0).stdout;
        key.trim_end().to_owned()
    }

    /// Creates a machine that has the signing key, as `vendor.key`.
    #[track_caller]
    pub fn workstation(&self) -> Scratch {
        let workstation = Scratch::new();
        workstation.write_private("vendor.key", &self.key);
        workstation
    }

    /// Creates a machine of a customer. It has the public keys, as `trust.jwks`.
    #[track_caller]
    pub fn customer_machine(&self) -> Scratch {
        let machine = Scratch::new();
        machine.write("trust.jwks", &self.trust);
        machine
    }
}

/// A license file with the report of `keygen issue`.
#[derive(Debug, Clone)]
pub struct IssuedLicense {
    /// The text of the file.
    pub file: String,
    /// The object that `keygen issue --json` printed.
    pub report: Value,
}

impl IssuedLicense {
    /// Returns the token in the file.
    pub fn token(&self) -> String {
        let lines = self.file.lines();
        lines.filter(|line| !line.starts_with("-----")).collect()
    }

    /// Returns the claims of the token, without verifying the token.
    ///
    /// # Panics
    ///
    /// Panics if the file does not contain a token.
    #[track_caller]
    pub fn claims(&self) -> Value {
        payload(&self.token())
    }

    /// Returns the standard license key.
    ///
    /// # Panics
    ///
    /// Panics if the report does not contain a key.
    #[track_caller]
    pub fn key(&self) -> &str {
        self.report["key"].as_str().expect("a license has a key")
    }
}

/// Decodes the payload of a token without verifying it.
///
/// # Panics
///
/// Panics if the text is not a token.
#[track_caller]
pub fn payload(token: &str) -> Value {
    let segment = token.split('.').nth(1).expect("a token has a payload");
    let bytes = BASE64URL.decode(segment).expect("a payload is base64url");
    serde_json::from_slice(&bytes).expect("a payload is JSON")
}

/// Returns a copy of the text with another base64url character at `index`.
///
/// # Panics
///
/// Panics if the text has no character at `index`, or if the result is not UTF-8.
#[track_caller]
pub fn changed_at(text: &str, index: usize) -> String {
    let mut bytes = text.as_bytes().to_vec();
    let byte = bytes
        .get_mut(index)
        .expect("the text has a character at the index");
    *byte = if *byte == b'A' { b'B' } else { b'A' };
    String::from_utf8(bytes).expect("the text is ASCII")
}
