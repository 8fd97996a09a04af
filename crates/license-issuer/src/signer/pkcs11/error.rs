//! Errors of PKCS#11 tokens.

use std::io;
use std::path::PathBuf;

use cryptoki::error::{Error, RvError};
use license_core::{Algorithm, TrustError};

use super::super::error::{ErrorAdvice, ErrorCategory};
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
    #[error("no PKCS#11 module `{name}` found")]
    ModuleNotFound {
        /// The name of the module.
        name: String,
    },
    /// The file of the module cannot be read.
    #[error("cannot load {}", path.display())]
    ModuleFile {
        /// The path of the module.
        path: PathBuf,
        /// The reason.
        #[source]
        error: io::Error,
    },
    /// The file is not a PKCS#11 module.
    #[error("{} is no PKCS#11 module: {reason}", path.display())]
    NotAModule {
        /// The path of the file.
        path: PathBuf,
        /// The reason in one line.
        reason: String,
        /// The error of the loader.
        #[source]
        error: Box<Error>,
    },
    /// The module cannot be initialized.
    #[error("the PKCS#11 module refused to start: {reason}")]
    ModuleStart {
        /// The path of the module.
        path: PathBuf,
        /// The function that failed and its return value.
        reason: String,
        /// The error of the module.
        #[source]
        error: Box<Error>,
    },
    /// A function of the module failed.
    #[error("the PKCS#11 module refused to {action}: {reason}")]
    Call {
        /// The action that failed.
        action: &'static str,
        /// The function that failed and its return value.
        reason: String,
        /// The error of the module.
        #[source]
        error: Box<Error>,
    },
    /// No token matches the URI.
    #[error(
        "expected a token as the pkcs11 URI describes it, found {}",
        list_or(found, "none at all")
    )]
    NoToken {
        /// The labels of the other tokens.
        found: Vec<String>,
    },
    /// Several tokens match the URI.
    #[error("expected one token as the pkcs11 URI describes it, found {found}")]
    SeveralTokens {
        /// The number of tokens.
        found: usize,
    },
    /// The PIN is wrong.
    #[error("the PIN does not open token `{token}`")]
    WrongPin {
        /// The label of the token.
        token: String,
    },
    /// The PIN is locked.
    #[error("token `{token}` has locked its PIN")]
    PinLocked {
        /// The label of the token.
        token: String,
    },
    /// The PIN has expired or was never set.
    #[error("token `{token}` wants a new PIN first")]
    PinChangeRequired {
        /// The label of the token.
        token: String,
    },
    /// No private key matches the URI.
    #[error(
        "token `{token}`: expected a private key{}, found {}",
        label.as_ref().map(|label| format!(" `{label}`")).unwrap_or_default(),
        list_or(found, "none")
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
    #[error(
        "token `{token}`: expected one private key as the pkcs11 URI describes it, found {found}"
    )]
    SeveralKeys {
        /// The label of the token.
        token: String,
        /// The number of keys.
        found: usize,
        /// The ids of the keys, as attributes of a URI.
        ids: Vec<String>,
    },
    /// The key is not an RSA key.
    #[error("token `{token}`: expected an RSA key, found one of another type")]
    NotRsa {
        /// The label of the token.
        token: String,
    },
    /// The key must not be used for signatures.
    #[error("token `{token}`: expected a key that may sign, found one that may not")]
    NotForSigning {
        /// The label of the token.
        token: String,
    },
    /// The key needs its PIN again for each signature.
    #[error("token `{token}`: the key requires its PIN for each signature, which is not supported")]
    AlwaysAuthenticate {
        /// The label of the token.
        token: String,
    },
    /// The token or the key supports no mechanism for the algorithm.
    #[error("token `{token}`: expected {expected}, found neither")]
    NoMechanism {
        /// The label of the token.
        token: String,
        /// The algorithm.
        algorithm: Algorithm,
        /// The names of the mechanisms.
        expected: String,
    },
    /// The key is restricted to the other algorithm.
    #[error("the token says that this key is not for {requested}, which was asked for")]
    OtherAlgorithm {
        /// The requested algorithm.
        requested: Algorithm,
    },
    /// The token does not release the public key.
    #[error("token `{token}` does not give the key's public half")]
    NoPublicKey {
        /// The label of the token.
        token: String,
    },
    /// The public key must not be trusted.
    #[error("token `{token}`: the key can't be used")]
    UntrustedKey {
        /// The label of the token.
        token: String,
        /// The reason.
        #[source]
        error: TrustError,
    },
    /// The URI contains no label for the new key.
    #[error("expected the new key's name in the pkcs11 URI, found none")]
    NoLabel,
    /// The token has an object with the label or the id of the new key.
    #[error("token `{token}` has an object `{label}` already, or one of its id")]
    Exists {
        /// The label of the token.
        token: String,
        /// The label of the new key.
        label: String,
    },
    /// The token cannot create RSA keys.
    #[error("token `{token}` makes no RSA keys")]
    NoGenerator {
        /// The label of the token.
        token: String,
    },
}

impl Pkcs11Error {
    /// Wraps the error of a module. Its own text is a paragraph of the standard, so that the message
    /// contains the function and its return value instead.
    pub(super) fn call(action: &'static str, error: Error) -> Self {
        Self::Call {
            action,
            reason: reason(&error),
            error: Box::new(error),
        }
    }

    /// Returns what kind of problem the error reports, its code, and what the user can do.
    #[must_use]
    pub fn advice(&self) -> ErrorAdvice {
        const PKCS11: &str = "PKCS11";
        match self {
            Self::Uri(error) => ErrorAdvice::usage(error.hint()),
            Self::NoModulePath => ErrorAdvice::usage("add ?module-path=/PATH to the pkcs11 URI"),
            Self::ModuleNotFound { .. } => {
                ErrorAdvice::environment(PKCS11, "give its path: ?module-path=/PATH")
            }
            Self::ModuleFile { .. } => {
                ErrorAdvice::environment("IO", "check the path and the permissions of the module")
            }
            Self::NotAModule { .. } => ErrorAdvice::environment(
                PKCS11,
                "give the path of the library that the token's maker calls its PKCS#11 module",
            ),
            Self::ModuleStart { path, .. } => ErrorAdvice::environment(
                PKCS11,
                format!("check the configuration of {}", path.display()),
            ),
            Self::Call { error, .. } => ErrorAdvice::environment(PKCS11, call_hint(error)),
            Self::NoToken { .. } => ErrorAdvice::environment(
                "NO_TOKEN",
                "plug it in, or correct the URI; `pkcs11-tool --list-slots` shows what there is",
            ),
            Self::SeveralTokens { .. } => {
                ErrorAdvice::usage("add token=LABEL or serial=NUMBER to the URI")
            }
            Self::WrongPin { .. } => ErrorAdvice::new(
                ErrorCategory::Request,
                "WRONG_PASSPHRASE",
                "check the PIN before another try: a token locks itself after a few wrong ones",
            ),
            Self::PinLocked { .. } => ErrorAdvice::environment(
                "PIN_LOCKED",
                "the token's security officer can set a new one",
            ),
            Self::PinChangeRequired { .. } => {
                ErrorAdvice::environment(PKCS11, "set it with the tool of the token's maker")
            }
            Self::NoKey { .. } => {
                ErrorAdvice::environment("NO_KEY", "correct object=NAME, or create the key")
            }
            Self::SeveralKeys { ids, .. } if ids.is_empty() => {
                ErrorAdvice::usage("add object=NAME or id=%XX to the URI")
            }
            Self::SeveralKeys { ids, .. } => {
                ErrorAdvice::usage(format!("add one of these to the URI: {}", ids.join(", ")))
            }
            Self::NotRsa { .. } | Self::NotForSigning { .. } => {
                ErrorAdvice::unsupported("create an RSA key for signatures")
            }
            Self::AlwaysAuthenticate { .. } => ErrorAdvice::unsupported(
                "use a key without CKA_ALWAYS_AUTHENTICATE (on a PIV card another slot than 9c)",
            ),
            Self::NoMechanism { algorithm, .. } => ErrorAdvice::unsupported(match algorithm {
                Algorithm::Ps256 => "use RS256, which every token has",
                Algorithm::Rs256 => "use another token",
            }),
            Self::OtherAlgorithm { .. } => {
                ErrorAdvice::malformed("use the algorithm of the key, or another key")
            }
            Self::NoPublicKey { .. } => ErrorAdvice::unsupported(
                "store the public key beside the private one, with the same id",
            ),
            Self::UntrustedKey { .. } => ErrorAdvice::malformed("create another key"),
            Self::NoLabel => ErrorAdvice::usage("add object=NAME to it, and token=LABEL"),
            Self::Exists { .. } => ErrorAdvice::new(
                ErrorCategory::Request,
                "EXISTS",
                "choose another name with object=NAME: a signing key is never replaced",
            ),
            Self::NoGenerator { .. } => ErrorAdvice::unsupported(
                "use another token, or make the key with the tool of its maker",
            ),
        }
    }
}

/// Returns the function that failed and its return value.
pub(super) fn reason(error: &Error) -> String {
    match error {
        Error::Pkcs11(code, function) => format!("C_{function:?} gave {code:?}"),
        other => other.to_string(),
    }
}

fn call_hint(error: &Error) -> &'static str {
    match error {
        Error::Pkcs11(RvError::DeviceRemoved | RvError::TokenNotPresent, _) => {
            "plug the token in and run the command again"
        }
        Error::Pkcs11(RvError::UserNotLoggedIn | RvError::SessionClosed, _) => {
            "somebody logged out or the token was reset: run the command again"
        }
        _ => "look in the log of the module or HSM, and check its configuration",
    }
}

fn list_or(labels: &[String], none: &str) -> String {
    if labels.is_empty() {
        return none.to_owned();
    }
    let quoted: Vec<_> = labels.iter().map(|label| format!("`{label}`")).collect();
    quoted.join(", ")
}
