//! Each change that mail, chat, editors and spreadsheets make, at each place where a text enters.

use std::fs;

use license_tests::Vendor;

use super::*;

/// The result of a change.
#[derive(Clone, Copy)]
enum Outcome {
    /// The text has the value of the original.
    Accepted,
    /// The text is refused with these words.
    Refused(&'static str),
}

use Outcome::{Accepted, Refused};

type Change = (&'static str, fn(&str) -> Vec<u8>, Outcome);

fn units(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(bytes).collect()
}

/// Inserts a text into the third line.
fn inside(text: &str, inserted: &str) -> Vec<u8> {
    let at = text.match_indices('\n').nth(1).unwrap().0 + 10;
    format!("{}{inserted}{}", &text[..at], &text[at..]).into()
}

fn rewrapped(text: &str, columns: usize) -> Vec<u8> {
    let (begin, rest) = text.split_once('\n').unwrap();
    let (body, end) = rest.split_once("-----END").unwrap();
    let body: Vec<char> = body.chars().filter(|c| *c != '\n').collect();
    let lines: String = body
        .chunks(columns)
        .map(|line| line.iter().collect::<String>() + "\n")
        .collect();
    format!("{begin}\n{lines}-----END{end}").into()
}

/// Changes of any text in armor.
const CHANGES: &[Change] = &[
    ("nothing", |text| text.into(), Accepted),
    (
        "UTF-16 LE with a mark",
        |text| units(&format!("\u{feff}{text}"), u16::to_le_bytes),
        Accepted,
    ),
    (
        "UTF-16 BE with a mark",
        |text| units(&format!("\u{feff}{text}"), u16::to_be_bytes),
        Accepted,
    ),
    ("UTF-16 LE", |text| units(text, u16::to_le_bytes), Accepted),
    ("UTF-16 BE", |text| units(text, u16::to_be_bytes), Accepted),
    (
        "UTF-8 mark",
        |text| format!("\u{feff}{text}").into(),
        Accepted,
    ),
    ("CRLF", |text| text.replace('\n', "\r\n").into(), Accepted),
    ("CR", |text| text.replace('\n', "\r").into(), Accepted),
    ("no last newline", |text| text.trim_end().into(), Accepted),
    (
        "two files without a newline between them",
        |text| format!("{}{text}", text.trim_end()).into(),
        Accepted,
    ),
    (
        "quoted",
        |text| format!("> {}", text.trim_end().replace('\n', "\n> ")).into(),
        Accepted,
    ),
    (
        "quoted twice",
        |text| format!(">> {}", text.trim_end().replace('\n', "\r\n>> ")).into(),
        Accepted,
    ),
    (
        "trailing spaces",
        |text| text.replace('\n', "  \n").into(),
        Accepted,
    ),
    (
        "trailing no-break spaces",
        |text| text.replace('\n', "\u{a0}\n").into(),
        Accepted,
    ),
    (
        "zero width at line ends",
        |text| text.replace('\n', "\u{200b}\n").into(),
        Accepted,
    ),
    (
        "soft hyphens at line ends",
        |text| text.replace('\n', "\u{ad}\n").into(),
        Accepted,
    ),
    (
        "Ctrl-Z at the end",
        |text| format!("{text}\u{1a}").into(),
        Accepted,
    ),
    ("one line", |text| text.replace('\n', " ").into(), Accepted),
    (
        "one line without spaces",
        |text| text.replace('\n', "").into(),
        Accepted,
    ),
    (
        "line breaks spelled out",
        |text| text.replace('\n', "\\n").into(),
        Accepted,
    ),
    ("76 columns", |text| rewrapped(text, 76), Accepted),
    (
        "em dashes",
        |text| text.replace("--", "\u{2014}").into(),
        Accepted,
    ),
    (
        "quotation marks",
        |text| format!("\u{201c}{text}\u{201d}").into(),
        Accepted,
    ),
    (
        "NUL bytes",
        |text| inside(text, "\0"),
        Refused("a NUL byte at offset"),
    ),
    (
        "zero width inside",
        |text| inside(text, "\u{200b}"),
        Refused("U+200B (zero-width space)"),
    ),
    (
        "soft hyphen inside",
        |text| inside(text, "\u{ad}"),
        Refused("U+00AD (soft hyphen)"),
    ),
    (
        "Ctrl-Z inside",
        |text| inside(text, "\u{1a}"),
        Refused("U+001A (Ctrl-Z)"),
    ),
    (
        "byte order mark inside",
        |text| inside(text, "\u{feff}"),
        Refused("U+FEFF (byte order mark)"),
    ),
    (
        "a PNG image",
        |_| b"\x89PNG\r\n\x1a\n\0\0".to_vec(),
        Refused("a PNG image"),
    ),
    (
        "a GIF image",
        |_| b"GIF89a\x01\x01abc".to_vec(),
        Refused("a GIF image"),
    ),
    (
        "a workbook",
        |_| b"PK\x03\x04\x14\0\x06\0".to_vec(),
        Refused("an office document"),
    ),
    (
        "a PDF document",
        |_| b"%PDF-1.4\n%abc".to_vec(),
        Refused("a PDF document"),
    ),
];

/// Changes that a license file does not survive, but PEM does.
const INSIDE_LICENSES: &[Change] = &[
    (
        "space inside",
        |text| inside(text, " "),
        Refused("U+0020 (space)"),
    ),
    (
        "no-break space inside",
        |text| inside(text, "\u{a0}"),
        Refused("U+00A0 (non-breaking space)"),
    ),
];

/// Changes of a JWK Set.
const JSON_CHANGES: &[Change] = &[
    ("nothing", |text| text.into(), Accepted),
    (
        "UTF-8 mark",
        |text| format!("\u{feff}{text}").into(),
        Accepted,
    ),
    ("UTF-16 LE", |text| units(text, u16::to_le_bytes), Accepted),
    (
        "smart quotes",
        |text| text.replace('"', "\u{201d}").into(),
        Accepted,
    ),
    (
        "no-break spaces",
        |text| text.replace(':', ":\u{a0}").into(),
        Accepted,
    ),
    (
        "zero width",
        |text| text.replace(',', ",\u{200b}").into(),
        Accepted,
    ),
    (
        "Ctrl-Z at the end",
        |text| format!("{text}\u{1a}").into(),
        Accepted,
    ),
    (
        "long dashes",
        |text| {
            let (before, value) = text.split_once("\"n\"").unwrap();
            let value = value.replacen('"', "\"\u{2014}", 1);
            format!("{before}\"n\"{value}").into()
        },
        Refused("`n`"),
    ),
    (
        "NUL bytes",
        |text| format!("{text}\0").into(),
        Refused("a NUL byte at offset"),
    ),
];

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
                // An argument of a process cannot contain a NUL byte.
                let text = String::from_utf8(content.clone()).unwrap_or_default();
                if text.contains('\0') || text.len() < 100 {
                    continue;
                }
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

const STATUS: &str = "status --json --at 2020-01-01T01:00:00Z";
const VERIFY: &str = "verify --json --at 2020-01-01T01:00:00Z --trust";

#[test]
fn a_license_is_accepted_or_the_damage_is_named_wherever_it_enters() {
    let file = format!("{VERIFY} trust.jwks given.lic");
    let stdin = format!("{VERIFY} trust.jwks -");
    let argument = format!("{VERIFY} trust.jwks");
    let places = places(&[
        ("file", "given.lic", &file),
        ("stdin", "given.lic", &stdin),
        ("argument", "given.lic", &argument),
        ("state directory", "state/license.lic", STATUS),
        ("system directory", "etc/license.lic", STATUS),
    ]);
    let license = license_with_double_hyphens();
    let changes: Vec<_> = CHANGES.iter().chain(INSIDE_LICENSES).collect();
    check(&places, &license, &license, &changes);
}

#[test]
fn public_keys_are_accepted_or_the_damage_is_named_wherever_they_enter() {
    let file = format!("{VERIFY} given.jwks license.lic");
    let places = places(&[
        ("file", "given.jwks", &file),
        ("state directory", "state/trust.jwks", STATUS),
        ("system directory", "etc/trust.jwks", STATUS),
    ]);
    let vendor = Vendor::shared();
    let changes: Vec<_> = CHANGES.iter().collect();
    check(&places, &vendor.public, &TEAM.file, &changes);
    let changes: Vec<_> = JSON_CHANGES.iter().collect();
    check(&places, &vendor.trust, &TEAM.file, &changes);
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
    let key = (1..200).map(key).find(|key| key.contains("--")).unwrap();
    let machine = machine();
    for dash in ["\u{2013}", "\u{2014}"] {
        let pasted = key.replace("--", dash);
        machine.write("damaged", &pasted);
        for argument in ["damaged", &pasted] {
            let verified = expect_valid(verify(&machine, &["--json", argument]));
            assert_eq!(verified["tier"], "ENT", "{pasted}");
        }
    }
    machine.write("damaged", key.replace("--", "\u{2014}"));
    let install = words("install --trust trust.jwks --at 2020-01-01T01:00:00Z damaged");
    let _ = license(&machine, &install).expect_code(0);
    let stored = fs::read_to_string(machine.state().join("license.key")).unwrap();
    assert_eq!(stored.trim_end(), key);
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
        (private, "a private key", "a private key", "keygen public"),
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
