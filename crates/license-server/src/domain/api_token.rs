//! API tokens of administrators.

use std::fmt;

use chrono::{DateTime, NaiveDate, Utc};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::role::{Permission, Permissions, Role};

/// A part of what an API token permits: one permission, or all permissions of a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// The permissions of a role, also those that later versions add to the role.
    Role(Role),
    /// One permission.
    Permission(Permission),
}

impl Scope {
    /// Returns the name of the role or of the permission.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Role(role) => role.as_str(),
            Self::Permission(permission) => permission.as_str(),
        }
    }

    /// Parses the name of a role or of a permission.
    pub fn parse(text: &str) -> Option<Self> {
        let permission = || Permission::parse(text).map(Self::Permission);
        Role::parse(text).map(Self::Role).or_else(permission)
    }
}

/// The scopes of an API token, in their order and without repetitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scopes(Vec<Scope>);

impl Scopes {
    /// Parses names that are separated by spaces, as they are stored. Returns `None` if a name is
    /// unknown.
    pub fn parse(text: &str) -> Option<Self> {
        let scopes = text.split_ascii_whitespace().map(Scope::parse);
        scopes.collect()
    }

    /// Returns the names.
    pub fn names(&self) -> Vec<&'static str> {
        self.0.iter().copied().map(Scope::as_str).collect()
    }

    /// Returns the permissions that one of the scopes has.
    pub fn permissions(&self) -> Permissions {
        let each = self.0.iter().map(|scope| match scope {
            Scope::Role(role) => role.permissions(),
            Scope::Permission(permission) => Permissions::from_iter([*permission]),
        });
        each.fold(Permissions::NONE, Permissions::union)
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        let mut scopes: Vec<Scope> = scopes.into_iter().collect();
        scopes.sort_unstable();
        scopes.dedup();
        Self(scopes)
    }
}

impl From<Role> for Scopes {
    fn from(role: Role) -> Self {
        Self(vec![Scope::Role(role)])
    }
}

/// Prints the names, separated by spaces.
impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.names().join(" "))
    }
}

/// The SHA-256 digest of a random secret.
///
/// The secret has 256 random bits, so a digest without salt and iterations suffices. The database
/// finds a secret by its digest. The time of this search depends on the digest only, from which an
/// attacker learns nothing about the secret.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SecretDigest([u8; 32]);

impl SecretDigest {
    /// Returns the digest of a secret.
    pub fn new(secret: &str) -> Self {
        Self(Sha256::digest(secret.as_bytes()).into())
    }

    /// Reads a digest from the database.
    pub(crate) fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Returns the bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// Omits the digest.
impl fmt::Debug for SecretDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretDigest(..)")
    }
}

/// An API token, without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiToken {
    /// The id, which logs and the audit trail use.
    pub id: String,
    /// The name that the administrator chose.
    pub name: String,
    /// The roles and permissions that the token has.
    pub scopes: Scopes,
    /// The digest of the secret.
    pub digest: SecretDigest,
    /// The time of the creation.
    pub created_at: DateTime<Utc>,
    /// The originator of the token, as the audit trail records it.
    pub created_by: String,
    /// The instant at which the token ends. `None` means never.
    pub expires_at: Option<DateTime<Utc>>,
    /// The time at which an administrator revoked the token.
    pub revoked_at: Option<DateTime<Utc>>,
    /// The UTC date of the last use.
    pub last_used_on: Option<NaiveDate>,
}

impl ApiToken {
    /// Returns the state for the audit trail, without the secret.
    pub fn audited(&self) -> Value {
        json!({
            "name": self.name,
            "scopes": self.scopes.names(),
            "expires_at": self.expires_at,
            "revoked_at": self.revoked_at,
        })
    }

    /// Returns whether the token can be used.
    pub fn is_valid_at(&self, now: DateTime<Utc>) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_have_the_permissions_of_their_roles() {
        let scopes = Scopes::parse("seats:manage billing seats:manage").unwrap();
        assert_eq!(scopes.to_string(), "billing seats:manage");
        assert_eq!(Scopes::parse(&scopes.to_string()), Some(scopes.clone()));
        let expected = Role::Billing
            .permissions()
            .union(Permissions::from_iter([Permission::ManageSeats]));
        assert_eq!(scopes.permissions(), expected);
        for text in ["admin", "billing,auditor", "Billing", "seats"] {
            assert_eq!(Scopes::parse(text), None, "{text}");
        }
    }
}
