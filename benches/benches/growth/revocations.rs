//! Revocation lists with 10 to 250,000 licenses, which is about the maximum.

use std::hint::black_box;

use license_benches::{Line, Revocations, SampleVendor};
use license_core::issue::KeyBits;

pub(crate) const SIZES: [u32; 6] = [10, 100, 1000, 10_000, 100_000, 250_000];

pub(crate) fn lines() -> Vec<Line> {
    let vendor = SampleVendor::new(KeyBits::B2048);
    let list = |size: u32| Revocations::new(size.into(), &vendor.key);
    vec![
        Line::measure("parse and verify a list", 15, &SIZES, |size| {
            let list = list(size);
            let trust = &vendor.trust;
            (size, move || drop(black_box(list.load(trust))))
        }),
        Line::measure("look up a license", 61, &SIZES, |size| {
            let revocations = list(size);
            let list = revocations.load(&vendor.trust);
            let mut order = revocations.mixed().into_iter().cycle();
            (size, move || {
                black_box(list.revoked(black_box(&order.next().unwrap())));
            })
        }),
    ]
}
