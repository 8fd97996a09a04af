//! A machine is used; what it counted is read, anonymised, sent, checked, entered and summed up.

use license_tests::tools;

use super::*;

/// Four used, one refused, a feature refused, and two sessions on one project.
fn work(machine: &Scratch) {
    let _ = license(machine, &["use", QUOTA, "4"]).expect_code(0);
    let _ = license(machine, &["use", QUOTA, "2"]).expect_code(1);
    let _ = license(machine, &["check", "sso"]).expect_code(1);
    let client = client(machine);
    for _ in 0..2 {
        let session = client.session_of(Some("ann"), machine.path()).unwrap();
        drop(session);
    }
}

#[test]
fn what_was_done_is_what_is_reported_and_summed_up() {
    let (desk, machine, id) = desk_and_machine();
    work(&machine);
    let report = send(&machine, &desk, "usage.jsonl", &[]);
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

    let verified = verify(&desk, &["usage.jsonl"]);
    assert_eq!(
        (&verified["whole"], findings(&verified)),
        (&json!(true), vec![])
    );
    assert_eq!(verified["chains"][0]["anonymised"], false);
    let imported = import(&desk, &["usage.jsonl"]);
    assert_eq!(
        imported,
        json!({ "entered": 1, "known": 0, "warnings": [] })
    );
    let again = import(&desk, &["usage.jsonl"]);
    assert_eq!(again, json!({ "entered": 0, "known": 1, "warnings": [] }));
    let summed = summary(&desk, &id);
    assert_eq!(summed["customer"], "ACME Ltd");
    assert_eq!(summed["quotas"][QUOTA]["used"], 4);
    assert_eq!(summed["quotas"][QUOTA]["peak"]["used"], 4);
    assert_eq!(
        (&summed["machines"], &summed["sessions"]),
        (&json!(1), &json!(2))
    );
}

#[test]
fn no_name_of_the_report_gets_into_the_ledger() {
    let (desk, machine, _) = desk_and_machine();
    work(&machine);
    let report = send(&machine, &desk, "usage.jsonl", &[]);
    let _ = import(&desk, &["usage.jsonl"]);
    let export = keygen(&desk, &["ledger", "export"]).expect_code(0).stdout;
    assert!(report.contains("ann") && report.contains("sess_"));
    assert!(
        !export.contains("\"ann\"") && !export.contains("sess_"),
        "{export}"
    );
}

#[test]
fn lines_that_name_somebody_can_be_deleted_by_hand_or_left_out() {
    let (desk, machine, _) = desk_and_machine();
    work(&machine);
    let named = send(&machine, &desk, "named.jsonl", &[]);
    let by_hand = named
        .lines()
        .filter(|line| !line.starts_with("{\"private\""));
    let by_hand: String = by_hand.map(|line| format!("{line}\n")).collect();
    let left_out = send(&machine, &desk, "anonymous.jsonl", &["--anonymise"]);
    assert_eq!(by_hand, left_out);
    assert!(!left_out.contains("ann\"") && !left_out.contains("mach_"));
    let verified = verify(&desk, &["anonymous.jsonl"]);
    assert_eq!(verified["chains"][0]["anonymised"], true);
    assert_eq!(import(&desk, &["anonymous.jsonl"])["entered"], 1);
    assert_eq!(import(&desk, &["named.jsonl"])["known"], 1);
}

#[test]
fn a_second_report_goes_on_where_the_first_ended() {
    let (desk, machine, id) = desk_and_machine();
    let _ = license(&machine, &["use", QUOTA, "2"]).expect_code(0);
    let _ = send(&machine, &desk, "one.jsonl", &[]);
    let _ = license(&machine, &["use", QUOTA, "3"]).expect_code(0);
    let two = send(&machine, &desk, "two.jsonl", &[]);
    assert_eq!(entries(&two).len(), 2);
    // With nothing counted since, nothing is added.
    let again = send(&machine, &desk, "again.jsonl", &[]);
    assert_eq!(two, again);
    let _ = import(&desk, &["one.jsonl"]);
    assert_eq!(
        import(&desk, &["two.jsonl"]),
        json!({ "entered": 1, "known": 1, "warnings": [] })
    );
    assert_eq!(summary(&desk, &id)["quotas"][QUOTA]["used"], 5);
}

#[test]
fn a_clock_that_is_set_back_or_ahead_is_told() {
    let Some(faketime) = tools::faketime() else {
        return;
    };
    let (desk, machine, id) = desk_and_machine();
    let _ = license(&machine, &["use", QUOTA]).expect_code(0);
    let _ = shifted(faketime, &machine, "-3d", &["use", QUOTA]).expect_code(0);
    let report = send(&machine, &desk, "usage.jsonl", &[]);
    let [entry] = &entries(&report)[..] else {
        panic!("{report}")
    };
    assert_eq!(entry["clock"]["behind"], 1);
    let seconds = entry["clock"]["most_seconds"].as_u64().unwrap();
    assert!((250_000..270_000).contains(&seconds), "{seconds}");
    assert_eq!(findings(&verify(&desk, &["usage.jsonl"])), ["CLOCK_JUMP"]);
    assert_eq!(codes(&import(&desk, &["usage.jsonl"])), ["CLOCK_JUMP"]);
    assert_eq!(summary(&desk, &id)["clock_jumps"], 1);
}

#[test]
fn each_day_is_an_entry_and_the_day_ends_by_itself() {
    let Some(faketime) = tools::faketime() else {
        return;
    };
    // Where the uptime is told, a clock that jumps within one boot is not believed for more than a day.
    let (desk, machine, id) = desk_and_machine();
    let _ = license(&machine, &["use", QUOTA, "2"]).expect_code(0);
    let _ = shifted(faketime, &machine, "+23h", &["use", QUOTA, "1"]);
    let _ = shifted(faketime, &machine, "+47h", &["use", QUOTA, "1"]);
    let report = send(&machine, &desk, "usage.jsonl", &[]);
    let entries = entries(&report);
    assert!(entries.len() >= 2, "{report}");
    assert_eq!(total(&entries).0, 4);
    let _ = verify(&desk, &["usage.jsonl"]);
    let _ = import(&desk, &["usage.jsonl"]);
    let summed = summary(&desk, &id);
    assert_eq!(summed["quotas"][QUOTA]["used"], 4);
    assert_eq!(summed["days"], entries.len());
}

#[test]
fn a_machine_that_was_set_back_to_a_snapshot_is_a_fork_and_a_warning() {
    let (desk, machine, id) = desk_and_machine();
    let _ = license(&machine, &["use", QUOTA, "1"]).expect_code(0);
    let _ = send(&machine, &desk, "one.jsonl", &[]);
    copy(&machine.state(), &machine.file("snapshot"));
    let _ = license(&machine, &["use", QUOTA, "2"]).expect_code(0);
    let _ = send(&machine, &desk, "two.jsonl", &[]);
    copy(&machine.file("snapshot"), &machine.state());
    let _ = license(&machine, &["use", QUOTA, "3"]).expect_code(0);
    let _ = send(&machine, &desk, "three.jsonl", &[]);

    let verified = verify(&desk, &["two.jsonl", "three.jsonl"]);
    assert_eq!(
        (&verified["whole"], findings(&verified)),
        (&json!(true), vec!["FORK"])
    );
    let _ = import(&desk, &["two.jsonl"]);
    let forked = import(&desk, &["three.jsonl"]);
    assert_eq!(codes(&forked), ["FORK"]);
    assert_eq!(
        (&forked["entered"], &forked["known"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(codes(&import(&desk, &["three.jsonl"])), [""; 0]);
    let summed = summary(&desk, &id);
    assert_eq!((&summed["forks"], &summed["gaps"]), (&json!(1), &json!(0)));
    assert_eq!(summed["quotas"][QUOTA]["used"], 6);
}

#[test]
fn without_its_journal_the_chain_goes_on_and_what_was_never_reported_is_a_gap() {
    let (desk, machine, id) = desk_and_machine();
    let remove = |name: &str| fs::remove_file(machine.state().join(name)).unwrap();
    for (count, name) in [("1", "one.jsonl"), ("1", "two.jsonl")] {
        let _ = license(&machine, &["use", QUOTA, count]).expect_code(0);
        let _ = send(&machine, &desk, name, &[]);
    }
    remove("usage");
    let _ = license(&machine, &["use", QUOTA, "1"]).expect_code(0);
    let _ = send(&machine, &desk, "three.jsonl", &[]);
    let _ = import(&desk, &["one.jsonl"]);
    assert_eq!(codes(&import(&desk, &["three.jsonl"])), ["GAP"]);
    assert_eq!(summary(&desk, &id)["gaps"], 1);
    // What was sent before fills it.
    assert_eq!(codes(&import(&desk, &["two.jsonl"])), [""; 0]);
    assert_eq!(summary(&desk, &id)["gaps"], 0);
}

#[test]
fn without_its_state_the_chain_says_that_counts_were_lost_and_without_both_another_begins() {
    let (desk, machine, id) = desk_and_machine();
    let _ = license(&machine, &["use", QUOTA, "1"]).expect_code(0);
    let _ = send(&machine, &desk, "one.jsonl", &[]);
    for name in ["license.cache", "quota"] {
        fs::remove_file(machine.state().join(name)).unwrap();
    }
    let _ = license(&machine, &["use", QUOTA, "1"]).expect_code(0);
    let _ = send(&machine, &desk, "two.jsonl", &[]);
    assert_eq!(findings(&verify(&desk, &["two.jsonl"])), ["COUNTS_LOST"]);
    for name in ["license.cache", "quota", "usage"] {
        fs::remove_file(machine.state().join(name)).unwrap();
    }
    let _ = license(&machine, &["use", QUOTA, "1"]).expect_code(0);
    let _ = send(&machine, &desk, "three.jsonl", &[]);
    assert_eq!(
        codes(&import(&desk, &["two.jsonl", "three.jsonl"])),
        ["COUNTS_LOST"]
    );
    let summed = summary(&desk, &id);
    assert_eq!(
        (&summed["machines"], &summed["losses"]),
        (&json!(2), &json!(1))
    );
}
