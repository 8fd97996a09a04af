//! The caller of a request of an administrator.

use super::actor::Actor;
use super::role::{Permission, Permissions};
use super::tenant::TenantId;

/// The caller of a request: the tenant to which its credentials belong, its name in the audit
/// trail, and its permissions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// The tenant. A caller can neither see nor change another one.
    pub tenant: TenantId,
    /// The originator of changes.
    pub actor: Actor,
    /// The permissions.
    pub permissions: Permissions,
}

impl Principal {
    /// Returns a person at the console of the server, who may do everything.
    pub fn console(tenant: TenantId) -> Self {
        Self {
            tenant,
            actor: Actor::Console,
            permissions: Permissions::all(),
        }
    }

    /// Returns whether the caller has a permission.
    pub fn allows(&self, permission: Permission) -> bool {
        self.permissions.contains(permission)
    }
}
