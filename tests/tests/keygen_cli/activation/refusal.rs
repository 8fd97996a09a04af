//! Requests that `keygen activate` refuses.

use super::*;

#[track_caller]
fn refused(desk: &Scratch, args: &[&str], exit: i32, code: &str) -> PrintedError {
    let args = [&["activate", "--key", "vendor.key"], args].concat();
    let json = keygen(desk, &[&args[..], &["--json"]].concat());
    let json = json.expect_code(exit).stdout;
    assert!(json.contains(&format!("\"code\": \"{code}\"")), "{json}");
    keygen(desk, &args).expect_failure(exit)
}

#[test]
fn an_unrecorded_license_needs_its_file() {
    let (desk, _) = desk();
    let other = "01940000-0000-7000-8000-000000000001";
    let request = request(other, 1, 1);
    write(&desk, "request.lic", MachineRequest::Activation(request));
    let complaint = refused(&desk, &["request.lic"], 2, "NO_LICENSE");
    assert!(complaint.message.contains(other), "{complaint:?}");
    assert!(complaint.hint.contains("--license FILE"), "{complaint:?}");
    let given = ["request.lic", "--license", "acme.lic"];
    let complaint = refused(&desk, &given, 2, "NO_LICENSE");
    assert!(
        complaint.message.contains("expected license"),
        "{complaint:?}"
    );
}

#[test]
fn a_request_for_another_product_needs_its_product_file() {
    let (desk, id) = desk();
    let mut request = request(&id, 1, 1);
    request.product = ProductCode::parse("WIDGET").unwrap();
    write(&desk, "request.lic", MachineRequest::Activation(request));
    let complaint = refused(&desk, &["request.lic"], 2, "PRODUCT_MISMATCH");
    assert!(
        complaint.message.contains("found one for WIDGET"),
        "{complaint:?}"
    );
    assert!(complaint.hint.contains("--product-file"), "{complaint:?}");
}

#[test]
fn a_revoked_license_is_not_activated_even_for_an_answered_request() {
    let (desk, id) = desk();
    let _ = activate(&desk, &id, 1, &[]).expect_code(0);
    let _ = keygen(&desk, &["revoke", &id, "--reason", "unpaid"]).expect_code(0);
    refused(&desk, &["request.lic"], 2, "REVOKED");
    write(
        &desk,
        "other.lic",
        MachineRequest::Activation(request(&id, 2, 2)),
    );
    refused(&desk, &["other.lic"], 2, "REVOKED");
}

#[test]
fn a_license_locked_to_other_machines_is_not_activated() {
    let (desk, _) = desk();
    let lock = machine(1).to_string();
    let id = license(&desk, "locked.lic", &["--machine", &lock]);
    write(
        &desk,
        "request.lic",
        MachineRequest::Activation(request(&id, 2, 2)),
    );
    refused(&desk, &["request.lic"], 2, "MACHINE_MISMATCH");
    let _ = activate(&desk, &id, 1, &[]).expect_code(0);
}

#[test]
fn a_nonce_with_other_content_is_a_replay() {
    let (desk, id) = desk();
    let other = license(&desk, "other.lic", &[]);
    let _ = activate(&desk, &id, 1, &[]).expect_code(0);
    let mut commitment = request(&id, 1, 1);
    commitment.commitment = secret(9).commitment();
    for (request, what) in [
        (request(&id, 2, 1), "another machine"),
        (request(&other, 1, 1), "another license"),
        (commitment, "another commitment"),
    ] {
        write(&desk, "request.lic", MachineRequest::Activation(request));
        let complaint = refused(&desk, &["request.lic"], 2, "REPLAYED");
        assert!(complaint.message.contains(what), "{complaint:?}");
        assert!(complaint.hint.contains("new request"), "{complaint:?}");
    }
    assert_eq!(entries(&desk, "activation").len(), 1);
}

#[test]
fn an_expired_license_is_activated_with_a_warning() {
    let (desk, _) = desk();
    let usual = ["--tier", "pro", "--expires", "2020-12-31", "--json"];
    let report = issued(
        &desk,
        &[&usual[..], &["--issued-at", "2020-01-01"]].concat(),
    );
    let id = report.expect_code(0).json()["license_id"].clone();
    let report = activate(&desk, id.as_str().unwrap(), 1, &[]).expect_code(0);
    assert!(report.stderr.contains("EXPIRED"), "{report:?}");
    let past = ["--issued-at", "2019-01-01"];
    let report = activate_with(&desk, &request(id.as_str().unwrap(), 1, 50), &past);
    assert!(report.expect_code(0).stderr.contains("BACKDATED"));
    let future = ["--issued-at", "2100-01-01"];
    let report = activate_with(&desk, &request(id.as_str().unwrap(), 1, 51), &future);
    assert!(report.expect_code(0).stderr.contains("POSTDATED"));
}

#[test]
fn a_damaged_request_is_refused() {
    let (desk, id) = desk();
    let armor = MachineRequest::Activation(request(&id, 1, 1)).to_armor();
    let other = "01940000-0000-7000-8000-000000000001";
    for (name, text, code) in [
        ("edited.lic", armor.replace(&id, other), "CHECKSUM_MISMATCH"),
        ("cut.lic", armor[..armor.len() - 60].to_owned(), "MALFORMED"),
        ("twice.lic", armor.repeat(2), "MALFORMED"),
        (
            "newer.lic",
            armor.replace("\"ver\": 1", "\"ver\": 2"),
            "UNSUPPORTED_VERSION",
        ),
        ("license.lic", desk.read("acme.lic"), "MALFORMED"),
        ("key.lic", Vendor::shared().key.clone(), "MALFORMED"),
        ("empty.lic", String::new(), "MALFORMED"),
        ("long.lic", armor.clone() + &" ".repeat(9000), "MALFORMED"),
        (
            "extra.lic",
            armor.replace("\"ver\": 1", "\"ver\": 1, \"\\u001b[31m\": 1"),
            "MALFORMED",
        ),
    ] {
        desk.write(name, text);
        let complaint = refused(&desk, &[name], 3, code);
        assert!(complaint.message.starts_with(name), "{complaint:?}");
        assert!(!complaint.message.contains('\u{1b}'), "{complaint:?}");
    }
    desk.write("large.lic", "A".repeat(257 * 1024));
    refused(&desk, &["large.lic"], 3, "MALFORMED");
    refused(&desk, &["missing.lic"], 4, "IO");
    assert_eq!(entries(&desk, "activation").len(), 0);
}

#[test]
fn a_request_survives_changes_by_mail() {
    let (desk, id) = desk();
    let armor = MachineRequest::Activation(request(&id, 1, 1)).to_armor();
    let mailed = format!(
        "\u{feff}\r\n{}",
        armor.replace('\n', "\r\n").replace('"', "\u{201d}")
    );
    desk.write("request.lic", mailed);
    let args = ["activate", "--key", "vendor.key", "request.lic"];
    let _ = keygen(&desk, &args).expect_code(0);
    let piped = Run::keygen(&desk).args(["activate", "--key", "vendor.key", "-"]);
    let report = piped.stdin(armor.replace('\n', " ")).run().expect_code(0);
    assert!(report.stderr.contains("already answered at"), "{report:?}");
}

#[test]
fn other_machine_requests_get_a_hint_at_their_command() {
    let (desk, id) = desk();
    write(
        &desk,
        "receipt.lic",
        MachineRequest::Deactivation(receipt(&id, 1, 1)),
    );
    let complaint = refused(&desk, &["receipt.lic"], 2, "USAGE");
    assert!(complaint.hint.contains("keygen release"), "{complaint:?}");
    let clock = license_core::ClockRequest {
        product: product(),
        machine: machine(1),
        nonce: Nonce::from_random([1; 16]),
        mark: Timestamp::parse("2030-01-01").unwrap(),
        made_at: Timestamp::parse("2026-01-01").unwrap(),
    };
    write(&desk, "clock.lic", MachineRequest::Clock(clock));
    let complaint = refused(&desk, &["clock.lic"], 2, "USAGE");
    assert!(
        complaint.hint.contains("keygen clock-repair"),
        "{complaint:?}"
    );
    write(
        &desk,
        "request.lic",
        MachineRequest::Activation(request(&id, 1, 1)),
    );
    for command in [&["release"][..], &["clock-repair", "--key", "vendor.key"]] {
        let complaint = keygen(&desk, &[command, &["request.lic"]].concat());
        let complaint = complaint.expect_failure(2);
        assert!(complaint.hint.contains("keygen activate"), "{complaint:?}");
    }
}

#[test]
fn an_existing_file_is_not_replaced_and_standard_input_is_read_once() {
    let (desk, id) = desk();
    write(
        &desk,
        "request.lic",
        MachineRequest::Activation(request(&id, 1, 1)),
    );
    desk.write("a.lic", "precious");
    refused(&desk, &["request.lic", "--out", "a.lic"], 2, "EXISTS");
    assert_eq!(desk.read("a.lic"), "precious");
    refused(&desk, &["-", "--license", "-"], 2, "USAGE");
    let _ = activate(&desk, &id, 1, &["--out", "a.lic", "--force"]).expect_code(0);
}

#[test]
fn a_license_signed_by_an_unknown_key_is_not_activated() {
    let (desk, _) = desk();
    let stranger = Scratch::new();
    let _ = keygen(
        &stranger,
        &words("new-key --out s.key --no-passphrase --bits 2048"),
    )
    .expect_code(0);
    let issue = ["issue", "--key", "s.key", "--tier", "pro", "--perpetual"];
    let more = ["--customer", "ACME", "--out", "s.lic", "--json"];
    let report = keygen(&stranger, &[&issue[..], &more].concat()).expect_code(0);
    let id = report.json()["license_id"].as_str().unwrap().to_owned();
    desk.write("s.lic", stranger.read("s.lic"));
    write(
        &desk,
        "request.lic",
        MachineRequest::Activation(request(&id, 1, 1)),
    );
    let given = ["request.lic", "--license", "s.lic"];
    let complaint = refused(&desk, &given, 3, "UNTRUSTED_KEY");
    assert!(complaint.hint.contains("--trust"), "{complaint:?}");
}
