//! Changes of invoices.

use chrono::{DateTime, Datelike, Days, NaiveDate, Utc};
use license_core::LicenseId;
use serde_json::Value;

use super::{
    Invoice, InvoiceContent, InvoiceId, InvoiceKind, InvoicePayment, InvoiceState, LegalEntity,
};
use crate::domain::trial::ReminderDays;

/// A change of an invoice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InvoiceChange {
    /// A draft gets another content.
    Draft {
        /// The legal entity.
        entity: String,
        /// The content.
        content: Box<InvoiceContent>,
        /// The license that the customer gets.
        order: Option<Value>,
    },
    /// The draft is issued, and gets a number.
    Issue {
        /// The legal entity.
        seller: Box<LegalEntity>,
        /// The date.
        on: NaiveDate,
    },
    /// A payment was made.
    Pay(InvoicePayment),
    /// The document was sent by mail.
    Send,
    /// The invoice was issued by mistake.
    Void,
    /// A credit note cancels the invoice, and gets a number.
    Credit {
        /// The id of the credit note.
        note: InvoiceId,
        /// The date of the credit note.
        on: NaiveDate,
    },
    /// The due date has passed.
    Overdue,
    /// The customer was reminded this number of days after the due date.
    Remind(u32),
    /// The license is issued before the payment.
    Activate,
    /// The license was issued.
    License(LicenseId),
}

impl InvoiceChange {
    /// Returns the legal entity and the year whose next number the change needs.
    pub fn numbering<'a>(&'a self, invoice: &'a Invoice) -> Option<(&'a str, u32)> {
        let on = match self {
            Self::Issue { on, .. } | Self::Credit { on, .. } => on,
            _ => return None,
        };
        Some((&invoice.entity, on.year().unsigned_abs()))
    }

    /// Returns the invoice after the change. `number` is the next number, if the change needs one.
    /// Returns `None` if the state does not permit the change, or already is the result of it.
    pub fn apply(
        &self,
        invoice: &Invoice,
        number: Option<(u32, u32)>,
        days: &ReminderDays,
        now: DateTime<Utc>,
    ) -> Option<Invoice> {
        let mut changed = invoice.clone();
        let (state, is_invoice) = (invoice.state, invoice.kind == InvoiceKind::Invoice);
        let is_permitted = match self {
            Self::Draft {
                entity,
                content,
                order,
            } => {
                changed.entity.clone_from(entity);
                changed.content = (**content).clone();
                changed.order.clone_from(order);
                state == InvoiceState::Draft
            }
            Self::Issue { seller, on } => {
                changed.state = InvoiceState::Issued;
                changed.number = number;
                changed.seller = Some((**seller).clone());
                changed.issued_on = Some(*on);
                let net = Days::new(invoice.content.net_days.into());
                changed.due_on = on.checked_add_days(net);
                state == InvoiceState::Draft && seller.code == invoice.entity
            }
            Self::Pay(payment) => {
                changed = invoice.with_payment(payment)?;
                true
            }
            Self::Send => {
                changed.sent_at = Some(now);
                invoice.can_be_sent()
            }
            Self::Void => {
                changed.state = InvoiceState::Void;
                invoice.can_be_void()
            }
            Self::Credit { note, .. } => {
                changed.state = InvoiceState::Credited;
                changed.credited_by = Some(note.clone());
                is_invoice && (invoice.is_open() || state == InvoiceState::Paid)
            }
            Self::Overdue => {
                changed.state = InvoiceState::Overdue;
                let is_past = invoice.due_on.is_some_and(|due| due < now.date_naive());
                is_invoice && state == InvoiceState::Issued && is_past
            }
            Self::Remind(days) => {
                changed.reminded = Some(*days);
                let is_later = invoice.reminded.is_none_or(|last| *days > last);
                state == InvoiceState::Overdue && is_later
            }
            Self::Activate => {
                changed.is_activated = true;
                let has_order = invoice.order.is_some() && invoice.license.is_none();
                invoice.is_open() && has_order && !invoice.is_activated
            }
            Self::License(license) => {
                changed.license = Some(license.clone());
                invoice.order.is_some() && invoice.license.is_none()
            }
        };
        changed.next_at = days.next_after(&changed, now);
        is_permitted.then_some(changed)
    }
}
