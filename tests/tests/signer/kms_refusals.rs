//! Failures of AWS KMS.

use std::net::TcpListener;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD as BASE64, URL_SAFE_NO_PAD as BASE64URL};
use license_tests::{RunOutput, Scratch, Vendor};
use serde_json::json;

use crate::fake_kms::{FakeKms, FakeResponse, public_key, refusal};
use crate::moto::{Moto, SECRET, vendor};

/// Runs `issue` with a server that makes the command fail, and returns the output. Checks that no
/// file is written and no secret is printed.
fn failed_issue(server: &FakeKms) -> RunOutput {
    let scratch = Scratch::new();
    let vendor = vendor(&scratch, "alias/vendor", &server.address);
    let outcome = vendor.issue().args(["--out", "acme.lic"]).run();
    assert!(!scratch.file("acme.lic").exists());
    assert!(
        !outcome.all_output().contains(SECRET),
        "{}",
        outcome.all_output()
    );
    outcome
}

fn signature(bytes: &[u8]) -> FakeResponse {
    (200, json!({"Signature": BASE64.encode(bytes)}).to_string())
}

#[test]
fn a_signature_by_another_key_is_refused() {
    let other = Vendor::with_new_key("2048", "RS256").enterprise_key();
    let other = other.splitn(6, '-').last().unwrap();
    let other = BASE64URL.decode(other).unwrap();
    assert_eq!(other.len(), 256);
    for bytes in [other, vec![0; 256], vec![1; 255], Vec::new()] {
        let server = FakeKms::with_key(Vendor::shared(), move |_| signature(&bytes));
        assert_eq!(failed_issue(&server).expect_json_failure(4), "SIGN");
        let scratch = Scratch::new();
        let key = vendor(&scratch, "alias/vendor", &server.address).keygen("enterprise-key");
        let terms = ["--company", "ACME", "--seats", "1", "--perpetual"];
        let failure = key.args(terms).run().expect_failure(4);
        assert!(failure.message.contains("does not verify"), "{failure:?}");
    }
}

#[test]
fn a_dry_run_sends_no_request_and_refuses_an_invalid_name() {
    let server = FakeKms::with_key(Vendor::shared(), |_| signature(&[]));
    let scratch = Scratch::new();
    let dry_run = |name: &str| {
        let vendor = vendor(&scratch, name, &server.address);
        vendor.issue().arg("--dry-run").run()
    };
    let report = dry_run("alias/vendor").expect_code(0).json();
    assert_eq!(report["dry_run"], true);
    assert!(server.requests().is_empty());
    assert_eq!(dry_run("no such name").code, Some(2));
}

#[test]
fn responses_of_another_service_are_refused() {
    for (status, body) in [
        (200, "<html>welcome</html>"),
        (200, "[]"),
        (200, "{}"),
        (200, r#"{"KeyUsage":"SIGN_VERIFY"}"#),
        (0, "SSH-2.0-OpenSSH_9.9\r\n"),
        (0, ""),
        (302, "elsewhere"),
        (404, "not found"),
    ] {
        let server = FakeKms::new(move |_, _| (status, body.to_owned()));
        let exit = failed_issue(&server).code;
        assert!(matches!(exit, Some(3 | 4)), "{status} {body}: {exit:?}");
    }
    let endless = FakeKms::new(|_, _| (200, " ".repeat(1 << 20)));
    assert_eq!(failed_issue(&endless).expect_json_failure(4), "NETWORK");
}

#[test]
fn an_invalid_public_key_is_refused() {
    for public in ["", "!", "AAAA"] {
        let mut response = public_key(Vendor::shared());
        response["PublicKey"] = public.into();
        let server = FakeKms::new(move |_, _| (200, response.to_string()));
        assert_eq!(
            failed_issue(&server).expect_json_failure(4),
            "KMS",
            "{public}"
        );
    }
    let garbled = FakeKms::with_key(Vendor::shared(), |_| (200, "{}".to_owned()));
    assert_eq!(failed_issue(&garbled).expect_json_failure(4), "KMS");
}

#[test]
fn a_refusal_of_either_request_is_reported_with_its_code_and_a_hint() {
    for (kind, code, advice) in [
        ("DisabledException", "KEY_DISABLED", "enable-key"),
        ("AccessDeniedException", "ACCESS_DENIED", "kms:Sign"),
        ("ExpiredTokenException", "CREDENTIALS", "fresh credentials"),
    ] {
        let early = FakeKms::new(move |_, _| refusal(kind));
        assert_eq!(failed_issue(&early).expect_json_failure(4), code);
        let late = FakeKms::with_key(Vendor::shared(), move |_| refusal(kind));
        assert_eq!(failed_issue(&late).expect_json_failure(4), code);
        let scratch = Scratch::new();
        let key = vendor(&scratch, "x", &late.address).keygen("enterprise-key");
        let terms = ["--company", "ACME", "--seats", "1", "--perpetual"];
        let failure = key.args(terms).run().expect_failure(4);
        assert!(failure.message.contains(kind), "{failure:?}");
        assert!(failure.hint.contains(advice), "{failure:?}");
    }
}

#[test]
fn a_response_that_repeats_a_secret_is_not_shown() {
    let server = FakeKms::new(|_, _| {
        let message = json!({"__type": "Odd", "message": format!("you sent {SECRET}")});
        (400, message.to_string())
    });
    assert_eq!(failed_issue(&server).expect_json_failure(4), "KMS");
}

#[test]
fn a_missing_key_is_reported() {
    let Some(moto) = Moto::get() else { return };
    for name in ["alias/missing", "1234abcd-12ab-34cd-56ef-1234567890ab"] {
        let scratch = Scratch::new();
        let missing = moto.vendor(&scratch, name).issue().run();
        assert_eq!(missing.expect_json_failure(4), "NO_KEY");
    }
}

#[test]
fn a_key_that_is_not_an_rsa_key_for_signatures_is_refused() {
    let Some(moto) = Moto::get() else { return };
    for (spec, usage) in [
        ("ECC_NIST_P256", "SIGN_VERIFY"),
        ("RSA_2048", "ENCRYPT_DECRYPT"),
    ] {
        let key = moto.key(spec, usage);
        let scratch = Scratch::new();
        let vendor = moto.vendor(&scratch, key["KeyId"].as_str().unwrap());
        assert_eq!(
            vendor.issue().run().expect_json_failure(3),
            "UNSUPPORTED",
            "{spec}"
        );
        let failure = vendor.keygen("public").run().expect_failure(3);
        assert!(failure.hint.contains("RSA_4096"), "{failure:?}");
    }
}

#[test]
fn no_request_is_sent_without_credentials_or_region() {
    let server = FakeKms::new(|_, _| (500, String::new()));
    for (variable, word) in [
        ("AWS_ACCESS_KEY_ID", "AWS_ACCESS_KEY_ID"),
        ("AWS_SECRET_ACCESS_KEY", "AWS_SECRET_ACCESS_KEY"),
        ("AWS_REGION", "region"),
    ] {
        let scratch = Scratch::new();
        let vendor = vendor(&scratch, "alias/vendor", &server.address);
        let public = vendor.keygen("public").without_env(variable).run();
        let failure = public.expect_failure(2);
        assert!(failure.message.contains(word), "{failure:?}");
    }
    assert!(server.requests().is_empty());
}

#[test]
fn an_unreachable_endpoint_is_reported() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap().to_string();
    drop(free);
    let scratch = Scratch::new();
    let vendor = vendor(&scratch, "alias/vendor", &address);
    assert_eq!(vendor.issue().run().expect_json_failure(4), "NETWORK");
    let failure = vendor.keygen("public").run().expect_failure(4);
    assert!(failure.message.contains(&address), "{failure:?}");
}

#[test]
fn plain_http_is_allowed_only_for_this_machine() {
    let scratch = Scratch::new();
    let mut vendor = vendor(&scratch, "alias/vendor", "kms.example");
    let failure = vendor.keygen("public").run().expect_failure(2);
    assert!(failure.message.contains("http"), "{failure:?}");
    vendor.key = "awskms:alias/vendor?endpoint=http://10.0.0.1".to_owned();
    vendor.keygen("public").run().expect_failure(2);
}

#[test]
fn a_passphrase_option_is_refused() {
    let server = FakeKms::new(|_, _| (500, String::new()));
    let scratch = Scratch::new();
    scratch.write_private("pin", "1234");
    let vendor = vendor(&scratch, "alias/vendor", &server.address);
    let public = vendor.keygen("public").args(["--passphrase-file", "pin"]);
    public.run().expect_failure(2);
    assert!(server.requests().is_empty());
}
