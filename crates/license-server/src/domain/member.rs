//! Members of organizations, and invitations.

use std::cmp::Reverse;

use chrono::{DateTime, Utc};
use license_core::encoding::hex;
use serde_json::{Value, json};

use super::account::AccountId;
use super::api_token::SecretDigest;
use super::email::EmailAddress;
use super::role::{Permission, Permissions, Role};
use super::tenant::TenantId;

/// A person in an organization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The account.
    pub account: AccountId,
    /// The address of the account, if it has one.
    pub email: Option<EmailAddress>,
    /// The name of the account.
    pub name: String,
    /// The role.
    pub role: Role,
    /// The time at which the person joined.
    pub joined_at: DateTime<Utc>,
    /// Whether the person proved that the address is theirs.
    pub is_verified: bool,
    /// Whether sign-in needs a one-time code.
    pub has_totp: bool,
}

/// An organization of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    /// The organization.
    pub tenant: TenantId,
    /// The name of the organization. An organization that was not registered has none.
    pub name: Option<String>,
    /// The role of the account in the organization.
    pub role: Role,
    /// The time at which the account joined.
    pub joined_at: DateTime<Utc>,
    /// The time at which the person last chose the organization for a session.
    pub entered_at: Option<DateTime<Utc>>,
}

impl Membership {
    /// Creates a membership in an organization that keeps its name.
    pub fn new(tenant: TenantId, role: Role, joined_at: DateTime<Utc>) -> Self {
        Self {
            tenant,
            name: None,
            role,
            joined_at,
            entered_at: None,
        }
    }

    /// Creates the membership of an owner.
    pub fn of_owner(tenant: TenantId, joined_at: DateTime<Utc>) -> Self {
        Self::new(tenant, Role::Owner, joined_at)
    }

    /// Returns the name that people see. It does not identify the organization.
    pub fn label(&self) -> &str {
        self.name.as_deref().unwrap_or(TenantId::UNNAMED)
    }

    /// Returns how many organizations the account owns.
    pub fn owned(memberships: &[Self]) -> usize {
        let owned = memberships.iter().filter(|one| one.role == Role::Owner);
        owned.count()
    }

    /// Returns the organization in which a new session begins: the one that the person chose last,
    /// or that of the server, or the one that the person joined first. The id of an organization
    /// decides nothing, because a stranger who invites a person could choose it.
    pub fn first(memberships: &[Self], server: &TenantId) -> Option<TenantId> {
        let rank = |one: &Self| {
            let is_server = one.tenant == *server;
            (one.entered_at, is_server, Reverse(one.joined_at))
        };
        let first = memberships.iter().max_by_key(|one| rank(one))?;
        Some(first.tenant.clone())
    }
}

/// An invitation to an organization, without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invitation {
    /// The id.
    pub id: String,
    /// The address of the invited person.
    pub email: EmailAddress,
    /// The role that the person gets.
    pub role: Role,
    /// The digest of the secret of the link.
    pub digest: SecretDigest,
    /// The time of the creation.
    pub created_at: DateTime<Utc>,
    /// The originator, as the audit trail records it.
    pub created_by: String,
    /// The time at which the invitation ends.
    pub expires_at: DateTime<Utc>,
    /// Whether the link was sent to the address, so that its use proves the address.
    pub is_mailed: bool,
}

impl Invitation {
    /// Returns the state for the audit trail, without the address, because entries stay forever.
    pub fn audited(&self) -> Value {
        json!({
            "role": self.role.as_str(),
            "expires_at": self.expires_at,
            "link": if self.is_mailed { "mailed" } else { "shown" },
        })
    }
}

/// Returns whether a person with a role, or without one, may give these permissions to others. The
/// store checks it in the transaction of a change, because the role can change after the request of
/// the person was accepted.
pub fn may_give(role: Option<Role>, permissions: Permissions) -> bool {
    role.is_some_and(|role| permissions.without(role.permissions()).is_empty())
}

/// Returns whether a person with a role, or without one, may delete the organization.
pub fn may_delete(role: Option<Role>) -> bool {
    role.is_some_and(|role| role.allows(Permission::ManageOrganization))
}

/// The result of a change of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemberOutcome {
    /// The change has been made.
    Changed,
    /// The organization has no such member.
    NotFound,
    /// The member has another role than the caller expected, because it was changed meanwhile.
    RoleChanged,
    /// The organization would have no owner.
    LastOwner,
}

/// The result of the acceptance of an invitation, or of another use of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JoinOutcome {
    /// The account is a member now.
    Joined,
    /// The link was used, has ended, or was withdrawn.
    LinkEnded,
    /// An account with the address exists.
    AddressTaken,
    /// The account is a member already.
    AlreadyMember,
}

/// Returns the state of an organization before its deletion, for the audit trail of the server: its
/// name, and the number and the hash of the last entry of its own trail. With them, an export of
/// this trail can be verified later.
pub fn audited_organization(name: Option<&str>, entries: u64, hash: &[u8; 32]) -> Value {
    let hash = hex::encode(hash);
    json!({ "name": name, "audit_entries": entries, "audit_hash": hash })
}

/// The result of the creation of an organization by a person with an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrganizationCreation {
    /// The organization is created.
    Created,
    /// There is no such account.
    NotFound,
    /// The account owns as many organizations as it may.
    LimitReached,
}

/// The result of the deletion of an organization.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TenantDeletion {
    /// The organization is deleted.
    Deleted,
    /// The organization was deleted before.
    NotFound,
    /// The one-time code or the recovery code was used before.
    CodeUsed,
    /// The caller has lost the permission since the request was accepted.
    NotPermitted,
}

/// The result of the deletion of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeletionOutcome {
    /// The account is deleted.
    Deleted,
    /// There is no such account.
    NotFound,
    /// These organizations would have no owner.
    LastOwner(Vec<TenantId>),
}

#[cfg(test)]
mod tests {
    use super::*;
    use license_core::time::parse_instant;

    #[test]
    fn a_session_begins_where_the_person_was_last_and_else_at_the_server() {
        let tenant = |number| TenantId::new(uuid::Uuid::from_u128(number));
        let at = |day: u32| parse_instant(&format!("2027-01-{day:02}T00:00:00Z")).unwrap();
        let of = |tenant: TenantId, day| Membership::new(tenant, Role::Member, at(day));
        let (site, one, two) = (TenantId::site(), tenant(1), tenant(2));
        let first = |memberships: &[Membership]| Membership::first(memberships, &site);
        assert_eq!(first(&[]), None);
        // A stranger whose organization has a small id has invited the person.
        let mut found = vec![of(one.clone(), 3), of(site.clone(), 2)];
        assert_eq!(first(&found), Some(site.clone()));
        let others = [of(one.clone(), 3), of(two.clone(), 2)];
        assert_eq!(first(&others), Some(two));
        found[0].entered_at = Some(at(4));
        assert_eq!(first(&found), Some(one));
        found[1].entered_at = Some(at(5));
        assert_eq!(first(&found), Some(site.clone()));
    }
}
