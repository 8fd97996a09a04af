//! Inspection of license files, tokens, license keys and public keys without verification.

use serde::ser::Error;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use crate::claims::INSTANT_CLAIMS;
use crate::code::Code;
use crate::encoding::pasted::without_wrapping;
use crate::encoding::{TextKind, strict_json};
use crate::jose::{Algorithm, TokenKind, Unverified};
use crate::key::{LicenseKey, ShortEnterpriseKey};
use crate::license::{LicenseFile, VerifiedLicensesError};
use crate::time;
use crate::trust::{KeySummary, TrustError, TrustSet, VerifyError};

/// The warning to print above the result of [`inspect`]. A program adds how to verify the content.
pub const UNVERIFIED: &str = "UNVERIFIED: this content is not authenticated";

/// The decoded content of a license file, token, license key or set of public keys, which is not
/// authenticated.
///
/// It is written as a JSON object. The member `verified` is always `false`. The member `kind` is
/// `tokens`, `public keys`, `standard key`, `enterprise key` or `short enterprise key`.
///
/// Claims are kept as text, because a `serde_json::Value` of a revocation list takes fifty times
/// the size of the list. To write the claims of one token takes up to 16 times its size.
///
/// ```
/// let inspection = license_core::inspect::inspect("CODITECT-PRO-A7F3E9D2C4B1-8F2A")?;
/// let json = serde_json::to_string(&inspection)?;
/// assert!(json.starts_with(r#"{"verified":false,"kind":"standard key""#));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Inspection(InspectedContent);

#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
enum InspectedContent {
    Tokens(InspectedTokens),
    /// A key or a set of keys.
    Keys(Value),
}

/// Writes the JSON object that `docs/codes.md` documents.
impl Serialize for Inspection {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

/// Decodes a license file, token, license key or set of public keys without verifying it.
///
/// Takes time in proportion to the text, and memory of up to 16 times the text.
///
/// ```
/// let inspection = license_core::inspect::inspect("CODITECT-PRO-A7F3E9D2C4B1-8F2A")?;
/// let object = serde_json::to_value(&inspection)?;
/// assert_eq!(object["verified"], false);
/// assert_eq!(object["tier"], "PRO");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// Returns [`InspectError`] if the text has another format, or is damaged.
pub fn inspect(text: &str) -> Result<Inspection, InspectError> {
    let body = without_wrapping(text);
    let kind = TextKind::detect(body);
    let is_key = matches!(
        kind,
        Some(TextKind::PublicKeys | TextKind::PrivateKey | TextKind::SshPrivateKey)
    );
    if body.starts_with('{') || is_key {
        return TrustSet::parse(body)
            .map(|trust| Inspection(InspectedContent::Keys(trust_set(&trust))))
            .map_err(InspectError::Trust);
    }
    if LicenseKey::is_likely(text) {
        let key = LicenseKey::parse(text);
        return key
            .map_err(|error| VerifiedLicensesError::not_a_key(text, error))
            .map(|key| Inspection(InspectedContent::Keys(license_key(&key))))
            .map_err(InspectError::Artifact);
    }
    let file = LicenseFile::parse(text)
        .map_err(VerifiedLicensesError::Parse)
        .map_err(InspectError::Artifact)?;
    let tokens = InspectedTokens::new(file)
        .map_err(VerifiedLicensesError::Verify)
        .map_err(InspectError::Artifact)?;
    Ok(Inspection(InspectedContent::Tokens(tokens)))
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

/// The tokens of a file as JSON.
#[derive(Clone, Debug, Serialize)]
struct InspectedTokens {
    verified: bool,
    kind: &'static str,
    tokens: Vec<InspectedBlock>,
}

impl InspectedTokens {
    fn new(file: LicenseFile<'_>) -> Result<Self, VerifyError> {
        // Each token is dropped when its claims are decoded.
        let blocks = file.into_iter().map(|block| {
            let token = InspectedToken::new(&block.token)?;
            Ok(InspectedBlock {
                line: block.line,
                token,
            })
        });
        Ok(Self {
            verified: false,
            kind: "tokens",
            tokens: blocks.collect::<Result<_, VerifyError>>()?,
        })
    }
}

/// An armor block as JSON.
#[derive(Clone, Debug, Serialize)]
struct InspectedBlock {
    line: usize,
    #[serde(flatten)]
    token: InspectedToken,
}

/// A token as JSON.
#[derive(Clone, Debug, Serialize)]
struct InspectedToken {
    header: InspectedHeader,
    claims: ClaimsText,
    #[serde(serialize_with = "write_dates")]
    dates: Vec<(&'static str, String)>,
    /// The inner token of a retirement.
    #[serde(skip_serializing_if = "Option::is_none")]
    statement: Option<Box<InspectedToken>>,
}

#[derive(Clone, Debug, Serialize)]
struct InspectedHeader {
    alg: Algorithm,
    kid: String,
    typ: TokenKind,
}

/// The payload of a token, which is a strict JSON object.
#[derive(Clone, Debug)]
struct ClaimsText(Vec<u8>);

impl Serialize for ClaimsText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let tree = strict_json::parse(&self.0).map_err(S::Error::custom)?;
        tree.root().serialize(serializer)
    }
}

fn write_dates<S: Serializer>(
    dates: &[(&'static str, String)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(dates.iter().map(|(name, date)| (name, date)))
}

impl InspectedToken {
    fn new(token: &Unverified<'_>) -> Result<Self, VerifyError> {
        let payload = token.readable_reading().payload()?;
        let tree = strict_json::parse(&payload).map_err(VerifyError::Json)?;
        let claim = |name: &str| tree.root().get(name);
        let date = |name: &'static str| {
            let instant = time::from_unix_seconds(claim(name)?.as_u64()?)?;
            Some((name, time::rfc3339(instant).to_string()))
        };
        let is_statement = token.unverified_kind() == TokenKind::TrustStatement;
        let statement = claim("statement").filter(|_| is_statement);
        let statement = statement.and_then(|statement| Self::innermost(statement.as_str()?));
        Ok(Self {
            header: InspectedHeader {
                alg: token.unverified_algorithm(),
                kid: token.unverified_key_id().to_owned(),
                typ: token.unverified_kind(),
            },
            dates: INSTANT_CLAIMS.into_iter().filter_map(date).collect(),
            statement: statement.map(Box::new),
            claims: ClaimsText(payload),
        })
    }

    /// Decodes the inner token of a retirement. A token with another inner token is not a valid
    /// trust statement.
    fn innermost(token: &str) -> Option<Self> {
        let token = Unverified::parse(token).ok()?;
        let payload = token.payload().ok()?;
        let tree = strict_json::parse(&payload).ok()?;
        if tree.root().get("statement").is_some() {
            return None;
        }
        Self::new(&token).ok()
    }
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
