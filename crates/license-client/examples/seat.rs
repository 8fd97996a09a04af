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

use license_client::{Client, FeatureMatrix, OnlineSettings, SeatEvent, TrustSet};
use tokio::task::spawn_blocking;

/// The vendor's public keys, compiled in.
const TRUST: &str = include_str!("../fixtures/trust/vendor.jwks");

type AnyError = Box<dyn Error + Send + Sync>;

/// Works with a seat of the project: waits for it for at most ten minutes, and releases it.
async fn work(client: Arc<Client>, project: PathBuf) -> Result<(), AnyError> {
    let waiting = Arc::clone(&client);
    let wait = move || {
        let request = waiting.seat(project)?.on_event(|event| match event {
            SeatEvent::Lost { .. } => eprintln!("{event}; save your work"),
            event => eprintln!("{event}"),
        });
        request.wait(Duration::from_secs(600), |place| {
            eprintln!("position {} of {}", place.position, place.waiting);
            ControlFlow::Continue(())
        })
    };
    let seat = tokio::task::spawn_blocking(wait).await??;
    // Neither call blocks. The thread of the library renews the lease.
    while seat.is_valid() && client.allows("cloud_sync")? {
        if !do_one_step().await {
            break;
        }
    }
    tokio::task::spawn_blocking(move || seat.release()).await??;
    Ok(())
}

/// Does a step of the work, and returns whether there are more.
async fn do_one_step() -> bool {
    tokio::task::yield_now().await;
    false
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
    work(client, project.into()).await
}

fn main() -> Result<(), AnyError> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    runtime.block_on(run())
}
