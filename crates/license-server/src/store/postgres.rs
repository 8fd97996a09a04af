//! The store in a PostgreSQL database, which several servers share.

mod accounts;
mod anomalies;
mod audit;
mod billing;
mod changes;
mod config;
mod database;
mod deletion;
mod deliveries;
mod events;
mod grants;
mod groups;
mod identities;
mod identity;
mod invoices;
mod lease_clock;
mod ledger;
mod license_terms;
mod licenses;
mod links;
mod machines;
mod members;
mod metering;
mod moves;
mod named_users;
mod nodes;
mod operations;
mod pools;
mod queries;
mod renewals;
mod requests;
mod schema;
mod seat_history;
mod seat_rows;
mod sendings;
mod session;
mod sessions;
mod shared;
mod telemetry;
mod tenants;
mod tickets;
mod tls;
mod tokens;
mod transaction;
mod trials;
mod values;
mod webhooks;

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Semaphore;
use uuid::Uuid;

pub use self::config::PostgresConfig;
use self::database::Database;
use self::identity::Identity;
use self::lease_clock::{ClockKeeper, KeeperTask};
pub use self::moves::MovedFiles;
use self::nodes::NodeInfo;
use self::pools::{PoolContext, PoolTasks};
use self::renewals::Renewals;
use self::tickets::TicketListener;
use crate::clock::ServerClock;
use crate::domain::NodeId;
use crate::observer::Observer;
use crate::store::ServerStoreError;
use crate::store::redis::RedisConfig;

/// A store in a PostgreSQL database.
pub struct PostgresStore {
    database: Database,
    address: String,
    node: NodeId,
    clock: Arc<dyn ServerClock>,
    /// Whether the process is a node, which lends seats.
    is_node: bool,
    identity: Arc<Identity>,
    keeper: Arc<ClockKeeper>,
    pools: PoolTasks,
    /// The permit of a query that reads a whole table. The other connections stay free for short
    /// queries.
    long_turn: Semaphore,
    /// The background task of the keeper, if the process is a node.
    keeper_task: Mutex<Option<KeeperTask>>,
    /// Receives the notifications of other nodes, if the process is a node.
    listener: Option<TicketListener>,
}

impl PostgresStore {
    /// Opens the database for a server, and creates or migrates its tables. The process is a node
    /// of the database until the store is closed. With `redis`, Redis answers heartbeats while all
    /// nodes are connected to it.
    ///
    /// # Errors
    ///
    /// Returns [`ServerStoreError::Unreachable`] if no connection can be established,
    /// [`ServerStoreError::Setting`] if the database or the role has a setting with which the
    /// server does not work, [`ServerStoreError::Redis`] if Redis has one, and
    /// [`ServerStoreError::Newer`] if a newer program has created the tables.
    pub async fn open(
        config: &PostgresConfig,
        redis: Option<&RedisConfig>,
        clock: Arc<dyn ServerClock>,
        observer: Arc<dyn Observer>,
    ) -> Result<Self, ServerStoreError> {
        let mut store = Self::new(config, redis, clock, observer, true).await?;
        schema::migrate(&store.database).await?;
        store.database.identify(Arc::clone(&store.identity)).await?;
        store.keeper.step(true).await?;
        let task = Arc::clone(&store.keeper).start();
        store.keeper_task = Mutex::new(Some(task));
        store.listener = Some(TicketListener::start(store.database.clone()));
        Ok(store)
    }

    /// Creates or migrates the tables of a database.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`open`](Self::open).
    pub async fn create_tables(config: &PostgresConfig) -> Result<(), ServerStoreError> {
        let database = Database::new(config, Arc::new(()))?;
        let created = schema::migrate(&database).await;
        database.close();
        created
    }

    /// Lets a role use the tables of a database, without owning them. The role of the
    /// configuration owns them.
    ///
    /// # Errors
    ///
    /// Returns [`ServerStoreError::Setting`] if the role does not exist or owns the tables, and the
    /// errors of [`open`](Self::open).
    pub async fn grant(config: &PostgresConfig, role: &str) -> Result<(), ServerStoreError> {
        let database = Database::new(config, Arc::new(()))?;
        let granted = grants::grant(&database, role).await;
        database.close();
        granted
    }

    /// Opens an existing database for a command of an administrator, whether servers are running or
    /// not. Commands for seats are refused.
    ///
    /// # Errors
    ///
    /// Returns [`ServerStoreError::Older`] if the database needs a migration, which a server runs
    /// when it starts, and the errors of [`open`](Self::open).
    pub async fn open_beside(
        config: &PostgresConfig,
        clock: Arc<dyn ServerClock>,
    ) -> Result<Self, ServerStoreError> {
        let store = Self::new(config, None, clock, Arc::new(()), false).await?;
        schema::refuse_other(&store.database).await?;
        store.database.identify(Arc::clone(&store.identity)).await?;
        Ok(store)
    }

    async fn new(
        config: &PostgresConfig,
        redis: Option<&RedisConfig>,
        clock: Arc<dyn ServerClock>,
        observer: Arc<dyn Observer>,
        is_node: bool,
    ) -> Result<Self, ServerStoreError> {
        let database = Database::new(config, Arc::clone(&observer))?;
        let node = NodeId::new(Uuid::new_v4());
        let identity = Arc::new(Identity::new(Arc::clone(&clock)));
        let renewals = Renewals::open(redis, database.clone(), Arc::clone(&clock)).await?;
        let renewals = Arc::new(renewals);
        let keeper = Arc::new(ClockKeeper::new(
            database.clone(),
            Arc::clone(&identity),
            Arc::clone(&clock),
            NodeInfo::new(node.clone(), clock.wall()),
            Arc::clone(&renewals),
        ));
        let pools = PoolTasks::new(PoolContext {
            database: database.clone(),
            keeper: Arc::clone(&keeper),
            renewals,
            clock: Arc::clone(&clock),
            observer,
        });
        Ok(Self {
            database,
            address: config.to_string(),
            node,
            clock,
            is_node,
            identity,
            keeper,
            pools,
            long_turn: Semaphore::new(1),
            keeper_task: Mutex::new(None),
            listener: None,
        })
    }

    /// Commits the commands that wait, and hands the lease clock over to another node.
    async fn leave(&self) -> Result<(), ServerStoreError> {
        self.pools.close().await;
        if let Some(listener) = &self.listener {
            listener.stop();
        }
        let task = self
            .keeper_task
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        match task {
            Some(task) => task.stop(&self.keeper).await,
            None => Ok(()),
        }
    }

    /// Returns the id of this process as a node of the database.
    pub fn node(&self) -> &NodeId {
        &self.node
    }
}

impl std::fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PostgresStore")
            .field("database", &self.address)
            .field("node", &self.node)
            .field("is_node", &self.is_node)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
