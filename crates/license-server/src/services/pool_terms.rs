//! The terms of a pool, from its licenses and the settings of an administrator.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use license_core::License;
use license_core::policy::{BORROW_DAYS, BORROW_SEATS, OVERAGE_SEATS};
use license_seats::{BorrowTerms, LeaseSpan, Overage, PoolTerms};

use super::cache::Cache;
use super::licenses::InstalledLicense;
use super::site::Site;
use crate::domain::{
    PoolId, Refusal, RefusalKind, SeatPolicy, ServerCode, floating_seats, number_of_quota,
};

/// The number of pools in each generation of the cache.
const CACHED_POOLS: usize = 10_000;

/// The bounds of the lifetime of a lease, in seconds.
const LIFETIME_SECONDS: std::ops::RangeInclusive<u64> = 10..=3600;

const DAY_SECONDS: u64 = 24 * 60 * 60;

/// The licenses and settings of a pool.
#[derive(Debug)]
pub(super) struct PoolSource {
    pub(super) pool: PoolId,
    /// The licenses of the pool that no license of another pool replaces.
    licenses: Vec<Arc<InstalledLicense>>,
    pub(super) policy: SeatPolicy,
    /// The number of the content that the source was read from.
    version: u64,
}

/// The terms of a pool at an instant.
#[derive(Clone, Debug)]
pub(super) struct CurrentTerms {
    pub(super) terms: Arc<PoolTerms>,
    /// How long the licenses last. A perpetual license has `None`.
    pub(super) license_left: Option<LeaseSpan>,
    /// The end of the licenses, with their days of grace.
    pub(super) ends_at: Option<DateTime<Utc>>,
    /// The end of the licenses without days of grace.
    pub(super) expires_at: Option<DateTime<Utc>>,
    /// The license that the terms come from.
    pub(super) license: Arc<InstalledLicense>,
}

/// Reads the sources of pools, and caches them.
#[derive(Debug)]
pub(super) struct PoolSources {
    cached: Cache<PoolId, Arc<PoolSource>>,
}

impl Default for PoolSources {
    fn default() -> Self {
        Self {
            cached: Cache::new(CACHED_POOLS),
        }
    }
}

impl PoolSources {
    /// Returns the licenses and settings of a pool.
    pub(super) async fn get(&self, site: &Site, pool: &PoolId) -> Result<Arc<PoolSource>, Refusal> {
        let version = site.content().version;
        if let Some(source) = self
            .cached
            .get(pool)
            .filter(|source| source.version == version)
        {
            return Ok(source);
        }
        let source = Arc::new(read(site, pool, version).await?);
        self.cached.insert(pool.clone(), Arc::clone(&source));
        Ok(source)
    }
}

async fn read(site: &Site, pool: &PoolId, version: u64) -> Result<PoolSource, Refusal> {
    let (store, tenant) = (&site.store, &site.tenant);
    let mut licenses = Vec::new();
    for record in store.licenses_of_pool(tenant, pool).await? {
        if record.is_superseded {
            let successors = store.successors(tenant, &record.id).await?;
            // A license that combines several pools has its seats in one of them only.
            if successors.iter().any(|successor| successor.pool != *pool) {
                continue;
            }
        }
        licenses.extend(site.verified(record).ok().map(Arc::new));
    }
    let policy = store.seat_policy(tenant, pool).await?;
    Ok(PoolSource {
        pool: pool.clone(),
        licenses,
        policy: policy.unwrap_or_default(),
        version,
    })
}

impl PoolSource {
    /// Returns the terms now.
    pub(super) fn current(&self, site: &Site) -> Result<CurrentTerms, Refusal> {
        let in_effect: Vec<_> = self
            .licenses
            .iter()
            .filter(|installed| site.decide_for_all(&installed.license).is_valid)
            .collect();
        let newest = newest(&in_effect);
        let Some(license) = newest.or_else(|| self.licenses.last()) else {
            return Err(no_license(&self.pool));
        };
        let now = site.wall();
        let ends_at = match newest {
            None => Some(now),
            Some(newest) => self.end_after(&newest.license),
        };
        let left = ends_at.map(|end| span(end.signed_duration_since(now)));
        Ok(CurrentTerms {
            terms: Arc::new(terms(&license.license, &self.policy)?),
            license_left: left,
            ends_at,
            expires_at: ends_at.and_then(|end| self.expiry_before(end)),
            license: Arc::clone(license),
        })
    }

    /// Returns the end without grace of the license that ends at an instant.
    fn expiry_before(&self, end: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let last = self.licenses.iter();
        let last = last.filter(|installed| installed.license.ends_at() == Some(end));
        last.filter_map(|installed| installed.license.expires_at())
            .max()
    }

    /// Returns the end of a license and of the licenses that continue it without a gap.
    fn end_after(&self, license: &License) -> Option<DateTime<Utc>> {
        let mut end = license.ends_at()?;
        loop {
            let next = self.licenses.iter().filter(|other| {
                let starts = other.license.not_before();
                starts.is_none_or(|start| start <= end)
            });
            let mut ends = next.map(|other| other.license.ends_at());
            let latest = ends.try_fold(end, |latest, end| end.map(|end| latest.max(end)))?;
            if latest == end {
                return Some(end);
            }
            end = latest;
        }
    }
}

/// Returns the license that no other one replaces. Of several, it returns the latest issued.
fn newest<'a>(licenses: &[&'a Arc<InstalledLicense>]) -> Option<&'a Arc<InstalledLicense>> {
    let is_replaced = |installed: &InstalledLicense| {
        let id = installed.license.id();
        licenses
            .iter()
            .any(|other| other.license.supersedes().contains(id))
    };
    let last = licenses.iter().filter(|installed| !is_replaced(installed));
    last.max_by_key(|installed| installed.license.issued_at())
        .copied()
}

/// Returns the terms of a license, narrowed by the settings.
fn terms(license: &License, policy: &SeatPolicy) -> Result<PoolTerms, Refusal> {
    let capacity = capacity(license).ok_or_else(|| not_floating(license))?;
    let mut terms = PoolTerms::with_capacity(capacity);
    let lifetime = policy
        .lifetime_seconds
        .clamp(*LIFETIME_SECONDS.start(), *LIFETIME_SECONDS.end());
    terms.lease.lifetime = LeaseSpan::from_secs(lifetime);
    let renew = policy.renew_seconds.clamp(1, lifetime.div_ceil(2));
    terms.lease.renew_after = LeaseSpan::from_secs(renew);
    terms.queue.max_length = policy.max_queue;
    terms.overage = overage(license, policy, capacity);
    terms.reservations = policy.reservations.clone();
    terms.borrow = borrow(license, policy, capacity);
    terms.holders = policy.holders;
    Ok(terms)
}

/// Returns the number of seats of a license, like [`floating_seats`].
pub(super) fn capacity(license: &License) -> Option<u32> {
    floating_seats(license.claims())
}

/// Returns a quota of a license. An unlimited quota is the largest number.
fn quota(license: &License, name: &str) -> Option<u32> {
    number_of_quota(license.claims(), name)
}

/// Returns the overage of the settings, at most that of the license.
fn overage(license: &License, policy: &SeatPolicy, capacity: u32) -> Overage {
    let requested = PoolTerms {
        overage: policy.overage,
        ..PoolTerms::with_capacity(capacity)
    };
    let seats = requested.allowed().saturating_sub(capacity);
    let permitted = quota(license, OVERAGE_SEATS).unwrap_or(0);
    match seats.min(permitted) {
        0 => Overage::None,
        seats => Overage::Seats(seats),
    }
}

/// Returns the bounds of borrowing, or `None` if the license does not permit it. If only the policy
/// forbids it, no seat may be borrowed.
fn borrow(license: &License, policy: &SeatPolicy, capacity: u32) -> Option<BorrowTerms> {
    let days = quota(license, BORROW_DAYS).filter(|days| *days > 0)?;
    let seats = quota(license, BORROW_SEATS).unwrap_or(capacity);
    let seats = Some(seats).filter(|seats| *seats > 0)?;
    let (max_seats, max_days) = match policy.max_borrow_days {
        Some(0) => (0, days),
        most => (
            seats.min(policy.max_borrowed.unwrap_or(seats)),
            days.min(most.unwrap_or(days)),
        ),
    };
    let max_duration = LeaseSpan::from_secs(u64::from(max_days).saturating_mul(DAY_SECONDS));
    Some(BorrowTerms {
        max_seats,
        max_duration,
        low_water: policy.borrow_low_water,
    })
}

/// Returns a length of time. A negative length becomes zero.
pub(super) fn span(delta: chrono::TimeDelta) -> LeaseSpan {
    LeaseSpan::from_millis(u64::try_from(delta.num_milliseconds()).unwrap_or(0))
}

/// Returns a length of time.
pub(super) fn delta(span: LeaseSpan) -> chrono::TimeDelta {
    let millis = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
    chrono::TimeDelta::try_milliseconds(millis).unwrap_or(chrono::TimeDelta::MAX)
}

fn not_floating(license: &License) -> Refusal {
    let detail = format!("license {} has no number of seats", license.id().as_str());
    Refusal::new(RefusalKind::Conflict, ServerCode::NotFloating, detail)
        .values("the claim `seats` or the quota `users`", "neither")
        .hint("ask the vendor for a license with seats")
}

pub(super) fn no_license(pool: &PoolId) -> Refusal {
    let detail = format!("pool {pool} has no license");
    Refusal::new(RefusalKind::NotFound, ServerCode::NotFound, detail)
}
