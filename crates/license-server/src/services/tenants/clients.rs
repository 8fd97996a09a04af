//! The organization that serves a client.
//!
//! A client presents a license and no account, so the license names the organization.

use std::sync::{Arc, PoisonError};

use license_core::LicenseId;
use license_core::requests::MachineRequest;

use super::TenantServices;
use crate::domain::{Refusal, TenantId};
use crate::services::Services;
use crate::services::cache::Cache;
use crate::services::site::{is_not_installed, license_name};

/// The number of credentials in each generation of the cache.
const CACHED_CREDENTIALS: usize = 10_000;

/// The organization of a credential, with the content of the server's own organization from which
/// it follows: an organization that installs the license later does not take the client over,
/// unless it is that of the server.
type ServingTenant = (u64, TenantId);

/// The organizations, other than that of the server, that serve the credentials of clients.
pub(super) struct ClientTenants(Cache<Box<str>, ServingTenant>);

impl ClientTenants {
    pub(super) fn new() -> Self {
        Self(Cache::new(CACHED_CREDENTIALS))
    }
}

impl TenantServices {
    /// Returns the services of the organization in which the license of a client is installed. The
    /// organization of the server comes first, and answers for a license that is not installed.
    ///
    /// The credential is not verified: the services do it.
    ///
    /// # Errors
    ///
    /// Returns a refusal if the store cannot be read.
    pub async fn of_license(&self, credential: &str) -> Result<Arc<Services>, Refusal> {
        let credential = credential.trim();
        // A vendor's server serves the licenses of its ledger only.
        if self.own.is_vendor() || self.own.licenses.is_cached(credential) {
            return Ok(Arc::clone(&self.own));
        }
        if let Some(services) = self.cached_client(credential).await {
            return Ok(services);
        }
        match self.own.licenses.resolve(credential).await {
            Err(refusal) if is_not_installed(&refusal) => {}
            _ => return Ok(Arc::clone(&self.own)),
        }
        let content = self.own.content_version();
        let services = self.of_name(&license_name(credential)?).await?;
        let is_own = services.tenant() == self.own.tenant();
        if !is_own && services.licenses.resolve(credential).await.is_ok() {
            let tenant = services.tenant().clone();
            self.clients.0.insert(credential.into(), (content, tenant));
        }
        Ok(services)
    }

    /// Returns the services of the organization that has the license of a request of a machine,
    /// such as an activation request or a deactivation receipt. The organization of the server
    /// answers for a license that is not installed, and for another text.
    ///
    /// # Errors
    ///
    /// Returns a refusal if the store cannot be read.
    pub async fn of_machine_request(&self, text: &str) -> Result<Arc<Services>, Refusal> {
        let license = match MachineRequest::parse(text) {
            Ok(MachineRequest::Activation(request)) => request.license,
            Ok(MachineRequest::Deactivation(receipt)) => receipt.license,
            _ => return Ok(Arc::clone(&self.own)),
        };
        if self.own.is_vendor() || self.has_own(&license).await? {
            return Ok(Arc::clone(&self.own));
        }
        self.of_name(license.as_str()).await
    }

    async fn has_own(&self, license: &LicenseId) -> Result<bool, Refusal> {
        let found = self.store.license(self.own.tenant(), license).await?;
        Ok(found.is_some())
    }

    /// Returns the services of the organization with a license of this id or key.
    async fn of_name(&self, name: &str) -> Result<Arc<Services>, Refusal> {
        match self.store.tenant_of_license(name).await? {
            Some(tenant) => self.of(&tenant).await,
            None => Ok(Arc::clone(&self.own)),
        }
    }

    /// Returns the services that served a credential before, if they still have the license.
    async fn cached_client(&self, credential: &str) -> Option<Arc<Services>> {
        let (content, tenant) = self.clients.0.get(credential)?;
        if content != self.own.content_version() {
            return None;
        }
        let services = self.opened_services(&tenant)?;
        let resolved = services.licenses.resolve(credential).await;
        resolved.is_ok().then_some(services)
    }

    /// Returns the services of another tenant, if they are opened.
    fn opened_services(&self, tenant: &TenantId) -> Option<Arc<Services>> {
        let others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
        others.get(tenant)?.get().cloned()
    }

    /// Opens the services of the tenants that have licenses, so that the work of their seats is
    /// done before the first request after a start.
    ///
    /// # Errors
    ///
    /// Returns the last refusal. Each tenant is tried.
    pub(super) async fn open_licensed(&self) -> Result<(), Refusal> {
        let mut result = Ok(());
        if self.own.is_vendor() {
            return result;
        }
        for tenant in self.store.licensed_tenants().await? {
            if let Err(refusal) = self.of(&tenant).await {
                result = Err(refusal);
            }
        }
        result
    }

    /// Stores what the next ticks of the other tenants would store. See [`Services::finish`].
    ///
    /// # Errors
    ///
    /// Returns the last refusal. Each tenant is tried.
    pub async fn finish_others(&self) -> Result<(), Refusal> {
        let mut result = Ok(());
        for services in self.opened() {
            if let Err(refusal) = services.finish().await {
                result = Err(refusal);
            }
        }
        result
    }
}

#[cfg(test)]
mod tests;
