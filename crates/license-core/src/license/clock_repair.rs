//! Clock repairs: a machine may forget what it remembers of time.

use std::fmt;

use crate::claims::ClockRepairClaims;
use crate::ids::Nonce;
use crate::ids::ProductCode;
use crate::jose::{TokenKind, Unverified};
use crate::key::LicenseId;
use crate::machine::Machine;
use crate::time::Timestamp;
use crate::trust::TrustSet;
use crate::trust::VerifyError;

/// That a machine may set its high-water mark back to the moment of this statement, once. A trusted key has signed it; there is no other
/// way to get one.
#[derive(Clone)]
#[must_use]
pub struct ClockRepair {
    claims: ClockRepairClaims,
}

impl Unverified<'_> {
    /// Checks the signature of a clock repair over the bytes received, then reads the claims. Only the vendor's keys count.
    ///
    /// # Errors
    /// [`VerifyError`] if the key is not trusted, the signature does not verify, or a claim is not what it must be.
    pub fn verify_clock_repair(&self, trust: &TrustSet) -> Result<ClockRepair, VerifyError> {
        let verified = self.verified(TokenKind::ClockRepair, trust)?;
        let claims = ClockRepairClaims::from_payload(&verified.payload)?;
        Ok(ClockRepair { claims })
    }
}

impl ClockRepair {
    /// The id of the statement.
    pub fn id(&self) -> &LicenseId {
        &self.claims.id
    }

    /// The product.
    pub fn product(&self) -> ProductCode {
        self.claims.product
    }

    /// What the mark is set back to: when it was issued.
    pub fn issued_at(&self) -> Timestamp {
        self.claims.issued_at
    }

    /// The machine.
    pub fn machine(&self) -> &Machine {
        &self.claims.machine
    }

    /// The nonce of the request that it answers.
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
