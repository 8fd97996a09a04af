//! Plans: the licenses that prices buy.

use serde_json::json;

use super::BillingService;
use crate::domain::{Actor, BillingPlan, Refusal, RefusalKind, ServerCode, is_provider_id};
use crate::services::vendor::subscriptions::check_terms;

/// A plan of a price.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlanOrder {
    /// The tier. `None`: the price is an addition to another one.
    pub tier: Option<String>,
    /// The number of seats of a unit. 0: the price does not count seats.
    pub seats: u32,
    /// Features in addition to those of the tier.
    pub features: Vec<String>,
}

impl BillingService {
    /// Returns all plans, by price.
    ///
    /// # Errors
    ///
    /// Returns a refusal if the store cannot be read.
    pub async fn plans(&self) -> Result<Vec<BillingPlan>, Refusal> {
        let provider = self.provider_name();
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        Ok(store.billing_plans(tenant, provider).await?)
    }

    /// Stores the plan of a price. The licenses of subscriptions follow at the next comparison.
    ///
    /// # Errors
    ///
    /// Returns `BAD_REQUEST` if a value is not acceptable, `LIMIT_REACHED` if there are 500 other
    /// plans, and `WRONG_ROLE` without a provider.
    pub async fn put_plan(
        &self,
        actor: &Actor,
        price: &str,
        order: PlanOrder,
    ) -> Result<BillingPlan, Refusal> {
        let provider = self.setup()?.provider.name();
        check_price(price)?;
        if order.features.len() > BillingPlan::MAX_FEATURES {
            return Err(bad_request("`features` has too many names").values(
                format!("at most {}", BillingPlan::MAX_FEATURES),
                order.features.len(),
            ));
        }
        let tier = order.tier.as_deref();
        let tier = check_terms(tier, &order.features, &self.site.matrix)?;
        if tier.is_none() && order.seats == 0 && order.features.is_empty() {
            return Err(bad_request("the plan has no content")
                .about("tier")
                .values("a tier, seats or features", "none"));
        }
        let plan = BillingPlan {
            price: price.to_owned(),
            tier,
            seats: order.seats,
            features: order.features,
        };
        let audit = self
            .site
            .audit(actor, "billing.plan", price, plan.audited());
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        let stored = store.put_billing_plan(tenant, provider, plan.clone(), audit);
        if stored.await? {
            return Ok(plan);
        }
        let detail = "the organization has no room for another plan";
        Err(
            Refusal::new(RefusalKind::Conflict, ServerCode::LimitReached, detail)
                .values(format!("at most {} plans", BillingPlan::MAX_COUNT), "more")
                .hint("delete the plan of a price that is no longer sold"),
        )
    }

    /// Deletes the plan of a price. Licenses stay as they are.
    ///
    /// # Errors
    ///
    /// Returns `NOT_FOUND` if the price has no plan, and `WRONG_ROLE` without a provider.
    pub async fn delete_plan(&self, actor: &Actor, price: &str) -> Result<(), Refusal> {
        let provider = self.setup()?.provider.name();
        let audit = self
            .site
            .audit(actor, "billing.plan_delete", price, json!({}));
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        let deleted = store.delete_billing_plan(tenant, provider, price, audit);
        if deleted.await? {
            return Ok(());
        }
        let detail = "the price has no plan";
        Err(
            Refusal::new(RefusalKind::NotFound, ServerCode::NotFound, detail)
                .hint("list the plans with GET /api/v1/billing/plans"),
        )
    }
}

/// Refuses a text that is no id of a price.
pub(super) fn check_price(price: &str) -> Result<(), Refusal> {
    check_id("price", price, "price_1AbC")
}

/// Refuses a text that is no id of the provider.
pub(super) fn check_id(name: &str, id: &str, example: &str) -> Result<(), Refusal> {
    if is_provider_id(id) {
        return Ok(());
    }
    Err(
        bad_request(format!("`{name}` is not an id of the provider"))
            .values(format!("an id such as {example}"), "another text"),
    )
}

pub(super) fn bad_request(detail: impl Into<String>) -> Refusal {
    Refusal::new(RefusalKind::BadRequest, ServerCode::BadRequest, detail)
}
