//! The machines that use a license, in reports.

use license_cli_support::{Exit, Failure};
use license_issuer::services::devices::{DeviceLimitError, DeviceUsage};
use serde_json::{Value, json};

/// Returns the failure of a machine that would be one too many.
pub(super) fn too_many(error: &DeviceLimitError) -> Failure {
    let id = &error.license;
    Failure::new(Exit::Usage, "DEVICE_LIMIT", error.to_string()).hint(format!(
        "`keygen ledger show {id}` lists them; `keygen release` frees one that was activated, --over-device-limit goes beyond"
    ))
}

/// Returns the usage as JSON reports contain it.
pub(super) fn to_json(usage: &DeviceUsage) -> Value {
    json!({ "used": usage.count(), "limit": usage.limit() })
}

/// Returns the usage as a line of a report.
pub(super) fn line(usage: &DeviceUsage) -> String {
    let limit = match usage.limit() {
        Some(limit) => format!(" of {limit}"),
        None => ", any number is allowed".to_owned(),
    };
    format!("devices    {}{limit}", usage.count())
}
