//! Drafts of leases.

use chrono::{DateTime, TimeDelta, Utc};
use serde::ser::{Serialize, Serializer};

use super::{ServerKey, SigningError, sign_bytes};
use crate::claims::{LeaseClaims, LeaseMode, TokenClaims};
use crate::ids::{Commitment, Nonce};
use crate::jose::TokenKind;
use crate::key::LicenseId;
use crate::license::{License, check_terms};
use crate::machine::Machine;
use crate::session::SessionId;

/// Draft of a lease, which lends a seat of a license to a session. The JSON form is the object of
/// the claims.
///
/// ```
/// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/vendor.rs")); }
/// # let (server, license) = fixture::server()?;
/// # let (id, now) = (fixture::id(1)?, license_core::time::parse_instant("2027-03-01")?);
/// use license_core::Unverified;
/// use license_core::chrono::TimeDelta;
/// use license_core::claims::LeaseMode;
/// use license_core::ids::Nonce;
/// use license_core::issue::LeaseDraft;
/// use license_core::requests::ActivationSecret;
/// use license_core::session::SessionId;
///
/// let lease = LeaseDraft {
///     license: &license,
///     issuer: "licenses.acme.example".to_owned(),
///     id,
///     issued_at: now,
///     expires_at: now + TimeDelta::seconds(120),
///     session: SessionId::new(Some(license.id()), None, "alice", b"/home/alice/project"),
///     machine: "mach_00112233445566778899aabbccddeeff".parse()?,
///     pool: "engineering".to_owned(),
///     seq: 7,
///     mode: LeaseMode::Floating,
///     renew_after: TimeDelta::seconds(40),
///     commitment: ActivationSecret::from_random([7; 32]).commitment(),
///     nonce: Nonce::from_random([7; 16]),
/// };
/// let token = lease.sign(&server)?;
/// let verified = license.verify_lease(&Unverified::parse(&token)?)?;
/// assert_eq!(verified.seq(), 7);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseDraft<'a> {
    /// The license, which names the key of the server.
    pub license: &'a License,
    /// The operator of the server.
    pub issuer: String,
    /// The id of the token, a UUID.
    pub id: LicenseId,
    /// The issue date.
    pub issued_at: DateTime<Utc>,
    /// The first instant at which the session no longer has the seat, at most the end of the
    /// license ([`License::ends_at`]).
    pub expires_at: DateTime<Utc>,
    /// The session that holds the seat.
    pub session: SessionId,
    /// The machine of the session.
    pub machine: Machine,
    /// The name of the pool, 1 to 128 characters.
    pub pool: String,
    /// The fencing number, from 1 to 2^53 - 1.
    pub seq: u64,
    /// Whether the seat is floating or borrowed.
    pub mode: LeaseMode,
    /// The time after which the holder renews the lease, in whole seconds from 1 to the lifetime.
    pub renew_after: TimeDelta,
    /// The commitment of the request.
    pub commitment: Commitment,
    /// The nonce of the request.
    pub nonce: Nonce,
}

impl LeaseDraft<'_> {
    /// Signs the lease and returns its token. The key signs only a lease that
    /// [`License::verify_lease`] accepts.
    ///
    /// # Errors
    ///
    /// Returns [`SigningError::OtherServerKey`] if the license names another key,
    /// [`SigningError::Refused`] if a verifier would refuse the lease, [`SigningError::Json`] if a
    /// date is not from 1970 to 9999, and the error of the signer if the key fails to sign.
    pub fn sign(&self, key: &ServerKey) -> Result<String, SigningError> {
        let signer = key.signer_for(self.license)?;
        let payload = serde_json::to_vec(&self.claims()).map_err(|_| SigningError::Json)?;
        LeaseClaims::from_payload(&payload)
            .and_then(|claims| check_terms(&claims, self.license))
            .map_err(|error| SigningError::Refused {
                source: error.into(),
            })?;
        sign_bytes(TokenKind::Lease, &payload, signer)
    }

    fn claims(&self) -> LeaseClaims {
        LeaseClaims {
            issuer: self.issuer.clone(),
            product: self.license.product(),
            id: self.id.clone(),
            issued_at: self.issued_at,
            expires_at: self.expires_at,
            license: self.license.id().clone(),
            session: self.session,
            machine: self.machine.clone(),
            pool: self.pool.clone(),
            seq: self.seq,
            mode: self.mode,
            renew_after: self.renew_after,
            commitment: self.commitment,
            nonce: self.nonce,
            critical: Vec::new(),
        }
    }
}

/// Writes the claims.
impl Serialize for LeaseDraft<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.claims().serialize(serializer)
    }
}
