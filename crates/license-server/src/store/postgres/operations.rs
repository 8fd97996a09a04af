//! The operations of the store.

mod accounts;
mod administration;
mod anomalies;
mod billing;
mod groups;
mod identities;
mod ledger;
mod licenses;
mod machines;
mod members;
mod metering;
mod named_users;
mod seat_history;
mod seats;
mod telemetry;
mod webhooks;

use std::path::Path;

use async_trait::async_trait;

use super::queries::query;
use super::transaction::Transaction;
use super::{PostgresStore, nodes};
use crate::domain::{NodeStatus, TenantId};
use crate::store::{ServerStore, ServerStoreError, SharedTokens};

#[async_trait]
impl ServerStore for PostgresStore {
    async fn back_up(&self, _: &Path) -> Result<(), ServerStoreError> {
        Err(ServerStoreError::BackupElsewhere)
    }

    async fn check(&self) -> Result<(), ServerStoreError> {
        if self.is_node {
            self.keeper.step(true).await?;
        }
        let db = self.database.begin(&TenantId::site()).await?;
        let checked = check(&db).await;
        db.end(checked).await
    }

    async fn nodes(&self) -> Result<Vec<NodeStatus>, ServerStoreError> {
        let db = self.database.begin_for_all().await?;
        let found = nodes::all(&db).await;
        db.end(found).await
    }

    fn redis_is_on(&self) -> Option<bool> {
        let has_redis = !self.pools.context().renewals.is_off();
        let latest = self.keeper.latest();
        let is_on = latest.is_some_and(|latest| latest.reading.redis_epoch != 0);
        has_redis.then_some(is_on)
    }

    fn shared_tokens(&self) -> Option<&dyn SharedTokens> {
        let tokens = self.pools.context().renewals.tokens()?;
        Some(tokens)
    }

    async fn close(&self) -> Result<(), ServerStoreError> {
        let left = self.leave().await;
        self.database.close();
        left
    }
}

/// Writes a row without changing it, so that the commit waits for the disk.
async fn check(db: &Transaction) -> Result<(), ServerStoreError> {
    db.execute(query!("schema_check"), &[]).await?;
    Ok(())
}
