//! Metering: facts and closed periods.

use chrono::{DateTime, NaiveDate, Utc};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::audit;
use super::queries::query;
use super::sendings;
use super::values::{
    after_number, bad_row, collect, collect_page, column, day, excess, millis, number, time,
};
use crate::domain::{
    BilledCustomer, Cursor, FactKind, FactReceipt, MeteredCustomer, NewAuditEntry, Page,
    PageRequest, PeriodAnchor, PoolId, TenantId, UsageDay, UsageFact, UsagePeriod, UsageSettlement,
    UsageTotal,
};
use crate::store::ServerStoreError;
use crate::store::metering::{HOUR_MS, OVERLAP_MS};

/// Records facts, each once.
pub(super) fn record(
    db: &Connection,
    tenant: &TenantId,
    facts: &[UsageFact],
) -> Result<FactReceipt, ServerStoreError> {
    let mut insert = db.prepare_cached(query!("usage_fact_insert"))?;
    let mut digest = db.prepare_cached(query!("usage_fact_digest"))?;
    let mut receipt = FactReceipt::default();
    for fact in facts {
        let (tenant, license) = (tenant.as_str(), fact.license.as_str());
        let day = fact.day.to_string();
        let customer: Option<String> = insert
            .query_row(
                params![
                    tenant,
                    license,
                    fact.kind.as_str(),
                    fact.source,
                    fact.name,
                    day,
                    fact.quantity,
                    fact.digest,
                    fact.is_counted,
                ],
                |row| row.get(0),
            )
            .optional()?;
        if let Some(customer) = customer {
            touch(db, tenant, &customer, &day)?;
            receipt.new = receipt.new.saturating_add(1);
            continue;
        }
        let key = params![tenant, license, fact.kind.as_str(), fact.source, fact.name];
        let stored: Option<String> = digest.query_row(key, |row| row.get(0)).optional()?;
        let counter = match stored {
            None => &mut receipt.unknown,
            Some(stored) if stored == fact.digest => &mut receipt.known,
            Some(_) => &mut receipt.conflicting,
        };
        *counter = counter.saturating_add(1);
    }
    Ok(receipt)
}

/// Counts a change of the facts of a customer.
fn touch(db: &Connection, tenant: &str, customer: &str, day: &str) -> Result<(), ServerStoreError> {
    db.prepare_cached(query!("usage_customer_touch"))?
        .execute([tenant, customer, day])?;
    Ok(())
}

/// Records an adjustment, once. Returns `false` if its license is not installed.
pub(super) fn adjust(
    db: &Connection,
    tenant: &TenantId,
    adjustment: &UsageFact,
    audit: &NewAuditEntry,
) -> Result<bool, ServerStoreError> {
    let receipt = record(db, tenant, std::slice::from_ref(adjustment))?;
    if receipt.new > 0 {
        audit::append(db, tenant, audit)?;
    }
    Ok(receipt.unknown == 0)
}

/// Returns the first day that is metered.
pub(super) fn start(
    db: &Connection,
    tenant: &TenantId,
    now: DateTime<Utc>,
) -> Result<NaiveDate, ServerStoreError> {
    let today = now.date_naive().to_string();
    db.prepare_cached(query!("usage_start_put"))?
        .execute(params![tenant.as_str(), today, millis(now)])?;
    let start: String = db
        .prepare_cached(query!("usage_start_get"))?
        .query_row([tenant.as_str()], |row| row.get(0))?;
    day("usage_cursors", &start)
}

/// Records activations and hours of seats.
pub(super) fn record_usage(
    db: &Connection,
    tenant: &TenantId,
    now: DateTime<Utc>,
) -> Result<(), ServerStoreError> {
    start(db, tenant, now)?;
    let tenant = tenant.as_str();
    let until: i64 = db
        .prepare_cached(query!("usage_cursor_get"))?
        .query_row([tenant], |row| row.get(0))?;
    let since = until.saturating_sub(OVERLAP_MS);
    let mut activations = db.prepare_cached(query!("usage_activations"))?;
    let mut new = collect(&mut activations, params![tenant, since], read_touched)?;
    let mut hours = db.prepare_cached(query!("usage_seat_hours"))?;
    let values = params![tenant, since.div_euclid(HOUR_MS)];
    new.extend(collect(&mut hours, values, read_touched)?);
    for (customer, day) in &new {
        touch(db, tenant, customer, day)?;
    }
    db.prepare_cached(query!("usage_cursor_put"))?
        .execute(params![tenant, millis(now)])?;
    Ok(())
}

fn read_touched(row: &Row<'_>) -> Result<(String, String), ServerStoreError> {
    Ok((row.get(0)?, row.get(1)?))
}

/// Returns customers that need a settlement.
pub(super) fn due(
    db: &Connection,
    tenant: &TenantId,
    now: DateTime<Utc>,
    limit: u32,
) -> Result<Vec<MeteredCustomer>, ServerStoreError> {
    let values = params![tenant.as_str(), millis(now), limit];
    let mut statement = db.prepare_cached(query!("usage_customer_due"))?;
    collect(&mut statement, values, read_customer)
}

/// Returns customers, by their pools.
pub(super) fn customers(
    db: &Connection,
    tenant: &TenantId,
    page: &PageRequest,
) -> Result<Page<MeteredCustomer>, ServerStoreError> {
    let values = params![tenant.as_str(), page.after_key(), excess(page)];
    let mut statement = db.prepare_cached(query!("usage_customer_page"))?;
    collect_page(&mut statement, values, read_customer, page, |found| {
        found.customer.to_string()
    })
}

/// Returns a customer.
pub(super) fn customer(
    db: &Connection,
    tenant: &TenantId,
    customer: &PoolId,
) -> Result<Option<MeteredCustomer>, ServerStoreError> {
    let mut statement = db.prepare_cached(query!("usage_customer_get"))?;
    let values = [tenant.as_str(), customer.as_str()];
    let found = collect(&mut statement, values, read_customer)?;
    Ok(found.into_iter().next())
}

fn read_customer(row: &Row<'_>) -> Result<MeteredCustomer, ServerStoreError> {
    let table = "usage_customers";
    let anchor: Option<String> = row.get(1)?;
    let closed_until: Option<String> = row.get(2)?;
    let anchor = anchor.map(|text| day(table, &text)).transpose()?;
    Ok(MeteredCustomer {
        customer: pool(&row.get::<_, String>(0)?)?,
        anchor: anchor.map(PeriodAnchor::new),
        closed_until: closed_until.map(|text| day(table, &text)).transpose()?,
        first_day: day(table, &row.get::<_, String>(3)?)?,
        changes: number(table, row.get(4)?)?,
        settled: number(table, row.get(5)?)?,
        is_anchor_fixed: row.get(6)?,
    })
}

/// Returns the sums of the facts of a customer by day.
pub(super) fn days(
    db: &Connection,
    tenant: &TenantId,
    customer: &PoolId,
    from: NaiveDate,
) -> Result<Vec<UsageDay>, ServerStoreError> {
    let values = params![tenant.as_str(), customer.as_str(), from.to_string()];
    let mut statement = db.prepare_cached(query!("usage_days"))?;
    collect(&mut statement, values, |row| {
        let kind: String = row.get(1)?;
        Ok(UsageDay {
            day: day("usage_facts", &row.get::<_, String>(0)?)?,
            kind: FactKind::parse(&kind).ok_or_else(|| bad_row("usage_facts", kind))?,
            name: row.get(2)?,
            sum: row.get(3)?,
            max: row.get(4)?,
            set_aside: row.get(5)?,
        })
    })
}

/// Returns the amounts of closed periods of a customer.
pub(super) fn totals(
    db: &Connection,
    tenant: &TenantId,
    customer: &PoolId,
    from: NaiveDate,
) -> Result<Vec<UsageTotal>, ServerStoreError> {
    let values = params![tenant.as_str(), customer.as_str(), from.to_string()];
    let mut statement = db.prepare_cached(query!("usage_total_of_customer"))?;
    collect(&mut statement, values, read_total)
}

/// Returns the amounts of closed periods of all customers. The page always has a cursor.
pub(super) fn recorded(
    db: &Connection,
    tenant: &TenantId,
    page: &PageRequest,
) -> Result<Page<UsageTotal>, ServerStoreError> {
    let after = after_number(page)?;
    let limit = excess(page).saturating_sub(1);
    let mut statement = db.prepare_cached(query!("usage_total_page"))?;
    let values = params![tenant.as_str(), after, limit];
    let items = collect(&mut statement, values, read_total)?;
    let last = items.last().map_or(after, |total| column(total.seq));
    Ok(Page {
        items,
        next: Some(Cursor::after(last.to_string())),
    })
}

fn read_total(row: &Row<'_>) -> Result<UsageTotal, ServerStoreError> {
    let table = "usage_totals";
    let date = |index: usize| day(table, &row.get::<_, String>(index)?);
    let included: Option<i64> = row.get(7)?;
    Ok(UsageTotal {
        seq: number(table, row.get(0)?)?,
        customer: pool(&row.get::<_, String>(1)?)?,
        period: UsagePeriod {
            start: date(2)?,
            end: date(3)?,
        },
        meter: row.get(4)?,
        number: number(table, row.get(5)?)?,
        quantity: row.get(6)?,
        included: included.map(|count| number(table, count)).transpose()?,
        overage: row.get(8)?,
        booked: UsagePeriod {
            start: date(9)?,
            end: date(10)?,
        },
        recorded_at: time(row.get(11)?),
    })
}

/// Returns the customer at a billing provider who pays for a pool.
pub(super) fn billed_to(
    db: &Connection,
    tenant: &TenantId,
    provider: &str,
    customer: &PoolId,
) -> Result<Option<BilledCustomer>, ServerStoreError> {
    let mut statement = db.prepare_cached(query!("usage_billed_by"))?;
    let values = [tenant.as_str(), provider, customer.as_str()];
    let found = collect(&mut statement, values, |row| {
        Ok(BilledCustomer {
            id: row.get(0)?,
            since: time(row.get(1)?),
            period_start: time(row.get(2)?),
            period_end: time(row.get(3)?),
        })
    })?;
    Ok(found.into_iter().next())
}

/// Stores a settlement, unless another one was stored since the customer was read.
pub(super) fn settle(
    db: &Connection,
    tenant: &TenantId,
    settlement: &UsageSettlement,
    now: DateTime<Utc>,
) -> Result<bool, ServerStoreError> {
    let before = &settlement.before;
    let settled = db
        .prepare_cached(query!("usage_customer_settle"))?
        .execute(params![
            tenant.as_str(),
            before.customer.as_str(),
            settlement.anchor.day().to_string(),
            settlement.closed_until.map(|day| day.to_string()),
            column(before.changes),
            millis(settlement.due_at),
            before.anchor.map(|anchor| anchor.day().to_string()),
            before.closed_until.map(|day| day.to_string()),
            column(before.settled),
        ])?;
    if settled == 0 {
        return Ok(false);
    }
    for total in &settlement.totals {
        insert_total(db, tenant, total)?;
    }
    for sending in &settlement.sendings {
        sendings::insert(db, tenant, &before.customer, sending, now)?;
    }
    let mut notice = db.prepare_cached(query!("usage_notice_insert"))?;
    for (reached, entry) in &settlement.notices {
        let is_new = notice.execute(params![
            tenant.as_str(),
            before.customer.as_str(),
            reached.period.start.to_string(),
            reached.meter,
            column(reached.percent),
            millis(now),
        ])?;
        if is_new > 0 {
            audit::append(db, tenant, entry)?;
        }
    }
    Ok(true)
}

fn insert_total(
    db: &Connection,
    tenant: &TenantId,
    total: &UsageTotal,
) -> Result<(), ServerStoreError> {
    let seq: i64 = db
        .prepare_cached(query!("usage_total_number"))?
        .query_row([tenant.as_str()], |row| row.get(0))?;
    db.prepare_cached(query!("usage_total_insert"))?
        .execute(params![
            tenant.as_str(),
            seq,
            total.customer.as_str(),
            total.period.start.to_string(),
            total.period.end.to_string(),
            total.meter,
            column(total.number),
            total.quantity,
            total.included.map(column),
            total.overage,
            total.booked.start.to_string(),
            total.booked.end.to_string(),
            millis(total.recorded_at),
        ])?;
    Ok(())
}

/// Changes the day from which periods are counted.
pub(super) fn set_anchor(
    db: &Connection,
    tenant: &TenantId,
    pool: &PoolId,
    anchor: NaiveDate,
    audit: &NewAuditEntry,
) -> Result<bool, ServerStoreError> {
    let Some(former) = customer(db, tenant, pool)? else {
        return Ok(false);
    };
    db.prepare_cached(query!("usage_customer_anchor"))?
        .execute(params![tenant.as_str(), pool.as_str(), anchor.to_string()])?;
    let audit = audit.clone().with_before(Some(former.audited()));
    audit::append(db, tenant, &audit)?;
    Ok(true)
}

/// Deletes facts and notices of days before `before`.
pub(super) fn forget(
    db: &Connection,
    tenant: &TenantId,
    before: NaiveDate,
) -> Result<usize, ServerStoreError> {
    let values = params![tenant.as_str(), before.to_string()];
    let facts = db
        .prepare_cached(query!("usage_fact_forget"))?
        .execute(values)?;
    let notices = db
        .prepare_cached(query!("usage_notice_forget"))?
        .execute(values)?;
    Ok(facts.saturating_add(notices))
}

/// Reads the id of a pool.
pub(super) fn pool(text: &str) -> Result<PoolId, ServerStoreError> {
    PoolId::parse(text).ok_or_else(|| bad_row("usage_customers", text))
}
