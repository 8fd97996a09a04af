//! The matrix of the default product as constants, so that no program reads a file of TOML before it decides.

#[rustfmt::skip]
mod data;

use std::sync::Arc;

use super::{Matrix, TierTerms, Trial};
use crate::ids::{ProductCode, Tier};
use crate::policy::{CheckIn, Entitlements, Quota, Renewal};

/// What a product file says.
struct Product {
    product: &'static str,
    issuer: &'static str,
    base_tier: &'static str,
    enterprise_tier: Option<&'static str>,
    /// Its tier and its days.
    trial: Option<(&'static str, u64)>,
    user_cool_down_days: u64,
    seats_quota: Option<&'static str>,
    devices_quota: Option<&'static str>,
    tiers: &'static [Row],
}

/// What it says of a tier, with all that comes from the tiers below.
struct Row {
    tier: &'static str,
    features: &'static [&'static str],
    quotas: &'static [(&'static str, i64)],
    /// Hours between check-ins, and those for which it holds without.
    check_in: Option<(u64, u64)>,
    offline_grace_hours: u64,
    /// Days of warning before the end, and hours of grace after it.
    renewal: Option<(u64, u64)>,
}

/// The matrix; `None` if the constants are none.
pub(super) fn matrix() -> Option<Matrix> {
    let Product {
        enterprise_tier,
        trial,
        ..
    } = data::PRODUCT;
    let tiers: Vec<TierTerms> = data::PRODUCT
        .tiers
        .iter()
        .map(Row::terms)
        .collect::<Option<_>>()?;
    let find = |name: &str| {
        let mut tiers = tiers.iter();
        tiers.find(|terms| terms.name().as_str() == name).cloned()
    };
    Some(Matrix {
        product: ProductCode::parse(data::PRODUCT.product).ok()?,
        issuer: data::PRODUCT.issuer.into(),
        base: find(data::PRODUCT.base_tier)?,
        enterprise: all_or_nothing(enterprise_tier.map(find))?,
        trial: all_or_nothing(trial.map(|(tier, days)| {
            let tier = Tier::parse(tier).ok()?;
            Some(Trial { tier, days })
        }))?,
        user_cool_down_days: data::PRODUCT.user_cool_down_days,
        seats_quota: data::PRODUCT.seats_quota.map(Into::into),
        devices_quota: data::PRODUCT.devices_quota.map(Into::into),
        tiers,
    })
}

impl Row {
    fn terms(&self) -> Option<TierTerms> {
        let features = self.features.iter().map(|&name| name.to_owned());
        let quotas = self.quotas.iter().map(|&(name, number)| {
            let quota = Quota::from_number(number)?;
            Some((name.to_owned(), quota))
        });
        let quotas: Vec<_> = quotas.collect::<Option<_>>()?;
        let tier = Tier::parse(self.tier).ok()?;
        let check_in = self
            .check_in
            .map(|(every, grace)| CheckIn::new(every, grace));
        let renewal = self
            .renewal
            .map(|(notify, grace)| Renewal::new(notify, grace));
        Some(TierTerms {
            entitlements: Arc::new(Entitlements::new(tier, features, quotas)),
            check_in: all_or_nothing(check_in)?,
            offline_grace_hours: self.offline_grace_hours,
            renewal: all_or_nothing(renewal)?,
        })
    }
}

/// What is not said is right, and what is said must be.
fn all_or_nothing<T>(said: Option<Option<T>>) -> Option<Option<T>> {
    match said {
        Some(None) => None,
        Some(value) => Some(value),
        None => Some(None),
    }
}

#[cfg(test)]
#[cfg(feature = "product-files")]
mod tests;
