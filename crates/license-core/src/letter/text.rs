//! The readable form of a letter: JSON in armor, so that whoever carries it sees what it says.

use serde_json::{Map, Value, json};

use super::proof::to_hex;
use super::{
    ActivationRequest, ClockRequest, Commitment, Letter, LetterError, LetterKind, Nonce, Receipt,
    Secret,
};
use crate::json::{self, Json};
use crate::pasted::{plain_dash, plain_quote};
use crate::spoken;
use crate::{Fingerprint, LicenseId, MachineDigest, ProductCode, Timestamp};
use sha2::{Digest, Sha256};

/// The format.
const VERSION: u64 = 1;
/// As many bytes of SHA-256 as find what was changed on the way; nobody is kept from changing both.
const CHECK_BYTES: usize = 4;
/// The most bytes of a letter: some ten times what one has.
pub(crate) const MAX_LETTER_BYTES: usize = 8 * 1024;

impl Letter {
    /// The letter in armor, as [`Letter::parse`] reads it.
    pub fn to_armor(&self) -> String {
        let label = self.kind().label();
        let body = self.to_json();
        format!("-----BEGIN {label}-----\n{body:#}\n-----END {label}-----\n")
    }

    /// The same on one line, which takes less room in a QR code.
    pub fn to_line(&self) -> String {
        let label = self.kind().label();
        let body = self.to_json();
        format!("-----BEGIN {label}-----{body}-----END {label}-----")
    }

    /// What it says by name.
    pub fn to_json(&self) -> Value {
        let mut members = match self {
            Self::Activation(request) => json!({
                "ver": VERSION,
                "product": request.product.as_str(),
                "license": request.license.as_str(),
                "machine": request.machine.to_string(),
                "nonce": request.nonce.to_string(),
                "commitment": request.commitment.to_string(),
                "made_at": request.made_at.to_string(),
            }),
            Self::Clock(request) => json!({
                "ver": VERSION,
                "product": request.product.as_str(),
                "machine": request.machine.to_string(),
                "nonce": request.nonce.to_string(),
                "mark": request.mark.to_string(),
                "made_at": request.made_at.to_string(),
            }),
            Self::Deactivation(receipt) => json!({
                "ver": VERSION,
                "product": receipt.product.as_str(),
                "license": receipt.license.as_str(),
                "machine": receipt.machine.to_string(),
                "nonce": receipt.nonce.to_string(),
                "secret": receipt.secret.reveal(),
                "made_at": receipt.made_at.to_string(),
            }),
        };
        if let Some(members) = members.as_object_mut() {
            members.insert("check".to_owned(), self.check().into());
        }
        members
    }

    /// Reads a letter in armor, whatever mail and editors have done to its lines, quotes and hyphens; or the lines of
    /// [`spoken`](crate::spoken) that its compact form was read out in.
    ///
    /// # Errors
    /// [`LetterError`] if it is none, or was changed on its way.
    pub fn parse(text: &str) -> Result<Self, LetterError> {
        if text.len() > MAX_LETTER_BYTES {
            return Err(LetterError::TooLong {
                limit: MAX_LETTER_BYTES,
                found: text.len(),
            });
        }
        if spoken::is_likely(text) {
            let bytes = spoken::read(text).map_err(LetterError::Spoken)?;
            return Self::from_bytes(&bytes);
        }
        // No value has white space in it that would be missed.
        let tidy = |letter: char| plain_quote(plain_dash(letter));
        let plain: String = text.chars().map(tidy).collect();
        let (kind, body) = unarmored(&plain)?;
        let body: String = body.split_whitespace().collect();
        let letter = of_json(kind, body.as_bytes())?;
        Ok(letter)
    }

    fn check(&self) -> String {
        let digest = Sha256::digest(self.to_bytes());
        to_hex(digest.get(..CHECK_BYTES).unwrap_or_default())
    }
}

/// The kind that the armor says, and what is between its two lines.
fn unarmored(text: &str) -> Result<(LetterKind, &str), LetterError> {
    let (_, rest) = text.split_once("-BEGIN ").ok_or(LetterError::Armor)?;
    let (label, rest) = rest.split_once('-').ok_or(LetterError::Armor)?;
    let Some(kind) = LetterKind::of_label(label.trim()) else {
        return Err(LetterError::OtherBlock {
            found: label.trim().chars().take(40).collect(),
        });
    };
    let (body, end) = rest.split_once("-END ").ok_or(LetterError::Armor)?;
    let end = end.strip_prefix(label.trim());
    let after = end.ok_or(LetterError::Armor)?.trim_start_matches('-');
    match after.trim_matches(is_around).is_empty() {
        true => Ok((kind, body.trim_matches('-'))),
        false if after.contains("-BEGIN ") => Err(LetterError::Several),
        false => Err(LetterError::Armor),
    }
}

fn is_around(letter: char) -> bool {
    letter.is_whitespace() || matches!(letter, '"' | '\u{feff}' | '-')
}

fn of_json(kind: LetterKind, body: &[u8]) -> Result<Letter, LetterError> {
    let members = json::object(body).map_err(LetterError::Json)?;
    let members = Members(members);
    match members.get("ver") {
        Some(Json::Integer(1)) => {}
        Some(Json::Integer(found)) if *found > 1 => {
            return Err(LetterError::Version {
                supported: VERSION,
                found: found.unsigned_abs(),
            });
        }
        _ => return Err(wrong("ver", "1")),
    }
    let letter = match kind {
        LetterKind::Activation => Letter::Activation(ActivationRequest {
            product: members.product()?,
            license: members.license()?,
            machine: members.fingerprint()?,
            nonce: members.nonce()?,
            commitment: members.read("commitment", "64 hexadecimal digits", Commitment::parse)?,
            made_at: members.instant("made_at")?,
        }),
        LetterKind::Clock => Letter::Clock(ClockRequest {
            product: members.product()?,
            machine: members.fingerprint()?,
            nonce: members.nonce()?,
            mark: members.instant("mark")?,
            made_at: members.instant("made_at")?,
        }),
        LetterKind::Deactivation => Letter::Deactivation(Receipt {
            product: members.product()?,
            license: members.license()?,
            machine: members.read("machine", "the digest of a machine", MachineDigest::parse)?,
            nonce: members.nonce()?,
            secret: members.read("secret", "64 hexadecimal digits", Secret::parse)?,
            made_at: members.instant("made_at")?,
        }),
    };
    members.only_those_of(&letter.to_json())?;
    match members.text("check") {
        Some(check) if check == letter.check() => Ok(letter),
        _ => Err(LetterError::Check),
    }
}

fn wrong(member: &'static str, expected: &'static str) -> LetterError {
    LetterError::Member { member, expected }
}

struct Members<'j>(json::Object<'j>);

impl Members<'_> {
    fn get(&self, name: &str) -> Option<&Json<'_>> {
        let mut members = self.0.iter();
        members
            .find(|(other, _)| other == name)
            .map(|(_, value)| value)
    }

    fn text(&self, name: &str) -> Option<&str> {
        match self.get(name)? {
            Json::String(text) => Some(text),
            _ => None,
        }
    }

    fn read<T>(
        &self,
        member: &'static str,
        expected: &'static str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<T, LetterError> {
        let value = self.text(member).and_then(parse);
        value.ok_or(wrong(member, expected))
    }

    fn product(&self) -> Result<ProductCode, LetterError> {
        self.read("product", "a product code", |text| {
            ProductCode::parse(text).ok()
        })
    }

    fn license(&self) -> Result<LicenseId, LetterError> {
        self.read("license", "a license id", LicenseId::parse)
    }

    fn fingerprint(&self) -> Result<Fingerprint, LetterError> {
        self.read("machine", "a fingerprint, fp1:…", Fingerprint::parse)
    }

    fn nonce(&self) -> Result<Nonce, LetterError> {
        self.read("nonce", "32 hexadecimal digits", Nonce::parse)
    }

    fn instant(&self, name: &'static str) -> Result<Timestamp, LetterError> {
        let expected = "an instant such as 2027-03-01T12:00:00Z";
        self.read(name, expected, |text| Timestamp::parse(text).ok())
    }

    fn only_those_of(&self, letter: &Value) -> Result<(), LetterError> {
        let empty = Map::new();
        let known = letter.as_object().unwrap_or(&empty);
        match self.0.iter().find(|(name, _)| !known.contains_key(&**name)) {
            None => Ok(()),
            Some((name, _)) => Err(LetterError::UnknownMember {
                found: name.chars().take(32).collect(),
            }),
        }
    }
}
