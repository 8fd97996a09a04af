//! Invoices of a vendor, and credit notes.

mod change;
mod content;
mod entity;
mod payment;

use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};
use license_core::LicenseId;
use license_core::time::{end_of_day, saturating_add};
use serde_json::{Value, json};

pub use change::InvoiceChange;
pub use content::{InvoiceBuyer, InvoiceContent, InvoiceFault, InvoiceLine, InvoiceTax};
pub use entity::LegalEntity;
pub use payment::{InvoicePayment, PaymentState};

use super::money::Money;
use super::timed_id::timed_id;
use super::trial::ReminderDays;

timed_id! {
    /// The id of an invoice. The number of an invoice comes later, when it is issued.
    InvoiceId, "ivc_"
}

/// The state of an invoice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum InvoiceState {
    /// The invoice can change, and has no number.
    Draft,
    /// The invoice has a number, and never changes again.
    Issued,
    /// The due date has passed, and the invoice is not paid in full.
    Overdue,
    /// The invoice is paid in full.
    Paid,
    /// The invoice was issued by mistake, and never sent. Its number stays.
    Void,
    /// A credit note cancels the invoice.
    Credited,
}

impl InvoiceState {
    /// All states.
    pub const ALL: [Self; 6] = [
        Self::Draft,
        Self::Issued,
        Self::Overdue,
        Self::Paid,
        Self::Void,
        Self::Credited,
    ];

    /// Returns the name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Issued => "issued",
            Self::Overdue => "overdue",
            Self::Paid => "paid",
            Self::Void => "void",
            Self::Credited => "credited",
        }
    }

    /// Parses the name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// The kind of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum InvoiceKind {
    /// An invoice.
    Invoice,
    /// A credit note, which cancels an invoice. Its amounts are negative.
    CreditNote,
}

impl InvoiceKind {
    /// All kinds.
    pub const ALL: [Self; 2] = [Self::Invoice, Self::CreditNote];

    /// Returns the name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Invoice => "invoice",
            Self::CreditNote => "credit_note",
        }
    }

    /// Parses the name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// An invoice or a credit note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invoice {
    /// The id.
    pub id: InvoiceId,
    /// The kind.
    pub kind: InvoiceKind,
    /// The state.
    pub state: InvoiceState,
    /// The code of the legal entity that issues the invoice.
    pub entity: String,
    /// The year of the number, and the number in this year.
    pub number: Option<(u32, u32)>,
    /// The lines of the invoice, and its customer.
    pub content: InvoiceContent,
    /// The legal entity as it was when the invoice was issued.
    pub seller: Option<LegalEntity>,
    /// The license that the customer gets, as the order states it.
    pub order: Option<Value>,
    /// Whether somebody decided that the license is issued before the payment.
    pub is_activated: bool,
    /// The license that was issued for the invoice.
    pub license: Option<LicenseId>,
    /// The time of the creation.
    pub created_at: DateTime<Utc>,
    /// The originator.
    pub created_by: String,
    /// The date of the invoice, in UTC.
    pub issued_on: Option<NaiveDate>,
    /// The last day for a payment.
    pub due_on: Option<NaiveDate>,
    /// The payments, in the order of their recording.
    pub payments: Vec<InvoicePayment>,
    /// The date on which the invoice was paid in full.
    pub paid_on: Option<NaiveDate>,
    /// When the document was last sent by mail.
    pub sent_at: Option<DateTime<Utc>>,
    /// The number of days after the due date for which the last reminder was sent.
    pub reminded: Option<u32>,
    /// The invoice that this credit note cancels.
    pub credits: Option<InvoiceId>,
    /// The credit note that cancels this invoice.
    pub credited_by: Option<InvoiceId>,
    /// When the invoice next needs work. `None`: never.
    pub next_at: Option<DateTime<Utc>>,
}

impl Invoice {
    /// Returns the number for people, such as `DE-2027-00042`.
    pub fn number_text(&self) -> Option<String> {
        let (year, number) = self.number?;
        Some(format!("{}-{year}-{number:05}", self.entity))
    }

    /// Returns the state for the audit trail, without the address of the customer.
    pub fn audited(&self) -> Value {
        json!({
            "kind": self.kind.as_str(),
            "state": self.state.as_str(),
            "number": self.number_text(),
            "customer": self.content.buyer.name,
            "purchase_order": self.content.purchase_order,
            "currency": self.content.currency,
            "total": self.content.total().ok().map(Money::minor),
            "issued_on": self.issued_on,
            "due_on": self.due_on,
            "paid_on": self.paid_on,
            "paid": self.paid().map(Money::minor),
            "payments": self.payments.len(),
            "sent_at": self.sent_at,
            "activated_early": self.is_activated,
            "license": self.license.as_ref().map(LicenseId::as_str),
            "credits": self.credits.as_ref().map(InvoiceId::as_str),
            "credited_by": self.credited_by.as_ref().map(InvoiceId::as_str),
        })
    }

    /// Returns whether a payment is expected.
    pub fn is_open(&self) -> bool {
        let is_open = matches!(self.state, InvoiceState::Issued | InvoiceState::Overdue);
        is_open && self.kind == InvoiceKind::Invoice
    }

    /// Returns whether the invoice can become void: the customer has got and paid nothing.
    /// Otherwise, only a credit note cancels it.
    pub fn can_be_void(&self) -> bool {
        // A license that is being issued may be in the ledger already.
        let is_unused = self.license.is_none() && !self.is_activated && self.sent_at.is_none();
        self.is_open() && is_unused && self.payments.is_empty()
    }

    /// Returns whether the license must be issued: the invoice is paid in full, or somebody has
    /// decided so.
    pub fn needs_license(&self) -> bool {
        let is_wanted = self.state == InvoiceState::Paid || (self.is_activated && self.is_open());
        is_wanted && self.order.is_some() && self.license.is_none()
    }

    /// Returns the credit note that cancels the invoice.
    pub fn credit_note(
        &self,
        id: InvoiceId,
        number: (u32, u32),
        on: NaiveDate,
        at: DateTime<Utc>,
        by: String,
    ) -> Self {
        Self {
            id,
            kind: InvoiceKind::CreditNote,
            state: InvoiceState::Issued,
            number: Some(number),
            content: self.content.negated(),
            order: None,
            is_activated: false,
            license: None,
            created_at: at,
            created_by: by,
            issued_on: Some(on),
            due_on: None,
            paid_on: None,
            payments: Vec::new(),
            sent_at: None,
            reminded: None,
            credits: Some(self.id.clone()),
            credited_by: None,
            next_at: None,
            ..self.clone()
        }
    }
}

/// How long an interrupted issue of a license waits.
const RETRY: TimeDelta = TimeDelta::minutes(1);

impl ReminderDays {
    /// Returns the reminder that is due at an instant after the due date of an invoice: the number
    /// of days. A missed reminder is not sent together with a later one.
    pub fn due_after(&self, invoice: &Invoice, now: DateTime<Utc>) -> Option<u32> {
        let due_on = invoice.due_on?;
        if invoice.state != InvoiceState::Overdue {
            return None;
        }
        let passed = self.iter().filter(|days| now >= after(due_on, *days));
        let due = passed.max()?;
        invoice
            .reminded
            .is_none_or(|last| due > last)
            .then_some(due)
    }

    /// Returns when an invoice next needs work after an instant: its license, the end of its due
    /// date, or the next reminder.
    pub fn next_after(&self, invoice: &Invoice, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        if invoice.needs_license() {
            return Some(saturating_add(now, RETRY));
        }
        let due_on = invoice.due_on.filter(|_| invoice.is_open())?;
        if invoice.state == InvoiceState::Issued {
            return Some(end_of_day(due_on));
        }
        if self.due_after(invoice, now).is_some() {
            return Some(now);
        }
        let reminders = self.iter().map(|days| after(due_on, days));
        reminders.filter(|at| *at > now).min()
    }
}

/// Returns the beginning of the day a number of days after a date.
fn after(date: NaiveDate, days: u32) -> DateTime<Utc> {
    let day = date.checked_add_days(Days::new(days.into()));
    day.map_or(license_core::time::MAX, license_core::time::start_of_day)
}

#[cfg(test)]
pub(crate) mod tests;
