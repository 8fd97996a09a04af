//! Peak memory and page faults of most commands of `license` and `keygen`, measured with GNU `time`
//! and compared with the smallest `clap` program.
//!
//! The commands issue, install, activate, use, deactivate and renew a license.
//!
//!     cargo bench -p license-benches --bench memory
#![allow(missing_docs, reason = "a benchmark is not a library")]
#![allow(
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark prints, and panics if its setup fails"
)]

use std::path::Path;

use license_tests::{Run, Scratch, programs};

const SMALLEST: &str = env!("CARGO_BIN_EXE_smallest");
const TIME: &str = "/usr/bin/time";

/// The measured commands. A command uses files that earlier commands wrote. `TEAM` and `TRIAL` are
/// replaced by license ids.
const COMMANDS: &[&str] = &[
    "license --version",
    "keygen --version",
    "keygen new-key --bits 4096 --no-passphrase --out vendor.key",
    "keygen new-key --bits 4096 --no-passphrase --out next.key",
    "keygen public --key vendor.key --format jwk --out vendor.jwk",
    "keygen public --key next.key --format jwk --out next.jwk",
    "keygen trust vendor.jwk --out trust.jwks",
    "keygen issue --key vendor.key --customer ACME --tier pro --days 365 --user ann --activation --out acme.lic",
    "keygen trial --key vendor.key --customer Bolt --out trial.lic",
    "keygen enterprise-key --key vendor.key --company ACME --seats 9 --expires 20991231 --out key.txt",
    "keygen batch orders.csv --key vendor.key --out sold",
    "keygen check-in --key vendor.key acme.lic --out validation.lic",
    "keygen inspect acme.lic",
    "license inspect acme.lic",
    "license verify --trust trust.jwks acme.lic --user ann",
    "license install --trust trust.jwks acme.lic --user ann --force",
    "license request --out request.lic",
    "keygen activate --key vendor.key request.lic --out activation.lic",
    "license activate activation.lic --user ann",
    "license status --user ann",
    "license features --user ann",
    "license check cloud_sync --user ann",
    "license use commands_per_day --user ann",
    "license session --user ann",
    "license machine",
    "license usage",
    "license explain --user ann",
    "license doctor",
    "license usage-report --out usage.txt",
    "keygen usage import usage.txt",
    "keygen usage summary",
    "license request --clock --out clock.lic",
    "keygen clock-repair --key vendor.key clock.lic --out repair.lic",
    "license deactivate --out receipt.lic",
    "keygen release receipt.lic",
    "license remove",
    "keygen renew acme.lic --key vendor.key --days 365 --out renewed.lic",
    "keygen upgrade renewed.lic --key vendor.key --tier team --out team.lic",
    "keygen reassign TEAM --key vendor.key --from ann --to bob --waive-cool-down --out bob.lic",
    "keygen diff acme.lic renewed.lic --trust trust.jwks",
    "keygen bundle renewed.lic validation.lic --trust trust.jwks --out bundle.lic",
    "keygen revoke TRIAL --reason tested",
    "keygen revocations --key vendor.key --out revocations.lic",
    "keygen rotate --key vendor.key --introduce next.jwk --out rotate.lic",
    "keygen ledger stats",
    "keygen ledger list",
    "keygen product show",
    "license completions bash",
    "license man",
    "keygen completions bash",
    "keygen man",
];

fn main() {
    if !Path::new(TIME).exists() {
        println!("GNU time not found at {TIME}; nothing is measured");
        return;
    }
    let machine = Scratch::new();
    machine.write("orders.csv", orders());
    let (base, faults) = measured(&machine, SMALLEST, &["acme.lic"]);
    println!("peak resident set, ratio to the first, page faults");
    print_line("the smallest clap program", base, base, faults);
    for command in COMMANDS {
        let words: Vec<String> = command
            .split(' ')
            .map(|word| with_id(&machine, word))
            .collect();
        let (program, args) = words.split_first().unwrap();
        let path = if program == "license" {
            programs::license()
        } else {
            programs::keygen()
        };
        let (peak, faults) = measured(&machine, path.to_str().unwrap(), args);
        print_line(command, peak, base, faults);
    }
}

fn orders() -> String {
    let rows = (0..1000).map(|row| format!("customer {row},pro,365\n"));
    "customer,tier,days\n".to_owned() + &rows.collect::<String>()
}

/// Returns the id of the license that `TEAM` or `TRIAL` names. Returns any other word
/// unchanged.
fn with_id(machine: &Scratch, word: &str) -> String {
    let file = match word {
        "TEAM" => "team.lic",
        "TRIAL" => "trial.lic",
        _ => return word.to_owned(),
    };
    let inspect = Run::license(machine).args(["inspect", "--json", file]);
    let report = inspect.run().expect_code(0).json();
    report["tokens"][0]["claims"]["jti"]
        .as_str()
        .unwrap()
        .to_owned()
}

/// Returns the peak in KiB, and the number of page faults without I/O.
fn measured(machine: &Scratch, program: &str, args: &[impl AsRef<str>]) -> (u32, u32) {
    let time = Run::new(TIME, machine).args(["-o", "time.txt", "-f", "%M %R", program]);
    let ledger = machine.file("ledger");
    let run = time
        .args(args.iter().map(AsRef::as_ref))
        .env("KEYGEN_LEDGER", ledger);
    let outcome = run.run();
    // Until the license is activated, some commands deny it and exit with 1. A denial needs as much
    // memory as a grant, so the measurement counts.
    assert!(matches!(outcome.code, Some(0 | 1)), "{outcome:?}");
    let report = machine.read("time.txt");
    let figures = report.lines().last().unwrap();
    let (peak, faults) = figures.split_once(' ').unwrap();
    (peak.parse().unwrap(), faults.parse().unwrap())
}

/// Prints the row of a command, without `--out` and its value.
fn print_line(name: &str, peak: u32, base: u32, faults: u32) {
    let short: Vec<&str> = name
        .split(' ')
        .take_while(|word| *word != "--out")
        .collect();
    let (mebibytes, ratio) = (f64::from(peak) / 1024.0, f64::from(peak) / f64::from(base));
    println!(
        "  {:60.60} {mebibytes:7.1} MiB {ratio:7.2} {faults:6}",
        short.join(" ")
    );
}
