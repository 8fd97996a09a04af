//! SHA-256 (FIPS 180-4) and HMAC-SHA256 (RFC 2104), by the library that verifies signatures where it has them: what is linked anyway is
//! the fastest, and costs no crate of its own.

use library::Context;
pub(crate) use library::hmac_sha256;

/// As many bytes as lines that are digested mostly are, or more.
const MOST_LINES: usize = 192;

/// A digest that is being computed.
pub(crate) struct Sha256(Context);

impl Sha256 {
    pub(crate) fn new() -> Self {
        Self(Context::new())
    }

    /// The digest of bytes that are all there.
    pub(crate) fn digest(bytes: impl AsRef<[u8]>) -> [u8; 32] {
        library::digest(bytes.as_ref())
    }

    /// The digest of lines, with a line feed between two of them.
    pub(crate) fn of_lines<const N: usize>(lines: [&str; N]) -> [u8; 32] {
        let mut room = [0; MOST_LINES];
        match joined(lines, &mut room) {
            Some(text) => Self::digest(text),
            None => Self::digest(lines.join("\n")),
        }
    }

    /// Begins with a tag, so that what is digested here is digested nowhere else.
    pub(crate) fn new_with_prefix(tag: impl AsRef<[u8]>) -> Self {
        Self::new().chain_update(tag)
    }

    pub(crate) fn update(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.update(bytes.as_ref());
    }

    pub(crate) fn chain_update(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.update(bytes);
        self
    }

    pub(crate) fn finalize(self) -> [u8; 32] {
        self.0.finalize()
    }
}

/// The lines one after another, in place of an allocation; none if they have no room.
fn joined<'r, const N: usize>(lines: [&str; N], room: &'r mut [u8]) -> Option<&'r [u8]> {
    let mut end = 0;
    for (number, line) in lines.iter().enumerate() {
        let start = end + usize::from(number > 0);
        room.get_mut(end..start)?.fill(b'\n');
        end = start + line.len();
        room.get_mut(start..end)?.copy_from_slice(line.as_bytes());
    }
    room.get(..end)
}

#[cfg(feature = "aws-lc-rs")]
mod library {
    use aws_lc_rs::{digest, hmac};

    pub(super) struct Context(digest::Context);

    impl Context {
        pub(super) fn new() -> Self {
            Self(digest::Context::new(&digest::SHA256))
        }

        pub(super) fn update(&mut self, bytes: &[u8]) {
            self.0.update(bytes);
        }

        pub(super) fn finalize(self) -> [u8; 32] {
            whole(self.0.finish().as_ref())
        }
    }

    pub(super) fn digest(bytes: &[u8]) -> [u8; 32] {
        whole(digest::digest(&digest::SHA256, bytes).as_ref())
    }

    pub(crate) fn hmac_sha256(key: &[u8], message: &[u8]) -> [u8; 32] {
        let key = hmac::Key::new(hmac::HMAC_SHA256, key);
        whole(hmac::sign(&key, message).as_ref())
    }

    /// Both have 32 bytes, in a type that could hold more.
    fn whole(output: &[u8]) -> [u8; 32] {
        let mut bytes = [0; 32];
        bytes
            .iter_mut()
            .zip(output)
            .for_each(|(byte, own)| *byte = *own);
        bytes
    }
}

#[cfg(all(feature = "rsa", not(feature = "aws-lc-rs")))]
mod library {
    use sha2::{Digest, Sha256};

    pub(super) struct Context(Sha256);

    impl Context {
        pub(super) fn new() -> Self {
            Self(Sha256::new())
        }

        pub(super) fn update(&mut self, bytes: &[u8]) {
            self.0.update(bytes);
        }

        pub(super) fn finalize(self) -> [u8; 32] {
            self.0.finalize().into()
        }
    }

    pub(super) fn digest(bytes: &[u8]) -> [u8; 32] {
        Sha256::digest(bytes).into()
    }

    pub(crate) fn hmac_sha256(key: &[u8], message: &[u8]) -> [u8; 32] {
        hmac_sha256::HMAC::mac(message, key)
    }
}

#[cfg(not(any(feature = "rsa", feature = "aws-lc-rs")))]
mod library {
    pub(super) struct Context(hmac_sha256::Hash);

    impl Context {
        pub(super) fn new() -> Self {
            Self(hmac_sha256::Hash::new())
        }

        pub(super) fn update(&mut self, bytes: &[u8]) {
            self.0.update(bytes);
        }

        pub(super) fn finalize(self) -> [u8; 32] {
            self.0.finalize()
        }
    }

    pub(super) fn digest(bytes: &[u8]) -> [u8; 32] {
        hmac_sha256::Hash::hash(bytes)
    }

    pub(crate) fn hmac_sha256(key: &[u8], message: &[u8]) -> [u8; 32] {
        hmac_sha256::HMAC::mac(message, key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoding::hex::decode as from_hex;

    /// FIPS 180-4's examples: "abc", the empty text, and a million times "a".
    #[test]
    fn digests_are_those_of_the_standard() {
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
            assert_eq!(Sha256::digest(&text), expected);
            let (before, after) = text.split_at(text.len() / 3);
            let parts = Sha256::new_with_prefix(before).chain_update(after);
            assert_eq!(parts.finalize(), expected);
        }
    }

    /// RFC 4231 sections 4.3 and 4.7: a short key, and one that is longer than a block.
    #[test]
    fn authentication_codes_are_those_of_the_standard() {
        let short = hmac_sha256(b"Jefe", b"what do ya want for nothing?");
        let digits = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(Some(short), from_hex(digits));
        let message = b"Test Using Larger Than Block-Size Key - Hash Key First";
        let digits = "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54";
        assert_eq!(Some(hmac_sha256(&[0xaa; 131], message)), from_hex(digits));
    }

    /// Whichever library is used: what one wrote, another reads.
    #[test]
    fn the_smallest_library_agrees_at_every_length() {
        let bytes: Vec<u8> = (0..300_u16).map(|byte| byte.to_le_bytes()[0]).collect();
        for length in 0..bytes.len() {
            let (text, rest) = bytes.split_at(length);
            assert_eq!(Sha256::digest(text), hmac_sha256::Hash::hash(text));
            assert_eq!(hmac_sha256(text, rest), hmac_sha256::HMAC::mac(rest, text));
        }
    }

    #[test]
    fn lines_of_any_length_are_digested_as_one_text() {
        for length in (0..10).chain(MOST_LINES - 9..MOST_LINES + 3) {
            let long = "ä".repeat(length / 2) + &"x".repeat(length % 2);
            let lines = ["", "tag", &long, "z"];
            assert_eq!(
                Sha256::of_lines(lines),
                Sha256::digest(lines.join("\n")),
                "{length}"
            );
        }
    }
}
