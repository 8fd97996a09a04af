//! The terms by which licenses are found and sorted.

use chrono::{DateTime, Utc};
use license_core::LicenseId;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::licenses;
use super::queries::query;
use super::tenants;
use super::transaction::Transaction;
use super::values::{excess, millis, number, read_all};
use crate::domain::{
    LicenseOrdering, LicenseRecord, LicenseSelection, LicenseTerms, Page, PageRequest,
    PoolCapacity, RevokedLicenseIds,
};
use crate::store::ServerStoreError;
use crate::store::license_search::{
    self, Candidates, MAX_CANDIDATES, SearchWords, SortKey, SortPosition,
};

/// The number of licenses that are indexed in one transaction.
const CHUNK: i64 = 500;

/// Stores the terms of an installed license.
pub(super) async fn put(db: &Transaction, license: &LicenseRecord) -> Result<(), ServerStoreError> {
    let (tenant, id) = (db.tenant(), license.id.as_str());
    let terms = LicenseTerms::new(license);
    db.execute(
        query!("license_terms_insert"),
        &[
            &tenant,
            &id,
            &terms.name,
            &terms.tier,
            &terms.issued_at,
            &terms.starts_at,
            &terms.ends_at,
            &terms.seats,
            &terms.seats_until,
        ],
    )
    .await?;
    let words = terms.words.iter();
    let (words, are_names): (Vec<_>, Vec<_>) = words
        .map(|(word, is_name)| (word.as_str(), i64::from(*is_name)))
        .unzip();
    db.execute(
        query!("license_word_insert"),
        &[&tenant, &id, &words, &are_names],
    )
    .await?;
    update_replaced(db, &license.supersedes).await
}

/// Computes again when licenses are replaced.
pub(super) async fn update_replaced(
    db: &Transaction,
    licenses: &[LicenseId],
) -> Result<(), ServerStoreError> {
    if licenses.is_empty() {
        return Ok(());
    }
    db.execute(
        query!("license_replaced_update"),
        &[&db.tenant(), &texts(licenses)],
    )
    .await?;
    Ok(())
}

/// Stores the ids of a revocation list, and computes the states of the licenses that it changes.
pub(super) async fn put_revoked(
    db: &Transaction,
    list: &RevokedLicenseIds,
) -> Result<(), ServerStoreError> {
    let (tenant, ids) = (db.tenant(), texts(&list.ids));
    let mut changed: Vec<String> = Vec::new();
    for sql in [query!("revoked_delete"), query!("revoked_insert")] {
        let rows = db
            .query(sql, &[&tenant, &list.product, &list.issuer, &ids])
            .await?;
        changed.extend(read_all(&rows, text)?);
    }
    if changed.is_empty() {
        return Ok(());
    }
    db.execute(query!("license_revoked_update"), &[&tenant, &changed])
        .await?;
    // A license that is revoked replaces no other one.
    let rows = db
        .query(query!("superseded_by"), &[&tenant, &changed])
        .await?;
    let replaced = read_all(&rows, text)?;
    db.execute(query!("license_replaced_update"), &[&tenant, &replaced])
        .await?;
    Ok(())
}

/// Returns whether all licenses are indexed, and whether ids of revocation lists are stored.
pub(super) async fn index_state(db: &Transaction) -> Result<(bool, bool), ServerStoreError> {
    let row = db
        .query_one(query!("license_is_indexed"), &[&db.tenant()])
        .await?;
    Ok((row.try_get(0)?, row.try_get(1)?))
}

/// Stores the terms of licenses that an earlier version stored. Returns how many were indexed.
pub(super) async fn index(db: &Transaction) -> Result<usize, ServerStoreError> {
    tenants::lock(db).await?;
    let rows = db
        .query(query!("license_to_index"), &[&db.tenant(), &CHUNK])
        .await?;
    let missing = read_all(&rows, licenses::read)?;
    for license in &missing {
        put(db, license).await?;
        db.execute(
            query!("license_indexed"),
            &[&db.tenant(), &license.id.as_str()],
        )
        .await?;
    }
    Ok(missing.len())
}

/// Counts the pools with a license in effect, and their seats.
pub(super) async fn pool_capacity(
    db: &Transaction,
    now: DateTime<Utc>,
) -> Result<PoolCapacity, ServerStoreError> {
    let values: [&(dyn ToSql + Sync); 2] = [&db.tenant(), &millis(now)];
    let row = db.query_one(query!("pool_capacity"), &values).await?;
    Ok(PoolCapacity {
        pools: number("license_terms", row.try_get(0)?)?,
        seats: number("license_terms", row.try_get(1)?)?,
    })
}

/// Returns the licenses of a selection.
pub(super) async fn search(
    db: &Transaction,
    selection: &LicenseSelection,
    page: &PageRequest,
) -> Result<Page<LicenseRecord>, ServerStoreError> {
    let words = words(db, selection).await?;
    let start = SortPosition::start(selection, page)?;
    let source = match words.candidates {
        Candidates::All => "license_terms",
        Candidates::Words => query!("license_candidates_words"),
        Candidates::Names => query!("license_candidates_names"),
    };
    let sql = license_search::sql(query!("license_search"), selection, source);
    let (tenant, limit, ranges) = (db.tenant(), excess(page), selection.ranges());
    let key: &(dyn ToSql + Sync) = match &start.key {
        SortKey::Text(text) => text,
        SortKey::Number(number) => number,
    };
    let rows = db
        .query_text(
            &sql,
            &[
                &tenant,
                &ranges.is_revoked.0,
                &ranges.is_revoked.1,
                &ranges.replaced_at.0,
                &ranges.replaced_at.1,
                &ranges.ends_at.0,
                &ranges.ends_at.1,
                &ranges.starts_at.0,
                &ranges.starts_at.1,
                &selection.tier,
                key,
                &start.number,
                &words.words,
                &words.names,
                &limit,
                &words.candidate_word,
            ],
        )
        .await?;
    let read = |row: &Row| {
        let key = match selection.order {
            LicenseOrdering::Customer => SortKey::Text(row.try_get(11)?),
            _ => SortKey::Number(row.try_get(11)?),
        };
        let number = row.try_get(0)?;
        Ok((SortPosition { key, number }, licenses::read(row)?))
    };
    let rows: Result<Vec<_>, ServerStoreError> = rows.iter().map(read).collect();
    Ok(license_search::page(rows?, selection, page))
}

/// Counts the licenses with each word of a search.
async fn words(
    db: &Transaction,
    selection: &LicenseSelection,
) -> Result<SearchWords, ServerStoreError> {
    let identifier: Vec<String> = selection.identifier.iter().cloned().collect();
    let mut words = counted(db, &identifier).await?;
    words.retain(|(count, _)| *count > 0);
    if words.is_empty() {
        words = counted(db, &selection.words).await?;
    }
    Ok(SearchWords::new(
        words,
        counted(db, &selection.names).await?,
    ))
}

async fn counted(
    db: &Transaction,
    words: &[String],
) -> Result<Vec<(i64, String)>, ServerStoreError> {
    let limit = MAX_CANDIDATES.saturating_add(1);
    let mut counts = Vec::new();
    for word in words {
        let row = db
            .query_one(query!("license_word_count"), &[&db.tenant(), word, &limit])
            .await?;
        counts.push((row.try_get(0)?, word.clone()));
    }
    Ok(counts)
}

fn text(row: &Row) -> Result<String, ServerStoreError> {
    Ok(row.try_get(0)?)
}

fn texts(ids: &[LicenseId]) -> Vec<&str> {
    ids.iter().map(LicenseId::as_str).collect()
}
