//! Runs every vector under `fixtures/vectors/` with every signature library that is compiled in.
//!
//! A vector is a text file: headers `name: value`, an empty line, and the input to its last byte.
//! `fixtures/README.md` says what each header means.

#![cfg(any(feature = "rsa", feature = "aws-lc-rs"))]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test, helpers included"
)]

mod answer;
mod vector;

use std::fs;

use license_core::Backend;

use answer::{Answer, Refusal};
use vector::{Vector, fixtures, read};

/// Headers that every vector may have.
const COMMON: [&str; 3] = ["why", "expect", "message"];

/// Headers that describe a decision and its context.
const DECISION: [&str; 16] = [
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
    "tier",
    "allows",
    "denies",
    "quota",
    "warnings",
];

struct Folder {
    name: &'static str,
    headers: &'static [&'static str],
    check: fn(&Vector, Backend) -> Result<Answer, Refusal>,
}

const FOLDERS: [Folder; 11] = [
    Folder {
        name: "answers",
        headers: &["nonce"],
        check: answer::answers,
    },
    Folder {
        name: "decisions",
        headers: &DECISION,
        check: answer::token,
    },
    Folder {
        name: "enterprise-keys",
        headers: &DECISION,
        check: answer::enterprise_key,
    },
    Folder {
        name: "files",
        headers: &["at", "blocks"],
        check: answer::file,
    },
    Folder {
        name: "license-keys",
        headers: &["canonical"],
        check: answer::license_key,
    },
    Folder {
        name: "matrices",
        headers: &[],
        check: answer::matrix,
    },
    Folder {
        name: "revocations",
        headers: &["seq", "revoked"],
        check: answer::revocations,
    },
    Folder {
        name: "tokens",
        headers: &["at", "trust"],
        check: answer::token,
    },
    Folder {
        name: "trust",
        headers: &["keys"],
        check: answer::trust,
    },
    Folder {
        name: "trust-statements",
        headers: &["trusted"],
        check: answer::trust_statements,
    },
    Folder {
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
fn no_folder_is_left_out() {
    let entries = fs::read_dir(fixtures().join("vectors")).unwrap();
    let mut found: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    found.sort();
    assert_eq!(found, FOLDERS.map(|folder| folder.name));
}

fn run(name: &str) {
    let folder = FOLDERS.iter().find(|folder| folder.name == name).unwrap();
    let vectors = vectors(folder);
    let mut failures = Vec::new();
    for vector in &vectors {
        for &backend in Backend::AVAILABLE {
            if let Err(difference) = vector.compare(&(folder.check)(vector, backend)) {
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

/// The vectors of a folder; each is complete, and has no header that nobody reads.
fn vectors(folder: &Folder) -> Vec<Vector> {
    let entries = fs::read_dir(fixtures().join("vectors").join(folder.name)).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let vector = |name: String| {
        let text = read(&format!("vectors/{}/{name}", folder.name));
        Vector::parse(name, &text)
    };
    let mut vectors: Vec<Vector> = names.map(vector).collect();
    vectors.sort_by(|one, other| one.name.cmp(&other.name));
    assert!(!vectors.is_empty(), "{}: no vectors", folder.name);
    for Vector { name, headers, .. } in &vectors {
        let place = format!("{}/{name}", folder.name);
        for (header, _) in headers {
            let is_known =
                COMMON.contains(&header.as_str()) || folder.headers.contains(&header.as_str());
            assert!(is_known, "{place}: header `{header}` is unknown");
        }
        let has = |name: &str| headers.iter().any(|(header, _)| header == name);
        assert!(
            has("why") && has("expect"),
            "{place}: `why` and `expect` must be there"
        );
    }
    vectors
}
