//! Invoices.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::domain::{
    Invoice, InvoiceChange, InvoiceId, InvoiceState, NewAuditEntry, Page, PageRequest,
    ReminderDays, TenantId,
};
use crate::store::sqlite::{SqliteStore, invoices};
use crate::store::{InvoiceStore, ServerStoreError};

#[async_trait]
impl InvoiceStore for SqliteStore {
    async fn create_invoice(
        &self,
        tenant: &TenantId,
        invoice: Invoice,
        audit: NewAuditEntry,
    ) -> Result<(), ServerStoreError> {
        self.write(tenant, move |batch, tenant| {
            invoices::create(batch.db, tenant, &invoice, audit)
        })
        .await
    }

    async fn delete_invoice(
        &self,
        tenant: &TenantId,
        id: &InvoiceId,
        audit: NewAuditEntry,
    ) -> Result<bool, ServerStoreError> {
        let id = id.clone();
        self.write(tenant, move |batch, tenant| {
            invoices::delete(batch.db, tenant, &id, audit)
        })
        .await
    }

    async fn change_invoice(
        &self,
        tenant: &TenantId,
        id: &InvoiceId,
        change: InvoiceChange,
        days: ReminderDays,
        audit: NewAuditEntry,
    ) -> Result<Option<Invoice>, ServerStoreError> {
        let id = id.clone();
        self.write(tenant, move |batch, tenant| {
            invoices::change(batch.db, tenant, &id, &change, &days, audit)
        })
        .await
    }

    async fn postpone_invoice(
        &self,
        tenant: &TenantId,
        id: &InvoiceId,
        until: DateTime<Utc>,
    ) -> Result<(), ServerStoreError> {
        let id = id.clone();
        self.write(tenant, move |batch, tenant| {
            invoices::postpone(batch.db, tenant, &id, until)
        })
        .await
    }

    async fn invoice(
        &self,
        tenant: &TenantId,
        id: &InvoiceId,
    ) -> Result<Option<Invoice>, ServerStoreError> {
        let id = id.clone();
        self.read(tenant, move |db, tenant| invoices::get(db, tenant, &id))
            .await
    }

    async fn invoices(
        &self,
        tenant: &TenantId,
        state: Option<InvoiceState>,
        page: &PageRequest,
    ) -> Result<Page<Invoice>, ServerStoreError> {
        let page = page.clone();
        self.read(tenant, move |db, tenant| {
            invoices::page(db, tenant, state, &page)
        })
        .await
    }

    async fn due_invoices(
        &self,
        tenant: &TenantId,
        now: DateTime<Utc>,
    ) -> Result<Vec<Invoice>, ServerStoreError> {
        self.read(tenant, move |db, tenant| invoices::due(db, tenant, now))
            .await
    }
}
