//! Accounts of people.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::queries::query;
use super::values::{
    bad_row, collect, column, left_without_owner, millis, number, role, time, totp,
};
use super::{audit, identities, members, sessions, tokens, webhooks};
use crate::domain::{
    Account, AccountChange, AccountId, Actor, AuditEntry, DeletionOutcome, EmailAddress,
    EndedSessions, Membership, NewAuditEntry, PasswordHash, Role, SecretDigest, TenantId,
};
use crate::store::administration::revocation;
use crate::store::{AccountTrail, ServerStoreError};

/// Stores an account. Returns `false` if another account has the address.
pub(super) fn create(db: &Connection, account: &Account) -> Result<bool, ServerStoreError> {
    let totp = account.totp.as_ref();
    let inserted = db
        .prepare_cached(query!("account_insert"))?
        .execute(params![
            account.id.as_str(),
            account.email.as_ref().map(EmailAddress::as_str),
            account.name,
            account.password.as_ref().map(PasswordHash::expose),
            totp.map(|totp| &totp.secret.0),
            totp.and_then(|totp| totp.last_step.map(column)),
            millis(account.created_at),
            account.verified_at.map(millis),
        ])?;
    Ok(inserted > 0)
}

/// Returns an account.
pub(super) fn get(db: &Connection, id: &AccountId) -> Result<Option<Account>, ServerStoreError> {
    let mut statement = db.prepare_cached(query!("account_get"))?;
    Ok(collect(&mut statement, [id.as_str()], read)?.pop())
}

/// Returns the account with an address.
pub(super) fn by_email(
    db: &Connection,
    email: &EmailAddress,
) -> Result<Option<Account>, ServerStoreError> {
    let mut statement = db.prepare_cached(query!("account_by_email"))?;
    Ok(collect(&mut statement, [email.as_str()], read)?.pop())
}

/// Makes an account a member of a tenant, and names the tenant. Returns `false` if it is a member
/// already.
pub(super) fn add_membership(
    db: &Connection,
    account: &AccountId,
    membership: &Membership,
) -> Result<bool, ServerStoreError> {
    let tenant = membership.tenant.as_str();
    if let Some(name) = &membership.name {
        members::name_tenant(db, &membership.tenant, name)?;
    }
    let inserted = db
        .prepare_cached(query!("member_insert"))?
        .execute(params![
            tenant,
            account.as_str(),
            membership.role.as_str(),
            millis(membership.joined_at),
        ])?;
    Ok(inserted > 0)
}

/// Returns the memberships of an account.
pub(super) fn memberships(
    db: &Connection,
    account: &AccountId,
) -> Result<Vec<Membership>, ServerStoreError> {
    let mut statement = db.prepare_cached(query!("membership_all"))?;
    collect(&mut statement, [account.as_str()], |row| {
        let (tenant, found): (String, String) = (row.get(0)?, row.get(2)?);
        Ok(Membership {
            tenant: TenantId::from_column(&tenant),
            name: row.get(1)?,
            role: role("members", &found)?,
            joined_at: time(row.get(3)?),
            entered_at: row.get::<_, Option<i64>>(4)?.map(time),
        })
    })
}

/// Appends an audit entry to the trail of each tenant of an account, or to that of the server for
/// an account without a tenant.
pub(super) fn append_audit(
    db: &Connection,
    account: &AccountId,
    entry: &NewAuditEntry,
) -> Result<(), ServerStoreError> {
    let memberships = memberships(db, account)?;
    if memberships.is_empty() {
        return audit::append(db, &TenantId::site(), entry);
    }
    for membership in memberships {
        audit::append(db, &membership.tenant, entry)?;
    }
    Ok(())
}

/// Changes an account. Returns `false` if its state does not permit the change.
pub(super) fn change(
    db: &Connection,
    id: &AccountId,
    change: &AccountChange,
) -> Result<bool, ServerStoreError> {
    let account = id.as_str();
    let changed = match change {
        AccountChange::Name(name) => db
            .prepare_cached(query!("account_name"))?
            .execute([account, name])?,
        AccountChange::Password(hash, kept) => {
            let changed = set_password(db, id, hash)?;
            end_others(db, id, kept.as_deref())?;
            usize::from(changed)
        }
        AccountChange::BeginTotp(secret) => db
            .prepare_cached(query!("totp_begin"))?
            .execute(params![account, secret.0])?,
        AccountChange::ConfirmTotp(step, codes, kept) => {
            let mut statement = db.prepare_cached(query!("totp_confirm"))?;
            if statement.execute(params![account, column(*step)])? == 0 {
                return Ok(false);
            }
            replace_codes(db, id, codes)?;
            end_others(db, id, kept.as_deref())?;
            1
        }
        AccountChange::EndTotp(factor) => {
            if !sessions::use_factor(db, id, factor)? {
                return Ok(false);
            }
            replace_codes(db, id, &[])?;
            db.prepare_cached(query!("totp_end"))?.execute([account])?
        }
        AccountChange::RecoveryCodes(factor, codes) => {
            let mut statement = db.prepare_cached(query!("recovery_permitted"))?;
            if !statement.exists([account])? || !sessions::use_factor(db, id, factor)? {
                return Ok(false);
            }
            replace_codes(db, id, codes)?;
            1
        }
        AccountChange::UseFactor(factor) => usize::from(sessions::use_factor(db, id, factor)?),
    };
    Ok(changed > 0)
}

/// Sets the password, and ends the links for another one.
pub(super) fn set_password(
    db: &Connection,
    id: &AccountId,
    hash: &PasswordHash,
) -> Result<bool, ServerStoreError> {
    db.prepare_cached(query!("link_end_of_account"))?
        .execute([id.as_str()])?;
    let mut statement = db.prepare_cached(query!("account_password"))?;
    Ok(statement.execute([id.as_str(), hash.expose()])? > 0)
}

fn end_others(db: &Connection, id: &AccountId, kept: Option<&str>) -> Result<(), ServerStoreError> {
    let kept = kept.map(str::to_owned);
    let which = kept.map_or(EndedSessions::All, EndedSessions::Others);
    sessions::end(db, id, &which)?;
    Ok(())
}

fn replace_codes(
    db: &Connection,
    id: &AccountId,
    codes: &[SecretDigest],
) -> Result<(), ServerStoreError> {
    db.prepare_cached(query!("recovery_delete"))?
        .execute([id.as_str()])?;
    let mut statement = db.prepare_cached(query!("recovery_insert"))?;
    for code in codes {
        statement.execute(params![id.as_str(), code.as_bytes()])?;
    }
    Ok(())
}

/// Returns whether an account has a recovery code.
pub(super) fn has_code(
    db: &Connection,
    id: &AccountId,
    code: SecretDigest,
) -> Result<bool, ServerStoreError> {
    let mut statement = db.prepare_cached(query!("recovery_get"))?;
    Ok(statement.exists(params![id.as_str(), code.as_bytes()])?)
}

/// Deletes an account with everything that belongs to it.
pub(super) fn delete(
    db: &Connection,
    id: &AccountId,
    entry: &NewAuditEntry,
) -> Result<DeletionOutcome, ServerStoreError> {
    let Some(account) = get(db, id)? else {
        return Ok(DeletionOutcome::NotFound);
    };
    let memberships = memberships(db, id)?;
    let mut owned = Vec::new();
    for membership in memberships.iter().filter(|one| one.role == Role::Owner) {
        owned.push((membership.tenant.clone(), owners(db, &membership.tenant)?));
    }
    let orphaned = left_without_owner(owned.into_iter());
    if !orphaned.is_empty() {
        return Ok(DeletionOutcome::LastOwner(orphaned));
    }
    if memberships.is_empty() {
        audit::append(db, &TenantId::site(), entry)?;
    }
    for membership in &memberships {
        revoke_created(db, &membership.tenant, id, entry)?;
        let entry = entry.clone().with_before(Some(membership.role.audited()));
        audit::append(db, &membership.tenant, &entry)?;
        db.prepare_cached(query!("member_delete"))?
            .execute([membership.tenant.as_str(), id.as_str()])?;
        if let Some(email) = &account.email {
            forget_address(db, &membership.tenant, email)?;
        }
    }
    db.prepare_cached(query!("account_delete"))?
        .execute([id.as_str()])?;
    Ok(DeletionOutcome::Deleted)
}

/// Removes the address of a deleted account from assignments of a tenant that have ended, and from
/// machines unless the address is still assigned.
pub(super) fn forget_address(
    db: &Connection,
    tenant: &TenantId,
    email: &EmailAddress,
) -> Result<(), ServerStoreError> {
    let values = [tenant.as_str(), email.as_str()];
    db.prepare_cached(query!("machine_user_forget_of"))?
        .execute(values)?;
    db.prepare_cached(query!("named_user_anonymize"))?
        .execute(values)?;
    Ok(())
}

/// Deletes an account without an address, a password and a membership. Returns `false` if it has
/// one.
pub(super) fn delete_unreachable(
    db: &Connection,
    id: &AccountId,
) -> Result<bool, ServerStoreError> {
    let mut statement = db.prepare_cached(query!("account_unreachable"))?;
    if !memberships(db, id)?.is_empty() || !statement.exists([id.as_str()])? {
        return Ok(false);
    }
    db.prepare_cached(query!("account_delete"))?
        .execute([id.as_str()])?;
    Ok(true)
}

/// Returns the number of owners of a tenant.
pub(super) fn owners(db: &Connection, tenant: &TenantId) -> Result<u64, ServerStoreError> {
    let mut statement = db.prepare_cached(query!("member_owners"))?;
    let owners = statement.query_row([tenant.as_str()], |row| row.get(0))?;
    number("members", owners)
}

/// Revokes the API tokens and the invitations that an account created in a tenant, directly or with
/// a token. Each token gets a copy of the audit entry.
pub(super) fn revoke_created(
    db: &Connection,
    tenant: &TenantId,
    account: &AccountId,
    entry: &NewAuditEntry,
) -> Result<(), ServerStoreError> {
    let creator = Actor::Account(account.clone());
    let former = tokens::all(db, tenant)?;
    let ids = tokens::revoke(db, tenant, &creator, entry.at)?;
    for id in &ids {
        let revoked = NewAuditEntry {
            action: "token.revoke",
            ..revocation(entry, id, &former)
        };
        audit::append(db, tenant, &revoked)?;
    }
    Ok(())
}

/// Returns what each tenant of an account has of it.
pub(super) fn trail(
    db: &Connection,
    account: &AccountId,
) -> Result<Vec<AccountTrail>, ServerStoreError> {
    let actor = Actor::Account(account.clone()).to_string();
    let found = get(db, account)?;
    let email = found.as_ref().and_then(|found| found.email.as_ref());
    let mut trails = Vec::new();
    for membership in memberships(db, account)? {
        let tenant = membership.tenant;
        let mut tokens = tokens::all(db, &tenant)?;
        tokens.retain(|token| token.created_by == actor);
        let mut webhooks = webhooks::all(db, &tenant)?;
        webhooks.retain(|webhook| webhook.created_by == actor);
        let mut invitations = members::invitations(db, &tenant, license_core::time::MIN)?;
        invitations.retain(|one| one.created_by == actor || Some(&one.email) == email);
        let identities = identities::of_account(db, &tenant, account)?;
        let audit = audit_of(db, &tenant, &actor)?;
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

fn audit_of(
    db: &Connection,
    tenant: &TenantId,
    actor: &str,
) -> Result<Vec<AuditEntry>, ServerStoreError> {
    let mut statement = db.prepare_cached(query!("audit_of_actor"))?;
    let values = params![tenant.as_str(), actor, AccountTrail::MAX_ENTRIES];
    collect(&mut statement, values, audit::read)
}

/// Returns the role of an account in a tenant.
pub(super) fn role_in(
    db: &Connection,
    tenant: &TenantId,
    account: &AccountId,
) -> Result<Option<Role>, ServerStoreError> {
    let mut statement = db.prepare_cached(query!("member_role"))?;
    let found: Option<String> = statement
        .query_row([tenant.as_str(), account.as_str()], |row| row.get(0))
        .optional()?;
    found.map(|text| role("members", &text)).transpose()
}

fn read(row: &Row<'_>) -> Result<Account, ServerStoreError> {
    read_at(row, 0)
}

/// Reads the account whose first column has an index.
pub(super) fn read_at(row: &Row<'_>, first: usize) -> Result<Account, ServerStoreError> {
    let at = |offset: usize| first.saturating_add(offset);
    let (email, password): (Option<String>, Option<String>) = (row.get(at(1))?, row.get(at(3))?);
    let verified_at: Option<i64> = row.get(at(7))?;
    let secret = row.get(at(4)).map_err(|error| bad_row("accounts", error))?;
    Ok(Account {
        id: AccountId::from_column(row.get(at(0))?),
        email: email.map(EmailAddress::from_column),
        name: row.get(at(2))?,
        password: password.map(PasswordHash::new),
        totp: totp(secret, row.get(at(5))?)?,
        created_at: time(row.get(at(6))?),
        verified_at: verified_at.map(time),
    })
}
