//! The rows of pools.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::queries::query;
use super::transaction::Transaction;
use super::values::{bad_row, excess};
use crate::domain::{Page, PageRequest, PoolId, SeatPolicy};
use crate::store::ServerStoreError;

/// Returns the pools that have a license.
pub(super) async fn pool_page(
    db: &Transaction,
    page: &PageRequest,
) -> Result<Page<PoolId>, ServerStoreError> {
    let rows = db
        .query(
            query!("pool_page"),
            &[&db.tenant(), &page.after_key(), &excess(page)],
        )
        .await?;
    let pools = rows.iter().map(|row| pool_id(row.try_get(0)?));
    let pools = pools.collect::<Result<Vec<_>, ServerStoreError>>()?;
    Ok(Page::from_excess(pools, page.limit(), PoolId::to_string))
}

/// Returns the settings of an administrator for a pool.
pub(super) async fn policy(
    db: &Transaction,
    pool: &PoolId,
) -> Result<Option<SeatPolicy>, ServerStoreError> {
    let row = db
        .query_opt(query!("policy_get"), &[&db.tenant(), &pool.as_str()])
        .await?;
    let Some(row) = row else { return Ok(None) };
    parse("seat_policies", row.try_get(0)?).map(Some)
}

/// Stores the settings of an administrator for a pool.
pub(super) async fn set_policy(
    db: &Transaction,
    pool: &PoolId,
    policy: &SeatPolicy,
) -> Result<(), ServerStoreError> {
    let text = json("seat_policies", policy)?;
    db.execute(query!("policy_put"), &[&db.tenant(), &pool.as_str(), &text])
        .await?;
    Ok(())
}

fn pool_id(text: &str) -> Result<PoolId, ServerStoreError> {
    PoolId::parse(text).ok_or_else(|| bad_row("pools", text))
}

fn json(table: &'static str, value: &impl Serialize) -> Result<String, ServerStoreError> {
    serde_json::to_string(value).map_err(|error| bad_row(table, error))
}

fn parse<T: DeserializeOwned>(table: &'static str, text: &str) -> Result<T, ServerStoreError> {
    serde_json::from_str(text).map_err(|error| bad_row(table, error))
}
