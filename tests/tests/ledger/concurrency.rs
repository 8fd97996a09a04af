//! Concurrent processes that write to and read from one ledger.

use std::fs::File;
use std::thread;

use super::*;

/// Runs `keygen issue` with a short time for waiting, and returns the failure.
#[track_caller]
fn refused(vendor: &Scratch, code: &str) -> [String; 2] {
    let args = words("issue --key vendor.key --tier pro --customer ACME --perpetual --out b.lic");
    let issue = Run::keygen(vendor)
        .env("KEYGEN_LOCK_TIMEOUT", "0")
        .args(args);
    let report = issue.arg("--json").run().expect_code(4).json();
    assert_eq!(report["error"]["code"], code, "{report}");
    assert!(!vendor.file("b.lic").exists());
    ["message", "hint"].map(|member| report["error"][member].as_str().unwrap().to_owned())
}

#[test]
fn a_process_that_keeps_the_lock_is_named_and_the_wait_ends() {
    let vendor = vendor();
    issue(&vendor, "a.lic", &[]);
    let ledger = database(&vendor);
    let lock = File::options()
        .write(true)
        .open(format!("{}.lock", ledger.display()))
        .unwrap();
    lock.try_lock().unwrap();
    // The last process is not running, because its id is larger than any that Linux assigns.
    for (process, is_running) in [(std::process::id(), true), (u32::MAX, false)] {
        let holder = format!("process {process} (keygen) since 2026-11-29T08:00:00Z");
        let path = format!("{}.lock", ledger.display());
        std::fs::write(path, format!("{holder}\n")).unwrap();
        let [message, hint] = refused(&vendor, "BUSY");
        assert!(
            message.contains(&format!("is locked by {holder}")),
            "{message}"
        );
        let names_process = hint.contains(&format!("kill -CONT {process}"));
        assert_eq!(
            names_process,
            is_running || cfg!(not(target_os = "linux")),
            "{hint}"
        );
    }
    drop(lock);
    issue(&vendor, "b.lic", &[]);
}

#[test]
fn an_open_transaction_of_another_program_is_reported() {
    let vendor = vendor();
    issue(&vendor, "a.lic", &[]);
    let other = Connection::open(database(&vendor)).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let [message, hint] = refused(&vendor, "BUSY");
    assert!(
        message.contains("is locked by another process"),
        "{message}"
    );
    assert!(hint.contains("sqlite3"), "{hint}");
}

#[test]
#[cfg(target_os = "linux")]
fn a_file_system_without_locks_is_reported_as_such() {
    let Some(strace) = license_tests::tools::strace() else {
        return;
    };
    let vendor = vendor();
    issue(&vendor, "a.lic", &[]);
    let run = strace
        .run(&vendor)
        .args(words("-f -o /dev/null -e inject=flock:error=ENOLCK"));
    let run = run.arg(license_tests::programs::keygen());
    let args = words("issue --key vendor.key --tier pro --customer ACME --perpetual --json");
    let report = run.args(args).run().expect_code(4).json();
    assert_eq!(report["error"]["code"], "NO_LOCKS", "{report}");
    let message = report["error"]["message"].as_str().unwrap();
    assert!(message.contains("does not lock files"), "{message}");
}

#[test]
fn eight_concurrent_processes_lose_no_entry_and_share_no_serial() {
    const LICENSES_PER_PROCESS: usize = 5;
    let vendor = vendor();
    thread::scope(|scope| {
        for process in 0..8 {
            let vendor = &vendor;
            scope.spawn(move || {
                for license in 0..LICENSES_PER_PROCESS {
                    issue(vendor, &format!("{process}-{license}.lic"), &[]);
                    // Readers always see a valid chain.
                    verified_chain(vendor);
                }
            });
        }
    });
    let entries = export(&vendor);
    assert_eq!(entries.len(), 8 * LICENSES_PER_PROCESS + 1);
    assert_eq!(verified_chain(&vendor).0, 8 * 5 + 1);
    let serials: Vec<_> = entries[1..]
        .iter()
        .map(|entry| entry["body"]["serial"].as_u64().unwrap())
        .collect();
    assert!(
        serials.is_sorted_by(|serial, next| serial < next),
        "{serials:?}"
    );
    assert!(entries[1..].iter().all(|entry| entry["delivered"] == true));
}
