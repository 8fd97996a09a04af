//! `license usage-report`: what it says, what it writes, and what it leaves alone.

use std::time::SystemTime;

use super::*;

/// The files of the state with what is in them.
fn state(machine: &Scratch) -> Vec<(String, Vec<u8>, SystemTime)> {
    let Ok(entries) = fs::read_dir(machine.state()) else {
        return Vec::new();
    };
    let files = entries
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().is_file());
    let mut files: Vec<_> = files
        .map(|entry| {
            let name = entry.file_name().into_string().unwrap();
            let written = entry.metadata().unwrap().modified().unwrap();
            (name, fs::read(entry.path()).unwrap(), written)
        })
        .collect();
    files.sort();
    files
}

#[test]
fn where_nothing_was_counted_the_report_is_empty_and_nothing_is_made() {
    let (desk, machine) = (Vendor::shared().desk(), Scratch::new());
    let report = send(&machine, &desk, "usage.jsonl", &[]);
    assert_eq!(entries(&report).len(), 0);
    assert!(!machine.state().exists());
    let verified = verify(&desk, &["usage.jsonl"]);
    assert_eq!(
        (&verified["whole"], &verified["chains"]),
        (&json!(true), &json!([]))
    );
}

#[test]
fn nothing_is_overwritten_without_force() {
    let (_, machine, _) = desk_and_machine();
    machine.write("usage.jsonl", "mine");
    let before = state(&machine);
    let args = ["usage-report", "--out", "usage.jsonl"];
    let complaint = license(&machine, &args).expect_failure(2);
    assert!(complaint.hint.contains("--force"), "{complaint:?}");
    assert_eq!(machine.read("usage.jsonl"), "mine");
    assert_eq!(state(&machine), before, "nothing is cut for nothing");
}

#[test]
fn a_dry_run_tells_and_writes_nothing() {
    let (_, machine, _) = desk_and_machine();
    let _ = license(&machine, &["use", QUOTA, "3"]).expect_code(0);
    let before = state(&machine);
    let told = license(&machine, &["usage-report", "--dry-run"]).expect_code(0);
    assert!(told.stdout.starts_with("would write 1 entry, "), "{told:?}");
    assert!(
        told.stdout.contains("commands_per_day: 3 used, 0 refused"),
        "{told:?}"
    );
    let told = license(&machine, &["usage-report", "--dry-run", "--json"]);
    let told = told.expect_code(0).json();
    assert_eq!(
        (&told["dry_run"], &told["report"]),
        (&json!(true), &Value::Null)
    );
    assert_eq!(told["quotas"][QUOTA]["used"], 3);
    assert_eq!(state(&machine), before);
}

#[cfg(unix)]
#[test]
fn a_report_that_names_somebody_is_its_owners_alone() {
    let (desk, machine, _) = desk_and_machine();
    let _ = license(&machine, &["use", QUOTA]).expect_code(0);
    let _ = send(&machine, &desk, "usage.jsonl", &[]);
    assert_eq!(machine.mode("usage.jsonl"), 0o600);
}

#[test]
fn json_is_one_object_with_the_report_in_it_where_no_file_takes_it() {
    let (desk, machine, id) = desk_and_machine();
    let _ = license(&machine, &["use", QUOTA]).expect_code(0);
    let told = license(&machine, &["usage-report", "--json"]);
    let told = told.expect_code(0).json();
    assert_eq!(
        (&told["entries"], &told["licenses"]),
        (&json!(1), &json!([id]))
    );
    desk.write("usage.jsonl", text(&told["report"]));
    let verified = verify(&desk, &["usage.jsonl"]);
    assert_eq!(verified["chains"][0]["head"], told["chains"][0]["head"]);
    let told = license(&machine, &["usage-report", "--json", "--out", "file"]);
    assert_eq!(told.expect_code(0).json()["report"], Value::Null);
}

#[test]
fn a_name_that_is_no_feature_is_in_no_report() {
    let (desk, machine, _) = desk_and_machine();
    let _ = license(&machine, &["check", "jane.doe@corp.com"]).expect_code(1);
    let client = client(&machine);
    assert!(!client.allows("jane.doe@corp.com"));
    drop(client);
    let report = send(&machine, &desk, "usage.jsonl", &["--anonymise"]);
    assert!(!report.contains("jane"), "{report}");
    assert_eq!(entries(&report)[0]["refused_features"]["(others)"], 2);
}

#[test]
fn since_a_day_leaves_out_what_was_before() {
    let (desk, machine, _) = desk_and_machine();
    let _ = license(&machine, &["use", QUOTA]).expect_code(0);
    let none = send(&machine, &desk, "usage.jsonl", &["--since", "2999-01-01"]);
    assert_eq!(entries(&none).len(), 0);
    let all = send(&machine, &desk, "usage.jsonl", &["--since", "2020-01-01"]);
    assert_eq!(entries(&all).len(), 1);
    let wrong = ["usage-report", "--since", "yesterday"];
    let complaint = license(&machine, &wrong).expect_failure(2);
    assert!(complaint.message.contains("2027-01-31"), "{complaint:?}");
}

#[test]
fn what_is_granted_or_tried_out_writes_nothing() {
    let (_, machine, _) = desk_and_machine();
    let _ = license(&machine, &["use", QUOTA]).expect_code(0);
    let before = state(&machine);
    let _ = license(&machine, &["check", "cloud_sync"]).expect_code(0);
    let _ = license(&machine, &["check", "sso", "--at", "2027-01-01"]).expect_code(1);
    let other = words("check sso --license acme.lic --trust trust.jwks");
    let _ = license(&machine, &other).expect_code(1);
    let _ = license(&machine, &["use", QUOTA, "0"]).expect_code(0);
    assert_eq!(state(&machine), before);
    let fresh = Scratch::new();
    let _ = license(&fresh, &["check", "sso"]).expect_code(1);
    assert!(!fresh.state().exists());
}

#[test]
fn an_application_that_asks_touches_no_file_until_it_counts_or_ends() {
    let (desk, machine, _) = desk_and_machine();
    let _ = license(&machine, &["use", QUOTA]).expect_code(0);
    let client = client(&machine);
    let before = state(&machine);
    for _ in 0..100 {
        assert!(!client.allows("sso"));
        assert!(client.allows("cloud_sync"));
    }
    assert_eq!(state(&machine), before);
    assert!(client.use_quota(QUOTA, 1).unwrap().granted);
    for _ in 0..10 {
        assert!(!client.allows("sso"));
    }
    drop(client);
    let report = send(&machine, &desk, "usage.jsonl", &[]);
    let [entry] = &entries(&report)[..] else {
        panic!("{report}")
    };
    assert_eq!(entry["refused_features"]["sso"], 110);
    assert_eq!(entry["quotas"][QUOTA]["used"], 2);
}

#[test]
fn what_another_program_wrote_into_a_name_does_nothing_to_a_terminal() {
    let (desk, machine, _) = desk_and_machine();
    let _ = license(&machine, &["check", "\u{1b}[31mred\u{202e}"]).expect_code(1);
    let told = license(&machine, &["usage-report"]).expect_code(0);
    assert!(!told.said().contains(['\u{1b}', '\u{202e}']), "{told:?}");
    let _ = send(&machine, &desk, "usage.jsonl", &[]);
    let _ = import(&desk, &["usage.jsonl"]);
    let told = keygen(&desk, &["usage", "summary"]).expect_code(0);
    assert!(!told.said().contains(['\u{1b}', '\u{202e}']), "{told:?}");
}
