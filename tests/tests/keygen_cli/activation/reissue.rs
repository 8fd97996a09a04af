//! Answers that are signed again with another key.

use super::*;

/// Returns a directory in which the first key signed an activation of machine 1. The directory also
/// contains a second key, `next.key`. Also returns the vendor of the second key, and the ids of the
/// license and the activation.
fn with_second_key() -> (Scratch, Vendor, String, Value) {
    let (workstation, id) = workstation();
    let next = Vendor::with_new_key("2048", "RS256");
    workstation.write_private("next.key", &next.key);
    let report = activate(&workstation, &id, 1, &["--json"])
        .expect_code(0)
        .json();
    (workstation, next, id, report["activation_id"].clone())
}

fn reissue(workstation: &Scratch, options: &[&str]) -> RunOutput {
    let args = words("activate --key next.key request.lic --reissue --json");
    keygen(workstation, &[&args, options].concat())
}

#[test]
fn a_reissued_answer_counts_once() {
    let (workstation, next, id, first) = with_second_key();
    let dry = reissue(&workstation, &["--dry-run"]).expect_code(0).json();
    assert_eq!(dry["answered_before"], true);
    assert_eq!(entries(&workstation, "activation").len(), 1);
    let report = reissue(&workstation, &[]).expect_code(0).json();
    assert_eq!(report["kid"], next.kid.as_str());
    assert_eq!(report["answered_before"], true);
    assert_ne!(report["activation_id"], first);
    assert_eq!(report["devices"], json!({"used": 1, "limit": 2}));
    let claims = payload(report["token"].as_str().unwrap());
    assert_eq!(claims["nonce"], "01".repeat(16));
    assert_eq!(claims["commitment"], secret(1).commitment().to_string());
    // A repeated request now gets the new answer.
    let again = ["activate", "--key", "vendor.key", "request.lic", "--json"];
    let again = keygen(&workstation, &again).expect_code(0);
    assert_eq!(again.json()["activation_id"], report["activation_id"]);
    let shown = keygen(
        &workstation,
        &["ledger", "resend", &"01".repeat(16), "--json"],
    );
    assert_eq!(
        shown.expect_code(0).json()["activation_id"],
        report["activation_id"]
    );
    assert_eq!(entries(&workstation, "activation").len(), 2);
    assert_eq!(
        entries(&workstation, "activation")[1]["subject"],
        id.as_str()
    );
}

#[test]
fn a_receipt_or_a_release_by_the_vendor_ends_every_activation_of_the_request() {
    let (workstation, _, id, first) = with_second_key();
    let later = reissue(&workstation, &[]).expect_code(0).json()["activation_id"].clone();
    let dry = release(&workstation, receipt(&id, 1, 1), &["--json", "--dry-run"]);
    let dry = dry.expect_code(0).json();
    assert_eq!(
        (&dry["activation_id"], &dry["also_released"]),
        (&later, &json!([first]))
    );
    let gone = [
        "release",
        "--activation",
        first.as_str().unwrap(),
        "--reason",
        "x",
        "--json",
    ];
    let report = keygen(&workstation, &gone).expect_code(0).json();
    assert_eq!(
        (&report["also_released"], &report["still_active"]),
        (&json!([later]), &json!([]))
    );
    assert_eq!(
        reissue(&workstation, &[]).expect_json_failure(2),
        "REPLAYED"
    );
    let report = activate(&workstation, &id, 2, &["--json"])
        .expect_code(0)
        .json();
    assert_eq!(report["devices"]["used"], 1);
}

#[test]
fn an_answer_signed_by_another_key_causes_a_warning() {
    let (workstation, next, _, _) = with_second_key();
    let again =
        |key| keygen(&workstation, &["activate", "--key", key, "request.lic"]).expect_code(0);
    let output = again("next.key").stderr;
    for part in ["OTHER_KEY", &next.kid, &Vendor::shared().kid, "--reissue"] {
        assert!(output.contains(part), "{output}");
    }
    let output = again("vendor.key").stderr;
    assert!(!output.contains("--reissue"), "{output}");
    // An unreadable key causes no warning.
    workstation.write_private("other.key", "no key at all");
    let output = again("other.key").stderr;
    assert!(
        !output.contains("OTHER_KEY") && output.contains(&Vendor::shared().kid),
        "{output}"
    );
}

#[test]
fn a_retirement_counts_the_affected_activations() {
    let (workstation, next, id, _) = with_second_key();
    let _ = activate(&workstation, &id, 2, &[]).expect_code(0);
    workstation.write("next.jwk", next.jwk.to_string());
    let retire = words("rotate --key vendor.key --introduce next.jwk --retire");
    let retire = [&retire[..], &["--with", "next.key", "--dry-run"]].concat();
    let output = || keygen(&workstation, &retire).expect_code(0).stderr;
    assert!(
        output().contains("2 current activations are signed"),
        "{}",
        output()
    );
    let _ = release(&workstation, receipt(&id, 2, 2), &[]).expect_code(0);
    assert!(
        output().contains("1 current activation is signed"),
        "{}",
        output()
    );
    write(
        &workstation,
        "request.lic",
        MachineRequest::Activation(request(&id, 1, 1)),
    );
    let _ = reissue(&workstation, &[]).expect_code(0);
    assert!(!output().contains("current activation"), "{}", output());
}
