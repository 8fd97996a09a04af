//! API tokens.

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use serde_json::json;

use super::site::{Site, random};
use crate::domain::{
    Actor, ApiToken, Principal, Refusal, RefusalKind, Scopes, SecretDigest, ServerCode, is_unsafe,
};
use crate::log_limit;
use crate::store::ServerStore;

/// The start of each secret, so that scanners recognize a secret that was published by mistake.
const PREFIX: &str = "lsv_";

/// The longest name of a token, in bytes.
const MAX_NAME: usize = 100;

/// A new API token with its secret, which is shown once.
#[derive(Clone, PartialEq, Eq)]
pub struct NewToken {
    /// The token.
    pub token: ApiToken,
    /// The secret that the administrator sends.
    pub secret: String,
}

/// Omits the secret.
impl fmt::Debug for NewToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewToken")
            .field("token", &self.token)
            .finish_non_exhaustive()
    }
}

/// Creates, lists and revokes API tokens.
#[derive(Clone)]
pub struct TokenService {
    site: Arc<Site>,
}

impl TokenService {
    pub(super) fn new(site: Arc<Site>) -> Self {
        Self { site }
    }

    /// Creates a token. It has no permission that the caller does not have. If the caller is a
    /// token itself, the new one ends with it.
    ///
    /// # Errors
    ///
    /// Returns `BAD_REQUEST` if the name is empty or too long, if the token has expired, or if it
    /// would have no permission. Returns `FORBIDDEN` if the token would have a permission that the
    /// caller does not have, or would end later than the token of the caller.
    pub async fn create(
        &self,
        caller: &Principal,
        name: &str,
        scopes: Scopes,
        expires_at: Option<DateTime<Utc>>,
    ) -> Result<NewToken, Refusal> {
        let now = self.site.wall();
        if let Some(end) = expires_at.filter(|end| *end <= now) {
            let now = license_core::time::rfc3339(now);
            let end = license_core::time::rfc3339(end);
            return Err(bad_request("the token would have expired")
                .about("days")
                .values(format!("an instant after {now}"), end));
        }
        let wanted = scopes.permissions();
        if wanted.is_empty() {
            return Err(bad_request("the token would have no permission")
                .about("role")
                .values(
                    "at least one permission, or a role other than member",
                    &scopes,
                ));
        }
        if !wanted.without(caller.permissions).is_empty() {
            let detail = "the token would have permissions that the caller does not have";
            return Err(forbidden(detail).values(
                caller.permissions,
                format!("also {}", wanted.without(caller.permissions)),
            ));
        }
        self.check_end(&caller.actor, expires_at).await?;
        let new = new_token(&self.site, &caller.actor, name, scopes, expires_at)?;
        let details = json!({
            "name": new.token.name,
            "scopes": new.token.scopes.names(),
            "expires_at": expires_at,
        });
        let audit = self
            .site
            .audit(&caller.actor, "token.create", &new.token.id, details);
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        if store.create_token(tenant, new.token.clone(), audit).await? {
            return Ok(new);
        }
        Err(unauthorized())
    }

    /// Checks that a token which another token creates does not end later.
    async fn check_end(
        &self,
        creator: &Actor,
        expires_at: Option<DateTime<Utc>>,
    ) -> Result<(), Refusal> {
        match end_of(&self.site, creator).await? {
            Some(latest) if expires_at.is_none_or(|end| end > latest) => {
                let rfc3339 = |at| license_core::time::rfc3339(at).to_string();
                let detail = "the token would end later than the token of the caller";
                let actual = expires_at.map_or_else(|| "no end".to_owned(), rfc3339);
                Err(forbidden(detail).values(format!("at most {}", rfc3339(latest)), actual))
            }
            _ => Ok(()),
        }
    }

    /// Returns all tokens, in the order of their creation.
    ///
    /// # Errors
    ///
    /// Returns a refusal if the store cannot be read.
    pub async fn list(&self) -> Result<Vec<ApiToken>, Refusal> {
        Ok(self.site.store.tokens(&self.site.tenant).await?)
    }

    /// Revokes a token, and the tokens that were created with it. A token can be revoked again.
    ///
    /// # Errors
    ///
    /// Returns `NOT_FOUND` if no token has this id.
    pub async fn revoke(&self, actor: &Actor, id: &str) -> Result<(), Refusal> {
        let details = json!({ "revoked": id });
        let audit = self.site.audit(actor, "token.revoke", id, details);
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        let of = Actor::ApiToken(id.to_owned());
        let revoked = store.revoke_tokens(tenant, &of, audit).await?;
        if !revoked.is_empty() || self.list().await?.iter().any(|token| token.id == id) {
            return Ok(());
        }
        Err(Refusal::new(
            RefusalKind::NotFound,
            ServerCode::NotFound,
            "no token has this id",
        ))
    }
}

/// Returns the end of the token that a caller is. A caller without an end, such as a person, has
/// `None`.
///
/// # Errors
///
/// Returns `UNAUTHORIZED` if the token no longer exists.
pub(super) async fn end_of(site: &Site, caller: &Actor) -> Result<Option<DateTime<Utc>>, Refusal> {
    let Actor::ApiToken(id) = caller.identity() else {
        return Ok(None);
    };
    let mut tokens = site.store.tokens(&site.tenant).await?.into_iter();
    let caller = tokens.find(|token| token.id == *id);
    Ok(caller.ok_or_else(unauthorized)?.expires_at)
}

/// Returns the caller with an API token, whatever its tenant, and records the day of the use.
pub(super) async fn authenticate(
    store: &dyn ServerStore,
    secret: &str,
    now: DateTime<Utc>,
) -> Result<Principal, Refusal> {
    // A secret that no server has created is looked up like any other, so that the time
    // reveals nothing about it.
    let found = store.find_token(SecretDigest::new(secret)).await?;
    let found = found.filter(|(_, token)| token.is_valid_at(now));
    let (tenant, token) = found.ok_or_else(unauthorized)?;
    let today = now.date_naive();
    if token.last_used_on.is_none_or(|day| day < today)
        && let Err(error) = store.record_token_use(&tenant, &token.id, today).await
        && let Some(repeated) = log_limit::pass("token use")
    {
        let error = license_core::with_causes(&error);
        tracing::warn!(%error, repeated, "the use of a token cannot be recorded");
    }
    Ok(Principal {
        tenant,
        permissions: token.scopes.permissions(),
        actor: Actor::ApiToken(token.id),
    })
}

/// Creates a token with a random secret, without storing it.
pub(super) fn new_token(
    site: &Site,
    creator: &Actor,
    name: &str,
    scopes: Scopes,
    expires_at: Option<DateTime<Utc>>,
) -> Result<NewToken, Refusal> {
    let name = name.trim();
    if name.is_empty() || name.len() > MAX_NAME || name.chars().any(is_unsafe) {
        return Err(bad_request("the name of the token is not accepted")
            .about("name")
            .values(
                format!("1 to {MAX_NAME} bytes without control characters"),
                format!("{} bytes", name.len()),
            ));
    }
    let secret = new_secret()?;
    let token = ApiToken {
        id: site.next_id_of("tok")?,
        name: name.to_owned(),
        scopes,
        digest: SecretDigest::new(&secret),
        created_at: site.wall(),
        created_by: creator.to_string(),
        expires_at,
        revoked_at: None,
        last_used_on: None,
    };
    Ok(NewToken { token, secret })
}

/// Returns a secret of 256 random bits.
pub(super) fn new_secret() -> Result<String, Refusal> {
    let bytes: [u8; 32] = random()?;
    Ok(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes)))
}

fn bad_request(detail: &str) -> Refusal {
    Refusal::new(RefusalKind::BadRequest, ServerCode::BadRequest, detail)
}

fn forbidden(detail: &str) -> Refusal {
    Refusal::new(RefusalKind::Forbidden, ServerCode::Forbidden, detail)
}

fn unauthorized() -> Refusal {
    Refusal::new(
        RefusalKind::Unauthorized,
        ServerCode::Unauthorized,
        "the API token is unknown, revoked or expired",
    )
    .hint("create a token with `license-server token create`")
}
