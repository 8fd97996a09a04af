//! The steps that bring a license to the entitlement of its subscription.

use chrono::{DateTime, Utc};

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
}

/// A change of the license of a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LicenseStep {
    /// Issues the first license.
    Issue {
        /// The end.
        until: DateTime<Utc>,
    },
    /// Replaces the license at once by one with the planned content.
    Replace {
        /// The end, which is never earlier than that of the license. `None`: the license never ends.
        until: Option<DateTime<Utc>>,
    },
    /// Revokes the license.
    Revoke,
    /// Reinstates a license that billing has revoked.
    Reinstate,
}

impl LicenseStep {
    /// Returns the next step, or `None` if the license is as it should be. After each step, the
    /// next one follows from the new license.
    ///
    /// A license that a person has revoked stays revoked. A license never becomes shorter: one that
    /// lasts too long is revoked, and only if the entitlement has ended.
    pub fn next(
        entitlement: &Entitlement,
        terms: Option<&PlannedTerms>,
        license: Option<&CurrentLicense>,
        now: DateTime<Utc>,
    ) -> Option<Self> {
        if entitlement.is_valid() {
            return Self::towards_valid(entitlement.until?, terms.is_some(), license, now);
        }
        let license = license?;
        let is_too_long = match (license.ends_at, entitlement.until) {
            (_, None) | (None, _) => true,
            (Some(end), Some(until)) => end > until,
        };
        let is_over = license.ends_at.is_some_and(|end| end <= now);
        (is_too_long && !is_over && !license.is_revoked).then_some(Self::Revoke)
    }

    fn towards_valid(
        until: DateTime<Utc>,
        has_plan: bool,
        license: Option<&CurrentLicense>,
        now: DateTime<Utc>,
    ) -> Option<Self> {
        let Some(license) = license else {
            return (has_plan && until > now).then_some(Self::Issue { until });
        };
        match (license.is_revoked, license.is_held) {
            (true, true) => return Some(Self::Reinstate),
            (true, false) => return None,
            (false, _) => {}
        }
        let is_short = license.ends_at.is_some_and(|end| end < until);
        if !has_plan || until <= now || (!is_short && license.has_terms) {
            return None;
        }
        let until = license.ends_at.map(|end| end.max(until));
        Some(Self::Replace { until })
    }
}
