//! The operations of the store.

mod accounts;
mod administration;
mod anomalies;
mod billing;
mod groups;
mod identities;
mod invoices;
mod ledger;
mod licenses;
mod machines;
mod members;
mod metering;
mod named_users;
mod seat_history;
mod seats;
mod telemetry;
mod trials;
mod webhooks;

use std::path::Path;
use std::sync::PoisonError;

use async_trait::async_trait;

use super::connection::{self, ConnectionAccess};
use super::queries::query;
use super::writer::{Batch, FailureScope};
use super::{SqliteStore, backup, seat_rows};
use crate::domain::TenantId;
use crate::store::{ServerStore, ServerStoreError};

impl SqliteStore {
    /// Runs a change in the next batch.
    async fn write<T, F>(&self, tenant: &TenantId, change: F) -> Result<T, ServerStoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Batch<'_>, &TenantId) -> Result<T, ServerStoreError> + Send + 'static,
    {
        let tenant = tenant.clone();
        self.writer
            .run(FailureScope::Request, move |batch| change(batch, &tenant))
            .await
    }

    /// Runs a change of rows that belong to no tenant in the next batch.
    async fn write_all<T, F>(&self, change: F) -> Result<T, ServerStoreError>
    where
        T: Send + 'static,
        F: FnOnce(&rusqlite::Connection) -> Result<T, ServerStoreError> + Send + 'static,
    {
        self.writer
            .run(FailureScope::Request, move |batch| change(batch.db))
            .await
    }

    /// Runs a query on a connection that only reads.
    async fn read<T, F>(&self, tenant: &TenantId, query: F) -> Result<T, ServerStoreError>
    where
        T: Send + 'static,
        F: FnOnce(&rusqlite::Connection, &TenantId) -> Result<T, ServerStoreError> + Send + 'static,
    {
        let tenant = tenant.clone();
        self.readers.run(move |db| query(db, &tenant)).await
    }

    /// Runs a query of one statement that reads a few rows by an index.
    async fn read_short<T, F>(&self, tenant: &TenantId, query: F) -> Result<T, ServerStoreError>
    where
        T: Send + 'static,
        F: FnOnce(&rusqlite::Connection, &TenantId) -> Result<T, ServerStoreError> + Send + 'static,
    {
        let tenant = tenant.clone();
        self.readers.run_short(move |db| query(db, &tenant)).await
    }
}

#[async_trait]
impl ServerStore for SqliteStore {
    async fn back_up(&self, to: &Path) -> Result<(), ServerStoreError> {
        let (path, to) = (self.path.clone(), to.to_owned());
        // `VACUUM INTO` can neither run in a transaction nor on a connection that only reads.
        let task = tokio::task::spawn_blocking(move || {
            let db = connection::open(&path, ConnectionAccess::Write)?;
            backup::back_up(&db, &to)
        });
        task.await.unwrap_or(Err(ServerStoreError::Closed))
    }

    async fn check(&self) -> Result<(), ServerStoreError> {
        let tenant = TenantId::site();
        let touch = |batch: &mut Batch<'_>, _: &TenantId| {
            if batch.pools.is_some() {
                // A batch that changes nothing is not written to the disk.
                batch
                    .db
                    .prepare_cached(query!("clock_touch"))?
                    .execute([])?;
            }
            Ok(())
        };
        // The write is sent first, so that it is committed with those of other callers.
        tokio::try_join!(
            self.write(&tenant, touch),
            self.read_short(&tenant, |db, _| seat_rows::stored_clock(db)),
        )?;
        if self.writer.was_full() {
            return Err(ServerStoreError::DiskFull);
        }
        Ok(())
    }

    async fn close(&self) -> Result<(), ServerStoreError> {
        self.writer.close().await;
        let mut lock = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        drop(lock.take());
        Ok(())
    }
}
