//! `license doctor`: each check has one line, and the command changes nothing.

mod installed;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use license_tests::tools;

use super::*;

const CHECKS: [&str; 12] = [
    "home",
    "permissions",
    "state",
    "clock",
    "machine",
    "container",
    "trust",
    "license",
    "check-in",
    "revocations",
    "system",
    "next",
];

/// Runs `license doctor --json` on [`HERE`] with the administrator's directory `etc`.
fn examine(machine: &Scratch) -> RunOutput {
    doctor(machine, &["--json"])
}

fn doctor(machine: &Scratch, args: &[&str]) -> RunOutput {
    let run = Run::license(machine).env("CODITECT_MACHINE_ID", HERE);
    let run = run.env("CODITECT_SYSTEM_DIR", machine.file("etc"));
    run.arg("doctor").args(args).run()
}

/// Returns the status, message and hint of a check.
#[track_caller]
pub(crate) fn check<'a>(report: &'a Value, name: &str) -> [&'a str; 3] {
    let checks = report["checks"].as_array().unwrap();
    let found = checks.iter().find(|check| check["check"] == name).unwrap();
    ["status", "message", "hint"].map(|member| found[member].as_str().unwrap_or_default())
}

/// Checks the status and message of a check, and that a hint is present unless the status is `ok`.
#[track_caller]
pub(crate) fn expect(report: &Value, name: &str, status: &str, words: &[&str]) {
    let [found, message, hint] = check(report, name);
    assert_eq!(found, status, "{name}: {message}");
    for word in words {
        assert!(
            message.contains(word),
            "{name}: expected {word:?} in {message:?}"
        );
    }
    assert_eq!(
        hint.is_empty(),
        status == "ok",
        "{name}: {message}; hint: {hint}"
    );
}

/// Returns a machine with a perpetual ENT license and one counted use.
fn healthy() -> Scratch {
    let machine = machine();
    let install = ["install", "--trust", "trust.jwks", "ent.lic"];
    let _ = on(HERE, &machine, &install).expect_code(0);
    let _ = on(HERE, &machine, &["use", "commands_per_day"]).expect_code(0);
    machine
}

/// Returns the content and modification time of each file in a directory.
fn files(directory: &Path) -> BTreeMap<PathBuf, (Vec<u8>, SystemTime)> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            let written = fs::metadata(&path).unwrap().modified().unwrap();
            found.insert(path.clone(), (fs::read(&path).unwrap(), written));
        }
    }
    found
}

#[test]
fn on_a_healthy_machine_every_check_is_ok() {
    let machine = healthy();
    let report = doctor(&machine, &["--json", "--strict"])
        .expect_code(0)
        .json();
    let checks = report["checks"].as_array().unwrap();
    let names: Vec<_> = checks
        .iter()
        .map(|check| check["check"].as_str().unwrap())
        .collect();
    assert_eq!(names, CHECKS);
    assert_eq!(
        (&report["status"], &report["next"]),
        (&json!("ok"), &Value::Null)
    );
    let state = machine.state();
    let state = state.to_str().unwrap();
    expect(
        &report,
        "home",
        "ok",
        &[state, "from CODITECT_HOME", "is writable"],
    );
    expect(&report, "permissions", "ok", &["0700", "4 files are 0600"]);
    expect(
        &report,
        "state",
        "ok",
        &["license.cache and quota are intact"],
    );
    expect(
        &report,
        "machine",
        "ok",
        &[&digest_of(HERE), "stable", "The machine id is configured"],
    );
    expect(
        &report,
        "trust",
        "ok",
        &["1 key", &Vendor::shared().kid, "RS256"],
    );
    expect(
        &report,
        "license",
        "ok",
        &["VALID", "ENT", "ACME Ltd", "perpetual"],
    );
    expect(
        &report,
        "check-in",
        "ok",
        &["the license requires no check-in"],
    );
    expect(
        &report,
        "system",
        "ok",
        &["etc", "from CODITECT_SYSTEM_DIR", "does not exist"],
    );
    for check in ["clock", "container", "next"] {
        expect(&report, check, "ok", &[]);
    }
}

#[test]
fn the_text_has_a_line_for_each_check_and_a_hint_below_a_problem() {
    let machine = healthy();
    let text = doctor(&machine, &[]).expect_code(0);
    assert_eq!(text.stderr, "");
    let lines: Vec<_> = text.stdout.lines().collect();
    assert_eq!(lines.len(), CHECKS.len(), "{}", text.stdout);
    for (line, check) in lines.iter().zip(CHECKS) {
        assert!(line.starts_with(&format!("ok       {check} ")), "{line}");
    }
    fs::remove_file(machine.file("state/trust.jwks")).unwrap();
    let text = doctor(&machine, &[]).expect_code(1).stdout;
    let mut lines = text.lines();
    let problem = lines
        .find(|line| line.starts_with("problem  license "))
        .unwrap();
    assert!(problem.contains("no keys to verify it"), "{text}");
    let hint = lines.next().unwrap();
    assert_eq!(hint, "  hint: install the license again with --trust FILE");
}

#[test]
fn a_missing_license_is_a_warning_and_a_problem_with_strict() {
    let machine = Scratch::new();
    let report = examine(&machine).expect_code(0).json();
    assert_eq!(report["status"], "warning");
    expect(&report, "license", "warning", &["NO_LICENSE", "FREE"]);
    expect(&report, "home", "ok", &["does not exist yet"]);
    expect(&report, "permissions", "ok", &[]);
    expect(&report, "state", "ok", &["no state of this machine"]);
    expect(&report, "trust", "ok", &["no keys are installed"]);
    let _ = doctor(&machine, &["--strict"]).expect_code(1);
    assert!(!machine.state().exists());
}

#[test]
fn doctor_changes_nothing() {
    let machine = healthy();
    machine.write("state/license.lic", tampered(&ENT));
    machine.write("state/quota", "noise");
    machine.write("state/license.lic.damaged-1", "noise");
    machine.write("state/.unfinished-1", "noise");
    let before = files(machine.path());
    let _ = examine(&machine).expect_code(1);
    let _ = doctor(&machine, &[]).expect_code(1);
    assert!(files(machine.path()) == before);
    let fresh = Scratch::new();
    let _ = examine(&fresh).expect_code(0);
    assert_eq!(files(fresh.path()).len(), 0);
    assert!(!fresh.state().exists());
}

#[test]
fn the_state_directory_is_reported_with_its_variable() {
    let machine = Scratch::new();
    machine.write("file", "");
    let home = |value: &Path| {
        let run = Run::license(&machine).env("CODITECT_HOME", value);
        run.args(["doctor", "--json"]).run()
    };
    for (value, words) in [
        (
            "file",
            &["from CODITECT_HOME", "is a file, not a directory"][..],
        ),
        ("file/below", &["from CODITECT_HOME", "is a file"]),
    ] {
        let report = home(&machine.file(value)).expect_code(1).json();
        expect(&report, "home", "problem", words);
        assert!(
            check(&report, "home")[2].contains("CODITECT_HOME"),
            "{report}"
        );
    }
    let report = home(Path::new("relative")).expect_code(1).json();
    expect(
        &report,
        "home",
        "problem",
        &["CODITECT_HOME: expected an absolute path"],
    );
    let run = Run::license(&machine).without_env("CODITECT_HOME");
    let report = run.args(["doctor", "--json"]).run().expect_code(0).json();
    let default = machine.home().join(".coditect");
    let default = default.to_str().unwrap();
    expect(
        &report,
        "home",
        "ok",
        &[default, "CODITECT_HOME is not set"],
    );
}

#[cfg(unix)]
#[test]
fn a_state_directory_that_is_a_dangling_symbolic_link_is_a_problem() {
    let machine = Scratch::new();
    std::os::unix::fs::symlink("nowhere", machine.state()).unwrap();
    let report = examine(&machine).expect_code(1).json();
    expect(
        &report,
        "home",
        "problem",
        &["CODITECT_HOME", "symbolic link", "nowhere"],
    );
    fs::create_dir(machine.file("nowhere")).unwrap();
    let report = examine(&machine).expect_code(0).json();
    expect(&report, "home", "ok", &["exists and is writable"]);
}

#[cfg(unix)]
#[test]
fn a_lock_file_that_is_a_symbolic_link_is_quarantined_and_not_followed() {
    let machine = healthy();
    let (lock, elsewhere) = (machine.state().join(".lock"), machine.file("elsewhere"));
    fs::remove_file(&lock).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &lock).unwrap();
    let used = on(HERE, &machine, &["use", "commands_per_day", "--json"]);
    assert_eq!(warnings(&used.expect_code(0).json()), [""; 0]);
    assert!(lock.symlink_metadata().unwrap().is_file());
    assert!(machine.state().join(".lock.damaged-1").is_symlink());
    assert!(!elsewhere.exists());
    let report = examine(&machine).expect_code(0).json();
    expect(&report, "state", "warning", &[".lock.damaged-1"]);
}

#[test]
fn a_process_that_keeps_the_lock_is_named() {
    let machine = healthy();
    let path = machine.state().join(".lock");
    let lock = fs::File::options().write(true).open(&path).unwrap();
    lock.try_lock().unwrap();
    let process = std::process::id();
    let holder = format!("process {process} (shop) since 2026-01-01T08:00:00Z");
    fs::write(&path, format!("{holder}\n")).unwrap();
    let report = examine(&machine).expect_code(0).json();
    let expected = format!("is locked by {holder}");
    expect(&report, "state", "warning", &[&expected]);
    assert!(
        check(&report, "state")[2].contains(&format!("kill -CONT {process}")),
        "{report}"
    );
    drop(lock);
    // A process that ends without a trace leaves the lock free.
    expect(&examine(&machine).expect_code(0).json(), "state", "ok", &[]);
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_and_a_file_system_without_locks_are_reported() {
    let machine = healthy();
    let license = license_tests::programs::license().display();
    let script = format!(
        "mkdir full && mount -t tmpfs -o mode=700,size=64k none full && cp state/* full\n\
         dd if=/dev/zero of=full/data bs=1k 2>dd.log || true\n\
         CODITECT_HOME=$PWD/full {license} doctor --json"
    );
    if let Some(run) = tools::with_own_mounts(&machine, &script) {
        let report = run.env("CODITECT_MACHINE_ID", HERE).run().json();
        expect(&report, "home", "warning", &["is not writable", "space"]);
    }
    if let Some(strace) = tools::strace() {
        let run = strace.run(&machine).env("CODITECT_MACHINE_ID", HERE);
        let run = run.args(words("-f -o /dev/null -e inject=flock:error=ENOLCK"));
        let run = run.arg(license_tests::programs::license());
        let error = run.args(words("install --json ent.lic")).run();
        assert_eq!(error.expect_json_failure(4), "NO_LOCKS");
    }
}

#[cfg(unix)]
#[test]
fn a_read_only_state_directory_denies_finite_quotas_and_is_a_problem() {
    let machine = Scratch::new();
    fs::create_dir(machine.state()).unwrap();
    let Some(user) = UnprivilegedUser::on(&machine) else {
        return;
    };
    let report = user.license(&["doctor", "--json"]).expect_code(1).json();
    let words = ["is not writable", "uses of finite quotas are denied"];
    expect(&report, "home", "problem", &words);
    fs::remove_dir(machine.state()).unwrap();
    if fs::metadata(machine.path())
        .is_ok_and(|metadata| std::os::unix::fs::MetadataExt::uid(&metadata) == 0)
    {
        let report = user.license(&["doctor", "--json"]).expect_code(1).json();
        expect(&report, "home", "problem", &["is not writable"]);
    }
}

#[cfg(unix)]
#[test]
fn files_that_other_users_can_access_or_own_are_a_warning() {
    use std::os::unix::fs::{PermissionsExt, chown};
    let machine = healthy();
    let set_mode = |path: &str, mode| {
        fs::set_permissions(machine.file(path), fs::Permissions::from_mode(mode)).unwrap();
    };
    set_mode("state", 0o755);
    let report = examine(&machine).expect_code(0).json();
    expect(
        &report,
        "permissions",
        "warning",
        &["is 0755, expected 0700"],
    );
    assert!(
        check(&report, "permissions")[2].starts_with("chmod 700 "),
        "{report}"
    );
    set_mode("state", 0o700);
    set_mode("state/quota", 0o644);
    let report = examine(&machine).expect_code(0).json();
    expect(
        &report,
        "permissions",
        "warning",
        &["quota is 0644, expected 0600"],
    );
    set_mode("state/quota", 0o600);
    if chown(machine.file("state/quota"), Some(65_534), None).is_ok() {
        let report = examine(&machine).expect_code(0).json();
        let words = ["quota belongs to user 65534, expected user 0"];
        expect(&report, "permissions", "warning", &words);
    }
}

#[test]
fn damaged_foreign_missing_and_incomplete_state_files_are_reported() {
    let machine = healthy();
    let intact = fs::read(machine.file("state/quota")).unwrap();
    let mut edited = intact.clone();
    *edited.last_mut().unwrap() ^= 1;
    machine.write("state/quota", edited);
    let report = examine(&machine).expect_code(1).json();
    let words = ["quota", "the file was changed outside this program"];
    expect(&report, "state", "problem", &words);
    machine.write("state/quota", intact);
    let elsewhere = on(ELSEWHERE, &machine, &["doctor", "--json"])
        .expect_code(1)
        .json();
    expect(
        &elsewhere,
        "state",
        "problem",
        &["the file was sealed on another machine"],
    );
    for file in ["quota", "license.cache"] {
        let machine = healthy();
        fs::remove_file(machine.state().join(file)).unwrap();
        let report = examine(&machine).expect_code(0).json();
        expect(
            &report,
            "state",
            "warning",
            &[&format!("{file} is missing")],
        );
    }
    machine.write("state/.unfinished-x", "");
    machine.write("state/quota.damaged-3", "");
    let report = examine(&machine).expect_code(0).json();
    expect(
        &report,
        "state",
        "warning",
        &["quota.damaged-3", ".unfinished-x is incomplete"],
    );
}

#[test]
fn a_clock_that_is_behind_is_reported_with_the_difference() {
    let Some(faketime) = tools::faketime() else {
        return;
    };
    let machine = healthy();
    let at = |by: &str| {
        let run = license_tests::tools::license_at_time(faketime, &machine, by)
            .env("CODITECT_MACHINE_ID", HERE);
        run.args(["doctor", "--json"]).run().expect_code(0).json()
    };
    let report = at("-10d");
    expect(
        &report,
        "clock",
        "warning",
        &[" days behind the latest time seen"],
    );
    expect(&at("-3h"), "clock", "ok", &[" hours behind", "tolerated"]);
    fs::remove_file(machine.file("state/quota")).unwrap();
    fs::remove_file(machine.file("state/license.cache")).unwrap();
    expect(&at("-10d"), "clock", "ok", &[]);
    let words = [" days behind the date of a signed artifact"];
    expect(&at("-40000d"), "clock", "warning", &words[..0]);
    expect(&at("-9000d"), "clock", "warning", &words);
}

#[test]
fn an_ignored_machine_id_is_reported() {
    let machine = healthy();
    let zeros = on(
        "00000000000000000000000000000000",
        &machine,
        &["doctor", "--json"],
    )
    .json();
    let words = [
        "CODITECT_MACHINE_ID is ignored",
        "it repeats one digit or one byte",
    ];
    expect(&zeros, "machine", "warning", &words);
    let run = Run::license(&machine).env("KUBERNETES_SERVICE_HOST", "10.0.0.1");
    let report = run.args(["doctor", "--json"]).run().json();
    let container = check(&report, "container")[1];
    if container == "kubernetes" && check(&report, "machine")[1].contains(", none: ") {
        expect(
            &report,
            "machine",
            "warning",
            &["Nothing identifies this kubernetes container"],
        );
    }
}
