//! Verifies what a server sends about a seat.

use std::time::Duration;

use license_core::ids::{Commitment, Nonce};
use license_core::license::Lease;
use license_core::machine::Machine;
use license_core::session::SessionId;
use license_core::{License, Unverified, with_causes};
use serde::Deserialize;

use super::error::{OnlineError, one_line};
use super::random;
use super::transport::Answer;
use crate::boot_time::BootTime;

/// A seat, as a server sends it.
#[derive(Deserialize)]
pub(super) struct SeatReply {
    pub(super) seq: u64,
    lease: Option<String>,
    valid_for_seconds: u64,
    renew_after_seconds: Option<u64>,
    #[serde(default)]
    pub(super) soft_end: Option<String>,
    #[serde(default)]
    pub(super) is_overage: bool,
}

/// The answer to the release of a seat.
#[derive(Deserialize)]
pub(super) struct ReleaseReply {
    pub(super) freed: bool,
}

/// The parts of a lease that a client knows in advance.
pub(super) struct Expected<'a> {
    pub(super) license: &'a License,
    pub(super) session: SessionId,
    pub(super) machine: &'a Machine,
    pub(super) commitment: Commitment,
}

/// A verified lease, and when it ends on this machine.
#[derive(Clone)]
pub(super) struct Grant {
    pub(super) lease: Lease,
    /// The end of the lease, counted from the moment when the request was sent.
    pub(super) valid_until: BootTime,
    pub(super) is_overage: bool,
    /// The reason of an administrator why the lease cannot be renewed.
    pub(super) soft_end: Option<String>,
}

impl SeatReply {
    /// Verifies the lease token of an answer, if there is one: by the key that the license
    /// certifies, and by everything that the client knows in advance.
    ///
    /// # Errors
    ///
    /// Returns [`OnlineError::Unverified`] if the token proves nothing.
    pub(super) fn grant(
        &self,
        answer: &Answer,
        url: &str,
        nonce: Nonce,
        expected: &Expected<'_>,
    ) -> Result<Option<Grant>, OnlineError> {
        let Some(token) = &self.lease else {
            return Ok(None);
        };
        let lease = verify(token, self.seq, nonce, expected);
        let lease = lease.map_err(|reason| unverified(url, &reason))?;
        let lifetime = lease.lifetime().to_std().unwrap_or(Duration::ZERO);
        let ends_at = answer.sent_at.after(lifetime);
        Ok(Some(Grant {
            lease,
            valid_until: ends_at.min(self.ends_by(answer.sent_at)),
            is_overage: self.is_overage,
            soft_end: self.soft_end.as_deref().map(one_line),
        }))
    }

    /// Returns the latest end of the lease by the answer, which is not signed.
    pub(super) fn ends_by(&self, sent_at: BootTime) -> BootTime {
        sent_at.after(Duration::from_secs(self.valid_for_seconds))
    }

    /// Returns when to renew the lease, or `None` if it cannot be renewed. The time is up to a
    /// fifth before the time that the server states, so that clients do not renew all at once.
    pub(super) fn renew_at(&self, sent_at: BootTime) -> Option<BootTime> {
        let after = Duration::from_secs(self.renew_after_seconds?.max(1));
        let early = after / 5 / 255 * u32::from(random::jitter());
        Some(sent_at.after(after.saturating_sub(early)))
    }
}

pub(super) fn unverified(url: &str, reason: &str) -> OnlineError {
    OnlineError::Unverified {
        server: url.to_owned(),
        reason: one_line(reason),
    }
}

fn verify(token: &str, seq: u64, nonce: Nonce, expected: &Expected<'_>) -> Result<Lease, String> {
    let token = Unverified::parse(token).map_err(|error| with_causes(&error))?;
    let lease = expected.license.verify_lease(&token);
    let lease = lease.map_err(|error| with_causes(&error))?;
    let fault = if lease.nonce() != nonce {
        "it has the nonce of another request"
    } else if lease.commitment() != expected.commitment {
        "it belongs to another process"
    } else if lease.session() != expected.session {
        "it is for another session"
    } else if !lease.covers(expected.session, expected.machine) {
        "it is for another machine"
    } else if lease.seq() != seq {
        "its fencing number is not that of the answer"
    } else {
        return Ok(lease);
    };
    Err(fault.to_owned())
}
