//! `license use` while the use cannot be counted: a user gains nothing by changing permissions or
//! files, and loses nothing if the system is at fault.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use license_tests::{programs, tools};

use super::quota::{QUOTA, count, granted_of_50, used};
use super::*;

/// How often the race is repeated. Before the directory was locked, each time granted 12 to 18 of
/// 10 uses.
const ROUNDS: usize = 3;

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// Checks that a use is denied because it cannot be counted, and that the message contains `found`.
#[track_caller]
fn expect_not_counted(found: &str, run: impl Fn(&[&str]) -> RunOutput) {
    let error = run(&["use", QUOTA]).expect_failure(1);
    for text in ["QUOTA_NOT_COUNTED: expected a state directory", found] {
        assert!(error.message.contains(text), "{error:?}");
    }
    let json = run(&["use", QUOTA, "--json"]);
    assert_eq!(json.expect_json_failure(1), "QUOTA_NOT_COUNTED");
    let _ = run(&["check", "local_execution"]).expect_code(0);
}

#[test]
fn a_user_without_permissions_is_denied_and_keeps_the_count() {
    let machine = Scratch::new();
    let Some(user) = UnprivilegedUser::owning(&machine) else {
        return;
    };
    let _ = user.license(&["use", QUOTA, "4"]).expect_code(0);
    for (entries, mode) in [
        (&["state"][..], 0o500),
        (&["state"], 0),
        (&["state/.lock"], 0),
        (&["state/quota", "state/license.cache"], 0),
    ] {
        let paths = entries.iter().map(|entry| machine.file(entry));
        let before = paths.map(|path| {
            let before = fs::metadata(&path).unwrap().permissions();
            set_mode(&path, mode);
            (path, before)
        });
        let before: Vec<_> = before.collect();
        expect_not_counted("Permission denied", |args| user.license(args));
        for (path, permissions) in before {
            fs::set_permissions(path, permissions).unwrap();
        }
        let shown = user.license(&["use", QUOTA, "0", "--json"]).json();
        assert_eq!(shown["used"], 4, "{entries:?}");
    }
    let _ = user.license(&["use", QUOTA, "6"]).expect_code(0);
    let _ = user.license(&["use", QUOTA]).expect_code(1);
}

#[test]
fn a_directory_of_another_user_in_place_of_the_state_directory_is_denied() {
    let machine = Scratch::new();
    fs::create_dir(machine.state()).unwrap();
    let Some(user) = UnprivilegedUser::on(&machine) else {
        return;
    };
    expect_not_counted("read-only", |args| user.license(args));
    let _ = user.license(&["use", QUOTA, "0"]).expect_code(0);
    assert_eq!(fs::read_dir(machine.state()).unwrap().count(), 0);
}

#[test]
fn a_state_directory_that_is_a_file_is_denied() {
    let machine = Scratch::new();
    machine.write("file", "");
    for home in ["file", "file/below"] {
        expect_not_counted("Not a directory", |args| {
            let run = Run::license(&machine).args(args);
            run.env("CODITECT_HOME", machine.file(home)).run()
        });
    }
    assert_eq!(machine.read("file"), "");
}

#[test]
fn a_relative_state_directory_or_home_directory_is_denied() {
    let machine = Scratch::new();
    expect_not_counted("CODITECT_HOME: expected an absolute path", |args| {
        let run = Run::license(&machine).args(args);
        run.env("CODITECT_HOME", "state").run()
    });
    expect_not_counted("HOME: expected an absolute path", |args| {
        let run = Run::license(&machine).args(args).env("HOME", "home");
        run.without_env("CODITECT_HOME").run()
    });
    assert!(!machine.state().exists(), "nothing is created");
}

#[test]
fn a_key_in_a_variable_for_a_directory_is_not_repeated() {
    let machine = Scratch::new();
    let private_key = format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
        "MIIJQgIBADANBgkqhkiG9w0BAQEFAASC\n".repeat(9)
    );
    let token = "eyJhbGciOiJSUzI1NiIs".repeat(20);
    let one_line = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC/".repeat(9);
    for secret in [private_key, token, one_line] {
        for variable in ["CODITECT_HOME", "CODITECT_SYSTEM_DIR"] {
            let run = Run::license(&machine).args(["status"]);
            let output = run.env(variable, &secret).run();
            let all = format!("{}{}", output.stdout, output.stderr);
            let line: String = secret
                .lines()
                .nth(1)
                .unwrap_or(&secret)
                .chars()
                .take(20)
                .collect();
            assert!(!all.contains(&line), "{variable}: {all}");
            assert!(
                all.contains("absolute path") || all.contains("directory"),
                "{all}"
            );
        }
    }
}

#[test]
fn an_unlimited_quota_does_not_depend_on_the_state_directory() {
    let machine = Scratch::new();
    machine.write("file", "");
    let unlimited = license_tests::WIDGET.replace("prints_per_day = 3", "prints_per_day = -1");
    machine.write("product.toml", unlimited);
    let args = [
        "use",
        "prints_per_day",
        "--product-file",
        "product.toml",
        "--json",
    ];
    let run = Run::license(&machine).args(args);
    let run = run.env("WIDGET_HOME", machine.file("file"));
    assert_eq!(run.run().expect_code(0).json()["granted"], true);
}

#[test]
fn a_lock_that_is_not_a_regular_file_is_quarantined_and_uses_are_counted() {
    let targets = [
        ("a directory", None),
        ("a dangling link", Some("/nowhere/x")),
        ("a link to a directory", Some("/tmp")),
    ];
    for (name, target) in targets {
        let machine = Scratch::new();
        let _ = used(&machine, "4").expect_code(0);
        let lock = machine.file("state/.lock");
        fs::remove_file(&lock).unwrap();
        match target {
            Some(target) => symlink(target, &lock).unwrap(),
            None => fs::create_dir(&lock).unwrap(),
        }
        let answer = used(&machine, "1").expect_code(0).json();
        assert_eq!(answer["used"], 5, "{name}");
        assert_eq!(warnings(&answer), [""; 0], "{name}");
        assert!(lock.symlink_metadata().unwrap().is_file(), "{name}");
        let quarantined = machine.file("state/.lock.damaged-1");
        assert!(quarantined.symlink_metadata().is_ok(), "{name}");
        let _ = used(&machine, "6").expect_code(1);
    }
}

#[test]
fn removing_the_lock_file_during_uses_grants_exactly_the_quota() {
    for round in 0..ROUNDS {
        let machine = Scratch::new();
        let is_done = AtomicBool::new(false);
        let granted = thread::scope(|scope| {
            scope.spawn(|| {
                while !is_done.load(Ordering::Relaxed) {
                    let _ = fs::remove_file(machine.file("state/.lock"));
                    thread::yield_now();
                }
            });
            let granted = granted_of_50(&machine, "1");
            is_done.store(true, Ordering::Relaxed);
            granted
        });
        assert_eq!((granted, count(&machine)), (10, 10), "round {round}");
    }
}

#[test]
fn a_read_only_or_full_file_system_allows_a_use_with_a_warning() {
    let machine = Scratch::new();
    fs::create_dir(machine.state()).unwrap();
    let mount = "mount -t tmpfs -o mode=700,size=256k none \"$CODITECT_HOME\"";
    let faults = [
        (
            "mount -o remount,ro \"$CODITECT_HOME\"",
            "Read-only file system",
        ),
        (
            "cat /dev/zero >\"$CODITECT_HOME/notes\" || true",
            "No space left",
        ),
    ];
    for (fault, reason) in faults {
        let script = format!(
            "{mount}; \"$LICENSE\" use {QUOTA} 4 >&2; {fault}; \"$LICENSE\" use {QUOTA} --json; \
             ! \"$LICENSE\" use {QUOTA} 7 >&2"
        );
        let Some(run) = tools::with_own_mounts(&machine, &script) else {
            return;
        };
        let run = run.env("LICENSE", programs::license());
        let answer = run.run().expect_code(0).json();
        assert_eq!(
            (&answer["granted"], &answer["used"]),
            (&json!(true), &json!(5)),
            "{answer}"
        );
        assert!(state_warning(&answer).contains(reason), "{answer}");
    }
}

#[test]
fn a_user_without_a_home_directory_is_allowed_with_a_warning() {
    let machine = Scratch::new();
    let Some(user) = UnprivilegedUser::without_account(&machine) else {
        return;
    };
    let run = user.run().without_env("HOME").without_env("CODITECT_HOME");
    let answer = run.args(["use", QUOTA, "--json"]).run();
    let answer = answer.expect_code(0).json();
    assert_eq!(answer["granted"], true, "{answer}");
    assert_eq!(warnings(&answer), ["IO"], "{answer}");
}

#[test]
fn without_a_home_directory_a_refused_directory_of_the_administrator_is_named() {
    let machine = Scratch::new();
    let Some(user) = UnprivilegedUser::without_account(&machine) else {
        return;
    };
    let shared = machine.path().join("shared");
    fs::create_dir(&shared).unwrap();
    fs::set_permissions(&shared, Permissions::from_mode(0o777)).unwrap();
    for system in ["relative", shared.to_str().unwrap()] {
        let run = |args: &[&str]| {
            let run = user.run().env("CODITECT_SYSTEM_DIR", system).args(args);
            run.without_env("HOME").without_env("CODITECT_HOME").run()
        };
        let error = run(&["status"]).expect_failure(4);
        let message = &error.message;
        assert!(message.contains("home directory"), "{message}");
        assert!(
            message.contains("only an administrator can change"),
            "{message}"
        );
        let answer = run(&["use", QUOTA, "--json"]).expect_code(0).json();
        let warning = &answer["warnings"][0]["message"];
        assert!(
            warning.as_str().unwrap().contains("only an administrator"),
            "{answer}"
        );
    }
}
