//! Numbers of entries, licenses, customers and seats.

use license_core::chrono::{DateTime, TimeDelta, Utc};
use license_core::time::{self, rfc3339};
use rusqlite::Connection;

use super::license_query::{LICENSES, STATUS, is_revoked};
use crate::errors::LedgerError;
use crate::ledger::query::{EndingStats, LedgerStats};
use crate::ledger::sqlite::names::FOLDED;

/// Returns the numbers at an instant.
pub(super) fn stats(db: &Connection, now: DateTime<Utc>) -> Result<LedgerStats, LedgerError> {
    // All numbers are read in one snapshot, because other processes may be writing.
    let _read = db.unchecked_transaction()?;
    let mut by_kind =
        db.prepare("SELECT kind, count(*) FROM entries GROUP BY kind ORDER BY kind")?;
    let entries = by_kind.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let sql = format!(
        "SELECT json_extract(e.body, '$.tier') AS tier, {STATUS} AS status, count(*)
         FROM entries e WHERE {LICENSES} GROUP BY tier, status ORDER BY tier, status"
    );
    let mut by_tier = db.prepare(&sql)?;
    let licenses = by_tier.query_map([rfc3339(now).to_string()], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?))
    })?;
    let sql = format!(
        "SELECT coalesce(json_extract(e.body, '$.product'), '?') AS product, count(*)
         FROM entries e WHERE {LICENSES} GROUP BY product ORDER BY product"
    );
    let mut by_product = db.prepare(&sql)?;
    let products = by_product.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let sql = format!(
        "SELECT count(DISTINCT customer), coalesce(sum(seats), 0) FROM (
           SELECT {FOLDED}(json_extract(e.body, '$.customer')) AS customer,
             CASE {STATUS} WHEN 'active' THEN json_extract(e.body, '$.seats') END AS seats
           FROM entries e WHERE {LICENSES})"
    );
    let (customers, seats) = db.query_row(&sql, [rfc3339(now).to_string()], |row| {
        Ok((row.get(0)?, row.get(1)?))
    })?;
    let ending = EndingStats::PERIODS.map(|days| ending(db, days, now));
    Ok(LedgerStats {
        entries: entries.collect::<Result<_, _>>()?,
        licenses: licenses.collect::<Result<_, _>>()?,
        products: products.collect::<Result<_, _>>()?,
        customers,
        seats,
        ending: ending.into_iter().collect::<Result<_, _>>()?,
    })
}

/// Counts the active and future licenses whose last day is at most this many days after today.
fn ending(db: &Connection, days: u16, now: DateTime<Utc>) -> Result<EndingStats, LedgerError> {
    let last_day = time::saturating_add(now, TimeDelta::days(days.into())).date_naive();
    let end = time::end_of_day(last_day);
    let sql = format!(
        "SELECT count(*), coalesce(sum(EXISTS (SELECT 1 FROM replaced p WHERE p.old = e.subject AND NOT {})), 0)
         FROM entries e WHERE {LICENSES} AND json_extract(e.body, '$.expires_at') > ?1
           AND json_extract(e.body, '$.expires_at') <= ?2 AND {STATUS} IN ('active', 'future')",
        is_revoked!("p.new")
    );
    let period = [now, end].map(|instant| rfc3339(instant).to_string());
    let (licenses, renewed) = db.query_row(&sql, period, |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(EndingStats {
        days,
        licenses,
        renewed,
    })
}
