//! Keys in AWS KMS.
//!
//! The emulator moto creates the same signatures as AWS only for RS256, and hashes a message that
//! is already a digest. For PS256 and for long messages, the tests therefore check the requests of
//! `keygen` instead of the signatures.

use std::sync::Arc;

use license_tests::{Scratch, Vendor};
use serde_json::json;

use crate::fake_kms::{FakeKms, public_key, refusal};
use crate::issue_and_verify;
use crate::moto::{Moto, REGION, SECRET, vendor};

#[test]
fn a_key_in_kms_signs_all_kinds_of_artifacts() {
    let Some(moto) = Moto::get() else { return };
    for spec in ["RSA_2048", "RSA_4096"] {
        let key = moto.key(spec, "SIGN_VERIFY");
        let scratch = Scratch::new();
        issue_and_verify(
            &moto.vendor(&scratch, key["KeyId"].as_str().unwrap()),
            "RS256",
        );
    }
}

#[test]
fn a_key_is_named_by_id_alias_or_arn() {
    let Some(moto) = Moto::get() else { return };
    let key = moto.key("RSA_2048", "SIGN_VERIFY");
    let (id, arn) = (key["KeyId"].as_str().unwrap(), key["Arn"].as_str().unwrap());
    let alias = format!("alias/vendor-{id}");
    moto.call(
        "CreateAlias",
        &json!({"AliasName": alias, "TargetKeyId": id}),
    );
    let kid = |name: &str, region: &str| {
        let scratch = Scratch::new();
        let mut vendor = moto.vendor(&scratch, name);
        vendor.env.push(("AWS_REGION", region.into()));
        let report = vendor.keygen("public").arg("--json").run();
        report.expect_code(0).json()["kid"].clone()
    };
    let expected = kid(id, REGION);
    for (name, region) in [
        (alias.clone(), REGION),
        (format!("///{alias}"), REGION),
        (format!("{id}?region={REGION}"), "us-west-1"),
        (arn.to_owned(), "us-west-1"),
        (arn.to_owned(), ""),
    ] {
        assert_eq!(kid(&name, region), expected, "{name}");
    }
}

#[test]
fn the_name_of_a_key_may_contain_the_endpoint() {
    let Some(moto) = Moto::get() else { return };
    let key = moto.key("RSA_2048", "SIGN_VERIFY");
    let scratch = Scratch::new();
    let mut vendor = moto.vendor(&scratch, key["KeyId"].as_str().unwrap());
    let endpoint = vendor.env.pop().unwrap().1.into_string().unwrap();
    vendor.key = format!("{}?endpoint={endpoint}", vendor.key);
    let _ = vendor.keygen("public").run().expect_code(0);
}

#[test]
fn a_request_is_signed_and_contains_no_secret() {
    let server = FakeKms::with_key(Vendor::shared(), |_| refusal("DisabledException"));
    let scratch = Scratch::new();
    let mut vendor = vendor(&scratch, "alias/vendor", &server.address);
    vendor
        .env
        .push(("AWS_SESSION_TOKEN", "session-token".into()));
    vendor.issue().run().expect_json_failure(4);
    let requests = server.requests();
    let actions: Vec<_> = requests.iter().map(|request| request.action()).collect();
    assert_eq!(actions, ["GetPublicKey", "Sign"]);
    for request in &requests {
        assert_eq!(
            request.headers("host"),
            [server.address.as_str()],
            "{}",
            request.head
        );
        let authorization = request.header("authorization").unwrap();
        let names = "content-type;host;x-amz-date;x-amz-security-token;x-amz-target";
        assert!(authorization.contains(&format!("SignedHeaders={names}, ")));
        assert!(authorization.contains(&format!("/{REGION}/kms/aws4_request, ")));
        assert_eq!(
            request.header("x-amz-security-token"),
            Some("session-token")
        );
        assert!(!format!("{request:?}").contains(SECRET));
        assert_eq!(request.body["KeyId"], "alias/vendor");
    }
    assert_eq!(requests[1].body["MessageType"], "RAW");
    assert_eq!(
        requests[1].body["SigningAlgorithm"],
        "RSASSA_PKCS1_V1_5_SHA_256"
    );
}

#[test]
fn requests_for_ps256_and_long_messages_follow_the_api() {
    let server = FakeKms::with_key(Vendor::shared(), |_| refusal("DisabledException"));
    let scratch = Scratch::new();
    let vendor = vendor(&scratch, "alias/vendor", &server.address);
    let issue = vendor
        .issue()
        .args(["--alg", "PS256", "--user", &"u".repeat(4000)]);
    issue.run().expect_json_failure(4);
    let request = server.requests().pop().unwrap();
    assert_eq!(request.body["SigningAlgorithm"], "RSASSA_PSS_SHA_256");
    assert_eq!(request.body["MessageType"], "DIGEST");
    let digest = request.body["Message"].as_str().unwrap();
    assert_eq!(digest.len(), 44, "base64 of 32 bytes");
}

#[test]
fn a_temporary_failure_is_retried_once() {
    let public = Arc::new(public_key(Vendor::shared()).to_string());
    for (status, body) in [(503, "busy"), (400, r#"{"__type":"ThrottlingException"}"#)] {
        let public = Arc::clone(&public);
        let server = FakeKms::new(move |_, count| match count {
            1 => (status, body.to_owned()),
            _ => (200, public.to_string()),
        });
        let scratch = Scratch::new();
        let vendor = vendor(&scratch, "x", &server.address);
        let _ = vendor.keygen("public").run().expect_code(0);
        assert_eq!(server.requests().len(), 2);
    }
    let broken = FakeKms::new(|_, _| (500, String::new()));
    let scratch = Scratch::new();
    let vendor = vendor(&scratch, "x", &broken.address);
    vendor.keygen("public").run().expect_failure(4);
    assert_eq!(broken.requests().len(), 2, "only one retry");
}
