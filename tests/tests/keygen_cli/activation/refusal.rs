//! Requests that `keygen activate` refuses.

use license_core::time;

use super::*;

#[track_caller]
fn refused(workstation: &Scratch, args: &[&str], exit: i32, code: &str) -> PrintedError {
    let args = [&["activate", "--key", "vendor.key"], args].concat();
    let json = keygen(workstation, &[&args[..], &["--json"]].concat());
    let json = json.expect_code(exit).stdout;
    assert!(json.contains(&format!("\"code\": \"{code}\"")), "{json}");
    keygen(workstation, &args).expect_failure(exit)
}

#[test]
fn an_unrecorded_license_needs_its_file() {
    let (workstation, _) = workstation();
    let other = "01940000-0000-7000-8000-000000000001";
    let request = request(other, 1, 1);
    write(
        &workstation,
        "request.lic",
        MachineRequest::Activation(request),
    );
    let error = refused(&workstation, &["request.lic"], 2, "NO_LICENSE");
    assert!(error.message.contains(other), "{error:?}");
    assert!(error.hint.contains("--license FILE"), "{error:?}");
    let given = ["request.lic", "--license", "acme.lic"];
    let error = refused(&workstation, &given, 2, "NO_LICENSE");
    assert!(error.message.contains("expected license"), "{error:?}");
}

#[test]
fn a_request_for_another_product_needs_its_product_file() {
    let (workstation, id) = workstation();
    let mut request = request(&id, 1, 1);
    request.product = ProductCode::parse("WIDGET").unwrap();
    write(
        &workstation,
        "request.lic",
        MachineRequest::Activation(request),
    );
    let error = refused(&workstation, &["request.lic"], 2, "PRODUCT_MISMATCH");
    assert!(error.message.contains("found one for WIDGET"), "{error:?}");
    assert!(error.hint.contains("--product-file"), "{error:?}");
}

#[test]
fn a_revoked_license_is_not_activated_even_for_an_answered_request() {
    let (workstation, id) = workstation();
    let _ = activate(&workstation, &id, 1, &[]).expect_code(0);
    let _ = keygen(&workstation, &["revoke", &id, "--reason", "unpaid"]).expect_code(0);
    refused(&workstation, &["request.lic"], 2, "REVOKED");
    write(
        &workstation,
        "other.lic",
        MachineRequest::Activation(request(&id, 2, 2)),
    );
    refused(&workstation, &["other.lic"], 2, "REVOKED");
}

#[test]
fn a_license_locked_to_other_machines_is_not_activated() {
    let (workstation, _) = workstation();
    let lock = machine(1).to_string();
    let id = license(&workstation, "locked.lic", &["--machine", &lock]);
    write(
        &workstation,
        "request.lic",
        MachineRequest::Activation(request(&id, 2, 2)),
    );
    refused(&workstation, &["request.lic"], 2, "MACHINE_MISMATCH");
    let _ = activate(&workstation, &id, 1, &[]).expect_code(0);
}

#[test]
fn a_nonce_with_other_content_is_a_replay() {
    let (workstation, id) = workstation();
    let other = license(&workstation, "other.lic", &[]);
    let _ = activate(&workstation, &id, 1, &[]).expect_code(0);
    let mut changed = request(&id, 1, 1);
    changed.commitment = secret(9).commitment();
    for (request, difference) in [
        (request(&id, 2, 1), "another machine"),
        (request(&other, 1, 1), "another license"),
        (changed, "another commitment"),
    ] {
        write(
            &workstation,
            "request.lic",
            MachineRequest::Activation(request),
        );
        let error = refused(&workstation, &["request.lic"], 2, "REPLAYED");
        assert!(error.message.contains(difference), "{error:?}");
        assert!(error.hint.contains("new request"), "{error:?}");
    }
    assert_eq!(entries(&workstation, "activation").len(), 1);
}

#[test]
fn an_expired_license_is_activated_with_a_warning() {
    let (workstation, _) = workstation();
    let usual = ["--tier", "pro", "--expires", "2020-12-31", "--json"];
    let report = issued(
        &workstation,
        &[&usual[..], &["--issued-at", "2020-01-01"]].concat(),
    );
    let id = report.expect_code(0).json()["license_id"].clone();
    let report = activate(&workstation, id.as_str().unwrap(), 1, &[]).expect_code(0);
    assert!(report.stderr.contains("EXPIRED"), "{report:?}");
    let past = ["--issued-at", "2019-01-01"];
    let report = activate_with(&workstation, &request(id.as_str().unwrap(), 1, 50), &past);
    assert!(report.expect_code(0).stderr.contains("BACKDATED"));
    let future = ["--issued-at", "2100-01-01"];
    let report = activate_with(&workstation, &request(id.as_str().unwrap(), 1, 51), &future);
    assert!(report.expect_code(0).stderr.contains("POSTDATED"));
}

#[test]
fn a_damaged_request_is_refused() {
    let (workstation, id) = workstation();
    let armor = MachineRequest::Activation(request(&id, 1, 1)).to_armor();
    let second = MachineRequest::Activation(request(&id, 2, 2)).to_armor();
    let other = "01940000-0000-7000-8000-000000000001";
    for (name, text, code) in [
        ("edited.lic", armor.replace(&id, other), "CHECKSUM_MISMATCH"),
        ("cut.lic", armor[..armor.len() - 60].to_owned(), "MALFORMED"),
        ("two.lic", format!("{armor}{second}"), "MALFORMED"),
        (
            "newer.lic",
            armor.replace("\"ver\": 1", "\"ver\": 2"),
            "UNSUPPORTED_VERSION",
        ),
        ("license.lic", workstation.read("acme.lic"), "MALFORMED"),
        ("key.lic", Vendor::shared().key.clone(), "MALFORMED"),
        ("empty.lic", String::new(), "MALFORMED"),
        // Only the text around the block may be long.
        (
            "long.lic",
            armor.replace('{', &format!("{{{}", "x".repeat(9000))),
            "MALFORMED",
        ),
        (
            "extra.lic",
            armor.replace("\"ver\": 1", "\"ver\": 1, \"\\u001b[31m\": 1"),
            "MALFORMED",
        ),
    ] {
        workstation.write(name, text);
        let error = refused(&workstation, &[name], 3, code);
        assert!(error.message.starts_with(name), "{error:?}");
        assert!(!error.message.contains('\u{1b}'), "{error:?}");
    }
    workstation.write("large.lic", "A".repeat(257 * 1024));
    refused(&workstation, &["large.lic"], 3, "MALFORMED");
    refused(&workstation, &["missing.lic"], 4, "IO");
    assert_eq!(entries(&workstation, "activation").len(), 0);
}

#[test]
fn a_request_survives_changes_by_mail() {
    let (workstation, id) = workstation();
    let armor = MachineRequest::Activation(request(&id, 1, 1)).to_armor();
    let mailed = format!(
        "\u{feff}\r\n{}",
        armor.replace('\n', "\r\n").replace('"', "\u{201d}")
    );
    workstation.write("request.lic", mailed);
    let args = ["activate", "--key", "vendor.key", "request.lic"];
    let _ = keygen(&workstation, &args).expect_code(0);
    let piped = Run::keygen(&workstation).args(["activate", "--key", "vendor.key", "-"]);
    let report = piped.stdin(armor.replace('\n', " ")).run().expect_code(0);
    assert!(report.stderr.contains("already answered at"), "{report:?}");
}

#[test]
fn a_machine_request_for_another_command_gets_a_hint_about_that_command() {
    let (workstation, id) = workstation();
    write(
        &workstation,
        "receipt.lic",
        MachineRequest::Deactivation(receipt(&id, 1, 1)),
    );
    let error = refused(&workstation, &["receipt.lic"], 2, "USAGE");
    assert!(error.hint.contains("keygen release"), "{error:?}");
    let clock = license_core::requests::ClockRequest {
        product: product(),
        machine: machine(1),
        nonce: Nonce::from_random([1; 16]),
        mark: time::parse_instant("2030-01-01").unwrap(),
        made_at: time::parse_instant("2026-01-01").unwrap(),
    };
    write(&workstation, "clock.lic", MachineRequest::Clock(clock));
    let error = refused(&workstation, &["clock.lic"], 2, "USAGE");
    assert!(error.hint.contains("keygen clock-repair"), "{error:?}");
    write(
        &workstation,
        "request.lic",
        MachineRequest::Activation(request(&id, 1, 1)),
    );
    for command in [&["release"][..], &["clock-repair", "--key", "vendor.key"]] {
        let error = keygen(&workstation, &[command, &["request.lic"]].concat());
        let error = error.expect_failure(2);
        assert!(error.hint.contains("keygen activate"), "{error:?}");
    }
}

#[test]
fn an_existing_file_is_not_replaced_and_standard_input_is_read_once() {
    let (workstation, id) = workstation();
    write(
        &workstation,
        "request.lic",
        MachineRequest::Activation(request(&id, 1, 1)),
    );
    workstation.write("a.lic", "precious");
    refused(
        &workstation,
        &["request.lic", "--out", "a.lic"],
        2,
        "EXISTS",
    );
    assert_eq!(workstation.read("a.lic"), "precious");
    refused(&workstation, &["-", "--license", "-"], 2, "USAGE");
    let _ = activate(&workstation, &id, 1, &["--out", "a.lic", "--force"]).expect_code(0);
}

#[test]
fn a_license_signed_by_an_unknown_key_is_not_activated() {
    let (workstation, _) = workstation();
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
    workstation.write("s.lic", stranger.read("s.lic"));
    write(
        &workstation,
        "request.lic",
        MachineRequest::Activation(request(&id, 1, 1)),
    );
    let given = ["request.lic", "--license", "s.lic"];
    let error = refused(&workstation, &given, 3, "UNTRUSTED_KEY");
    assert!(error.hint.contains("--trust"), "{error:?}");
}
