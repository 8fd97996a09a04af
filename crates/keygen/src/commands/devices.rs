//! Devices of a license in reports.

use license_cli_support::{Exit, Failure};
use license_core::with_causes;
use license_issuer::services::devices::{DeviceLimitError, DeviceUsage};
use serde_json::{Value, json};

/// Returns the failure of a license without a free device.
pub(super) fn too_many(error: &DeviceLimitError) -> Failure {
    let id = &error.license;
    Failure::new(Exit::Usage, "DEVICE_LIMIT", with_causes(error)).hint(format!(
        "free a device with `keygen release ACTIVATION_ID --reason TEXT`, or add --over-device-limit; `keygen ledger show {id}` lists the devices"
    ))
}

/// Returns the usage for JSON reports.
pub(super) fn to_json(usage: &DeviceUsage) -> Value {
    json!({ "used": usage.count(), "limit": usage.limit() })
}

/// Returns the usage as a line of a text report.
pub(super) fn line(usage: &DeviceUsage) -> String {
    let limit = match usage.limit() {
        Some(limit) => format!(" of {limit}"),
        None => " (no limit)".to_owned(),
    };
    format!("devices    {}{limit}", usage.count())
}
