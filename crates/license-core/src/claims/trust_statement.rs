//! The claims of a trust statement.

use std::marker::PhantomData;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize};

use super::TokenClaims;
use crate::encoding::strict_json::{
    ListVisitor, Object, absent, non_empty, non_empty_texts, text, texts,
};
use crate::time::serde_unix_seconds;
use crate::trust::Jwk;

/// The claims that this version understands. The claim `crit` may name only these claims.
const KNOWN_CLAIMS: [&str; 6] = ["iss", "iat", "introduces", "retires", "statement", "crit"];

/// The claims of a trust statement (`typ` `license-trust+jwt`). A statement has exactly one of
/// `introduces`, `retires` and `statement`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct TrustStatementClaims {
    #[serde(rename = "iss", deserialize_with = "text")]
    pub(crate) issuer: String,
    #[serde(rename = "iat", with = "serde_unix_seconds")]
    pub(crate) issued_at: DateTime<Utc>,
    /// The keys to add to the trust set.
    #[serde(default, deserialize_with = "keys", skip_serializing_if = "absent")]
    pub(crate) introduces: Option<Vec<Jwk>>,
    /// The ids of the keys to retire.
    #[serde(default, deserialize_with = "key_ids", skip_serializing_if = "absent")]
    pub(crate) retires: Option<Vec<String>>,
    /// The inner token, with which another key retires itself.
    #[serde(default, deserialize_with = "text", skip_serializing_if = "absent")]
    pub(crate) statement: Option<String>,
    #[serde(rename = "crit")]
    #[serde(default, deserialize_with = "texts", skip_serializing_if = "absent")]
    pub(crate) critical: Vec<String>,
}

impl TrustStatementClaims {
    /// Creates claims without `introduces`, `retires` and `statement`.
    #[cfg(feature = "issue")]
    pub(crate) fn new(issuer: &str, issued_at: DateTime<Utc>) -> Self {
        Self {
            issuer: issuer.to_owned(),
            issued_at,
            introduces: None,
            retires: None,
            statement: None,
            critical: Vec::new(),
        }
    }
}

impl TokenClaims for TrustStatementClaims {
    const KNOWN: &'static [&'static str] = &KNOWN_CLAIMS;

    fn critical(&self) -> &[String] {
        &self.critical
    }
}

fn keys<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<Jwk>>, D::Error> {
    let list: Vec<Object<Jwk>> = deserializer.deserialize_seq(ListVisitor {
        expected: "an array of JWKs",
        items: PhantomData,
    })?;
    let list = non_empty(list)?;
    Ok(Some(list.into_iter().map(|Object(jwk)| jwk).collect()))
}

fn key_ids<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<String>>, D::Error> {
    non_empty_texts(deserializer).map(Some)
}
