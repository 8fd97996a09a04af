//! The administrator's directory, which applies to all users of a machine.

use std::fs;
use std::path::PathBuf;

use super::*;

/// Returns a machine with this license and its keys in the administrator's directory `etc`.
fn machine_with_shared(file: &str) -> Scratch {
    let machine = machine();
    fs::create_dir(machine.file("etc")).unwrap();
    machine.write("etc/trust.jwks", &Vendor::shared().trust);
    let name = match file {
        "enterprise.key" => "license.key",
        _ => "license.lic",
    };
    fs::copy(machine.file(file), machine.file("etc").join(name)).unwrap();
    machine
}

fn user(machine: &Scratch, args: &[&str]) -> RunOutput {
    let run = Run::license(machine).env("CODITECT_SYSTEM_DIR", machine.file("etc"));
    run.args(args).run()
}

#[track_caller]
fn tier(machine: &Scratch) -> Value {
    expect_valid(user(machine, &["status", "--json", "--at", AT]))["tier"].clone()
}

/// Returns the files in the administrator's directory with their content.
fn content(machine: &Scratch) -> Vec<(PathBuf, Vec<u8>)> {
    let entries = fs::read_dir(machine.file("etc")).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = paths
        .map(|path| (path.clone(), fs::read(path).unwrap()))
        .collect();
    files.sort();
    files
}

#[test]
fn the_administrators_license_applies_to_a_user_without_a_license() {
    if !tools::is_root() {
        return;
    }
    for (file, expected) in [("team.lic", "TEAM"), ("enterprise.key", "ENT")] {
        let machine = machine_with_shared(file);
        assert_eq!(tier(&machine), expected);
        let _ = user(&machine, &["check", "team_analytics", "--at", AT]).expect_code(0);
        assert!(!machine.state().exists(), "no state directory is created");
    }
}

#[test]
fn without_the_administrators_directory_there_is_no_license() {
    if !tools::is_root() {
        return;
    }
    let machine = machine_with_shared("team.lic");
    let status = license(&machine, &["status", "--json", "--at", AT]);
    assert_eq!(status.expect_code(1).json()["code"], "NO_LICENSE");
}

#[test]
fn the_better_license_of_user_and_administrator_decides() {
    if !tools::is_root() {
        return;
    }
    for (shared, own) in [("team.lic", "ent.lic"), ("ent.lic", "team.lic")] {
        let machine = machine_with_shared(shared);
        let install = ["install", "--trust", "trust.jwks", "--at", AT, own];
        let _ = user(&machine, &install).expect_code(0);
        assert_eq!(tier(&machine), "ENT");
        let later = user(&machine, &["status", "--json", "--at", LATER]);
        assert_eq!(expect_valid(later)["tier"], "ENT");
    }
}

#[test]
fn the_administrators_keys_verify_a_users_license() {
    if !tools::is_root() {
        return;
    }
    let machine = machine_with_shared("team.lic");
    let _ = user(&machine, &["install", "--at", AT, "ent.lic"]).expect_code(0);
    assert_eq!(tier(&machine), "ENT");
    fs::remove_file(machine.file("state/trust.jwks")).unwrap();
    assert_eq!(tier(&machine), "ENT");
}

#[test]
fn a_damaged_license_is_a_warning_if_the_other_license_is_valid() {
    if !tools::is_root() {
        return;
    }
    for (damaged, expected) in [("etc/license.lic", "ENT"), ("state/license.lic", "TEAM")] {
        let machine = machine_with_shared("team.lic");
        let install = ["install", "--trust", "trust.jwks", "--at", AT, "ent.lic"];
        let _ = user(&machine, &install).expect_code(0);
        let content = if damaged.starts_with("etc") {
            tampered(&TEAM)
        } else {
            tampered(&ENT)
        };
        machine.write(damaged, content);
        let status = expect_valid(user(&machine, &["status", "--json", "--at", AT]));
        assert_eq!(status["tier"], expected);
        let warning = state_warning(&status);
        assert!(warning.contains(damaged), "{warning}");
    }
}

#[test]
fn without_a_users_license_a_damaged_administrators_license_is_an_error_and_is_not_quarantined() {
    if !tools::is_root() {
        return;
    }
    let machine = machine_with_shared("team.lic");
    machine.write("etc/license.lic", tampered(&TEAM));
    for _ in 0..2 {
        let error = user(&machine, &["status"]).expect_failure(3);
        assert!(error.message.contains("etc/license.lic"), "{error:?}");
        assert!(!error.message.contains("quarantined"), "{error:?}");
    }
    let _ = user(&machine, &["check", "local_execution"]).expect_code(0);
}

#[test]
fn damaged_keys_of_the_administrator_do_not_affect_a_users_license() {
    if !tools::is_root() {
        return;
    }
    let machine = machine_with_shared("team.lic");
    let install = ["install", "--trust", "trust.jwks", "--at", AT, "ent.lic"];
    let _ = user(&machine, &install).expect_code(0);
    machine.write("etc/trust.jwks", "noise");
    assert_eq!(tier(&machine), "ENT");
}

#[test]
fn the_administrators_directory_is_never_written() {
    if !tools::is_root() {
        return;
    }
    let machine = machine_with_shared("team.lic");
    machine.write("etc/trust.jwks", format!("{}\n", Vendor::shared().trust));
    let before = content(&machine);
    let validation = Vendor::shared().check_in(&TEAM, &["--issued-at", AT]);
    machine.write("validation.lic", validation);
    for args in [
        &["status"][..],
        &["use", "commands_per_day"],
        &["install", "validation.lic"],
        &["install", "--trust", "trust.jwks", "ent.lic"],
        &["doctor"],
        &["remove"],
        &["session"],
    ] {
        let outcome = user(&machine, args);
        assert_ne!(outcome.code, Some(4), "{outcome:?}");
    }
    assert_eq!(content(&machine), before);
    assert_eq!(
        tier(&machine),
        "TEAM",
        "a user cannot remove the administrator's license"
    );
}

#[test]
fn a_check_in_for_the_administrators_license_is_stored_for_the_user() {
    if !tools::is_root() {
        return;
    }
    let machine = machine_with_shared("pro.lic");
    let validation = Vendor::shared().check_in(&PRO, &["--issued-at", "2020-02-01"]);
    machine.write("validation.lic", validation);
    let at = "2020-02-01T01:00:00Z";
    let status = ["status", "--json", "--at", at];
    assert_eq!(
        user(&machine, &status).expect_code(1).json()["code"],
        "CHECK_IN_OVERDUE"
    );
    let _ = user(&machine, &["install", "--at", at, "validation.lic"]).expect_code(0);
    expect_valid(user(&machine, &status));
}

/// Returns the outcome of `status` with a license in the administrator's directory, after a change
/// of the directory's owner or permissions.
#[cfg(unix)]
fn status_after(change: impl FnOnce(&std::path::Path)) -> RunOutput {
    let machine = machine_with_shared("team.lic");
    change(&machine.file("etc"));
    user(&machine, &["status", "--json", "--at", AT])
}

#[test]
#[cfg(unix)]
fn a_directory_that_others_can_change_is_not_the_administrators() {
    use std::os::unix::fs::{PermissionsExt, chown, symlink};
    if !tools::is_root() {
        return;
    }
    let mode = |path: &std::path::Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    let _ = status_after(|_| {}).expect_code(0);
    let refused = [
        status_after(|etc| chown(etc, Some(65534), None).unwrap()),
        status_after(|etc| chown(etc.parent().unwrap(), Some(65534), None).unwrap()),
        status_after(|etc| mode(etc, 0o777)),
        status_after(|etc| mode(etc, 0o1777)),
        status_after(|etc| mode(etc.parent().unwrap(), 0o777)),
        status_after(|etc| {
            let real = etc.with_file_name("real");
            fs::rename(etc, &real).unwrap();
            chown(&real, Some(65534), None).unwrap();
            symlink(&real, etc).unwrap();
        }),
    ];
    for status in refused {
        let report = status.expect_code(1).json();
        assert_eq!(report["code"], "NO_LICENSE", "{report:#}");
        let warning = state_warning(&report);
        assert!(
            warning.contains("only an administrator can change"),
            "{warning}"
        );
        assert!(warning.contains("root"), "{warning}");
    }
}

#[test]
#[cfg(unix)]
fn another_users_directory_does_not_share_an_activation() {
    use std::os::unix::fs::chown;
    let machine = machine();
    fs::create_dir(machine.file("etc")).unwrap();
    if tools::is_root() {
        chown(machine.file("etc"), Some(65534), Some(65534)).unwrap();
    }
    machine.write("etc/license.lic", &TEAM.file);
    machine.write("etc/trust.jwks", &Vendor::shared().trust);
    machine.write("etc/machine-id", HERE);
    let status = user(&machine, &["status", "--json", "--at", AT]);
    assert_eq!(status.expect_code(1).json()["code"], "NO_LICENSE");
    let identity = user(&machine, &["machine", "--json"]).expect_code(0).json();
    assert_ne!(identity["digest"], digest_of(HERE));
    let doctor = user(&machine, &["doctor"]).stdout;
    assert!(doctor.contains("nothing in it is used"), "{doctor}");
}

#[test]
fn a_license_file_that_cannot_be_used_or_allows_less_does_not_hide_an_enterprise_key() {
    let damaged = [String::new(), "noise".to_owned(), tampered(&TEAM)];
    for directory in ["etc", "state"] {
        if directory == "etc" && !tools::is_root() {
            continue;
        }
        let machine = machine();
        let name = |file: &str| format!("{directory}/{file}");
        for directory in ["etc", "state"] {
            fs::create_dir(machine.file(directory)).unwrap();
        }
        machine.write(&name("trust.jwks"), &Vendor::shared().trust);
        machine.write(&name("license.key"), &*ENTERPRISE_KEY);
        for content in &damaged {
            machine.write(&name("license.lic"), content);
            let status = expect_valid(user(&machine, &["status", "--json", "--at", LATER]));
            assert_eq!(status["tier"], "ENT", "{status:#}");
            let warning = state_warning(&status);
            assert!(warning.contains(&name("license.lic")), "{warning}");
        }
        machine.write(&name("license.lic"), &TEAM.file);
        for (at, code) in [(AT, "VALID"), (LATER, "EXPIRED")] {
            let status = expect_valid(user(&machine, &["status", "--json", "--at", at]));
            assert_eq!(status["tier"], "ENT");
            let unused = &status["unused_files"][0];
            let path = unused["path"].as_str().unwrap();
            assert!(path.ends_with(&name("license.lic")), "{status:#}");
            assert_eq!(
                (&unused["tier"], &unused["code"]),
                (&json!("TEAM"), &json!(code))
            );
            let text = user(&machine, &["status", "--at", at])
                .expect_code(0)
                .stdout;
            let line = format!("not used    {path} (TEAM license, {code})");
            assert!(text.contains(&line), "{text}");
        }
        let doctor = user(&machine, &["doctor"]).stdout;
        assert!(doctor.contains("not used: "), "{doctor}");
    }
}

#[test]
fn damaged_keys_of_one_directory_do_not_hide_the_keys_of_the_other_one() {
    if !tools::is_root() {
        return;
    }
    for (damaged, file, expected) in [
        ("state/trust.jwks", "state/license.lic", "ENT"),
        ("etc/trust.jwks", "etc/license.lic", "TEAM"),
    ] {
        let machine = machine_with_shared("team.lic");
        let install = ["install", "--trust", "trust.jwks", "--at", AT, "ent.lic"];
        let _ = user(&machine, &install).expect_code(0);
        for other in ["state/license.lic", "etc/license.lic"] {
            if other != file {
                fs::remove_file(machine.file(other)).unwrap();
            }
        }
        machine.write(damaged, "noise");
        let status = expect_valid(user(&machine, &["status", "--json", "--at", AT]));
        assert_eq!(status["tier"], expected);
        let warning = state_warning(&status);
        assert!(warning.contains(damaged), "{warning}");
    }
}

#[test]
fn a_relative_path_of_the_administrators_directory_is_reported_and_not_used() {
    let machine = machine();
    fs::create_dir(machine.file("etc")).unwrap();
    machine.write("etc/license.lic", &TEAM.file);
    machine.write("etc/trust.jwks", &Vendor::shared().trust);
    let run = |args: &[&str]| {
        let run = Run::license(&machine).env("CODITECT_SYSTEM_DIR", "etc");
        run.args(args).run()
    };
    let status = run(&["status", "--json"]).expect_code(1).json();
    assert_eq!(status["code"], "NO_LICENSE");
    let warning = state_warning(&status);
    assert!(warning.contains("found a relative path"), "{warning}");
    let doctor = run(&["doctor", "--json"]).json();
    let checks = doctor["checks"].as_array().unwrap();
    let system = checks.iter().find(|check| check["check"] == "system");
    let message = system.unwrap()["message"].as_str().unwrap();
    assert!(message.contains("found a relative path"), "{message}");
    assert!(message.contains("(the default)"), "{message}");
}

/// Environments in which the state directory of the user is not known, and whether uses of a quota
/// are counted in memory there.
#[cfg(unix)]
const WITHOUT_STATE: [(&[(&str, &str)], bool); 3] = [
    (&[], true),
    (&[("HOME", "relative")], false),
    (&[("CODITECT_HOME", "relative")], false),
];

#[test]
#[cfg(unix)]
fn without_a_home_directory_the_administrators_license_counts() {
    if !tools::is_root() {
        return;
    }
    let machine = machine_with_shared("team.lic");
    machine.write("etc/license.key", &*ENTERPRISE_KEY);
    let Some(user) = UnprivilegedUser::without_account(&machine) else {
        return;
    };
    for (variables, is_counted) in WITHOUT_STATE {
        let license = |args: &[&str]| {
            let run = user.run().env("CODITECT_SYSTEM_DIR", machine.file("etc"));
            let run = run.without_env("HOME").without_env("CODITECT_HOME");
            let run = run.args(args);
            let set = variables.iter();
            set.fold(run, |run, (name, value)| run.env(name, value))
                .run()
        };
        let status = expect_valid(license(&["status", "--json", "--at", AT]));
        assert_eq!(status["tier"], "ENT");
        let warning = state_warning(&status);
        assert!(warning.contains("HOME"), "{warning}");
        let _ = license(&["check", "sso"]).expect_code(0);
        let _ = license(&["verify", "--at", AT, "pro.lic"]).expect_code(0);
        let unlimited = license(&["use", "commands_per_day", "11", "--json"]);
        assert_eq!(unlimited.expect_code(0).json()["limit"], -1);
        // The limit of FREE is 10.
        let finite = license(&["use", "agents", "11", "--json"]);
        let expected = if is_counted { 0 } else { 1 };
        let finite = finite.expect_code(expected).json();
        if is_counted {
            assert_eq!(finite["limit"], 52);
        } else {
            assert_eq!(finite["error"]["code"], "QUOTA_NOT_COUNTED", "{finite:#}");
        }
        license(&["install", "pro.lic"]).expect_failure(4);
        let doctor = license(&["doctor"]);
        assert!(doctor.stdout.contains("VALID: ENT license"), "{doctor:?}");
        let _ = doctor.expect_code(i32::from(!is_counted));
    }
}
