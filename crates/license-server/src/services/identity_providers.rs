//! Identity providers of the organization, for its administrators.

mod checks;

use std::sync::Arc;

use serde_json::json;
use zeroize::Zeroizing;

use super::site::Site;
use crate::domain::{
    IdentityProvider, Principal, ProviderSettings, Refusal, RefusalKind, SealedSecret, ServerCode,
    TenantId,
};

/// The largest number of identity providers of an organization.
const MAX_PROVIDERS: u32 = 20;

/// How often a change is tried while other requests change the same provider.
const MAX_ATTEMPTS: usize = 5;

/// The change of a client secret.
pub enum ClientSecret {
    /// Keeps the stored one.
    Keep,
    /// Removes it: the client is public.
    Remove,
    /// Replaces it.
    Set(Zeroizing<String>),
}

/// Creates, changes and deletes identity providers.
#[derive(Clone)]
pub struct IdentityProviderService {
    site: Arc<Site>,
}

impl IdentityProviderService {
    pub(super) fn new(site: Arc<Site>) -> Self {
        Self { site }
    }

    /// Returns the providers, in the order of their creation.
    ///
    /// # Errors
    ///
    /// Returns a refusal if the store cannot be read.
    pub async fn list(&self) -> Result<Vec<IdentityProvider>, Refusal> {
        Ok(self.site.store.providers(&self.site.tenant).await?)
    }

    /// Returns a provider.
    ///
    /// # Errors
    ///
    /// Returns `NOT_FOUND` if there is none with this id.
    pub async fn get(&self, id: &str) -> Result<IdentityProvider, Refusal> {
        let found = self.list().await?.into_iter();
        let mut found = found.filter(|provider| provider.id == id);
        found.next().ok_or_else(not_found)
    }

    /// Creates a provider.
    ///
    /// # Errors
    ///
    /// Returns `BAD_REQUEST` if a setting is not accepted, `FORBIDDEN` if people would get
    /// permissions that the caller does not have, and `LIMIT_REACHED` if there are 20 providers.
    pub async fn create(
        &self,
        caller: &Principal,
        settings: ProviderSettings,
        secret: ClientSecret,
    ) -> Result<IdentityProvider, Refusal> {
        let settings = self.checked(caller, settings)?;
        let id = self.site.next_id_of("idp")?;
        let now = self.site.wall();
        let provider = IdentityProvider {
            secret: self.sealed(&id, secret)?.flatten(),
            id,
            settings,
            version: 1,
            created_at: now,
            changed_at: now,
        };
        let details = provider.audited();
        let audit = self.site.audit(
            &caller.actor,
            "identity_provider.create",
            &provider.id,
            details,
        );
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        store
            .create_provider(tenant, provider.clone(), MAX_PROVIDERS, audit)
            .await?;
        Ok(provider)
    }

    /// Changes a provider. People who signed in through it keep their sessions, unless it is
    /// disabled.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`create`](Self::create), `NOT_FOUND` if there is no such provider,
    /// and `FORBIDDEN` if the provider gives permissions that the caller does not have.
    pub async fn change(
        &self,
        caller: &Principal,
        id: &str,
        settings: ProviderSettings,
        secret: ClientSecret,
    ) -> Result<IdentityProvider, Refusal> {
        let settings = self.checked(caller, settings)?;
        let secret = self.sealed(id, secret)?;
        for _ in 0..MAX_ATTEMPTS {
            let former = self.get(id).await?;
            // Otherwise, an administrator could let an owner's provider trust another issuer.
            check_permissions(caller, &former.settings)?;
            // Otherwise, the server would send a secret that no person can read to another issuer.
            if secret.is_none()
                && former.secret.is_some()
                && former.settings.issuer != settings.issuer
            {
                return Err(checks::secret_of_another_issuer());
            }
            let provider = IdentityProvider {
                secret: secret.clone().unwrap_or(former.secret.clone()),
                settings: settings.clone(),
                version: former.version.saturating_add(1),
                changed_at: self.site.wall(),
                ..former.clone()
            };
            let details = provider.audited();
            let actor = &caller.actor;
            let audit = self
                .site
                .audit(actor, "identity_provider.change", id, details)
                .with_before(Some(former.audited()));
            let (store, tenant) = (&self.site.store, &self.site.tenant);
            if store
                .change_provider(tenant, provider.clone(), audit)
                .await?
            {
                return Ok(provider);
            }
        }
        Err(changed_meanwhile())
    }

    /// Deletes a provider, and ends the sessions of people who signed in through it.
    ///
    /// # Errors
    ///
    /// Returns `NOT_FOUND` if there is no such provider, and `FORBIDDEN` if the provider gives
    /// permissions that the caller does not have: only an owner ends the sign-in of owners.
    pub async fn delete(&self, caller: &Principal, id: &str) -> Result<(), Refusal> {
        for _ in 0..MAX_ATTEMPTS {
            let former = self.get(id).await?;
            check_permissions(caller, &former.settings)?;
            let audit = self
                .site
                .audit(&caller.actor, "identity_provider.delete", id, json!({}));
            let (store, tenant) = (&self.site.store, &self.site.tenant);
            // The store refuses to delete another version than the one that was checked.
            if store
                .delete_provider(tenant, id, former.version, audit)
                .await?
            {
                return Ok(());
            }
        }
        Err(changed_meanwhile())
    }

    fn checked(
        &self,
        caller: &Principal,
        settings: ProviderSettings,
    ) -> Result<ProviderSettings, Refusal> {
        let is_operator = self.site.tenant == TenantId::site();
        let settings = checks::check(settings, is_operator)?;
        check_permissions(caller, &settings)?;
        Ok(settings)
    }

    /// Returns the sealed secret of a change. `None`: the stored one stays.
    fn sealed(
        &self,
        id: &str,
        secret: ClientSecret,
    ) -> Result<Option<Option<SealedSecret>>, Refusal> {
        match secret {
            ClientSecret::Keep => Ok(None),
            ClientSecret::Remove => Ok(Some(None)),
            ClientSecret::Set(secret) => {
                checks::check_secret(&secret)?;
                let sealed = self
                    .site
                    .people
                    .sealer()
                    .seal(&purpose(id), secret.as_bytes())?;
                Ok(Some(Some(SealedSecret(sealed))))
            }
        }
    }
}

/// Returns the purpose of the encryption of a client secret. A secret that was moved to another
/// provider cannot be opened.
pub(super) fn purpose(id: &str) -> String {
    format!("client secret of {id}")
}

/// Refuses settings by which people would get permissions that the caller does not have.
fn check_permissions(caller: &Principal, settings: &ProviderSettings) -> Result<(), Refusal> {
    let missing = settings.permissions().without(caller.permissions);
    if missing.is_empty() {
        return Ok(());
    }
    let detail = "people of the identity provider have permissions that the caller does not have";
    Err(
        Refusal::new(RefusalKind::Forbidden, ServerCode::Forbidden, detail)
            .values(caller.permissions, format!("also {missing}"))
            .hint("ask an owner, or leave out the roles with more permissions"),
    )
}

fn changed_meanwhile() -> Refusal {
    let detail = "other requests change the identity provider at the same time";
    Refusal::new(RefusalKind::Unavailable, ServerCode::StorageFailed, detail)
        .hint("repeat the request later")
}

fn not_found() -> Refusal {
    let detail = "no identity provider has this id";
    Refusal::new(RefusalKind::NotFound, ServerCode::NotFound, detail)
        .hint("GET /api/v1/identity-providers lists them")
}
