//! Usage reports, from the counts of a machine to the summary of the vendor. Covers edited reports,
//! killed processes, copied state and concurrent use.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod concurrency;
mod damage;
#[cfg(unix)]
mod kill;
mod ledger;
mod report;
#[cfg(unix)]
mod sha256sum;
mod story;

use std::fs;

use license_client::{Client, FeatureMatrix, TrustSet};
use license_tests::tools::{self, Tool};
use license_tests::{Run, RunOutput, Scratch, Vendor, copy_files, keygen, license, words};
use serde_json::{Value, json};

const QUOTA: &str = "commands_per_day";

/// Creates the vendor's workstation and a machine of the customer, with a license for 5 commands a
/// day. Returns both, and the license id.
fn workstation_and_machine() -> (Scratch, Scratch, String) {
    let workstation = Vendor::shared().workstation();
    let options = words("--tier pro --perpetual --offline --quota commands_per_day=5");
    let issue = words("issue --json --key vendor.key --out acme.lic");
    let issue = Run::keygen(&workstation)
        .args(issue)
        .args(["--customer", "ACME Ltd"]);
    let issued = issue.args(options).run().expect_code(0).json();
    let machine = machine_with(&workstation.read("acme.lic"));
    (workstation, machine, text(&issued["license_id"]).to_owned())
}

fn machine_with(license: &str) -> Scratch {
    let machine = Vendor::shared().customer_machine();
    machine.write("acme.lic", license);
    let install = ["install", "--trust", "trust.jwks", "acme.lic"];
    let _ = license_tests::license(&machine, &install).expect_code(0);
    machine
}

/// Runs `license` with a clock that is shifted by `offset`, for example `-3d`.
fn license_shifted(faketime: &Tool, machine: &Scratch, offset: &str, args: &[&str]) -> RunOutput {
    let run = tools::license_at_time(faketime, machine, offset);
    run.args(args).run()
}

/// Opens the client of an application on this machine.
fn client(machine: &Scratch) -> Client {
    let trust = TrustSet::parse(&Vendor::shared().trust).unwrap();
    Client::builder(trust)
        .product(FeatureMatrix::built_in())
        .state_dir(machine.state())
        .build()
        .unwrap()
}

/// Writes the report of a machine, and copies it to the vendor's workstation. Returns its text.
#[track_caller]
fn send(machine: &Scratch, workstation: &Scratch, name: &str, options: &[&str]) -> String {
    let report = [&["usage-report", "--out", name, "--force"], options].concat();
    let _ = license(machine, &report).expect_code(0);
    let text = machine.read(name);
    workstation.write(name, &text);
    text
}

/// Returns the entries of a report.
fn entries(report: &str) -> Vec<Value> {
    let lines = report.lines().filter(|line| line.starts_with("{\"entry\""));
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Returns the sums of used and refused units of the quota over all entries.
fn total(entries: &[Value]) -> (u64, u64) {
    let sum = |member: &str| {
        let counts = entries.iter().map(|entry| &entry["quotas"][QUOTA][member]);
        counts.filter_map(Value::as_u64).sum()
    };
    (sum("used"), sum("refused"))
}

#[track_caller]
fn verify(workstation: &Scratch, files: &[&str]) -> Value {
    let args = [&["usage", "verify", "--json"], files].concat();
    keygen(workstation, &args).expect_code(0).json()
}

/// Returns the codes of the findings in all chains.
fn findings(verified: &Value) -> Vec<&str> {
    let chains = verified["chains"].as_array().unwrap().iter();
    let findings = chains.flat_map(|chain| chain["findings"].as_array().unwrap());
    findings.map(|finding| text(&finding["code"])).collect()
}

#[track_caller]
fn import(workstation: &Scratch, files: &[&str]) -> Value {
    let args = [&["usage", "import", "--json"], files].concat();
    keygen(workstation, &args).expect_code(0).json()
}

/// Returns the codes of the warnings of an import.
fn codes(imported: &Value) -> Vec<&str> {
    let warnings = imported["warnings"].as_array().unwrap().iter();
    warnings.map(|warning| text(&warning["code"])).collect()
}

/// Returns the usage summary of one license.
#[track_caller]
fn summary(workstation: &Scratch, id: &str) -> Value {
    let args = ["usage", "summary", "--json", "--license", id];
    let report = keygen(workstation, &args).expect_code(0).json();
    assert_eq!(report["count"], 1, "{report}");
    report["licenses"][0].clone()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}
