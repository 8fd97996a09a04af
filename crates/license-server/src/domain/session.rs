//! Sessions of people who have signed in.

use std::fmt;
use std::net::IpAddr;

use chrono::{DateTime, TimeDelta, Utc};
use license_core::time::saturating_add;

use super::account::{Account, AccountId};
use super::actor::Actor;
use super::api_token::SecretDigest;
use super::principal::Principal;
use super::role::Role;
use super::tenant::TenantId;

/// A session of a person who has signed in.
#[derive(Clone, PartialEq, Eq)]
pub struct SignInSession {
    /// The id, which lists and the audit trail use. It is not a credential.
    pub id: String,
    /// The digest of the secret in the cookie.
    pub digest: SecretDigest,
    /// The account.
    pub account: AccountId,
    /// The organization in which the person works. `None`: the account has no organization.
    pub organization: Option<TenantId>,
    /// The time of the sign-in.
    pub created_at: DateTime<Utc>,
    /// The time of the last use, with a precision of one minute.
    pub last_used_at: DateTime<Utc>,
    /// The time at which the session ends, whether it is used or not.
    pub expires_at: DateTime<Utc>,
    /// The network address of the last use.
    pub address: String,
    /// The program that signed in, as it names itself, cut to [`MAX_USER_AGENT`].
    pub user_agent: String,
    /// The identity provider by which the person signed in. Such a session stays in its
    /// organization, whose provider vouches for the person.
    pub provider: Option<String>,
}

/// The longest name of a program that is stored, in characters.
pub const MAX_USER_AGENT: usize = 200;

impl SignInSession {
    /// Returns whether the session can be used. It ends `idle` after its last use.
    pub fn is_valid_at(&self, now: DateTime<Utc>, idle: TimeDelta) -> bool {
        now < self.expires_at && now < saturating_add(self.last_used_at, idle)
    }

    /// Returns the organization whose audit trail records the session. That of the server records
    /// sessions of people without an organization.
    pub fn trail(&self) -> TenantId {
        self.organization.clone().unwrap_or_else(TenantId::site)
    }
}

/// Omits the address and the program, which are personal data.
impl fmt::Debug for SignInSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignInSession")
            .field("id", &self.id)
            .field("account", &self.account)
            .field("organization", &self.organization)
            .finish_non_exhaustive()
    }
}

/// A session with its account, and with the role of the account in the organization of the session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedIn {
    /// The session.
    pub session: SignInSession,
    /// The account.
    pub account: Account,
    /// The role. `None`: the account is not a member of the organization of the session.
    pub role: Option<Role>,
}

impl SignedIn {
    /// Returns the person as the originator of changes, with the address of the request.
    pub fn actor(&self) -> Actor {
        let address = self.session.address.parse::<IpAddr>();
        Actor::Account(self.account.id.clone()).at_some(address.ok())
    }

    /// Returns the caller for routes of administrators. `None`: the account is not a member of the
    /// organization of the session, so there is nothing that it may see or change.
    pub fn principal(&self) -> Option<Principal> {
        let (tenant, role) = (self.session.organization.as_ref()?, self.role?);
        Some(Principal {
            tenant: tenant.clone(),
            actor: self.actor(),
            permissions: role.permissions(),
        })
    }
}

/// The sessions of an account that are to end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EndedSessions {
    /// All sessions.
    All,
    /// The session with this id.
    One(String),
    /// All sessions but the one with this id.
    Others(String),
}

#[cfg(test)]
mod tests {
    use super::*;
    use license_core::time::parse_instant;

    #[test]
    fn a_session_ends_when_it_is_idle_or_old() {
        let at = |text| parse_instant(text).unwrap();
        let session = SignInSession {
            id: "ses_1".to_owned(),
            digest: SecretDigest::new("x"),
            account: AccountId::from_random([1; 16]),
            organization: None,
            created_at: at("2027-01-15T09:00:00Z"),
            last_used_at: at("2027-01-15T10:00:00Z"),
            expires_at: at("2027-01-16T09:00:00Z"),
            address: String::new(),
            user_agent: String::new(),
            provider: None,
        };
        let idle = TimeDelta::hours(12);
        for (now, expected) in [
            ("2027-01-15T21:59:59Z", true),
            ("2027-01-15T22:00:00Z", false),
        ] {
            assert_eq!(session.is_valid_at(at(now), idle), expected, "{now}");
        }
        let long = TimeDelta::days(9);
        for (now, expected) in [
            ("2027-01-16T08:59:59Z", true),
            ("2027-01-16T09:00:00Z", false),
        ] {
            assert_eq!(session.is_valid_at(at(now), long), expected, "{now}");
        }
    }
}
