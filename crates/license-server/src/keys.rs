//! The server's own key, which signs leases and validation tokens.
//!
//! The vendor certifies the public key in the claim `cnf` of the license. The key never signs a
//! license, and it is not the key of a TLS certificate.

pub(crate) mod checkpoint;
mod token;

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use license_cli_support::{Audience, Destination, Exit, Failure, Overwrite, escape, show_path};
use license_core::issue::{
    KeyBits, LeaseDraft, ServerKey, SigningError, SigningKey, ValidationDraft, VerifyingSigner,
};
use license_core::jose::Algorithm;
use license_core::trust::TrustedKey;
use license_core::{License, with_causes};
use license_issuer::random;
use license_issuer::signer::private_key::{PrivateKeyError, is_exposed, to_plain_pem};
use license_issuer::signer::{
    self, ErrorCategory, KeyLocation, Passphrase, PassphraseRequest, PassphraseSource, SignerError,
    SignerOptions,
};
use zeroize::Zeroizing;

use tokio::sync::Semaphore;

use crate::config::Config;
use crate::data_dir::DataDir;
use crate::observer::Observer;
use crate::services::ServerSigner;

/// How long a request waits for a key in a token that signs for other requests.
const MAX_WAIT: Duration = Duration::from_secs(10);

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

/// Opens the key in the HSM of the configuration, or the key in the data directory.
///
/// # Errors
///
/// Returns the errors of the HSM. For a file, returns `NOT_INITIALIZED` if the file is missing,
/// `INSECURE_FILE` if other users can read it, and the code of the error if the file is not a
/// private key that can be used.
pub(crate) fn load(config: &Config, directory: &DataDir) -> Result<VerifyingSigner, Failure> {
    match &config.key {
        Some(key) => token::open(key),
        None => {
            let path = directory.key();
            if !path.exists() {
                return Err(missing(&path, directory.database().exists()));
            }
            load_file(&path)
        }
    }
}

/// Returns the failure of a key that does not exist. The licenses in a database certify their key.
fn missing(path: &Path, has_database: bool) -> Failure {
    let message = format!("the server has no key: {} does not exist", show_path(path));
    let hint = if has_database {
        "restore the file from a backup; if there is none, `license-server init --new-key` creates \
         a new key, for which the vendor must issue the licenses again"
    } else {
        "create it with `license-server init`"
    };
    Failure::new(Exit::System, "NOT_INITIALIZED", message).hint(hint)
}

/// Opens a key in a file.
///
/// # Errors
///
/// Returns `INSECURE_FILE` if other users can read the file, and the code of the error if it is
/// missing or not a private key that can be used.
pub(crate) fn load_file(path: &Path) -> Result<VerifyingSigner, Failure> {
    let options = SignerOptions {
        algorithm: None,
        passphrases: &NoPassphrase,
        pkcs11_module: None,
    };
    let location = KeyLocation::File(path.to_owned());
    signer::open(&location, &options).map_err(|error| not_loaded(path, &error))
}

/// Returns the material of the keys for secrets of accounts, the current one first.
///
/// It is the text of the private keys in the data directory, which all servers of a database have.
/// The private key of an HSM cannot be read, so such a server has a random key in a file, which
/// this function creates.
///
/// # Errors
///
/// Returns `IO` if a file cannot be read or written, and `INSECURE_FILE` if other users can read
/// it.
pub(crate) fn account_keys(
    config: &Config,
    directory: &DataDir,
) -> Result<Vec<Zeroizing<Vec<u8>>>, Failure> {
    let current = if config.key.is_some() {
        let path = directory.account_key();
        if !path.exists() {
            let bytes = random::bytes::<32>();
            let bytes = Zeroizing::new(bytes.map_err(|error| not_generated(&error))?);
            let text = Zeroizing::new(license_core::encoding::hex::encode(bytes.as_slice()));
            Destination::File(path.clone()).write(
                text.as_bytes(),
                Overwrite::Refuse,
                Audience::OwnerOnly,
            )?;
        }
        path
    } else {
        directory.key()
    };
    let paths = std::iter::once(current).chain(directory.earlier_keys()?);
    paths.map(|path| material(&path)).collect()
}

fn material(path: &Path) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let failed = |error| Failure::io("read", path, &error);
    let found = path.metadata().map_err(failed)?;
    if is_exposed(&found) {
        let shown = show_path(path);
        let message = format!("{shown}: expected a file that only its owner can read");
        return Err(Failure::new(Exit::System, "INSECURE_FILE", message)
            .hint(format!("run `chmod 600 {shown}`")));
    }
    let text = Zeroizing::new(std::fs::read(path).map_err(failed)?);
    // Line ends do not change a key.
    let letters = text.iter().filter(|byte| !byte.is_ascii_whitespace());
    Ok(Zeroizing::new(letters.copied().collect()))
}

/// The server's keys as the services use them. The key that a license certifies signs for it.
pub(crate) struct SigningServer {
    current: ServerKey,
    /// Keys of files that the server used before.
    earlier: Vec<ServerKey>,
    /// A key in a token makes one signature after the other.
    turns: Option<Semaphore>,
    observer: Arc<dyn Observer>,
}

impl SigningServer {
    /// Returns keys in memory, which sign at once on the thread of the request.
    pub(crate) fn in_memory(
        current: ServerKey,
        earlier: Vec<ServerKey>,
        observer: Arc<dyn Observer>,
    ) -> Self {
        Self {
            current,
            earlier,
            turns: None,
            observer,
        }
    }

    /// Returns a current key in a token. A request waits for its turn without a thread, so the
    /// token blocks one thread at most.
    pub(crate) fn in_token(
        current: ServerKey,
        earlier: Vec<ServerKey>,
        observer: Arc<dyn Observer>,
    ) -> Self {
        Self {
            turns: Some(Semaphore::new(1)),
            ..Self::in_memory(current, earlier, observer)
        }
    }

    /// Returns the key that a license certifies, or the current one.
    fn key_for(&self, license: &License) -> &ServerKey {
        let mut earlier = self.earlier.iter();
        let certified = earlier.find(|key| key.is_certified_by(license));
        certified.unwrap_or(&self.current)
    }

    async fn sign(
        &self,
        key: &ServerKey,
        sign: impl FnOnce(&ServerKey) -> Result<String, SigningError> + Send,
    ) -> Result<String, SigningError> {
        let start = Instant::now();
        let signed = match &self.turns {
            None => sign(key),
            Some(turns) => {
                let turn = tokio::time::timeout(MAX_WAIT, turns.acquire()).await;
                let _turn = turn.map_err(|_| busy())?;
                // The runtime moves its other tasks to another thread.
                tokio::task::block_in_place(|| sign(key))
            }
        };
        self.observer.signed(start.elapsed());
        signed
    }
}

/// Returns the error of a token that is too slow for the requests.
fn busy() -> SigningError {
    SigningError::Device {
        code: "SIGNING_FAILED".to_owned(),
        hint: "check the HSM, and repeat the request later".to_owned(),
        source: format!("the key was busy for {} seconds", MAX_WAIT.as_secs()).into(),
    }
}

#[async_trait]
impl ServerSigner for SigningServer {
    fn public(&self) -> &TrustedKey {
        self.current.public()
    }

    fn keys(&self) -> Vec<&TrustedKey> {
        let keys = std::iter::once(&self.current).chain(&self.earlier);
        keys.map(ServerKey::public).collect()
    }

    async fn sign_lease(&self, draft: &LeaseDraft<'_>) -> Result<String, SigningError> {
        let key = self.key_for(draft.license);
        self.sign(key, |key| draft.sign(key)).await
    }

    async fn sign_validation(&self, draft: &ValidationDraft<'_>) -> Result<String, SigningError> {
        let key = self.key_for(draft.license);
        self.sign(key, |key| draft.sign_as_server(key)).await
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
        if std::fs::metadata(path).is_ok_and(|metadata| is_exposed(&metadata)) {
            tracing::warn!(
                path = show_path(path),
                "other users can read the passphrase: run chmod 600"
            );
        }
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

    use std::sync::atomic::Ordering;

    use license_core::TrustSet;
    use license_core::issue::Signer;

    use super::*;

    #[test]
    fn a_key_is_private_and_never_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("server.key");
        create(&path, KeyBits::B2048).unwrap();
        let mode = path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600);
        let key = load_file(&path).unwrap();
        assert_eq!(key.sign(b"message").unwrap().len(), 256);
        let failure = create(&path, KeyBits::B2048).unwrap_err();
        assert_eq!(failure.code(), "EXISTS");
        assert_eq!(load_file(&path).unwrap().public().id(), key.public().id());
    }

    #[test]
    fn a_key_that_is_missing_exposed_or_damaged_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("server.key");
        for (has_database, advice) in [(false, "`license-server init`"), (true, "from a backup")] {
            let failure = missing(&path, has_database);
            assert_eq!(failure.code(), "NOT_INITIALIZED");
            assert!(failure.advice().unwrap().contains(advice));
        }
        assert!(load_file(&path).is_err());
        create(&path, KeyBits::B2048).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert_eq!(load_file(&path).unwrap_err().code(), "INSECURE_FILE");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text.get(..text.len() / 2).unwrap()).unwrap();
        assert_eq!(load_file(&path).unwrap_err().code(), "MALFORMED");
    }

    fn in_token() -> Arc<SigningServer> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("server.key");
        create(&path, KeyBits::B2048).unwrap();
        let key = ServerKey::new(load_file(&path).unwrap(), &TrustSet::default()).unwrap();
        Arc::new(SigningServer::in_token(key, Vec::new(), Arc::new(())))
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn a_slow_key_does_not_stop_other_requests() {
        let key = in_token();
        let (answered, wait) = std::sync::mpsc::channel();
        let (start, started) = tokio::sync::oneshot::channel();
        let slow = tokio::spawn(async move {
            let sign = move |_: &ServerKey| {
                start.send(()).unwrap();
                Ok(wait.recv().unwrap())
            };
            key.sign(&key.current, sign).await
        });
        started.await.unwrap();
        // The only worker runs this task while the key signs.
        let other = tokio::spawn(async move { answered.send("signed".to_owned()).unwrap() });
        let limit = Duration::from_secs(60);
        tokio::time::timeout(limit, other).await.unwrap().unwrap();
        let signed = tokio::time::timeout(limit, slow).await.unwrap();
        assert_eq!(signed.unwrap().unwrap(), "signed");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_key_in_a_token_makes_one_signature_at_a_time() {
        let key = in_token();
        let running = Arc::new(std::sync::atomic::AtomicU32::new(0));
        let signatures = (0..50).map(|_| {
            let (key, running) = (Arc::clone(&key), Arc::clone(&running));
            tokio::spawn(async move {
                let sign = |_: &ServerKey| {
                    let before = running.fetch_add(1, Ordering::SeqCst);
                    std::thread::yield_now();
                    running.fetch_sub(1, Ordering::SeqCst);
                    Ok(before.to_string())
                };
                key.sign(&key.current, sign).await
            })
        });
        for signature in signatures.collect::<Vec<_>>() {
            assert_eq!(signature.await.unwrap().unwrap(), "0");
        }
    }
}
