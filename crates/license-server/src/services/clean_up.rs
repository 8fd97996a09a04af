//! The deletion of rows that are older than their retention.

use std::time::Duration;

use chrono::TimeDelta;
use license_core::time::saturating_sub;

use super::Services;
use crate::clock::ServerClock as _;
use crate::domain::Refusal;

/// How long events are kept.
const EVENT_RETENTION: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// The largest number of events that are kept.
const MAX_EVENTS: u32 = 1_000_000;

/// How long a machine is remembered after its last use.
const MACHINE_RETENTION: Duration = Duration::from_secs(365 * 24 * 60 * 60);

impl Services {
    /// Deletes rows that are older than their retention.
    pub(super) async fn clean_up(&self) -> Result<(), Refusal> {
        self.idempotency.forget_old().await?;
        self.telemetry.clean_up().await?;
        self.webhooks.clean_up().await?;
        self.billing.clean_up().await?;
        let before = |retention| {
            let retention = TimeDelta::from_std(retention).unwrap_or(TimeDelta::MAX);
            saturating_sub(self.site.clock.wall(), retention)
        };
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        store
            .forget_machines(tenant, before(MACHINE_RETENTION))
            .await?;
        // Each call deletes a part, so that other requests do not wait for long.
        while store
            .forget_events(tenant, before(EVENT_RETENTION), MAX_EVENTS)
            .await?
            > 0
        {}
        Ok(())
    }
}
