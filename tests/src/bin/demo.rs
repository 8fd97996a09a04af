//! `cargo demo`: the main job, for real, with every command shown before it runs.

#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a demonstration talks, and stops where it can't go on"
)]

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use license_tests::programs;

/// One command line and the exit code that it must end with.
struct Step<'a> {
    tells: &'a str,
    program: &'a str,
    arguments: &'a [&'a str],
    exit: i32,
}

const fn step<'a>(
    tells: &'a str,
    program: &'a str,
    arguments: &'a [&'a str],
    exit: i32,
) -> Step<'a> {
    Step {
        tells,
        program,
        arguments,
        exit,
    }
}

/// The vendor's desk: keys, a trust set, two licenses and a key.
const VENDOR: [Step<'_>; 9] = [
    step(
        "The vendor makes a signing key, and a spare for the day when it is lost.",
        "keygen",
        &[
            "new-key",
            "--out",
            "vendor/vendor.key",
            "--passphrase-file",
            "vendor/passphrase",
        ],
        0,
    ),
    step(
        "",
        "keygen",
        &[
            "new-key",
            "--out",
            "vendor/spare.key",
            "--passphrase-file",
            "vendor/passphrase",
        ],
        0,
    ),
    step(
        "Their public halves become the trust set that customers and programs get.",
        "keygen",
        &[
            "public",
            "--key",
            "vendor/vendor.key",
            "--passphrase-file",
            "vendor/passphrase",
            "--format",
            "jwk",
            "--out",
            "vendor/vendor.jwk",
        ],
        0,
    ),
    step(
        "",
        "keygen",
        &[
            "public",
            "--key",
            "vendor/spare.key",
            "--passphrase-file",
            "vendor/passphrase",
            "--format",
            "jwk",
            "--out",
            "vendor/spare.jwk",
        ],
        0,
    ),
    step(
        "",
        "keygen",
        &[
            "trust",
            "vendor/vendor.jwk",
            "vendor/spare.jwk",
            "--out",
            "site/trust.jwks",
        ],
        0,
    ),
    step(
        "A license for an air-gapped team of twenty, for a year.",
        "keygen",
        &[
            "issue",
            "--key",
            "vendor/vendor.key",
            "--passphrase-file",
            "vendor/passphrase",
            "--tier",
            "team",
            "--customer",
            "ACME Ltd",
            "--days",
            "365",
            "--seats",
            "20",
            "--offline",
            "--out",
            "site/acme.lic",
        ],
        0,
    ),
    step(
        "A PRO license that must check in every day.",
        "keygen",
        &[
            "issue",
            "--key",
            "vendor/vendor.key",
            "--passphrase-file",
            "vendor/passphrase",
            "--tier",
            "pro",
            "--customer",
            "Jo Doe",
            "--days",
            "365",
            "--out",
            "site/jo.lic",
        ],
        0,
    ),
    step(
        "An enterprise key: it needs no file beside it.",
        "keygen",
        &[
            "enterprise-key",
            "--key",
            "vendor/vendor.key",
            "--passphrase-file",
            "vendor/passphrase",
            "--company",
            "ACME",
            "--seats",
            "100",
            "--perpetual",
            "--out",
            "site/enterprise.key",
        ],
        0,
    ),
    step(
        "All of it is in the vendor's ledger.",
        "keygen",
        &["ledger", "list"],
        0,
    ),
];

/// The customer's site, which has no network and no private key.
const SITE: [Step<'_>; 12] = [
    step(
        "The site verifies what it was sent.",
        "license",
        &["verify", "--trust", "site/trust.jwks", "site/acme.lic"],
        0,
    ),
    step(
        "",
        "license",
        &[
            "verify",
            "--trust",
            "site/trust.jwks",
            "site/enterprise.key",
        ],
        0,
    ),
    step(
        "One letter of the license was changed on the way: exit code 3, could not be judged.",
        "license",
        &["verify", "--trust", "site/trust.jwks", "site/edited.lic"],
        3,
    ),
    step(
        "It installs the license; the trust set is kept beside it.",
        "license",
        &["install", "--trust", "site/trust.jwks", "site/acme.lic"],
        0,
    ),
    step(
        "And asks. A feature of the tier: exit code 0.",
        "license",
        &["check", "team_analytics"],
        0,
    ),
    step(
        "A feature of a higher tier: exit code 1, and why.",
        "license",
        &["check", "sso"],
        1,
    ),
    step(
        "Long after its end: not locked out, but down to FREE.",
        "license",
        &["status", "--at", "2099-01-01"],
        1,
    ),
    step(
        "",
        "license",
        &["check", "local_execution", "--at", "2099-01-01"],
        0,
    ),
    step(
        "Why was it refused? Every rule, with expected and actual.",
        "license",
        &["explain", "--at", "2099-01-01"],
        1,
    ),
    step(
        "What is used is counted, exactly, between processes.",
        "license",
        &["use", "commands_per_day"],
        0,
    ),
    step(
        "One project is one seat, whatever path leads to it.",
        "license",
        &["session", "site"],
        0,
    ),
    step("Is all well on this machine?", "license", &["doctor"], 0),
];

fn main() -> ExitCode {
    println!("Building keygen and license …");
    let folder = fresh_folder();
    prepare(&folder);
    let all_right = VENDOR.iter().all(|step| run(step, &folder))
        && edit(&folder)
        && SITE.iter().all(|step| run(step, &folder));
    if !all_right {
        return ExitCode::FAILURE;
    }
    farewell(&folder);
    ExitCode::SUCCESS
}

/// `demo`, or `demo-2` and so on where it stands already.
fn fresh_folder() -> PathBuf {
    let workspace = programs::workspace();
    let names = std::iter::once("demo".to_owned()).chain((2..).map(|n| format!("demo-{n}")));
    let mut paths = names.map(|name| workspace.join(name));
    paths
        .find(|path| !path.exists())
        .expect("there is always another number")
}

fn prepare(folder: &Path) {
    for part in ["vendor", "site"] {
        std::fs::create_dir_all(folder.join(part)).expect("the folder can be made");
    }
    let passphrase = folder.join("vendor/passphrase");
    std::fs::write(&passphrase, "correct horse battery staple\n").expect("a file can be written");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let owner_only = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(&passphrase, owner_only).expect("its mode can be set");
    }
}

/// Changes one letter in the middle of a license file.
fn edit(folder: &Path) -> bool {
    let mut text = std::fs::read_to_string(folder.join("site/acme.lic")).expect("it was written");
    let middle = text.len() / 2;
    let other = if text.get(middle..=middle) == Some("A") {
        "B"
    } else {
        "A"
    };
    text.replace_range(middle..=middle, other);
    std::fs::write(folder.join("site/edited.lic"), text).is_ok()
}

fn run(step: &Step<'_>, folder: &Path) -> bool {
    if !step.tells.is_empty() {
        println!("\n# {}", step.tells);
    }
    println!("$ {} {}", step.program, shown(step.arguments));
    let program = if step.program == "keygen" {
        programs::keygen()
    } else {
        programs::license()
    };
    let status = Command::new(program)
        .args(step.arguments)
        .current_dir(folder)
        .env("CODITECT_HOME", folder.join("site/home"))
        .env("KEYGEN_LEDGER", folder.join("vendor/ledger.db"))
        .stdin(Stdio::null())
        .status()
        .expect("the program starts");
    if status.code() != Some(0) {
        println!("[{status}]");
    }
    let as_expected = status.code() == Some(step.exit);
    if !as_expected {
        println!(
            "This is not what was expected: exit code {}. Please report it.",
            step.exit
        );
    }
    as_expected
}

fn shown(arguments: &[&str]) -> String {
    let quoted = arguments.iter().map(|argument| {
        if argument.contains(' ') {
            format!("'{argument}'")
        } else {
            (*argument).to_owned()
        }
    });
    quoted.collect::<Vec<_>>().join(" ")
}

fn farewell(folder: &Path) {
    let programs = programs::license().parent().map(Path::display);
    println!("\nThe files are yours to play with:");
    println!("  cd {}", folder.display());
    println!("  export CODITECT_HOME=$PWD/site/home KEYGEN_LEDGER=$PWD/vendor/ledger.db");
    if let Some(programs) = programs {
        println!("  PATH={programs}:$PATH");
    }
    println!("  license features");
}
