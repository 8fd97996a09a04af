//! A vendor's license server whose key is in AWS KMS.

use license_core::{LicenseFile, TrustSet};
use license_tests::server::{Server, license_server};
use license_tests::{Run, Scratch};
use serde_json::json;

use crate::moto::{Moto, SECRET};
use crate::write_public_key;

#[test]
fn a_vendors_server_issues_with_a_key_in_kms() {
    let Some(moto) = Moto::get() else { return };
    let key = moto.key("RSA_2048", "SIGN_VERIFY");
    let scratch = Scratch::new();
    let vendor = moto.vendor(&scratch, key["KeyId"].as_str().unwrap());
    let kid = write_public_key(&vendor, "RS256");
    // The first license creates the ledger.
    let terms = ["--customer", "Zeta", "--tier", "pro", "--perpetual"];
    let issue = vendor.keygen("issue").args(terms);
    let issue = issue.env("KEYGEN_LEDGER", scratch.file("ledger.db"));
    let _ = issue.args(["--out", "zeta.lic"]).run().expect_code(0);
    let init = vendor.with_env(license_server(&scratch)).arg("init");
    let _ = init.run().expect_code(0);
    let settings = ["--ledger", "ledger.db", "--signing-key", &vendor.key];
    let run = vendor.with_env(license_server(&scratch));
    let server = Server::start_with(run, &scratch, &settings);
    let order = json!({"customer": "ACME Ltd", "tier": "team", "perpetual": true, "seats": 5});
    let administrator = server.administrator();
    let issued = administrator.post("/api/v1/licenses/issue", &order);
    let issued = issued.expect(200);
    let file = LicenseFile::parse(issued["file"].as_str().unwrap()).unwrap();
    let token = &file.blocks()[0].token;
    assert_eq!(token.unverified_key_id(), kid, "{issued}");
    let trust = TrustSet::parse(&scratch.read("trust.jwks")).unwrap();
    let license = token.verify(&trust).unwrap();
    assert_eq!(license.customer(), "ACME Ltd");
    let verify = Run::keygen(&scratch).args(["ledger", "verify"]);
    let verify = verify.env("KEYGEN_LEDGER", scratch.file("ledger.db"));
    let _ = verify.run().expect_code(0);
    assert!(!scratch.read("server.log").contains(SECRET));
}
