//! Errors of AWS KMS.

use license_core::trust::TrustError;

use super::super::error::{ErrorAdvice, environment, malformed, request, unsupported, usage};
use super::super::http::KmsNetworkError;
use super::refusal::KmsRefusal;

const CREATE_KEY: &str =
    "create a key with `aws kms create-key --key-usage SIGN_VERIFY --key-spec RSA_4096`";

/// Examples of key locations.
pub(super) const KEY_EXAMPLES: &str =
    "write the key as in awskms:alias/vendor, or awskms:arn:aws:kms:REGION:ACCOUNT:key/ID";

/// The reason why a key in AWS KMS cannot be opened or used. No message contains a secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AwsKmsError {
    /// The key location has an unknown option.
    #[error("awskms: unknown option `{0}`")]
    UnknownOption(String),
    /// An option of the key location has no value or several values.
    #[error("awskms: expected one value for `{0}`, found none or several")]
    OptionValue(String),
    /// The key location does not contain an id, alias or ARN.
    #[error("awskms: expected the id, alias or ARN of a key, found other text")]
    KeyId,
    /// Neither the key location nor the environment contains a region.
    #[error("awskms: expected a region, found no region")]
    NoRegion,
    /// The region is malformed.
    #[error("awskms: expected a region of a-z, 0-9 and -, found other characters")]
    Region,
    /// The endpoint is malformed or insecure.
    #[error("expected an endpoint https://HOST[:PORT], found {0}")]
    Endpoint(&'static str),
    /// The environment contains no credentials.
    #[error("expected AWS credentials in the environment, found no {0}")]
    NoCredentials(&'static str),
    /// The credentials cannot be sent in a header.
    #[error(
        "expected printable ASCII in AWS_ACCESS_KEY_ID and AWS_SESSION_TOKEN, \
         found other characters"
    )]
    Credentials,
    /// The service cannot be reached.
    #[error("cannot reach {host}")]
    Network {
        /// The host and port.
        host: String,
        /// The reason.
        source: KmsNetworkError,
    },
    /// The service refused a request.
    #[error(transparent)]
    Refused(#[from] KmsRefusal),
    /// The response does not have the format of AWS KMS.
    #[error("AWS KMS: expected a valid {0} in the response, found other content")]
    Response(&'static str),
    /// The key is not for signatures.
    #[error("AWS KMS: expected a key for SIGN_VERIFY, found a key for another use")]
    KeyUsage,
    /// The key does not support the algorithm.
    #[error("AWS KMS: expected an RSA key that signs with {0}, found another key")]
    SigningAlgorithm(&'static str),
    /// The public key must not be trusted.
    #[error("cannot use the key in AWS KMS")]
    UntrustedKey(#[source] TrustError),
}

impl AwsKmsError {
    /// Returns what kind of problem the error reports, its code, and what the user can do.
    #[must_use]
    pub fn advice(&self) -> ErrorAdvice {
        match self {
            Self::UnknownOption { .. } => usage("use region=REGION or endpoint=URL"),
            Self::OptionValue { .. } => {
                usage("write options as in awskms:alias/vendor?region=eu-central-1")
            }
            Self::KeyId => usage(KEY_EXAMPLES),
            Self::NoRegion => usage("add ?region=REGION, use the key's ARN, or set AWS_REGION"),
            Self::Region => usage("use a region such as eu-central-1"),
            Self::Endpoint { .. } => usage(
                "use https; http is only for emulators on this machine (127.0.0.1, ::1, localhost)",
            ),
            Self::NoCredentials { .. } => request(
                "CREDENTIALS",
                "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; `aws configure export-credentials --format env` prints them",
            ),
            Self::Credentials => usage("set the credentials again, without spaces or line breaks"),
            Self::Network { .. } => environment(
                "NETWORK",
                "check the network, a proxy (HTTPS_PROXY), the region and the endpoint",
            ),
            Self::Refused(refusal) => refusal.advice(),
            Self::Response { .. } => environment(
                "KMS",
                "check the endpoint: another service may be answering",
            ),
            Self::KeyUsage | Self::SigningAlgorithm { .. } => unsupported(CREATE_KEY),
            Self::UntrustedKey(_) => malformed(CREATE_KEY),
        }
    }
}
