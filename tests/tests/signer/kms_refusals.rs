//! What is refused of AWS KMS, and how.

use std::net::TcpListener;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD as BASE64, URL_SAFE_NO_PAD as BASE64URL};
use license_tests::{Outcome, Scratch, Vendor};
use serde_json::json;

use crate::impostor::{Answer, Impostor, public_key, refusal};
use crate::moto::{Moto, SECRET, desk};

/// What `issue` says of a server, after having written nothing.
fn issued(server: &Impostor) -> Outcome {
    let scratch = Scratch::new();
    let desk = desk(&scratch, "alias/vendor", &server.address);
    let outcome = desk.issue().args(["--out", "acme.lic"]).run();
    assert!(!scratch.file("acme.lic").exists());
    assert!(!outcome.said().contains(SECRET), "{}", outcome.said());
    outcome
}

fn signature(bytes: &[u8]) -> Answer {
    (200, json!({"Signature": BASE64.encode(bytes)}).to_string())
}

#[test]
fn a_signature_by_another_key_is_not_handed_out() {
    let other = Vendor::with_key("2048", "RS256").enterprise_key();
    let other = other.splitn(6, '-').last().unwrap();
    let other = BASE64URL.decode(other).unwrap();
    assert_eq!(other.len(), 256);
    for bytes in [other, vec![0; 256], vec![1; 255], Vec::new()] {
        let server = Impostor::of_key(Vendor::shared(), move |_| signature(&bytes));
        assert_eq!(issued(&server).expect_json_failure(4), "SIGN");
        let scratch = Scratch::new();
        let key = desk(&scratch, "alias/vendor", &server.address).keygen("enterprise-key");
        let terms = ["--company", "ACME", "--seats", "1", "--perpetual"];
        let complaint = key.args(terms).run().expect_failure(4);
        assert!(
            complaint.message.contains("does not verify"),
            "{complaint:?}"
        );
    }
}

#[test]
fn a_dry_run_asks_no_service_and_still_refuses_a_name_that_is_none() {
    let server = Impostor::of_key(Vendor::shared(), |_| signature(&[]));
    let scratch = Scratch::new();
    let dry_run = |name: &str| {
        let desk = desk(&scratch, name, &server.address);
        desk.issue().arg("--dry-run").run()
    };
    let told = dry_run("alias/vendor").expect_code(0).json();
    assert_eq!(told["dry_run"], true);
    assert!(server.requests().is_empty());
    assert_eq!(dry_run("no such name").code, Some(2));
}

#[test]
fn the_answers_of_something_else_are_refused() {
    for (status, body) in [
        (200, "<html>welcome</html>"),
        (200, "[]"),
        (200, "{}"),
        (200, r#"{"KeyUsage":"SIGN_VERIFY"}"#),
        (0, "SSH-2.0-OpenSSH_9.9\r\n"),
        (0, ""),
        (302, "elsewhere"),
        (404, "nothing here"),
    ] {
        let server = Impostor::new(move |_, _| (status, body.to_owned()));
        let exit = issued(&server).code;
        assert!(matches!(exit, Some(3 | 4)), "{status} {body}: {exit:?}");
    }
    let endless = Impostor::new(|_, _| (200, " ".repeat(1 << 20)));
    assert_eq!(issued(&endless).expect_json_failure(4), "NETWORK");
}

#[test]
fn a_public_key_that_is_none_is_refused() {
    for public in ["", "!", "AAAA"] {
        let mut answer = public_key(Vendor::shared());
        answer["PublicKey"] = public.into();
        let server = Impostor::new(move |_, _| (200, answer.to_string()));
        assert_eq!(issued(&server).expect_json_failure(4), "KMS", "{public}");
    }
    let garbled = Impostor::of_key(Vendor::shared(), |_| (200, "{}".to_owned()));
    assert_eq!(issued(&garbled).expect_json_failure(4), "KMS");
}

#[test]
fn a_refusal_is_told_with_what_to_do_whether_it_comes_early_or_late() {
    for (kind, code, advice) in [
        ("DisabledException", "KEY_DISABLED", "enable-key"),
        ("AccessDeniedException", "ACCESS_DENIED", "kms:Sign"),
        ("ExpiredTokenException", "CREDENTIALS", "fresh credentials"),
    ] {
        let early = Impostor::new(move |_, _| refusal(kind));
        assert_eq!(issued(&early).expect_json_failure(4), code);
        let late = Impostor::of_key(Vendor::shared(), move |_| refusal(kind));
        assert_eq!(issued(&late).expect_json_failure(4), code);
        let scratch = Scratch::new();
        let key = desk(&scratch, "x", &late.address).keygen("enterprise-key");
        let terms = ["--company", "ACME", "--seats", "1", "--perpetual"];
        let complaint = key.args(terms).run().expect_failure(4);
        assert!(complaint.message.contains(kind), "{complaint:?}");
        assert!(complaint.hint.contains(advice), "{complaint:?}");
    }
}

#[test]
fn a_service_that_repeats_what_it_was_sent_is_not_quoted() {
    let server = Impostor::new(|_, _| {
        let said = json!({"__type": "Odd", "message": format!("you sent {SECRET}")});
        (400, said.to_string())
    });
    assert_eq!(issued(&server).expect_json_failure(4), "KMS");
}

#[test]
fn a_key_that_is_not_there_is_told() {
    let Some(moto) = Moto::get() else { return };
    for name in ["alias/nobody", "1234abcd-12ab-34cd-56ef-1234567890ab"] {
        let scratch = Scratch::new();
        let missing = moto.desk(&scratch, name).issue().run();
        assert_eq!(missing.expect_json_failure(4), "NO_KEY");
    }
}

#[test]
fn a_key_of_another_kind_or_for_another_use_is_refused() {
    let Some(moto) = Moto::get() else { return };
    for (spec, usage) in [
        ("ECC_NIST_P256", "SIGN_VERIFY"),
        ("RSA_2048", "ENCRYPT_DECRYPT"),
    ] {
        let key = moto.key(spec, usage);
        let scratch = Scratch::new();
        let desk = moto.desk(&scratch, key["KeyId"].as_str().unwrap());
        assert_eq!(
            desk.issue().run().expect_json_failure(3),
            "UNSUPPORTED",
            "{spec}"
        );
        let complaint = desk.keygen("public").run().expect_failure(3);
        assert!(complaint.hint.contains("RSA_4096"), "{complaint:?}");
    }
}

#[test]
fn without_credentials_or_region_nobody_is_asked() {
    let server = Impostor::new(|_, _| (500, String::new()));
    for (variable, word) in [
        ("AWS_ACCESS_KEY_ID", "AWS_ACCESS_KEY_ID"),
        ("AWS_SECRET_ACCESS_KEY", "AWS_SECRET_ACCESS_KEY"),
        ("AWS_REGION", "region"),
    ] {
        let scratch = Scratch::new();
        let desk = desk(&scratch, "alias/vendor", &server.address);
        let public = desk.keygen("public").without_env(variable).run();
        let complaint = public.expect_failure(2);
        assert!(complaint.message.contains(word), "{complaint:?}");
    }
    assert!(server.requests().is_empty());
}

#[test]
fn an_endpoint_that_nobody_listens_at_is_told() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap().to_string();
    drop(free);
    let scratch = Scratch::new();
    let desk = desk(&scratch, "alias/vendor", &address);
    assert_eq!(desk.issue().run().expect_json_failure(4), "NETWORK");
    let complaint = desk.keygen("public").run().expect_failure(4);
    assert!(complaint.message.contains(&address), "{complaint:?}");
}

#[test]
fn plain_http_goes_to_this_machine_alone() {
    let scratch = Scratch::new();
    let mut desk = desk(&scratch, "alias/vendor", "kms.example");
    let complaint = desk.keygen("public").run().expect_failure(2);
    assert!(complaint.message.contains("http"), "{complaint:?}");
    desk.key = "awskms:alias/vendor?endpoint=http://10.0.0.1".to_owned();
    desk.keygen("public").run().expect_failure(2);
}

#[test]
fn a_passphrase_is_no_use() {
    let server = Impostor::new(|_, _| (500, String::new()));
    let scratch = Scratch::new();
    scratch.write_private("pin", "1234");
    let desk = desk(&scratch, "alias/vendor", &server.address);
    let public = desk.keygen("public").args(["--passphrase-file", "pin"]);
    public.run().expect_failure(2);
    assert!(server.requests().is_empty());
}
