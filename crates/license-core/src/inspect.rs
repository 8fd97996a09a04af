//! Shows what an artefact says, without verifying any of it.

use serde_json::{Map, Value, json};

use crate::claims::INSTANT_CLAIMS;
use crate::encoding::pasted::without_wrapping;
use crate::jose::{TokenKind, Unverified};
use crate::key::{LicenseKey, ShortEnterpriseKey};
use crate::license::BundleError;
use crate::license::{Artefacts, Block};
use crate::time::Timestamp;
use crate::trust::TrustError;
use crate::trust::TrustSet;

/// What to say above everything that [`inspect`] shows.
pub const UNVERIFIED: &str = "UNVERIFIED: anybody can have written this; `license verify` tells";

/// Decodes a license file, token, license key or set of public keys into a JSON object. Its member
/// `verified` is always false: anybody can have written what it says.
///
/// ```
/// let object = license_core::inspect("CODITECT-PRO-A7F3E9D2C4B1-8F2A")?;
/// assert_eq!(object["verified"], false);
/// assert_eq!(object["tier"], "PRO");
/// # Ok::<(), license_core::InspectError>(())
/// ```
///
/// # Errors
/// [`InspectError`] if the text is none of these, or damaged.
pub fn inspect(text: &str) -> Result<Value, InspectError> {
    let body = without_wrapping(text);
    if body.starts_with('{') || body.contains(" PUBLIC KEY-") || body.contains(" PRIVATE KEY-") {
        return TrustSet::parse(body)
            .map(|trust| trust_set(&trust))
            .map_err(InspectError::Trust);
    }
    if LicenseKey::is_likely(text) {
        let key = LicenseKey::parse(text).map_err(BundleError::Key);
        return key
            .map(|key| license_key(&key))
            .map_err(InspectError::Artefact);
    }
    let artefacts = Artefacts::parse(text)
        .map_err(BundleError::Parse)
        .map_err(InspectError::Artefact)?;
    let tokens: Result<Vec<_>, _> = artefacts.blocks().iter().map(token).collect();
    let tokens = tokens.map_err(InspectError::Artefact)?;
    Ok(json!({ "verified": false, "kind": "tokens", "tokens": tokens }))
}

fn trust_set(trust: &TrustSet) -> Value {
    let keys = trust.iter().map(|key| {
        json!({ "kid": key.id().as_str(), "alg": key.algorithm().as_str(), "bits": key.bits() })
    });
    json!({ "verified": false, "kind": "public keys", "keys": keys.collect::<Vec<_>>() })
}

fn license_key(key: &LicenseKey) -> Value {
    match key {
        LicenseKey::Standard(key) => json!({
            "verified": false,
            "kind": "standard key",
            "key": key.to_string(),
            "product": key.product().as_str(),
            "tier": key.tier().as_str(),
            "proof": "none: its license file is needed",
        }),
        LicenseKey::Enterprise(key) => {
            let proof = "an RSA signature, not verified here";
            let mut object = enterprise("enterprise key", &key.short(), proof);
            object.insert("signed_text".to_owned(), key.signed_text().into());
            object.insert(
                "signature_bits".to_owned(),
                (key.signature().len() * 8).into(),
            );
            Value::Object(object)
        }
        LicenseKey::EnterpriseShort(key) => {
            let proof = "none: the full key or license file is needed";
            Value::Object(enterprise("short enterprise key", key, proof))
        }
    }
}

fn enterprise(kind: &str, key: &ShortEnterpriseKey, proof: &str) -> Map<String, Value> {
    let terms = key.unverified_terms();
    let members = [
        ("verified", false.into()),
        ("kind", kind.into()),
        ("short_key", key.to_string().into()),
        ("product", terms.product.as_str().into()),
        ("tier", "ENT".into()),
        ("company", terms.company.as_str().into()),
        ("seats", terms.seats.get().into()),
        (
            "expires_at",
            terms.expiry.ends_at().map(|end| end.to_string()).into(),
        ),
        ("proof", proof.into()),
    ];
    members
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

fn token(block: &Block<'_>) -> Result<Value, BundleError> {
    let mut members = Map::new();
    members.insert("line".to_owned(), block.line.into());
    members.append(&mut shown(&block.token)?);
    Ok(Value::Object(members))
}

fn shown(token: &Unverified<'_>) -> Result<Map<String, Value>, BundleError> {
    let claims = token.unverified_claims().map_err(BundleError::Verify)?;
    let instant = |name: &str| {
        let seconds = Timestamp::from_unix_seconds(claims.get(name)?.as_u64()?)?;
        Some((name.to_owned(), Value::from(seconds.to_string())))
    };
    let dates: Map<_, _> = INSTANT_CLAIMS.into_iter().filter_map(instant).collect();
    // The inner half of a retirement.
    let statement = claims.get("statement").and_then(Value::as_str);
    let is_statement = token.unverified_kind() == TokenKind::TrustStatement;
    let statement = statement.filter(|_| is_statement);
    let inner = statement.and_then(|text| Unverified::parse(text).ok());
    let inner = inner.map(Unverified::into_owned);
    let header = json!({
        "alg": token.unverified_algorithm().as_str(),
        "kid": token.unverified_key_id(),
        "typ": token.unverified_kind().typ(),
    });
    let members = [
        ("header", header),
        ("claims", claims),
        ("dates", dates.into()),
    ];
    let mut shown: Map<_, _> = members
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    // No deeper: a statement about a statement is none.
    if let Some(inner) = inner.filter(is_innermost) {
        shown.insert("statement".to_owned(), self::shown(&inner)?.into());
    }
    Ok(shown)
}

fn is_innermost(token: &Unverified<'_>) -> bool {
    let claims = token.unverified_claims().ok();
    claims.is_some_and(|claims| claims.get("statement").is_none())
}

/// The reason why a text cannot be shown.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InspectError {
    /// The license file, token or key is damaged.
    #[error(transparent)]
    Artefact(BundleError),
    /// The set of public keys is damaged, or the text is a private key.
    #[error(transparent)]
    Trust(TrustError),
}
