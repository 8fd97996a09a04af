//! Concurrent processes and threads lose no counts.

use super::*;

#[test]
fn every_use_and_refusal_of_concurrent_processes_is_counted_once() {
    let (workstation, machine, _) = workstation_and_machine();
    std::thread::scope(|scope| {
        for number in 0..24 {
            let machine = &machine;
            scope.spawn(move || match number % 3 {
                0 => drop(license(machine, &["check", "sso"]).expect_code(1)),
                1 => drop(license(machine, &["use", QUOTA])),
                _ => drop(license(machine, &["usage-report", "--json"]).expect_code(0)),
            });
        }
    });
    let report = send(&machine, &workstation, "usage.jsonl", &[]);
    let entries = entries(&report);
    assert_eq!(total(&entries), (5, 3), "{report}");
    let refused = entries
        .iter()
        .filter_map(|entry| entry["refused_features"]["sso"].as_u64());
    assert_eq!(refused.sum::<u64>(), 8);
    let _ = verify(&workstation, &["usage.jsonl"]);
}

#[test]
fn every_session_of_concurrent_threads_is_counted_once() {
    let (workstation, machine, _) = workstation_and_machine();
    let client = client(&machine);
    std::thread::scope(|scope| {
        for number in 0..8 {
            let (client, machine) = (&client, &machine);
            scope.spawn(move || {
                let user = format!("user-{}", number % 4);
                let context = client.context().user(&user);
                let session = client.session_in(&context, machine.path());
                drop(session.unwrap());
            });
        }
    });
    drop(client);
    let entries = entries(&send(&machine, &workstation, "usage.jsonl", &[]));
    assert_eq!(
        (&entries[0]["sessions"], &entries[0]["users"]),
        (&json!(8), &json!(4))
    );
}
