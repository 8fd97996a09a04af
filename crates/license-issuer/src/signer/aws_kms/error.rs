//! Errors of AWS KMS.

use license_core::TrustError;

use super::super::error::{ErrorAdvice, environment, malformed, request, unsupported, usage};
use super::refusal::KmsRefusal;

const CREATE_KEY: &str =
    "aws kms create-key --key-usage SIGN_VERIFY --key-spec RSA_4096 makes one that fits";

/// How the location of a key is written.
pub(super) const KEY_EXAMPLES: &str =
    "as in awskms:alias/vendor, or awskms:arn:aws:kms:REGION:ACCOUNT:key/ID";

/// The reason why a key in AWS KMS cannot be opened or used. No message contains a secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AwsKmsError {
    /// The name has an unknown option.
    #[error("awskms: `{0}` is no option")]
    UnknownOption(String),
    /// An option of the name has no or several values.
    #[error("awskms: expected one value for `{0}`")]
    OptionValue(String),
    /// The name does not contain an id, alias or ARN.
    #[error("awskms: expected the id, alias or ARN of a key, found something else")]
    KeyId,
    /// Neither the name nor the environment contains a region.
    #[error("awskms: expected a region, found none")]
    NoRegion,
    /// The region is malformed.
    #[error("awskms: expected a region of a-z, 0-9 and -, found something else")]
    Region,
    /// The endpoint is malformed or insecure.
    #[error("expected an endpoint https://HOST[:PORT], found {0}")]
    Endpoint(&'static str),
    /// The environment contains no credentials.
    #[error("expected credentials for AWS in the environment, found no {0}")]
    NoCredentials(&'static str),
    /// The credentials cannot be sent in a header.
    #[error(
        "expected credentials of printable ASCII, found others in AWS_ACCESS_KEY_ID or \
         AWS_SESSION_TOKEN"
    )]
    Credentials,
    /// The service cannot be reached.
    #[error("cannot reach {host}: {reason}")]
    Network {
        /// The host and port.
        host: String,
        /// The reason in one line.
        reason: String,
        /// The error of the HTTP client.
        #[source]
        error: Box<ureq::Error>,
    },
    /// The service refused a request.
    #[error(transparent)]
    Refused(#[from] KmsRefusal),
    /// The response is not one of AWS KMS.
    #[error("AWS KMS: expected a readable {0} in the answer, found none")]
    Response(&'static str),
    /// The key is not for signatures.
    #[error("AWS KMS: expected a key for SIGN_VERIFY, found one for another use")]
    KeyUsage,
    /// The key does not support the algorithm.
    #[error("AWS KMS: expected an RSA key that signs {0}")]
    SigningAlgorithm(&'static str),
    /// The public key must not be trusted.
    #[error("the key in AWS KMS can't be used")]
    UntrustedKey(#[source] TrustError),
}

impl AwsKmsError {
    /// Returns what kind of problem the error reports, its code, and what the user can do.
    #[must_use]
    pub fn advice(&self) -> ErrorAdvice {
        match self {
            Self::UnknownOption { .. } => usage("there are region=REGION and endpoint=URL"),
            Self::OptionValue { .. } => usage("as in awskms:alias/vendor?region=eu-central-1"),
            Self::KeyId => usage(KEY_EXAMPLES),
            Self::NoRegion => usage("add ?region=REGION, give the key's ARN, or set AWS_REGION"),
            Self::Region => usage("as in eu-central-1"),
            Self::Endpoint { .. } => {
                usage("http:// is for emulators on this machine alone (127.0.0.1, ::1, localhost)")
            }
            Self::NoCredentials { .. } => request(
                "CREDENTIALS",
                "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; `aws configure export-credentials --format env` prints them",
            ),
            Self::Credentials => usage("copy them again, without spaces and line breaks"),
            Self::Network { .. } => environment(
                "NETWORK",
                "check the network, a proxy (HTTPS_PROXY), the region and the endpoint",
            ),
            Self::Refused(refusal) => refusal.advice(),
            Self::Response { .. } => environment(
                "KMS",
                "check the endpoint: something else may be answering there",
            ),
            Self::KeyUsage | Self::SigningAlgorithm { .. } => unsupported(CREATE_KEY),
            Self::UntrustedKey(_) => malformed(CREATE_KEY),
        }
    }
}
