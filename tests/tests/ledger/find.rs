//! Finding a license by whatever is known of it.

use super::*;

fn filled() -> (Scratch, Value, Value) {
    let desk = desk();
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
    let one = issue(&desk, "1.lic", &terms);
    issue(&desk, "2.lic", &["--customer", "Other Inc"]);
    let key = enterprise_key(&desk, "acme.key");
    (desk, one, key)
}

#[test]
fn it_is_found_by_any_part_of_any_name() {
    let (desk, one, key) = filled();
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
        assert_eq!(customers(&desk, &["find", name]), ["Zenith Ltd"], "{name}");
    }
    let full = desk.read("acme.key");
    let short = text(&key["short_key"]);
    for name in [
        full.trim(),
        full[full.len() - 40..].trim_matches('-'),
        short,
    ] {
        let found = licenses(&desk, &["find", name]);
        assert_eq!(found.len(), 1, "{name}");
        assert_eq!(found[0]["short_key"], short);
    }
    assert_eq!(
        licenses(&desk, &["find", Vendor::shared().kid.trim_matches('-')]).len(),
        3
    );
    assert_eq!(licenses(&desk, &["find", "nobody"]).len(), 0);
    assert_eq!(licenses(&desk, &["find", "%"]).len(), 0);
}

/// What fingers do to a key.
fn slips(key: &str) -> Vec<String> {
    let letters: Vec<char> = key.chars().collect();
    let other = |letter: char| if letter == 'X' { 'Y' } else { 'X' };
    let mut slips = Vec::new();
    for at in 0..letters.len() {
        let mut wrong = letters.clone();
        wrong[at] = other(wrong[at]);
        slips.push(wrong.clone());
        wrong.remove(at);
        slips.push(wrong.clone());
        wrong.insert(at, letters[at]);
        wrong.insert(at, 'X');
        slips.push(wrong);
        if at > 0 {
            let mut swapped = letters.clone();
            swapped.swap(at - 1, at);
            slips.push(swapped);
        }
    }
    slips.into_iter().map(String::from_iter).collect()
}

#[test]
fn it_is_found_by_a_key_with_a_typing_error() {
    let (desk, one, key) = filled();
    // Every one would take long: a spread of them.
    for (name, id) in [
        (&one["key"], &one["license_id"]),
        (&one["short_key"], &one["license_id"]),
        (&key["short_key"], &key["short_key"]),
        (&one["license_id"], &one["license_id"]),
    ] {
        for slip in slips(text(name)).iter().step_by(7) {
            let found = licenses(&desk, &["find", slip]);
            let found = found.iter().any(|license| license["license_id"] == *id);
            assert!(found, "{name} by {slip}");
        }
    }
}

#[test]
fn who_finds_something_only_near_is_told_so() {
    let (desk, one, _) = filled();
    let key = text(&one["key"]);
    let wrong = license_tests::vendor::changed_at(key, key.len() - 1);
    let found = keygen(&desk, &["ledger", "find", &wrong]).expect_code(0);
    assert!(found.stderr.contains("typing error"), "{}", found.stderr);
    let exact = keygen(&desk, &["ledger", "find", key]).expect_code(0);
    assert_eq!(exact.stderr, "");
}

#[test]
fn all_that_was_entered_is_shown_by_id_or_key() {
    let (desk, one, key) = filled();
    let full = desk.read("acme.key");
    for (name, subject) in [
        (&one["license_id"], &one["license_id"]),
        (&one["key"], &one["license_id"]),
        (&one["short_key"], &one["license_id"]),
        (&key["short_key"], &key["short_key"]),
        (&json!(full.trim()), &key["short_key"]),
        (&json!(Vendor::shared().kid), &json!(Vendor::shared().kid)),
    ] {
        // An id may begin with a hyphen.
        let show = ["ledger", "show", "--json", "--", text(name)];
        let shown = keygen(&desk, &show).expect_code(0).json();
        assert_eq!(&shown["subject"], subject);
        assert_eq!(shown["entries"].as_array().unwrap().len(), 1);
    }
    let said = keygen(&desk, &["ledger", "show", text(&one["key"])]).expect_code(0);
    assert!(said.stdout.contains("Zenith Ltd"), "{}", said.stdout);
    let code = keygen(&desk, &["ledger", "show", "nobody", "--json"]).expect_json_failure(2);
    assert_eq!(code, "NOT_FOUND");
}

#[test]
fn who_has_lost_a_license_gets_the_same_file_again() {
    let desk = desk();
    let one = issue(&desk, "1.lic", &["--customer", "ACME"]);
    let key = enterprise_key(&desk, "acme.key");
    let entries = || told(&desk, &["ledger", "stats"])["entries"].clone();
    let before = entries();
    for (id, file) in [
        (text(&one["license_id"]), "1.lic"),
        (text(&one["key"]), "1.lic"),
        (text(&key["short_key"]), "acme.key"),
    ] {
        let resent = keygen(&desk, &["ledger", "resend", id]).expect_code(0);
        assert_eq!(resent.stdout, desk.read(file), "{id}");
    }
    let id = text(&one["license_id"]);
    let resend = ["ledger", "resend", id, "--out", "again.lic"];
    let _ = keygen(&desk, &resend).expect_code(0);
    assert_eq!(desk.read("again.lic"), desk.read("1.lic"));
    assert_eq!(
        keygen(&desk, &[&resend[..], &["--json"]].concat()).expect_json_failure(2),
        "EXISTS"
    );
    let _ = keygen(&desk, &["revoke", id, "--reason", "fraud"]).expect_code(0);
    let warned = keygen(&desk, &["ledger", "resend", id]).expect_code(0);
    assert!(
        warned.stderr.starts_with("warning: REVOKED: "),
        "{warned:?}"
    );
    let kid = &Vendor::shared().kid;
    assert_eq!(
        keygen(&desk, &["ledger", "resend", kid, "--json"]).expect_json_failure(2),
        "NOT_FOUND"
    );
    assert_eq!(before["license"], entries()["license"]);
}
