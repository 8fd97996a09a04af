//! The terms by which licenses are found and sorted.

use chrono::{DateTime, Utc};
use license_core::LicenseId;
use rusqlite::types::Value;
use rusqlite::{Connection, Row, params};

use super::licenses;
use super::queries::query;
use super::values::{collect, excess, millis, number};
use crate::domain::{
    LicenseOrdering, LicenseRecord, LicenseSelection, LicenseTerms, Page, PageRequest,
    PoolCapacity, RevokedLicenseIds, TenantId,
};
use crate::store::ServerStoreError;
use crate::store::license_search::{
    self, Candidates, MAX_CANDIDATES, SearchWords, SortKey, SortPosition,
};

/// The number of licenses that are indexed in one transaction.
const CHUNK: i64 = 500;

/// Stores the terms of an installed license.
pub(super) fn put(
    db: &Connection,
    tenant: &TenantId,
    license: &LicenseRecord,
) -> Result<(), ServerStoreError> {
    let (tenant_id, id) = (tenant.as_str(), license.id.as_str());
    let terms = LicenseTerms::new(license);
    db.prepare_cached(query!("license_terms_insert"))?
        .execute(params![
            tenant_id,
            id,
            terms.name,
            terms.tier,
            terms.issued_at,
            terms.starts_at,
            terms.ends_at,
            terms.seats,
            terms.seats_until,
        ])?;
    let mut insert = db.prepare_cached(query!("license_word_insert"))?;
    for (word, is_name) in &terms.words {
        insert.execute(params![tenant_id, id, word, is_name])?;
    }
    update_replaced(db, tenant, &license.supersedes)
}

/// Computes again when licenses are replaced.
pub(super) fn update_replaced(
    db: &Connection,
    tenant: &TenantId,
    licenses: &[LicenseId],
) -> Result<(), ServerStoreError> {
    if licenses.is_empty() {
        return Ok(());
    }
    db.prepare_cached(query!("license_replaced_update"))?
        .execute(params![tenant.as_str(), ids(licenses)])?;
    Ok(())
}

/// Stores the ids of a revocation list, and computes the states of the licenses that it changes.
pub(super) fn put_revoked(
    db: &Connection,
    tenant: &TenantId,
    list: &RevokedLicenseIds,
) -> Result<(), ServerStoreError> {
    let (tenant_id, ids) = (tenant.as_str(), ids(&list.ids));
    let mut changed = Vec::new();
    for sql in [query!("revoked_delete"), query!("revoked_insert")] {
        let values = params![tenant_id, list.product, list.issuer, ids];
        changed.extend(collect(&mut db.prepare_cached(sql)?, values, text)?);
    }
    if changed.is_empty() {
        return Ok(());
    }
    let changed = array(&changed);
    db.prepare_cached(query!("license_revoked_update"))?
        .execute(params![tenant_id, changed])?;
    // A license that is revoked replaces no other one.
    let mut replaced = db.prepare_cached(query!("superseded_by"))?;
    let replaced = collect(&mut replaced, params![tenant_id, changed], text)?;
    db.prepare_cached(query!("license_replaced_update"))?
        .execute(params![tenant_id, array(&replaced)])?;
    Ok(())
}

/// Returns whether all licenses are indexed, and whether ids of revocation lists are stored.
pub(super) fn index_state(
    db: &Connection,
    tenant: &TenantId,
) -> Result<(bool, bool), ServerStoreError> {
    let mut statement = db.prepare_cached(query!("license_is_indexed"))?;
    let state = statement.query_row([tenant.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(state)
}

/// Stores the terms of licenses that an earlier version stored. Returns how many were indexed.
pub(super) fn index(db: &Connection, tenant: &TenantId) -> Result<usize, ServerStoreError> {
    let mut missing = db.prepare_cached(query!("license_to_index"))?;
    let missing = collect(
        &mut missing,
        params![tenant.as_str(), CHUNK],
        licenses::read,
    )?;
    let mut done = db.prepare_cached(query!("license_indexed"))?;
    for license in &missing {
        put(db, tenant, license)?;
        done.execute([tenant.as_str(), license.id.as_str()])?;
    }
    Ok(missing.len())
}

/// Returns the licenses of a selection.
pub(super) fn search(
    db: &Connection,
    tenant: &TenantId,
    selection: &LicenseSelection,
    page: &PageRequest,
) -> Result<Page<LicenseRecord>, ServerStoreError> {
    let words = words(db, tenant, selection)?;
    let start = SortPosition::start(selection, page)?;
    let sql = sql(selection, words.candidates);
    let ranges = selection.ranges();
    let key = match start.key {
        SortKey::Text(text) => Value::Text(text),
        SortKey::Number(number) => Value::Integer(number),
    };
    let values = params![
        tenant.as_str(),
        ranges.is_revoked.0,
        ranges.is_revoked.1,
        ranges.replaced_at.0,
        ranges.replaced_at.1,
        ranges.ends_at.0,
        ranges.ends_at.1,
        ranges.starts_at.0,
        ranges.starts_at.1,
        selection.tier,
        key,
        start.number,
        array(&words.words),
        array(&words.names),
        excess(page),
        words.candidate_word,
    ];
    let rows = collect(&mut db.prepare_cached(&sql)?, values, positioned)?;
    Ok(license_search::page(rows, selection, page))
}

/// Counts the pools with a license in effect, and their seats.
pub(super) fn pool_capacity(
    db: &Connection,
    tenant: &TenantId,
    now: DateTime<Utc>,
) -> Result<PoolCapacity, ServerStoreError> {
    let mut statement = db.prepare_cached(query!("pool_capacity"))?;
    let values = params![tenant.as_str(), millis(now)];
    let (pools, seats) = statement.query_row(values, |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(PoolCapacity {
        pools: number("license_terms", pools)?,
        seats: number("license_terms", seats)?,
    })
}

/// Returns the text of a search.
pub(super) fn sql(selection: &LicenseSelection, candidates: Candidates) -> String {
    let source = match (candidates, selection.order) {
        (Candidates::Words, _) => query!("license_candidates_words"),
        (Candidates::Names, _) => query!("license_candidates_names"),
        (Candidates::All, LicenseOrdering::Installed) => "license_terms NOT INDEXED",
        (Candidates::All, LicenseOrdering::Customer) => {
            "license_terms INDEXED BY license_terms_by_name"
        }
        (Candidates::All, LicenseOrdering::Expires) => {
            "license_terms INDEXED BY license_terms_by_end"
        }
        (Candidates::All, LicenseOrdering::Issued) => {
            "license_terms INDEXED BY license_terms_by_issue"
        }
    };
    license_search::sql(query!("license_search"), selection, source)
}

/// Counts the licenses with each word of a search.
fn words(
    db: &Connection,
    tenant: &TenantId,
    selection: &LicenseSelection,
) -> Result<SearchWords, ServerStoreError> {
    let mut statement = db.prepare_cached(query!("license_word_count"))?;
    let mut count = |word: &String| -> Result<(i64, String), ServerStoreError> {
        let values = params![tenant.as_str(), word, MAX_CANDIDATES.saturating_add(1)];
        let count = statement.query_row(values, |row| row.get(0))?;
        Ok((count, word.clone()))
    };
    let identifier = selection.identifier.as_ref().map(&mut count).transpose()?;
    let words = match identifier.filter(|(count, _)| *count > 0) {
        Some(identifier) => vec![identifier],
        None => selection
            .words
            .iter()
            .map(&mut count)
            .collect::<Result<_, _>>()?,
    };
    let names = selection.names.iter().map(&mut count);
    Ok(SearchWords::new(words, names.collect::<Result<_, _>>()?))
}

/// Reads a license and its position.
fn positioned(row: &Row<'_>) -> Result<(SortPosition, LicenseRecord), ServerStoreError> {
    let key = match row.get(11)? {
        Value::Text(text) => SortKey::Text(text),
        Value::Integer(number) => SortKey::Number(number),
        _ => return Err(license_search::bad_key()),
    };
    let number = row.get(0)?;
    Ok((SortPosition { key, number }, licenses::read(row)?))
}

fn text(row: &Row<'_>) -> Result<String, ServerStoreError> {
    Ok(row.get(0)?)
}

/// Returns a JSON array.
fn array(texts: &[String]) -> String {
    serde_json::Value::from(texts).to_string()
}

/// Returns a JSON array of license ids.
fn ids(licenses: &[LicenseId]) -> String {
    let ids: Vec<_> = licenses.iter().map(LicenseId::as_str).collect();
    serde_json::Value::from(ids).to_string()
}
