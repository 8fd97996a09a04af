//! Settings of metering, anomalies and summaries of telemetry.

use std::path::PathBuf;

use license_cli_support::Failure;

use super::reader::Reader;

/// The settings of metering, anomalies and summaries of telemetry.
#[derive(Clone, Debug)]
pub(crate) struct MeteringConfig {
    /// The file with the meters of the product. `None`: nothing is metered.
    pub(crate) file: Option<PathBuf>,
    /// How many hours a period stays open after its end.
    pub(crate) grace_hours: u32,
    /// The number of new machines of a license in a day that is an anomaly, in addition to its
    /// seats. `None`: none is.
    pub(crate) anomaly_machines: Option<u32>,
    /// The number of networks of a license in a day that is an anomaly. `None`: none is.
    pub(crate) anomaly_networks: Option<u32>,
    /// The smallest number of installations that telemetry shows together.
    pub(crate) telemetry_group: u32,
}

impl Reader<'_> {
    /// Returns the settings of metering.
    pub(super) fn metering(&self) -> Result<MeteringConfig, Failure> {
        Ok(MeteringConfig {
            file: self.path("meters_file"),
            grace_hours: self.parsed("metering_grace_hours", |text| {
                let hours = text.parse().ok().filter(|hours| (1..=168).contains(hours));
                hours.ok_or("expected a whole number of hours from 1 to 168")
            })?,
            anomaly_machines: self.threshold("anomaly_machines")?,
            anomaly_networks: self.threshold("anomaly_networks")?,
            telemetry_group: self.parsed("telemetry_group", |text| {
                let count = text.parse().ok();
                let count = count.filter(|count| (1..=1000).contains(count));
                count.ok_or("expected a whole number of installations from 1 to 1000")
            })?,
        })
    }

    /// Parses the threshold of an anomaly, or `off`.
    fn threshold(&self, name: &str) -> Result<Option<u32>, Failure> {
        self.parsed(name, |text| match text {
            "off" => Ok(None),
            _ => {
                let count = text.parse().ok();
                let count = count.filter(|count| (2..=1000).contains(count));
                let expected = "expected a whole number from 2 to 1000, or off";
                count.map(Some).ok_or(expected)
            }
        })
    }
}
