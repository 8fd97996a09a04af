//! Conversion between values of the domain and columns.

use rusqlite::Row;

use crate::domain::{Page, PageRequest};
use crate::store::ServerStoreError;

pub(super) use crate::store::values::{
    after_entry, after_number, bad_row, before_number, before_time, column, day, departments,
    excess, left_without_owner, license_id, millis, number, provider_settings, purpose, role,
    settings_text, time, time_cursor, totp,
};

/// Collects rows.
pub(super) fn collect<T>(
    statement: &mut rusqlite::CachedStatement<'_>,
    values: impl rusqlite::Params,
    read: fn(&Row<'_>) -> Result<T, ServerStoreError>,
) -> Result<Vec<T>, ServerStoreError> {
    let mut rows = statement.query(values)?;
    let mut items = Vec::new();
    while let Some(row) = rows.next()? {
        items.push(read(row)?);
    }
    Ok(items)
}

/// Collects a page of rows. `key` returns the position of an item.
pub(super) fn collect_page<T>(
    statement: &mut rusqlite::CachedStatement<'_>,
    values: impl rusqlite::Params,
    read: fn(&Row<'_>) -> Result<T, ServerStoreError>,
    page: &PageRequest,
    key: impl Fn(&T) -> String,
) -> Result<Page<T>, ServerStoreError> {
    let items = collect(statement, values, read)?;
    Ok(Page::from_excess(items, page.limit(), key))
}
