//! Lease tokens.

use chrono::{DateTime, TimeDelta, Utc};
use license_core::claims::LeaseMode;
use license_core::ids::Nonce;
use license_core::issue::LeaseDraft;
use license_core::machine::Machine;
use license_core::session::SessionId;
use license_core::{License, LicenseId};
use license_seats::{InstanceId, LeaseTime, OpenLease, SeatGrant, Seq};
use uuid::Uuid;

use super::cache::Cache;
use super::pool_terms::delta;
use super::site::Site;
use super::validate::signing_failed;
use crate::domain::{PoolId, Refusal};

/// The number of instances in each generation of the cache.
const CACHED_INSTANCES: usize = 100_000;

/// The last token of an instance, and when the instance needs another one.
#[derive(Clone, Debug)]
struct IssuedToken {
    /// The claim `jti`, which takes less memory than its text.
    id: Uuid,
    seq: Seq,
    /// When half of the lifetime of the token has passed.
    due: LeaseTime,
    mode: LeaseMode,
}

/// The last token of each instance. An instance that the cache has forgotten gets a new token.
#[derive(Debug)]
pub(super) struct IssuedTokens {
    issued: Cache<(SessionId, InstanceId), IssuedToken>,
}

impl Default for IssuedTokens {
    fn default() -> Self {
        Self {
            issued: Cache::new(CACHED_INSTANCES),
        }
    }
}

impl IssuedTokens {
    /// Returns whether the instance needs a new token: less than half of the lifetime of its last
    /// token is left, or the instance does not have the last token. `held` is the id of the newest
    /// token that the instance has. If the instance does not state the id, it counts as the last.
    pub(super) fn is_due(&self, grant: &SeatGrant, held: Option<&str>, now: LeaseTime) -> bool {
        let key = (grant.lease.holder.session, grant.instance);
        let Some(last) = self.issued.get(&key) else {
            return true;
        };
        let mut text = Uuid::encode_buffer();
        let last_id = last.id.as_hyphenated().encode_lower(&mut text);
        if held.is_some_and(|held| held != last_id) {
            return true;
        }
        now >= last.due || last.seq != grant.lease.seq || last.mode != token_mode(&grant.lease)
    }

    /// Remembers a token.
    pub(super) fn record(&self, grant: &SeatGrant, signed: &SignedLease, now: LeaseTime) {
        let key = (grant.lease.holder.session, grant.instance);
        let token = IssuedToken {
            // The id of a token is a UUID. Another id would equal none that an instance states.
            id: Uuid::try_parse(signed.id.as_str()).unwrap_or_default(),
            seq: grant.lease.seq,
            due: now.saturating_add(grant.valid_for.times(1, 2)),
            mode: token_mode(&grant.lease),
        };
        self.issued.insert(key, token);
    }
}

/// A signed lease token.
pub(super) struct SignedLease {
    /// The claim `jti`.
    id: LicenseId,
    pub(super) token: String,
}

/// The parts of a lease token that the seat does not contain.
pub(super) struct TokenContext<'a> {
    pub(super) license: &'a License,
    pub(super) pool: &'a PoolId,
    pub(super) machine: &'a Machine,
    pub(super) nonce: Nonce,
    pub(super) now: DateTime<Utc>,
}

/// Signs the token of a seat for the instance of the grant. Returns `None` if the license ends
/// within a second, because tokens have whole seconds.
pub(super) async fn sign(
    site: &Site,
    grant: &SeatGrant,
    context: &TokenContext<'_>,
) -> Result<Option<SignedLease>, Refusal> {
    let lease = &grant.lease;
    let expires_at = license_core::time::saturating_add(context.now, delta(grant.valid_for));
    let ends_at = context.license.ends_at();
    let expires_at = ends_at.map_or(expires_at, |end| end.min(expires_at));
    let lifetime = whole_seconds(expires_at.signed_duration_since(context.now));
    if lifetime.is_zero() {
        return Ok(None);
    }
    let renew_after = grant
        .renew_after
        .map_or(lifetime, |span| whole_seconds(delta(span)));
    let renew_after = renew_after.clamp(TimeDelta::seconds(1), lifetime);
    let id = site.new_id()?;
    let draft = LeaseDraft {
        license: context.license,
        issuer: site.issuer.clone(),
        id: id.clone(),
        issued_at: context.now,
        expires_at: license_core::time::saturating_add(context.now, lifetime),
        session: lease.holder.session,
        machine: token_machine(context.machine),
        pool: context.pool.as_str().to_owned(),
        seq: lease.seq.0,
        mode: token_mode(lease),
        renew_after,
        commitment: grant.commitment,
        nonce: context.nonce,
    };
    let token = site.signer.sign_lease(&draft).await;
    let token = token.map_err(|error| signing_failed(&error))?;
    Ok(Some(SignedLease { id, token }))
}

/// Returns a length of time in whole seconds, rounded down. A negative length becomes zero.
fn whole_seconds(delta: TimeDelta) -> TimeDelta {
    TimeDelta::seconds(delta.num_seconds().max(0))
}

/// Returns the digest of a machine, or the name that the application defines.
pub(super) fn token_machine(machine: &Machine) -> Machine {
    machine
        .digest()
        .map_or_else(|| machine.clone(), Machine::Digest)
}

/// Returns the value of the claim `mode`.
pub(super) fn token_mode(lease: &OpenLease) -> LeaseMode {
    if lease.is_borrowed() {
        LeaseMode::Borrowed
    } else {
        LeaseMode::Floating
    }
}
