//! Lines: what a machine keeps. Only a revocation list has rows without end: quotas are a counter each, and what is kept of usage,
//! activations and requests is bounded.

use std::fs;
use std::hint::black_box;

use license_benches::{Line, Revocations, Vendor};
use license_client::{Client, StateDir};
use license_core::issue::{KeyBits, Sign};
use license_core::{Matrix, Unverified};
use license_tests::{Run, Scratch};

use crate::revocations::SIZES;

const SESSIONS: [u32; 4] = [10, 100, 1000, 10_000];

pub(crate) fn lines() -> Vec<Line> {
    let vendor = Vendor::new(KeyBits::B2048);
    let machines: Vec<_> = SIZES
        .iter()
        .map(|size| (*size, listed(&vendor, *size)))
        .collect();
    let client = |size: u32| {
        let (_, machine) = machines.iter().find(|(own, _)| *own == size).unwrap();
        open(machine, &vendor)
    };
    vec![
        Line::measure("`Client::open` with a list", 15, &SIZES, |size| {
            let client = &client;
            (size, move || drop(black_box(client(size).decide())))
        }),
        Line::measure("`Client::decide` with a list", 61, &SIZES, |size| {
            let client = client(size);
            (size, move || drop(black_box(client.decide())))
        }),
        Line::measure("`Client::use_quota` with a list", 61, &SIZES, |size| {
            let client = client(size);
            (size, move || {
                let _ = black_box(client.use_quota("commands_per_day", 1).unwrap());
            })
        }),
        Line::measure("`Client::session` beside sessions", 61, &SESSIONS, |size| {
            let machine = licensed(&vendor);
            leave_sessions(&machine, size);
            let client = open(&machine, &vendor);
            (size, move || {
                drop(black_box(client.session(machine.path()).unwrap()));
            })
        }),
    ]
}

fn open(machine: &Scratch, vendor: &Vendor) -> Client {
    let state = StateDir::at(machine.state());
    Client::open_at(state, &vendor.trust, Matrix::built_in())
}

/// A machine with a license.
fn licensed(vendor: &Vendor) -> Scratch {
    let machine = Scratch::new();
    machine.write("trust.jwks", vendor.key.public().to_jwk().to_string());
    let token = Unverified::parse(&vendor.token).unwrap();
    install(&machine, &token.to_armor());
    machine
}

/// With a list too.
fn listed(vendor: &Vendor, size: u32) -> Scratch {
    let machine = licensed(vendor);
    install(&machine, &Revocations::new(size.into(), &vendor.key).file);
    machine
}

fn install(machine: &Scratch, file: &str) {
    machine.write("file.lic", file);
    let install = ["install", "--trust", "trust.jwks", "file.lic"];
    let _ = Run::license(machine).args(install).run().expect_code(0);
}

/// What processes leave behind that are killed.
fn leave_sessions(machine: &Scratch, count: u32) {
    let folder = machine.state().join("sessions");
    fs::create_dir_all(&folder).unwrap();
    for number in 0..count {
        fs::write(folder.join(format!("sess_{number:032x}.1-{number}")), "").unwrap();
    }
}
