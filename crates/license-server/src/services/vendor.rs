//! The services of a vendor's server, which issues licenses with the vendor's ledger and key.
//!
//! The ledger is the truth: a change is recorded there first, and the database copies it
//! afterwards. Everything that reads or writes the ledger, or signs with the vendor's key, runs on
//! threads for blocking work.

mod activation;
mod changes;
mod copy;
mod files;
mod issue;
mod kinds;
mod ledger;
mod ledger_files;
mod lists;
mod orders;
mod reassign;
mod refusals;
mod revoke;
mod standing;
pub(super) mod subscribed;
pub(super) mod subscriptions;
mod successor;
mod terms;
mod trials;

use std::path::PathBuf;
use std::sync::Arc;

use license_core::issue::VerifyingSigner;
use license_core::{FeatureMatrix, LicenseId};
use license_issuer::services::issue::Mode;

pub use changes::{ReinstatementResult, RevocationResult};
pub use issue::IssuedLicense;
pub use ledger_files::{LedgerCopyFile, LedgerImport, LedgerLines, LedgerReport, LedgerState};
pub use orders::{
    ContentChanges, IssueOrder, ReassignOrder, ReinstateOrder, RenewOrder, RevokeOrder,
    UpgradeOrder,
};

use super::site::Site;
use crate::domain::{Actor, Refusal, RefusalKind, ServerCode};

pub(super) use activation::{deactivate, request};
pub(super) use copy::{copy_changes, refresh};
pub(super) use files::file;
pub(super) use ledger::VendorLedger;
pub(super) use standing::{Standing, standing};
pub(super) use terms::machine;
pub(super) use trials::{convert_trial, extend_trial, issue_trial, used as trial_used};

/// The ledger and the key of a vendor.
pub struct VendorConfig {
    /// The file of the ledger, which `keygen` uses as well.
    pub ledger: PathBuf,
    /// The key that signs licenses, activations and revocation lists.
    pub key: VerifyingSigner,
}

/// The role of a server.
pub enum ServerRole {
    /// The server of a customer, which has the licenses that the vendor sold to the site.
    Site,
    /// The server of the vendor, which has the licenses of the ledger.
    Vendor(Box<VendorConfig>),
    /// A command at the console of a vendor's server. It does not open the vendor's key.
    VendorConsole,
    /// Another organization on the server of the vendor. It has no licenses, because those of the
    /// ledger belong to the organization of the vendor.
    BesideVendor,
}

/// A number that identifies a request, so that a repetition gets the license of the first one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestId(pub [u8; 32]);

/// Issues, changes, revokes and finds the licenses of the ledger.
#[derive(Clone)]
pub struct VendorService {
    site: Arc<Site>,
}

impl VendorService {
    pub(super) fn new(site: Arc<Site>) -> Self {
        Self { site }
    }

    /// Returns the feature matrix of the product.
    pub fn matrix(&self) -> &FeatureMatrix {
        &self.site.matrix
    }

    /// Issues a license that certifies the key of this server, or the key of a customer's server.
    ///
    /// # Errors
    ///
    /// Returns `BAD_REQUEST` if the order is not acceptable, `WRONG_CLOCK` if the clock contradicts
    /// the ledger, `BUSY` if the ledger is locked, and `WRONG_ROLE` on a site server.
    pub async fn issue(
        &self,
        actor: &Actor,
        order: IssueOrder,
        request: Option<RequestId>,
    ) -> Result<IssuedLicense, Refusal> {
        issue::issue(&self.site, actor, order, request).await
    }

    /// Issues the renewal of a license.
    ///
    /// # Errors
    ///
    /// Returns `NOT_FOUND` if the ledger does not have the license, `REVOKED`, `SUPERSEDED` or
    /// `RENEWED` if the license cannot be replaced, `LOSS` if the customer would lose something,
    /// and the errors of [`issue`](Self::issue).
    pub async fn renew(
        &self,
        actor: &Actor,
        license: &LicenseId,
        order: RenewOrder,
        request: Option<RequestId>,
    ) -> Result<IssuedLicense, Refusal> {
        successor::renew(&self.site, actor, license, order, request).await
    }

    /// Issues a license that replaces another one at once, with more content.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`renew`](Self::renew).
    pub async fn upgrade(
        &self,
        actor: &Actor,
        license: &LicenseId,
        order: UpgradeOrder,
        request: Option<RequestId>,
    ) -> Result<IssuedLicense, Refusal> {
        successor::upgrade(&self.site, actor, license, order, request).await
    }

    /// Issues a license in which another user takes the place of a named one.
    ///
    /// # Errors
    ///
    /// Returns `BAD_REQUEST` if the license does not name the user, `COOL_DOWN` if the user cannot
    /// be replaced yet, `EXPIRED` if the license has ended, and the errors of
    /// [`renew`](Self::renew).
    pub async fn reassign(
        &self,
        actor: &Actor,
        license: &LicenseId,
        order: ReassignOrder,
        request: Option<RequestId>,
    ) -> Result<IssuedLicense, Refusal> {
        reassign::reassign(&self.site, actor, license, order, request).await
    }

    /// Revokes a license, and signs a new revocation list.
    ///
    /// # Errors
    ///
    /// Returns `NOT_FOUND` if the ledger does not have the license, `INVALID_REASON` without a
    /// reason, and the errors of [`issue`](Self::issue).
    pub async fn revoke(
        &self,
        actor: &Actor,
        license: &LicenseId,
        order: RevokeOrder,
    ) -> Result<RevocationResult, Refusal> {
        revoke::revoke(&self.site, actor, license, order).await
    }

    /// Reinstates a revoked license, and signs a new revocation list.
    ///
    /// # Errors
    ///
    /// Returns `RENEWED` if the customer would have two valid successors of one license, and the
    /// errors of [`revoke`](Self::revoke).
    pub async fn reinstate(
        &self,
        actor: &Actor,
        license: &LicenseId,
        order: ReinstateOrder,
    ) -> Result<ReinstatementResult, Refusal> {
        revoke::reinstate(&self.site, actor, license, order).await
    }

    /// Returns the entries of the ledger after the one with a number, as JSON with one a line.
    /// Returns `None` after the last entry.
    ///
    /// # Errors
    ///
    /// Returns `WRONG_ROLE` on a site server, and other refusals if the ledger cannot be read.
    pub async fn ledger_lines(&self, after: i64) -> Result<Option<LedgerLines>, Refusal> {
        ledger_files::lines(&self.site, after).await
    }

    /// Copies the ledger file, as `keygen ledger backup` does.
    ///
    /// # Errors
    ///
    /// Returns `WRONG_ROLE` on a site server, and `STORAGE_FAILED` if the copy cannot be written.
    pub async fn copy_ledger_file(&self) -> Result<LedgerCopyFile, Refusal> {
        ledger_files::copy_file(&self.site).await
    }

    /// Returns the number of entries of the ledger and the hash of the last one, without a
    /// verification.
    ///
    /// # Errors
    ///
    /// Returns `WRONG_ROLE` on a site server, and other refusals if the ledger cannot be read.
    pub async fn ledger_state(&self) -> Result<LedgerState, Refusal> {
        ledger_files::state(&self.site).await
    }

    /// Verifies the hash chain of the ledger.
    ///
    /// # Errors
    ///
    /// Returns `WRONG_ROLE` on a site server, and other refusals if the ledger cannot be read.
    pub async fn verify_ledger(&self) -> Result<LedgerReport, Refusal> {
        ledger_files::verify(&self.site).await
    }

    /// Records what the ledger does not have of a ledger file, an export, or license files. All of
    /// it is verified first.
    ///
    /// # Errors
    ///
    /// Returns `BROKEN_CHAIN` if the chain of a ledger file is damaged, `CONTRADICTION` if the
    /// ledger has another license with the same id, the codes of the library if a signature does
    /// not verify, `WRONG_ROLE` on a site server, and the errors of [`issue`](Self::issue).
    pub async fn import_ledger(
        &self,
        actor: &Actor,
        content: Vec<u8>,
        mode: Mode,
    ) -> Result<LedgerImport, Refusal> {
        ledger_files::import(&self.site, actor, content, mode).await
    }

    /// Returns the file of a license of the ledger.
    ///
    /// # Errors
    ///
    /// Returns `NOT_FOUND` if the ledger does not have the license.
    pub async fn file(&self, license: &LicenseId) -> Result<String, Refusal> {
        files::file(&self.site, license).await
    }
}

/// Returns the ledger of a vendor's server.
pub(super) fn ledger(site: &Site) -> Result<&Arc<VendorLedger>, Refusal> {
    site.vendor.as_ref().ok_or_else(|| {
        let detail = "this server has no ledger and no key of a vendor";
        Refusal::new(RefusalKind::Conflict, ServerCode::WrongRole, detail)
            .values("a vendor's server", "a site server")
            .hint("start a vendor's server with the settings ledger and signing_key")
    })
}

/// Refuses to import content into a vendor's server.
pub(super) fn refuse_import(site: &Site, advice: &str) -> Result<(), Refusal> {
    if !site.is_vendor {
        return Ok(());
    }
    let detail = "a vendor's server takes its content from the ledger only";
    Err(
        Refusal::new(RefusalKind::Conflict, ServerCode::WrongRole, detail)
            .values("a site server", "a vendor's server")
            .hint(advice),
    )
}
