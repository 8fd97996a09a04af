//! Lines: a revocation list of ten licenses to a quarter of a million, which is about as many as a list may hold.

use std::hint::black_box;

use license_benches::{Line, Revocations, Vendor};
use license_core::issue::KeyBits;

pub(crate) const SIZES: [u32; 6] = [10, 100, 1000, 10_000, 100_000, 250_000];

pub(crate) fn lines() -> Vec<Line> {
    let vendor = Vendor::new(KeyBits::B2048);
    let list = |size: u32| Revocations::new(size.into(), &vendor.key);
    vec![
        Line::measure("a list is loaded and verified", 15, &SIZES, |size| {
            let list = list(size);
            let trust = &vendor.trust;
            (size, move || drop(black_box(list.load(trust))))
        }),
        Line::measure("a license is looked up", 61, &SIZES, |size| {
            let revocations = list(size);
            let list = revocations.load(&vendor.trust);
            let mut order = revocations.mixed().into_iter().cycle();
            (size, move || {
                black_box(list.revoked(black_box(&order.next().unwrap())));
            })
        }),
    ]
}
