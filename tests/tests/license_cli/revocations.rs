//! Revocation lists: installation, replay, changes, removal, and lists signed with a stolen key.

use license_core::chrono::TimeDelta;
use license_core::issue::{KeyBits, RevocationEntry, RevocationListDraft, Signer, SigningKey};
use license_core::jose::Algorithm;
use license_core::{LicenseId, ProductCode, TrustSet, Unverified, time};

use super::*;

/// Returns a revocation list of the shared vendor with these licenses.
pub(crate) fn list(seq: u64, revoked: &[&IssuedLicense]) -> String {
    list_signed_by(&vendors_key(), "CODITECT", seq, revoked, "2020-02-01")
}

fn list_signed_by(
    key: &SigningKey,
    product: &str,
    seq: u64,
    licenses: &[&IssuedLicense],
    next: &str,
) -> String {
    let at = |text| time::parse_instant(text).unwrap();
    let revoked = |license: &&IssuedLicense| RevocationEntry {
        license: LicenseId::parse(license.report["license_id"].as_str().unwrap()).unwrap(),
        at: at("2020-01-01T00:30:00Z"),
        reason: "refunded\u{1b}[31m".to_owned(),
    };
    let draft = RevocationListDraft {
        issuer: "CODITECT".to_owned(),
        product: ProductCode::parse(product).unwrap(),
        issued_at: at("2020-01-01T00:40:00Z"),
        seq,
        next_update: at(next),
        revoked: licenses.iter().map(revoked).collect(),
    };
    let token = draft.sign(key).unwrap();
    Unverified::parse(&token).unwrap().to_armor()
}

pub(crate) fn vendors_key() -> SigningKey {
    let pem = &Vendor::shared().key;
    let base64: String = pem
        .lines()
        .filter(|line| !line.starts_with("-----"))
        .collect();
    let der = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, base64).unwrap();
    SigningKey::from_pkcs8(&der, None, crate::random).unwrap()
}

/// Generates a new key.
fn another_key() -> SigningKey {
    let der = SigningKey::generate(KeyBits::B2048, Algorithm::Rs256, &crate::random).unwrap();
    SigningKey::from_pkcs8(&der, None, crate::random).unwrap()
}

/// Writes a trust set with the keys of the vendor and this key.
fn trust_both(machine: &Scratch, key: &SigningKey) {
    let mut trust = TrustSet::parse(&Vendor::shared().trust).unwrap();
    let own = TrustSet::parse(&key.public().to_jwk().to_string()).unwrap();
    trust.extend(&own).unwrap();
    machine.write("both.jwks", trust.to_jwks().to_string());
}

fn install(machine: &Scratch, list: &str, options: &[&str]) -> RunOutput {
    machine.write("list.lic", list);
    license(
        machine,
        &[&["install", "list.lic", "--at", AT], options].concat(),
    )
}

#[track_caller]
fn code(machine: &Scratch) -> String {
    let output = license(machine, &["status", "--json", "--at", AT]).json();
    output["code"].as_str().unwrap().to_owned()
}

#[track_caller]
fn warnings(machine: &Scratch, at: &str) -> Vec<String> {
    let output = license(machine, &["status", "--json", "--at", at]).json();
    let warnings = output["warnings"].as_array().unwrap().iter();
    let codes = warnings.map(|warning| warning["code"].as_str().unwrap().to_owned());
    codes.collect()
}

#[track_caller]
fn refused(outcome: &RunOutput, exit: i32, code: &str, parts: &[&str]) {
    let error = outcome.expect_failure(exit);
    for part in [&[code], parts].concat() {
        assert!(error.text().contains(part), "no {part} in {error:?}");
    }
    assert!(!error.hint.is_empty());
}

#[test]
fn a_license_on_an_installed_list_is_revoked_with_a_reason() {
    let machine = machine_with("team.lic");
    assert_eq!(code(&machine), "VALID");
    let output = install(&machine, &list(1, &[&TEAM]), &[]).expect_code(1);
    assert!(
        output.stdout.starts_with("denied: REVOKED"),
        "{}",
        output.stdout
    );
    assert!(
        output
            .stdout
            .contains("on revocation list 1, revoked at 2020-01-01T00:30:00Z: refunded\\u{1b}"),
        "{}",
        output.stdout
    );
    // The reason is above, so the hint does not send the customer to ask for it.
    assert!(
        output
            .stderr
            .contains("hint: ask the vendor for another license\n"),
        "{}",
        output.stderr
    );
    assert!(
        output.stderr.contains("revocation list 1 installed as"),
        "{}",
        output.stderr
    );
    let explained = license(&machine, &["explain", "--json", "--at", AT]).json();
    let rule = explained["rules"]
        .as_array()
        .unwrap()
        .iter()
        .find(|rule| rule["rule"] == "revoked")
        .unwrap();
    assert_eq!(rule["code"], "REVOKED");
    assert_eq!(rule["evidence"]["seq"], 1);
    assert_eq!(rule["evidence"]["license_id"], TEAM.report["license_id"]);
    assert_eq!(rule["evidence"]["revoked_at"], "2020-01-01T00:30:00Z");
    let _ = license(&machine, &["check", "cloud_sync", "--at", AT]).expect_code(1);
}

#[test]
fn a_license_that_is_not_on_the_list_stays_valid_and_the_list_is_shown() {
    let machine = machine_with("team.lic");
    let _ = install(&machine, &list(1, &[&PRO]), &[]).expect_code(0);
    let output = license(&machine, &["status", "--json", "--at", AT])
        .expect_code(0)
        .json();
    assert_eq!(output["revocation_lists"][0]["seq"], 1);
    assert_eq!(output["revocation_lists"][0]["revoked"], 1);
    let output = license(&machine, &["doctor"]);
    assert!(
        output.stdout.contains("revocations  LIST_OUTDATED: list 1"),
        "{}",
        output.stdout
    );
}

#[test]
fn an_older_list_is_refused_and_the_same_list_is_accepted_again() {
    let machine = machine_with("team.lic");
    let (old, new) = (list(1, &[]), list(2, &[&TEAM]));
    let _ = install(&machine, &old, &[]).expect_code(0);
    let _ = install(&machine, &new, &[]).expect_code(1);
    refused(
        &install(&machine, &old, &[]),
        3,
        "STALE_LIST",
        &["list 2 or later", "found 1"],
    );
    let again = install(&machine, &new, &[]).expect_code(1);
    assert!(
        again.stderr.contains("list 2 was already installed"),
        "{}",
        again.stderr
    );
    refused(
        &install(&machine, &list(2, &[]), &[]),
        3,
        "STALE_LIST",
        &["another list with the same number"],
    );
    assert_eq!(code(&machine), "REVOKED");
}

#[test]
fn an_older_list_is_refused_after_the_file_is_removed() {
    let machine = machine_with("team.lic");
    let (old, new) = (list(1, &[]), list(2, &[&TEAM]));
    let _ = install(&machine, &new, &[]).expect_code(1);
    std::fs::remove_file(machine.state().join("revocations.lic")).unwrap();
    assert_eq!(
        code(&machine),
        "REVOKED",
        "the state remembers the revocation"
    );
    assert_eq!(
        warnings(&machine, AT),
        ["STALE_LIST"],
        "a missing list causes a warning"
    );
    refused(
        &install(&machine, &old, &[]),
        3,
        "STALE_LIST",
        &["list 2 or later", "found 1"],
    );
    // One of the two state files is enough to remember the number of the list.
    std::fs::remove_file(machine.state().join("license.cache")).unwrap();
    refused(&install(&machine, &old, &[]), 3, "STALE_LIST", &["found 1"]);
    let _ = install(&machine, &new, &[]).expect_code(1);
    assert_eq!(warnings(&machine, AT), [""; 0]);
}

#[test]
fn an_older_list_that_is_restored_by_hand_is_used_with_a_warning() {
    let machine = machine_with("team.lic");
    let file = machine.state().join("revocations.lic");
    let _ = install(&machine, &list(1, &[&TEAM]), &[]).expect_code(1);
    let old = std::fs::read(&file).unwrap();
    let _ = install(&machine, &list(2, &[&TEAM]), &[]).expect_code(1);
    std::fs::write(&file, old).unwrap();
    assert_eq!(code(&machine), "REVOKED");
    assert_eq!(warnings(&machine, AT), ["STALE_LIST"]);
}

#[test]
fn a_damaged_list_is_quarantined_and_the_license_stays_revoked() {
    let machine = machine_with("team.lic");
    let whole = list(2, &[&TEAM]);
    let _ = install(&machine, &whole, &[]).expect_code(1);
    for (number, damaged) in [
        &whole[..whole.len() / 2],
        "",
        "\0",
        &changed_at(&whole, 300),
    ]
    .iter()
    .enumerate()
    {
        std::fs::write(machine.state().join("revocations.lic"), damaged).unwrap();
        let output = license(&machine, &["status", "--at", AT]).expect_code(1);
        assert!(output.stdout.contains("REVOKED"), "{}", output.stdout);
        let quarantined = format!("revocations.lic.damaged-{}", number + 1);
        assert!(output.stderr.contains(&quarantined), "{}", output.stderr);
    }
    let _ = install(&machine, &whole, &[]).expect_code(1);
    assert!(!machine.state().join("revocations.lic.damaged-1").exists());
}

#[test]
fn a_changed_list_and_lists_of_other_vendors_and_products_are_refused() {
    let machine = machine_with("team.lic");
    let whole = list(2, &[&TEAM]);
    refused(
        &install(&machine, &changed_at(&whole, 300), &[]),
        3,
        "BAD_SIGNATURE",
        &[],
    );
    let stranger = list_signed_by(&another_key(), "CODITECT", 9, &[&TEAM], "2020-02-01");
    refused(&install(&machine, &stranger, &[]), 3, "UNTRUSTED_KEY", &[]);
    let other = list_signed_by(&vendors_key(), "WIDGET", 9, &[&TEAM], "2020-02-01");
    refused(&install(&machine, &other, &[]), 1, "CODITECT", &["WIDGET"]);
    refused(
        &install(&machine, &whole[..whole.len() - 40], &[]),
        3,
        "MALFORMED",
        &[],
    );
    assert!(!machine.state().join("revocations.lic").exists());
    let _ = install(&machine, &list(1, &[]), &[]).expect_code(0);
}

#[test]
fn a_list_signed_with_a_stolen_key_does_not_block_lists_signed_with_other_keys() {
    let machine = machine_with("team.lic");
    let stolen = another_key();
    trust_both(&machine, &stolen);
    let highest = list_signed_by(&stolen, "CODITECT", (1 << 53) - 1, &[], "2999-01-01");
    let both = ["--trust", "both.jwks"];
    let _ = install(&machine, &highest, &both).expect_code(0);
    let _ = install(&machine, &list(1, &[&TEAM]), &both).expect_code(1);
    assert_eq!(code(&machine), "REVOKED");
    let file = std::fs::read_to_string(machine.state().join("revocations.lic")).unwrap();
    assert_eq!(file.matches("BEGIN").count(), 2);
}

#[test]
fn a_file_with_a_license_and_a_list_is_installed_completely_or_not_at_all() {
    let machine = machine_with("team.lic");
    let _ = install(&machine, &list(2, &[]), &[]).expect_code(0);
    let both = format!("{}{}", PRO.file, list(1, &[]));
    refused(
        &install(&machine, &both, &[]),
        3,
        "STALE_LIST",
        &["nothing was changed"],
    );
    let output = license(&machine, &["status", "--json", "--at", AT]).json();
    assert_eq!(output["tier"], "TEAM");
    let both = format!("{}{}", PRO.file, list(3, &[&TEAM]));
    let output = install(&machine, &both, &[]).expect_code(0);
    assert!(
        output.stderr.contains("revocation list 3 installed"),
        "{}",
        output.stderr
    );
    assert!(
        output
            .stderr
            .contains("the TEAM license of ACME Ltd is replaced"),
        "{}",
        output.stderr
    );
    // The old license is revoked now.
    machine.write("team.lic", &TEAM.file);
    refused(
        &license(&machine, &["install", "team.lic", "--at", AT]),
        1,
        "REVOKED",
        &["nothing was changed"],
    );
}

#[test]
fn an_outdated_list_is_used_with_a_warning() {
    let machine = machine_with("team.lic");
    let _ = install(&machine, &list(1, &[&PRO]), &[]).expect_code(0);
    assert_eq!(warnings(&machine, "2020-02-01T00:00:00Z"), [""; 0]);
    assert_eq!(
        warnings(&machine, "2020-02-01T00:00:01Z"),
        ["LIST_OUTDATED"]
    );
}

#[test]
fn doctor_and_the_plugin_judge_a_list_at_the_same_time() {
    let Some(faketime) = tools::faketime() else {
        return;
    };
    let machine = machine_with("ent.lic");
    let yesterday = license_client::now() - TimeDelta::days(1);
    let due = time::rfc3339(yesterday).to_string();
    let list = list_signed_by(&vendors_key(), "CODITECT", 1, &[&PRO], &due);
    machine.write("list.lic", list);
    let _ = license(&machine, &["install", "list.lic"]).expect_code(0);
    // The latest time seen counts, and not the clock.
    for clock in ["+0d", "-3d"] {
        let expect = |line: &[&str], text: &str| {
            let run = tools::license_at_time(faketime, &machine, clock);
            let output = run.args(line).run();
            assert!(output.stdout.contains(text), "{clock}: {output:?}");
        };
        expect(&["status", "--warn", "1d"], "LIST_OUTDATED");
        expect(&["doctor"], "revocations  LIST_OUTDATED");
    }
}

#[test]
fn the_administrators_list_is_used_and_its_number_is_recorded() {
    if !tools::is_root() {
        return;
    }
    let machine = machine_with("team.lic");
    std::fs::create_dir(machine.file("etc")).unwrap();
    machine.write("etc/revocations.lic", list(2, &[&TEAM]));
    let system = machine.file("etc");
    let status = |options: &[&str]| {
        Run::license(&machine)
            .env("CODITECT_SYSTEM_DIR", &system)
            .args(["status", "--json"])
            .args(options)
            .run()
    };
    assert_eq!(status(&["--at", AT]).json()["code"], "REVOKED");
    // Without --at, the number of the list is recorded.
    let _ = status(&[]);
    std::fs::remove_file(system.join("revocations.lic")).unwrap();
    refused(
        &install(&machine, &list(1, &[]), &[]),
        3,
        "STALE_LIST",
        &["found 1"],
    );
}

#[test]
fn a_list_can_be_verified_inspected_and_installed_without_a_license() {
    let machine = Vendor::shared().customer_machine();
    machine.write("list.lic", list(4, &[&TEAM, &PRO]));
    let trust = ["--trust", "trust.jwks", "--at", AT];
    let output = license(
        &machine,
        &[&["verify", "list.lic", "--json"], &trust[..]].concat(),
    )
    .expect_code(0)
    .json();
    assert_eq!(output["revocation_lists"][0]["seq"], 4);
    assert_eq!(output["revocation_lists"][0]["revoked"], 2);
    let output = license(&machine, &["inspect", "list.lic"]).expect_code(0);
    assert!(
        output.stdout.contains("next_update: 2020-02-01T00:00:00Z"),
        "{}",
        output.stdout
    );
    let _ = license(&machine, &[&["install", "list.lic"], &trust[..]].concat()).expect_code(0);
    let _ = license(&machine, &["check", "cloud_sync", "--license", "list.lic"]).expect_failure(3);
}

#[test]
fn only_a_revocation_list_can_be_large() {
    let machine = machine_with("team.lic");
    let space = " ".repeat(300 * 1024);
    refused(
        &install(&machine, &format!("{space}{}", TEAM.file), &[]),
        3,
        "at most 262144 bytes",
        &[],
    );
    let large = list(1, &[]).repeat(400);
    assert!(large.len() > 262_144);
    let _ = install(&machine, &large, &[]).expect_code(0);
}

#[test]
fn an_installed_list_applies_to_verify() {
    let machine = machine_with("team.lic");
    machine.write("again.lic", &TEAM.file);
    let verify = ["verify", "again.lic", "--trust", "trust.jwks", "--at", AT];
    let _ = license(&machine, &verify).expect_code(0);
    let _ = install(&machine, &list(1, &[&TEAM]), &[]).expect_code(1);
    let output = license(&machine, &verify).expect_code(1);
    assert!(output.stdout.starts_with("denied: REVOKED"), "{output:?}");
    // A validation token cannot undo a revocation by a list.
    assert!(!output.stderr.contains("validation token"), "{output:?}");
    let remaining = license(&machine, &["verify", "again.lic", "--json", "--at", AT]);
    assert_eq!(remaining.json()["revocation_lists"][0]["seq"], 1);
}

#[test]
fn status_shows_an_announced_revocation() {
    let machine = Vendor::shared().customer_machine();
    let terms = ["--tier", "ent", "--perpetual"];
    let issued = Vendor::shared().issue(&[&terms[..], &["--issued-at", "2020-01-01"]].concat());
    machine.write("ent.lic", &issued.file);
    let install_license = ["install", "ent.lic", "--trust", "trust.jwks", "--at", AT];
    let _ = license(&machine, &install_license).expect_code(0);
    let status = ["status", "--at", AT];
    let before = license(&machine, &status).expect_code(0);
    assert!(!before.stdout.contains("ends early"), "{before:?}");
    let draft = RevocationListDraft {
        issuer: "CODITECT".to_owned(),
        product: ProductCode::parse("CODITECT").unwrap(),
        issued_at: time::parse_instant("2020-01-01T00:40:00Z").unwrap(),
        seq: 1,
        next_update: time::parse_instant("2020-02-01").unwrap(),
        revoked: vec![RevocationEntry {
            license: LicenseId::parse(issued.report["license_id"].as_str().unwrap()).unwrap(),
            at: time::parse_instant("2020-01-20").unwrap(),
            reason: "the contract ends".to_owned(),
        }],
    };
    let token = draft.sign(&vendors_key()).unwrap();
    let list = Unverified::parse(&token).unwrap().to_armor();
    let _ = install(&machine, &list, &[]).expect_code(0);
    let output = license(&machine, &status).expect_code(0);
    let end = "ends early  2020-01-20T00:00:00Z";
    assert!(output.stdout.contains(end), "{output:?}");
}

#[test]
fn only_a_later_list_lifts_a_recorded_revocation() {
    let machine = machine_with("team.lic");
    let file = machine.state().join("revocations.lic");
    let _ = install(&machine, &list(1, &[&PRO]), &[]).expect_code(0);
    let old = std::fs::read(&file).unwrap();
    let _ = install(&machine, &list(2, &[&TEAM]), &[]).expect_code(1);
    std::fs::remove_file(&file).unwrap();
    assert_eq!(code(&machine), "REVOKED");
    // An older list says nothing about the revocation by the newer one.
    std::fs::write(&file, old).unwrap();
    assert_eq!(code(&machine), "REVOKED");
    // Neither removing one of the files with the state nor installing the license again helps.
    std::fs::remove_file(&file).unwrap();
    std::fs::remove_file(machine.state().join("quota")).unwrap();
    assert_eq!(code(&machine), "REVOKED");
    let again = ["install", "--force", "team.lic", "--at", AT];
    let output = license(&machine, &again).expect_code(1);
    assert!(output.stdout.contains("on revocation list 2"), "{output:?}");
    let verify = ["verify", "team.lic", "--trust", "trust.jwks", "--at", AT];
    let output = license(&machine, &verify).expect_code(1);
    assert!(output.stdout.starts_with("denied: REVOKED"), "{output:?}");
    // The list that lifts the revocation may be removed as well.
    let _ = install(&machine, &list(3, &[&PRO]), &[]).expect_code(0);
    assert_eq!(code(&machine), "VALID");
    std::fs::remove_file(&file).unwrap();
    assert_eq!(code(&machine), "VALID");
    assert_eq!(warnings(&machine, AT), ["STALE_LIST"]);
}

#[test]
fn a_list_that_appears_in_the_directory_is_remembered_too() {
    let machine = machine_with("team.lic");
    let file = machine.state().join("revocations.lic");
    std::fs::write(&file, list(1, &[&TEAM])).unwrap();
    // Without --at, the revocation is recorded.
    let _ = license(&machine, &["status"]).expect_code(1);
    std::fs::write(&file, "garbage").unwrap();
    assert_eq!(code(&machine), "REVOKED");
}

#[test]
fn a_revocation_by_a_key_that_is_no_longer_trusted_is_lifted() {
    let machine = machine_with("team.lic");
    let stolen = another_key();
    trust_both(&machine, &stolen);
    let by_thief = list_signed_by(&stolen, "CODITECT", 9, &[&TEAM], "2999-01-01");
    let _ = install(&machine, &by_thief, &["--trust", "both.jwks"]).expect_code(1);
    std::fs::remove_file(machine.state().join("revocations.lic")).unwrap();
    assert_eq!(code(&machine), "REVOKED");
    std::fs::write(machine.state().join("trust.jwks"), &Vendor::shared().trust).unwrap();
    assert_eq!(code(&machine), "VALID");
}
