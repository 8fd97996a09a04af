//! `keygen ledger find`, `show` and `resend`.

use super::*;

fn filled() -> (Scratch, Value, Value) {
    let vendor = vendor();
    let terms = [
        "--customer",
        "Zenith Ltd",
        "--company",
        "ZENITHLTD",
        "--tier",
        "ent",
        "--seats",
        "50",
    ];
    let one = issue(&vendor, "1.lic", &terms);
    issue(&vendor, "2.lic", &["--customer", "Other Inc"]);
    let key = enterprise_key(&vendor, "acme.key");
    (vendor, one, key)
}

#[test]
fn a_license_is_found_by_any_part_of_an_id_key_or_name() {
    let (vendor, one, key) = filled();
    let id = text(&one["license_id"]);
    let (standard, short) = (text(&one["key"]), text(&one["short_key"]));
    let padded = format!("  {standard}  ");
    let lower = standard.to_lowercase();
    for name in [
        id,
        &id[14..],
        &id.to_uppercase(),
        standard,
        &standard[14..],
        &lower,
        &padded,
        short,
        &short[9..],
        "zenith",
        "ZENITHLTD",
    ] {
        assert_eq!(
            customers(&vendor, &["find", name]),
            ["Zenith Ltd"],
            "{name}"
        );
    }
    let full = vendor.read("acme.key");
    let short = text(&key["short_key"]);
    for name in [
        full.trim(),
        full[full.len() - 40..].trim_matches('-'),
        short,
    ] {
        let found = licenses(&vendor, &["find", name]);
        assert_eq!(found.len(), 1, "{name}");
        assert_eq!(found[0]["short_key"], short);
    }
    assert_eq!(
        licenses(&vendor, &["find", Vendor::shared().kid.trim_matches('-')]).len(),
        3
    );
    assert_eq!(licenses(&vendor, &["find", "unknown"]).len(), 0);
    assert_eq!(licenses(&vendor, &["find", "%"]).len(), 0);
}

#[test]
fn a_customer_is_found_regardless_of_case_spacing_and_unicode_form() {
    let vendor = vendor();
    for (number, name) in ["Größe AG", "GRO\u{308}SSE  ag", "Grosse AG"]
        .iter()
        .enumerate()
    {
        issue(&vendor, &format!("{number}.lic"), &["--customer", name]);
    }
    let both = ["Größe AG", "GRO\u{308}SSE  ag"];
    for name in [
        "größe",
        "GRÖSSE AG",
        "gro\u{308}\u{df}e",
        "Grö\u{ad}ße\u{200b}\u{a0}AG",
        "ＧＲÖSSE",
    ] {
        assert_eq!(customers(&vendor, &["find", name]), both, "{name:?}");
        let list = ["list", "--customer", name];
        assert_eq!(customers(&vendor, &list), both, "{name:?}");
    }
    assert_eq!(keygen_json(&vendor, &["ledger", "stats"])["customers"], 2);
}

/// Returns variants of a key with one typing error each.
fn variants_with_typing_errors(key: &str) -> Vec<String> {
    let characters: Vec<char> = key.chars().collect();
    let other = |character: char| if character == 'X' { 'Y' } else { 'X' };
    let mut variants = Vec::new();
    for at in 0..characters.len() {
        let mut wrong = characters.clone();
        wrong[at] = other(wrong[at]);
        variants.push(wrong.clone());
        wrong.remove(at);
        variants.push(wrong.clone());
        wrong.insert(at, characters[at]);
        wrong.insert(at, 'X');
        variants.push(wrong);
        if at > 0 {
            let mut swapped = characters.clone();
            swapped.swap(at - 1, at);
            variants.push(swapped);
        }
    }
    variants.into_iter().map(String::from_iter).collect()
}

#[test]
fn a_license_is_found_by_a_key_with_a_typing_error() {
    let (vendor, one, key) = filled();
    // Only a sample of the variants, because all of them would take too long.
    for (name, id) in [
        (&one["key"], &one["license_id"]),
        (&one["short_key"], &one["license_id"]),
        (&key["short_key"], &key["short_key"]),
        (&one["license_id"], &one["license_id"]),
    ] {
        for variant in variants_with_typing_errors(text(name)).iter().step_by(7) {
            let found = licenses(&vendor, &["find", variant]);
            let found = found.iter().any(|license| license["license_id"] == *id);
            assert!(found, "{name} by {variant}");
        }
    }
}

#[test]
fn a_license_is_found_by_a_user_a_file_and_an_id_or_key_with_other_separators() {
    let vendor = vendor();
    let terms = ["--customer", "Zenith Ltd", "--user", "Alice@borealis.de"];
    let one = issue(&vendor, "1.lic", &terms);
    let _ = issue(&vendor, "2.lic", &[]);
    let digits = text(&one["license_id"]).replace('-', "");
    let spaced = text(&one["key"]).replace('-', " ");
    for name in ["alice@borealis.de", "borealis", "1.lic", &digits, &spaced] {
        assert_eq!(
            customers(&vendor, &["find", name]),
            ["Zenith Ltd"],
            "{name}"
        );
    }
    vendor.write("note.txt", "hello");
    let _ = keygen(&vendor, &["ledger", "find", "note.txt"]).expect_failure(3);
}

#[test]
fn an_inexact_match_is_reported() {
    let (vendor, one, _) = filled();
    let key = text(&one["key"]);
    let wrong = license_tests::vendor::changed_at(key, key.len() - 1);
    let found = keygen(&vendor, &["ledger", "find", &wrong]).expect_code(0);
    assert!(found.stderr.contains("typing error"), "{}", found.stderr);
    let exact = keygen(&vendor, &["ledger", "find", key]).expect_code(0);
    assert_eq!(exact.stderr, "");
}

#[test]
fn entries_are_shown_by_id_or_key() {
    let (vendor, one, key) = filled();
    let full = vendor.read("acme.key");
    for (name, subject) in [
        (&one["license_id"], &one["license_id"]),
        (&one["key"], &one["license_id"]),
        (&one["short_key"], &one["license_id"]),
        (&key["short_key"], &key["short_key"]),
        (&json!(full.trim()), &key["short_key"]),
        (&json!("1.lic"), &one["license_id"]),
        (&json!("acme.key"), &key["short_key"]),
        (&json!(Vendor::shared().kid), &json!(Vendor::shared().kid)),
    ] {
        // An id may start with a hyphen.
        let show = ["ledger", "show", "--json", "--", text(name)];
        let shown = keygen(&vendor, &show).expect_code(0).json();
        assert_eq!(&shown["subject"], subject);
        assert_eq!(shown["entries"].as_array().unwrap().len(), 1);
    }
    let output = keygen(&vendor, &["ledger", "show", text(&one["key"])]).expect_code(0);
    assert!(output.stdout.contains("Zenith Ltd"), "{}", output.stdout);
    let code = keygen(&vendor, &["ledger", "show", "unknown", "--json"]).expect_json_failure(2);
    assert_eq!(code, "NOT_FOUND");
}

#[test]
fn a_license_is_found_by_a_mail_that_contains_it() {
    let (vendor, one, _) = filled();
    let quoted = |file: &str| format!("> {}", vendor.read(file).replace('\n', "  \r\n> "));
    let mail = format!("Jo wrote:\r\n\r\n{}\r\nBest regards\r\n", quoted("1.lic"));
    vendor.write("mail.txt", format!("{mail}{mail}"));
    let shown = keygen_json(&vendor, &["ledger", "show", "mail.txt"]);
    assert_eq!(shown["subject"], one["license_id"]);
    assert_eq!(customers(&vendor, &["find", "mail.txt"]), ["Zenith Ltd"]);
    let inspected = keygen_json(&vendor, &["inspect", "mail.txt"]);
    assert_eq!(inspected["tokens"].as_array().unwrap().len(), 1);
    let _ = keygen(&vendor, &["ledger", "resend", "mail.txt", "--out", "3.lic"]).expect_code(0);
    assert_eq!(vendor.read("3.lic"), vendor.read("1.lic"));
    vendor.write("two.txt", format!("{mail}{}", quoted("2.lic")));
    let two = keygen(&vendor, &["ledger", "show", "two.txt"]).expect_failure(2);
    assert!(
        two.message.contains("expected one license, found 2"),
        "{two:?}"
    );
    vendor.write("cut.txt", mail.replace("-----END LICENSE-----", ""));
    let cut = keygen(&vendor, &["ledger", "show", "cut.txt"]).expect_failure(3);
    assert!(cut.message.contains("-----END LICENSE-----"), "{cut:?}");
}

#[test]
fn resend_delivers_the_same_file_again() {
    let vendor = vendor();
    let one = issue(&vendor, "1.lic", &["--customer", "ACME"]);
    let key = enterprise_key(&vendor, "acme.key");
    let entries = || keygen_json(&vendor, &["ledger", "stats"])["entries"].clone();
    let before = entries();
    for (id, file) in [
        (text(&one["license_id"]), "1.lic"),
        (text(&one["key"]), "1.lic"),
        (text(&key["short_key"]), "acme.key"),
        ("1.lic", "1.lic"),
        ("acme.key", "acme.key"),
    ] {
        let resent = keygen(&vendor, &["ledger", "resend", id]).expect_code(0);
        assert_eq!(resent.stdout, vendor.read(file), "{id}");
    }
    let id = text(&one["license_id"]);
    let resend = ["ledger", "resend", id, "--out", "again.lic"];
    let written = keygen(&vendor, &resend).expect_code(0).stdout;
    assert_eq!(written, format!("wrote again.lic: license {id} for ACME\n"));
    assert_eq!(vendor.read("again.lic"), vendor.read("1.lic"));
    assert_eq!(
        keygen(&vendor, &[&resend[..], &["--json"]].concat()).expect_json_failure(2),
        "EXISTS"
    );
    let _ = keygen(&vendor, &["revoke", id, "--reason", "fraud"]).expect_code(0);
    let warned = keygen(&vendor, &["ledger", "resend", id]).expect_code(0);
    assert!(
        warned.stderr.starts_with("warning: REVOKED: "),
        "{warned:?}"
    );
    let kid = &Vendor::shared().kid;
    assert_eq!(
        keygen(&vendor, &["ledger", "resend", kid, "--json"]).expect_json_failure(2),
        "NOT_FOUND"
    );
    assert_eq!(before["license"], entries()["license"]);
}

#[test]
fn a_file_whose_license_is_not_recorded_or_not_verified_is_refused() {
    let vendor = vendor();
    let license = issue(&vendor, "1.lic", &[]);
    issue(&vendor, "2.lic", &["--no-ledger"]);
    let file = vendor.read("1.lic");
    vendor.write("forged.lic", changed_at(&file, file.len() - 60));
    vendor.write("empty.lic", "");
    for command in ["show", "resend"] {
        let code = |name: &str, exit| {
            keygen(&vendor, &["ledger", command, "--json", name]).expect_json_failure(exit)
        };
        assert_eq!(code("2.lic", 2), "NOT_FOUND", "{command}");
        assert_eq!(code("empty.lic", 3), "MALFORMED", "{command}");
        assert_eq!(code("none.lic", 2), "NOT_FOUND", "{command}");
        let _ = keygen(&vendor, &["ledger", command, "forged.lic"]).expect_failure(3);
        let stdin = Run::keygen(&vendor).args(["ledger", command, "--json", "-"]);
        let shown = stdin
            .stdin(vendor.read("1.lic"))
            .run()
            .expect_code(0)
            .json();
        let id = ["subject", "license_id"].map(|member| shown[member].clone());
        assert!(id.contains(&license["license_id"]), "{shown}");
    }
}

/// The screen begins with the status, and with the licenses before and after this one.
/// A key id is base64url, so every 64th begins with a hyphen.
#[test]
fn a_key_id_that_begins_with_a_hyphen_is_no_option() {
    let (vendor, ..) = filled();
    for command in ["show", "resend"] {
        let arguments = [
            "ledger",
            command,
            "-a3U-V9w6wHEQwLUdgnJ6AWJgyOV8eb",
            "--json",
        ];
        assert_eq!(
            keygen(&vendor, &arguments).expect_json_failure(2),
            "NOT_FOUND"
        );
    }
    let found = keygen(&vendor, &["ledger", "find", "-a3U", "--json"]).expect_code(0);
    assert_eq!(found.json()["licenses"], serde_json::json!([]), "{found:?}");
}

#[test]
fn show_begins_with_the_status_and_the_successor() {
    let vendor = vendor();
    let key = ["--key", "vendor.key"];
    let first = issue(&vendor, "1.lic", &["--days", "30", "--offline"]);
    let renew = ["renew", "1.lic", "--days", "30", "--out", "2.lic"];
    let second = keygen_json(&vendor, &[&renew[..], &key].concat());
    let upgrade = ["upgrade", "2.lic", "--add-feature", "sso", "--out", "3.lic"];
    let third = keygen_json(&vendor, &[&upgrade[..], &key].concat());
    let ids = [&first, &second, &third].map(|license| text(&license["license_id"]));
    let revoke = ["revoke", ids[2], "--reason", "charged back"];
    let show = |id: &str| {
        let json = keygen_json(&vendor, &["ledger", "show", id])["license"].clone();
        let shown = keygen(&vendor, &["ledger", "show", id]).expect_code(0);
        let line = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        let lines: Vec<_> = shown.stdout.lines().map(line).collect();
        assert_eq!(lines[..2], [id, "license PRO for ACME Ltd"]);
        (json, lines[2..6].join("\n"))
    };
    let (json, lines) = show(ids[0]);
    assert_eq!(json["status"], "superseded");
    let resent = keygen(&vendor, &["ledger", "resend", ids[0]]).expect_code(0);
    let command = format!("by {0}; `keygen ledger resend {0} --out FILE`", ids[2]);
    assert!(resent.stderr.contains(&command), "{resent:?}");
    assert_eq!(json["successor"], ids[2]);
    assert_eq!(json["predecessors"], json!([]));
    assert!(lines.contains("superseded"), "{lines}");
    assert!(
        lines.contains(&format!("successors {}\n{}", ids[1], ids[2])),
        "{lines}"
    );
    let (json, lines) = show(ids[2]);
    assert_eq!(
        (&json["status"], &json["successor"]),
        (&json!("active"), &Value::Null)
    );
    assert_eq!(json["predecessors"], json!([ids[0], ids[1]]));
    assert!(lines.contains("active, through "), "{lines}");
    assert!(
        lines.contains(&format!("predecessors {}", ids[0])),
        "{lines}"
    );
    keygen_json(&vendor, &revoke);
    let (_, lines) = show(ids[2]);
    assert!(
        lines.contains("revoked at 20") && lines.contains(": charged back"),
        "{lines}"
    );
    // The renewal is the successor again, and starts later.
    let (json, lines) = show(ids[0]);
    assert_eq!(
        (&json["status"], &json["successor"]),
        (&json!("active"), &json!(ids[1]))
    );
    assert!(lines.contains(&format!("{}, from 20", ids[1])), "{lines}");
    let (_, lines) = show(ids[1]);
    assert!(lines.contains("future, starts on 20"), "{lines}");
    let key = keygen_json(&vendor, &["ledger", "show", &Vendor::shared().kid]);
    assert_eq!(key["license"], Value::Null);
}
