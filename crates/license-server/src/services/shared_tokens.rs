//! Validation tokens that the servers of a database share, so that each is signed once.

use chrono::{DateTime, Utc};
use license_core::Unverified;
use license_core::encoding::hex;
use license_core::issue::ValidationDraft;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::site::Site;
use super::validate::signing_failed;
use crate::domain::Refusal;

/// Returns the token of a draft: one that another server has signed in the same minute, or a new
/// one. The key has everything that decides the answer, except the status. A draft with a nonce
/// always gets a new token.
pub(super) async fn token(
    site: &Site,
    key: &impl Serialize,
    draft: &ValidationDraft<'_>,
) -> Result<String, Refusal> {
    let shared = site.store.shared_tokens();
    let Some(shared) = shared.filter(|_| draft.nonce.is_none()) else {
        return sign(site, draft).await;
    };
    let name = serde_json::to_vec(&(key, draft.status.as_str())).unwrap_or_default();
    let name = hex::encode(&Sha256::digest(name));
    let found = shared.token(&name).await;
    if let Some(token) = found.filter(|token| is_usable(site, token, draft)) {
        return Ok(token);
    }
    let token = sign(site, draft).await?;
    shared.put_token(&name, &token).await;
    Ok(token)
}

/// Returns the minute of a time.
pub(super) fn minute_of(at: DateTime<Utc>) -> i64 {
    at.timestamp().div_euclid(60)
}

/// Returns whether a shared token says what the draft says. Only its id and time can differ.
fn is_usable(site: &Site, token: &str, draft: &ValidationDraft<'_>) -> bool {
    let content = site.content();
    let Ok(token) = Unverified::parse(token) else {
        return false;
    };
    let verified = token.verify_validation(content.keys(), draft.license);
    verified.is_ok_and(|token| {
        let machine = token.machine().map(|machine| machine.to_string());
        token.status() == draft.status
            && token.nonce().is_none()
            && machine == draft.machine
            && minute_of(token.issued_at()) == minute_of(draft.issued_at)
    })
}

async fn sign(site: &Site, draft: &ValidationDraft<'_>) -> Result<String, Refusal> {
    let signed = site.signer.sign_validation(draft).await;
    signed.map_err(|error| signing_failed(&error))
}
