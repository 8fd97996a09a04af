//! Telemetry of anonymous installations.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use license_core::chrono::{Days, NaiveDate};
use license_core::requests::ActivationSecret;
use license_core::telemetry::{TelemetryBatch, TelemetryDay, TelemetryId};
use serde_json::json;
use tracing::info;

use super::site::Site;
use crate::domain::{
    Actor, Page, PageRequest, Refusal, RefusalKind, ServerCode, TelemetryDeletion,
    TelemetryDimension, TelemetryOutcome, TelemetryRange, TelemetryRecord, TelemetryRow,
    TelemetryShare, TelemetrySize,
};

/// The maximum size of all stored telemetry in bytes. Anyone can send events, so that the disk
/// needs a bound.
pub(super) const MAX_BYTES: u64 = 256 * 1024 * 1024;

/// The space of a row besides the JSON of its event, with its ids and its places in the indexes.
const ROW_BYTES: u64 = 256;

/// The number of days that a list covers by default.
const LISTED_DAYS: u32 = 30;

/// The receipt for a batch of events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TelemetryReceipt {
    /// The number of new events.
    pub stored: u64,
    /// The number of events that the server had already.
    pub known: u64,
    /// The number of events that are older than the retention, or from the future.
    pub ignored: u64,
}

/// Stores telemetry, sums it up and deletes it. Nothing relates it to a license or a caller.
#[derive(Clone)]
pub struct TelemetryService {
    site: Arc<Site>,
    /// The number of days for which events are kept. 0: none are accepted.
    days: u32,
    /// The space of the telemetry at the last clean-up, and the space added since, in bytes.
    pub(super) bytes: Arc<AtomicU64>,
}

impl TelemetryService {
    pub(super) fn new(site: Arc<Site>, days: u32) -> Self {
        Self {
            site,
            days,
            bytes: Arc::default(),
        }
    }

    /// Stores the events that are not stored yet.
    ///
    /// # Errors
    ///
    /// Returns `NO_TELEMETRY` if the server accepts none, `LIMIT_REACHED` if it keeps no more,
    /// `TELEMETRY_DELETED` if the installation was deleted, and `UNAUTHORIZED` if an earlier batch
    /// of the installation had another commitment.
    pub async fn submit(&self, mut batch: TelemetryBatch) -> Result<TelemetryReceipt, Refusal> {
        if self.days == 0 {
            let detail = "this server accepts no telemetry";
            return Err(
                Refusal::new(RefusalKind::Conflict, ServerCode::NoTelemetry, detail)
                    .hint("the administrator accepts telemetry with the setting `telemetry_days`"),
            );
        }
        let sent = count(batch.events.len());
        let today = self.today();
        let (oldest, newest) = (earlier(today, self.days), later(today));
        batch
            .events
            .retain(|event| (oldest..=newest).contains(&event.day));
        let ignored = sent.saturating_sub(count(batch.events.len()));
        if batch.events.is_empty() {
            return Ok(TelemetryReceipt {
                ignored,
                ..TelemetryReceipt::default()
            });
        }
        let events = batch.events.iter();
        let events = events.map(|event| ROW_BYTES.saturating_add(count(event.to_json().len())));
        let bytes = events.fold(ROW_BYTES, u64::saturating_add);
        if !self.reserve(bytes) {
            let detail = "the server keeps no more telemetry";
            return Err(
                Refusal::new(RefusalKind::Conflict, ServerCode::LimitReached, detail)
                    .values(format!("at most {MAX_BYTES} bytes"), "more")
                    .hint("the administrator shortens the retention with `telemetry_days`"),
            );
        }
        let record = TelemetryRecord {
            batch,
            received_on: today,
        };
        let store = &self.site.store;
        let outcome = store.store_telemetry(&self.site.tenant, record).await;
        if !matches!(outcome, Ok(TelemetryOutcome::Stored { stored: 1.., .. })) {
            self.release(bytes);
        }
        match outcome? {
            TelemetryOutcome::Stored { stored, known } => Ok(TelemetryReceipt {
                stored,
                known,
                ignored,
            }),
            TelemetryOutcome::Deleted => {
                let detail = "the telemetry of this installation was deleted";
                Err(
                    Refusal::new(RefusalKind::Conflict, ServerCode::TelemetryDeleted, detail)
                        .hint("turn telemetry on again, which creates a new installation"),
                )
            }
            TelemetryOutcome::OtherCommitment => Err(wrong_secret("commitment")),
        }
    }

    /// Deletes the events of an installation.
    ///
    /// # Errors
    ///
    /// Returns `UNAUTHORIZED` if this is not the secret of the installation.
    pub async fn delete(
        &self,
        installation: TelemetryId,
        secret: &ActivationSecret,
    ) -> Result<(), Refusal> {
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        // The first batch of the installation may be on its way. It stores nothing if the server
        // remembers the deletion, for which it needs a row.
        let has_room = self.days > 0 && self.reserve(ROW_BYTES);
        let on = has_room.then(|| self.today());
        let deleted = store.delete_telemetry(tenant, installation, secret.commitment(), on);
        match deleted.await? {
            TelemetryDeletion::Deleted => Ok(()),
            TelemetryDeletion::WrongSecret => Err(wrong_secret("secret")),
        }
    }

    /// Returns sums by day, product, version, tier and platform, for the days from `from` through
    /// `through`. The default is the last 30 days. Sums of too few installations are omitted.
    ///
    /// # Errors
    ///
    /// Returns a refusal if the store cannot be read.
    pub async fn list(
        &self,
        from: Option<TelemetryDay>,
        through: Option<TelemetryDay>,
        page: &PageRequest,
    ) -> Result<Page<TelemetryRow>, Refusal> {
        let range = self.range(from, through);
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        Ok(store.telemetry(tenant, range, page).await?)
    }

    /// Returns the installations of the product by day and value of a dimension. The default of the
    /// days is as for [`list`](Self::list).
    ///
    /// # Errors
    ///
    /// Returns a refusal if the store cannot be read.
    pub async fn summary(
        &self,
        dimension: TelemetryDimension,
        (from, through): (Option<TelemetryDay>, Option<TelemetryDay>),
        page: &PageRequest,
    ) -> Result<Page<TelemetryShare>, Refusal> {
        let range = self.range(from, through);
        let product = self.site.matrix.product();
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        Ok(store
            .telemetry_summary(tenant, product, range, dimension, page)
            .await?)
    }

    /// Returns what the telemetry takes.
    ///
    /// # Errors
    ///
    /// Returns a refusal if the store cannot be read.
    pub async fn size(&self) -> Result<TelemetrySize, Refusal> {
        Ok(self.site.store.telemetry_size(&self.site.tenant).await?)
    }

    /// Deletes the telemetry of all installations. Returns what there was. Programs whose telemetry
    /// is on send later days again.
    ///
    /// # Errors
    ///
    /// Returns a refusal if the store fails. The next call continues.
    pub async fn delete_all(&self, actor: &Actor) -> Result<TelemetrySize, Refusal> {
        let size = self.size().await?;
        let details = json!({ "events": size.events, "installations": size.installations });
        let audit = self
            .site
            .audit(actor, "telemetry.delete", "telemetry", details);
        let (store, tenant, mut audit) = (&self.site.store, &self.site.tenant, Some(audit));
        // Each call deletes a part, so that other requests do not wait for long.
        while store.clear_telemetry(tenant, audit.take()).await? > 0 {}
        self.measure().await?;
        Ok(size)
    }

    /// Returns the days of a list, and the smallest number of installations that it shows together.
    fn range(&self, from: Option<TelemetryDay>, through: Option<TelemetryDay>) -> TelemetryRange {
        let through = through.unwrap_or_else(|| self.today());
        TelemetryRange {
            from: from.unwrap_or_else(|| earlier(through, LISTED_DAYS)),
            through,
            least: self.site.metering.telemetry_group,
        }
    }

    /// Deletes telemetry whose retention has ended, and measures the rest.
    pub(super) async fn clean_up(&self) -> Result<(), Refusal> {
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        let before = match self.days {
            0 => TelemetryDay::new(NaiveDate::MAX),
            days => earlier(self.today(), days),
        };
        // Each call deletes a part, so that other requests do not wait for long.
        let mut deleted = 0_usize;
        loop {
            match store.forget_telemetry(tenant, before).await? {
                0 => break,
                rows => deleted = deleted.saturating_add(rows),
            }
        }
        if deleted > 0 {
            info!(deleted, "deleted telemetry whose retention has ended");
        }
        self.measure().await
    }

    /// Measures the space of the telemetry.
    async fn measure(&self) -> Result<(), Refusal> {
        let left = self.size().await?;
        let rows = left.events.saturating_add(left.installations);
        let bytes = rows.saturating_mul(ROW_BYTES);
        self.bytes
            .store(bytes.saturating_add(left.event_bytes), Ordering::Relaxed);
        Ok(())
    }

    /// Adds the size of new rows, unless it exceeds the bound.
    fn reserve(&self, bytes: u64) -> bool {
        let add = |taken: u64| Some(taken.saturating_add(bytes)).filter(|sum| *sum <= MAX_BYTES);
        let (set, fetch) = (Ordering::Relaxed, Ordering::Relaxed);
        self.bytes.fetch_update(set, fetch, add).is_ok()
    }

    /// Takes back the size of rows that were not stored.
    fn release(&self, bytes: u64) {
        let subtract = |taken: u64| Some(taken.saturating_sub(bytes));
        let (set, fetch) = (Ordering::Relaxed, Ordering::Relaxed);
        let _ = self.bytes.fetch_update(set, fetch, subtract);
    }

    fn today(&self) -> TelemetryDay {
        TelemetryDay::new(self.site.wall().date_naive())
    }
}

fn earlier(day: TelemetryDay, days: u32) -> TelemetryDay {
    let date = day.date().checked_sub_days(Days::new(days.into()));
    TelemetryDay::new(date.unwrap_or(NaiveDate::MIN))
}

/// Returns the next day, which a machine with a fast clock can have.
fn later(day: TelemetryDay) -> TelemetryDay {
    TelemetryDay::new(day.date().succ_opt().unwrap_or(NaiveDate::MAX))
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

fn wrong_secret(found: &str) -> Refusal {
    let detail = format!("this is not the {found} of the installation");
    Refusal::new(RefusalKind::Unauthorized, ServerCode::Unauthorized, detail)
        .hint("send what the installation sent first")
}
