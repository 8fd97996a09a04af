//! Invitations to an organization.

use std::net::IpAddr;
use std::sync::Arc;

use chrono::TimeDelta;
use license_core::time::saturating_add;
use serde_json::json;

use super::members::{MemberService, check_covers};
use super::{AccountService, ClientInfo, Password, address_taken, forbidden, link_ended};
use crate::domain::{
    AccountId, Actor, EmailAddress, Invitation, JoinOutcome, NewAuditEntry, Principal, Refusal,
    RefusalKind, Role, SecretDigest, ServerCode, SignedIn, TenantId,
};
use crate::services::tokens::{self, new_secret};

/// How long an invitation is valid.
const VALIDITY: TimeDelta = TimeDelta::days(7);

/// The largest number of open invitations of an organization.
const MAX_INVITATIONS: u32 = 1000;

/// A new invitation.
pub struct NewInvitation {
    /// The invitation.
    pub invitation: Invitation,
    /// The link. `None`: it was sent by mail.
    pub link: Option<String>,
}

/// An invited person without an account.
#[derive(Debug)]
pub struct NewJoiner {
    /// The name.
    pub name: String,
    /// The password.
    pub password: Password,
}

impl MemberService {
    /// Invites a person. The link is sent by mail; if the server cannot send mail, the caller
    /// passes it on. The invitation of an API token ends with the token, at the latest.
    ///
    /// # Errors
    ///
    /// Returns `FORBIDDEN` if the role has permissions that the caller does not have,
    /// `ADDRESS_TAKEN` if a member has the address, and `LIMIT_REACHED` if too many invitations are
    /// open.
    pub async fn invite(
        &self,
        caller: &Principal,
        email: EmailAddress,
        role: Role,
    ) -> Result<NewInvitation, Refusal> {
        check_covers(caller, role)?;
        self.refuse_member(&email).await?;
        let (secret, now) = (new_secret()?, self.site.wall());
        let latest = saturating_add(now, VALIDITY);
        let end = tokens::end_of(&self.site, &caller.actor).await?;
        let is_mailed = self.site.people.has_mail();
        let invitation = Invitation {
            id: self.site.next_id_of("inv")?,
            email,
            role,
            digest: SecretDigest::new(&secret),
            created_at: now,
            created_by: caller.actor.to_string(),
            expires_at: end.map_or(latest, |end| latest.min(end)),
            is_mailed,
        };
        let details = invitation.audited();
        let audit = self
            .site
            .audit(&caller.actor, "invitation.create", &invitation.id, details);
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        let created = store.create_invitation(tenant, invitation.clone(), MAX_INVITATIONS, audit);
        if !created.await? {
            return Err(forbidden("the caller has lost a permission of the role"));
        }
        let link = if is_mailed {
            let organization = &self.organization_name().await?;
            let inviter = self.name_of(&caller.actor).await?;
            let names = (organization.as_str(), inviter.as_deref());
            let people = &self.site.people;
            people.send_invitation(&invitation.email, names, &secret);
            None
        } else {
            Some(self.site.people.link("invitation", &secret))
        };
        Ok(NewInvitation { invitation, link })
    }

    /// Returns the name of a caller who is a person.
    async fn name_of(&self, actor: &Actor) -> Result<Option<String>, Refusal> {
        let Actor::Account(account) = actor.identity() else {
            return Ok(None);
        };
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        let member = store.member(tenant, account).await?;
        Ok(member.map(|member| member.name))
    }

    /// Refuses the address of a member.
    async fn refuse_member(&self, email: &EmailAddress) -> Result<(), Refusal> {
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        let Some(account) = store.account_by_email(email).await? else {
            return Ok(());
        };
        if store.member(tenant, &account.id).await?.is_none() {
            return Ok(());
        }
        Err(super::conflict(
            ServerCode::AddressTaken,
            "a member of the organization has this address",
        )
        .about("email")
        .hint("change the role of the member; an invitation is for other people"))
    }

    /// Returns the name of the organization. That of the server itself has the name of the server.
    ///
    /// # Errors
    ///
    /// Returns a refusal if the store cannot be read.
    pub async fn organization_name(&self) -> Result<String, Refusal> {
        let name = self.site.store.tenant_name(&self.site.tenant).await?;
        Ok(name.unwrap_or_else(|| self.site.issuer.clone()))
    }

    /// Returns the open invitations.
    ///
    /// # Errors
    ///
    /// Returns a refusal if the store cannot be read.
    pub async fn invitations(&self) -> Result<Vec<Invitation>, Refusal> {
        let (tenant, now) = (&self.site.tenant, self.site.wall());
        Ok(self.site.store.invitations(tenant, now).await?)
    }

    /// Withdraws an invitation.
    ///
    /// # Errors
    ///
    /// Returns `NOT_FOUND` if no open invitation has this id.
    pub async fn withdraw(&self, actor: &Actor, id: &str) -> Result<(), Refusal> {
        let audit = self.site.audit(actor, "invitation.withdraw", id, json!({}));
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        if store.delete_invitation(tenant, id, audit).await? {
            return Ok(());
        }
        Err(super::not_found("invitation"))
    }
}

impl AccountService {
    /// Accepts an invitation. A person with an account has signed in before, and a person without
    /// one gets an account.
    ///
    /// # Errors
    ///
    /// Returns `LINK_ENDED` for a link that cannot be used, `ADDRESS_TAKEN` if the address has an
    /// account and the caller has not signed in with it, `FORBIDDEN` if the account has another
    /// address, and the refusals of names and passwords.
    pub async fn accept(
        self: &Arc<Self>,
        token: &str,
        person: Option<&SignedIn>,
        new: Option<NewJoiner>,
        client: &ClientInfo,
    ) -> Result<TenantId, Refusal> {
        let digest = SecretDigest::new(token);
        let found = self.store.find_invitation(digest).await?;
        let now = self.now();
        let found = found.filter(|(_, invitation)| now < invitation.expires_at);
        let (tenant, invitation) = found.ok_or_else(link_ended)?;
        let outcome = match person {
            Some(person) => self.accept_signed_in(&tenant, &invitation, person).await?,
            None => {
                self.accept_new(&tenant, &invitation, new, client.actor_address())
                    .await?
            }
        };
        match outcome {
            JoinOutcome::Joined | JoinOutcome::AlreadyMember => Ok(tenant),
            JoinOutcome::LinkEnded => Err(link_ended()),
            JoinOutcome::AddressTaken => {
                Err(address_taken().hint("sign in with this account, and repeat the request"))
            }
        }
    }

    async fn accept_signed_in(
        &self,
        tenant: &TenantId,
        invitation: &Invitation,
        person: &SignedIn,
    ) -> Result<JoinOutcome, Refusal> {
        person.require_own_credentials()?;
        if person.account.email.as_ref() != Some(&invitation.email) {
            return Err(Refusal::new(
                RefusalKind::Forbidden,
                ServerCode::Forbidden,
                "the invitation is for another e-mail address",
            )
            .hint("sign in with the account of this address, or sign out to create one"));
        }
        let account = &person.account.id;
        let audit = self.join_audit(person.actor(), account, invitation);
        Ok(self
            .store
            .join(tenant, invitation.digest, account, audit)
            .await?)
    }

    async fn accept_new(
        &self,
        tenant: &TenantId,
        invitation: &Invitation,
        new: Option<NewJoiner>,
        address: Option<IpAddr>,
    ) -> Result<JoinOutcome, Refusal> {
        if self
            .store
            .account_by_email(&invitation.email)
            .await?
            .is_some()
        {
            return Ok(JoinOutcome::AddressTaken);
        }
        let new = new.ok_or_else(|| {
            super::bad_request("the account needs a name and a password")
                .hint("send the members name and password, or sign in with an existing account")
        })?;
        let (email, now) = (invitation.email.clone(), self.now());
        let account = self
            .tools
            .new_account(email, &new.name, new.password, now)
            .await?;
        let actor = Actor::Account(account.id.clone()).at_some(address);
        let audit = self.join_audit(actor, &account.id, invitation);
        Ok(self
            .store
            .join_with_new_account(tenant, invitation.digest, account, audit)
            .await?)
    }

    fn join_audit(
        &self,
        actor: Actor,
        account: &AccountId,
        invitation: &Invitation,
    ) -> NewAuditEntry {
        NewAuditEntry {
            details: json!({
                "invitation": invitation.id,
                "invited_by": invitation.created_by,
                "role": invitation.role.as_str(),
            }),
            ..self.audit(actor, account, "member.join")
        }
    }
}
