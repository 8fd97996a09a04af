//! `kill -9` at any moment loses and doubles nothing that was acknowledged.

use std::time::{Duration, Instant};

use super::*;

const KILLS: u32 = 60;

/// Runs it, kills it after so long, and returns whether it had acknowledged by then what it did.
fn kill_after(moment: Duration, machine: &Scratch, args: &[&str]) -> bool {
    let mut child = Run::license(machine).args(args).start();
    std::thread::sleep(moment);
    // SIGKILL. It may have ended already.
    let _ = child.kill();
    !child.wait_with_output().unwrap().stdout.is_empty()
}

#[test]
fn uses_refusals_and_cuts_that_are_killed_are_counted_once_or_not_at_all() {
    let (desk, machine, _) = desk_and_machine();
    // All of the day's are used up, so that what follows is refused; zero commands have been cut yet.
    let _ = license(&machine, &["use", QUOTA, "5"]).expect_code(0);
    let started = Instant::now();
    let _ = license(&machine, &["usage-report", "--json"]).expect_code(0);
    let longest = started.elapsed();
    let commands: [&[&str]; 3] = [
        &["use", QUOTA],
        &["check", "sso"],
        &["usage-report", "--json"],
    ];
    let (mut least, mut most) = ([0; 2], [0; 2]);
    for kill in 0..KILLS {
        let moment = longest * (kill.wrapping_mul(2_654_435_761) % 1200) / 1000;
        let which = usize::try_from(kill % 3).unwrap();
        let is_acknowledged = kill_after(moment, &machine, commands[which]);
        if let (Some(least), Some(most)) = (least.get_mut(which), most.get_mut(which)) {
            *least += u64::from(is_acknowledged);
            *most += 1;
        }
    }
    let report = send(&machine, &desk, "usage.jsonl", &[]);
    let entries = entries(&report);
    let sum = |count: &dyn Fn(&Value) -> Option<u64>| entries.iter().filter_map(count).sum::<u64>();
    let refused = sum(&|entry| entry["quotas"][QUOTA]["refused"].as_u64());
    let denied = sum(&|entry| entry["refused_features"]["sso"].as_u64());
    assert_eq!(total(&entries).0, 5);
    for (counted, which) in [(refused, 0), (denied, 1)] {
        let bounds = least[which]..=most[which];
        assert!(
            bounds.contains(&counted),
            "{counted} of {bounds:?}\n{report}"
        );
    }
    let _ = verify(&desk, &["usage.jsonl"]);
    println!("{KILLS} kills: refusals {refused} of {least:?} to {most:?}, denials {denied}");
}
