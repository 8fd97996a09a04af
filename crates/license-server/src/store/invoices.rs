//! Invoices.

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};
use license_core::LicenseId;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::ServerStoreError;
use super::values::{bad_row, day, license_id, millis, time};
use crate::domain::{
    Invoice, InvoiceChange, InvoiceId, InvoiceKind, InvoiceState, Money, NewAuditEntry, Page,
    PageRequest, ReminderDays, TenantId,
};

/// The part of a [`ServerStore`](super::ServerStore) for invoices.
#[async_trait]
pub trait InvoiceStore: Send + Sync {
    /// Stores a draft.
    async fn create_invoice(
        &self,
        tenant: &TenantId,
        invoice: Invoice,
        audit: NewAuditEntry,
    ) -> Result<(), ServerStoreError>;

    /// Deletes a draft. Returns whether there was one.
    async fn delete_invoice(
        &self,
        tenant: &TenantId,
        id: &InvoiceId,
        audit: NewAuditEntry,
    ) -> Result<bool, ServerStoreError>;

    /// Changes an invoice at the time of the audit entry, and returns it. An invoice that is issued
    /// and a credit note get the next number of their legal entity and year in the transaction of
    /// the change, so that the numbers have no gaps. Returns `None`, and changes nothing, if the
    /// invoice does not exist or its state does not permit the change. The store adds both states
    /// to the audit entry.
    async fn change_invoice(
        &self,
        tenant: &TenantId,
        id: &InvoiceId,
        change: InvoiceChange,
        days: ReminderDays,
        audit: NewAuditEntry,
    ) -> Result<Option<Invoice>, ServerStoreError>;

    /// Lets the next work of an invoice wait.
    async fn postpone_invoice(
        &self,
        tenant: &TenantId,
        id: &InvoiceId,
        until: DateTime<Utc>,
    ) -> Result<(), ServerStoreError>;

    /// Returns an invoice.
    async fn invoice(
        &self,
        tenant: &TenantId,
        id: &InvoiceId,
    ) -> Result<Option<Invoice>, ServerStoreError>;

    /// Returns invoices and credit notes, the newest first.
    async fn invoices(
        &self,
        tenant: &TenantId,
        state: Option<InvoiceState>,
        page: &PageRequest,
    ) -> Result<Page<Invoice>, ServerStoreError>;

    /// Returns up to 100 invoices that need work at an instant, the oldest work first.
    async fn due_invoices(
        &self,
        tenant: &TenantId,
        now: DateTime<Utc>,
    ) -> Result<Vec<Invoice>, ServerStoreError>;
}

/// The values of an invoice in the columns of a row.
pub(super) struct InvoiceColumns {
    pub(super) id: String,
    pub(super) kind: String,
    pub(super) state: String,
    pub(super) entity: String,
    pub(super) year: Option<i64>,
    pub(super) number: Option<i64>,
    /// The content as JSON.
    pub(super) content: String,
    /// The legal entity as JSON.
    pub(super) seller: Option<String>,
    /// The license order as JSON.
    pub(super) license_order: Option<String>,
    pub(super) is_activated: i64,
    pub(super) license: Option<String>,
    pub(super) created_at: i64,
    pub(super) created_by: String,
    pub(super) issued_on: Option<String>,
    pub(super) due_on: Option<String>,
    pub(super) paid_on: Option<String>,
    /// The payments as JSON.
    pub(super) payments: String,
    pub(super) sent_at: Option<i64>,
    pub(super) reminded: Option<i64>,
    pub(super) credits: Option<String>,
    pub(super) credited_by: Option<String>,
    pub(super) next_at: Option<i64>,
}

const TABLE: &str = "invoices";

fn to_json(value: &impl Serialize) -> Result<String, ServerStoreError> {
    serde_json::to_string(value).map_err(|error| bad_row(TABLE, error))
}

fn from_json<T: DeserializeOwned>(text: &str) -> Result<T, ServerStoreError> {
    serde_json::from_str(text).map_err(|error| bad_row(TABLE, error))
}

impl TryFrom<&Invoice> for InvoiceColumns {
    type Error = ServerStoreError;

    fn try_from(invoice: &Invoice) -> Result<Self, ServerStoreError> {
        let id = |id: &InvoiceId| id.as_str().to_owned();
        let date = |date: NaiveDate| date.to_string();
        Ok(Self {
            id: id(&invoice.id),
            kind: invoice.kind.as_str().to_owned(),
            state: invoice.state.as_str().to_owned(),
            entity: invoice.entity.clone(),
            year: invoice.number.map(|(year, _)| i64::from(year)),
            number: invoice.number.map(|(_, number)| i64::from(number)),
            content: to_json(&invoice.content)?,
            seller: invoice.seller.as_ref().map(to_json).transpose()?,
            license_order: invoice.order.as_ref().map(to_json).transpose()?,
            is_activated: i64::from(invoice.is_activated),
            license: invoice.license.as_ref().map(LicenseId::to_string),
            created_at: millis(invoice.created_at),
            created_by: invoice.created_by.clone(),
            issued_on: invoice.issued_on.map(date),
            due_on: invoice.due_on.map(date),
            paid_on: invoice.paid_on.map(date),
            payments: to_json(&invoice.payments)?,
            sent_at: invoice.sent_at.map(millis),
            reminded: invoice.reminded.map(i64::from),
            credits: invoice.credits.as_ref().map(id),
            credited_by: invoice.credited_by.as_ref().map(id),
            next_at: invoice.next_at.map(millis),
        })
    }
}

impl TryFrom<InvoiceColumns> for Invoice {
    type Error = ServerStoreError;

    fn try_from(row: InvoiceColumns) -> Result<Self, ServerStoreError> {
        let id = |text: &str| InvoiceId::parse(text).ok_or_else(|| bad_row(TABLE, text));
        let date = |text: &Option<String>| {
            let date = text.as_deref().map(|text| day(TABLE, text));
            date.transpose()
        };
        let number = |value: Option<i64>| {
            let number = value.map(|value| u32::try_from(value).map_err(|_| bad_row(TABLE, value)));
            number.transpose()
        };
        let kind = InvoiceKind::parse(&row.kind);
        let state = InvoiceState::parse(&row.state);
        let license = row.license.as_deref();
        Ok(Self {
            id: id(&row.id)?,
            kind: kind.ok_or_else(|| bad_row(TABLE, &row.kind))?,
            state: state.ok_or_else(|| bad_row(TABLE, &row.state))?,
            number: number(row.year)?.zip(number(row.number)?),
            content: from_json(&row.content)?,
            seller: row.seller.as_deref().map(from_json).transpose()?,
            order: row.license_order.as_deref().map(from_json).transpose()?,
            is_activated: row.is_activated != 0,
            license: license.map(|id| license_id(TABLE, id)).transpose()?,
            created_at: time(row.created_at),
            created_by: row.created_by,
            issued_on: date(&row.issued_on)?,
            due_on: date(&row.due_on)?,
            paid_on: date(&row.paid_on)?,
            payments: from_json(&row.payments)?,
            sent_at: row.sent_at.map(time),
            reminded: number(row.reminded)?,
            credits: row.credits.as_deref().map(id).transpose()?,
            credited_by: row.credited_by.as_deref().map(id).transpose()?,
            next_at: row.next_at.map(time),
            entity: row.entity,
        })
    }
}

/// The name and the amount of an invoice, which its row repeats for queries of people.
pub(super) fn summary(invoice: &Invoice) -> (&str, &str, i64) {
    let content = &invoice.content;
    let total = content.total().map(Money::minor);
    (
        &content.buyer.name,
        &content.currency,
        total.unwrap_or_default(),
    )
}

/// Returns the credit note of a change, if it makes one.
pub(super) fn credit_note(
    change: &InvoiceChange,
    invoice: &Invoice,
    number: Option<(u32, u32)>,
    audit: &NewAuditEntry,
) -> Option<Invoice> {
    let InvoiceChange::Credit { note, on } = change else {
        return None;
    };
    let by = audit.actor.to_string();
    Some(invoice.credit_note(note.clone(), number?, *on, audit.at, by))
}

/// Returns the audit entry of a change, with both states and the details of the caller.
pub(super) fn audited(
    audit: NewAuditEntry,
    former: Option<&Invoice>,
    changed: &Invoice,
) -> NewAuditEntry {
    let mut details = changed.audited();
    if let (Some(all), Some(given)) = (details.as_object_mut(), audit.details.as_object()) {
        all.extend(given.clone());
    }
    let before = former.map(Invoice::audited);
    NewAuditEntry { details, ..audit }.with_before(before)
}

/// Returns the audit entry of a deletion.
pub(super) fn deleted(audit: NewAuditEntry, former: &Invoice) -> NewAuditEntry {
    let details = json!({});
    NewAuditEntry { details, ..audit }.with_before(Some(former.audited()))
}
