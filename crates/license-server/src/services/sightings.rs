//! Uses of machines, which are stored together.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, Utc};
use license_core::LicenseId;
use license_core::machine::Machine;

use super::site::Site;
use crate::domain::{EmailAddress, MachineSighting, Refusal};

/// The largest number of uses of machines that wait to be stored.
const MAX_SIGHTINGS: usize = 10_000;

/// The largest number of machines of a license that the server remembers.
const MAX_MACHINES: u32 = 20_000;

/// The license, machine and user of a use.
type SightingKey = (LicenseId, String, Option<EmailAddress>);

/// The uses of machines since the last tick.
#[derive(Debug, Default)]
pub(super) struct Sightings(Mutex<BTreeMap<SightingKey, MachineSighting>>);

impl Site {
    /// Remembers the use of a machine, until the next tick stores it. `user` is the user of a
    /// license with assigned users.
    pub(super) fn record_use(
        &self,
        license: &LicenseId,
        machine: &Machine,
        (user, version): (Option<&EmailAddress>, Option<&str>),
        now: DateTime<Utc>,
    ) {
        let name = machine
            .digest()
            .map_or_else(|| machine.to_string(), |digest| digest.to_string());
        let key = (license.clone(), name, user.cloned());
        let mut sightings = self
            .sightings
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if sightings.len() >= MAX_SIGHTINGS && !sightings.contains_key(&key) {
            return;
        }
        let sighting = MachineSighting {
            license: key.0.clone(),
            machine: key.1.clone(),
            version: version.map(str::to_owned),
            user: key.2.clone(),
            at: now,
        };
        sightings.insert(key, sighting);
    }

    /// Stores the uses of machines since the last call.
    pub(super) async fn store_uses(&self) -> Result<(), Refusal> {
        let sightings = {
            let mut sightings = self
                .sightings
                .0
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *sightings)
        };
        if sightings.is_empty() {
            return Ok(());
        }
        let sightings = sightings.into_values().collect();
        Ok(self
            .store
            .record_machines(&self.tenant, sightings, MAX_MACHINES)
            .await?)
    }
}
