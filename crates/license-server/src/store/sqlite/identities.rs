//! Identity providers of a tenant, and the people who sign in through them.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use rusqlite::{Connection, Row, params};

use super::queries::query;
use super::values::{
    collect, departments, millis, number, provider_settings, role, settings_text, time,
};
use super::{accounts, audit, members, sessions};
use crate::domain::{
    AccountId, EmailAddress, IdentityProvider, KnownPerson, Membership, ProviderOutcome,
    ProviderSignIn, Role, SealedSecret, SignInPlan, TenantId,
};
use crate::store::{AccountIdentity, ServerStoreError, limits};

/// Stores a provider.
pub(super) fn create(
    db: &Connection,
    tenant: &TenantId,
    provider: &IdentityProvider,
    most: u32,
) -> Result<(), ServerStoreError> {
    let mut statement = db.prepare_cached(query!("provider_count"))?;
    let found = statement.query_row([tenant.as_str()], |row| row.get(0))?;
    limits::check_providers(number("identity_providers", found)?, most)?;
    db.prepare_cached(query!("provider_insert"))?
        .execute(params![
            tenant.as_str(),
            provider.id,
            settings_text(provider)?,
            provider.secret.as_ref().map(|secret| &secret.0),
            provider.version,
            millis(provider.created_at),
            millis(provider.changed_at),
        ])?;
    Ok(())
}

/// Replaces a provider that has the version before, and ends its sessions if it is disabled.
pub(super) fn change(
    db: &Connection,
    tenant: &TenantId,
    provider: &IdentityProvider,
) -> Result<bool, ServerStoreError> {
    let changed = db
        .prepare_cached(query!("provider_change"))?
        .execute(params![
            tenant.as_str(),
            provider.id,
            settings_text(provider)?,
            provider.secret.as_ref().map(|secret| &secret.0),
            provider.version,
            millis(provider.changed_at),
        ])?;
    if changed > 0 && !provider.settings.is_enabled {
        end_sessions(db, &provider.id, None, None)?;
    }
    Ok(changed > 0)
}

/// Deletes a provider, and ends its sessions.
pub(super) fn delete(
    db: &Connection,
    tenant: &TenantId,
    id: &str,
    version: i64,
) -> Result<bool, ServerStoreError> {
    let mut statement = db.prepare_cached(query!("provider_delete"))?;
    let is_deleted = statement.execute(params![tenant.as_str(), id, version])? > 0;
    if is_deleted {
        end_sessions(db, id, None, None)?;
    }
    Ok(is_deleted)
}

/// Returns the providers, in the order of their creation.
pub(super) fn all(
    db: &Connection,
    tenant: &TenantId,
) -> Result<Vec<IdentityProvider>, ServerStoreError> {
    let mut statement = db.prepare_cached(query!("provider_all"))?;
    collect(&mut statement, [tenant.as_str()], read)
}

/// Returns a provider and its tenant.
pub(super) fn find(
    db: &Connection,
    id: &str,
) -> Result<Option<(TenantId, IdentityProvider)>, ServerStoreError> {
    let mut statement = db.prepare_cached(query!("provider_find"))?;
    let mut found = collect(&mut statement, [id], |row| {
        let tenant: String = row.get(6)?;
        Ok((TenantId::from_column(&tenant), read(row)?))
    })?;
    Ok(found.pop())
}

/// Returns how the providers of a tenant know an account.
pub(super) fn of_account(
    db: &Connection,
    tenant: &TenantId,
    account: &AccountId,
) -> Result<Vec<AccountIdentity>, ServerStoreError> {
    let mut statement = db.prepare_cached(query!("identity_of_account"))?;
    collect(&mut statement, [tenant.as_str(), account.as_str()], |row| {
        Ok(AccountIdentity {
            issuer: row.get(0)?,
            subject: row.get(1)?,
            email: row.get(2)?,
            created_at: time(row.get(3)?),
            used_at: time(row.get(4)?),
        })
    })
}

/// Records that a value was used. Returns `false` if it was used before.
pub(super) fn use_once(
    db: &Connection,
    tenant: &TenantId,
    value: &[u8; 32],
    (expires_at, now): (DateTime<Utc>, DateTime<Utc>),
) -> Result<bool, ServerStoreError> {
    let tenant = tenant.as_str();
    db.prepare_cached(query!("provider_value_forget"))?
        .execute(params![tenant, millis(now)])?;
    let mut statement = db.prepare_cached(query!("provider_value_insert"))?;
    Ok(statement.execute(params![tenant, value, millis(expires_at)])? > 0)
}

/// Signs a person in.
pub(super) fn sign_in(
    db: &Connection,
    tenant: &TenantId,
    request: &ProviderSignIn,
) -> Result<ProviderOutcome, ServerStoreError> {
    let known = known(db, tenant, request)?;
    let account = match request.plan(known, accounts::owners(db, tenant)?) {
        SignInPlan::Refuse(outcome) => return Ok(outcome),
        SignInPlan::Create(role) => create_account(db, tenant, request, role)?,
        SignInPlan::Use {
            account,
            is_new,
            from,
            to,
        } => {
            if is_new {
                audit::append(db, tenant, &request.linked_entry(&account))?;
            }
            set_role(db, tenant, request, &account, (from, to))?;
            account
        }
    };
    store_identity(db, tenant, request, &account)?;
    set_departments(db, tenant, request, &account)?;
    sessions::create(db, &request.session_of(&account))?;
    if let Some(session) = &request.person.session {
        db.prepare_cached(query!("session_of_provider"))?
            .execute([&request.session.id, session])?;
    }
    audit::append(db, tenant, &request.session_entry(&account))?;
    Ok(ProviderOutcome::SignedIn(account))
}

/// Withdraws the role of a person who may no longer sign in.
pub(super) fn withdraw_role(
    db: &Connection,
    tenant: &TenantId,
    request: &ProviderSignIn,
) -> Result<bool, ServerStoreError> {
    let known = known(db, tenant, request)?;
    let owners = accounts::owners(db, tenant)?;
    let Some((account, from)) = request.withdrawal(known, owners) else {
        return Ok(false);
    };
    set_role(db, tenant, request, &account, (from, Role::Member))?;
    set_departments(db, tenant, request, &account)?;
    sessions::end_in(db, &account, tenant)?;
    Ok(true)
}

/// Ends sessions of people who signed in through a provider, and returns their accounts.
pub(super) fn end_person(
    db: &Connection,
    tenant: &TenantId,
    provider: &IdentityProvider,
    (subject, session): (Option<&str>, Option<&str>),
) -> Result<Vec<AccountId>, ServerStoreError> {
    let account = match subject {
        None => None,
        Some(subject) => match identity(db, tenant, &provider.settings.issuer, subject)? {
            None => return Ok(Vec::new()),
            Some((account, _)) => Some(account),
        },
    };
    end_sessions(db, &provider.id, account.as_ref(), session)
}

/// Ends sessions, and returns their accounts, each once.
fn end_sessions(
    db: &Connection,
    provider: &str,
    account: Option<&AccountId>,
    session: Option<&str>,
) -> Result<Vec<AccountId>, ServerStoreError> {
    let mut statement = db.prepare_cached(query!("session_end_of_provider"))?;
    let values = params![provider, account.map(AccountId::as_str), session];
    let ended = collect(&mut statement, values, |row| {
        Ok(AccountId::from_column(row.get(0)?))
    })?;
    let ended: BTreeSet<_> = ended.into_iter().collect();
    Ok(ended.into_iter().collect())
}

fn create_account(
    db: &Connection,
    tenant: &TenantId,
    request: &ProviderSignIn,
    role: Role,
) -> Result<AccountId, ServerStoreError> {
    let account = &request.account;
    if !accounts::create(db, account)? {
        // Only another account with the same address prevents it, and this one has none.
        return Err(ServerStoreError::Aborted);
    }
    let membership = Membership::new(tenant.clone(), role, request.audit.at);
    accounts::add_membership(db, &account.id, &membership)?;
    audit::append(db, tenant, &request.created_entry(&account.id, role))?;
    Ok(account.id.clone())
}

/// Changes the role of a member. The former role was read in the same transaction, and the last
/// owner keeps the role, so the change cannot be refused.
fn set_role(
    db: &Connection,
    tenant: &TenantId,
    request: &ProviderSignIn,
    account: &AccountId,
    (from, to): (Role, Role),
) -> Result<(), ServerStoreError> {
    if from != to {
        let entry = request.role_entry(account, from, to);
        members::change(db, tenant, account, (from, Some(to)), &entry)?;
        audit::append(db, tenant, &entry)?;
    }
    Ok(())
}

fn store_identity(
    db: &Connection,
    tenant: &TenantId,
    request: &ProviderSignIn,
    account: &AccountId,
) -> Result<(), ServerStoreError> {
    db.prepare_cached(query!("identity_store"))?
        .execute(params![
            tenant.as_str(),
            request.provider.settings.issuer,
            request.person.subject,
            account.as_str(),
            request.person.verified_email().map(EmailAddress::as_str),
            departments(request),
            millis(request.audit.at),
        ])?;
    Ok(())
}

/// Makes the account a member of its departments, and of no other that the provider has. A
/// department without a group has no members. A change is recorded with the state before it.
fn set_departments(
    db: &Connection,
    tenant: &TenantId,
    request: &ProviderSignIn,
    account: &AccountId,
) -> Result<(), ServerStoreError> {
    let names = request.departments();
    if names.is_empty() {
        return Ok(());
    }
    let former = departments_of(db, tenant, account)?;
    let (id, member) = (tenant.as_str(), account.as_str());
    for (name, is_held) in names {
        if is_held {
            db.prepare_cached(query!("identity_department_join"))?
                .execute(params![id, member, name, millis(request.audit.at)])?;
        } else {
            db.prepare_cached(query!("identity_department_leave"))?
                .execute([id, member, name])?;
        }
    }
    let now = departments_of(db, tenant, account)?;
    if let Some(entry) = request.departments_entry(account, &former, &now) {
        audit::append(db, tenant, &entry)?;
    }
    Ok(())
}

/// Returns the names of the groups of an account, in their order.
fn departments_of(
    db: &Connection,
    tenant: &TenantId,
    account: &AccountId,
) -> Result<Vec<String>, ServerStoreError> {
    let mut statement = db.prepare_cached(query!("identity_departments"))?;
    let values = [tenant.as_str(), account.as_str()];
    collect(&mut statement, values, |row| Ok(row.get(0)?))
}

fn known(
    db: &Connection,
    tenant: &TenantId,
    request: &ProviderSignIn,
) -> Result<KnownPerson, ServerStoreError> {
    let issuer = &request.provider.settings.issuer;
    if let Some((account, role)) = identity(db, tenant, issuer, &request.person.subject)? {
        return Ok(KnownPerson::Known(account, role));
    }
    let Some(email) = request.linked_email() else {
        return Ok(KnownPerson::Stranger);
    };
    let mut statement = db.prepare_cached(query!("identity_candidate"))?;
    let values = [tenant.as_str(), email.as_str()];
    let found = collect(&mut statement, values, read_member)?.pop();
    Ok(found.map_or(KnownPerson::Stranger, |(account, role)| {
        KnownPerson::SameAddress(account, role)
    }))
}

fn identity(
    db: &Connection,
    tenant: &TenantId,
    issuer: &str,
    subject: &str,
) -> Result<Option<(AccountId, Role)>, ServerStoreError> {
    let mut statement = db.prepare_cached(query!("identity_find"))?;
    let values = [tenant.as_str(), issuer, subject];
    Ok(collect(&mut statement, values, read_member)?.pop())
}

fn read_member(row: &Row<'_>) -> Result<(AccountId, Role), ServerStoreError> {
    let found: String = row.get(1)?;
    let account = AccountId::from_column(row.get(0)?);
    Ok((account, role("members", &found)?))
}

fn read(row: &Row<'_>) -> Result<IdentityProvider, ServerStoreError> {
    let (settings, secret): (String, Option<Vec<u8>>) = (row.get(1)?, row.get(2)?);
    Ok(IdentityProvider {
        id: row.get(0)?,
        settings: provider_settings(&settings)?,
        secret: secret.map(SealedSecret),
        version: row.get(3)?,
        created_at: time(row.get(4)?),
        changed_at: time(row.get(5)?),
    })
}
