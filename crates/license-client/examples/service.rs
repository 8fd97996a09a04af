//! A service that runs for long: it answers one request a line, `FEATURE`, until its input ends, and holds a session on the project that it
//! was started for. Whoever installs, renews or removes a license meanwhile need not start it anew.
//!
//!     cargo run -p license-client --example service -- .

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "this is a program, and no library"
)]

use std::error::Error;
use std::io::{self, BufRead, Write};
use std::path::Path;

use license_client::Client;
use license_core::TrustSet;

/// The vendor's public keys, compiled in.
const TRUST: &str = include_str!("../../../fixtures/trust/vendor.jwks");

fn main() -> Result<(), Box<dyn Error>> {
    let project = std::env::args_os().nth(1).unwrap_or_else(|| ".".into());
    let client = Client::open(&TrustSet::parse(TRUST)?);
    // It ends with the process, however that ends: no seat stays taken.
    let session = client.session(Path::new(&project))?;
    eprintln!("session {}", session.id());

    let mut tier = client.decide().entitlements().tier();
    for request in io::stdin().lock().lines() {
        // The client notices by itself what was installed since the last request.
        let decision = client.decide();
        let now = decision.entitlements().tier();
        if now != tier {
            eprintln!("tier {tier} is now {now}: {}", decision.code());
            tier = now;
        }
        let answer = decision.feature(request?.trim(), client.matrix());
        println!(
            "{} {}",
            if answer.granted { "yes" } else { "no" },
            answer.code
        );
        io::stdout().flush()?;
    }
    Ok(())
}
