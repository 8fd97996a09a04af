//! Pages of the provider for one customer.

use chrono::TimeDelta;
use license_core::encoding::hex;
use license_core::time::saturating_add;
use license_issuer::folding::folded;
use sha2::{Digest, Sha256};

use super::plans::{bad_request, check_id, check_price};
use super::{BillingService, ask, not_answered};
use crate::billing::{CheckoutOrder, ConvertedTrial, PaymentLink, PortalOrder};
use crate::domain::{Actor, EmailAddress, Refusal, Trial, TrialId, TrialKeys};
use crate::services::people::not_found;
use crate::services::site::random;
use crate::services::trials::issued_license;
use crate::services::vendor::{self, RequestId};

/// The longest URL, in bytes.
const MAX_URL: usize = 2048;

/// The largest quantity of a subscription.
const MAX_QUANTITY: u32 = 1_000_000;

/// The longest trial in days, which is that of Stripe.
const MAX_TRIAL: u32 = 730;

/// The shortest time from now to the first payment of a subscription. Stripe asks for 48 hours.
const MIN_UNPAID: TimeDelta = TimeDelta::hours(49);

/// A request for a page on which a customer subscribes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckoutRequest {
    /// The price, which has a plan.
    pub price: String,
    /// The quantity.
    pub quantity: u32,
    /// A customer that the provider knows.
    pub customer: Option<String>,
    /// The e-mail address of a new customer.
    pub email: Option<String>,
    /// The days of the trial.
    pub trial_days: Option<u32>,
    /// The id of the trial of this server that the subscription converts.
    pub trial: Option<String>,
    /// The page after a success.
    pub success_url: String,
    /// The page after the customer went back.
    pub cancel_url: String,
}

/// A request for a page on which a customer manages the subscription.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PortalRequest {
    /// The customer.
    pub customer: String,
    /// The page to which the customer returns.
    pub return_url: String,
}

impl BillingService {
    /// Creates a page on which a customer subscribes. A repetition of the request returns the same
    /// page.
    ///
    /// # Errors
    ///
    /// Returns `BAD_REQUEST` if a value is not acceptable or the price has no plan, `TRIAL_USED` if
    /// the customer cannot have a trial, `NOT_FOUND` or `CONVERTED` for a trial that cannot be
    /// converted, and `BILLING_REFUSED` or `BILLING_UNAVAILABLE` if the provider creates no page.
    pub async fn checkout(
        &self,
        actor: &Actor,
        request: CheckoutRequest,
        id: Option<RequestId>,
    ) -> Result<PaymentLink, Refusal> {
        let setup = self.setup()?;
        check_price(&request.price)?;
        check_range("quantity", request.quantity, MAX_QUANTITY)?;
        if let Some(days) = request.trial_days {
            check_range("trial_days", days, MAX_TRIAL)?;
        }
        if let Some(customer) = &request.customer {
            check_id("customer", customer, "cus_1AbC")?;
        }
        let email = request.email.as_deref().map(|email| {
            EmailAddress::parse(email).ok_or_else(|| {
                bad_request("`email` is not an address")
                    .values("an address such as ann@example.com", "another text")
            })
        });
        let email = email.transpose()?;
        check_url("success_url", &request.success_url)?;
        check_url("cancel_url", &request.cancel_url)?;
        let plans = self.plans().await?;
        if !plans.iter().any(|plan| plan.price == request.price) {
            return Err(bad_request("the price has no plan")
                .about("price")
                .values("a price with a plan", &request.price)
                .hint("store the plan first: PUT /api/v1/billing/plans/{price}"));
        }
        if request.trial_days.is_some() {
            self.refuse_second_trial(request.customer.as_deref(), email.as_ref())
                .await?;
        }
        let trial = match &request.trial {
            Some(id) => Some(self.convertible(id, request.trial_days).await?),
            None => None,
        };
        let of_trial = trial.as_ref().and_then(|trial| trial.user.email.clone());
        let email = email.or(of_trial);
        let order = CheckoutOrder {
            price: request.price,
            quantity: request.quantity,
            customer: request.customer,
            email: email.map(|email| email.to_string()),
            trial_days: request.trial_days,
            trial: trial.map(|trial| self.converted(trial)),
            success_url: request.success_url,
            cancel_url: request.cancel_url,
        };
        let key = key("checkout", id)?;
        let link = ask(setup, move |provider| provider.checkout(&order, &key)).await;
        let link = link.map_err(|error| not_answered(&error))?;
        self.record(actor, "billing.checkout", &link.id).await?;
        Ok(link)
    }

    /// Refuses a trial of a customer who had a trial or a subscription.
    async fn refuse_second_trial(
        &self,
        customer: Option<&str>,
        email: Option<&EmailAddress>,
    ) -> Result<(), Refusal> {
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        let provider = self.provider_name();
        let known = match customer {
            Some(id) => store.billing_customer(tenant, provider, id).await?,
            None => None,
        };
        let name = known.as_ref().map(|known| folded(known.license_name()));
        let known_email = known.and_then(|known| EmailAddress::parse(known.email.as_deref()?));
        let email = email.cloned().or(known_email);
        let keys = TrialKeys {
            email: email
                .as_ref()
                .map(|email| Sha256::digest(email.mailbox()).into()),
            customer: name.unwrap_or_default(),
            machine: None,
        };
        let email = email.as_ref().map(EmailAddress::as_str);
        let others = store.billing_subscriptions_of(tenant, provider, customer, email);
        if store.is_trial_used(tenant, keys).await? || !others.await?.is_empty() {
            return Err(vendor::trial_used());
        }
        Ok(())
    }

    /// Returns a trial that a subscription can convert.
    async fn convertible(&self, id: &str, trial_days: Option<u32>) -> Result<Trial, Refusal> {
        if trial_days.is_some() {
            return Err(bad_request("`trial` and `trial_days` exclude each other")
                .values("one of `trial` and `trial_days`", "both")
                .hint("omit `trial_days`: the first payment is at the end of the trial"));
        }
        let id = TrialId::parse(id).ok_or_else(|| not_found("trial"))?;
        let found = self.site.store.trial(&self.site.tenant, &id).await?;
        let found = found.filter(|trial| trial.state.is_used());
        let found = found.ok_or_else(|| not_found("trial"))?;
        issued_license(&found)?;
        Ok(found)
    }

    /// Returns the conversion of a trial. The customer pays at its end, or at once if it ends soon.
    fn converted(&self, trial: Trial) -> ConvertedTrial {
        let first = saturating_add(self.site.wall(), MIN_UNPAID);
        ConvertedTrial {
            id: trial.id,
            paid_from: trial.ends_at.filter(|end| *end >= first),
        }
    }

    /// Creates a page on which a customer manages the subscription and the means of payment.
    ///
    /// # Errors
    ///
    /// Returns `BAD_REQUEST` if a value is not acceptable, and `BILLING_REFUSED` or
    /// `BILLING_UNAVAILABLE` if the provider creates none.
    pub async fn portal(
        &self,
        actor: &Actor,
        request: PortalRequest,
        id: Option<RequestId>,
    ) -> Result<PaymentLink, Refusal> {
        let setup = self.setup()?;
        check_id("customer", &request.customer, "cus_1AbC")?;
        check_url("return_url", &request.return_url)?;
        let order = PortalOrder {
            customer: request.customer.clone(),
            return_url: request.return_url,
        };
        let key = key("portal", id)?;
        let link = ask(setup, move |provider| provider.portal(&order, &key)).await;
        let link = link.map_err(|error| not_answered(&error))?;
        self.record(actor, "billing.portal", &request.customer)
            .await?;
        Ok(link)
    }

    /// Records that somebody has created a page. The trail does not have its URL.
    async fn record(
        &self,
        actor: &Actor,
        action: &'static str,
        subject: &str,
    ) -> Result<(), Refusal> {
        let audit = self
            .site
            .audit(actor, action, subject, serde_json::json!({}));
        Ok(self.site.store.record(&self.site.tenant, audit).await?)
    }
}

/// Returns the key of a request to the provider: that of the caller's request, or a new one.
fn key(kind: &str, id: Option<RequestId>) -> Result<String, Refusal> {
    let bytes = match id {
        Some(RequestId(bytes)) => bytes,
        None => random()?,
    };
    let mut hash = Sha256::new();
    hash.update(b"license-server-billing-v1:");
    hash.update(kind.as_bytes());
    hash.update(bytes);
    Ok(hex::encode(&hash.finalize()))
}

fn check_range(name: &str, number: u32, most: u32) -> Result<(), Refusal> {
    if (1..=most).contains(&number) {
        return Ok(());
    }
    Err(bad_request(format!("`{name}` is out of range")).values(format!("1 to {most}"), number))
}

/// Refuses a URL to which a browser should not be sent.
fn check_url(name: &str, url: &str) -> Result<(), Refusal> {
    let is_accepted = url.len() <= MAX_URL
        && url.bytes().all(|byte| byte.is_ascii_graphic())
        && ["https://", "http://"].iter().any(|scheme| {
            let rest = url.strip_prefix(scheme);
            rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'))
        });
    if is_accepted {
        return Ok(());
    }
    Err(bad_request(format!("`{name}` is not accepted")).values(
        format!("an http or https URL of at most {MAX_URL} bytes"),
        "another text",
    ))
}
