//! `license remove`: the license is removed, and the counts stay.

use super::*;

const REMAINING: [&str; 2] = ["license.cache", "quota"];

fn files(machine: &Scratch) -> Vec<String> {
    let entries = std::fs::read_dir(machine.state()).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.filter(|name| !name.starts_with('.')).collect();
    names.sort();
    names
}

#[test]
fn the_license_and_its_keys_are_removed_and_the_state_stays() {
    for (file, stored_as) in [
        ("team.lic", "license.lic"),
        ("enterprise.key", "license.key"),
    ] {
        let machine = machine_with(file);
        let _ = license(&machine, &["use", "commands_per_day", "7"]).expect_code(0);
        assert_eq!(
            files(&machine),
            ["license.cache", stored_as, "quota", "trust.jwks"]
        );
        let report = license(&machine, &["remove"]).expect_code(0);
        for name in [stored_as, "trust.jwks"] {
            let path = machine.state().join(name);
            let line = format!("removed {}\n", path.display());
            assert!(report.stdout.contains(&line), "{report:?}");
        }
        assert!(
            report.stderr.contains("tier FREE is in effect"),
            "{report:?}"
        );
        assert_eq!(files(&machine), REMAINING);
        let status = license(&machine, &["status", "--json"])
            .expect_code(1)
            .json();
        assert_eq!(status["code"], "NO_LICENSE");
        let used = license(&machine, &["use", "commands_per_day", "0", "--json"]);
        assert_eq!(used.expect_code(0).json()["used"], 7);
    }
}

#[test]
fn the_json_object_contains_the_paths() {
    let machine = machine_with("team.lic");
    let report = license(&machine, &["remove", "--json"])
        .expect_code(0)
        .json();
    let paths = ["license.lic", "trust.jwks"].map(|name| machine.state().join(name));
    assert_eq!(report, json!({ "removed": paths }));
    let again = license(&machine, &["remove", "--json"])
        .expect_code(0)
        .json();
    assert_eq!(again, json!({ "removed": [] }));
}

#[test]
fn removing_a_license_twice_succeeds() {
    let machine = machine_with("team.lic");
    let _ = license(&machine, &["remove"]).expect_code(0);
    let again = license(&machine, &["remove"]).expect_code(0);
    assert_eq!(
        again.stdout,
        "nothing to remove: no license is installed for this user\n"
    );
    assert_eq!(again.stderr, "");
    let fresh = Scratch::new();
    let _ = license(&fresh, &["remove"]).expect_code(0);
    assert!(!fresh.state().exists(), "no directory is created");
}

#[test]
fn a_damaged_license_can_be_removed() {
    let machine = machine_with("team.lic");
    machine.write("state/license.lic", "noise");
    machine.write("state/trust.jwks", "noise");
    let _ = license(&machine, &["remove"]).expect_code(0);
    let status = license(&machine, &["status", "--json"])
        .expect_code(1)
        .json();
    assert_eq!(status["code"], "NO_LICENSE");
}

#[test]
fn a_license_can_be_installed_after_a_removal() {
    let machine = machine_with("team.lic");
    let _ = license(&machine, &["remove"]).expect_code(0);
    let install = [
        "install",
        "--trust",
        "trust.jwks",
        "--at",
        AT,
        "--json",
        "pro.lic",
    ];
    expect_valid(license(&machine, &install));
}
