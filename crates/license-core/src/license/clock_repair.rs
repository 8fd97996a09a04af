//! Clock repairs, which permit a machine to lower its clock high-water mark.

use std::fmt;

use chrono::{DateTime, Utc};

use crate::claims::{ClockRepairClaims, TokenClaims};
use crate::ids::{Nonce, ProductCode};
use crate::jose::{TokenKind, Unverified};
use crate::key::LicenseId;
use crate::machine::Machine;
use crate::trust::{TrustSet, VerifyError};

/// A verified clock repair, which permits a machine to lower its clock high-water mark once, to the
/// time of issue.
///
/// ```
/// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
/// # let repair = fixture::clock_repair()?;
/// println!("lowers the clock high-water mark of {} to {}", repair.machine(), repair.issued_at());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
#[must_use]
pub struct ClockRepair {
    claims: ClockRepairClaims,
}

impl Unverified<'_> {
    /// Verifies a clock repair. Only the keys of the trust set are accepted.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let (trust, text) = (fixture::trust()?, fixture::clock_repair_token());
    /// use license_core::Unverified;
    ///
    /// let repair = Unverified::parse(text)?.verify_clock_repair(&trust)?;
    /// println!("for machine {}", repair.machine());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`VerifyError`] if the token is of another kind, the key is not trusted, the
    /// signature does not verify, or a claim has a value that is not accepted.
    pub fn verify_clock_repair(&self, trust: &TrustSet) -> Result<ClockRepair, VerifyError> {
        let verified = self.verify_token(TokenKind::ClockRepair, trust)?;
        let claims = ClockRepairClaims::from_payload(&verified.payload)?;
        Ok(ClockRepair { claims })
    }
}

impl ClockRepair {
    /// Returns the id of the clock repair.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let repair = fixture::clock_repair()?;
    /// println!("{}", repair.id());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn id(&self) -> &LicenseId {
        &self.claims.id
    }

    /// Returns the product code.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let repair = fixture::clock_repair()?;
    /// assert_eq!(repair.product().as_str(), "CODITECT");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn product(&self) -> ProductCode {
        self.claims.product
    }

    /// Returns the time of issue, which becomes the clock high-water mark.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let repair = fixture::clock_repair()?;
    /// // The new clock high-water mark of the machine.
    /// println!("{}", repair.issued_at());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn issued_at(&self) -> DateTime<Utc> {
        self.claims.issued_at
    }

    /// Returns the machine that may lower its clock high-water mark.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let repair = fixture::clock_repair()?;
    /// assert!(repair.machine().digest().is_some());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn machine(&self) -> &Machine {
        &self.claims.machine
    }

    /// Returns the nonce of the request that the clock repair answers.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let repair = fixture::clock_repair()?;
    /// // A program compares this nonce with the nonce of its request.
    /// println!("{}", repair.nonce());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
