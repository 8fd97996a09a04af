//! `license remove`: the license goes, and nothing is refilled by it.

use super::*;

const KEPT: [&str; 2] = ["license.cache", "quota"];

fn files(site: &Scratch) -> Vec<String> {
    let entries = std::fs::read_dir(site.state()).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.filter(|name| !name.starts_with('.')).collect();
    names.sort();
    names
}

#[test]
fn the_license_and_its_keys_go_and_what_the_machine_remembers_stays() {
    for (file, kept_as) in [
        ("team.lic", "license.lic"),
        ("enterprise.key", "license.key"),
    ] {
        let site = site_with(file);
        let _ = license(&site, &["use", "commands_per_day", "7"]).expect_code(0);
        assert_eq!(
            files(&site),
            ["license.cache", kept_as, "quota", "trust.jwks"]
        );
        let told = license(&site, &["remove"]).expect_code(0);
        for name in [kept_as, "trust.jwks"] {
            let path = site.state().join(name);
            let line = format!("removed {}\n", path.display());
            assert!(told.stdout.contains(&line), "{told:?}");
        }
        assert!(told.stderr.contains("tier FREE is in effect"), "{told:?}");
        assert_eq!(files(&site), KEPT);
        let status = license(&site, &["status", "--json"]).expect_code(1).json();
        assert_eq!(status["code"], "NO_LICENSE");
        let used = license(&site, &["use", "commands_per_day", "0", "--json"]);
        assert_eq!(used.expect_code(0).json()["used"], 7);
    }
}

#[test]
fn the_paths_are_in_the_object() {
    let site = site_with("team.lic");
    let told = license(&site, &["remove", "--json"]).expect_code(0).json();
    let paths = ["license.lic", "trust.jwks"].map(|name| site.state().join(name));
    assert_eq!(told, json!({ "removed": paths }));
    let again = license(&site, &["remove", "--json"]).expect_code(0).json();
    assert_eq!(again, json!({ "removed": [] }));
}

#[test]
fn a_second_time_nothing_was_installed() {
    let site = site_with("team.lic");
    let _ = license(&site, &["remove"]).expect_code(0);
    let again = license(&site, &["remove"]).expect_code(0);
    assert_eq!(again.stdout, "nothing was installed for this user\n");
    assert_eq!(again.stderr, "");
    let fresh = Scratch::new();
    let _ = license(&fresh, &["remove"]).expect_code(0);
    assert!(!fresh.state().exists(), "not even a folder is made");
}

#[test]
fn a_damaged_license_can_be_removed_too() {
    let site = site_with("team.lic");
    site.write("state/license.lic", "noise");
    site.write("state/trust.jwks", "noise");
    let _ = license(&site, &["remove"]).expect_code(0);
    let status = license(&site, &["status", "--json"]).expect_code(1).json();
    assert_eq!(status["code"], "NO_LICENSE");
}

#[test]
fn it_is_installed_again_as_if_nothing_had_been() {
    let site = site_with("team.lic");
    let _ = license(&site, &["remove"]).expect_code(0);
    let install = [
        "install",
        "--trust",
        "trust.jwks",
        "--at",
        AT,
        "--json",
        "pro.lic",
    ];
    expect_valid(license(&site, &install));
}
