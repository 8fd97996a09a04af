//! Checkpoints: the end of an audit trail at one time.

use serde::{Deserialize, Serialize};

/// The end of an audit trail at one time.
///
/// A checkpoint that is kept elsewhere shows later whether entries were removed from the end, or
/// whether the whole chain was replaced. The server signs it with its own key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuditCheckpoint {
    /// The name of the server.
    #[serde(rename = "iss")]
    pub server: String,
    /// The tenant.
    #[serde(rename = "sub")]
    pub tenant: String,
    /// The time in Unix seconds.
    #[serde(rename = "iat")]
    pub at: u64,
    /// The number of the last entry. 0: the trail is empty.
    pub entries: u64,
    /// The hash of the last entry.
    #[serde(with = "hexadecimal")]
    pub head: [u8; 32],
}

/// Digests as hexadecimal digits.
mod hexadecimal {
    use license_core::encoding::hex;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(
        digest: &[u8; 32],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(digest))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<[u8; 32], D::Error> {
        let text = String::deserialize(deserializer)?;
        hex::decode_lower(&text)
            .ok_or_else(|| D::Error::custom("expected 64 lowercase hexadecimal digits"))
    }
}
