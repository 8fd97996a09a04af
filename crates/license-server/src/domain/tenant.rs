//! Tenants: the organizations whose data a server separates.

use std::fmt;
use std::sync::Arc;

/// The id of a tenant. Each row of the database belongs to one tenant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TenantId(Arc<str>);

impl TenantId {
    /// The name that people see for an organization without a name, which is that of the server.
    pub const UNNAMED: &'static str = "This server";

    /// Returns the only tenant of a site server.
    pub fn site() -> Self {
        Self("site".into())
    }

    /// Returns the id of an organization of a vendor's server.
    pub fn new(id: uuid::Uuid) -> Self {
        Self(id.to_string().into())
    }

    /// Reads an id from the database.
    pub(crate) fn from_column(id: &str) -> Self {
        Self(id.into())
    }

    /// Returns the id as it is stored.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}
