//! Sealed files: content that is encrypted with a key derived from the machine's id.
//!
//! A sealed file consists of a first line that identifies the format, eight bytes that identify the
//! machine's key, a nonce of 24 bytes, and the content encrypted with XChaCha20-Poly1305. The
//! additional authenticated data are everything before the nonce, followed by the name of the file.

use std::fmt;
use std::io;

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use license_core::ProductCode;
use sha2::Sha256;
use thiserror::Error;

use crate::state_dir::StateFile;

const FIRST_LINE: &[u8] = b"license state 1\n";
const MACHINE_BYTES: usize = 8;
const NONCE_BYTES: usize = 24;
const KEY_BYTES: usize = 32;

/// Seals and opens the state of one product on one machine.
///
/// Every program that can read the machine's id can derive the same key. A sealed file cannot be
/// used on another machine, or after it was edited by hand. The seal does not hide the state from
/// the owner of the machine.
#[derive(Clone)]
pub(crate) struct Seal {
    cipher: XChaCha20Poly1305,
    machine: [u8; MACHINE_BYTES],
}

/// The reason why a sealed file cannot be opened.
///
/// ```
/// use license_client::{SealError, StateProblem};
///
/// /// Explains a problem with the state of this machine.
/// fn explain(problem: &StateProblem) -> Option<&'static str> {
///     match problem {
///         StateProblem::Sealed { source: SealError::OtherMachine { .. }, .. } => {
///             Some("The state was copied from another machine. The counts start from zero.")
///         }
///         _ => None,
///     }
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SealError {
    /// The file is not a sealed file, or is truncated.
    #[error("the file is not a complete sealed file")]
    NotSealed,
    /// Another machine sealed the file.
    #[error("the file was sealed on another machine")]
    OtherMachine {
        /// Identifies the key of the other machine. The bytes reveal nothing else about that
        /// machine.
        machine: [u8; MACHINE_BYTES],
    },
    /// The file was changed after it was sealed.
    #[error("the file was changed outside this program")]
    Tampered,
}

impl Seal {
    /// Returns the seal of a machine. Without a machine id, the seal detects edited files, but not
    /// copied files.
    pub(crate) fn new(product: ProductCode, machine_id: Option<&str>) -> Self {
        let (salt, id) = match machine_id {
            Some(id) => ("license-state-v1", id),
            None => ("license-state-v1 unbound", ""),
        };
        let hkdf = Hkdf::<Sha256>::new(Some(salt.as_bytes()), id.as_bytes());
        let product = product.as_str().as_bytes();
        let (mut key, mut machine) = ([0; KEY_BYTES], [0; MACHINE_BYTES]);
        // HKDF-SHA256 returns up to 8160 bytes, so neither call can fail (RFC 5869 section 2.3).
        let _ = hkdf.expand_multi_info(&[b"key", product], &mut key);
        let _ = hkdf.expand_multi_info(&[b"machine", product], &mut machine);
        Self {
            cipher: XChaCha20Poly1305::new(&Key::from(key)),
            machine,
        }
    }

    /// Returns the bytes that identify this machine's key.
    pub(crate) fn machine(&self) -> &[u8] {
        &self.machine
    }

    pub(crate) fn seal(&self, file: StateFile, content: &[u8]) -> io::Result<Vec<u8>> {
        let mut nonce = [0; NONCE_BYTES];
        getrandom::fill(&mut nonce).map_err(io::Error::other)?;
        let mut sealed = [FIRST_LINE, &self.machine].concat();
        let aad = [&sealed, file.as_str().as_bytes()].concat();
        let payload = Payload {
            msg: content,
            aad: &aad,
        };
        let encrypted = self.cipher.encrypt(&XNonce::from(nonce), payload);
        let encrypted = encrypted.map_err(|_| io::ErrorKind::InvalidInput)?;
        sealed.extend(nonce);
        sealed.extend(encrypted);
        Ok(sealed)
    }

    pub(crate) fn open(&self, file: StateFile, sealed: &[u8]) -> Result<Vec<u8>, SealError> {
        let rest = sealed
            .strip_prefix(FIRST_LINE)
            .ok_or(SealError::NotSealed)?;
        let (machine, rest) = rest
            .split_first_chunk::<MACHINE_BYTES>()
            .ok_or(SealError::NotSealed)?;
        let (nonce, msg) = rest
            .split_first_chunk::<NONCE_BYTES>()
            .ok_or(SealError::NotSealed)?;
        if *machine != self.machine {
            return Err(SealError::OtherMachine { machine: *machine });
        }
        let aad = [FIRST_LINE, machine, file.as_str().as_bytes()].concat();
        let payload = Payload { msg, aad: &aad };
        let opened = self.cipher.decrypt(&XNonce::from(*nonce), payload);
        opened.map_err(|_| SealError::Tampered)
    }
}

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seal")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seal(product: &str, id: Option<&str>) -> Seal {
        Seal::new(ProductCode::parse(product).unwrap(), id)
    }

    fn here() -> Seal {
        seal("CODITECT", Some("5a7c3e9b1d2f48069ab4c8e0d6f1735b"))
    }

    #[test]
    fn a_sealed_file_opens_only_under_its_own_name() {
        for content in [&b""[..], b"content"] {
            let sealed = here().seal(StateFile::Cache, content).unwrap();
            assert_eq!(here().open(StateFile::Cache, &sealed).unwrap(), content);
            assert_eq!(
                here().open(StateFile::Quota, &sealed),
                Err(SealError::Tampered)
            );
        }
    }

    #[test]
    fn another_machine_or_product_is_distinguished_from_tampering() {
        let sealed = here().seal(StateFile::Cache, b"content").unwrap();
        for other in [
            seal("CODITECT", Some("another")),
            seal("CODITECT", None),
            seal("OTHER", Some("5a7c3e9b1d2f48069ab4c8e0d6f1735b")),
        ] {
            let opened = other.open(StateFile::Cache, &sealed);
            assert!(matches!(opened, Err(SealError::OtherMachine { .. })));
        }
    }

    #[test]
    fn every_flipped_bit_and_every_truncation_is_detected() {
        let sealed = here().seal(StateFile::Quota, b"content").unwrap();
        for index in 0..sealed.len() {
            for bit in 0..8 {
                let mut changed = sealed.clone();
                changed[index] ^= 1 << bit;
                assert!(
                    here().open(StateFile::Quota, &changed).is_err(),
                    "byte {index}, bit {bit}"
                );
            }
            assert!(here().open(StateFile::Quota, &sealed[..index]).is_err());
        }
    }

    #[test]
    fn sealing_twice_gives_different_bytes_without_plain_text() {
        let [one, two] = [(); 2].map(|()| here().seal(StateFile::Quota, b"content").unwrap());
        assert_ne!(one, two);
        assert!(!one.windows(7).any(|bytes| bytes == b"content"));
    }
}
