//! Activations, and the machines that use a license.

use super::machine_use::MACHINE_USES;
use super::*;

fn entry(kind: LedgerEntryKind, license: &str, body: Value) -> NewLedgerEntry {
    let artifact = match kind {
        LedgerEntryKind::Release => String::new(),
        _ => format!("{license} {body}"),
    };
    NewLedgerEntry {
        kind,
        subject: license.to_owned(),
        body,
        artifact,
    }
}

fn license(id: &str, supersedes: &[&str]) -> NewLedgerEntry {
    entry(
        LedgerEntryKind::License,
        id,
        json!({ "supersedes": supersedes }),
    )
}

fn check_in(license: &str, machine: Option<&str>, status: &str) -> NewLedgerEntry {
    let body = json!({ "machine": machine, "status": status });
    entry(LedgerEntryKind::CheckIn, license, body)
}

fn activation(license: &str, machine: &str, id: &str) -> NewLedgerEntry {
    let body =
        json!({ "machine": machine, "activation_id": id, "nonce": format!("nonce of {id}") });
    entry(LedgerEntryKind::Activation, license, body)
}

fn release(license: &str, machine: &str, id: &str) -> NewLedgerEntry {
    let body = json!({ "machine": machine, "activation_id": id });
    entry(LedgerEntryKind::Release, license, body)
}

fn machines(entries: &[NewLedgerEntry]) -> Vec<String> {
    let (_directory, ledger) = ledger(entries);
    ledger
        .machines_in_use(&["a", "b"])
        .unwrap()
        .into_iter()
        .collect()
}

#[test]
fn a_machine_counts_once_and_only_with_an_active_status() {
    let records = [
        check_in("a", Some("one"), "active"),
        check_in("a", Some("one"), "active"),
        activation("a", "one", "x"),
        check_in("a", Some("two"), "suspended"),
        check_in("a", None, "active"),
        activation("b", "three", "y"),
        check_in("c", Some("four"), "active"),
    ];
    assert_eq!(machines(&records), ["one", "three"]);
}

#[test]
fn a_released_machine_counts_again_after_its_next_check_in_or_activation() {
    let mut records = vec![
        check_in("a", Some("one"), "active"),
        activation("a", "one", "x"),
        check_in("b", Some("one"), "active"),
        release("a", "one", "x"),
    ];
    assert_eq!(machines(&records), [""; 0]);
    records.push(check_in("b", Some("one"), "active"));
    assert_eq!(machines(&records), ["one"]);
    records.pop();
    records.push(activation("b", "one", "y"));
    assert_eq!(machines(&records), ["one"]);
}

#[test]
fn a_late_receipt_does_not_release_a_machine_that_was_activated_again() {
    let records = [
        activation("a", "one", "x"),
        activation("a", "one", "y"),
        release("a", "one", "x"),
    ];
    assert_eq!(machines(&records), ["one"]);
}

#[test]
fn licenses_that_replace_each_other_are_one_family_even_in_a_cycle() {
    let (_directory, ledger) = ledger(&[
        license("a", &[]),
        license("b", &["a"]),
        license("c", &["a", "b"]),
        license("d", &["e"]),
        license("e", &["d"]),
    ]);
    let family = |id| {
        ledger
            .license_family(id)
            .unwrap()
            .into_iter()
            .collect::<Vec<_>>()
    };
    for id in ["a", "b", "c"] {
        assert_eq!(family(id), ["a", "b", "c"], "{id}");
    }
    assert_eq!(family("d"), ["d", "e"]);
    assert_eq!(family("none"), ["none"]);
}

#[test]
fn an_activation_that_was_recorded_twice_counts_once() {
    let (_directory, ledger) = ledger(&[
        activation("a", "one", "x"),
        activation("a", "one", "x"),
        release("a", "one", "x"),
    ]);
    let found = ledger.activations("a").unwrap();
    assert_eq!(found.len(), 1);
    assert!(found.iter().all(|activation| activation.release.is_some()));
    let answer = ledger
        .answer(LedgerEntryKind::Activation, "nonce of x")
        .unwrap();
    assert_eq!(answer.map(|entry| entry.seq), Some(2));
    assert!(
        ledger
            .answer(LedgerEntryKind::ClockRepair, "nonce of x")
            .unwrap()
            .is_none()
    );
}

#[test]
fn queries_for_answers_and_for_machines_in_use_use_an_index() {
    let (_directory, ledger) = ledger(&[]);
    for (condition, index) in [
        (
            "json_extract(body, '$.nonce') = ?1 AND kind IN ('activation', 'clock_repair')",
            "entries_by_nonce",
        ),
        (
            "json_extract(body, '$.activation_id') = ?1 AND kind IN ('activation', 'release')",
            "entries_by_activation",
        ),
    ] {
        let sql =
            format!("EXPLAIN QUERY PLAN SELECT seq FROM entries WHERE {condition} ORDER BY seq");
        let plan: String = ledger
            .db
            .query_row(&sql, ["x"], |row| row.get("detail"))
            .unwrap();
        assert!(plan.contains(index), "{plan}");
    }
    let mut statement = ledger
        .db
        .prepare(&format!("EXPLAIN QUERY PLAN {MACHINE_USES}"))
        .unwrap();
    let plan = statement.query_map(["x"], |row| row.get::<_, String>("detail"));
    let plan: Vec<String> = plan.unwrap().map(Result::unwrap).collect();
    let plan = plan.join("\n");
    for index in ["entries_by_subject", "entries_by_activation"] {
        assert!(plan.contains(index), "{plan}");
    }
    assert!(!plan.contains("SCAN e"), "{plan}");
}
