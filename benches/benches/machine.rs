//! Times of library calls, compared with `ClientBuilder::build`.
//!
//!     cargo bench -p license-benches --bench machine
#![allow(missing_docs, reason = "a benchmark is not a library")]
#![allow(clippy::unwrap_used, reason = "a benchmark panics if its setup fails")]

use std::hint::black_box;

use license_benches::{Subject, compare};
use license_client::{Client, FeatureMatrix, TrustSet};
use license_tests::{Run, Scratch, Vendor};

fn main() {
    let machine = machine();
    library(&machine);
}

/// Creates a machine with a PRO license that is signed with an RSA-4096 key.
fn machine() -> Scratch {
    let vendor = Vendor::with_new_key("4096", "RS256");
    let machine = vendor.customer_machine();
    let license = vendor.issue(&["--tier", "pro", "--perpetual", "--offline"]);
    machine.write("pro.lic", license.file);
    let install = ["install", "--trust", "trust.jwks", "pro.lic"];
    let _ = Run::license(&machine).args(install).run().expect_code(0);
    machine
}

fn library(machine: &Scratch) {
    let trust = TrustSet::parse(&machine.read("trust.jwks")).unwrap();
    let open = || {
        Client::builder(trust.clone())
            .product(FeatureMatrix::built_in())
            .state_dir(machine.state())
            .build()
            .unwrap()
    };
    let client = open();
    let decision = client.decide().unwrap();
    assert!(decision.allows("cloud_sync"));
    let project = machine.path();
    let subjects = vec![
        Subject::new("ClientBuilder::build", || {
            let _ = black_box(open());
        }),
        Subject::new("Client::decide", || {
            let _ = black_box(client.decide().unwrap());
        }),
        Subject::new("Client::allows", || {
            let _ = black_box(client.allows(black_box("cloud_sync")).unwrap());
        }),
        Subject::new("Decision::allows", || {
            let _ = black_box(decision.allows(black_box("cloud_sync")));
        }),
        Subject::new("Client::use_quota, synced to the disk", || {
            let _ = black_box(client.use_quota("commands_per_day", 1).unwrap());
        }),
        Subject::new("Client::session", || {
            let _ = black_box(client.session(project).unwrap());
        }),
    ];
    compare("the library", 200, 20, subjects);
}
