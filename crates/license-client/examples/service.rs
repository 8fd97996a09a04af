//! A long-running service: it reads one feature name per line and answers whether the feature may
//! be used.
//!
//! The service keeps a session open on its project. It need not be restarted when a license is
//! installed, renewed or removed.
//!
//!     cargo run -p license-client --example service -- .

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program prints"
)]

use std::error::Error;
use std::io::{self, BufRead, Write};
use std::path::Path;

use license_client::{Client, FeatureMatrix, TrustSet};

/// The vendor's public keys, compiled in.
const TRUST: &str = include_str!("../fixtures/trust/vendor.jwks");

fn main() -> Result<(), Box<dyn Error>> {
    let project = std::env::args_os().nth(1).unwrap_or_else(|| ".".into());
    let client = Client::builder(TrustSet::parse(TRUST)?)
        .product(FeatureMatrix::built_in())
        .app_version(env!("CARGO_PKG_VERSION"))
        .build()?;
    // The session ends with the process, even if the process is killed.
    let session = client.session(Path::new(&project))?;
    eprintln!("session {}", session.id());

    let mut tier = client.decide()?.entitlements().tier();
    for request in io::stdin().lock().lines() {
        // The client detects what was installed since the last request.
        let decision = client.decide()?;
        let current = decision.entitlements().tier();
        if current != tier {
            eprintln!("tier {tier} is now {current}: {}", decision.code());
            tier = current;
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
