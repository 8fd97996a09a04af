//! Invoices of a subscription, as a provider states them.

use chrono::{DateTime, Utc};

use super::names;
use crate::domain::{Currency, Money};

names! {
    /// The status of an invoice.
    InvoiceStatus {
        /// The invoice is not final.
        Draft "draft",
        /// The invoice is final and not paid.
        Open "open",
        /// The invoice is paid. An invoice over nothing is paid at once.
        Paid "paid",
        /// The vendor does not expect a payment any more.
        Uncollectible "uncollectible",
        /// The invoice was issued by mistake.
        Void "void",
    }
}

/// An invoice of a subscription. All amounts have one currency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderInvoice {
    /// The id at the provider.
    pub id: String,
    /// The status.
    pub status: InvoiceStatus,
    /// The end of the last period of the subscription that the invoice covers. `None`: it covers no
    /// period.
    pub period_end: Option<DateTime<Utc>>,
    /// When the customer must pay an invoice that is sent to the customer.
    pub due_at: Option<DateTime<Utc>>,
    /// The total, which can be negative.
    pub total: Money,
    /// The amount that was paid.
    pub paid: Money,
    /// The paid amount that was refunded.
    pub refunded: Money,
    /// The paid amount that the bank of the customer has taken back while it decides.
    pub disputed: Money,
    /// The paid amount that the bank of the customer has taken back for good.
    pub lost: Money,
}

impl ProviderInvoice {
    /// Returns the currency.
    pub const fn currency(&self) -> Currency {
        self.total.currency()
    }

    /// Returns what the vendor has of the paid amount, in the minor unit.
    pub fn kept(&self) -> i64 {
        let taken = [self.refunded, self.disputed, self.lost];
        let taken = taken.iter().map(|amount| amount.minor());
        taken.fold(self.paid.minor(), i64::saturating_sub)
    }
}
