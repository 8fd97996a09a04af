//! Reading of the clock and the uptime.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::time::{self, serde_seconds};

/// Reading of the clock and the uptime at one moment.
///
/// ```
/// use license_core::time;
/// use license_core::state::{ClockHighWater, ClockReading};
///
/// let reading = ClockReading { clock: time::parse_instant("2027-03-01")?, boot: None };
/// let mut seen = ClockHighWater::default();
/// seen.observe(reading);
/// assert_eq!(seen.mark(), reading.clock);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClockReading {
    /// The time of the clock.
    pub clock: DateTime<Utc>,
    /// The boot and its uptime, if the system reports them.
    pub boot: Option<Boot>,
}

impl ClockReading {
    /// Returns the reading in whole seconds, with a clock from 1970 to 9999 and an uptime that is
    /// not negative, as the state stores it.
    pub(super) fn clamped(self) -> Self {
        let clamp = |boot: Boot| Boot {
            uptime: time::seconds(time::whole_seconds(boot.uptime)),
            ..boot
        };
        Self {
            clock: time::clamp(self.clock),
            boot: self.boot.map(clamp),
        }
    }
}

/// A boot of the operating system with its uptime.
///
/// ```
/// use license_core::state::Boot;
/// use license_core::chrono::TimeDelta;
///
/// let boot = Boot { id: 0x281c_01bb, uptime: TimeDelta::hours(3) };
/// let later = Boot { uptime: TimeDelta::hours(4), ..boot };
/// assert_eq!(later.id, boot.id, "the system was not restarted");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Boot {
    /// The unique id of the boot.
    #[serde(rename = "boot", with = "boot_id")]
    pub id: u128,
    /// The time since the boot in whole seconds, including the time in suspend. Setting the clock
    /// does not change the uptime.
    #[serde(with = "serde_seconds")]
    pub uptime: TimeDelta,
}

impl Boot {
    /// Returns the uptime since an observation of the same boot.
    ///
    /// The uptime decreases if a machine is restored from a snapshot. The result is zero then.
    pub(super) fn since(self, earlier: Self) -> TimeDelta {
        let elapsed = self.uptime.checked_sub(&earlier.uptime);
        elapsed.unwrap_or_default().max(TimeDelta::zero())
    }
}

/// JSON form of a boot id: 32 hexadecimal digits.
mod boot_id {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(id: &u128, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{id:032x}"))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<u128, D::Error> {
        let digits = String::deserialize(deserializer)?;
        u128::from_str_radix(&digits, 16).map_err(D::Error::custom)
    }
}
