//! The lease clock, which one node advances for all: see ADR-084.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use license_seats::LeaseTime;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};
use tokio_postgres::Row;

use super::database::Database;
use super::identity::{Identity, SeenReading};
use super::nodes::{self, NodeInfo};
use super::queries::query;
use super::renewals::Renewals;
use super::transaction::Transaction;
use super::values::{column, millis, number};
use crate::clock::{LeaseClock, ServerClock};
use crate::log_limit;
use crate::store::ServerStoreError;

/// How often a node advances or reads the lease clock. A step is at most one second, so a longer
/// time would be lost.
const STEP: Duration = Duration::from_millis(250);

/// After which time without a step another node takes the clock over, in milliseconds.
const TAKE_OVER_MS: u64 = 3000;

/// How often a node reports that it runs, in milliseconds.
const REPORT_MS: u64 = 1000;

/// The values that a transaction reads together with its rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reading {
    /// The lease clock.
    pub(super) now: LeaseTime,
    /// The first fencing number of new pools. It increases when a restore is found.
    pub(super) first_seq: u64,
    /// The lease clock when the last restore was found.
    pub(super) restored: Option<LeaseTime>,
    /// The epoch under which renewals may be in Redis, or 0.
    pub(super) redis_epoch: i64,
    /// The identity of the Redis of the epoch.
    pub(super) redis_run: Arc<str>,
    /// The node that advances the clock.
    owner: Option<String>,
    /// The number of changes of the owner.
    epoch: i64,
}

/// Reads the row of the query `clock_read`.
pub(super) fn reading(row: &Row) -> Result<Reading, ServerStoreError> {
    let restored: Option<i64> = row.try_get(2)?;
    let redis_run: Option<&str> = row.try_get(6)?;
    let lease_time = |millis| number("lease_clock", millis).map(LeaseTime::from_millis);
    Ok(Reading {
        now: lease_time(row.try_get(0)?)?,
        first_seq: number("fencing", row.try_get(1)?)?,
        restored: restored.map(lease_time).transpose()?,
        redis_epoch: row.try_get(3)?,
        redis_run: redis_run.unwrap_or_default().into(),
        owner: row.try_get(4)?,
        epoch: row.try_get(5)?,
    })
}

/// Returns the stored reading of the lease clock.
pub(super) async fn stored(db: &Transaction) -> Result<LeaseTime, ServerStoreError> {
    Ok(reading(&db.query_one(query!("clock_read"), &[]).await?)?.now)
}

/// The part of a node in the lease clock.
enum ClockRole {
    /// The node has not read the clock since it started or since an error.
    Unknown,
    /// Another node advances the clock.
    Watcher {
        /// The reading and the epoch, which change as long as the owner runs.
        seen: (LeaseTime, i64),
        /// The boot time at which they were read first.
        since_ms: u64,
    },
    /// This node advances the clock.
    Owner { epoch: i64, counter: LeaseClock },
}

/// Advances the lease clock, or watches the node that does, and reports that this node runs.
pub(super) struct ClockKeeper {
    database: Database,
    identity: Arc<Identity>,
    clock: Arc<dyn ServerClock>,
    node: NodeInfo,
    renewals: Arc<Renewals>,
    state: tokio::sync::Mutex<KeeperState>,
    is_owner: AtomicBool,
    has_others: AtomicBool,
    latest: Mutex<Option<SentReading>>,
}

struct KeeperState {
    role: ClockRole,
    reported_ms: Option<u64>,
}

/// The latest reading, and the boot time at which the node asked for it.
#[derive(Clone, Debug)]
pub(super) struct SentReading {
    pub(super) reading: Reading,
    pub(super) sent_ms: u64,
}

/// The background task of a keeper. Dropping it ends the task.
pub(super) struct KeeperTask {
    stop: watch::Sender<bool>,
    handle: JoinHandle<()>,
}

impl ClockKeeper {
    pub(super) fn new(
        database: Database,
        identity: Arc<Identity>,
        clock: Arc<dyn ServerClock>,
        node: NodeInfo,
        renewals: Arc<Renewals>,
    ) -> Self {
        Self {
            database,
            identity,
            clock,
            node,
            renewals,
            state: tokio::sync::Mutex::new(KeeperState {
                role: ClockRole::Unknown,
                reported_ms: None,
            }),
            is_owner: AtomicBool::new(false),
            has_others: AtomicBool::new(true),
            latest: Mutex::new(None),
        }
    }

    /// Returns whether this node advances the lease clock.
    pub(super) fn is_owner(&self) -> bool {
        self.is_owner.load(Ordering::SeqCst)
    }

    /// Returns whether other nodes may use the database.
    pub(super) fn has_others(&self) -> bool {
        self.has_others.load(Ordering::SeqCst)
    }

    /// Returns the latest reading.
    pub(super) fn latest(&self) -> Option<SentReading> {
        let latest = self.latest.lock();
        latest.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Starts the background task.
    pub(super) fn start(self: Arc<Self>) -> KeeperTask {
        let (stop, mut stopped) = watch::channel(false);
        let handle = tokio::spawn(async move {
            let mut steps = interval(STEP);
            steps.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                tokio::select! {
                    _ = steps.tick() => {}
                    _ = stopped.changed() => return,
                }
                if let Err(error) = self.step(false).await
                    && let Some(repeated) = log_limit::pass("lease clock")
                {
                    let error = license_core::with_causes(&error);
                    tracing::error!(%error, repeated, "cannot advance the lease clock");
                }
            }
        });
        KeeperTask { stop, handle }
    }

    /// Advances the clock if this node owns it, takes it over if its owner has stopped, and reports
    /// that the node runs. With `must_report`, the report is not left out.
    pub(super) async fn step(&self, must_report: bool) -> Result<(), ServerStoreError> {
        let mut state = self.state.lock().await;
        let sent_ms = self.clock.boot_ms();
        let seen = self.identity.seen();
        let before = std::mem::replace(&mut state.role, ClockRole::Unknown);
        let is_due = state
            .reported_ms
            .is_none_or(|last| sent_ms.saturating_sub(last) >= REPORT_MS);
        let reports = must_report || is_due;
        let db = self.database.begin_for_all().await?;
        let stepped = self.step_in(&db, before, sent_ms, reports).await;
        let (role, reading, has_others) = db.end(stepped).await?;
        self.is_owner
            .store(matches!(role, ClockRole::Owner { .. }), Ordering::SeqCst);
        if let Some(has_others) = has_others {
            self.has_others.store(has_others, Ordering::SeqCst);
            state.reported_ms = Some(sent_ms);
        }
        if let Err(error) = self.identity.record(&seen, &reading) {
            self.database.adopt().await?;
            return Err(error);
        }
        state.role = role;
        let latest = SentReading { reading, sent_ms };
        self.renewals.permit(&latest);
        *self.latest.lock().unwrap_or_else(PoisonError::into_inner) = Some(latest);
        Ok(())
    }

    async fn step_in(
        &self,
        db: &Transaction,
        before: ClockRole,
        sent_ms: u64,
        reports: bool,
    ) -> Result<(ClockRole, Reading, Option<bool>), ServerStoreError> {
        let mut before = before;
        if let ClockRole::Owner { epoch, counter } = &mut before {
            let from = counter.now_ms();
            let to = counter.advance(sent_ms);
            if to > from {
                let values = (column(to), column(from));
                db.execute(query!("clock_step"), &[&values.0, epoch, &values.1])
                    .await?;
            }
        }
        let reading = reading(&db.query_one(query!("clock_read"), &[]).await?)?;
        if reading.redis_epoch != 0 && self.renewals.is_off() {
            let wall = millis(self.clock.wall());
            db.execute(query!("redis_off"), &[&reading.redis_epoch, &wall])
                .await?;
        }
        let role = self.next_role(db, before, &reading, sent_ms).await?;
        let is_owner = matches!(role, ClockRole::Owner { .. });
        let mut has_others = None;
        if reports {
            let redis = self.renewals.server();
            has_others = Some(nodes::report(db, &self.node, redis.as_deref(), is_owner).await?);
        }
        if is_owner {
            self.renewals.maintain(db, &reading, sent_ms).await?;
        }
        Ok((role, reading, has_others))
    }

    /// Returns the role after a reading. A node that takes the clock over counts from the moment at
    /// which it asked for the reading. The step of a former owner that arrives later changes
    /// nothing, because the epoch differs.
    async fn next_role(
        &self,
        db: &Transaction,
        before: ClockRole,
        reading: &Reading,
        sent_ms: u64,
    ) -> Result<ClockRole, ServerStoreError> {
        let now_ms = reading.now.as_millis();
        let own = |epoch| ClockRole::Owner {
            epoch,
            counter: LeaseClock::resume(now_ms, sent_ms),
        };
        if reading.owner.as_deref() == Some(self.node.id.as_str()) {
            return Ok(match before {
                ClockRole::Owner { epoch, counter }
                    if epoch == reading.epoch && counter.now_ms() == now_ms =>
                {
                    ClockRole::Owner { epoch, counter }
                }
                _ => own(reading.epoch),
            });
        }
        let current = (reading.now, reading.epoch);
        let since_ms = match before {
            ClockRole::Watcher { seen, since_ms } if seen == current => since_ms,
            _ => sent_ms,
        };
        let has_stopped = sent_ms.saturating_sub(since_ms) >= TAKE_OVER_MS;
        if reading.owner.is_none() || has_stopped {
            let (id, now) = (self.node.id.as_str(), column(now_ms));
            let taken = db
                .execute(query!("clock_take"), &[&id, &reading.epoch, &now])
                .await?;
            if taken == 1 {
                tracing::info!(node = id, "this node advances the lease clock");
                return Ok(own(reading.epoch.saturating_add(1)));
            }
        }
        Ok(ClockRole::Watcher {
            seen: current,
            since_ms,
        })
    }

    /// Returns the latest reading that this process knows, before it reads the clock again.
    pub(super) fn seen(&self) -> SeenReading {
        self.identity.seen()
    }

    /// Records a reading that was requested after `seen`.
    ///
    /// # Errors
    ///
    /// Returns [`ServerStoreError::Restored`] if the database is older than `seen`.
    pub(super) fn record(
        &self,
        seen: &SeenReading,
        reading: &Reading,
    ) -> Result<(), ServerStoreError> {
        self.identity.record(seen, reading)
    }

    /// Hands the lease clock over to another node, and removes this node.
    async fn leave(&self) -> Result<(), ServerStoreError> {
        let mut state = self.state.lock().await;
        state.role = ClockRole::Unknown;
        self.is_owner.store(false, Ordering::SeqCst);
        let db = self.database.begin_for_all().await?;
        let left = nodes::leave(&db, &self.node).await;
        db.end(left).await
    }
}

impl KeeperTask {
    /// Ends the task after its current step, and hands the lease clock over.
    pub(super) async fn stop(self, keeper: &ClockKeeper) -> Result<(), ServerStoreError> {
        let Self { stop, handle } = self;
        let _ = stop.send(true);
        let _ = handle.await;
        keeper.leave().await
    }
}
