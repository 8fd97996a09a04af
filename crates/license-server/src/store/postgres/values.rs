//! Conversion between values of the domain and columns.

use tokio_postgres::Row;

use crate::domain::{Page, PageRequest};
use crate::store::ServerStoreError;

pub(super) use crate::store::values::{
    after_entry, after_number, bad_row, before_number, before_time, column, day, departments,
    excess, left_without_owner, license_id, millis, number, provider_settings, purpose, role,
    settings_text, time, time_cursor, totp,
};

/// Reads a digest of 32 bytes.
pub(super) fn digest(
    table: &'static str,
    row: &Row,
    index: usize,
) -> Result<[u8; 32], ServerStoreError> {
    let bytes: &[u8] = row.try_get(index)?;
    bytes
        .try_into()
        .map_err(|_| bad_row(table, format!("{} bytes", bytes.len())))
}

/// Reads a truth value, which is stored as a number.
pub(super) fn flag(row: &Row, index: usize) -> Result<bool, ServerStoreError> {
    let number: i64 = row.try_get(index)?;
    Ok(number != 0)
}

/// Reads rows.
pub(super) fn read_all<T>(
    rows: &[Row],
    read: fn(&Row) -> Result<T, ServerStoreError>,
) -> Result<Vec<T>, ServerStoreError> {
    rows.iter().map(read).collect()
}

/// Reads a page of rows. `key` returns the position of an item.
pub(super) fn read_page<T>(
    rows: &[Row],
    read: fn(&Row) -> Result<T, ServerStoreError>,
    page: &PageRequest,
    key: impl Fn(&T) -> String,
) -> Result<Page<T>, ServerStoreError> {
    let items = read_all(rows, read)?;
    Ok(Page::from_excess(items, page.limit(), key))
}

/// Returns the number of changed rows.
pub(super) fn count(rows: u64) -> usize {
    usize::try_from(rows).unwrap_or(usize::MAX)
}
