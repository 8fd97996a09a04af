//! Private keys at rest: PKCS#8 in PEM, sealed with a passphrase or plain.
//!
//! `openssl pkey -in FILE` opens what is written here, and what OpenSSL writes is opened here.

use crate::passphrase::Passphrase;
use license_terminal::{Exit, Failure, escape};
use pkcs8::der::asn1::OctetStringRef;
use pkcs8::der::{self, SecretDocument, pem};
use pkcs8::pkcs5::pbes2::{self, Kdf, Pbkdf2Params, ScryptParams};
use pkcs8::pkcs5::{self, scrypt};
use pkcs8::{EncryptedPrivateKeyInfoRef, LineEnding, PrivateKeyInfoRef};
use zeroize::Zeroizing;

/// RFC 7468 section 10.
const PLAIN: &str = "PRIVATE KEY";
/// RFC 7468 section 11.
const SEALED: &str = "ENCRYPTED PRIVATE KEY";

const BEGIN: &str = "-----BEGIN ";
const DASHES: &str = "-----";

/// scrypt with N = 2^14, r = 8, p = 5: the strongest in OWASP's list of equals that needs only 16 MiB, since OpenSSL
/// opens nothing that needs more than 32.
const LOG_N: u8 = 14;
const BLOCK_SIZE: u32 = 8;
const PARALLELISM: u32 = 5;

/// A file must not be able to keep the machine busy: 1 GiB and some 15 seconds are the most a passphrase may cost.
const MOST_SCRYPT_MEMORY: u64 = 1 << 30;
const MOST_SCRYPT_WORK: u64 = 1 << 25;
/// What RFC 8018 section 4.2 suggests for especially critical keys.
const MOST_PBKDF2_ITERATIONS: u32 = 10_000_000;

const AES_BLOCK: usize = 16;

const CONVERT: &str = "convert it: openssl pkcs8 -topk8 -v2 aes-256-cbc -v2prf hmacWithSHA256 -in OLD.pem -out NEW.pem";

/// Fresh random bytes for one sealing, never used twice.
#[derive(Debug)]
pub(crate) struct Entropy {
    /// So that equal passphrases give different keys.
    pub(crate) salt: [u8; 16],
    /// So that equal keys give different files.
    pub(crate) iv: [u8; 16],
}

/// Seals a PKCS#8 private key as PEM `ENCRYPTED PRIVATE KEY`: PBES2 with scrypt and AES-256-CBC.
///
/// # Errors
///
/// `MALFORMED` when the bytes are no PKCS#8 private key.
pub(crate) fn seal(
    pkcs8_der: &[u8],
    passphrase: &Passphrase,
    entropy: &Entropy,
) -> Result<Zeroizing<String>, Failure> {
    check_key(pkcs8_der)?;
    sealed_document(pkcs8_der, passphrase, entropy)
        .and_then(|document| Ok(document.to_pem(SEALED, LineEnding::LF)?))
        .map_err(|error| {
            Failure::new(
                Exit::Machine,
                "SEAL",
                format!("cannot seal the key: {error}"),
            )
        })
}

/// Writes a PKCS#8 private key as PEM `PRIVATE KEY`, open to whoever reads it.
///
/// # Errors
///
/// `MALFORMED` when the bytes are no PKCS#8 private key.
pub(crate) fn plain(pkcs8_der: &[u8]) -> Result<Zeroizing<String>, Failure> {
    check_key(pkcs8_der)?;
    SecretDocument::try_from(pkcs8_der)
        .and_then(|document| document.to_pem(PLAIN, LineEnding::LF))
        .map_err(|error| not_a_key(&error))
}

/// Opens a private key in PEM and gives its PKCS#8 DER; the passphrase is asked for only when there is a seal.
///
/// # Errors
///
/// `MALFORMED` when it is not a private key in PEM, `UNSUPPORTED` when it is of another kind or asks for more work
/// than is sane, `WRONG_PASSPHRASE`, and whatever asking for the passphrase ends with.
pub(crate) fn open(
    pem: &str,
    passphrase: impl FnOnce() -> Result<Passphrase, Failure>,
) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let block = Block::find(pem)?;
    match block.label {
        PLAIN => {
            let key = block.decode()?;
            check_key(&key)?;
            Ok(key)
        }
        SEALED => unseal(&block.decode()?, passphrase),
        other => Err(another_kind(other)),
    }
}

fn check_key(pkcs8_der: &[u8]) -> Result<(), Failure> {
    match PrivateKeyInfoRef::try_from(pkcs8_der) {
        Ok(_) => Ok(()),
        Err(error) => Err(not_a_key(&error)),
    }
}

/// The bytes given are what is sealed, never another encoding of them.
fn sealed_document(
    pkcs8_der: &[u8],
    passphrase: &Passphrase,
    entropy: &Entropy,
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

fn unseal(
    sealed_der: &[u8],
    passphrase: impl FnOnce() -> Result<Passphrase, Failure>,
) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let sealed = EncryptedPrivateKeyInfoRef::try_from(sealed_der)
        .map_err(|error| unreadable_seal(&error))?;
    let scheme = sealed
        .encryption_algorithm
        .pbes2()
        .ok_or_else(|| unsupported("expected encryption with PBES2, found the older PBES1"))?;
    refuse_other_ciphers(&scheme.encryption)?;
    bound_work(&scheme.kdf)?;
    refuse_partial_blocks(sealed.encrypted_data.as_bytes())?;
    let key = scheme
        .decrypt(passphrase()?.as_bytes(), sealed.encrypted_data.as_bytes())
        .map(Zeroizing::new)
        .map_err(|error| not_decrypted(&error))?;
    // One wrong passphrase in 256 leaves valid padding and only fails here.
    check_key(&key).map_err(|_| wrong_passphrase())?;
    Ok(key)
}

/// Accepts AES-CBC only. The library also decrypts AES-GCM, in an encoding that OpenSSL does not write.
fn refuse_other_ciphers(cipher: &pbes2::EncryptionScheme) -> Result<(), Failure> {
    use pbes2::EncryptionScheme::{Aes128Cbc, Aes192Cbc, Aes256Cbc};
    match cipher {
        Aes128Cbc { .. } | Aes192Cbc { .. } | Aes256Cbc { .. } => Ok(()),
        _ => Err(unsupported(
            "expected encryption with AES-CBC, found another cipher",
        )),
    }
}

fn bound_work(kdf: &Kdf) -> Result<(), Failure> {
    match kdf {
        Kdf::Scrypt(cost) => bound_scrypt(cost),
        Kdf::Pbkdf2(cost) => bound_pbkdf2(cost),
        _ => Err(unsupported(
            "expected a key derived with scrypt or PBKDF2, found another way",
        )),
    }
}

fn bound_scrypt(cost: &ScryptParams) -> Result<(), Failure> {
    let (n, r, p) = (cost.cost_parameter, cost.block_size, cost.parallelization);
    if n < 2 || !n.is_power_of_two() || r == 0 || p == 0 {
        let expected = "expected scrypt with N a power of two above 1, and r and p above 0";
        return Err(unsupported(&format!("{expected}, found N={n} r={r} p={p}")));
    }
    let area = n.saturating_mul(u64::from(r));
    let memory = area.saturating_mul(128);
    if memory > MOST_SCRYPT_MEMORY {
        let expected = format!("expected scrypt with at most {MOST_SCRYPT_MEMORY} bytes of memory");
        return Err(unsupported(&format!(
            "{expected}, found {memory} (N={n} r={r})"
        )));
    }
    let work = area.saturating_mul(u64::from(p));
    if work > MOST_SCRYPT_WORK {
        let expected = format!("expected scrypt with N*r*p of at most {MOST_SCRYPT_WORK}");
        return Err(unsupported(&format!(
            "{expected}, found {work} (N={n} r={r} p={p})"
        )));
    }
    Ok(())
}

fn bound_pbkdf2(cost: &Pbkdf2Params) -> Result<(), Failure> {
    let found = cost.iteration_count;
    if (1..=MOST_PBKDF2_ITERATIONS).contains(&found) {
        return Ok(());
    }
    let expected = format!("expected PBKDF2 with 1 to {MOST_PBKDF2_ITERATIONS} iterations");
    Err(unsupported(&format!("{expected}, found {found}")))
}

/// Otherwise a cut file would pass for a wrong passphrase.
fn refuse_partial_blocks(encrypted: &[u8]) -> Result<(), Failure> {
    let length = encrypted.len();
    if length > 0 && length.is_multiple_of(AES_BLOCK) {
        return Ok(());
    }
    Err(Failure::malformed(format!(
        "private key: expected encrypted data in blocks of {AES_BLOCK} bytes, found {length} bytes"
    ))
    .hint("take the key file from its backup"))
}

/// One PEM block and what it says it is; text around it is left alone, as RFC 7468 section 2 has it.
struct Block<'a> {
    label: &'a str,
    text: &'a str,
}

impl<'a> Block<'a> {
    fn find(pem: &'a str) -> Result<Self, Failure> {
        let (_, rest) = pem.split_once(BEGIN).ok_or_else(no_block)?;
        let (label, body) = rest.split_once(DASHES).ok_or_else(no_block)?;
        if label.len() > 40 || label.contains(['\r', '\n']) {
            return Err(no_block());
        }
        let end = format!("{DASHES}END {label}{DASHES}");
        let (body, after) = body.split_once(&end).ok_or_else(|| cut_off(label))?;
        if after.contains(&format!("{PLAIN}{DASHES}")) {
            return Err(
                Failure::malformed("expected one private key, found several in one file")
                    .hint("keep each key in a file of its own"),
            );
        }
        let length = BEGIN.len() + label.len() + DASHES.len() + body.len() + end.len();
        let start = pem.len() - BEGIN.len() - rest.len();
        let text = pem.get(start..start + length).ok_or_else(no_block)?;
        Ok(Self { label, text })
    }

    /// Into one buffer that is wiped, whatever happens.
    fn decode(&self) -> Result<Zeroizing<Vec<u8>>, Failure> {
        let mut buffer = Zeroizing::new(vec![0; self.text.len()]);
        let decoded = pem::decode(self.text.as_bytes(), &mut buffer);
        let length = decoded.map(|(_, bytes)| bytes.len()).map_err(|error| {
            Failure::malformed(format!(
                "private key: expected PEM with lines of 64 characters: {error}"
            ))
            .hint("take the key file from its backup, or write it anew with `openssl pkey`")
        })?;
        buffer.truncate(length);
        Ok(buffer)
    }
}

fn no_block() -> Failure {
    Failure::malformed(format!(
        "expected a private key in PEM, found no `{BEGIN}{PLAIN}{DASHES}` line"
    ))
    .hint("give the key file that `keygen new-key` wrote")
}

fn cut_off(label: &str) -> Failure {
    let label = escape(label);
    Failure::malformed(format!(
        "private key: expected `{DASHES}END {label}{DASHES}`, found the end of the text"
    ))
    .hint("the file is cut off: take it from its backup")
}

fn another_kind(label: &str) -> Failure {
    let message = format!(
        "expected PEM `{PLAIN}` or `{SEALED}`, found `{}`",
        escape(label)
    );
    let failure = Failure::new(Exit::Unjudged, "UNSUPPORTED", message);
    if label.ends_with(PLAIN) {
        failure.hint(CONVERT)
    } else {
        failure.hint("give the file with the private key")
    }
}

fn not_a_key(error: &impl std::fmt::Display) -> Failure {
    Failure::malformed(format!("expected a PKCS#8 private key: {error}"))
        .hint("give the key file that `keygen new-key` wrote")
}

fn unreadable_seal(error: &pkcs8::Error) -> Failure {
    match error {
        pkcs8::Error::Asn1(inner) if names_another_scheme(inner.kind()) => unsupported(&format!(
            "expected PBES2 with scrypt or PBKDF2 and AES-CBC: {inner}"
        )),
        _ => Failure::malformed(format!(
            "private key: expected a readable encryption header: {error}"
        ))
        .hint("take the key file from its backup"),
    }
}

/// The decoder knows the identifiers of PBES2 and takes any other for a malformed one.
fn names_another_scheme(kind: der::ErrorKind) -> bool {
    let identifier = der::Tag::ObjectIdentifier;
    match kind {
        der::ErrorKind::OidUnknown { .. } => true,
        der::ErrorKind::Value { tag } => tag == identifier,
        _ => false,
    }
}

fn not_decrypted(error: &pkcs5::Error) -> Failure {
    match error {
        pkcs5::Error::AlgorithmParametersInvalid { .. }
        | pkcs5::Error::UnsupportedAlgorithm { .. } => unsupported(&format!(
            "expected PBES2 with scrypt or PBKDF2-SHA-2 and AES-CBC: {error}"
        )),
        _ => wrong_passphrase(),
    }
}

fn unsupported(message: &str) -> Failure {
    Failure::new(
        Exit::Unjudged,
        "UNSUPPORTED",
        format!("private key: {message}"),
    )
    .hint(CONVERT)
}

fn wrong_passphrase() -> Failure {
    Failure::new(
        Exit::Usage,
        "WRONG_PASSPHRASE",
        "the passphrase does not open this private key",
    )
    .hint("try again, and check that the passphrase and the key file belong together")
}

#[cfg(test)]
mod tests;
