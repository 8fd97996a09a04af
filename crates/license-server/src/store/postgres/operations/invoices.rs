//! Invoices.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::domain::{
    Invoice, InvoiceChange, InvoiceId, InvoiceState, NewAuditEntry, Page, PageRequest,
    ReminderDays, TenantId,
};
use crate::store::postgres::{PostgresStore, invoices};
use crate::store::{InvoiceStore, ServerStoreError};

#[async_trait]
impl InvoiceStore for PostgresStore {
    async fn create_invoice(
        &self,
        tenant: &TenantId,
        invoice: Invoice,
        audit: NewAuditEntry,
    ) -> Result<(), ServerStoreError> {
        let db = self.database.begin(tenant).await?;
        let result = invoices::create(&db, &invoice, audit).await;
        db.end(result).await
    }

    async fn delete_invoice(
        &self,
        tenant: &TenantId,
        id: &InvoiceId,
        audit: NewAuditEntry,
    ) -> Result<bool, ServerStoreError> {
        let db = self.database.begin(tenant).await?;
        let result = invoices::delete(&db, id, audit).await;
        db.end(result).await
    }

    async fn change_invoice(
        &self,
        tenant: &TenantId,
        id: &InvoiceId,
        change: InvoiceChange,
        days: ReminderDays,
        audit: NewAuditEntry,
    ) -> Result<Option<Invoice>, ServerStoreError> {
        let db = self.database.begin(tenant).await?;
        let result = invoices::change(&db, id, &change, &days, audit).await;
        db.end(result).await
    }

    async fn postpone_invoice(
        &self,
        tenant: &TenantId,
        id: &InvoiceId,
        until: DateTime<Utc>,
    ) -> Result<(), ServerStoreError> {
        let db = self.database.begin(tenant).await?;
        let result = invoices::postpone(&db, id, until).await;
        db.end(result).await
    }

    async fn invoice(
        &self,
        tenant: &TenantId,
        id: &InvoiceId,
    ) -> Result<Option<Invoice>, ServerStoreError> {
        let db = self.database.begin_read(tenant).await?;
        let result = invoices::get(&db, id).await;
        db.end(result).await
    }

    async fn invoices(
        &self,
        tenant: &TenantId,
        state: Option<InvoiceState>,
        page: &PageRequest,
    ) -> Result<Page<Invoice>, ServerStoreError> {
        let db = self.database.begin_read(tenant).await?;
        let result = invoices::page(&db, state, page).await;
        db.end(result).await
    }

    async fn due_invoices(
        &self,
        tenant: &TenantId,
        now: DateTime<Utc>,
    ) -> Result<Vec<Invoice>, ServerStoreError> {
        let db = self.database.begin_read(tenant).await?;
        let result = invoices::due(&db, now).await;
        db.end(result).await
    }
}
