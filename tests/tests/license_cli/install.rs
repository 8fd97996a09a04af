//! `license install`: stored files, replacement rules and damaged files.

use std::fs;

use super::*;

fn install(machine: &Scratch, args: &[&str]) -> RunOutput {
    license(
        machine,
        &[&["install", "--trust", "trust.jwks", "--at", AT], args].concat(),
    )
}

#[track_caller]
fn installed_tier(machine: &Scratch) -> Value {
    expect_valid(license(machine, &["status", "--json", "--at", AT]))["tier"].clone()
}

#[test]
fn every_signed_form_of_a_license_can_be_installed() {
    for argument in ["team.lic", "enterprise.key", &TEAM.token(), &ENTERPRISE_KEY] {
        let machine = machine();
        let mut report = expect_valid(install(&machine, &["--json", argument]));
        let mut member = |name: &str| report.as_object_mut().unwrap().remove(name).unwrap();
        let [blocks, path, dry_run] = ["blocks", "path", "dry_run"].map(&mut member);
        assert_eq!(blocks[0]["kind"], "LICENSE", "{blocks}");
        assert!(path.as_str().unwrap().contains("/state/license."), "{path}");
        assert_eq!(dry_run, false);
        let status = expect_valid(license(&machine, &["status", "--json", "--at", AT]));
        assert_eq!(report, status);
    }
    let machine = machine();
    let run = Run::license(&machine).args(["install", "--trust", "trust.jwks", "--at", AT, "-"]);
    let _ = run.stdin(TEAM.file.as_str()).run().expect_code(0);
    assert_eq!(installed_tier(&machine), "TEAM");
}

#[test]
fn the_path_of_the_installed_license_is_printed() {
    let machine = machine();
    let output = install(&machine, &["team.lic"]).expect_code(0).stderr;
    let path = machine.state().join("license.lic");
    assert!(output.contains(path.to_str().unwrap()), "{output}");
    assert_eq!(fs::read_to_string(path).unwrap(), TEAM.file);
}

#[test]
fn the_stored_license_has_the_original_layout() {
    let machine = machine();
    machine.write(
        "mailed.lic",
        format!("\u{feff}\"{}\"", TEAM.file.replace('\n', "\r\n")),
    );
    let _ = install(&machine, &["mailed.lic"]).expect_code(0);
    assert_eq!(machine.read("state/license.lic"), TEAM.file);
}

#[test]
fn an_artifact_that_does_not_verify_is_not_installed() {
    let machine = machine();
    machine.write("tampered.lic", tampered(&PRO));
    for bad in ["tampered.lic", PRO.key(), "trust.jwks"] {
        install(&machine, &[bad]).expect_failure(3);
    }
    license(&machine, &["install", "pro.lic"]).expect_failure(3);
    install(&machine, &["missing.lic"]).expect_failure(4);
    assert!(!machine.state().exists(), "no directory is created");
}

#[test]
fn an_expired_license_is_installed_if_no_license_is_installed() {
    let machine = machine();
    let late = [
        "install",
        "--json",
        "--trust",
        "trust.jwks",
        "--at",
        LATER,
        "pro.lic",
    ];
    assert_eq!(
        license(&machine, &late).expect_code(1).json()["code"],
        "EXPIRED"
    );
    let status = license(&machine, &["status", "--json", "--at", LATER])
        .expect_code(1)
        .json();
    assert_eq!(status["license_id"], PRO.report["license_id"]);
}

#[test]
fn an_invalid_license_replaces_a_valid_license_only_with_force() {
    let machine = machine_with("ent.lic");
    let late = ["install", "--at", LATER, "pro.lic"];
    let error = license(&machine, &late).expect_failure(1);
    assert!(error.message.contains("EXPIRED"), "{error:?}");
    assert!(error.hint.contains("--force"), "{error:?}");
    let json = license(&machine, &[&late[..], &["--json"]].concat());
    assert_eq!(json.expect_json_failure(1), "EXPIRED");
    assert_eq!(installed_tier(&machine), "ENT");
    let _ = license(&machine, &[&late[..], &["--force"]].concat()).expect_code(1);
    assert_eq!(installed_tier(&machine), "PRO");
}

#[test]
fn a_license_of_a_higher_tier_replaces_a_valid_license() {
    let machine = machine_with("pro.lic");
    for (file, tier, stored, removed) in [
        ("team.lic", "TEAM", "license.lic", "license.key"),
        ("enterprise.key", "ENT", "license.key", "license.lic"),
    ] {
        let _ = install(&machine, &[file]).expect_code(0);
        assert_eq!(installed_tier(&machine), tier);
        assert!(machine.state().join(stored).exists());
        assert!(!machine.state().join(removed).exists());
    }
}

#[test]
fn installing_the_same_license_again_changes_nothing() {
    let machine = machine_with("team.lic");
    let stored = machine.read("state/license.lic");
    let _ = install(&machine, &["team.lic"]).expect_code(0);
    assert_eq!(machine.read("state/license.lic"), stored);
}

#[test]
fn the_keys_that_verified_the_license_are_stored() {
    let machine = machine_with("team.lic");
    assert_eq!(machine.read("state/trust.jwks"), Vendor::shared().trust);
    fs::remove_file(machine.file("trust.jwks")).unwrap();
    expect_valid(license(
        &machine,
        &["verify", "--json", "--at", AT, "pro.lic"],
    ));
    let _ = license(&machine, &["install", "--at", AT, "ent.lic"]).expect_code(0);
    assert_eq!(installed_tier(&machine), "ENT");
}

#[test]
fn a_damaged_installed_license_is_quarantined_and_reported_until_the_next_installation() {
    for damage in [
        tampered(&TEAM),
        String::new(),
        TEAM.file[..300].to_owned(),
        "noise".to_owned(),
    ] {
        let machine = machine_with("team.lic");
        machine.write("state/license.lic", &damage);
        let error = license(&machine, &["status"]).expect_failure(3);
        assert!(error.message.contains("license.lic.damaged-1"), "{error:?}");
        assert!(error.hint.contains("license install"), "{error:?}");
        assert_eq!(machine.read("state/license.lic.damaged-1"), damage);
        for command in [
            &["status"][..],
            &["features"],
            &["explain"],
            &["check", "sso"],
        ] {
            let denied = license(&machine, command).expect_code(1);
            assert!(
                denied.stderr.contains("license.lic.damaged-1"),
                "{}",
                denied.stderr
            );
        }
        let _ = install(&machine, &["team.lic"]).expect_code(0);
        assert_eq!(installed_tier(&machine), "TEAM");
    }
}

#[test]
fn a_damaged_installed_license_does_not_affect_the_free_tier() {
    let machine = machine_with("team.lic");
    machine.write("state/license.lic", tampered(&TEAM));
    let free = license(&machine, &["check", "local_execution"]).expect_code(0);
    assert!(
        free.stderr.contains("warning: BAD_SIGNATURE"),
        "{}",
        free.stderr
    );
    let json = license(&machine, &["check", "local_execution", "--json"])
        .expect_code(0)
        .json();
    assert_eq!(json["warnings"][0]["code"], "STATE");
    let _ = license(&machine, &["check", "team_analytics"]).expect_code(1);
}

#[test]
fn concurrent_installations_leave_one_complete_license() {
    let machine = machine_with("team.lic");
    std::thread::scope(|scope| {
        for number in 0..8 {
            let file = if number % 2 == 0 {
                "team.lic"
            } else {
                "pro.lic"
            };
            let machine = &machine;
            scope.spawn(move || {
                let _ = install(machine, &["--force", file]).expect_code(0);
            });
        }
    });
    let tier = installed_tier(&machine);
    assert!(tier == "TEAM" || tier == "PRO", "{tier}");
}

#[test]
fn an_installation_repairs_damaged_bytes_and_damaged_keys() {
    for (file, damage) in [
        ("license.lic", &b"\xff\xfe\x80"[..]),
        ("trust.jwks", b"{\"keys\": ["),
        ("trust.jwks", b"\xff\xfe\x80"),
        ("trust.jwks", b""),
    ] {
        let machine = machine_with("team.lic");
        machine.write(&format!("state/{file}"), damage);
        let error = license(&machine, &["status"]).expect_failure(3);
        assert!(error.message.contains(file), "{error:?}");
        assert!(error.hint.contains("install"), "{error:?}");
        let _ = install(&machine, &["team.lic"]).expect_code(0);
        assert_eq!(installed_tier(&machine), "TEAM");
    }
}

#[test]
fn an_installed_license_without_keys_is_an_error_with_a_hint_about_trust() {
    let machine = machine_with("team.lic");
    fs::remove_file(machine.file("state/trust.jwks")).unwrap();
    let error = license(&machine, &["status"]).expect_failure(3);
    assert!(error.hint.contains("--trust"), "{error:?}");
}

#[test]
fn a_state_directory_that_is_a_file_is_a_system_error() {
    let machine = machine();
    machine.write("file", "");
    for home in ["file", "file/below"] {
        let run = Run::license(&machine).args([
            "install",
            "--trust",
            "trust.jwks",
            "--at",
            AT,
            "pro.lic",
        ]);
        let error = run
            .env("CODITECT_HOME", machine.file(home))
            .run()
            .expect_failure(4);
        assert!(error.message.contains(home), "{error:?}");
    }
}

#[test]
fn a_relative_path_of_the_state_directory_is_refused() {
    let machine = machine();
    let run = Run::license(&machine)
        .arg("status")
        .env("CODITECT_HOME", "state")
        .run();
    let error = run.expect_failure(4);
    assert!(error.text().contains("CODITECT_HOME"), "{error:?}");
}

#[cfg(unix)]
#[test]
fn a_read_only_state_directory_is_a_system_error() {
    use std::os::unix::fs::PermissionsExt;
    let machine = machine();
    fs::create_dir(machine.state()).unwrap();
    fs::set_permissions(machine.state(), fs::Permissions::from_mode(0o500)).unwrap();
    if fs::write(machine.state().join("probe"), "").is_ok() {
        eprintln!("SKIPPED: root may write everywhere");
        return;
    }
    let error = install(&machine, &["pro.lic"]).expect_failure(4);
    assert!(error.hint.contains("permissions"), "{error:?}");
    let _ = license(&machine, &["status", "--at", AT]).expect_code(1);
}

#[cfg(unix)]
#[test]
fn a_state_directory_behind_a_symbolic_link_is_used_and_the_link_stays() {
    let machine = machine();
    fs::create_dir(machine.file("elsewhere")).unwrap();
    std::os::unix::fs::symlink(machine.file("elsewhere"), machine.state()).unwrap();
    let _ = install(&machine, &["team.lic"]).expect_code(0);
    assert_eq!(installed_tier(&machine), "TEAM");
    assert!(fs::symlink_metadata(machine.state()).unwrap().is_symlink());
    assert_eq!(machine.mode("elsewhere/license.lic"), 0o600);
}

#[cfg(unix)]
#[test]
fn an_installed_license_that_is_a_symbolic_link_is_read_and_replaced_without_following_it() {
    let machine = machine();
    fs::create_dir(machine.state()).unwrap();
    machine.write("state/trust.jwks", &Vendor::shared().trust);
    std::os::unix::fs::symlink(machine.file("team.lic"), machine.file("state/license.lic"))
        .unwrap();
    assert_eq!(installed_tier(&machine), "TEAM");
    let _ = install(&machine, &["--force", "pro.lic"]).expect_code(0);
    assert_eq!(machine.read("team.lic"), TEAM.file);
    assert_eq!(installed_tier(&machine), "PRO");
}

#[test]
fn read_only_commands_create_no_files() {
    let machine = machine();
    for command in [
        &["status"][..],
        &["features"],
        &["explain"],
        &["check", "sso"],
        &["inspect", "pro.lic"],
    ] {
        let _ = license(&machine, command);
    }
    let _ = verify(&machine, &["pro.lic"]).expect_code(0);
    assert!(!machine.state().exists());
    assert_eq!(fs::read_dir(machine.home()).unwrap().count(), 0);
}
