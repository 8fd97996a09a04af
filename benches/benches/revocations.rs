//! Time to load a revocation list with 100,000 licenses, and to look up a license in it.
//!
//!     cargo bench -p license-benches --bench revocations -- 100000
#![allow(missing_docs, reason = "a benchmark is not a library")]
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark prints, and panics if its setup fails"
)]

use std::collections::HashSet;
use std::hint::black_box;

use license_benches::{Revocations, SampleVendor, Subject, compare, measure};
use license_core::LicenseId;
use license_core::issue::KeyBits;

fn main() {
    let count = std::env::args().filter_map(|argument| argument.parse().ok());
    let count: u64 = count.min().unwrap_or(100_000);
    let vendor = SampleVendor::new(KeyBits::B4096);
    let revocations = Revocations::new(count, &vendor.key);
    let megabytes = revocations.megabytes();
    println!("{count} licenses in a file of {megabytes:.1} MB");
    let load = || drop(black_box(revocations.load(&vendor.trust)));
    let time = measure(15, 1, &mut [Subject::new("load", load)]);
    let time = time.time(0).median;
    println!(
        "loaded and verified in {:.1} ms: {:.0} MB/s\n",
        time * 1e3,
        megabytes / time
    );
    look_up(&revocations, &vendor);
}

/// Compares look-ups with a hash set. Half of the licenses are on the list.
fn look_up(revocations: &Revocations, vendor: &SampleVendor) {
    let list = revocations.load(&vendor.trust);
    let set: HashSet<LicenseId> = revocations.ids.iter().cloned().collect();
    let order = revocations.mixed();
    let calls = u32::try_from(order.len()).unwrap();
    let (mut one, mut other) = (order.iter().cycle(), order.iter().cycle());
    compare(
        "look-up of a license, on the list or not",
        15,
        1,
        vec![
            Subject::with_calls("HashSet<LicenseId>", calls, || {
                black_box(set.contains(black_box(one.next().unwrap())));
            }),
            Subject::with_calls("RevocationList::revoked", calls, || {
                black_box(list.revoked(black_box(other.next().unwrap())));
            }),
        ],
    );
}
