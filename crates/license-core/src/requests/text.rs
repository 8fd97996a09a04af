//! Readable form of a machine request: JSON in an armor block.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, json};

use super::block::only_block;
use super::{MachineRequest, MachineRequestError, readback};
use crate::encoding::armor::MachineRequestKind;
use crate::encoding::hex;
use crate::encoding::kind::TextKind;
use crate::encoding::layout::{has_block, lines_of};
use crate::encoding::markup::without_markup;
use crate::encoding::pasted::{is_invisible, plain_dash, plain_quote};
use crate::encoding::qr_text;
use crate::encoding::quoted::quoted;
use crate::encoding::strict_json::{self, IntegerVisitor, ReadError, text};
use sha2::{Digest, Sha256};

/// Format version.
const VERSION: u64 = 1;
/// Length of the check value, a prefix of a SHA-256. It detects accidental changes only.
const CHECK_BYTES: usize = 4;
/// Maximum size in bytes of a request or receipt: about ten times the usual size.
pub(crate) const MAX_REQUEST_BYTES: usize = 8 * 1024;
/// Maximum size in bytes of a text that contains a block, such as a mail.
pub(crate) const MAX_SURROUNDED_BYTES: usize = 256 * 1024;

impl MachineRequest {
    /// Returns the request as an armor block.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let text = &fixture::request()?;
    /// let request = license_core::requests::MachineRequest::parse(text)?;
    /// assert!(request.to_armor().starts_with("-----BEGIN LICENSE ACTIVATION REQUEST-----"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn to_armor(&self) -> String {
        let label = self.kind().label();
        let body = self.to_json();
        format!("-----BEGIN {label}-----\n{body:#}\n-----END {label}-----\n")
    }

    /// Returns the request as text for a QR code: its compact form in decimal digits.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let text = &fixture::request()?;
    /// use license_core::requests::MachineRequest;
    ///
    /// let request = MachineRequest::parse(text)?;
    /// let code = request.to_qr_text();
    /// assert!(code.starts_with("LICENSE-REQUEST:"));
    /// assert_eq!(MachineRequest::parse(&code)?, request);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn to_qr_text(&self) -> String {
        qr_text::write(qr_text::REQUEST, &self.to_bytes())
    }

    /// Returns the armor block on one line.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let text = &fixture::request()?;
    /// let request = license_core::requests::MachineRequest::parse(text)?;
    /// assert_eq!(request.to_line().lines().count(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn to_line(&self) -> String {
        let label = self.kind().label();
        let body = self.to_json();
        format!("-----BEGIN {label}-----{body}-----END {label}-----")
    }

    /// Returns the request as a JSON object.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let text = &fixture::request()?;
    /// let request = license_core::requests::MachineRequest::parse(text)?;
    /// assert_eq!(request.to_json()["product"], "CODITECT");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn to_json(&self) -> Value {
        json!(RequestJson {
            ver: VERSION,
            request: self,
            check: self.check(),
        })
    }

    /// Parses an armor block, the text of a QR code, or the [readback
    /// lines](crate::requests::readback) of the compact form.
    ///
    /// Line breaks, quotes and hyphens that mail programs and editors have replaced are accepted,
    /// and so is other text around an armor block. Takes memory of up to 128 times the size of the
    /// text.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let text = &fixture::request()?;
    /// use license_core::requests::MachineRequest;
    ///
    /// let request = MachineRequest::parse(text)?;
    /// // Quotes that a mail program has replaced do no harm.
    /// let mailed = text.replace('"', "\u{201d}");
    /// assert_eq!(MachineRequest::parse(&mailed)?, request);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`MachineRequestError`] if the text is not exactly one request or receipt, or if it
    /// was changed. A request may have up to 8 KiB, and a text around an armor block 256 KiB.
    pub fn parse(text: &str) -> Result<Self, MachineRequestError> {
        check_length(text, MAX_SURROUNDED_BYTES)?;
        Self::parse_limited(text).map_err(|error| {
            if is_encoded_mail(text) {
                MachineRequestError::EncodedMail
            } else {
                error
            }
        })
    }

    fn parse_limited(source: &str) -> Result<Self, MachineRequestError> {
        let text = &*without_markup(source);
        if !has_block(text) {
            check_length(text, MAX_REQUEST_BYTES)?;
        }
        if let Some(content) = qr_text::read(qr_text::REQUEST, text) {
            return Self::from_bytes(&content.map_err(MachineRequestError::QrText)?);
        }
        if readback::looks_like_lines(text) {
            let bytes = readback::from_lines(text).map_err(MachineRequestError::Readback)?;
            return Self::from_bytes(&bytes);
        }
        let normalize = |character: char| plain_quote(plain_dash(character));
        let lines = lines_of(text);
        // No value contains a character that cannot be seen, and the check value detects a change.
        let visible = lines.chars().filter(|character| !is_invisible(*character));
        let plain: String = visible.map(normalize).collect();
        let (kind, body) = only_block(&plain).map_err(|error| match TextKind::detect(source) {
            Some(found) if matches!(error, MachineRequestError::Armor) && is_other(found) => {
                MachineRequestError::OtherKind { found }
            }
            _ => error,
        })?;
        check_length(body, MAX_REQUEST_BYTES)?;
        // No value contains white space, so it can be removed everywhere.
        let body: String = body.split_whitespace().collect();
        from_json(kind, body.as_bytes())
    }

    fn check(&self) -> String {
        let digest = Sha256::digest(self.to_bytes());
        hex::encode(digest.get(..CHECK_BYTES).unwrap_or_default())
    }
}

fn check_length(text: &str, limit: usize) -> Result<(), MachineRequestError> {
    let found = text.len();
    if found > limit {
        return Err(MachineRequestError::TooLong { limit, found });
    }
    Ok(())
}

/// Returns whether a text is the source of a mail whose content is encoded
/// (<https://www.rfc-editor.org/rfc/rfc2045#section-6>).
fn is_encoded_mail(text: &str) -> bool {
    let mut encodings = text.lines().filter_map(|line| {
        let (name, value) = line.split_once(':')?;
        let is_encoding = name.eq_ignore_ascii_case("Content-Transfer-Encoding");
        is_encoding.then(|| value.trim())
    });
    encodings.any(|encoding| {
        ["quoted-printable", "base64"]
            .iter()
            .any(|encoded| encoding.eq_ignore_ascii_case(encoded))
    })
}

/// Returns whether a text is of another kind than a request.
fn is_other(kind: TextKind) -> bool {
    !matches!(kind, TextKind::MachineRequest(_))
}

/// JSON form of a machine request.
#[derive(Serialize)]
struct RequestJson<'a> {
    ver: u64,
    #[serde(flatten)]
    request: &'a MachineRequest,
    check: String,
}

/// Members of every kind of machine request.
#[derive(Deserialize)]
struct CommonMembers {
    #[serde(rename = "ver", deserialize_with = "supported_version")]
    _version: u64,
    #[serde(deserialize_with = "text")]
    check: String,
}

fn from_json(kind: MachineRequestKind, body: &[u8]) -> Result<MachineRequest, MachineRequestError> {
    let request = match kind {
        MachineRequestKind::Activation => MachineRequest::Activation(read(body)?),
        MachineRequestKind::Clock => MachineRequest::Clock(read(body)?),
        MachineRequestKind::Deactivation => MachineRequest::Deactivation(read(body)?),
    };
    let common: CommonMembers = read(body)?;
    let known = request.to_json();
    let members = strict_json::members(body).map_err(MachineRequestError::Json)?;
    if let Some(name) = members.keys().find(|name| known.get(name).is_none()) {
        return Err(MachineRequestError::UnknownMember {
            found: quoted(name),
        });
    }
    if common.check == request.check() {
        Ok(request)
    } else {
        Err(MachineRequestError::Check)
    }
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, MachineRequestError> {
    strict_json::from_slice(body).map_err(|error| match error {
        ReadError::Json(error) => MachineRequestError::Json(error),
        ReadError::Member(error) => later_version(body).unwrap_or(MachineRequestError::Member {
            member: error.path,
            expected: error.expected,
        }),
    })
}

/// Returns the error for a text with a later format version. This error takes precedence over all
/// other errors.
fn later_version(body: &[u8]) -> Option<MachineRequestError> {
    #[derive(Deserialize)]
    struct VersionMember {
        #[serde(deserialize_with = "strict_json::count")]
        ver: u64,
    }
    let VersionMember { ver: found } = strict_json::from_slice(body).ok()?;
    let supported = VERSION;
    (found > supported).then_some(MachineRequestError::Version { supported, found })
}

fn supported_version<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    deserializer.deserialize_u64(IntegerVisitor {
        expected: "1",
        convert: |version| (version == 1).then_some(VERSION),
    })
}
