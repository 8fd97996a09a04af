//! The services of each tenant.

mod clients;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use license_core::{FeatureMatrix, SignatureCache};
use serde_json::json;
use tokio::sync::OnceCell;
use zeroize::Zeroizing;

use clients::ClientTenants;

use super::people::{self, AccountService, PeopleTools, Reauthentication};
use super::roots::TrustRoots;
use super::signer::ServerSigner;
use super::vendor::ServerRole;
use super::{
    InvoiceSettings, MeteringSettings, Sealer, Services, ServicesConfig, TrialSettings,
    identity_providers, tokens,
};
use crate::clock::{ServerClock, SteadyClock};
use crate::domain::{
    Actor, IdentityProvider, NewAuditEntry, Principal, Refusal, RefusalKind, ServerCode, SignedIn,
    TenantDeletion, TenantId,
};
use crate::store::ServerStore;

/// After how many ticks the server looks for tenants that another server has deleted, and for those
/// with licenses.
const DELETION_TICKS: u64 = 60;

/// The services of a tenant, once they are opened.
type OpenedServices = Arc<OnceCell<Arc<Services>>>;

/// The statements of a caller who deletes an organization.
#[derive(Debug)]
pub struct OrganizationDeletion {
    /// The name or the id of the organization.
    pub organization: String,
    /// The password and the code of the person, if the account has a password.
    pub proof: Option<Reauthentication>,
}

/// The services of each tenant of a server.
///
/// The tenant of the server itself has the ledger of a vendor's server, and the licenses of a site.
/// Another tenant of a site server can have licenses of its own. Its services are opened with the
/// first request of one of its administrators or clients, and in the first minute if it has
/// licenses. They share with the first tenant the database, the clock, the key of the server, and
/// the vendor's public keys, trust statements and revocation lists.
pub struct TenantServices {
    own: Arc<Services>,
    others: Mutex<HashMap<TenantId, OpenedServices>>,
    clients: ClientTenants,
    store: Arc<dyn ServerStore>,
    clock: Arc<dyn ServerClock>,
    signer: Arc<dyn ServerSigner>,
    roots: Arc<dyn TrustRoots>,
    signatures: Arc<SignatureCache>,
    matrix: Arc<FeatureMatrix>,
    issuer: String,
    telemetry_days: u32,
    people: Arc<PeopleTools>,
    accounts: Arc<AccountService>,
    metering: Arc<MeteringSettings>,
    ticks: AtomicU64,
}

impl TenantServices {
    /// Opens the services of the tenant of a configuration, which is that of the server.
    ///
    /// # Errors
    ///
    /// Returns the refusals of [`Services::open`].
    pub async fn open(config: ServicesConfig) -> Result<Arc<Self>, Refusal> {
        let (store, clock) = (Arc::clone(&config.store), Arc::clone(&config.clock));
        let (signer, roots) = (Arc::clone(&config.signer), Arc::clone(&config.roots));
        let signatures = Arc::clone(&config.signatures);
        let (matrix, issuer) = (Arc::clone(&config.matrix), config.issuer.clone());
        let telemetry_days = config.telemetry_days;
        let people = Arc::clone(&config.people);
        let accounts = AccountService::new(
            Arc::clone(&store),
            SteadyClock::new(Arc::clone(&clock)),
            Arc::clone(&people),
            issuer.clone(),
            config.tenant.clone(),
        );
        let metering = Arc::clone(&config.metering);
        let own = Services::open(config).await?;
        Ok(Arc::new(Self {
            own,
            others: Mutex::default(),
            clients: ClientTenants::new(),
            store,
            clock,
            signer,
            roots,
            signatures,
            matrix,
            issuer,
            telemetry_days,
            people,
            accounts: Arc::new(accounts),
            metering,
            ticks: AtomicU64::new(0),
        }))
    }

    /// Returns the services of the tenant of the server, for commands at the console and for
    /// requests of clients that name no license.
    pub fn own(&self) -> &Arc<Services> {
        &self.own
    }

    /// Returns the service for people who sign in, whatever their organization.
    pub fn accounts(&self) -> &Arc<AccountService> {
        &self.accounts
    }

    /// Returns the services of a tenant.
    ///
    /// # Errors
    ///
    /// Returns a refusal if the store cannot be read.
    pub async fn of(&self, tenant: &TenantId) -> Result<Arc<Services>, Refusal> {
        if tenant == self.own.tenant() {
            return Ok(Arc::clone(&self.own));
        }
        let opened = {
            let mut others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(others.entry(tenant.clone()).or_default())
        };
        // Requests of the same tenant wait here, and those of other tenants do not.
        let services = opened
            .get_or_try_init(|| self.open_services(tenant))
            .await?;
        Ok(Arc::clone(services))
    }

    /// Returns the tenants that have webhooks, whether their services are opened or not.
    ///
    /// # Errors
    ///
    /// Returns a refusal if the store cannot be read.
    pub(crate) async fn webhook_tenants(&self) -> Result<Vec<TenantId>, Refusal> {
        Ok(self.store.webhook_tenants().await?)
    }

    async fn open_services(&self, tenant: &TenantId) -> Result<Arc<Services>, Refusal> {
        Services::open(ServicesConfig {
            store: Arc::clone(&self.store),
            clock: Arc::clone(&self.clock),
            signer: Arc::clone(&self.signer),
            tenant: tenant.clone(),
            roots: Arc::clone(&self.roots),
            signatures: Arc::clone(&self.signatures),
            matrix: Arc::clone(&self.matrix),
            issuer: self.issuer.clone(),
            role: if self.own.is_vendor() {
                ServerRole::BesideVendor
            } else {
                ServerRole::Site
            },
            telemetry_days: self.telemetry_days,
            people: Arc::clone(&self.people),
            // The networks of the operator are for the organization of the server only.
            webhooks: Arc::default(),
            trials: TrialSettings::default(),
            invoices: InvoiceSettings::default(),
            metering: Arc::clone(&self.metering),
            // Only the organization of the server sells licenses.
            billing: None,
        })
        .await
    }

    /// Does the periodic work of the other tenants. See [`Services::tick`].
    ///
    /// # Errors
    ///
    /// Returns the refusal of the last tenant whose work failed. The work of each tenant is tried.
    pub async fn tick_others(&self) -> Result<(), Refusal> {
        let mut result = self.accounts.tick().await;
        let number = self.ticks.fetch_add(1, Ordering::Relaxed);
        if number.is_multiple_of(DELETION_TICKS)
            && let Err(refusal) = self.open_licensed().await
        {
            result = Err(refusal);
        }
        for services in self.opened() {
            let worked = match number % DELETION_TICKS {
                0 => self.work_or_forget(&services).await,
                _ => services.tick().await.map(drop),
            };
            if let Err(refusal) = worked {
                result = Err(refusal);
            }
        }
        result
    }

    /// Returns the services of the other tenants that are opened.
    fn opened(&self) -> Vec<Arc<Services>> {
        let others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
        let opened = others.values();
        opened
            .filter_map(|services| services.get().cloned())
            .collect()
    }

    /// Does the periodic work of a tenant, or forgets the tenant if another server of the database
    /// has deleted it.
    async fn work_or_forget(&self, services: &Services) -> Result<(), Refusal> {
        let tenant = services.tenant();
        if self.store.is_deleted(tenant).await? {
            let mut others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
            others.remove(tenant);
            return Ok(());
        }
        services.tick().await.map(drop)
    }

    /// Returns the caller with an API token. The token names the tenant of the caller.
    ///
    /// # Errors
    ///
    /// Returns `UNAUTHORIZED` if no valid token has the secret.
    pub async fn authenticate(&self, secret: &str) -> Result<Principal, Refusal> {
        tokens::authenticate(&*self.store, secret, self.own.now()).await
    }

    /// Deletes the organization of a caller for good, with everything that it has in the database.
    /// `person` is the caller, unless it is an API token. Accounts stay, except those that only the
    /// organization let in. The audit trail of the server records the deletion, and the end of the
    /// deleted trail.
    ///
    /// # Errors
    ///
    /// Returns `OWN_ORGANIZATION` for the organization of the server itself, `BAD_REQUEST` if the
    /// caller names another organization or omits the password, `UNAUTHORIZED` for a wrong password
    /// or code, and `FORBIDDEN` if the caller has lost the permission meanwhile.
    pub async fn delete(
        &self,
        caller: &Principal,
        person: Option<&SignedIn>,
        order: OrganizationDeletion,
    ) -> Result<(), Refusal> {
        let tenant = &caller.tenant;
        if tenant == self.own.tenant() {
            return Err(own_organization());
        }
        let name = self.store.tenant_name(tenant).await?;
        let named = order.organization.trim();
        if named != tenant.as_str() && Some(named) != name.as_deref() {
            return Err(
                people::bad_request("the text does not name the organization")
                    .about("organization")
                    .values("the name or the id of the organization", "another text")
                    .hint("GET /api/v1/account lists both for a member"),
            );
        }
        let proof = match person {
            None => None,
            Some(person) => {
                let factor = self.accounts.confirm(person, order.proof).await?;
                Some((person.account.id.clone(), factor))
            }
        };
        let audit = NewAuditEntry::new(
            caller.actor.clone(),
            "organization.delete",
            tenant.as_str(),
            json!({}),
            self.own.now(),
        );
        let deleted = self.store.delete_tenant(tenant, proof, audit);
        match deleted.await? {
            TenantDeletion::Deleted => {
                self.forget(tenant, &caller.actor);
                Ok(())
            }
            TenantDeletion::NotFound => Err(people::not_found("organization")),
            TenantDeletion::CodeUsed => Err(people::wrong_credentials()),
            TenantDeletion::NotPermitted => Err(not_permitted()),
        }
    }

    /// Forgets a deleted tenant.
    fn forget(&self, tenant: &TenantId, actor: &Actor) {
        let mut others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
        others.remove(tenant);
        let actor = actor.identity();
        tracing::warn!(organization = %tenant, %actor, "an organization was deleted");
    }

    /// Returns the sealer that encrypts the secrets of the server.
    pub fn sealer(&self) -> &Sealer {
        self.people.sealer()
    }

    /// Returns an identity provider and its organization.
    ///
    /// # Errors
    ///
    /// Returns a refusal if the store cannot be read.
    pub async fn identity_provider(
        &self,
        id: &str,
    ) -> Result<Option<(TenantId, IdentityProvider)>, Refusal> {
        Ok(self.store.find_provider(id).await?)
    }

    /// Returns the client secret of an identity provider, if it has one.
    ///
    /// # Errors
    ///
    /// Returns `KEY_MISMATCH` if another server has encrypted the secret.
    pub fn client_secret(
        &self,
        provider: &IdentityProvider,
    ) -> Result<Option<Zeroizing<String>>, Refusal> {
        let Some(sealed) = &provider.secret else {
            return Ok(None);
        };
        let purpose = identity_providers::purpose(&provider.id);
        let bytes = self.sealer().open(&purpose, &sealed.0)?;
        Ok(Some(String::from_utf8_lossy(&bytes).into_owned().into()))
    }
}

fn not_permitted() -> Refusal {
    let detail = "the caller may no longer delete the organization";
    Refusal::new(RefusalKind::Forbidden, ServerCode::Forbidden, detail).hint("ask an owner")
}

fn own_organization() -> Refusal {
    let detail = "the organization is that of the server itself";
    Refusal::new(RefusalKind::Conflict, ServerCode::OwnOrganization, detail)
        .hint("to delete it, stop the server, and delete its database and data directory")
}
