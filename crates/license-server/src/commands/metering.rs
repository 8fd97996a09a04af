//! The settings of metering, as the services need them.

use license_cli_support::Failure;
use license_core::FeatureMatrix;
use license_core::chrono::TimeDelta;

use crate::config::Config;
use crate::services::MeteringSettings;
use crate::trust_file;

/// Reads the file with the meters, and returns the settings of metering.
///
/// # Errors
///
/// Returns `IO` if the file cannot be read, and `MALFORMED` if it does not fit the product.
pub(super) fn settings(
    config: &Config,
    matrix: &FeatureMatrix,
) -> Result<MeteringSettings, Failure> {
    let metering = &config.metering;
    Ok(MeteringSettings {
        meters: trust_file::read_meters(metering.file.as_ref(), matrix)?,
        grace: TimeDelta::hours(metering.grace_hours.into()),
        anomaly_machines: metering.anomaly_machines,
        anomaly_networks: metering.anomaly_networks,
        telemetry_group: metering.telemetry_group,
    })
}
