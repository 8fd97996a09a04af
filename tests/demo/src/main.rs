//! `cargo demo`: issues, verifies, installs and uses licenses with the real programs. `cargo demo
//! seats` continues on Unix with a second act: a license server, whose seats three projects share.
//! It is an option, because the server takes minutes to compile.
//!
//! Each command is printed before it runs. The demo stops at the first unexpected exit code.
//!
//! `cargo demo PROGRAMS DIRECTORY` runs both acts with the programs of a directory instead of
//! building them, and leaves its files in another directory.

#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a demo prints to the terminal, and panics if its files cannot be written"
)]

mod build;
#[cfg(unix)]
mod seats;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, ExitStatus, Stdio};

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

/// The settings of the vendor. The paths are relative to the file.
const SETTINGS: &str = r#"key = "vendor.key"
passphrase_file = "passphrase"
ledger = "ledger.db"
"#;

/// The vendor creates keys, a trust set, two licenses and an enterprise key.
const VENDOR: [Step<'_>; 10] = [
    step(
        "Show the settings, and where each comes from.",
        "keygen config",
        0,
    ),
    step(
        "Create the signing key, and a spare key in case the first one is lost.",
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
        "keygen public --format jwk --out vendor/vendor.jwk",
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
        "keygen issue --tier team --customer 'ACME Ltd' --days 365 --seats 20 --offline \
         --out site/acme.lic",
        0,
    ),
    step(
        "Issue a PRO license, which must check in every day.",
        "keygen issue --tier pro --customer 'Jo Doe' --days 365 --out site/jo.lic",
        0,
    ),
    step(
        "Issue an enterprise key, which needs no license file.",
        "keygen enterprise-key --company ACME --seats 100 --perpetual --out site/enterprise.key",
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

/// The programs, and the directory for the files of the demo.
struct Demo {
    programs: PathBuf,
    directory: PathBuf,
    has_second_act: bool,
}

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let demo = match (arguments.next(), arguments.next()) {
        (Some(programs), Some(directory)) => Demo {
            programs: std::path::absolute(programs).expect("the path is not empty"),
            directory: std::path::absolute(directory).expect("the path is not empty"),
            has_second_act: true,
        },
        (argument, _) => {
            let has_second_act =
                cfg!(unix) && argument.is_some_and(|argument| argument.as_os_str() == "seats");
            let selection = if has_second_act {
                build::WITH_SERVER
            } else {
                build::PROGRAMS
            };
            let Some(programs) = build::programs(selection) else {
                return ExitCode::FAILURE;
            };
            Demo {
                programs,
                directory: new_directory(),
                has_second_act,
            }
        }
    };
    prepare(&demo.directory);
    println!("# Vendor: set the key and the ledger once, in vendor/keygen.toml.\n{SETTINGS}");
    let succeeded = VENDOR.iter().all(|step| demo.run(step))
        && tamper(&demo.directory)
        && SITE.iter().all(|step| demo.run(step));
    #[cfg(unix)]
    let succeeded = succeeded && (!demo.has_second_act || seats::run(&demo));
    if !succeeded {
        return ExitCode::FAILURE;
    }
    demo.print_next_steps();
    ExitCode::SUCCESS
}

/// Returns `demo`, or the first of `demo-2`, `demo-3` and so on that does not exist.
fn new_directory() -> PathBuf {
    let workspace = build::workspace();
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
    write_private(
        directory,
        "vendor/passphrase",
        "correct horse battery staple\n",
    );
    write_private(directory, "vendor/keygen.toml", SETTINGS);
}

/// Writes a file that only its owner can read and change.
fn write_private(directory: &Path, name: &str, text: &str) {
    let path = directory.join(name);
    std::fs::write(&path, text).expect("a file can be written");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let owner_only = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(&path, owner_only).expect("its mode can be set");
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

impl Demo {
    /// Prints and runs a step. Returns whether the command ended with the expected exit code.
    fn run(&self, step: &Step<'_>) -> bool {
        print_command(step.text, step.line);
        let status = self.command(step.line).status();
        is_expected(status.expect("the program starts"), step.exit)
    }

    /// Prepares a command of one of the programs. Settings of the user would change the result.
    fn command(&self, line: &str) -> Command {
        let mut words = split_words(line).into_iter();
        let name = words.next().unwrap_or_default();
        let program = format!("{name}{}", std::env::consts::EXE_SUFFIX);
        let mut command = Command::new(self.programs.join(program));
        let variables = std::env::vars_os().map(|(name, _)| name);
        let is_setting = |name: &OsString| {
            let name = name.to_string_lossy();
            let prefixes = ["KEYGEN_", "LICENSE_SERVER_", "CODITECT_LICENSE_SERVER"];
            prefixes.iter().any(|prefix| name.starts_with(prefix))
        };
        for name in variables.filter(is_setting) {
            command.env_remove(name);
        }
        command
            .args(words)
            .current_dir(&self.directory)
            .env("CODITECT_HOME", self.directory.join("site/home"))
            .env("KEYGEN_CONFIG", self.directory.join("vendor/keygen.toml"))
            .env("LICENSE_SERVER_DATA_DIR", self.directory.join("server"))
            .stdin(Stdio::null());
        command
    }

    fn print_next_steps(&self) {
        println!("\nTo continue with these files, run:");
        println!("  cd {}", self.directory.display());
        println!("  export CODITECT_HOME=$PWD/site/home KEYGEN_CONFIG=$PWD/vendor/keygen.toml");
        println!("  PATH={}:$PATH", self.programs.display());
        println!("  license features");
        if cfg!(unix) && !self.has_second_act {
            println!("To see floating seats of a license server too, run: cargo demo seats");
        }
    }
}

/// Prints a command, with its explanation above it.
fn print_command(text: &str, line: &str) {
    if !text.is_empty() {
        println!("\n# {text}");
    }
    println!("$ {line}");
}

/// Prints an exit code other than 0. Returns whether the exit code is the expected one.
fn is_expected(status: ExitStatus, exit: i32) -> bool {
    if !status.success() {
        println!("[{status}]");
    }
    let is_expected = status.code() == Some(exit);
    if !is_expected {
        println!("error: expected exit code {exit}. Please report this as a bug.");
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
