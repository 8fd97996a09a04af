//! The meaning of Stripe's objects.

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::NAME;
use super::forms::TRIAL;
use super::objects::{
    ChargeJson, CustomerJson, EventHead, IdJson, InvoiceJson, LineJson, LinkJson, SubscriptionJson,
    parse,
};
use crate::billing::provider::{PaymentLink, ProviderError};
use crate::domain::{
    BillingCustomer, Currency, InvoiceStatus, Money, NewBillingEvent, Pause, ProviderInvoice,
    ProviderSubscription, SubscriptionItem, SubscriptionStatus, TrialId, is_provider_id, is_unsafe,
};

/// The longest kind or version of an event, in bytes.
const MAX_NAME: usize = 100;

/// The reason of the end of a subscription whose payments have failed.
const PAYMENT_FAILED: &str = "payment_failed";

/// The longest name or address of a customer, in characters.
const MAX_TEXT: usize = 250;

/// Returns the error of an answer with another form.
pub(super) fn malformed(what: &str, found: &str) -> ProviderError {
    ProviderError::Malformed(format!("the {what} has {found}"))
}

/// Reads the head of an event. Returns `None` if the body is not an event.
pub(super) fn event(body: &[u8], now: DateTime<Utc>) -> Option<NewBillingEvent> {
    let event: EventHead = parse("event", body).ok()?;
    let is_name =
        |text: &str| text.len() <= MAX_NAME && text.bytes().all(|byte| byte.is_ascii_graphic());
    let api_version = event.api_version.unwrap_or_default();
    let is_event = event.object == "event"
        && is_provider_id(&event.id)
        && !event.r#type.is_empty()
        && is_name(&event.r#type)
        && is_name(&api_version);
    is_event.then_some(())?;
    Some(NewBillingEvent {
        provider: NAME.to_owned(),
        id: event.id,
        kind: event.r#type,
        api_version,
        is_live: event.livemode,
        created_at: time(event.created)?,
        received_at: now,
        body: body.to_vec(),
    })
}

/// Reads a subscription with its invoices.
pub(super) fn subscription(
    found: SubscriptionJson,
    invoices: Vec<ProviderInvoice>,
) -> Result<ProviderSubscription, ProviderError> {
    let refused = |what| malformed("subscription", what);
    let status = SubscriptionStatus::parse(&found.status);
    let status = status.ok_or_else(|| refused("an unknown status"))?;
    let pause = found
        .pause_collection
        .map(|pause| match pause.behavior.as_str() {
            "void" => Pause::Void,
            _ => Pause::Free,
        });
    // Since version 2025-03-31.basil, items have periods of their own.
    let starts = found
        .items
        .data
        .iter()
        .map(|item| item.current_period_start);
    let ends = found.items.data.iter().map(|item| item.current_period_end);
    let start = found.current_period_start.or(starts.max().flatten());
    let end = found.current_period_end.or(ends.max().flatten());
    let (Some(period_start), Some(period_end)) = (start.and_then(time), end.and_then(time)) else {
        return Err(refused("no period"));
    };
    let cancel_at = found.cancel_at.and_then(time);
    let trial = found.metadata.get(TRIAL).and_then(Value::as_str);
    let trial = trial.and_then(TrialId::parse);
    let cancellation = found.cancellation_details;
    let reason = cancellation.and_then(|details| details.reason);
    let items = found.items.data.into_iter().filter_map(|item| {
        Some(SubscriptionItem {
            price: item.price.or(item.plan)?.id().to_owned(),
            quantity: item.quantity,
        })
    });
    let items = items.filter(|item| is_provider_id(&item.price)).collect();
    if !is_provider_id(&found.id) {
        return Err(refused("an id that is not accepted"));
    }
    Ok(ProviderSubscription {
        id: found.id,
        customer: customer(found.customer)?,
        status,
        has_failed: reason.as_deref() == Some(PAYMENT_FAILED),
        pause,
        items,
        invoices,
        period_start,
        period_end,
        trial_end: found.trial_end.and_then(time),
        trial,
        cancel_at: cancel_at.or(found.cancel_at_period_end.then_some(period_end)),
        created_at: time(found.created).ok_or_else(|| refused("no time"))?,
    })
}

/// Reads a customer. A deleted one has an id only.
fn customer(found: IdJson<CustomerJson>) -> Result<BillingCustomer, ProviderError> {
    let found = match found {
        IdJson::Object(found) => found,
        IdJson::Id(_) => return Err(malformed("subscription", "a customer without details")),
    };
    if !is_provider_id(&found.id) {
        return Err(malformed("customer", "an id that is not accepted"));
    }
    let created_at = time(found.created).ok_or_else(|| malformed("customer", "no time"))?;
    Ok(BillingCustomer {
        name: text(found.name),
        email: text(found.email),
        id: found.id,
        is_deleted: found.deleted,
        created_at,
    })
}

/// Returns a text of a customer without the characters that the name of a license must not have.
/// The customer writes the text at Stripe, and such a character must not cost the license.
fn text(found: Option<String>) -> Option<String> {
    let plain: String = found?
        .chars()
        .filter(|c| !is_unsafe(*c))
        .take(MAX_TEXT)
        .collect();
    let plain = plain.trim();
    (!plain.is_empty()).then(|| plain.to_owned())
}

/// Reads an invoice. `disputed` and `lost` are the amounts that a bank has taken back. Returns
/// `None` for an invoice in a state that the server does not know.
pub(super) fn invoice(
    found: InvoiceJson,
    (disputed, lost): (i64, i64),
) -> Result<Option<ProviderInvoice>, ProviderError> {
    let Some(status) = InvoiceStatus::parse(&found.status) else {
        return Ok(None);
    };
    let currency = Currency::parse(&found.currency);
    let currency = currency.ok_or_else(|| malformed("invoice", "an unknown currency"))?;
    let money = |minor| {
        Money::new(minor, currency).ok_or_else(|| malformed("invoice", "an amount out of range"))
    };
    let charge = found.charge.as_ref().and_then(IdJson::object);
    let refunded = charge.map_or(0, |charge: &ChargeJson| charge.amount_refunded);
    let ends = found.lines.data.iter().filter(|line| is_of_plan(line));
    let ends = ends.filter_map(|line| time(line.period.as_ref()?.end));
    Ok(Some(ProviderInvoice {
        status,
        period_end: ends.max(),
        due_at: found.due_date.and_then(time),
        total: money(found.total)?,
        paid: money(found.amount_paid)?,
        refunded: money(refunded)?,
        disputed: money(disputed)?,
        lost: money(lost)?,
        id: found.id,
    }))
}

/// Returns whether a line is about a period of a subscription, and not a single item.
fn is_of_plan(line: &LineJson) -> bool {
    line.subscription.is_some() || line.r#type.as_deref() == Some("subscription")
}

/// Reads a page for a customer.
pub(super) fn link(found: LinkJson) -> Result<PaymentLink, ProviderError> {
    let url = found.url.filter(|url| {
        (url.starts_with("https://") || url.starts_with("http://"))
            && url.len() <= 8192
            && url.bytes().all(|byte| byte.is_ascii_graphic())
    });
    Ok(PaymentLink {
        id: found.id,
        url: url.ok_or_else(|| malformed("session", "no URL"))?,
        expires_at: found.expires_at.and_then(time),
    })
}

/// Converts Unix seconds.
pub(super) fn time(seconds: i64) -> Option<DateTime<Utc>> {
    let seconds = u64::try_from(seconds).ok()?;
    license_core::time::from_unix_seconds(seconds)
}
