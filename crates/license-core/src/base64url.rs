//! base64url without padding, one spelling for each value (RFC 4648 sections 3.5 and 5).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Decodes, refusing padding, foreign characters and stray bits at the end.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

pub(crate) fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(crate) fn is_letter(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '-' || letter == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

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
