//! Keys and passphrases in the memory of `keygen` do not reach core dumps or other processes.
#![cfg(target_os = "linux")]

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use license_tests::{Scratch, Vendor, programs, tools};

/// Starts a program that may write core dumps. `user` is the command that runs it as another user,
/// or is empty.
fn start(scratch: &Scratch, user: &[&str], program: &Path, args: &[&str]) -> Child {
    let script = "ulimit -c unlimited; exec \"$0\" \"$@\"";
    let (first, rest) = user
        .split_first()
        .map_or(("env", user), |(first, rest)| (*first, rest));
    Command::new(first)
        .args(rest)
        .args(["sh", "-c", script])
        .arg(program)
        .args(args)
        .current_dir(scratch.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Waits until a file of the process in `/proc` contains a text.
#[track_caller]
fn wait_for(child: &Child, file: &str, text: &str) {
    let path = format!("/proc/{}/{file}", child.id());
    for _ in 0..1000 {
        if fs::read_to_string(&path).is_ok_and(|content| content.contains(text)) {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!(
        "{path}: expected {text:?}, found {:?}",
        fs::read_to_string(&path)
    );
}

/// Sends the signal that makes a program write a core dump, and returns whether it did.
fn dumps_core(mut child: Child) -> bool {
    let kill = Command::new("kill")
        .args(["-ABRT", &child.id().to_string()])
        .status();
    assert!(kill.unwrap().success());
    child.wait().unwrap().core_dumped()
}

/// The arguments of a command that waits for a passphrase.
const WAITING: [&str; 6] = [
    "new-key",
    "--out",
    "new.key",
    "--no-ledger",
    "--passphrase-file",
    "-",
];

const NO_CORE: &str = "Max core file size        0                    0";

#[test]
fn keygen_writes_no_core_dump() {
    let vendor = Vendor::shared().workstation();
    let sleep = start(&vendor, &[], Path::new("sleep"), &["60"]);
    wait_for(&sleep, "comm", "sleep");
    if !dumps_core(sleep) {
        eprintln!("SKIPPED: the system writes no core dump of any program");
        return;
    }
    let keygen = start(&vendor, &[], programs::keygen(), &WAITING);
    wait_for(&keygen, "limits", NO_CORE);
    assert!(!dumps_core(keygen));
}

#[test]
fn other_processes_of_the_user_cannot_read_the_memory_of_keygen() {
    let vendor = Vendor::shared().workstation();
    let program = vendor.file("keygen-copy");
    programs::copy_for_all_users(programs::keygen(), &program);
    let mut user = Vec::new();
    if fs::metadata("/proc/self").unwrap().uid() == 0 {
        if tools::setpriv().is_none() {
            return;
        }
        user = vec![
            "setpriv",
            "--reuid=65534",
            "--regid=65534",
            "--clear-groups",
        ];
        for path in [vendor.path(), &program] {
            fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
        }
    }
    let owner = |child: &Child| {
        let status = format!("/proc/{}/status", child.id());
        fs::metadata(status).unwrap().uid()
    };
    let mut sleep = start(&vendor, &user, Path::new("sleep"), &["60"]);
    wait_for(&sleep, "comm", "sleep");
    assert_ne!(owner(&sleep), 0);
    sleep.kill().unwrap();
    let _ = sleep.wait().unwrap();
    // The files of a process in `/proc` belong to root if the process is not dumpable.
    let mut keygen = start(&vendor, &user, &program, &WAITING);
    wait_for(&keygen, "limits", NO_CORE);
    let mut owner_found = owner(&keygen);
    for _ in 0..1000 {
        if owner_found == 0 {
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
        owner_found = owner(&keygen);
    }
    assert_eq!(owner_found, 0);
    keygen.kill().unwrap();
    let _ = keygen.wait().unwrap();
}

#[test]
fn a_passphrase_can_still_be_read_from_a_file_descriptor() {
    let vendor = Vendor::shared().workstation();
    vendor.write("passphrase", "correct horse battery staple\n");
    let script =
        "exec \"$0\" new-key --out new.key --no-ledger --passphrase-file /dev/fd/3 3<passphrase";
    let mut command = Command::new("sh");
    let mut program = programs::keygen().to_owned();
    if fs::metadata("/proc/self").unwrap().uid() == 0 {
        if tools::setpriv().is_none() {
            return;
        }
        program = vendor.file("keygen-copy");
        programs::copy_for_all_users(programs::keygen(), &program);
        for path in [vendor.path(), &program] {
            fs::set_permissions(path, fs::Permissions::from_mode(0o777)).unwrap();
        }
        command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "sh"]);
    }
    let output = command
        .args(["-c", script])
        .arg(&program)
        .current_dir(vendor.path())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(vendor.read("new.key").contains("ENCRYPTED PRIVATE KEY"));
}
