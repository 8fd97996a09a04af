//! Accounts, sessions, links, members and invitations.

mod accounts;
mod members;

use chrono::{DateTime, TimeDelta, Utc};
use license_core::time;
use serde_json::json;

use super::sample::{audit, former_states, tenant};
use crate::domain::{
    Account, AccountId, Actor, ApiToken, EmailAddress, Membership, PasswordHash, Role,
    SecretDigest, SignInSession, TenantId,
};
use crate::store::ServerStore;

pub(super) async fn check(store: &dyn ServerStore) {
    accounts::check(store).await;
    members::check(store).await;
}

pub(super) fn now() -> DateTime<Utc> {
    audit("account.change").at
}

fn later(hours: i64) -> DateTime<Utc> {
    time::saturating_add(now(), TimeDelta::hours(hours))
}

/// Returns a new account with an address that no other check uses.
pub(super) fn account(name: &str) -> Account {
    let random = uuid::Uuid::new_v4();
    Account {
        id: AccountId::from_random(random.into_bytes()),
        email: EmailAddress::parse(&format!("{name}-{}@example.com", random.simple())),
        name: name.to_owned(),
        password: Some(PasswordHash::new("hash".to_owned())),
        totp: None,
        created_at: now(),
        verified_at: None,
    }
}

fn email(account: &Account) -> EmailAddress {
    account.email.clone().unwrap()
}

/// Creates an account with a role in a tenant.
pub(super) async fn create(
    store: &dyn ServerStore,
    tenant: &TenantId,
    name: &str,
    role: Role,
) -> Account {
    let account = account(name);
    let membership = Membership::new(tenant.clone(), role, now());
    let created = store.create_account(account.clone(), membership, audit("account.create"));
    assert!(created.await.unwrap());
    account
}

fn digest(text: &str, account: &Account) -> SecretDigest {
    SecretDigest::new(&format!("{text} of {}", account.id))
}

/// Returns a session of an account in a tenant.
pub(super) fn session(
    id: &str,
    account: &Account,
    organization: Option<&TenantId>,
) -> SignInSession {
    SignInSession {
        id: format!("{id}_{}", account.id),
        digest: digest(id, account),
        account: account.id.clone(),
        organization: organization.cloned(),
        created_at: now(),
        last_used_at: now(),
        expires_at: later(720),
        address: "192.0.2.1".to_owned(),
        user_agent: "curl".to_owned(),
        provider: None,
    }
}

/// Creates an API token, and returns whether the store accepted it.
pub(super) async fn create_token(
    store: &dyn ServerStore,
    tenant: &TenantId,
    id: &str,
    by: &Actor,
) -> bool {
    let token = ApiToken {
        id: format!("{id}_{tenant}"),
        name: id.to_owned(),
        scopes: Role::Auditor.into(),
        digest: SecretDigest::new(&format!("{id} of {tenant}")),
        created_at: now(),
        created_by: by.to_string(),
        expires_at: None,
        revoked_at: None,
        last_used_on: None,
    };
    let created = store.create_token(tenant, token, audit("token.create"));
    created.await.unwrap()
}

/// Returns the ids of the valid API tokens of a tenant.
async fn valid_tokens(store: &dyn ServerStore, tenant: &TenantId) -> Vec<String> {
    let tokens = store.tokens(tenant).await.unwrap();
    let valid = tokens.into_iter().filter(|token| token.is_valid_at(now()));
    valid.map(|token| token.name).collect()
}
