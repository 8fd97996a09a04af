//! Transactions.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use deadpool_postgres::{ClientWrapper, Object};
use futures_util::future::try_join;
use license_core::encoding::hex;
use tokio_postgres::error::Severity;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Error, Row};

use super::queries::query;
use crate::domain::{AccountId, SecretDigest, TenantId};
use crate::observer::Observer;
use crate::store::{PostgresError, ServerStoreError};

/// The rows that a transaction sees, by the policies of row-level security.
#[derive(Clone, Copy, Debug)]
pub(super) enum VisibleRows<'a> {
    /// The rows of a tenant.
    Tenant(&'a TenantId),
    /// The list of tenants, and the tables without a tenant, such as those of accounts.
    AllTenants,
    /// The memberships of an account.
    Account(&'a AccountId),
    /// The credentials with this secret.
    Secret(SecretDigest),
    /// The identity provider with this id.
    Provider(&'a str),
    /// The licenses with this id or key, and those of the pool with this id.
    License(&'a str),
}

impl VisibleRows<'_> {
    /// Returns the value of the setting that the policies compare. No tenant has an id like the
    /// last five.
    fn setting(self) -> String {
        match self {
            Self::Tenant(tenant) => tenant.as_str().to_owned(),
            Self::AllTenants => "*".to_owned(),
            Self::Account(account) => format!("account:{account}"),
            Self::Secret(digest) => format!("secret:{}", hex::encode(digest.as_bytes())),
            Self::Provider(id) => format!("provider:{id}"),
            Self::License(name) => format!("license:{name}"),
        }
    }
}

/// Whether a transaction may change the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TransactionAccess {
    /// Each statement sees what was committed before the statement.
    Write,
    /// All statements see the same snapshot.
    Read,
}

impl TransactionAccess {
    const fn begin(self) -> &'static str {
        match self {
            Self::Write => "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE",
            Self::Read => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        }
    }
}

/// A connection of the pool. It is closed when it is dropped, and returns to the pool only by
/// [`release`](Self::release), because an operation that was canceled leaves an open transaction.
pub(super) struct Connection(Option<Object>);

impl Connection {
    pub(super) fn new(connection: Object) -> Self {
        Self(Some(connection))
    }

    pub(super) fn client(&self) -> Result<&ClientWrapper, ServerStoreError> {
        self.0.as_deref().ok_or(ServerStoreError::Closed)
    }

    /// Returns the connection to the pool.
    pub(super) fn release(mut self) {
        drop(self.0.take());
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if let Some(connection) = self.0.take() {
            drop(Object::take(connection));
        }
    }
}

/// An open transaction of a tenant.
///
/// Row-level security hides the rows of other tenants. Statements whose futures are polled together
/// are pipelined: they share a round trip. They run in the order in which they are polled first if
/// they were prepared, and in any order otherwise. A transaction that is dropped is rolled back,
/// because its connection is closed.
pub(super) struct Transaction {
    connection: Connection,
    tenant: String,
    /// The number of statements that have not succeeded. The database answers `COMMIT` of a failed
    /// transaction without an error, so this number decides whether the transaction can commit.
    unfinished: AtomicUsize,
    access: TransactionAccess,
    begun: Instant,
    observer: Arc<dyn Observer>,
}

impl Transaction {
    /// Begins a transaction.
    pub(super) async fn begin(
        connection: Connection,
        rows: VisibleRows<'_>,
        access: TransactionAccess,
        observer: Arc<dyn Observer>,
    ) -> Result<Self, ServerStoreError> {
        let transaction = Self {
            connection,
            tenant: rows.setting(),
            unfinished: AtomicUsize::new(0),
            access,
            begun: Instant::now(),
            observer,
        };
        let begin = transaction.batch(access.begin());
        try_join(begin, transaction.announce_tenant()).await?;
        Ok(transaction)
    }

    /// Returns the tenant, for the columns of this name.
    pub(super) fn tenant(&self) -> &str {
        &self.tenant
    }

    /// Continues the transaction for another tenant. Only maintenance of the whole database needs
    /// this, and changes of an account, which are recorded in each of its tenants.
    pub(super) async fn set_tenant(&mut self, tenant: &TenantId) -> Result<(), ServerStoreError> {
        self.see(VisibleRows::Tenant(tenant)).await
    }

    /// Continues the transaction with other visible rows.
    pub(super) async fn see(&mut self, rows: VisibleRows<'_>) -> Result<(), ServerStoreError> {
        self.tenant = rows.setting();
        self.announce_tenant().await
    }

    /// Tells the database the tenant, for the policies of row-level security.
    async fn announce_tenant(&self) -> Result<(), ServerStoreError> {
        self.query(query!("tenant_set"), &[&self.tenant]).await?;
        Ok(())
    }

    /// Prepares statements on this connection, so that those that are polled together run in their
    /// order.
    pub(super) async fn prepare(
        &self,
        statements: &[&'static str],
    ) -> Result<(), ServerStoreError> {
        let client = self.connection.client()?;
        for sql in statements {
            client.prepare_cached(sql).await?;
        }
        Ok(())
    }

    /// Runs a query, and returns its rows.
    pub(super) async fn query(
        &self,
        sql: &'static str,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, ServerStoreError> {
        let client = self.connection.client()?;
        self.unfinished.fetch_add(1, Ordering::Relaxed);
        let statement = client.prepare_cached(sql).await?;
        let rows = client.query(&statement, values).await?;
        self.unfinished.fetch_sub(1, Ordering::Relaxed);
        Ok(rows)
    }

    /// Runs a query, and returns its first row.
    pub(super) async fn query_opt(
        &self,
        sql: &'static str,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<Option<Row>, ServerStoreError> {
        let rows = self.query(sql, values).await?;
        Ok(rows.into_iter().next())
    }

    /// Runs a query, and returns its only row.
    pub(super) async fn query_one(
        &self,
        sql: &'static str,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<Row, ServerStoreError> {
        let row = self.query_opt(sql, values).await?;
        row.ok_or(ServerStoreError::Aborted)
    }

    /// Runs a statement, and returns the number of rows that it changed.
    pub(super) async fn execute(
        &self,
        sql: &'static str,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<u64, ServerStoreError> {
        let client = self.connection.client()?;
        self.unfinished.fetch_add(1, Ordering::Relaxed);
        let statement = client.prepare_cached(sql).await?;
        let count = client.execute(&statement, values).await?;
        self.unfinished.fetch_sub(1, Ordering::Relaxed);
        Ok(count)
    }

    /// Runs a query whose text is not constant, and returns its rows.
    pub(super) async fn query_text(
        &self,
        sql: &str,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, ServerStoreError> {
        let client = self.connection.client()?;
        self.unfinished.fetch_add(1, Ordering::Relaxed);
        let rows = client.query(sql, values).await?;
        self.unfinished.fetch_sub(1, Ordering::Relaxed);
        Ok(rows)
    }

    /// Runs a statement whose text is not constant, and returns the number of rows that it changed.
    pub(super) async fn execute_text(
        &self,
        sql: &str,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<u64, ServerStoreError> {
        let client = self.connection.client()?;
        self.unfinished.fetch_add(1, Ordering::Relaxed);
        let count = client.execute(sql, values).await?;
        self.unfinished.fetch_sub(1, Ordering::Relaxed);
        Ok(count)
    }

    /// Runs statements without values.
    pub(super) async fn batch(&self, sql: &str) -> Result<(), ServerStoreError> {
        let client = self.connection.client()?;
        self.unfinished.fetch_add(1, Ordering::Relaxed);
        client.batch_execute(sql).await?;
        self.unfinished.fetch_sub(1, Ordering::Relaxed);
        Ok(())
    }

    /// Commits the transaction.
    ///
    /// # Errors
    ///
    /// Returns [`ServerStoreError::Aborted`] if a statement has failed,
    /// [`ServerStoreError::CommitUnknown`] if the connection was lost and the changes may be
    /// stored, and other errors if the changes are not stored.
    pub(super) async fn commit(self) -> Result<(), ServerStoreError> {
        if self.unfinished.load(Ordering::Relaxed) != 0 {
            self.rollback().await;
            return Err(ServerStoreError::Aborted);
        }
        let committed = self.connection.client()?.batch_execute("COMMIT").await;
        if self.access == TransactionAccess::Write {
            self.observer
                .committed(self.begun.elapsed(), committed.is_ok());
        }
        match committed {
            Ok(()) => {
                self.connection.release();
                Ok(())
            }
            Err(error) if is_refusal(&error) => Err(error.into()),
            Err(error) => Err(ServerStoreError::CommitUnknown(PostgresError::from(error))),
        }
    }

    /// Rolls the transaction back.
    pub(super) async fn rollback(self) {
        if let Ok(client) = self.connection.client()
            && client.batch_execute("ROLLBACK").await.is_ok()
        {
            self.connection.release();
        }
    }

    /// Commits the transaction after a success, and rolls it back after an error.
    pub(super) async fn end<T>(
        self,
        result: Result<T, ServerStoreError>,
    ) -> Result<T, ServerStoreError> {
        match result {
            Ok(value) => self.commit().await.map(|()| value),
            Err(error) => {
                self.rollback().await;
                Err(error)
            }
        }
    }
}

impl Transaction {
    /// Commits the transaction if `is_kept` returns true for the result, and rolls it back
    /// otherwise.
    pub(super) async fn end_if<T>(
        self,
        result: Result<T, ServerStoreError>,
        is_kept: impl FnOnce(&T) -> bool,
    ) -> Result<T, ServerStoreError> {
        match result {
            Ok(value) if !is_kept(&value) => {
                self.rollback().await;
                Ok(value)
            }
            result => self.end(result).await,
        }
    }
}

/// Returns whether the database has refused the commit. A session that the database ends (severity
/// FATAL) may have committed before.
fn is_refusal(error: &Error) -> bool {
    let severity = error
        .as_db_error()
        .and_then(|error| error.parsed_severity());
    severity == Some(Severity::Error)
}
