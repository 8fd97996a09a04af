//! The ledger: entries, queries, verification, crashes and concurrent processes.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod activations;
mod backup;
mod concurrency;
mod damaged;
mod entries;
mod expiring;
mod find;
mod import;
mod kill;
mod list;
mod location;
mod reinstate;
mod revoke;
mod screen;
mod stranger;
mod tampering;

use std::path::PathBuf;

use license_tests::vendor::changed_at;
use license_tests::{Run, RunOutput, Scratch, Vendor, keygen, words};
use rusqlite::Connection;
use serde_json::{Value, json};

/// Creates the machine of a vendor, with the trusted public keys.
fn vendor() -> Scratch {
    let vendor = Vendor::shared().workstation();
    vendor.write("trust.jwks", &Vendor::shared().trust);
    vendor
}

/// Runs `keygen` with `--json` and returns the object that it prints.
#[track_caller]
fn keygen_json(vendor: &Scratch, args: &[&str]) -> Value {
    let args = [args, &["--json"]].concat();
    keygen(vendor, &args).expect_code(0).json()
}

/// Issues a license into a file and returns the report. The license is a perpetual PRO license for
/// `ACME Ltd`, unless `options` override it.
#[track_caller]
fn issue(vendor: &Scratch, out: &str, options: &[&str]) -> Value {
    let mut args = vec!["issue", "--key", "vendor.key", "--out", out];
    for default in [["--tier", "pro"], ["--customer", "ACME Ltd"]] {
        if !options.iter().any(|option| option.starts_with(default[0])) {
            args.extend(default);
        }
    }
    if !options.contains(&"--expires") && !options.contains(&"--days") {
        args.push("--perpetual");
    }
    args.extend(options);
    keygen_json(vendor, &args)
}

#[track_caller]
fn enterprise_key(vendor: &Scratch, out: &str) -> Value {
    let terms = ["--company", "ACME", "--seats", "100", "--perpetual"];
    let args = ["enterprise-key", "--key", "vendor.key", "--out", out];
    keygen_json(vendor, &[&args[..], &terms].concat())
}

/// Returns the default path of the ledger.
fn database(vendor: &Scratch) -> PathBuf {
    vendor.home().join(".local/share/keygen/ledger.db")
}

fn open(vendor: &Scratch) -> Connection {
    Connection::open(database(vendor)).unwrap()
}

/// Returns all entries, as `keygen ledger export` prints them.
#[track_caller]
fn export(vendor: &Scratch) -> Vec<Value> {
    let export = keygen(vendor, &["ledger", "export"]).expect_code(0);
    let lines = export.stdout.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[track_caller]
fn kinds(vendor: &Scratch) -> Vec<String> {
    let entries = export(vendor);
    let kind = |entry: &Value| entry["kind"].as_str().unwrap().to_owned();
    entries.iter().map(kind).collect()
}

/// Verifies the chain, and returns the number of entries and the hash of the last one.
#[track_caller]
fn verified_chain(vendor: &Scratch) -> (u64, String) {
    let report = keygen_json(vendor, &["ledger", "verify"]);
    assert_eq!(report["whole"], true);
    let head = report["head"].as_str().unwrap().to_owned();
    (report["entries"].as_u64().unwrap(), head)
}

/// Returns the licenses that `keygen ledger` lists with these arguments.
#[track_caller]
fn licenses(vendor: &Scratch, args: &[&str]) -> Vec<Value> {
    let report = keygen_json(vendor, &[&["ledger"], args].concat());
    let licenses = report["licenses"].as_array().unwrap().clone();
    assert_eq!(report["count"], licenses.len());
    licenses
}

#[track_caller]
fn customers(vendor: &Scratch, args: &[&str]) -> Vec<String> {
    let licenses = licenses(vendor, args);
    let name = |license: &Value| license["customer"].as_str().unwrap().to_owned();
    licenses.iter().map(name).collect()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}
