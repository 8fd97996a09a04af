//! An activation for all users: its hints, its restoration, and the files that users cannot read or
//! that are not read.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use super::administrator::Activation;
use super::all_users::{etc, install, run};
use super::doctor::{check, expect};
use super::*;

#[test]
fn a_replaced_license_is_restored_with_its_activation() {
    if !tools::is_root() {
        return;
    }
    let activation = Activation::new();
    let machine = &activation.machine;
    activation.activate();
    machine.write("ent.lic", &ENT.file);
    let replace = || {
        let _ = install(machine, &["--force", "ent.lic"]).expect_code(0);
        assert!(
            !machine
                .read("etc/coditect/license.lic")
                .contains("ACTIVATION")
        );
    };
    let restore = ["restore", "--system", "--force"];
    replace();
    // Without --system, the hint names the license for all users.
    let own = run(machine, &["restore"]).expect_failure(1);
    assert!(own.hint.contains("license restore --system"), "{own:?}");
    let _ = run(machine, &restore).expect_code(0);
    assert_eq!(activation.code_for_users(), "VALID");
    // So is a license that is installed again.
    replace();
    let _ = install(machine, &["--force", "bound.lic"]).expect_code(0);
    assert_eq!(activation.code_for_users(), "VALID");
    // An activation that has ended does not count again.
    replace();
    let replaced = machine.read("etc/coditect/license.replaced");
    let _ = run(machine, &restore).expect_code(0);
    let _ = activation.deactivate(&[]).expect_code(0);
    machine.write("etc/coditect/license.replaced", replaced);
    let _ = install(machine, &["--force", "bound.lic"]).expect_code(1);
    assert_eq!(activation.code_for_users(), "NOT_ACTIVATED");
    // The receipt ends the activation for all users, so root has no activation of its own.
    let own = run(machine, &["deactivate", "--json"]).stdout;
    assert!(!own.contains("ask the administrator"), "{own}");
}

#[test]
fn a_request_names_the_command_for_all_users_and_the_answer_its_users() {
    if !tools::is_root() {
        return;
    }
    let activation = Activation::new();
    let machine = &activation.machine;
    activation.request_answer();
    let again = run(machine, &["request"]).expect_code(0).stderr;
    assert!(
        again.contains("as root, with `license activate --system FILE`"),
        "{again}"
    );
    let wrong = run(machine, &["request", "--system"]).expect_failure(2);
    assert!(
        wrong.hint.contains("`license activate --system FILE`"),
        "{wrong:?}"
    );
    // The answer to a request of root is not one of this user.
    let user = |args: &[&str]| {
        let run = Run::license(machine).env("CODITECT_SYSTEM_DIR", etc(machine));
        let run = run.env("CODITECT_HOME", machine.file("user"));
        run.env("CODITECT_MACHINE_ID", HERE).args(args).run()
    };
    let refused = user(&["activate", "answer.lic"]).expect_failure(3);
    assert!(refused.text().contains("REQUEST_MISMATCH"), "{refused:?}");
    assert!(
        refused.hint.contains("`license activate --system FILE`"),
        "{refused:?}"
    );
    for (args, users) in [
        (&["activate", "answer.lic"][..], "for this user"),
        (&["activate", "--system", "answer.lic"], "for all users"),
    ] {
        let note = run(machine, args).expect_code(0).stderr;
        assert!(note.contains(users), "{note}");
    }
    // The activation of root ends, and the one for all users stays.
    let ended = run(machine, &["deactivate", "--out", "receipt.lic"]);
    let note = ended.expect_code(0).stderr;
    assert!(note.contains("`license deactivate --system`"), "{note}");
}

#[test]
fn doctor_warns_root_of_files_that_other_users_cannot_read() {
    if !tools::is_root() {
        return;
    }
    let machine = machine();
    let _ = install(&machine, &["--at", AT, "ent.lic"]).expect_code(0);
    let doctor = || run(&machine, &["doctor", "--json"]).json();
    expect(&doctor(), "system", "ok", &["contains license.lic"]);
    for (path, closed, mode) in [
        ("etc/coditect", 0o700, "755"),
        ("etc/coditect/license.lic", 0o600, "644"),
        ("etc/coditect/trust.jwks", 0o640, "644"),
    ] {
        let file = machine.file(path);
        let right = fs::metadata(&file).unwrap().permissions();
        fs::set_permissions(&file, Permissions::from_mode(closed)).unwrap();
        let report = doctor();
        let shown = file.to_str().unwrap();
        expect(
            &report,
            "system",
            "warning",
            &["other users cannot read", shown],
        );
        let hint = check(&report, "system")[2];
        assert!(hint.contains(&format!("chmod {mode} {shown}")), "{hint}");
        fs::set_permissions(&file, right).unwrap();
    }
    expect(&doctor(), "system", "ok", &["contains license.lic"]);
}

#[test]
fn files_beside_a_license_that_are_not_read_are_named() {
    if !tools::is_root() {
        return;
    }
    let machine = machine();
    let _ = install(&machine, &["--at", AT, "ent.lic"]).expect_code(0);
    machine.write("etc/coditect/revocation.lic", "");
    let doctor = || run(&machine, &["doctor", "--json"]).json();
    let names = ["not read because of the name: `revocation.lic`"];
    expect(&doctor(), "system", "ok", &names);
    for name in ["vendor.jwks", "trust.jwk"] {
        let (keys, other) = (etc(&machine).join("trust.jwks"), etc(&machine).join(name));
        fs::rename(&keys, &other).unwrap();
        let error = run(&machine, &["status"]).expect_failure(3);
        for word in [name, "trust.jwks"] {
            assert!(error.hint.contains(word), "{error:?}");
        }
        expect(&doctor(), "system", "ok", &[name]);
        fs::rename(&other, &keys).unwrap();
    }
}
