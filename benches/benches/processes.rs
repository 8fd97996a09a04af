//! Times of `license` as a process.
//!
//! Compares commands with the smallest `clap` program, and the verification of a license with
//! `openssl dgst -verify` and the verifiers in `examples/verifiers`.
//!
//!     chrt -f 10 cargo bench -p license-benches --bench processes
#![allow(missing_docs, reason = "a benchmark is not a library")]
#![allow(clippy::unwrap_used, reason = "a benchmark panics if its setup fails")]

use std::path::Path;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use license_benches::{Subject, compare};
use license_tests::{Run, Scratch, Vendor, programs, tools};

const SMALLEST: &str = env!("CARGO_BIN_EXE_smallest");
const VERIFY: &[&str] = &["verify", "--trust", "trust.jwks", "pro.lic"];

fn main() {
    let machine = machine();
    compare_with_smallest(&machine);
    compare_with_others(&machine);
}

/// Creates a machine with a PRO license that is signed with an RSA-4096 key. The license also
/// exists in the formats of other verifiers.
fn machine() -> Scratch {
    let vendor = Vendor::with_new_key("4096", "RS256");
    let machine = vendor.customer_machine();
    let license = vendor.issue(&["--tier", "pro", "--perpetual", "--offline"]);
    let token = license.token();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    machine.write("pro.lic", &license.file);
    machine.write("token.jwt", &token);
    machine.write("signed", signed);
    machine.write("signature", URL_SAFE_NO_PAD.decode(signature).unwrap());
    machine.write("vendor.pem", &vendor.public);
    let install = ["install", "--trust", "trust.jwks", "pro.lic"];
    let _ = Run::license(&machine).args(install).run().expect_code(0);
    machine
}

/// Compares `license` with the smallest program and with `openssl`.
///
/// All of these processes are short. Longer processes between them would displace their data from
/// the caches.
fn compare_with_smallest(machine: &Scratch) {
    let mut subjects = vec![Subject::new("the smallest clap program", || {
        end_to_end(Path::new(SMALLEST), &["pro.lic"], machine);
    })];
    for (name, args) in [
        ("license --version", &["--version"][..]),
        ("license verify FILE", VERIFY),
        ("license status", &["status"]),
        ("license check cloud_sync", &["check", "cloud_sync"]),
        ("license session", &["session"]),
        (
            "license use (written to the disk)",
            &["use", "commands_per_day"],
        ),
    ] {
        let run = move || end_to_end(programs::license(), args, machine);
        subjects.push(Subject::new(name, run));
    }
    subjects.extend(openssl(machine));
    compare("whole processes", 300, 1, subjects);
}

/// Compares `license` with third-party verifiers. Skips a verifier that is not installed.
fn compare_with_others(machine: &Scratch) {
    let mut subjects = vec![Subject::new("license verify FILE", || {
        end_to_end(programs::license(), VERIFY, machine);
    })];
    subjects.extend(openssl(machine));
    let verifiers = [
        ("verify.py", tools::cryptography()),
        ("verify.mjs", tools::node()),
    ];
    for (name, tool) in verifiers {
        if let Some(tool) = tool {
            let script = programs::workspace().join("examples/verifiers").join(name);
            let script = script.to_string_lossy().into_owned();
            let run = move || {
                let args = [
                    &script,
                    "--trust=trust.jwks",
                    "--product=CODITECT",
                    "--at=2100-01-01T00:00:00Z",
                    "token.jwt",
                ];
                end_to_end(tool.program(), &args, machine);
            };
            subjects.push(Subject::new(name, run));
        }
    }
    compare("verification of one RSA-4096 license", 40, 1, subjects);
}

/// Returns the subject for `openssl`, which verifies only the signature. Returns `None` if OpenSSL
/// is not installed.
fn openssl(machine: &Scratch) -> Option<Subject<'_>> {
    let openssl = tools::openssl()?;
    let args = ["dgst", "-sha256", "-verify", "vendor.pem", "-signature"];
    let args = [&args[..], &["signature", "signed"]].concat();
    let run = move || end_to_end(openssl.program(), &args, machine);
    Some(Subject::new("openssl dgst -verify", run))
}

fn end_to_end(program: &Path, args: &[&str], machine: &Scratch) {
    let status = Command::new(program)
        .args(args)
        .env_clear()
        .env("HOME", machine.home())
        .env("CODITECT_HOME", machine.state())
        .current_dir(machine.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    assert!(status.unwrap().success(), "{args:?}");
}
