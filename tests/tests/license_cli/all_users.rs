//! `license install --system`, which an administrator runs for all users of a machine.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::PathBuf;

use super::*;

/// The administrator's directory of these tests, which does not exist at the beginning.
pub(crate) fn etc(machine: &Scratch) -> PathBuf {
    machine.file("etc/coditect")
}

pub(crate) fn run(machine: &Scratch, args: &[&str]) -> RunOutput {
    let run = Run::license(machine).env("CODITECT_SYSTEM_DIR", etc(machine));
    run.env("CODITECT_MACHINE_ID", HERE).args(args).run()
}

/// Installs a file for all users.
pub(crate) fn install(machine: &Scratch, args: &[&str]) -> RunOutput {
    let common = ["install", "--system", "--trust", "trust.jwks"];
    run(machine, &[&common[..], args].concat())
}

/// Returns the decision that a user without own files gets.
#[track_caller]
fn decision(machine: &Scratch, at: &str) -> Value {
    let decision = run(machine, &["status", "--json", "--at", at]).json();
    assert!(!machine.state().exists(), "the user has no files");
    decision
}

/// Returns the names and permissions of the files in the administrator's directory.
fn files(machine: &Scratch) -> Vec<(String, u32)> {
    let entries = fs::read_dir(etc(machine)).unwrap();
    let entry = |entry: std::io::Result<fs::DirEntry>| {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().mode() & 0o7777;
        (entry.file_name().into_string().unwrap(), mode)
    };
    let mut files: Vec<_> = entries
        .map(entry)
        .filter(|(name, _)| name != ".lock")
        .collect();
    files.sort();
    files
}

fn named(names: &[&str]) -> Vec<(String, u32)> {
    names
        .iter()
        .map(|name| ((*name).to_owned(), 0o644))
        .collect()
}

#[test]
fn a_license_is_verified_named_and_readable_by_all_users_whatever_the_umask_is() {
    if !tools::is_root() {
        return;
    }
    let machine = machine();
    let program = license_tests::programs::license().to_str().unwrap();
    let script =
        format!("umask 077; exec {program} install --system --trust trust.jwks --at {AT} team.lic");
    let installed = Run::new("sh", &machine).env("CODITECT_SYSTEM_DIR", etc(&machine));
    let installed = installed.args(["-c", &script]).run().expect_code(0);
    let path = etc(&machine).join("license.lic");
    let note = format!("installed as {}", path.display());
    assert!(installed.stderr.contains(&note), "{installed:?}");
    assert_eq!(files(&machine), named(&["license.lic", "trust.jwks"]));
    assert_eq!(machine.mode("etc/coditect"), 0o755);
    assert_eq!(decision(&machine, AT)["tier"], "TEAM");
    if let Some(user) = UnprivilegedUser::on(&machine) {
        let status = user.run().env("CODITECT_SYSTEM_DIR", etc(&machine));
        let status = status.args(["status", "--json", "--at", AT]).run();
        assert_eq!(expect_valid(status)["tier"], "TEAM");
    }
    // An enterprise key has a file of its own, and replaces the license as for one user.
    let json = install(&machine, &["--at", AT, "--json", "enterprise.key"])
        .expect_code(0)
        .json();
    assert_eq!(
        json["path"],
        etc(&machine).join("license.key").to_str().unwrap()
    );
    assert_eq!(json["dry_run"], false);
    let names = [
        "license.key",
        "license.replaced",
        "trust.jwks",
        "trust.replaced",
    ];
    assert_eq!(files(&machine), named(&names));
    // The keys are installed.
    let _ = run(&machine, &["install", "--system", "--at", AT, "ent.lic"]).expect_code(0);
}

#[test]
fn a_dry_run_reports_the_same_and_changes_nothing() {
    if !tools::is_root() {
        return;
    }
    let machine = machine();
    let dry = install(&machine, &["--dry-run", "--at", AT, "team.lic"]).expect_code(0);
    let path = etc(&machine).join("license.lic");
    assert!(
        dry.stderr
            .contains(&format!("would be installed as {}", path.display())),
        "{dry:?}"
    );
    assert!(
        dry.stdout.starts_with("licensed: VALID\nTEAM license"),
        "{dry:?}"
    );
    assert!(!machine.file("etc").exists());
    let json = install(&machine, &["--dry-run", "--at", AT, "--json", "team.lic"]);
    let json = json.expect_code(0).json();
    assert_eq!(
        (&json["dry_run"], &json["path"]),
        (&json!(true), &json!(path))
    );

    let _ = install(&machine, &["--at", AT, "ent.lic"]).expect_code(0);
    let before = fs::read(&path).unwrap();
    // The dry run refuses the same license.
    let refused =
        |options: &[&str]| install(&machine, &[options, &["--at", AT, "team.lic"]].concat());
    assert_eq!(
        refused(&["--dry-run"]).expect_failure(1),
        refused(&[]).expect_failure(1)
    );
    let forced = refused(&["--dry-run", "--force"]).expect_code(0);
    assert!(
        forced
            .stderr
            .contains("the ENT license of ACME Ltd would be replaced"),
        "{forced:?}"
    );
    assert_eq!(fs::read(&path).unwrap(), before);
    // A dry run works for one user as well, and leaves a damaged file in place.
    fs::create_dir(machine.state()).unwrap();
    machine.write("state/license.lic", "noise");
    let own = [
        "install",
        "--dry-run",
        "--trust",
        "trust.jwks",
        "--at",
        AT,
        "pro.lic",
    ];
    let _ = license(&machine, &own).expect_code(0);
    assert_eq!(fs::read_dir(machine.state()).unwrap().count(), 1);
    license(
        &machine,
        &[
            "install",
            "--dry-run",
            "--trust",
            "trust.jwks",
            "missing.lic",
        ],
    )
    .expect_failure(4);
}

#[test]
fn a_license_that_allows_less_needs_force_and_the_replaced_one_can_be_restored() {
    if !tools::is_root() {
        return;
    }
    let machine = machine();
    let _ = install(&machine, &["--at", AT, "ent.lic"]).expect_code(0);
    let error = install(&machine, &["--at", AT, "team.lic"]).expect_failure(1);
    assert!(error.hint.contains("license restore --system"), "{error:?}");
    let forced = install(&machine, &["--at", AT, "--force", "team.lic"]).expect_code(0);
    assert!(
        forced
            .stderr
            .contains("`license restore --system` restores it"),
        "{forced:?}"
    );
    assert_eq!(decision(&machine, AT)["tier"], "TEAM");
    let names = [
        "license.lic",
        "license.replaced",
        "trust.jwks",
        "trust.replaced",
    ];
    assert_eq!(files(&machine), named(&names));
    let _ = run(&machine, &["restore", "--system", "--at", AT]).expect_code(0);
    assert_eq!(decision(&machine, AT)["tier"], "ENT");
    let removed = run(&machine, &["remove", "--system", "--json"])
        .expect_code(0)
        .json();
    assert_eq!(removed["removed"].as_array().unwrap().len(), 4);
    assert_eq!(files(&machine), []);
    assert_eq!(decision(&machine, AT)["code"], "NO_LICENSE");
    let again = run(&machine, &["remove", "--system"]).expect_code(0);
    assert!(again.stdout.contains("for all users"), "{again:?}");
}

#[test]
fn a_renewal_joins_the_license_that_is_in_effect_until_then() {
    if !tools::is_root() {
        return;
    }
    let machine = machine_with_renewal();
    let _ = install(&machine, &["--at", "2026-06-01", "acme.lic"]).expect_code(0);
    let note = install(&machine, &["--at", "2026-06-01", "next.lic"])
        .expect_code(0)
        .stderr;
    assert!(note.contains("starts at 2026-07-01T00:00:00Z"), "{note}");
    for at in ["2026-06-15", "2026-07-15"] {
        assert_eq!(decision(&machine, at)["code"], "VALID", "{at}");
    }
    // The earlier license can be installed after its renewal, too.
    let _ = install(&machine, &["--at", "2026-06-01", "acme.lic"]).expect_code(0);
    assert_eq!(decision(&machine, "2026-07-15")["code"], "VALID");
}

#[test]
fn validation_tokens_and_activations_become_part_of_the_license_file() {
    if !tools::is_root() {
        return;
    }
    let machine = machine();
    let _ = install(&machine, &["--at", AT, "pro.lic"]).expect_code(0);
    assert_eq!(decision(&machine, "2020-02-01")["code"], "CHECK_IN_OVERDUE");
    for at in ["2020-01-31", "2020-02-01"] {
        let validation = Vendor::shared().check_in(&PRO, &["--issued-at", at]);
        machine.write("validation.lic", validation);
        let installed = run(
            &machine,
            &["install", "--system", "--at", at, "validation.lic"],
        );
        let installed = installed.expect_code(0);
        assert!(
            installed.stderr.contains("etc/coditect/license.lic"),
            "{installed:?}"
        );
    }
    assert_eq!(decision(&machine, "2020-02-01T01:00:00Z")["code"], "VALID");
    let file = machine.read("etc/coditect/license.lic");
    assert_eq!(file.matches("BEGIN LICENSE-").count(), 1);
    assert!(
        file.matches("BEGIN LICENSE VALIDATION-").count() <= 2,
        "old tokens are dropped"
    );
    assert_eq!(
        files(&machine),
        named(&["license.lic", "trust.jwks"]),
        "there is no state"
    );

    // An activation counts for all users, and stays with a license that replaces the license.
    let terms = words("--tier team --perpetual --offline --activation");
    machine.write("bound.lic", issue_license(&terms).file);
    let bound = install(&machine, &["--force", "bound.lic"]).expect_code(1);
    for missing in [bound, run(&machine, &["status"])] {
        let hint = "as root, with `license activate --system FILE`";
        assert!(missing.stderr.contains(hint), "{missing:?}");
    }
    let request = run(&machine, &["request", "--out", "request.lic"]);
    let _ = request.expect_code(0);
    let workstation = Vendor::shared().workstation();
    for name in ["request.lic", "bound.lic"] {
        workstation.write(name, machine.read(name));
    }
    let answer =
        "activate request.lic --key vendor.key --license bound.lic --no-ledger --out answer.lic";
    let _ = keygen(&workstation, &words(answer)).expect_code(0);
    machine.write("answer.lic", workstation.read("answer.lic"));
    let _ = fs::remove_dir_all(machine.state());
    for _ in 0..2 {
        let activated = run(&machine, &["activate", "--system", "answer.lic"]).expect_code(0);
        assert!(activated.stderr.contains("activated"), "{activated:?}");
        let status = run(&machine, &["status", "--json"]).expect_code(0).json();
        assert_eq!(status["code"], "VALID");
        assert_eq!(
            machine
                .read("etc/coditect/license.lic")
                .matches("LICENSE ACTIVATION-")
                .count(),
            2
        );
    }
    let _ = fs::remove_dir_all(machine.state());
    let elsewhere = Run::license(&machine).env("CODITECT_SYSTEM_DIR", etc(&machine));
    let elsewhere = elsewhere.env("CODITECT_MACHINE_ID", ELSEWHERE);
    let elsewhere = elsewhere
        .args(["activate", "--system", "--json", "answer.lic"])
        .run();
    assert_eq!(elsewhere.expect_json_failure(1), "MACHINE_MISMATCH");
    let _ = install(&machine, &["--force", "bound.lic"]).expect_code(0);
    assert_eq!(
        run(&machine, &["status", "--json"]).json()["code"],
        "VALID",
        "the activation stays"
    );
    let _ = run(&machine, &["remove", "--system"]).expect_code(0);
    let _ = install(&machine, &["bound.lic"]).expect_code(1);
    let status = run(&machine, &["status", "--json"]).json();
    assert_eq!(status["code"], "NOT_ACTIVATED", "the activation is removed");
}

#[test]
fn a_file_that_does_not_verify_or_is_for_one_user_changes_nothing() {
    if !tools::is_root() {
        return;
    }
    let machine = machine();
    machine.write("tampered.lic", tampered(&TEAM));
    machine.write("noise.lic", "noise");
    for (file, code) in [("tampered.lic", 3), ("noise.lic", 3), ("missing.lic", 4)] {
        install(&machine, &[file]).expect_failure(code);
        assert!(!machine.file("etc").exists(), "{file}");
    }
    // The keys of root's own directory are not those of all users.
    let _ = license(
        &machine,
        &["install", "--trust", "trust.jwks", "--at", AT, "team.lic"],
    );
    run(&machine, &["install", "--system", "team.lic"]).expect_failure(3);
    let validation = Vendor::shared().check_in(&PRO, &["--issued-at", AT]);
    machine.write("validation.lic", validation);
    install(&machine, &["validation.lic"]).expect_failure(1);
    assert!(!etc(&machine).join("license.lic").exists());
}

#[test]
fn only_root_installs_for_all_users_and_only_where_nobody_else_writes() {
    let machine = machine();
    let Some(user) = UnprivilegedUser::on(&machine) else {
        return;
    };
    let args = [
        "install",
        "--system",
        "--trust",
        "trust.jwks",
        "--at",
        AT,
        "team.lic",
    ];
    for extra in [&[][..], &["--dry-run"]] {
        let run = user.run().env("CODITECT_SYSTEM_DIR", etc(&machine));
        let error = run.args(args).args(extra).run().expect_failure(4);
        assert!(
            error.hint.contains("sudo license install --system"),
            "{error:?}"
        );
        assert!(!machine.file("etc").exists());
    }
    for command in [
        "remove --system",
        "restore --system",
        "deactivate --system",
        "activate --system FILE",
    ] {
        let run = user.run().env("CODITECT_SYSTEM_DIR", etc(&machine));
        let error = run.args(words(command)).run().expect_failure(4);
        let own = format!("`sudo license {command}`");
        assert!(error.hint.contains(&own), "{error:?}");
    }
    let json = user.run().env("CODITECT_SYSTEM_DIR", etc(&machine));
    let json = json.args(args).arg("--json").run();
    assert_eq!(json.expect_json_failure(4), "NOT_ADMINISTRATOR");
    if !tools::is_root() {
        return;
    }
    fs::create_dir(machine.file("etc")).unwrap();
    fs::set_permissions(machine.file("etc"), Permissions::from_mode(0o777)).unwrap();
    let refused = install(&machine, &["--at", AT, "team.lic"]);
    let error = refused.expect_failure(4);
    assert!(
        error.message.contains("other users can write to"),
        "{error:?}"
    );
    assert!(error.hint.contains("root"), "{error:?}");
    assert!(!etc(&machine).exists());
    // The default directory does not take the place of a directory that was named.
    let relative = Run::license(&machine).env("CODITECT_SYSTEM_DIR", "etc");
    let relative = relative.args(args).arg("--json").run();
    assert_eq!(relative.expect_json_failure(4), "UNSAFE_DIRECTORY");
    // A directory without access for others is used, with a warning.
    fs::set_permissions(machine.file("etc"), Permissions::from_mode(0o755)).unwrap();
    fs::create_dir(etc(&machine)).unwrap();
    fs::set_permissions(etc(&machine), Permissions::from_mode(0o700)).unwrap();
    let installed = install(&machine, &["--at", AT, "--json", "team.lic"]);
    let installed = installed.expect_code(0).json();
    assert!(
        state_warning(&installed).contains("chmod 755"),
        "{installed:#}"
    );
}

#[test]
fn lists_and_statements_are_installed_for_all_users() {
    if !tools::is_root() {
        return;
    }
    let machine = machine();
    let _ = install(&machine, &["--at", AT, "team.lic"]).expect_code(0);
    // A statement adds a key for all users.
    machine.write(
        "statement.lic",
        rotation::introduction(Vendor::shared(), &rotation::NEXT),
    );
    machine.write("next.lic", &rotation::BY_NEXT.file);
    let own = |file: &str| run(&machine, &["install", "--system", "--at", AT, file]);
    own("next.lic").expect_failure(3);
    let _ = own("statement.lic").expect_code(0);
    let names = ["license.lic", "trust.jwks", "trust.lic"];
    assert_eq!(files(&machine), named(&names));
    let _ = own("next.lic").expect_code(0);
    assert_eq!(decision(&machine, AT)["code"], "VALID");
    // A revocation list revokes a license for all users, and an older list is refused.
    machine.write("list.lic", revocations::list(7, &[&rotation::BY_NEXT]));
    let _ = own("list.lic").expect_code(1);
    assert_eq!(decision(&machine, AT)["code"], "REVOKED");
    machine.write("older.lic", revocations::list(6, &[]));
    let older = run(
        &machine,
        &["install", "--system", "--at", AT, "--json", "older.lic"],
    );
    assert_eq!(older.expect_json_failure(3), "STALE_LIST");
    assert!(files(&machine).iter().all(|(_, mode)| *mode == 0o644));
}
