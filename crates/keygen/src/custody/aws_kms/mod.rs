//! Keys in AWS KMS: its REST interface, JSON 1.1 over HTTPS.
//!
//! Two calls, `GetPublicKey` when the key is opened and `Sign` for each signature. Nothing else of AWS is used.

mod credentials;
mod name;
mod refused;
mod signature_v4;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use license_core::issue::{IssueError, KeyBits, Sign};
use license_core::{Algorithm, TrustedKey};
use license_terminal::{Exit, Failure};
use pkcs8::der::Decode;
use pkcs8::{ObjectIdentifier, SubjectPublicKeyInfoRef};
use serde_json::{Value, json};

use super::http::{Answer, Client};
use super::{Held, Wanted, refusal};
use credentials::Credentials;
use name::Name;
use signature_v4::{Request, Scope};

const CONTENT_TYPE: &str = "application/x-amz-json-1.1";
/// The longest message that KMS digests itself.
const LONGEST_RAW: usize = 4096;
/// RFC 8017 appendix C.
const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");

/// The service, as one user of it.
struct Service {
    client: Client,
    region: String,
    credentials: Credentials,
}

/// A key of the service.
struct KmsKey {
    service: Service,
    id: String,
    public: TrustedKey,
}

/// Opens the key of this name; it comes without `awskms:`.
pub(super) fn open(name: &str, wanted: &Wanted<'_>) -> Result<Held, Failure> {
    let name = parse(name, wanted)?;
    let service = Service {
        client: Client::new(name.endpoint),
        region: name.region,
        credentials: Credentials::read(|variable| std::env::var(variable).ok())?,
    };
    let algorithm = wanted.algorithm.unwrap_or(Algorithm::Rs256);
    let public = service.public_key(&name.id, algorithm)?;
    Ok(Box::new(KmsKey {
        service,
        id: name.id,
        public,
    }))
}

/// Reads the name; to ask the service takes credentials.
pub(super) fn look(name: &str, wanted: &Wanted<'_>) -> Result<(), Failure> {
    parse(name, wanted).map(drop)
}

fn parse(name: &str, wanted: &Wanted<'_>) -> Result<Name, Failure> {
    let name = Name::parse(name, |variable| std::env::var(variable).ok())?;
    match wanted.passphrase_file {
        None => Ok(name),
        Some(_) => Err(Failure::usage(
            "a key in AWS KMS has no passphrase, --passphrase-file was given",
        )
        .hint("leave it out; credentials come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")),
    }
}

/// AWS has a tool for that, and rights of its own.
pub(super) fn create(_: &str, _: KeyBits, _: &Wanted<'_>) -> Result<(Held, String), Failure> {
    Err(
        Failure::usage("a key in AWS KMS is made with the tool of AWS")
            .hint("aws kms create-key --key-usage SIGN_VERIFY --key-spec RSA_4096"),
    )
}

impl Sign for KmsKey {
    fn public(&self) -> &TrustedKey {
        &self.public
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, IssueError> {
        let algorithm = self.public.algorithm();
        let order = sign_order(&self.id, algorithm, message);
        let signed = self.service.call("Sign", &order);
        signed
            .and_then(|answer| bytes(&answer, "Signature"))
            .map_err(|failure| refusal(&failure))
    }
}

/// What does not fit is digested here; the signature is the same.
fn sign_order(id: &str, algorithm: Algorithm, message: &[u8]) -> Value {
    let digest = digest(&SHA256, message);
    let (kind, message) = match message.len() {
        0..=LONGEST_RAW => ("RAW", message),
        _ => ("DIGEST", digest.as_ref()),
    };
    json!({
        "KeyId": id,
        "Message": BASE64.encode(message),
        "MessageType": kind,
        "SigningAlgorithm": name_of(algorithm),
    })
}

fn name_of(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::Rs256 => "RSASSA_PKCS1_V1_5_SHA_256",
        // With a salt as long as the digest.
        Algorithm::Ps256 => "RSASSA_PSS_SHA_256",
    }
}

impl Service {
    fn public_key(&self, id: &str, algorithm: Algorithm) -> Result<TrustedKey, Failure> {
        let answer = self.call("GetPublicKey", &json!({ "KeyId": id }))?;
        let usage = answer.get("KeyUsage").and_then(Value::as_str);
        if usage != Some("SIGN_VERIFY") {
            return Err(unsuitable(
                "expected a key for SIGN_VERIFY, found one for another use",
            ));
        }
        let offered = answer.get("SigningAlgorithms").and_then(Value::as_array);
        let fits = |offered: &Vec<Value>| offered.iter().any(|one| one == name_of(algorithm));
        if !offered.is_some_and(fits) {
            let message = format!("expected an RSA key that signs {}", name_of(algorithm));
            return Err(unsuitable(&message));
        }
        let der = bytes(&answer, "PublicKey")?;
        let (modulus, exponent) = numbers(&der).ok_or_else(|| garbled("PublicKey"))?;
        TrustedKey::new(algorithm, &modulus, &exponent).map_err(|error| {
            Failure::malformed(format!("the key in AWS KMS can't be used: {error}")).hint(
                "make another: aws kms create-key --key-usage SIGN_VERIFY --key-spec RSA_4096",
            )
        })
    }

    /// One action of the service: its answer, or why there is none.
    fn call(&self, action: &'static str, order: &Value) -> Result<Value, Failure> {
        let body = order.to_string();
        let headers = self.headers(action, &body);
        let answer = self.client.post(&headers, &body, refused::is_passing)?;
        let Answer { status: 200, body } = &answer else {
            return Err(refused::failure(action, &answer, &self.credentials));
        };
        let answer = serde_json::from_str(body).ok();
        answer
            .filter(Value::is_object)
            .ok_or_else(|| garbled("JSON"))
    }

    fn headers(&self, action: &str, body: &str) -> Vec<(&'static str, String)> {
        let at = crate::commands::now().to_string().replace(['-', ':'], "");
        let mut headers = vec![
            ("content-type", CONTENT_TYPE.to_owned()),
            ("host", self.client.endpoint().authority().to_owned()),
            ("x-amz-date", at.clone()),
            ("x-amz-target", format!("TrentService.{action}")),
        ];
        if let Some(token) = self.credentials.session_token() {
            headers.insert(3, ("x-amz-security-token", token.to_owned()));
        }
        let request = Request {
            method: "POST",
            path: "/",
            query: "",
            headers: &headers,
            body: body.as_bytes(),
        };
        let scope = Scope {
            at: &at,
            region: &self.region,
            service: "kms",
        };
        let authorization = signature_v4::authorization(&request, &scope, &self.credentials);
        headers.push(("authorization", authorization));
        headers
    }
}

/// Modulus and exponent of an RSA `SubjectPublicKeyInfo`.
fn numbers(der: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let info = SubjectPublicKeyInfoRef::from_der(der).ok()?;
    info.algorithm.assert_algorithm_oid(RSA_ENCRYPTION).ok()?;
    let key = pkcs1::RsaPublicKeyRef::from_der(info.subject_public_key.as_bytes()?).ok()?;
    Some((
        key.modulus.as_bytes().to_vec(),
        key.public_exponent.as_bytes().to_vec(),
    ))
}

fn bytes(answer: &Value, member: &str) -> Result<Vec<u8>, Failure> {
    let text = answer.get(member).and_then(Value::as_str);
    let bytes = text.and_then(|text| BASE64.decode(text).ok());
    bytes.ok_or_else(|| garbled(member))
}

fn garbled(what: &str) -> Failure {
    let message = format!("AWS KMS: expected a readable {what} in the answer, found none");
    Failure::new(Exit::Machine, "KMS", message)
        .hint("check the endpoint: something else may be answering there")
}

fn unsuitable(message: &str) -> Failure {
    Failure::new(Exit::Unjudged, "UNSUPPORTED", format!("AWS KMS: {message}"))
        .hint("aws kms create-key --key-usage SIGN_VERIFY --key-spec RSA_4096 makes one that fits")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_that_is_too_long_goes_as_its_digest() {
        let order = |length| sign_order("id", Algorithm::Rs256, &vec![b'x'; length]);
        let raw = order(4096);
        assert_eq!(raw["MessageType"], "RAW");
        assert_eq!(bytes(&raw, "Message").unwrap().len(), 4096);
        let long = order(4097);
        assert_eq!(long["MessageType"], "DIGEST");
        let digested = bytes(&long, "Message").unwrap();
        assert_eq!(digested, digest(&SHA256, &[b'x'; 4097]).as_ref());
        assert_eq!(long["SigningAlgorithm"], "RSASSA_PKCS1_V1_5_SHA_256");
        let pss = sign_order("id", Algorithm::Ps256, b"x");
        assert_eq!(pss["SigningAlgorithm"], "RSASSA_PSS_SHA_256");
    }
}
