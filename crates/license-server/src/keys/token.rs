//! The server's key in an HSM or another PKCS#11 token.

use std::error::Error;
use std::path::Path;

use license_cli_support::{Exit, Failure, Source, escape, show_path};
use license_core::encoding::decode_text;
use license_core::issue::VerifyingSigner;
use license_core::with_causes;
#[cfg(feature = "pkcs11")]
use license_issuer::signer::pkcs11::{Pkcs11Error, Pkcs11UriError};
use license_issuer::signer::private_key::is_exposed;
use license_issuer::signer::{
    self, ErrorCategory, Passphrase, PassphraseRequest, PassphraseSource, SignerError,
    SignerNotice, SignerOptions,
};
use zeroize::Zeroizing;

use crate::config::TokenKey;

/// How an operator creates a key in a token.
#[cfg(feature = "pkcs11")]
const CREATE: &str = "create an RSA key with the tool of the HSM, such as `pkcs11-tool --module \
    MODULE --login --keypairgen --key-type rsa:2048 --usage-sign --id 01 --label NAME`, or with \
    `keygen new-key --key pkcs11:…`; object=NAME in --key selects it";

/// Opens a key in a token.
///
/// # Errors
///
/// Returns the code of the token, `USAGE` without a PIN, and `IO` if the file with the PIN cannot
/// be read.
pub(super) fn open(key: &TokenKey) -> Result<VerifyingSigner, Failure> {
    let options = SignerOptions {
        algorithm: None,
        passphrases: &PinSource(key.pin_file.as_deref()),
        pkcs11_module: key.module.as_deref(),
    };
    signer::open(&key.location, &options).map_err(not_opened)
}

/// The file with the PIN of a token. The server starts without a person, so nothing prompts.
struct PinSource<'a>(Option<&'a Path>);

impl PassphraseSource for PinSource<'_> {
    fn passphrase(
        &self,
        request: PassphraseRequest<'_>,
    ) -> Result<Option<Passphrase>, Box<dyn Error + Send + Sync>> {
        let named = match request {
            PassphraseRequest::TokenPin { pin_source, .. } => pin_source,
            _ => None,
        };
        match self.0.or(named) {
            Some(path) => Ok(Some(read_pin(path)?)),
            None => {
                let failure = Failure::usage("expected a file with the PIN of the HSM, found none");
                let hint = "add --pin-file FILE, or pin-source=file:/PATH to the URI";
                Err(failure.hint(hint).into())
            }
        }
    }

    fn notify(&self, notice: SignerNotice<'_>) {
        if let SignerNotice::IgnoredAttribute { name } = notice {
            tracing::warn!(
                name,
                "an unknown attribute of the URI of the key is ignored"
            );
        }
    }
}

/// Reads the PIN from the first line of a file.
fn read_pin(path: &Path) -> Result<Passphrase, Failure> {
    // Secrets that a container receives as files are often readable by all of its users.
    if std::fs::metadata(path).is_ok_and(|metadata| is_exposed(&metadata)) {
        tracing::warn!(
            path = show_path(path),
            "other users can read the PIN: run chmod 600"
        );
    }
    let text = Source::File(path.to_owned()).read_text(2 * Passphrase::MAX_LENGTH, decode_text)?;
    let text = Zeroizing::new(text);
    let line = text.lines().next().unwrap_or_default();
    Passphrase::new(Zeroizing::new(line.to_owned())).map_err(|error| {
        let message = format!("{}: {}", show_path(path), with_causes(&error));
        Failure::usage(message).hint("write the PIN to the first line of the file")
    })
}

/// Converts the error of a token. The hints name the options of this program.
fn not_opened(error: SignerError) -> Failure {
    match error {
        SignerError::Passphrase(error) => *error
            .downcast::<Failure>()
            .unwrap_or_else(|error| Box::new(Failure::usage(with_causes(&*error)))),
        error => {
            let advice = error.advice();
            let exit = match advice.category {
                ErrorCategory::Request => Exit::Usage,
                ErrorCategory::Key => Exit::Indeterminate,
                ErrorCategory::Environment => Exit::System,
            };
            let message = match &error {
                SignerError::NotBuiltIn(backend) => {
                    format!("this license-server was built without {backend}")
                }
                error => with_causes(error),
            };
            let hint = hint(&error).unwrap_or(&advice.hint);
            Failure::new(exit, advice.code, escape(&message)).hint(escape(hint))
        }
    }
}

/// Returns the hint for an error if the hint names options of this program.
#[cfg(feature = "pkcs11")]
fn hint(error: &SignerError) -> Option<&'static str> {
    let SignerError::Pkcs11(error) = error else {
        return None;
    };
    Some(match error {
        Pkcs11Error::Uri(Pkcs11UriError::PinValue) => {
            "change the PIN, and use pin-source=file:/PATH or --pin-file FILE"
        }
        Pkcs11Error::Uri(Pkcs11UriError::PinSource) => "use --pin-file FILE",
        Pkcs11Error::NoModulePath => {
            "add ?module-path=/PATH to the URI of the key, or use --pkcs11-module FILE"
        }
        Pkcs11Error::ModuleNotFound(_) => {
            "correct the path in ?module-path=/PATH or --pkcs11-module"
        }
        Pkcs11Error::NoKey { .. }
        | Pkcs11Error::NotRsa(_)
        | Pkcs11Error::NotForSigning(_)
        | Pkcs11Error::UntrustedKey { .. } => CREATE,
        _ => return None,
    })
}

#[cfg(not(feature = "pkcs11"))]
fn hint(_: &SignerError) -> Option<&'static str> {
    None
}
