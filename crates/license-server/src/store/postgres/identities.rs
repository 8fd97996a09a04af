//! Identity providers of a tenant, and the people who sign in through them.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use tokio_postgres::Row;

use super::queries::query;
use super::transaction::{Transaction, VisibleRows};
use super::values::{
    departments, millis, number, provider_settings, read_all, role, settings_text, time,
};
use super::{accounts, audit, members, sessions, tenants};
use crate::domain::{
    AccountId, EmailAddress, IdentityProvider, KnownPerson, Membership, ProviderOutcome,
    ProviderSignIn, Role, SealedSecret, SignInPlan, TenantId,
};
use crate::store::{AccountIdentity, ServerStoreError, limits};

/// Stores a provider.
pub(super) async fn create(
    db: &Transaction,
    provider: &IdentityProvider,
    most: u32,
) -> Result<(), ServerStoreError> {
    tenants::lock(db).await?;
    let tenant = db.tenant();
    let row = db.query_one(query!("provider_count"), &[&tenant]).await?;
    limits::check_providers(number("identity_providers", row.try_get(0)?)?, most)?;
    db.execute(
        query!("provider_insert"),
        &[
            &tenant,
            &provider.id,
            &settings_text(provider)?,
            &secret(provider),
            &provider.version,
            &millis(provider.created_at),
            &millis(provider.changed_at),
        ],
    )
    .await?;
    Ok(())
}

/// Replaces a provider that has the version before, and ends its sessions if it is disabled.
pub(super) async fn change(
    db: &mut Transaction,
    tenant: &TenantId,
    provider: &IdentityProvider,
) -> Result<bool, ServerStoreError> {
    tenants::lock(db).await?;
    let changed = db
        .execute(
            query!("provider_change"),
            &[
                &tenant.as_str(),
                &provider.id,
                &settings_text(provider)?,
                &secret(provider),
                &provider.version,
                &millis(provider.changed_at),
            ],
        )
        .await?;
    if changed > 0 && !provider.settings.is_enabled {
        end_sessions(db, tenant, &provider.id, None, None).await?;
    }
    Ok(changed > 0)
}

/// Deletes a provider, and ends its sessions.
pub(super) async fn delete(
    db: &mut Transaction,
    tenant: &TenantId,
    id: &str,
    version: i64,
) -> Result<bool, ServerStoreError> {
    tenants::lock(db).await?;
    let tenant_id = tenant.as_str();
    let delete = query!("provider_delete");
    let deleted = db.execute(delete, &[&tenant_id, &id, &version]).await?;
    if deleted > 0 {
        end_sessions(db, tenant, id, None, None).await?;
    }
    Ok(deleted > 0)
}

/// Returns the providers, in the order of their creation.
pub(super) async fn all(db: &Transaction) -> Result<Vec<IdentityProvider>, ServerStoreError> {
    let rows = db.query(query!("provider_all"), &[&db.tenant()]).await?;
    read_all(&rows, read)
}

/// Returns a provider and its tenant, in a transaction for the provider.
pub(super) async fn find(
    db: &Transaction,
    id: &str,
) -> Result<Option<(TenantId, IdentityProvider)>, ServerStoreError> {
    let row = db.query_opt(query!("provider_find"), &[&id]).await?;
    let found = row.map(|row| Ok((TenantId::from_column(row.try_get(6)?), read(&row)?)));
    found.transpose()
}

/// Returns how the providers of the tenant know an account.
pub(super) async fn of_account(
    db: &Transaction,
    account: &AccountId,
) -> Result<Vec<AccountIdentity>, ServerStoreError> {
    let values = (db.tenant(), account.as_str());
    let rows = db
        .query(query!("identity_of_account"), &[&values.0, &values.1])
        .await?;
    read_all(&rows, |row| {
        Ok(AccountIdentity {
            issuer: row.try_get(0)?,
            subject: row.try_get(1)?,
            email: row.try_get(2)?,
            created_at: time(row.try_get(3)?),
            used_at: time(row.try_get(4)?),
        })
    })
}

/// Records that a value was used. Returns `false` if it was used before.
pub(super) async fn use_once(
    db: &Transaction,
    value: &[u8; 32],
    (expires_at, now): (DateTime<Utc>, DateTime<Utc>),
) -> Result<bool, ServerStoreError> {
    let tenant = db.tenant();
    db.execute(query!("provider_value_forget"), &[&tenant, &millis(now)])
        .await?;
    let values = (value.as_slice(), millis(expires_at));
    let count = db
        .execute(
            query!("provider_value_insert"),
            &[&tenant, &values.0, &values.1],
        )
        .await?;
    Ok(count > 0)
}

/// Signs a person in. The caller rolls the transaction back unless the person has signed in.
pub(super) async fn sign_in(
    db: &mut Transaction,
    tenant: &TenantId,
    request: &ProviderSignIn,
) -> Result<ProviderOutcome, ServerStoreError> {
    // Two sign-ins of the same new person wait for each other.
    tenants::lock(db).await?;
    let known = known(db, request).await?;
    let account = match request.plan(known, accounts::owners(db).await?) {
        SignInPlan::Refuse(outcome) => return Ok(outcome),
        SignInPlan::Create(role) => create_account(db, tenant, request, role).await?,
        SignInPlan::Use {
            account,
            is_new,
            from,
            to,
        } => {
            if is_new {
                audit::append(db, &request.linked_entry(&account)).await?;
            }
            set_role(db, tenant, request, &account, (from, to)).await?;
            account
        }
    };
    store_identity(db, request, &account).await?;
    set_departments(db, request, &account).await?;
    audit::append(db, &request.session_entry(&account)).await?;
    db.see(VisibleRows::AllTenants).await?;
    sessions::create(db, &request.session_of(&account)).await?;
    if let Some(session) = &request.person.session {
        let values = (&request.session.id, session);
        db.execute(query!("session_of_provider"), &[values.0, values.1])
            .await?;
    }
    Ok(ProviderOutcome::SignedIn(account))
}

/// Withdraws the role of a person who may no longer sign in.
pub(super) async fn withdraw_role(
    db: &mut Transaction,
    tenant: &TenantId,
    request: &ProviderSignIn,
) -> Result<bool, ServerStoreError> {
    tenants::lock(db).await?;
    let known = known(db, request).await?;
    let owners = accounts::owners(db).await?;
    let Some((account, from)) = request.withdrawal(known, owners) else {
        return Ok(false);
    };
    set_role(db, tenant, request, &account, (from, Role::Member)).await?;
    set_departments(db, request, &account).await?;
    db.see(VisibleRows::AllTenants).await?;
    sessions::end_in(db, &account, tenant).await?;
    Ok(true)
}

/// Ends sessions of people who signed in through a provider, and returns their accounts.
pub(super) async fn end_person(
    db: &mut Transaction,
    tenant: &TenantId,
    provider: &IdentityProvider,
    (subject, session): (Option<&str>, Option<&str>),
) -> Result<Vec<AccountId>, ServerStoreError> {
    tenants::lock(db).await?;
    let account = match subject {
        None => None,
        Some(subject) => match identity(db, &provider.settings.issuer, subject).await? {
            None => return Ok(Vec::new()),
            Some((account, _)) => Some(account),
        },
    };
    end_sessions(db, tenant, &provider.id, account.as_ref(), session).await
}

/// Ends sessions, and returns their accounts, each once.
async fn end_sessions(
    db: &mut Transaction,
    tenant: &TenantId,
    provider: &str,
    account: Option<&AccountId>,
    session: Option<&str>,
) -> Result<Vec<AccountId>, ServerStoreError> {
    db.see(VisibleRows::AllTenants).await?;
    let account = account.map(AccountId::as_str);
    let rows = db
        .query(
            query!("session_end_of_provider"),
            &[&provider, &account, &session],
        )
        .await?;
    db.set_tenant(tenant).await?;
    let ended: Vec<_> = read_all(&rows, |row| Ok(AccountId::from_column(row.try_get(0)?)))?;
    let ended: BTreeSet<_> = ended.into_iter().collect();
    Ok(ended.into_iter().collect())
}

async fn create_account(
    db: &mut Transaction,
    tenant: &TenantId,
    request: &ProviderSignIn,
    role: Role,
) -> Result<AccountId, ServerStoreError> {
    let account = &request.account;
    db.see(VisibleRows::AllTenants).await?;
    if !accounts::create(db, account).await? {
        // Only another account with the same address prevents it, and this one has none.
        return Err(ServerStoreError::Aborted);
    }
    db.set_tenant(tenant).await?;
    let membership = Membership::new(tenant.clone(), role, request.audit.at);
    accounts::add_membership(db, &account.id, &membership).await?;
    audit::append(db, &request.created_entry(&account.id, role)).await?;
    Ok(account.id.clone())
}

/// Changes the role of a member. The former role was read in the same transaction, and the last
/// owner keeps the role, so the change cannot be refused.
async fn set_role(
    db: &mut Transaction,
    tenant: &TenantId,
    request: &ProviderSignIn,
    account: &AccountId,
    (from, to): (Role, Role),
) -> Result<(), ServerStoreError> {
    if from != to {
        let entry = request.role_entry(account, from, to);
        members::change(db, tenant, account, (from, Some(to)), &entry).await?;
        db.set_tenant(tenant).await?;
    }
    Ok(())
}

async fn store_identity(
    db: &Transaction,
    request: &ProviderSignIn,
    account: &AccountId,
) -> Result<(), ServerStoreError> {
    db.execute(
        query!("identity_store"),
        &[
            &db.tenant(),
            &request.provider.settings.issuer,
            &request.person.subject,
            &account.as_str(),
            &request.person.verified_email().map(EmailAddress::as_str),
            &departments(request),
            &millis(request.audit.at),
        ],
    )
    .await?;
    Ok(())
}

/// Makes the account a member of its departments, and of no other that the provider has. A
/// department without a group has no members. A change is recorded with the state before it.
async fn set_departments(
    db: &Transaction,
    request: &ProviderSignIn,
    account: &AccountId,
) -> Result<(), ServerStoreError> {
    let names = request.departments();
    if names.is_empty() {
        return Ok(());
    }
    let former = departments_of(db, account).await?;
    let (tenant, member) = (db.tenant(), account.as_str());
    for (name, is_held) in names {
        if is_held {
            let at = millis(request.audit.at);
            let join = query!("identity_department_join");
            db.execute(join, &[&tenant, &member, &name, &at]).await?;
        } else {
            let leave = query!("identity_department_leave");
            db.execute(leave, &[&tenant, &member, &name]).await?;
        }
    }
    let now = departments_of(db, account).await?;
    if let Some(entry) = request.departments_entry(account, &former, &now) {
        audit::append(db, &entry).await?;
    }
    Ok(())
}

/// Returns the names of the groups of an account, in their order.
async fn departments_of(
    db: &Transaction,
    account: &AccountId,
) -> Result<Vec<String>, ServerStoreError> {
    let values = (db.tenant(), account.as_str());
    let rows = db
        .query(query!("identity_departments"), &[&values.0, &values.1])
        .await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

async fn known(
    db: &Transaction,
    request: &ProviderSignIn,
) -> Result<KnownPerson, ServerStoreError> {
    let issuer = &request.provider.settings.issuer;
    if let Some((account, role)) = identity(db, issuer, &request.person.subject).await? {
        return Ok(KnownPerson::Known(account, role));
    }
    let Some(email) = request.linked_email() else {
        return Ok(KnownPerson::Stranger);
    };
    let values = (db.tenant(), email.as_str());
    let row = db
        .query_opt(query!("identity_candidate"), &[&values.0, &values.1])
        .await?;
    let found = row.as_ref().map(read_member).transpose()?;
    Ok(found.map_or(KnownPerson::Stranger, |(account, role)| {
        KnownPerson::SameAddress(account, role)
    }))
}

async fn identity(
    db: &Transaction,
    issuer: &str,
    subject: &str,
) -> Result<Option<(AccountId, Role)>, ServerStoreError> {
    let row = db
        .query_opt(query!("identity_find"), &[&db.tenant(), &issuer, &subject])
        .await?;
    row.as_ref().map(read_member).transpose()
}

fn secret(provider: &IdentityProvider) -> Option<&[u8]> {
    provider.secret.as_ref().map(|secret| secret.0.as_slice())
}

fn read_member(row: &Row) -> Result<(AccountId, Role), ServerStoreError> {
    let account = AccountId::from_column(row.try_get(0)?);
    Ok((account, role("members", row.try_get(1)?)?))
}

fn read(row: &Row) -> Result<IdentityProvider, ServerStoreError> {
    let secret: Option<Vec<u8>> = row.try_get(2)?;
    Ok(IdentityProvider {
        id: row.try_get(0)?,
        settings: provider_settings(row.try_get(1)?)?,
        secret: secret.map(SealedSecret),
        version: row.try_get(3)?,
        created_at: time(row.try_get(4)?),
        changed_at: time(row.try_get(5)?),
    })
}
