//! The server's own key, which signs leases and validation tokens.
//!
//! The vendor certifies the public key in the claim `cnf` of the license. The key never signs a
//! license, and it is not the key of a TLS certificate.

use std::error::Error;
use std::path::Path;

use license_cli_support::{Audience, Destination, Exit, Failure, Overwrite, escape, show_path};
use license_core::issue::{
    KeyBits, LeaseDraft, ServerKey, SigningError, SigningKey, ValidationDraft, VerifyingSigner,
};
use license_core::jose::Algorithm;
use license_core::trust::TrustedKey;
use license_core::{License, with_causes};
use license_issuer::random;
use license_issuer::signer::private_key::{PrivateKeyError, to_plain_pem};
use license_issuer::signer::{
    self, ErrorCategory, KeyLocation, Passphrase, PassphraseRequest, PassphraseSource, SignerError,
    SignerOptions,
};
use zeroize::Zeroizing;

use crate::services::ServerSigner;

/// Creates the key in a file with mode 0600. Never replaces a file.
///
/// # Errors
///
/// Returns `EXISTS` if the path exists, `KEY_GENERATION` if no key can be generated, and `IO` if
/// the file cannot be written.
pub(crate) fn create(path: &Path, bits: KeyBits) -> Result<(), Failure> {
    let file = Destination::File(path.to_owned());
    file.check(Overwrite::Refuse)?;
    let der = SigningKey::generate(bits, Algorithm::Rs256, &random::fill);
    let der = der.map_err(|error| not_generated(&error))?;
    let pem = to_plain_pem(&der).map_err(|error| not_generated(&error))?;
    file.write(pem.as_bytes(), Overwrite::Refuse, Audience::OwnerOnly)
}

/// Loads the key.
///
/// # Errors
///
/// Returns `NOT_INITIALIZED` if the file is missing, `INSECURE_FILE` if other users can read it,
/// and the code of the error if the file is not a private key that can be used.
pub(crate) fn load(path: &Path) -> Result<VerifyingSigner, Failure> {
    if !path.exists() {
        let message = format!("the server has no key: {} does not exist", show_path(path));
        return Err(Failure::new(Exit::System, "NOT_INITIALIZED", message).hint(
            "create it with `license-server init`, or restore it from a backup: the vendor must certify a new key",
        ));
    }
    let options = SignerOptions {
        algorithm: None,
        passphrases: &NoPassphrase,
        pkcs11_module: None,
    };
    let location = KeyLocation::File(path.to_owned());
    signer::open(&location, &options).map_err(|error| not_loaded(path, &error))
}

/// The server's keys as the services use them. The key that a license certifies signs for it.
pub(crate) struct SigningServer {
    current: ServerKey,
    earlier: Vec<ServerKey>,
}

impl SigningServer {
    pub(crate) fn new(current: ServerKey, earlier: Vec<ServerKey>) -> Self {
        Self { current, earlier }
    }

    /// Returns the key that a license certifies, or the current one.
    fn key_for(&self, license: &License) -> &ServerKey {
        let mut earlier = self.earlier.iter();
        let certified = earlier.find(|key| key.is_certified_by(license));
        certified.unwrap_or(&self.current)
    }
}

impl ServerSigner for SigningServer {
    fn public(&self) -> &TrustedKey {
        self.current.public()
    }

    fn keys(&self) -> Vec<&TrustedKey> {
        let keys = std::iter::once(&self.current).chain(&self.earlier);
        keys.map(ServerKey::public).collect()
    }

    fn sign_lease(&self, draft: &LeaseDraft<'_>) -> Result<String, SigningError> {
        draft.sign(self.key_for(draft.license))
    }

    fn sign_validation(&self, draft: &ValidationDraft<'_>) -> Result<String, SigningError> {
        draft.sign_as_server(self.key_for(draft.license))
    }
}

/// Opens the key that signs licenses.
///
/// # Errors
///
/// Returns `WRONG_PASSPHRASE`, `INSECURE_FILE`, or another code of the key's backend.
pub(crate) fn open_vendor_key(
    location: &KeyLocation,
    passphrase_file: Option<&Path>,
) -> Result<VerifyingSigner, Failure> {
    let options = SignerOptions {
        algorithm: None,
        passphrases: &PassphraseFile(passphrase_file),
        pkcs11_module: None,
    };
    signer::open(location, &options).map_err(|error| {
        let advice = error.advice();
        let exit = match advice.category {
            ErrorCategory::Request => Exit::Usage,
            ErrorCategory::Key => Exit::Indeterminate,
            ErrorCategory::Environment => Exit::System,
        };
        let failure = Failure::new(exit, advice.code, escape(&with_causes(&error)));
        failure.hint(escape(&advice.hint))
    })
}

/// The source of the passphrase of the vendor's key, because a server starts without a person.
struct PassphraseFile<'a>(Option<&'a Path>);

impl PassphraseSource for PassphraseFile<'_> {
    fn passphrase(
        &self,
        request: PassphraseRequest<'_>,
    ) -> Result<Option<Passphrase>, Box<dyn Error + Send + Sync>> {
        let source = match request {
            PassphraseRequest::TokenPin { pin_source, .. } => pin_source,
            _ => None,
        };
        let Some(path) = self.0.or(source) else {
            return Err("expected signing_key_passphrase_file, found none".into());
        };
        let text = Zeroizing::new(std::fs::read(path)?);
        let line = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let line = Zeroizing::new(String::from_utf8(line.to_vec())?);
        Ok(Some(Passphrase::new(line)?))
    }
}

/// The source of passphrases of a server, which starts without a person.
struct NoPassphrase;

impl PassphraseSource for NoPassphrase {
    fn passphrase(
        &self,
        _: PassphraseRequest<'_>,
    ) -> Result<Option<Passphrase>, Box<dyn Error + Send + Sync>> {
        Ok(None)
    }
}

fn not_generated(error: &(dyn Error + 'static)) -> Failure {
    Failure::new(Exit::System, "KEY_GENERATION", with_causes(error)).hint("run the command again")
}

fn not_loaded(path: &Path, error: &SignerError) -> Failure {
    let exposed = |source: &PrivateKeyError| matches!(source, PrivateKeyError::Exposed);
    let advice = error.advice();
    let failure = Failure::new(Exit::System, advice.code, with_causes(error));
    match error {
        SignerError::KeyFile { source, .. } if exposed(source) => failure.hint(format!(
            "other users can read the key: run `chmod 600 {}`",
            show_path(path)
        )),
        _ => failure.hint(advice.hint),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use license_core::issue::Signer;

    use super::*;

    #[test]
    fn a_key_is_private_and_never_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("server.key");
        create(&path, KeyBits::B2048).unwrap();
        let mode = path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600);
        let key = load(&path).unwrap();
        assert_eq!(key.sign(b"message").unwrap().len(), 256);
        let failure = create(&path, KeyBits::B2048).unwrap_err();
        assert_eq!(failure.code(), "EXISTS");
        assert_eq!(load(&path).unwrap().public().id(), key.public().id());
    }

    #[test]
    fn a_key_that_is_missing_exposed_or_damaged_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("server.key");
        assert_eq!(load(&path).unwrap_err().code(), "NOT_INITIALIZED");
        create(&path, KeyBits::B2048).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert_eq!(load(&path).unwrap_err().code(), "INSECURE_FILE");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text.get(..text.len() / 2).unwrap()).unwrap();
        assert_eq!(load(&path).unwrap_err().code(), "MALFORMED");
    }
}
