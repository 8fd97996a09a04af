//! The license that a price of a provider buys.

use serde_json::{Value, json};

use super::subscription::SubscriptionItem;

/// The content of a license that one unit of a price buys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BillingPlan {
    /// The id of the price at the provider.
    pub price: String,
    /// The tier, in upper case. `None`: the price is an addition to another one.
    pub tier: Option<String>,
    /// The number of seats of a unit. 0: the price does not count seats.
    pub seats: u32,
    /// Features in addition to those of the tier.
    pub features: Vec<String>,
}

impl BillingPlan {
    /// The maximum number of plans of an organization.
    pub const MAX_COUNT: u32 = 500;

    /// The maximum number of features of a plan.
    pub const MAX_FEATURES: usize = 64;

    /// Returns the state for the audit trail.
    pub fn audited(&self) -> Value {
        json!({ "tier": self.tier, "seats": self.seats, "features": self.features })
    }
}

/// The content of a license that follows from the items of a subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedTerms {
    /// The tier, in upper case.
    pub tier: String,
    /// The number of seats. `None`: the number of the tier.
    pub seats: Option<u32>,
    /// Features in addition to those of the tier, sorted.
    pub features: Vec<String>,
}

/// Items that do not state one license.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnmappedPrice {
    /// A price has no plan, and another item states no tier.
    #[error("price {0} has no plan")]
    NoPlan(String),
    /// No plan of the items has a tier.
    #[error("no plan of the subscription has a tier")]
    NoTier,
    /// Two plans have different tiers.
    #[error("the plans of the subscription have two tiers: {0} and {1}")]
    TwoTiers(String, String),
}

impl PlannedTerms {
    /// Returns the content that the items of a subscription buy together.
    ///
    /// # Errors
    ///
    /// Returns an error if the plans do not state exactly one tier. Prices without a plan, such as
    /// those of support, have no effect if another item has a tier.
    pub fn new(items: &[SubscriptionItem], plans: &[BillingPlan]) -> Result<Self, UnmappedPrice> {
        let (mut tier, mut seats, mut features) = (None::<&String>, None::<u32>, Vec::new());
        let mut unmapped = None;
        for item in items {
            let Some(plan) = plans.iter().find(|plan| plan.price == item.price) else {
                unmapped.get_or_insert(&item.price);
                continue;
            };
            match (&plan.tier, tier) {
                (Some(found), Some(other)) if found != other => {
                    return Err(UnmappedPrice::TwoTiers(other.clone(), found.clone()));
                }
                (Some(found), _) => tier = Some(found),
                (None, _) => {}
            }
            if plan.seats > 0 {
                let count = plan.seats.saturating_mul(item.quantity.unwrap_or(1));
                seats = Some(seats.unwrap_or_default().saturating_add(count));
            }
            if item.quantity != Some(0) {
                features.extend(plan.features.iter().cloned());
            }
        }
        features.sort_unstable();
        features.dedup();
        match (tier, unmapped) {
            (Some(tier), _) => Ok(Self {
                tier: tier.clone(),
                seats: seats.filter(|seats| *seats > 0),
                features,
            }),
            (None, Some(price)) => Err(UnmappedPrice::NoPlan(price.clone())),
            (None, None) => Err(UnmappedPrice::NoTier),
        }
    }
}
