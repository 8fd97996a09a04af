//! Output and files of `license usage-report`.

use std::time::SystemTime;

use super::*;

/// Returns the names, contents and modification times of the state files.
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
            let modified = entry.metadata().unwrap().modified().unwrap();
            // The holder of the lock describes itself in the lock file for as long as it has the
            // lock.
            let modified = if name == ".lock" {
                SystemTime::UNIX_EPOCH
            } else {
                modified
            };
            (name, fs::read(entry.path()).unwrap(), modified)
        })
        .collect();
    files.sort();
    files
}

#[test]
fn without_counts_the_report_is_empty_and_no_state_is_created() {
    let (workstation, machine) = (Vendor::shared().workstation(), Scratch::new());
    let report = send(&machine, &workstation, "usage.jsonl", &[]);
    assert_eq!(entries(&report).len(), 0);
    assert!(!machine.state().exists());
    let verified = verify(&workstation, &["usage.jsonl"]);
    assert_eq!(
        (&verified["whole"], &verified["chains"]),
        (&json!(true), &json!([]))
    );
}

#[test]
fn nothing_is_overwritten_without_force() {
    let (_, machine, _) = workstation_and_machine();
    machine.write("usage.jsonl", "mine");
    let before = state(&machine);
    let args = ["usage-report", "--out", "usage.jsonl"];
    let error = license(&machine, &args).expect_failure(2);
    assert!(error.hint.contains("--force"), "{error:?}");
    assert_eq!(machine.read("usage.jsonl"), "mine");
    assert_eq!(
        state(&machine),
        before,
        "a refused report changed the state"
    );
}

#[test]
fn a_dry_run_prints_a_summary_and_writes_nothing() {
    let (_, machine, _) = workstation_and_machine();
    let _ = license(&machine, &["use", QUOTA, "3"]).expect_code(0);
    let before = state(&machine);
    let outcome = license(&machine, &["usage-report", "--dry-run"]).expect_code(0);
    assert!(
        outcome.stdout.starts_with("would write 1 entry, "),
        "{outcome:?}"
    );
    assert!(
        outcome
            .stdout
            .contains("commands_per_day: 3 used, 0 refused"),
        "{outcome:?}"
    );
    let output = license(&machine, &["usage-report", "--dry-run", "--json"]);
    let output = output.expect_code(0).json();
    assert_eq!(
        (&output["dry_run"], &output["report"]),
        (&json!(true), &Value::Null)
    );
    assert_eq!(output["quotas"][QUOTA]["used"], 3);
    assert_eq!(state(&machine), before);
}

#[cfg(unix)]
#[test]
fn only_the_owner_can_read_a_report_with_names() {
    let (workstation, machine, _) = workstation_and_machine();
    let _ = license(&machine, &["use", QUOTA]).expect_code(0);
    let _ = send(&machine, &workstation, "usage.jsonl", &[]);
    assert_eq!(machine.mode("usage.jsonl"), 0o600);
}

#[test]
fn json_contains_the_report_unless_a_file_is_given() {
    let (workstation, machine, id) = workstation_and_machine();
    let _ = license(&machine, &["use", QUOTA]).expect_code(0);
    let output = license(&machine, &["usage-report", "--json"]);
    let output = output.expect_code(0).json();
    assert_eq!(
        (&output["entries"], &output["licenses"]),
        (&json!(1), &json!([id]))
    );
    workstation.write("usage.jsonl", text(&output["report"]));
    let verified = verify(&workstation, &["usage.jsonl"]);
    assert_eq!(verified["chains"][0]["head"], output["chains"][0]["head"]);
    let output = license(&machine, &["usage-report", "--json", "--out", "file"]);
    assert_eq!(output.expect_code(0).json()["report"], Value::Null);
}

#[test]
fn an_unknown_feature_name_is_not_reported() {
    let (workstation, machine, _) = workstation_and_machine();
    let _ = license(&machine, &["check", "jane.doe@corp.com"]).expect_code(1);
    let client = client(&machine);
    assert!(client.allows("jane.doe@corp.com").is_err());
    drop(client);
    let report = send(&machine, &workstation, "usage.jsonl", &["--anonymise"]);
    assert!(!report.contains("jane"), "{report}");
    assert_eq!(entries(&report)[0]["refused_features"]["(others)"], 2);
}

#[test]
fn entries_before_the_first_day_of_the_report_are_omitted() {
    let (workstation, machine, _) = workstation_and_machine();
    let _ = license(&machine, &["use", QUOTA]).expect_code(0);
    let none = send(
        &machine,
        &workstation,
        "usage.jsonl",
        &["--since", "2999-01-01"],
    );
    assert_eq!(entries(&none).len(), 0);
    let all = send(
        &machine,
        &workstation,
        "usage.jsonl",
        &["--since", "2020-01-01"],
    );
    assert_eq!(entries(&all).len(), 1);
    let wrong = ["usage-report", "--since", "yesterday"];
    let error = license(&machine, &wrong).expect_failure(2);
    assert!(error.message.contains("2027-01-31"), "{error:?}");
}

#[test]
fn a_granted_feature_a_hypothetical_decision_and_a_count_of_zero_write_nothing() {
    let (_, machine, _) = workstation_and_machine();
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
fn queries_write_no_file_until_the_application_counts_or_ends() {
    let (workstation, machine, _) = workstation_and_machine();
    let _ = license(&machine, &["use", QUOTA]).expect_code(0);
    let client = client(&machine);
    let before = state(&machine);
    for _ in 0..100 {
        assert!(!client.allows("sso").unwrap());
        assert!(client.allows("cloud_sync").unwrap());
    }
    assert_eq!(state(&machine), before);
    assert!(client.use_quota(QUOTA, 1).unwrap().granted);
    for _ in 0..10 {
        assert!(!client.allows("sso").unwrap());
    }
    drop(client);
    let report = send(&machine, &workstation, "usage.jsonl", &[]);
    let [entry] = &entries(&report)[..] else {
        panic!("{report}")
    };
    assert_eq!(entry["refused_features"]["sso"], 110);
    assert_eq!(entry["quotas"][QUOTA]["used"], 2);
}

#[test]
fn control_characters_in_names_are_not_printed() {
    let (workstation, machine, _) = workstation_and_machine();
    let _ = license(&machine, &["check", "\u{1b}[31mred\u{202e}"]).expect_code(1);
    let outcome = license(&machine, &["usage-report"]).expect_code(0);
    assert!(
        !outcome.all_output().contains(['\u{1b}', '\u{202e}']),
        "{outcome:?}"
    );
    let _ = send(&machine, &workstation, "usage.jsonl", &[]);
    let _ = import(&workstation, &["usage.jsonl"]);
    let outcome = keygen(&workstation, &["usage", "summary"]).expect_code(0);
    assert!(
        !outcome.all_output().contains(['\u{1b}', '\u{202e}']),
        "{outcome:?}"
    );
}
