//! Errors of private keys in files.

use std::io;

use license_core::encoding::{FoundText, Position, TextError, TextKind};
use license_core::issue::SigningKeyError;
use pkcs8::der;

use super::super::error::{ErrorAdvice, environment, malformed, request, unsupported};
use super::pem_block::{BEGIN, DASHES, ENCRYPTED, PLAIN};
use super::{AES_BLOCK, MAX_PBKDF2_ITERATIONS, MAX_SCRYPT_MEMORY, MAX_SCRYPT_WORK};

const CONVERT: &str = "convert the key: openssl pkcs8 -topk8 -v2 aes-256-cbc -v2prf hmacWithSHA256 -in OLD.pem -out NEW.pem";

const CONVERT_DER: &str = "use the file with the private key, and convert DER to PEM: openssl pkcs8 -topk8 -inform DER -in KEY -out NEW.key; or PKCS#12: openssl pkcs12 -in KEY -nocerts -out NEW.key";

const CONVERT_OPENSSH: &str =
    "convert a copy of the key: cp KEY NEW.key && ssh-keygen -p -m PKCS8 -f NEW.key";
const CONVERT_PUTTY: &str = "convert the key: puttygen KEY.ppk -O private-openssh -o NEW.key && ssh-keygen -p -m PKCS8 -f NEW.key";

/// The reason why a private key cannot be read, decrypted or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PrivateKeyError {
    /// The file cannot be read.
    #[error("cannot read the private key")]
    Read(#[source] io::Error),
    /// Other users can use the file.
    #[error("expected a file that only its owner can use (mode 0600), found wider permissions")]
    Exposed,
    /// The file is not text.
    #[error("expected a private key in PEM, found binary data")]
    NotText(#[source] TextError),
    /// The text is of another kind, such as a key of PuTTY.
    #[error("expected a private key in PEM, found {}", .0.name())]
    OtherKind(TextKind),
    /// The text is a private key as a JWK.
    #[error("expected a private key in PEM, found a private key in JSON (JWK)")]
    Jwk,
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
    #[error("private key: expected PEM with lines of 64 characters, found malformed PEM")]
    Pem(#[source] der::Error),
    /// The PEM block contains a character that PEM does not have, such as a zero-width space.
    #[error("at {position}: expected a private key in PEM, found {found}")]
    Unexpected {
        /// The position in the text.
        position: Position,
        /// The character.
        found: FoundText,
    },
    /// The PEM block is of another kind.
    #[error("expected PEM `{PLAIN}` or `{ENCRYPTED}`, found `{0}`")]
    OtherLabel(String),
    /// The block does not contain a PKCS#8 private key.
    #[error("expected a PKCS#8 private key, found other data")]
    NotPkcs8(#[source] pkcs8::Error),
    /// The header of an encrypted key cannot be read.
    #[error("private key: expected a valid encryption header, found a malformed one")]
    EncryptionHeader(#[source] pkcs8::Error),
    /// The key is encrypted with PBES1.
    #[error("private key: expected encryption with PBES2, found the older PBES1")]
    Pbes1,
    /// The key is encrypted with an algorithm that is not supported.
    #[error(
        "private key: expected PBES2 with scrypt or PBKDF2-SHA-2 and AES-CBC, found another algorithm"
    )]
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
    #[error("the passphrase does not decrypt this private key")]
    WrongPassphrase,
    /// The key cannot be encrypted.
    #[error("cannot encrypt the private key")]
    Encrypt(#[source] pkcs8::Error),
    /// The key is not an RSA key that verifiers trust.
    #[error(transparent)]
    Unusable(SigningKeyError),
}

impl PrivateKeyError {
    /// Returns whether the file contains something else than a private key, such as a certificate.
    pub(super) fn is_other_kind(&self) -> bool {
        match self {
            Self::NotText(_) => true,
            Self::OtherKind(kind) => !kind.is_secret(),
            Self::OtherLabel(label) => !label.ends_with(PLAIN),
            _ => false,
        }
    }

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
            Self::OtherLabel(label) if label.starts_with("OPENSSH") => unsupported(CONVERT_OPENSSH),
            Self::OtherKind(TextKind::PuttyKey) => unsupported(CONVERT_PUTTY),
            Self::OtherLabel(label) if !label.ends_with(PLAIN) => {
                unsupported("use the file with the private key")
            }
            Self::OtherLabel(label) if label.starts_with("EC ") || label.starts_with("DSA ") => {
                unsupported("use an RSA key, such as one that `keygen new-key` created")
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
            Self::NotText(TextError::Binary { .. }) => malformed(CONVERT_DER),
            Self::NotText(_) => malformed(
                "use the original key file; `tr -d '\\0' <KEY >NEW.key` removes NUL bytes",
            ),
            Self::NoBlock | Self::OtherKind(_) | Self::Jwk | Self::NotPkcs8(_) => {
                malformed("use the file with the private key")
            }
            Self::Truncated { .. } => {
                malformed("restore the key file from its backup: it is truncated")
            }
            Self::SeveralKeys => malformed("store each key in its own file"),
            Self::Unexpected { .. } => {
                malformed("remove this character, or restore the key file from its backup")
            }
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
