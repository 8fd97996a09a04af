//! Validation of licenses and check-ins over HTTP.

use license_core::{TrustSet, Unverified};
use license_tests::server::{Server, license_server};
use license_tests::{Run, Vendor, keygen, words};
use serde_json::json;

use super::site::{Site, TERMS, issue};

pub(super) const VALIDATE: &str = "/api/v1/licenses/validate";

#[test]
fn a_license_is_validated_by_its_key_and_by_its_token() {
    let site = Site::new(TERMS);
    let server = site.start(&[]);
    let trust = TrustSet::parse(&Vendor::shared().trust).unwrap();
    let license = Unverified::parse(&site.license.token())
        .unwrap()
        .verify(&trust)
        .unwrap();
    for credential in [
        site.license.key().to_owned(),
        site.license.token(),
        site.license.file.clone(),
    ] {
        let body = json!({"license_key": credential, "machine_id": "machine-1", "nonce": "n-1"});
        let reply = server.post(VALIDATE, &body).expect(200);
        assert_eq!(
            (&reply["valid"], &reply["code"]),
            (&true.into(), &"VALID".into()),
            "{reply}"
        );
        assert_eq!(reply["tier"], "TEAM", "{reply}");
        let token = Unverified::parse(reply["validation"].as_str().unwrap()).unwrap();
        let validation = token.verify_validation(&trust, &license).unwrap();
        assert_eq!(validation.license_id(), license.id());
    }
}

#[test]
fn unknown_licenses_and_an_empty_server_are_told_apart() {
    let scratch = license_tests::Scratch::new();
    let body = json!({"license_key": "CODITECT-PRO-A7F3E9D2C4B1-8F2A", "machine_id": "m"});
    let server = Server::start(&scratch, &[]);
    let problem = server
        .post(VALIDATE, &body)
        .expect_problem(503, "NOT_READY");
    assert!(problem["hint"].is_string(), "{problem}");
    let site = Site::new(TERMS);
    let server = site.start(&[]);
    server
        .post(VALIDATE, &body)
        .expect_problem(401, "UNKNOWN_LICENSE");
}

#[test]
fn a_running_server_uses_the_keys_of_the_vendor_that_are_installed_beside_it() {
    let scratch = license_tests::Scratch::new();
    let server = Server::start(&scratch, &[]);
    let license = issue(&Vendor::shared().workstation(), &scratch, &words(TERMS));
    scratch.write("trust.jwks", &Vendor::shared().trust);
    scratch.write("acme.lic", &license.file);
    let install = license_server(&scratch).args(["install", "trust.jwks", "acme.lic"]);
    install.run().expect_code(0);
    // The server notices the change of another process within a second.
    let body = json!({"license_key": license.key(), "machine_id": "machine-1"});
    let reply = (0..1200).find_map(|_| {
        std::thread::sleep(std::time::Duration::from_millis(50));
        Some(server.post(VALIDATE, &body)).filter(|reply| reply.status == 200)
    });
    assert_eq!(reply.unwrap().json()["valid"], true);
}

#[test]
fn a_revoked_license_is_answered_as_revoked() {
    let site = Site::new(TERMS);
    let server = site.start(&[]);
    let administrator = server.administrator();
    let run = |line: &str| keygen(&site.vendor, &words(line)).expect_code(0);
    let _ = run("revoke acme.lic --reason refund");
    let _ = run("revocations --key vendor.key --out list.lic");
    let list = json!({"file": site.vendor.read("list.lic")});
    let imported = administrator.post("/api/v1/revocations", &list).expect(200);
    administrator
        .post("/api/v1/revocations", &list)
        .expect_problem(409, "STALE_LIST");
    let body = json!({"license_key": site.license.key(), "machine_id": "machine-1"});
    let reply = server.post(VALIDATE, &body).expect(200);
    assert_eq!(
        (&reply["valid"], &reply["code"]),
        (&false.into(), &"REVOKED".into()),
        "{reply}"
    );
    let served = server.get("/api/v1/revocations");
    assert_eq!(served.expect(200)["seq"], imported["seq"]);
    let known = [("if-none-match", served.header("etag"))];
    assert_eq!(
        server.send("GET", "/api/v1/revocations", &known, "").status,
        304
    );
}

#[test]
fn a_check_in_is_a_file_that_a_machine_installs() {
    let site = Site::new("--tier pro --expires 2099-12-31");
    let server = site.start(&[]);
    let machine = Vendor::shared().customer_machine();
    machine.write("acme.lic", &site.license.file);
    let license = |line: &str| Run::license(&machine).args(words(line)).run();
    license("install --trust trust.jwks acme.lic").expect_code(0);
    let digest = license("machine --json").expect_code(0).json()["digest"].clone();
    let body = json!({"license_key": site.license.key(), "machine_id": digest});
    let reply = server.post("/api/v1/check-ins", &body).expect(200);
    machine.write("validation.lic", reply["file"].as_str().unwrap());
    license("install --trust trust.jwks validation.lic").expect_code(0);
    let status = license("status --json").expect_code(0).json();
    assert_eq!(status["code"], "VALID", "{status}");
}

#[test]
fn status_shows_the_license_beside_a_running_server_and_a_backup_can_be_used() {
    let site = Site::new(TERMS);
    let server = site.start(&[]);
    let session = site.session(1);
    let seq = session.acquire(&server, false).expect(201)["seq"].clone();
    let status = license_server(&site.scratch)
        .args(["status", "--json"])
        .run();
    let status = status.expect_code(0).json();
    assert_eq!(status["licenses"][0]["code"], "VALID", "{status}");
    assert_eq!(status["pools"][0]["held"], 1, "{status}");
    let backup = ["backup", "--out", "backup", "--json"];
    let report = license_server(&site.scratch)
        .args(backup)
        .run()
        .expect_code(0)
        .json();
    assert!(
        report["files"]
            .as_array()
            .unwrap()
            .contains(&json!("server.key")),
        "{report}"
    );
    let again = license_server(&site.scratch)
        .args(["backup", "--out", "backup"])
        .run();
    again.expect_failure(2);
    server.stop();
    let run = license_server(&site.scratch).env("LICENSE_SERVER_DATA_DIR", "backup");
    let restored = Server::start_with(run, &site.scratch, &[]);
    assert_eq!(session.heartbeat(&restored, &seq).expect(200)["seq"], seq);
}
