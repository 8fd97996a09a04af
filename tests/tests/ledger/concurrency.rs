//! Concurrent processes that write to and read from one ledger.

use std::thread;

use super::*;

#[test]
fn eight_concurrent_processes_lose_no_entry_and_share_no_serial() {
    const LICENSES_PER_PROCESS: usize = 5;
    let vendor = vendor();
    thread::scope(|scope| {
        for process in 0..8 {
            let vendor = &vendor;
            scope.spawn(move || {
                for license in 0..LICENSES_PER_PROCESS {
                    issue(vendor, &format!("{process}-{license}.lic"), &[]);
                    // Readers always see a valid chain.
                    verified_chain(vendor);
                }
            });
        }
    });
    let entries = export(&vendor);
    assert_eq!(entries.len(), 8 * LICENSES_PER_PROCESS + 1);
    assert_eq!(verified_chain(&vendor).0, 8 * 5 + 1);
    let serials: Vec<_> = entries[1..]
        .iter()
        .map(|entry| entry["body"]["serial"].as_u64().unwrap())
        .collect();
    assert!(
        serials.is_sorted_by(|serial, next| serial < next),
        "{serials:?}"
    );
    assert!(entries[1..].iter().all(|entry| entry["delivered"] == true));
}
