//! Damaged reports, and machines that cannot store their counts.

use super::*;

/// Returns the vendor's workstation with a report of three entries.
fn workstation_with_report() -> (Scratch, String) {
    let (workstation, machine, _) = workstation_and_machine();
    for _ in 0..3 {
        let _ = license(&machine, &["use", QUOTA]).expect_code(0);
        let _ = send(&machine, &workstation, "usage.jsonl", &[]);
    }
    let report = workstation.read("usage.jsonl");
    assert_eq!(entries(&report).len(), 3);
    (workstation, report)
}

/// Expects `verify` and `import` to refuse a report with this code, and to record nothing.
#[track_caller]
fn expect_refusal(workstation: &Scratch, report: &str, code: &str) {
    workstation.write("changed.jsonl", report);
    let verify = keygen(workstation, &["usage", "verify", "changed.jsonl", "--json"]);
    let report = verify.expect_code(3).json();
    let is_fault = report["faults"]
        .as_array()
        .is_some_and(|faults| faults.contains(&json!(code)));
    assert!(is_fault || report["error"]["code"] == code, "{report}");
    let error = keygen(workstation, &["usage", "import", "changed.jsonl"]).expect_failure(3);
    assert!(error.message.contains("changed.jsonl"), "{error:?}");
    let summary = keygen(workstation, &["usage", "summary", "--json"]);
    assert_eq!(summary.expect_code(0).json()["count"], 0);
}

#[test]
fn an_edited_truncated_or_reordered_report_is_refused_with_a_code() {
    let (workstation, report) = workstation_with_report();
    let lines: Vec<_> = report.lines().collect();
    let without = |omitted: usize| {
        let remaining = lines.iter().enumerate().filter(|(at, _)| *at != omitted);
        remaining
            .map(|(_, line)| format!("{line}\n"))
            .collect::<String>()
    };
    let edited = report.replacen("\"used\":1", "\"used\":0", 1);
    expect_refusal(&workstation, &edited, "EDITED");
    // The last entry is checked too, although its hash is in no other entry.
    let at = report.rfind("\"used\":1").unwrap();
    let last = format!("{}\"used\":0{}", &report[..at], &report[at + 8..]);
    expect_refusal(&workstation, &last, "EDITED");
    expect_refusal(
        &workstation,
        &report.replacen("\"machine\":", "\"machine\": ", 1),
        "EDITED",
    );
    expect_refusal(&workstation, &without(3), "INCOMPLETE");
    expect_refusal(&workstation, &without(0), "MALFORMED");
    expect_refusal(&workstation, &(report.clone() + lines[1]), "REORDERED");
    expect_refusal(&workstation, &report[..report.len() - 20], "MALFORMED");
    expect_refusal(
        &workstation,
        &report.replace("usage_report\":1", "usage_report\":9"),
        "UNSUPPORTED_VERSION",
    );
    for other in ["", "{}", "[]", "-----BEGIN LICENSE-----", "\u{1b}[31m"] {
        expect_refusal(&workstation, other, "MALFORMED");
    }
    expect_refusal(&workstation, &"{}\n".repeat(4 << 20), "MALFORMED");
}

#[test]
fn a_gap_between_two_reports_fails_verify_and_is_a_warning_of_import() {
    let (workstation, machine, _) = workstation_and_machine();
    let mut last = String::new();
    for day in 1..=3 {
        let _ = license(&machine, &["use", QUOTA]).expect_code(0);
        last = send(&machine, &workstation, &format!("{day}.jsonl"), &[]);
        // Without its journal, the machine has no reported entries.
        fs::remove_file(machine.state().join("usage")).unwrap();
    }
    assert_eq!(entries(&last)[0]["entry"], 3);
    let _ = verify(&workstation, &["1.jsonl", "2.jsonl", "3.jsonl"]);
    let error = keygen(&workstation, &["usage", "verify", "1.jsonl", "3.jsonl"]);
    assert_eq!(error.code, Some(3));
    assert!(error.stderr.contains("GAP: chain "), "{error:?}");
    assert!(error.stderr.contains("entry 2 is missing"), "{error:?}");
    assert_eq!(
        codes(&import(&workstation, &["1.jsonl", "3.jsonl"])),
        ["GAP"]
    );
}

#[test]
fn verify_describes_a_valid_report() {
    let (workstation, _) = workstation_with_report();
    let outcome = keygen(&workstation, &["usage", "verify", "usage.jsonl"]).expect_code(0);
    assert!(
        outcome.stdout.contains(": complete\n  entries   1 to 3\n"),
        "{outcome:?}"
    );
    assert_eq!(outcome.stderr, "");
}

#[test]
fn a_damaged_journal_causes_a_warning_and_one_failed_report() {
    let (workstation, machine, _) = workstation_and_machine();
    let _ = license(&machine, &["use", QUOTA]).expect_code(0);
    let _ = send(&machine, &workstation, "one.jsonl", &[]);
    fs::write(machine.state().join("usage"), "noise").unwrap();
    let _ = license(&machine, &["use", QUOTA]).expect_code(0);
    let _ = license(&machine, &["check", "cloud_sync"]).expect_code(0);
    let _ = license(&machine, &["check", "sso"]).expect_code(1);
    let doctor = license(&machine, &["doctor", "--json"]).json();
    assert!(
        doctor.to_string().contains("only usage reports need it"),
        "{doctor}"
    );
    let error = license(&machine, &["usage-report"]).expect_failure(3);
    assert!(error.message.contains("usage.damaged-1"), "{error:?}");
    let two = send(&machine, &workstation, "two.jsonl", &[]);
    assert_eq!(
        (entries(&two)[0]["entry"].clone(), total(&entries(&two))),
        (json!(2), (1, 0))
    );
    assert_eq!(
        codes(&import(&workstation, &["one.jsonl", "two.jsonl"])),
        [""; 0]
    );
}

#[test]
fn a_directory_in_place_of_the_journal_does_not_prevent_use() {
    let (_, machine, _) = workstation_and_machine();
    fs::create_dir(machine.state().join("usage")).unwrap();
    for _ in 0..2 {
        let _ = license(&machine, &["use", QUOTA]).expect_code(0);
    }
    let _ = license(&machine, &["check", "sso"]).expect_code(1);
    let status = license(&machine, &["status"]).expect_code(0);
    assert_eq!(status.stderr, "");
}

#[test]
fn a_state_of_an_older_version_is_used() {
    let (workstation, machine, _) = workstation_and_machine();
    // Before the first count, the state equals a state of an older version.
    assert!(!machine.state().join("usage").exists());
    let _ = license(&machine, &["use", QUOTA, "2"]).expect_code(0);
    let report = send(&machine, &workstation, "usage.jsonl", &[]);
    assert_eq!(total(&entries(&report)), (2, 0));
    let doctor = license(&machine, &["doctor", "--json"]).json();
    assert!(
        doctor.to_string().contains("usage contains 1 entry"),
        "{doctor}"
    );
    let _ = license(&machine, &["remove"]).expect_code(0);
    assert!(
        machine.state().join("usage").exists(),
        "the counts were deleted"
    );
}

#[test]
fn a_state_directory_that_cannot_be_created_prevents_only_reports_and_finite_quotas() {
    let machine = Scratch::new();
    machine.write("file", "");
    let run = |args: &[&str]| {
        let run = Run::license(&machine).args(args);
        run.env("CODITECT_HOME", machine.file("file/below")).run()
    };
    let _ = run(&["use", QUOTA]).expect_code(1);
    let _ = run(&["use", QUOTA, "0"]).expect_code(0);
    let _ = run(&["check", "local_execution"]).expect_code(0);
    let _ = run(&["usage-report"]).expect_code(0);
    let trust = TrustSet::parse(&Vendor::shared().trust).unwrap();
    let client = Client::builder(trust)
        .product(FeatureMatrix::built_in())
        .state_dir(machine.file("file/below"))
        .build()
        .unwrap();
    assert!(!client.allows("sso").unwrap());
    let session = client.session(machine.path()).unwrap();
    assert!(!session.is_counted());
    drop((session, client));
    assert_eq!(machine.read("file"), "");
}
