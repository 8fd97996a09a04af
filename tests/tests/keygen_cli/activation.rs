//! `keygen activate` and `keygen release`.

mod bundle;
mod clock_repair;
mod guide;
mod refusal;
mod reissue;
mod release;
mod same_machine;

use super::*;
use license_core::{
    Activation, ActivationRequest, ActivationSecret, ComponentKind, DeactivationReceipt,
    Fingerprint, LicenseId, MachineRequest, Nonce, ProductCode, Timestamp, TrustSet, Unverified,
};

/// Returns a vendor's directory with the public keys and a license for two machines that requires
/// activation, `acme.lic`, and the id of the license.
fn desk() -> (Scratch, String) {
    let desk = Vendor::shared().workstation();
    desk.write("trust.jwks", &Vendor::shared().trust);
    let id = license(&desk, "acme.lic", &["--devices", "2", "--activation"]);
    (desk, id)
}

/// Issues a perpetual PRO license to a file, and returns its id.
fn license(desk: &Scratch, out: &str, terms: &[&str]) -> String {
    let usual = ["--tier", "pro", "--perpetual", "--json", "--out", out];
    let report = issued(desk, &[&usual[..], terms].concat()).expect_code(0);
    report.json()["license_id"].as_str().unwrap().to_owned()
}

fn product() -> ProductCode {
    ProductCode::parse("CODITECT").unwrap()
}

/// Returns the machine with a number, which has an id and a MAC address.
fn machine(number: u8) -> Fingerprint {
    let id = format!("{number:02x}7c3e9b1d2f48069ab4c8e0d6f1735b");
    let mac = format!("52:54:00:12:34:{number:02x}");
    let parts = [
        (ComponentKind::MachineId, id.as_str()),
        (ComponentKind::Mac, mac.as_str()),
    ];
    Fingerprint::new(product(), parts)
}

fn secret(number: u8) -> ActivationSecret {
    ActivationSecret::from_random([number; 32])
}

/// Returns a request of a machine. The number of the request sets its nonce and secret.
fn request(license: &str, number: u8, of_request: u8) -> ActivationRequest {
    ActivationRequest {
        product: product(),
        license: LicenseId::parse(license).unwrap(),
        machine: machine(number),
        nonce: Nonce::from_random([of_request; 16]),
        commitment: secret(of_request).commitment(),
        made_at: Timestamp::parse("2026-11-23T08:00:00Z").unwrap(),
    }
}

fn receipt(license: &str, number: u8, of_request: u8) -> DeactivationReceipt {
    DeactivationReceipt {
        product: product(),
        license: LicenseId::parse(license).unwrap(),
        machine: machine(number).digest().unwrap(),
        nonce: Nonce::from_random([of_request; 16]),
        secret: secret(of_request),
        made_at: Timestamp::parse("2026-11-24T08:00:00Z").unwrap(),
    }
}

fn digest(number: u8) -> String {
    machine(number).digest().unwrap().to_string()
}

fn write(desk: &Scratch, name: &str, letter: MachineRequest) {
    desk.write(name, letter.to_armor());
}

/// Runs `keygen activate` for the first request of a machine.
fn activate(desk: &Scratch, license: &str, number: u8, options: &[&str]) -> RunOutput {
    activate_with(desk, &request(license, number, number), options)
}

fn activate_with(desk: &Scratch, request: &ActivationRequest, options: &[&str]) -> RunOutput {
    write(
        desk,
        "request.lic",
        MachineRequest::Activation(request.clone()),
    );
    let args = ["activate", "--key", "vendor.key", "request.lic"];
    keygen(desk, &[&args, options].concat())
}

fn release(desk: &Scratch, receipt: DeactivationReceipt, options: &[&str]) -> RunOutput {
    write(desk, "receipt.lic", MachineRequest::Deactivation(receipt));
    keygen(desk, &[&["release", "receipt.lic"], options].concat())
}

/// Verifies the activation in a token.
fn verified(text: &str) -> Activation {
    let trust = TrustSet::parse(&Vendor::shared().trust).unwrap();
    let token: String = text
        .lines()
        .filter(|line| !line.starts_with("-----"))
        .collect();
    let token = Unverified::parse(&token).unwrap();
    token.verify_activation(&trust).unwrap()
}

/// Returns the exported ledger entries of a kind.
fn entries(desk: &Scratch, kind: &str) -> Vec<Value> {
    let lines = keygen(desk, &["ledger", "export"]).expect_code(0).stdout;
    let entries = lines.lines().map(serde_json::from_str);
    let entries = entries.map(Result::unwrap);
    entries
        .filter(|entry: &Value| entry["kind"] == kind)
        .collect()
}

#[test]
fn a_license_that_requires_activation_shows_it_everywhere() {
    let desk = Vendor::shared().workstation();
    let terms = ["--tier", "pro", "--days", "30", "--activation"];
    for dry in [&["--dry-run"][..], &["--out", "acme.lic"]] {
        let report = issued(&desk, &[&terms[..], dry].concat()).expect_code(0);
        let line = "activation required on each machine\n";
        assert!(report.stdout.contains(line), "{report:?}");
    }
    let inspect = keygen(&desk, &["inspect", "acme.lic", "--json"]).expect_code(0);
    let claims = &inspect.json()["tokens"][0]["claims"];
    assert_eq!(claims["activation"], true);
    assert_eq!(claims["crit"], json!(["activation"]));
    let renew = ["renew", "acme.lic", "--key", "vendor.key", "--days", "30"];
    let renewed = keygen(&desk, &[&renew[..], &["--json"]].concat()).expect_code(0);
    assert_eq!(renewed.json()["activation"], true);
    let trial = ["trial", "--key", "vendor.key", "--customer", "New Ltd"];
    let trial = keygen(&desk, &[&trial[..], &["--activation", "--json"]].concat());
    assert_eq!(trial.expect_code(0).json()["activation"], true);
    let listed = keygen(&desk, &["ledger", "list", "--json"]).expect_code(0);
    let listed = listed.json();
    let mut licenses = listed["licenses"].as_array().unwrap().iter();
    assert!(licenses.all(|license| license["activation"] == true));
    let plain = ["--tier", "pro", "--days", "30", "--out", "plain.lic"];
    let _ = issued(&desk, &plain).expect_code(0);
    let diff = keygen(&desk, &["diff", "plain.lic", "acme.lic", "--json"]).expect_code(0);
    let losses = diff.json()["losses"].clone();
    let mut losses = losses.as_array().unwrap().iter();
    assert!(losses.any(|loss| loss["what"] == "activation"));
}

#[test]
fn a_batch_column_requires_activation() {
    let desk = Vendor::shared().workstation();
    let orders = "customer,tier,days,activation\nA,pro,30,yes\nB,pro,30,no\n";
    desk.write("orders.csv", orders);
    let batch = ["batch", "orders.csv", "--key", "vendor.key", "--out", "all"];
    let _ = keygen(&desk, &batch).expect_code(0);
    let licenses = entries(&desk, "license");
    let required = |entry: &Value| entry["body"]["activation"].clone();
    let required: Vec<_> = licenses.iter().map(required).collect();
    assert_eq!(required, [json!(true), json!(false)]);
}

#[test]
fn the_answer_is_signed_for_this_request() {
    let (desk, id) = desk();
    let report = activate(&desk, &id, 1, &["--out", "activation.lic", "--json"]);
    let report = report.expect_code(0).json();
    let file = desk.read("activation.lic");
    assert!(file.starts_with("-----BEGIN LICENSE ACTIVATION-----\n"));
    let activation = verified(&file);
    let asked = request(&id, 1, 1);
    assert_eq!(activation.license_id(), &asked.license);
    assert_eq!(activation.machine().to_string(), asked.machine.to_string());
    assert_eq!(
        (activation.nonce(), activation.commitment()),
        (asked.nonce, asked.commitment)
    );
    let expected = json!({
        "activation_id": activation.id().as_str(), "license_id": id, "customer": "ACME Ltd",
        "machine": digest(1), "nonce": "01".repeat(16), "requested_at": "2026-11-23T08:00:00Z",
        "issued_at": activation.issued_at().to_string(), "needed": true,
        "devices": {"used": 1, "limit": 2}, "answered_before": false,
        "kid": Vendor::shared().kid, "path": "activation.lic", "token": null, "dry_run": false,
    });
    assert_eq!(report, expected);
    let entry = &entries(&desk, "activation")[0];
    assert_eq!(entry["subject"], id.as_str());
    assert_eq!(entry["body"]["machine"], digest(1));
    assert_eq!(entry["body"]["customer"], "ACME Ltd");
    assert_eq!(entry["body"]["commitment"], asked.commitment.to_string());
    assert_eq!(
        verified(entry["artefact"].as_str().unwrap()).id(),
        activation.id()
    );
}

#[test]
fn an_activation_is_valid_on_its_machine_only() {
    let (desk, id) = desk();
    let _ = activate(&desk, &id, 1, &["--out", "activation.lic"]).expect_code(0);
    let all = desk.read("acme.lic") + &desk.read("activation.lic");
    let trust = TrustSet::parse(&Vendor::shared().trust).unwrap();
    let matrix = license_core::FeatureMatrix::built_in();
    let code = |text: &str, number| {
        let bundle = license_core::VerifiedLicenses::verify(text, &trust, matrix).unwrap();
        let here = license_core::Machine::Fingerprint(machine(number));
        let now = bundle.newest_signature().unwrap();
        let context = license_core::Context::at(now).machine(&here);
        bundle.evaluate(matrix, &context).code().as_str()
    };
    assert_eq!(code(&desk.read("acme.lic"), 1), "NOT_ACTIVATED");
    assert_eq!(code(&all, 1), "VALID");
    assert_eq!(code(&all, 2), "NOT_ACTIVATED");
}

#[test]
fn a_repeated_request_gets_the_same_answer_and_counts_once() {
    let (desk, id) = desk();
    let _ = activate(&desk, &id, 1, &["--out", "one.lic"]).expect_code(0);
    // No key is opened for a repeated answer.
    desk.write_private("other.key", "no key at all");
    let again = ["activate", "--key", "other.key", "request.lic"];
    let report = keygen(&desk, &[&again[..], &["--out", "two.lic"]].concat()).expect_code(0);
    assert!(report.stderr.contains("already answered at"), "{report:?}");
    assert_eq!(desk.read("one.lic"), desk.read("two.lic"));
    let report = keygen(&desk, &[&again[..], &["--json"]].concat());
    let report = report.expect_code(0).json();
    assert_eq!(report["answered_before"], true);
    assert_eq!(
        verified(report["token"].as_str().unwrap()).id().as_str(),
        report["activation_id"]
    );
    let dry = keygen(&desk, &[&again[..], &["--json", "--dry-run"]].concat());
    assert_eq!(dry.code, Some(3), "a dry run checks the key: {dry:?}");
    assert_eq!(entries(&desk, "activation").len(), 1);
    // Another time of the request is not another content.
    let mut later = request(&id, 1, 1);
    later.made_at = later.made_at.plus(60);
    let report = activate_with(&desk, &later, &["--json"]).expect_code(0);
    assert_eq!(report.json()["answered_before"], true);
}

#[test]
fn a_machine_counts_once_for_check_ins_and_activations() {
    let (desk, id) = desk();
    let check_in = ["check-in", "--key", "vendor.key", "acme.lic", "--machine"];
    let check_in = |number| keygen(&desk, &[&check_in[..], &[&digest(number)]].concat());
    let _ = check_in(1).expect_code(0);
    let used = |outcome: RunOutput| outcome.expect_code(0).json()["devices"]["used"].clone();
    assert_eq!(used(activate(&desk, &id, 1, &["--json"])), 1);
    let second = request(&id, 1, 100);
    assert_eq!(used(activate_with(&desk, &second, &["--json"])), 1);
    assert_eq!(used(activate(&desk, &id, 2, &["--json"])), 2);
    let refused = activate(&desk, &id, 3, &["--json"]);
    assert_eq!(refused.expect_json_failure(2), "DEVICE_LIMIT");
    let complaint = check_in(3).expect_failure(2);
    assert!(
        complaint.message.contains("allows 2 machines"),
        "{complaint:?}"
    );
    assert!(complaint.hint.contains("keygen release"), "{complaint:?}");
    let dry = activate(&desk, &id, 3, &["--json", "--dry-run"]);
    assert_eq!(dry.expect_json_failure(2), "DEVICE_LIMIT");
    assert_eq!(
        used(activate(&desk, &id, 3, &["--over-device-limit", "--json"])),
        3
    );
}

#[test]
fn a_renewal_keeps_the_machines_and_the_replaced_license_accepts_no_new_ones() {
    let (desk, id) = desk();
    let _ = activate(&desk, &id, 1, &[]).expect_code(0);
    let upgrade = ["upgrade", "acme.lic", "--key", "vendor.key", "--seats", "9"];
    let next = keygen(
        &desk,
        &[&upgrade[..], &["--out", "next.lic", "--json"]].concat(),
    );
    let next = next.expect_code(0).json()["license_id"].clone();
    let next = next.as_str().unwrap();
    let _ = activate(&desk, next, 2, &[]).expect_code(0);
    let refused = activate(&desk, next, 3, &["--json"]);
    assert_eq!(refused.expect_json_failure(2), "DEVICE_LIMIT");
    // The machine would count for the renewal too.
    let refused = activate(&desk, &id, 3, &["--json"]);
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.stdout.contains("DEVICE_LIMIT"), "{refused:?}");
    let report = activate_with(&desk, &request(&id, 1, 100), &[]).expect_code(0);
    assert!(report.stderr.contains("SUPERSEDED"), "{report:?}");
    assert!(report.stderr.contains(next), "{report:?}");
}

#[test]
fn concurrent_processes_cannot_exceed_the_device_limit() {
    for round in 0..4 {
        let (desk, id) = desk();
        let _ = activate(&desk, &id, 1, &[]).expect_code(0);
        let names = ["two.lic", "three.lic", "four.lic"];
        for (number, name) in (2..).zip(names) {
            write(
                &desk,
                name,
                MachineRequest::Activation(request(&id, number, number)),
            );
        }
        let codes: Vec<_> = std::thread::scope(|scope| {
            let run = |name| keygen(&desk, &["activate", "--key", "vendor.key", name]).code;
            let runs = names.map(|name| scope.spawn(move || run(name)));
            runs.into_iter().map(|run| run.join().unwrap()).collect()
        });
        let done = codes.iter().filter(|code| **code == Some(0)).count();
        let refused = codes.iter().filter(|code| **code == Some(2)).count();
        assert_eq!((done, refused), (1, 2), "round {round}");
        assert_eq!(entries(&desk, "activation").len(), 2);
    }
}

#[test]
fn a_request_that_is_answered_concurrently_has_one_answer() {
    let (desk, id) = desk();
    write(
        &desk,
        "request.lic",
        MachineRequest::Activation(request(&id, 1, 1)),
    );
    std::thread::scope(|scope| {
        for number in 0..4 {
            let (desk, out) = (&desk, format!("{number}.lic"));
            scope.spawn(move || {
                let args = ["activate", "--key", "vendor.key", "request.lic", "--out"];
                let _ = keygen(desk, &[&args[..], &[&out]].concat()).expect_code(0);
            });
        }
    });
    assert_eq!(entries(&desk, "activation").len(), 1);
    let answer = desk.read("0.lic");
    assert!((1..4).all(|number| desk.read(&format!("{number}.lic")) == answer));
}

#[test]
fn a_dry_run_reports_the_same_and_records_nothing() {
    let (desk, id) = desk();
    let dry = activate(&desk, &id, 1, &["--dry-run", "--out", "a.lic", "--json"]);
    let report = dry.expect_code(0).json();
    for issued in ["activation_id", "issued_at", "kid", "path", "token"] {
        assert_eq!(report[issued], Value::Null, "{issued}");
    }
    assert_eq!(report["devices"], json!({"used": 1, "limit": 2}));
    assert!(!desk.file("a.lic").exists());
    assert_eq!(entries(&desk, "activation").len(), 0);
}

#[test]
fn an_enterprise_key_is_activated_by_its_short_form() {
    let desk = Vendor::shared().workstation();
    let key = ["enterprise-key", "--key", "vendor.key", "--company", "ACME"];
    let terms = ["--seats", "5", "--perpetual", "--json"];
    let report = keygen(&desk, &[&key[..], &terms].concat()).expect_code(0);
    let short = report.json()["short_key"].as_str().unwrap().to_owned();
    let report = activate(&desk, &short, 1, &["--json"])
        .expect_code(0)
        .json();
    assert_eq!(report["license_id"], short.as_str());
    assert_eq!(report["needed"], false);
    assert_eq!(report["devices"], json!({"used": 1, "limit": null}));
}

#[test]
fn without_a_ledger_the_license_file_is_needed() {
    let (desk, id) = desk();
    let refused = activate(&desk, &id, 1, &["--no-ledger"]).expect_failure(2);
    assert!(refused.hint.contains("--license"), "{refused:?}");
    let given = ["--no-ledger", "--license", "acme.lic", "--json"];
    let report = activate(&desk, &id, 1, &given).expect_code(0).json();
    assert_eq!(report["devices"], Value::Null);
    let counts = activate(&desk, &id, 1, &given[..3]).expect_code(0).stderr;
    assert!(counts.contains("NOT_COUNTED"), "{counts}");
    assert_eq!(entries(&desk, "activation").len(), 0);
    // The same applies to another ledger.
    let other = ["--ledger", "other.db", "--license", "acme.lic", "--json"];
    let report = activate(&desk, &id, 1, &other).expect_code(0).json();
    assert_eq!(report["devices"], json!({"used": 1, "limit": 2}));
}

#[test]
fn an_answer_as_a_qr_code_is_recorded_once() {
    let (desk, license) = desk();
    let picture = ["--qr", "--out", "answer.png"];
    for wrong in [&["--qr", "--out", "answer.lic"][..], &["--qr", "--json"]] {
        let _ = activate(&desk, &license, 1, wrong).expect_code(2);
    }
    assert!(entries(&desk, "activation").is_empty());
    let _ = activate(&desk, &license, 1, &picture).expect_code(0);
    let drawn = std::fs::read(desk.file("answer.png")).unwrap();
    assert!(drawn.starts_with(b"\x89PNG\r\n"));
    let again = [&picture[..], &["--force"]].concat();
    let report = activate(&desk, &license, 1, &again).expect_code(0);
    assert!(
        report.stderr.contains("same answer is returned"),
        "{}",
        report.stderr
    );
    assert_eq!(std::fs::read(desk.file("answer.png")).unwrap(), drawn);
    let terminal = activate(&desk, &license, 1, &["--qr"]).expect_code(0);
    assert!(terminal.stdout.contains('█'), "{}", terminal.stdout);
    assert_eq!(entries(&desk, "activation").len(), 1);
}

#[test]
fn a_readback_request_is_answered_and_a_wrong_line_is_named() {
    let (desk, license) = desk();
    let letter = MachineRequest::Activation(request(&license, 1, 1));
    let lines = license_core::readback::to_lines(&letter.to_bytes()).unwrap();
    desk.write("request.txt", lines[1..].join("\n"));
    let args = ["activate", "--key", "vendor.key", "request.txt"];
    let activation = keygen(&desk, &args).expect_failure(3);
    assert!(
        activation.message.contains("line 1"),
        "{}",
        activation.message
    );
    assert!(
        activation.hint.contains("read again"),
        "{}",
        activation.hint
    );
    desk.write("request.txt", lines.join("\n"));
    let token = keygen(&desk, &args).expect_code(0).stdout;
    assert_eq!(verified(&token).nonce(), Nonce::from_random([1; 16]));
}
