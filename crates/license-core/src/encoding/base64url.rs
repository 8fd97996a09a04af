//! base64url without padding, one spelling for each value (RFC 4648 sections 3.5 and 5).

use base64_simd::URL_SAFE_NO_PAD;

/// Decodes, refusing padding, foreign characters and stray bits at the end.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode_to_vec(text.as_bytes()).ok()
}

pub(crate) fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode_to_string(bytes)
}

/// How many letters so many bytes are.
pub(crate) fn encoded_length(bytes: usize) -> usize {
    bytes.saturating_mul(4).div_ceil(3)
}

pub(crate) fn is_letter(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '-' || letter == '_'
}

/// Whether it could be decoded.
pub(crate) fn is_canonical(text: &str) -> bool {
    URL_SAFE_NO_PAD.check(text.as_bytes()).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_every_length_come_back() {
        for length in 0..100 {
            let bytes: Vec<u8> = (0..length).map(|n: u8| n.wrapping_mul(37)).collect();
            let text = encode(&bytes);
            assert_eq!(decode(&text).as_ref(), Some(&bytes));
        }
    }

    /// Every change of one byte of values of every length, beside another decoder.
    #[test]
    fn another_decoder_agrees() {
        use base64::Engine;
        let other = base64::engine::general_purpose::URL_SAFE_NO_PAD;
        for length in 0..70 {
            let bytes: Vec<u8> = (0..length).map(|n: u8| n.wrapping_mul(91)).collect();
            let text = encode(&bytes);
            assert_eq!(text, other.encode(&bytes));
            for at in 0..text.len() {
                for byte in 0..=127 {
                    let mut changed = text.clone().into_bytes();
                    changed[at] = byte;
                    let changed = String::from_utf8(changed).unwrap();
                    let decoded = decode(&changed);
                    assert_eq!(is_canonical(&changed), decoded.is_some(), "{changed:?}");
                    assert_eq!(decoded, other.decode(&changed).ok(), "{changed:?}");
                }
            }
        }
    }

    /// A lax decoder takes 15 other last characters for one byte pair; each must be refused.
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
