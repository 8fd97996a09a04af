//! Tests with a real Redis. A committed pool in memory takes the place of PostgreSQL.

mod faults;
mod replay;
mod servers;
mod tls;

use std::sync::Arc;

use chrono::DateTime;
use license_core::ids::Commitment;
use license_core::requests::ActivationSecret;
use license_core::session::SessionId;
use license_seats::{
    Acquire, CommandTime, Heartbeat, Holder, InstanceId, LeaseSpan, LeaseTime, Pool, PoolEvent,
    PoolTerms, SeatChange, SeatCommand, SeatOutcome, SeatReply, Seq, TicketId,
};
use license_test_services::RedisServer;

use super::{
    EpochReading, FoldCursor, HeartbeatAnswer, LeaseRenewals, PoolEpoch, RedisConfig, RedisEpoch,
    RedisStoreError, open,
};
use crate::clock::ManualClock;
use crate::domain::{PoolId, TenantId};
use crate::store::{PoolReply, PoolRequest};

/// How much later than the batch a lost renewal can have been, as in a batch.
const LOST: LeaseSpan = LeaseSpan::from_secs(2);

fn pool_id() -> PoolId {
    PoolId::parse("pool").unwrap()
}

fn session(number: u32) -> SessionId {
    SessionId::new(None, None, "ann", &number.to_be_bytes())
}

fn instance(number: u8) -> InstanceId {
    InstanceId::from_bytes([number; 16])
}

fn commitment() -> Commitment {
    ActivationSecret::from_random([7; 32]).commitment()
}

fn acquire(number: u32, process: u8, wait: Option<TicketId>) -> SeatCommand {
    SeatCommand::Acquire(Acquire {
        holder: Holder::new(session(number), "ann"),
        instance: instance(process),
        commitment: commitment(),
        wait,
    })
}

fn heartbeat(number: u32, process: u8, seq: u64) -> SeatCommand {
    SeatCommand::Heartbeat(Heartbeat {
        session: session(number),
        instance: instance(process),
        seq: Seq(seq),
    })
}

fn at(seconds: u64) -> CommandTime {
    CommandTime::at(LeaseTime::from_millis(seconds * 1000))
}

/// The pool as it is committed, and what other servers follow.
struct Database {
    pool: Pool,
    version: u64,
    epoch: u64,
    changes: Vec<(Vec<SeatChange>, LeaseTime)>,
    now: LeaseTime,
}

impl Database {
    fn new(terms: PoolTerms) -> Self {
        Self {
            pool: Pool::new(terms),
            version: 0,
            epoch: 0,
            changes: Vec::new(),
            now: LeaseTime::START,
        }
    }
}

/// How a batch fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    None,
    /// The transaction is rolled back after the reservation.
    RolledBack,
    /// The server stops after the commit.
    NotConfirmed,
}

/// A server with a pool in memory.
struct Node {
    renewals: LeaseRenewals,
    clock: Arc<ManualClock>,
    terms: Arc<PoolTerms>,
    pool: Pool,
    version: u64,
    cursor: FoldCursor,
}

impl Node {
    async fn open(server: &RedisServer, database: &Database) -> Self {
        Self::open_with(database, server_config(server).patient()).await
    }

    async fn open_with(database: &Database, config: RedisConfig) -> Self {
        let start = DateTime::from_timestamp_millis(0).unwrap();
        let clock = Arc::new(ManualClock::new(start));
        let (renewals, _) = open(&config, Arc::<ManualClock>::clone(&clock))
            .await
            .unwrap();
        Self {
            renewals,
            clock,
            terms: Arc::new(database.pool.terms().clone()),
            pool: Pool::new(database.pool.terms().clone()),
            version: 0,
            cursor: FoldCursor::default(),
        }
    }

    /// Returns the epoch with the Redis of this server.
    fn epoch(&self, number: u64) -> RedisEpoch {
        let server = self.renewals.server().unwrap();
        RedisEpoch { number, server }
    }

    /// Reads the rows of the pool.
    fn reload(&mut self, database: &Database) {
        let terms = database.pool.terms().clone();
        self.pool = Pool::from_rows(terms, database.pool.rows(), database.now).unwrap();
        self.version = database.version;
        self.cursor = FoldCursor::default();
    }

    /// Runs a batch with one command.
    async fn batch(
        &mut self,
        database: &mut Database,
        epoch: &RedisEpoch,
        command: SeatCommand,
        at: CommandTime,
        fault: Fault,
    ) -> Result<Option<SeatOutcome>, RedisStoreError> {
        let known = usize::try_from(self.version).unwrap();
        for (changes, now) in &database.changes[known..] {
            self.pool.follow(None, changes.clone(), *now).unwrap();
        }
        self.version = database.version;
        let stored = PoolEpoch {
            number: database.epoch,
            version: database.version,
        };
        let (tenant, id) = (TenantId::site(), pool_id());
        let reserved = self
            .renewals
            .reserve(&tenant, &id, stored, epoch, &mut self.cursor)
            .await?;
        self.pool.fold_renewals(&reserved.renewals);
        let mut changes = Vec::new();
        if reserved.must_extend {
            changes = self.pool.extend_leases(LOST, at);
        }
        let outcome = self.pool.apply(command, at);
        changes.extend(outcome.changes.iter().cloned());
        if fault == Fault::RolledBack {
            self.reload(database);
            return Ok(None);
        }
        database.changes.push((changes.clone(), at.now));
        database.pool.follow(None, changes.clone(), at.now).unwrap();
        database.version += 1;
        database.epoch = epoch.number;
        database.now = at.now;
        self.version = database.version;
        if fault == Fault::NotConfirmed {
            return Ok(Some(outcome));
        }
        self.renewals
            .confirm(
                reserved,
                &self.pool,
                &changes,
                self.version,
                at,
                &mut self.cursor,
            )
            .await?;
        Ok(Some(outcome))
    }

    /// Applies a command that succeeds, and returns its events.
    async fn apply(
        &mut self,
        database: &mut Database,
        epoch: &RedisEpoch,
        command: SeatCommand,
        at: CommandTime,
    ) -> Vec<PoolEvent> {
        let applied = self.batch(database, epoch, command, at, Fault::None).await;
        let applied = applied.unwrap().unwrap();
        assert!(applied.reply.is_ok(), "{applied:?}");
        applied.events
    }

    /// Permits the use of Redis at a reading of the lease clock.
    fn permit(&self, epoch: &RedisEpoch, at: CommandTime) {
        use crate::clock::ServerClock;
        self.renewals.permit(EpochReading {
            now: at.now,
            epoch: epoch.clone(),
            sent_boot_ms: self.clock.boot_ms(),
        });
    }

    /// Asks Redis to answer a heartbeat.
    async fn answer(&self, command: &SeatCommand, at: CommandTime) -> HeartbeatAnswer {
        let request = PoolRequest {
            pool: pool_id(),
            terms: Arc::clone(&self.terms),
            license_left: at.license_left,
            command: command.clone(),
        };
        self.renewals.heartbeat(&TenantId::site(), &request).await
    }

    /// Asks Redis to answer a heartbeat, which it does.
    async fn renew(&self, command: &SeatCommand, at: CommandTime) -> PoolReply {
        match self.answer(command, at).await {
            HeartbeatAnswer::Renewed(reply) => *reply,
            other => panic!("expected a renewal, found {other:?}"),
        }
    }
}

/// Returns whether PostgreSQL must decide.
fn is_missed(answer: &HeartbeatAnswer) -> bool {
    matches!(answer, HeartbeatAnswer::Missed)
}

/// Returns the end of the lifetime of a granted lease in seconds.
fn until(reply: &PoolReply) -> u64 {
    match &reply.outcome.reply {
        Ok(SeatReply::Seat(grant)) => grant.lease.until.as_millis() / 1000,
        other => panic!("expected a seat, found {other:?}"),
    }
}

fn server_config(server: &RedisServer) -> RedisConfig {
    RedisConfig::parse(&server.url(), None).unwrap()
}

/// Starts a server with one granted seat of session 1 at 10 s in epoch 5.
async fn one_seat(server: &RedisServer) -> (Database, Node, RedisEpoch) {
    let mut database = Database::new(PoolTerms::with_capacity(2));
    let mut node = Node::open(server, &database).await;
    let epoch = node.epoch(5);
    node.apply(&mut database, &epoch, acquire(1, 1, None), at(10))
        .await;
    node.permit(&epoch, at(20));
    (database, node, epoch)
}
