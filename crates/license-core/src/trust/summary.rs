//! The JSON object of a key: its id, its algorithm and its size.

use serde::Serialize;

use super::TrustedKey;

/// Id, algorithm and size in bits of a key, without the key itself.
#[derive(Serialize)]
pub(crate) struct KeySummary<'a> {
    kid: &'a str,
    alg: &'a str,
    bits: usize,
}

impl<'a> From<&'a TrustedKey> for KeySummary<'a> {
    fn from(key: &'a TrustedKey) -> Self {
        Self {
            kid: key.id().as_str(),
            alg: key.algorithm().as_str(),
            bits: key.bits(),
        }
    }
}
