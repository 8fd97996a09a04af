//! Uses of machines, which are stored together.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use chrono::{DateTime, Utc};
use license_core::LicenseId;
use license_core::machine::Machine;

use super::site::Site;
use crate::domain::{EmailAddress, MachineSighting, Refusal};

/// The largest number of uses of machines that wait to be stored.
const MAX_SIGHTINGS: usize = 10_000;

/// The number of uses of machines that are stored in one transaction. Other changes, such as a new
/// lease, wait for a transaction.
const SIGHTINGS_PER_WRITE: usize = 128;

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
        let mut sightings = sightings.into_values();
        while sightings.len() > 0 {
            let part = sightings.by_ref().take(SIGHTINGS_PER_WRITE).collect();
            let start = Instant::now();
            let (store, tenant) = (&self.store, &self.tenant);
            store.record_machines(tenant, part, MAX_MACHINES).await?;
            if sightings.len() > 0 {
                // The requests of clients need the processor and the disk too.
                tokio::time::sleep(start.elapsed()).await;
            }
        }
        Ok(())
    }
}
