//! Roles, and the permissions that they give.

use std::fmt;

use serde_json::{Value, json};

macro_rules! permissions {
    ($($variant:ident $text:literal $description:literal),+ $(,)?) => {
        /// A kind of action. Each route of administrators needs one permission.
        ///
        /// Most areas have two permissions: `read` shows everything, and `manage` changes
        /// everything.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Permission {
            $(#[doc = $description] $variant),+
        }

        impl Permission {
            /// All permissions.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Returns the name, such as `licenses:read`.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }

            /// Returns a sentence about the actions that need the permission.
            pub const fn description(self) -> &'static str {
                match self { $(Self::$variant => $description),+ }
            }
        }
    };
}

permissions! {
    ReadLicenses "licenses:read"
        "List licenses, their machines, activations and anomalies, and download license files.",
    IssueLicenses "licenses:issue"
        "Issue, renew, upgrade and reassign licenses, install files of the vendor, and dismiss anomalies.",
    RevokeLicenses "licenses:revoke" "Revoke, reinstate and remove licenses.",
    ReadLedger "ledger:read" "Verify, export and copy the ledger of a vendor's server.",
    ManageLedger "ledger:manage" "Import entries into the ledger of a vendor's server.",
    ReadSeats "seats:read" "List pools, their policies, the holders of seats, the queue and assigned users.",
    ManageSeats "seats:manage" "End seats, assign users, and change the policy of a pool.",
    ReadUsage "usage:read" "List and export usage reports, amounts of meters and telemetry.",
    ManageUsage "usage:manage" "Delete usage reports and telemetry, and adjust amounts of meters.",
    ReadAudit "audit:read" "Read and verify the audit trail, and follow events.",
    ReadPeople "people:read" "List people, their roles and their groups.",
    ManagePeople "people:manage" "Invite and remove people, and change their roles and groups.",
    ReadTokens "tokens:read" "List API tokens, without their secrets.",
    ManageTokens "tokens:manage" "Create and revoke API tokens.",
    ReadWebhooks "webhooks:read" "List webhooks and their deliveries.",
    ManageWebhooks "webhooks:manage" "Create, change and delete webhooks.",
    ReadBilling "billing:read" "Show subscriptions and invoices.",
    ManageBilling "billing:manage" "Change subscriptions and payment.",
    ReadSettings "settings:read" "Show the settings of the organization.",
    ManageSettings "settings:manage" "Change the settings of the organization.",
    ManageOrganization "organization:manage" "Change the owners, and delete the organization.",
}

impl Permission {
    /// Parses the name of a permission.
    pub fn parse(text: &str) -> Option<Self> {
        let mut all = Self::ALL.iter().copied();
        all.find(|permission| permission.as_str() == text)
    }

    /// Returns whether the permission changes nothing.
    pub fn is_read(self) -> bool {
        self.as_str().ends_with(":read")
    }

    /// Returns the bit of the permission in a set.
    fn bit(self) -> u32 {
        let mut places = Self::ALL.iter().zip(0..);
        let place = places.find(|(permission, _)| **permission == self);
        place.map_or(0, |(_, place)| 1_u32.wrapping_shl(place))
    }
}

// A set of permissions has 32 bits.
const _: () = assert!(Permission::ALL.len() <= 32);

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A set of permissions.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Permissions(u32);

impl Permissions {
    /// No permission.
    pub const NONE: Self = Self(0);

    /// Returns all permissions.
    pub fn all() -> Self {
        Permission::ALL.iter().copied().collect()
    }

    /// Returns whether the set has a permission.
    pub fn contains(self, permission: Permission) -> bool {
        self.0 & permission.bit() != 0
    }

    /// Returns whether the set has no permission.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Returns the permissions that one of two sets has.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Returns the permissions of this set that the other one does not have.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Returns the permissions in the order of their definition.
    pub fn iter(self) -> impl Iterator<Item = Permission> {
        let all = Permission::ALL.iter().copied();
        all.filter(move |permission| self.contains(*permission))
    }
}

impl FromIterator<Permission> for Permissions {
    fn from_iter<I: IntoIterator<Item = Permission>>(permissions: I) -> Self {
        let bits = permissions.into_iter().map(Permission::bit);
        Self(bits.fold(0, |all, bit| all | bit))
    }
}

/// Prints the names, separated by spaces, or `none`.
impl fmt::Display for Permissions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("none");
        }
        let names: Vec<_> = self.iter().map(Permission::as_str).collect();
        f.write_str(&names.join(" "))
    }
}

impl fmt::Debug for Permissions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

/// The role of a person in an organization.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Has every permission.
    Owner,
    /// Has every permission except that of owners: to change who is an owner, and to delete the
    /// organization.
    Administrator,
    /// Issues and revokes licenses, and manages their seats and usage reports.
    LicenseManager,
    /// Manages subscriptions and invoices.
    Billing,
    /// Reads everything, and changes nothing.
    Auditor,
    /// Uses licenses. Sees only what belongs to this person.
    Member,
}

impl Role {
    /// All roles.
    pub const ALL: [Self; 6] = [
        Self::Owner,
        Self::Administrator,
        Self::LicenseManager,
        Self::Billing,
        Self::Auditor,
        Self::Member,
    ];

    /// Returns the role for the audit trail.
    pub fn audited(self) -> Value {
        json!({ "role": self.as_str() })
    }

    /// Returns the name of the role.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Administrator => "administrator",
            Self::LicenseManager => "license_manager",
            Self::Billing => "billing",
            Self::Auditor => "auditor",
            Self::Member => "member",
        }
    }

    /// Parses the name of a role.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }

    /// Returns whether the role has a permission.
    pub fn allows(self, permission: Permission) -> bool {
        use Permission as P;
        match self {
            Self::Owner => true,
            Self::Administrator => permission != P::ManageOrganization,
            Self::LicenseManager => matches!(
                permission,
                P::ReadLicenses
                    | P::IssueLicenses
                    | P::RevokeLicenses
                    | P::ReadSeats
                    | P::ManageSeats
                    | P::ReadUsage
                    | P::ManageUsage
                    | P::ReadPeople
            ),
            Self::Billing => matches!(
                permission,
                P::ReadLicenses | P::ReadUsage | P::ReadBilling | P::ManageBilling
            ),
            Self::Auditor => permission.is_read(),
            Self::Member => false,
        }
    }

    /// Returns whether a person with the role loses a permission when the role becomes another one,
    /// or when the person no longer has a role.
    pub fn loses_with(self, next: Option<Self>) -> bool {
        let remaining = next.map_or(Permissions::NONE, Self::permissions);
        next.is_none() || !self.permissions().without(remaining).is_empty()
    }

    /// Returns the permissions of the role.
    pub fn permissions(self) -> Permissions {
        let all = Permission::ALL.iter().copied();
        all.filter(|permission| self.allows(*permission)).collect()
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_can_be_parsed() {
        for permission in Permission::ALL {
            assert_eq!(Permission::parse(permission.as_str()), Some(*permission));
            assert_eq!(Role::parse(permission.as_str()), None);
        }
        for role in Role::ALL {
            assert_eq!(Role::parse(role.as_str()), Some(role));
        }
        assert_eq!(Permission::parse("licenses"), None);
        assert_eq!(Role::parse("Owner"), None);
    }

    #[test]
    fn a_set_has_the_permissions_that_it_was_made_of() {
        let set: Permissions = [Permission::ReadSeats, Permission::ReadLicenses]
            .into_iter()
            .collect();
        assert!(set.contains(Permission::ReadSeats) && !set.contains(Permission::ManageSeats));
        assert_eq!(set.to_string(), "licenses:read seats:read");
        assert_eq!(Permissions::all().iter().count(), Permission::ALL.len());
        assert_eq!(set.without(set), Permissions::NONE);
        assert_eq!(Permissions::NONE.to_string(), "none");
    }

    #[test]
    fn each_role_has_at_most_what_an_owner_has() {
        let owner = Role::Owner.permissions();
        assert_eq!(owner, Permissions::all());
        for role in Role::ALL {
            assert!(role.permissions().without(owner).is_empty(), "{role}");
        }
        let administrator = Role::Administrator.permissions();
        assert_eq!(
            owner.without(administrator).to_string(),
            "organization:manage"
        );
        assert!(Role::Member.permissions().is_empty());
    }
}
