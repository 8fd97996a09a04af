//! `keygen activate` and `keygen release`.

mod bundle;
mod clock_repair;
mod guide;
mod refusal;
mod reissue;
mod release;
mod same_machine;

use license_core::chrono::TimeDelta;
use license_core::ids::Nonce;
use license_core::license::Activation;
use license_core::machine::{ComponentKind, Fingerprint};
use license_core::requests::{
    ActivationRequest, ActivationSecret, DeactivationReceipt, MachineRequest,
};
use license_core::time::rfc3339;
use license_core::{LicenseId, ProductCode, TrustSet, Unverified, time};

use super::*;

/// Returns a vendor's directory and the id of the license in it. The directory contains the public
/// keys and `acme.lic`, a license for two machines that requires activation.
fn workstation() -> (Scratch, String) {
    let workstation = Vendor::shared().workstation();
    workstation.write("trust.jwks", &Vendor::shared().trust);
    let id = license(
        &workstation,
        "acme.lic",
        &["--devices", "2", "--activation"],
    );
    (workstation, id)
}

/// Issues a perpetual PRO license to a file, and returns its id.
fn license(workstation: &Scratch, out: &str, terms: &[&str]) -> String {
    let usual = ["--tier", "pro", "--perpetual", "--json", "--out", out];
    let report = issued(workstation, &[&usual[..], terms].concat()).expect_code(0);
    report.json()["license_id"].as_str().unwrap().to_owned()
}

fn product() -> ProductCode {
    ProductCode::parse("CODITECT").unwrap()
}

/// Returns the fingerprint of the machine with this number. The machine has an id and a MAC
/// address.
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

/// Returns an activation request of the machine `number`. The nonce and the secret depend on
/// `request_number`.
fn request(license: &str, number: u8, request_number: u8) -> ActivationRequest {
    ActivationRequest {
        product: product(),
        license: LicenseId::parse(license).unwrap(),
        machine: machine(number),
        nonce: Nonce::from_random([request_number; 16]),
        commitment: secret(request_number).commitment(),
        made_at: time::parse_instant("2026-11-23T08:00:00Z").unwrap(),
    }
}

fn receipt(license: &str, number: u8, request_number: u8) -> DeactivationReceipt {
    DeactivationReceipt {
        product: product(),
        license: LicenseId::parse(license).unwrap(),
        machine: machine(number).digest().unwrap(),
        nonce: Nonce::from_random([request_number; 16]),
        secret: secret(request_number),
        made_at: time::parse_instant("2026-11-24T08:00:00Z").unwrap(),
    }
}

fn digest(number: u8) -> String {
    machine(number).digest().unwrap().to_string()
}

fn write(workstation: &Scratch, name: &str, request: MachineRequest) {
    workstation.write(name, request.to_armor());
}

/// Runs `keygen activate` for the first request of a machine.
fn activate(workstation: &Scratch, license: &str, number: u8, options: &[&str]) -> RunOutput {
    activate_with(workstation, &request(license, number, number), options)
}

fn activate_with(
    workstation: &Scratch,
    request: &ActivationRequest,
    options: &[&str],
) -> RunOutput {
    write(
        workstation,
        "request.lic",
        MachineRequest::Activation(request.clone()),
    );
    let args = ["activate", "--key", "vendor.key", "request.lic"];
    keygen(workstation, &[&args, options].concat())
}

fn release(workstation: &Scratch, receipt: DeactivationReceipt, options: &[&str]) -> RunOutput {
    write(
        workstation,
        "receipt.lic",
        MachineRequest::Deactivation(receipt),
    );
    keygen(
        workstation,
        &[&["release", "receipt.lic"], options].concat(),
    )
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
fn entries(workstation: &Scratch, kind: &str) -> Vec<Value> {
    let lines = keygen(workstation, &["ledger", "export"])
        .expect_code(0)
        .stdout;
    let entries = lines.lines().map(serde_json::from_str);
    let entries = entries.map(Result::unwrap);
    entries
        .filter(|entry: &Value| entry["kind"] == kind)
        .collect()
}

#[test]
fn every_command_shows_that_a_license_requires_activation() {
    let workstation = Vendor::shared().workstation();
    let terms = ["--tier", "pro", "--days", "30", "--activation"];
    for output in [&["--dry-run"][..], &["--out", "acme.lic"]] {
        let report = issued(&workstation, &[&terms[..], output].concat()).expect_code(0);
        let line = "activation required on each machine\n";
        assert!(report.stdout.contains(line), "{report:?}");
    }
    let inspect = keygen(&workstation, &["inspect", "acme.lic", "--json"]).expect_code(0);
    let claims = &inspect.json()["tokens"][0]["claims"];
    assert_eq!(claims["activation"], true);
    assert_eq!(claims["crit"], json!(["activation"]));
    let renew = ["renew", "acme.lic", "--key", "vendor.key", "--days", "30"];
    let renewed = keygen(&workstation, &[&renew[..], &["--json"]].concat()).expect_code(0);
    assert_eq!(renewed.json()["activation"], true);
    let trial = ["trial", "--key", "vendor.key", "--customer", "New Ltd"];
    let trial = keygen(
        &workstation,
        &[&trial[..], &["--activation", "--json"]].concat(),
    );
    assert_eq!(trial.expect_code(0).json()["activation"], true);
    let listed = keygen(&workstation, &["ledger", "list", "--json"]).expect_code(0);
    let listed = listed.json();
    let mut licenses = listed["licenses"].as_array().unwrap().iter();
    assert!(licenses.all(|license| license["activation"] == true));
    let plain = ["--tier", "pro", "--days", "30", "--out", "plain.lic"];
    let _ = issued(&workstation, &plain).expect_code(0);
    let diff = keygen(&workstation, &["diff", "plain.lic", "acme.lic", "--json"]).expect_code(0);
    let losses = diff.json()["losses"].clone();
    let mut losses = losses.as_array().unwrap().iter();
    assert!(losses.any(|loss| loss["what"] == "activation"));
}

#[test]
fn a_batch_column_requires_activation() {
    let workstation = Vendor::shared().workstation();
    let orders = "customer,tier,days,activation\nA,pro,30,yes\nB,pro,30,no\n";
    workstation.write("orders.csv", orders);
    let batch = ["batch", "orders.csv", "--key", "vendor.key", "--out", "all"];
    let _ = keygen(&workstation, &batch).expect_code(0);
    let licenses = entries(&workstation, "license");
    let required = |entry: &Value| entry["body"]["activation"].clone();
    let required: Vec<_> = licenses.iter().map(required).collect();
    assert_eq!(required, [json!(true), json!(false)]);
}

#[test]
fn the_answer_contains_the_values_of_the_request() {
    let (workstation, id) = workstation();
    let report = activate(&workstation, &id, 1, &["--out", "activation.lic", "--json"]);
    let report = report.expect_code(0).json();
    let file = workstation.read("activation.lic");
    assert!(file.starts_with("-----BEGIN LICENSE ACTIVATION-----\n"));
    let activation = verified(&file);
    let requested = request(&id, 1, 1);
    assert_eq!(activation.license_id(), &requested.license);
    assert_eq!(
        activation.machine().to_string(),
        requested.machine.to_string()
    );
    assert_eq!(
        (activation.nonce(), activation.commitment()),
        (requested.nonce, requested.commitment)
    );
    let expected = json!({
        "activation_id": activation.id().as_str(), "license_id": id, "product": "CODITECT",
        "customer": "ACME Ltd", "machine": digest(1), "nonce": "01".repeat(16), "requested_at": "2026-11-23T08:00:00Z",
        "issued_at": rfc3339(activation.issued_at()).to_string(), "needed": true,
        "devices": {"used": 1, "limit": 2}, "answered_before": false,
        "kid": Vendor::shared().kid, "path": "activation.lic", "token": null, "dry_run": false,
    });
    assert_eq!(report, expected);
    let entry = &entries(&workstation, "activation")[0];
    assert_eq!(entry["subject"], id.as_str());
    assert_eq!(entry["body"]["machine"], digest(1));
    assert_eq!(entry["body"]["customer"], "ACME Ltd");
    assert_eq!(
        entry["body"]["commitment"],
        requested.commitment.to_string()
    );
    assert_eq!(
        verified(entry["artefact"].as_str().unwrap()).id(),
        activation.id()
    );
}

#[test]
fn an_activation_is_valid_only_on_its_machine() {
    let (workstation, id) = workstation();
    let _ = activate(&workstation, &id, 1, &["--out", "activation.lic"]).expect_code(0);
    let all = workstation.read("acme.lic") + &workstation.read("activation.lic");
    let trust = TrustSet::parse(&Vendor::shared().trust).unwrap();
    let matrix = license_core::FeatureMatrix::built_in();
    let code = |text: &str, number| {
        let bundle = license_core::VerifiedLicenses::verify(text, &trust, matrix).unwrap();
        let here = license_core::machine::Machine::Fingerprint(machine(number));
        let now = bundle.newest_signature().unwrap();
        let context = license_core::Context::at(now).machine(&here);
        bundle.evaluate(matrix, &context).code().as_str()
    };
    assert_eq!(code(&workstation.read("acme.lic"), 1), "NOT_ACTIVATED");
    assert_eq!(code(&all, 1), "VALID");
    assert_eq!(code(&all, 2), "NOT_ACTIVATED");
}

#[test]
fn a_repeated_request_gets_the_same_answer_and_counts_once() {
    let (workstation, id) = workstation();
    let _ = activate(&workstation, &id, 1, &["--out", "one.lic"]).expect_code(0);
    // No key is opened for a repeated answer.
    workstation.write_private("other.key", "no key at all");
    let again = ["activate", "--key", "other.key", "request.lic"];
    let report = keygen(&workstation, &[&again[..], &["--out", "two.lic"]].concat()).expect_code(0);
    assert!(report.stderr.contains("already answered at"), "{report:?}");
    assert_eq!(workstation.read("one.lic"), workstation.read("two.lic"));
    let report = keygen(&workstation, &[&again[..], &["--json"]].concat());
    let report = report.expect_code(0).json();
    assert_eq!(report["answered_before"], true);
    assert_eq!(
        verified(report["token"].as_str().unwrap()).id().as_str(),
        report["activation_id"]
    );
    let dry = keygen(
        &workstation,
        &[&again[..], &["--json", "--dry-run"]].concat(),
    );
    assert_eq!(dry.code, Some(3), "a dry run checks the key: {dry:?}");
    assert_eq!(entries(&workstation, "activation").len(), 1);
    // A request that differs only in its time gets the same answer.
    let mut later = request(&id, 1, 1);
    later.made_at += TimeDelta::minutes(1);
    let report = activate_with(&workstation, &later, &["--json"]).expect_code(0);
    assert_eq!(report.json()["answered_before"], true);
}

#[test]
fn a_machine_counts_once_for_check_ins_and_activations() {
    let (workstation, id) = workstation();
    let check_in = ["check-in", "--key", "vendor.key", "acme.lic", "--machine"];
    let check_in = |number| keygen(&workstation, &[&check_in[..], &[&digest(number)]].concat());
    let _ = check_in(1).expect_code(0);
    let used = |outcome: RunOutput| outcome.expect_code(0).json()["devices"]["used"].clone();
    assert_eq!(used(activate(&workstation, &id, 1, &["--json"])), 1);
    let second = request(&id, 1, 100);
    assert_eq!(used(activate_with(&workstation, &second, &["--json"])), 1);
    assert_eq!(used(activate(&workstation, &id, 2, &["--json"])), 2);
    let refused = activate(&workstation, &id, 3, &["--json"]);
    assert_eq!(refused.expect_json_failure(2), "DEVICE_LIMIT");
    let error = check_in(3).expect_failure(2);
    assert!(error.message.contains("allows 2 machines"), "{error:?}");
    assert!(error.hint.contains("keygen release"), "{error:?}");
    let released = words("ledger show --json acme.lic");
    let shown = keygen(&workstation, &released).expect_code(0).json();
    for activation in shown["activations"].as_array().unwrap() {
        let id = activation["activation_id"].as_str().unwrap();
        assert!(error.hint.contains(id), "{error:?}");
    }
    let dry = activate(&workstation, &id, 3, &["--json", "--dry-run"]);
    assert_eq!(dry.expect_json_failure(2), "DEVICE_LIMIT");
    assert_eq!(
        used(activate(
            &workstation,
            &id,
            3,
            &["--over-device-limit", "--json"]
        )),
        3
    );
}

#[test]
fn an_upgrade_keeps_the_machines_and_the_replaced_license_accepts_no_new_machine() {
    let (workstation, id) = workstation();
    let _ = activate(&workstation, &id, 1, &[]).expect_code(0);
    let upgrade = ["upgrade", "acme.lic", "--key", "vendor.key", "--seats", "9"];
    let next = keygen(
        &workstation,
        &[&upgrade[..], &["--out", "next.lic", "--json"]].concat(),
    );
    let next = next.expect_code(0).json()["license_id"].clone();
    let next = next.as_str().unwrap();
    let _ = activate(&workstation, next, 2, &[]).expect_code(0);
    let refused = activate(&workstation, next, 3, &["--json"]);
    assert_eq!(refused.expect_json_failure(2), "DEVICE_LIMIT");
    // The first activation is that of the replaced license.
    let shown = keygen(&workstation, &["ledger", "show", next, "--json"])
        .expect_code(0)
        .json();
    let shown = shown["activations"].as_array().unwrap();
    let licenses: Vec<_> = shown
        .iter()
        .map(|activation| &activation["license_id"])
        .collect();
    assert_eq!(licenses, [next, &*id]);
    let error = activate(&workstation, next, 3, &[]).expect_failure(2);
    for activation in shown {
        let id = activation["activation_id"].as_str().unwrap();
        assert!(error.hint.contains(id), "{error:?}");
    }
    let text = keygen(&workstation, &["ledger", "show", next])
        .expect_code(0)
        .stdout;
    assert!(text.contains(&format!("  of license {id}\n")), "{text}");
    // The machine would also count for the upgraded license.
    let refused = activate(&workstation, &id, 3, &["--json"]);
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.stdout.contains("DEVICE_LIMIT"), "{refused:?}");
    let report = activate_with(&workstation, &request(&id, 1, 100), &[]).expect_code(0);
    assert!(report.stderr.contains("SUPERSEDED"), "{report:?}");
    assert!(report.stderr.contains(next), "{report:?}");
}

#[test]
fn concurrent_processes_cannot_exceed_the_device_limit() {
    for round in 0..4 {
        let (workstation, id) = workstation();
        let _ = activate(&workstation, &id, 1, &[]).expect_code(0);
        let names = ["two.lic", "three.lic", "four.lic"];
        for (number, name) in (2..).zip(names) {
            write(
                &workstation,
                name,
                MachineRequest::Activation(request(&id, number, number)),
            );
        }
        let codes: Vec<_> = std::thread::scope(|scope| {
            let run = |name| keygen(&workstation, &["activate", "--key", "vendor.key", name]).code;
            let runs = names.map(|name| scope.spawn(move || run(name)));
            runs.into_iter().map(|run| run.join().unwrap()).collect()
        });
        let done = codes.iter().filter(|code| **code == Some(0)).count();
        let refused = codes.iter().filter(|code| **code == Some(2)).count();
        assert_eq!((done, refused), (1, 2), "round {round}");
        assert_eq!(entries(&workstation, "activation").len(), 2);
    }
}

#[test]
fn a_request_that_is_answered_concurrently_has_one_answer() {
    let (workstation, id) = workstation();
    write(
        &workstation,
        "request.lic",
        MachineRequest::Activation(request(&id, 1, 1)),
    );
    std::thread::scope(|scope| {
        for number in 0..4 {
            let (workstation, out) = (&workstation, format!("{number}.lic"));
            scope.spawn(move || {
                let args = ["activate", "--key", "vendor.key", "request.lic", "--out"];
                let _ = keygen(workstation, &[&args[..], &[&out]].concat()).expect_code(0);
            });
        }
    });
    assert_eq!(entries(&workstation, "activation").len(), 1);
    let answer = workstation.read("0.lic");
    assert!((1..4).all(|number| workstation.read(&format!("{number}.lic")) == answer));
}

#[test]
fn a_dry_run_counts_the_machine_and_records_nothing() {
    let (workstation, id) = workstation();
    let dry = activate(
        &workstation,
        &id,
        1,
        &["--dry-run", "--out", "a.lic", "--json"],
    );
    let report = dry.expect_code(0).json();
    for issued in ["activation_id", "issued_at", "kid", "path", "token"] {
        assert_eq!(report[issued], Value::Null, "{issued}");
    }
    assert_eq!(report["devices"], json!({"used": 1, "limit": 2}));
    assert!(!workstation.file("a.lic").exists());
    assert_eq!(entries(&workstation, "activation").len(), 0);
}

#[test]
fn an_enterprise_key_is_activated_by_its_short_form() {
    let workstation = Vendor::shared().workstation();
    let key = ["enterprise-key", "--key", "vendor.key", "--company", "ACME"];
    let terms = ["--seats", "5", "--perpetual", "--json"];
    let report = keygen(&workstation, &[&key[..], &terms].concat()).expect_code(0);
    let short = report.json()["short_key"].as_str().unwrap().to_owned();
    let report = activate(&workstation, &short, 1, &["--json"])
        .expect_code(0)
        .json();
    assert_eq!(report["license_id"], short.as_str());
    assert_eq!(report["needed"], false);
    assert_eq!(report["devices"], json!({"used": 1, "limit": null}));
}

#[test]
fn without_a_ledger_the_license_file_is_needed() {
    let (workstation, id) = workstation();
    let refused = activate(&workstation, &id, 1, &["--no-ledger"]).expect_failure(2);
    assert!(refused.hint.contains("--license"), "{refused:?}");
    let given = ["--no-ledger", "--license", "acme.lic", "--json"];
    let report = activate(&workstation, &id, 1, &given).expect_code(0).json();
    assert_eq!(report["devices"], Value::Null);
    let counts = activate(&workstation, &id, 1, &given[..3])
        .expect_code(0)
        .stderr;
    assert!(counts.contains("NOT_COUNTED"), "{counts}");
    assert_eq!(entries(&workstation, "activation").len(), 0);
    // A ledger that does not contain the license needs the file too, but it counts the machine.
    let other = ["--ledger", "other.db", "--license", "acme.lic", "--json"];
    let report = activate(&workstation, &id, 1, &other).expect_code(0).json();
    assert_eq!(report["devices"], json!({"used": 1, "limit": 2}));
}

#[test]
fn an_answer_as_a_qr_code_is_recorded_once() {
    let (workstation, license) = workstation();
    let picture = ["--qr", "--out", "answer.png"];
    for wrong in [&["--qr", "--out", "answer.lic"][..], &["--qr", "--json"]] {
        let _ = activate(&workstation, &license, 1, wrong).expect_code(2);
    }
    assert!(entries(&workstation, "activation").is_empty());
    let _ = activate(&workstation, &license, 1, &picture).expect_code(0);
    let drawn = std::fs::read(workstation.file("answer.png")).unwrap();
    assert!(drawn.starts_with(b"\x89PNG\r\n"));
    let again = [&picture[..], &["--force"]].concat();
    let report = activate(&workstation, &license, 1, &again).expect_code(0);
    assert!(
        report.stderr.contains("same answer is returned"),
        "{}",
        report.stderr
    );
    assert_eq!(
        std::fs::read(workstation.file("answer.png")).unwrap(),
        drawn
    );
    let terminal = activate(&workstation, &license, 1, &["--qr"]).expect_code(0);
    assert!(terminal.stdout.contains('█'), "{}", terminal.stdout);
    assert_eq!(entries(&workstation, "activation").len(), 1);
}

#[test]
fn a_readback_request_is_answered_and_a_missing_line_is_named() {
    let (workstation, license) = workstation();
    let machine_request = MachineRequest::Activation(request(&license, 1, 1));
    let lines = license_core::requests::readback::to_lines(&machine_request.to_bytes()).unwrap();
    workstation.write("request.txt", lines[1..].join("\n"));
    let args = ["activate", "--key", "vendor.key", "request.txt"];
    let error = keygen(&workstation, &args).expect_failure(3);
    assert!(error.message.contains("line 1"), "{error:?}");
    assert!(error.hint.contains("read again"), "{error:?}");
    workstation.write("request.txt", lines.join("\n"));
    let token = keygen(&workstation, &args).expect_code(0).stdout;
    assert_eq!(verified(&token).nonce(), Nonce::from_random([1; 16]));
}

/// The mail is wrapped, quoted and has the line breaks of Windows.
#[test]
fn a_request_is_found_in_a_mail_and_two_requests_are_refused() {
    let (workstation, license) = workstation();
    let armor = MachineRequest::Activation(request(&license, 1, 1)).to_armor();
    let quoted = format!("> {}", armor.trim_end().replace('\n', "\n> "));
    let mail = format!("Jo wrote:\n> Hello,\n{quoted}\n> Bye\n\nBest regards\n");
    workstation.write("mail.txt", mail.replace('\n', "\r\n"));
    let args = ["activate", "--key", "vendor.key", "mail.txt"];
    let token = keygen(&workstation, &args).expect_code(0).stdout;
    assert_eq!(verified(&token).nonce(), Nonce::from_random([1; 16]));
    workstation.write("mail.txt", format!("{mail}{armor}"));
    let copies = keygen(&workstation, &[&args[..], &["--json"]].concat()).expect_code(0);
    assert_eq!(copies.json()["answered_before"], true);
    let other = MachineRequest::Activation(request(&license, 2, 1)).to_armor();
    workstation.write("mail.txt", format!("{mail}{other}"));
    let error = keygen(&workstation, &args).expect_failure(3);
    assert!(error.message.ends_with("found several"), "{error:?}");
    assert_eq!(entries(&workstation, "activation").len(), 1);
}
