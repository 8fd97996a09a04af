//! Signed checkpoints of the audit trail.
//!
//! A checkpoint is a JWS in compact serialization (RFC 7515). Its type differs from the types of
//! all other tokens, so that no program mistakes it for another token of the server.

use aws_lc_rs::signature::{
    RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, RsaPublicKeyComponents,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use license_cli_support::{Exit, Failure};
use license_core::encoding::from_strict_json;
use license_core::issue::{Signer, VerifyingSigner};
use license_core::jose::Algorithm;
use license_core::trust::TrustedKey;
use license_core::with_causes;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::domain::AuditCheckpoint;

/// The header parameter `typ`.
const TYPE: &str = "license-audit-checkpoint+jwt";

/// The header of a checkpoint. `jwk` is the public key, with which anyone can verify the checkpoint
/// without the server.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: String,
    typ: String,
    kid: String,
    jwk: Value,
}

/// Signs a checkpoint with the key of the server.
///
/// # Errors
///
/// Returns `SIGNING_FAILED` if the key cannot sign.
pub(crate) fn sign(checkpoint: &AuditCheckpoint, key: &VerifyingSigner) -> Result<String, Failure> {
    let public = key.public();
    let header = json!({
        "alg": public.algorithm().as_str(),
        "typ": TYPE,
        "kid": public.id().as_str(),
        "jwk": public.to_jwk(),
    });
    let failed = |error: &(dyn std::error::Error + 'static)| {
        Failure::new(Exit::System, "SIGNING_FAILED", with_causes(error))
            .hint("check the key in the data directory, or the HSM")
    };
    let payload = serde_json::to_vec(checkpoint).map_err(|error| failed(&error))?;
    let header = URL_SAFE_NO_PAD.encode(header.to_string());
    let message = format!("{header}.{}", URL_SAFE_NO_PAD.encode(payload));
    let signature = key.sign(message.as_bytes());
    let signature = signature.map_err(|error| failed(&error))?;
    Ok(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

/// Verifies the signature of a checkpoint with the key in its header. Returns the id of this key
/// too, which the caller compares with that of the server.
///
/// # Errors
///
/// Returns `MALFORMED` if the text is not a checkpoint, and `BAD_SIGNATURE` if the signature does
/// not verify.
pub(crate) fn verify(text: &str) -> Result<(AuditCheckpoint, String), Failure> {
    let malformed = || {
        Failure::malformed("expected a checkpoint of an audit trail, found other content")
            .hint("`license-server audit checkpoint` writes one")
    };
    let text = text.trim();
    let (message, signature) = text.rsplit_once('.').ok_or_else(malformed)?;
    let (header, payload) = message.split_once('.').ok_or_else(malformed)?;
    let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).map_err(|_| malformed());
    let header: Header = from_strict_json(&decode(header)?).map_err(|_| malformed())?;
    if header.typ != TYPE {
        return Err(malformed());
    }
    let (key, components) = public_key(&header).ok_or_else(malformed)?;
    let signature = decode(signature)?;
    let scheme = match key.algorithm() {
        Algorithm::Rs256 => &RSA_PKCS1_2048_8192_SHA256,
        Algorithm::Ps256 => &RSA_PSS_2048_8192_SHA256,
    };
    let verified = components.verify(scheme, message.as_bytes(), &signature);
    verified.map_err(|_| {
        let message = "the signature of the checkpoint does not verify";
        Failure::new(Exit::Indeterminate, "BAD_SIGNATURE", message)
            .hint("use the file as `license-server audit checkpoint` wrote it")
    })?;
    let checkpoint = from_strict_json(&decode(payload)?).map_err(|_| malformed())?;
    Ok((checkpoint, key.id().to_string()))
}

/// Returns the key of a header, if the header names it by its own id and algorithm.
fn public_key(header: &Header) -> Option<(TrustedKey, RsaPublicKeyComponents<Vec<u8>>)> {
    let number = |name: &str| {
        let text = header.jwk.get(name)?.as_str()?;
        URL_SAFE_NO_PAD.decode(text).ok()
    };
    let (n, e) = (number("n")?, number("e")?);
    let algorithm = match header.alg.as_str() {
        "RS256" => Algorithm::Rs256,
        "PS256" => Algorithm::Ps256,
        _ => return None,
    };
    let key = TrustedKey::new(algorithm, &n, &e).ok()?;
    let is_named = key.id().as_str() == header.kid && key.to_jwk() == header.jwk;
    is_named.then_some((key, RsaPublicKeyComponents { n, e }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use license_core::issue::{KeyBits, SigningKey};
    use license_issuer::random;

    fn key() -> VerifyingSigner {
        let der = SigningKey::generate(KeyBits::B2048, Algorithm::Rs256, &random::fill).unwrap();
        let key = SigningKey::from_pkcs8(der.as_slice(), None, random::fill).unwrap();
        VerifyingSigner::new(Box::new(key))
    }

    #[test]
    fn a_checkpoint_verifies_with_its_own_key_only() {
        let (one, other) = (key(), key());
        let checkpoint = AuditCheckpoint {
            server: "licenses.acme.example".to_owned(),
            tenant: "site".to_owned(),
            at: 1_800_000_000,
            entries: 3,
            head: [7; 32],
        };
        let text = sign(&checkpoint, &one).unwrap();
        let kid = one.public().id().to_string();
        assert_eq!(verify(&text).unwrap(), (checkpoint.clone(), kid));
        let parts = |text: &str| text.split('.').map(str::to_owned).collect::<Vec<_>>();
        let (own, foreign) = (parts(&text), parts(&sign(&checkpoint, &other).unwrap()));
        let later = AuditCheckpoint {
            entries: 2,
            ..checkpoint
        };
        let later = parts(&sign(&later, &one).unwrap());
        for (text, expected) in [
            // The payload, the key or the signature of another checkpoint.
            (
                format!("{}.{}.{}", own[0], later[1], own[2]),
                "BAD_SIGNATURE",
            ),
            (
                format!("{}.{}.{}", foreign[0], own[1], own[2]),
                "BAD_SIGNATURE",
            ),
            (
                format!("{}.{}.{}", own[0], own[1], foreign[2]),
                "BAD_SIGNATURE",
            ),
            (format!("{}.{}", own[0], own[1]), "MALFORMED"),
            (own[1].clone(), "MALFORMED"),
            (String::new(), "MALFORMED"),
        ] {
            assert_eq!(verify(&text).unwrap_err().code(), expected, "{text}");
        }
        // A header that names the key of another server.
        let header = URL_SAFE_NO_PAD.decode(&own[0]).unwrap();
        let mut header: Value = serde_json::from_slice(&header).unwrap();
        header["kid"] = other.public().id().as_str().into();
        let header = URL_SAFE_NO_PAD.encode(header.to_string());
        let text = format!("{header}.{}.{}", own[1], own[2]);
        assert_eq!(verify(&text).unwrap_err().code(), "MALFORMED");
    }
}
