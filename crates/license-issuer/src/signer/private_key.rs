//! Private keys at rest: PKCS#8 in PEM, plain or encrypted with a passphrase.
//!
//! `openssl pkey -in FILE` opens what this module writes, and this module opens what OpenSSL writes.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::path::Path;

use license_core::issue::SigningKeyError;
use pkcs8::der::asn1::OctetStringRef;
use pkcs8::der::{self, SecretDocument, pem};
use pkcs8::pkcs5::pbes2::{self, Kdf, Pbkdf2Params, ScryptParams};
use pkcs8::pkcs5::{self, scrypt};
use pkcs8::{EncryptedPrivateKeyInfoRef, LineEnding, PrivateKeyInfoRef};
use zeroize::Zeroizing;

use super::error::{ErrorAdvice, environment, malformed, request, unsupported};
use super::passphrase::Passphrase;

/// RFC 7468 section 10.
const PLAIN: &str = "PRIVATE KEY";
/// RFC 7468 section 11.
const ENCRYPTED: &str = "ENCRYPTED PRIVATE KEY";

const BEGIN: &str = "-----BEGIN ";
const DASHES: &str = "-----";
/// The longest label of a PEM block that is read.
const MAX_LABEL: usize = 40;

/// The largest file that is read. An encrypted key of 8192 bits has less than 10,000 bytes.
const MAX_BYTES: usize = 64 * 1024;

/// scrypt with N = 2^14, r = 8, p = 5. It is the strongest of the equivalent settings that OWASP
/// lists which needs only 16 MiB. OpenSSL opens nothing that needs more than 32 MiB.
const LOG_N: u8 = 14;
const BLOCK_SIZE: u32 = 8;
const PARALLELISM: u32 = 5;

/// The maximum cost of a passphrase: 1 GiB of memory and about 15 seconds. A file must not be able
/// to keep the machine busy.
const MAX_SCRYPT_MEMORY: u64 = 1 << 30;
const MAX_SCRYPT_WORK: u64 = 1 << 25;
/// RFC 8018 section 4.2 suggests this number for especially critical keys.
const MAX_PBKDF2_ITERATIONS: u32 = 10_000_000;

const AES_BLOCK: usize = 16;

const CONVERT: &str = "convert it: openssl pkcs8 -topk8 -v2 aes-256-cbc -v2prf hmacWithSHA256 -in OLD.pem -out NEW.pem";

/// The reason why a private key cannot be read, decrypted or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PrivateKeyError {
    /// The file cannot be read.
    #[error("cannot read the private key")]
    Read(#[source] io::Error),
    /// Other users can use the file.
    #[error("expected mode 0600, found that others may use it too")]
    Exposed,
    /// The file is not text.
    #[error("expected a PEM private key")]
    NotText,
    /// The text has no PEM block.
    #[error("expected a private key in PEM, found no `{BEGIN}{PLAIN}{DASHES}` line")]
    NoBlock,
    /// The PEM block has no end.
    #[error("private key: expected `{DASHES}END {0}{DASHES}`, found the end of the text")]
    Truncated(String),
    /// The text has several private keys.
    #[error("expected one private key, found several in one file")]
    SeveralKeys,
    /// The PEM block cannot be decoded.
    #[error("private key: expected PEM with lines of 64 characters")]
    Pem(#[source] der::Error),
    /// The PEM block is of another kind.
    #[error("expected PEM `{PLAIN}` or `{ENCRYPTED}`, found `{0}`")]
    OtherLabel(String),
    /// The block does not contain a PKCS#8 private key.
    #[error("expected a PKCS#8 private key")]
    NotPkcs8(#[source] pkcs8::Error),
    /// The header of an encrypted key cannot be read.
    #[error("private key: expected a readable encryption header")]
    EncryptionHeader(#[source] pkcs8::Error),
    /// The key is encrypted with PBES1.
    #[error("private key: expected encryption with PBES2, found the older PBES1")]
    Pbes1,
    /// The key is encrypted with an algorithm that is not supported.
    #[error("private key: expected PBES2 with scrypt or PBKDF2-SHA-2 and AES-CBC")]
    Encryption(#[source] pkcs8::Error),
    /// The key is not encrypted with AES-CBC.
    #[error("private key: expected encryption with AES-CBC, found another cipher")]
    Cipher,
    /// The key derivation is neither scrypt nor PBKDF2.
    #[error("private key: expected a key derived with scrypt or PBKDF2, found another function")]
    KeyDerivation,
    /// The parameters of scrypt are invalid.
    #[error(
        "private key: expected scrypt with N a power of two above 1, and r and p above 0, \
         found N={n} r={r} p={p}"
    )]
    InvalidScrypt {
        /// The cost parameter.
        n: u64,
        /// The block size.
        r: u16,
        /// The parallelization.
        p: u16,
    },
    /// scrypt would need too much memory.
    #[error(
        "private key: expected scrypt with at most {MAX_SCRYPT_MEMORY} bytes of memory, \
         found {memory} (N={n} r={r})"
    )]
    ScryptMemory {
        /// The memory in bytes.
        memory: u64,
        /// The cost parameter.
        n: u64,
        /// The block size.
        r: u16,
    },
    /// scrypt would take too long.
    #[error(
        "private key: expected scrypt with N*r*p of at most {MAX_SCRYPT_WORK}, \
         found {work} (N={n} r={r} p={p})"
    )]
    ScryptWork {
        /// The product of the parameters.
        work: u64,
        /// The cost parameter.
        n: u64,
        /// The block size.
        r: u16,
        /// The parallelization.
        p: u16,
    },
    /// PBKDF2 has no or too many iterations.
    #[error("private key: expected PBKDF2 with 1 to {MAX_PBKDF2_ITERATIONS} iterations, found {0}")]
    Pbkdf2Iterations(u32),
    /// The encrypted data is truncated.
    #[error("private key: expected encrypted data in blocks of {AES_BLOCK} bytes, found {0} bytes")]
    PartialBlock(usize),
    /// The passphrase is wrong.
    #[error("the passphrase does not open this private key")]
    WrongPassphrase,
    /// The key cannot be encrypted.
    #[error("cannot encrypt the private key")]
    Encrypt(#[source] pkcs8::Error),
    /// The key is not an RSA key that verifiers trust.
    #[error(transparent)]
    Unusable(SigningKeyError),
}

impl PrivateKeyError {
    /// Returns what kind of problem the error reports, its code, and what the user can do.
    #[must_use]
    pub fn advice(&self) -> ErrorAdvice {
        match self {
            Self::Read(_) => environment("IO", "check the path and the permissions of the file"),
            Self::Encrypt(_) => environment("SEAL", "try again"),
            Self::Exposed => request("INSECURE_FILE", "restrict the file to its owner: chmod 600"),
            Self::WrongPassphrase => request(
                "WRONG_PASSPHRASE",
                "try again, and check that the passphrase and the key file belong together",
            ),
            Self::OtherLabel(label) if !label.ends_with(PLAIN) => {
                unsupported("give the file with the private key")
            }
            Self::OtherLabel { .. }
            | Self::Pbes1
            | Self::Encryption(_)
            | Self::Cipher
            | Self::KeyDerivation
            | Self::InvalidScrypt { .. }
            | Self::ScryptMemory { .. }
            | Self::ScryptWork { .. }
            | Self::Pbkdf2Iterations { .. } => unsupported(CONVERT),
            Self::NotText => malformed(
                "`openssl pkcs8 -topk8 -inform DER -in KEY -out NEW.key` makes PEM of DER",
            ),
            Self::NoBlock | Self::NotPkcs8(_) => malformed("use the file with the private key"),
            Self::Truncated { .. } => {
                malformed("the file is truncated: restore it from its backup")
            }
            Self::SeveralKeys => malformed("keep each key in a file of its own"),
            Self::Pem(_) => malformed(
                "restore the key file from its backup, or write it again with `openssl pkey`",
            ),
            Self::EncryptionHeader(_) | Self::PartialBlock { .. } => {
                malformed("restore the key file from its backup")
            }
            Self::Unusable(SigningKeyError::PssOnly) => {
                malformed("sign with PS256, or use a key that is not restricted to it")
            }
            Self::Unusable(_) => malformed("use another key"),
        }
    }
}

/// A private key as it was stored.
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
        if is_exposed(&metadata) && !is_descriptor(path) {
            return Err(PrivateKeyError::Exposed);
        }
        Self::from_reader(file)
    }

    /// Reads a private key from a stream.
    ///
    /// # Errors
    ///
    /// Returns [`PrivateKeyError`] if the stream does not contain a private key in PEM.
    pub fn from_reader(reader: impl Read) -> Result<Self, PrivateKeyError> {
        let bytes = read_all(reader).map_err(PrivateKeyError::Read)?;
        let text = std::str::from_utf8(&bytes).map_err(|_| PrivateKeyError::NotText)?;
        Self::parse(text)
    }

    /// Parses a private key in PEM.
    ///
    /// # Errors
    ///
    /// Returns [`PrivateKeyError`] if the text is not a private key in PEM, or if its encryption is
    /// not supported or would take too long.
    pub fn parse(text: &str) -> Result<Self, PrivateKeyError> {
        let block = PemBlock::find(text)?;
        match block.label {
            PLAIN => {
                let der = block.decode()?;
                check_pkcs8(&der)?;
                Ok(Self::Plain(der))
            }
            ENCRYPTED => EncryptedKey::from_der(block.decode()?).map(Self::Encrypted),
            other => Err(PrivateKeyError::OtherLabel(other.to_owned())),
        }
    }
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
        // One wrong passphrase in 256 produces valid padding and is only detected here.
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

/// Returns whether users other than the owner can use the file. Only Unix can tell.
#[cfg(not(unix))]
#[must_use]
pub fn is_exposed(_: &Metadata) -> bool {
    false
}

/// Returns whether a path names a file descriptor. The process that opened it is responsible for
/// the permissions of the file behind it.
#[must_use]
pub fn is_descriptor(path: &Path) -> bool {
    path == Path::new("/dev/stdin")
        || path.starts_with("/dev/fd")
        || path.starts_with("/proc/self/fd")
}

/// Reads into a buffer that never grows, because growing would leave copies of the key behind.
fn read_all(reader: impl Read) -> io::Result<Zeroizing<Vec<u8>>> {
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

/// A PEM block with its label. Text around it is ignored, as RFC 7468 section 2 permits.
struct PemBlock<'a> {
    label: &'a str,
    text: &'a str,
}

impl<'a> PemBlock<'a> {
    fn find(pem: &'a str) -> Result<Self, PrivateKeyError> {
        let no_block = || PrivateKeyError::NoBlock;
        let (_, rest) = pem.split_once(BEGIN).ok_or_else(no_block)?;
        let (label, body) = rest.split_once(DASHES).ok_or_else(no_block)?;
        if label.len() > MAX_LABEL || label.contains(['\r', '\n']) {
            return Err(no_block());
        }
        let end = format!("{DASHES}END {label}{DASHES}");
        let (body, after) = body
            .split_once(&end)
            .ok_or_else(|| PrivateKeyError::Truncated(label.to_owned()))?;
        if after.contains(&format!("{PLAIN}{DASHES}")) {
            return Err(PrivateKeyError::SeveralKeys);
        }
        let length = BEGIN.len() + label.len() + DASHES.len() + body.len() + end.len();
        let start = pem.len() - BEGIN.len() - rest.len();
        let text = pem.get(start..start + length).ok_or_else(no_block)?;
        Ok(Self { label, text })
    }

    /// Decodes the block into one buffer, which is wiped even if decoding fails.
    fn decode(&self) -> Result<Zeroizing<Vec<u8>>, PrivateKeyError> {
        let mut buffer = Zeroizing::new(vec![0; self.text.len()]);
        let length = pem::decode(self.text.as_bytes(), &mut buffer)
            .map(|(_, bytes)| bytes.len())
            .map_err(|error| PrivateKeyError::Pem(error.into()))?;
        buffer.truncate(length);
        Ok(buffer)
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

/// The decoder knows the identifiers of PBES2 and reports every other one as malformed.
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
