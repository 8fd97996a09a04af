//! Activations, releases and clock repairs in the ledger: shown, found, sent again, exported, and whole whenever somebody dies.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use license_core::{
    ActivationRequest, ClockRequest, ComponentKind, Fingerprint, Letter, LicenseId, Nonce,
    ProductCode, Receipt, Secret, Timestamp,
};

use super::*;

fn machine() -> Fingerprint {
    let product = ProductCode::parse("CODITECT").unwrap();
    let id = (ComponentKind::MachineId, "5a7c3e9b1d2f48069ab4c8e0d6f1735b");
    Fingerprint::of(product, [id])
}

fn digest() -> String {
    machine().digest().unwrap().to_string()
}

fn secret(number: u8) -> Secret {
    Secret::from_random([number; 32])
}

fn request(license: &str, number: u8) -> Letter {
    Letter::Activation(ActivationRequest {
        product: ProductCode::parse("CODITECT").unwrap(),
        license: LicenseId::parse(license).unwrap(),
        machine: machine(),
        nonce: Nonce::from_random([number; 16]),
        commitment: secret(number).commitment(),
        made_at: Timestamp::parse("2026-11-23T08:00:00Z").unwrap(),
    })
}

fn receipt(license: &str, number: u8) -> Letter {
    Letter::Deactivation(Receipt {
        product: ProductCode::parse("CODITECT").unwrap(),
        license: LicenseId::parse(license).unwrap(),
        machine: machine().digest().unwrap(),
        nonce: Nonce::from_random([number; 16]),
        secret: secret(number),
        made_at: Timestamp::parse("2026-11-24T08:00:00Z").unwrap(),
    })
}

fn clock() -> Letter {
    Letter::Clock(ClockRequest {
        product: ProductCode::parse("CODITECT").unwrap(),
        machine: machine(),
        nonce: Nonce::from_random([9; 16]),
        mark: Timestamp::parse("2099-01-01").unwrap(),
        made_at: Timestamp::parse("2026-11-23T08:00:00Z").unwrap(),
    })
}

#[track_caller]
fn activate(desk: &Scratch, license: &str, number: u8) -> Value {
    desk.write("request.lic", request(license, number).to_armor());
    let args = ["activate", "--key", "vendor.key", "request.lic", "--out"];
    told(desk, &[&args[..], &[&format!("a{number}.lic")]].concat())
}

#[track_caller]
fn release(desk: &Scratch, license: &str, number: u8) -> Value {
    desk.write("receipt.lic", receipt(license, number).to_armor());
    told(desk, &["release", "receipt.lic"])
}

#[track_caller]
fn repair(desk: &Scratch) -> Value {
    desk.write("clock.lic", clock().to_armor());
    let args = ["clock-repair", "--key", "vendor.key", "clock.lic"];
    told(desk, &[&args[..], &["--out", "repair.lic"]].concat())
}

/// A desk with two activations of a license, the first released, and a clock repair; with the ids of the license and the two.
fn filled() -> (Scratch, String, [String; 2]) {
    let desk = desk();
    let license = issue(&desk, "acme.lic", &["--activation"]);
    let license = text(&license["license_id"]).to_owned();
    let one = text(&activate(&desk, &license, 1)["activation_id"]).to_owned();
    release(&desk, &license, 1);
    let two = text(&activate(&desk, &license, 2)["activation_id"]).to_owned();
    repair(&desk);
    (desk, license, [one, two])
}

#[test]
fn show_lists_the_activations_of_a_license() {
    let (desk, license, [one, two]) = filled();
    let told = told(&desk, &["ledger", "show", &license]);
    let activations = told["activations"].as_array().unwrap();
    let ids: Vec<_> = activations
        .iter()
        .map(|known| text(&known["activation_id"]))
        .collect();
    assert_eq!(ids, [&one, &two]);
    assert_eq!(activations[0]["machine"], digest());
    assert_eq!(activations[0]["released_by"], "receipt");
    assert!(activations[0]["released_at"].is_string());
    assert_eq!(activations[1]["released_at"], Value::Null);
    let shown = keygen(&desk, &["ledger", "show", &license])
        .expect_code(0)
        .stdout;
    let lines: Vec<_> = shown.lines().take(3).collect();
    assert!(
        lines[1].contains(&one) && lines[1].contains(", released 20"),
        "{shown}"
    );
    assert!(
        lines[2].contains(&two) && !lines[2].contains("released"),
        "{shown}"
    );
    // By its own id, by the nonce of the request, and of the machine.
    let nonce = "02".repeat(16);
    for name in [two.as_str(), &nonce, &two.to_uppercase()] {
        let told = super::told(&desk, &["ledger", "show", name]);
        assert_eq!(told["subject"], license.as_str(), "{name}");
    }
    let told = super::told(&desk, &["ledger", "show", &"09".repeat(16)]);
    let repair = told["entries"].as_array().unwrap().iter();
    assert!(
        repair
            .map(|entry| &entry["kind"])
            .any(|kind| kind == "clock_repair")
    );
    let told = super::told(&desk, &["ledger", "show", &digest().to_uppercase()]);
    assert_eq!(told["subject"], digest());
    let kinds = told["entries"].as_array().unwrap().iter();
    let kinds: Vec<_> = kinds.map(|entry| text(&entry["kind"])).collect();
    let expected = ["activation", "release", "activation", "clock_repair"];
    assert_eq!(kinds, expected);
    assert_eq!(told["activations"][1]["activation_id"], two.as_str());
    assert_eq!(told["activations"][1]["license_id"], license.as_str());
    let none = format!("mach_{}", "ab".repeat(16));
    keygen(&desk, &["ledger", "show", &none]).expect_failure(2);
    let stats = super::told(&desk, &["ledger", "stats"]);
    let count = |kind: &str| stats["entries"][kind].clone();
    assert_eq!(
        ["activation", "release", "clock_repair"].map(count),
        [json!(2), json!(1), json!(1)]
    );
}

#[test]
fn a_license_is_found_by_what_is_known_of_its_activations() {
    let (desk, license, [one, _]) = filled();
    issue(&desk, "other.lic", &[]);
    let digest = digest();
    for name in [
        &one[..],
        &one[24..],
        &digest,
        &digest[5..20],
        &"01".repeat(16),
    ] {
        let found = licenses(&desk, &["find", name]);
        assert_eq!(found.len(), 1, "{name}");
        assert_eq!(found[0]["license_id"], license.as_str(), "{name}");
    }
}

#[test]
fn an_answer_that_was_lost_is_sent_again() {
    let (desk, _, [one, two]) = filled();
    for (name, file, status) in [
        (&two, "a2.lic", "active"),
        (&"02".repeat(16), "a2.lic", "active"),
        (&one, "a1.lic", "released"),
        (&"09".repeat(16), "repair.lic", "answered"),
    ] {
        let told = told(&desk, &["ledger", "resend", name]);
        assert_eq!(told["answer"], desk.read(file), "{name}");
        assert_eq!(told["status"], status, "{name}");
    }
    let resend = keygen(&desk, &["ledger", "resend", &one, "--out", "again.lic"]);
    assert!(resend.expect_code(0).stderr.contains("RELEASED"));
    assert_eq!(desk.read("again.lic"), desk.read("a1.lic"));
    let before = whole(&desk);
    keygen(&desk, &["ledger", "resend", &"07".repeat(16)]).expect_failure(2);
    assert_eq!(whole(&desk), before);
}

#[test]
fn an_export_brings_them_along_and_what_was_changed_is_refused() {
    let (desk, license, [one, two]) = filled();
    let _ = keygen(&desk, &["ledger", "export", "--out", "all.jsonl"]).expect_code(0);
    let all = desk.read("all.jsonl");
    let other = self::desk();
    other.write("all.jsonl", &all);
    let import = ["ledger", "import", "--trust", "trust.jwks", "all.jsonl"];
    assert_eq!(told(&other, &import)["entered"], 6);
    assert_eq!(told(&other, &import)["known"], 6);
    whole(&other);
    let activations =
        |desk: &Scratch| told(desk, &["ledger", "show", &license])["activations"].clone();
    assert_eq!(activations(&other), activations(&desk));
    // It is known there that the first one is no way back.
    other.write("request.lic", request(&license, 1).to_armor());
    let again = ["activate", "--key", "vendor.key", "request.lic", "--json"];
    assert_eq!(keygen(&other, &again).expect_json_failure(2), "REPLAYED");
    let elsewhere = self::desk();
    let nonce = "02".repeat(16);
    for (what, edited) in [
        ("a nonce", all.replace(&nonce, &"03".repeat(16))),
        (
            "a machine",
            all.replace(&digest(), &format!("mach_{}", "ab".repeat(16))),
        ),
        ("an id", all.replace(&two, &one)),
        (
            "a release of nothing",
            all.replace("\"reason\":\"released\"", "\"reason\":\"\""),
        ),
        (
            "another kind",
            all.replace("\"clock_repair\"", "\"activation\""),
        ),
    ] {
        assert_ne!(edited, all, "{what}");
        elsewhere.write("all.jsonl", edited);
        let _ = keygen(&elsewhere, &import).expect_failure(3);
    }
}

#[test]
fn an_answer_that_was_minted_without_a_ledger_is_entered_by_its_file() {
    let (desk, license, _) = filled();
    let other = self::desk();
    for file in ["acme.lic", "a2.lic", "repair.lic"] {
        other.write(file, desk.read(file));
    }
    let import = words("ledger import --trust trust.jwks a2.lic acme.lic repair.lic");
    assert_eq!(told(&other, &import)["entered"], 3);
    assert_eq!(told(&other, &import)["known"], 3);
    assert_eq!(kinds(&other), ["activation", "license", "clock_repair"]);
    release(&other, &license, 2);
}

#[test]
fn whenever_it_is_killed_an_answer_is_entered_if_it_is_there() {
    const KILLS: u8 = 40;
    let desk = desk();
    let license = issue(&desk, "acme.lic", &[]);
    let license = text(&license["license_id"]).to_owned();
    let started = Instant::now();
    activate(&desk, &license, 200);
    let duration = started.elapsed();
    for kill in 0..KILLS {
        let (request_file, out) = (format!("r{kill}"), format!("k{kill}.out"));
        desk.write(&request_file, request(&license, kill).to_armor());
        let args = [
            "activate",
            "--key",
            "vendor.key",
            &request_file,
            "--out",
            &out,
        ];
        let mut child = Run::keygen(&desk).args(args).start();
        std::thread::sleep(
            duration * u32::from(kill) / u32::from(KILLS) + Duration::from_micros(50),
        );
        let _ = child.kill();
        let _ = child.wait().unwrap();
        let entered: BTreeSet<_> = export(&desk)
            .into_iter()
            .filter(|entry| entry["body"]["nonce"] == format!("{kill:02x}").repeat(16))
            .map(|entry| text(&entry["artefact"]).to_owned())
            .collect();
        let there: BTreeSet<String> = desk
            .file(&out)
            .exists()
            .then(|| desk.read(&out))
            .map(|file| {
                file.lines()
                    .filter(|line| !line.starts_with("-----"))
                    .collect()
            })
            .into_iter()
            .collect();
        assert_eq!(entered, there, "kill {kill}");
    }
    whole(&desk);
}
