//! Licenses and the lists that the vendor signs.

use async_trait::async_trait;
use license_core::LicenseId;

use super::ServerStoreError;
use crate::domain::{
    LicenseRecord, LicenseSelection, NewAuditEntry, Page, PageRequest, PoolId, RevocationRecord,
    RevokedLicenseIds, StatementRecord, TenantId,
};

/// The part of a [`ServerStore`](super::ServerStore) for licenses and the lists that the vendor
/// signs.
#[async_trait]
pub trait LicenseStore: Send + Sync {
    /// Stores licenses, and ignores those that are stored already. Returns how many are new.
    async fn install_licenses(
        &self,
        tenant: &TenantId,
        licenses: Vec<LicenseRecord>,
        audit: NewAuditEntry,
    ) -> Result<usize, ServerStoreError>;

    /// Stores licenses like [`install_licenses`](Self::install_licenses). Returns `None`, and
    /// changes nothing, if another tenant has one of the licenses, a license of their pool or one
    /// with their key.
    async fn install_unshared_licenses(
        &self,
        tenant: &TenantId,
        licenses: Vec<LicenseRecord>,
        audit: NewAuditEntry,
    ) -> Result<Option<usize>, ServerStoreError>;

    /// Returns whether another tenant has one of some licenses, a license of their pool or one with
    /// their key.
    async fn is_license_elsewhere(
        &self,
        tenant: &TenantId,
        licenses: Vec<LicenseRecord>,
    ) -> Result<bool, ServerStoreError>;

    /// Returns the tenant that has a license with an id, a standard key or a short enterprise key.
    /// The name of the license itself names the tenant, so the method takes none. It does not find
    /// the licenses of the tenant of the server. Of several tenants, the first one counts.
    async fn tenant_of_license(&self, name: &str) -> Result<Option<TenantId>, ServerStoreError>;

    /// Returns the tenants that have or had a license.
    async fn licensed_tenants(&self) -> Result<Vec<TenantId>, ServerStoreError>;

    /// Returns licenses, in the order of their installation.
    async fn licenses(
        &self,
        tenant: &TenantId,
        page: &PageRequest,
    ) -> Result<Page<LicenseRecord>, ServerStoreError>;

    /// Returns the licenses of a selection.
    async fn search_licenses(
        &self,
        tenant: &TenantId,
        selection: &LicenseSelection,
        page: &PageRequest,
    ) -> Result<Page<LicenseRecord>, ServerStoreError>;

    /// Returns whether a search finds all licenses and knows the revoked ones. If an earlier
    /// version stored them, [`index_licenses`](Self::index_licenses) has to be called.
    async fn is_indexed(
        &self,
        tenant: &TenantId,
        has_lists: bool,
    ) -> Result<bool, ServerStoreError>;

    /// Prepares the search for licenses and revocation lists that an earlier version stored, in
    /// several transactions. Returns how many licenses were prepared.
    async fn index_licenses(
        &self,
        tenant: &TenantId,
        lists: Vec<RevokedLicenseIds>,
    ) -> Result<usize, ServerStoreError>;

    /// Returns whether a license was ever installed. It may have been removed.
    async fn had_license(&self, tenant: &TenantId) -> Result<bool, ServerStoreError>;

    /// Returns a license.
    async fn license(
        &self,
        tenant: &TenantId,
        id: &LicenseId,
    ) -> Result<Option<LicenseRecord>, ServerStoreError>;

    /// Returns the licenses that a standard key or a short enterprise key names. Different licenses
    /// can have the same key.
    async fn licenses_by_key(
        &self,
        tenant: &TenantId,
        key: &str,
    ) -> Result<Vec<LicenseRecord>, ServerStoreError>;

    /// Returns the licenses of a pool, in the order of their installation.
    async fn licenses_of_pool(
        &self,
        tenant: &TenantId,
        pool: &PoolId,
    ) -> Result<Vec<LicenseRecord>, ServerStoreError>;

    /// Returns the licenses that replace a license, in the order of their installation.
    async fn successors(
        &self,
        tenant: &TenantId,
        id: &LicenseId,
    ) -> Result<Vec<LicenseRecord>, ServerStoreError>;

    /// Returns a number that changes with every change of licenses, signed lists and seat policies.
    /// Another process, such as `license-server install`, can make such a change.
    async fn content_version(&self, tenant: &TenantId) -> Result<u64, ServerStoreError>;

    /// Removes a license. Returns whether the license was stored.
    async fn remove_license(
        &self,
        tenant: &TenantId,
        id: &LicenseId,
        audit: NewAuditEntry,
    ) -> Result<bool, ServerStoreError>;

    /// Replaces the revocation list of a product with a newer one. `revoked` are the ids of the
    /// list. Returns `false`, and changes nothing, if the stored list has the same or a higher
    /// number.
    async fn import_revocations(
        &self,
        tenant: &TenantId,
        list: RevocationRecord,
        revoked: Vec<LicenseId>,
        audit: NewAuditEntry,
    ) -> Result<bool, ServerStoreError>;

    /// Returns the newest revocation list of each product.
    async fn revocations(
        &self,
        tenant: &TenantId,
    ) -> Result<Vec<RevocationRecord>, ServerStoreError>;

    /// Appends trust statements, and ignores those that are stored already. Returns how many are
    /// new.
    async fn import_statements(
        &self,
        tenant: &TenantId,
        armors: Vec<String>,
        audit: NewAuditEntry,
    ) -> Result<usize, ServerStoreError>;

    /// Records a change of the vendor's public keys, which are in a file next to the database. The
    /// servers of the database read the file again.
    async fn trust_changed(
        &self,
        tenant: &TenantId,
        audit: NewAuditEntry,
    ) -> Result<(), ServerStoreError>;

    /// Returns all trust statements, in the order of import.
    async fn statements(&self, tenant: &TenantId)
    -> Result<Vec<StatementRecord>, ServerStoreError>;
}
