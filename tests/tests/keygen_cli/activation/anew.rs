//! Answers that are signed anew, with another key.

use super::*;

/// A desk with a second key, `next.key`, and an activation of machine 1 that the first has signed; with the ids of license and activation.
fn rotating() -> (Scratch, Vendor, String, Value) {
    let (desk, id) = desk();
    let next = Vendor::with_key("2048", "RS256");
    desk.write_private("next.key", &next.key);
    let told = activate(&desk, &id, 1, &["--json"]).expect_code(0).json();
    (desk, next, id, told["activation_id"].clone())
}

fn anew(desk: &Scratch, options: &[&str]) -> Outcome {
    let args = words("activate --key next.key request.lic --anew --json");
    keygen(desk, &[&args, options].concat())
}

#[test]
fn an_answer_is_signed_anew_and_counts_once() {
    let (desk, next, id, first) = rotating();
    let dry = anew(&desk, &["--dry-run"]).expect_code(0).json();
    assert_eq!(dry["answered_before"], true);
    assert_eq!(entries(&desk, "activation").len(), 1);
    let told = anew(&desk, &[]).expect_code(0).json();
    assert_eq!(told["kid"], next.kid.as_str());
    assert_eq!(told["answered_before"], true);
    assert_ne!(told["activation_id"], first);
    assert_eq!(told["devices"], json!({"used": 1, "limit": 2}));
    let claims = payload(told["token"].as_str().unwrap());
    assert_eq!(claims["nonce"], "01".repeat(16));
    assert_eq!(claims["commitment"], secret(1).commitment().to_string());
    // From now on that is the answer.
    let again = ["activate", "--key", "vendor.key", "request.lic", "--json"];
    let again = keygen(&desk, &again).expect_code(0);
    assert_eq!(again.json()["activation_id"], told["activation_id"]);
    let shown = keygen(&desk, &["ledger", "resend", &"01".repeat(16), "--json"]);
    assert_eq!(
        shown.expect_code(0).json()["activation_id"],
        told["activation_id"]
    );
    assert_eq!(entries(&desk, "activation").len(), 2);
    assert_eq!(entries(&desk, "activation")[1]["subject"], id.as_str());
}

#[test]
fn a_receipt_and_a_word_end_every_answer_to_the_request() {
    let (desk, _, id, first) = rotating();
    let later = anew(&desk, &[]).expect_code(0).json()["activation_id"].clone();
    let dry = release(&desk, receipt(&id, 1, 1), &["--json", "--dry-run"]);
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
    let told = keygen(&desk, &gone).expect_code(0).json();
    assert_eq!(
        (&told["also_released"], &told["still_active"]),
        (&json!([later]), &json!([]))
    );
    assert_eq!(anew(&desk, &[]).expect_json_failure(2), "REPLAYED");
    let told = activate(&desk, &id, 2, &["--json"]).expect_code(0).json();
    assert_eq!(told["devices"]["used"], 1);
}

#[test]
fn an_answer_of_another_key_is_warned_of() {
    let (desk, next, _, _) = rotating();
    let again = |key| keygen(&desk, &["activate", "--key", key, "request.lic"]).expect_code(0);
    let said = again("next.key").stderr;
    for part in ["OTHER_KEY", &next.kid, &Vendor::shared().kid, "--anew"] {
        assert!(said.contains(part), "{said}");
    }
    let said = again("vendor.key").stderr;
    assert!(!said.contains("--anew"), "{said}");
    // A key that can't be looked at says nothing.
    desk.write_private("other.key", "no key at all");
    let said = again("other.key").stderr;
    assert!(
        !said.contains("OTHER_KEY") && said.contains(&Vendor::shared().kid),
        "{said}"
    );
}

#[test]
fn a_retirement_counts_the_activations_that_go_with_it() {
    let (desk, next, id, _) = rotating();
    let _ = activate(&desk, &id, 2, &[]).expect_code(0);
    desk.write("next.jwk", next.jwk.to_string());
    let retire = words("rotate --key vendor.key --introduce next.jwk --retire");
    let retire = [&retire[..], &["--with", "next.key", "--dry-run"]].concat();
    let said = || keygen(&desk, &retire).expect_code(0).stderr;
    assert!(
        said().contains("2 activations that stand were signed"),
        "{}",
        said()
    );
    let _ = release(&desk, receipt(&id, 2, 2), &[]).expect_code(0);
    assert!(
        said().contains("1 activation that stands was signed"),
        "{}",
        said()
    );
    write(&desk, "request.lic", Letter::Activation(request(&id, 1, 1)));
    let _ = anew(&desk, &[]).expect_code(0);
    assert!(!said().contains("that stand"), "{}", said());
}
