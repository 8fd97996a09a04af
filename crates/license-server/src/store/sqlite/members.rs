//! Members of a tenant, and invitations.

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::queries::query;
use super::values::{collect, collect_page, excess, millis, number, role, time};
use super::{accounts, audit, sessions, tokens};
use crate::domain::{
    AccountId, Actor, EmailAddress, Invitation, Member, MemberOutcome, NewAuditEntry, Page,
    PageRequest, Role, SecretDigest, TenantId, may_give,
};
use crate::store::{ServerStoreError, limits};

/// Returns members, in the order of the ids of their accounts.
pub(super) fn page(
    db: &Connection,
    tenant: &TenantId,
    page: &PageRequest,
) -> Result<Page<Member>, ServerStoreError> {
    let values = params![tenant.as_str(), page.after_key(), excess(page)];
    let mut statement = db.prepare_cached(query!("member_page"))?;
    collect_page(&mut statement, values, read, page, |member| {
        member.account.to_string()
    })
}

/// Returns a member.
pub(super) fn get(
    db: &Connection,
    tenant: &TenantId,
    account: &AccountId,
) -> Result<Option<Member>, ServerStoreError> {
    let mut statement = db.prepare_cached(query!("member_get"))?;
    let values = [tenant.as_str(), account.as_str()];
    Ok(collect(&mut statement, values, read)?.pop())
}

/// Returns the name of a tenant.
pub(super) fn tenant_name(
    db: &Connection,
    tenant: &TenantId,
) -> Result<Option<String>, ServerStoreError> {
    let mut statement = db.prepare_cached(query!("tenant_name_get"))?;
    let found: Option<Option<String>> = statement
        .query_row([tenant.as_str()], |row| row.get(0))
        .optional()?;
    Ok(found.flatten())
}

/// Names a tenant.
pub(super) fn name_tenant(
    db: &Connection,
    tenant: &TenantId,
    name: &str,
) -> Result<(), ServerStoreError> {
    let mut statement = db.prepare_cached(query!("tenant_name"))?;
    statement.execute([tenant.as_str(), name])?;
    Ok(())
}

/// Changes the role of a member, or removes the member (`to` is `None`). Ends what the member
/// could do with the former role. The account of a removed member is
/// deleted if no one could sign in with it again.
pub(super) fn change(
    db: &Connection,
    tenant: &TenantId,
    account: &AccountId,
    (from, to): (Role, Option<Role>),
    entry: &NewAuditEntry,
) -> Result<MemberOutcome, ServerStoreError> {
    match accounts::role_in(db, tenant, account)? {
        None => return Ok(MemberOutcome::NotFound),
        Some(found) if found != from => return Ok(MemberOutcome::RoleChanged),
        Some(Role::Owner) if to != Some(Role::Owner) && accounts::owners(db, tenant)? <= 1 => {
            return Ok(MemberOutcome::LastOwner);
        }
        Some(_) => {}
    }
    let email = get(db, tenant, account)?.and_then(|member| member.email);
    let (tenant_id, id) = (tenant.as_str(), account.as_str());
    match to {
        Some(to) => {
            db.prepare_cached(query!("member_role_put"))?
                .execute([tenant_id, id, to.as_str()])?
        }
        None => db
            .prepare_cached(query!("member_delete"))?
            .execute([tenant_id, id])?,
    };
    if from.loses_with(to) {
        accounts::revoke_created(db, tenant, account, entry)?;
    }
    sessions::end_in(db, account, tenant)?;
    audit::append(db, tenant, entry)?;
    if to.is_none() && accounts::delete_unreachable(db, account)? {
        if let Some(email) = &email {
            accounts::forget_address(db, tenant, email)?;
        }
        audit::append(db, tenant, &entry.of_deletion())?;
    }
    Ok(MemberOutcome::Changed)
}

/// Stores an invitation, in place of an earlier one to the same address. Returns `false` if a
/// person creates it who has lost a permission of its role, or a revoked token.
pub(super) fn invite(
    db: &Connection,
    tenant: &TenantId,
    invitation: &Invitation,
    most: u32,
) -> Result<bool, ServerStoreError> {
    if let Some(account) = Actor::account_in(&invitation.created_by) {
        let role = accounts::role_in(db, tenant, &account)?;
        if !may_give(role, invitation.role.permissions()) {
            return Ok(false);
        }
    }
    if tokens::is_revoked(db, tenant, &invitation.created_by)? {
        return Ok(false);
    }
    let (tenant, email) = (tenant.as_str(), invitation.email.as_str());
    db.prepare_cached(query!("invitation_replace"))?
        .execute(params![tenant, email, millis(invitation.created_at)])?;
    let mut statement = db.prepare_cached(query!("invitation_count"))?;
    let open = statement.query_row([tenant], |row| row.get(0))?;
    limits::check_invitations(number("invitations", open)?, most)?;
    db.prepare_cached(query!("invitation_insert"))?
        .execute(params![
            tenant,
            invitation.id,
            email,
            invitation.role.as_str(),
            invitation.digest.as_bytes(),
            millis(invitation.created_at),
            invitation.created_by,
            millis(invitation.expires_at),
            invitation.is_mailed,
        ])?;
    Ok(true)
}

/// Returns the open invitations.
pub(super) fn invitations(
    db: &Connection,
    tenant: &TenantId,
    now: DateTime<Utc>,
) -> Result<Vec<Invitation>, ServerStoreError> {
    let mut statement = db.prepare_cached(query!("invitation_all"))?;
    let values = params![tenant.as_str(), millis(now)];
    collect(&mut statement, values, read_invitation)
}

/// Deletes an invitation, and returns it.
pub(super) fn withdraw(
    db: &Connection,
    tenant: &TenantId,
    id: &str,
) -> Result<Option<Invitation>, ServerStoreError> {
    let mut statement = db.prepare_cached(query!("invitation_delete"))?;
    Ok(collect(&mut statement, [tenant.as_str(), id], read_invitation)?.pop())
}

/// Returns the invitation with a secret, and its tenant.
pub(super) fn find_invitation(
    db: &Connection,
    secret: SecretDigest,
) -> Result<Option<(TenantId, Invitation)>, ServerStoreError> {
    let mut statement = db.prepare_cached(query!("invitation_find"))?;
    let mut found = collect(&mut statement, [secret.as_bytes()], |row| {
        let tenant: String = row.get(8)?;
        Ok((TenantId::from_column(&tenant), read_invitation(row)?))
    })?;
    Ok(found.pop())
}

/// Deletes the invitation of an address, and returns its role and whether it was sent by mail.
pub(super) fn take_invitation(
    db: &Connection,
    tenant: &TenantId,
    secret: SecretDigest,
    email: &EmailAddress,
    now: DateTime<Utc>,
) -> Result<Option<(Role, bool)>, ServerStoreError> {
    let mut statement = db.prepare_cached(query!("invitation_use"))?;
    let values = params![
        tenant.as_str(),
        secret.as_bytes(),
        email.as_str(),
        millis(now)
    ];
    let found: Option<(String, bool)> = statement
        .query_row(values, |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let found = found.map(|(text, is_mailed)| Ok((role("invitations", &text)?, is_mailed)));
    found.transpose()
}

fn read(row: &Row<'_>) -> Result<Member, ServerStoreError> {
    let (email, found): (Option<String>, String) = (row.get(1)?, row.get(3)?);
    Ok(Member {
        account: AccountId::from_column(row.get(0)?),
        email: email.map(EmailAddress::from_column),
        name: row.get(2)?,
        role: role("members", &found)?,
        joined_at: time(row.get(4)?),
        is_verified: row.get(5)?,
        has_totp: row.get(6)?,
    })
}

fn read_invitation(row: &Row<'_>) -> Result<Invitation, ServerStoreError> {
    let found: String = row.get(2)?;
    Ok(Invitation {
        id: row.get(0)?,
        email: EmailAddress::from_column(row.get(1)?),
        role: role("invitations", &found)?,
        digest: SecretDigest::from_bytes(row.get(3)?),
        created_at: time(row.get(4)?),
        created_by: row.get(5)?,
        expires_at: time(row.get(6)?),
        is_mailed: row.get(7)?,
    })
}
