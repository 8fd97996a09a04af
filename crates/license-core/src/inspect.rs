//! Inspection of license files, tokens, license keys and public keys without verification.

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::claims::INSTANT_CLAIMS;
use crate::code::Code;
use crate::encoding::pasted::without_wrapping;
use crate::jose::{TokenKind, Unverified};
use crate::key::{LicenseKey, ShortEnterpriseKey};
use crate::license::{ArmorBlock, LicenseFile, VerifiedLicensesError};
use crate::time;
use crate::trust::{KeySummary, TrustError, TrustSet};

/// The warning to print above the result of [`inspect`].
pub const UNVERIFIED: &str =
    "UNVERIFIED: this content is not authenticated; check it with `license verify`";

/// Decodes a license file, token, license key or set of public keys into a JSON object.
///
/// The content is not authenticated, so the member `verified` is always `false`. The member `kind`
/// is `tokens`, `public keys`, `standard key`, `enterprise key` or `short enterprise key`.
///
/// ```
/// let object = license_core::inspect::inspect("CODITECT-PRO-A7F3E9D2C4B1-8F2A")?;
/// assert_eq!(object["verified"], false);
/// assert_eq!(object["tier"], "PRO");
/// # Ok::<(), license_core::inspect::InspectError>(())
/// ```
///
/// # Errors
///
/// Returns [`InspectError`] if the text has another format, or is damaged.
pub fn inspect(text: &str) -> Result<Value, InspectError> {
    let body = without_wrapping(text);
    if body.starts_with('{') || body.contains(" PUBLIC KEY-") || body.contains(" PRIVATE KEY-") {
        return TrustSet::parse(body)
            .map(|trust| trust_set(&trust))
            .map_err(InspectError::Trust);
    }
    if LicenseKey::is_likely(text) {
        let key = LicenseKey::parse(text).map_err(VerifiedLicensesError::Key);
        return key
            .map(|key| license_key(&key))
            .map_err(InspectError::Artifact);
    }
    let file = LicenseFile::parse(text)
        .map_err(VerifiedLicensesError::Parse)
        .map_err(InspectError::Artifact)?;
    let token = |block: &ArmorBlock<'_>| -> Result<_, VerifiedLicensesError> {
        let token = InspectedToken::new(&block.token)?;
        Ok(InspectedBlock {
            line: block.line,
            token,
        })
    };
    let tokens: Result<Vec<_>, _> = file.blocks().iter().map(token).collect();
    let tokens = tokens.map_err(InspectError::Artifact)?;
    Ok(json!({ "verified": false, "kind": "tokens", "tokens": tokens }))
}

fn trust_set(trust: &TrustSet) -> Value {
    let keys: Vec<_> = trust.iter().map(KeySummary::from).collect();
    json!({ "verified": false, "kind": "public keys", "keys": keys })
}

fn license_key(key: &LicenseKey) -> Value {
    match key {
        LicenseKey::Standard(key) => json!({
            "verified": false,
            "kind": "standard key",
            "key": key.to_string(),
            "product": key.product().as_str(),
            "tier": key.tier().as_str(),
            "proof": "none: its license file is required",
        }),
        LicenseKey::Enterprise(key) => {
            let proof = "an RSA signature, not verified here";
            let mut object = enterprise("enterprise key", &key.short(), proof);
            if let Some(members) = object.as_object_mut() {
                let bits = key.signature().len() * 8;
                members.insert("signed_text".to_owned(), key.signed_text().into());
                members.insert("signature_bits".to_owned(), bits.into());
            }
            object
        }
        LicenseKey::EnterpriseShort(key) => {
            let proof = "none: the full key or license file is required";
            enterprise("short enterprise key", key, proof)
        }
    }
}

fn enterprise(kind: &str, key: &ShortEnterpriseKey, proof: &str) -> Value {
    let terms = key.unverified_terms();
    json!({
        "verified": false,
        "kind": kind,
        "short_key": key.to_string(),
        "product": terms.product,
        "tier": "ENT",
        "company": terms.company,
        "seats": terms.seats,
        "expires_at": terms.expiry.ends_at().map(|at| time::rfc3339(at).to_string()),
        "proof": proof,
    })
}

/// An armor block as JSON.
#[derive(Serialize)]
struct InspectedBlock {
    line: usize,
    #[serde(flatten)]
    token: InspectedToken,
}

/// A token as JSON.
#[derive(Serialize)]
struct InspectedToken {
    header: Value,
    claims: Value,
    dates: Map<String, Value>,
    /// The inner token of a retirement.
    #[serde(skip_serializing_if = "Option::is_none")]
    statement: Option<Box<InspectedToken>>,
}

impl InspectedToken {
    fn new(token: &Unverified<'_>) -> Result<Self, VerifiedLicensesError> {
        let claims = token
            .unverified_claims()
            .map_err(VerifiedLicensesError::Verify)?;
        let instant = |name: &str| {
            let instant = time::from_unix_seconds(claims.get(name)?.as_u64()?)?;
            Some((name.to_owned(), json!(time::rfc3339(instant).to_string())))
        };
        let statement = claims.get("statement").and_then(Value::as_str);
        let is_statement = token.unverified_kind() == TokenKind::TrustStatement;
        let statement = statement.filter(|_| is_statement);
        let inner = statement.and_then(|text| Unverified::parse(text).ok());
        // Deeper nesting is not a valid trust statement.
        let inner = inner.filter(is_innermost).map(|inner| Self::new(&inner));
        Ok(Self {
            header: json!({
                "alg": token.unverified_algorithm(),
                "kid": token.unverified_key_id(),
                "typ": token.unverified_kind(),
            }),
            dates: INSTANT_CLAIMS.into_iter().filter_map(instant).collect(),
            statement: inner.transpose()?.map(Box::new),
            claims,
        })
    }
}

fn is_innermost(token: &Unverified<'_>) -> bool {
    let claims = token.unverified_claims().ok();
    claims.is_some_and(|claims| claims.get("statement").is_none())
}

/// The reason why a text cannot be inspected.
///
/// ```
/// use license_core::with_causes;
/// use license_core::inspect::inspect;
///
/// let error = inspect("hello").unwrap_err();
/// println!("{}: {}", error.code(), with_causes(&error));
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InspectError {
    /// The license file, token or key is damaged.
    #[error(transparent)]
    Artifact(VerifiedLicensesError),
    /// The set of public keys is damaged, or the text is a private key.
    #[error(transparent)]
    Trust(TrustError),
}

impl InspectError {
    /// Returns the reason code.
    ///
    /// ```
    /// use license_core::Code;
    /// use license_core::inspect::inspect;
    ///
    /// let error = inspect("hello").unwrap_err();
    /// assert_eq!(error.code(), Code::Malformed);
    /// ```
    pub const fn code(&self) -> Code {
        match self {
            Self::Artifact(error) => error.code(),
            Self::Trust(error) => error.code(),
        }
    }
}
