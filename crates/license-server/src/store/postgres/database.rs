//! Connections to the database.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use deadpool_postgres::{
    Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod, Runtime,
};
use tokio_postgres::{Client, Socket};

use super::identity::Identity;
use super::tls::{self, Connector, Stream};
use super::transaction::{Connection, Transaction, TransactionAccess, VisibleRows};
use super::{PostgresConfig, session};
use crate::domain::{AccountId, SecretDigest, TenantId};
use crate::observer::Observer;
use crate::store::{PostgresError, ServerStoreError};

/// The largest number of connections of a node.
const MAX_CONNECTIONS: usize = 16;

/// How long an operation waits for a free connection, or for a new one.
const PATIENCE: Duration = Duration::from_secs(5);

/// A pool of connections to the database. Clones use the same pool.
#[derive(Clone)]
pub(super) struct Database {
    pool: Pool,
    config: PostgresConfig,
    connector: Connector,
    observer: Arc<dyn Observer>,
    /// The facts that the process knows of the database, after its tables exist.
    identity: Arc<OnceLock<Arc<Identity>>>,
}

impl Database {
    /// Creates an empty pool. Connections are opened when they are needed.
    pub(super) fn new(
        config: &PostgresConfig,
        observer: Arc<dyn Observer>,
    ) -> Result<Self, ServerStoreError> {
        let connector = tls::connector(config)?;
        let recycling = ManagerConfig {
            recycling_method: RecyclingMethod::Fast,
        };
        let manager = Manager::from_config(config.client.clone(), connector.clone(), recycling);
        let pool = Pool::builder(manager)
            .max_size(MAX_CONNECTIONS)
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(PATIENCE))
            .create_timeout(Some(PATIENCE))
            .build();
        Ok(Self {
            pool: pool.map_err(|_| ServerStoreError::Closed)?,
            config: config.clone(),
            connector,
            observer,
            identity: Arc::default(),
        })
    }

    /// Begins a transaction of a tenant.
    pub(super) async fn begin(&self, tenant: &TenantId) -> Result<Transaction, ServerStoreError> {
        let rows = VisibleRows::Tenant(tenant);
        self.transaction(rows, TransactionAccess::Write).await
    }

    /// Begins a transaction that reads one snapshot of a tenant.
    pub(super) async fn begin_read(
        &self,
        tenant: &TenantId,
    ) -> Result<Transaction, ServerStoreError> {
        let rows = VisibleRows::Tenant(tenant);
        self.transaction(rows, TransactionAccess::Read).await
    }

    /// Begins a transaction that reads the credentials with a secret.
    pub(super) async fn begin_read_by_secret(
        &self,
        secret: SecretDigest,
    ) -> Result<Transaction, ServerStoreError> {
        let rows = VisibleRows::Secret(secret);
        self.transaction(rows, TransactionAccess::Read).await
    }

    /// Begins a transaction for the tables without a tenant. It can list the tenants.
    pub(super) async fn begin_for_all(&self) -> Result<Transaction, ServerStoreError> {
        self.transaction(VisibleRows::AllTenants, TransactionAccess::Write)
            .await
    }

    /// Begins a transaction that reads the tables without a tenant.
    pub(super) async fn begin_read_for_all(&self) -> Result<Transaction, ServerStoreError> {
        self.transaction(VisibleRows::AllTenants, TransactionAccess::Read)
            .await
    }

    /// Begins a transaction that reads the memberships of an account.
    pub(super) async fn begin_read_of_account(
        &self,
        account: &AccountId,
    ) -> Result<Transaction, ServerStoreError> {
        let rows = VisibleRows::Account(account);
        self.transaction(rows, TransactionAccess::Read).await
    }

    /// Begins a transaction that reads the identity provider with an id.
    pub(super) async fn begin_read_by_provider(
        &self,
        id: &str,
    ) -> Result<Transaction, ServerStoreError> {
        self.transaction(VisibleRows::Provider(id), TransactionAccess::Read)
            .await
    }

    /// Begins a transaction that reads the licenses with an id or a key.
    pub(super) async fn begin_read_by_license(
        &self,
        name: &str,
    ) -> Result<Transaction, ServerStoreError> {
        self.transaction(VisibleRows::License(name), TransactionAccess::Read)
            .await
    }

    async fn transaction(
        &self,
        rows: VisibleRows<'_>,
        access: TransactionAccess,
    ) -> Result<Transaction, ServerStoreError> {
        let connection = self.connection().await?;
        Transaction::begin(connection, rows, access, Arc::clone(&self.observer)).await
    }

    /// Sets what the process knows of the database. From now on, each new connection is checked
    /// whether it leads to the same database.
    pub(super) async fn identify(&self, identity: Arc<Identity>) -> Result<(), ServerStoreError> {
        // The first identity stays.
        let _ = self.identity.set(identity);
        self.adopt().await
    }

    /// Finds out whether the database was restored, and does what is necessary then.
    pub(super) async fn adopt(&self) -> Result<(), ServerStoreError> {
        let (connection, _) = self.checked().await?;
        self.adopt_with(connection).await
    }

    async fn adopt_with(&self, connection: Connection) -> Result<(), ServerStoreError> {
        let Some(identity) = self.identity.get() else {
            return Ok(());
        };
        let (tenant, observer) = (TenantId::site(), Arc::clone(&self.observer));
        let begun = Transaction::begin(
            connection,
            VisibleRows::Tenant(&tenant),
            TransactionAccess::Write,
            observer,
        );
        let transaction = begun.await?;
        let adopted = identity.adopt(&transaction).await;
        transaction.end(adopted).await
    }

    /// Returns a connection to the database that the process knows.
    async fn connection(&self) -> Result<Connection, ServerStoreError> {
        loop {
            let (connection, is_new) = self.checked().await?;
            match self.identity.get().filter(|_| is_new) {
                Some(identity) if !identity.is_known(connection.client()?).await? => {
                    self.adopt_with(connection).await?;
                }
                _ => return Ok(connection),
            }
        }
    }

    /// Returns a connection whose session was checked, and whether it is new.
    async fn checked(&self) -> Result<(Connection, bool), ServerStoreError> {
        let found = self.pool.get().await.map_err(|error| self.refused(error))?;
        let is_new = Object::metrics(&found).recycle_count == 0;
        let connection = Connection::new(found);
        if is_new {
            session::check(connection.client()?).await?;
        }
        Ok((connection, is_new))
    }

    /// Opens a connection outside the pool, for notifications. The caller polls the second value,
    /// which does the work of the connection.
    pub(super) async fn connect(
        &self,
    ) -> Result<(Client, tokio_postgres::Connection<Socket, Stream>), ServerStoreError> {
        let connecting = self.config.client.connect(self.connector.clone());
        // The time limit of the client ends when TCP is connected.
        let connected = tokio::time::timeout(PATIENCE, connecting).await;
        let connected = connected.map_err(|_| self.unreachable(None))?;
        let (client, connection) = connected.map_err(|error| self.unreachable(Some(error)))?;
        Ok((client, connection))
    }

    /// Closes all connections. Transactions that are open can still end.
    pub(super) fn close(&self) {
        self.pool.close();
    }

    fn refused(&self, error: PoolError) -> ServerStoreError {
        match error {
            PoolError::Closed => ServerStoreError::Closed,
            PoolError::Backend(error) => self.unreachable(Some(error)),
            _ => self.unreachable(None),
        }
    }

    fn unreachable(&self, error: Option<tokio_postgres::Error>) -> ServerStoreError {
        let database = self.config.to_string();
        let hint = error.as_ref().and_then(tls::hint);
        match (error.map(PostgresError::from), hint) {
            (Some(source), Some(hint)) => ServerStoreError::Tls {
                database,
                source,
                hint,
            },
            (source, _) => ServerStoreError::Unreachable { database, source },
        }
    }
}
