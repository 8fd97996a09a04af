//! base64url without padding, in canonical form only (RFC 4648 sections 3.5 and 5).

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::NO_PAD;

/// The base64 engine of the platform, which uses SIMD instructions where `base64` supports them.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
type PlatformEngine = base64::engine::Simd;
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
type PlatformEngine = base64::engine::GeneralPurpose;

/// The engine, created once because it detects the features of the processor.
static ENGINE: LazyLock<PlatformEngine> = LazyLock::new(engine);

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
fn engine() -> PlatformEngine {
    base64::engine::Simd::url_safe(NO_PAD)
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn engine() -> PlatformEngine {
    base64::engine::GeneralPurpose::new(&base64::alphabet::URL_SAFE, NO_PAD)
}

/// Decodes a text. Returns `None` if the text has padding, characters of other alphabets or nonzero
/// trailing bits.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    ENGINE.decode(text).ok()
}

/// Encodes bytes without padding.
pub(crate) fn encode(bytes: &[u8]) -> String {
    ENGINE.encode(bytes)
}

/// Returns the number of characters that encode `bytes` bytes.
#[cfg(feature = "issue")]
pub(crate) fn encoded_length(bytes: usize) -> usize {
    bytes.saturating_mul(4).div_ceil(3)
}

/// Returns whether the character is in the alphabet.
pub(crate) fn is_in_alphabet(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '-' || character == '_'
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;

    #[test]
    fn values_of_all_lengths_round_trip() {
        for length in 0..100 {
            let bytes: Vec<u8> = (0..length).map(|n: u8| n.wrapping_mul(37)).collect();
            let text = encode(&bytes);
            #[cfg(feature = "issue")]
            assert_eq!(text.len(), encoded_length(bytes.len()));
            assert_eq!(decode(&text).as_ref(), Some(&bytes));
        }
    }

    /// Compares both engines on values of many lengths, each with every possible change of one
    /// character.
    #[test]
    fn the_simd_engine_agrees_with_the_scalar_engine() {
        for length in 0..150 {
            let bytes: Vec<u8> = (0..length).map(|n: u8| n.wrapping_mul(91)).collect();
            let text = encode(&bytes);
            assert_eq!(text, URL_SAFE_NO_PAD.encode(&bytes));
            for at in 0..text.len() {
                for byte in 0..=127 {
                    let mut changed = text.clone().into_bytes();
                    changed[at] = byte;
                    let changed = String::from_utf8(changed).unwrap();
                    let decoded = decode(&changed);
                    assert_eq!(
                        decoded,
                        URL_SAFE_NO_PAD.decode(&changed).ok(),
                        "{changed:?}"
                    );
                }
            }
        }
    }

    /// The encoding of one byte has four unused bits. A lax decoder ignores them, and accepts 16
    /// last characters for each byte.
    #[test]
    fn only_the_canonical_encoding_of_a_value_is_accepted() {
        let alphabet = ('A'..='Z')
            .chain('a'..='z')
            .chain('0'..='9')
            .chain(['-', '_']);
        let right: Vec<_> = alphabet
            .filter(|last| decode(&format!("A{last}")).is_some())
            .collect();
        assert_eq!(right, ['A', 'Q', 'g', 'w']);
        assert!(decode("AA==").is_none());
        assert!(decode("A").is_none());
        assert!(decode("A+").is_none());
    }
}
