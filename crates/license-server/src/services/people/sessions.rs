//! Sessions of people who have signed in.

use chrono::{DateTime, TimeDelta, Utc};
use license_core::time::saturating_add;

use crate::domain::{Refusal, RefusalKind, SecretDigest, ServerCode, SignedIn};
use crate::log_limit;
use crate::store::ServerStore;

/// How precisely the last use of a session is recorded.
const USE_PRECISION: TimeDelta = TimeDelta::minutes(1);

/// Returns the session with a secret, and records its use.
pub(in crate::services) async fn authenticate(
    store: &dyn ServerStore,
    secret: &str,
    address: &str,
    now: DateTime<Utc>,
    idle: TimeDelta,
) -> Result<SignedIn, Refusal> {
    let found = store.find_session(SecretDigest::new(secret)).await?;
    let found = found.filter(|found| found.session.is_valid_at(now, idle));
    let found = found.ok_or_else(ended)?;
    let session = &found.session;
    if now >= saturating_add(session.last_used_at, USE_PRECISION)
        && let Err(error) = store.record_session_use(&session.id, now, address).await
        && let Some(repeated) = log_limit::pass("session use")
    {
        let error = license_core::with_causes(&error);
        tracing::warn!(%error, repeated, "the use of a session cannot be recorded");
    }
    Ok(found)
}

fn ended() -> Refusal {
    Refusal::new(
        RefusalKind::Unauthorized,
        ServerCode::Unauthorized,
        "the session is unknown or has ended",
    )
    .hint("sign in again with POST /api/v1/sessions")
}
