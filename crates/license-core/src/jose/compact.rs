//! Compact serialization of a token (RFC 7515 section 7.1), before verification.

use std::borrow::Cow;
use std::fmt;
use std::hash::{Hash, Hasher};

use super::header::{self, ProtectedHeader};
use super::size::{self, MAX_FILE_BYTES, MAX_LIST_BYTES, MAX_TOKEN_BYTES};
use super::{ParseError, TokenKind};
use crate::encoding::pasted::{Pasted, without_line_breaks, without_wrapping};
use crate::encoding::{QrTextError, base64url, count_bytes, qr_text};
use crate::jose::Algorithm;

/// A well-formed token whose signature has not been verified.
///
/// ```
/// use license_core::{TrustSet, Unverified};
///
/// # const JWKS: &str = include_str!(concat!(
/// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/trust/vendor.jwks"
/// # ));
/// # const TOKEN: &str = include_str!(concat!(
/// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/tokens/valid-pro.jwt"
/// # ));
/// let trust = TrustSet::parse(JWKS)?;
/// let license = Unverified::parse(TOKEN)?.verify(&trust)?;
/// assert_eq!(license.tier().as_str(), "PRO");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
#[must_use = "an unverified token proves nothing"]
pub struct Unverified<'a> {
    text: Cow<'a, str>,
    /// The byte offsets of the two dots.
    dots: (usize, usize),
    header: ProtectedHeader,
    /// The same token with `--` for each long dash of the input, if there are any.
    other_reading: Option<Box<Unverified<'static>>>,
}

impl<'a> Unverified<'a> {
    /// Parses a token and its header, and reverts the changes that mail programs and editors make.
    ///
    /// Takes memory of up to 8 times the size of the text. To verify a license takes up to 128
    /// times its size, because unknown claims are kept as JSON values. To verify a revocation list
    /// takes up to 16 times its size. A token of another kind takes less than a license.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # const TOKEN: &str = fixture::LICENSE;
    /// use license_core::{TokenKind, Unverified};
    ///
    /// let token = Unverified::parse(TOKEN)?;
    /// assert_eq!(token.unverified_kind(), TokenKind::License);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`ParseError`] if the text is not a token in compact serialization, if its header
    /// has members other than `alg`, `kid` and `typ`, or if the token is longer than
    /// [`MAX_TOKEN_BYTES`]. The limit of a revocation list is [`MAX_LIST_BYTES`].
    pub fn parse(text: &'a str) -> Result<Self, ParseError> {
        // Only a text above the smaller limit needs the check for a revocation list.
        let is_list = text.len() > MAX_TOKEN_BYTES && size::is_list(text);
        let (max_input, max_token) = if is_list {
            (MAX_LIST_BYTES, MAX_LIST_BYTES)
        } else {
            (MAX_FILE_BYTES, MAX_TOKEN_BYTES)
        };
        check_length(max_input, text)?;
        if let Some(dots) = canonical_dots(text) {
            check_length(max_token, text)?;
            return Self::with_dots(Cow::Borrowed(text), dots);
        }
        if let Some(content) = qr_text::read(qr_text::TOKEN, text) {
            return Self::from_qr_content(&content?);
        }
        let unbroken = without_line_breaks(without_wrapping(text));
        if let Some(dots) = canonical_dots(&unbroken) {
            check_length(max_token, &unbroken)?;
            return Self::with_dots(Cow::Owned(unbroken), dots);
        }
        let pasted = Pasted::new(text);
        let other = pasted
            .with_double_hyphens(0)
            .filter(|text| text.len() <= max_token)
            .and_then(|text| Some((canonical_dots(&text)?, text)))
            .and_then(|(dots, text)| Unverified::with_dots(Cow::Owned(text), dots).ok());
        match (Self::normalized(pasted, max_token), other) {
            (Err(_), Some(other)) => Ok(other),
            (Ok(token), Some(other)) if token.header == other.header => Ok(Self {
                other_reading: Some(Box::new(other)),
                ..token
            }),
            (token, _) => token,
        }
    }

    fn normalized(pasted: Pasted<'a>, max_token: usize) -> Result<Self, ParseError> {
        let text = normalize(pasted, max_token)?;
        let dots = dots(&text)?;
        Self::with_dots(text, dots)
    }

    /// Parses the content of a QR code: the lengths of header and payload in two bytes each, and
    /// the decoded segments.
    fn from_qr_content(content: &[u8]) -> Result<Self, ParseError> {
        let segments = || {
            let (lengths, rest) = content.split_first_chunk::<4>()?;
            let [a, b, c, d] = *lengths;
            let (header, rest) = rest.split_at_checked(u16::from_be_bytes([a, b]).into())?;
            let (payload, signature) = rest.split_at_checked(u16::from_be_bytes([c, d]).into())?;
            Some(
                [header, payload, signature]
                    .map(base64url::encode)
                    .join("."),
            )
        };
        let text = segments().ok_or(QrTextError::Content)?;
        check_length(MAX_TOKEN_BYTES, &text)?;
        let dots = canonical_dots(&text).ok_or(QrTextError::Content)?;
        Self::with_dots(Cow::Owned(text), dots)
    }

    /// Returns the token as text for a QR code, which needs a quarter less space than
    /// [`as_str`](Self::as_str). [`parse`](Self::parse) accepts both.
    ///
    /// A token whose payload has more than 65,535 bytes, or that is not canonical base64url, is
    /// returned as it is.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let token = license_core::Unverified::parse(fixture::LICENSE)?;
    /// use license_core::Unverified;
    ///
    /// let text = token.to_qr_text();
    /// assert!(text.starts_with("LICENSE-TOKEN:"));
    /// assert_eq!(Unverified::parse(&text)?, token);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn to_qr_text(&self) -> String {
        let content = || {
            let header = self.decode("header", 0, self.dots.0).ok()?;
            let (payload, signature) = (self.payload().ok()?, self.signature().ok()?);
            let length = |bytes: &[u8]| Some(u16::try_from(bytes.len()).ok()?.to_be_bytes());
            let lengths = [length(&header)?, length(&payload)?].concat();
            Some([lengths, header, payload, signature].concat())
        };
        match content() {
            Some(content) => qr_text::write(qr_text::TOKEN, &content),
            None => self.as_str().to_owned(),
        }
    }

    fn with_dots(text: Cow<'a, str>, dots: (usize, usize)) -> Result<Self, ParseError> {
        let header = header::parse(text.get(..dots.0).unwrap_or_default())?;
        Ok(Self {
            text,
            dots,
            header,
            other_reading: None,
        })
    }

    /// Returns whether long dashes in the input leave two readings, and only a signature can show
    /// which one is right.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let token = license_core::Unverified::parse(fixture::LICENSE)?;
    /// assert!(!token.is_ambiguous());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn is_ambiguous(&self) -> bool {
        self.other_reading.is_some()
    }

    /// Returns the reading of the token for which a condition holds. Without long dashes in the
    /// input, there is only one reading.
    pub(crate) fn reading(&self, holds: impl Fn(&Unverified<'_>) -> bool) -> &Unverified<'_> {
        match &self.other_reading {
            Some(other) if holds(other) => other,
            _ => self,
        }
    }

    /// Removes the other reading of a token whose signature was verified.
    pub(crate) fn without_other_reading(self) -> Self {
        Self {
            other_reading: None,
            ..self
        }
    }

    /// Returns the kind of the token, as its unverified header states it.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let token = license_core::Unverified::parse(fixture::LICENSE)?;
    /// use license_core::TokenKind;
    ///
    /// assert_eq!(token.unverified_kind(), TokenKind::License);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn unverified_kind(&self) -> TokenKind {
        self.header.kind
    }

    /// Returns the key id in the unverified header.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let token = license_core::Unverified::parse(fixture::LICENSE)?;
    /// # let trust = fixture::trust()?;
    /// assert!(trust.get(token.unverified_key_id()).is_some());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn unverified_key_id(&self) -> &str {
        &self.header.key_id
    }

    /// Returns the algorithm in the unverified header.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let token = license_core::Unverified::parse(fixture::LICENSE)?;
    /// use license_core::jose::Algorithm;
    ///
    /// assert_eq!(token.unverified_algorithm(), Algorithm::Rs256);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn unverified_algorithm(&self) -> Algorithm {
        self.header.algorithm
    }

    /// Returns the payload, which is not authenticated.
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

    /// Returns the token in canonical form, without white space.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let token = license_core::Unverified::parse(fixture::LICENSE)?;
    /// assert_eq!(token.as_str(), fixture::LICENSE.trim());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Converts the token into a token that owns its text.
    ///
    /// ```
    /// use license_core::Unverified;
    /// use license_core::jose::ParseError;
    ///
    /// /// Parses the first line of a text, which is dropped when the function returns.
    /// fn first_token(text: String) -> Result<Unverified<'static>, ParseError> {
    ///     let line = text.lines().next().unwrap_or_default();
    ///     Ok(Unverified::parse(line)?.into_owned())
    /// }
    /// # assert!(first_token(String::new()).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn into_owned(self) -> Unverified<'static> {
        Unverified {
            text: Cow::Owned(self.text.into_owned()),
            dots: self.dots,
            header: self.header,
            other_reading: self.other_reading,
        }
    }

    /// Decodes the segment between two offsets.
    fn decode(&self, segment: &'static str, from: usize, to: usize) -> Result<Vec<u8>, ParseError> {
        let text = self.text.get(from..to).unwrap_or_default();
        base64url::decode(text).ok_or(ParseError::Base64 { segment })
    }
}

/// Two tokens are equal if their canonical texts are equal. If the input has long dashes, both of
/// its readings are compared.
impl PartialEq for Unverified<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text && self.other_reading == other.other_reading
    }
}

impl Eq for Unverified<'_> {}

impl Hash for Unverified<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

/// Omits the token, which is a bearer credential.
impl fmt::Debug for Unverified<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Unverified({} by {})",
            self.header.kind, self.header.key_id
        )
    }
}

/// Checks that a text has at most `limit` bytes.
pub(crate) fn check_length(limit: usize, text: &str) -> Result<(), ParseError> {
    match text.len() {
        found if found > limit => Err(ParseError::TooLong { limit, found }),
        _ => Ok(()),
    }
}

/// Reverts the changes that mail programs and editors make.
fn normalize(pasted: Pasted<'_>, limit: usize) -> Result<Cow<'_, str>, ParseError> {
    // The limit applies to the text without line breaks.
    check_length(limit, &pasted.text)?;
    if pasted.text.is_empty() {
        return Err(ParseError::Empty);
    }
    check_characters(&pasted)?;
    Ok(pasted.text)
}

fn check_characters(pasted: &Pasted<'_>) -> Result<(), ParseError> {
    let wrong = |character: char| !base64url::is_in_alphabet(character) && character != '.';
    match pasted.text.chars().position(wrong) {
        None => Ok(()),
        Some(index) => Err(ParseError::Unexpected {
            position: pasted.position(index),
            expected: "A-Z, a-z, 0-9, `-`, `_` or `.`",
            found: pasted.found(index),
        }),
    }
}

/// Returns the offsets of the dots if the text is in canonical form: exactly two dots, and
/// otherwise only base64url characters.
fn canonical_dots(text: &str) -> Option<(usize, usize)> {
    let bytes = text.as_bytes();
    let (first, second) = (memchr::memchr(b'.', bytes)?, memchr::memrchr(b'.', bytes)?);
    let is_other = |byte: u8| !(byte.is_ascii_alphanumeric() | matches!(byte, b'-' | b'_'));
    (first < second && count_bytes(bytes, is_other) == 2).then_some((first, second))
}

/// Returns the offsets of the dots of a normalized token.
fn dots(text: &str) -> Result<(usize, usize), ParseError> {
    let mut dots = text.match_indices('.');
    match (dots.next(), dots.next(), dots.next()) {
        (Some((first, _)), Some((second, _)), None) => Ok((first, second)),
        _ => Err(ParseError::Segments {
            found: text.matches('.').count() + 1,
        }),
    }
}
