//! The overview for administrators: seats, licenses that end soon, and the health of the
//! server.

use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use license_core::LicenseId;

use super::license_search::LicenseSearch;
use super::licenses::{InstalledLicense, LicenseService};
use super::pools::{PoolService, PoolStatus};
use super::readiness::Readiness;
use super::site::Site;
use super::{TickReport, readiness};
use crate::clock::ServerClock;
use crate::domain::{Page, PageRequest, PoolCapacity, PoolLevel, Refusal, Webhook};

/// The largest number of pools that an overview shows.
const MAX_POOLS: usize = 50;

/// How many days before its end a license is shown.
const ENDS_WITHIN_DAYS: u32 = 60;

/// The seats of an organization now, in all its pools.
#[derive(Clone, Debug)]
pub struct SeatOverview {
    /// The number of pools with a license in effect, and of their seats.
    pub capacity: PoolCapacity,
    /// The number of seats that are held.
    pub held: u64,
    /// The number of sessions that wait.
    pub waiting: u64,
    /// The number of pools in use without a free seat.
    pub full_pools: u64,
    /// Those of at most 50 pools with the longest queues and the highest shares of held seats.
    pub fullest: Vec<PoolStatus>,
    /// Whether there are more pools.
    pub has_more: bool,
}

/// A license that ends soon, or that is in its days of grace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndingLicense {
    /// The license.
    pub id: LicenseId,
    /// The product code.
    pub product: String,
    /// The customer.
    pub customer: String,
    /// The end without days of grace.
    pub expires_at: DateTime<Utc>,
    /// The end with the days of grace.
    pub ends_at: DateTime<Utc>,
}

/// The licenses that end soon, the first end first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EndingLicenses {
    /// The licenses.
    pub licenses: Vec<EndingLicense>,
    /// Whether more licenses end soon.
    pub has_more: bool,
}

/// The health of the server.
#[derive(Clone, Debug)]
pub struct ServerHealth {
    /// Whether the server can serve clients, or the reason code of the database.
    pub readiness: Result<Readiness, &'static str>,
    /// How far the lease clock is behind the time since the start.
    pub lease_clock_lag: Option<TimeDelta>,
    /// The time since the last periodic work, which runs each second.
    pub last_work_ago: Option<TimeDelta>,
    /// Whether Redis answers renewals. `None`: the server has no Redis.
    pub redis_is_on: Option<bool>,
}

/// The report of the last tick, and the reading of the boot-time clock.
#[derive(Debug, Default)]
pub(super) struct LastTick(Mutex<Option<(TickReport, u64)>>);

impl LastTick {
    pub(super) fn put(&self, report: &TickReport, boot_ms: u64) {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *last = Some((report.clone(), boot_ms));
    }

    fn get(&self) -> Option<(TickReport, u64)> {
        let last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.clone()
    }
}

/// Answers what an administrator needs to see first.
#[derive(Clone)]
pub struct OverviewService {
    site: Arc<Site>,
    pools: PoolService,
    licenses: LicenseService,
    last_tick: Arc<LastTick>,
}

impl OverviewService {
    pub(super) fn new(
        site: Arc<Site>,
        pools: PoolService,
        licenses: LicenseService,
        last_tick: Arc<LastTick>,
    ) -> Self {
        Self {
            site,
            pools,
            licenses,
            last_tick,
        }
    }

    /// Returns the seats of all pools. Callers share the answer until a pool changes, and for at
    /// most two seconds.
    ///
    /// # Errors
    ///
    /// Returns a refusal if the store cannot be read.
    pub async fn seats(&self) -> Result<Arc<SeatOverview>, Refusal> {
        self.site.live.seats(self.read_seats()).await
    }

    async fn read_seats(&self) -> Result<SeatOverview, Refusal> {
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        let capacity = store.pool_capacity(tenant, self.site.wall()).await?;
        let levels = store.pool_levels(tenant).await?;
        let sum = |seats: fn(&PoolLevel) -> u32| -> u64 {
            levels.iter().map(|level| u64::from(seats(level))).sum()
        };
        let (held, waiting) = (sum(|level| level.held), sum(|level| level.waiting));
        let full_pools = sum(|level| u32::from(level.is_full()));
        let in_use = self.pools.fullest(levels, 0, MAX_POOLS).await?;
        let first = PageRequest::new(None, Some(MAX_POOLS));
        let first = self.pools.shared_list(&first).await?;
        let mut fullest = in_use.items;
        // Pools that are not in use follow.
        let others = first.items.iter().filter(|other| {
            let is_same = |status: &PoolStatus| status.pool == other.pool;
            !fullest.iter().any(is_same)
        });
        let others: Vec<_> = others.cloned().collect();
        fullest.extend(others);
        let has_more = in_use.has_more || first.next.is_some() || fullest.len() > MAX_POOLS;
        fullest.truncate(MAX_POOLS);
        Ok(SeatOverview {
            capacity,
            held,
            waiting,
            full_pools,
            fullest,
            has_more,
        })
    }

    /// Returns the licenses that end within 60 days, and those that are in their days of grace, at
    /// most 50 of each. Licenses that another one replaces are left out.
    ///
    /// # Errors
    ///
    /// Returns a refusal if the store cannot be read.
    pub async fn ending_licenses(&self) -> Result<EndingLicenses, Refusal> {
        let now = self.site.wall();
        let expired = self.search("expired", None, true).await?;
        let active = self.search("active", Some(ENDS_WITHIN_DAYS), false).await?;
        let has_more = active.next.is_some();
        let found = expired.items.into_iter().chain(active.items);
        let ending = found.filter_map(|found| {
            let (expires_at, ends_at) = found.license.expires_at().zip(found.license.ends_at())?;
            (ends_at > now).then_some(EndingLicense {
                id: found.record.id,
                product: found.record.product,
                customer: found.record.customer,
                expires_at,
                ends_at,
            })
        });
        let mut licenses: Vec<_> = ending.collect();
        licenses.sort_by(|one, other| (one.ends_at, &one.id).cmp(&(other.ends_at, &other.id)));
        Ok(EndingLicenses { licenses, has_more })
    }

    async fn search(
        &self,
        status: &str,
        expires_within: Option<u32>,
        is_descending: bool,
    ) -> Result<Page<InstalledLicense>, Refusal> {
        let search = LicenseSearch {
            status: Some(status.to_owned()),
            expires_within,
            sort: Some("expires".to_owned()),
            is_descending,
            ..LicenseSearch::default()
        };
        self.licenses.search(&search, &PageRequest::first()).await
    }

    /// Returns the webhooks whose deliveries fail, or that are disabled because they failed.
    ///
    /// # Errors
    ///
    /// Returns a refusal if the store cannot be read.
    pub async fn failing_webhooks(&self) -> Result<Vec<Webhook>, Refusal> {
        let mut webhooks = self.site.store.webhooks(&self.site.tenant).await?;
        webhooks.retain(|webhook| webhook.failing_since.is_some());
        Ok(webhooks)
    }

    /// Returns the health of the server.
    pub async fn health(&self) -> ServerHealth {
        let readiness = match self.site.store.check().await.map_err(Refusal::from) {
            Ok(()) if self.site.is_vendor => Ok(Readiness::Ready),
            Ok(()) => readiness::of_site(&self.site)
                .await
                .map_err(|refusal| refusal.code),
            Err(refusal) => Err(refusal.code),
        };
        let last = self.last_tick.get();
        let millis =
            |millis: u64| TimeDelta::milliseconds(i64::try_from(millis).unwrap_or(i64::MAX));
        let now_ms = self.site.clock.boot_ms();
        ServerHealth {
            readiness,
            lease_clock_lag: last
                .as_ref()
                .map(|(report, _)| millis(report.lease_clock_lag_ms)),
            last_work_ago: last.map(|(_, at)| millis(now_ms.saturating_sub(at))),
            redis_is_on: self.site.store.redis_is_on(),
        }
    }
}
