//! base64url without padding, one spelling for each value (RFC 4648 sections 3.5 and 5).

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::NO_PAD;

/// The engine of this platform: with SIMD instructions where `base64` has it.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
type Platform = base64::engine::Simd;
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
type Platform = base64::engine::GeneralPurpose;

/// Detects the processor's instructions once.
static ENGINE: LazyLock<Platform> = LazyLock::new(engine);

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
fn engine() -> Platform {
    base64::engine::Simd::url_safe(NO_PAD)
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn engine() -> Platform {
    base64::engine::GeneralPurpose::new(&base64::alphabet::URL_SAFE, NO_PAD)
}

/// Decodes, refusing padding, characters of other alphabets and stray bits at the end.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    ENGINE.decode(text).ok()
}

/// Encodes without padding.
pub(crate) fn encode(bytes: &[u8]) -> String {
    ENGINE.encode(bytes)
}

/// Returns the number of characters that encode `bytes` bytes.
#[cfg(feature = "issue")]
pub(crate) fn encoded_length(bytes: usize) -> usize {
    bytes.saturating_mul(4).div_ceil(3)
}

/// Returns whether the character is in the alphabet.
pub(crate) fn is_letter(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '-' || letter == '_'
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;

    #[test]
    fn values_of_every_length_come_back() {
        for length in 0..100 {
            let bytes: Vec<u8> = (0..length).map(|n: u8| n.wrapping_mul(37)).collect();
            let text = encode(&bytes);
            #[cfg(feature = "issue")]
            assert_eq!(text.len(), encoded_length(bytes.len()));
            assert_eq!(decode(&text).as_ref(), Some(&bytes));
        }
    }

    /// Every change of one byte of values of every length, beside the engine without SIMD.
    #[test]
    fn the_scalar_engine_agrees() {
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

    /// A lax decoder accepts 15 other last characters for one byte; each must be refused.
    #[test]
    fn a_value_has_one_spelling() {
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
