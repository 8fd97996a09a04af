//! PEM public keys: SubjectPublicKeyInfo (RFC 5280) and PKCS#1 (RFC 8017).
//!
//! The algorithm of a key follows from its algorithm identifier: `rsaEncryption` means RS256, and
//! `id-RSASSA-PSS` (RFC 4055) means PS256.

use spki::der::asn1::AnyRef;
use spki::der::pem::{LineEnding, decode_vec};
use spki::der::{Decode, Encode, EncodePem, Tag, Tagged};
use spki::{AlgorithmIdentifierRef, ObjectIdentifier, SubjectPublicKeyInfoRef};

use super::{TrustError, TrustedKey};
use crate::encoding::layout;
use crate::encoding::quoted::quoted;
use crate::jose::Algorithm;

const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const RSASSA_PSS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.10");
const END: &str = "-----END ";
/// The algorithm of a PKCS#1 public key, which has no algorithm identifier.
const DEFAULT_ALGORITHM: Algorithm = Algorithm::Rs256;

/// DER of the `RSASSA-PSS-params` of PS256 (RFC 4055 section 3.1): SHA-256, MGF1 with SHA-256, and
/// a salt of 32 bytes.
pub(crate) const PS256_PARAMETERS: &[u8] = &[
    0x30, 0x34, 0xa0, 0x0f, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02,
    0x01, 0x05, 0x00, 0xa1, 0x1c, 0x30, 0x1a, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01,
    0x01, 0x08, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05,
    0x00, 0xa2, 0x03, 0x02, 0x01, 0x20,
];

/// Parses all PEM blocks of the text.
pub(super) fn parse(text: &str) -> Result<Vec<TrustedKey>, TrustError> {
    let lines = layout::lines_of(text);
    let mut pem = String::with_capacity(lines.len() + lines.len() / 32);
    layout::write_pem(&lines, &mut pem);
    drop(lines);
    let mut keys = Vec::new();
    let mut rest = pem.trim_start();
    while !rest.is_empty() {
        let (block, after) = first_block(rest);
        keys.push(key(block)?);
        rest = after.trim_start();
    }
    Ok(keys)
}

/// Splits the text after the line that ends the first block.
fn first_block(text: &str) -> (&str, &str) {
    let end = text.find(END).map_or(text.len(), |end| {
        let line = text.get(end..).unwrap_or_default();
        end + line.find('\n').unwrap_or(line.len())
    });
    text.split_at_checked(end).unwrap_or((text, ""))
}

fn key(block: &str) -> Result<TrustedKey, TrustError> {
    match label(block) {
        Some("PUBLIC KEY" | "RSA PUBLIC KEY") | None => {}
        Some(label) if label.ends_with("PRIVATE KEY") => return Err(TrustError::PrivateKey),
        Some(found) => {
            return Err(TrustError::PemLabel {
                found: quoted(found),
            });
        }
    }
    match decode_vec(block.trim_end().as_bytes()).map_err(|_| TrustError::Pem)? {
        ("RSA PUBLIC KEY", der) => from_pkcs1(DEFAULT_ALGORITHM, &der),
        (_, der) => from_spki(&der),
    }
}

/// Returns the label of a block.
fn label(block: &str) -> Option<&str> {
    let (_, line) = block.split_once("-----BEGIN ")?;
    line.split_once("-----").map(|(label, _)| label)
}

fn from_spki(der: &[u8]) -> Result<TrustedKey, TrustError> {
    let info = SubjectPublicKeyInfoRef::from_der(der)
        .map_err(|error| TrustError::Der(spki::Error::Asn1(error)))?;
    let algorithm = algorithm(&info.algorithm)?;
    let key = info.subject_public_key.as_bytes();
    from_pkcs1(
        algorithm,
        key.ok_or(TrustError::Der(spki::Error::KeyMalformed))?,
    )
}

fn from_pkcs1(algorithm: Algorithm, der: &[u8]) -> Result<TrustedKey, TrustError> {
    let key = pkcs1::RsaPublicKeyRef::from_der(der)
        .map_err(|error| TrustError::Der(spki::Error::Asn1(error)))?;
    TrustedKey::new(
        algorithm,
        key.modulus.as_bytes(),
        key.public_exponent.as_bytes(),
    )
}

/// Returns the algorithm of an algorithm identifier. Private keys have the same identifiers.
pub(crate) fn algorithm(identifier: &AlgorithmIdentifierRef<'_>) -> Result<Algorithm, TrustError> {
    match (identifier.oid, identifier.parameters) {
        (RSA_ENCRYPTION, Some(parameters)) if parameters.tag() == Tag::Null => Ok(Algorithm::Rs256),
        (RSASSA_PSS, Some(parameters)) if is_ps256(parameters) => Ok(Algorithm::Ps256),
        (RSASSA_PSS, _) => Err(TrustError::PssParameters),
        _ => Err(TrustError::NotRsa),
    }
}

fn is_ps256(parameters: AnyRef<'_>) -> bool {
    parameters.to_der().is_ok_and(|der| der == PS256_PARAMETERS)
}

/// Returns the algorithm identifier of an algorithm.
pub(crate) fn identifier(
    algorithm: Algorithm,
) -> Result<AlgorithmIdentifierRef<'static>, spki::Error> {
    let (oid, parameters) = match algorithm {
        Algorithm::Rs256 => (RSA_ENCRYPTION, AnyRef::NULL),
        Algorithm::Ps256 => (RSASSA_PSS, AnyRef::from_der(PS256_PARAMETERS)?),
    };
    Ok(AlgorithmIdentifierRef {
        oid,
        parameters: Some(parameters),
    })
}

impl TrustedKey {
    /// Returns the key as a PEM block `PUBLIC KEY`, whose algorithm identifier names the algorithm.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let trust = fixture::trust()?;
    /// # let key = trust.iter().next().ok_or("no key")?;
    /// assert!(key.to_pem()?.starts_with("-----BEGIN PUBLIC KEY-----"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`TrustError::Der`] if the key cannot be encoded. Every accepted key can be encoded.
    pub fn to_pem(&self) -> Result<String, TrustError> {
        self.encode().map_err(TrustError::Der)
    }

    fn encode(&self) -> Result<String, spki::Error> {
        let key = pkcs1::RsaPublicKey {
            modulus: pkcs1::UintRef::new(self.modulus())?,
            public_exponent: pkcs1::UintRef::new(self.exponent())?,
        }
        .to_der()?;
        let info = SubjectPublicKeyInfoRef {
            algorithm: identifier(self.algorithm())?,
            subject_public_key: spki::der::asn1::BitStringRef::from_bytes(&key)?,
        };
        Ok(info.to_pem(LineEnding::LF)?)
    }
}
