//! API tokens.

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use serde_json::json;

use super::site::{Site, random};
use crate::domain::{Actor, ApiToken, Refusal, RefusalKind, Scope, SecretDigest, ServerCode};

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

/// Creates, revokes and checks API tokens.
#[derive(Clone)]
pub struct TokenService {
    site: Arc<Site>,
}

impl TokenService {
    pub(super) fn new(site: Arc<Site>) -> Self {
        Self { site }
    }

    /// Creates a token.
    ///
    /// # Errors
    ///
    /// Returns `BAD_REQUEST` if the name is empty or too long, or if the token has expired.
    pub async fn create(
        &self,
        actor: &Actor,
        name: &str,
        scope: Scope,
        expires_at: Option<DateTime<Utc>>,
    ) -> Result<NewToken, Refusal> {
        let now = self.site.wall();
        if let Some(end) = expires_at.filter(|end| *end <= now) {
            let now = license_core::time::rfc3339(now);
            let end = license_core::time::rfc3339(end);
            return Err(bad_request("the token would have expired")
                .values(format!("an instant after {now}"), end));
        }
        let new = new_token(&self.site, name, scope, expires_at)?;
        let details = json!({ "name": new.token.name, "scope": scope.as_str() });
        let audit = self
            .site
            .audit(actor, "token.create", &new.token.id, details);
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        store.create_token(tenant, new.token.clone(), audit).await?;
        Ok(new)
    }

    /// Returns all tokens, in the order of their creation.
    ///
    /// # Errors
    ///
    /// Returns a refusal if the store cannot be read.
    pub async fn list(&self) -> Result<Vec<ApiToken>, Refusal> {
        Ok(self.site.store.tokens(&self.site.tenant).await?)
    }

    /// Revokes a token. A token can be revoked again.
    ///
    /// # Errors
    ///
    /// Returns `NOT_FOUND` if no token has this id.
    pub async fn revoke(&self, actor: &Actor, id: &str) -> Result<(), Refusal> {
        let audit = self.site.audit(actor, "token.revoke", id, json!({}));
        let store = &self.site.store;
        if store.revoke_token(&self.site.tenant, id, audit).await? {
            return Ok(());
        }
        Err(Refusal::new(
            RefusalKind::NotFound,
            ServerCode::NotFound,
            "no token has this id",
        ))
    }

    /// Returns the token with a secret.
    ///
    /// # Errors
    ///
    /// Returns `UNAUTHORIZED` if no valid token has the secret, and `FORBIDDEN` if its scope does
    /// not cover `needed`.
    pub async fn authenticate(&self, secret: &str, needed: Scope) -> Result<ApiToken, Refusal> {
        let found = if secret.starts_with(PREFIX) {
            let digest = SecretDigest::new(secret);
            let store = &self.site.store;
            store.find_token(&self.site.tenant, digest).await?
        } else {
            None
        };
        let now = self.site.wall();
        let token = found
            .filter(|token| token.is_valid_at(now))
            .ok_or_else(|| {
                Refusal::new(
                    RefusalKind::Unauthorized,
                    ServerCode::Unauthorized,
                    "the API token is unknown, revoked or expired",
                )
                .hint("create a token with `license-server token create`")
            })?;
        if token.scope.covers(needed) {
            return Ok(token);
        }
        let detail = "the scope of the API token does not permit the request";
        Err(
            Refusal::new(RefusalKind::Forbidden, ServerCode::Forbidden, detail)
                .values(needed.as_str(), token.scope.as_str()),
        )
    }
}

/// Creates a token with a random secret, without storing it.
pub(super) fn new_token(
    site: &Site,
    name: &str,
    scope: Scope,
    expires_at: Option<DateTime<Utc>>,
) -> Result<NewToken, Refusal> {
    let name = name.trim();
    if name.is_empty() || name.len() > MAX_NAME || name.chars().any(char::is_control) {
        return Err(bad_request("the name of the token is not accepted").values(
            format!("1 to {MAX_NAME} bytes without control characters"),
            format!("{} bytes", name.len()),
        ));
    }
    let secret = new_secret()?;
    let token = ApiToken {
        id: format!("tok_{}", site.new_id()?.as_str().replace('-', "")),
        name: name.to_owned(),
        scope,
        digest: SecretDigest::new(&secret),
        created_at: site.wall(),
        expires_at,
        revoked_at: None,
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
