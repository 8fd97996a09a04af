//! The members of an organization.

use std::sync::Arc;

use serde_json::json;

use super::accounts::last_owner;
use super::links::ResetLink;
use super::{AccountService, conflict, forbidden, not_found};
use crate::domain::{
    AccountId, Actor, Member, MemberOutcome, Page, PageRequest, Permissions, Principal, Refusal,
    Role, ServerCode,
};
use crate::services::site::Site;

/// Serves the administrators of an organization.
#[derive(Clone)]
pub struct MemberService {
    pub(super) site: Arc<Site>,
}

impl MemberService {
    pub(in crate::services) fn new(site: Arc<Site>) -> Self {
        Self { site }
    }

    /// Returns the members.
    ///
    /// # Errors
    ///
    /// Returns a refusal if the store cannot be read.
    pub async fn list(&self, page: &PageRequest) -> Result<Page<Member>, Refusal> {
        Ok(self.site.store.members(&self.site.tenant, page).await?)
    }

    /// Returns all members, in the order of their names.
    ///
    /// # Errors
    ///
    /// Returns a refusal if the store cannot be read.
    pub async fn all(&self) -> Result<Vec<Member>, Refusal> {
        let mut members = Vec::new();
        let mut page = PageRequest::new(None, Some(PageRequest::MAX_LIMIT));
        loop {
            let found = self.list(&page).await?;
            members.extend(found.items);
            let Some(next) = found.next else { break };
            page = PageRequest::new(Some(next), Some(PageRequest::MAX_LIMIT));
        }
        members.sort_by_cached_key(|member| (member.name.to_lowercase(), member.account.clone()));
        Ok(members)
    }

    /// Returns a member.
    ///
    /// # Errors
    ///
    /// Returns `NOT_FOUND` if the organization has no such member.
    pub async fn get(&self, id: &str) -> Result<Member, Refusal> {
        let missing = || not_found("member");
        let id = AccountId::parse(id).ok_or_else(missing)?;
        let found = self.site.store.member(&self.site.tenant, &id).await?;
        found.ok_or_else(missing)
    }

    /// Changes the role of a member. The sessions of the member in the organization end. If the new
    /// role lacks a permission of the former one, the API tokens and the invitations that the
    /// member created are revoked.
    ///
    /// # Errors
    ///
    /// Returns `NOT_FOUND` if there is no such member, `FORBIDDEN` if the former or the new role
    /// has permissions that the caller does not have, and `LAST_OWNER` if there would be no owner.
    pub async fn change_role(
        &self,
        caller: &Principal,
        id: &str,
        role: Role,
    ) -> Result<Member, Refusal> {
        let member = self.get(id).await?;
        check_covers(caller, member.role)?;
        check_covers(caller, role)?;
        if member.role == role {
            return Ok(member);
        }
        let audit = self.site.audit(
            &caller.actor,
            "member.change",
            member.account.as_str(),
            role.audited(),
        );
        // The store refuses the change if the member has another role by then.
        let audit = audit.with_before(Some(member.role.audited()));
        let roles = (member.role, role);
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        changed(
            store
                .change_role(tenant, &member.account, roles, audit)
                .await?,
        )?;
        Ok(Member { role, ..member })
    }

    /// Removes a member. The sessions of the member in the organization end, and the API tokens and
    /// the invitations that the member created are revoked. A member can leave without a
    /// permission.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`change_role`](Self::change_role).
    pub async fn remove(&self, caller: &Principal, id: &str) -> Result<(), Refusal> {
        let member = self.get(id).await?;
        if *caller.actor.identity() != Actor::Account(member.account.clone()) {
            check_covers(caller, member.role)?;
        }
        let audit = self.site.audit(
            &caller.actor,
            "member.remove",
            member.account.as_str(),
            json!({}),
        );
        let audit = audit.with_before(Some(member.role.audited()));
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        changed(
            store
                .remove_member(tenant, &member.account, member.role, audit)
                .await?,
        )
    }

    /// Gives a member a link for a new password: by mail, or to the caller if the server cannot
    /// send mail.
    ///
    /// # Errors
    ///
    /// Returns `NOT_FOUND` if there is no such member, and `FORBIDDEN` if the member has
    /// permissions that the caller does not have, or belongs to another organization too, whose
    /// account the caller must not take over.
    pub async fn reset_password(
        &self,
        accounts: &AccountService,
        caller: &Principal,
        id: &str,
    ) -> Result<ResetLink, Refusal> {
        let member = self.get(id).await?;
        check_covers(caller, member.role)?;
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        let memberships = store.memberships(&member.account).await?;
        if !self.site.people.has_mail() && memberships.iter().any(|one| one.tenant != *tenant) {
            return Err(forbidden("the member belongs to another organization too")
                .hint("the operator of the server runs `license-server account reset-password`"));
        }
        let account = store.account(&member.account).await?;
        let account = account.ok_or_else(|| not_found("member"))?;
        let link = accounts.reset_link(&account).await?;
        let shown = match &link {
            ResetLink::Mailed => "mailed",
            ResetLink::Shown(_) => "shown",
        };
        let details = json!({ "link": shown });
        let audit = self
            .site
            .audit(&caller.actor, "account.reset_link", id, details);
        store.record(tenant, audit).await?;
        Ok(link)
    }

    /// Stops requiring one-time codes of a member who has lost the device and the recovery codes.
    /// The member gets a mail. A member without codes stays without them.
    ///
    /// # Errors
    ///
    /// Returns `NOT_FOUND` if there is no such member, and `FORBIDDEN` if the member has permissions
    /// that the caller does not have, belongs to another organization too, or is the caller.
    pub async fn end_codes(
        &self,
        accounts: &AccountService,
        caller: &Principal,
        id: &str,
    ) -> Result<(), Refusal> {
        let member = self.get(id).await?;
        check_covers(caller, member.role)?;
        if *caller.actor.identity() == Actor::Account(member.account.clone()) {
            // A stolen session must not end the codes of its own account.
            return Err(
                forbidden("the one-time codes of the own account end with a code")
                    .hint("use the page of the own account, or ask another administrator"),
            );
        }
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        let memberships = store.memberships(&member.account).await?;
        if memberships.iter().any(|one| one.tenant != *tenant) {
            return Err(forbidden("the member belongs to another organization too")
                .hint("the operator of the server runs `license-server account disable-totp`"));
        }
        let account = store.account(&member.account).await?;
        let account = account.ok_or_else(|| not_found("member"))?;
        if !account.needs_code() {
            return Ok(());
        }
        let details = json!({ "by": "administrator" });
        let actor = &caller.actor;
        let audit = self.site.audit(actor, "account.totp_off", id, details);
        accounts.end_totp_without_proof(&account, audit).await
    }
}

/// Refuses a role with permissions that the caller does not have.
pub(super) fn check_covers(caller: &Principal, role: Role) -> Result<(), Refusal> {
    let lacking = role.permissions().without(caller.permissions);
    if lacking == Permissions::NONE {
        return Ok(());
    }
    let detail = format!("the role {role} has permissions that the caller does not have");
    Err(forbidden(&detail).values(caller.permissions, format!("also {lacking}")))
}

/// Returns the refusal of a change of a member that was not made.
pub(super) fn changed(outcome: MemberOutcome) -> Result<(), Refusal> {
    match outcome {
        MemberOutcome::Changed => Ok(()),
        MemberOutcome::NotFound => Err(not_found("member")),
        MemberOutcome::LastOwner => Err(last_owner()),
        MemberOutcome::RoleChanged => Err(conflict(
            ServerCode::InProgress,
            "the role of the member was changed at the same time",
        )
        .hint("read the member again, and repeat the request")),
    }
}
