//! The store in a PostgreSQL database, which several servers share.

mod audit;
mod config;
mod database;
mod events;
mod ledger;
mod licenses;
mod machines;
mod operations;
mod queries;
mod requests;
mod schema;
mod seat_rows;
mod session;
mod telemetry;
mod tenants;
mod tls;
mod tokens;
mod transaction;
mod values;

use std::sync::Arc;

use uuid::Uuid;

pub use self::config::PostgresConfig;
use self::database::Database;
use crate::clock::ServerClock;
use crate::domain::NodeId;
use crate::observer::Observer;
use crate::store::ServerStoreError;

/// A store in a PostgreSQL database.
pub struct PostgresStore {
    database: Database,
    address: String,
    node: NodeId,
    clock: Arc<dyn ServerClock>,
    observer: Arc<dyn Observer>,
    /// Whether the process is a node, which lends seats.
    is_node: bool,
}

impl PostgresStore {
    /// Opens the database for a server, and creates or migrates its tables. The process is a node
    /// of the database until the store is closed.
    ///
    /// # Errors
    ///
    /// Returns [`ServerStoreError::Unreachable`] if no connection can be established,
    /// [`ServerStoreError::Setting`] if the database or the role has a setting with which the server
    /// does not work, and [`ServerStoreError::Newer`] if a newer program has created the tables.
    pub async fn open(
        config: &PostgresConfig,
        clock: Arc<dyn ServerClock>,
        observer: Arc<dyn Observer>,
    ) -> Result<Self, ServerStoreError> {
        let store = Self::new(config, clock, observer, true)?;
        schema::migrate(&store.database).await?;
        Ok(store)
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
        let store = Self::new(config, clock, Arc::new(()), false)?;
        schema::refuse_other(&store.database).await?;
        Ok(store)
    }

    fn new(
        config: &PostgresConfig,
        clock: Arc<dyn ServerClock>,
        observer: Arc<dyn Observer>,
        is_node: bool,
    ) -> Result<Self, ServerStoreError> {
        Ok(Self {
            database: Database::new(config, Arc::clone(&observer))?,
            address: config.to_string(),
            node: NodeId::new(Uuid::new_v4()),
            clock,
            observer,
            is_node,
        })
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
