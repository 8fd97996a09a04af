//! Tests of the shared test code: programs are built, runs are isolated from the user, and the
//! third-party verifiers agree with each other.
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
use license_tests::{Run, RunOutput, Scratch, programs, words};
use serde_json::{Value, json};

const KID: &str = "harness";
const AUDIENCE: &str = "CODITECT";
/// 2017, before any day on which this test runs.
const PAST: u64 = 1_500_000_000;
/// 2255, after any day on which this test runs.
const FUTURE: u64 = 9_000_000_000;

#[test]
fn both_programs_are_built() {
    assert!(programs::keygen().is_file());
    assert!(programs::license().is_file());
}

#[test]
fn a_run_has_a_minimal_environment() {
    let scratch = Scratch::new();
    let outcome = Run::new("env", &scratch).run().expect_code(0);
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
fn a_run_can_read_and_write_more_than_a_pipe_buffer() {
    let scratch = Scratch::new();
    let text = "0123456789abcde\n".repeat(1 << 16);
    let outcome = Run::new("cat", &scratch).stdin(text.as_str()).run();
    assert_eq!(outcome.expect_code(0).stdout, text);
}

#[test]
#[should_panic(
    expected = "expected exit code 0\n$ sh -c echo out; echo err >&2; exit 3\nended with 3"
)]
fn an_unexpected_exit_code_shows_the_output() {
    let script = "echo out; echo err >&2; exit 3";
    let scratch = Scratch::new();
    let run = Run::new("sh", &scratch).args(["-c", script]);
    run.run().expect_code(0);
}

#[test]
fn all_verifiers_accept_the_tokens_of_all_signers() {
    let Some(verifiers) = Verifiers::find() else {
        return;
    };
    for alg in ["RS256", "PS256"] {
        for signer in verifiers.jose {
            let token = verifiers.sign(signer, alg, &claims(FUTURE));
            let header = json!({"alg": alg, "kid": KID, "typ": "license+jwt"});
            assert_eq!(part(&token, 0), header);
            for verifier in verifiers.jose {
                let payload = verifiers
                    .verify(verifier, &token, alg, &[])
                    .expect_code(0)
                    .json();
                assert_eq!(payload, claims(FUTURE));
            }
        }
    }
}

#[test]
fn all_verifiers_refuse_a_token_for_another_audience() {
    let mut other = claims(FUTURE);
    other["aud"] = "ACME".into();
    expect_refusal_by_all("aud", |verifiers| {
        verifiers.sign(verifiers.jose[0], "RS256", &other)
    });
    expect_refusal_by_all("aud", |verifiers| {
        verifiers.sign(verifiers.jose[0], "RS256", &json!({"ver": 1}))
    });
}

#[test]
fn all_verifiers_refuse_a_changed_payload() {
    expect_refusal_by_all("signature", |verifiers| {
        let token = verifiers.sign(verifiers.jose[0], "RS256", &claims(FUTURE));
        let other = verifiers.sign(verifiers.jose[0], "RS256", &claims(FUTURE + 1));
        let parts: Vec<_> = token.split('.').collect();
        let payload = other.split('.').nth(1).unwrap();
        [parts[0], payload, parts[2]].join(".")
    });
}

#[test]
fn all_verifiers_refuse_the_wrong_algorithm_for_the_key() {
    expect_refusal_by_all("alg", |verifiers| {
        verifiers.sign(verifiers.jose[0], "PS256", &claims(FUTURE))
    });
}

#[test]
fn all_verifiers_refuse_an_untrusted_key() {
    let header = json!({"alg": "RS256", "kid": "stranger", "typ": "license+jwt"});
    expect_refusal_by_all("kid stranger", |verifiers| verifiers.sign_header(&header));
}

#[test]
fn all_verifiers_refuse_a_token_of_another_type() {
    for typ in ["JWT", "license-validation+jwt"] {
        let header = json!({"alg": "RS256", "kid": KID, "typ": typ});
        expect_refusal_by_all("typ", |verifiers| verifiers.sign_header(&header));
    }
}

#[test]
fn all_verifiers_accept_a_signature_of_openssl() {
    let Some(verifiers) = Verifiers::find() else {
        return;
    };
    let header = json!({"alg": "RS256", "kid": KID, "typ": "license+jwt"});
    let token = verifiers.sign_header(&header);
    for verifier in verifiers.jose {
        verifiers
            .verify(verifier, &token, "RS256", &[])
            .expect_code(0);
    }
}

#[test]
fn all_verifiers_refuse_an_expired_token_unless_expiry_is_ignored() {
    expect_refusal_by_all("exp", |verifiers| {
        verifiers.sign(verifiers.jose[0], "RS256", &claims(PAST + 60))
    });
    let Some(verifiers) = Verifiers::find() else {
        return;
    };
    let token = verifiers.sign(verifiers.jose[0], "RS256", &claims(PAST + 60));
    for verifier in verifiers.jose {
        let flags = ["--ignore-expiry"];
        verifiers
            .verify(verifier, &token, "RS256", &flags)
            .expect_code(0);
    }
}

/// Checks that both verifiers, with a key for RS256, exit with 1 and name the reason.
#[track_caller]
fn expect_refusal_by_all(reason: &str, token: impl Fn(&Verifiers) -> String) {
    let Some(verifiers) = Verifiers::find() else {
        return;
    };
    let token = token(&verifiers);
    for verifier in verifiers.jose {
        let outcome = verifiers
            .verify(verifier, &token, "RS256", &[])
            .expect_code(1);
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
        "iat": PAST, "nbf": PAST, "exp": exp, "quotas": {"agents": -1},
    })
}

fn part(token: &str, index: usize) -> Value {
    let segment = token.split('.').nth(index).unwrap();
    serde_json::from_slice(&BASE64URL.decode(segment).unwrap()).unwrap()
}

/// A key that OpenSSL generates, and the third-party programs that must agree on tokens of this
/// key.
struct Verifiers {
    scratch: Scratch,
    openssl: &'static Tool,
    jose: [&'static Library; 2],
}

impl Verifiers {
    /// Returns `None` if a tool is not installed.
    fn find() -> Option<Self> {
        let (openssl, python, node) = (tools::openssl(), tools::pyjwt(), tools::jose());
        let verifiers = Self {
            scratch: Scratch::new(),
            openssl: openssl?,
            jose: [python?, node?],
        };
        verifiers.openssl(&words(
            "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out key.pem",
        ));
        for alg in ["RS256", "PS256"] {
            verifiers
                .scratch
                .write(&format!("{alg}.jwks"), verifiers.jwks(alg).to_string());
        }
        Some(verifiers)
    }

    fn openssl(&self, args: &[&str]) -> RunOutput {
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

    /// Signs any header with OpenSSL and RS256.
    fn sign_header(&self, header: &Value) -> String {
        let encode = |part: &Value| BASE64URL.encode(part.to_string());
        let signed = format!("{}.{}", encode(header), encode(&claims(FUTURE)));
        self.scratch.write("signed", &signed);
        self.openssl(&words("dgst -sha256 -sign key.pem -out signature signed"));
        let signature = std::fs::read(self.scratch.file("signature")).unwrap();
        format!("{signed}.{}", BASE64URL.encode(signature))
    }

    /// Verifies with a trust set in which the key is for `alg`.
    fn verify(&self, verifier: &Library, token: &str, alg: &str, flags: &[&str]) -> RunOutput {
        self.scratch.write("token", token);
        let jwks = format!("{alg}.jwks");
        let run = verifier
            .verify(&self.scratch)
            .args(["token", &jwks, alg, AUDIENCE]);
        run.args(flags).run()
    }
}
