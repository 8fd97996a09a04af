//! Accounts of people. The functions state which rows their transaction sees.

use tokio_postgres::Row;

use super::queries::query;
use super::transaction::{Transaction, VisibleRows};
use super::values::{column, millis, number, read_all, role, time, totp};
use super::{audit, identities, members, sessions, tenants, tokens, webhooks};
use crate::domain::{
    Account, AccountChange, AccountId, Actor, AuditEntry, EmailAddress, EndedSessions, Membership,
    NewAuditEntry, OrganizationCreation, PasswordHash, Role, SecretDigest, TenantId,
};
use crate::store::administration::revocation;
use crate::store::{AccountTrail, ServerStoreError};

/// Stores an account, in a transaction for all tenants. Returns `false` if another account has the
/// address.
pub(super) async fn create(db: &Transaction, account: &Account) -> Result<bool, ServerStoreError> {
    let totp = account.totp.as_ref();
    let count = db
        .execute(
            query!("account_insert"),
            &[
                &account.id.as_str(),
                &account.email.as_ref().map(EmailAddress::as_str),
                &account.name,
                &account.password.as_ref().map(PasswordHash::expose),
                &totp.map(|totp| totp.secret.0.as_slice()),
                &totp.and_then(|totp| totp.last_step.map(column)),
                &millis(account.created_at),
                &account.verified_at.map(millis),
            ],
        )
        .await?;
    Ok(count > 0)
}

/// Returns an account, in a transaction for all tenants.
pub(super) async fn get(
    db: &Transaction,
    id: &AccountId,
) -> Result<Option<Account>, ServerStoreError> {
    let row = db.query_opt(query!("account_get"), &[&id.as_str()]).await?;
    row.as_ref().map(|row| read_at(row, 0)).transpose()
}

/// Returns the account with an address, in a transaction for all tenants.
pub(super) async fn by_email(
    db: &Transaction,
    email: &EmailAddress,
) -> Result<Option<Account>, ServerStoreError> {
    let row = db
        .query_opt(query!("account_by_email"), &[&email.as_str()])
        .await?;
    row.as_ref().map(|row| read_at(row, 0)).transpose()
}

/// Makes an account a member of the tenant of the transaction, and names the tenant. Returns
/// `false` if it is a member already.
pub(super) async fn add_membership(
    db: &Transaction,
    account: &AccountId,
    membership: &Membership,
) -> Result<bool, ServerStoreError> {
    let tenant = db.tenant();
    if let Some(name) = &membership.name {
        members::name_tenant(db, name).await?;
    }
    let values = (membership.role.as_str(), millis(membership.joined_at));
    let count = db
        .execute(
            query!("member_insert"),
            &[&tenant, &account.as_str(), &values.0, &values.1],
        )
        .await?;
    Ok(count > 0)
}

/// Returns the memberships of an account, in a transaction for the account.
pub(super) async fn memberships(
    db: &Transaction,
    account: &AccountId,
) -> Result<Vec<Membership>, ServerStoreError> {
    let rows = db
        .query(query!("membership_all"), &[&account.as_str()])
        .await?;
    read_all(&rows, |row| {
        Ok(Membership {
            tenant: TenantId::from_column(row.try_get(0)?),
            name: row.try_get(1)?,
            role: role("members", row.try_get(2)?)?,
            joined_at: time(row.try_get(3)?),
            entered_at: row.try_get::<_, Option<i64>>(4)?.map(time),
        })
    })
}

/// Creates an organization for an account. The new tenant is locked last: no one else knows it.
pub(super) async fn create_organization(
    db: &mut Transaction,
    account: &AccountId,
    membership: &Membership,
    most: usize,
    audit: &NewAuditEntry,
) -> Result<OrganizationCreation, ServerStoreError> {
    // The lock lets two requests of the account wait for each other.
    let held = db
        .query(query!("account_hold"), &[&account.as_str()])
        .await?;
    if held.is_empty() {
        return Ok(OrganizationCreation::NotFound);
    }
    db.see(VisibleRows::Account(account)).await?;
    if Membership::owned(&memberships(db, account).await?) >= most {
        return Ok(OrganizationCreation::LimitReached);
    }
    db.set_tenant(&membership.tenant).await?;
    add_membership(db, account, membership).await?;
    audit::append(db, audit).await?;
    Ok(OrganizationCreation::Created)
}

/// Appends an audit entry to the trail of each tenant of an account, or to that of the server for
/// an account without a tenant. The rows of the tenants stay locked until the end of the
/// transaction. The transaction then sees the tables of accounts.
///
/// All changes of accounts take the locks of tenants before those of accounts, and in the order of
/// the tenants, so that two changes do not wait for each other in a circle.
pub(super) async fn append_audit(
    db: &mut Transaction,
    account: &AccountId,
    entry: &NewAuditEntry,
) -> Result<(), ServerStoreError> {
    db.see(VisibleRows::Account(account)).await?;
    let memberships = memberships(db, account).await?;
    if memberships.is_empty() {
        db.set_tenant(&TenantId::site()).await?;
        audit::append(db, entry).await?;
    }
    for membership in memberships {
        db.set_tenant(&membership.tenant).await?;
        audit::append(db, entry).await?;
    }
    db.see(VisibleRows::AllTenants).await
}

/// Changes an account, in a transaction for all tenants. Returns `false` if its state does not
/// permit the change. The caller then rolls the transaction back.
pub(super) async fn change(
    db: &Transaction,
    id: &AccountId,
    change: &AccountChange,
) -> Result<bool, ServerStoreError> {
    let account = id.as_str();
    let changed = match change {
        AccountChange::Name(name) => {
            db.execute(query!("account_name"), &[&account, name])
                .await?
        }
        AccountChange::Password(hash, kept) => {
            end_others(db, id, kept.as_deref()).await?;
            u64::from(set_password(db, id, hash).await?)
        }
        AccountChange::BeginTotp(secret) => {
            let secret = secret.0.as_slice();
            db.execute(query!("totp_begin"), &[&account, &secret])
                .await?
        }
        AccountChange::ConfirmTotp(step, codes, kept) => {
            replace_codes(db, id, codes).await?;
            end_others(db, id, kept.as_deref()).await?;
            db.execute(query!("totp_confirm"), &[&account, &column(*step)])
                .await?
        }
        AccountChange::EndTotp(factor) => {
            if !sessions::use_factor(db, id, factor).await? {
                return Ok(false);
            }
            replace_codes(db, id, &[]).await?;
            db.execute(query!("totp_end"), &[&account]).await?
        }
        AccountChange::RecoveryCodes(factor, codes) => {
            if !sessions::use_factor(db, id, factor).await? {
                return Ok(false);
            }
            replace_codes(db, id, codes).await?;
            let permitted = db
                .query_opt(query!("recovery_permitted"), &[&account])
                .await?;
            u64::from(permitted.is_some())
        }
        AccountChange::UseFactor(factor) => u64::from(sessions::use_factor(db, id, factor).await?),
    };
    Ok(changed > 0)
}

/// Sets the password, and ends the links for another one, in a transaction for all tenants.
pub(super) async fn set_password(
    db: &Transaction,
    id: &AccountId,
    hash: &PasswordHash,
) -> Result<bool, ServerStoreError> {
    db.execute(query!("link_end_of_account"), &[&id.as_str()])
        .await?;
    let count = db
        .execute(query!("account_password"), &[&id.as_str(), &hash.expose()])
        .await?;
    Ok(count > 0)
}

async fn end_others(
    db: &Transaction,
    id: &AccountId,
    kept: Option<&str>,
) -> Result<(), ServerStoreError> {
    let kept = kept.map(str::to_owned);
    let which = kept.map_or(EndedSessions::All, EndedSessions::Others);
    sessions::end(db, id, &which).await?;
    Ok(())
}

async fn replace_codes(
    db: &Transaction,
    id: &AccountId,
    codes: &[SecretDigest],
) -> Result<(), ServerStoreError> {
    db.execute(query!("recovery_delete"), &[&id.as_str()])
        .await?;
    for code in codes {
        let digest = code.as_bytes().as_slice();
        db.execute(query!("recovery_insert"), &[&id.as_str(), &digest])
            .await?;
    }
    Ok(())
}

/// Returns whether an account has a recovery code, in a transaction for all tenants.
pub(super) async fn has_code(
    db: &Transaction,
    id: &AccountId,
    code: SecretDigest,
) -> Result<bool, ServerStoreError> {
    let digest = code.as_bytes().as_slice();
    let found = db
        .query_opt(query!("recovery_get"), &[&id.as_str(), &digest])
        .await?;
    Ok(found.is_some())
}

/// Returns the number of owners of the tenant of the transaction.
pub(super) async fn owners(db: &Transaction) -> Result<u64, ServerStoreError> {
    let row = db
        .query_one(query!("member_owners"), &[&db.tenant()])
        .await?;
    number("members", row.try_get(0)?)
}

/// Removes a deleted account from the tenant of the transaction, with all that it created there.
pub(super) async fn leave(
    db: &Transaction,
    account: &Account,
    entry: &NewAuditEntry,
) -> Result<(), ServerStoreError> {
    tenants::lock(db).await?;
    revoke_created(db, &account.id, entry).await?;
    audit::append(db, entry).await?;
    let id = account.id.as_str();
    db.execute(query!("member_delete"), &[&db.tenant(), &id])
        .await?;
    match &account.email {
        Some(email) => forget_address(db, email).await,
        None => Ok(()),
    }
}

/// Removes the address of a deleted account from assignments of the tenant of the transaction that
/// have ended, and from machines unless the address is still assigned.
pub(super) async fn forget_address(
    db: &Transaction,
    email: &EmailAddress,
) -> Result<(), ServerStoreError> {
    let (tenant, email) = (db.tenant(), email.as_str());
    db.execute(query!("machine_user_forget_of"), &[&tenant, &email])
        .await?;
    db.execute(query!("named_user_anonymize"), &[&tenant, &email])
        .await?;
    Ok(())
}

/// Deletes an account without an address, a password and a membership. Returns `false` if it has
/// one. The transaction then sees the tables of accounts.
pub(super) async fn delete_unreachable(
    db: &mut Transaction,
    id: &AccountId,
) -> Result<bool, ServerStoreError> {
    db.see(VisibleRows::Account(id)).await?;
    let has_membership = !memberships(db, id).await?.is_empty();
    db.see(VisibleRows::AllTenants).await?;
    let found = db
        .query_opt(query!("account_unreachable"), &[&id.as_str()])
        .await?;
    if has_membership || found.is_none() {
        return Ok(false);
    }
    db.execute(query!("account_delete"), &[&id.as_str()])
        .await?;
    Ok(true)
}

/// Revokes the API tokens and the invitations that an account created in the tenant of the
/// transaction, directly or with a token. Each token gets a copy of the audit entry.
pub(super) async fn revoke_created(
    db: &Transaction,
    account: &AccountId,
    entry: &NewAuditEntry,
) -> Result<(), ServerStoreError> {
    let creator = Actor::Account(account.clone());
    let former = tokens::all(db).await?;
    let ids = tokens::revoke(db, &creator, entry.at).await?;
    for id in &ids {
        let revoked = NewAuditEntry {
            action: "token.revoke",
            ..revocation(entry, id, &former)
        };
        audit::append(db, &revoked).await?;
    }
    Ok(())
}

/// Returns what each tenant of an account has of it, in a transaction for the account.
pub(super) async fn trail(
    db: &mut Transaction,
    account: &AccountId,
) -> Result<Vec<AccountTrail>, ServerStoreError> {
    let actor = Actor::Account(account.clone()).to_string();
    db.see(VisibleRows::AllTenants).await?;
    let found = get(db, account).await?;
    let email = found.as_ref().and_then(|found| found.email.as_ref());
    db.see(VisibleRows::Account(account)).await?;
    let mut trails = Vec::new();
    for membership in memberships(db, account).await? {
        let tenant = membership.tenant;
        db.set_tenant(&tenant).await?;
        let mut tokens = tokens::all(db).await?;
        tokens.retain(|token| token.created_by == actor);
        let mut webhooks = webhooks::all(db).await?;
        webhooks.retain(|webhook| webhook.created_by == actor);
        let mut invitations = members::invitations(db, license_core::time::MIN).await?;
        invitations.retain(|one| one.created_by == actor || Some(&one.email) == email);
        let identities = identities::of_account(db, account).await?;
        let audit = audit_of(db, &actor).await?;
        trails.push(AccountTrail {
            tenant,
            tokens,
            webhooks,
            invitations,
            identities,
            audit,
        });
    }
    Ok(trails)
}

async fn audit_of(db: &Transaction, actor: &str) -> Result<Vec<AuditEntry>, ServerStoreError> {
    let most = i64::from(AccountTrail::MAX_ENTRIES);
    let rows = db
        .query(query!("audit_of_actor"), &[&db.tenant(), &actor, &most])
        .await?;
    read_all(&rows, audit::read)
}

/// Returns the role of an account in the tenant of the transaction.
pub(super) async fn role_of(
    db: &Transaction,
    account: &AccountId,
) -> Result<Option<Role>, ServerStoreError> {
    let row = db
        .query_opt(query!("member_role"), &[&db.tenant(), &account.as_str()])
        .await?;
    row.map(|row| role("members", row.try_get(0)?)).transpose()
}

/// Reads the account whose first column has an index.
pub(super) fn read_at(row: &Row, first: usize) -> Result<Account, ServerStoreError> {
    let at = |offset: usize| first.saturating_add(offset);
    let (email, password): (Option<String>, Option<String>) =
        (row.try_get(at(1))?, row.try_get(at(3))?);
    let verified_at: Option<i64> = row.try_get(at(7))?;
    Ok(Account {
        id: AccountId::from_column(row.try_get(at(0))?),
        email: email.map(EmailAddress::from_column),
        name: row.try_get(at(2))?,
        password: password.map(PasswordHash::new),
        totp: totp(row.try_get(at(4))?, row.try_get(at(5))?)?,
        created_at: time(row.try_get(at(6))?),
        verified_at: verified_at.map(time),
    })
}
