//! `keygen rotate`: statements, refusals, and the commands of the guide.

use std::fs;
use std::sync::LazyLock;

use super::guide::words;
use super::*;

static OTHERS: LazyLock<[Vendor; 2]> =
    LazyLock::new(|| ["RS256", "PS256"].map(|algorithm| Vendor::with_new_key("2048", algorithm)));

/// Returns the vendor's directory with two more keys, `next` and `later`. The algorithm of `later`
/// is PS256.
fn workstation() -> Scratch {
    let workstation = Vendor::shared().workstation();
    workstation.write("vendor.jwk", Vendor::shared().jwk.to_string());
    for (name, key) in ["next", "later"].iter().zip(&*OTHERS) {
        workstation.write_private(&format!("{name}.key"), &key.key);
        workstation.write(&format!("{name}.jwk"), key.jwk.to_string());
    }
    workstation
}

fn rotate(workstation: &Scratch, options: &[&str]) -> RunOutput {
    let rotate = Run::keygen(workstation).args(["rotate", "--key", "vendor.key"]);
    rotate.args(options).run()
}

fn entries(workstation: &Scratch) -> Vec<Value> {
    let lines = Run::keygen(workstation).args(["ledger", "export"]).run();
    let lines = lines.expect_code(0).stdout;
    let all = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    all.collect()
}

#[test]
fn an_introduction_contains_the_public_key_and_nothing_private() {
    let workstation = workstation();
    let report = rotate(&workstation, &["--introduce", "next.jwk", "--json"])
        .expect_code(0)
        .json();
    let statement = &report["statements"][0];
    assert_eq!(statement["kid"], Vendor::shared().kid);
    assert_eq!(statement["introduces"], json!([OTHERS[0].kid]));
    assert_eq!(
        (&statement["retires"], &statement["successor"]),
        (&Value::Null, &Value::Null)
    );
    let claims = payload(statement["token"].as_str().unwrap());
    assert_eq!(claims["introduces"], json!([OTHERS[0].jwk]));
    assert_eq!(claims["iss"], "CODITECT");
    let entries = entries(&workstation);
    let entry = entries.last().unwrap();
    assert_eq!(entry["kind"], "trust_statement");
    assert_eq!(entry["subject"], Vendor::shared().kid);
    assert_eq!(entry["artefact"], statement["token"]);
}

#[test]
fn a_retirement_is_signed_by_both_keys_regardless_of_their_algorithms() {
    let workstation = workstation();
    let options = ["--retire", "--with", "later.key", "--json"];
    let report = rotate(&workstation, &options).expect_code(0).json();
    let statement = &report["statements"][0];
    assert_eq!(statement["retires"], Vendor::shared().kid);
    assert_eq!(statement["successor"], OTHERS[1].kid);
    let outer = payload(statement["token"].as_str().unwrap());
    let inner = payload(outer["statement"].as_str().unwrap());
    assert_eq!(inner["retires"], json!([Vendor::shared().kid]));
}

#[test]
fn one_file_contains_the_introduction_before_the_retirement() {
    let workstation = workstation();
    let both = ["--introduce", "next.jwk", "--retire", "--with", "next.key"];
    let output = rotate(
        &workstation,
        &[&both[..], &["--out", "rotation.lic"]].concat(),
    )
    .expect_code(0);
    assert!(
        output
            .stdout
            .starts_with("wrote      rotation.lic\nintroduces "),
        "{}",
        output.stdout
    );
    workstation.write("trust.jwks", &Vendor::shared().trust);
    let verify = ["verify", "--trust", "trust.jwks", "rotation.lic", "--json"];
    let report = Run::license(&workstation)
        .args(verify)
        .run()
        .expect_code(0)
        .json();
    assert_eq!(
        report["trust_statements"][0]["introduces"][0]["kid"],
        OTHERS[0].kid
    );
    assert_eq!(
        report["trust_statements"][1]["retires"],
        Vendor::shared().kid
    );
    let kinds: Vec<_> = entries(&workstation)
        .iter()
        .map(|entry| entry["kind"].clone())
        .collect();
    assert_eq!(
        kinds,
        [
            "signing_key",
            "signing_key",
            "trust_statement",
            "trust_statement"
        ]
    );
    let _ = Run::keygen(&workstation)
        .args(["ledger", "verify"])
        .run()
        .expect_code(0);
}

#[test]
fn an_invalid_rotation_is_refused_and_nothing_is_written() {
    let workstation = workstation();
    for (options, expected) in [
        (&[][..], "--introduce"),
        (&["--retire"], "--with"),
        (
            &["--with", "next.key", "--introduce", "next.jwk"],
            "--retire",
        ),
        (
            &["--retire", "--with", "vendor.key"],
            "a key other than --key",
        ),
        (&["--introduce", "vendor.jwk"], "keys other than --key"),
        (
            &["--introduce", "later.jwk", "--retire", "--with", "next.key"],
            "only the retired key introduces it",
        ),
        (
            &["--introduce", "next.jwk", "--issued-at", "yesterday"],
            "--issued-at",
        ),
    ] {
        let refused = rotate(&workstation, &[options, &["--out", "x.lic"]].concat());
        let PrintedError { message, hint, .. } = refused.expect_failure(2);
        assert!(message.contains(expected) && !hint.is_empty(), "{message}");
    }
    let refused = rotate(&workstation, &["--introduce", "next.key", "--out", "x.lic"]);
    let error = refused.expect_failure(3);
    assert!(error.message.contains("found a private key"), "{error:?}");
    assert!(error.hint.contains("keygen public"), "{error:?}");
    workstation.write("kept.lic", "kept");
    let _ = rotate(
        &workstation,
        &["--introduce", "next.jwk", "--out", "kept.lic"],
    )
    .expect_failure(2);
    assert_eq!(workstation.read("kept.lic"), "kept");
    assert!(!workstation.file("x.lic").exists());
}

#[test]
fn a_dry_run_reports_the_statements_but_signs_and_records_nothing() {
    let workstation = workstation();
    let both = ["--introduce", "next.jwk", "--retire", "--with", "next.key"];
    let options = [&both[..], &["--out", "rotation.lic", "--dry-run", "--json"]].concat();
    let report = rotate(&workstation, &options).expect_code(0).json();
    assert_eq!(report["dry_run"], true);
    assert_eq!(report["statements"][1]["retires"], Vendor::shared().kid);
    assert_eq!(report["statements"][1]["token"], Value::Null);
    assert!(!workstation.file("rotation.lic").exists());
    let ledger = Run::keygen(&workstation).args(["ledger", "export"]).run();
    let _ = ledger.expect_failure(4);
}

#[test]
fn two_encrypted_keys_have_separate_passphrases() {
    let workstation = Scratch::new();
    workstation.write_private("one.txt", "the passphrase of one\n");
    workstation.write_private("two.txt", "the passphrase of two\n");
    for name in ["one", "two"] {
        let (key, file) = (format!("{name}.key"), format!("{name}.txt"));
        let new_key = [
            "new-key",
            "--bits",
            "2048",
            "--out",
            &key,
            "--passphrase-file",
            &file,
        ];
        let _ = Run::keygen(&workstation).args(new_key).run().expect_code(0);
    }
    let rotate = |second: &str| {
        let options = words("rotate --key one.key --passphrase-file one.txt --retire");
        let second = ["--with", "two.key", "--with-passphrase-file", second];
        Run::keygen(&workstation).args(options).args(second).run()
    };
    let output = rotate("two.txt").expect_code(0);
    assert!(
        output.stdout.starts_with("-----BEGIN LICENSE TRUST-----"),
        "{}",
        output.stdout
    );
    let error = rotate("one.txt").expect_failure(2);
    assert!(error.message.contains("two.key"), "{error:?}");
}

#[test]
fn a_retirement_warns_about_its_consequences() {
    let workstation = workstation();
    let _ = issued(
        &workstation,
        &["--tier", "pro", "--days", "9", "--out", "a.lic"],
    )
    .expect_code(0);
    let _ = rotate(&workstation, &["--introduce", "next.jwk"]).expect_code(0);
    let output = rotate(&workstation, &["--retire", "--with", "later.key"])
        .expect_code(0)
        .stderr;
    assert!(
        output.contains(&format!("INTRODUCED_KEY: key {}", OTHERS[0].kid)),
        "{output}"
    );
    assert!(
        output.contains("SIGNED_BY_RETIRED_KEY: 1 active license"),
        "{output}"
    );
    let output = rotate(&workstation, &["--retire", "--with", "next.key"])
        .expect_code(0)
        .stderr;
    // The retired key introduced only `next`, which is now its successor and stays trusted.
    assert!(!output.contains("INTRODUCED_KEY"), "{output}");
    // A reissued license does not depend on the old key.
    let reissue = [
        "upgrade",
        "a.lic",
        "--key",
        "next.key",
        "--reissue",
        "--out",
        "b.lic",
    ];
    let _ = Run::keygen(&workstation).args(reissue).run().expect_code(0);
    let output = rotate(&workstation, &["--retire", "--with", "next.key"])
        .expect_code(0)
        .stderr;
    assert!(!output.contains("SIGNED_BY_RETIRED_KEY"), "{output}");
}

#[test]
fn an_export_with_trust_statements_is_imported_and_an_edited_export_is_refused() {
    let workstation = workstation();
    let both = ["--introduce", "next.jwk", "--retire", "--with", "next.key"];
    let _ = rotate(&workstation, &both).expect_code(0);
    let export = ["ledger", "export", "--out", "all.jsonl"];
    let _ = Run::keygen(&workstation).args(export).run().expect_code(0);
    let import = |file: &str| {
        let place = [
            "--ledger",
            "other.db",
            "ledger",
            "import",
            file,
            "--trust",
            "vendor.jwk",
        ];
        Run::keygen(&workstation).args(place).run()
    };
    let text = workstation.read("all.jsonl");
    workstation.write(
        "edited.jsonl",
        text.replace(
            &format!(r#""subject":"{}""#, Vendor::shared().kid),
            r#""subject":"x""#,
        ),
    );
    let _ = import("edited.jsonl").expect_failure(3);
    let output = import("all.jsonl").expect_code(0);
    assert!(output.stdout.contains("recorded 4"), "{}", output.stdout);
}

/// A command of the guide, with the expected exit code and a part of the output.
struct Step {
    words: Vec<String>,
    code: i32,
    expected: String,
}

fn guide_steps() -> Vec<Step> {
    let path = programs::workspace().join("docs/rotation.md");
    let text = fs::read_to_string(path).unwrap();
    let programs = ["keygen ", "license ", "cat "];
    let lines = text.lines().filter_map(|line| line.strip_prefix("    "));
    let lines = lines.filter(|line| programs.iter().any(|program| line.starts_with(program)));
    let step = |line: &str| {
        let expected = line.split_once(" # ").map_or("0", |(_, expected)| expected);
        let (code, expected) = expected.split_once(": ").unwrap_or((expected, ""));
        Step {
            words: words(line),
            code: code.parse().unwrap(),
            expected: expected.to_owned(),
        }
    };
    lines.map(step).collect()
}

/// Runs a step. Vendor and customer share one machine.
fn run_step(machine: &Scratch, step: &Step) {
    let words: Vec<&str> = step.words.iter().map(String::as_str).collect();
    let (program, args) = words.split_first().unwrap();
    if *program == "cat" {
        let (parts, file) = args.split_at(args.iter().position(|word| *word == ">").unwrap());
        let text: String = parts.iter().map(|part| machine.read(part)).collect();
        machine.write(file[1], text);
        return;
    }
    // Small keys without a passphrase make the test fast.
    let quick: &[&str] = match args[0] {
        "new-key" => &["--bits", "2048", "--no-passphrase"],
        _ => &[],
    };
    let run = match *program {
        "keygen" => Run::keygen(machine),
        _ => Run::license(machine),
    };
    let output = run.args(args).args(quick).run().expect_code(step.code);
    assert!(
        output.all_output().contains(&step.expected),
        "{}: {}",
        words.join(" "),
        output.all_output()
    );
}

#[test]
fn the_commands_of_the_rotation_guide_work() {
    let machine = Scratch::new();
    let steps = guide_steps();
    assert!(steps.len() >= 30, "{}", steps.len());
    for step in &steps {
        run_step(&machine, step);
    }
    // The guide creates these statements without installing them. A statement that the machine does
    // not trust is refused with exit code 3.
    for file in ["introduce-later.lic", "retire-next.lic"] {
        let install = Run::license(&machine)
            .args(["install", "--force", file])
            .run();
        assert!(
            install.code == Some(0) || install.code == Some(3),
            "{install:?}"
        );
    }
    let doctor = Run::license(&machine)
        .args(["doctor", "--json"])
        .run()
        .json();
    let checks = doctor["checks"].as_array().unwrap();
    let trust = checks
        .iter()
        .find(|check| check["check"] == "trust")
        .unwrap();
    let output = trust["message"].as_str().unwrap();
    assert!(
        output.contains("from trust.jwks") && output.contains("introduced by"),
        "{output}"
    );
    assert!(output.contains("retired: "), "{output}");
}
