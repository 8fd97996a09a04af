//! The license of a subscription, as the ledger has it.

use license_core::diff::{Difference, Effect};
use license_core::policy::Quota;
use license_core::{FeatureMatrix, License, LicenseId, TrustSet, Unverified, with_causes};
use license_issuer::clock::{Clock, SystemClock};
use license_issuer::ledger::LedgerReader;
use license_issuer::records::ISSUED_BY;
use license_issuer::services::entitlements::LimitSubject;

use super::ledger;
use super::refusals::{failed_task, ledger_refused};
use crate::domain::{Actor, CurrentLicense, PlannedTerms, Refusal, SoldLicense};
use crate::services::site::Site;

/// The newest license of a subscription.
pub(in crate::services) struct LedgerLicense {
    /// The newest license that billing issued, or that continues such a license.
    pub(in crate::services) license: License,
    /// Whether it is revoked.
    pub(in crate::services) is_revoked: bool,
    /// Whether the provider revoked it.
    pub(in crate::services) is_held: bool,
    /// The newest license by which a person has renewed or upgraded it.
    pub(in crate::services) sold: Option<License>,
}

impl LedgerLicense {
    /// Returns the license that the next one replaces.
    pub(in crate::services) fn newest(&self) -> &License {
        self.sold.as_ref().unwrap_or(&self.license)
    }

    /// Returns what the next step depends on.
    pub(in crate::services) fn current(
        &self,
        terms: Option<&PlannedTerms>,
        matrix: &FeatureMatrix,
    ) -> CurrentLicense {
        CurrentLicense {
            ends_at: self.license.expires_at(),
            is_revoked: self.is_revoked,
            is_held: self.is_held,
            has_terms: terms.is_none_or(|terms| has_terms(&self.license, terms, matrix)),
            sold: self.sold(),
        }
    }

    /// Returns the license that a person sold in place of that of the subscription.
    pub(in crate::services) fn sold(&self) -> Option<SoldLicense> {
        let sold = self.sold.as_ref()?;
        let ends_at = sold.expires_at();
        Some(SoldLicense { ends_at })
    }
}

/// Returns whether a license has the tier, the seats and at least the features of a plan.
fn has_terms(license: &License, terms: &PlannedTerms, matrix: &FeatureMatrix) -> bool {
    let limit = LimitSubject::Seats.limit(license.claims(), matrix);
    let wanted = terms.seats.map(|seats| Quota::Limit(seats.into()));
    license.tier().as_str() == terms.tier
        && wanted.is_none_or(|wanted| limit == Some(wanted))
        && terms
            .features
            .iter()
            .all(|feature| license.entitlements().allows(feature))
}

/// Returns the newest license of a subscription, starting from one that billing issued. A change
/// whose result was not stored is found this way.
///
/// Billing answers for its own licenses, and for those that only continue them, such as after
/// another user took the place of a named one. A license with which a person gave the customer more
/// is not billing's.
pub(in crate::services) async fn newest(
    site: &Site,
    id: &LicenseId,
    provider: &Actor,
) -> Result<Option<LedgerLicense>, Refusal> {
    let vendor = ledger(site)?;
    let chain = Chain {
        keys: site.content().keys().joined(&vendor.keys()),
        provider: provider.to_string(),
        matrix: std::sync::Arc::clone(&site.matrix),
    };
    let first = id.to_string();
    vendor.read(move |ledger| chain.newest(ledger, first)).await
}

/// Follows the licenses that replace each other.
struct Chain {
    keys: TrustSet,
    provider: String,
    matrix: std::sync::Arc<FeatureMatrix>,
}

impl Chain {
    fn newest(
        &self,
        ledger: &dyn LedgerReader,
        first: String,
    ) -> Result<Option<LedgerLicense>, Refusal> {
        let Some((mut license, _)) = self.find(ledger, &first)? else {
            return Ok(None);
        };
        let (mut id, mut sold) = (first, None);
        while let Some(next) = ledger.successor(&id).map_err(ledger_refused)? {
            id = next;
            let Some((successor, is_own)) = self.find(ledger, &id)? else {
                break;
            };
            if is_own || sold.is_none() && self.continues(&license, &successor) {
                (license, sold) = (successor, None);
            } else {
                sold = Some(successor);
            }
        }
        let revocation = ledger.revocation(license.id().as_str());
        let revocation = revocation.map_err(ledger_refused)?;
        let revoked_by = revocation
            .as_ref()
            .and_then(|entry| entry.member(ISSUED_BY));
        Ok(Some(LedgerLicense {
            license,
            is_revoked: revocation.is_some(),
            is_held: revoked_by.as_deref() == Some(self.provider.as_str()),
            sold,
        }))
    }

    /// Returns a license, and whether billing issued it.
    fn find(
        &self,
        ledger: &dyn LedgerReader,
        id: &str,
    ) -> Result<Option<(License, bool)>, Refusal> {
        let row = ledger.license(id, SystemClock.now());
        let Some(row) = row.map_err(ledger_refused)? else {
            return Ok(None);
        };
        let token = Unverified::parse(&row.entry.artifact).map_err(|_| failed_task())?;
        let license = token.verify(&self.keys).map_err(|error| {
            let reason = with_causes(&error).to_string();
            tracing::error!(license = id, reason, "the license does not verify");
            failed_task()
        })?;
        let issued_by = row.entry.member(ISSUED_BY);
        Ok(Some((
            license,
            issued_by.as_deref() == Some(&self.provider),
        )))
    }

    /// Returns whether a license gives the customer no more than the one that it replaces. The
    /// users can be others, but not more.
    fn continues(&self, license: &License, successor: &License) -> bool {
        let users = |license: &License| license.users().map(|users| users.len());
        let (before, after) = (license.claims(), successor.claims());
        let difference = Difference::from_claims(before, after, &self.matrix);
        let mut gains = difference.with_effect(Effect::Gain);
        users(license) >= users(successor) && gains.all(|gain| gain.what() == "users")
    }
}
