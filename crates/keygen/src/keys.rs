//! The signing key of a command.

use std::fs::File;
use std::io;
use std::path::Path;

use license_cli_support::{Exit, Failure, Terminal, escape, show_path};
use license_core::issue::{KeyBits, SigningKeyError, VerifyingSigner};
use license_core::with_causes;
#[cfg(feature = "gcp-kms")]
use license_issuer::signer::gcp_kms::GcpKmsError;
#[cfg(feature = "pkcs11")]
use license_issuer::signer::pkcs11::{Pkcs11Error, Pkcs11UriError};
use license_issuer::signer::private_key::{PrivateKeyError, StoredKey, is_descriptor};
use license_issuer::signer::{
    self, CreatedKey, ErrorCategory, KeyLocation, SignerError, SignerOptions,
};

use crate::passphrase::{PassphraseReader, is_stdin};
use crate::settings::{KeyChoice, Setting};

/// The hint for a key that signs only with another algorithm.
#[cfg(any(feature = "pkcs11", feature = "gcp-kms"))]
const OMIT_ALG: &str = "omit --alg, or use a key that was created for that algorithm";

/// Opens the signing key. Asks for the passphrase or PIN if the key has one.
pub(crate) fn open(key: &KeyChoice, terminal: &Terminal) -> Result<VerifyingSigner, Failure> {
    let call = SignerCall::new(key, terminal);
    match key.file().filter(|path| is_stdin(path)) {
        Some(_) if key.passphrase_file().is_some_and(is_stdin) => Err(both_from_stdin()),
        Some(_) => call.run(|_, options| {
            let stored = StoredKey::from_reader(io::stdin().lock())?;
            signer::open_stored(stored, options)
        }),
        None => call.run(signer::open),
    }
}

/// Checks the key as far as possible without a passphrase or PIN.
///
/// Returns the key if its file is not encrypted. Does not read standard input.
pub(crate) fn probe(
    choice: &KeyChoice,
    terminal: &Terminal,
) -> Result<Option<VerifyingSigner>, Failure> {
    let passphrase_file = choice.passphrase_file();
    if let Some(path) = choice.file() {
        if is_stdin(path) && passphrase_file.is_some_and(is_stdin) {
            return Err(both_from_stdin());
        }
        if is_stdin(path) || is_descriptor(path) {
            return Ok(None);
        }
    }
    let key = SignerCall::new(choice, terminal).run(signer::probe)?;
    if key.is_none() && choice.file().is_some() {
        let checked = check_passphrase_file(passphrase_file);
        checked.map_err(|failure| choice.explain_passphrase(failure))?;
    }
    Ok(key)
}

/// Creates a key in a token.
pub(crate) fn create(
    key: &KeyChoice,
    bits: KeyBits,
    terminal: &Terminal,
) -> Result<CreatedKey, Failure> {
    SignerCall::new(key, terminal).run(|location, options| signer::create(location, bits, options))
}

/// The context in which a function of the signer library is called.
struct SignerCall<'a> {
    key: &'a KeyChoice,
    passphrases: PassphraseReader<'a>,
}

impl<'a> SignerCall<'a> {
    fn new(key: &'a KeyChoice, terminal: &'a Terminal) -> Self {
        Self {
            key,
            passphrases: PassphraseReader {
                file: key.passphrase_file(),
                terminal,
            },
        }
    }

    fn run<T>(
        &self,
        function: impl FnOnce(&KeyLocation, &SignerOptions<'_>) -> Result<T, SignerError>,
    ) -> Result<T, Failure> {
        let location = &self.key.location.value;
        if self.key.passphrase_file.is_some() {
            no_passphrase_in_kms(location)
                .map_err(|failure| self.key.explain_passphrase(failure))?;
        }
        let options = SignerOptions {
            algorithm: self.key.algorithm(),
            passphrases: &self.passphrases,
            pkcs11_module: self
                .key
                .module
                .as_ref()
                .map(|module| module.value.as_path()),
        };
        function(location, &options).map_err(|error| self.explained(error))
    }

    /// Converts the error of a signer, and adds the origin of the value that caused it.
    fn explained(&self, error: SignerError) -> Failure {
        let is_about_passphrase = matches!(error, SignerError::Passphrase(_));
        let set_module = self.key.module.as_ref();
        let module_origin = set_module.filter(|module| module_of(&error) == Some(&module.value));
        let failure = failure(error, &self.key.location.value);
        match module_origin {
            Some(module) => module
                .origin
                .explain(Setting::Pkcs11Module.member(), failure),
            None if is_about_passphrase || failure.code() == "WRONG_PASSPHRASE" => {
                self.key.explain_passphrase(failure)
            }
            None => self.key.explain(failure),
        }
    }
}

/// Checks that the passphrase file can be opened. Does not read the file.
fn check_passphrase_file(file: Option<&Path>) -> Result<(), Failure> {
    match file.filter(|file| !is_stdin(file) && !is_descriptor(file)) {
        Some(file) => File::open(file)
            .map(drop)
            .map_err(|error| Failure::io("read", file, &error)),
        None => Ok(()),
    }
}

fn both_from_stdin() -> Failure {
    Failure::usage("the key and its passphrase cannot both come from standard input")
        .hint("add --passphrase-file FILE; /dev/fd/N reads from a file descriptor")
}

/// Refuses the passphrase of a key that has none.
fn no_passphrase_in_kms(location: &KeyLocation) -> Result<(), Failure> {
    let (service, credentials) = match location {
        KeyLocation::AwsKms(_) => ("AWS KMS", "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"),
        KeyLocation::GcpKms(_) => ("Google Cloud KMS", "GOOGLE_APPLICATION_CREDENTIALS"),
        KeyLocation::File(_) | KeyLocation::Pkcs11(_) => return Ok(()),
    };
    let message = format!("--passphrase-file cannot be used with a key in {service}");
    let hint = format!("omit --passphrase-file; the credentials come from {credentials}");
    Err(Failure::usage(message).hint(hint))
}

/// Converts the error of a signer. The hints name the options of this program.
fn failure(error: SignerError, location: &KeyLocation) -> Failure {
    let shown = location.file().map(|path| {
        if is_stdin(path) {
            "standard input".to_owned()
        } else {
            show_path(path)
        }
    });
    match error {
        SignerError::Passphrase(error) => {
            let failure = *error
                .downcast::<Failure>()
                .unwrap_or_else(|error| Box::new(Failure::usage(with_causes(&*error))));
            match shown {
                Some(shown) => failure.with_subject(&shown),
                None => failure,
            }
        }
        SignerError::KeyFile { source, .. } | SignerError::PrivateKey(source) => {
            private_key_failure(&source, location, shown.as_deref())
        }
        #[cfg(feature = "pkcs11")]
        SignerError::Pkcs11(Pkcs11Error::ModuleFile { path, source }) => {
            Failure::io("load", &path, &source)
        }
        error => {
            let advice = error.advice();
            let hint = hint(&error).unwrap_or(&advice.hint);
            Failure::new(exit(advice.category), advice.code, escape(&message(&error)))
                .hint(escape(hint))
        }
    }
}

/// Returns the path of the PKCS#11 module that an error is about.
#[cfg(feature = "pkcs11")]
fn module_of(error: &SignerError) -> Option<&Path> {
    match error {
        SignerError::Pkcs11(
            Pkcs11Error::ModuleFile { path, .. }
            | Pkcs11Error::NotAModule { path, .. }
            | Pkcs11Error::ModuleStart { path, .. },
        ) => Some(path),
        _ => None,
    }
}

#[cfg(not(feature = "pkcs11"))]
fn module_of(_: &SignerError) -> Option<&Path> {
    None
}

fn message(error: &SignerError) -> String {
    match error {
        SignerError::NotBuiltIn(backend) => format!("this keygen was built without {backend}"),
        SignerError::CreateInFile => {
            "--key: expected the URI of a key in an HSM, found the name of a file".to_owned()
        }
        error => with_causes(error),
    }
}

/// Converts an error of a private key that was read from a file or from standard input.
fn private_key_failure(
    error: &PrivateKeyError,
    location: &KeyLocation,
    shown: Option<&str>,
) -> Failure {
    if let (PrivateKeyError::Read(error), Some(path)) = (error, location.file()) {
        return Failure::io("read", path, error);
    }
    let message = with_causes(error);
    let message = match (error, shown) {
        (PrivateKeyError::Exposed, Some(shown)) => format!("private key {shown}: {message}"),
        (_, Some(shown)) => format!("{shown}: {}", escape(&message)),
        (_, None) => escape(&message).into_owned(),
    };
    let advice = error.advice();
    let hint = match (error, shown) {
        (PrivateKeyError::Exposed, Some(shown)) => {
            format!("run `chmod 600 {shown}` if this file is your private key")
        }
        (PrivateKeyError::NoBlock | PrivateKeyError::NotPkcs8(_), _) => {
            "use the key file that `keygen new-key` wrote".to_owned()
        }
        (PrivateKeyError::Unusable(SigningKeyError::PssOnly), _) => {
            "omit --alg, or use a key that was created without `--alg PS256`".to_owned()
        }
        (PrivateKeyError::Unusable(_), _) => "use a key that `keygen new-key` created".to_owned(),
        _ => advice.hint.into_owned(),
    };
    Failure::new(exit(advice.category), advice.code, message).hint(hint)
}

fn exit(category: ErrorCategory) -> Exit {
    match category {
        ErrorCategory::Request => Exit::Usage,
        ErrorCategory::Key => Exit::Indeterminate,
        ErrorCategory::Environment => Exit::System,
    }
}

/// Returns the hint for an error if the hint names options of this program.
fn hint(error: &SignerError) -> Option<&'static str> {
    match error {
        SignerError::CreateInFile => Some("use --out to create the key in a file"),
        #[cfg(feature = "pkcs11")]
        SignerError::Pkcs11(error) => pkcs11_hint(error),
        #[cfg(feature = "gcp-kms")]
        SignerError::GcpKms(GcpKmsError::OtherAlgorithm { .. }) => Some(OMIT_ALG),
        _ => None,
    }
}

#[cfg(feature = "pkcs11")]
fn pkcs11_hint(error: &Pkcs11Error) -> Option<&'static str> {
    Some(match error {
        Pkcs11Error::Uri(Pkcs11UriError::PinValue) => {
            "change the PIN, and use pin-source=file:/PATH or --passphrase-file FILE"
        }
        Pkcs11Error::Uri(Pkcs11UriError::PinSource) => {
            "use --passphrase-file, which also accepts - and /dev/fd/N"
        }
        Pkcs11Error::NoModulePath => {
            "add ?module-path=/PATH to the pkcs11 URI, or set KEYGEN_PKCS11_MODULE"
        }
        Pkcs11Error::ModuleNotFound { .. } => {
            "correct the path in ?module-path=/PATH or KEYGEN_PKCS11_MODULE"
        }
        Pkcs11Error::NoKey { .. } => {
            "correct object=NAME, or create the key with `keygen new-key --key pkcs11:…`"
        }
        Pkcs11Error::NotRsa { .. } | Pkcs11Error::NotForSigning { .. } => {
            "create an RSA signing key with `keygen new-key --key pkcs11:…`"
        }
        Pkcs11Error::OtherAlgorithm { .. } => OMIT_ALG,
        Pkcs11Error::UntrustedKey { .. } => {
            "create another key with `keygen new-key --key pkcs11:…`"
        }
        _ => return None,
    })
}
