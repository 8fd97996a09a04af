//! A vendor: a signing key that `keygen` made, and what is minted with it.

use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use serde_json::Value;

use crate::{Run, Scratch, words};

/// 2020-01-01, when everything is issued unless a test says otherwise: before any day on which a test runs, since other
/// people's verifiers ask the clock.
pub const ISSUED: &str = "2020-01-01T00:00:00Z";

/// A signing key as text, to be put on the machines that should have it, and on no other.
#[derive(Debug)]
pub struct Vendor {
    /// The size of the key.
    pub bits: u64,
    /// The one algorithm of the key.
    pub algorithm: String,
    /// The key's id.
    pub kid: String,
    /// The private key: PKCS#8 in PEM, not encrypted.
    pub key: String,
    /// The public key in PEM.
    pub public: String,
    /// The public key as a JWK.
    pub jwk: Value,
    /// The trust set of this key alone.
    pub trust: String,
}

impl Vendor {
    /// The vendor of most tests, with a key of 2048 bits for RS256 that is made once a process.
    pub fn shared() -> &'static Self {
        static VENDOR: OnceLock<Vendor> = OnceLock::new();
        VENDOR.get_or_init(|| Self::with_key("2048", "RS256"))
    }

    /// A vendor with a new key.
    ///
    /// # Panics
    ///
    /// When `keygen` refuses to make it.
    #[track_caller]
    pub fn with_key(bits: &str, algorithm: &str) -> Self {
        let desk = Scratch::new();
        let options = ["--out", "vendor.key", "--no-passphrase", "--json"];
        let new_key = Run::keygen(&desk).arg("new-key").args(options);
        let made = new_key.args(["--bits", bits, "--alg", algorithm]);
        let made = made.run().expect_code(0).json();
        assert_eq!(made["alg"], algorithm);
        Self::of_key(desk.read("vendor.key"), &[])
    }

    /// A vendor with a key of anybody's making; `options` go to every `keygen` that reads it.
    ///
    /// # Panics
    ///
    /// When `keygen` does not take it.
    #[track_caller]
    pub fn of_key(key: String, options: &[&str]) -> Self {
        let desk = Scratch::new();
        desk.write_private("vendor.key", &key);
        let public = Run::keygen(&desk).args(["public", "--json", "--key", "vendor.key"]);
        let public = public.args(options).run().expect_code(0).json();
        let jwk = public["jwk"].clone();
        desk.write("vendor.jwk", jwk.to_string());
        let trust = Run::keygen(&desk).args(["trust", "vendor.jwk"]);
        let text = |member: &str| public[member].as_str().map(str::to_owned);
        Self {
            bits: public["bits"].as_u64().expect("a number"),
            algorithm: text("alg").expect("a text"),
            kid: text("kid").expect("a text"),
            public: text("pem").expect("a text"),
            trust: trust.run().expect_code(0).stdout,
            key,
            jwk,
        }
    }

    /// Mints a license, issued at [`ISSUED`] for `ACME Ltd` unless `terms` say otherwise.
    ///
    /// # Panics
    ///
    /// When `keygen` refuses to.
    #[track_caller]
    pub fn issue(&self, terms: &[&str]) -> Minted {
        let desk = self.desk();
        let mut issue = Run::keygen(&desk)
            .arg("issue")
            .args(["--json", "--key", "vendor.key"]);
        for [option, value] in [["--customer", "ACME Ltd"], ["--issued-at", ISSUED]] {
            if !terms.contains(&option) {
                issue = issue.args([option, value]);
            }
        }
        let issue = issue.args(terms).args(["--out", "minted.lic"]);
        let told = issue.run().expect_code(0).json();
        Minted {
            file: desk.read("minted.lic"),
            told,
        }
    }

    /// Mints a validation token of a license, in armor, as the vendor's server would answer a check-in; `options` are those of
    /// `keygen check-in`.
    ///
    /// # Panics
    ///
    /// When `keygen` refuses to.
    #[track_caller]
    pub fn check_in(&self, license: &Minted, options: &[&str]) -> String {
        let desk = self.desk();
        desk.write("acme.lic", &license.file);
        let usual = ["--key", "vendor.key", "acme.lic", "--out", "validation.lic"];
        let check_in = Run::keygen(&desk).arg("check-in").args(usual);
        let _ = check_in.args(options).run().expect_code(0);
        desk.read("validation.lic")
    }

    /// Mints an enterprise key for 100 seats of `ACME` that ends with 2030.
    ///
    /// # Panics
    ///
    /// When `keygen` refuses to.
    #[track_caller]
    pub fn enterprise_key(&self) -> String {
        let desk = self.desk();
        let terms = words("--company ACME --seats 100 --expires 20301231");
        let key = Run::keygen(&desk).args(["enterprise-key", "--key", "vendor.key"]);
        let key = key.args(terms).run().expect_code(0).stdout;
        key.trim_end().to_owned()
    }

    /// A machine that has the signing key, as `vendor.key`.
    #[track_caller]
    pub fn desk(&self) -> Scratch {
        let desk = Scratch::new();
        desk.write_private("vendor.key", &self.key);
        desk
    }

    /// A machine that has the public keys, as `trust.jwks`.
    #[track_caller]
    pub fn site(&self) -> Scratch {
        let site = Scratch::new();
        site.write("trust.jwks", &self.trust);
        site
    }
}

/// A license file, and what `keygen issue` told about it.
#[derive(Debug, Clone)]
pub struct Minted {
    /// The file.
    pub file: String,
    /// The object that `--json` prints.
    pub told: Value,
}

impl Minted {
    /// The token in the file.
    pub fn token(&self) -> String {
        let lines = self.file.lines();
        lines.filter(|line| !line.starts_with("-----")).collect()
    }

    /// The claims, decoded here.
    ///
    /// # Panics
    ///
    /// When the token is none.
    #[track_caller]
    pub fn claims(&self) -> Value {
        payload(&self.token())
    }

    /// The standard key that names the license.
    ///
    /// # Panics
    ///
    /// When it has none.
    #[track_caller]
    pub fn key(&self) -> &str {
        self.told["key"].as_str().expect("a license has a key")
    }
}

/// The payload of a token, decoded and not verified.
///
/// # Panics
///
/// When the token is none.
#[track_caller]
pub fn payload(token: &str) -> Value {
    let segment = token.split('.').nth(1).expect("a token has a payload");
    let bytes = BASE64URL.decode(segment).expect("a payload is base64url");
    serde_json::from_slice(&bytes).expect("a payload is JSON")
}

/// The text with the character at `index` changed into another of the same alphabet.
///
/// # Panics
///
/// When there is none.
#[track_caller]
pub fn changed_at(text: &str, index: usize) -> String {
    let mut bytes = text.as_bytes().to_vec();
    let byte = bytes.get_mut(index).expect("there is a character");
    *byte = if *byte == b'A' { b'B' } else { b'A' };
    String::from_utf8(bytes).expect("the text is ASCII")
}
