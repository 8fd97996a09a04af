//! Stripe.

mod forms;
mod http;
mod objects;
mod read;
mod signature;

use std::fmt;

use chrono::{DateTime, Utc};
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use self::forms::Form;
use self::http::StripeHttp;
use self::objects::{
    ChargeJson, DisputeJson, EventJson, HasId, IdJson, InvoiceJson, LinkJson, ListJson,
    SubscriptionJson, parse,
};
use super::provider::{
    BillingProvider, CheckoutOrder, EventFault, EventSubject, MeteredUsage, PaymentLink,
    PortalOrder, ProviderError, ProviderPage,
};
use crate::domain::{NewBillingEvent, ProviderInvoice, ProviderSubscription, is_provider_id};

pub use signature::WebhookKey;

/// The name of the provider.
pub(crate) const NAME: &str = "stripe";

/// The version of the interface in which requests are made and answers read. Events can have
/// another version, because only ids are read from them.
const API_VERSION: &str = "2025-02-24.acacia";

/// The number of items of a page of a list, which is the largest that Stripe accepts.
const PAGE: &str = "100";

/// The number of pages that are read of the invoices of a subscription, the newest first, and of
/// the lines of an invoice. A subscription with a change each day has about four pages in a year.
const MAX_PAGES: usize = 20;

/// The access to an account of Stripe.
pub struct StripeSettings {
    /// The secret or restricted key, such as `sk_test_…`.
    pub key: Zeroizing<String>,
    /// The secrets of the webhook. There are two while they are changed.
    pub webhook_keys: Vec<WebhookKey>,
    /// The URL of the interface without a path, such as `https://api.stripe.com`.
    pub api_url: String,
}

/// Omits the key.
impl fmt::Debug for StripeSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StripeSettings")
            .field("api_url", &self.api_url)
            .finish_non_exhaustive()
    }
}

/// An account of Stripe.
#[derive(Debug)]
pub struct Stripe {
    http: StripeHttp,
    is_live: bool,
    webhook_keys: Vec<WebhookKey>,
}

impl Stripe {
    /// Creates the client. Sends nothing.
    pub fn new(settings: StripeSettings) -> Self {
        Self {
            is_live: settings.key.contains("_live_"),
            http: StripeHttp::new(settings.key, &settings.api_url),
            webhook_keys: settings.webhook_keys,
        }
    }

    /// Returns the amounts of a charge that are disputed, and that disputes have taken back. A
    /// charge does not name its disputes.
    fn taken_back(&self, charge: &ChargeJson) -> Result<(i64, i64), ProviderError> {
        if !charge.disputed {
            return Ok((0, 0));
        }
        let mut query = Form::default();
        query.add("charge", &charge.id);
        query.add("limit", PAGE);
        let Some(body) = self.http.get(&["disputes"], &query)? else {
            return Ok((0, 0));
        };
        let list: ListJson<DisputeJson> = parse("list of disputes", &body)?;
        let (mut disputed, mut lost) = (0_i64, 0_i64);
        for dispute in list.data {
            match dispute.status.as_str() {
                "needs_response" | "under_review" => {
                    disputed = disputed.saturating_add(dispute.amount);
                }
                "lost" => lost = lost.saturating_add(dispute.amount),
                // Inquiries (`warning_…`) move no money, and a won dispute returns it.
                _ => {}
            }
        }
        Ok((disputed, lost))
    }

    /// Returns an invoice with all its lines and its disputes.
    fn read_invoice(
        &self,
        mut invoice: InvoiceJson,
    ) -> Result<Option<ProviderInvoice>, ProviderError> {
        // The lines for changes come before that of the period.
        let lines = ["invoices", invoice.id.as_str(), "lines"];
        invoice.lines = self.complete(invoice.lines, &lines, &[])?.into();
        let taken_back = match invoice.charge.as_ref().and_then(IdJson::object) {
            Some(charge) => self.taken_back(charge)?,
            None => (0, 0),
        };
        read::invoice(invoice, taken_back)
    }

    /// Returns the id of the subscription of an invoice.
    fn subscription_of_invoice(&self, id: &str) -> Result<Option<String>, ProviderError> {
        let found = self.http.get(&["invoices", id], &Form::default())?;
        let Some(body) = found else { return Ok(None) };
        let invoice: InvoiceJson = parse("invoice", &body)?;
        Ok(invoice.subscription_id())
    }

    /// Returns the id of the subscription whose invoice a charge paid.
    fn subscription_of_charge(&self, id: &str) -> Result<Option<String>, ProviderError> {
        let found = self.http.get(&["charges", id], &Form::default())?;
        let Some(body) = found else { return Ok(None) };
        let charge: ChargeJson = parse("charge", &body)?;
        match charge.invoice.as_ref().map(IdJson::id) {
            Some(invoice) => self.subscription_of_invoice(invoice),
            None => Ok(None),
        }
    }

    /// Reads the invoices of a subscription, the newest first. The payment of a year can be older
    /// than many invoices for changes.
    fn invoices(&self, subscription: &str) -> Result<Vec<ProviderInvoice>, ProviderError> {
        let query = [("subscription", subscription), ("expand[]", "data.charge")];
        let list = ListJson {
            data: Vec::<InvoiceJson>::new(),
            has_more: true,
        };
        let list = self.complete(list, &["invoices"], &query)?;
        let mut invoices = Vec::new();
        for invoice in list {
            invoices.extend(self.read_invoice(invoice)?);
        }
        Ok(invoices)
    }

    /// Returns the items of a list, and those of its further pages. An object has the first ten of
    /// its items only.
    fn complete<T: DeserializeOwned + HasId>(
        &self,
        list: ListJson<T>,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<Vec<T>, ProviderError> {
        let (mut items, mut has_more) = (list.data, list.has_more);
        for _ in 0..MAX_PAGES {
            if !has_more {
                break;
            }
            let mut page = Form::default();
            query.iter().for_each(|(name, value)| page.add(name, value));
            page.add("limit", PAGE);
            page.add_some("starting_after", items.last().map(HasId::object_id));
            let Some(body) = self.http.get(path, &page)? else {
                break;
            };
            let next: ListJson<T> = parse("list", &body)?;
            has_more = next.has_more && !next.data.is_empty();
            items.extend(next.data);
        }
        Ok(items)
    }
}

impl BillingProvider for Stripe {
    fn name(&self) -> &'static str {
        NAME
    }

    fn is_live(&self) -> bool {
        self.is_live
    }

    fn receive(
        &self,
        signature: Option<&str>,
        body: &[u8],
        now: DateTime<Utc>,
    ) -> Result<NewBillingEvent, EventFault> {
        signature::verify(&self.webhook_keys, signature, body, now)?;
        read::event(body, now).ok_or(EventFault::NotAnEvent)
    }

    fn subject(&self, event: &NewBillingEvent) -> Result<EventSubject, ProviderError> {
        let Ok(parsed) = parse::<EventJson>("event", &event.body) else {
            return Ok(EventSubject::Nothing("the body has another form"));
        };
        let object = parsed.data.object;
        let found = match object.object.as_deref() {
            Some("subscription") => object.id.clone(),
            Some("checkout.session") => object.subscription_id(),
            Some("customer") => {
                let id = object.id.filter(|id| is_provider_id(id));
                let nothing = EventSubject::Nothing("the event names no customer");
                return Ok(id.map_or(nothing, EventSubject::Customer));
            }
            Some("invoice") => match (object.subscription_id(), &object.id) {
                (None, Some(id)) if is_provider_id(id) => self.subscription_of_invoice(id)?,
                (found, _) => found,
            },
            Some("charge") => match &object.id {
                Some(id) if is_provider_id(id) => self.subscription_of_charge(id)?,
                _ => None,
            },
            Some("dispute" | "refund") => match object.charge.as_ref().map(IdJson::id) {
                Some(id) if is_provider_id(id) => self.subscription_of_charge(id)?,
                _ => None,
            },
            _ => return Ok(EventSubject::Nothing("the server does not use this kind")),
        };
        Ok(match found.filter(|id| is_provider_id(id)) {
            Some(id) => EventSubject::Subscription(id),
            None => EventSubject::Nothing("the event concerns no subscription"),
        })
    }

    fn subscription(&self, id: &str) -> Result<Option<ProviderSubscription>, ProviderError> {
        let mut query = Form::default();
        query.add("expand[]", "customer");
        let Some(body) = self.http.get(&["subscriptions", id], &query)? else {
            return Ok(None);
        };
        let mut subscription: SubscriptionJson = parse("subscription", &body)?;
        let items = [("subscription", id)];
        let items = self.complete(subscription.items, &["subscription_items"], &items)?;
        subscription.items = items.into();
        let invoices = self.invoices(id)?;
        read::subscription(subscription, invoices).map(Some)
    }

    fn subscriptions(&self, after: Option<&str>) -> Result<ProviderPage<String>, ProviderError> {
        let mut query = Form::default();
        query.add("status", "all");
        query.add("limit", PAGE);
        query.add_some("starting_after", after);
        let Some(body) = self.http.get(&["subscriptions"], &query)? else {
            return Err(read::malformed("list of subscriptions", "no list"));
        };
        let list: ListJson<objects::NamedJson> = parse("list of subscriptions", &body)?;
        let items: Vec<String> = list.data.into_iter().map(|item| item.id).collect();
        let next = items.last().filter(|_| list.has_more).cloned();
        Ok(ProviderPage { items, next })
    }

    fn events_since(
        &self,
        since: DateTime<Utc>,
        after: Option<&str>,
        now: DateTime<Utc>,
    ) -> Result<ProviderPage<NewBillingEvent>, ProviderError> {
        let mut query = Form::default();
        query.add("created[gte]", &since.timestamp().to_string());
        query.add("limit", PAGE);
        query.add_some("starting_after", after);
        let Some(body) = self.http.get(&["events"], &query)? else {
            return Err(read::malformed("list of events", "no list"));
        };
        let list: ListJson<serde_json::Value> = parse("list of events", &body)?;
        let events = list.data.iter().map(|event| {
            read::event(event.to_string().as_bytes(), now)
                .ok_or_else(|| read::malformed("list of events", "another object"))
        });
        let items: Vec<NewBillingEvent> = events.collect::<Result<_, _>>()?;
        let last = items.last().map(|event| event.id.clone());
        let next = last.filter(|_| list.has_more);
        Ok(ProviderPage { items, next })
    }

    fn checkout(&self, order: &CheckoutOrder, key: &str) -> Result<PaymentLink, ProviderError> {
        let body = self
            .http
            .post(&["checkout", "sessions"], &forms::checkout(order), key)?;
        read::link(parse::<LinkJson>("checkout session", &body)?)
    }

    fn portal(&self, order: &PortalOrder, key: &str) -> Result<PaymentLink, ProviderError> {
        let body = self
            .http
            .post(&["billing_portal", "sessions"], &forms::portal(order), key)?;
        read::link(parse::<LinkJson>("portal session", &body)?)
    }

    fn report_usage(&self, usage: &MeteredUsage) -> Result<(), ProviderError> {
        let path = ["billing", "meter_events"];
        self.http.report(&path, &forms::usage(usage))
    }
}

#[cfg(test)]
pub(crate) mod tests;
