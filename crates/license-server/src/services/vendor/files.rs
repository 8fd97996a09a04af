//! Files of the licenses of the ledger.

use license_core::{LicenseId, Unverified};
use license_issuer::ledger::LedgerReader;

use super::ledger;
use super::refusals::{failed_task, ledger_refused};
use crate::domain::{Refusal, RefusalKind, ServerCode};
use crate::services::site::Site;

/// Returns the file of a license.
pub(in crate::services) async fn file(site: &Site, license: &LicenseId) -> Result<String, Refusal> {
    let vendor = ledger(site)?;
    let id = license.to_string();
    let found = vendor
        .read(move |ledger| ledger.first_license_entry(&id).map_err(ledger_refused))
        .await?;
    let entry = found.ok_or_else(|| not_found(license))?;
    let token = Unverified::parse(&entry.artifact).map_err(|_| failed_task())?;
    Ok(token.to_armor())
}

pub(super) fn not_found(license: &LicenseId) -> Refusal {
    let detail = format!("the ledger does not have license {license}");
    Refusal::new(RefusalKind::NotFound, ServerCode::NotFound, detail)
        .hint("search with GET /api/v1/licenses?text=…")
}
