//! After `kill -9` at any moment, every acknowledged count is recorded exactly once.

use std::time::{Duration, Instant};

use super::*;

const KILLS: u32 = 60;

/// Runs `license` and kills the process after `delay`. Returns whether the process had confirmed
/// its work.
fn kill_after(delay: Duration, machine: &Scratch, args: &[&str]) -> bool {
    let mut child = Run::license(machine).args(args).start();
    std::thread::sleep(delay);
    // Sends SIGKILL. The process can have ended already.
    let _ = child.kill();
    !child.wait_with_output().unwrap().stdout.is_empty()
}

#[test]
fn a_killed_process_counts_once_or_not_at_all() {
    let (workstation, machine, _) = workstation_and_machine();
    // The quota of the day is used up, so that all further uses are refused.
    let _ = license(&machine, &["use", QUOTA, "5"]).expect_code(0);
    let started = Instant::now();
    let _ = license(&machine, &["usage-report", "--json"]).expect_code(0);
    let duration = started.elapsed();
    let commands: [&[&str]; 3] = [
        &["use", QUOTA],
        &["check", "sso"],
        &["usage-report", "--json"],
    ];
    let (mut least, mut most) = ([0; 2], [0; 2]);
    for kill in 0..KILLS {
        let delay = duration * (kill.wrapping_mul(2_654_435_761) % 1200) / 1000;
        let command = usize::try_from(kill % 3).unwrap();
        let is_acknowledged = kill_after(delay, &machine, commands[command]);
        if let (Some(least), Some(most)) = (least.get_mut(command), most.get_mut(command)) {
            *least += u64::from(is_acknowledged);
            *most += 1;
        }
    }
    let report = send(&machine, &workstation, "usage.jsonl", &[]);
    let entries = entries(&report);
    let sum = |count: &dyn Fn(&Value) -> Option<u64>| entries.iter().filter_map(count).sum::<u64>();
    let refused = sum(&|entry| entry["quotas"][QUOTA]["refused"].as_u64());
    let denied = sum(&|entry| entry["refused_features"]["sso"].as_u64());
    assert_eq!(total(&entries).0, 5);
    for (counted, command) in [(refused, 0), (denied, 1)] {
        let bounds = least[command]..=most[command];
        assert!(
            bounds.contains(&counted),
            "expected {bounds:?}, found {counted}\n{report}"
        );
    }
    let _ = verify(&workstation, &["usage.jsonl"]);
    println!("{KILLS} kills: refusals {refused} of {least:?} to {most:?}, denials {denied}");
}
