//! One claim of a license token, for listings.

use std::fmt;

use serde::Serialize;
use serde_json::Value;

use super::KNOWN_CLAIMS;

/// A claim by name, with its JSON value.
///
/// ```
/// use license_core::{TrustSet, Unverified};
///
/// # const JWKS: &str = include_str!(concat!(
/// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/trust/vendor.jwks"
/// # ));
/// # const TOKEN: &str = include_str!(concat!(
/// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/tokens/valid-pro.jwt"
/// # ));
/// let license = Unverified::parse(TOKEN)?.verify(&TrustSet::parse(JWKS)?)?;
/// let claims = license.claims().entries()?;
/// assert_eq!(claims[0].to_string(), "ver: 1");
/// assert!(claims.iter().all(|claim| claim.is_known()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ClaimEntry {
    /// The name of the claim.
    pub name: String,
    /// The value as it is signed.
    pub value: Value,
}

impl ClaimEntry {
    /// Returns whether this version understands the claim.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let license = fixture::license()?;
    /// let entries = license.claims().entries()?;
    /// let unknown = entries.iter().filter(|entry| !entry.is_known());
    /// assert_eq!(unknown.count(), 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn is_known(&self) -> bool {
        KNOWN_CLAIMS.contains(&self.name.as_str())
    }
}

impl fmt::Display for ClaimEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = if self.is_known() {
            ""
        } else {
            " (unknown claim)"
        };
        write!(f, "{}: {}{mark}", self.name, self.value)
    }
}
