//! Invoices of a vendor: drafts, numbers, payments, and the licenses that follow from them.

mod mails;
mod orders;
mod payments;
mod pdf;
mod work;

use std::sync::Arc;

use chrono::NaiveDate;
use serde_json::{Value, json};

pub use orders::InvoiceOrder;
pub use payments::NewPayment;

use super::people::{bad_request, not_found};
use super::site::{Site, random};
use super::trials::{TrialService, checked_reason};
use super::vendor::{self, VendorService};
use crate::domain::{
    Actor, Invoice, InvoiceChange, InvoiceContent, InvoiceFault, InvoiceId, InvoiceKind,
    InvoiceState, LegalEntity, Page, PageRequest, Refusal, RefusalKind, ReminderDays, ServerCode,
};

/// The settings of invoices.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InvoiceSettings {
    /// The legal entities that issue invoices.
    pub entities: Vec<LegalEntity>,
    /// When customers are reminded after the due date.
    pub reminders: ReminderDays,
}

/// An invoice to draft.
#[derive(Clone, Debug)]
pub struct NewInvoice {
    /// The code of the legal entity.
    pub entity: String,
    /// The lines of the invoice, and its customer.
    pub content: InvoiceContent,
    /// The license that the customer gets.
    pub order: Option<InvoiceOrder>,
}

/// A PDF with the name of its file.
#[derive(Clone, Debug)]
pub struct InvoicePdf {
    /// The name, such as `DE-2027-00042.pdf`.
    pub name: String,
    /// The content.
    pub content: Vec<u8>,
}

/// Drafts, issues and settles invoices.
#[derive(Clone)]
pub struct InvoiceService {
    site: Arc<Site>,
    settings: Arc<InvoiceSettings>,
    vendor: VendorService,
    trials: TrialService,
}

impl InvoiceService {
    pub(super) fn new(
        site: Arc<Site>,
        settings: InvoiceSettings,
        vendor: VendorService,
        trials: TrialService,
    ) -> Self {
        Self {
            site,
            settings: Arc::new(settings),
            vendor,
            trials,
        }
    }

    /// Returns the legal entities that issue invoices.
    pub fn entities(&self) -> &[LegalEntity] {
        &self.settings.entities
    }

    /// Drafts an invoice. The order of a license is checked against the ledger.
    ///
    /// # Errors
    ///
    /// Returns `WRONG_ROLE` on a site server, `BAD_REQUEST` for a value that is not accepted, and
    /// the refusal of the order.
    pub async fn create(&self, actor: &Actor, new: NewInvoice) -> Result<Invoice, Refusal> {
        let (content, order) = self.checked(actor, &new).await?;
        let site = &self.site;
        let now = site.wall();
        let invoice = Invoice {
            id: InvoiceId::new(now, random()?),
            kind: InvoiceKind::Invoice,
            state: InvoiceState::Draft,
            entity: new.entity,
            number: None,
            content,
            seller: None,
            order,
            is_activated: false,
            license: None,
            created_at: now,
            created_by: actor.to_string(),
            issued_on: None,
            due_on: None,
            paid_on: None,
            payments: Vec::new(),
            sent_at: None,
            reminded: None,
            credits: None,
            credited_by: None,
            next_at: None,
        };
        let audit = site.audit(actor, "invoice.create", invoice.id.as_str(), json!({}));
        let created = site
            .store
            .create_invoice(&site.tenant, invoice.clone(), audit);
        created.await?;
        Ok(invoice)
    }

    /// Replaces the content of a draft.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`create`](Self::create), `NOT_FOUND` for an unknown invoice, and
    /// `INVOICE_STATE` for one that was issued.
    pub async fn update(
        &self,
        actor: &Actor,
        id: &InvoiceId,
        new: NewInvoice,
    ) -> Result<Invoice, Refusal> {
        self.get(id).await?;
        let (content, order) = self.checked(actor, &new).await?;
        let change = InvoiceChange::Draft {
            entity: new.entity,
            content: Box::new(content),
            order,
        };
        self.change(actor, "invoice.change", id, change, json!({}))
            .await
    }

    async fn checked(
        &self,
        actor: &Actor,
        new: &NewInvoice,
    ) -> Result<(InvoiceContent, Option<Value>), Refusal> {
        vendor::ledger(&self.site)?;
        self.entity(&new.entity)?;
        let content = new
            .content
            .clone()
            .checked()
            .map_err(|fault| refused(&fault))?;
        check_printable(&content)?;
        let order = match &new.order {
            None => None,
            Some(order) => {
                self.place(actor, order.for_trial(), None).await?;
                Some(order.stored()?)
            }
        };
        Ok((content, order))
    }

    /// Returns the legal entity with a code.
    fn entity(&self, code: &str) -> Result<&LegalEntity, Refusal> {
        let mut entities = self.settings.entities.iter();
        entities.find(|entity| entity.code == code).ok_or_else(|| {
            let codes = self
                .settings
                .entities
                .iter()
                .map(|entity| entity.code.as_str());
            let codes = codes.collect::<Vec<_>>().join(", ");
            let expected = match codes.as_str() {
                "" => "a legal entity, but the server knows none".to_owned(),
                codes => codes.to_owned(),
            };
            bad_request("`entity` is not a legal entity of the vendor")
                .values(expected, "another code")
                .hint("the setting invoice_entities names the file with the legal entities")
        })
    }

    /// Deletes a draft.
    ///
    /// # Errors
    ///
    /// Returns `NOT_FOUND` for an unknown invoice, and `INVOICE_STATE` for one that was issued.
    pub async fn delete(&self, actor: &Actor, id: &InvoiceId) -> Result<(), Refusal> {
        let invoice = self.get(id).await?;
        let site = &self.site;
        let audit = site.audit(actor, "invoice.delete", id.as_str(), json!({}));
        if site.store.delete_invoice(&site.tenant, id, audit).await? {
            return Ok(());
        }
        Err(wrong_state(invoice.state, "only a draft can be deleted"))
    }

    /// Issues a draft today. It gets the next number of its legal entity and year.
    ///
    /// # Errors
    ///
    /// Returns `NOT_FOUND` for an unknown invoice, and `INVOICE_STATE` for one that is no draft.
    pub async fn issue(&self, actor: &Actor, id: &InvoiceId) -> Result<Invoice, Refusal> {
        let invoice = self.get(id).await?;
        let change = InvoiceChange::Issue {
            seller: Box::new(self.entity(&invoice.entity)?.clone()),
            on: self.today(),
        };
        self.change(actor, "invoice.issue", id, change, json!({}))
            .await
    }

    /// Decides that the license of an invoice is issued before the payment, and issues it.
    ///
    /// # Errors
    ///
    /// Returns `NOT_FOUND` for an unknown invoice, `INVOICE_STATE` for one without a license to
    /// issue, and `BAD_REQUEST` without a reason.
    pub async fn activate(
        &self,
        actor: &Actor,
        id: &InvoiceId,
        reason: &str,
    ) -> Result<Invoice, Refusal> {
        let details = json!({ "reason": checked_reason(reason)? });
        self.get(id).await?;
        let change = InvoiceChange::Activate;
        let changed = self
            .change(actor, "invoice.activate", id, change, details)
            .await?;
        Ok(self.with_license(actor, changed).await)
    }

    /// Marks an invoice as issued by mistake. Its number stays.
    ///
    /// # Errors
    ///
    /// Returns `NOT_FOUND` for an unknown invoice, `INVOICE_STATE` for one that was sent or partly
    /// paid or whose license was issued, and `BAD_REQUEST` without a reason.
    pub async fn void(
        &self,
        actor: &Actor,
        id: &InvoiceId,
        reason: &str,
    ) -> Result<Invoice, Refusal> {
        let details = json!({ "reason": checked_reason(reason)? });
        self.get(id).await?;
        self.change(actor, "invoice.void", id, InvoiceChange::Void, details)
            .await
    }

    /// Cancels an invoice with a credit note, which gets a number of its own. The license of the
    /// customer stays until somebody revokes it.
    ///
    /// # Errors
    ///
    /// Returns `NOT_FOUND` for an unknown invoice, `INVOICE_STATE` for one that cannot be canceled,
    /// and `BAD_REQUEST` without a reason.
    pub async fn credit(
        &self,
        actor: &Actor,
        id: &InvoiceId,
        reason: &str,
    ) -> Result<Invoice, Refusal> {
        let details = json!({ "reason": checked_reason(reason)? });
        self.get(id).await?;
        let change = InvoiceChange::Credit {
            note: InvoiceId::new(self.site.wall(), random()?),
            on: self.today(),
        };
        self.change(actor, "invoice.credit", id, change, details)
            .await
    }

    /// Returns an invoice or a credit note.
    ///
    /// # Errors
    ///
    /// Returns `NOT_FOUND` if there is none.
    pub async fn get(&self, id: &InvoiceId) -> Result<Invoice, Refusal> {
        let found = self.site.store.invoice(&self.site.tenant, id).await?;
        found.ok_or_else(|| not_found("invoice"))
    }

    /// Returns invoices and credit notes, the newest first.
    ///
    /// # Errors
    ///
    /// Returns a refusal if the store cannot be read.
    pub async fn list(
        &self,
        state: Option<InvoiceState>,
        page: &PageRequest,
    ) -> Result<Page<Invoice>, Refusal> {
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        Ok(store.invoices(tenant, state, page).await?)
    }

    /// Returns an invoice as PDF.
    ///
    /// # Errors
    ///
    /// Returns `NOT_FOUND` for an unknown invoice, and a refusal if the document cannot be written.
    pub async fn pdf(&self, id: &InvoiceId) -> Result<InvoicePdf, Refusal> {
        let invoice = self.get(id).await?;
        let canceled = match &invoice.credits {
            Some(id) => self.get(id).await?.number_text(),
            None => None,
        };
        let seller = match &invoice.seller {
            Some(seller) => seller.clone(),
            None => self.entity(&invoice.entity)?.clone(),
        };
        let name = invoice.number_text();
        let name = format!("{}.pdf", name.as_deref().unwrap_or("draft"));
        let render = move || pdf::render(&invoice, &seller, canceled.as_deref());
        let content = tokio::task::spawn_blocking(render).await;
        let failed = |_| {
            let detail = "the server has failed";
            Refusal::new(RefusalKind::Internal, ServerCode::StorageFailed, detail)
        };
        let content = content.map_err(failed)??;
        Ok(InvoicePdf { name, content })
    }

    fn today(&self) -> NaiveDate {
        self.site.wall().date_naive()
    }

    async fn change(
        &self,
        actor: &Actor,
        action: &'static str,
        id: &InvoiceId,
        change: InvoiceChange,
        details: Value,
    ) -> Result<Invoice, Refusal> {
        match self.try_change(actor, action, id, change, details).await? {
            Some(invoice) => Ok(invoice),
            None => Err(not_permitted(&self.get(id).await?)),
        }
    }

    async fn try_change(
        &self,
        actor: &Actor,
        action: &'static str,
        id: &InvoiceId,
        change: InvoiceChange,
        details: Value,
    ) -> Result<Option<Invoice>, Refusal> {
        let site = &self.site;
        let audit = site.audit(actor, action, id.as_str(), details);
        let days = self.settings.reminders.clone();
        let changed = site
            .store
            .change_invoice(&site.tenant, id, change, days, audit);
        Ok(changed.await?)
    }
}

fn not_permitted(invoice: &Invoice) -> Refusal {
    let detail = "the state of the invoice does not permit the change";
    wrong_state(invoice.state, detail)
}

fn wrong_state(state: InvoiceState, detail: &str) -> Refusal {
    Refusal::new(RefusalKind::Conflict, ServerCode::InvoiceState, detail)
        .values("another state", state.as_str())
        .hint("docs/invoices.md shows the states and their changes")
}

fn refused(fault: &InvoiceFault) -> Refusal {
    let detail = format!("`{}` is not accepted", fault.member);
    bad_request(detail).values(&fault.expected, "another value")
}

/// Refuses a text that the PDF cannot show.
fn check_printable(content: &InvoiceContent) -> Result<(), Refusal> {
    let buyer = &content.buyer;
    let lines = content.lines.iter().map(|line| &line.description);
    let taxes = content.taxes.iter().map(|tax| &tax.label);
    let optional = [&buyer.tax_id, &content.purchase_order, &content.note];
    let texts = [&buyer.name].into_iter().chain(&buyer.address);
    let texts = texts.chain(lines).chain(taxes);
    let mut texts = texts.chain(optional.into_iter().flatten());
    match texts.find_map(|text| pdf::unprintable(text)) {
        None => Ok(()),
        Some(character) => Err(bad_request("the PDF cannot show all characters").values(
            "Latin, Greek and Cyrillic letters",
            format!("U+{:04X}", u32::from(character)),
        )),
    }
}

#[cfg(test)]
mod tests;
