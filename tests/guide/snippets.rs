//! The short examples of `docs/developer.md`, each in its own function.
#![allow(
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "a program prints"
)]

use std::error::Error;
use std::num::NonZeroUsize;
use std::sync::Arc;

use license_client::license_core::Verifier;
use license_client::{
    Client, ClientError, Decision, FeatureMatrix, QuotaUse, TrustSet, Warning, with_causes,
};

type Fallible<T> = Result<T, Box<dyn Error>>;

/// The value that the build script of the guide sets.
const BUILD_DATE: &str = "2027-03-01";
const PRODUCT: &str = FeatureMatrix::built_in_text();

/// Runs the examples with the installed license. The argument is a license token.
fn main() -> Fallible<()> {
    let token = std::env::args().nth(1).ok_or("expected a token")?;
    verifier(&token, token.lines())?;
    let client = client()?;
    constants(&client)?;
    request(&client, &Request { user: "ann".into() })?;
    warnings(&client.decide()?);
    println!("may sign in: {}", trust_set()?);
    let client = Arc::new(client);
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let used = runtime.block_on(asynchronous(client))?;
    println!("remaining: {:?}", used.remaining());
    Ok(())
}

fn verifier<'t>(token: &str, lines: impl Iterator<Item = &'t str> + Send) -> Fallible<()> {
    const TRUST: &str = include_str!("../../fixtures/trust/vendor.jwks");
    let threads = NonZeroUsize::MIN;

    let verifier = Verifier::new(TrustSet::parse(TRUST)?);
    // Only the signature is cached. Evaluate the license each time.
    let license = verifier.verify(token)?;
    // `threads` is a `NonZeroUsize`. The closure is called on all threads, with the index from 0.
    verifier.verify_each(lines, threads, |index, verified| match verified {
        Ok(license) => println!("{index}: {}", license.customer()),
        Err(error) => eprintln!("{index}: {}", with_causes(&error)),
    });

    println!("tier: {}", license.tier());
    Ok(())
}

fn client() -> Fallible<Client> {
    use license_client::{Client, TrustSet};

    // The paths are relative to the source file.
    let client = Client::builder(TrustSet::parse(include_str!(
        "../../fixtures/trust/vendor.jwks"
    ))?)
    .product(include_str!(
        "../../crates/license-core/src/matrix/coditect.toml"
    ))
    .app_version(env!("CARGO_PKG_VERSION"))
    .build_date(BUILD_DATE) // a build script sets it, see below
    .user("ann") // the user who is signed in, if your program knows one
    .build()?;

    Ok(client)
}

/// The names that the example uses, as `keygen product constants` writes them.
mod product {
    pub(crate) mod features {
        pub(crate) const CLOUD_SYNC: &str = "cloud_sync";
    }

    pub(crate) mod quotas {
        pub(crate) const COMMANDS_PER_DAY: &str = "commands_per_day";
    }
}

fn constants(client: &Client) -> Result<(), ClientError> {
    // `src/main.rs` has the line `mod product;`.
    if client.allows(product::features::CLOUD_SYNC)? {
        println!("syncing");
    }
    let used = client.use_quota(product::quotas::COMMANDS_PER_DAY, 1)?;

    println!("granted: {}", used.granted);
    Ok(())
}

struct Request {
    user: String,
}

fn request(client: &Client, request: &Request) -> Result<(), ClientError> {
    let context = client.context().user(&request.user);
    let decision = client.decide_in(&context)?;
    let may_sign_in = client.allows_in(&context, "sso")?;
    // `used.remaining()` is a `Quota`: `Limit(9)` or `Unlimited`.
    let used = client.use_quota_in(&context, "commands_per_day", 1)?;
    let session = client.session_in(&context, ".")?;

    let (code, is_granted) = (decision.code(), used.granted);
    println!(
        "{code}, {may_sign_in}, {is_granted}, {}",
        session.root().path().is_dir()
    );
    Ok(())
}

async fn asynchronous(client: Arc<Client>) -> Fallible<QuotaUse> {
    let client = Arc::clone(&client);
    let task = move || client.use_quota("commands_per_day", 1);
    let used = tokio::task::spawn_blocking(task).await??;

    Ok(used)
}

fn warnings(decision: &Decision) {
    let show_days = |days| println!("{days} days left");
    let show_text = |text: &str| println!("{text}");

    for warning in decision.warnings() {
        match warning {
            Warning::ExpiresSoon { remaining, .. } => show_days(remaining.num_days()),
            other => show_text(&other.to_string()),
        }
    }
}

fn trust_set() -> Fallible<bool> {
    const TRUST: &str = include_str!("../../fixtures/trust/vendor.jwks");
    let client = Client::builder(TrustSet::parse(TRUST)?)
        .product(PRODUCT)
        .build()?;
    let may_sign_in = client.allows("sso")?;

    Ok(may_sign_in)
}
