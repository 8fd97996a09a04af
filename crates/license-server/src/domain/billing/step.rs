//! The steps that bring a license to the entitlement of its subscription.

use chrono::{DateTime, TimeDelta, Utc};
use license_core::time::saturating_add;

use super::entitlement::Entitlement;
use super::plan::PlannedTerms;

/// The newest license of a subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CurrentLicense {
    /// The end. `None`: the license never ends.
    pub ends_at: Option<DateTime<Utc>>,
    /// Whether the license is revoked.
    pub is_revoked: bool,
    /// Whether billing has revoked it.
    pub is_held: bool,
    /// Whether the content is that of the plans.
    pub has_terms: bool,
    /// The license by which a person has replaced this one.
    pub sold: Option<SoldLicense>,
}

/// A license that a person sold in place of that of a subscription, such as the renewal of an
/// invoice. Billing takes neither time nor content from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SoldLicense {
    /// The end. `None`: the license never ends.
    pub ends_at: Option<DateTime<Utc>>,
}

impl SoldLicense {
    /// Returns whether the license is over at an instant.
    pub fn is_over(self, at: DateTime<Utc>) -> bool {
        self.ends_at.is_some_and(|end| end <= at)
    }
}

/// A change of the license of a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LicenseStep {
    /// Issues the first license.
    Issue {
        /// The end.
        until: DateTime<Utc>,
    },
    /// Replaces the license, or the one that a person has sold in its place, at once by one with
    /// the planned content. Without a plan, the content stays.
    Replace {
        /// The end, which is never earlier than that of the license. `None`: the license never
        /// ends.
        until: Option<DateTime<Utc>>,
    },
    /// Revokes the license.
    Revoke,
    /// Reinstates a license that billing has revoked.
    Reinstate,
}

/// The time before the end of an entitlement in which a license that lasts longer is revoked. An
/// entitlement ends one to two days after the paid time.
const SETTLEMENT: TimeDelta = TimeDelta::days(2);

impl LicenseStep {
    /// Returns the next step, or `None` if the license is as it should be. After each step, the
    /// next one follows from the new license.
    ///
    /// A license that a person has revoked stays revoked. A license never becomes shorter: one that
    /// lasts too long is revoked when the paid time is over, and not before. A license that a
    /// person sold in its place stays until the paid time is longer.
    pub fn next(
        entitlement: &Entitlement,
        terms: Option<&PlannedTerms>,
        license: Option<&CurrentLicense>,
        now: DateTime<Utc>,
    ) -> Option<Self> {
        let until = entitlement.until.filter(|until| *until > now);
        let Some(license) = license else {
            return until
                .filter(|_| terms.is_some())
                .map(|until| Self::Issue { until });
        };
        if license.must_end(entitlement, now) {
            let is_over = license.ends_at.is_some_and(|end| end <= now);
            return (!license.is_revoked && !is_over).then_some(Self::Revoke);
        }
        let until = until?;
        if license.is_revoked && (license.is_held || license.sold.is_none()) {
            return license.is_held.then_some(Self::Reinstate);
        }
        let ends_at = license.sold.map_or(license.ends_at, |sold| sold.ends_at);
        let is_short = ends_at.is_some_and(|end| end < until);
        if license.sold.is_some() && !is_short {
            return None;
        }
        // A customer does not lose a paid license because a price has no plan.
        if !is_short && (terms.is_none() || license.has_terms) {
            return None;
        }
        Some(Self::Replace {
            until: ends_at.map(|end| end.max(until)),
        })
    }
}

impl CurrentLicense {
    /// Returns whether the license lasts longer than the paid time, which is over.
    fn must_end(&self, entitlement: &Entitlement, now: DateTime<Utc>) -> bool {
        if entitlement.is_valid() {
            return false;
        }
        let Some(until) = entitlement.until else {
            return true;
        };
        let is_too_long = self.ends_at.is_none_or(|end| end > until);
        is_too_long && until <= saturating_add(now, SETTLEMENT)
    }
}
