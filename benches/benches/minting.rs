//! What `keygen batch` costs beside nothing but the signatures, on the same cores.
//!
//!     cargo bench -p license-benches --bench minting -- 10000
#![allow(missing_docs, reason = "a program, and no library")]
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench prints, and ends where it can't be set up"
)]

use std::fmt::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use license_core::Algorithm;
use license_core::issue::{KeyBits, Sign, SigningKey};
use license_tests::{Run, Vendor};

fn main() {
    let rows = std::env::args().filter_map(|argument| argument.parse().ok());
    let rows: usize = rows.min().unwrap_or(2000);
    let cores = thread::available_parallelism().unwrap().get();
    let raw = raw(rows, cores);
    let batch = batch(rows);
    println!("{rows} RSA-4096 licenses on {cores} cores");
    println!("  signatures alone  {raw:8.2} s  1.000");
    println!("  keygen batch      {batch:8.2} s  {:.3}", batch / raw);
}

/// As many signatures over as many bytes as a license has.
fn raw(count: usize, cores: usize) -> f64 {
    let der = SigningKey::generate(KeyBits::B4096, Algorithm::Rs256).unwrap();
    let key = SigningKey::from_pkcs8(&der, None).unwrap();
    let next = AtomicUsize::new(0);
    let message = [b'a'; 1000];
    let started = Instant::now();
    thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                while next.fetch_add(1, Ordering::Relaxed) < count {
                    let _ = key.sign(&message).unwrap();
                }
            });
        }
    });
    started.elapsed().as_secs_f64()
}

/// The whole program: reading, checking, signing, verifying, the ledger, the files.
fn batch(rows: usize) -> f64 {
    let vendor = Vendor::with_key("4096", "RS256");
    let desk = vendor.desk();
    let mut orders = String::from("tier,customer,days,offline\n");
    for row in 0..rows {
        writeln!(orders, "pro,Customer {row},365,yes").unwrap();
    }
    desk.write("orders.csv", orders);
    let args = ["batch", "orders.csv", "--key", "vendor.key", "--out", "out"];
    let started = Instant::now();
    let _ = Run::keygen(&desk).args(args).run().expect_code(0);
    started.elapsed().as_secs_f64()
}
