//! Private keys at rest: PKCS#8 in PEM, plain or encrypted with a passphrase.
//!
//! The format is compatible with OpenSSL: `openssl pkey -in FILE` reads these keys.

mod error;
mod pem_block;

use std::borrow::Cow;
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::path::Path;

use license_core::encoding::{
    FoundText, Position, TextKind, decode_text_slice, write_lines, write_pem,
};
use license_core::issue::{SigningKey, VerifyingSigner};
use license_core::jose::Algorithm;
use pkcs8::der::asn1::OctetStringRef;
use pkcs8::der::{self, SecretDocument};
use pkcs8::pkcs5::pbes2::{self, Kdf, Pbkdf2Params, ScryptParams};
use pkcs8::pkcs5::{self, scrypt};
use pkcs8::{EncryptedPrivateKeyInfoRef, LineEnding, PrivateKeyInfoRef};
use zeroize::Zeroizing;

use super::passphrase::Passphrase;
use crate::random;
use pem_block::{ENCRYPTED, PLAIN, PemBlock};

pub use error::PrivateKeyError;

/// The largest file that is read. An encrypted key of 8192 bits has less than 10,000 bytes.
const MAX_BYTES: usize = 64 * 1024;

/// scrypt with N = 2^14, r = 8, p = 5 needs 16 MiB. This is one of the equivalent settings that the
/// OWASP Password Storage Cheat Sheet recommends. OpenSSL refuses keys that need more than 32 MiB.
const LOG_N: u8 = 14;
const BLOCK_SIZE: u32 = 8;
const PARALLELISM: u32 = 5;

/// The maximum cost of the key derivation: 1 GiB of memory and about 15 seconds, so that a hostile
/// file cannot exhaust the machine.
const MAX_SCRYPT_MEMORY: u64 = 1 << 30;
const MAX_SCRYPT_WORK: u64 = 1 << 25;
/// RFC 8018 section 4.2 suggests this number for especially critical keys.
const MAX_PBKDF2_ITERATIONS: u32 = 10_000_000;

const AES_BLOCK: usize = 16;

/// A private key in the form in which it was stored.
///
/// ```
/// use license_core::jose::Algorithm;
/// use license_core::issue::{KeyBits, SigningKey};
/// use license_issuer::random;
/// use license_issuer::signer::private_key::{StoredKey, to_plain_pem};
///
/// let der = SigningKey::generate(KeyBits::B2048, Algorithm::Rs256, &random::fill)?;
/// let stored = StoredKey::parse(&to_plain_pem(&der)?)?;
/// assert!(matches!(stored, StoredKey::Plain(_)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub enum StoredKey {
    /// The DER of an unencrypted PKCS#8 private key.
    Plain(Zeroizing<Vec<u8>>),
    /// An encrypted private key.
    Encrypted(EncryptedKey),
}

/// A PKCS#8 `EncryptedPrivateKeyInfo` whose parameters are supported and not too expensive.
pub struct EncryptedKey {
    der: Zeroizing<Vec<u8>>,
}

impl StoredKey {
    /// Reads a private key from a file that only its owner can use.
    ///
    /// # Errors
    ///
    /// Returns [`PrivateKeyError`] if the file cannot be read, if others can use it, or if it does
    /// not contain a private key in PEM.
    pub fn read(path: &Path) -> Result<Self, PrivateKeyError> {
        let file = File::open(path).map_err(PrivateKeyError::Read)?;
        let metadata = file.metadata().map_err(PrivateKeyError::Read)?;
        let key = Self::from_reader(file);
        if !is_exposed(&metadata) || is_descriptor(path) {
            return key;
        }
        // The permissions of a certificate are no reason to refuse it.
        let other = key.err().filter(PrivateKeyError::is_other_kind);
        Err(other.unwrap_or(PrivateKeyError::Exposed))
    }

    /// Reads a private key from a stream.
    ///
    /// # Errors
    ///
    /// Returns [`PrivateKeyError`] if the stream does not contain a private key in PEM.
    pub fn from_reader(reader: impl Read) -> Result<Self, PrivateKeyError> {
        let bytes = read_all(reader).map_err(PrivateKeyError::Read)?;
        match decode_text_slice(&bytes).map_err(PrivateKeyError::NotText)? {
            Cow::Borrowed(text) => Self::parse(text),
            Cow::Owned(text) => Self::parse(&Zeroizing::new(text)),
        }
    }

    /// Parses a private key in PEM, and reverts the changes that mail and editors make to its
    /// lines.
    ///
    /// # Errors
    ///
    /// Returns [`PrivateKeyError`] if the text is not a private key in PEM, or if its encryption is
    /// not supported or would take too long.
    pub fn parse(text: &str) -> Result<Self, PrivateKeyError> {
        let pem = canonical_pem(text);
        let block = PemBlock::find(&pem).map_err(|error| match error {
            PrivateKeyError::NoBlock => no_block(text),
            error => error,
        })?;
        match block.label {
            PLAIN => {
                let der = block.decode().map_err(|error| explained(error, text))?;
                check_pkcs8(&der)?;
                Ok(Self::Plain(der))
            }
            ENCRYPTED => {
                let der = block.decode().map_err(|error| explained(error, text))?;
                EncryptedKey::from_der(der).map(Self::Encrypted)
            }
            other => Err(PrivateKeyError::OtherLabel(other.to_owned())),
        }
    }
}

impl StoredKey {
    /// Loads a decrypted private key as a signer that verifies its signatures.
    pub(super) fn load(
        pkcs8_der: &[u8],
        algorithm: Option<Algorithm>,
    ) -> Result<VerifyingSigner, PrivateKeyError> {
        let key = SigningKey::from_pkcs8(pkcs8_der, algorithm, random::fill)
            .map_err(PrivateKeyError::Unusable)?;
        Ok(VerifyingSigner::new(Box::new(key)))
    }
}

/// Returns the error of a text without a PEM block.
fn no_block(text: &str) -> PrivateKeyError {
    match TextKind::detect(text) {
        Some(TextKind::PrivateKey) if text.contains('{') => PrivateKeyError::Jwk,
        // The delimiter is damaged.
        Some(TextKind::PrivateKey) => explained(PrivateKeyError::NoBlock, text),
        Some(found) => PrivateKeyError::OtherKind(found),
        None => PrivateKeyError::NoBlock,
    }
}

/// Returns an error that names the first character that PEM does not have, if there is one.
fn explained(error: PrivateKeyError, text: &str) -> PrivateKeyError {
    let lines = text.split('\n').zip(1..);
    let mut odd = lines.flat_map(|(content, line)| {
        let characters = content.trim_start_matches('\u{feff}').chars().zip(1..);
        let odd = characters.filter(|(character, _)| {
            !character.is_ascii() || (character.is_control() && !character.is_whitespace())
        });
        odd.map(move |(found, column)| (Position { line, column }, found))
    });
    match odd.next() {
        Some((position, found)) => PrivateKeyError::Unexpected {
            position,
            found: FoundText::Character(found),
        },
        None => error,
    }
}

/// Returns PEM with lines of 64 characters. The buffers never grow, because a growing buffer leaves
/// copies of the key in memory.
fn canonical_pem(text: &str) -> Zeroizing<String> {
    let capacity = 2 * text.len() + 64;
    let mut lines = Zeroizing::new(String::with_capacity(capacity));
    write_lines(text, &mut lines);
    let mut pem = Zeroizing::new(String::with_capacity(2 * lines.len() + 64));
    write_pem(&lines, &mut pem);
    pem
}

impl EncryptedKey {
    fn from_der(der: Zeroizing<Vec<u8>>) -> Result<Self, PrivateKeyError> {
        let info = EncryptedPrivateKeyInfoRef::try_from(der.as_slice()).map_err(bad_header)?;
        let scheme = pbes2(&info)?;
        check_cipher(&scheme.encryption)?;
        check_cost(&scheme.kdf)?;
        check_blocks(info.encrypted_data.as_bytes())?;
        Ok(Self { der })
    }

    /// Decrypts the key and returns its PKCS#8 DER.
    ///
    /// # Errors
    ///
    /// Returns [`PrivateKeyError::WrongPassphrase`] if the passphrase is wrong, or
    /// [`PrivateKeyError::Encryption`] if a parameter is not supported.
    pub fn decrypt(&self, passphrase: &Passphrase) -> Result<Zeroizing<Vec<u8>>, PrivateKeyError> {
        let info = EncryptedPrivateKeyInfoRef::try_from(self.der.as_slice()).map_err(bad_header)?;
        let key = pbes2(&info)?
            .decrypt(passphrase.as_bytes(), info.encrypted_data.as_bytes())
            .map(Zeroizing::new)
            .map_err(not_decrypted)?;
        // About one wrong passphrase in 256 produces valid padding, and is detected only here.
        check_pkcs8(&key).map_err(|_| PrivateKeyError::WrongPassphrase)?;
        Ok(key)
    }
}

/// Random bytes for one encryption. They must never be used twice.
#[derive(Debug)]
pub struct EncryptionEntropy {
    /// Makes equal passphrases produce different keys.
    pub salt: [u8; 16],
    /// Makes equal private keys produce different files.
    pub iv: [u8; 16],
}

/// Encrypts a PKCS#8 private key as PEM: PBES2 with scrypt and AES-256-CBC.
///
/// # Errors
///
/// Returns [`PrivateKeyError::NotPkcs8`] if `pkcs8_der` is not a PKCS#8 private key.
pub fn encrypt(
    pkcs8_der: &[u8],
    passphrase: &Passphrase,
    entropy: &EncryptionEntropy,
) -> Result<Zeroizing<String>, PrivateKeyError> {
    check_pkcs8(pkcs8_der)?;
    encrypted_document(pkcs8_der, passphrase, entropy)
        .and_then(|document| Ok(document.to_pem(ENCRYPTED, LineEnding::LF)?))
        .map_err(PrivateKeyError::Encrypt)
}

/// Returns a PKCS#8 private key as PEM without encryption.
///
/// # Errors
///
/// Returns [`PrivateKeyError::NotPkcs8`] if `pkcs8_der` is not a PKCS#8 private key.
pub fn to_plain_pem(pkcs8_der: &[u8]) -> Result<Zeroizing<String>, PrivateKeyError> {
    check_pkcs8(pkcs8_der)?;
    SecretDocument::try_from(pkcs8_der)
        .and_then(|document| document.to_pem(PLAIN, LineEnding::LF))
        .map_err(|error| PrivateKeyError::NotPkcs8(error.into()))
}

/// Returns whether users other than the owner can use the file. Pipes and devices are not checked.
#[cfg(unix)]
#[must_use]
pub fn is_exposed(metadata: &Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    metadata.is_file() && metadata.permissions().mode() & 0o077 != 0
}

/// Returns whether users other than the owner can use the file. Permissions are checked on Unix
/// only.
#[cfg(not(unix))]
#[must_use]
pub fn is_exposed(_: &Metadata) -> bool {
    false
}

/// Returns whether a path names a file descriptor. The process that opened the descriptor is
/// responsible for the permissions of the file.
#[must_use]
pub fn is_descriptor(path: &Path) -> bool {
    path == Path::new("/dev/stdin")
        || path.starts_with("/dev/fd")
        || path.starts_with("/proc/self/fd")
}

/// Reads into a buffer that never grows. A growing buffer would leave copies of the key in memory.
pub(super) fn read_all(reader: impl Read) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_BYTES + 1));
    let limit = u64::try_from(MAX_BYTES).map_err(io::Error::other)?;
    reader.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn check_pkcs8(pkcs8_der: &[u8]) -> Result<(), PrivateKeyError> {
    PrivateKeyInfoRef::try_from(pkcs8_der)
        .map(drop)
        .map_err(PrivateKeyError::NotPkcs8)
}

/// Encrypts exactly the given bytes, not another encoding of the key.
fn encrypted_document(
    pkcs8_der: &[u8],
    passphrase: &Passphrase,
    entropy: &EncryptionEntropy,
) -> pkcs8::Result<SecretDocument> {
    let cost = scrypt::Params::new(LOG_N, BLOCK_SIZE, PARALLELISM)
        .map_err(|_| pkcs8::Error::ParametersMalformed)?;
    let scheme = pbes2::Parameters::generate_scrypt_aes256cbc(cost, &entropy.salt, entropy.iv)?;
    let encrypted_data = scheme.encrypt(passphrase.as_bytes(), pkcs8_der)?;
    SecretDocument::try_from(EncryptedPrivateKeyInfoRef {
        encryption_algorithm: scheme.into(),
        encrypted_data: OctetStringRef::new(&encrypted_data)?,
    })
}

fn pbes2<'a>(
    info: &'a EncryptedPrivateKeyInfoRef<'_>,
) -> Result<&'a pbes2::Parameters, PrivateKeyError> {
    info.encryption_algorithm
        .pbes2()
        .ok_or(PrivateKeyError::Pbes1)
}

/// Accepts AES-CBC only. The library also decrypts AES-GCM, in an encoding that OpenSSL does not
/// write.
fn check_cipher(cipher: &pbes2::EncryptionScheme) -> Result<(), PrivateKeyError> {
    use pbes2::EncryptionScheme::{Aes128Cbc, Aes192Cbc, Aes256Cbc};
    match cipher {
        Aes128Cbc { .. } | Aes192Cbc { .. } | Aes256Cbc { .. } => Ok(()),
        _ => Err(PrivateKeyError::Cipher),
    }
}

fn check_cost(kdf: &Kdf) -> Result<(), PrivateKeyError> {
    match kdf {
        Kdf::Scrypt(cost) => check_scrypt(cost),
        Kdf::Pbkdf2(cost) => check_pbkdf2(cost),
        _ => Err(PrivateKeyError::KeyDerivation),
    }
}

fn check_scrypt(cost: &ScryptParams) -> Result<(), PrivateKeyError> {
    let (n, r, p) = (cost.cost_parameter, cost.block_size, cost.parallelization);
    if n < 2 || !n.is_power_of_two() || r == 0 || p == 0 {
        return Err(PrivateKeyError::InvalidScrypt { n, r, p });
    }
    let area = n.saturating_mul(u64::from(r));
    let memory = area.saturating_mul(128);
    if memory > MAX_SCRYPT_MEMORY {
        return Err(PrivateKeyError::ScryptMemory { memory, n, r });
    }
    let work = area.saturating_mul(u64::from(p));
    if work > MAX_SCRYPT_WORK {
        return Err(PrivateKeyError::ScryptWork { work, n, r, p });
    }
    Ok(())
}

fn check_pbkdf2(cost: &Pbkdf2Params) -> Result<(), PrivateKeyError> {
    match cost.iteration_count {
        1..=MAX_PBKDF2_ITERATIONS => Ok(()),
        found => Err(PrivateKeyError::Pbkdf2Iterations(found)),
    }
}

/// Rejects truncated data, which would otherwise look like a wrong passphrase.
fn check_blocks(encrypted: &[u8]) -> Result<(), PrivateKeyError> {
    match encrypted.len() {
        found if found > 0 && found.is_multiple_of(AES_BLOCK) => Ok(()),
        found => Err(PrivateKeyError::PartialBlock(found)),
    }
}

fn bad_header(error: pkcs8::Error) -> PrivateKeyError {
    match error {
        pkcs8::Error::Asn1(inner) if is_unknown_identifier(inner.kind()) => {
            PrivateKeyError::Encryption(error)
        }
        _ => PrivateKeyError::EncryptionHeader(error),
    }
}

/// Returns whether an error means that a key is encrypted with an unknown algorithm. The decoder
/// reports the identifier of such an algorithm as a malformed value.
fn is_unknown_identifier(kind: der::ErrorKind) -> bool {
    match kind {
        der::ErrorKind::OidUnknown { .. } => true,
        der::ErrorKind::Value { tag } => tag == der::Tag::ObjectIdentifier,
        _ => false,
    }
}

fn not_decrypted(error: pkcs5::Error) -> PrivateKeyError {
    match error {
        pkcs5::Error::AlgorithmParametersInvalid { .. }
        | pkcs5::Error::UnsupportedAlgorithm { .. } => PrivateKeyError::Encryption(error.into()),
        _ => PrivateKeyError::WrongPassphrase,
    }
}

#[cfg(test)]
mod tests;
