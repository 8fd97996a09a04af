//! Errors of PKCS#11 tokens.

use std::io;
use std::path::PathBuf;

use cryptoki::error::{Error, RvError};
use license_core::jose::Algorithm;
use license_core::trust::TrustError;

use super::super::error::{ErrorAdvice, environment, malformed, request, unsupported, usage};
use super::uri::Pkcs11UriError;

/// The reason why a key in a PKCS#11 token cannot be opened, created or used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Pkcs11Error {
    /// The URI is malformed.
    #[error(transparent)]
    Uri(#[from] Pkcs11UriError),
    /// Neither the URI nor the caller names a module.
    #[error("expected the path of the token's PKCS#11 module, found none")]
    NoModulePath,
    /// No module of this name is installed.
    #[error("cannot find the PKCS#11 module `{0}`")]
    ModuleNotFound(String),
    /// The file of the module cannot be read.
    #[error("cannot load {}", path.display())]
    ModuleFile {
        /// The path of the module.
        path: PathBuf,
        /// The error of the file system.
        source: io::Error,
    },
    /// The file is not a PKCS#11 module.
    #[error("{} is not a PKCS#11 module", path.display())]
    NotAModule {
        /// The path of the file.
        path: PathBuf,
        /// The error of the loader.
        source: Pkcs11ModuleError,
    },
    /// The module cannot be initialized.
    #[error("the PKCS#11 module refused to start")]
    ModuleStart {
        /// The path of the module.
        path: PathBuf,
        /// The error of the module.
        source: Pkcs11ModuleError,
    },
    /// A function of the module failed.
    #[error("the PKCS#11 module refused to {action}")]
    Call {
        /// The action that failed.
        action: &'static str,
        /// The error of the module.
        source: Pkcs11ModuleError,
    },
    /// No token matches the URI.
    #[error(
        "expected a token that matches the pkcs11 URI, found {}",
        quoted_list_or(.0, "no token")
    )]
    NoToken(Vec<String>),
    /// Several tokens match the URI.
    #[error("expected one token that matches the pkcs11 URI, found {0}")]
    SeveralTokens(usize),
    /// The PIN is wrong.
    #[error("the PIN does not open token `{0}`")]
    WrongPin(String),
    /// The PIN is locked.
    #[error("token `{0}` has locked its PIN")]
    PinLocked(String),
    /// The PIN has expired or was never set.
    #[error("token `{0}` requires a new PIN")]
    PinChangeRequired(String),
    /// No private key matches the URI.
    #[error(
        "token `{token}`: expected a private key{}, found {}",
        label.as_ref().map(|label| format!(" `{label}`")).unwrap_or_default(),
        quoted_list_or(found, "no key")
    )]
    NoKey {
        /// The label of the token.
        token: String,
        /// The label that the URI contains.
        label: Option<String>,
        /// The labels of other private keys.
        found: Vec<String>,
    },
    /// Several private keys match the URI.
    #[error("token `{token}`: expected one private key that matches the pkcs11 URI, found {found}")]
    SeveralKeys {
        /// The label of the token.
        token: String,
        /// The number of keys.
        found: usize,
        /// The ids of the keys, as attributes of a URI.
        ids: Vec<String>,
    },
    /// The key is not an RSA key.
    #[error("token `{0}`: expected an RSA key, found a key of another type")]
    NotRsa(String),
    /// The key must not be used for signatures.
    #[error("token `{0}`: expected a key for signatures, found a key for another use")]
    NotForSigning(String),
    /// The key requires its PIN for each signature.
    #[error("token `{0}`: the key requires its PIN for each signature, which is not supported")]
    AlwaysAuthenticate(String),
    /// The token or the key supports no mechanism for the algorithm.
    #[error("token `{token}`: expected mechanism {expected}, found neither")]
    NoMechanism {
        /// The label of the token.
        token: String,
        /// The algorithm.
        algorithm: Algorithm,
        /// The names of the mechanisms.
        expected: String,
    },
    /// The key is restricted to the other algorithm.
    #[error("the token does not allow this key to sign with {0}")]
    OtherAlgorithm(Algorithm),
    /// The token does not release the public key.
    #[error("token `{0}` does not contain the public key")]
    NoPublicKey(String),
    /// The public key must not be trusted.
    #[error("token `{token}`: cannot use the key")]
    UntrustedKey {
        /// The label of the token.
        token: String,
        /// The reason.
        source: TrustError,
    },
    /// The URI contains no label for the new key.
    #[error("expected the name of the new key in the pkcs11 URI, found no name")]
    NoLabel,
    /// The token has an object with the label or the id of the new key.
    #[error("token `{token}` already has an object with the label `{label}` or the same id")]
    Exists {
        /// The label of the token.
        token: String,
        /// The label of the new key.
        label: String,
    },
    /// The token cannot create RSA keys.
    #[error("token `{0}` cannot create RSA keys")]
    NoGenerator(String),
}

impl Pkcs11Error {
    /// Creates the error of a function of a module.
    pub(super) fn call(action: &'static str, error: Error) -> Self {
        Self::Call {
            action,
            source: error.into(),
        }
    }

    /// Returns what kind of problem the error reports, its code, and what the user can do.
    #[must_use]
    pub fn advice(&self) -> ErrorAdvice {
        const PKCS11: &str = "PKCS11";
        match self {
            Self::Uri(error) => usage(error.hint()),
            Self::NoModulePath => usage("add ?module-path=/PATH to the pkcs11 URI"),
            Self::ModuleNotFound { .. } => environment(PKCS11, "add its path: ?module-path=/PATH"),
            Self::ModuleFile { .. } => {
                environment("IO", "check the path and the permissions of the module")
            }
            Self::NotAModule { .. } => environment(
                PKCS11,
                "use the path of the PKCS#11 library from the token's manufacturer",
            ),
            Self::ModuleStart { path, .. } => environment(
                PKCS11,
                format!("check the configuration of {}", path.display()),
            ),
            Self::Call { source, .. } => environment(PKCS11, source.hint),
            Self::NoToken { .. } => environment(
                "NO_TOKEN",
                "connect the token or correct the URI; `pkcs11-tool --list-slots` lists the tokens",
            ),
            Self::SeveralTokens { .. } => usage("add token=LABEL or serial=NUMBER to the URI"),
            Self::WrongPin { .. } => request(
                "WRONG_PASSPHRASE",
                "check the PIN before you try again: a token locks itself after a few wrong PINs",
            ),
            Self::PinLocked { .. } => environment(
                "PIN_LOCKED",
                "ask the token's security officer to set a new PIN",
            ),
            Self::PinChangeRequired { .. } => environment(
                PKCS11,
                "set the PIN with the tool of the token's manufacturer",
            ),
            Self::NoKey { .. } => environment("NO_KEY", "correct object=NAME, or create the key"),
            Self::SeveralKeys { ids, .. } if ids.is_empty() => {
                usage("add object=NAME or id=%XX to the URI")
            }
            Self::SeveralKeys { ids, .. } => {
                usage(format!("add one of these to the URI: {}", ids.join(", ")))
            }
            Self::NotRsa { .. } | Self::NotForSigning { .. } => {
                unsupported("create an RSA key for signatures")
            }
            Self::AlwaysAuthenticate { .. } => unsupported(
                "use a key without CKA_ALWAYS_AUTHENTICATE (on a PIV card, a slot other than 9c)",
            ),
            Self::NoMechanism { algorithm, .. } => unsupported(match algorithm {
                Algorithm::Ps256 => "use RS256, which all tokens support",
                Algorithm::Rs256 => "use another token",
            }),
            Self::OtherAlgorithm { .. } => {
                malformed("use the algorithm of the key, or another key")
            }
            Self::NoPublicKey { .. } => unsupported(
                "store the public key in the token too, with the same id as the private key",
            ),
            Self::UntrustedKey { .. } => malformed("create another key"),
            Self::NoLabel => usage("add object=NAME and token=LABEL to the URI"),
            Self::Exists { .. } => request(
                "EXISTS",
                "choose another name with object=NAME: a signing key is never replaced",
            ),
            Self::NoGenerator { .. } => unsupported(
                "use another token, or create the key with the tool of its manufacturer",
            ),
        }
    }
}

/// An error of a PKCS#11 module: the function that failed and its return value, in one line.
///
/// The original [`cryptoki::error::Error`] is not a source, because its text is a whole paragraph
/// of the standard.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Pkcs11ModuleError {
    reason: String,
    hint: &'static str,
}

impl From<Error> for Pkcs11ModuleError {
    fn from(error: Error) -> Self {
        Self {
            reason: reason(&error),
            hint: call_hint(&error),
        }
    }
}

/// Returns the reason for an error in one line: the function that failed and its return value.
fn reason(error: &Error) -> String {
    match error {
        Error::Pkcs11(code, function) => format!("C_{function:?} returned {code:?}"),
        Error::LibraryLoading(error) => error.to_string().replace('\n', " "),
        Error::MissingSymbol(name) => format!("function {name} is missing"),
        other => other.to_string().replace('\n', " "),
    }
}

fn call_hint(error: &Error) -> &'static str {
    match error {
        Error::Pkcs11(RvError::DeviceRemoved | RvError::TokenNotPresent, _) => {
            "connect the token and run the command again"
        }
        Error::Pkcs11(RvError::UserNotLoggedIn | RvError::SessionClosed, _) => {
            "run the command again: the session was closed or the token was reset"
        }
        _ => "check the log and the configuration of the module or HSM",
    }
}

fn quoted_list_or(labels: &[String], none: &str) -> String {
    if labels.is_empty() {
        return none.to_owned();
    }
    let quoted: Vec<_> = labels.iter().map(|label| format!("`{label}`")).collect();
    quoted.join(", ")
}
