//! The harness itself is sound: its programs are built, its runs are shut off from the user, and its witnesses agree with
//! each other on what is valid and on what is not.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use license_tests::tools::{self, Library, Tool};
use license_tests::{Outcome, Run, Scratch, programs, words};
use serde_json::{Value, json};

const KID: &str = "harness";
const AUDIENCE: &str = "CODITECT";
/// Years before and after any day on which this runs.
const LONG_AGO: u64 = 1_500_000_000;
const FAR_AWAY: u64 = 9_000_000_000;

#[test]
fn both_programs_are_built() {
    assert!(programs::keygen().is_file());
    assert!(programs::license().is_file());
}

#[test]
fn a_run_sees_nothing_of_the_user() {
    let scratch = Scratch::new();
    let outcome = Run::of("env", &scratch).run().expect_code(0);
    let mut names: Vec<_> = outcome
        .stdout
        .lines()
        .map(|line| line.split_once('=').unwrap().0)
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["CODITECT_HOME", "HOME", "PATH"]);
    assert!(outcome.stdout.contains(scratch.home().to_str().unwrap()));
}

#[test]
fn a_run_reads_more_than_a_pipe_holds_while_it_writes() {
    let scratch = Scratch::new();
    let text = "0123456789abcde\n".repeat(1 << 16);
    let outcome = Run::of("cat", &scratch).stdin(text.as_str()).run();
    assert_eq!(outcome.expect_code(0).stdout, text);
}

#[test]
#[should_panic(
    expected = "expected exit code 0\n$ sh -c echo out; echo err >&2; exit 3\nended with 3"
)]
fn an_unexpected_end_shows_everything() {
    let script = "echo out; echo err >&2; exit 3";
    let scratch = Scratch::new();
    let run = Run::of("sh", &scratch).args(["-c", script]);
    run.run().expect_code(0);
}

#[test]
fn every_witness_accepts_what_every_witness_signed() {
    let Some(stage) = Stage::set() else { return };
    for alg in ["RS256", "PS256"] {
        for signer in stage.jose {
            let token = stage.sign(signer, alg, &claims(FAR_AWAY));
            let header = json!({"alg": alg, "kid": KID, "typ": "license+jwt"});
            assert_eq!(part(&token, 0), header);
            for verifier in stage.jose {
                let payload = stage
                    .verify(verifier, &token, alg, &[])
                    .expect_code(0)
                    .json();
                assert_eq!(payload, claims(FAR_AWAY));
            }
        }
    }
}

#[test]
fn every_witness_refuses_a_token_for_another_audience() {
    let mut other = claims(FAR_AWAY);
    other["aud"] = "ACME".into();
    refused_by_all("aud", |stage| stage.sign(stage.jose[0], "RS256", &other));
    refused_by_all("aud", |stage| {
        stage.sign(stage.jose[0], "RS256", &json!({"ver": 1}))
    });
}

#[test]
fn every_witness_refuses_a_changed_payload() {
    refused_by_all("signature", |stage| {
        let token = stage.sign(stage.jose[0], "RS256", &claims(FAR_AWAY));
        let other = stage.sign(stage.jose[0], "RS256", &claims(FAR_AWAY + 1));
        let parts: Vec<_> = token.split('.').collect();
        let payload = other.split('.').nth(1).unwrap();
        [parts[0], payload, parts[2]].join(".")
    });
}

#[test]
fn every_witness_refuses_an_algorithm_that_is_not_the_keys() {
    refused_by_all("alg", |stage| {
        stage.sign(stage.jose[0], "PS256", &claims(FAR_AWAY))
    });
}

#[test]
fn every_witness_refuses_a_key_that_is_not_trusted() {
    let header = json!({"alg": "RS256", "kid": "stranger", "typ": "license+jwt"});
    refused_by_all("kid stranger", |stage| stage.sign_by_hand(&header));
}

#[test]
fn every_witness_refuses_a_token_of_another_type() {
    for typ in ["JWT", "license-validation+jwt"] {
        let header = json!({"alg": "RS256", "kid": KID, "typ": typ});
        refused_by_all("typ", |stage| stage.sign_by_hand(&header));
    }
}

#[test]
fn every_witness_accepts_what_openssl_signed() {
    let Some(stage) = Stage::set() else { return };
    let header = json!({"alg": "RS256", "kid": KID, "typ": "license+jwt"});
    let token = stage.sign_by_hand(&header);
    for verifier in stage.jose {
        stage.verify(verifier, &token, "RS256", &[]).expect_code(0);
    }
}

#[test]
fn expiry_counts_unless_it_is_to_be_ignored() {
    refused_by_all("exp", |stage| {
        stage.sign(stage.jose[0], "RS256", &claims(LONG_AGO + 60))
    });
    let Some(stage) = Stage::set() else { return };
    let token = stage.sign(stage.jose[0], "RS256", &claims(LONG_AGO + 60));
    for verifier in stage.jose {
        let flags = ["--ignore-expiry"];
        stage
            .verify(verifier, &token, "RS256", &flags)
            .expect_code(0);
    }
}

/// Both verifiers, pinned to RS256, end with 1 and name the reason.
#[track_caller]
fn refused_by_all(reason: &str, token: impl Fn(&Stage) -> String) {
    let Some(stage) = Stage::set() else { return };
    let token = token(&stage);
    for verifier in stage.jose {
        let outcome = stage.verify(verifier, &token, "RS256", &[]).expect_code(1);
        assert!(
            outcome.stderr.to_lowercase().contains(reason),
            "{}",
            outcome.stderr
        );
        assert_eq!(outcome.stdout, "");
    }
}

fn claims(exp: u64) -> Value {
    json!({
        "ver": 1, "iss": "vendor", "aud": AUDIENCE, "sub": "Žofie", "jti": "01890a5d-ac96-774b-bcce-b302099a8057",
        "iat": LONG_AGO, "nbf": LONG_AGO, "exp": exp, "quotas": {"agents": -1},
    })
}

fn part(token: &str, index: usize) -> Value {
    let segment = token.split('.').nth(index).unwrap();
    serde_json::from_slice(&BASE64URL.decode(segment).unwrap()).unwrap()
}

/// A key of OpenSSL's, and everybody who is to agree on it.
struct Stage {
    scratch: Scratch,
    openssl: &'static Tool,
    jose: [&'static Library; 2],
}

impl Stage {
    /// `None` where a tool is missing, which has then been said.
    fn set() -> Option<Self> {
        let (openssl, python, node) = (tools::openssl(), tools::python(), tools::node());
        let stage = Self {
            scratch: Scratch::new(),
            openssl: openssl?,
            jose: [python?, node?],
        };
        stage.openssl(&words(
            "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out key.pem",
        ));
        for alg in ["RS256", "PS256"] {
            stage
                .scratch
                .write(&format!("{alg}.jwks"), stage.jwks(alg).to_string());
        }
        Some(stage)
    }

    fn openssl(&self, args: &[&str]) -> Outcome {
        self.openssl
            .run(&self.scratch)
            .args(args)
            .run()
            .expect_code(0)
    }

    fn jwks(&self, alg: &str) -> Value {
        let printed = self
            .openssl(&["rsa", "-in", "key.pem", "-noout", "-modulus"])
            .stdout;
        let hex = printed.trim().strip_prefix("Modulus=").unwrap();
        let modulus: Vec<u8> = (0..hex.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
            .collect();
        let n = BASE64URL.encode(modulus);
        json!({"keys": [{"kty": "RSA", "use": "sig", "kid": KID, "alg": alg, "n": n, "e": "AQAB"}]})
    }

    fn sign(&self, signer: &Library, alg: &str, claims: &Value) -> String {
        self.scratch.write("claims.json", claims.to_string());
        let run = signer
            .sign(&self.scratch)
            .args(["key.pem", alg, KID, "claims.json"]);
        run.run().expect_code(0).stdout.trim().to_owned()
    }

    /// With OpenSSL and RS256, under whatever header.
    fn sign_by_hand(&self, header: &Value) -> String {
        let encode = |part: &Value| BASE64URL.encode(part.to_string());
        let signed = format!("{}.{}", encode(header), encode(&claims(FAR_AWAY)));
        self.scratch.write("signed", &signed);
        self.openssl(&words("dgst -sha256 -sign key.pem -out signature signed"));
        let signature = std::fs::read(self.scratch.file("signature")).unwrap();
        format!("{signed}.{}", BASE64URL.encode(signature))
    }

    /// Trusts the key for `alg` alone.
    fn verify(&self, verifier: &Library, token: &str, alg: &str, flags: &[&str]) -> Outcome {
        self.scratch.write("token", token);
        let jwks = format!("{alg}.jwks");
        let run = verifier
            .verify(&self.scratch)
            .args(["token", &jwks, alg, AUDIENCE]);
        run.args(flags).run()
    }
}
