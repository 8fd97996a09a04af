//! Conversion between values of the domain and columns, which are alike in all databases.

use chrono::{DateTime, NaiveDate, Utc};
use license_core::LicenseId;

use super::ServerStoreError;
use crate::domain::{
    AuditFilter, Cursor, IdentityProvider, LinkPurpose, PageRequest, ProviderSettings,
    ProviderSignIn, Role, SealedSecret, TenantId, TotpEnrollment,
};

/// Returns a time in milliseconds since 1970.
pub(super) fn millis(at: DateTime<Utc>) -> i64 {
    at.timestamp_millis()
}

/// Reads a time in milliseconds since 1970.
pub(super) fn time(millis: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(millis).unwrap_or(license_core::time::MAX)
}

/// Reads a date.
pub(super) fn day(table: &'static str, text: &str) -> Result<NaiveDate, ServerStoreError> {
    text.parse().map_err(|_| bad_row(table, text))
}

/// Returns a number as a column. Numbers above 2^63 - 1 become the maximum.
pub(super) fn column(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Reads a number that is not negative.
pub(super) fn number(table: &'static str, column: i64) -> Result<u64, ServerStoreError> {
    u64::try_from(column).map_err(|_| bad_row(table, column))
}

/// Reads a license id.
pub(super) fn license_id(table: &'static str, text: &str) -> Result<LicenseId, ServerStoreError> {
    LicenseId::parse(text).ok_or_else(|| bad_row(table, text))
}

/// Returns the error for a value that the program did not write.
pub(super) fn bad_row(table: &'static str, found: impl ToString) -> ServerStoreError {
    ServerStoreError::BadRow {
        table,
        found: found.to_string(),
    }
}

/// Returns the number after which a page starts.
pub(super) fn after_number(page: &PageRequest) -> Result<i64, ServerStoreError> {
    page.after_number(0)
        .ok_or_else(|| ServerStoreError::Cursor {
            found: page.after.as_ref().map_or("", Cursor::as_str).to_owned(),
        })
}

/// Returns the number of the entry of the audit trail after which a page starts.
pub(super) fn after_entry(
    filter: &AuditFilter,
    page: &PageRequest,
) -> Result<i64, ServerStoreError> {
    if filter.is_newest_first {
        return before_number(page);
    }
    after_number(page)
}

/// Returns the number before which a page starts whose newest item comes first.
pub(super) fn before_number(page: &PageRequest) -> Result<i64, ServerStoreError> {
    if page.after.is_none() {
        return Ok(i64::MAX);
    }
    after_number(page)
}

/// Returns the time in milliseconds and the id before which a page starts whose newest item comes
/// first.
pub(super) fn before_time(page: &PageRequest) -> Result<(i64, &str), ServerStoreError> {
    let Some(cursor) = &page.after else {
        return Ok((i64::MAX, ""));
    };
    let position = cursor.as_str().split_once('/');
    let position = position.and_then(|(at, id)| Some((at.parse().ok()?, id)));
    position.ok_or_else(|| ServerStoreError::Cursor {
        found: cursor.as_str().to_owned(),
    })
}

/// Returns the cursor after an item with a time and an id.
pub(super) fn time_cursor(at: DateTime<Utc>, id: &str) -> String {
    format!("{}/{id}", millis(at))
}

/// Returns the number of rows to read for a page: one more than its limit.
pub(super) fn excess(page: &PageRequest) -> i64 {
    i64::try_from(page.limit())
        .unwrap_or(i64::MAX)
        .saturating_add(1)
}

/// Reads a role.
pub(super) fn role(table: &'static str, text: &str) -> Result<Role, ServerStoreError> {
    Role::parse(text).ok_or_else(|| bad_row(table, text))
}

/// Reads the purpose of a link.
pub(super) fn purpose(text: &str) -> Result<LinkPurpose, ServerStoreError> {
    LinkPurpose::parse(text).ok_or_else(|| bad_row("account_links", text))
}

/// Puts together the secret of one-time codes.
pub(super) fn totp(
    secret: Option<Vec<u8>>,
    last_step: Option<i64>,
) -> Result<Option<TotpEnrollment>, ServerStoreError> {
    let last_step = last_step.map(|step| number("accounts", step)).transpose()?;
    Ok(secret.map(|secret| TotpEnrollment {
        secret: SealedSecret(secret),
        last_step,
    }))
}

/// Returns the tenants that remain without an owner when an account leaves them.
pub(super) fn left_without_owner(owned: impl Iterator<Item = (TenantId, u64)>) -> Vec<TenantId> {
    let last = owned.filter(|(_, owners)| *owners <= 1);
    last.map(|(tenant, _)| tenant).collect()
}

/// Reads the settings of an identity provider.
pub(super) fn provider_settings(json: &str) -> Result<ProviderSettings, ServerStoreError> {
    serde_json::from_str(json).map_err(|error| bad_row("identity_providers", error))
}

/// Returns the settings of an identity provider as a column.
pub(super) fn settings_text(provider: &IdentityProvider) -> Result<String, ServerStoreError> {
    serde_json::to_string(&provider.settings).map_err(|error| bad_row("identity_providers", error))
}

/// Returns the departments of a person as a column: their names, one a line.
pub(super) fn departments(request: &ProviderSignIn) -> String {
    let admission = request.admission.as_ref();
    let names = admission.map(|admission| admission.departments.iter().cloned());
    names.map_or_else(String::new, |names| names.collect::<Vec<_>>().join("\n"))
}
