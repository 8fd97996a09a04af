//! License tokens as they are minted, by keys that are known beforehand.

use super::header::{self, Header};
use super::{MAX_TOKEN_BYTES, TokenKind, Unverified};
use crate::base64url::encoded_length;
use crate::trust::{TrustSet, TrustedKey};

/// The headers that the licenses of trusted keys are minted with: what begins with one is told by a comparison, and no header is decoded.
pub(crate) struct MintedLicenses {
    /// In the order of their bytes. All have one length: algorithms are of one length, and so are key ids.
    headers: Box<[Known]>,
}

struct Known {
    segment: Box<str>,
    header: Header,
    /// Letters of a signature.
    signature: usize,
}

impl Known {
    fn of(key: &TrustedKey) -> Self {
        let (algorithm, key_id, kind) = (key.algorithm(), key.id().as_str(), TokenKind::License);
        Self {
            segment: header::minted(algorithm, key_id, kind).into(),
            header: Header {
                algorithm,
                key_id: key_id.into(),
                kind,
            },
            signature: encoded_length(key.modulus().len()),
        }
    }
}

impl MintedLicenses {
    pub(crate) fn of(trust: &TrustSet) -> Self {
        let mut headers: Vec<_> = trust.iter().map(Known::of).collect();
        headers.sort_unstable_by(|one, other| one.segment.cmp(&other.segment));
        Self {
            headers: headers.into(),
        }
    }

    /// Reads a token by its header and the length of its signature. What the letters between them are is found out when they are decoded;
    /// none says no more than that it is to be parsed.
    pub(crate) fn read<'t>(&'t self, token: &'t str) -> Option<Unverified<'t>> {
        let length = self.headers.first()?.segment.len();
        let segment = token.get(..length)?;
        let by_segment = |known: &Known| (*known.segment).cmp(segment);
        let at = self.headers.binary_search_by(by_segment).ok()?;
        let known = self.headers.get(at)?;
        let second = token.len().checked_sub(known.signature + 1)?;
        let is_dot = |at: usize| token.as_bytes().get(at) == Some(&b'.');
        let is_minted =
            token.len() <= MAX_TOKEN_BYTES && length < second && is_dot(length) && is_dot(second);
        is_minted.then(|| Unverified::with_header(token, (length, second), &known.header))
    }
}
