//! `license use`: exact counts, which only a new day resets.

use super::*;

pub(crate) const QUOTA: &str = "commands_per_day";

pub(crate) fn used(machine: &Scratch, count: &str) -> RunOutput {
    on(HERE, machine, &["use", QUOTA, count, "--json"])
}

#[track_caller]
pub(crate) fn count(machine: &Scratch) -> u64 {
    let shown = used(machine, "0").expect_code(0).json();
    shown["used"].as_u64().unwrap()
}

/// Starts 50 concurrent processes, each of which uses `count` units. Returns the number of granted
/// uses.
pub(crate) fn granted_of_50(machine: &Scratch, count: &str) -> usize {
    let outcomes = std::thread::scope(|scope| {
        let started: Vec<_> = (0..50)
            .map(|_| scope.spawn(|| used(machine, count)))
            .collect();
        let ended = started.into_iter().map(|thread| thread.join().unwrap());
        ended.collect::<Vec<_>>()
    });
    for outcome in &outcomes {
        let answer = outcome.json();
        let code = if answer["granted"] == true { 0 } else { 1 };
        assert_eq!(outcome.code, Some(code), "{answer}");
        assert!(!warnings(&answer).contains(&"STATE"), "{answer}");
    }
    let granted = outcomes.iter().filter(|outcome| outcome.code == Some(0));
    granted.count()
}

#[test]
fn concurrent_processes_get_exactly_the_quota() {
    for (count_per_use, granted, total) in [("1", 10, 10), ("3", 3, 9)] {
        let machine = Scratch::new();
        let found = granted_of_50(&machine, count_per_use);
        assert_eq!(found, granted, "uses of {count_per_use}");
        assert_eq!(count(&machine), total, "uses of {count_per_use}");
    }
}

#[test]
fn each_use_is_counted_and_reported() {
    let machine = Scratch::new();
    let output = on(HERE, &machine, &["use", QUOTA]).expect_code(0).stdout;
    assert!(
        output.starts_with("granted: commands_per_day: 1 of 10 used today, 9 left; refills at "),
        "{output}"
    );
    let answer = used(&machine, "4").expect_code(0).json();
    let members = [
        "granted",
        "code",
        "asked",
        "used",
        "limit",
        "remaining",
        "tier",
    ];
    let members = members.map(|member| answer[member].clone());
    let expected = [
        json!(true),
        json!("VALID"),
        json!(4),
        json!(5),
        json!(10),
        json!(5),
        json!("FREE"),
    ];
    assert_eq!(members, expected);
}

#[test]
fn an_exhausted_quota_is_denied_until_midnight() {
    let machine = Scratch::new();
    let _ = used(&machine, "10").expect_code(0);
    let answer = used(&machine, "1").expect_code(1).json();
    assert_eq!(
        (&answer["granted"], &answer["code"]),
        (&json!(false), &json!("QUOTA_EXHAUSTED"))
    );
    let refills = answer["refills_at"].as_str().unwrap();
    assert!(refills.ends_with("T00:00:00Z"), "{refills}");
    let output = on(HERE, &machine, &["use", QUOTA]).expect_code(1);
    let denied = "denied: commands_per_day: QUOTA_EXHAUSTED: expected at most 10 a day, found 10 used and 1 requested";
    assert!(output.stdout.starts_with(denied), "{}", output.stdout);
    assert!(output.stdout.contains(refills), "{}", output.stdout);
}

#[test]
fn a_use_is_granted_completely_or_not_counted() {
    let machine = Scratch::new();
    let _ = used(&machine, "8").expect_code(0);
    let _ = used(&machine, "3").expect_code(1);
    let _ = used(&machine, &u64::MAX.to_string()).expect_code(1);
    assert_eq!(count(&machine), 8);
    let _ = used(&machine, "2").expect_code(0);
}

#[test]
fn a_quota_is_low_from_the_eighth_of_ten_uses() {
    let machine = Scratch::new();
    let seventh = used(&machine, "7").expect_code(0).json();
    assert_eq!(warnings(&seventh), [""; 0]);
    let eighth = used(&machine, "1").expect_code(0).json();
    assert_eq!(warnings(&eighth), ["QUOTA_LOW"]);
    let output = on(HERE, &machine, &["use", QUOTA]).expect_code(0).stderr;
    assert!(
        output.starts_with("warning: QUOTA_LOW: 9 of 10 "),
        "{output}"
    );
}

#[test]
fn a_count_of_zero_changes_nothing() {
    let machine = Scratch::new();
    let _ = used(&machine, "10").expect_code(0);
    let shown = used(&machine, "0").expect_code(0).json();
    assert_eq!(
        (&shown["granted"], &shown["used"], &shown["remaining"]),
        (&json!(true), &json!(10), &json!(0))
    );
    let fresh = Scratch::new();
    assert_eq!(count(&fresh), 0);
}

#[test]
fn an_unlimited_quota_is_counted_and_never_denied() {
    let machine = machine();
    let install = ["install", "--trust", "trust.jwks"];
    let _ = on(HERE, &machine, &[&install[..], &["ent.lic"]].concat()).expect_code(0);
    for total in [1000, 2000] {
        let answer = used(&machine, "1000").expect_code(0).json();
        assert_eq!(
            (&answer["used"], &answer["limit"], &answer["remaining"]),
            (&json!(total), &json!(-1), &json!(-1))
        );
        assert_eq!(warnings(&answer), [""; 0]);
    }
    let output = on(HERE, &machine, &["use", QUOTA]).expect_code(0).stdout;
    assert_eq!(
        output,
        "granted: commands_per_day: 2001 used today, unlimited\n"
    );
}

#[test]
fn counts_do_not_depend_on_the_installed_license() {
    let machine = machine();
    let _ = used(&machine, "9").expect_code(0);
    let install = ["install", "--trust", "trust.jwks", "ent.lic"];
    let _ = on(HERE, &machine, &install).expect_code(0);
    let _ = used(&machine, "5").expect_code(0);
    let _ = on(HERE, &machine, &["remove"]).expect_code(0);
    let _ = used(&machine, "1").expect_code(1);
    assert_eq!(count(&machine), 14);
}

#[test]
fn an_unknown_quota_is_refused_with_a_list_of_quotas() {
    let machine = Scratch::new();
    let error = license(&machine, &["use", "commands_per_week"]).expect_failure(2);
    for word in ["commands_per_week", "FREE"] {
        assert!(error.message.contains(word), "{error:?}");
    }
    for quota in ["commands_per_day", "agents", "slash_commands"] {
        assert!(error.hint.contains(quota), "{error:?}");
    }
    assert!(!machine.state().exists(), "nothing is counted");
}

#[test]
fn an_invalid_count_is_refused() {
    let machine = Scratch::new();
    for count in [
        "-1",
        "-99999999999999999999",
        "1.5",
        "ten",
        "",
        "18446744073709551616",
    ] {
        let error = license(&machine, &["use", QUOTA, count]).expect_failure(2);
        assert!(
            error.message.contains("expected a whole number from 0"),
            "{error:?}"
        );
    }
    assert!(!machine.state().exists(), "nothing is counted");
}

#[test]
fn a_use_at_another_time_is_refused() {
    let machine = Scratch::new();
    let error = license(&machine, &["use", QUOTA, "--at", "2099-01-01"]).expect_failure(2);
    assert!(error.message.contains("--at"), "{error:?}");
    assert!(!machine.state().exists(), "nothing is counted");
}

#[test]
fn in_grace_the_license_applies_and_with_strict_the_base_tier_applies() {
    let machine = machine();
    machine.write(
        "grace.lic",
        issue_license(&words(
            "--tier pro --perpetual --check-in 1 --grace 1000000",
        ))
        .file,
    );
    let _ = on(
        HERE,
        &machine,
        &["install", "--trust", "trust.jwks", "grace.lic"],
    )
    .expect_code(0);
    let limit = |args: &[&str]| {
        let used = on(HERE, &machine, &[&["use", QUOTA, "--json"], args].concat());
        used.expect_code(0).json()["limit"].clone()
    };
    assert_eq!(limit(&[]), -1);
    assert_eq!(limit(&["--strict"]), 10);
}
