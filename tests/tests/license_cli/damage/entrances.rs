//! Each change that mail, chat, editors and spreadsheets make, and each place where a text enters.
//!
//! One function decodes and one function corrects the texts of all places. So a file tests all
//! changes, and the other places test a sample.

mod changes;

use std::fs;

use changes::Outcome::{Accepted, Refused};
use changes::{ARGUMENT_SAMPLE, CHANGES, Change, ENCODINGS, JSON_CHANGES, LICENSE_CHANGES, SAMPLE};
use license_tests::Vendor;

use super::*;

/// A license whose token contains `--`, which the customer's name causes.
fn license_with_double_hyphens() -> String {
    let name = "s\u{ff21}".repeat(6);
    let terms = [
        "--tier",
        "team",
        "--expires",
        "2020-12-31",
        "--offline",
        "--customer",
        &name,
    ];
    let license = issue_license(&terms);
    assert!(license.token().contains("--"), "{}", license.token());
    license.file
}

/// Checks the outcome of a run, and returns what is wrong.
fn problem(place: &str, change: &Change, run: &RunOutput) -> Option<String> {
    let (name, _, outcome) = change;
    let output = run.all_output();
    let is_right = match outcome {
        Accepted => run.code == Some(0) && run.stdout.contains("TEAM"),
        Refused(words) => run.code != Some(0) && output.contains(words),
    };
    (!is_right).then(|| format!("{place}, {name}: {output}"))
}

/// Checks changes at all places where a license or trust set enters.
fn check(places: &[(&str, &str, &str)], original: &str, license: &str, changes: &[&Change]) {
    let mut problems = Vec::new();
    for change in changes {
        let content = (change.1)(original);
        for (place, file, args) in places {
            let machine = machine();
            for directory in ["etc", "state"] {
                fs::create_dir(machine.file(directory)).unwrap();
            }
            let directory = file.split_once('/').map_or("", |(directory, _)| directory);
            if !directory.is_empty() {
                machine.write(&format!("{directory}/license.lic"), license);
                machine.write(&format!("{directory}/trust.jwks"), &Vendor::shared().trust);
            }
            machine.write("license.lic", license);
            machine.write(file, &content);
            let mut args: Vec<String> = args.split(' ').map(str::to_owned).collect();
            if *place == "argument" {
                let text = String::from_utf8(content.clone()).unwrap();
                args.extend(["--".to_owned(), text]);
            }
            let run = Run::license(&machine).env("CODITECT_SYSTEM_DIR", machine.file("etc"));
            let run = run.args(args).stdin(content.clone()).run();
            problems.extend(problem(place, change, &run));
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// Returns the possible places. Only root trusts the system directory of a test.
fn places<'p>(all: &[(&'p str, &'p str, &'p str)]) -> Vec<(&'p str, &'p str, &'p str)> {
    let is_possible =
        |place: &&(&str, &str, &str)| tools::is_root() || !place.1.starts_with("etc/");
    all.iter().filter(is_possible).copied().collect()
}

fn named(names: &[&str]) -> Vec<&'static Change> {
    let changes = ENCODINGS.iter().chain(CHANGES);
    let named: Vec<_> = changes.filter(|change| names.contains(&change.0)).collect();
    assert_eq!(named.len(), names.len(), "{names:?}");
    named
}

const STATUS: &str = "status --json --at 2020-01-01T01:00:00Z";
const VERIFY: &str = "verify --json --at 2020-01-01T01:00:00Z --trust";

#[test]
fn a_license_is_accepted_or_the_damage_is_named_wherever_it_enters() {
    let file = format!("{VERIFY} trust.jwks given.lic");
    let stdin = format!("{VERIFY} trust.jwks -");
    let argument = format!("{VERIFY} trust.jwks");
    let license = license_with_double_hyphens();
    let all = ENCODINGS.iter().chain(CHANGES).chain(LICENSE_CHANGES);
    let all: Vec<_> = all.collect();
    for (place, changes) in [
        (("file", "given.lic", &*file), all),
        (
            ("argument", "given.lic", &argument),
            named(&ARGUMENT_SAMPLE),
        ),
        (("stdin", "given.lic", &stdin), named(&SAMPLE)),
        (
            ("state directory", "state/license.lic", STATUS),
            named(&SAMPLE),
        ),
        (
            ("system directory", "etc/license.lic", STATUS),
            named(&SAMPLE),
        ),
    ] {
        check(&places(&[place]), &license, &license, &changes);
    }
}

#[test]
fn public_keys_are_accepted_or_the_damage_is_named_wherever_they_enter() {
    let file = format!("{VERIFY} given.jwks license.lic");
    let file = [("file", "given.jwks", &*file)];
    let vendor = Vendor::shared();
    let changes: Vec<_> = CHANGES.iter().collect();
    check(&file, &vendor.public, &TEAM.file, &changes);
    let changes: Vec<_> = JSON_CHANGES.iter().collect();
    check(&file, &vendor.trust, &TEAM.file, &changes);
    let others = places(&[
        ("file", "given.jwks", file[0].2),
        ("state directory", "state/trust.jwks", STATUS),
        ("system directory", "etc/trust.jwks", STATUS),
    ]);
    check(&others, &vendor.public, &TEAM.file, &named(&SAMPLE));
}

#[test]
fn a_long_dash_in_an_enterprise_key_is_read_as_the_signature_requires() {
    let workstation = Vendor::shared().workstation();
    let key = |seats: u32| {
        let seats = seats.to_string();
        let key = Run::keygen(&workstation)
            .args(["enterprise-key", "--key", "vendor.key", "--no-ledger"])
            .args(words("--company ACME --expires 20301231 --seats"));
        let key = key.arg(seats).run().expect_code(0).stdout;
        key.trim_end().to_owned()
    };
    let has_one = |key: &String| key.matches("--").count() == 1;
    let key = (1..200).map(key).find(has_one).unwrap();
    let machine = machine();
    let pasted = key.replace("--", "\u{2014}");
    machine.write("damaged", &pasted);
    for argument in ["damaged", &key.replace("--", "\u{2013}")] {
        let verified = expect_valid(verify(&machine, &["--json", argument]));
        assert_eq!(verified["tier"], "ENT", "{pasted}");
    }
    let install = words("install --trust trust.jwks --at 2020-01-01T01:00:00Z damaged");
    let _ = license(&machine, &install).expect_code(0);
    let stored = fs::read_to_string(machine.state().join("license.key")).unwrap();
    assert_eq!(stored.trim_end(), key);
    // The ledger records the key that was signed, and finds it by the text that was pasted.
    let keygen = |args: &[&str]| Run::keygen(&workstation).args(args).run();
    // With this dash, both readings have a possible length.
    let pasted = key.replace("--", "\u{2014}-");
    let args = ["revoke", "--force", "--reason", "test", &pasted];
    let error = keygen(&args).expect_failure(2);
    assert!(error.message.contains("long dash"), "{error:?}");
    workstation.write("damaged", &pasted);
    workstation.write("trust.jwks", &Vendor::shared().trust);
    let import = ["ledger", "import", "--trust", "trust.jwks", "damaged"];
    let _ = keygen(&import).expect_code(0);
    let resent = keygen(&["ledger", "resend", &pasted]).expect_code(0);
    assert_eq!(resent.stdout.trim_end(), key);
}

#[test]
fn a_text_of_another_kind_is_named_with_a_command() {
    let machine = machine();
    let vendor = Vendor::shared();
    let private = vendor.key.clone();
    let request = "-----BEGIN LICENSE ACTIVATION REQUEST-----\n{}\n-----END LICENSE ACTIVATION REQUEST-----\n";
    let pem = |label: &str| format!("-----BEGIN {label}-----\nMIIB\n-----END {label}-----\n");
    for (content, as_license, as_keys, hint_for_keys) in [
        (
            pem("CERTIFICATE"),
            "a certificate",
            "`CERTIFICATE`",
            "openssl x509",
        ),
        (
            pem("CERTIFICATE REQUEST"),
            "a certificate request",
            "`CERTIFICATE REQUEST`",
            "openssl req",
        ),
        (
            "ssh-rsa AAAAB3NzaC1yc2E= me@here\n".into(),
            "a public key of OpenSSH",
            "a public key of OpenSSH",
            "ssh-keygen -e -m PKCS8",
        ),
        (
            "PuTTY-User-Key-File-3: ssh-rsa\nSECRET: x\n".into(),
            "a private key of PuTTY",
            "a private key of PuTTY",
            "never leave",
        ),
        (
            private,
            "a private key",
            "a private key",
            "ask for the public keys",
        ),
        (
            request.to_owned(),
            "an activation request",
            "`LICENSE ACTIVATION REQUEST`",
            "license verify LICENSE",
        ),
        (vendor.trust.clone(), "public keys (a trust set)", "", ""),
        (vendor.public.clone(), "public keys (a trust set)", "", ""),
        (TEAM.file.clone(), "", "`LICENSE`", "license verify LICENSE"),
        (
            TEAM.token(),
            "",
            "found a license",
            "license verify LICENSE",
        ),
        (
            "<!DOCTYPE html><p>Sign in</p>".into(),
            "a web page",
            "a web page",
            "public keys",
        ),
    ] {
        machine.write("wrong", &content);
        let secret = content
            .lines()
            .nth(1)
            .filter(|_| content.contains("PRIVATE"));
        let as_license = [
            ("wrong", as_license, "license"),
            ("team.lic", as_keys, hint_for_keys),
        ];
        for (argument, words, hint) in as_license {
            if words.is_empty() {
                continue;
            }
            let trust = if argument == "wrong" {
                "trust.jwks"
            } else {
                "wrong"
            };
            let args = ["verify", "--at", AT, "--trust", trust, argument];
            let run = license(&machine, &args);
            let error = run.expect_failure(3);
            assert!(error.message.contains(words), "{words}: {error:?}");
            assert!(error.hint.contains(hint), "{words}: {error:?}");
            assert!(!error.message.contains("product code"), "{error:?}");
            let output = run.all_output();
            assert!(!output.contains("SECRET"), "{output}");
            assert!(secret.is_none_or(|line| !output.contains(line)), "{output}");
        }
    }
}
