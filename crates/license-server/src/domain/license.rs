//! Installed licenses.

use chrono::{DateTime, Utc};
use license_core::LicenseId;
use serde_json::{Value, json};

use super::pool::PoolId;

/// A license that is installed on the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LicenseRecord {
    /// The license id.
    pub id: LicenseId,
    /// The pool to which the license belongs. A renewal belongs to the pool of its predecessor.
    pub pool: PoolId,
    /// The standard key that names the license.
    pub key: Option<String>,
    /// The short enterprise key that names the license.
    pub short_key: Option<String>,
    /// The product code.
    pub product: String,
    /// The customer.
    pub customer: String,
    /// The token, or an enterprise key.
    pub token: String,
    /// The licenses that this license replaces.
    pub supersedes: Vec<LicenseId>,
    /// Whether another license replaces this one. The store sets it.
    pub is_superseded: bool,
    /// The time of the installation.
    pub installed_at: DateTime<Utc>,
    /// The number of the installation. The store sets it.
    pub number: u64,
}

impl LicenseRecord {
    /// Returns the names of the license and of the licenses of its pool: ids and keys. No two
    /// tenants have licenses with the same name.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let keys = [self.key.as_deref(), self.short_key.as_deref()];
        let replaced = self.supersedes.iter().map(LicenseId::as_str);
        [self.id.as_str(), self.pool.as_str()]
            .into_iter()
            .chain(keys.into_iter().flatten())
            .chain(replaced)
    }

    /// Returns the state for the audit trail, without the key and the token.
    pub fn audited(&self) -> Value {
        json!({
            "customer": self.customer,
            "product": self.product,
            "pool": self.pool.as_str(),
            "installed_at": self.installed_at,
        })
    }
}
