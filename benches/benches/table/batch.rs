//! Rows: verification of 10,000 different licenses on all cores.

use std::hint::black_box;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use license_benches::{Row, SampleVendor, signed};
use license_core::Verifier;

use crate::{Planned, Vendors};

const COUNT: u64 = 10_000;
/// The number of rounds. A round takes a third of a second.
const ROUNDS: usize = 61;

pub(crate) fn rows(vendors: &Vendors) -> Vec<Planned<'_>> {
    let vendor = &vendors.large;
    vec![
        (
            "a batch of 10,000, RSA-4096, all cores",
            Box::new(move |work| batch(work, vendor)),
        ),
        (
            "10,000, RSA-4096, two threads and one",
            Box::new(move |work| threads(work, vendor)),
        ),
    ]
}

/// Verifies all tokens with one call.
fn verify_all(tokens: &[String], verifier: &Verifier, threads: usize) {
    let threads = NonZeroUsize::new(threads).unwrap();
    let count = verifier.verify_each(tokens, threads, |_, license| {
        drop(black_box(license.unwrap()));
    });
    assert_eq!(count, tokens.len());
}

fn batch<'a>(work: &'a str, vendor: &'a SampleVendor) -> Row<'a> {
    let cores = thread::available_parallelism().unwrap().get();
    let tokens: &'static [String] = vendor.tokens(COUNT).leak();
    let key = vendor.parsed();
    let all_signed: Vec<_> = tokens.iter().map(|token| signed(token)).collect();
    let verifier = Verifier::new(vendor.trust.clone());
    let row = Row::new(work, move || verify_all(tokens, &verifier, cores)).rounds(ROUNDS);
    let row = row.lower_bound("aws-lc-rs", Some(1.10), move || {
        run_on_threads(tokens.len(), cores, |number| {
            let (signed, signature) = all_signed.get(number).unwrap();
            key.verify_sig(signed, signature).unwrap();
        });
    });
    jsonwebtoken(row, tokens, vendor)
}

/// Compares two threads with one. The goal is a speedup of 1.93.
fn threads<'a>(work: &'a str, vendor: &'a SampleVendor) -> Row<'a> {
    let tokens: &'static [String] = vendor.tokens(COUNT).leak();
    let [verifier, one] = [(); 2].map(|()| Verifier::new(vendor.trust.clone()));
    let row = Row::new(work, move || verify_all(tokens, &verifier, 2)).rounds(ROUNDS);
    row.peer("one thread", Some(1.93), move || {
        verify_all(tokens, &one, 1)
    })
}

/// Calls the task with each number below `count`, on `threads` threads.
fn run_on_threads(count: usize, threads: usize, task: impl Fn(usize) + Sync) {
    let next = AtomicUsize::new(0);
    let work = || {
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            if at >= count {
                break;
            }
            task(at);
        }
    };
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(work);
        }
    });
}

#[cfg(feature = "peers")]
fn jsonwebtoken<'a>(row: Row<'a>, tokens: &'static [String], vendor: &SampleVendor) -> Row<'a> {
    use rayon::prelude::*;
    let peer = license_benches::Peer::new(vendor);
    row.peer("jsonwebtoken with rayon", None, move || {
        tokens.par_iter().for_each(|token| {
            drop(black_box(peer.decode(token)));
        });
    })
}

#[cfg(not(feature = "peers"))]
fn jsonwebtoken<'a>(row: Row<'a>, _: &'static [String], _: &SampleVendor) -> Row<'a> {
    row
}
