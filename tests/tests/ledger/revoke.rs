//! `keygen revoke`.

use super::*;

fn revoke(desk: &Scratch, id: &str, options: &[&str]) -> Outcome {
    let revoke = ["revoke", id, "--reason", "unpaid", "--json"];
    keygen(desk, &[&revoke[..], options].concat())
}

#[test]
fn a_license_is_revoked_by_its_id_its_key_or_its_short_key() {
    let desk = desk();
    let terms = ["--company", "ACME", "--tier", "ent", "--seats", "50"];
    for (number, name) in ["license_id", "key", "short_key"].iter().enumerate() {
        let license = issue(&desk, &format!("{number}.lic"), &terms);
        let told = revoke(&desk, text(&license[*name]), &[])
            .expect_code(0)
            .json();
        let expected = json!({
            "license_id": license["license_id"], "reason": "unpaid", "already_revoked": false,
            "still_hold": [],
        });
        assert_eq!(told, expected);
    }
    let key = enterprise_key(&desk, "acme.key");
    let full = desk.read("acme.key");
    let told = revoke(&desk, full.trim(), &[]).expect_code(0).json();
    assert_eq!(told["license_id"], key["short_key"]);
    assert_eq!(licenses(&desk, &["list", "--status", "revoked"]).len(), 4);
    assert_eq!(licenses(&desk, &["list", "--status", "active"]).len(), 0);
    let last = export(&desk).pop().unwrap();
    assert_eq!(last["kind"], "revocation");
    assert_eq!(last["body"]["reason"], "unpaid");
    whole(&desk);
}

#[test]
fn a_second_revocation_enters_nothing() {
    let desk = desk();
    let license = issue(&desk, "1.lic", &[]);
    let id = text(&license["license_id"]);
    let _ = revoke(&desk, id, &[]).expect_code(0);
    let again = revoke(&desk, id, &[]).expect_code(0).json();
    assert_eq!(again["already_revoked"], true);
    assert_eq!(kinds(&desk), ["signing_key", "license", "revocation"]);
    let said = keygen(&desk, &["revoke", id, "--reason", "x"]).expect_code(0);
    assert!(said.stdout.contains("revoked already"), "{}", said.stdout);
}

#[test]
fn what_the_ledger_does_not_know_is_revoked_only_by_force() {
    let desk = desk();
    issue(&desk, "1.lic", &[]);
    let elsewhere = issue(&desk, "2.lic", &["--no-ledger"]);
    let id = text(&elsewhere["license_id"]);
    assert_eq!(revoke(&desk, id, &[]).expect_json_failure(2), "NOT_FOUND");
    let forced = revoke(&desk, id, &["--force"]).expect_code(0).json();
    assert_eq!(forced["license_id"], id);
    let short = "CODITECT-ENT-ACME-100-99991231-6E424F3468AF2ACC";
    let forced = revoke(&desk, short, &["--force"]).expect_code(0).json();
    assert_eq!(forced["license_id"], short);
    // A standard key does not carry the id.
    for text in ["nonsense", "", text(&elsewhere["key"])] {
        assert_eq!(
            revoke(&desk, text, &["--force"]).expect_json_failure(2),
            "USAGE"
        );
    }
    assert_eq!(kinds(&desk).len(), 4);
}

#[test]
fn a_signing_key_is_no_license() {
    let desk = desk();
    issue(&desk, "1.lic", &[]);
    let kid = &Vendor::shared().kid;
    let revoke = ["revoke", "--reason=x", "--json", "--", kid];
    assert_eq!(keygen(&desk, &revoke).expect_json_failure(2), "NOT_FOUND");
    assert_eq!(kinds(&desk), ["signing_key", "license"]);
}

#[test]
fn a_reason_is_one_line_of_reasonable_length() {
    let desk = desk();
    let license = issue(&desk, "1.lic", &[]);
    let id = text(&license["license_id"]);
    let long = "x".repeat(201);
    for reason in ["", "  ", "two\nlines", "a\u{1b}[2J", &long] {
        let _ = keygen(&desk, &["revoke", id, "--reason", reason]).expect_failure(2);
    }
    let _ = keygen(&desk, &["revoke", id]).expect_failure(2);
    let nowhere = ["revoke", id, "--reason", "x", "--no-ledger"];
    let _ = keygen(&desk, &nowhere).expect_failure(2);
    assert_eq!(kinds(&desk), ["signing_key", "license"]);
    let longest = "x".repeat(200);
    let _ = keygen(&desk, &["revoke", id, "--reason", &longest]).expect_code(0);
}
