//! PKCS#11 URIs (RFC 7512).

use std::collections::BTreeMap;
use std::path::PathBuf;

/// The path attributes, which identify libraries, slots, tokens and objects (section 2.3).
const PATH: [&str; 13] = [
    "id",
    "library-description",
    "library-manufacturer",
    "library-version",
    "manufacturer",
    "model",
    "object",
    "serial",
    "slot-description",
    "slot-id",
    "slot-manufacturer",
    "token",
    "type",
];
/// The query attributes, which describe how to access the token (section 2.4).
const QUERY: [&str; 4] = ["module-name", "module-path", "pin-source", "pin-value"];

/// The maximum length of the name of an unknown attribute in a message.
const MAX_SHOWN_NAME: usize = 32;

/// The reason why a text is not a PKCS#11 URI. No message contains a value, because a value may be
/// a PIN.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Pkcs11UriError {
    /// A part has no `=`.
    #[error("pkcs11 URI: expected NAME=VALUE, found a part without =")]
    NotAnAttribute,
    /// A path attribute is unknown. Such a URI matches nothing (section 2.5).
    #[error("pkcs11 URI: unknown attribute `{0}`, which matches no token")]
    UnknownAttribute(String),
    /// A query attribute is in the path.
    #[error("pkcs11 URI: expected attribute `{name}` in the query, found it in the path")]
    MisplacedAttribute {
        /// The name of the attribute.
        name: String,
        /// Whether the URI has a query.
        has_query: bool,
    },
    /// The value of an attribute cannot be decoded.
    #[error(
        "pkcs11 URI: attribute `{0}`: expected UTF-8 with %XX for special characters, \
         found another encoding"
    )]
    Value(&'static str),
    /// An attribute occurs twice.
    #[error("pkcs11 URI: expected attribute `{0}` once, found it twice")]
    Duplicate(&'static str),
    /// The URI contains a PIN.
    #[error(
        "pkcs11 URI: pin-value exposes the PIN in the command line, the process list and the \
         history of the shell"
    )]
    PinValue,
    /// The attribute `type` names another class of objects.
    #[error("pkcs11 URI: expected type=private, found another type")]
    Type,
    /// The attribute `slot-id` is not a number.
    #[error("pkcs11 URI: expected a number for slot-id, found other text")]
    SlotId,
    /// The attribute `pin-source` does not name a file.
    #[error("pkcs11 URI: pin-source: expected file:/PATH or a path, found another source")]
    PinSource,
}

impl Pkcs11UriError {
    /// Returns what the user can do.
    #[must_use]
    pub fn hint(&self) -> String {
        let fixed = match self {
            Self::NotAnAttribute => {
                "write the URI as in pkcs11:token=TOKEN;object=NAME?module-path=/PATH"
            }
            Self::UnknownAttribute { .. } => return format!("use one of {}", PATH.join(", ")),
            Self::MisplacedAttribute { name, has_query } => {
                return if *has_query {
                    format!("write `{name}` after the ?")
                } else {
                    format!("write ? before `{name}`")
                };
            }
            Self::Value { .. } => "write a space as %20 and a ; as %3B",
            Self::Duplicate { .. } => "remove one of the two attributes",
            Self::PinValue => "change the PIN, and provide it with pin-source=file:/PATH",
            Self::Type => "remove `type`",
            Self::SlotId => "use token=LABEL instead: slot numbers can change",
            Self::PinSource => "use the name of a file that contains the PIN",
        };
        fixed.to_owned()
    }
}

/// A PKCS#11 URI. An attribute that is absent matches everything (section 2.5).
#[derive(Debug)]
pub(super) struct Pkcs11Uri {
    /// The decoded values by name. All except `id` are UTF-8.
    attributes: BTreeMap<&'static str, Vec<u8>>,
    /// The names of unknown query attributes.
    ignored: Vec<String>,
}

impl Pkcs11Uri {
    /// Parses a URI without its scheme.
    pub(super) fn parse(text: &str) -> Result<Self, Pkcs11UriError> {
        let (path, query) = text.split_once('?').unwrap_or((text, ""));
        let mut uri = Self {
            attributes: BTreeMap::new(),
            ignored: Vec::new(),
        };
        for part in parts(path, ';') {
            let (name, value) = attribute(part)?;
            let known = PATH.iter().find(|known| **known == name);
            let known = known.ok_or_else(|| unknown(name, query))?;
            uri.add(known, value)?;
        }
        for part in parts(query, '&') {
            let (name, value) = attribute(part)?;
            match QUERY.iter().find(|known| **known == name) {
                Some(known) => uri.add(known, value)?,
                // Unknown query attributes are ignored, optionally with a warning (section 2.5).
                None => uri.ignored.push(shown(name)),
            }
        }
        uri.check()?;
        Ok(uri)
    }

    fn add(&mut self, name: &'static str, value: &str) -> Result<(), Pkcs11UriError> {
        let value = decoded(value)
            .filter(|value| name == "id" || std::str::from_utf8(value).is_ok())
            .ok_or(Pkcs11UriError::Value(name))?;
        match self.attributes.insert(name, value) {
            None => Ok(()),
            Some(_) => Err(Pkcs11UriError::Duplicate(name)),
        }
    }

    fn check(&self) -> Result<(), Pkcs11UriError> {
        if self.attributes.contains_key("pin-value") {
            return Err(Pkcs11UriError::PinValue);
        }
        if self.text("type").is_some_and(|kind| kind != "private") {
            return Err(Pkcs11UriError::Type);
        }
        self.slot()?;
        self.pin_source().map(drop)
    }

    /// Returns the names of the query attributes that are unknown.
    pub(super) fn ignored(&self) -> impl Iterator<Item = &str> {
        self.ignored.iter().map(String::as_str)
    }

    /// Returns an attribute other than `id`.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        let value = self.attributes.get(name)?;
        std::str::from_utf8(value).ok()
    }

    /// Returns the id of the object.
    pub(super) fn id(&self) -> Option<&[u8]> {
        self.attributes.get("id").map(Vec::as_slice)
    }

    /// Returns whether an attribute is absent or has this value.
    pub(super) fn admits(&self, name: &str, found: &str) -> bool {
        self.text(name).is_none_or(|expected| expected == found)
    }

    /// Returns the number of the slot.
    pub(super) fn slot(&self) -> Result<Option<u64>, Pkcs11UriError> {
        let number = self.text("slot-id").map(str::parse);
        number.transpose().map_err(|_| Pkcs11UriError::SlotId)
    }

    /// Returns the path of the file that contains the PIN.
    pub(super) fn pin_source(&self) -> Result<Option<PathBuf>, Pkcs11UriError> {
        let Some(source) = self.text("pin-source") else {
            return Ok(None);
        };
        let path = match source.strip_prefix("file:") {
            // `file:/PATH`, or with an empty or local authority (RFC 8089 appendix B).
            Some(rest) => rest
                .strip_prefix("//localhost/")
                .or_else(|| rest.strip_prefix("///"))
                .map_or_else(|| rest.to_owned(), |path| format!("/{path}")),
            None => source.to_owned(),
        };
        let is_path = path.starts_with('/') || !path.contains([':', '|']) && path != "-";
        if is_path && !path.starts_with("//") && !path.is_empty() {
            Ok(Some(path.into()))
        } else {
            Err(Pkcs11UriError::PinSource)
        }
    }

    /// Returns the location of the key that the URI names, without a PIN.
    ///
    /// In the id, all bytes are percent-encoded. In the other attributes, unreserved characters are
    /// not encoded.
    pub(super) fn location_of(&self, token: &str, label: &str, id: &[u8]) -> String {
        let mut name = format!("pkcs11:token={}", encoded(token.as_bytes()));
        if let Some(serial) = self.text("serial") {
            name = format!("{name};serial={}", encoded(serial.as_bytes()));
        }
        name = format!("{name};object={}", encoded(label.as_bytes()));
        format!("{name};id={}", percent_encoded(id))
    }
}

fn parts(text: &str, separator: char) -> impl Iterator<Item = &str> {
    text.split(separator).filter(|part| !part.is_empty())
}

fn attribute(part: &str) -> Result<(&str, &str), Pkcs11UriError> {
    part.split_once('=').ok_or(Pkcs11UriError::NotAnAttribute)
}

/// Decodes percent-encoding (RFC 3986 section 2.1).
///
/// Returns `None` if a `%` is not followed by two hexadecimal digits.
fn decoded(value: &str) -> Option<Vec<u8>> {
    let mut bytes = value.bytes();
    let mut plain = Vec::with_capacity(value.len());
    while let Some(byte) = bytes.next() {
        plain.push(match byte {
            b'%' => digit(bytes.next()?)? << 4 | digit(bytes.next()?)?,
            other => other,
        });
    }
    Some(plain)
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16)?.try_into().ok()
}

/// Percent-encodes all bytes except unreserved characters (RFC 3986 section 2.3).
fn encoded(value: &[u8]) -> String {
    let encode = |byte: &u8| match byte {
        b'-' | b'.' | b'_' | b'~' => char::from(*byte).to_string(),
        byte if byte.is_ascii_alphanumeric() => char::from(*byte).to_string(),
        byte => percent_encoded(&[*byte]),
    };
    value.iter().map(encode).collect()
}

/// Percent-encodes all bytes, such as those of an id (RFC 7512 section 2.3).
pub(super) fn percent_encoded(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("%{byte:02X}")).collect()
}

/// Returns a name for a message. Text that is not a valid name is hidden, because it may be a PIN.
fn shown(name: &str) -> String {
    let is_name = |letter: char| letter.is_ascii_lowercase() || "-_".contains(letter);
    if name.len() <= MAX_SHOWN_NAME && name.chars().all(is_name) {
        name.to_owned()
    } else {
        "…".to_owned()
    }
}

fn unknown(name: &str, query: &str) -> Pkcs11UriError {
    let is_misplaced = QUERY.contains(&name);
    let name = shown(name);
    if is_misplaced {
        Pkcs11UriError::MisplacedAttribute {
            name,
            has_query: !query.is_empty(),
        }
    } else {
        Pkcs11UriError::UnknownAttribute(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Pkcs11Uri {
        Pkcs11Uri::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    fn refused(text: &str) -> Pkcs11UriError {
        Pkcs11Uri::parse(text).expect_err(text)
    }

    #[test]
    fn attributes_are_decoded() {
        let uri = parse("token=My%20Token;object=a%3Bb;id=%00%ff%41;slot-id=7");
        assert_eq!(uri.text("token"), Some("My Token"));
        assert_eq!(uri.text("object"), Some("a;b"));
        assert_eq!(uri.id(), Some(&[0, 0xff, b'A'][..]));
        assert_eq!(uri.slot().unwrap(), Some(7));
        let nothing = parse("");
        assert!(nothing.text("token").is_none() && nothing.admits("token", "any"));
        assert!(uri.admits("token", "My Token") && !uri.admits("token", "other"));
    }

    #[test]
    fn the_query_names_the_module_and_the_source_of_the_pin() {
        let uri = parse("token=t?module-path=/usr/lib/a%2520.so&pin-source=file:/etc/pin");
        assert_eq!(uri.text("module-path"), Some("/usr/lib/a%20.so"));
        for (source, path) in [
            ("file:/etc/pin", "/etc/pin"),
            ("file:///etc/pin", "/etc/pin"),
            ("file://localhost/etc/pin", "/etc/pin"),
            ("/etc/pin", "/etc/pin"),
            ("pin.txt", "pin.txt"),
        ] {
            let uri = parse(&format!("token=t?pin-source={source}"));
            assert_eq!(uri.pin_source().unwrap(), Some(path.into()), "{source}");
        }
    }

    #[test]
    fn a_pin_source_that_is_not_a_local_file_is_refused() {
        for source in ["%7Cprog%20x", "https://x/pin", "file://host/pin", "-", ""] {
            let error = refused(&format!("token=t?pin-source={source}"));
            assert!(error.to_string().contains("pin-source"), "{error:?}");
        }
    }

    #[test]
    fn an_unknown_attribute_is_refused_in_the_path_and_ignored_in_the_query() {
        let error = refused("token=t;x-vendor=1");
        assert!(error.to_string().contains("`x-vendor`"), "{error:?}");
        let uri = parse("token=t?x-vendor=1&module-name=x");
        assert_eq!(uri.ignored, ["x-vendor"]);
        let misplaced = refused("token=t;module-path=/x");
        assert!(misplaced.hint().contains('?'), "{misplaced:?}");
    }

    #[test]
    fn no_error_shows_text_that_may_be_a_pin() {
        for text in [
            "token=t?pin-value=4711",
            "token=t;pin-value=4711",
            "token=t?pin-value=4711&pin-value=4711",
            "token=t?pin-value=4711%",
            "token=t?4711",
            "4711",
            "4711=x",
            "token=t;slot-id=4711x",
            "token=t?pin-source=%7C4711",
        ] {
            let error = refused(text);
            let shown = format!("{error:?} {error} {}", error.hint());
            assert!(!shown.contains("4711"), "{shown}");
        }
    }

    #[test]
    fn malformed_uris_are_refused() {
        for text in [
            "token=a;token=b",
            "token=%",
            "token=%4",
            "token=%zz",
            "token=%ff",
            "token",
            "slot-id=x",
            "slot-id=-1",
            "type=public",
            "token=t?module-path=a&module-path=b",
        ] {
            let _ = refused(text);
        }
    }

    #[test]
    fn the_location_of_a_key_can_be_parsed_again() {
        let uri = parse("token=ignored;serial=ab%20c?pin-source=/pin");
        let name = uri.location_of("My Token", "a;ä", &[0, 255]);
        assert_eq!(
            name,
            "pkcs11:token=My%20Token;serial=ab%20c;object=a%3B%C3%A4;id=%00%FF"
        );
        let back = parse(name.strip_prefix("pkcs11:").unwrap());
        assert_eq!(back.text("object"), Some("a;ä"));
        assert_eq!(back.id(), Some(&[0, 255][..]));
    }
}
