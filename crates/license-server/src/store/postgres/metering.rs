//! Metering: facts and closed periods.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate, Utc};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::queries::query;
use super::transaction::Transaction;
use super::values::{
    after_number, bad_row, column, count, day, excess, flag, millis, number, read_all, read_page,
    time,
};
use super::{audit, sendings, tenants};
use crate::domain::{
    BilledCustomer, Cursor, FactKind, FactReceipt, MeteredCustomer, NewAuditEntry, Page,
    PageRequest, PeriodAnchor, PoolId, TenantId, UsageDay, UsageFact, UsagePeriod, UsageSettlement,
    UsageTotal,
};
use crate::store::ServerStoreError;
use crate::store::metering::{HOUR_MS, OVERLAP_MS};

/// Records facts, each once.
pub(super) async fn record(
    db: &Transaction,
    facts: &[UsageFact],
) -> Result<FactReceipt, ServerStoreError> {
    if facts.is_empty() {
        return Ok(FactReceipt::default());
    }
    tenants::lock(db).await?;
    let texts = |text: fn(&UsageFact) -> String| facts.iter().map(text).collect::<Vec<_>>();
    let licenses = texts(|fact| fact.license.to_string());
    let kinds = texts(|fact| fact.kind.as_str().to_owned());
    let sources = texts(|fact| fact.source.clone());
    let names = texts(|fact| fact.name.clone());
    let days = texts(|fact| fact.day.to_string());
    let digests = texts(|fact| fact.digest.clone());
    let quantities: Vec<i64> = facts.iter().map(|fact| fact.quantity).collect();
    let counted: Vec<i64> = facts.iter().map(|fact| fact.is_counted.into()).collect();
    let values: [&(dyn ToSql + Sync); 9] = [
        &db.tenant(),
        &licenses,
        &kinds,
        &sources,
        &names,
        &days,
        &quantities,
        &digests,
        &counted,
    ];
    let rows = db.query(query!("usage_fact_insert"), &values).await?;
    let new = touch_all(db, &rows).await?;
    let values: [&(dyn ToSql + Sync); 6] =
        [&db.tenant(), &licenses, &kinds, &sources, &names, &digests];
    let found = db.query_one(query!("usage_fact_compare"), &values).await?;
    let value = |index: usize| number("usage_facts", found.try_get(index)?);
    let (same, conflicting) = (value(0)?, value(1)?);
    let all = u64::try_from(facts.len()).unwrap_or(u64::MAX);
    Ok(FactReceipt {
        new,
        known: same.saturating_sub(new),
        conflicting,
        unknown: all.saturating_sub(same).saturating_sub(conflicting),
    })
}

/// Counts a change of each customer with a new fact. Returns the number of facts.
async fn touch_all(db: &Transaction, rows: &[Row]) -> Result<u64, ServerStoreError> {
    let mut touched = BTreeSet::new();
    for row in rows {
        let (customer, day): (&str, &str) = (row.try_get(0)?, row.try_get(1)?);
        touched.insert((customer, day));
    }
    for (customer, day) in touched {
        touch(db, customer, day).await?;
    }
    Ok(u64::try_from(rows.len()).unwrap_or(u64::MAX))
}

async fn touch(db: &Transaction, customer: &str, day: &str) -> Result<(), ServerStoreError> {
    db.execute(
        query!("usage_customer_touch"),
        &[&db.tenant(), &customer, &day],
    )
    .await?;
    Ok(())
}

/// Records an adjustment, once. Returns `false` if its license is not installed.
pub(super) async fn adjust(
    db: &Transaction,
    adjustment: &UsageFact,
    audit: &NewAuditEntry,
) -> Result<bool, ServerStoreError> {
    let receipt = record(db, std::slice::from_ref(adjustment)).await?;
    if receipt.new > 0 {
        audit::append(db, audit).await?;
    }
    Ok(receipt.unknown == 0)
}

/// Returns the first day that is metered.
pub(super) async fn start(
    db: &Transaction,
    now: DateTime<Utc>,
) -> Result<NaiveDate, ServerStoreError> {
    let today = now.date_naive().to_string();
    let values: [&(dyn ToSql + Sync); 3] = [&db.tenant(), &today, &millis(now)];
    db.execute(query!("usage_start_put"), &values).await?;
    let row = db
        .query_one(query!("usage_start_get"), &[&db.tenant()])
        .await?;
    day("usage_cursors", row.try_get(0)?)
}

/// Records activations and hours of seats.
pub(super) async fn record_usage(
    db: &Transaction,
    now: DateTime<Utc>,
) -> Result<(), ServerStoreError> {
    tenants::lock(db).await?;
    start(db, now).await?;
    let row = db
        .query_one(query!("usage_cursor_get"), &[&db.tenant()])
        .await?;
    let until: i64 = row.try_get(0)?;
    let since = until.saturating_sub(OVERLAP_MS);
    let hour = since.div_euclid(HOUR_MS);
    let mut new = db
        .query(query!("usage_activations"), &[&db.tenant(), &since])
        .await?;
    let values: [&(dyn ToSql + Sync); 2] = [&db.tenant(), &hour];
    new.extend(db.query(query!("usage_seat_hours"), &values).await?);
    touch_all(db, &new).await?;
    db.execute(query!("usage_cursor_put"), &[&db.tenant(), &millis(now)])
        .await?;
    Ok(())
}

/// Returns customers that need a settlement.
pub(super) async fn due(
    db: &Transaction,
    now: DateTime<Utc>,
    limit: u32,
) -> Result<Vec<MeteredCustomer>, ServerStoreError> {
    let values: [&(dyn ToSql + Sync); 3] = [&db.tenant(), &millis(now), &i64::from(limit)];
    let rows = db.query(query!("usage_customer_due"), &values).await?;
    read_all(&rows, read_customer)
}

/// Returns customers, by their pools.
pub(super) async fn customers(
    db: &Transaction,
    page: &PageRequest,
) -> Result<Page<MeteredCustomer>, ServerStoreError> {
    let values: [&(dyn ToSql + Sync); 3] = [&db.tenant(), &page.after_key(), &excess(page)];
    let rows = db.query(query!("usage_customer_page"), &values).await?;
    read_page(&rows, read_customer, page, |found| {
        found.customer.to_string()
    })
}

/// Returns a customer.
pub(super) async fn customer(
    db: &Transaction,
    customer: &PoolId,
) -> Result<Option<MeteredCustomer>, ServerStoreError> {
    let row = db
        .query_opt(
            query!("usage_customer_get"),
            &[&db.tenant(), &customer.as_str()],
        )
        .await?;
    row.as_ref().map(read_customer).transpose()
}

fn read_customer(row: &Row) -> Result<MeteredCustomer, ServerStoreError> {
    let table = "usage_customers";
    let date = |index: usize| -> Result<Option<NaiveDate>, ServerStoreError> {
        let text: Option<&str> = row.try_get(index)?;
        text.map(|text| day(table, text)).transpose()
    };
    Ok(MeteredCustomer {
        customer: pool(row.try_get(0)?)?,
        anchor: date(1)?.map(PeriodAnchor::new),
        closed_until: date(2)?,
        first_day: day(table, row.try_get(3)?)?,
        changes: number(table, row.try_get(4)?)?,
        settled: number(table, row.try_get(5)?)?,
        is_anchor_fixed: flag(row, 6)?,
    })
}

/// Returns the sums of the facts of a customer by day.
pub(super) async fn days(
    db: &Transaction,
    customer: &PoolId,
    from: NaiveDate,
) -> Result<Vec<UsageDay>, ServerStoreError> {
    let values: [&(dyn ToSql + Sync); 3] = [&db.tenant(), &customer.as_str(), &from.to_string()];
    let rows = db.query(query!("usage_days"), &values).await?;
    read_all(&rows, |row| {
        let kind: &str = row.try_get(1)?;
        Ok(UsageDay {
            day: day("usage_facts", row.try_get(0)?)?,
            kind: FactKind::parse(kind).ok_or_else(|| bad_row("usage_facts", kind))?,
            name: row.try_get(2)?,
            sum: row.try_get(3)?,
            max: row.try_get(4)?,
            set_aside: row.try_get(5)?,
        })
    })
}

/// Returns the amounts of closed periods of a customer.
pub(super) async fn totals(
    db: &Transaction,
    customer: &PoolId,
    from: NaiveDate,
) -> Result<Vec<UsageTotal>, ServerStoreError> {
    let values: [&(dyn ToSql + Sync); 3] = [&db.tenant(), &customer.as_str(), &from.to_string()];
    let rows = db.query(query!("usage_total_of_customer"), &values).await?;
    read_all(&rows, read_total)
}

/// Returns the amounts of closed periods of all customers. The page always has a cursor.
pub(super) async fn recorded(
    db: &Transaction,
    page: &PageRequest,
) -> Result<Page<UsageTotal>, ServerStoreError> {
    let after = after_number(page)?;
    let limit = excess(page).saturating_sub(1);
    let values: [&(dyn ToSql + Sync); 3] = [&db.tenant(), &after, &limit];
    let rows = db.query(query!("usage_total_page"), &values).await?;
    let items = read_all(&rows, read_total)?;
    let last = items.last().map_or(after, |total| column(total.seq));
    Ok(Page {
        items,
        next: Some(Cursor::after(last.to_string())),
    })
}

fn read_total(row: &Row) -> Result<UsageTotal, ServerStoreError> {
    let table = "usage_totals";
    let date = |index: usize| day(table, row.try_get(index)?);
    let included: Option<i64> = row.try_get(7)?;
    Ok(UsageTotal {
        seq: number(table, row.try_get(0)?)?,
        customer: pool(row.try_get(1)?)?,
        period: UsagePeriod {
            start: date(2)?,
            end: date(3)?,
        },
        meter: row.try_get(4)?,
        number: number(table, row.try_get(5)?)?,
        quantity: row.try_get(6)?,
        included: included.map(|count| number(table, count)).transpose()?,
        overage: row.try_get(8)?,
        booked: UsagePeriod {
            start: date(9)?,
            end: date(10)?,
        },
        recorded_at: time(row.try_get(11)?),
    })
}

/// Returns the customer at a billing provider who pays for a pool.
pub(super) async fn billed_to(
    db: &Transaction,
    provider: &str,
    customer: &PoolId,
) -> Result<Option<BilledCustomer>, ServerStoreError> {
    let values: [&(dyn ToSql + Sync); 3] = [&db.tenant(), &provider, &customer.as_str()];
    let row = db.query_opt(query!("usage_billed_by"), &values).await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(BilledCustomer {
        id: row.try_get(0)?,
        since: time(row.try_get(1)?),
        period_start: time(row.try_get(2)?),
        period_end: time(row.try_get(3)?),
    }))
}

/// Stores a settlement, unless another one was stored since the customer was read.
pub(super) async fn settle(
    db: &Transaction,
    tenant: &TenantId,
    settlement: &UsageSettlement,
    now: DateTime<Utc>,
) -> Result<bool, ServerStoreError> {
    tenants::lock(db).await?;
    let before = &settlement.before;
    let customer = before.customer.as_str();
    let text = |day: Option<NaiveDate>| day.map(|day| day.to_string());
    let values: [&(dyn ToSql + Sync); 9] = [
        &db.tenant(),
        &customer,
        &settlement.anchor.day().to_string(),
        &text(settlement.closed_until),
        &column(before.changes),
        &millis(settlement.due_at),
        &text(before.anchor.map(PeriodAnchor::day)),
        &text(before.closed_until),
        &column(before.settled),
    ];
    if db.execute(query!("usage_customer_settle"), &values).await? == 0 {
        return Ok(false);
    }
    for total in &settlement.totals {
        insert_total(db, total).await?;
    }
    for sending in &settlement.sendings {
        sendings::insert(db, tenant, &before.customer, sending, now).await?;
    }
    for (reached, entry) in &settlement.notices {
        let values: [&(dyn ToSql + Sync); 6] = [
            &db.tenant(),
            &customer,
            &reached.period.start.to_string(),
            &reached.meter,
            &column(reached.percent),
            &millis(now),
        ];
        if db.execute(query!("usage_notice_insert"), &values).await? > 0 {
            audit::append(db, entry).await?;
        }
    }
    Ok(true)
}

async fn insert_total(db: &Transaction, total: &UsageTotal) -> Result<(), ServerStoreError> {
    let row = db
        .query_one(query!("usage_total_number"), &[&db.tenant()])
        .await?;
    let seq: i64 = row.try_get(0)?;
    let values: [&(dyn ToSql + Sync); 13] = [
        &db.tenant(),
        &seq,
        &total.customer.as_str(),
        &total.period.start.to_string(),
        &total.period.end.to_string(),
        &total.meter,
        &column(total.number),
        &total.quantity,
        &total.included.map(column),
        &total.overage,
        &total.booked.start.to_string(),
        &total.booked.end.to_string(),
        &millis(total.recorded_at),
    ];
    db.execute(query!("usage_total_insert"), &values).await?;
    Ok(())
}

/// Changes the day from which periods are counted.
pub(super) async fn set_anchor(
    db: &Transaction,
    pool: &PoolId,
    anchor: NaiveDate,
    audit: &NewAuditEntry,
) -> Result<bool, ServerStoreError> {
    tenants::lock(db).await?;
    let Some(former) = customer(db, pool).await? else {
        return Ok(false);
    };
    let values: [&(dyn ToSql + Sync); 3] = [&db.tenant(), &pool.as_str(), &anchor.to_string()];
    db.execute(query!("usage_customer_anchor"), &values).await?;
    let audit = audit.clone().with_before(Some(former.audited()));
    audit::append(db, &audit).await?;
    Ok(true)
}

/// Deletes facts and notices of days before `before`.
pub(super) async fn forget(db: &Transaction, before: NaiveDate) -> Result<usize, ServerStoreError> {
    let values: [&(dyn ToSql + Sync); 2] = [&db.tenant(), &before.to_string()];
    let facts = db.execute(query!("usage_fact_forget"), &values).await?;
    let notices = db.execute(query!("usage_notice_forget"), &values).await?;
    Ok(count(facts.saturating_add(notices)))
}

/// Reads the id of a pool.
pub(super) fn pool(text: &str) -> Result<PoolId, ServerStoreError> {
    PoolId::parse(text).ok_or_else(|| bad_row("usage_customers", text))
}
