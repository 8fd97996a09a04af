//! The ledger: what `keygen` enters, what it tells of it, and what becomes of it when somebody tampers, dies or comes at the same time.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod activations;
mod backup;
mod damaged;
mod entered;
mod find;
mod import;
mod kill;
mod list;
mod place;
mod revoke;
mod tamper;
mod together;

use std::path::PathBuf;

use license_tests::{Outcome, Run, Scratch, Vendor, keygen, words};
use rusqlite::Connection;
use serde_json::{Value, json};

/// A desk of the vendor's, with the public keys too.
fn desk() -> Scratch {
    let desk = Vendor::shared().desk();
    desk.write("trust.jwks", &Vendor::shared().trust);
    desk
}

/// `keygen` at a desk.
/// The object that it prints.
#[track_caller]
fn told(desk: &Scratch, args: &[&str]) -> Value {
    let args = [args, &["--json"]].concat();
    keygen(desk, &args).expect_code(0).json()
}

/// Issues a license into a file, for PRO and `ACME Ltd` for ever unless `terms` say otherwise, and returns what is told of it.
#[track_caller]
fn issue(desk: &Scratch, out: &str, terms: &[&str]) -> Value {
    let mut args = vec!["issue", "--key", "vendor.key", "--out", out];
    for usual in [["--tier", "pro"], ["--customer", "ACME Ltd"]] {
        if !terms.iter().any(|term| term.starts_with(usual[0])) {
            args.extend(usual);
        }
    }
    if !terms.contains(&"--expires") && !terms.contains(&"--days") {
        args.push("--perpetual");
    }
    args.extend(terms);
    told(desk, &args)
}

#[track_caller]
fn enterprise_key(desk: &Scratch, out: &str) -> Value {
    let terms = ["--company", "ACME", "--seats", "100", "--perpetual"];
    let args = ["enterprise-key", "--key", "vendor.key", "--out", out];
    told(desk, &[&args[..], &terms].concat())
}

/// Where the ledger is by default.
fn database(desk: &Scratch) -> PathBuf {
    desk.home().join(".local/share/keygen/ledger.db")
}

fn open(desk: &Scratch) -> Connection {
    Connection::open(database(desk)).unwrap()
}

/// Every entry, as it is exported.
#[track_caller]
fn export(desk: &Scratch) -> Vec<Value> {
    let export = keygen(desk, &["ledger", "export"]).expect_code(0);
    let lines = export.stdout.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[track_caller]
fn kinds(desk: &Scratch) -> Vec<String> {
    let entries = export(desk);
    let kind = |entry: &Value| entry["kind"].as_str().unwrap().to_owned();
    entries.iter().map(kind).collect()
}

/// The number of entries, and the hash that they end with.
#[track_caller]
fn whole(desk: &Scratch) -> (u64, String) {
    let told = told(desk, &["ledger", "verify"]);
    assert_eq!(told["whole"], true);
    let head = told["head"].as_str().unwrap().to_owned();
    (told["entries"].as_u64().unwrap(), head)
}

/// The licenses that `keygen ledger` with these arguments lists.
#[track_caller]
fn licenses(desk: &Scratch, args: &[&str]) -> Vec<Value> {
    let told = told(desk, &[&["ledger"], args].concat());
    let licenses = told["licenses"].as_array().unwrap().clone();
    assert_eq!(told["count"], licenses.len());
    licenses
}

#[track_caller]
fn customers(desk: &Scratch, args: &[&str]) -> Vec<String> {
    let licenses = licenses(desk, args);
    let name = |license: &Value| license["customer"].as_str().unwrap().to_owned();
    licenses.iter().map(name).collect()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}
