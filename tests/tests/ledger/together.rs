//! Several processes at once.

use std::thread;

use super::*;

#[test]
fn eight_that_mint_at_once_lose_nothing_and_share_no_serial() {
    const EACH: usize = 5;
    let desk = desk();
    thread::scope(|scope| {
        for process in 0..8 {
            let desk = &desk;
            scope.spawn(move || {
                for license in 0..EACH {
                    issue(desk, &format!("{process}-{license}.lic"), &[]);
                    // Who looks meanwhile sees a whole chain.
                    whole(desk);
                }
            });
        }
    });
    let entries = export(&desk);
    assert_eq!(entries.len(), 8 * EACH + 1);
    assert_eq!(whole(&desk).0, 8 * 5 + 1);
    let serials: Vec<_> = entries[1..]
        .iter()
        .map(|entry| entry["body"]["serial"].as_u64().unwrap())
        .collect();
    assert!(serials.is_sorted_by(|one, next| one < next), "{serials:?}");
    assert!(entries[1..].iter().all(|entry| entry["delivered"] == true));
}
