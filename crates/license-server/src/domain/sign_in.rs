//! The sign-in of a person through an identity provider.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::account::{Account, AccountId};
use super::actor::Actor;
use super::audit::NewAuditEntry;
use super::email::EmailAddress;
use super::identity_provider::{Admission, IdentityProvider, ProviderPerson};
use super::role::Role;
use super::session::SignInSession;

/// Everything that a sign-in needs to know about the person, the provider and the browser.
#[derive(Clone, Debug)]
pub struct ProviderSignIn {
    /// The provider.
    pub provider: IdentityProvider,
    /// The person.
    pub person: ProviderPerson,
    /// The role and departments of the person. `None`: the person may not sign in.
    pub admission: Option<Admission>,
    /// The account that an unknown person gets. It has no address: addresses are unique among all
    /// organizations, and the provider of one organization must not take that of anybody.
    pub account: Account,
    /// The new session, with the id of this account.
    pub session: SignInSession,
    /// The audit entry of the session. Other entries have its time, originator and address.
    pub audit: NewAuditEntry,
}

/// The state of a person who signs in, according to the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KnownPerson {
    /// The person has signed in before.
    Known(AccountId, Role),
    /// The person is new. A member has the same address.
    SameAddress(AccountId, Role),
    /// The person is new.
    Stranger,
}

/// The effect of a sign-in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignInPlan {
    /// Nothing.
    Refuse(ProviderOutcome),
    /// Creates the account with a role.
    Create(Role),
    /// Uses an account.
    Use {
        /// The account.
        account: AccountId,
        /// Whether the identity is new.
        is_new: bool,
        /// The role before.
        from: Role,
        /// The role from now on.
        to: Role,
    },
}

/// The result of a sign-in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProviderOutcome {
    /// The person has signed in.
    SignedIn(AccountId),
    /// The person is unknown, and the provider creates no accounts.
    Unknown,
    /// The member has a role with more permissions than the provider can give.
    RoleTooHigh(Role),
}

impl ProviderSignIn {
    /// Returns the address by which an unknown person is found among the members.
    pub fn linked_email(&self) -> Option<&EmailAddress> {
        let email = self.person.verified_email();
        email.filter(|_| self.provider.settings.links_members)
    }

    /// Decides what the sign-in does. `owners` is the number of owners of the organization.
    pub fn plan(&self, known: KnownPerson, owners: u64) -> SignInPlan {
        let settings = &self.provider.settings;
        let Some(admission) = &self.admission else {
            return SignInPlan::Refuse(ProviderOutcome::Unknown);
        };
        let (account, from, is_new) = match known {
            KnownPerson::Known(account, role) => (account, role, false),
            KnownPerson::SameAddress(account, role) => (account, role, true),
            KnownPerson::Stranger if settings.creates_people => {
                return SignInPlan::Create(admission.role);
            }
            KnownPerson::Stranger => return SignInPlan::Refuse(ProviderOutcome::Unknown),
        };
        if !self.can_give(from) {
            return SignInPlan::Refuse(ProviderOutcome::RoleTooHigh(from));
        }
        let wanted = if admission.is_binding {
            admission.role
        } else {
            from
        };
        SignInPlan::Use {
            account,
            is_new,
            from,
            to: kept_owner(from, wanted, owners),
        }
    }

    /// Decides whether a person who may no longer sign in loses the role. Returns the account with
    /// its former role.
    pub fn withdrawal(&self, known: KnownPerson, owners: u64) -> Option<(AccountId, Role)> {
        let KnownPerson::Known(account, from) = known else {
            return None;
        };
        let is_changed = kept_owner(from, Role::Member, owners) != from;
        (is_changed && self.can_give(from)).then_some((account, from))
    }

    /// Returns whether the provider can give a role. A person who controls a provider can sign in
    /// as each of its people. The provider must therefore not sign in people with more permissions
    /// than the administrator entrusted to it.
    fn can_give(&self, role: Role) -> bool {
        let most = self.provider.settings.permissions();
        role.permissions().without(most).is_empty()
    }

    /// Returns an audit entry of the sign-in about an account.
    pub fn entry(
        &self,
        action: &'static str,
        account: &AccountId,
        details: Value,
    ) -> NewAuditEntry {
        NewAuditEntry {
            action,
            details,
            ..self.audit.with_subject(account.as_str())
        }
    }

    /// Returns the audit entry of a new account.
    pub fn created_entry(&self, account: &AccountId, role: Role) -> NewAuditEntry {
        let details = json!({ "provider": self.provider.id, "role": role.as_str() });
        self.entry("member.provision", account, details)
    }

    /// Returns the audit entry of a new identity of an account.
    pub fn linked_entry(&self, account: &AccountId) -> NewAuditEntry {
        let details = json!({ "provider": self.provider.id });
        self.entry("identity.link", account, details)
    }

    /// Returns the audit entry of a changed role.
    pub fn role_entry(&self, account: &AccountId, from: Role, to: Role) -> NewAuditEntry {
        let details = json!({ "provider": self.provider.id, "role": to.as_str() });
        let entry = self.entry("member.role", account, details);
        entry.with_before(Some(from.audited()))
    }

    /// Returns the audit entry of the session, whose originator is the account.
    pub fn session_entry(&self, account: &AccountId) -> NewAuditEntry {
        NewAuditEntry {
            actor: Actor::Account(account.clone()).at_some(self.audit.actor.address()),
            details: json!({ "provider": self.provider.id, "departments": self.held() }),
            ..self.audit.with_subject(&self.session.id)
        }
    }

    /// Returns the audit entry of changed departments, if `former` are other ones than those that
    /// the account has now.
    pub fn departments_entry(
        &self,
        account: &AccountId,
        former: &[String],
        now: &[String],
    ) -> Option<NewAuditEntry> {
        let entry = |departments: &[String]| json!({ "departments": departments });
        let details = json!({ "provider": self.provider.id, "departments": now });
        (former != now).then(|| {
            self.entry("member.departments", account, details)
                .with_before(Some(entry(former)))
        })
    }

    /// Returns the departments that the groups of the person give.
    fn held(&self) -> Vec<&str> {
        let departments = self.departments().into_iter();
        let held = departments.filter(|(_, is_held)| *is_held);
        held.map(|(name, _)| name).collect()
    }

    /// Returns each department of the settings, and whether the person is in it. Other departments
    /// are a matter of administrators.
    pub fn departments(&self) -> BTreeMap<&str, bool> {
        let held = self
            .admission
            .as_ref()
            .map(|admission| &admission.departments);
        let rules = self.provider.settings.departments.iter();
        let names = rules.map(|rule| rule.department.as_str());
        let is_held = |name: &str| held.is_some_and(|held| held.contains(name));
        names.map(|name| (name, is_held(name))).collect()
    }

    /// Returns the session of an account.
    pub fn session_of(&self, account: &AccountId) -> SignInSession {
        SignInSession {
            account: account.clone(),
            ..self.session.clone()
        }
    }
}

/// Returns the wanted role, or the role of an owner if the person is the only one.
fn kept_owner(from: Role, wanted: Role, owners: u64) -> Role {
    if from == Role::Owner && owners <= 1 {
        Role::Owner
    } else {
        wanted
    }
}
