//! Keys in AWS KMS, used through its REST interface (JSON 1.1 over HTTPS).
//!
//! The module makes two calls: `GetPublicKey` when a key is opened, and `Sign` for each signature.

mod credentials;
mod error;
mod key_name;
mod refusal;
mod signature_v4;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use license_core::issue::{Signer, SigningError, VerifyingSigner};
use license_core::jose::Algorithm;
use license_core::time::rfc3339;
use license_core::trust::TrustedKey;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

pub use super::http::KmsNetworkError;
pub use error::AwsKmsError;
pub use refusal::KmsRefusal;

use super::error::SignerError;
use super::http::{HttpClient, HttpRequest, HttpResponse};
use super::public_key::rsa_numbers;
use crate::clock::{Clock, SystemClock};
use credentials::Credentials;
use key_name::KmsKeyName;
use signature_v4::{CanonicalRequest, CredentialScope};

const CONTENT_TYPE: &str = "application/x-amz-json-1.1";
/// The maximum length of a message that KMS digests itself, in bytes.
const MAX_RAW_MESSAGE: usize = 4096;

/// A client of AWS KMS.
struct KmsClient {
    http: HttpClient,
    region: String,
    credentials: Credentials,
}

/// A private key in AWS KMS.
struct KmsKey {
    client: KmsClient,
    id: String,
    public: TrustedKey,
}

/// Opens the key with this name. The credentials come from the environment.
pub(super) fn open(
    name: &str,
    algorithm: Option<Algorithm>,
) -> Result<VerifyingSigner, AwsKmsError> {
    let name = parse(name)?;
    let client = KmsClient {
        http: HttpClient::new(name.endpoint),
        region: name.region,
        credentials: Credentials::read(environment)?,
    };
    let public = client.public_key(&name.id, algorithm.unwrap_or(Algorithm::Rs256))?;
    Ok(VerifyingSigner::new(Box::new(KmsKey {
        client,
        id: name.id,
        public,
    })))
}

/// Checks the name of a key without a request to the service, which would need credentials.
pub(super) fn probe(name: &str) -> Result<(), AwsKmsError> {
    parse(name).map(drop)
}

fn parse(name: &str) -> Result<KmsKeyName, AwsKmsError> {
    KmsKeyName::parse(name, environment)
}

fn environment(variable: &str) -> Option<String> {
    std::env::var(variable).ok()
}

impl Signer for KmsKey {
    fn public(&self) -> &TrustedKey {
        &self.public
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SigningError> {
        let request = sign_request(&self.id, self.public.algorithm(), message);
        let signature = self
            .client
            .call("Sign", &request)
            .and_then(|response| bytes(&response, "Signature"));
        signature.map_err(|error| SignerError::AwsKms(error).into())
    }
}

/// Returns the body of a request to sign. A message that is too long is sent as its digest, which
/// results in the same signature.
fn sign_request(id: &str, algorithm: Algorithm, message: &[u8]) -> Value {
    let (kind, message) = match message.len() {
        0..=MAX_RAW_MESSAGE => ("RAW", BASE64.encode(message)),
        _ => ("DIGEST", BASE64.encode(Sha256::digest(message))),
    };
    json!({
        "KeyId": id,
        "Message": message,
        "MessageType": kind,
        "SigningAlgorithm": algorithm_name(algorithm),
    })
}

fn algorithm_name(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::Rs256 => "RSASSA_PKCS1_V1_5_SHA_256",
        // The salt has the length of the digest.
        Algorithm::Ps256 => "RSASSA_PSS_SHA_256",
    }
}

impl KmsClient {
    fn public_key(&self, id: &str, algorithm: Algorithm) -> Result<TrustedKey, AwsKmsError> {
        let response = self.call("GetPublicKey", &json!({ "KeyId": id }))?;
        let usage = response.get("KeyUsage").and_then(Value::as_str);
        if usage != Some("SIGN_VERIFY") {
            return Err(AwsKmsError::KeyUsage);
        }
        let offered = response.get("SigningAlgorithms").and_then(Value::as_array);
        let expected = algorithm_name(algorithm);
        if !offered.is_some_and(|offered| offered.iter().any(|name| name == expected)) {
            return Err(AwsKmsError::SigningAlgorithm(expected));
        }
        let der = bytes(&response, "PublicKey")?;
        let (modulus, exponent) = rsa_numbers(&der).ok_or(AwsKmsError::Response("PublicKey"))?;
        TrustedKey::new(algorithm, &modulus, &exponent).map_err(AwsKmsError::UntrustedKey)
    }

    /// Calls one action of the service.
    fn call(&self, action: &'static str, request: &Value) -> Result<Value, AwsKmsError> {
        let body = request.to_string();
        let headers = self.headers(action, &body);
        let headers: Vec<_> = headers
            .into_iter()
            .map(|(name, value)| (name, Zeroizing::new(value)))
            .collect();
        let request = HttpRequest {
            path: "/",
            headers: &headers,
            body: Some(&body),
        };
        let response = self.http.send(&request, refusal::is_temporary);
        let response = response.map_err(|source| AwsKmsError::Network {
            host: self.http.endpoint().authority().to_owned(),
            source,
        })?;
        let HttpResponse {
            status: 200, body, ..
        } = &response
        else {
            return Err(KmsRefusal::new(action, &response, &self.credentials).into());
        };
        serde_json::from_str(body)
            .ok()
            .filter(Value::is_object)
            .ok_or(AwsKmsError::Response("JSON"))
    }

    fn headers(&self, action: &str, body: &str) -> Vec<(&'static str, String)> {
        let date = rfc3339(SystemClock.now())
            .to_string()
            .replace(['-', ':'], "");
        let mut headers = vec![
            ("content-type", CONTENT_TYPE.to_owned()),
            ("host", self.http.endpoint().authority().to_owned()),
            ("x-amz-date", date.clone()),
            ("x-amz-target", format!("TrentService.{action}")),
        ];
        if let Some(token) = self.credentials.session_token() {
            headers.insert(3, ("x-amz-security-token", token.to_owned()));
        }
        let request = CanonicalRequest {
            method: "POST",
            path: "/",
            query: "",
            headers: &headers,
            body: body.as_bytes(),
        };
        let scope = CredentialScope {
            date: &date,
            region: &self.region,
            service: "kms",
        };
        let authorization = signature_v4::authorization(&request, &scope, &self.credentials);
        headers.push(("authorization", authorization));
        headers
    }
}

fn bytes(response: &Value, member: &'static str) -> Result<Vec<u8>, AwsKmsError> {
    response
        .get(member)
        .and_then(Value::as_str)
        .and_then(|text| BASE64.decode(text).ok())
        .ok_or(AwsKmsError::Response(member))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_that_is_too_long_is_sent_as_its_digest() {
        let request = |length| sign_request("id", Algorithm::Rs256, &vec![b'x'; length]);
        let raw = request(4096);
        assert_eq!(raw["MessageType"], "RAW");
        assert_eq!(bytes(&raw, "Message").unwrap().len(), 4096);
        let long = request(4097);
        assert_eq!(long["MessageType"], "DIGEST");
        let digest = bytes(&long, "Message").unwrap();
        assert_eq!(digest.as_slice(), Sha256::digest([b'x'; 4097]).as_slice());
        assert_eq!(long["SigningAlgorithm"], "RSASSA_PKCS1_V1_5_SHA_256");
        let pss = sign_request("id", Algorithm::Ps256, b"x");
        assert_eq!(pss["SigningAlgorithm"], "RSASSA_PSS_SHA_256");
    }
}
