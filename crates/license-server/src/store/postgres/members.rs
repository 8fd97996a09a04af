//! Members of the tenant of the transaction, and invitations.

use chrono::{DateTime, Utc};
use tokio_postgres::Row;

use super::queries::query;
use super::transaction::{Transaction, VisibleRows};
use super::values::{digest, excess, millis, number, read_all, read_page, role, time};
use super::{accounts, audit, sessions, tenants, tokens};
use crate::domain::{
    AccountId, Actor, EmailAddress, Invitation, Member, MemberOutcome, NewAuditEntry, Page,
    PageRequest, Role, SecretDigest, TenantId, may_give,
};
use crate::store::{ServerStoreError, limits};

/// Returns members, in the order of the ids of their accounts.
pub(super) async fn page(
    db: &Transaction,
    page: &PageRequest,
) -> Result<Page<Member>, ServerStoreError> {
    let rows = db
        .query(
            query!("member_page"),
            &[&db.tenant(), &page.after_key(), &excess(page)],
        )
        .await?;
    read_page(&rows, read, page, |member| member.account.to_string())
}

/// Returns a member.
pub(super) async fn get(
    db: &Transaction,
    account: &AccountId,
) -> Result<Option<Member>, ServerStoreError> {
    let row = db
        .query_opt(query!("member_get"), &[&db.tenant(), &account.as_str()])
        .await?;
    row.as_ref().map(read).transpose()
}

/// Returns the name of the tenant.
pub(super) async fn tenant_name(db: &Transaction) -> Result<Option<String>, ServerStoreError> {
    let row = db
        .query_opt(query!("tenant_name_get"), &[&db.tenant()])
        .await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?.flatten())
}

/// Names the tenant.
pub(super) async fn name_tenant(db: &Transaction, name: &str) -> Result<(), ServerStoreError> {
    let tenant = db.tenant();
    db.execute(query!("tenant_name"), &[&tenant, &name]).await?;
    Ok(())
}

/// Changes the role of a member, or removes the member (`to` is `None`). Ends what the member
/// could do with the former role. The account of a removed member is
/// deleted if no one could sign in with it again.
pub(super) async fn change(
    db: &mut Transaction,
    tenant: &TenantId,
    account: &AccountId,
    (from, to): (Role, Option<Role>),
    entry: &NewAuditEntry,
) -> Result<MemberOutcome, ServerStoreError> {
    tenants::lock(db).await?;
    match accounts::role_of(db, account).await? {
        None => return Ok(MemberOutcome::NotFound),
        Some(found) if found != from => return Ok(MemberOutcome::RoleChanged),
        Some(Role::Owner) if to != Some(Role::Owner) && accounts::owners(db).await? <= 1 => {
            return Ok(MemberOutcome::LastOwner);
        }
        Some(_) => {}
    }
    let email = get(db, account).await?.and_then(|member| member.email);
    let (tenant_id, id) = (tenant.as_str(), account.as_str());
    match to {
        Some(to) => {
            let values = (tenant_id, id, to.as_str());
            db.execute(
                query!("member_role_put"),
                &[&values.0, &values.1, &values.2],
            )
            .await?
        }
        None => {
            db.execute(query!("member_delete"), &[&tenant_id, &id])
                .await?
        }
    };
    if from.loses_with(to) {
        accounts::revoke_created(db, account, entry).await?;
    }
    audit::append(db, entry).await?;
    if to.is_none() && accounts::delete_unreachable(db, account).await? {
        db.set_tenant(tenant).await?;
        if let Some(email) = &email {
            accounts::forget_address(db, email).await?;
        }
        audit::append(db, &entry.of_deletion()).await?;
    }
    db.see(VisibleRows::AllTenants).await?;
    sessions::end_in(db, account, tenant).await?;
    Ok(MemberOutcome::Changed)
}

/// Stores an invitation, in place of an earlier one to the same address. Returns `false` if a
/// person creates it who has lost a permission of its role, or a revoked token.
pub(super) async fn invite(
    db: &Transaction,
    invitation: &Invitation,
    most: u32,
) -> Result<bool, ServerStoreError> {
    tenants::lock(db).await?;
    if let Some(account) = Actor::account_in(&invitation.created_by) {
        let role = accounts::role_of(db, &account).await?;
        if !may_give(role, invitation.role.permissions()) {
            return Ok(false);
        }
    }
    if tokens::is_revoked(db, &invitation.created_by).await? {
        return Ok(false);
    }
    let (tenant, email) = (db.tenant(), invitation.email.as_str());
    db.execute(
        query!("invitation_replace"),
        &[&tenant, &email, &millis(invitation.created_at)],
    )
    .await?;
    let row = db.query_one(query!("invitation_count"), &[&tenant]).await?;
    limits::check_invitations(number("invitations", row.try_get(0)?)?, most)?;
    db.execute(
        query!("invitation_insert"),
        &[
            &tenant,
            &invitation.id,
            &email,
            &invitation.role.as_str(),
            &invitation.digest.as_bytes().as_slice(),
            &millis(invitation.created_at),
            &invitation.created_by,
            &millis(invitation.expires_at),
            &i64::from(invitation.is_mailed),
        ],
    )
    .await?;
    Ok(true)
}

/// Returns the open invitations.
pub(super) async fn invitations(
    db: &Transaction,
    now: DateTime<Utc>,
) -> Result<Vec<Invitation>, ServerStoreError> {
    let rows = db
        .query(query!("invitation_all"), &[&db.tenant(), &millis(now)])
        .await?;
    read_all(&rows, read_invitation)
}

/// Deletes an invitation, and returns it.
pub(super) async fn withdraw(
    db: &Transaction,
    id: &str,
) -> Result<Option<Invitation>, ServerStoreError> {
    let row = db
        .query_opt(query!("invitation_delete"), &[&db.tenant(), &id])
        .await?;
    row.as_ref().map(read_invitation).transpose()
}

/// Returns the invitation with a secret, and its tenant, in a transaction for the secret.
pub(super) async fn find_invitation(
    db: &Transaction,
    secret: SecretDigest,
) -> Result<Option<(TenantId, Invitation)>, ServerStoreError> {
    let digest = secret.as_bytes().as_slice();
    let row = db.query_opt(query!("invitation_find"), &[&digest]).await?;
    let found = row.as_ref().map(|row| {
        let tenant = TenantId::from_column(row.try_get(8)?);
        Ok((tenant, read_invitation(row)?))
    });
    found.transpose()
}

/// Deletes the invitation of an address, and returns its role and whether it was sent by mail.
pub(super) async fn take_invitation(
    db: &Transaction,
    secret: SecretDigest,
    email: &EmailAddress,
    now: DateTime<Utc>,
) -> Result<Option<(Role, bool)>, ServerStoreError> {
    let values = (secret.as_bytes().as_slice(), email.as_str(), millis(now));
    let row = db
        .query_opt(
            query!("invitation_use"),
            &[&db.tenant(), &values.0, &values.1, &values.2],
        )
        .await?;
    let found = row.map(|row| {
        let is_mailed: i64 = row.try_get(1)?;
        Ok((role("invitations", row.try_get(0)?)?, is_mailed != 0))
    });
    found.transpose()
}

fn read(row: &Row) -> Result<Member, ServerStoreError> {
    let email: Option<String> = row.try_get(1)?;
    Ok(Member {
        account: AccountId::from_column(row.try_get(0)?),
        email: email.map(EmailAddress::from_column),
        name: row.try_get(2)?,
        role: role("members", row.try_get(3)?)?,
        joined_at: time(row.try_get(4)?),
        is_verified: row.try_get(5)?,
        has_totp: row.try_get(6)?,
    })
}

fn read_invitation(row: &Row) -> Result<Invitation, ServerStoreError> {
    let is_mailed: i64 = row.try_get(7)?;
    Ok(Invitation {
        id: row.try_get(0)?,
        email: EmailAddress::from_column(row.try_get(1)?),
        role: role("invitations", row.try_get(2)?)?,
        digest: SecretDigest::from_bytes(digest("invitations", row, 3)?),
        created_at: time(row.try_get(4)?),
        created_by: row.try_get(5)?,
        expires_at: time(row.try_get(6)?),
        is_mailed: is_mailed != 0,
    })
}
