//! Failures of Google Cloud KMS and of its credentials.

use std::ffi::OsString;

use license_tests::{RunOutput, Scratch};
use serde_json::{Value, json};

use crate::VendorMachine;
use crate::fake_kms::FakeKms;
use crate::google_kms::{CLIENT_SECRET, GoogleKms, RSA_2048, SECRET, resource};

/// Runs `issue`, which must fail. Checks that no file is written and no secret is printed.
fn failed_issue(vendor: &VendorMachine<'_>) -> RunOutput {
    let outcome = vendor.issue().args(["--out", "acme.lic"]).run();
    assert!(!vendor.scratch.file("acme.lic").exists());
    let output = outcome.all_output();
    assert!(!output.contains(SECRET), "{output}");
    assert!(!output.contains(CLIENT_SECRET), "{output}");
    outcome
}

/// Runs `issue` with a key in this key ring, which selects a fault of the service. Returns the
/// output and the number of requests.
fn failed_ring(server: &GoogleKms, project: &str, ring: &str, key: &str) -> (RunOutput, usize) {
    let scratch = Scratch::new();
    let output = failed_issue(&server.vendor(&scratch, project, ring, key));
    (output, server.requests(project).len())
}

#[test]
fn a_fault_of_the_service_is_reported_with_its_code_and_a_hint() {
    let Some(server) = GoogleKms::get() else {
        return;
    };
    // For each fault: its exit code, code, a word of its hint, and the number of requests, which
    // includes one retry.
    for (fault, exit, code, hint, requests) in [
        ("busy", 4, "KMS", "later", 2),
        ("broken", 4, "KMS", "later", 2),
        ("disabled", 4, "KEY_DISABLED", "versions enable", 1),
        ("forbidden", 4, "ACCESS_DENIED", "signerVerifier", 1),
        ("off", 4, "ACCESS_DENIED", "gcloud services enable", 1),
        ("missing", 4, "NO_KEY", "versions list", 1),
        ("wrong-purpose", 2, "USAGE", "asymmetric signing", 1),
        ("expired", 4, "CREDENTIALS", "fresh credentials", 1),
        ("echo", 4, "KMS", "endpoint", 1),
        ("truncated", 4, "NETWORK", "network", 1),
        ("oversized", 4, "NETWORK", "network", 1),
        ("redirect", 4, "KMS", "endpoint", 1),
        ("login", 4, "KMS", "endpoint", 1),
        ("array", 4, "KMS", "endpoint", 1),
        ("empty", 4, "KMS", "endpoint", 1),
        ("other-name", 4, "KMS", "endpoint", 1),
    ] {
        let early = format!("early-{fault}");
        let (output, count) = failed_ring(&server, &early, fault, RSA_2048);
        assert_eq!(output.expect_json_failure(exit), code, "{fault}");
        assert_eq!(count, requests, "{fault}");
        // A device that fails while it signs is a system error.
        let exit = 4;
        let late = format!("late-{fault}");
        let scratch = Scratch::new();
        let ring = format!("sign-{fault}");
        let vendor = server.vendor(&scratch, &late, &ring, RSA_2048);
        assert_eq!(
            failed_issue(&vendor).expect_json_failure(exit),
            code,
            "{fault}"
        );
        let public = 1;
        assert_eq!(server.requests(&late).len(), public + requests, "{fault}");
        let terms = ["--company", "ACME", "--seats", "1", "--perpetual"];
        let key = vendor.keygen("enterprise-key").args(terms).run();
        let failure = key.expect_failure(exit);
        assert!(failure.hint.contains(hint), "{fault}: {failure:?}");
    }
}

#[test]
fn a_damaged_response_is_requested_once_more() {
    let Some(server) = GoogleKms::get() else {
        return;
    };
    for (ring, requests) in [
        ("wrong-pem", 2),
        ("sign-wrong-signature", 3),
        ("sign-unverified", 3),
    ] {
        let (output, count) = failed_ring(&server, ring, ring, RSA_2048);
        assert_eq!(output.expect_json_failure(4), "KMS", "{ring}");
        assert!(output.all_output().contains("CRC32C"), "{ring}");
        assert_eq!(count, requests, "{ring}");
    }
    for ring in [
        "wrong-pem-once",
        "sign-wrong-signature-once",
        "busy-once",
        "slow",
    ] {
        let scratch = Scratch::new();
        let vendor = server.vendor(&scratch, ring, ring, RSA_2048);
        let _ = vendor.issue().run().expect_code(0);
    }
}

#[test]
fn a_signature_by_another_key_and_an_invalid_public_key_are_refused() {
    let Some(server) = GoogleKms::get() else {
        return;
    };
    let (output, _) = failed_ring(&server, "other", "other-key", RSA_2048);
    assert_eq!(output.expect_json_failure(4), "SIGN");
    let (output, _) = failed_ring(&server, "no-pem", "no-pem", RSA_2048);
    assert_eq!(output.expect_json_failure(4), "KMS");
}

#[test]
fn a_key_with_another_algorithm_is_refused_with_the_reason() {
    let Some(server) = GoogleKms::get() else {
        return;
    };
    for (key, reason) in [
        ("ec-sign-p256-sha256", "not RSA"),
        ("rsa-sign-raw-pkcs1-2048", "do not name a digest"),
        ("rsa-decrypt-oaep-2048-sha256", "not for signatures"),
        ("rsa-sign-pkcs1-2048-sha512", "another digest"),
    ] {
        let scratch = Scratch::new();
        let vendor = server.vendor(&scratch, "algorithms", "licenses", key);
        let failure = vendor.keygen("public").run().expect_failure(3);
        assert!(failure.message.contains(reason), "{failure:?}");
        assert!(failure.hint.contains("rsa-sign-pkcs1-4096-sha256"));
        assert_eq!(vendor.issue().run().expect_json_failure(3), "UNSUPPORTED");
    }
    let scratch = Scratch::new();
    let vendor = server.vendor(&scratch, "algorithms", "licenses", RSA_2048);
    let public = vendor.keygen("public").args(["--alg", "PS256"]).run();
    let failure = public.expect_failure(3);
    assert!(failure.hint.contains("--alg"), "{failure:?}");
}

/// A vendor's machine with these variables and no access token.
fn machine<'s>(
    server: &GoogleKms,
    scratch: &'s Scratch,
    variables: &[(&'static str, &str)],
) -> VendorMachine<'s> {
    let mut env = vec![
        server.endpoint(),
        ("GCE_METADATA_HOST", OsString::from("127.0.0.1:9")),
    ];
    let variables = variables.iter();
    env.extend(variables.map(|(name, value)| (*name, OsString::from(value))));
    VendorMachine {
        scratch,
        key: format!("gcpkms://{}", resource("credentials", "licenses", RSA_2048)),
        env,
    }
}

const FILE: &str = "GOOGLE_APPLICATION_CREDENTIALS";

#[test]
fn missing_credentials_are_reported() {
    let Some(server) = GoogleKms::get() else {
        return;
    };
    let scratch = Scratch::new();
    let vendor = machine(&server, &scratch, &[]);
    assert_eq!(failed_issue(&vendor).expect_json_failure(2), "CREDENTIALS");
    let failure = vendor.keygen("public").run().expect_failure(2);
    assert!(failure.message.contains("127.0.0.1:9"), "{failure:?}");
    assert!(failure.hint.contains(FILE), "{failure:?}");
}

#[test]
fn a_file_that_is_not_usable_as_credentials_is_refused_without_its_content() {
    let Some(server) = GoogleKms::get() else {
        return;
    };
    let account = server.service_account("files");
    let with = |member: &str, value: Value| {
        let mut changed = account.clone();
        changed[member] = value;
        changed.to_string()
    };
    let truncated = account.to_string();
    let truncated = &truncated[..truncated.len() / 2];
    for (content, expected) in [
        (String::new(), "JSON"),
        (truncated.to_owned(), "JSON"),
        (format!("\u{feff}{account}"), "JSON"),
        ("[]".to_owned(), "JSON"),
        (
            format!(r#"{{"type":"{SECRET}{CLIENT_SECRET}"}}"#),
            "another type",
        ),
        (
            with("type", "external_account".into()),
            "`external_account`",
        ),
        (with("type", Value::Null), "JSON"),
        (with("private_key", Value::Null), "`private_key`"),
        (with("private_key", 7.into()), "JSON"),
        (with("private_key", SECRET.into()), "private key"),
        (with("client_email", Value::Null), "`client_email`"),
        (
            with("token_uri", "http://oauth2.example/token".into()),
            "http to another machine",
        ),
        (
            json!({"type": "authorized_user"}).to_string(),
            "`client_id`",
        ),
        (" ".repeat(1 << 20), "JSON"),
    ] {
        let scratch = Scratch::new();
        scratch.write_private("file.json", &content);
        let vendor = machine(&server, &scratch, &[(FILE, "file.json")]);
        assert_eq!(
            failed_issue(&vendor).expect_json_failure(2),
            "CREDENTIALS",
            "{expected}"
        );
        let failure = vendor.keygen("public").run().expect_failure(2);
        assert!(failure.message.contains("file.json"), "{failure:?}");
        assert!(failure.message.contains(expected), "{failure:?}");
    }
    let scratch = Scratch::new();
    let vendor = machine(&server, &scratch, &[(FILE, "missing.json")]);
    assert_eq!(failed_issue(&vendor).expect_json_failure(4), "IO");
    let vendor = machine(&server, &scratch, &[("GOOGLE_OAUTH_ACCESS_TOKEN", "a b")]);
    assert_eq!(failed_issue(&vendor).expect_json_failure(2), "CREDENTIALS");
    let vendor = machine(&server, &scratch, &[("GCE_METADATA_HOST", "a/b")]);
    assert_eq!(failed_issue(&vendor).expect_json_failure(2), "USAGE");
}

#[cfg(unix)]
#[test]
fn a_file_that_others_can_read_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let Some(server) = GoogleKms::get() else {
        return;
    };
    let scratch = Scratch::new();
    let account = server.service_account("exposed");
    let path = scratch.write_private("file.json", account.to_string());
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    let vendor = machine(&server, &scratch, &[(FILE, "file.json")]);
    assert_eq!(
        failed_issue(&vendor).expect_json_failure(2),
        "INSECURE_FILE"
    );
}

#[test]
fn a_refusal_of_the_token_server_is_reported_without_secrets() {
    let Some(server) = GoogleKms::get() else {
        return;
    };
    let scratch = Scratch::new();
    let mut account = server.service_account("stranger");
    // The emulator does not know the key of another account.
    account["client_email"] = "stranger@example.com".into();
    scratch.write_private("account.json", account.to_string());
    let vendor = machine(&server, &scratch, &[(FILE, "account.json")]);
    assert_eq!(failed_issue(&vendor).expect_json_failure(4), "CREDENTIALS");
    // The response to this user repeats the refresh token.
    let user = json!({
        "type": "authorized_user",
        "client_id": "x",
        "client_secret": "wrong",
        "refresh_token": format!("1//{SECRET}"),
        "token_uri": format!("http://{}/token/stranger", server.address()),
    });
    scratch.write_private("user.json", user.to_string());
    let vendor = machine(&server, &scratch, &[(FILE, "user.json")]);
    assert_eq!(failed_issue(&vendor).expect_json_failure(4), "CREDENTIALS");
    let busy = FakeKms::new(|_, _| (503, String::new()));
    let mut user = user;
    user["token_uri"] = format!("http://{}/token", busy.address).into();
    scratch.write_private("busy.json", user.to_string());
    let vendor = machine(&server, &scratch, &[(FILE, "busy.json")]);
    let failure = vendor.keygen("public").run().expect_failure(4);
    assert!(!format!("{failure:?}").contains(SECRET), "{failure:?}");
}

#[test]
fn a_server_that_is_not_a_metadata_server_is_refused() {
    let Some(server) = GoogleKms::get() else {
        return;
    };
    let portal = FakeKms::new(|_, _| (200, r#"{"access_token":"x"}"#.to_owned()));
    let scratch = Scratch::new();
    let vendor = machine(&server, &scratch, &[("GCE_METADATA_HOST", &portal.address)]);
    let outcome = failed_issue(&vendor);
    assert!(matches!(outcome.code, Some(2 | 4)), "{outcome:?}");
    assert!(server.requests("credentials").is_empty());
}

#[test]
fn an_insecure_endpoint_and_a_passphrase_are_refused() {
    let Some(server) = GoogleKms::get() else {
        return;
    };
    let scratch = Scratch::new();
    let mut vendor = server.vendor(&scratch, "insecure", "licenses", RSA_2048);
    scratch.write_private("pin", "1234");
    let public = vendor.keygen("public").args(["--passphrase-file", "pin"]);
    let failure = public.run().expect_failure(2);
    assert!(failure.hint.contains(FILE), "{failure:?}");
    let key = vendor.key.clone();
    for endpoint in ["http://10.0.0.1", "http://kms.example", "https://h/path"] {
        vendor.key = format!("{key}?endpoint={endpoint}");
        vendor.keygen("public").run().expect_failure(2);
    }
    vendor.key = key.rsplit_once("/cryptoKeyVersions").unwrap().0.to_owned();
    let failure = vendor.keygen("public").run().expect_failure(2);
    assert!(failure.hint.contains("/cryptoKeyVersions/1"), "{failure:?}");
    assert!(server.requests("insecure").is_empty());
}
