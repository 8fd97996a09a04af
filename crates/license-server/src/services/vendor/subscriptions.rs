//! Licenses of subscriptions: issued, replaced, revoked and reinstated as their payments decide.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use license_core::issue::LicenseDraft;
use license_core::policy::Quota;
use license_core::{FeatureMatrix, License, LicenseId};
use license_issuer::clock::{Clock, SystemClock};
use license_issuer::services::entitlements::{LimitSubject, is_lower_tier, raise_tier};
use license_issuer::services::issue::Mode;
use license_issuer::services::licenses::LicenseOrder;
use license_issuer::services::trials::ConvertibleTrial;

use super::files::not_found;
use super::issue::{CertifiedKey, OrderContext, issue_order};
use super::orders::{ReinstateOrder, RevokeOrder};
use super::refusals::{bad_request, draft_refused};
use super::successor::Previous;
use super::{RequestId, revoke, terms, trials};
use crate::domain::{Actor, PlannedTerms, Refusal};
use crate::services::site::Site;

/// The member of a ledger entry with the reason of the license.
const REASON: &str = "reason";

/// The content of a license, with its end and its reason.
#[derive(Clone, Debug)]
pub(in crate::services) struct SubscribedLicense {
    pub(in crate::services) customer: String,
    /// `None`: the content of the license stays.
    pub(in crate::services) terms: Option<PlannedTerms>,
    /// `None`: the license never ends.
    pub(in crate::services) until: Option<DateTime<Utc>>,
    pub(in crate::services) reason: String,
}

impl SubscribedLicense {
    /// Sets the seats, the features and the end of a draft.
    fn complete(&self, draft: &mut LicenseDraft, matrix: &FeatureMatrix) -> Result<(), Refusal> {
        if let Some(seats) = self.terms.as_ref().and_then(|terms| terms.seats) {
            let set = LimitSubject::Seats.set(Quota::Limit(seats.into()), draft, matrix);
            set.map_err(|error| draft_refused(&error))?;
        }
        for feature in self.terms.iter().flat_map(|terms| &terms.features) {
            if !draft.entitlements().allows(feature) {
                let added = draft.add_feature(feature);
                added.map_err(|error| draft_refused(&error))?;
            }
        }
        draft.not_before = None;
        draft.expires_at = self.until;
        Ok(())
    }

    fn order<'m>(
        &self,
        draft: LicenseDraft,
        certificate: &CertifiedKey,
        context: &OrderContext<'_, 'm>,
    ) -> Result<LicenseOrder<'m>, Refusal> {
        let mut order = LicenseOrder::new(draft, context.matrix);
        certificate.apply(&mut order, context.ledger)?;
        let reason = self.reason.as_str().into();
        order.members.insert(REASON.to_owned(), reason);
        Ok(order)
    }
}

/// Issues the first license of a subscription, which replaces that of the trial if there is one. A
/// repetition returns the license of the first request, so a subscription never has two.
pub(in crate::services) async fn issue(
    site: &Site,
    provider: &Actor,
    license: SubscribedLicense,
    trial: Option<LicenseId>,
    request: RequestId,
) -> Result<LicenseId, Refusal> {
    let certificate = CertifiedKey::new(site, None)?;
    let issued = issue_order(
        site,
        provider,
        Some(request),
        Mode::Commit,
        move |context| {
            let terms = license.terms.as_ref();
            let tier = terms.map_or("", |terms| &terms.tier);
            let tier = terms::find_tier(tier, context.matrix)?;
            let trial = match &trial {
                Some(trial) => trials::convertible(trial, context)?,
                None => None,
            };
            let customer = trial.as_ref().map(ConvertibleTrial::customer);
            let customer = customer.unwrap_or_else(|| license.customer.clone());
            let (matrix, id) = (context.matrix, terms::new_id()?);
            let mut draft = LicenseDraft::for_tier(matrix, tier, id, customer, context.now);
            license.complete(&mut draft, matrix)?;
            if let Some(trial) = &trial {
                trials::replace_trial(trial, &mut draft, context)?;
            }
            license.order(draft, &certificate, context)
        },
    );
    Ok(issued.await?.id)
}

/// Replaces a license at once by one with other content. The new license keeps what the plan does
/// not state, and the customer may lose what the plan no longer has.
pub(in crate::services) async fn replace(
    site: &Site,
    provider: &Actor,
    id: &LicenseId,
    license: SubscribedLicense,
    request: RequestId,
) -> Result<LicenseId, Refusal> {
    let certificate = CertifiedKey::new(site, None)?;
    let id = id.clone();
    let issued = issue_order(
        site,
        provider,
        Some(request),
        Mode::Commit,
        move |context| {
            let previous = Previous::find(&id, context)?;
            let mut draft = previous.successor(context.matrix, context.now)?;
            change_tier(&mut draft, &previous.license, &license, context)?;
            license.complete(&mut draft, context.matrix)?;
            license.order(draft, &certificate, context)
        },
    );
    Ok(issued.await?.id)
}

/// Changes the tier of a draft. A lower tier has nothing of the higher one.
fn change_tier(
    draft: &mut LicenseDraft,
    previous: &License,
    license: &SubscribedLicense,
    context: &OrderContext<'_, '_>,
) -> Result<(), Refusal> {
    let matrix = context.matrix;
    let Some(terms) = &license.terms else {
        return Ok(());
    };
    let tier = terms::find_tier(&terms.tier, matrix)?;
    if tier.name() == previous.tier() {
        return Ok(());
    }
    if !is_lower_tier(tier, previous, matrix) {
        let raised = raise_tier(draft, previous, tier, matrix);
        return raised.map_err(|error| draft_refused(&error));
    }
    let (id, customer) = (draft.id.clone(), draft.customer.clone());
    let mut lower = LicenseDraft::for_tier(matrix, tier, id, customer, context.now);
    lower.supersedes = std::mem::take(&mut draft.supersedes);
    lower.company = draft.company.take();
    lower.confirmation = draft.confirmation.take();
    *draft = lower;
    Ok(())
}

/// Revokes a license.
pub(in crate::services) async fn hold(
    site: &Site,
    provider: &Actor,
    id: &LicenseId,
    reason: String,
) -> Result<(), Refusal> {
    let order = RevokeOrder {
        reason,
        ..RevokeOrder::default()
    };
    revoke::revoke(site, provider, id, order).await.map(drop)
}

/// Reinstates a license that [`hold`] has revoked.
pub(in crate::services) async fn release(
    site: &Site,
    provider: &Actor,
    id: &LicenseId,
    reason: String,
) -> Result<(), Refusal> {
    let order = ReinstateOrder {
        reason,
        // The license is the newest one, and its predecessors were not revoked.
        accept_rivals: true,
        ..ReinstateOrder::default()
    };
    revoke::reinstate(site, provider, id, order).await.map(drop)
}

/// Refuses terms that no license of the product can have.
pub(in crate::services) fn check_terms(
    tier: Option<&str>,
    features: &[String],
    matrix: &Arc<FeatureMatrix>,
) -> Result<Option<String>, Refusal> {
    let tier = tier
        .map(|name| terms::find_tier(name, matrix))
        .transpose()?;
    let sample = tier.unwrap_or_else(|| matrix.base_tier());
    let id = terms::new_id()?;
    let mut draft =
        LicenseDraft::for_tier(matrix, sample, id, "customer".to_owned(), SystemClock.now());
    for feature in features {
        draft.add_feature(feature).map_err(|_| {
            bad_request("`features` has a name that is not accepted").values(
                "names of 1 to 64 characters of a-z, 0-9 and _",
                "another text",
            )
        })?;
    }
    Ok(tier.map(|tier| tier.name().to_string()))
}

/// Returns the refusal of a license that the ledger no longer has.
pub(in crate::services) fn missing(id: &LicenseId) -> Refusal {
    not_found(id)
}
