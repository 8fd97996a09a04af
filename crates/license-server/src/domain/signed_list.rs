//! Lists that the vendor signs and the server passes on: revocation lists and trust statements.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

/// The newest revocation list of a product.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevocationRecord {
    /// The product code.
    pub product: String,
    /// The vendor.
    pub issuer: String,
    /// The number of the list.
    pub seq: u64,
    /// The list in armor.
    pub armor: String,
    /// The SHA-256 digest of the list, for the header `ETag`.
    pub digest: [u8; 32],
    /// The time at which the server received the list.
    pub imported_at: DateTime<Utc>,
}

impl RevocationRecord {
    /// Returns the state of the list that this one replaces, for the audit trail.
    pub fn former(&self, lists: &[Self]) -> Option<Value> {
        let is_same = |list: &&Self| (&list.product, &list.issuer) == (&self.product, &self.issuer);
        let former = lists.iter().find(is_same)?;
        Some(json!({ "seq": former.seq, "imported_at": former.imported_at }))
    }
}

/// A trust statement of the vendor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatementRecord {
    /// The number of the statement on this server, in the order of import.
    pub number: u64,
    /// The statement in armor.
    pub armor: String,
    /// The time at which the server received the statement.
    pub imported_at: DateTime<Utc>,
}
