//! `cargo demo`: issues, verifies, installs and uses licenses with the real programs.
//!
//! Each command is printed before it runs. The demo stops at the first unexpected exit code.

#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a demo prints to the terminal, and panics if its files cannot be written"
)]

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use license_tests::programs;

/// A command and its expected exit code.
struct Step<'a> {
    /// The explanation that is printed above the command. Empty if the explanation of the previous
    /// step covers this step too.
    text: &'a str,
    /// The command line. An argument with a space is in single quotes.
    line: &'a str,
    exit: i32,
}

const fn step<'a>(text: &'a str, line: &'a str, exit: i32) -> Step<'a> {
    Step { text, line, exit }
}

/// The vendor creates keys, a trust set, two licenses and an enterprise key.
const VENDOR: [Step<'_>; 9] = [
    step(
        "Vendor: create a signing key, and a spare key in case the first one is lost.",
        "keygen new-key --out vendor/vendor.key --passphrase-file vendor/passphrase",
        0,
    ),
    step(
        "",
        "keygen new-key --out vendor/spare.key --passphrase-file vendor/passphrase",
        0,
    ),
    step(
        "Put both public keys into the trust set, which customers and programs receive.",
        "keygen public --key vendor/vendor.key --passphrase-file vendor/passphrase \
         --format jwk --out vendor/vendor.jwk",
        0,
    ),
    step(
        "",
        "keygen public --key vendor/spare.key --passphrase-file vendor/passphrase \
         --format jwk --out vendor/spare.jwk",
        0,
    ),
    step(
        "",
        "keygen trust vendor/vendor.jwk vendor/spare.jwk --out site/trust.jwks",
        0,
    ),
    step(
        "Issue a TEAM license with 20 seats for one year, which works without a network.",
        "keygen issue --key vendor/vendor.key --passphrase-file vendor/passphrase --tier team \
         --customer 'ACME Ltd' --days 365 --seats 20 --offline --out site/acme.lic",
        0,
    ),
    step(
        "Issue a PRO license, which must check in every day.",
        "keygen issue --key vendor/vendor.key --passphrase-file vendor/passphrase --tier pro \
         --customer 'Jo Doe' --days 365 --out site/jo.lic",
        0,
    ),
    step(
        "Issue an enterprise key, which needs no license file.",
        "keygen enterprise-key --key vendor/vendor.key --passphrase-file vendor/passphrase \
         --company ACME --seats 100 --perpetual --out site/enterprise.key",
        0,
    ),
    step(
        "The ledger of the vendor lists both licenses and the enterprise key.",
        "keygen ledger list",
        0,
    ),
];

/// The customer's site has no network and no private key.
const SITE: [Step<'_>; 12] = [
    step(
        "Customer: verify the license and the enterprise key.",
        "license verify --trust site/trust.jwks site/acme.lic",
        0,
    ),
    step(
        "",
        "license verify --trust site/trust.jwks site/enterprise.key",
        0,
    ),
    step(
        "Verify a copy in which one character was changed. Exit code 3: the copy is not valid.",
        "license verify --trust site/trust.jwks site/edited.lic",
        3,
    ),
    step(
        "Install the license. The trust set is installed with it.",
        "license install --trust site/trust.jwks site/acme.lic",
        0,
    ),
    step(
        "Check a feature of the tier. Exit code 0: granted.",
        "license check team_analytics",
        0,
    ),
    step(
        "Check a feature of a higher tier. Exit code 1: denied, with the reason.",
        "license check sso",
        1,
    ),
    step(
        "Look at a date long after the license ends. The features of FREE remain.",
        "license status --at 2099-01-01",
        1,
    ),
    step("", "license check local_execution --at 2099-01-01", 0),
    step(
        "Show the result of every rule, with expected and actual values.",
        "license explain --at 2099-01-01",
        1,
    ),
    step(
        "Use one unit of a quota. The count is exact across processes.",
        "license use commands_per_day",
        0,
    ),
    step(
        "Start a session. A project has one session id, even if a symbolic link leads to it.",
        "license session site",
        0,
    ),
    step("Check this machine for problems.", "license doctor", 0),
];

fn main() -> ExitCode {
    println!("Building keygen and license …");
    let directory = new_directory();
    prepare(&directory);
    let succeeded = VENDOR.iter().all(|step| run(step, &directory))
        && tamper(&directory)
        && SITE.iter().all(|step| run(step, &directory));
    if !succeeded {
        return ExitCode::FAILURE;
    }
    print_next_steps(&directory);
    ExitCode::SUCCESS
}

/// Returns `demo`, or the first of `demo-2`, `demo-3` and so on that does not exist.
fn new_directory() -> PathBuf {
    let workspace = programs::workspace();
    let names = std::iter::once("demo".to_owned()).chain((2..).map(|n| format!("demo-{n}")));
    let mut paths = names.map(|name| workspace.join(name));
    paths
        .find(|path| !path.exists())
        .expect("there is an unused number")
}

fn prepare(directory: &Path) {
    for part in ["vendor", "site"] {
        std::fs::create_dir_all(directory.join(part)).expect("a directory can be created");
    }
    let passphrase = directory.join("vendor/passphrase");
    std::fs::write(&passphrase, "correct horse battery staple\n").expect("a file can be written");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let owner_only = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(&passphrase, owner_only).expect("its mode can be set");
    }
}

/// Writes a copy of the license with one character changed in the middle.
fn tamper(directory: &Path) -> bool {
    let license = directory.join("site/acme.lic");
    let mut text = std::fs::read_to_string(license).expect("the license was written");
    let middle = text.len() / 2;
    let other = if text.get(middle..=middle) == Some("A") {
        "B"
    } else {
        "A"
    };
    text.replace_range(middle..=middle, other);
    std::fs::write(directory.join("site/edited.lic"), text).is_ok()
}

/// Prints and runs a step. Returns whether the command ended with the expected exit code.
fn run(step: &Step<'_>, directory: &Path) -> bool {
    if !step.text.is_empty() {
        println!("\n# {}", step.text);
    }
    println!("$ {}", step.line);
    let mut words = split_words(step.line).into_iter();
    let program = if words.next() == Some("keygen") {
        programs::keygen()
    } else {
        programs::license()
    };
    let status = Command::new(program)
        .args(words)
        .current_dir(directory)
        .env("CODITECT_HOME", directory.join("site/home"))
        .env("KEYGEN_LEDGER", directory.join("vendor/ledger.db"))
        .stdin(Stdio::null())
        .status()
        .expect("the program starts");
    if !status.success() {
        println!("[{status}]");
    }
    let is_expected = status.code() == Some(step.exit);
    if !is_expected {
        println!(
            "error: expected exit code {}. Please report this as a bug.",
            step.exit
        );
    }
    is_expected
}

/// Splits a command line at spaces, except within single quotes.
fn split_words(line: &str) -> Vec<&str> {
    let parts = line.split('\'').enumerate();
    parts
        .flat_map(|(index, part)| {
            if index % 2 == 1 {
                vec![part]
            } else {
                part.split_whitespace().collect()
            }
        })
        .collect()
}

fn print_next_steps(directory: &Path) {
    println!("\nTo continue with these files, run:");
    println!("  cd {}", directory.display());
    println!("  export CODITECT_HOME=$PWD/site/home KEYGEN_LEDGER=$PWD/vendor/ledger.db");
    if let Some(programs) = programs::license().parent() {
        println!("  PATH={}:$PATH", programs.display());
    }
    println!("  license features");
}
