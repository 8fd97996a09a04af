//! Usage reports, from what a machine counts to what a vendor sums up: the story, and what becomes of it when somebody edits, dies, copies or
//! comes at the same time.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod damage;
#[cfg(unix)]
mod kill;
mod ledger;
mod report;
mod story;
mod together;
#[cfg(unix)]
mod witness;

use std::fs;
use std::path::Path;

use license_client::{Client, StateDir};
use license_core::{Matrix, TrustSet};
use license_tests::tools::Tool;
use license_tests::{Outcome, Run, Scratch, Vendor, keygen, license, words};
use serde_json::{Value, json};

const QUOTA: &str = "commands_per_day";

/// A desk of the vendor's that has issued a license for 5 commands a day, and a machine that has it installed.
fn desk_and_machine() -> (Scratch, Scratch, String) {
    let desk = Vendor::shared().desk();
    let terms = words("--tier pro --perpetual --offline --quota commands_per_day=5");
    let issue = words("issue --json --key vendor.key --out acme.lic");
    let issue = Run::keygen(&desk)
        .args(issue)
        .args(["--customer", "ACME Ltd"]);
    let issued = issue.args(terms).run().expect_code(0).json();
    let machine = machine_with(&desk.read("acme.lic"));
    (desk, machine, text(&issued["license_id"]).to_owned())
}

fn machine_with(license: &str) -> Scratch {
    let machine = Vendor::shared().site();
    machine.write("acme.lic", license);
    let install = ["install", "--trust", "trust.jwks", "acme.lic"];
    let _ = license_tests::license(&machine, &install).expect_code(0);
    machine
}

/// `license` with its clock off by so much, such as `-3d`.
fn shifted(faketime: &Tool, machine: &Scratch, by: &str, args: &[&str]) -> Outcome {
    let run = faketime.run(machine).args(["-f", by]);
    let run = run.env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    let run = run.env("NO_FAKE_STAT", "1");
    run.arg(license_tests::programs::license()).args(args).run()
}

/// A client as an application has one, on this machine.
fn client(machine: &Scratch) -> Client {
    let trust = TrustSet::parse(&Vendor::shared().trust).unwrap();
    Client::open_at(StateDir::at(machine.state()), &trust, Matrix::built_in())
}

/// The report of a machine, put on the vendor's desk under this name.
#[track_caller]
fn send(machine: &Scratch, desk: &Scratch, name: &str, options: &[&str]) -> String {
    let report = [&["usage-report", "--out", name, "--force"], options].concat();
    let _ = license(machine, &report).expect_code(0);
    let text = machine.read(name);
    desk.write(name, &text);
    text
}

/// The entries in a report.
fn entries(report: &str) -> Vec<Value> {
    let lines = report.lines().filter(|line| line.starts_with("{\"entry\""));
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Over all entries, how much of the quota was used and refused.
fn total(entries: &[Value]) -> (u64, u64) {
    let sum = |member: &str| {
        let counts = entries.iter().map(|entry| &entry["quotas"][QUOTA][member]);
        counts.filter_map(Value::as_u64).sum()
    };
    (sum("used"), sum("refused"))
}

#[track_caller]
fn verify(desk: &Scratch, files: &[&str]) -> Value {
    let args = [&["usage", "verify", "--json"], files].concat();
    keygen(desk, &args).expect_code(0).json()
}

/// The codes of what is found in all chains.
fn findings(verified: &Value) -> Vec<&str> {
    let chains = verified["chains"].as_array().unwrap().iter();
    let findings = chains.flat_map(|chain| chain["findings"].as_array().unwrap());
    findings.map(|finding| text(&finding["code"])).collect()
}

#[track_caller]
fn import(desk: &Scratch, files: &[&str]) -> Value {
    let args = [&["usage", "import", "--json"], files].concat();
    keygen(desk, &args).expect_code(0).json()
}

fn codes(imported: &Value) -> Vec<&str> {
    let warnings = imported["warnings"].as_array().unwrap().iter();
    warnings.map(|warning| text(&warning["code"])).collect()
}

/// What is summed up of one license.
#[track_caller]
fn summary(desk: &Scratch, id: &str) -> Value {
    let args = ["usage", "summary", "--json", "--license", id];
    let told = keygen(desk, &args).expect_code(0).json();
    assert_eq!(told["count"], 1, "{told}");
    told["licenses"][0].clone()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// Copies a state directory as a snapshot does, and back.
fn copy(from: &Path, to: &Path) {
    let _ = fs::remove_dir_all(to);
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.path().is_file() {
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}
