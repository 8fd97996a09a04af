//! The counts of a machine are reported, anonymized, verified, imported and summarized.

use super::*;

/// Uses four units of the quota, and runs two sessions for one project. One more use of the quota
/// is refused, and one feature is denied.
fn use_license(machine: &Scratch) {
    let _ = license(machine, &["use", QUOTA, "4"]).expect_code(0);
    let _ = license(machine, &["use", QUOTA, "2"]).expect_code(1);
    let _ = license(machine, &["check", "sso"]).expect_code(1);
    let client = client(machine);
    for _ in 0..2 {
        let session = client
            .session_in(&client.context().user("ann"), machine.path())
            .unwrap();
        drop(session);
    }
}

#[test]
fn the_report_and_the_summary_contain_the_counts() {
    let (workstation, machine, id) = workstation_and_machine();
    use_license(&machine);
    let report = send(&machine, &workstation, "usage.jsonl", &[]);
    let [entry] = &entries(&report)[..] else {
        panic!("{report}")
    };
    assert_eq!(entry["license"], *id);
    assert_eq!(
        entry["quotas"],
        json!({ QUOTA: { "used": 4, "refused": 1 } })
    );
    assert_eq!(
        entry["denials"],
        json!({ "FEATURE_NOT_INCLUDED": 1, "QUOTA_EXHAUSTED": 1 })
    );
    assert_eq!(entry["refused_features"], json!({ "sso": 1 }));
    let counted = ["sessions", "projects", "users"].map(|member| entry[member].as_u64());
    assert_eq!(counted, [Some(2), Some(1), Some(1)]);
    assert!(report.contains("\"users\":{\"ann\":2}"), "{report}");

    let verified = verify(&workstation, &["usage.jsonl"]);
    assert_eq!(
        (&verified["whole"], findings(&verified)),
        (&json!(true), vec![])
    );
    assert_eq!(verified["chains"][0]["anonymised"], false);
    let imported = import(&workstation, &["usage.jsonl"]);
    assert_eq!(
        imported,
        json!({ "entered": 1, "known": 0, "warnings": [] })
    );
    let again = import(&workstation, &["usage.jsonl"]);
    assert_eq!(again, json!({ "entered": 0, "known": 1, "warnings": [] }));
    let total = summary(&workstation, &id);
    assert_eq!(total["customer"], "ACME Ltd");
    assert_eq!(total["quotas"][QUOTA]["used"], 4);
    assert_eq!(total["quotas"][QUOTA]["peak"]["used"], 4);
    assert_eq!(
        (&total["machines"], &total["sessions"]),
        (&json!(1), &json!(2))
    );
}

#[test]
fn names_in_a_report_are_not_recorded_in_the_ledger() {
    let (workstation, machine, _) = workstation_and_machine();
    use_license(&machine);
    let report = send(&machine, &workstation, "usage.jsonl", &[]);
    let _ = import(&workstation, &["usage.jsonl"]);
    let export = keygen(&workstation, &["ledger", "export"])
        .expect_code(0)
        .stdout;
    assert!(report.contains("ann") && report.contains("sess_"));
    assert!(
        !export.contains("\"ann\"") && !export.contains("sess_"),
        "{export}"
    );
}

#[test]
fn private_lines_can_be_deleted_by_hand_or_omitted() {
    let (workstation, machine, _) = workstation_and_machine();
    use_license(&machine);
    let named = send(&machine, &workstation, "named.jsonl", &[]);
    let by_hand = named
        .lines()
        .filter(|line| !line.starts_with("{\"private\""));
    let by_hand: String = by_hand.map(|line| format!("{line}\n")).collect();
    let anonymized = send(&machine, &workstation, "anonymous.jsonl", &["--anonymise"]);
    assert_eq!(by_hand, anonymized);
    assert!(!anonymized.contains("ann\"") && !anonymized.contains("mach_"));
    let verified = verify(&workstation, &["anonymous.jsonl"]);
    assert_eq!(verified["chains"][0]["anonymised"], true);
    assert_eq!(import(&workstation, &["anonymous.jsonl"])["entered"], 1);
    assert_eq!(import(&workstation, &["named.jsonl"])["known"], 1);
}

#[test]
fn a_second_report_continues_the_first() {
    let (workstation, machine, id) = workstation_and_machine();
    let _ = license(&machine, &["use", QUOTA, "2"]).expect_code(0);
    let _ = send(&machine, &workstation, "one.jsonl", &[]);
    let _ = license(&machine, &["use", QUOTA, "3"]).expect_code(0);
    let two = send(&machine, &workstation, "two.jsonl", &[]);
    assert_eq!(entries(&two).len(), 2);
    // Without new counts, the report is the same.
    let again = send(&machine, &workstation, "again.jsonl", &[]);
    assert_eq!(two, again);
    let _ = import(&workstation, &["one.jsonl"]);
    assert_eq!(
        import(&workstation, &["two.jsonl"]),
        json!({ "entered": 1, "known": 1, "warnings": [] })
    );
    assert_eq!(summary(&workstation, &id)["quotas"][QUOTA]["used"], 5);
}

#[test]
fn a_clock_that_is_set_back_is_reported() {
    let Some(faketime) = tools::faketime() else {
        return;
    };
    let (workstation, machine, id) = workstation_and_machine();
    let _ = license(&machine, &["use", QUOTA]).expect_code(0);
    let _ = license_shifted(faketime, &machine, "-3d", &["use", QUOTA]).expect_code(0);
    let report = send(&machine, &workstation, "usage.jsonl", &[]);
    let [entry] = &entries(&report)[..] else {
        panic!("{report}")
    };
    assert_eq!(entry["clock"]["behind"], 1);
    let seconds = entry["clock"]["most_seconds"].as_u64().unwrap();
    assert!((250_000..270_000).contains(&seconds), "{seconds}");
    assert_eq!(
        findings(&verify(&workstation, &["usage.jsonl"])),
        ["CLOCK_JUMP"]
    );
    assert_eq!(
        codes(&import(&workstation, &["usage.jsonl"])),
        ["CLOCK_JUMP"]
    );
    assert_eq!(summary(&workstation, &id)["clock_jumps"], 1);
}

#[test]
fn each_day_is_a_separate_entry() {
    let Some(faketime) = tools::faketime() else {
        return;
    };
    // If the uptime is known, a clock that jumps within one boot counts as at most one day.
    let (workstation, machine, id) = workstation_and_machine();
    let _ = license(&machine, &["use", QUOTA, "2"]).expect_code(0);
    let _ = license_shifted(faketime, &machine, "+23h", &["use", QUOTA, "1"]);
    let _ = license_shifted(faketime, &machine, "+47h", &["use", QUOTA, "1"]);
    let report = send(&machine, &workstation, "usage.jsonl", &[]);
    let entries = entries(&report);
    assert!(entries.len() >= 2, "{report}");
    assert_eq!(total(&entries).0, 4);
    let _ = verify(&workstation, &["usage.jsonl"]);
    let _ = import(&workstation, &["usage.jsonl"]);
    let total = summary(&workstation, &id);
    assert_eq!(total["quotas"][QUOTA]["used"], 4);
    assert_eq!(total["days"], entries.len());
}

#[test]
fn a_machine_restored_from_a_snapshot_is_a_fork_and_a_warning() {
    let (workstation, machine, id) = workstation_and_machine();
    let _ = license(&machine, &["use", QUOTA, "1"]).expect_code(0);
    let _ = send(&machine, &workstation, "one.jsonl", &[]);
    copy_files(&machine.state(), &machine.file("snapshot"));
    let _ = license(&machine, &["use", QUOTA, "2"]).expect_code(0);
    let _ = send(&machine, &workstation, "two.jsonl", &[]);
    copy_files(&machine.file("snapshot"), &machine.state());
    let _ = license(&machine, &["use", QUOTA, "3"]).expect_code(0);
    let _ = send(&machine, &workstation, "three.jsonl", &[]);

    let verified = verify(&workstation, &["two.jsonl", "three.jsonl"]);
    assert_eq!(
        (&verified["whole"], findings(&verified)),
        (&json!(true), vec!["FORK"])
    );
    let _ = import(&workstation, &["two.jsonl"]);
    let forked = import(&workstation, &["three.jsonl"]);
    assert_eq!(codes(&forked), ["FORK"]);
    assert_eq!(
        (&forked["entered"], &forked["known"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(codes(&import(&workstation, &["three.jsonl"])), [""; 0]);
    let total = summary(&workstation, &id);
    assert_eq!((&total["forks"], &total["gaps"]), (&json!(1), &json!(0)));
    assert_eq!(total["quotas"][QUOTA]["used"], 6);
}

#[test]
fn without_its_journal_the_chain_continues_and_unreported_entries_are_a_gap() {
    let (workstation, machine, id) = workstation_and_machine();
    let remove = |name: &str| fs::remove_file(machine.state().join(name)).unwrap();
    for (count, name) in [("1", "one.jsonl"), ("1", "two.jsonl")] {
        let _ = license(&machine, &["use", QUOTA, count]).expect_code(0);
        let _ = send(&machine, &workstation, name, &[]);
    }
    remove("usage");
    let _ = license(&machine, &["use", QUOTA, "1"]).expect_code(0);
    let _ = send(&machine, &workstation, "three.jsonl", &[]);
    let _ = import(&workstation, &["one.jsonl"]);
    assert_eq!(codes(&import(&workstation, &["three.jsonl"])), ["GAP"]);
    assert_eq!(summary(&workstation, &id)["gaps"], 1);
    // The missing report fills the gap.
    assert_eq!(codes(&import(&workstation, &["two.jsonl"])), [""; 0]);
    assert_eq!(summary(&workstation, &id)["gaps"], 0);
}

#[test]
fn deleting_the_state_loses_counts_and_also_deleting_the_journal_starts_a_new_chain() {
    let (workstation, machine, id) = workstation_and_machine();
    let _ = license(&machine, &["use", QUOTA, "1"]).expect_code(0);
    let _ = send(&machine, &workstation, "one.jsonl", &[]);
    for name in ["license.cache", "quota"] {
        fs::remove_file(machine.state().join(name)).unwrap();
    }
    let _ = license(&machine, &["use", QUOTA, "1"]).expect_code(0);
    let _ = send(&machine, &workstation, "two.jsonl", &[]);
    assert_eq!(
        findings(&verify(&workstation, &["two.jsonl"])),
        ["COUNTS_LOST"]
    );
    for name in ["license.cache", "quota", "usage"] {
        fs::remove_file(machine.state().join(name)).unwrap();
    }
    let _ = license(&machine, &["use", QUOTA, "1"]).expect_code(0);
    let _ = send(&machine, &workstation, "three.jsonl", &[]);
    assert_eq!(
        codes(&import(&workstation, &["two.jsonl", "three.jsonl"])),
        ["COUNTS_LOST"]
    );
    let total = summary(&workstation, &id);
    assert_eq!(
        (&total["machines"], &total["losses"]),
        (&json!(2), &json!(1))
    );
}
