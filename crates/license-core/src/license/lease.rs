//! Leases, which lend a seat of a license to a session.

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};

use super::License;
use crate::claims::{LeaseClaims, LeaseMode, TokenClaims};
use crate::encoding::quoted::printable;
use crate::ids::{Commitment, Nonce, ProductCode};
use crate::jose::{TokenKind, Unverified};
use crate::key::LicenseId;
use crate::machine::Machine;
use crate::session::SessionId;
use crate::time;
use crate::trust::{TrustedKey, VerifyError};

/// A verified lease: a seat of a license, which a license server lends to a session.
///
/// A lease can only be created by [`License::verify_lease`], so that the license and the lease
/// together prove a seat with the vendor's public keys alone. A lease proves a seat, and not that
/// the license is valid: [`License::evaluate`] decides that.
///
/// ```
/// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
/// # let (license, text) = (fixture::license_with_server()?, fixture::lease_token());
/// use license_core::Unverified;
/// use license_core::claims::LeaseMode;
///
/// let lease = license.verify_lease(&Unverified::parse(text)?)?;
/// assert_eq!(lease.mode(), LeaseMode::Floating);
/// println!("seat {} of {} until {}", lease.seq(), lease.pool(), lease.expires_at());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
#[must_use]
pub struct Lease {
    token: Unverified<'static>,
    claims: LeaseClaims,
}

impl License {
    /// Verifies a lease of this license. Only the key in claim `cnf` of the license (RFC 7800) is
    /// accepted.
    ///
    /// A lease of a license that this license replaces is accepted too, so that a renewal does not
    /// end the leases of machines without a network.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let (license, other) = (fixture::license_with_server()?, fixture::license()?);
    /// # let token = license_core::Unverified::parse(fixture::lease_token())?;
    /// let lease = license.verify_lease(&token)?;
    /// assert!(lease.is_for(&license));
    /// // The license names no license server.
    /// assert!(other.verify_lease(&token).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`VerifyError`] if the token is of another kind, another key signed it, the
    /// signature does not verify, a claim has a value that is not accepted, or the lease exceeds
    /// the license: it is for another license or product, or ends after the license.
    pub fn verify_lease(&self, token: &Unverified<'_>) -> Result<Lease, VerifyError> {
        token.check_kind(TokenKind::Lease)?;
        let key = self.confirmation_key().ok_or(VerifyError::NoServerKey)?;
        if token.unverified_key_id() != key.id().as_str() {
            return Err(VerifyError::OtherServerKey {
                expected: key.id().clone(),
                found: printable(token.unverified_key_id().chars()),
            });
        }
        let verified = token.verify_token_with_key(TokenKind::Lease, key)?;
        let claims = LeaseClaims::from_payload(&verified.payload)?;
        check_terms(&claims, self)?;
        Ok(Lease {
            token: token.copy_signed_by(Some(key)),
            claims,
        })
    }
}

/// Checks that a lease does not exceed a license.
pub(crate) fn check_terms(claims: &LeaseClaims, license: &License) -> Result<(), VerifyError> {
    let is_for_previous = || license.supersedes().contains(&claims.license);
    if claims.license != *license.id() && !is_for_previous() {
        return Err(VerifyError::OtherLicense);
    }
    if claims.product != license.product() {
        let (expected, found) = (license.product(), claims.product);
        let (expected, found) = (expected.to_string(), found.to_string());
        return Err(VerifyError::claim("aud", &expected, &found));
    }
    match license.ends_at() {
        Some(end) if claims.expires_at > end => {
            let expected = format!("at most {}, the end of the license", time::rfc3339(end));
            let found = time::rfc3339(claims.expires_at).to_string();
            Err(VerifyError::claim("exp", &expected, &found))
        }
        _ => Ok(()),
    }
}

impl Lease {
    /// Returns whether the lease lends a seat to this session on this machine.
    ///
    /// The session id contains the id of the license, so the caller computes it with
    /// [`Lease::license_id`].
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let lease = fixture::lease()?;
    /// use license_core::session::SessionId;
    ///
    /// let machine = lease.machine().clone();
    /// let (license, digest) = (lease.license_id(), machine.digest());
    /// let here = SessionId::new(Some(license), digest, "alice", b"/home/alice/project");
    /// let elsewhere = SessionId::new(Some(license), digest, "bob", b"/home/bob/project");
    /// assert!(lease.covers(here, &machine));
    /// assert!(!lease.covers(elsewhere, &machine));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn covers(&self, session: SessionId, machine: &Machine) -> bool {
        self.session() == session && self.machine().matches(machine)
    }

    /// Returns whether the lease names this license, and not a license that it replaces.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let (lease, license) = (fixture::lease()?, fixture::license_with_server()?);
    /// assert!(lease.is_for(&license));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn is_for(&self, license: &License) -> bool {
        self.license_id() == license.id() && self.product() == license.product()
    }

    /// Returns whether this key has signed the lease.
    pub(crate) fn is_signed_by(&self, key: &TrustedKey) -> bool {
        self.token.unverified_key_id() == key.id().as_str()
    }

    /// Returns the id of the token. Each renewal of a lease has a token with its own id.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let lease = fixture::lease()?;
    /// assert_eq!(lease.id().as_str(), "01a2ce8b-d400-7a10-8c4e-5f1d2a3b4c03");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn id(&self) -> &LicenseId {
        &self.claims.id
    }

    /// Returns the id of the license.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let lease = fixture::lease()?;
    /// assert_eq!(lease.license_id().as_str(), "01a2ce8b-d400-7a10-8c4e-5f1d2a3b4c01");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn license_id(&self) -> &LicenseId {
        &self.claims.license
    }

    /// Returns the product code.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let lease = fixture::lease()?;
    /// assert_eq!(lease.product().as_str(), "CODITECT");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn product(&self) -> ProductCode {
        self.claims.product
    }

    /// Returns the operator of the license server.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let lease = fixture::lease()?;
    /// assert_eq!(lease.issuer(), "licenses.acme.example");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn issuer(&self) -> &str {
        &self.claims.issuer
    }

    /// Returns the time of issue, by the clock of the license server.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let lease = fixture::lease()?;
    /// assert_eq!(lease.issued_at().date_naive().to_string(), "2027-01-15");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn issued_at(&self) -> DateTime<Utc> {
        self.claims.issued_at
    }

    /// Returns the first instant at which the session no longer has the seat, by the clock of the
    /// license server.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let lease = fixture::lease()?;
    /// assert_eq!(lease.expires_at(), lease.issued_at() + lease.lifetime());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn expires_at(&self) -> DateTime<Utc> {
        self.claims.expires_at
    }

    /// Returns the time from the issue of the lease to its end.
    ///
    /// A client counts this time from the moment at which it sent its request. The lease is then
    /// independent of the wall clocks of both machines.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let lease = fixture::lease()?;
    /// assert_eq!(lease.lifetime().num_seconds(), 120);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn lifetime(&self) -> TimeDelta {
        self.expires_at() - self.issued_at()
    }

    /// Returns the session that holds the seat.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let lease = fixture::lease()?;
    /// assert!(lease.session().to_string().starts_with("sess_"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn session(&self) -> SessionId {
        self.claims.session
    }

    /// Returns the machine of the session.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let lease = fixture::lease()?;
    /// assert_eq!(lease.machine().to_string(), "mach_00112233445566778899aabbccddeeff");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn machine(&self) -> &Machine {
        &self.claims.machine
    }

    /// Returns the name of the pool of seats.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let lease = fixture::lease()?;
    /// assert_eq!(lease.pool(), "engineering");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn pool(&self) -> &str {
        &self.claims.pool
    }

    /// Returns the fencing number. It increases with each grant of a seat of the pool, and never
    /// with a renewal.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let lease = fixture::lease()?;
    /// assert_eq!(lease.seq(), 7);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn seq(&self) -> u64 {
        self.claims.seq
    }

    /// Returns whether the seat is floating or borrowed.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let lease = fixture::lease()?;
    /// assert_eq!(lease.mode().to_string(), "floating");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn mode(&self) -> LeaseMode {
        self.claims.mode
    }

    /// Returns the time after which the holder renews the lease, which is at most the lifetime.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let lease = fixture::lease()?;
    /// assert_eq!(lease.renew_after().num_seconds(), 40);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn renew_after(&self) -> TimeDelta {
        self.claims.renew_after
    }

    /// Returns the SHA-256 of the secret that releases the seat.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let lease = fixture::lease()?;
    /// use license_core::requests::ActivationSecret;
    ///
    /// // Only the holder of the secret can release the seat.
    /// let secret = ActivationSecret::from_random([7; 32]);
    /// assert_eq!(lease.commitment(), secret.commitment());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn commitment(&self) -> Commitment {
        self.claims.commitment
    }

    /// Returns the nonce of the request that the lease answers.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let lease = fixture::lease()?;
    /// // A program compares this nonce with the nonce of its request.
    /// assert_eq!(lease.nonce().to_string(), "000102030405060708090a0b0c0d0e0f");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn nonce(&self) -> Nonce {
        self.claims.nonce
    }

    /// Returns the token.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let lease = fixture::lease()?;
    /// assert!(lease.as_str().starts_with("eyJ"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn as_str(&self) -> &str {
        self.token.as_str()
    }

    /// Returns the token as an armor block.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let lease = fixture::lease()?;
    /// assert!(lease.to_armor().starts_with("-----BEGIN LICENSE LEASE-----"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn to_armor(&self) -> String {
        self.token.to_armor()
    }
}

/// Omits the token.
impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease")
            .field("id", self.id())
            .field("license", self.license_id())
            .field("session", &self.session())
            .field("pool", &self.pool())
            .field("seq", &self.seq())
            .field("expires_at", &self.expires_at())
            .finish_non_exhaustive()
    }
}
