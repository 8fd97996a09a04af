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
        let (given, token) = (token.len(), token.trim_ascii());
        let length = self.headers.first()?.segment.len();
        let segment = token.get(..length)?;
        let by_segment = |known: &Known| (*known.segment).cmp(segment);
        let at = self.headers.binary_search_by(by_segment).ok()?;
        let known = self.headers.get(at)?;
        let second = token.len().checked_sub(known.signature + 1)?;
        let is_dot = |at: usize| token.as_bytes().get(at) == Some(&b'.');
        let is_minted =
            given <= MAX_TOKEN_BYTES && length < second && is_dot(length) && is_dot(second);
        is_minted.then(|| Unverified::with_header(token, (length, second), &known.header))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRO: &str = include_str!("../../../../fixtures/tokens/valid-pro.jwt");

    fn minted() -> MintedLicenses {
        let vendor = include_str!("../../../../fixtures/trust/vendor.jwks");
        MintedLicenses::of(&TrustSet::parse(vendor).unwrap())
    }

    #[test]
    fn a_license_by_a_trusted_key_is_read_as_by_the_parser() {
        let minted = minted();
        let (read, parsed) = (minted.read(PRO).unwrap(), Unverified::parse(PRO).unwrap());
        assert_eq!(read.as_str(), parsed.as_str());
        assert_eq!(format!("{read:?}"), format!("{parsed:?}"));
        assert_eq!(read.unverified_algorithm(), parsed.unverified_algorithm());
        assert_eq!(
            read.unverified_claims().unwrap(),
            parsed.unverified_claims().unwrap()
        );
    }

    #[test]
    fn what_is_by_another_key_or_something_else_is_left() {
        let pro = PRO.trim_end();
        let (longer, shorter) = (format!("{pro}A"), &pro[..pro.len() - 1]);
        let (header, _) = pro.split_once('.').unwrap();
        for text in [
            include_str!("../../../../fixtures/tokens/by-a-stranger.jwt"),
            include_str!("../../../../fixtures/tokens/valid-revocations.jwt"),
            &longer,
            shorter,
            header,
            &format!("{header}."),
            &format!("{header}{}", "ä".repeat(400)),
            "",
        ] {
            assert!(minted().read(text).is_none(), "{text}");
        }
        assert!(MintedLicenses::of(&TrustSet::default()).read(PRO).is_none());
    }
}
