//! Rows: a revocation list with 100,000 licenses.

use std::collections::HashSet;
use std::hint::black_box;

use license_benches::{Revocations, Row, SampleVendor};
use license_core::LicenseId;
use license_core::issue::KeyBits;

use crate::Planned;

const COUNT: u64 = 100_000;

pub(crate) fn rows() -> Vec<Planned<'static>> {
    vec![
        ("load 100,000 revocations", Box::new(load)),
        ("revocation look-up among 100,000", Box::new(look_up)),
    ]
}

fn load(work: &'static str) -> Row<'static> {
    let vendor = SampleVendor::new(KeyBits::B4096);
    let revocations = Revocations::new(COUNT, &vendor.key);
    let bytes = revocations.megabytes() * 1e6;
    let load = move || drop(black_box(revocations.load(&vendor.trust)));
    Row::new(work, load).throughput(bytes, 100.0).rounds(31)
}

fn look_up(work: &'static str) -> Row<'static> {
    let vendor = SampleVendor::new(KeyBits::B2048);
    let revocations = Revocations::new(COUNT, &vendor.key);
    let list = revocations.load(&vendor.trust);
    let set: HashSet<LicenseId> = revocations.ids.iter().cloned().collect();
    let (mut one, mut other) = (cycle(&revocations), cycle(&revocations));
    let query = move || {
        black_box(list.revoked(black_box(one.next().unwrap())));
    };
    Row::new(work, query).lower_bound("HashSet", Some(2.0), move || {
        black_box(set.contains(black_box(other.next().unwrap())));
    })
}

/// Returns an endless iterator over licenses in random order. About half of the licenses are on the
/// list. The licenses do not fit into the processor's cache.
fn cycle(revocations: &Revocations) -> impl Iterator<Item = &'static LicenseId> + use<> {
    let order: &'static [LicenseId] = revocations.mixed().leak();
    order.iter().cycle()
}
