//! Reports that were edited, cut or are something else, and machines that can't keep what they count.

use super::*;

/// A report of three entries on the vendor's desk.
fn sent() -> (Scratch, String) {
    let (desk, machine, _) = desk_and_machine();
    for _ in 0..3 {
        let _ = license(&machine, &["use", QUOTA]).expect_code(0);
        let _ = send(&machine, &desk, "usage.jsonl", &[]);
    }
    let report = desk.read("usage.jsonl");
    assert_eq!(entries(&report).len(), 3);
    (desk, report)
}

/// Expects `verify` and `import` to refuse a text for this reason, and nothing to be entered.
#[track_caller]
fn refused(desk: &Scratch, report: &str, code: &str) {
    desk.write("changed.jsonl", report);
    let told = keygen(desk, &["usage", "verify", "changed.jsonl", "--json"]);
    let told = told.expect_code(3).json();
    let is_told = told["faults"]
        .as_array()
        .is_some_and(|faults| faults.contains(&json!(code)));
    assert!(is_told || told["error"]["code"] == code, "{told}");
    let complaint = keygen(desk, &["usage", "import", "changed.jsonl"]).expect_failure(3);
    assert!(complaint.message.contains("changed.jsonl"), "{complaint:?}");
    let told = keygen(desk, &["usage", "summary", "--json"])
        .expect_code(0)
        .json();
    assert_eq!(told["count"], 0);
}

#[test]
fn what_was_edited_cut_moved_or_is_another_file_is_refused_with_a_code() {
    let (desk, report) = sent();
    let lines: Vec<_> = report.lines().collect();
    let without = |gone: usize| {
        let left = lines.iter().enumerate().filter(|(at, _)| *at != gone);
        left.map(|(_, line)| format!("{line}\n"))
            .collect::<String>()
    };
    let edited = report.replacen("\"used\":1", "\"used\":0", 1);
    refused(&desk, &edited, "EDITED");
    // In the last entry, which no other one follows.
    let at = report.rfind("\"used\":1").unwrap();
    let last = format!("{}\"used\":0{}", &report[..at], &report[at + 8..]);
    refused(&desk, &last, "EDITED");
    refused(
        &desk,
        &report.replacen("\"machine\":", "\"machine\": ", 1),
        "EDITED",
    );
    refused(&desk, &without(3), "INCOMPLETE");
    refused(&desk, &without(0), "MALFORMED");
    refused(&desk, &(report.clone() + lines[1]), "REORDERED");
    refused(&desk, &report[..report.len() - 20], "MALFORMED");
    refused(
        &desk,
        &report.replace("usage_report\":1", "usage_report\":9"),
        "UNSUPPORTED_VERSION",
    );
    for other in ["", "{}", "[]", "-----BEGIN LICENSE-----", "\u{1b}[31m"] {
        refused(&desk, other, "MALFORMED");
    }
    refused(&desk, &"{}\n".repeat(4 << 20), "MALFORMED");
}

#[test]
fn what_is_missing_between_two_reports_is_a_fault_to_verify_and_a_warning_to_import() {
    let (desk, machine, _) = desk_and_machine();
    let mut last = String::new();
    for day in 1..=3 {
        let _ = license(&machine, &["use", QUOTA]).expect_code(0);
        last = send(&machine, &desk, &format!("{day}.jsonl"), &[]);
        // The journal forgets what was reported.
        fs::remove_file(machine.state().join("usage")).unwrap();
    }
    assert_eq!(entries(&last)[0]["entry"], 3);
    let _ = verify(&desk, &["1.jsonl", "2.jsonl", "3.jsonl"]);
    let complaint = keygen(&desk, &["usage", "verify", "1.jsonl", "3.jsonl"]);
    assert_eq!(complaint.code, Some(3));
    assert!(complaint.stderr.contains("GAP: chain "), "{complaint:?}");
    assert!(
        complaint.stderr.contains("entry 2 is missing"),
        "{complaint:?}"
    );
    assert_eq!(codes(&import(&desk, &["1.jsonl", "3.jsonl"])), ["GAP"]);
}

#[test]
fn a_good_report_is_told_in_words() {
    let (desk, _) = sent();
    let told = keygen(&desk, &["usage", "verify", "usage.jsonl"]).expect_code(0);
    assert!(
        told.stdout.contains(": whole\n  entries   1 to 3\n"),
        "{told:?}"
    );
    assert_eq!(told.stderr, "");
}

#[test]
fn a_damaged_journal_is_a_warning_and_stops_nothing_but_one_report() {
    let (desk, machine, _) = desk_and_machine();
    let _ = license(&machine, &["use", QUOTA]).expect_code(0);
    let _ = send(&machine, &desk, "one.jsonl", &[]);
    fs::write(machine.state().join("usage"), "noise").unwrap();
    let _ = license(&machine, &["use", QUOTA]).expect_code(0);
    let _ = license(&machine, &["check", "cloud_sync"]).expect_code(0);
    let _ = license(&machine, &["check", "sso"]).expect_code(1);
    let told = license(&machine, &["doctor", "--json"]).json();
    assert!(
        told.to_string().contains("only usage reports need it"),
        "{told}"
    );
    let complaint = license(&machine, &["usage-report"]).expect_failure(3);
    assert!(
        complaint.message.contains("usage.damaged-1"),
        "{complaint:?}"
    );
    let two = send(&machine, &desk, "two.jsonl", &[]);
    assert_eq!(
        (entries(&two)[0]["entry"].clone(), total(&entries(&two))),
        (json!(2), (1, 0))
    );
    assert_eq!(codes(&import(&desk, &["one.jsonl", "two.jsonl"])), [""; 0]);
}

#[test]
fn a_folder_in_the_place_of_the_journal_stops_no_use() {
    let (_, machine, _) = desk_and_machine();
    fs::create_dir(machine.state().join("usage")).unwrap();
    for _ in 0..2 {
        let _ = license(&machine, &["use", QUOTA]).expect_code(0);
    }
    let _ = license(&machine, &["check", "sso"]).expect_code(1);
    let status = license(&machine, &["status"]).expect_code(0);
    assert_eq!(status.stderr, "");
}

#[test]
fn a_state_of_before_there_were_reports_counts_on() {
    let (desk, machine, _) = desk_and_machine();
    // Nothing was counted yet, so that the state is as an older program leaves it.
    assert!(!machine.state().join("usage").exists());
    let _ = license(&machine, &["use", QUOTA, "2"]).expect_code(0);
    let report = send(&machine, &desk, "usage.jsonl", &[]);
    assert_eq!(total(&entries(&report)), (2, 0));
    let told = license(&machine, &["doctor", "--json"]).json();
    assert!(told.to_string().contains("usage contains 1 entry"), "{told}");
    let _ = license(&machine, &["remove"]).expect_code(0);
    assert!(
        machine.state().join("usage").exists(),
        "what was counted stays"
    );
}

#[test]
fn a_home_that_can_not_be_keeps_nobody_from_anything_but_a_report() {
    let machine = Scratch::new();
    machine.write("file", "");
    let run = |args: &[&str]| {
        let run = Run::license(&machine).args(args);
        run.env("CODITECT_HOME", machine.file("file/below")).run()
    };
    let _ = run(&["use", QUOTA]).expect_code(0);
    let _ = run(&["use", QUOTA, "11"]).expect_code(1);
    let _ = run(&["check", "local_execution"]).expect_code(0);
    let _ = run(&["usage-report"]).expect_code(0);
    let client = Client::open_at(
        StateDir::at(machine.file("file/below")),
        &TrustSet::default(),
        Matrix::built_in(),
    );
    assert!(!client.allows("sso"));
    let session = client.session(machine.path()).unwrap();
    assert!(!session.is_counted());
    drop((session, client));
    assert_eq!(machine.read("file"), "");
}
