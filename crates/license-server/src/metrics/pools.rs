//! The metrics of pools.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use prometheus::{Error, IntGaugeVec, Opts, Registry};

use crate::services::PoolStatus;

/// The states of seats that have a limit only if the license has one.
const LIMITS: [&str; 2] = ["capacity", "allowed"];

/// The other states of seats.
const STATES: [&str; 5] = ["held", "late", "borrowed", "queued", "overage"];

/// The metrics of pools.
pub(crate) struct PoolMetrics {
    /// Seats by pool and state, such as `held` and `late`.
    seats: IntGaugeVec,
    /// The end of the licenses of each pool in Unix seconds, with their days of grace.
    license_end: IntGaugeVec,
    /// The end of the licenses of each pool without days of grace.
    license_expiry: IntGaugeVec,
    /// The pools with metrics.
    names: Mutex<BTreeSet<String>>,
}

impl PoolMetrics {
    /// Registers the metrics.
    pub(super) fn new(registry: &Registry) -> Result<Self, Error> {
        let gauges = |name: &str, help: &str, labels: &[&str]| {
            let gauges = IntGaugeVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(gauges.clone()))?;
            Ok::<_, Error>(gauges)
        };
        Ok(Self {
            seats: gauges("license_seats", "Seats by state.", &["pool", "state"])?,
            license_end: gauges(
                "license_end_timestamp_seconds",
                "The end of the licenses of each pool, with their days of grace.",
                &["pool"],
            )?,
            license_expiry: gauges(
                "license_expiry_timestamp_seconds",
                "The end of the licenses of each pool, without their days of grace.",
                &["pool"],
            )?,
            names: Mutex::default(),
        })
    }

    /// Removes the metrics of all other pools.
    pub(crate) fn retain(&self, names: BTreeSet<String>) {
        let mut known = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        for gone in known.difference(&names) {
            // The limits and the end can be missing.
            for state in STATES.into_iter().chain(LIMITS) {
                let _ = self.seats.remove_label_values(&[gone, state]);
            }
            for gauge in [&self.license_end, &self.license_expiry] {
                let _ = gauge.remove_label_values(&[gone]);
            }
        }
        *known = names;
    }

    /// Publishes the seats of a pool, and the end of its licenses.
    pub(crate) fn publish(&self, pool: &PoolStatus) {
        let name = pool.pool.as_str();
        let set = |state: &str, count: u32| {
            let gauge = self.seats.with_label_values(&[name, state]);
            gauge.set(count.into());
        };
        let usage = &pool.usage;
        for (state, limit) in LIMITS.into_iter().zip([usage.capacity, usage.allowed]) {
            if pool.is_unlimited {
                // A license can become unlimited. The limit is missing otherwise.
                let _ = self.seats.remove_label_values(&[name, state]);
            } else {
                set(state, limit);
            }
        }
        let counts = [
            usage.held,
            usage.late,
            usage.borrowed,
            usage.waiting,
            usage.over(),
        ];
        for (state, count) in STATES.into_iter().zip(counts) {
            set(state, count);
        }
        let ends = [
            (&self.license_end, pool.ends_at),
            (&self.license_expiry, pool.expires_at),
        ];
        for (gauge, end) in ends {
            match end {
                Some(end) => gauge.with_label_values(&[name]).set(end.timestamp()),
                None => {
                    let _ = gauge.remove_label_values(&[name]);
                }
            }
        }
    }
}
