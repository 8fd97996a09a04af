//! Activations, deactivations and check-ins.

use license_tests::{Run, RunOutput, Scratch, Vendor, words};
use serde_json::{Value, json};

use super::{VendorSite, issue, order};

const HERE: &str = "b7c3e9b1d2f48069ab4c8e0d6f1735b4";
const ELSEWHERE: &str = "0f1e2d3c4b5a69788796a5b4c3d2e1f0";

/// Runs `license` on a machine with this id.
fn license(id: &str, machine: &Scratch, line: &str) -> RunOutput {
    let run = Run::license(machine).env("CODITECT_MACHINE_ID", id);
    run.args(words(line)).run()
}

/// Returns a machine on which the license is installed and not activated.
fn machine(id: &str, file: &Value) -> Scratch {
    let machine = Vendor::shared().customer_machine();
    machine.write("acme.lic", file.as_str().unwrap());
    let _ = license(id, &machine, "install --trust trust.jwks acme.lic").expect_code(1);
    machine
}

/// Returns the request of a machine.
fn request(id: &str, machine: &Scratch) -> Value {
    let output = license(id, machine, "request --out request.txt");
    let _ = output.expect_code(0);
    json!({"file": machine.read("request.txt")})
}

#[test]
fn a_machine_activates_and_deactivates_with_the_files_of_its_program() {
    let site = VendorSite::new();
    let server = site.start();
    let administrator = server.administrator();
    let mut order = order("ACME Ltd");
    order["activation"] = true.into();
    order["devices"] = 1.into();
    let issued = issue(&administrator, &order);
    let here = machine(HERE, &issued["file"]);
    let digest = license(HERE, &here, "machine --json").expect_code(0).json()["digest"].clone();
    let validate = || {
        let body = json!({"license_key": issued["key"], "machine_id": digest});
        server.post(super::VALIDATE, &body).expect(200)["code"].clone()
    };
    assert_eq!(validate(), "NOT_ACTIVATED");

    let asked = request(HERE, &here);
    let answer = server.post("/api/v1/activations", &asked).expect(200);
    assert_eq!(
        server.post("/api/v1/activations", &asked).expect(200),
        answer
    );
    here.write("answer.lic", answer["file"].as_str().unwrap());
    let _ = license(HERE, &here, "activate answer.lic").expect_code(0);
    assert_eq!(validate(), "VALID");
    let listed = administrator
        .get("/api/v1/activation-requests?state=answered")
        .expect(200);
    assert_eq!(listed["items"][0]["answer"], answer["file"], "{listed}");

    // The license permits one machine.
    let elsewhere = machine(ELSEWHERE, &issued["file"]);
    let other = request(ELSEWHERE, &elsewhere);
    let refused = server.post("/api/v1/activations", &other);
    let problem = refused.expect_problem(409, "DEVICE_LIMIT");
    assert_eq!(
        (&problem["limit"], &problem["used"]),
        (&1.into(), &1.into())
    );

    let _ = license(HERE, &here, "deactivate --out receipt.txt").expect_code(0);
    let receipt = json!({"file": here.read("receipt.txt")});
    for _ in 0..2 {
        let ended = server.post("/api/v1/deactivations", &receipt).expect(200);
        assert_eq!(ended["state"], "deactivated", "{ended}");
    }
    server
        .post("/api/v1/activations", &asked)
        .expect_problem(409, "REPLAYED");
    server.post("/api/v1/activations", &other).expect(200);
    let show = format!("ledger show {} --json", issued["id"].as_str().unwrap());
    let shown = site.keygen(&show).expect_code(0).json();
    let activations = shown["activations"].as_array().unwrap();
    assert_eq!(activations.len(), 2, "{shown}");
    site.verify_ledger();
}

#[test]
fn activations_and_releases_of_keygen_count_at_once() {
    let site = VendorSite::new();
    let server = site.start();
    let administrator = server.administrator();
    let mut order = order("ACME Ltd");
    order["activation"] = true.into();
    let issued = issue(&administrator, &order);
    let here = machine(HERE, &issued["file"]);
    site.scratch.write(
        "request.txt",
        request(HERE, &here)["file"].as_str().unwrap(),
    );
    let activated = site.keygen("activate --json --key vendor.key request.txt --out answer.lic");
    let activation = activated.expect_code(0).json()["activation_id"].clone();
    let digest = license(HERE, &here, "machine --json").expect_code(0).json()["digest"].clone();
    // A nonce asks for a new answer.
    let validate = |nonce: &str| {
        let body = json!({"license_key": issued["key"], "machine_id": digest, "nonce": nonce});
        server.post(super::VALIDATE, &body).expect(200)["code"].clone()
    };
    assert_eq!(validate("n1"), "VALID");
    let release = format!("release {} --reason lost", activation.as_str().unwrap());
    let _ = site.keygen(&release).expect_code(0);
    assert_eq!(validate("n2"), "NOT_ACTIVATED");
}

#[test]
fn a_check_in_and_a_malformed_request_are_answered() {
    let site = VendorSite::new();
    let server = site.start();
    let administrator = server.administrator();
    let order = json!({"customer": "ACME Ltd", "tier": "pro", "days": 365});
    let issued = issue(&administrator, &order);
    let here = Vendor::shared().customer_machine();
    here.write("acme.lic", issued["file"].as_str().unwrap());
    let _ = license(HERE, &here, "install --trust trust.jwks acme.lic").expect_code(0);
    let digest = license(HERE, &here, "machine --json").expect_code(0).json()["digest"].clone();
    let body = json!({"license_key": issued["key"], "machine_id": digest});
    let reply = server.post("/api/v1/check-ins", &body).expect(200);
    here.write("validation.lic", reply["file"].as_str().unwrap());
    let _ = license(HERE, &here, "install --trust trust.jwks validation.lic").expect_code(0);
    let bad = server.post("/api/v1/activations", &json!({"file": "x"}));
    assert_eq!(bad.status, 400, "{bad:?}");
}
