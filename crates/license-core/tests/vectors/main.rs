//! Runs the vectors in `fixtures/vectors/` with each compiled-in signature library.
//!
//! A vector is a text file with headers `name: value`, an empty line and the input.
//! `fixtures/README.md` describes the headers.

#![cfg(any(feature = "rsa", feature = "aws-lc-rs"))]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking"
)]

mod answer;
mod vector;

use std::fs;

use license_core::jose::Backend;

use answer::{Accepted, Rejected};
use vector::{Vector, fixtures, read};

/// Headers that all vectors can have.
const COMMON: [&str; 3] = ["why", "expect", "message"];

/// Headers that describe a decision and its context.
const DECISION: [&str; 18] = [
    "at",
    "trust",
    "user",
    "machine",
    "version",
    "build-date",
    "usage-type",
    "high-water",
    "validation",
    "revocations",
    "installed",
    "lease",
    "session",
    "tier",
    "allows",
    "denies",
    "quota",
    "warnings",
];

/// A directory of vectors of one kind.
struct Directory {
    name: &'static str,
    headers: &'static [&'static str],
    check: fn(&Vector, Backend) -> Result<Accepted, Rejected>,
}

const DIRECTORIES: [Directory; 13] = [
    Directory {
        name: "answers",
        headers: &["nonce"],
        check: answer::answers,
    },
    Directory {
        name: "decisions",
        headers: &DECISION,
        check: answer::token,
    },
    Directory {
        name: "enterprise-keys",
        headers: &DECISION,
        check: answer::enterprise_key,
    },
    Directory {
        name: "files",
        headers: &["at", "blocks"],
        check: answer::file,
    },
    Directory {
        name: "leases",
        headers: &["license", "mode", "seq"],
        check: answer::lease,
    },
    Directory {
        name: "license-keys",
        headers: &["canonical"],
        check: answer::license_key,
    },
    Directory {
        name: "matrices",
        headers: &[],
        check: answer::matrix,
    },
    Directory {
        name: "revocations",
        headers: &["seq", "revoked"],
        check: answer::revocations,
    },
    Directory {
        name: "server-requests",
        headers: &["name"],
        check: answer::server_request,
    },
    Directory {
        name: "tokens",
        headers: &["at", "trust"],
        check: answer::token,
    },
    Directory {
        name: "trust",
        headers: &["keys"],
        check: answer::trust,
    },
    Directory {
        name: "trust-statements",
        headers: &["trusted"],
        check: answer::trust_statements,
    },
    Directory {
        name: "validations",
        headers: &["license", "signer"],
        check: answer::validation,
    },
];

#[test]
fn answers() {
    run("answers");
}

#[test]
fn decisions() {
    run("decisions");
}

#[test]
fn enterprise_keys() {
    run("enterprise-keys");
}

#[test]
fn files() {
    run("files");
}

#[test]
fn leases() {
    run("leases");
}

#[test]
fn license_keys() {
    run("license-keys");
}

#[test]
fn matrices() {
    run("matrices");
}

#[test]
fn revocations() {
    run("revocations");
}

#[test]
fn server_requests() {
    run("server-requests");
}

#[test]
fn tokens() {
    run("tokens");
}

#[test]
fn trust_sets() {
    run("trust");
}

#[test]
fn trust_statements() {
    run("trust-statements");
}

#[test]
fn validations() {
    run("validations");
}

#[test]
fn all_directories_are_tested() {
    let entries = fs::read_dir(fixtures().join("vectors")).unwrap();
    let mut found: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    found.sort();
    assert_eq!(found, DIRECTORIES.map(|directory| directory.name));
}

fn run(name: &str) {
    let mut directories = DIRECTORIES.iter();
    let directory = directories
        .find(|directory| directory.name == name)
        .unwrap();
    let vectors = vectors(directory);
    let mut failures = Vec::new();
    for vector in &vectors {
        for &backend in Backend::AVAILABLE {
            if let Err(difference) = vector.compare(&(directory.check)(vector, backend)) {
                failures.push(format!(
                    "{name}/{} ({backend:?}): {difference}",
                    vector.name
                ));
            }
        }
    }
    println!(
        "{name}: {} vectors with {:?}",
        vectors.len(),
        Backend::AVAILABLE
    );
    assert!(
        failures.is_empty(),
        "{} failed:\n{}",
        failures.len(),
        failures.join("\n")
    );
}

/// Reads the vectors of a directory. Checks that each vector has the required headers and no
/// unknown headers.
fn vectors(directory: &Directory) -> Vec<Vector> {
    let entries = fs::read_dir(fixtures().join("vectors").join(directory.name)).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let vector = |name: String| {
        let text = read(&format!("vectors/{}/{name}", directory.name));
        Vector::parse(name, &text)
    };
    let mut vectors: Vec<Vector> = names.map(vector).collect();
    vectors.sort_by(|one, other| one.name.cmp(&other.name));
    assert!(!vectors.is_empty(), "{}: no vectors", directory.name);
    for Vector { name, headers, .. } in &vectors {
        let place = format!("{}/{name}", directory.name);
        for (header, _) in headers {
            let is_known =
                COMMON.contains(&header.as_str()) || directory.headers.contains(&header.as_str());
            assert!(is_known, "{place}: header `{header}` is unknown");
        }
        let has = |name: &str| headers.iter().any(|(header, _)| header == name);
        assert!(
            has("why") && has("expect"),
            "{place}: headers `why` and `expect` are required"
        );
    }
    vectors
}
