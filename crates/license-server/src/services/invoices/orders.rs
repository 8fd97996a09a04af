//! The license that a customer gets with an invoice.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use super::{InvoiceService, mails};
use crate::domain::{Actor, Invoice, InvoiceChange, Refusal, TrialId};
use crate::log_limit;
use crate::services::people::{bad_request, not_found};
use crate::services::vendor::{IssueOrder, IssuedLicense, RenewOrder, RequestId};

/// The license that a customer gets with an invoice: a new one, the paid license after a trial, or
/// the renewal of a license.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum InvoiceOrder {
    /// A new license.
    #[schema(title = "issue")]
    Issue {
        /// The license.
        order: IssueOrder,
    },
    /// The paid license that replaces a trial.
    #[schema(title = "convert")]
    Convert {
        /// The id of the trial.
        trial: String,
        /// The license.
        order: IssueOrder,
    },
    /// The renewal of a license.
    #[schema(title = "renew")]
    Renew {
        /// The id of the license.
        license: String,
        /// The renewal.
        order: RenewOrder,
    },
}

impl InvoiceOrder {
    fn with_dry_run(&self, is_dry: bool) -> Self {
        let mut order = self.clone();
        match &mut order {
            Self::Issue { order } | Self::Convert { order, .. } => order.dry_run = is_dry,
            Self::Renew { order, .. } => order.dry_run = is_dry,
        }
        order
    }

    /// Returns the order as a dry run.
    pub(super) fn for_trial(&self) -> Self {
        self.with_dry_run(true)
    }

    /// Returns the order as it is stored.
    pub(super) fn stored(&self) -> Result<Value, Refusal> {
        let stored = serde_json::to_value(self.with_dry_run(false));
        stored.map_err(|_| bad_request("`license` cannot be stored"))
    }
}

impl InvoiceService {
    /// Issues the license of an order, or tries to with a dry run.
    pub(super) async fn place(
        &self,
        actor: &Actor,
        order: InvoiceOrder,
        request: Option<RequestId>,
    ) -> Result<IssuedLicense, Refusal> {
        match order {
            InvoiceOrder::Issue { order } => self.vendor.issue(actor, order, request).await,
            InvoiceOrder::Convert { trial, order } => {
                let id = TrialId::parse(&trial).ok_or_else(|| not_found("trial"))?;
                let converted = self.trials.convert(actor, &id, order, request).await?;
                Ok(converted.license)
            }
            InvoiceOrder::Renew { license, order } => {
                let id = license.parse().map_err(|_| not_found("license"))?;
                self.vendor.renew(actor, &id, order, request).await
            }
        }
    }

    /// Issues the license of an invoice that needs one, and returns the invoice. A license that
    /// cannot be issued now is issued by the periodic work.
    pub(super) async fn with_license(&self, actor: &Actor, invoice: Invoice) -> Invoice {
        match self.license(actor, &invoice).await {
            Ok(Some(licensed)) => licensed,
            Ok(None) => invoice,
            Err(refusal) => {
                if let Some(repeated) = log_limit::pass("invoice") {
                    let (code, detail) = (refusal.code, refusal.detail);
                    let invoice = invoice.id.as_str();
                    tracing::warn!(
                        code,
                        detail,
                        invoice,
                        repeated,
                        "the license of an invoice is issued later"
                    );
                }
                invoice
            }
        }
    }

    /// Issues the license of an invoice that needs one.
    ///
    /// The id of the invoice is the number of the order in the ledger, so that a repetition after
    /// an interruption gets the same license.
    async fn license(&self, actor: &Actor, invoice: &Invoice) -> Result<Option<Invoice>, Refusal> {
        let Some(order) = invoice.order.as_ref().filter(|_| invoice.needs_license()) else {
            return Ok(None);
        };
        let order = serde_json::from_value(order.clone());
        let order = order.map_err(|_| bad_request("the stored order cannot be read"))?;
        let issued = self.place(actor, order, Some(request_of(invoice))).await?;
        let change = InvoiceChange::License(issued.id);
        let details = serde_json::json!({});
        let licensed = self.try_change(actor, "invoice.license", &invoice.id, change, details);
        let licensed = licensed.await?;
        if let Some(licensed) = &licensed {
            mails::license(
                &self.site,
                licensed,
                issued.file.as_deref().unwrap_or_default(),
            );
        }
        Ok(licensed)
    }
}

/// Returns the number of the order of an invoice in the ledger.
pub(super) fn request_of(invoice: &Invoice) -> RequestId {
    RequestId(Sha256::digest(format!("invoice {}", invoice.id)).into())
}
