//! Errors of PKCS#11 tokens.

use std::io;
use std::path::PathBuf;

use cryptoki::error::{Error, RvError};
use license_core::{Algorithm, TrustError};

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
    #[error("no PKCS#11 module `{0}` found")]
    ModuleNotFound(String),
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
    #[error("{} is no PKCS#11 module: {}", path.display(), reason(error))]
    NotAModule {
        /// The path of the file.
        path: PathBuf,
        /// The error of the loader.
        #[source]
        error: Box<Error>,
    },
    /// The module cannot be initialized.
    #[error("the PKCS#11 module refused to start: {}", reason(error))]
    ModuleStart {
        /// The path of the module.
        path: PathBuf,
        /// The error of the module.
        #[source]
        error: Box<Error>,
    },
    /// A function of the module failed.
    #[error("the PKCS#11 module refused to {action}: {}", reason(error))]
    Call {
        /// The action that failed.
        action: &'static str,
        /// The error of the module.
        #[source]
        error: Box<Error>,
    },
    /// No token matches the URI.
    #[error(
        "expected a token as the pkcs11 URI describes it, found {}",
        list_or(.0, "none at all")
    )]
    NoToken(Vec<String>),
    /// Several tokens match the URI.
    #[error("expected one token as the pkcs11 URI describes it, found {0}")]
    SeveralTokens(usize),
    /// The PIN is wrong.
    #[error("the PIN does not open token `{0}`")]
    WrongPin(String),
    /// The PIN is locked.
    #[error("token `{0}` has locked its PIN")]
    PinLocked(String),
    /// The PIN has expired or was never set.
    #[error("token `{0}` wants a new PIN first")]
    PinChangeRequired(String),
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
    #[error("token `{0}`: expected an RSA key, found one of another type")]
    NotRsa(String),
    /// The key must not be used for signatures.
    #[error("token `{0}`: expected a key that may sign, found one that may not")]
    NotForSigning(String),
    /// The key needs its PIN again for each signature.
    #[error("token `{0}`: the key requires its PIN for each signature, which is not supported")]
    AlwaysAuthenticate(String),
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
    #[error("the token says that this key is not for {0}, which was asked for")]
    OtherAlgorithm(Algorithm),
    /// The token does not release the public key.
    #[error("token `{0}` does not give the key's public half")]
    NoPublicKey(String),
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
    #[error("token `{0}` makes no RSA keys")]
    NoGenerator(String),
}

impl Pkcs11Error {
    /// Wraps the error of a module. Its own text is a paragraph of the standard, so that the message
    /// contains the function and its return value instead.
    pub(super) fn call(action: &'static str, error: Error) -> Self {
        Self::Call {
            action,
            error: Box::new(error),
        }
    }

    /// Returns what kind of problem the error reports, its code, and what the user can do.
    #[must_use]
    pub fn advice(&self) -> ErrorAdvice {
        const PKCS11: &str = "PKCS11";
        match self {
            Self::Uri(error) => usage(error.hint()),
            Self::NoModulePath => usage("add ?module-path=/PATH to the pkcs11 URI"),
            Self::ModuleNotFound { .. } => environment(PKCS11, "give its path: ?module-path=/PATH"),
            Self::ModuleFile { .. } => {
                environment("IO", "check the path and the permissions of the module")
            }
            Self::NotAModule { .. } => environment(
                PKCS11,
                "give the path of the library that the token's maker calls its PKCS#11 module",
            ),
            Self::ModuleStart { path, .. } => environment(
                PKCS11,
                format!("check the configuration of {}", path.display()),
            ),
            Self::Call { error, .. } => environment(PKCS11, call_hint(error)),
            Self::NoToken { .. } => environment(
                "NO_TOKEN",
                "plug it in, or correct the URI; `pkcs11-tool --list-slots` shows what there is",
            ),
            Self::SeveralTokens { .. } => usage("add token=LABEL or serial=NUMBER to the URI"),
            Self::WrongPin { .. } => request(
                "WRONG_PASSPHRASE",
                "check the PIN before another try: a token locks itself after a few wrong ones",
            ),
            Self::PinLocked { .. } => environment(
                "PIN_LOCKED",
                "the token's security officer can set a new one",
            ),
            Self::PinChangeRequired { .. } => {
                environment(PKCS11, "set it with the tool of the token's maker")
            }
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
                "use a key without CKA_ALWAYS_AUTHENTICATE (on a PIV card another slot than 9c)",
            ),
            Self::NoMechanism { algorithm, .. } => unsupported(match algorithm {
                Algorithm::Ps256 => "use RS256, which every token has",
                Algorithm::Rs256 => "use another token",
            }),
            Self::OtherAlgorithm { .. } => {
                malformed("use the algorithm of the key, or another key")
            }
            Self::NoPublicKey { .. } => {
                unsupported("store the public key beside the private one, with the same id")
            }
            Self::UntrustedKey { .. } => malformed("create another key"),
            Self::NoLabel => usage("add object=NAME to it, and token=LABEL"),
            Self::Exists { .. } => request(
                "EXISTS",
                "choose another name with object=NAME: a signing key is never replaced",
            ),
            Self::NoGenerator { .. } => {
                unsupported("use another token, or make the key with the tool of its maker")
            }
        }
    }
}

/// Returns the reason of an error in one line: the function that failed and its return value.
fn reason(error: &Error) -> String {
    match error {
        Error::Pkcs11(code, function) => format!("C_{function:?} gave {code:?}"),
        Error::LibraryLoading(error) => error.to_string().replace('\n', " "),
        Error::MissingSymbol(name) => format!("it has no {name}"),
        other => other.to_string().replace('\n', " "),
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
