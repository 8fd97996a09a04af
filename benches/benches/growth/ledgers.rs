//! Ledgers with 10 or more rows, read and extended by whole processes.

use std::fmt::Write;
use std::fs;
use std::time::Instant;

use license_benches::Line;
use license_tests::{Run, Scratch, Vendor};

/// The number of licenses in a batch. The license files are deleted after each batch.
const CHUNK: u32 = 50_000;
const ROUNDS: usize = 9;

const ISSUE: [&str; 9] = [
    "issue",
    "--tier=pro",
    "--customer=ACME Ltd",
    "--perpetual",
    "--key",
    "vendor.key",
    "--out",
    "one.lic",
    "--force",
];

/// A vendor's workstation with a ledger.
struct Workstation {
    size: u32,
    scratch: Scratch,
    /// The seconds that it took to issue and record all licenses.
    time: f64,
    /// The id of one license.
    license: String,
}

pub(crate) fn lines(most: u32) -> Vec<Line> {
    let vendor = Vendor::with_new_key("2048", "RS256");
    let sizes: Vec<u32> = std::iter::successors(Some(10), |size| Some(size * 10))
        .take_while(|size| *size <= most)
        .collect();
    let workstations: Vec<_> = sizes
        .iter()
        .map(|size| Workstation::new(&vendor, *size))
        .collect();
    let with_size = |size| {
        workstations
            .iter()
            .find(|workstation| workstation.size == size)
            .unwrap()
    };
    let line = |name: &str, args: &dyn Fn(&Workstation) -> Vec<String>| {
        Line::measure(name, ROUNDS, &sizes, |size| {
            let workstation = with_size(size);
            let args = args(workstation);
            let run = move || {
                let _ = Run::keygen(&workstation.scratch)
                    .args(&args)
                    .run()
                    .expect_code(0);
            };
            (size, run)
        })
    };
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    let times = workstations
        .iter()
        .map(|workstation| (workstation.size, workstation.time));
    vec![
        Line::new("`batch` of all rows", times),
        line("`ledger verify`", &|_| words(&["ledger", "verify"])),
        line("`ledger stats`", &|_| words(&["ledger", "stats"])),
        line("`ledger find` with a part of a name", &|_| {
            words(&["ledger", "find", "mer 0000007"])
        }),
        line("`ledger show` with an id", &|workstation| {
            words(&["ledger", "show", &workstation.license])
        }),
        line("`issue` of one license", &|_| words(&ISSUE)),
    ]
}

impl Workstation {
    /// Creates a ledger with `size` licenses.
    fn new(vendor: &Vendor, size: u32) -> Self {
        let scratch = vendor.workstation();
        let starts = (0..size).step_by(usize::try_from(CHUNK).unwrap());
        let times = starts.map(|start| issue(&scratch, start..size.min(start + CHUNK)));
        let time = times.sum();
        let list = ["ledger", "list", "--limit", "1", "--json"];
        let listed = Run::keygen(&scratch).args(list).run().expect_code(0).json();
        let license = listed.pointer("/licenses/0/license_id").unwrap();
        Self {
            size,
            time,
            license: license.as_str().unwrap().to_owned(),
            scratch,
        }
    }
}

/// Issues these licenses and returns the elapsed seconds.
fn issue(workstation: &Scratch, rows: std::ops::Range<u32>) -> f64 {
    let mut orders = String::from("tier,customer,days\n");
    for row in rows {
        writeln!(orders, "pro,Customer {row:07},365").unwrap();
    }
    workstation.write("orders.csv", orders);
    let args = ["batch", "orders.csv", "--key", "vendor.key", "--out", "out"];
    let started = Instant::now();
    let _ = Run::keygen(workstation).args(args).run().expect_code(0);
    let time = started.elapsed().as_secs_f64();
    fs::remove_dir_all(workstation.file("out")).unwrap();
    time
}
