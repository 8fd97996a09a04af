//! Named users of a license: similar names, and the cool-down before a user can be replaced.

use license_core::chrono::{DateTime, TimeDelta, Utc};
use license_core::{FeatureMatrix, License, time};

use crate::errors::LedgerError;
use crate::folding::folded;
use crate::ledger::LedgerReader;

/// The period in which a named user cannot be replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CoolDown {
    /// The time at which the license or one of its predecessors first named the user.
    pub since: DateTime<Utc>,
    /// The first instant at which the user can be replaced.
    pub until: DateTime<Utc>,
    /// The length of the period in the product.
    pub length: TimeDelta,
}

impl CoolDown {
    /// Returns the cool-down of a user, unless it has passed or the license does not name the user.
    ///
    /// # Errors
    ///
    /// Returns an error if the ledger cannot be read.
    pub fn find(
        user: &str,
        license: &License,
        matrix: &FeatureMatrix,
        ledger: &dyn LedgerReader,
        now: DateTime<Utc>,
    ) -> Result<Option<Self>, LedgerError> {
        let length = matrix.user_cool_down();
        let since = ledger.named_since(license.id().as_str(), user)?;
        let period = since.map(|since| Self {
            since,
            until: time::saturating_add(since, length),
            length,
        });
        Ok(period.filter(|period| now < period.until))
    }
}

/// Returns the user whose name differs only by upper and lower case, spacing and invisible
/// characters.
#[must_use]
pub fn similar<'u>(user: &str, users: &'u [String]) -> Option<&'u String> {
    let name = folded(user);
    users.iter().find(|other| folded(other) == name)
}
