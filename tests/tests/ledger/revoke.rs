//! `keygen revoke`.

use super::*;

fn revoke(vendor: &Scratch, id: &str, options: &[&str]) -> RunOutput {
    let revoke = ["revoke", id, "--reason", "unpaid", "--json"];
    keygen(vendor, &[&revoke[..], options].concat())
}

#[test]
fn a_license_is_revoked_by_its_id_its_key_or_its_short_key() {
    let vendor = vendor();
    let terms = ["--company", "ACME", "--tier", "ent", "--seats", "50"];
    for (number, name) in ["license_id", "key", "short_key"].iter().enumerate() {
        let license = issue(&vendor, &format!("{number}.lic"), &terms);
        let report = revoke(&vendor, text(&license[*name]), &[])
            .expect_code(0)
            .json();
        let expected = json!({
            "license_id": license["license_id"], "reason": "unpaid", "already_revoked": false,
            "still_hold": [],
        });
        assert_eq!(report, expected);
    }
    let key = enterprise_key(&vendor, "acme.key");
    let full = vendor.read("acme.key");
    let report = revoke(&vendor, full.trim(), &[]).expect_code(0).json();
    assert_eq!(report["license_id"], key["short_key"]);
    assert_eq!(licenses(&vendor, &["list", "--status", "revoked"]).len(), 4);
    assert_eq!(licenses(&vendor, &["list", "--status", "active"]).len(), 0);
    let last = export(&vendor).pop().unwrap();
    assert_eq!(last["kind"], "revocation");
    assert_eq!(last["body"]["reason"], "unpaid");
    verified_chain(&vendor);
}

#[test]
fn a_second_revocation_records_nothing() {
    let vendor = vendor();
    let license = issue(&vendor, "1.lic", &[]);
    let id = text(&license["license_id"]);
    let _ = revoke(&vendor, id, &[]).expect_code(0);
    let again = revoke(&vendor, id, &[]).expect_code(0).json();
    assert_eq!(again["already_revoked"], true);
    assert_eq!(kinds(&vendor), ["signing_key", "license", "revocation"]);
    let output = keygen(&vendor, &["revoke", id, "--reason", "x"]).expect_code(0);
    assert!(
        output.stdout.contains("already revoked"),
        "{}",
        output.stdout
    );
}

#[test]
fn an_unknown_license_is_revoked_only_with_force() {
    let vendor = vendor();
    issue(&vendor, "1.lic", &[]);
    let unrecorded = issue(&vendor, "2.lic", &["--no-ledger"]);
    let id = text(&unrecorded["license_id"]);
    assert_eq!(revoke(&vendor, id, &[]).expect_json_failure(2), "NOT_FOUND");
    let forced = revoke(&vendor, id, &["--force"]).expect_code(0).json();
    assert_eq!(forced["license_id"], id);
    let short = "CODITECT-ENT-ACME-100-99991231-6E424F3468AF2ACC";
    let forced = revoke(&vendor, short, &["--force"]).expect_code(0).json();
    assert_eq!(forced["license_id"], short);
    // A standard key does not contain the license id.
    for text in ["nonsense", "", text(&unrecorded["key"])] {
        assert_eq!(
            revoke(&vendor, text, &["--force"]).expect_json_failure(2),
            "USAGE"
        );
    }
    assert_eq!(kinds(&vendor).len(), 4);
}

#[test]
fn a_signing_key_cannot_be_revoked_as_a_license() {
    let vendor = vendor();
    issue(&vendor, "1.lic", &[]);
    let kid = &Vendor::shared().kid;
    let revoke = ["revoke", "--reason=x", "--json", "--", kid];
    assert_eq!(keygen(&vendor, &revoke).expect_json_failure(2), "NOT_FOUND");
    assert_eq!(kinds(&vendor), ["signing_key", "license"]);
}

#[test]
fn a_reason_is_one_line_of_at_most_200_characters() {
    let vendor = vendor();
    let license = issue(&vendor, "1.lic", &[]);
    let id = text(&license["license_id"]);
    let long = "x".repeat(201);
    for reason in ["", "  ", "two\nlines", "a\u{1b}[2J", &long] {
        let _ = keygen(&vendor, &["revoke", id, "--reason", reason]).expect_failure(2);
    }
    let _ = keygen(&vendor, &["revoke", id]).expect_failure(2);
    let without_ledger = ["revoke", id, "--reason", "x", "--no-ledger"];
    let _ = keygen(&vendor, &without_ledger).expect_failure(2);
    assert_eq!(kinds(&vendor), ["signing_key", "license"]);
    let longest = "x".repeat(200);
    let _ = keygen(&vendor, &["revoke", id, "--reason", &longest]).expect_code(0);
}
