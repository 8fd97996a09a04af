//! A license belongs to one organization of a server.

use license_core::License;

use super::{LicenseService, record};
use crate::domain::{LicenseRecord, NewAuditEntry, Refusal, RefusalKind, ServerCode};

impl LicenseService {
    /// Refuses licenses that another organization of the server has. The organization of the server
    /// may install each license of its vendor, and is then the one that serves its clients.
    pub(super) async fn check_unshared(&self, licenses: &[License]) -> Result<(), Refusal> {
        let site = &self.site;
        if !site.is_other() || licenses.is_empty() {
            return Ok(());
        }
        if site.is_beside_vendor {
            return Err(beside_vendor());
        }
        let mut records = Vec::new();
        for license in licenses {
            records.push(record(site, license, "").await?);
        }
        let store = &site.store;
        if store.is_license_elsewhere(&site.tenant, records).await? {
            return Err(installed_elsewhere());
        }
        Ok(())
    }

    /// Stores a license. Returns 1 if it is new, and 0 otherwise.
    pub(super) async fn store_one(
        &self,
        record: LicenseRecord,
        audit: NewAuditEntry,
    ) -> Result<usize, Refusal> {
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        let records = vec![record];
        if self.site.is_other() {
            let installed = store.install_unshared_licenses(tenant, records, audit);
            return installed.await?.ok_or_else(installed_elsewhere);
        }
        Ok(store.install_licenses(tenant, records, audit).await?)
    }
}

fn installed_elsewhere() -> Refusal {
    let detail = "another organization of this server has the license, a license that it replaces or \
                  one with its key";
    Refusal::new(
        RefusalKind::Conflict,
        ServerCode::InstalledElsewhere,
        detail,
    )
    .hint("remove the license there first, or ask the vendor for a license of your own")
}

/// Returns the refusal of licenses in an organization on the server of their vendor.
fn beside_vendor() -> Refusal {
    let detail = "the server of a vendor serves the licenses of its own organization only";
    Refusal::new(RefusalKind::Conflict, ServerCode::WrongRole, detail)
        .values("a site server", "a vendor's server")
        .hint("use the license with this server without installing it: the vendor's ledger has it")
}
