//! Tasks of an administrator: deactivation for all users, directories that users cannot read, files
//! with other names, and renewals that continue the term.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use super::all_users::{etc, install, run};
use super::doctor::{check, expect};
use super::metrics::metrics;
use super::monitor::of_plugin;
use super::*;

/// A vendor with a ledger, and a machine with a license for all users that requires activation.
pub(crate) struct Activation {
    workstation: Scratch,
    pub(crate) machine: Scratch,
}

impl Activation {
    /// Installs the license, which is not activated.
    pub(crate) fn new() -> Self {
        let vendor = Vendor::shared();
        let (workstation, machine) = (vendor.workstation(), vendor.customer_machine());
        let issue = "issue --tier team --customer ACME --perpetual --offline --activation --key vendor.key --out bound.lic";
        let _ = keygen(&workstation, &words(issue)).expect_code(0);
        machine.write("bound.lic", workstation.read("bound.lic"));
        let _ = install(&machine, &["bound.lic"]).expect_code(1);
        Self {
            workstation,
            machine,
        }
    }

    /// Requests an activation as root, and installs the answer for all users.
    pub(crate) fn activate(&self) {
        self.request_answer();
        let _ = run(&self.machine, &["activate", "--system", "answer.lic"]).expect_code(0);
    }

    pub(crate) fn request_answer(&self) {
        let Self {
            workstation,
            machine,
        } = self;
        let request = ["request", "--force", "--out", "request.lic"];
        let _ = run(machine, &request).expect_code(0);
        workstation.write("request.lic", machine.read("request.lic"));
        let answer = "activate request.lic --key vendor.key --force --out answer.lic";
        let _ = keygen(workstation, &words(answer)).expect_code(0);
        machine.write("answer.lic", workstation.read("answer.lic"));
    }

    /// Ends the activation for all users.
    pub(crate) fn deactivate(&self, options: &[&str]) -> RunOutput {
        let deactivate = ["deactivate", "--system"];
        run(&self.machine, &[&deactivate[..], options].concat())
    }

    /// Returns the code of the decision that a user without state gets.
    #[track_caller]
    pub(crate) fn code_for_users(&self) -> String {
        let user = Run::license(&self.machine).env("CODITECT_SYSTEM_DIR", etc(&self.machine));
        let user = user.env("CODITECT_MACHINE_ID", HERE);
        let user = user.env("CODITECT_HOME", self.machine.file("user"));
        let status = user.args(["status", "--json"]).run().json();
        status["code"].as_str().unwrap().to_owned()
    }
}

#[test]
fn an_activation_for_all_users_ends_with_a_receipt_that_frees_the_device() {
    if !tools::is_root() {
        return;
    }
    let activation = Activation::new();
    let machine = &activation.machine;
    activation.deactivate(&[]).expect_failure(1);
    activation.activate();
    assert_eq!(activation.code_for_users(), "VALID");
    let activated = machine.read("etc/coditect/license.lic");

    let ended = activation
        .deactivate(&["--out", "receipt.lic"])
        .expect_code(0);
    assert!(
        ended.stderr.contains("deactivated for all users"),
        "{ended:?}"
    );
    let file = machine.read("etc/coditect/license.lic");
    assert!(!file.contains("LICENSE ACTIVATION"), "{file}");
    assert!(file.contains("BEGIN LICENSE-"), "{file}");
    assert_eq!(activation.code_for_users(), "NOT_ACTIVATED");
    assert_eq!(machine.mode("etc/coditect/license.lic"), 0o644);
    let own = run(machine, &["status", "--json"]).json();
    assert_eq!(own["code"], "DEACTIVATED");

    // A repetition writes the same receipt. So does one after a crash before the file was written.
    let receipt = machine.read("receipt.lic");
    let repeat = || {
        let again = activation.deactivate(&["--json"]).expect_code(0).json();
        assert_eq!(again["text"], receipt, "{again}");
        assert_eq!(again["again"], true);
    };
    repeat();
    machine.write("etc/coditect/license.lic", activated);
    repeat();
    assert_eq!(activation.code_for_users(), "NOT_ACTIVATED");

    // The same answer does not count again, alone or with the license.
    let both = [machine.read("bound.lic"), machine.read("answer.lic")].concat();
    machine.write("both.lic", both);
    for command in ["activate --system answer.lic", "install --system both.lic"] {
        let refused = run(machine, &[words(command), vec!["--json"]].concat());
        assert_eq!(refused.expect_json_failure(3), "REPLAYED", "{command}");
    }
    assert_eq!(activation.code_for_users(), "NOT_ACTIVATED");

    let workstation = &activation.workstation;
    workstation.write("receipt.lic", &receipt);
    let _ = keygen(workstation, &["release", "receipt.lic"]).expect_code(0);
    // A new request counts.
    activation.activate();
    assert_eq!(activation.code_for_users(), "VALID");
}

#[test]
fn only_the_user_who_made_the_request_writes_the_receipt() {
    if !tools::is_root() {
        return;
    }
    let activation = Activation::new();
    let machine = &activation.machine;
    activation.activate();
    fs::remove_dir_all(machine.state()).unwrap();
    let before = fs::read(machine.file("etc/coditect/license.lic")).unwrap();
    let error = activation.deactivate(&[]).expect_failure(1);
    assert!(
        error.message.contains("another user requested"),
        "{error:?}"
    );
    assert!(error.hint.contains("remove --system"), "{error:?}");
    let json = activation.deactivate(&["--json"]);
    assert_eq!(json.expect_json_failure(1), "NOT_ACTIVATED");
    let after = fs::read(machine.file("etc/coditect/license.lic")).unwrap();
    assert_eq!(after, before);
    assert_eq!(activation.code_for_users(), "VALID");
    // A file that is damaged or cannot be read is an error, and stays.
    machine.write("etc/coditect/license.lic", "noise");
    activation.deactivate(&[]).expect_failure(3);
    assert_eq!(machine.read("etc/coditect/license.lic"), "noise");
    // The id of another license selects nothing.
    let unknown = ["--license", "01a227a2-df96-77d7-ba8e-075da9ef14b1"];
    machine.write("etc/coditect/license.lic", before);
    let _ = activation.deactivate(&unknown).expect_failure(1);
    assert_eq!(activation.code_for_users(), "VALID");
}

#[test]
fn a_license_for_all_users_that_needs_no_activation_stays_valid_with_a_warning() {
    if !tools::is_root() {
        return;
    }
    let activation = Activation::new();
    activation.activate();
    // A renewal of the license that needs no activation.
    let (workstation, machine) = (&activation.workstation, &activation.machine);
    let upgrade = "upgrade bound.lic --seats 9 --key vendor.key --out unbound.lic";
    let _ = keygen(workstation, &words(upgrade)).expect_code(0);
    let free =
        "issue --tier team --customer ACME --perpetual --offline --key vendor.key --out free.lic";
    let _ = keygen(workstation, &words(free)).expect_code(0);
    machine.write("free.lic", workstation.read("free.lic"));
    let _ = install(machine, &["--force", "free.lic"]).expect_code(0);
    activation.request_answer();
    let _ = run(machine, &["activate", "--system", "answer.lic"]).expect_code(0);
    let ended = activation.deactivate(&["--json"]).expect_code(0).json();
    assert_eq!(warnings(&ended), ["STILL_ACTIVE"], "{ended}");
    assert_eq!(activation.code_for_users(), "VALID");
}

#[test]
fn a_renewal_continues_the_term_of_a_license_that_is_restored() {
    if !tools::is_root() {
        return;
    }
    let at = ["--at", "2026-06-01"];
    for (end, is_loss) in [("2027-01-31", false), ("2029-01-31", true)] {
        let machine = machine_with_renewal();
        let terms = format!(
            "--tier team --offline --customer Other --issued-at 2026-06-01 --expires {end}"
        );
        machine.write("other.lic", issue_license(&words(&terms)).file);
        for file in ["acme.lic", "next.lic"] {
            let _ = install(&machine, &[&at[..], &[file]].concat()).expect_code(0);
        }
        let forced = [&at[..], &["--force", "other.lic"]].concat();
        let _ = install(&machine, &forced).expect_code(0);
        let restored = run(
            &machine,
            &[&["restore", "--system", "--json"], &at[..]].concat(),
        );
        if is_loss {
            assert_eq!(restored.expect_json_failure(1), "LOSS");
            continue;
        }
        let restored = restored.expect_code(0).json();
        assert_eq!(warnings(&restored), [""; 0], "{end}: {restored}");
    }
}

/// Returns a machine with a license for all users, and a user without privileges.
fn with_license_for_all() -> Scratch {
    let machine = machine();
    let _ = install(&machine, &["--at", AT, "ent.lic"]).expect_code(0);
    machine
}

/// Runs `license` as this user with the license for all users.
fn as_user(user: &UnprivilegedUser<'_>, machine: &Scratch, args: &[&str]) -> RunOutput {
    let run = user.run().env("CODITECT_SYSTEM_DIR", etc(machine));
    run.env("CODITECT_MACHINE_ID", HERE).args(args).run()
}

fn set_mode(machine: &Scratch, path: &str, mode: u32) {
    fs::set_permissions(machine.file(path), Permissions::from_mode(mode)).unwrap();
}

#[test]
fn monitors_and_doctor_report_quotas_that_are_denied() {
    if !tools::is_root() {
        return;
    }
    let machine = with_license_for_all();
    let Some(user) = UnprivilegedUser::on(&machine) else {
        return;
    };
    let plugin = |args: &[&str]| {
        let args = [&["status", "--warn", "30d"], args].concat();
        of_plugin(&as_user(&user, &machine, &args))
    };
    let missing = ["missing", "existing"];
    for state in missing {
        if state == "existing" {
            fs::create_dir(machine.state()).unwrap();
            set_mode(&machine, "state", 0o755);
        }
        let (code, line) = plugin(&[]);
        assert_eq!(code, 1, "{state}: {line}");
        assert!(line.contains("QUOTA_NOT_COUNTED"), "{state}: {line}");
        let found = metrics(&as_user(&user, &machine, &["metrics"]));
        let warning = r#"license_warning{product="CODITECT",code="QUOTA_NOT_COUNTED"}"#;
        assert_eq!(found[warning], "1", "{state}");
        let report = as_user(&user, &machine, &["doctor", "--json"]).expect_code(1);
        let words = ["is not writable", "uses of finite quotas are denied"];
        expect(&report.json(), "home", "problem", &words);
        if state == "existing" {
            let report = report.json();
            let hint = check(&report, "permissions")[2];
            assert!(hint.contains("chown"), "only root may change it: {hint}");
        }
        let used = as_user(&user, &machine, &["use", "agents", "--json"]);
        assert_eq!(used.expect_json_failure(1), "QUOTA_NOT_COUNTED", "{state}");
    }
    // A lock file of root denies the use as well.
    set_mode(&machine, "state", 0o777);
    machine.write("state/.lock", "");
    set_mode(&machine, "state/.lock", 0o600);
    assert_eq!(plugin(&[]).0, 1);
    let report = as_user(&user, &machine, &["doctor", "--json"]).expect_code(1);
    expect(
        &report.json(),
        "home",
        "problem",
        &["QUOTA_NOT_COUNTED", ".lock"],
    );
    fs::remove_file(machine.file("state/.lock")).unwrap();
    assert_eq!(plugin(&[]).0, 0, "the directory is writable");
    let names = fs::read_dir(machine.state()).unwrap().count();
    assert_eq!(names, 0, "a monitor writes nothing");

    // Without a finite quota, nothing is denied.
    set_mode(&machine, "state", 0o755);
    let unlimited = "--tier ent --perpetual --quota agents=-1 --quota slash_commands=-1";
    machine.write("unlimited.lic", issue_license(&words(unlimited)).file);
    let _ = install(&machine, &["--force", "unlimited.lic"]).expect_code(0);
    assert_eq!(plugin(&[]).0, 0);
    let report = as_user(&user, &machine, &["doctor", "--json"]).expect_code(0);
    expect(
        &report.json(),
        "home",
        "warning",
        &["counts are not stored"],
    );
}

#[test]
fn a_state_directory_that_cannot_be_used_is_one_warning() {
    if !tools::is_root() {
        return;
    }
    let machine = with_license_for_all();
    let Some(user) = UnprivilegedUser::on(&machine) else {
        return;
    };
    let state = machine.state().to_str().unwrap().to_owned();
    for (kind, hint) in [
        ("unreadable", "give this user access"),
        ("file", "move away"),
    ] {
        if kind == "file" {
            fs::remove_dir(machine.state()).unwrap();
            fs::write(machine.state(), "").unwrap();
        } else {
            fs::create_dir(machine.state()).unwrap();
            set_mode(&machine, "state", 0o700);
        }
        let status = as_user(&user, &machine, &["status", "--json"])
            .expect_code(0)
            .json();
        assert_eq!(warnings(&status), ["STATE"], "{kind}: {status:#}");
        let warning = state_warning(&status);
        assert!(
            warning.contains(&format!("{state} cannot be read")),
            "{warning}"
        );
        assert!(warning.contains(hint), "{warning}");
        let used = &status["quota_uses"][0];
        assert_eq!(used["used"], Value::Null, "{used}");
        assert!(used["limit"].is_number(), "{used}");
        let text = as_user(&user, &machine, &["status"]).expect_code(0);
        assert!(text.stdout.contains("unreadable"), "{text:?}");
        let report = as_user(&user, &machine, &["doctor", "--json"])
            .expect_code(1)
            .json();
        let problems = report["checks"].as_array().unwrap().iter();
        let problems = problems.filter(|check| check["status"] != "ok");
        let names: Vec<_> = problems
            .map(|check| check["check"].as_str().unwrap())
            .collect();
        let expected: &[&str] = match kind {
            "file" => &["home"],
            _ => &["home", "permissions"],
        };
        assert_eq!(names, expected, "{kind}: {report:#}");
        let (code, line) = of_plugin(&as_user(&user, &machine, &["status", "--warn", "30d"]));
        assert!(
            code == 1 && line.contains("QUOTA_NOT_COUNTED, STATE"),
            "{line}"
        );
    }
}

#[test]
fn a_license_for_all_users_that_users_cannot_read_has_a_command_that_corrects_it() {
    if !tools::is_root() {
        return;
    }
    let machine = with_license_for_all();
    let Some(user) = UnprivilegedUser::on(&machine) else {
        return;
    };
    let directory = etc(&machine);
    let directory = directory.to_str().unwrap();
    let file = format!("{directory}/license.lic");
    for (path, mode, correct, right) in [
        (
            directory,
            0o700,
            format!("sudo chmod 755 {directory}"),
            0o755,
        ),
        (&*file, 0o600, format!("sudo chmod 644 {file}"), 0o644),
    ] {
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
        for command in ["status", "check sso", "features", "explain"] {
            let error = as_user(&user, &machine, &words(command)).expect_failure(4);
            assert!(
                error.message.contains(&format!("{path} cannot be read")),
                "{error:?}"
            );
            assert!(error.hint.contains(&correct), "{error:?}");
        }
        let report = as_user(&user, &machine, &["doctor", "--json"])
            .expect_code(1)
            .json();
        assert!(
            check(&report, "license")[2].contains(&correct),
            "{report:#}"
        );
        if path == directory {
            expect(&report, "system", "warning", &["cannot be read"]);
            assert!(check(&report, "system")[2].contains(&correct), "{report:#}");
            let run = user.run().env("CODITECT_SYSTEM_DIR", directory);
            let closed = run.env("CODITECT_HOME", "/proc/1/cwd/state").arg("status");
            let error = closed.run().expect_failure(4);
            assert!(error.hint.contains(&correct), "{error:?}");
        }
        expect(&report, "trust", "ok", &[]);
        let (code, line) = of_plugin(&as_user(&user, &machine, &["status", "--warn", "30d"]));
        assert!(code == 3 && line.contains(path), "{line}");
        fs::set_permissions(path, Permissions::from_mode(right)).unwrap();
        let _ = as_user(&user, &machine, &["status"]).expect_code(0);
    }
}

#[test]
fn files_with_other_names_are_named_if_no_license_is_installed() {
    if !tools::is_root() {
        return;
    }
    let machine = with_license_for_all();
    let installed = etc(&machine).join("license.lic");
    for (directory, command) in [
        ("etc/coditect", "install --system FILE"),
        ("state", "install FILE"),
    ] {
        for name in [
            "acme.lic",
            "license.txt",
            "license.lic.txt",
            "License.lic",
            "enterprise.key",
        ] {
            fs::create_dir_all(machine.state()).unwrap();
            set_mode(&machine, "state", 0o700);
            let other = machine.file(directory).join(name);
            fs::rename(&installed, &other).unwrap();
            let status = run(&machine, &["status", "--json"]).json();
            assert_eq!(status["code"], "NO_LICENSE");
            let warning = state_warning(&status);
            for word in ["license.lic", name, command] {
                assert!(warning.contains(word), "{warning}");
            }
            let report = run(&machine, &["doctor", "--json"]).json();
            let row = if directory == "state" {
                "home"
            } else {
                "system"
            };
            expect(&report, row, "warning", &[name, "license.lic"]);
            assert!(check(&report, row)[2].contains(command), "{report}");
            fs::rename(&other, &installed).unwrap();
            fs::remove_dir_all(machine.state()).unwrap();
        }
    }
    // Files next to a license are not reported, and neither is a README.
    machine.write("etc/coditect/acme.lic", "");
    machine.write("etc/coditect/README", "");
    let status = run(&machine, &["status", "--json"]).expect_code(0).json();
    assert_eq!(warnings(&status), [""; 0]);
    fs::remove_file(machine.file("etc/coditect/acme.lic")).unwrap();
    fs::remove_file(installed).unwrap();
    let status = run(&machine, &["status", "--json"]).json();
    assert_eq!(warnings(&status), [""; 0]);
}
