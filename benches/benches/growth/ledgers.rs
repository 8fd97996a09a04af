//! Lines: a ledger of ten rows to as many as one likes, looked into and added to by whole processes.

use std::fmt::Write;
use std::fs;
use std::time::Instant;

use license_benches::Line;
use license_tests::{Run, Scratch, Vendor};

/// So many licenses are written before their files are removed.
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

/// A vendor's desk with a ledger.
struct Desk {
    size: u32,
    scratch: Scratch,
    /// Seconds that it took to mint and enter them all.
    time: f64,
    /// One of the licenses.
    license: String,
}

pub(crate) fn lines(most: u32) -> Vec<Line> {
    let vendor = Vendor::with_key("2048", "RS256");
    let sizes: Vec<u32> = std::iter::successors(Some(10), |size| Some(size * 10))
        .take_while(|size| *size <= most)
        .collect();
    let desks: Vec<_> = sizes.iter().map(|size| Desk::new(&vendor, *size)).collect();
    let of = |size| desks.iter().find(|desk| desk.size == size).unwrap();
    let line = |name: &str, args: &dyn Fn(&Desk) -> Vec<String>| {
        Line::measure(name, ROUNDS, &sizes, |size| {
            let desk = of(size);
            let args = args(desk);
            let run = move || {
                let _ = Run::keygen(&desk.scratch).args(&args).run().expect_code(0);
            };
            (size, run)
        })
    };
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    let times = desks.iter().map(|desk| (desk.size, desk.time));
    vec![
        Line::of("`batch` of as many", times),
        line("`ledger verify`", &|_| words(&["ledger", "verify"])),
        line("`ledger stats`", &|_| words(&["ledger", "stats"])),
        line("`ledger find`, a part of a name", &|_| {
            words(&["ledger", "find", "mer 0000007"])
        }),
        line("`ledger show`, by the id", &|desk| {
            words(&["ledger", "show", &desk.license])
        }),
        line("`issue` of one more", &|_| words(&ISSUE)),
    ]
}

impl Desk {
    /// With so many licenses entered.
    fn new(vendor: &Vendor, size: u32) -> Self {
        let scratch = vendor.desk();
        let starts = (0..size).step_by(usize::try_from(CHUNK).unwrap());
        let times = starts.map(|start| enter(&scratch, start..size.min(start + CHUNK)));
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

/// Mints these, and returns the seconds that it took.
fn enter(desk: &Scratch, rows: std::ops::Range<u32>) -> f64 {
    let mut orders = String::from("tier,customer,days\n");
    for row in rows {
        writeln!(orders, "pro,Customer {row:07},365").unwrap();
    }
    desk.write("orders.csv", orders);
    let args = ["batch", "orders.csv", "--key", "vendor.key", "--out", "out"];
    let started = Instant::now();
    let _ = Run::keygen(desk).args(args).run().expect_code(0);
    let time = started.elapsed().as_secs_f64();
    fs::remove_dir_all(desk.file("out")).unwrap();
    time
}
