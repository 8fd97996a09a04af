//! Errors of Google Cloud KMS.

use std::fmt;
use std::io;
use std::path::PathBuf;

use license_core::jose::Algorithm;
use license_core::trust::TrustError;

use super::super::error::{ErrorAdvice, environment, malformed, request, unsupported, usage};
use super::super::http::KmsNetworkError;
use super::super::private_key::PrivateKeyError;
use super::refusal::GcpKmsRefusal;

const CREATE_KEY: &str = "create a key with `gcloud kms keys create KEY --keyring RING \
    --location LOCATION --purpose asymmetric-signing \
    --default-algorithm rsa-sign-pkcs1-4096-sha256`";

/// An example of a key location.
pub(super) const KEY_EXAMPLE: &str = "write the key as in gcpkms://projects/PROJECT/locations/\
    LOCATION/keyRings/RING/cryptoKeys/KEY/cryptoKeyVersions/1, and use a key for asymmetric signing";

/// How a user without other credentials gets an access token.
const ACCESS_TOKEN: &str =
    "run `export GOOGLE_OAUTH_ACCESS_TOKEN=\"$(gcloud auth print-access-token)\"`";

/// The reason why a key in Google Cloud KMS cannot be opened or used. No message contains a secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GcpKmsError {
    /// The key location is not the resource name of a key version.
    #[error("gcpkms: expected {expected} in the name of the key version, found `{found}`")]
    KeyName {
        /// The expected part.
        expected: &'static str,
        /// The beginning of the part that was found.
        found: String,
    },
    /// The key location names a key without a version.
    #[error("gcpkms: expected a key version, found a key without a version")]
    NoVersion,
    /// The key location has an unknown option.
    #[error("gcpkms: unknown option `{0}`")]
    UnknownOption(String),
    /// An option of the key location has no value or several values.
    #[error("gcpkms: expected one value for `{0}`, found none or several")]
    OptionValue(String),
    /// The endpoint is malformed or insecure.
    #[error("expected an endpoint https://HOST[:PORT], found {0}")]
    Endpoint(&'static str),
    /// There are no credentials in any of their places.
    #[error("expected Google credentials, found none, and {host} cannot be reached")]
    NoCredentials {
        /// The host of the metadata server, which is the last place.
        host: String,
        /// The reason why it cannot be reached.
        source: KmsNetworkError,
    },
    /// A file with credentials cannot be read.
    #[error("cannot read the Google credentials in {}", path.display())]
    CredentialsIo {
        /// The path of the file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// Others can use a file with credentials.
    #[error("Google credentials in {}: other users can use this file", .0.display())]
    CredentialsExposed(PathBuf),
    /// A file with credentials has other content.
    #[error("Google credentials in {}: expected {expected}, found {found}", path.display())]
    CredentialsFile {
        /// The path of the file.
        path: PathBuf,
        /// The expected content.
        expected: &'static str,
        /// A description of the content, which contains no secret.
        found: String,
    },
    /// The private key of a service account cannot be used.
    #[error("cannot use the private key of the service account in {}", path.display())]
    ServiceAccountKey {
        /// The path of the file.
        path: PathBuf,
        /// The reason.
        source: PrivateKeyError,
    },
    /// The private key of a service account does not sign.
    #[error("the private key of the service account cannot sign")]
    ServiceAccountSignature,
    /// An access token cannot be sent in a header.
    #[error("expected printable ASCII in {0}, found other characters")]
    Token(&'static str),
    /// The metadata server is configured with text that is not a host.
    #[error("expected HOST[:PORT] in GCE_METADATA_HOST, found {0}")]
    MetadataHost(&'static str),
    /// A server refused to issue an access token.
    #[error("{host} refused to issue an access token: {message}")]
    TokenRefused {
        /// The host and port.
        host: String,
        /// The reason, in one line.
        message: String,
        /// The status of the response.
        status: u16,
    },
    /// The response of a server does not contain an access token.
    #[error("{host}: expected an access token in the response, found other content")]
    TokenResponse {
        /// The host and port.
        host: String,
    },
    /// A service cannot be reached.
    #[error("cannot reach {host}")]
    Network {
        /// The host and port.
        host: String,
        /// The reason.
        source: KmsNetworkError,
    },
    /// The service refused a request.
    #[error(transparent)]
    Refused(#[from] GcpKmsRefusal),
    /// The response does not have the format of Cloud KMS.
    #[error("Google Cloud KMS: expected a valid {0} in the response, found other content")]
    Response(&'static str),
    /// A checksum shows that a request or a response was damaged on the way.
    #[error(
        "Google Cloud KMS: expected a {0} with a matching CRC32C checksum, found a damaged one"
    )]
    Damaged(&'static str),
    /// The response is about another key version.
    #[error("Google Cloud KMS: expected a response about this key version, found another version")]
    OtherKey,
    /// The algorithm of the key is not supported.
    #[error(
        "Google Cloud KMS: expected a key that signs with RSA and SHA-256, found {found}{reason}"
    )]
    KeyAlgorithm {
        /// The name of the algorithm.
        found: String,
        /// The reason why it is not supported.
        reason: UnsupportedAlgorithm,
    },
    /// The key signs only with another algorithm than the requested one.
    #[error("Google Cloud KMS: expected a key for {requested}, found a key for {found}")]
    OtherAlgorithm {
        /// The requested algorithm.
        requested: Algorithm,
        /// The algorithm of the key.
        found: Algorithm,
    },
    /// The public key must not be trusted.
    #[error("cannot use the key in Google Cloud KMS")]
    UntrustedKey(#[source] TrustError),
}

/// The reason why an algorithm of Cloud KMS is not supported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UnsupportedAlgorithm {
    /// The key is not for signatures.
    Purpose,
    /// The key is not an RSA key.
    KeyType,
    /// The key signs other digests than SHA-256.
    Digest,
    /// The key signs data without the name of its digest.
    Raw,
}

impl UnsupportedAlgorithm {
    fn new(algorithm: &str) -> Self {
        match algorithm {
            name if name.starts_with("RSA_SIGN_RAW") => Self::Raw,
            name if name.starts_with("RSA_SIGN") => Self::Digest,
            name if name.contains("_SIGN") => Self::KeyType,
            _ => Self::Purpose,
        }
    }
}

impl fmt::Display for UnsupportedAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Purpose => ", which is not for signatures",
            Self::KeyType => ", which is not RSA",
            Self::Digest => ", which has another digest",
            Self::Raw => ", whose signatures do not name a digest",
        })
    }
}

impl GcpKmsError {
    /// Creates the error of a key with an unsupported algorithm.
    pub(super) fn key_algorithm(found: &str) -> Self {
        /// The maximum length of the name of an algorithm.
        const MAX_NAME: usize = 60;
        let is_name = |name: &&str| {
            name.len() <= MAX_NAME
                && name
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        };
        Self::KeyAlgorithm {
            found: Some(found)
                .filter(is_name)
                .unwrap_or("other text")
                .to_owned(),
            reason: UnsupportedAlgorithm::new(found),
        }
    }

    pub(super) fn network(host: &str, source: KmsNetworkError) -> Self {
        let host = host.to_owned();
        Self::Network { host, source }
    }

    /// Returns what kind of problem the error reports, its code, and what the user can do.
    #[must_use]
    pub fn advice(&self) -> ErrorAdvice {
        const CREDENTIALS: &str = "CREDENTIALS";
        match self {
            Self::KeyName { .. } => usage(KEY_EXAMPLE),
            Self::NoVersion => usage(
                "add /cryptoKeyVersions/1, or the number of another version: \
                 `gcloud kms keys versions list --key KEY --keyring RING --location LOCATION`",
            ),
            Self::UnknownOption { .. } | Self::OptionValue { .. } => {
                usage("the only option is ?endpoint=https://HOST")
            }
            Self::Endpoint { .. } => usage(
                "use https; http is only for emulators on this machine (127.0.0.1, ::1, localhost)",
            ),
            Self::NoCredentials { .. } => request(
                CREDENTIALS,
                "set GOOGLE_APPLICATION_CREDENTIALS to the key file of a service account, \
                 or run `gcloud auth application-default login`",
            ),
            Self::CredentialsIo { .. } => environment(
                "IO",
                "correct the path in GOOGLE_APPLICATION_CREDENTIALS, or the permissions of the file",
            ),
            Self::CredentialsExposed(path) => request(
                "INSECURE_FILE",
                format!(
                    "restrict the file to its owner: chmod 600 {}",
                    path.display()
                ),
            ),
            Self::CredentialsFile { .. } => request(CREDENTIALS, ACCESS_TOKEN),
            Self::ServiceAccountKey { .. } | Self::ServiceAccountSignature => request(
                CREDENTIALS,
                "create a key with `gcloud iam service-accounts keys create FILE.json \
                 --iam-account ACCOUNT`",
            ),
            Self::Token { .. } => request(CREDENTIALS, ACCESS_TOKEN),
            Self::MetadataHost { .. } => usage("correct or unset GCE_METADATA_HOST"),
            Self::TokenRefused { status, .. } if *status >= 500 || *status == 429 => {
                environment("KMS", "run the command again later: the service is busy")
            }
            Self::TokenRefused { .. } => environment(
                CREDENTIALS,
                "get fresh credentials, such as with `gcloud auth application-default login`, \
                 and check the clock",
            ),
            Self::TokenResponse { .. } => environment(
                CREDENTIALS,
                "check the network and `token_uri` in the credentials: \
                 another service may be answering",
            ),
            Self::Network { .. } => environment(
                "NETWORK",
                "check the network, a proxy (HTTPS_PROXY) and the endpoint",
            ),
            Self::Refused(refusal) => refusal.advice(),
            Self::Response { .. } | Self::OtherKey => environment(
                "KMS",
                "check the endpoint: another service may be answering",
            ),
            Self::Damaged { .. } => environment(
                "KMS",
                "run the command again; if it fails again, check proxies and the network",
            ),
            Self::KeyAlgorithm { .. } => unsupported(CREATE_KEY),
            Self::OtherAlgorithm { .. } => {
                malformed("use the algorithm of the key, or another key")
            }
            Self::UntrustedKey(_) => malformed(CREATE_KEY),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unsupported_algorithm_is_refused_with_its_reason() {
        for (name, reason) in [
            (
                "EC_SIGN_P256_SHA256",
                "EC_SIGN_P256_SHA256, which is not RSA",
            ),
            ("PQ_SIGN_ML_DSA_65", "PQ_SIGN_ML_DSA_65, which is not RSA"),
            (
                "RSA_SIGN_PKCS1_4096_SHA512",
                "RSA_SIGN_PKCS1_4096_SHA512, which has another digest",
            ),
            (
                "RSA_SIGN_RAW_PKCS1_2048",
                "RSA_SIGN_RAW_PKCS1_2048, whose signatures do not name a digest",
            ),
            (
                "RSA_DECRYPT_OAEP_2048_SHA256",
                "RSA_DECRYPT_OAEP_2048_SHA256, which is not for signatures",
            ),
            ("evil\n text", "other text, which is not for signatures"),
        ] {
            let error = GcpKmsError::key_algorithm(name);
            assert!(error.to_string().ends_with(reason), "{error}");
            assert_eq!(error.advice().code, "UNSUPPORTED");
        }
    }
}
