//! Keys in Google Cloud KMS, used through its REST interface (version 1, JSON over HTTPS).
//!
//! The module makes two calls: `getPublicKey` when a key is opened, and `asymmetricSign` for each
//! signature. The service gets the SHA-256 digest of a message, never the message. CRC32C checksums
//! protect the digest, the signature and the public key on their way, as Google recommends.

mod access_token;
mod credentials;
mod error;
mod key_version;
mod refusal;
mod service_account;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use crc::{CRC_32_ISCSI, Crc};
use license_core::issue::{Signer, SigningError, VerifyingSigner};
use license_core::jose::Algorithm;
use license_core::trust::TrustedKey;
use pkcs8::Document;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

pub use super::http::KmsNetworkError;
pub use error::GcpKmsError;
pub use refusal::GcpKmsRefusal;

use super::error::SignerError;
use super::http::{HttpClient, HttpRequest, HttpResponse};
use super::public_key::rsa_numbers;
use access_token::AccessTokens;
use credentials::GoogleCredentials;
use key_version::KeyVersion;

/// CRC32C (RFC 3720 appendix B.4), which the catalog of CRCs names after iSCSI.
const CRC32C: Crc<u32> = Crc::<u32>::new(&CRC_32_ISCSI);
const PUBLIC_KEY: &str = "getPublicKey";
const SIGN: &str = "asymmetricSign";

/// A client of Cloud KMS.
struct CloudKmsClient {
    http: HttpClient,
    tokens: AccessTokens,
}

/// A version of a private key in Cloud KMS.
struct CloudKmsKey {
    client: CloudKmsClient,
    /// The resource name of the version.
    name: String,
    public: TrustedKey,
}

/// Opens the key version with this name. The credentials are Google's application default
/// credentials.
pub(super) fn open(
    name: &str,
    algorithm: Option<Algorithm>,
) -> Result<VerifyingSigner, GcpKmsError> {
    let version = KeyVersion::parse(name, environment)?;
    let client = CloudKmsClient {
        http: HttpClient::new(version.endpoint),
        tokens: AccessTokens::new(GoogleCredentials::find(environment)?),
    };
    let name = version.name;
    let public = unless_damaged(|| client.public_key(&name, algorithm))?;
    Ok(VerifyingSigner::new(Box::new(CloudKmsKey {
        client,
        name,
        public,
    })))
}

/// Checks the name of a key version without a request to the service, which would need credentials.
pub(super) fn probe(name: &str) -> Result<(), GcpKmsError> {
    KeyVersion::parse(name, environment).map(drop)
}

fn environment(variable: &str) -> Option<String> {
    let value = std::env::var(variable).ok();
    value.filter(|value| !value.is_empty())
}

/// Makes a call, and repeats it once if its response was damaged on the way.
fn unless_damaged<T>(call: impl Fn() -> Result<T, GcpKmsError>) -> Result<T, GcpKmsError> {
    match call() {
        Err(GcpKmsError::Damaged(_)) => call(),
        result => result,
    }
}

impl Signer for CloudKmsKey {
    fn public(&self) -> &TrustedKey {
        &self.public
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SigningError> {
        let request = sign_request(&Sha256::digest(message)).to_string();
        let signature = unless_damaged(|| {
            let response = self.client.call(SIGN, &self.name, Some(&request))?;
            signature(&response, &self.name)
        });
        signature.map_err(|error| SignerError::GcpKms(error).into())
    }
}

fn sign_request(digest: &[u8]) -> Value {
    json!({
        "digest": { "sha256": BASE64.encode(digest) },
        "digestCrc32c": CRC32C.checksum(digest).to_string(),
    })
}

/// Checks a response to `asymmetricSign`, and returns the signature.
fn signature(response: &Value, name: &str) -> Result<Vec<u8>, GcpKmsError> {
    check_name(response, name)?;
    if response.get("verifiedDigestCrc32c") != Some(&Value::Bool(true)) {
        return Err(GcpKmsError::Damaged("digest"));
    }
    let signature = response.get("signature").and_then(Value::as_str);
    let signature = signature.and_then(|text| BASE64.decode(text).ok());
    let signature = signature.ok_or(GcpKmsError::Response("signature"))?;
    check_crc(response, "signatureCrc32c", &signature, "signature")?;
    Ok(signature)
}

/// Checks a response to `getPublicKey`, and returns the key. The key signs only with its own
/// algorithm.
fn public_key(
    response: &Value,
    name: &str,
    requested: Option<Algorithm>,
) -> Result<TrustedKey, GcpKmsError> {
    check_name(response, name)?;
    let found = response.get("algorithm").and_then(Value::as_str);
    let found = found.ok_or(GcpKmsError::Response("algorithm"))?;
    let algorithm = signing_algorithm(found).ok_or_else(|| GcpKmsError::key_algorithm(found))?;
    if let Some(requested) = requested.filter(|requested| *requested != algorithm) {
        return Err(GcpKmsError::OtherAlgorithm {
            requested,
            found: algorithm,
        });
    }
    let pem = response.get("pem").and_then(Value::as_str);
    let pem = pem.ok_or(GcpKmsError::Response("pem"))?;
    check_crc(response, "pemCrc32c", pem.as_bytes(), "public key")?;
    let numbers = Document::from_pem(pem).ok().and_then(|(label, document)| {
        let is_public = label == "PUBLIC KEY";
        is_public
            .then(|| rsa_numbers(document.as_bytes()))
            .flatten()
    });
    let (modulus, exponent) = numbers.ok_or(GcpKmsError::Response("pem"))?;
    TrustedKey::new(algorithm, &modulus, &exponent).map_err(GcpKmsError::UntrustedKey)
}

/// Returns the algorithm of JOSE for an algorithm of Cloud KMS. The salt of `RSA_SIGN_PSS` has the
/// length of the digest, as PS256 requires.
fn signing_algorithm(name: &str) -> Option<Algorithm> {
    match name {
        "RSA_SIGN_PKCS1_2048_SHA256"
        | "RSA_SIGN_PKCS1_3072_SHA256"
        | "RSA_SIGN_PKCS1_4096_SHA256" => Some(Algorithm::Rs256),
        "RSA_SIGN_PSS_2048_SHA256" | "RSA_SIGN_PSS_3072_SHA256" | "RSA_SIGN_PSS_4096_SHA256" => {
            Some(Algorithm::Ps256)
        }
        _ => None,
    }
}

fn check_name(response: &Value, name: &str) -> Result<(), GcpKmsError> {
    match response.get("name").and_then(Value::as_str) {
        Some(found) if found == name => Ok(()),
        Some(_) => Err(GcpKmsError::OtherKey),
        None => Err(GcpKmsError::Response("name")),
    }
}

/// Compares the checksum in a response with that of the content. JSON writes the 64-bit integers of
/// Google as strings.
fn check_crc(
    response: &Value,
    member: &'static str,
    content: &[u8],
    subject: &'static str,
) -> Result<(), GcpKmsError> {
    let found = match response.get(member) {
        Some(Value::String(text)) => text.parse().ok(),
        Some(Value::Number(number)) => number.as_u64(),
        _ => None,
    };
    let found = found.ok_or(GcpKmsError::Response(member))?;
    if found == u64::from(CRC32C.checksum(content)) {
        Ok(())
    } else {
        Err(GcpKmsError::Damaged(subject))
    }
}

impl CloudKmsClient {
    fn public_key(
        &self,
        name: &str,
        algorithm: Option<Algorithm>,
    ) -> Result<TrustedKey, GcpKmsError> {
        let response = self.call(PUBLIC_KEY, name, None)?;
        public_key(&response, name, algorithm)
    }

    /// Calls one method of a key version.
    fn call(
        &self,
        method: &'static str,
        name: &str,
        body: Option<&str>,
    ) -> Result<Value, GcpKmsError> {
        let suffix = if method == PUBLIC_KEY {
            "/publicKey"
        } else {
            ":asymmetricSign"
        };
        let token = self.tokens.get()?;
        let bearer = Zeroizing::new(format!("Bearer {}", token.as_str()));
        let mut headers = vec![("authorization", bearer)];
        if body.is_some() {
            let json = Zeroizing::new("application/json".to_owned());
            headers.push(("content-type", json));
        }
        if let Some(project) = self.tokens.quota_project() {
            let project = Zeroizing::new(project.to_owned());
            headers.push(("x-goog-user-project", project));
        }
        let request = HttpRequest {
            path: &format!("/v1/{name}{suffix}"),
            headers: &headers,
            body,
        };
        let response = self.http.send(&request, refusal::is_temporary);
        let response = response
            .map_err(|source| GcpKmsError::network(self.http.endpoint().authority(), source))?;
        let HttpResponse {
            status: 200, body, ..
        } = &response
        else {
            return Err(GcpKmsRefusal::new(method, &response, &token).into());
        };
        serde_json::from_str(body)
            .ok()
            .filter(Value::is_object)
            .ok_or(GcpKmsError::Response("JSON"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = "projects/p/locations/l/keyRings/r/cryptoKeys/k/cryptoKeyVersions/1";

    fn signed() -> Value {
        json!({
            "name": NAME,
            "signature": "AQID",
            "signatureCrc32c": CRC32C.checksum(&[1, 2, 3]).to_string(),
            "verifiedDigestCrc32c": true,
        })
    }

    #[test]
    fn crc32c_has_its_check_value() {
        assert_eq!(CRC32C.checksum(b"123456789"), 0xe306_9283);
    }

    #[test]
    fn a_request_contains_the_digest_and_its_checksum() {
        let request = sign_request(b"123456789");
        assert_eq!(request["digest"]["sha256"], "MTIzNDU2Nzg5");
        assert_eq!(request["digestCrc32c"], "3808858755");
    }

    #[test]
    fn a_response_is_accepted_only_if_all_its_checks_succeed() {
        let expected = signed();
        assert_eq!(signature(&expected, NAME).unwrap(), [1, 2, 3]);
        let mut number = expected.clone();
        number["signatureCrc32c"] = CRC32C.checksum(&[1, 2, 3]).into();
        assert!(signature(&number, NAME).is_ok());
        for (member, value) in [
            ("name", json!("projects/other")),
            ("name", Value::Null),
            ("signature", json!("AQIE")),
            ("signature", json!("AQI")),
            ("signature", Value::Null),
            ("signatureCrc32c", json!("1")),
            ("signatureCrc32c", json!("-1")),
            ("signatureCrc32c", Value::Null),
            ("verifiedDigestCrc32c", json!(false)),
            ("verifiedDigestCrc32c", Value::Null),
        ] {
            let mut wrong = expected.clone();
            wrong[member] = value.clone();
            assert!(signature(&wrong, NAME).is_err(), "{member}: {value}");
        }
    }

    #[test]
    fn only_a_damaged_response_is_requested_again() {
        for (error, calls) in [
            (GcpKmsError::Damaged("signature"), 2),
            (GcpKmsError::OtherKey, 1),
        ] {
            let count = std::cell::Cell::new(0);
            let error = std::cell::RefCell::new(Some(error));
            let result = unless_damaged(|| {
                count.set(count.get() + 1);
                error.borrow_mut().take().map_or(Ok(()), Err)
            });
            assert_eq!(count.get(), calls);
            assert_eq!(result.is_ok(), calls == 2);
        }
    }
}
