//! Anomalies: one license on many machines or networks, and reports that contradict each other.
//!
//! An anomaly is an event for a person to look at. It never changes what a license permits.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use license_core::LicenseId;
use serde_json::json;

use super::metering::checked_reason;
use super::people::not_found;
use super::site::Site;
use crate::domain::{
    Actor, Anomaly, AnomalyKind, AnomalyReport, AnomalyState, Page, PageRequest, Refusal,
};

/// The time in which new machines are counted.
const WINDOW: TimeDelta = TimeDelta::hours(24);

/// How long an anomaly is kept after its last observation.
const RETENTION: TimeDelta = TimeDelta::days(400);

/// The maximum number of anomalies of a tenant.
const MAX_ANOMALIES: u32 = 10_000;

/// The maximum number of networks that a server remembers in a day, for all licenses of a tenant
/// together. A license with its networks takes about 150 bytes, and each further network 8 bytes.
const MAX_NETWORKS: usize = 50_000;

/// The networks of each license on a UTC day, as hashes with a random key. They are only in memory.
#[derive(Debug)]
struct Networks {
    day: NaiveDate,
    licenses: HashMap<LicenseId, Vec<u64>>,
    count: usize,
    key: RandomState,
}

impl Default for Networks {
    fn default() -> Self {
        Self {
            day: NaiveDate::MIN,
            licenses: HashMap::new(),
            count: 0,
            key: RandomState::new(),
        }
    }
}

impl Networks {
    /// Remembers the network of an address, unless the license has `enough` networks.
    fn add(&mut self, license: &LicenseId, address: IpAddr, day: NaiveDate, enough: usize) {
        if self.day != day {
            *self = Self {
                day,
                ..Self::default()
            };
        }
        let network = self.key.hash_one(network_of(address));
        if let Some(known) = self.licenses.get_mut(license) {
            if known.len() >= enough || self.count >= MAX_NETWORKS || known.contains(&network) {
                return;
            }
            known.push(network);
        } else if self.count < MAX_NETWORKS {
            self.licenses.insert(license.clone(), vec![network]);
        } else {
            return;
        }
        self.count = self.count.saturating_add(1);
    }
}

/// Returns the network of an address: the first 24 bits of IPv4, and the first 48 bits of IPv6.
fn network_of(address: IpAddr) -> [u8; 6] {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let [a, b, c, _] = address.octets();
            [4, a, b, c, 0, 0]
        }
        IpAddr::V6(address) => {
            let [a, b, c, d, e, f, ..] = address.octets();
            [a, b, c, d, e, f]
        }
    }
}

/// Finds anomalies, and lets people dismiss them.
#[derive(Clone)]
pub struct AnomalyService {
    site: Arc<Site>,
    networks: Arc<Mutex<Networks>>,
}

impl AnomalyService {
    pub(super) fn new(site: Arc<Site>) -> Self {
        Self {
            site,
            networks: Arc::default(),
        }
    }

    /// Remembers the network from which a license is used, until the end of the UTC day.
    pub fn observe(&self, license: &LicenseId, address: IpAddr) {
        let Some(threshold) = self.site.metering.anomaly_networks else {
            return;
        };
        let enough = usize::try_from(threshold).unwrap_or(usize::MAX);
        let day = self.site.wall().date_naive();
        let mut networks = self.networks.lock().unwrap_or_else(PoisonError::into_inner);
        networks.add(license, address, day, enough);
    }

    /// Returns anomalies in one state or in any, the newest first.
    ///
    /// # Errors
    ///
    /// Returns a refusal if the store cannot be read.
    pub async fn list(
        &self,
        state: Option<AnomalyState>,
        page: &PageRequest,
    ) -> Result<Page<Anomaly>, Refusal> {
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        Ok(store.anomalies(tenant, state, page).await?)
    }

    /// Returns an anomaly.
    ///
    /// # Errors
    ///
    /// Returns `NOT_FOUND` for an unknown anomaly.
    pub async fn get(&self, id: &str) -> Result<Anomaly, Refusal> {
        let found = self.site.store.anomaly(&self.site.tenant, id).await?;
        found.ok_or_else(|| not_found("anomaly"))
    }

    /// Dismisses an anomaly. One that was dismissed before stays as it is.
    ///
    /// # Errors
    ///
    /// Returns `NOT_FOUND` for an unknown anomaly, and `BAD_REQUEST` for a note of another length
    /// than 1 to 200 characters.
    pub async fn dismiss(&self, actor: &Actor, id: &str, note: &str) -> Result<Anomaly, Refusal> {
        let note = checked_reason(note)?;
        let details = json!({ "state": AnomalyState::Dismissed.as_str(), "note": note });
        let audit = self.site.audit(actor, "anomaly.dismiss", id, details);
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        let dismissed = store.dismiss_anomaly(tenant, id, &note, audit).await?;
        dismissed.ok_or_else(|| not_found("anomaly"))
    }

    /// Looks for anomalies. The server calls it every five minutes.
    ///
    /// # Errors
    ///
    /// Returns a refusal if the store fails. The next call continues.
    pub(super) async fn check(&self) -> Result<(), Refusal> {
        let now = self.site.wall();
        self.check_machines(now).await?;
        for (license, seen, least) in self.crowded_networks() {
            report(&self.site, AnomalyKind::Networks, &license, (seen, least)).await?;
        }
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        let before = license_core::time::saturating_sub(now, RETENTION);
        Ok(store
            .forget_anomalies(tenant, before, MAX_ANOMALIES)
            .await?)
    }

    /// Looks for licenses with more new machines than their seats or devices explain.
    async fn check_machines(&self, now: DateTime<Utc>) -> Result<(), Refusal> {
        let Some(threshold) = self.site.metering.anomaly_machines else {
            return Ok(());
        };
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        let since = license_core::time::saturating_sub(now, WINDOW);
        for (license, seen) in store.crowded_licenses(tenant, since, threshold).await? {
            let Some(record) = store.license(tenant, &license).await? else {
                continue;
            };
            let Ok(installed) = self.site.verified(record) else {
                continue;
            };
            let (seats, devices) = (installed.license.seats(), installed.license.devices());
            let permitted = seats.unwrap_or(0).max(devices.unwrap_or(0));
            // A rollout uses as many new machines as the license permits.
            let least = permitted.saturating_add(threshold.into());
            if seen >= least {
                report(&self.site, AnomalyKind::Machines, &license, (seen, least)).await?;
            }
        }
        Ok(())
    }

    /// Returns the licenses with enough networks, with the number and the threshold.
    fn crowded_networks(&self) -> Vec<(LicenseId, u64, u64)> {
        let Some(threshold) = self.site.metering.anomaly_networks else {
            return Vec::new();
        };
        let networks = self.networks.lock().unwrap_or_else(PoisonError::into_inner);
        let counted = networks.licenses.iter().map(|(license, networks)| {
            let seen = u64::try_from(networks.len()).unwrap_or(u64::MAX);
            (license.clone(), seen, u64::from(threshold))
        });
        counted.filter(|(_, seen, least)| seen >= least).collect()
    }
}

/// Records that reports with a license contradict what is recorded.
pub(super) async fn usage_conflict(
    site: &Site,
    license: &LicenseId,
    conflicts: u64,
) -> Result<(), Refusal> {
    report(site, AnomalyKind::UsageConflict, license, (conflicts, 1)).await
}

/// Records an observation. `seen` is at least `threshold`, the smallest number that is an anomaly.
async fn report(
    site: &Site,
    kind: AnomalyKind,
    license: &LicenseId,
    (seen, threshold): (u64, u64),
) -> Result<(), Refusal> {
    let report = AnomalyReport {
        id: format!("anm_{}", site.new_id()?.as_str().replace('-', "")),
        kind,
        license: license.clone(),
        seen,
        threshold,
        at: site.wall(),
    };
    let details = json!({
        "license": license.as_str(),
        "kind": kind.as_str(),
        "seen": seen,
        "threshold": threshold,
    });
    let audit = site.audit(&Actor::Server, "anomaly.open", &report.id, details);
    site.store
        .report_anomaly(&site.tenant, report, audit)
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn license(number: u32) -> LicenseId {
        let [a, b, c, d] = number.to_be_bytes();
        LicenseId::from_random(license_core::time::MIN, &[0, 0, 0, 0, 0, 0, a, b, c, d])
    }

    #[test]
    fn addresses_of_one_network_count_once() {
        let network = |text: &str| network_of(text.parse().unwrap());
        assert_eq!(network("192.0.2.1"), network("192.0.2.200"));
        assert_eq!(network("192.0.2.1"), network("::ffff:192.0.2.7"));
        assert_ne!(network("192.0.2.1"), network("192.0.3.1"));
        assert_eq!(network("2001:db8:1::1"), network("2001:db8:1:ffff::1"));
        assert_ne!(network("2001:db8:1::1"), network("2001:db8:2::1"));
    }

    #[test]
    fn the_memory_for_networks_is_bounded_and_ends_with_the_day() {
        let day: NaiveDate = "2027-01-01".parse().unwrap();
        let mut networks = Networks::default();
        let address = |number: u32| IpAddr::from((number << 8).to_be_bytes());
        for number in 0..100 {
            networks.add(&license(0), address(number), day, 20);
            networks.add(&license(0), address(number), day, 20);
        }
        assert_eq!(networks.licenses[&license(0)].len(), 20);
        for number in 1..60_000 {
            networks.add(&license(number), address(1), day, 20);
        }
        let count: usize = networks.licenses.values().map(Vec::len).sum();
        assert_eq!((count, networks.count), (MAX_NETWORKS, MAX_NETWORKS));
        networks.add(&license(0), address(1), day.succ_opt().unwrap(), 20);
        assert_eq!((networks.licenses.len(), networks.count), (1, 1));
    }
}
