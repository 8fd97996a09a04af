//! `keygen rotate`: what it says of keys, what it refuses, and the drill of the guide.

use std::fs;
use std::sync::LazyLock;

use super::guide::words;
use super::*;

static OTHERS: LazyLock<[Vendor; 2]> =
    LazyLock::new(|| ["RS256", "PS256"].map(|algorithm| Vendor::with_key("2048", algorithm)));

/// The vendor's desk with two more keys, of which the second is for PS256.
fn desk() -> Scratch {
    let desk = Vendor::shared().desk();
    desk.write("vendor.jwk", Vendor::shared().jwk.to_string());
    for (name, key) in ["next", "later"].iter().zip(&*OTHERS) {
        desk.write_private(&format!("{name}.key"), &key.key);
        desk.write(&format!("{name}.jwk"), key.jwk.to_string());
    }
    desk
}

fn rotate(desk: &Scratch, options: &[&str]) -> Outcome {
    let rotate = Run::keygen(desk).args(["rotate", "--key", "vendor.key"]);
    rotate.args(options).run()
}

fn entries(desk: &Scratch) -> Vec<Value> {
    let lines = Run::keygen(desk).args(["ledger", "export"]).run();
    let lines = lines.expect_code(0).stdout;
    let all = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    all.collect()
}

#[test]
fn an_introduction_holds_the_public_key_and_nothing_private() {
    let desk = desk();
    let told = rotate(&desk, &["--introduce", "next.jwk", "--json"])
        .expect_code(0)
        .json();
    let statement = &told["statements"][0];
    assert_eq!(statement["kid"], Vendor::shared().kid);
    assert_eq!(statement["introduces"], json!([OTHERS[0].kid]));
    assert_eq!(
        (&statement["retires"], &statement["successor"]),
        (&Value::Null, &Value::Null)
    );
    let claims = payload(statement["token"].as_str().unwrap());
    assert_eq!(claims["introduces"], json!([OTHERS[0].jwk]));
    assert_eq!(claims["iss"], "CODITECT");
    let entries = entries(&desk);
    let entered = entries.last().unwrap();
    assert_eq!(entered["kind"], "trust_statement");
    assert_eq!(entered["subject"], Vendor::shared().kid);
    assert_eq!(entered["artefact"], statement["token"]);
}

#[test]
fn a_retirement_is_signed_by_both_keys_whatever_their_algorithms() {
    let desk = desk();
    let options = ["--retire", "--with", "later.key", "--json"];
    let told = rotate(&desk, &options).expect_code(0).json();
    let statement = &told["statements"][0];
    assert_eq!(statement["retires"], Vendor::shared().kid);
    assert_eq!(statement["successor"], OTHERS[1].kid);
    let outer = payload(statement["token"].as_str().unwrap());
    let inner = payload(outer["statement"].as_str().unwrap());
    assert_eq!(inner["retires"], json!([Vendor::shared().kid]));
}

#[test]
fn both_go_into_one_file_in_the_order_in_which_they_count() {
    let desk = desk();
    let both = ["--introduce", "next.jwk", "--retire", "--with", "next.key"];
    let said = rotate(&desk, &[&both[..], &["--out", "rotation.lic"]].concat()).expect_code(0);
    assert!(
        said.stdout
            .starts_with("wrote      rotation.lic\nintroduces "),
        "{}",
        said.stdout
    );
    desk.write("trust.jwks", &Vendor::shared().trust);
    let verify = ["verify", "--trust", "trust.jwks", "rotation.lic", "--json"];
    let told = Run::license(&desk).args(verify).run().expect_code(0).json();
    assert_eq!(
        told["trust_statements"][0]["introduces"][0]["kid"],
        OTHERS[0].kid
    );
    assert_eq!(told["trust_statements"][1]["retires"], Vendor::shared().kid);
    let kinds: Vec<_> = entries(&desk)
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
    let _ = Run::keygen(&desk)
        .args(["ledger", "verify"])
        .run()
        .expect_code(0);
}

#[test]
fn what_no_customer_would_take_is_refused_and_nothing_is_written() {
    let desk = desk();
    for (options, expected) in [
        (&[][..], "--introduce"),
        (&["--retire"], "--with"),
        (
            &["--with", "next.key", "--introduce", "next.jwk"],
            "--retire",
        ),
        (
            &["--retire", "--with", "vendor.key"],
            "another key than --key",
        ),
        (&["--introduce", "vendor.jwk"], "other keys than --key"),
        (
            &["--introduce", "later.jwk", "--retire", "--with", "next.key"],
            "would go with the key",
        ),
        (
            &["--introduce", "next.jwk", "--issued-at", "yesterday"],
            "--issued-at",
        ),
    ] {
        let refused = rotate(&desk, &[options, &["--out", "x.lic"]].concat());
        let Complaint { message, hint } = refused.expect_failure(2);
        assert!(message.contains(expected) && !hint.is_empty(), "{message}");
    }
    let refused = rotate(&desk, &["--introduce", "next.key", "--out", "x.lic"]);
    let complaint = refused.expect_failure(3);
    assert!(
        complaint.message.contains("found a private key"),
        "{complaint:?}"
    );
    assert!(complaint.hint.contains("keygen public"), "{complaint:?}");
    desk.write("kept.lic", "kept");
    let _ = rotate(&desk, &["--introduce", "next.jwk", "--out", "kept.lic"]).expect_failure(2);
    assert_eq!(desk.read("kept.lic"), "kept");
    assert!(!desk.file("x.lic").exists());
}

#[test]
fn a_dry_run_tells_the_same_and_signs_and_enters_nothing() {
    let desk = desk();
    let both = ["--introduce", "next.jwk", "--retire", "--with", "next.key"];
    let options = [&both[..], &["--out", "rotation.lic", "--dry-run", "--json"]].concat();
    let told = rotate(&desk, &options).expect_code(0).json();
    assert_eq!(told["dry_run"], true);
    assert_eq!(told["statements"][1]["retires"], Vendor::shared().kid);
    assert_eq!(told["statements"][1]["token"], Value::Null);
    assert!(!desk.file("rotation.lic").exists());
    let ledger = Run::keygen(&desk).args(["ledger", "export"]).run();
    let _ = ledger.expect_failure(4);
}

#[test]
fn two_sealed_keys_have_a_passphrase_each() {
    let desk = Scratch::new();
    desk.write_private("one.txt", "the passphrase of one\n");
    desk.write_private("two.txt", "the passphrase of two\n");
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
        let _ = Run::keygen(&desk).args(new_key).run().expect_code(0);
    }
    let rotate = |second: &str| {
        let options = words("rotate --key one.key --passphrase-file one.txt --retire");
        let second = ["--with", "two.key", "--with-passphrase-file", second];
        Run::keygen(&desk).args(options).args(second).run()
    };
    let said = rotate("two.txt").expect_code(0);
    assert!(
        said.stdout.starts_with("-----BEGIN LICENSE TRUST-----"),
        "{}",
        said.stdout
    );
    let complaint = rotate("one.txt").expect_failure(2);
    assert!(complaint.message.contains("two.key"), "{complaint:?}");
}

#[test]
fn it_is_said_what_a_retirement_takes_along() {
    let desk = desk();
    let _ = issued(&desk, &["--tier", "pro", "--days", "9", "--out", "a.lic"]).expect_code(0);
    let _ = rotate(&desk, &["--introduce", "next.jwk"]).expect_code(0);
    let said = rotate(&desk, &["--retire", "--with", "later.key"])
        .expect_code(0)
        .stderr;
    assert!(
        said.contains(&format!("GOES_TOO: key {}", OTHERS[0].kid)),
        "{said}"
    );
    assert!(said.contains("SIGNED_WITH_IT: 1 license"), "{said}");
    let said = rotate(&desk, &["--retire", "--with", "next.key"])
        .expect_code(0)
        .stderr;
    assert!(!said.contains("GOES_TOO"), "{said}");
    // Signed anew, it depends on the old key no more.
    let anew = [
        "upgrade", "a.lic", "--key", "next.key", "--anew", "--out", "b.lic",
    ];
    let _ = Run::keygen(&desk).args(anew).run().expect_code(0);
    let said = rotate(&desk, &["--retire", "--with", "next.key"])
        .expect_code(0)
        .stderr;
    assert!(!said.contains("SIGNED_WITH_IT"), "{said}");
}

#[test]
fn an_export_with_statements_is_imported_and_an_edited_one_is_not() {
    let desk = desk();
    let both = ["--introduce", "next.jwk", "--retire", "--with", "next.key"];
    let _ = rotate(&desk, &both).expect_code(0);
    let export = ["ledger", "export", "--out", "all.jsonl"];
    let _ = Run::keygen(&desk).args(export).run().expect_code(0);
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
        Run::keygen(&desk).args(place).run()
    };
    let text = desk.read("all.jsonl");
    desk.write(
        "edited.jsonl",
        text.replace(
            &format!(r#""subject":"{}""#, Vendor::shared().kid),
            r#""subject":"x""#,
        ),
    );
    let _ = import("edited.jsonl").expect_failure(3);
    let said = import("all.jsonl").expect_code(0);
    assert!(said.stdout.contains("entered 4"), "{}", said.stdout);
}

/// A line of the drill: what is called, and what it must end with and say.
struct Step {
    words: Vec<String>,
    code: i32,
    says: String,
}

fn drill() -> Vec<Step> {
    let path = programs::workspace().join("docs/rotation.md");
    let text = fs::read_to_string(path).unwrap();
    let programs = ["keygen ", "license ", "cat "];
    let lines = text.lines().filter_map(|line| line.strip_prefix("    "));
    let lines = lines.filter(|line| programs.iter().any(|program| line.starts_with(program)));
    let step = |line: &str| {
        let expected = line.split_once(" # ").map_or("0", |(_, expected)| expected);
        let (code, says) = expected.split_once(": ").unwrap_or((expected, ""));
        Step {
            words: words(line),
            code: code.parse().unwrap(),
            says: says.to_owned(),
        }
    };
    lines.map(step).collect()
}

/// Vendor and customer sit at one machine here.
fn walk(machine: &Scratch, step: &Step) {
    let words: Vec<&str> = step.words.iter().map(String::as_str).collect();
    let (program, args) = words.split_first().unwrap();
    if *program == "cat" {
        let (parts, file) = args.split_at(args.iter().position(|word| *word == ">").unwrap());
        let text: String = parts.iter().map(|part| machine.read(part)).collect();
        machine.write(file[1], text);
        return;
    }
    // Keys are quick to make and open to all here.
    let quick: &[&str] = match args[0] {
        "new-key" => &["--bits", "2048", "--no-passphrase"],
        _ => &[],
    };
    let run = match *program {
        "keygen" => Run::keygen(machine),
        _ => Run::license(machine),
    };
    let said = run.args(args).args(quick).run().expect_code(step.code);
    assert!(
        said.said().contains(&step.says),
        "{}: {}",
        words.join(" "),
        said.said()
    );
}

#[test]
fn the_drill_goes_as_the_guide_says() {
    let machine = Scratch::new();
    let drill = drill();
    assert!(drill.len() >= 30, "{}", drill.len());
    for step in &drill {
        // The last chapter's key is new.
        if step.words.contains(&"later.jwk".to_owned()) && !machine.file("later.jwk").exists() {
            for line in [
                "keygen new-key --out later.key",
                "keygen public --key later.key --format jwk --out later.jwk",
            ] {
                let step = Step {
                    words: words(line),
                    code: 0,
                    says: String::new(),
                };
                walk(&machine, &step);
            }
        }
        walk(&machine, step);
    }
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
    let said = trust["message"].as_str().unwrap();
    assert!(
        said.contains("of trust.jwks") && said.contains("introduced by"),
        "{said}"
    );
    assert!(said.contains("retired: "), "{said}");
}
