//! State of a machine. Only revocation lists and sessions grow without a bound.
//!
//! A quota is one counter, and usage, activations and requests are bounded.

use std::fs;
use std::hint::black_box;

use license_benches::{Line, Revocations, SampleVendor};
use license_client::Client;
use license_core::issue::{KeyBits, Signer};
use license_core::{FeatureMatrix, Unverified};
use license_tests::{Run, Scratch};

use crate::revocations::SIZES;

const SESSIONS: [u32; 4] = [10, 100, 1000, 10_000];

pub(crate) fn lines() -> Vec<Line> {
    let vendor = SampleVendor::new(KeyBits::B2048);
    let machines: Vec<_> = SIZES
        .iter()
        .map(|size| (*size, machine_with_list(&vendor, *size)))
        .collect();
    let client = |size: u32| {
        let (_, machine) = machines.iter().find(|(own, _)| *own == size).unwrap();
        open(machine, &vendor)
    };
    vec![
        Line::measure("`ClientBuilder::build` with a list", 15, &SIZES, |size| {
            let client = &client;
            (size, move || {
                drop(black_box(client(size).decide().unwrap()))
            })
        }),
        Line::measure("`Client::decide` with a list", 61, &SIZES, |size| {
            let client = client(size);
            (size, move || drop(black_box(client.decide().unwrap())))
        }),
        Line::measure("`Client::use_quota` with a list", 61, &SIZES, |size| {
            let client = client(size);
            (size, move || {
                let _ = black_box(client.use_quota("commands_per_day", 1).unwrap());
            })
        }),
        Line::measure("`Client::session` with sessions", 61, &SESSIONS, |size| {
            let machine = machine_with_license(&vendor);
            leave_sessions(&machine, size);
            let client = open(&machine, &vendor);
            (size, move || {
                drop(black_box(client.session(machine.path()).unwrap()));
            })
        }),
    ]
}

fn open(machine: &Scratch, vendor: &SampleVendor) -> Client {
    Client::builder(vendor.trust.clone())
        .product(FeatureMatrix::built_in())
        .state_dir(machine.state())
        .build()
        .unwrap()
}

/// Creates a machine with a license.
fn machine_with_license(vendor: &SampleVendor) -> Scratch {
    let machine = Scratch::new();
    machine.write("trust.jwks", vendor.key.public().to_jwk().to_string());
    let token = Unverified::parse(&vendor.token).unwrap();
    install(&machine, &token.to_armor());
    machine
}

/// Creates a machine with a license and a revocation list.
fn machine_with_list(vendor: &SampleVendor, size: u32) -> Scratch {
    let machine = machine_with_license(vendor);
    install(&machine, &Revocations::new(size.into(), &vendor.key).file);
    machine
}

fn install(machine: &Scratch, file: &str) {
    machine.write("file.lic", file);
    let install = ["install", "--trust", "trust.jwks", "file.lic"];
    let _ = Run::license(machine).args(install).run().expect_code(0);
}

/// Creates the session files that killed processes leave.
fn leave_sessions(machine: &Scratch, count: u32) {
    let directory = machine.state().join("sessions");
    fs::create_dir_all(&directory).unwrap();
    for number in 0..count {
        fs::write(directory.join(format!("sess_{number:032x}.1-{number}")), "").unwrap();
    }
}
