//! The pools as they change, for people who watch them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::overview::SeatOverview;
use super::pools::{PoolService, PoolStatus};
use crate::domain::{Page, PageRequest, PoolLevel, Refusal};

/// After how many ticks the pools count as changed even if no seat has changed hands, because a
/// lease can have become late.
const REFRESH_TICKS: u64 = 10;

/// How long a page is shared. The pools are not observed before someone watches them.
const MAX_AGE: Duration = Duration::from_secs(2);

/// The largest number of pages that are shared.
const MAX_PAGES: usize = 16;

/// The state of the pools at the last tick, and those who watch it.
#[derive(Debug)]
pub(super) struct LivePools {
    /// A number that increases with each change.
    revision: watch::Sender<u64>,
    /// The pools in use, and the number of the content, at the last tick.
    last: Mutex<Option<(Vec<PoolLevel>, u64)>>,
    /// The pages of the list of pools that were read since the last change.
    pages: tokio::sync::Mutex<HashMap<PageRequest, SharedRead<Page<PoolStatus>>>>,
    /// The seats of all pools, as they were read since the last change.
    seats: tokio::sync::Mutex<Option<SharedRead<SeatOverview>>>,
}

/// A value that those who watch the pools share.
#[derive(Debug)]
struct SharedRead<T> {
    revision: u64,
    read_at: Instant,
    value: Arc<T>,
}

impl<T> SharedRead<T> {
    fn new(revision: u64, value: T) -> Self {
        Self {
            revision,
            read_at: Instant::now(),
            value: Arc::new(value),
        }
    }

    /// Returns the value, unless the pools have changed or it is too old.
    fn current(&self, revision: u64) -> Option<Arc<T>> {
        let is_current = self.revision == revision && self.read_at.elapsed() < MAX_AGE;
        is_current.then(|| Arc::clone(&self.value))
    }
}

impl Default for LivePools {
    fn default() -> Self {
        Self {
            revision: watch::Sender::new(1),
            last: Mutex::default(),
            pages: tokio::sync::Mutex::default(),
            seats: tokio::sync::Mutex::default(),
        }
    }
}

impl LivePools {
    /// Returns whether someone watches the pools.
    pub(super) fn is_watched(&self) -> bool {
        self.revision.receiver_count() > 0
    }

    /// Wakes those who watch if a pool or the content has changed.
    pub(super) fn publish(&self, levels: Vec<PoolLevel>, version: u64, tick: u64) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let current = Some((levels, version));
        let is_changed = *last != current;
        *last = current;
        if is_changed || tick.is_multiple_of(REFRESH_TICKS) {
            self.revision
                .send_modify(|revision| *revision = revision.wrapping_add(1));
        }
    }

    /// Returns the number of the last change, which changes with each tick that finds one.
    pub(super) fn watch(&self) -> watch::Receiver<u64> {
        self.revision.subscribe()
    }

    /// Returns a page of the list of pools. Those who watch the same page share it.
    pub(super) async fn page(
        &self,
        pools: &PoolService,
        page: &PageRequest,
    ) -> Result<Arc<Page<PoolStatus>>, Refusal> {
        let mut pages = self.pages.lock().await;
        let revision = *self.revision.borrow();
        if let Some(found) = pages.get(page).and_then(|page| page.current(revision)) {
            return Ok(found);
        }
        let found = SharedRead::new(revision, pools.list(page).await?);
        let value = Arc::clone(&found.value);
        if pages.len() >= MAX_PAGES {
            pages.clear();
        }
        pages.insert(page.clone(), found);
        Ok(value)
    }

    /// Returns the seats of all pools. Those who watch them share what `read` returns.
    pub(super) async fn seats(
        &self,
        read: impl Future<Output = Result<SeatOverview, Refusal>>,
    ) -> Result<Arc<SeatOverview>, Refusal> {
        let mut seats = self.seats.lock().await;
        let revision = *self.revision.borrow();
        if let Some(found) = seats.as_ref().and_then(|seats| seats.current(revision)) {
            return Ok(found);
        }
        let found = SharedRead::new(revision, read.await?);
        let value = Arc::clone(&found.value);
        *seats = Some(found);
        Ok(value)
    }
}
