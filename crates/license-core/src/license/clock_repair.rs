//! Clock repairs, which permit a machine to lower its clock high-water mark.

use std::fmt;

use chrono::{DateTime, Utc};

use crate::claims::ClockRepairClaims;
use crate::ids::{Nonce, ProductCode};
use crate::jose::{TokenKind, Unverified};
use crate::key::LicenseId;
use crate::machine::Machine;
use crate::trust::{TrustSet, VerifyError};

/// A verified clock repair, which permits a machine to lower its clock high-water mark once, to the
/// time of issue.
#[derive(Clone, PartialEq, Eq)]
#[must_use]
pub struct ClockRepair {
    claims: ClockRepairClaims,
}

impl Unverified<'_> {
    /// Verifies a clock repair. Only the keys of the trust set are accepted.
    ///
    /// # Errors
    ///
    /// Returns [`VerifyError`] if the key is not trusted, the signature does not verify, or a claim
    /// has a value that is not accepted.
    pub fn verify_clock_repair(&self, trust: &TrustSet) -> Result<ClockRepair, VerifyError> {
        let verified = self.verify_token(TokenKind::ClockRepair, trust)?;
        let claims = ClockRepairClaims::from_payload(&verified.payload)?;
        Ok(ClockRepair { claims })
    }
}

impl ClockRepair {
    /// Returns the id of the clock repair.
    pub fn id(&self) -> &LicenseId {
        &self.claims.id
    }

    /// Returns the product code.
    pub fn product(&self) -> ProductCode {
        self.claims.product
    }

    /// Returns the time of issue, which becomes the clock high-water mark.
    pub fn issued_at(&self) -> DateTime<Utc> {
        self.claims.issued_at
    }

    /// Returns the machine.
    pub fn machine(&self) -> &Machine {
        &self.claims.machine
    }

    /// Returns the nonce of the answered request.
    pub fn nonce(&self) -> Nonce {
        self.claims.nonce
    }
}

impl fmt::Debug for ClockRepair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClockRepair")
            .field("id", self.id())
            .field("issued_at", &self.issued_at())
            .field("machine", self.machine())
            .finish_non_exhaustive()
    }
}
