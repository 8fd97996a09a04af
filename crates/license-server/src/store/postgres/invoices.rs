//! Invoices.

use chrono::{DateTime, Utc};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::queries::query;
use super::transaction::Transaction;
use super::values::{bad_row, excess, millis, read_all, read_page};
use super::{audit, tenants};
use crate::domain::{
    Invoice, InvoiceChange, InvoiceId, InvoiceState, NewAuditEntry, Page, PageRequest, ReminderDays,
};
use crate::store::ServerStoreError;
use crate::store::invoices::{InvoiceColumns, audited, credit_note, deleted, summary};

/// Stores a draft.
pub(super) async fn create(
    db: &Transaction,
    invoice: &Invoice,
    audit: NewAuditEntry,
) -> Result<(), ServerStoreError> {
    tenants::lock(db).await?;
    put(db, query!("invoice_insert"), invoice).await?;
    audit::append(db, &audited(audit, None, invoice)).await
}

/// Writes all columns of an invoice.
async fn put(
    db: &Transaction,
    sql: &'static str,
    invoice: &Invoice,
) -> Result<(), ServerStoreError> {
    let row = InvoiceColumns::try_from(invoice)?;
    let (customer, currency, total) = summary(invoice);
    let values: [&(dyn ToSql + Sync); 26] = [
        &db.tenant(),
        &row.id,
        &row.kind,
        &row.state,
        &row.entity,
        &row.year,
        &row.number,
        &row.content,
        &row.seller,
        &row.license_order,
        &row.is_activated,
        &row.license,
        &row.created_at,
        &row.created_by,
        &row.issued_on,
        &row.due_on,
        &row.paid_on,
        &row.payments,
        &row.sent_at,
        &row.reminded,
        &row.credits,
        &row.credited_by,
        &row.next_at,
        &customer,
        &currency,
        &total,
    ];
    db.execute(sql, &values).await?;
    Ok(())
}

/// Deletes a draft.
pub(super) async fn delete(
    db: &Transaction,
    id: &InvoiceId,
    audit: NewAuditEntry,
) -> Result<bool, ServerStoreError> {
    tenants::lock(db).await?;
    let former = get(db, id).await?;
    let Some(former) = former.filter(|invoice| invoice.state == InvoiceState::Draft) else {
        return Ok(false);
    };
    db.execute(query!("invoice_delete"), &[&db.tenant(), &id.as_str()])
        .await?;
    audit::append(db, &deleted(audit, &former)).await?;
    Ok(true)
}

/// Changes an invoice, and appends an audit entry with both states.
pub(super) async fn change(
    db: &Transaction,
    id: &InvoiceId,
    change: &InvoiceChange,
    days: &ReminderDays,
    audit: NewAuditEntry,
) -> Result<Option<Invoice>, ServerStoreError> {
    tenants::lock(db).await?;
    let Some(former) = get(db, id).await? else {
        return Ok(None);
    };
    // A number is taken only for a change that is made.
    let expected = change.numbering(&former).map(|(_, year)| (year, 0));
    if change.apply(&former, expected, days, audit.at).is_none() {
        return Ok(None);
    }
    let number = match change.numbering(&former) {
        Some((entity, year)) => Some((year, next_number(db, entity, year).await?)),
        None => None,
    };
    let Some(changed) = change.apply(&former, number, days, audit.at) else {
        return Ok(None);
    };
    put(db, query!("invoice_update"), &changed).await?;
    if let Some(note) = credit_note(change, &former, number, &audit) {
        put(db, query!("invoice_insert"), &note).await?;
    }
    audit::append(db, &audited(audit, Some(&former), &changed)).await?;
    Ok(Some(changed))
}

async fn next_number(db: &Transaction, entity: &str, year: u32) -> Result<u32, ServerStoreError> {
    let values: [&(dyn ToSql + Sync); 3] = [&db.tenant(), &entity, &i64::from(year)];
    let row = db.query_one(query!("invoice_number"), &values).await?;
    let last: i64 = row.try_get(0)?;
    u32::try_from(last).map_err(|_| bad_row("invoice_numbers", last))
}

/// Lets the next work of an invoice wait.
pub(super) async fn postpone(
    db: &Transaction,
    id: &InvoiceId,
    until: DateTime<Utc>,
) -> Result<(), ServerStoreError> {
    let values: [&(dyn ToSql + Sync); 3] = [&db.tenant(), &id.as_str(), &millis(until)];
    db.execute(query!("invoice_postpone"), &values).await?;
    Ok(())
}

/// Returns an invoice.
pub(super) async fn get(
    db: &Transaction,
    id: &InvoiceId,
) -> Result<Option<Invoice>, ServerStoreError> {
    let row = db
        .query_opt(query!("invoice_get"), &[&db.tenant(), &id.as_str()])
        .await?;
    row.as_ref().map(read).transpose()
}

/// Returns invoices, the newest first.
pub(super) async fn page(
    db: &Transaction,
    state: Option<InvoiceState>,
    page: &PageRequest,
) -> Result<Page<Invoice>, ServerStoreError> {
    let state = state.map_or("", InvoiceState::as_str);
    let values: [&(dyn ToSql + Sync); 4] = [&db.tenant(), &page.after_key(), &state, &excess(page)];
    let rows = db.query(query!("invoice_page"), &values).await?;
    read_page(&rows, read, page, |invoice| invoice.id.to_string())
}

/// Returns invoices that need work at an instant.
pub(super) async fn due(
    db: &Transaction,
    now: DateTime<Utc>,
) -> Result<Vec<Invoice>, ServerStoreError> {
    let rows = db
        .query(query!("invoice_due"), &[&db.tenant(), &millis(now)])
        .await?;
    read_all(&rows, read)
}

fn read(row: &Row) -> Result<Invoice, ServerStoreError> {
    let columns = InvoiceColumns {
        id: row.try_get(0)?,
        kind: row.try_get(1)?,
        state: row.try_get(2)?,
        entity: row.try_get(3)?,
        year: row.try_get(4)?,
        number: row.try_get(5)?,
        content: row.try_get(6)?,
        seller: row.try_get(7)?,
        license_order: row.try_get(8)?,
        is_activated: row.try_get(9)?,
        license: row.try_get(10)?,
        created_at: row.try_get(11)?,
        created_by: row.try_get(12)?,
        issued_on: row.try_get(13)?,
        due_on: row.try_get(14)?,
        paid_on: row.try_get(15)?,
        payments: row.try_get(16)?,
        sent_at: row.try_get(17)?,
        reminded: row.try_get(18)?,
        credits: row.try_get(19)?,
        credited_by: row.try_get(20)?,
        next_at: row.try_get(21)?,
    };
    columns.try_into()
}
