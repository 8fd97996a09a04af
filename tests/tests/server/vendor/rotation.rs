//! Certificates for the key of the server, and a new key.

use license_core::{TrustSet, Unverified};
use license_tests::server::license_server;
use license_tests::{Vendor, words};
use serde_json::{Value, json};

use super::{VendorSite, eventually, issue, order, path, validate};

/// Returns the id of the server key that a license certifies.
fn certified(license: &Value) -> String {
    let trust = TrustSet::parse(&Vendor::shared().trust).unwrap();
    let file = license_core::LicenseFile::parse(license["file"].as_str().unwrap()).unwrap();
    let license = file.blocks()[0].token.verify(&trust).unwrap();
    license.confirmation_key().unwrap().id().to_string()
}

#[test]
fn licenses_of_keygen_are_valid_if_they_certify_the_key_of_the_server() {
    let site = VendorSite::new();
    let server = site.start();
    let certified = site.keygen_issue(
        "ACME",
        "--tier team --seats 5 --offline --perpetual --server-key data/server.request",
    );
    assert_eq!(
        validate(&server, &certified["key"]).expect(200)["valid"],
        true
    );
    let other = site.keygen_issue("Globex", "--tier team --seats 5 --offline --perpetual");
    let refused = validate(&server, &other["key"]);
    let problem = refused.expect_problem(409, "NOT_CERTIFIED");
    assert!(
        problem["hint"].as_str().unwrap().contains("upgrade"),
        "{problem}"
    );
    let administrator = server.administrator();
    let license = json!({"id": other["license_id"]});
    let reissued = administrator.post(&path(&license, "upgrade"), &json!({"reissue": true}));
    let reissued = reissued.expect(200);
    assert_eq!(
        validate(&server, &reissued["key"]).expect(200)["valid"],
        true
    );
    let unknown = "CODITECT-PRO-A7F3E9D2C4B1-8F2A".into();
    validate(&server, &unknown).expect_problem(401, "UNKNOWN_LICENSE");
}

#[test]
fn a_license_for_the_server_of_a_customer_keeps_its_certificate() {
    let (site, customer) = (VendorSite::new(), license_tests::Scratch::new());
    license_server(&customer).arg("init").run().expect_code(0);
    let server = site.start();
    let administrator = server.administrator();
    let mut order = order("ACME Ltd");
    order["server_request"] = customer.read("data/server.request").into();
    let issued = issue(&administrator, &order);
    validate(&server, &issued["key"]).expect_problem(409, "NOT_CERTIFIED");
    let more = json!({"changes": {"seats": 9}});
    let upgraded = administrator
        .post(&path(&issued, "upgrade"), &more)
        .expect(200);
    assert_eq!(certified(&upgraded), certified(&issued));
    customer.write("trust.jwks", &Vendor::shared().trust);
    customer.write("acme.lic", issued["file"].as_str().unwrap());
    let install = license_server(&customer).args(words("install trust.jwks acme.lic"));
    install.run().expect_code(0);
}

#[test]
fn a_new_key_of_the_server_serves_new_licenses_and_the_old_key_serves_the_others() {
    let site = VendorSite::new();
    let server = site.start();
    let secret = server.administrator().authorization;
    let post = |server: &license_tests::server::Server, path: &str, body: &Value| {
        let headers = [("authorization", secret.as_str())];
        server
            .send("POST", path, &headers, &body.to_string())
            .expect(200)
    };
    let mut order = order("ACME Ltd");
    order["perpetual"] = false.into();
    order["days"] = 30.into();
    let first = post(&server, super::ISSUE, &order);
    let token = validate(&server, &first["key"]).expect(200)["validation"].clone();
    server.stop();

    let init = license_server(&site.scratch).args(["init", "--new-key", "--json"]);
    let kid = init.run().expect_code(0).json()["kid"].clone();
    assert_ne!(kid, certified(&first));
    let server = site.start();
    let reply = validate(&server, &first["key"]).expect(200);
    assert_eq!(reply["valid"], true, "the earlier key still signs: {reply}");
    let renewal = post(&server, &path(&first, "renew"), &json!({"days": 365}));
    assert_eq!(kid, certified(&renewal));
    let second = post(&server, super::ISSUE, &super::order("Globex"));
    assert_eq!(kid, certified(&second));
    assert_eq!(validate(&server, &second["key"]).expect(200)["valid"], true);

    let backup = license_server(&site.scratch).args(["backup", "--out", "copy", "--json"]);
    let files = backup.run().expect_code(0).json()["files"].to_string();
    assert!(
        files.contains(&certified(&first)),
        "the earlier key is in the backup: {files}"
    );

    // A token that the earlier key signed is valid with the license, without the server.
    let trust = TrustSet::parse(&Vendor::shared().trust).unwrap();
    let file = license_core::LicenseFile::parse(first["file"].as_str().unwrap()).unwrap();
    let license = file.blocks()[0].token.verify(&trust).unwrap();
    for token in [&token, &reply["validation"]] {
        let token = Unverified::parse(token.as_str().unwrap()).unwrap();
        let verified = token.verify_validation(&trust, &license);
        assert_eq!(verified.unwrap().license_id(), license.id());
    }
}

#[test]
fn a_new_signing_key_of_keygen_is_trusted_while_the_server_runs() {
    let site = VendorSite::new();
    let server = site.start();
    let new_key = "new-key --out second.key --no-passphrase";
    let _ = site.keygen(new_key).expect_code(0);
    let line = "issue --json --key second.key --customer ACME --tier team --seats 5 --perpetual \
                --offline --server-key data/server.request --out second.lic";
    let issued = site.keygen(line).expect_code(0).json();
    let reply = eventually(
        || validate(&server, &issued["key"]),
        |reply| reply.status == 200,
    );
    assert_eq!(reply.json()["valid"], true);
}
