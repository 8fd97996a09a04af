//! Devices of a license in reports.

use license_cli_support::{Exit, Failure, escape};
use license_core::with_causes;
use license_issuer::services::devices::{DeviceLimitError, DeviceUsage};
use serde_json::{Value, json};

/// Returns the failure of a license without a free device.
pub(super) fn too_many(error: &DeviceLimitError) -> Failure {
    let license = &error.license;
    let hint = match activation_ids(&error.activations) {
        None => format!(
            "add --over-device-limit: the devices only check in, so no activation can be released; `keygen ledger show {license}` lists them"
        ),
        Some(ids) => format!(
            "free a device with `keygen release ACTIVATION_ID --reason TEXT`, or add --over-device-limit; the activations are {ids}; `keygen ledger show {license}` lists the devices"
        ),
    };
    Failure::new(Exit::Usage, "DEVICE_LIMIT", with_causes(error)).hint(hint)
}

/// Returns the first ids of a list of activations, or `None` if the list is empty.
pub(super) fn activation_ids(ids: &[String]) -> Option<String> {
    /// Maximum number of ids.
    const SHOWN: usize = 5;
    let shown: Vec<_> = ids.iter().take(SHOWN).map(|id| escape(id)).collect();
    let others = ids.len().saturating_sub(SHOWN);
    let more = if others > 0 {
        format!(" and {others} more")
    } else {
        String::new()
    };
    (!shown.is_empty()).then(|| shown.join(", ") + &more)
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
