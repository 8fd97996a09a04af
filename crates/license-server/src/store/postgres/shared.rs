//! Values that the servers of the database share.

use async_trait::async_trait;
use futures_util::future::try_join;

use super::queries::query;
use super::values::time;
use super::{PostgresStore, audit, tenants};
use crate::domain::{DatabaseStatus, NewAuditEntry, RedisStatus, TenantId};
use crate::store::{ServerStoreError, SharedStore};

#[async_trait]
impl SharedStore for PostgresStore {
    async fn server_key(&self, tenant: &TenantId) -> Result<Option<String>, ServerStoreError> {
        self.text(tenant, query!("server_key_get")).await
    }

    async fn set_server_key(
        &self,
        tenant: &TenantId,
        expected: Option<&str>,
        kid: &str,
        audit: NewAuditEntry,
    ) -> Result<bool, ServerStoreError> {
        let db = self.database.begin(tenant).await?;
        tenants::lock(&db).await?;
        let values: [&(dyn tokio_postgres::types::ToSql + Sync); 3] =
            [&tenant.as_str(), &expected, &kid];
        let is_replaced = db.execute(query!("server_key_put"), &values).await? > 0;
        if is_replaced {
            audit::append(&db, &audit).await?;
        }
        db.commit().await?;
        Ok(is_replaced)
    }

    async fn trust_set(&self, tenant: &TenantId) -> Result<Option<String>, ServerStoreError> {
        self.text(tenant, query!("trust_set_get")).await
    }

    async fn add_trust_set(&self, tenant: &TenantId, keys: &str) -> Result<bool, ServerStoreError> {
        let db = self.database.begin(tenant).await?;
        tenants::lock(&db).await?;
        let added = db
            .execute(query!("trust_set_put"), &[&tenant.as_str(), &keys])
            .await?;
        db.commit().await?;
        Ok(added > 0)
    }

    async fn remove_trust_set(
        &self,
        tenant: &TenantId,
        keys: &str,
    ) -> Result<(), ServerStoreError> {
        let db = self.database.begin(tenant).await?;
        db.execute(query!("trust_set_delete"), &[&tenant.as_str(), &keys])
            .await?;
        db.commit().await
    }

    async fn status(&self) -> Result<DatabaseStatus, ServerStoreError> {
        let db = self.database.begin_for_all().await?;
        let (version, redis) = try_join(
            db.query_one(query!("database_version"), &[]),
            db.query_opt(query!("redis_state"), &[]),
        )
        .await?;
        let redis = redis.map(|row| {
            let is_on: i64 = row.try_get(0)?;
            Ok::<_, ServerStoreError>(RedisStatus {
                is_on: is_on != 0,
                since: time(row.try_get(1)?),
            })
        });
        let status = DatabaseStatus {
            version: version.try_get(0)?,
            redis: redis.transpose()?,
        };
        db.commit().await?;
        Ok(status)
    }
}

impl PostgresStore {
    /// Returns a text of the row of a tenant.
    async fn text(
        &self,
        tenant: &TenantId,
        query: &'static str,
    ) -> Result<Option<String>, ServerStoreError> {
        let db = self.database.begin_read(tenant).await?;
        let row = db.query_opt(query, &[&tenant.as_str()]).await?;
        let text = row.map(|row| row.try_get(0)).transpose()?;
        db.commit().await?;
        Ok(text.flatten())
    }
}
