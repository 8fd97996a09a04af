//! Root runs `license` with the home directory of another user, who changes the directory at the
//! same time.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::Child;

use license_tests::{programs, tools};

use super::*;

/// The other user, `nobody` on most systems.
const USER: u32 = 65534;

/// How often root runs the program during an attack. Before ADR-061, when root did not refuse to
/// write, a file was overwritten within 40 runs.
const RUNS: usize = 60;

/// The variable with the home directory, for the process that attacks.
const HOME: &str = "LICENSE_TESTS_ATTACKED_HOME";

/// A machine with the home directory of another user.
struct OtherUser {
    machine: Scratch,
}

impl OtherUser {
    /// Returns `None` if this process cannot switch to another user.
    fn new() -> Option<Self> {
        let machine = machine();
        if fs::metadata(machine.path()).unwrap().uid() != 0 {
            tools::skip_without_root();
            return None;
        }
        tools::setpriv()?;
        set_mode(machine.path(), 0o755);
        chown(machine.home(), Some(USER), Some(USER)).unwrap();
        Some(Self { machine })
    }

    fn state(&self) -> PathBuf {
        self.machine.home().join(".coditect")
    }

    /// Runs `license` as root.
    fn as_root(&self, args: &[&str]) -> RunOutput {
        let run = Run::license(&self.machine).without_env("CODITECT_HOME");
        run.env("CODITECT_MACHINE_ID", HERE).args(args).run()
    }

    /// Returns a run of a program as the other user.
    fn run(&self, program: &Path) -> Run<'_> {
        let copy = self.machine.file("program");
        programs::copy_for_all_users(program, &copy);
        let setpriv = tools::setpriv().expect("`new` has found setpriv");
        let user = ["--reuid=65534", "--regid=65534", "--clear-groups"];
        let run = setpriv.run(&self.machine).args(user).arg(copy);
        run.without_env("CODITECT_HOME")
            .env("CODITECT_MACHINE_ID", HERE)
    }

    /// Starts the test of this file that `attack` names, as the other user.
    fn start(&self, attack: &str) -> Attack {
        let run = self.run(&std::env::current_exe().unwrap());
        let run = run
            .args(["--ignored", "--exact"])
            .arg(format!("other_user::{attack}"));
        Attack(run.env(HOME, self.machine.home()).start())
    }
}

/// A process of the other user, which is killed at the end of a test.
struct Attack(Child);

impl Drop for Attack {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// Runs `action` until the process is killed, if this process attacks a home directory.
fn attack(action: impl Fn(&Path)) {
    let Some(home) = std::env::var_os(HOME) else {
        return;
    };
    loop {
        action(Path::new(&home));
    }
}

#[test]
#[ignore = "another test starts this test in a process of its own"]
fn link_unfinished_files() {
    attack(|home| {
        let state = home.join(".coditect");
        let undo = state.join(".undo");
        let _ = fs::create_dir_all(&undo);
        if !undo.join("license.lic").exists() {
            let _ = fs::write(undo.join("license.lic"), "ATTACK");
        }
        // The names of unfinished files contain the id of the process. The ids of the next
        // processes follow the newest id.
        let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
        let newest: u32 = load
            .split_whitespace()
            .next_back()
            .map_or(0, |id| id.parse().unwrap_or(0));
        for process in newest..newest + 20 {
            for number in 0..4 {
                let name = format!(".unfinished-{process}-{number}");
                let _ = symlink(home.join("../victim"), state.join(name));
            }
        }
    });
}

#[test]
#[ignore = "another test starts this test in a process of its own"]
fn exchange_the_directory_for_a_link() {
    attack(|home| {
        let (state, away) = (home.join(".coditect"), home.join("away"));
        let _ = fs::create_dir(&state);
        let _ = fs::rename(&state, &away);
        let _ = symlink(home.join("../victim"), &state);
        let _ = fs::remove_file(&state);
        let _ = fs::rename(&away, &state);
    });
}

#[test]
fn root_does_not_write_through_a_link_while_it_restores_an_installation() {
    let Some(user) = OtherUser::new() else {
        return;
    };
    let victim = user.machine.write("victim", "of root");
    set_mode(&victim, 0o600);
    let _attack = user.start("link_unfinished_files");
    for _ in 0..RUNS {
        let _ = user.as_root(&["status"]).expect_code(1);
        assert_eq!(fs::read_to_string(&victim).unwrap(), "of root");
    }
}

#[test]
fn root_does_not_change_a_directory_of_root_to_which_the_user_links() {
    let Some(user) = OtherUser::new() else {
        return;
    };
    let victim = user.machine.file("victim");
    fs::create_dir(&victim).unwrap();
    set_mode(&victim, 0o755);
    let _attack = user.start("exchange_the_directory_for_a_link");
    for _ in 0..RUNS {
        let _ = user.as_root(&["use", "commands_per_day"]);
        let found = fs::metadata(&victim).unwrap();
        assert_eq!((found.uid(), found.mode() & 0o7777), (0, 0o755));
        assert_eq!(fs::read_dir(&victim).unwrap().count(), 0);
    }
}

#[test]
fn root_copies_no_file_through_a_link_with_the_name_of_the_undo_directory() {
    let Some(user) = OtherUser::new() else {
        return;
    };
    let secret = user.machine.write("secret", "of root");
    set_mode(&secret, 0o600);
    // A file is restored with a hard link, or with a copy if it is on another file system. A
    // program that followed the symbolic link `.undo` would therefore copy the file.
    let other = tempfile::tempdir_in("/dev/shm").unwrap();
    symlink(&secret, other.path().join("license.lic")).unwrap();
    fs::create_dir(user.state()).unwrap();
    symlink(other.path(), user.state().join(".undo")).unwrap();
    chown(user.state(), Some(USER), Some(USER)).unwrap();
    let _ = user.as_root(&["status"]).expect_code(1);
    let entries = fs::read_dir(user.state()).unwrap();
    let names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, [".undo"]);
}

#[test]
fn an_undo_directory_that_is_a_link_is_ignored_for_the_user_too() {
    let machine = machine_with("pro.lic");
    let other = machine.file("other");
    fs::create_dir(&other).unwrap();
    fs::write(other.join("license.lic"), "another license").unwrap();
    symlink(&other, machine.state().join(".undo")).unwrap();
    let installed = fs::read(machine.state().join("license.lic")).unwrap();
    let _ = license(&machine, &["status", "--at", AT]).expect_code(0);
    assert_eq!(
        fs::read(machine.state().join("license.lic")).unwrap(),
        installed
    );
    let install = ["install", "--trust", "trust.jwks", "--at", AT, "team.lic"];
    let _ = license(&machine, &install).expect_code(0);
    assert!(machine.state().join(".undo.damaged-1").is_symlink());
    assert_eq!(fs::read_dir(&other).unwrap().count(), 1);
}

#[test]
fn root_refuses_to_install_in_the_home_of_a_user_and_names_the_user() {
    let Some(user) = OtherUser::new() else {
        return;
    };
    let install = ["install", "--trust", "trust.jwks", "--at", AT, "pro.lic"];
    let error = user.as_root(&install).expect_failure(4);
    let home = user.machine.home();
    for text in [
        "refusing to write",
        home.to_str().unwrap(),
        "belongs to user 65534",
    ] {
        assert!(error.message.contains(text), "{error:?}");
    }
    for command in ["`sudo -H`", "sudo -u '#65534'"] {
        assert!(error.hint.contains(command), "{error:?}");
    }
    let json = user.as_root(&[&install[..], &["--json"]].concat());
    assert_eq!(json.expect_json_failure(4), "UNSAFE_DIRECTORY");
    assert_eq!(fs::read_dir(home).unwrap().count(), 0, "nothing is created");
    let doctor = user.as_root(&["doctor", "--json"]).stdout;
    assert!(doctor.contains("which belongs to user 65534"), "{doctor}");
}

#[test]
fn root_is_denied_a_quota_that_it_cannot_count() {
    let Some(user) = OtherUser::new() else {
        return;
    };
    let error = user.as_root(&["use", "commands_per_day"]).expect_failure(1);
    assert!(error.text().contains("QUOTA_NOT_COUNTED"), "{error:?}");
    assert!(error.hint.contains("sudo -u '#65534'"), "{error:?}");
    let _ = user
        .as_root(&["use", "commands_per_day", "0"])
        .expect_code(0);
    assert_eq!(fs::read_dir(user.machine.home()).unwrap().count(), 0);
}

#[test]
fn root_reads_the_license_of_a_user_with_a_warning() {
    let Some(user) = OtherUser::new() else {
        return;
    };
    let install = ["install", "--trust", "trust.jwks", "--at", AT, "team.lic"];
    let installed = user.run(programs::license()).args(install);
    let _ = installed.run().expect_code(0);
    let before = entries(&user.state());
    let status = user.as_root(&["status", "--at", AT, "--json"]);
    assert_eq!(status.expect_code(0).json()["tier"], "TEAM");
    let status = user.as_root(&["status", "--json"]).json();
    assert!(warnings(&status).contains(&"UNSAFE_DIRECTORY"), "{status}");
    assert_eq!(entries(&user.state()), before, "nothing is changed");
}

/// Returns the name, the owner and the time of the last change of each entry.
fn entries(directory: &Path) -> Vec<(String, u32, i64, i64)> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| {
        let entry = entry.unwrap();
        let found = entry.metadata().unwrap();
        let name = entry.file_name().into_string().unwrap();
        (name, found.uid(), found.ctime(), found.ctime_nsec())
    });
    let mut entries: Vec<_> = entries.collect();
    entries.sort();
    entries
}

#[test]
fn root_refuses_a_directory_to_which_others_may_write() {
    let Some(user) = OtherUser::new() else {
        return;
    };
    let shared = user.machine.file("shared");
    fs::create_dir_all(shared.join("state")).unwrap();
    set_mode(&shared, 0o777);
    let run = Run::license(&user.machine).env("CODITECT_HOME", shared.join("state"));
    let run = run.args(["install", "--trust", "trust.jwks", "--at", AT, "pro.lic"]);
    let error = run.run().expect_failure(4);
    let advice = format!("chmod go-w {}", shared.display());
    assert!(error.hint.contains(&advice), "{error:?}");
    assert!(error.message.contains("0777"), "{error:?}");
}
