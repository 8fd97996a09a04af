//! Secrets that only this server can read, and authentication codes of cookies.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use aws_lc_rs::hmac;
use zeroize::Zeroizing;

use crate::domain::{Refusal, RefusalKind, ServerCode};
use crate::services::site::random;

/// The bytes of a key.
type KeyBytes = Zeroizing<[u8; 32]>;

/// The length of the mark that names the key of a sealed text.
const MARK: usize = 4;

/// Seals secrets with AES-256-GCM, and computes HMAC-SHA256. The keys are derived from key material
/// that is not in the database.
pub struct Sealer {
    /// The current key, and the keys that the server used before.
    keys: Vec<SealingKey>,
}

struct SealingKey {
    mark: [u8; MARK],
    seal: LessSafeKey,
    authenticate: hmac::Key,
}

impl Sealer {
    /// Creates a sealer. The first material is the current one.
    ///
    /// # Errors
    ///
    /// Returns a refusal without any material.
    pub fn new<'a>(materials: impl IntoIterator<Item = &'a [u8]>) -> Result<Self, Refusal> {
        let keys = materials.into_iter().map(SealingKey::new);
        let keys: Vec<_> = keys.collect::<Result<_, _>>()?;
        if keys.is_empty() {
            return Err(unusable("there is no key for secrets of accounts"));
        }
        Ok(Self { keys })
    }

    fn current(&self) -> Result<&SealingKey, Refusal> {
        let first = self.keys.first();
        first.ok_or_else(|| unusable("there is no key for secrets of accounts"))
    }

    /// Seals a secret for a purpose. The sealed text can be opened for the same purpose only.
    ///
    /// # Errors
    ///
    /// Returns a refusal if the operating system provides no random bytes.
    pub fn seal(&self, purpose: &str, secret: &[u8]) -> Result<Vec<u8>, Refusal> {
        let key = self.current()?;
        let nonce: [u8; NONCE_LEN] = random()?;
        let mut text = secret.to_vec();
        let aad = Aad::from(purpose.as_bytes());
        let sealed =
            key.seal
                .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad, &mut text);
        sealed.map_err(|_| unusable("a secret cannot be sealed"))?;
        let mut all = key.mark.to_vec();
        all.extend_from_slice(&nonce);
        all.extend_from_slice(&text);
        Ok(all)
    }

    /// Opens a sealed text.
    ///
    /// # Errors
    ///
    /// Returns a refusal if no key has sealed the text for this purpose.
    pub fn open(&self, purpose: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Refusal> {
        let failed = || unusable("a secret was sealed with another key");
        let (mark, rest) = sealed.split_at_checked(MARK).ok_or_else(failed)?;
        let (nonce, text) = rest.split_at_checked(NONCE_LEN).ok_or_else(failed)?;
        let key = self.keys.iter().find(|key| key.mark == mark);
        let key = key.ok_or_else(failed)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| failed())?;
        let mut text = Zeroizing::new(text.to_vec());
        let aad = Aad::from(purpose.as_bytes());
        let length = key.seal.open_in_place(nonce, aad, &mut text);
        let length = length.map_err(|_| failed())?.len();
        text.truncate(length);
        Ok(text)
    }

    /// Returns the authentication code of a text for a purpose.
    ///
    /// # Errors
    ///
    /// Returns a refusal without a key.
    pub fn authenticate(&self, purpose: &str, text: &[u8]) -> Result<[u8; 32], Refusal> {
        let tag = code(&self.current()?.authenticate, purpose, text).sign();
        let bytes = <[u8; 32]>::try_from(tag.as_ref());
        bytes.map_err(|_| unusable("an authentication code has another length"))
    }

    /// Returns whether a text has an authentication code of one of the keys. The comparison takes
    /// the same time for each code.
    pub fn is_authentic(&self, purpose: &str, text: &[u8], found: &[u8]) -> bool {
        self.keys.iter().any(|key| {
            let expected = code(&key.authenticate, purpose, text).sign();
            aws_lc_rs::constant_time::verify_slices_are_equal(expected.as_ref(), found).is_ok()
        })
    }
}

/// Omits the keys.
impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sealer(..)")
    }
}

impl SealingKey {
    fn new(material: &[u8]) -> Result<Self, Refusal> {
        let mark = derive(material, "mark")?;
        let seal = UnboundKey::new(&AES_256_GCM, derive(material, "seal")?.as_slice());
        let seal = seal.map_err(|_| unusable("a key has another length"))?;
        let authenticate = hmac::Key::new(
            hmac::HMAC_SHA256,
            derive(material, "authenticate")?.as_slice(),
        );
        let (mark, _) = mark
            .split_first_chunk::<MARK>()
            .ok_or_else(|| unusable("a key has another length"))?;
        Ok(Self {
            mark: *mark,
            seal: LessSafeKey::new(seal),
            authenticate,
        })
    }
}

/// Derives a key for one use (HKDF, RFC 5869).
fn derive(material: &[u8], label: &str) -> Result<KeyBytes, Refusal> {
    let failed = |_| unusable("a key cannot be derived");
    let key = Salt::new(HKDF_SHA256, b"license-server-accounts-v1").extract(material);
    let info = [label.as_bytes()];
    let mut bytes = KeyBytes::default();
    let expanded = key.expand(&info, HKDF_SHA256).map_err(failed)?;
    expanded.fill(bytes.as_mut_slice()).map_err(failed)?;
    Ok(bytes)
}

fn code(key: &hmac::Key, purpose: &str, text: &[u8]) -> hmac::Context {
    let mut context = hmac::Context::with_key(key);
    let length = u64::try_from(purpose.len()).unwrap_or(u64::MAX);
    context.update(&length.to_be_bytes());
    context.update(purpose.as_bytes());
    context.update(text);
    context
}

fn unusable(detail: &str) -> Refusal {
    Refusal::new(RefusalKind::Internal, ServerCode::KeyMismatch, detail)
        .hint("give each server of the database the same keys, and keep earlier ones")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealer(materials: &[&[u8]]) -> Sealer {
        Sealer::new(materials.iter().copied()).unwrap()
    }

    #[test]
    fn a_secret_opens_with_its_key_and_purpose_only() {
        let old = sealer(&[b"old key"]);
        let sealed = old.seal("totp", b"secret").unwrap();
        assert!(!sealed.windows(6).any(|part| part == b"secret"));
        assert_ne!(sealed, old.seal("totp", b"secret").unwrap());
        assert_eq!(old.open("totp", &sealed).unwrap().as_slice(), b"secret");
        assert!(old.open("other", &sealed).is_err());
        assert!(sealer(&[b"new key"]).open("totp", &sealed).is_err());
        // The former key of a server still opens.
        let rotated = sealer(&[b"new key", b"old key"]);
        assert_eq!(rotated.open("totp", &sealed).unwrap().as_slice(), b"secret");
        for index in 0..sealed.len() {
            let mut damaged = sealed.clone();
            damaged[index] ^= 1;
            assert!(old.open("totp", &damaged).is_err(), "{index}");
            assert!(old.open("totp", &sealed[..index]).is_err(), "{index}");
        }
        assert!(Sealer::new(std::iter::empty()).is_err());
    }

    #[test]
    fn an_authentication_code_is_bound_to_its_purpose_and_text() {
        let sealer = sealer(&[b"key"]);
        let code = sealer.authenticate("device", b"text").unwrap();
        assert!(sealer.is_authentic("device", b"text", &code));
        assert!(!sealer.is_authentic("device", b"texu", &code));
        assert!(!sealer.is_authentic("devic", b"etext", &code));
        assert!(!sealer.is_authentic("device", b"text", &code[..31]));
        assert!(!sealer.is_authentic("device", b"text", b""));
    }
}
