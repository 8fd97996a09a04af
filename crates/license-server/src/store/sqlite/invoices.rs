//! Invoices.

use chrono::{DateTime, Utc};
use rusqlite::{Connection, Row, params};

use super::audit;
use super::queries::query;
use super::values::{bad_row, collect, collect_page, excess, millis};
use crate::domain::{
    Invoice, InvoiceChange, InvoiceId, InvoiceState, NewAuditEntry, Page, PageRequest,
    ReminderDays, TenantId,
};
use crate::store::ServerStoreError;
use crate::store::invoices::{InvoiceColumns, audited, credit_note, deleted, summary};

/// Stores a draft.
pub(super) fn create(
    db: &Connection,
    tenant: &TenantId,
    invoice: &Invoice,
    audit: NewAuditEntry,
) -> Result<(), ServerStoreError> {
    put(db, tenant, query!("invoice_insert"), invoice)?;
    audit::append(db, tenant, &audited(audit, None, invoice))
}

/// Writes all columns of an invoice.
fn put(
    db: &Connection,
    tenant: &TenantId,
    sql: &str,
    invoice: &Invoice,
) -> Result<(), ServerStoreError> {
    let row = InvoiceColumns::try_from(invoice)?;
    let (customer, currency, total) = summary(invoice);
    db.prepare_cached(sql)?.execute(params![
        tenant.as_str(),
        row.id,
        row.kind,
        row.state,
        row.entity,
        row.year,
        row.number,
        row.content,
        row.seller,
        row.license_order,
        row.is_activated,
        row.license,
        row.created_at,
        row.created_by,
        row.issued_on,
        row.due_on,
        row.paid_on,
        row.payments,
        row.sent_at,
        row.reminded,
        row.credits,
        row.credited_by,
        row.next_at,
        customer,
        currency,
        total,
    ])?;
    Ok(())
}

/// Deletes a draft.
pub(super) fn delete(
    db: &Connection,
    tenant: &TenantId,
    id: &InvoiceId,
    audit: NewAuditEntry,
) -> Result<bool, ServerStoreError> {
    let former = get(db, tenant, id)?;
    let Some(former) = former.filter(|invoice| invoice.state == InvoiceState::Draft) else {
        return Ok(false);
    };
    db.prepare_cached(query!("invoice_delete"))?
        .execute([tenant.as_str(), id.as_str()])?;
    audit::append(db, tenant, &deleted(audit, &former))?;
    Ok(true)
}

/// Changes an invoice, and appends an audit entry with both states.
pub(super) fn change(
    db: &Connection,
    tenant: &TenantId,
    id: &InvoiceId,
    change: &InvoiceChange,
    days: &ReminderDays,
    audit: NewAuditEntry,
) -> Result<Option<Invoice>, ServerStoreError> {
    let Some(former) = get(db, tenant, id)? else {
        return Ok(None);
    };
    // A number is taken only for a change that is made.
    let expected = change.numbering(&former).map(|(_, year)| (year, 0));
    if change.apply(&former, expected, days, audit.at).is_none() {
        return Ok(None);
    }
    let number = match change.numbering(&former) {
        Some((entity, year)) => Some((year, next_number(db, tenant, entity, year)?)),
        None => None,
    };
    let Some(changed) = change.apply(&former, number, days, audit.at) else {
        return Ok(None);
    };
    put(db, tenant, query!("invoice_update"), &changed)?;
    if let Some(note) = credit_note(change, &former, number, &audit) {
        put(db, tenant, query!("invoice_insert"), &note)?;
    }
    audit::append(db, tenant, &audited(audit, Some(&former), &changed))?;
    Ok(Some(changed))
}

fn next_number(
    db: &Connection,
    tenant: &TenantId,
    entity: &str,
    year: u32,
) -> Result<u32, ServerStoreError> {
    let mut statement = db.prepare_cached(query!("invoice_number"))?;
    let values = params![tenant.as_str(), entity, year];
    let last: i64 = statement.query_row(values, |row| row.get(0))?;
    u32::try_from(last).map_err(|_| bad_row("invoice_numbers", last))
}

/// Lets the next work of an invoice wait.
pub(super) fn postpone(
    db: &Connection,
    tenant: &TenantId,
    id: &InvoiceId,
    until: DateTime<Utc>,
) -> Result<(), ServerStoreError> {
    let values = params![tenant.as_str(), id.as_str(), millis(until)];
    db.prepare_cached(query!("invoice_postpone"))?
        .execute(values)?;
    Ok(())
}

/// Returns an invoice.
pub(super) fn get(
    db: &Connection,
    tenant: &TenantId,
    id: &InvoiceId,
) -> Result<Option<Invoice>, ServerStoreError> {
    let mut statement = db.prepare_cached(query!("invoice_get"))?;
    Ok(collect(&mut statement, [tenant.as_str(), id.as_str()], read)?.pop())
}

/// Returns invoices, the newest first.
pub(super) fn page(
    db: &Connection,
    tenant: &TenantId,
    state: Option<InvoiceState>,
    page: &PageRequest,
) -> Result<Page<Invoice>, ServerStoreError> {
    let state = state.map_or("", InvoiceState::as_str);
    let values = params![tenant.as_str(), page.after_key(), state, excess(page)];
    let mut statement = db.prepare_cached(query!("invoice_page"))?;
    collect_page(&mut statement, values, read, page, |invoice| {
        invoice.id.to_string()
    })
}

/// Returns invoices that need work at an instant.
pub(super) fn due(
    db: &Connection,
    tenant: &TenantId,
    now: DateTime<Utc>,
) -> Result<Vec<Invoice>, ServerStoreError> {
    let mut statement = db.prepare_cached(query!("invoice_due"))?;
    collect(&mut statement, params![tenant.as_str(), millis(now)], read)
}

fn read(row: &Row<'_>) -> Result<Invoice, ServerStoreError> {
    let columns = InvoiceColumns {
        id: row.get(0)?,
        kind: row.get(1)?,
        state: row.get(2)?,
        entity: row.get(3)?,
        year: row.get(4)?,
        number: row.get(5)?,
        content: row.get(6)?,
        seller: row.get(7)?,
        license_order: row.get(8)?,
        is_activated: row.get(9)?,
        license: row.get(10)?,
        created_at: row.get(11)?,
        created_by: row.get(12)?,
        issued_on: row.get(13)?,
        due_on: row.get(14)?,
        paid_on: row.get(15)?,
        payments: row.get(16)?,
        sent_at: row.get(17)?,
        reminded: row.get(18)?,
        credits: row.get(19)?,
        credited_by: row.get(20)?,
        next_at: row.get(21)?,
    };
    columns.try_into()
}
