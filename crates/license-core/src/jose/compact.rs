//! A token as received.

use std::borrow::Cow;
use std::fmt;

use super::header::{self, Header};
use super::size::{self, MAX_FILE_BYTES, MAX_LIST_BYTES, MAX_TOKEN_BYTES};
use super::{ParseError, TokenKind};
use crate::encoding::base64url;
use crate::encoding::pasted::{Pasted, unbroken, without_wrapping};
use crate::jose::Algorithm;

/// A token of which nothing but its spelling and its header is known.
///
/// ```
/// use license_core::{TrustSet, Unverified};
///
/// # const JWKS: &str = include_str!("../../../../fixtures/trust/vendor.jwks");
/// # const TOKEN: &str = include_str!("../../../../fixtures/tokens/valid-pro.jwt");
/// let trust = TrustSet::parse(JWKS)?;
/// let license = Unverified::parse(TOKEN)?.verify(&trust)?;
/// assert_eq!(license.tier().as_str(), "PRO");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
#[must_use = "an unverified token proves nothing"]
pub struct Unverified<'a> {
    text: Cow<'a, str>,
    /// Where the dots are.
    dots: (usize, usize),
    header: Header,
}

impl<'a> Unverified<'a> {
    /// Reads a token, undoing what mail and editors do to it, and its header.
    ///
    /// # Errors
    /// [`ParseError`] if it is no token in canonical form with exactly the members `alg`, `kid` and `typ`.
    pub fn parse(text: &'a str) -> Result<Self, ParseError> {
        // What is small needs no look at what it is.
        let (given, own) = match text.len() > MAX_TOKEN_BYTES && size::is_list(text) {
            true => (MAX_LIST_BYTES, MAX_LIST_BYTES),
            false => (MAX_FILE_BYTES, MAX_TOKEN_BYTES),
        };
        at_most(given, text)?;
        if let Some(dots) = dots_of_plain(text) {
            at_most(own, text)?;
            return Self::with_dots(Cow::Borrowed(text), dots);
        }
        let unbroken = unbroken(without_wrapping(text));
        if let Some(dots) = dots_of_plain(&unbroken) {
            at_most(own, &unbroken)?;
            return Self::with_dots(Cow::Owned(unbroken), dots);
        }
        let text = tidied(text, own)?;
        let dots = dots(&text)?;
        Self::with_dots(text, dots)
    }

    fn with_dots(text: Cow<'a, str>, dots: (usize, usize)) -> Result<Self, ParseError> {
        let header = header::parse(text.get(..dots.0).unwrap_or_default())?;
        Ok(Self { text, dots, header })
    }

    /// What the header says that the token is.
    pub fn unverified_kind(&self) -> TokenKind {
        self.header.kind
    }

    /// The key id that the header names.
    pub fn unverified_key_id(&self) -> &str {
        &self.header.key_id
    }

    /// The algorithm that the header names.
    pub fn unverified_algorithm(&self) -> Algorithm {
        self.header.algorithm
    }

    /// Returns the payload. Nothing proves who wrote it.
    pub(crate) fn payload(&self) -> Result<Vec<u8>, ParseError> {
        self.decode("payload", self.dots.0 + 1, self.dots.1)
    }

    /// Returns the signature.
    pub(crate) fn signature(&self) -> Result<Vec<u8>, ParseError> {
        self.decode("signature", self.dots.1 + 1, self.text.len())
    }

    /// Returns the bytes that the signature covers (RFC 7515 section 5.2).
    pub(crate) fn signed(&self) -> &[u8] {
        self.text.as_bytes().get(..self.dots.1).unwrap_or_default()
    }

    /// The token in canonical form, without the white space it came with.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The same token, no longer borrowing the text that it was read from.
    pub fn into_owned(self) -> Unverified<'static> {
        Unverified {
            text: Cow::Owned(self.text.into_owned()),
            dots: self.dots,
            header: self.header,
        }
    }

    fn decode(&self, segment: &'static str, from: usize, to: usize) -> Result<Vec<u8>, ParseError> {
        let text = self.text.get(from..to).unwrap_or_default();
        base64url::decode(text).ok_or(ParseError::Base64 { segment })
    }
}

/// Without the token: it is a bearer credential.
impl fmt::Debug for Unverified<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Unverified({} by {})",
            self.header.kind, self.header.key_id
        )
    }
}

pub(crate) fn at_most(limit: usize, text: &str) -> Result<(), ParseError> {
    match text.len() {
        found if found > limit => Err(ParseError::TooLong { limit, found }),
        _ => Ok(()),
    }
}

/// What mail and editors did to it is undone.
fn tidied(text: &str, limit: usize) -> Result<Cow<'_, str>, ParseError> {
    let pasted = Pasted::new(text);
    // Without the line breaks it came with.
    at_most(limit, &pasted.text)?;
    if pasted.text.is_empty() {
        return Err(ParseError::Empty);
    }
    check_letters(&pasted)?;
    Ok(pasted.text)
}

fn check_letters(pasted: &Pasted<'_>) -> Result<(), ParseError> {
    let wrong = |letter: char| !base64url::is_letter(letter) && letter != '.';
    match pasted.text.chars().position(wrong) {
        None => Ok(()),
        Some(index) => Err(ParseError::Unexpected {
            position: pasted.position(index),
            expected: "A-Z, a-z, 0-9, `-`, `_` or `.`",
            found: pasted.found(index),
        }),
    }
}

/// Returns the places of the dots if the text needs no tidying: it has two dots, and all other
/// characters are base64url.
fn dots_of_plain(text: &str) -> Option<(usize, usize)> {
    let (first, second) = (text.find('.')?, text.rfind('.')?);
    // Blocks that are counted in bytes become vector instructions.
    let is_other = |byte: &u8| !(byte.is_ascii_alphanumeric() | matches!(byte, b'-' | b'_'));
    let count = |block: &[u8]| {
        block
            .iter()
            .map(|byte| u8::from(is_other(byte)))
            .sum::<u8>()
    };
    let others: usize = text
        .as_bytes()
        .chunks(128)
        .map(|block| usize::from(count(block)))
        .sum();
    (first < second && others == 2).then_some((first, second))
}

fn dots(text: &str) -> Result<(usize, usize), ParseError> {
    let mut dots = text.match_indices('.');
    match (dots.next(), dots.next(), dots.next()) {
        (Some((first, _)), Some((second, _)), None) => Ok((first, second)),
        _ => Err(ParseError::Segments {
            found: text.matches('.').count() + 1,
        }),
    }
}
