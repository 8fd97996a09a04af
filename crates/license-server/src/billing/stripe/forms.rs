//! The bodies of requests, as forms.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::billing::provider::{CheckoutOrder, MeteredUsage, PortalOrder};

/// The metadata of a subscription with the id of the trial that it converts.
pub(super) const TRIAL: &str = "license_trial";

/// The characters of a form that are escaped.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_');

/// A form, or the query of a URL.
#[derive(Debug, Default)]
pub(super) struct Form(String);

impl Form {
    /// Adds a value.
    pub(super) fn add(&mut self, name: &str, value: &str) {
        if !self.0.is_empty() {
            self.0.push('&');
        }
        self.0.extend(utf8_percent_encode(name, ESCAPED));
        self.0.push('=');
        self.0.extend(utf8_percent_encode(value, ESCAPED));
    }

    /// Adds a value if there is one.
    pub(super) fn add_some(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.add(name, value);
        }
    }

    /// Returns the text.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Returns the form of a Checkout session for a subscription.
pub(super) fn checkout(order: &CheckoutOrder) -> Form {
    let mut form = Form::default();
    form.add("mode", "subscription");
    form.add("line_items[0][price]", &order.price);
    form.add("line_items[0][quantity]", &order.quantity.to_string());
    form.add_some("customer", order.customer.as_deref());
    if order.customer.is_none() {
        form.add_some("customer_email", order.email.as_deref());
    }
    if let Some(days) = order.trial_days {
        form.add("subscription_data[trial_period_days]", &days.to_string());
        // A trial that ends without a means of payment pauses the subscription.
        form.add("payment_method_collection", "if_required");
        let end = "subscription_data[trial_settings][end_behavior][missing_payment_method]";
        form.add(end, "pause");
    }
    if let Some(trial) = &order.trial {
        let name = format!("subscription_data[metadata][{TRIAL}]");
        form.add(&name, trial.id.as_str());
        let paid_from = trial.paid_from.map(|at| at.timestamp().to_string());
        form.add_some("subscription_data[trial_end]", paid_from.as_deref());
    }
    form.add("success_url", &order.success_url);
    form.add("cancel_url", &order.cancel_url);
    form
}

/// Returns the form of a session of the customer portal.
pub(super) fn portal(order: &PortalOrder) -> Form {
    let mut form = Form::default();
    form.add("customer", &order.customer);
    form.add("return_url", &order.return_url);
    form
}

/// Returns the form of a meter event.
pub(super) fn usage(usage: &MeteredUsage) -> Form {
    let mut form = Form::default();
    form.add("event_name", &usage.meter);
    form.add("identifier", &usage.identifier);
    form.add("timestamp", &usage.at.timestamp().to_string());
    form.add("payload[stripe_customer_id]", &usage.customer);
    form.add("payload[value]", &usage.amount.to_string());
    form
}
