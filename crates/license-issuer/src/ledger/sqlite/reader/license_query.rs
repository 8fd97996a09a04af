//! SQL of queries for licenses.

use license_core::chrono::{DateTime, Utc};
use license_core::time::rfc3339;
use rusqlite::{Row, ToSql};

use super::{COLUMNS, entry_of_row};
use crate::errors::LedgerError;
use crate::folding::folded;
use crate::ledger::query::{LicenseFilter, LicenseSort, LicenseStatus, RecordedLicense};
use crate::ledger::sqlite::names::FOLDED;

/// The SQL condition that the license with this id is revoked: no reinstatement follows its last
/// revocation in the order of the entries.
macro_rules! is_revoked {
    ($id:literal) => {
        concat!(
            "EXISTS (SELECT 1 FROM entries r WHERE r.subject = ",
            $id,
            " AND r.kind = 'revocation' AND NOT EXISTS (SELECT 1 FROM entries u WHERE u.subject = ",
            $id,
            " AND u.kind = 'reinstatement' AND u.seq > r.seq))"
        )
    };
}
pub(super) use is_revoked;

/// The SQL expression for the status of license `e` at the time `?1`. The cases are in the order in
/// which a verifier checks them.
///
/// A revoked license does not replace another license, because the replaced license remains valid
/// where its successor is not installed. `CROSS JOIN` makes SQLite look up the licenses that
/// replace `e`. Without `CROSS JOIN`, SQLite may scan all licenses
/// (<https://sqlite.org/optoverview.html#crossjoin>).
pub(super) const STATUS: &str = concat!(
    "CASE WHEN ",
    is_revoked!("e.subject"),
    " THEN 'revoked'
  WHEN EXISTS (SELECT 1 FROM replaced p CROSS JOIN entries n ON n.subject = p.new WHERE p.old = e.subject
    AND n.kind = 'license' AND coalesce(json_extract(n.body, '$.not_before') <= ?1, 1)
    AND NOT ",
    is_revoked!("p.new"),
    ") THEN 'superseded'
  WHEN json_extract(e.body, '$.expires_at') <= ?1 THEN 'expired'
  WHEN json_extract(e.body, '$.not_before') > ?1 THEN 'future'
  ELSE 'active' END"
);

/// The SQL condition that entry `e` is a license or an enterprise key.
pub(super) const LICENSES: &str = "e.kind IN ('license', 'enterprise_key')";

/// Reads a row of [`license_columns`] and [`STATUS`].
pub(super) fn license_of_row(row: &Row<'_>) -> Result<RecordedLicense, LedgerError> {
    let status: String = row.get(8)?;
    let entry = entry_of_row(row)?;
    let status = LicenseStatus::parse(&status).ok_or(LedgerError::Inconsistent {
        expected: "a known status",
        found: status,
    })?;
    Ok(RecordedLicense { entry, status })
}

/// Returns [`COLUMNS`] of entry `e`.
pub(super) fn license_columns() -> String {
    let columns: Vec<_> = COLUMNS
        .split(", ")
        .map(|name| format!("e.{name}"))
        .collect();
    columns.join(", ")
}

/// Returns the SQL of a filter, and the values of its parameters.
pub(super) fn filter_sql(
    filter: &LicenseFilter,
    now: DateTime<Utc>,
) -> (String, Vec<Box<dyn ToSql>>) {
    let mut values: Vec<Box<dyn ToSql>> = vec![Box::new(rfc3339(now).to_string())];
    let mut conditions = vec![LICENSES.to_owned()];
    // In a condition, `#` is replaced by the number of the parameter.
    let mut add = |condition: &str, value: Box<dyn ToSql>| {
        values.push(value);
        conditions.push(condition.replace('#', &format!("?{}", values.len())));
    };
    if let Some(customer) = &filter.customer {
        add(
            &format!("({})", named_condition("#")),
            Box::new(folded(customer)),
        );
    }
    if let Some(name) = &filter.customer_name {
        // The index contains the names, so this query does not read the entries of other customers.
        let condition = format!(
            "e.seq IN (SELECT n.seq FROM entries n INDEXED BY entries_by_customer
               WHERE n.kind IN ('license', 'enterprise_key')
                 AND {FOLDED}(json_extract(n.body, '$.customer')) = #)"
        );
        add(&condition, Box::new(folded(name)));
    }
    if let Some(tier) = &filter.tier {
        add(
            "json_extract(e.body, '$.tier') = #",
            Box::new(tier.to_ascii_uppercase()),
        );
    }
    if let Some(product) = &filter.product {
        add(
            "json_extract(e.body, '$.product') = #",
            Box::new(product.to_ascii_uppercase()),
        );
    }
    if let Some(status) = filter.status {
        add(&format!("{STATUS} = #"), Box::new(status.as_str()));
    }
    if let Some(after) = filter.after {
        add("e.seq > #", Box::new(after));
    }
    for (end, comparison) in [(filter.ends_by, "<="), (filter.ends_after, ">")] {
        if let Some(end) = end {
            let condition = format!("json_extract(e.body, '$.expires_at') {comparison} #");
            add(&condition, Box::new(rfc3339(end).to_string()));
        }
    }
    if let Some(text) = &filter.text {
        values.push(Box::new(folded(text)));
        let named = named_condition(&format!("?{}", values.len()));
        let user = format!("instr({FOLDED}(u.value), ?{}) > 0", values.len());
        let condition = format!(
            "({named} OR e.subject LIKE # ESCAPE '\\'
              OR EXISTS (SELECT 1 FROM json_each(e.body, '$.users') u WHERE {user})
              OR json_extract(e.body, '$.key') LIKE # ESCAPE '\\'
              OR json_extract(e.body, '$.short_key') LIKE # ESCAPE '\\'
              OR json_extract(e.body, '$.kid') LIKE # ESCAPE '\\'
              OR json_extract(e.body, '$.server_key') LIKE # ESCAPE '\\'
              OR (e.kind = 'enterprise_key' AND e.artefact LIKE # ESCAPE '\\')
              OR e.subject IN (SELECT a.subject FROM entries a WHERE a.kind = 'activation'
                AND (json_extract(a.body, '$.activation_id') LIKE # ESCAPE '\\'
                  OR json_extract(a.body, '$.machine') LIKE # ESCAPE '\\'
                  OR json_extract(a.body, '$.nonce') LIKE # ESCAPE '\\')))"
        );
        values.push(Box::new(like(text)));
        conditions.push(condition.replace('#', &format!("?{}", values.len())));
    }
    let order: &[&str] = match filter.sort {
        LicenseSort::Recorded => &["e.seq"],
        LicenseSort::Customer => &["json_extract(e.body, '$.customer') COLLATE NOCASE", "e.seq"],
        LicenseSort::Expires => &[
            "json_extract(e.body, '$.expires_at') IS NULL",
            "json_extract(e.body, '$.expires_at')",
            "e.seq",
        ],
        LicenseSort::Tier => &["json_extract(e.body, '$.tier')", "e.seq"],
    };
    let order = if filter.reverse {
        order.join(" DESC, ") + " DESC"
    } else {
        order.join(", ")
    };
    // In SQLite, -1 means no limit. No table has more rows than i64::MAX.
    let limit = filter
        .limit
        .map_or(-1, |limit| i64::try_from(limit).unwrap_or(i64::MAX));
    let sql = format!(
        "SELECT {}, {STATUS} FROM entries e WHERE {} ORDER BY {order} LIMIT {limit}",
        license_columns(),
        conditions.join(" AND ")
    );
    (sql, values)
}

/// Returns the condition that a folded name, which is a parameter, is part of the name of the
/// customer or the company.
fn named_condition(parameter: &str) -> String {
    let contains =
        |member| format!("instr({FOLDED}(json_extract(e.body, '$.{member}')), {parameter}) > 0");
    [contains("customer"), contains("company")].join(" OR ")
}

/// Returns a `LIKE` pattern that matches a literal text.
fn like(text: &str) -> String {
    let escaped = text
        .replace('\\', "\\\\")
        .replace('%', "\\%")
        .replace('_', "\\_");
    format!("%{escaped}%")
}
