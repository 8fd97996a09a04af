//! The whole life of a floating seat in an asynchronous program: wait for it, work, notice its
//! loss, release it. The calls that block run in threads that may block, so the runtime continues.
//!
//!     SHOP_LICENSE_SERVER=https://licenses.acme.example:8443 \
//!         cargo run -p license-client --features online --example seat -- .
//!
//! The program ends with Ctrl-C or SIGTERM through its own handlers; dropping the seat releases it.

#![allow(clippy::print_stderr, reason = "a program prints")]

use std::error::Error;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use license_client::{Client, FeatureMatrix, OnlineSettings, Seat, TrustSet};
use tokio::task::spawn_blocking;

/// The vendor's public keys, compiled in.
const TRUST: &str = include_str!("../fixtures/trust/vendor.jwks");

type AnyError = Box<dyn Error + Send + Sync>;

/// Waits for a seat of the project, for at most ten minutes.
async fn seat(client: Arc<Client>, project: PathBuf) -> Result<Seat, AnyError> {
    let task = move || {
        let request = client.seat(&project)?;
        let request = request.on_event(|event| eprintln!("{event}"));
        request.wait(Duration::from_secs(600), |place| {
            eprintln!("position {} of {}", place.position, place.waiting);
            ControlFlow::Continue(())
        })
    };
    Ok(spawn_blocking(task).await??)
}

async fn run() -> Result<(), AnyError> {
    let project = std::env::args_os().nth(1).unwrap_or_else(|| ".".into());
    let client = spawn_blocking(|| {
        let builder = Client::builder(TrustSet::parse(TRUST)?).product(FeatureMatrix::built_in());
        let client = builder.online(OnlineSettings::new()).build()?;
        Ok::<_, AnyError>(Arc::new(client))
    });
    let client = client.await??;
    if let Some(warning) = client.online_status().warning() {
        eprintln!("{warning}");
    }
    let seat = seat(client, project.into()).await?;
    // `is_valid` never blocks. The thread of the library renews the lease.
    for step in 1..=3 {
        if !seat.is_valid() {
            eprintln!("no seat; save the work");
            break;
        }
        eprintln!("step {step}, {} s left", seat.expires_in().as_secs());
        tokio::task::yield_now().await;
    }
    spawn_blocking(move || seat.release()).await??;
    Ok(())
}

fn main() -> Result<(), AnyError> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    runtime.block_on(run())
}
