//! Issuing of licenses with the ledger and the key of the vendor.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use license_core::claims::LicenseClaims;
use license_core::encoding::hex;
use license_core::issue::{Confirmation, LicenseDraft, VerifyingSigner};
use license_core::{FeatureMatrix, LicenseId, TrustSet, Unverified};
use license_issuer::delivery::{ArtifactDestination, StreamDelivery};
use license_issuer::ledger::sqlite::LedgerFile;
use license_issuer::ledger::{LedgerEntry, LedgerReader};
use license_issuer::services::active_licenses::ActiveLicenses;
use license_issuer::services::issue::{
    DraftContext, IssueError, IssueRequest, IssueService, Mode, own_trust_set,
};
use license_issuer::services::licenses::{LicenseOrder, SignedLicense};
use license_issuer::services::server_keys::{
    self, CertifiedServer, ServerKeyHolders, refuse_vendor_key,
};
use license_issuer::services::warnings::IssueWarning;
use serde_json::Value;

use super::changes::{OrderWarning, warnings};
use super::ledger::{VendorLedger, add_originator, check_clock};
use super::orders::IssueOrder;
use super::refusals::{OrderError, failed_task, ledger_refused, not_issued, server_key_refused};
use super::{RequestId, ledger, terms};
use crate::domain::{Actor, Refusal, RefusalKind};
use crate::services::site::Site;

/// A license that was issued, or would be issued without a dry run.
#[derive(Clone, Debug)]
pub struct IssuedLicense {
    /// The license id. A dry run has a new one each time.
    pub id: LicenseId,
    /// The license key.
    pub key: Option<String>,
    /// The claims of the license.
    pub claims: Value,
    /// The license file. A dry run has none.
    pub file: Option<String>,
    /// The changes of a license that replaces another one, apart from the losses.
    pub changes: Vec<String>,
    /// The content that the customer loses.
    pub losses: Vec<String>,
    /// Warnings about an order that is probably a mistake.
    pub warnings: Vec<OrderWarning>,
    /// Whether the ledger had the license of this request already.
    pub repeated: bool,
}

/// Issues a license.
pub(super) async fn issue(
    site: &Site,
    actor: &Actor,
    order: IssueOrder,
    request: Option<RequestId>,
) -> Result<IssuedLicense, Refusal> {
    let mode = Mode::new(order.dry_run);
    let certificate = CertifiedKey::new(site, order.server_request.clone())?;
    issue_order(site, actor, request, mode, move |context| {
        let draft = terms::draft(&order, context.matrix, context.now)?;
        let mut license = LicenseOrder::new(draft, context.matrix);
        certificate.apply(&mut license, context.ledger)?;
        if let Some(ledger) = context.ledger {
            let (customer, product) = (license.draft.customer.as_str(), context.matrix.product());
            let active = ActiveLicenses::read(ledger, Some(customer), product, context.now);
            let warning = active.map_err(ledger_refused)?.warning(customer);
            license.warnings.extend(warning);
        }
        Ok(license)
    })
    .await
}

/// The context in which an order is made.
pub(super) struct OrderContext<'c, 'm> {
    pub(super) matrix: &'m FeatureMatrix,
    pub(super) ledger: Option<&'c dyn LedgerReader>,
    /// The keys that verify the licenses of the ledger.
    pub(super) keys: &'c TrustSet,
    pub(super) now: DateTime<Utc>,
}

/// Issues the license of an order, and lets the database copy it.
///
/// An order with a request id has an order id in the ledger. A repetition therefore gets the
/// license of the first request, even if the server was killed before it answered.
pub(super) async fn issue_order(
    site: &Site,
    actor: &Actor,
    request: Option<RequestId>,
    mode: Mode,
    order: impl for<'c, 'm> Fn(&OrderContext<'c, 'm>) -> Result<LicenseOrder<'m>, Refusal>
    + Send
    + 'static,
) -> Result<IssuedLicense, Refusal> {
    let vendor = ledger(site)?;
    let matrix = Arc::clone(&site.matrix);
    let work = OrderWork {
        actor: actor.clone(),
        order_id: request.map(|RequestId(id)| hex::encode(&id)),
        keys: site.content().keys().joined(&vendor.keys()),
        mode,
    };
    let issued = if mode.is_dry_run() {
        let shared = Arc::clone(vendor);
        let task = tokio::task::spawn_blocking(move || {
            let file = LedgerFile::new(shared.path());
            work.run(&shared, file, &matrix, &order)
        });
        task.await.unwrap_or_else(|_| Err(failed_task()))?
    } else {
        let write = move |vendor: &VendorLedger, file| work.run(vendor, file, &matrix, &order);
        vendor.write(write).await?
    };
    if !mode.is_dry_run() {
        copy_now(site).await;
    }
    Ok(issued)
}

/// Copies the ledger after a change. A copy that fails is made by the next tick.
pub(super) async fn copy_now(site: &Site) {
    if let Err(refusal) = super::refresh(site).await {
        tracing::warn!(
            code = refusal.code,
            detail = refusal.detail,
            "the ledger is copied later"
        );
    }
}

/// The work of an order on a thread for blocking work.
struct OrderWork {
    actor: Actor,
    order_id: Option<String>,
    keys: TrustSet,
    mode: Mode,
}

impl OrderWork {
    fn run(
        &self,
        vendor: &VendorLedger,
        file: LedgerFile,
        matrix: &FeatureMatrix,
        order: &impl for<'c, 'm> Fn(&OrderContext<'c, 'm>) -> Result<LicenseOrder<'m>, Refusal>,
    ) -> Result<IssuedLicense, Refusal> {
        let request = IssueRequest {
            draft: &|context: &DraftContext<'_, VerifyingSigner>| {
                self.check(context)?;
                let order_context = OrderContext {
                    matrix,
                    ledger: context.ledger,
                    keys: &self.keys,
                    now: context.now,
                };
                let mut order = order(&order_context)?;
                self.refuse_vendor_key(&order, context)?;
                let members = &mut order.members;
                add_originator(members, &self.actor);
                if let Some(id) = &self.order_id {
                    members.insert("order".to_owned(), id.as_str().into());
                }
                Ok(order)
            },
            signer: vendor,
            destination: ArtifactDestination::Stream,
            delivery: &mut StreamDelivery::new("the response".as_ref(), || {
                Ok(Box::new(std::io::sink()))
            }),
            render: &|_, signed: &SignedLicense| Ok(signed.file.clone().into_bytes()),
        };
        let report = IssueService::new(Some(file)).issue(request, self.mode);
        match report {
            Ok(report) => described(&report.draft, report.signed),
            Err(IssueError::Request(OrderError::Repeated(entry))) => self.repeated(&entry),
            Err(error) => Err(not_issued(error)),
        }
    }

    /// Refuses a clock that contradicts the ledger, and an order that the ledger has already.
    fn check(&self, context: &DraftContext<'_, VerifyingSigner>) -> Result<(), OrderError> {
        check_clock(context.ledger, context.now)?;
        let (Some(ledger), Some(id)) = (context.ledger, &self.order_id) else {
            return Ok(());
        };
        match ledger.license_of_order(id).map_err(ledger_refused)? {
            Some(entry) => Err(OrderError::Repeated(Box::new(entry))),
            None => Ok(()),
        }
    }

    /// Refuses to certify a key that signs licenses.
    fn refuse_vendor_key(
        &self,
        order: &LicenseOrder<'_>,
        context: &DraftContext<'_, VerifyingSigner>,
    ) -> Result<(), Refusal> {
        let Some(server) = order.draft.confirmation.as_ref().map(Confirmation::key) else {
            return Ok(());
        };
        let own = context.signer.and_then(|key| own_trust_set(key).ok());
        let keys = self.keys.joined(&own.unwrap_or_default());
        refuse_vendor_key(server, &keys).map_err(|error| server_key_refused(&error))
    }

    /// Returns the license of an earlier request.
    fn repeated(&self, entry: &LedgerEntry) -> Result<IssuedLicense, Refusal> {
        let token = Unverified::parse(&entry.artifact).map_err(|_| failed_task())?;
        let license = token.verify(&self.keys).map_err(|_| failed_task())?;
        let claims = license.claims();
        Ok(IssuedLicense {
            id: claims.id.clone(),
            key: license.standard_key().map(|key| key.to_string()),
            claims: serde_json::to_value(claims).map_err(|_| failed_task())?,
            file: Some(token.to_armor()),
            changes: Vec::new(),
            losses: Vec::new(),
            warnings: Vec::new(),
            repeated: true,
        })
    }
}

/// Describes the license of an order.
fn described(
    order: &LicenseOrder<'_>,
    signed: Option<SignedLicense>,
) -> Result<IssuedLicense, Refusal> {
    let unsigned;
    let claims: &LicenseClaims = match &signed {
        Some(signed) => signed.license.claims(),
        None => {
            let read = order.draft.read_back();
            unsigned = read.map_err(|error| {
                let detail = license_core::with_causes(&error).to_string();
                Refusal::of_license(RefusalKind::BadRequest, error.code(), detail)
            })?;
            &unsigned
        }
    };
    let license = signed.as_ref().map(|signed| &signed.license);
    let key = license.and_then(|license| license.standard_key());
    Ok(IssuedLicense {
        id: claims.id.clone(),
        key: key.map(|key| key.to_string()),
        claims: serde_json::to_value(claims).map_err(|_| failed_task())?,
        changes: order.notes.clone(),
        losses: order.losses.clone().unwrap_or_default(),
        warnings: warnings(&order.warnings),
        repeated: false,
        file: signed.map(|signed| signed.file),
    })
}

/// The license server whose key a license certifies.
pub(super) struct CertifiedKey {
    /// The current key of this server.
    own: Confirmation,
    /// The ids of all keys of this server.
    own_keys: Vec<String>,
    server: Option<CertifiedServer>,
}

impl CertifiedKey {
    /// Returns the certificate for a customer's server with a request, or for this server.
    pub(super) fn new(site: &Site, request: Option<String>) -> Result<Self, Refusal> {
        let product = site.matrix.product();
        let server = request.map(|text| CertifiedServer::parse(&text, product));
        let server = server.transpose();
        let own =
            Confirmation::try_from(site.signer.public().to_jwk()).map_err(|_| failed_task())?;
        let own_keys = site.signer.keys().into_iter();
        Ok(Self {
            own,
            own_keys: own_keys.map(|key| key.id().to_string()).collect(),
            server: server.map_err(|error| server_key_refused(&error))?,
        })
    }

    /// Certifies the server in the draft of a license. A license that certifies the server of a
    /// customer keeps it, unless the order names another one.
    pub(super) fn apply(
        &self,
        order: &mut LicenseOrder<'_>,
        ledger: Option<&dyn LedgerReader>,
    ) -> Result<(), Refusal> {
        let Some(server) = &self.server else {
            if self.replaces(&order.draft) {
                order.draft.confirmation = Some(self.own.clone());
            }
            return Ok(());
        };
        order.draft.confirmation = Some(server.confirmation().clone());
        if let Some(name) = server.name() {
            let members = &mut order.members;
            members.insert("server_name".to_owned(), name.into());
        }
        let holders = ledger.map(ServerKeyHolders::read).transpose();
        let holders = holders.map_err(ledger_refused)?.unwrap_or_default();
        let found: Vec<IssueWarning> =
            server_keys::warnings(server, &order.draft.customer, &holders);
        order.warnings.extend(found);
        Ok(())
    }

    /// Returns whether the draft certifies no server, or an earlier key of this server.
    fn replaces(&self, draft: &LicenseDraft) -> bool {
        let certified = draft.confirmation.as_ref().map(Confirmation::key);
        certified.is_none_or(|key| self.own_keys.iter().any(|own| own == key.id().as_str()))
    }
}
