//! Time of `keygen batch`, compared with the time of the signatures alone on the same cores.
//!
//!     cargo bench -p license-benches --bench issuing -- 10000
#![allow(missing_docs, reason = "a benchmark is not a library")]
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark prints, and panics if its setup fails"
)]

use std::fmt::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use license_benches::random;
use license_core::issue::{KeyBits, Signer, SigningKey};
use license_core::jose::Algorithm;
use license_tests::{Run, Scratch, Vendor};

/// The number of rounds. Both subjects run in each round, so that other load affects both.
const ROUNDS: usize = 3;

fn main() {
    let rows = std::env::args().filter_map(|argument| argument.parse().ok());
    let rows: usize = rows.min().unwrap_or(2000);
    let cores = thread::available_parallelism().unwrap().get();
    let vendor = Vendor::with_new_key("4096", "RS256");
    // The directories are removed after the last round, because ext4 creates files slowly for
    // some seconds after a removal.
    let workstations: Vec<_> = (0..ROUNDS).map(|_| vendor.workstation()).collect();
    let rounds: Vec<_> = workstations
        .iter()
        .map(|workstation| (raw(rows, cores), batch(rows, workstation)))
        .collect();
    let median = |value: fn(&(Cost, Cost)) -> f64| {
        let mut all: Vec<f64> = rounds.iter().map(value).collect();
        all.sort_by(f64::total_cmp);
        all.get(ROUNDS / 2).copied().unwrap_or(f64::NAN)
    };
    println!("{rows} RSA-4096 licenses on {cores} cores, median of {ROUNDS} rounds");
    println!(
        "                       elapsed   processor time of all cores\n  \
         only signatures   {:8.2} s  {:8.2} s\n  keygen batch      {:8.2} s  {:8.2} s\n  \
         ratio             {:8.3}    {:8.3}",
        median(|(raw, _)| raw.elapsed),
        median(|(raw, _)| raw.processor),
        median(|(_, batch)| batch.elapsed),
        median(|(_, batch)| batch.processor),
        median(|(raw, batch)| batch.elapsed / raw.elapsed),
        median(|(raw, batch)| batch.processor / raw.processor),
    );
}

/// The time of a task, in seconds.
struct Cost {
    elapsed: f64,
    /// The processor time of all cores, including child processes.
    processor: f64,
}

impl Cost {
    fn measure(task: impl FnOnce()) -> Self {
        let (started, before) = (Instant::now(), processor_time());
        task();
        Self {
            elapsed: started.elapsed().as_secs_f64(),
            processor: processor_time() - before,
        }
    }
}

/// Returns the user and system time of this process and its children (proc_pid_stat(5), fields 14
/// to 17). Other load affects it less than the elapsed time.
fn processor_time() -> f64 {
    let Ok(stat) = std::fs::read_to_string("/proc/self/stat") else {
        return f64::NAN;
    };
    let fields = stat.rsplit(')').next().unwrap().split_whitespace();
    let ticks = fields.skip(11).take(4).map(|ticks| ticks.parse::<f64>());
    ticks.map(Result::unwrap).sum::<f64>() / 100.0
}

/// Measures `count` signatures over as many bytes as a license has.
fn raw(count: usize, cores: usize) -> Cost {
    let der = SigningKey::generate(KeyBits::B4096, Algorithm::Rs256, &random).unwrap();
    let key = SigningKey::from_pkcs8(&der, None, random).unwrap();
    let next = AtomicUsize::new(0);
    let message = [b'a'; 1000];
    let sign = || {
        while next.fetch_add(1, Ordering::Relaxed) < count {
            let _ = key.sign(&message).unwrap();
        }
    };
    Cost::measure(|| {
        thread::scope(|scope| {
            for _ in 0..cores {
                scope.spawn(sign);
            }
        });
    })
}

/// Measures the whole program: parsing, checking, signing, verifying, ledger and files.
fn batch(rows: usize, workstation: &Scratch) -> Cost {
    let mut orders = String::from("tier,customer,days,offline\n");
    for row in 0..rows {
        writeln!(orders, "pro,Customer {row},365,yes").unwrap();
    }
    workstation.write("orders.csv", orders);
    let args = ["batch", "orders.csv", "--key", "vendor.key", "--out", "out"];
    Cost::measure(|| {
        let _ = Run::keygen(workstation).args(args).run().expect_code(0);
    })
}
