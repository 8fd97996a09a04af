//! `keygen clock-repair`.

use license_core::requests::ClockRequest;
use license_core::time;
use license_core::time::rfc3339;

use super::*;

fn clock_request(mark: &str) -> ClockRequest {
    ClockRequest {
        product: product(),
        machine: machine(1),
        nonce: Nonce::from_random([4; 16]),
        mark: time::parse_instant(mark).unwrap(),
        made_at: time::parse_instant("2026-11-23T08:00:00Z").unwrap(),
    }
}

fn repair(workstation: &Scratch, request: ClockRequest, options: &[&str]) -> RunOutput {
    write(workstation, "clock.lic", MachineRequest::Clock(request));
    let args = ["clock-repair", "--key", "vendor.key", "clock.lic"];
    keygen(workstation, &[&args, options].concat())
}

#[test]
fn a_clock_request_gets_a_clock_repair() {
    let workstation = Vendor::shared().workstation();
    let report = repair(&workstation, clock_request("2099-01-01"), &["--json"])
        .expect_code(0)
        .json();
    let trust = TrustSet::parse(&Vendor::shared().trust).unwrap();
    let token = Unverified::parse(report["token"].as_str().unwrap()).unwrap();
    let clock_repair = token.verify_clock_repair(&trust).unwrap();
    assert_eq!(clock_repair.machine().to_string(), machine(1).to_string());
    assert_eq!(clock_repair.nonce(), Nonce::from_random([4; 16]));
    let mark = time::parse_instant("2099-01-01").unwrap();
    let expected = json!({
        "repair_id": clock_repair.id().as_str(), "product": "CODITECT", "machine": digest(1), "nonce": "04".repeat(16),
        "mark": "2099-01-01T00:00:00Z", "ahead_seconds": (mark - clock_repair.issued_at()).num_seconds(),
        "requested_at": "2026-11-23T08:00:00Z", "issued_at": rfc3339(clock_repair.issued_at()).to_string(),
        "answered_before": false, "kid": Vendor::shared().kid, "path": null,
        "token": report["token"], "dry_run": false,
    });
    assert_eq!(report, expected);
    let entry = &entries(&workstation, "clock_repair")[0];
    assert_eq!(entry["subject"], digest(1).as_str());
    assert_eq!(entry["body"]["mark"], "2099-01-01T00:00:00Z");
    let text = repair(
        &workstation,
        clock_request("2099-01-01"),
        &["--out", "repair.lic"],
    )
    .expect_code(0);
    assert!(text.stdout.contains(" ahead\n"), "{text:?}");
    assert!(
        workstation
            .read("repair.lic")
            .starts_with("-----BEGIN LICENSE CLOCK REPAIR-----\n")
    );
}

#[test]
fn the_same_request_gets_the_same_answer() {
    let workstation = Vendor::shared().workstation();
    let first = repair(&workstation, clock_request("2099-01-01"), &["--json"])
        .expect_code(0)
        .json();
    let again = repair(&workstation, clock_request("2099-01-01"), &["--json"])
        .expect_code(0)
        .json();
    assert_eq!(first["token"], again["token"]);
    assert_eq!(again["answered_before"], true);
    assert_eq!(entries(&workstation, "clock_repair").len(), 1);
    let mut other = clock_request("2099-01-01");
    other.machine = machine(2);
    let error = repair(&workstation, other, &[]).expect_failure(2);
    assert_eq!(error.code, "REPLAYED");
    assert!(error.hint.contains("license request --clock"), "{error:?}");
    // A clock repair uses no device.
    let again = repair(&workstation, clock_request("2099-01-01"), &[]).expect_code(0);
    assert!(again.stderr.contains("already answered"), "{again:?}");
    for text in [&again.stderr, &error.hint] {
        assert!(
            !text.contains("counts") && !text.contains("activation"),
            "{text}"
        );
    }
}

#[test]
fn a_backdated_or_postdated_repair_causes_a_warning() {
    let workstation = Vendor::shared().workstation();
    for (at, code) in [("2020-01-01", "BACKDATED"), ("2098-01-01", "POSTDATED")] {
        let options = ["--issued-at", at, "--dry-run"];
        let report = repair(&workstation, clock_request("2099-01-01"), &options).expect_code(0);
        assert!(report.stderr.contains(code), "{report:?}");
    }
    // A mark that is not ahead is answered with --force only.
    let behind = clock_request("2020-01-01");
    let error = repair(&workstation, behind.clone(), &["--dry-run"]).expect_failure(2);
    assert_eq!(error.code, "NOT_AHEAD");
    for part in [
        "found 2020-01-01T00:00:00Z",
        "clock of the machine was at 20",
    ] {
        assert!(error.message.contains(part), "{error:?}");
    }
    let forced = repair(&workstation, behind, &["--dry-run", "--force"]).expect_code(0);
    assert!(forced.stderr.contains("NOT_AHEAD"), "{forced:?}");
    let report = repair(&workstation, clock_request("2099-01-01"), &["--dry-run"]).expect_code(0);
    assert!(!report.stderr.contains("warning"), "{report:?}");
    assert_eq!(
        keygen(&workstation, &["ledger", "stats"]).code,
        Some(4),
        "no ledger was created"
    );
}

#[test]
fn a_clock_that_contradicts_the_ledger_answers_no_request() {
    let Some(faketime) = license_tests::tools::faketime() else {
        return;
    };
    let workstation = Vendor::shared().workstation();
    let request = clock_request("2099-01-01");
    let _ = repair(&workstation, request.clone(), &[]).expect_code(0);
    let time = "@2099-01-02 00:00:00";
    let run = license_tests::tools::keygen_at_time(faketime, &workstation, time);
    let run = run.args(["clock-repair", "--key", "vendor.key", "clock.lic", "--json"]);
    assert_eq!(run.run().expect_json_failure(2), "WRONG_CLOCK");
}
