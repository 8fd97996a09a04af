//! Locations of keys.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::{Path, PathBuf};

#[cfg(not(all(feature = "pkcs11", feature = "aws-kms", feature = "gcp-kms")))]
use super::SignerError;

/// The scheme of RFC 7512 URIs.
const PKCS11: &str = "pkcs11:";
/// The scheme of keys in AWS KMS.
const AWS_KMS: &str = "awskms:";
/// The scheme of keys in Google Cloud KMS.
const GCP_KMS: &str = "gcpkms:";
/// The scheme of keys in Google Cloud KMS in Google's library Tink.
const TINK_GCP_KMS: &str = "gcp-kms:";

/// A backend that holds keys outside of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignerBackend {
    /// A PKCS#11 token.
    Pkcs11,
    /// AWS Key Management Service.
    AwsKms,
    /// Google Cloud Key Management Service.
    GcpKms,
}

impl fmt::Display for SignerBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pkcs11 => "PKCS#11",
            Self::AwsKms => "AWS KMS",
            Self::GcpKms => "Google Cloud KMS",
        })
    }
}

/// The location of a key.
///
/// A URI is parsed when the key is opened. [`Debug`] does not show the URI, because a URI may
/// contain a PIN.
#[derive(Clone, PartialEq, Eq)]
pub enum KeyLocation {
    /// A file.
    File(PathBuf),
    /// An object in a PKCS#11 token: an RFC 7512 URI without its scheme.
    Pkcs11(String),
    /// A key in AWS KMS: its id, alias or ARN, with options.
    AwsKms(String),
    /// A key version in Google Cloud KMS: its resource name, with options.
    GcpKms(String),
}

impl KeyLocation {
    /// Returns the path, if the location is a file.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Pkcs11(_) | Self::AwsKms(_) | Self::GcpKms(_) => None,
        }
    }

    /// Returns the error of a location whose backend is not built into this program.
    #[cfg(not(all(feature = "pkcs11", feature = "aws-kms", feature = "gcp-kms")))]
    pub(super) fn not_built_in(&self) -> SignerError {
        SignerError::NotBuiltIn(match self {
            Self::AwsKms(_) => SignerBackend::AwsKms,
            Self::GcpKms(_) => SignerBackend::GcpKms,
            _ => SignerBackend::Pkcs11,
        })
    }
}

impl From<OsString> for KeyLocation {
    /// Parses a location. Text without a known scheme is a path.
    fn from(text: OsString) -> Self {
        let without = |scheme| strip_scheme(&text, scheme).map(str::to_owned);
        if let Some(uri) = without(PKCS11) {
            Self::Pkcs11(uri)
        } else if let Some(name) = without(AWS_KMS) {
            Self::AwsKms(name)
        } else if let Some(name) = without(GCP_KMS).or_else(|| without(TINK_GCP_KMS)) {
            Self::GcpKms(name)
        } else {
            Self::File(text.into())
        }
    }
}

/// Removes a scheme, which is case-insensitive (RFC 3986 section 3.1).
fn strip_scheme<'a>(text: &'a OsStr, scheme: &str) -> Option<&'a str> {
    let (found, rest) = text.to_str()?.split_at_checked(scheme.len())?;
    found.eq_ignore_ascii_case(scheme).then_some(rest)
}

impl fmt::Debug for KeyLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "KeyLocation({path:?})"),
            Self::Pkcs11(_) => write!(f, "KeyLocation({PKCS11}..)"),
            Self::AwsKms(_) => write!(f, "KeyLocation({AWS_KMS}..)"),
            Self::GcpKms(_) => write!(f, "KeyLocation({GCP_KMS}..)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn location(text: &str) -> KeyLocation {
        OsString::from(text).into()
    }

    #[test]
    fn text_without_a_known_scheme_is_a_file() {
        for text in [
            "vendor.key",
            "-",
            "./pkcs11:x",
            "pkcs11",
            "awskms",
            "gcpkms",
            "",
            "ü",
        ] {
            assert_eq!(location(text).file(), Some(Path::new(text)), "{text}");
        }
        for text in [
            "pkcs11:",
            "PKCS11:token=x",
            "awskms:alias/x",
            "AwsKms:x",
            "gcpkms://projects/p",
            "gcp-kms://projects/p",
        ] {
            assert!(location(text).file().is_none(), "{text}");
        }
    }

    #[test]
    fn debug_shows_no_pin() {
        let shown = format!("{:?}", location("pkcs11:token=x?pin-value=1234"));
        assert_eq!(shown, "KeyLocation(pkcs11:..)");
    }
}
