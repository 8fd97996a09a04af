//! Activations, releases and clock repairs in the ledger.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use license_core::ids::Nonce;
use license_core::machine::{ComponentKind, Fingerprint};
use license_core::requests::{
    ActivationRequest, ActivationSecret, ClockRequest, DeactivationReceipt, MachineRequest,
};
use license_core::{LicenseId, ProductCode, time};

use super::*;

fn machine() -> Fingerprint {
    let product = ProductCode::parse("CODITECT").unwrap();
    let id = (ComponentKind::MachineId, "5a7c3e9b1d2f48069ab4c8e0d6f1735b");
    Fingerprint::new(product, [id])
}

fn digest() -> String {
    machine().digest().unwrap().to_string()
}

fn secret(number: u8) -> ActivationSecret {
    ActivationSecret::from_random([number; 32])
}

fn request(license: &str, number: u8) -> MachineRequest {
    MachineRequest::Activation(ActivationRequest {
        product: ProductCode::parse("CODITECT").unwrap(),
        license: LicenseId::parse(license).unwrap(),
        machine: machine(),
        nonce: Nonce::from_random([number; 16]),
        commitment: secret(number).commitment(),
        made_at: time::parse_instant("2026-11-23T08:00:00Z").unwrap(),
    })
}

fn receipt(license: &str, number: u8) -> MachineRequest {
    MachineRequest::Deactivation(DeactivationReceipt {
        product: ProductCode::parse("CODITECT").unwrap(),
        license: LicenseId::parse(license).unwrap(),
        machine: machine().digest().unwrap(),
        nonce: Nonce::from_random([number; 16]),
        secret: secret(number),
        made_at: time::parse_instant("2026-11-24T08:00:00Z").unwrap(),
    })
}

fn clock() -> MachineRequest {
    MachineRequest::Clock(ClockRequest {
        product: ProductCode::parse("CODITECT").unwrap(),
        machine: machine(),
        nonce: Nonce::from_random([9; 16]),
        mark: time::parse_instant("2099-01-01").unwrap(),
        made_at: time::parse_instant("2026-11-23T08:00:00Z").unwrap(),
    })
}

#[track_caller]
fn activate(vendor: &Scratch, license: &str, number: u8) -> Value {
    vendor.write("request.lic", request(license, number).to_armor());
    let args = ["activate", "--key", "vendor.key", "request.lic", "--out"];
    keygen_json(vendor, &[&args[..], &[&format!("a{number}.lic")]].concat())
}

#[track_caller]
fn release(vendor: &Scratch, license: &str, number: u8) -> Value {
    vendor.write("receipt.lic", receipt(license, number).to_armor());
    keygen_json(vendor, &["release", "receipt.lic"])
}

#[track_caller]
fn repair(vendor: &Scratch) -> Value {
    vendor.write("clock.lic", clock().to_armor());
    let args = ["clock-repair", "--key", "vendor.key", "clock.lic"];
    keygen_json(vendor, &[&args[..], &["--out", "repair.lic"]].concat())
}

/// Creates a ledger with a clock repair and with two activations of one license. The first
/// activation is released. Returns the ids of the license and of the activations.
fn filled() -> (Scratch, String, [String; 2]) {
    let vendor = vendor();
    let license = issue(&vendor, "acme.lic", &["--activation"]);
    let license = text(&license["license_id"]).to_owned();
    let one = text(&activate(&vendor, &license, 1)["activation_id"]).to_owned();
    release(&vendor, &license, 1);
    let two = text(&activate(&vendor, &license, 2)["activation_id"]).to_owned();
    repair(&vendor);
    (vendor, license, [one, two])
}

#[test]
fn a_list_counts_licenses_and_ended_activations_separately() {
    let (vendor, license, _) = filled();
    let dry_run = ["revocations", "--key", "vendor.key", "--dry-run"];
    let counts = || {
        let report = keygen_json(&vendor, &dry_run);
        let shown = keygen(&vendor, &dry_run).expect_code(0).stdout;
        let line = shown.lines().find(|line| line.starts_with("revoked"));
        (
            [report["revoked"].clone(), report["activations"].clone()],
            line.unwrap().to_owned(),
        )
    };
    let expected = "revoked    0 licenses, 1 ended activation".to_owned();
    assert_eq!(counts(), ([json!(1), json!(1)], expected));
    keygen_json(&vendor, &["revoke", &license, "--reason", "refund"]);
    let expected = "revoked    1 license, 1 ended activation".to_owned();
    assert_eq!(counts(), ([json!(2), json!(1)], expected));
}

#[test]
fn show_lists_the_activations_of_a_license() {
    let (vendor, license, [one, two]) = filled();
    let report = keygen_json(&vendor, &["ledger", "show", &license]);
    let activations = report["activations"].as_array().unwrap();
    let ids: Vec<_> = activations
        .iter()
        .map(|activation| text(&activation["activation_id"]))
        .collect();
    assert_eq!(ids, [&one, &two]);
    assert_eq!(activations[0]["machine"], digest());
    assert_eq!(activations[0]["released_by"], "receipt");
    assert!(activations[0]["released_at"].is_string());
    assert_eq!(activations[1]["released_at"], Value::Null);
    let shown = keygen(&vendor, &["ledger", "show", &license])
        .expect_code(0)
        .stdout;
    // The status of the license comes first.
    let lines: Vec<_> = shown.lines().collect();
    let starts = (0..lines.len()).filter(|&line| lines[line].starts_with("activation "));
    let lines: Vec<_> = starts.map(|line| lines[line..line + 3].concat()).collect();
    assert!(
        lines[0].contains(&one) && lines[0].contains(", released 20"),
        "{shown}"
    );
    assert!(
        lines[1].contains(&two) && !lines[1].contains("released"),
        "{shown}"
    );
    // The license is also found by the id of an activation and by the nonce of a request.
    let nonce = "02".repeat(16);
    for name in [two.as_str(), &nonce, &two.to_uppercase()] {
        let report = keygen_json(&vendor, &["ledger", "show", name]);
        assert_eq!(report["subject"], license.as_str(), "{name}");
    }
    let report = keygen_json(&vendor, &["ledger", "show", &"09".repeat(16)]);
    let repair = report["entries"].as_array().unwrap().iter();
    assert!(
        repair
            .map(|entry| &entry["kind"])
            .any(|kind| kind == "clock_repair")
    );
    let report = keygen_json(&vendor, &["ledger", "show", &digest().to_uppercase()]);
    assert_eq!(report["subject"], digest());
    let kinds = report["entries"].as_array().unwrap().iter();
    let kinds: Vec<_> = kinds.map(|entry| text(&entry["kind"])).collect();
    let expected = ["activation", "release", "activation", "clock_repair"];
    assert_eq!(kinds, expected);
    assert_eq!(report["activations"][1]["activation_id"], two.as_str());
    assert_eq!(report["activations"][1]["license_id"], license.as_str());
    let none = format!("mach_{}", "ab".repeat(16));
    keygen(&vendor, &["ledger", "show", &none]).expect_failure(2);
    let stats = keygen_json(&vendor, &["ledger", "stats"]);
    let count = |kind: &str| stats["entries"][kind].clone();
    assert_eq!(
        ["activation", "release", "clock_repair"].map(count),
        [json!(2), json!(1), json!(1)]
    );
}

#[test]
fn a_license_is_found_by_the_ids_of_its_activations() {
    let (vendor, license, [one, _]) = filled();
    issue(&vendor, "other.lic", &[]);
    let digest = digest();
    for name in [
        &one[..],
        &one[24..],
        &digest,
        &digest[5..20],
        &"01".repeat(16),
    ] {
        let found = licenses(&vendor, &["find", name]);
        assert_eq!(found.len(), 1, "{name}");
        assert_eq!(found[0]["license_id"], license.as_str(), "{name}");
    }
}

#[test]
fn a_lost_answer_is_sent_again() {
    let (vendor, _, [one, two]) = filled();
    for (name, file, status) in [
        (&two, "a2.lic", "active"),
        (&"02".repeat(16), "a2.lic", "active"),
        (&one, "a1.lic", "released"),
        (&"09".repeat(16), "repair.lic", "answered"),
    ] {
        let report = keygen_json(&vendor, &["ledger", "resend", name]);
        assert_eq!(report["answer"], vendor.read(file), "{name}");
        assert_eq!(report["status"], status, "{name}");
    }
    let resend = keygen(&vendor, &["ledger", "resend", &one, "--out", "again.lic"]);
    assert!(resend.expect_code(0).stderr.contains("RELEASED"));
    assert_eq!(vendor.read("again.lic"), vendor.read("a1.lic"));
    let before = verified_chain(&vendor);
    keygen(&vendor, &["ledger", "resend", &"07".repeat(16)]).expect_failure(2);
    assert_eq!(verified_chain(&vendor), before);
}

#[test]
fn an_export_contains_activations_and_a_changed_export_is_refused() {
    let (vendor, license, [one, two]) = filled();
    let _ = keygen(&vendor, &["ledger", "export", "--out", "all.jsonl"]).expect_code(0);
    let all = vendor.read("all.jsonl");
    let other = self::vendor();
    other.write("all.jsonl", &all);
    let import = ["ledger", "import", "--trust", "trust.jwks", "all.jsonl"];
    assert_eq!(keygen_json(&other, &import)["entered"], 6);
    assert_eq!(keygen_json(&other, &import)["known"], 6);
    verified_chain(&other);
    let activations = |vendor: &Scratch| {
        keygen_json(vendor, &["ledger", "show", &license])["activations"].clone()
    };
    assert_eq!(activations(&other), activations(&vendor));
    // The other ledger knows that the first activation has ended.
    other.write("request.lic", request(&license, 1).to_armor());
    let again = ["activate", "--key", "vendor.key", "request.lic", "--json"];
    assert_eq!(keygen(&other, &again).expect_json_failure(2), "REPLAYED");
    let elsewhere = self::vendor();
    let nonce = "02".repeat(16);
    for (change, edited) in [
        ("another nonce", all.replace(&nonce, &"03".repeat(16))),
        (
            "another machine",
            all.replace(&digest(), &format!("mach_{}", "ab".repeat(16))),
        ),
        ("another id", all.replace(&two, &one)),
        (
            "a release without a reason",
            all.replace("\"reason\":\"released\"", "\"reason\":\"\""),
        ),
        (
            "another kind",
            all.replace("\"clock_repair\"", "\"activation\""),
        ),
    ] {
        assert_ne!(edited, all, "{change}");
        elsewhere.write("all.jsonl", edited);
        let _ = keygen(&elsewhere, &import).expect_failure(3);
    }
}

#[test]
fn an_answer_that_was_issued_without_a_ledger_is_imported_from_its_file() {
    let (vendor, license, _) = filled();
    let other = self::vendor();
    for file in ["acme.lic", "a2.lic", "repair.lic"] {
        other.write(file, vendor.read(file));
    }
    let import = words("ledger import --trust trust.jwks a2.lic acme.lic repair.lic");
    assert_eq!(keygen_json(&other, &import)["entered"], 3);
    assert_eq!(keygen_json(&other, &import)["known"], 3);
    assert_eq!(kinds(&other), ["activation", "license", "clock_repair"]);
    release(&other, &license, 2);
}

#[test]
fn after_a_kill_an_answer_is_recorded_if_and_only_if_its_file_exists() {
    const KILLS: u8 = 40;
    let vendor = vendor();
    let license = issue(&vendor, "acme.lic", &[]);
    let license = text(&license["license_id"]).to_owned();
    let started = Instant::now();
    activate(&vendor, &license, 200);
    let duration = started.elapsed();
    for kill in 0..KILLS {
        let (request_file, out) = (format!("r{kill}"), format!("k{kill}.out"));
        vendor.write(&request_file, request(&license, kill).to_armor());
        let args = [
            "activate",
            "--key",
            "vendor.key",
            &request_file,
            "--out",
            &out,
        ];
        let mut child = Run::keygen(&vendor).args(args).start();
        std::thread::sleep(
            duration * u32::from(kill) / u32::from(KILLS) + Duration::from_micros(50),
        );
        let _ = child.kill();
        let _ = child.wait().unwrap();
        kill::recover(&vendor, "acme.lic");
        let recorded: BTreeSet<_> = export(&vendor)
            .into_iter()
            .filter(|entry| entry["body"]["nonce"] == format!("{kill:02x}").repeat(16))
            .map(|entry| text(&entry["artefact"]).to_owned())
            .collect();
        let delivered: BTreeSet<String> = vendor
            .file(&out)
            .exists()
            .then(|| vendor.read(&out))
            .map(|file| {
                file.lines()
                    .filter(|line| !line.starts_with("-----"))
                    .collect()
            })
            .into_iter()
            .collect();
        assert_eq!(recorded, delivered, "kill {kill}");
    }
    verified_chain(&vendor);
}
