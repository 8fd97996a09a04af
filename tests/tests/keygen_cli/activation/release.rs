//! `keygen release`, with and without a receipt.

use super::*;

/// Returns a directory with a license that is activated on machines 1 and 2, which uses up its
/// devices. Also returns the ids of the license and of the activation of machine 1.
fn full() -> (Scratch, String, String) {
    let (workstation, id) = workstation();
    let first = activate(&workstation, &id, 1, &["--json"])
        .expect_code(0)
        .json();
    let _ = activate(&workstation, &id, 2, &[]).expect_code(0);
    let first = first["activation_id"].as_str().unwrap().to_owned();
    (workstation, id, first)
}

/// Creates a revocation list and returns the id and the reason of each entry.
fn listed(workstation: &Scratch) -> Vec<(String, String)> {
    let args = ["revocations", "--key", "vendor.key", "--json"];
    let report = keygen(workstation, &args).expect_code(0).json();
    let claims = payload(report["token"].as_str().unwrap());
    let text = |entry: &Value, name: &str| entry[name].as_str().unwrap().to_owned();
    let revoked = claims["revoked"].as_array().unwrap().iter();
    revoked
        .map(|entry| (text(entry, "jti"), text(entry, "reason")))
        .collect()
}

#[test]
fn a_receipt_frees_the_device_once() {
    let (workstation, id, first) = full();
    let dry = release(&workstation, receipt(&id, 1, 1), &["--dry-run", "--json"]);
    assert_eq!(dry.expect_code(0).json()["dry_run"], true);
    assert_eq!(entries(&workstation, "release").len(), 0);
    let report = release(&workstation, receipt(&id, 1, 1), &["--json"])
        .expect_code(0)
        .json();
    let expected = json!({
        "activation_id": first, "license_id": id, "machine": digest(1), "by": "receipt",
        "reason": "released", "released_at": report["released_at"], "also_released": [], "still_active": [],
        "dry_run": false,
    });
    assert_eq!(report, expected);
    let report = activate(&workstation, &id, 3, &["--json"])
        .expect_code(0)
        .json();
    assert_eq!(report["devices"], json!({"used": 2, "limit": 2}));
    let again = release(&workstation, receipt(&id, 1, 1), &[]).expect_failure(2);
    assert!(again.message.contains(", by a receipt"), "{again:?}");
    let again = release(&workstation, receipt(&id, 1, 1), &["--json"]);
    assert_eq!(again.expect_json_failure(2), "REPLAYED");
    // The answered request cannot restore the activation.
    let back = activate(&workstation, &id, 1, &["--json"]);
    assert_eq!(back.expect_json_failure(2), "REPLAYED");
    let entry = &entries(&workstation, "release")[0]["body"];
    assert_eq!(entry["given_up_at"], "2026-11-24T08:00:00Z");
    assert!(!entry.to_string().contains(&secret(1).reveal()));
}

#[test]
fn a_receipt_needs_the_secret_of_its_activation() {
    let (workstation, id, _) = full();
    let other = license(&workstation, "other.lic", &[]);
    let mut wrong = receipt(&id, 1, 1);
    wrong.secret = secret(7);
    let error = release(&workstation, wrong, &[]).expect_failure(3);
    assert!(!error.message.contains(&secret(7).reveal()), "{error:?}");
    assert!(
        error.hint.contains("keygen release ACTIVATION_ID"),
        "{error:?}"
    );
    let mut wrong = receipt(&id, 1, 1);
    wrong.secret = secret(2);
    let wrong = release(&workstation, wrong, &["--json"]);
    assert_eq!(wrong.expect_json_failure(3), "COMMITMENT_MISMATCH");
    let mut product = receipt(&id, 1, 1);
    product.product = ProductCode::parse("WIDGET").unwrap();
    for mismatched in [receipt(&id, 2, 1), receipt(&other, 1, 1), product] {
        let wrong = release(&workstation, mismatched, &["--json"]);
        assert_eq!(wrong.expect_json_failure(3), "RECEIPT_MISMATCH");
    }
    let unknown = release(&workstation, receipt(&id, 1, 5), &["--json"]);
    assert_eq!(unknown.expect_json_failure(2), "UNKNOWN_ACTIVATION");
    assert_eq!(entries(&workstation, "release").len(), 0);
}

#[test]
fn a_lost_machine_is_released_by_the_vendor() {
    let (workstation, id, first) = full();
    // The id is accepted as the argument, too.
    let gone = ["release", &first, "--reason", "burnt down"];
    let report = keygen(&workstation, &gone).expect_code(0);
    assert!(
        report.stdout.contains("without a receipt: burnt down\n"),
        "{report:?}"
    );
    let _ = activate(&workstation, &id, 3, &[]).expect_code(0);
    assert_eq!(
        listed(&workstation),
        [(first.clone(), "burnt down".to_owned())]
    );
    let receipt = release(&workstation, receipt(&id, 1, 1), &[]).expect_failure(2);
    assert!(receipt.message.contains(", by the vendor"), "{receipt:?}");
    for wrong in [
        &["release"][..],
        &["release", "--activation", &first],
        &["release", &first],
        &["release", "receipt.lic", "--reason", "x"],
        &["release", "--reason", "x"],
        &[
            "release",
            "receipt.lic",
            "--activation",
            &first,
            "--reason",
            "x",
        ],
        &["release", "--activation", "none", "--reason", "x"],
        &["release", "--activation", &id, "--reason", "x"],
        &["release", "receipt.lic", "--no-ledger"],
    ] {
        keygen(&workstation, wrong).expect_failure(2);
    }
    let absent = keygen(
        &workstation,
        &["release", "receipt.lic", "--ledger", "none.db", "--json"],
    );
    assert_eq!(absent.expect_json_failure(4), "NO_LEDGER");
    assert!(!workstation.file("none.db").exists());
}

#[test]
fn an_activation_cannot_be_revoked_as_a_license() {
    let (workstation, _, first) = full();
    let error = keygen(&workstation, &["revoke", &first, "--reason", "x"]).expect_failure(2);
    assert!(
        error
            .hint
            .contains(&format!("keygen release {first} --reason")),
        "{error:?}"
    );
}

#[test]
fn the_revocation_list_contains_released_activations_and_revoked_licenses() {
    let (workstation, id, first) = full();
    let other = license(&workstation, "other.lic", &[]);
    let _ = keygen(&workstation, &["revoke", &other, "--reason", "unpaid"]).expect_code(0);
    let _ = release(&workstation, receipt(&id, 1, 1), &[]).expect_code(0);
    let mut expected = vec![(first, "released".to_owned()), (other, "unpaid".to_owned())];
    expected.sort();
    assert_eq!(listed(&workstation), expected);
}

#[test]
fn a_receipt_ends_earlier_activations_of_the_machine() {
    let (workstation, id, first) = full();
    let later = activate_with(&workstation, &request(&id, 1, 100), &["--json"]);
    let later = later.expect_code(0).json()["activation_id"].clone();
    let report = release(&workstation, receipt(&id, 1, 100), &["--json"])
        .expect_code(0)
        .json();
    assert_eq!(
        (&report["activation_id"], &report["also_released"]),
        (&later, &json!([first]))
    );
    let _ = activate(&workstation, &id, 3, &[]).expect_code(0);
    assert_eq!(listed(&workstation).len(), 2);
}

#[test]
fn an_old_receipt_does_not_end_later_activations() {
    let (workstation, id, _) = full();
    let later = activate_with(&workstation, &request(&id, 1, 100), &["--json"]);
    let later = later.expect_code(0).json()["activation_id"].clone();
    let dry = release(&workstation, receipt(&id, 1, 1), &["--dry-run"]).expect_code(0);
    assert!(dry.stderr.contains("STILL_ACTIVE"), "{dry:?}");
    let report = release(&workstation, receipt(&id, 1, 1), &[]).expect_code(0);
    assert!(!report.stdout.contains("device is free"), "{report:?}");
    let command = format!("`keygen release {} --reason", later.as_str().unwrap());
    assert!(report.stderr.contains(&command), "{report:?}");
    let refused = activate(&workstation, &id, 3, &["--json"]);
    assert_eq!(refused.expect_json_failure(2), "DEVICE_LIMIT");
}

#[test]
fn concurrent_receipts_free_one_device() {
    let (workstation, id, _) = full();
    write(
        &workstation,
        "receipt.lic",
        MachineRequest::Deactivation(receipt(&id, 1, 1)),
    );
    let codes: Vec<_> = std::thread::scope(|scope| {
        let run = || keygen(&workstation, &["release", "receipt.lic"]).code;
        let runs = [scope.spawn(run), scope.spawn(run), scope.spawn(run)];
        runs.into_iter().map(|run| run.join().unwrap()).collect()
    });
    assert_eq!(codes.iter().filter(|code| **code == Some(0)).count(), 1);
    assert_eq!(entries(&workstation, "release").len(), 1);
}

#[test]
fn a_license_or_a_machine_in_the_place_of_an_activation_names_its_activations() {
    let (workstation, _, first) = full();
    let digest = machine(1).digest().unwrap().to_string();
    for (named, kind) in [("acme.lic", "a license"), (&*digest, "a machine")] {
        for reason in [&["--reason", "lost"][..], &[]] {
            let args = [&["release", named][..], reason].concat();
            let error = keygen(&workstation, &args).expect_failure(2);
            let expected = format!("expected an activation id or a receipt, found {kind}");
            assert!(error.message.ends_with(&expected), "{error:?}");
            assert!(error.hint.contains(&first), "{error:?}");
        }
    }
    let release = ["release", &first, "--reason", "lost"];
    let _ = keygen(&workstation, &release).expect_code(0);
    let error = keygen(&workstation, &["release", &digest, "--reason", "x"]).expect_failure(2);
    assert!(error.hint.contains("no activation"), "{error:?}");
}
