//! Keys in Google Cloud KMS.

use std::ffi::OsString;

use license_tests::Scratch;
use serde_json::{Value, json};

use crate::fake_kms::FakeKms;
use crate::google_kms::{
    ACCESS_TOKEN, CLIENT_SECRET, GoogleKms, REFRESH_TOKEN, RSA_2048, SECRET, resource,
};
use crate::{VendorMachine, issue_and_verify};

const RING: &str = "licenses";

#[test]
fn a_key_in_cloud_kms_signs_all_kinds_of_artifacts() {
    let Some(server) = GoogleKms::get() else {
        return;
    };
    for (key, algorithm) in [
        (RSA_2048, "RS256"),
        ("rsa-sign-pkcs1-3072-sha256", "RS256"),
        ("rsa-sign-pss-2048-sha256", "PS256"),
    ] {
        let scratch = Scratch::new();
        let vendor = server.vendor(&scratch, "signs", RING, key);
        issue_and_verify(&vendor, algorithm);
    }
}

#[test]
fn only_the_digest_of_a_license_leaves_the_machine() {
    let Some(server) = GoogleKms::get() else {
        return;
    };
    let scratch = Scratch::new();
    let issue = server.vendor(&scratch, "digest", RING, RSA_2048).issue();
    let _ = issue.run().expect_code(0);
    let requests = server.requests("digest");
    let [public, sign] = requests.as_slice() else {
        panic!("{requests:?}")
    };
    let name = resource("digest", RING, RSA_2048);
    assert_eq!(public["method"], "GET");
    assert_eq!(public["path"], format!("/v1/{name}/publicKey"));
    assert_eq!(sign["method"], "POST");
    assert_eq!(sign["path"], format!("/v1/{name}:asymmetricSign"));
    for request in &requests {
        let bearer = format!("Bearer {ACCESS_TOKEN}");
        assert_eq!(request["headers"]["authorization"], bearer);
    }
    let body: Value = serde_json::from_str(sign["body"].as_str().unwrap()).unwrap();
    let members: Vec<_> = body.as_object().unwrap().keys().collect();
    assert_eq!(members, ["digest", "digestCrc32c"]);
    let digest = body["digest"]["sha256"].as_str().unwrap();
    assert_eq!(digest.len(), 44, "base64 of 32 bytes");
}

#[test]
fn the_forms_of_sigstore_and_tink_name_the_same_key() {
    let Some(server) = GoogleKms::get() else {
        return;
    };
    let scratch = Scratch::new();
    let mut vendor = server.vendor(&scratch, "forms", RING, RSA_2048);
    let name = resource("forms", RING, RSA_2048);
    let endpoint = vendor.env.pop().unwrap().1.into_string().unwrap();
    let mut kids: Vec<Value> = Vec::new();
    for key in [
        format!("gcpkms://{name}"),
        format!("gcpkms:{name}"),
        format!("gcp-kms://{name}"),
        format!("GCPKMS://{}", name.replace("cryptoKeyVersions", "versions")),
    ] {
        vendor.key = format!("{key}?endpoint={endpoint}");
        let report = vendor.keygen("public").arg("--json").run();
        kids.push(report.expect_code(0).json()["kid"].clone());
    }
    kids.dedup();
    assert_eq!(kids.len(), 1, "{kids:?}");
}

/// A machine without an access token in its environment.
fn machine<'s>(
    server: &GoogleKms,
    scratch: &'s Scratch,
    project: &str,
    variables: &[(&'static str, OsString)],
) -> VendorMachine<'s> {
    let mut vendor = server.vendor(scratch, project, RING, RSA_2048);
    vendor.env.remove(0);
    // No test asks the metadata server of the machine on which it runs.
    vendor.env.push(("GCE_METADATA_HOST", "127.0.0.1:9".into()));
    vendor.env.extend(variables.iter().cloned());
    vendor
}

fn authorized_user(server: &GoogleKms, project: &str, client: &str) -> Value {
    json!({
        "type": "authorized_user",
        "client_id": client,
        "client_secret": CLIENT_SECRET,
        "refresh_token": REFRESH_TOKEN,
        "token_uri": format!("http://{}/token/{project}", server.address()),
        "quota_project_id": "billing",
    })
}

/// Returns the number of access tokens that were requested for a project.
fn token_requests(server: &GoogleKms, project: &str) -> usize {
    let requests = server.requests(project);
    let paths = requests.iter().map(|request| request["path"].as_str());
    let token = format!("/token/{project}");
    paths.filter(|path| *path == Some(&token)).count()
}

#[test]
fn a_service_account_signs_in_with_its_private_key() {
    let Some(server) = GoogleKms::get() else {
        return;
    };
    let scratch = Scratch::new();
    let account = server.service_account("account");
    scratch.write_private("account.json", account.to_string());
    let file = ("GOOGLE_APPLICATION_CREDENTIALS", "account.json".into());
    let vendor = machine(&server, &scratch, "account", &[file]);
    let _ = vendor.issue().run().expect_code(0);
    assert_eq!(token_requests(&server, "account"), 1, "both calls use it");
}

#[test]
fn the_file_of_gcloud_is_used_and_its_project_pays() {
    let Some(server) = GoogleKms::get() else {
        return;
    };
    let user = authorized_user(&server, "user", "long").to_string();
    for (name, variable) in [
        (".config/gcloud", None),
        ("settings", Some(("CLOUDSDK_CONFIG", "settings"))),
    ] {
        let scratch = Scratch::new();
        let directory = match variable {
            None => scratch.home().join(name),
            Some(_) => scratch.file(name),
        };
        std::fs::create_dir_all(&directory).unwrap();
        let path = directory.join("application_default_credentials.json");
        std::fs::write(&path, "").unwrap();
        std::fs::set_permissions(&path, private()).unwrap();
        std::fs::write(&path, &user).unwrap();
        let variable = variable.map(|(name, value)| (name, value.into()));
        let vendor = machine(&server, &scratch, "user", variable.as_slice());
        let _ = vendor.keygen("public").run().expect_code(0);
    }
    let requests = server.requests("user");
    let call = requests.last().unwrap();
    assert_eq!(call["headers"]["x-goog-user-project"], "billing");
}

#[cfg(unix)]
fn private() -> std::fs::Permissions {
    std::os::unix::fs::PermissionsExt::from_mode(0o600)
}

#[cfg(not(unix))]
fn private() -> std::fs::Permissions {
    std::fs::metadata(".").unwrap().permissions()
}

#[test]
fn a_token_is_replaced_before_it_expires() {
    let Some(server) = GoogleKms::get() else {
        return;
    };
    let scratch = Scratch::new();
    let user = authorized_user(&server, "short", "short");
    scratch.write_private("user.json", user.to_string());
    let file = ("GOOGLE_APPLICATION_CREDENTIALS", "user.json".into());
    let vendor = machine(&server, &scratch, "short", &[file]);
    let _ = vendor.issue().run().expect_code(0);
    assert_eq!(token_requests(&server, "short"), 2, "one for each call");
}

#[test]
fn a_virtual_machine_gets_its_token_from_the_metadata_server() {
    let Some(server) = GoogleKms::get() else {
        return;
    };
    let scratch = Scratch::new();
    let mut vendor = machine(&server, &scratch, "vm", &[]);
    vendor.env.retain(|(name, _)| *name != "GCE_METADATA_HOST");
    let host = ("GCE_METADATA_HOST", server.address().into());
    vendor.env.push(host);
    let _ = vendor.issue().run().expect_code(0);
}

#[test]
fn credentials_are_searched_for_in_the_documented_order() {
    let Some(server) = GoogleKms::get() else {
        return;
    };
    let scratch = Scratch::new();
    scratch.write_private(
        "user.json",
        authorized_user(&server, "order", "x").to_string(),
    );
    let metadata = FakeKms::new(|_, _| (500, String::new()));
    let token = ("GOOGLE_OAUTH_ACCESS_TOKEN", ACCESS_TOKEN.into());
    let missing = ("GOOGLE_APPLICATION_CREDENTIALS", "missing.json".into());
    // The token precedes the file, which does not exist.
    let vendor = machine(&server, &scratch, "order", &[token, missing.clone()]);
    let _ = vendor.keygen("public").run().expect_code(0);
    // A named file that is missing is an error, although there are other credentials.
    let host = ("GCE_METADATA_HOST", metadata.address.clone().into());
    let vendor = machine(&server, &scratch, "order", &[missing, host]);
    let failure = vendor.keygen("public").run().expect_failure(4);
    assert!(failure.message.contains("missing.json"), "{failure:?}");
    assert!(metadata.requests().is_empty());
}

#[test]
fn a_batch_is_signed() {
    let Some(server) = GoogleKms::get() else {
        return;
    };
    let scratch = Scratch::new();
    let vendor = server.vendor(&scratch, "batch", RING, RSA_2048);
    scratch.write(
        "orders.csv",
        "customer,tier,days\nACME,PRO,30\nOther,PRO,30\n",
    );
    let batch = vendor.keygen("batch").args(["orders.csv", "--out", "out"]);
    let output = batch.run().expect_code(0);
    assert!(!output.all_output().contains(SECRET));
    let calls = server.requests("batch").len();
    assert_eq!(calls, 3, "a public key and two signatures");
}

#[test]
fn a_dry_run_sends_no_request_and_refuses_an_invalid_name() {
    let Some(server) = GoogleKms::get() else {
        return;
    };
    let scratch = Scratch::new();
    let mut vendor = server.vendor(&scratch, "dry", RING, RSA_2048);
    let report = vendor.issue().arg("--dry-run").run().expect_code(0).json();
    assert_eq!(report["dry_run"], true);
    assert!(server.requests("dry").is_empty());
    vendor.key = vendor.key.replace("keyRings", "rings");
    assert_eq!(vendor.issue().arg("--dry-run").run().code, Some(2));
}
