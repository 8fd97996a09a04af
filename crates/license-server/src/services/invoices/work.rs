//! The periodic work of invoices: interrupted licenses, due dates and reminders.

use chrono::TimeDelta;
use license_core::time::saturating_add;
use serde_json::json;

use super::{InvoiceService, mails};
use crate::domain::{Actor, Invoice, InvoiceChange, InvoiceState, Refusal};

/// How long a license or a reminder waits after a failure.
const RETRY: TimeDelta = TimeDelta::minutes(10);

/// The number of invoices that the store returns at once.
const AT_ONCE: usize = 100;

impl InvoiceService {
    /// Issues licenses whose issue was interrupted, records that due dates have passed, and reminds
    /// customers. The server calls it once a minute. Nothing here takes a license away.
    ///
    /// # Errors
    ///
    /// Returns a refusal if the store fails. The next call continues.
    pub async fn work(&self) -> Result<(), Refusal> {
        let site = &self.site;
        if site.vendor.is_none() {
            return Ok(());
        }
        loop {
            let due = site.store.due_invoices(&site.tenant, site.wall()).await?;
            for invoice in &due {
                self.work_on(invoice).await?;
            }
            if due.len() < AT_ONCE {
                return Ok(());
            }
        }
    }

    async fn work_on(&self, invoice: &Invoice) -> Result<(), Refusal> {
        // Whatever the result is, the next attempt waits. A change that succeeds sets another time.
        self.postpone(invoice).await?;
        if invoice.needs_license() {
            self.with_license(&Actor::Server, invoice.clone()).await;
            return Ok(());
        }
        if invoice.state == InvoiceState::Issued {
            let (id, change) = (&invoice.id, InvoiceChange::Overdue);
            self.try_change(&Actor::Server, "invoice.overdue", id, change, json!({}))
                .await?;
            return Ok(());
        }
        let due = self.settings.reminders.due_after(invoice, self.site.wall());
        match due {
            Some(days) => self.remind(invoice, days).await,
            None => Ok(()),
        }
    }

    /// Reminds a customer, with the invoice as PDF. The reminder is recorded after the mail server
    /// has accepted the mail. A customer without an address is recorded too, for those who follow
    /// the events.
    async fn remind(&self, invoice: &Invoice, days: u32) -> Result<(), Refusal> {
        let pdf = self.pdf(&invoice.id).await.ok();
        let sent = mails::remind(&self.site, invoice, pdf).await;
        if sent == Some(false) {
            return Ok(());
        }
        let details = json!({ "days": days, "mailed": sent == Some(true) });
        let change = InvoiceChange::Remind(days);
        self.try_change(
            &Actor::Server,
            "invoice.remind",
            &invoice.id,
            change,
            details,
        )
        .await?;
        Ok(())
    }

    async fn postpone(&self, invoice: &Invoice) -> Result<(), Refusal> {
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        let until = saturating_add(self.site.wall(), RETRY);
        Ok(store.postpone_invoice(tenant, &invoice.id, until).await?)
    }
}
