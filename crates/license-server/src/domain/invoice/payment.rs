//! Payments of invoices.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::{Invoice, InvoiceKind, InvoiceState};
use crate::domain::money::Money;

/// A payment that the bank has reported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InvoicePayment {
    /// The date.
    pub on: NaiveDate,
    /// The reference, such as the number of a bank statement. An invoice has a reference once.
    pub reference: String,
    /// The amount in the minor unit of the currency of the invoice.
    pub amount: i64,
}

/// How much of an issued invoice is paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PaymentState {
    /// Nothing is paid.
    Open,
    /// A part is paid.
    PartlyPaid,
    /// The invoice is paid in full.
    Paid,
}

impl PaymentState {
    /// Returns the name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::PartlyPaid => "partly_paid",
            Self::Paid => "paid",
        }
    }
}

impl Invoice {
    /// The largest number of payments of an invoice.
    pub const MAX_PAYMENTS: usize = 100;

    /// Returns the sum of the payments.
    pub fn paid(&self) -> Option<Money> {
        let total = self.content.total().ok()?;
        let amounts = self.payments.iter().map(|payment| payment.amount);
        let sum = amounts.fold(0_i64, i64::saturating_add);
        Money::new(sum, total.currency())
    }

    /// Returns the amount that the customer still owes. `None` if no payment is expected.
    pub fn open(&self) -> Option<Money> {
        let total = self.content.total().ok().filter(|_| self.is_open())?;
        total.minus(self.paid()?)
    }

    /// Returns how much is paid. `None` for a document that expects no payment: a draft, a credit
    /// note, and an invoice that is void or canceled.
    pub fn payment_state(&self) -> Option<PaymentState> {
        if self.state == InvoiceState::Paid {
            return Some(PaymentState::Paid);
        }
        let state = if self.payments.is_empty() {
            PaymentState::Open
        } else {
            PaymentState::PartlyPaid
        };
        self.is_open().then_some(state)
    }

    /// Returns the payment with a reference.
    pub fn payment(&self, reference: &str) -> Option<&InvoicePayment> {
        let mut payments = self.payments.iter();
        payments.find(|payment| payment.reference == reference)
    }

    /// Returns whether the document can be sent to the customer: it has a number, and is not void.
    pub fn can_be_sent(&self) -> bool {
        !matches!(self.state, InvoiceState::Draft | InvoiceState::Void)
    }

    /// Returns the invoice with another payment. It is paid when the payments reach the total, on
    /// the date of the latest one. Returns `None` for an amount below 1 or above the open one, for a
    /// reference that the invoice has, and beyond the number of payments.
    pub(super) fn with_payment(&self, payment: &InvoicePayment) -> Option<Self> {
        let open = self.open()?.minor();
        let is_permitted = (1..=open).contains(&payment.amount)
            && self.payment(&payment.reference).is_none()
            && self.payments.len() < Self::MAX_PAYMENTS
            && self.kind == InvoiceKind::Invoice;
        let mut changed = self.clone();
        changed.payments.push(payment.clone());
        if payment.amount == open {
            changed.state = InvoiceState::Paid;
            changed.paid_on = changed.payments.iter().map(|payment| payment.on).max();
        }
        is_permitted.then_some(changed)
    }
}
