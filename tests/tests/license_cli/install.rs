//! `license install`: stored files, replacement rules and damaged files.

use std::fs;

use super::*;

fn install(site: &Scratch, args: &[&str]) -> RunOutput {
    license(
        site,
        &[&["install", "--trust", "trust.jwks", "--at", AT], args].concat(),
    )
}

#[track_caller]
fn installed_tier(site: &Scratch) -> Value {
    expect_valid(license(site, &["status", "--json", "--at", AT]))["tier"].clone()
}

#[test]
fn every_signed_form_of_a_license_can_be_installed() {
    for argument in ["team.lic", "enterprise.key", &TEAM.token(), &ENTERPRISE_KEY] {
        let site = site();
        let mut report = expect_valid(install(&site, &["--json", argument]));
        let blocks = report.as_object_mut().unwrap().remove("blocks").unwrap();
        assert_eq!(blocks[0]["kind"], "LICENSE", "{blocks}");
        let status = expect_valid(license(&site, &["status", "--json", "--at", AT]));
        assert_eq!(report, status);
    }
    let site = site();
    let run = Run::license(&site).args(["install", "--trust", "trust.jwks", "--at", AT, "-"]);
    let _ = run.stdin(TEAM.file.as_str()).run().expect_code(0);
    assert_eq!(installed_tier(&site), "TEAM");
}

#[test]
fn the_path_of_the_installed_license_is_printed() {
    let site = site();
    let output = install(&site, &["team.lic"]).expect_code(0).stderr;
    let path = site.state().join("license.lic");
    assert!(output.contains(path.to_str().unwrap()), "{output}");
    assert_eq!(fs::read_to_string(path).unwrap(), TEAM.file);
}

#[test]
fn the_stored_license_has_the_original_layout() {
    let site = site();
    site.write(
        "mailed.lic",
        format!("\u{feff}\"{}\"", TEAM.file.replace('\n', "\r\n")),
    );
    let _ = install(&site, &["mailed.lic"]).expect_code(0);
    assert_eq!(site.read("state/license.lic"), TEAM.file);
}

#[test]
fn an_artifact_that_does_not_verify_is_not_installed() {
    let site = site();
    site.write("tampered.lic", tampered(&PRO));
    for bad in ["tampered.lic", PRO.key(), "trust.jwks"] {
        install(&site, &[bad]).expect_failure(3);
    }
    license(&site, &["install", "pro.lic"]).expect_failure(3);
    install(&site, &["missing.lic"]).expect_failure(4);
    assert!(!site.state().exists(), "no directory is created");
}

#[test]
fn an_expired_license_is_installed_if_no_other_is_installed() {
    let site = site();
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
        license(&site, &late).expect_code(1).json()["code"],
        "EXPIRED"
    );
    let status = license(&site, &["status", "--json", "--at", LATER])
        .expect_code(1)
        .json();
    assert_eq!(status["license_id"], PRO.report["license_id"]);
}

#[test]
fn an_invalid_license_replaces_a_valid_one_only_with_force() {
    let site = site_with("ent.lic");
    let late = ["install", "--at", LATER, "pro.lic"];
    let error = license(&site, &late).expect_failure(1);
    assert!(error.message.contains("EXPIRED"), "{error:?}");
    assert!(error.hint.contains("--force"), "{error:?}");
    let json = license(&site, &[&late[..], &["--json"]].concat());
    assert_eq!(json.expect_json_failure(1), "EXPIRED");
    assert_eq!(installed_tier(&site), "ENT");
    let _ = license(&site, &[&late[..], &["--force"]].concat()).expect_code(1);
    assert_eq!(installed_tier(&site), "PRO");
}

#[test]
fn a_valid_license_replaces_any_other() {
    let site = site_with("ent.lic");
    let _ = install(&site, &["pro.lic"]).expect_code(0);
    assert_eq!(installed_tier(&site), "PRO");
    let _ = install(&site, &["enterprise.key"]).expect_code(0);
    assert_eq!(installed_tier(&site), "ENT");
    assert!(!site.file("state/license.lic").exists());
    let _ = install(&site, &["team.lic"]).expect_code(0);
    assert_eq!(installed_tier(&site), "TEAM");
    assert!(!site.file("state/license.key").exists());
}

#[test]
fn installing_the_same_license_again_changes_nothing() {
    let site = site_with("team.lic");
    let stored = site.read("state/license.lic");
    let _ = install(&site, &["team.lic"]).expect_code(0);
    assert_eq!(site.read("state/license.lic"), stored);
}

#[test]
fn the_keys_that_verified_the_license_are_stored() {
    let site = site_with("team.lic");
    assert_eq!(site.read("state/trust.jwks"), Vendor::shared().trust);
    fs::remove_file(site.file("trust.jwks")).unwrap();
    expect_valid(license(&site, &["verify", "--json", "--at", AT, "pro.lic"]));
    let _ = license(&site, &["install", "--at", AT, "pro.lic"]).expect_code(0);
    assert_eq!(installed_tier(&site), "PRO");
}

#[test]
fn a_damaged_installed_license_is_quarantined_and_reported_until_the_next_installation() {
    for damage in [
        tampered(&TEAM),
        String::new(),
        TEAM.file[..300].to_owned(),
        "noise".to_owned(),
    ] {
        let site = site_with("team.lic");
        site.write("state/license.lic", &damage);
        let error = license(&site, &["status"]).expect_failure(3);
        assert!(error.message.contains("license.lic.damaged-1"), "{error:?}");
        assert!(error.hint.contains("license install"), "{error:?}");
        assert_eq!(site.read("state/license.lic.damaged-1"), damage);
        for command in [
            &["status"][..],
            &["features"],
            &["explain"],
            &["check", "sso"],
        ] {
            let denied = license(&site, command).expect_code(1);
            assert!(
                denied.stderr.contains("license.lic.damaged-1"),
                "{}",
                denied.stderr
            );
        }
        let _ = install(&site, &["team.lic"]).expect_code(0);
        assert_eq!(installed_tier(&site), "TEAM");
    }
}

#[test]
fn a_damaged_installed_license_does_not_affect_the_free_tier() {
    let site = site_with("team.lic");
    site.write("state/license.lic", tampered(&TEAM));
    let free = license(&site, &["check", "local_execution"]).expect_code(0);
    assert!(
        free.stderr.contains("warning: BAD_SIGNATURE"),
        "{}",
        free.stderr
    );
    let json = license(&site, &["check", "local_execution", "--json"])
        .expect_code(0)
        .json();
    assert_eq!(json["warnings"][0]["code"], "STATE");
    let _ = license(&site, &["check", "team_analytics"]).expect_code(1);
}

#[test]
fn concurrent_installations_leave_one_complete_license() {
    let site = site_with("team.lic");
    std::thread::scope(|scope| {
        for number in 0..8 {
            let file = if number % 2 == 0 {
                "team.lic"
            } else {
                "pro.lic"
            };
            let site = &site;
            scope.spawn(move || {
                let _ = install(site, &[file]).expect_code(0);
            });
        }
    });
    let tier = installed_tier(&site);
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
        let site = site_with("team.lic");
        site.write(&format!("state/{file}"), damage);
        let error = license(&site, &["status"]).expect_failure(3);
        assert!(error.message.contains(file), "{error:?}");
        assert!(error.hint.contains("install"), "{error:?}");
        let _ = install(&site, &["team.lic"]).expect_code(0);
        assert_eq!(installed_tier(&site), "TEAM");
    }
}

#[test]
fn an_installed_license_without_keys_is_an_error_with_a_hint_about_trust() {
    let site = site_with("team.lic");
    fs::remove_file(site.file("state/trust.jwks")).unwrap();
    let error = license(&site, &["status"]).expect_failure(3);
    assert!(error.hint.contains("--trust"), "{error:?}");
}

#[test]
fn a_state_directory_that_is_a_file_is_a_system_error() {
    let site = site();
    site.write("file", "");
    for home in ["file", "file/below"] {
        let run =
            Run::license(&site).args(["install", "--trust", "trust.jwks", "--at", AT, "pro.lic"]);
        let error = run
            .env("CODITECT_HOME", site.file(home))
            .run()
            .expect_failure(4);
        assert!(error.message.contains(home), "{error:?}");
    }
}

#[test]
fn a_relative_path_of_the_state_directory_is_refused() {
    let site = site();
    let run = Run::license(&site)
        .arg("status")
        .env("CODITECT_HOME", "state")
        .run();
    let error = run.expect_failure(4);
    assert!(error.message.contains("CODITECT_HOME"), "{error:?}");
}

#[cfg(unix)]
#[test]
fn a_read_only_state_directory_is_a_system_error() {
    use std::os::unix::fs::PermissionsExt;
    let site = site();
    fs::create_dir(site.state()).unwrap();
    fs::set_permissions(site.state(), fs::Permissions::from_mode(0o500)).unwrap();
    if fs::write(site.state().join("probe"), "").is_ok() {
        eprintln!("SKIPPED: root may write everywhere");
        return;
    }
    let error = install(&site, &["pro.lic"]).expect_failure(4);
    assert!(error.hint.contains("permissions"), "{error:?}");
    let _ = license(&site, &["status", "--at", AT]).expect_code(1);
}

#[cfg(unix)]
#[test]
fn a_state_directory_behind_a_symbolic_link_is_used_and_the_link_stays() {
    let site = site();
    fs::create_dir(site.file("elsewhere")).unwrap();
    std::os::unix::fs::symlink(site.file("elsewhere"), site.state()).unwrap();
    let _ = install(&site, &["team.lic"]).expect_code(0);
    assert_eq!(installed_tier(&site), "TEAM");
    assert!(fs::symlink_metadata(site.state()).unwrap().is_symlink());
    assert_eq!(site.mode("elsewhere/license.lic"), 0o600);
}

#[cfg(unix)]
#[test]
fn an_installed_license_that_is_a_symbolic_link_is_read_and_replaced_without_following_it() {
    let site = site();
    fs::create_dir(site.state()).unwrap();
    site.write("state/trust.jwks", &Vendor::shared().trust);
    std::os::unix::fs::symlink(site.file("team.lic"), site.file("state/license.lic")).unwrap();
    assert_eq!(installed_tier(&site), "TEAM");
    let _ = install(&site, &["pro.lic"]).expect_code(0);
    assert_eq!(site.read("team.lic"), TEAM.file);
    assert_eq!(installed_tier(&site), "PRO");
}

#[test]
fn read_only_commands_create_no_files() {
    let site = site();
    for command in [
        &["status"][..],
        &["features"],
        &["explain"],
        &["check", "sso"],
        &["inspect", "pro.lic"],
    ] {
        let _ = license(&site, command);
    }
    let _ = verify(&site, &["pro.lic"]).expect_code(0);
    assert!(!site.state().exists());
    assert_eq!(fs::read_dir(site.home()).unwrap().count(), 0);
}
