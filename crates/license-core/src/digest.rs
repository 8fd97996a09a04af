//! HMAC-SHA256 (RFC 2104). SHA-256 is used from `sha2` directly.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Returns the HMAC-SHA256 of a message.
pub(crate) fn hmac_sha256(key: &[u8], message: &[u8]) -> [u8; 32] {
    #[allow(
        clippy::expect_used,
        reason = "HMAC accepts a key of any length (RFC 2104 section 3)"
    )]
    let mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC accepts a key of any length");
    mac.chain_update(message).finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use sha2::Digest;

    use super::*;
    use crate::encoding::hex::decode as from_hex;

    /// The examples of FIPS 180-4: "abc", the empty string, and one million letters "a".
    #[test]
    fn sha256_digests_match_fips_180_4() {
        let expected = [
            (
                "abc".to_owned(),
                "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            ),
            (
                String::new(),
                "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            ),
            (
                "a".repeat(1_000_000),
                "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
            ),
        ];
        for (text, digits) in expected {
            let expected: [u8; 32] = from_hex(digits).unwrap();
            assert_eq!(<[u8; 32]>::from(Sha256::digest(&text)), expected);
            let (start, end) = text.split_at(text.len() / 3);
            let parts = Sha256::new_with_prefix(start).chain_update(end);
            assert_eq!(<[u8; 32]>::from(parts.finalize()), expected);
        }
    }

    /// RFC 4231 sections 4.3 and 4.7: a short key, and a key longer than a block.
    #[test]
    fn hmac_sha256_values_match_rfc_4231() {
        let short = hmac_sha256(b"Jefe", b"what do ya want for nothing?");
        let digits = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(Some(short), from_hex(digits));
        let message = b"Test Using Larger Than Block-Size Key - Hash Key First";
        let digits = "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54";
        assert_eq!(Some(hmac_sha256(&[0xaa; 131], message)), from_hex(digits));
    }
}
