//! RFC 7512 URIs.

use std::collections::BTreeMap;
use std::path::PathBuf;

use license_terminal::{Failure, Terminal, escape};

/// Section 2.3: what tells libraries, slots, tokens and objects apart.
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
/// Section 2.4: how to get there.
const QUERY: [&str; 4] = ["module-name", "module-path", "pin-source", "pin-value"];

/// What a URI says; what it does not say matches everything (section 2.5).
#[derive(Debug)]
pub(super) struct Uri {
    /// Decoded, by name. All but `id` are UTF-8.
    said: BTreeMap<&'static str, Vec<u8>>,
    /// Query attributes that are not known here.
    ignored: Vec<String>,
}

impl Uri {
    /// Reads a URI without its scheme. No failure shows a value: one of them may be a PIN.
    pub(super) fn parse(text: &str) -> Result<Self, Failure> {
        let (path, query) = text.split_once('?').unwrap_or((text, ""));
        let mut uri = Self {
            said: BTreeMap::new(),
            ignored: Vec::new(),
        };
        for part in parts(path, ';') {
            let (name, value) = attribute(part)?;
            // Section 2.5: such a URI matches nothing.
            let known = PATH.iter().find(|known| **known == name);
            let known = known.ok_or_else(|| unknown(name, query))?;
            uri.add(known, value)?;
        }
        for part in parts(query, '&') {
            let (name, value) = attribute(part)?;
            match QUERY.iter().find(|known| **known == name) {
                Some(known) => uri.add(known, value)?,
                // Section 2.5: to be ignored, perhaps with a warning.
                None => uri.ignored.push(shown(name)),
            }
        }
        uri.check()?;
        Ok(uri)
    }

    fn add(&mut self, name: &'static str, value: &str) -> Result<(), Failure> {
        let value = decoded(value)
            .filter(|value| name == "id" || std::str::from_utf8(value).is_ok())
            .ok_or_else(|| {
                malformed(
                    &format!("attribute `{name}`: expected UTF-8, with %XX for what is special"),
                    "write a space as %20, a ; as %3B",
                )
            })?;
        match self.said.insert(name, value) {
            None => Ok(()),
            Some(_) => Err(malformed(
                &format!("expected attribute `{name}` once, found it twice"),
                "leave one of them out",
            )),
        }
    }

    fn check(&self) -> Result<(), Failure> {
        if self.said.contains_key("pin-value") {
            return Err(malformed(
                "pin-value shows the PIN to whoever sees the command line, the process list or the shell's history",
                "change the PIN, and give it with pin-source=file:/PATH or --passphrase-file FILE",
            ));
        }
        if self.text("type").is_some_and(|kind| kind != "private") {
            return Err(malformed(
                "expected type=private, found another",
                "leave `type` out",
            ));
        }
        self.slot()?;
        self.pin_source().map(drop)
    }

    /// Tells what was ignored.
    pub(super) fn warn(&self, terminal: &Terminal) {
        for name in &self.ignored {
            let message = format!("pkcs11 URI: attribute `{name}` is not known and was ignored");
            terminal.warning("IGNORED_ATTRIBUTE", &message);
        }
    }

    /// An attribute other than `id`.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        let value = self.said.get(name)?;
        std::str::from_utf8(value).ok()
    }

    /// The object's id.
    pub(super) fn id(&self) -> Option<&[u8]> {
        self.said.get("id").map(Vec::as_slice)
    }

    /// Whether what was found is what the URI says, if it says anything of it.
    pub(super) fn admits(&self, name: &str, found: &str) -> bool {
        self.text(name).is_none_or(|wanted| wanted == found)
    }

    /// The slot's number.
    pub(super) fn slot(&self) -> Result<Option<u64>, Failure> {
        let number = self.text("slot-id").map(str::parse);
        number.transpose().map_err(|_| {
            malformed(
                "expected a number for slot-id",
                "name the token with token=LABEL instead: slot numbers change",
            )
        })
    }

    /// The file that holds the PIN.
    pub(super) fn pin_source(&self) -> Result<Option<PathBuf>, Failure> {
        let Some(source) = self.text("pin-source") else {
            return Ok(None);
        };
        let path = match source.strip_prefix("file:") {
            // RFC 8089 appendix B: `file:/PATH`, or with an empty or local authority before it.
            Some(rest) => rest
                .strip_prefix("//localhost/")
                .or_else(|| rest.strip_prefix("///"))
                .map_or_else(|| rest.to_owned(), |path| format!("/{path}")),
            None => source.to_owned(),
        };
        let is_path = path.starts_with('/') || !path.contains([':', '|']) && path != "-";
        match is_path && !path.starts_with("//") && !path.is_empty() {
            true => Ok(Some(path.into())),
            false => Err(malformed(
                "pin-source: expected file:/PATH or a path, found something else",
                "--passphrase-file also takes - and /dev/fd/N",
            )),
        }
    }

    /// The name of the key that the URI led to, without anything of a PIN: what is unreserved stays, the rest is %XX.
    pub(super) fn of_key(&self, token: &str, label: &str, id: &[u8]) -> String {
        let mut name = format!("pkcs11:token={}", encoded(token.as_bytes()));
        if let Some(serial) = self.text("serial") {
            name = format!("{name};serial={}", encoded(serial.as_bytes()));
        }
        name = format!("{name};object={}", encoded(label.as_bytes()));
        let id: String = id.iter().map(|byte| format!("%{byte:02X}")).collect();
        format!("{name};id={id}")
    }
}

fn parts(text: &str, separator: char) -> impl Iterator<Item = &str> {
    text.split(separator).filter(|part| !part.is_empty())
}

fn attribute(part: &str) -> Result<(&str, &str), Failure> {
    part.split_once('=').ok_or_else(|| {
        malformed(
            "expected NAME=VALUE, found a part without =",
            "as in pkcs11:token=TOKEN;object=NAME?module-path=/PATH",
        )
    })
}

/// RFC 3986 section 2.1; `None` for a % that two hexadecimal digits do not follow.
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

fn encoded(value: &[u8]) -> String {
    let one = |byte: &u8| match byte {
        b'-' | b'.' | b'_' | b'~' => char::from(*byte).to_string(),
        byte if byte.is_ascii_alphanumeric() => char::from(*byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    value.iter().map(one).collect()
}

/// A name as it may be shown: what is no name could be a slip of the finger in a PIN.
fn shown(name: &str) -> String {
    let is_name = |letter: char| letter.is_ascii_lowercase() || "-_".contains(letter);
    match name.len() <= 32 && name.chars().all(is_name) {
        true => escape(name).into_owned(),
        false => "…".to_owned(),
    }
}

fn unknown(name: &str, query: &str) -> Failure {
    let message = format!(
        "attribute `{}` is not known, so that the URI names nothing",
        shown(name)
    );
    match QUERY.contains(&name) {
        true if query.is_empty() => malformed(&message, &format!("write ? before `{name}`")),
        true => malformed(&message, &format!("put `{name}` after the ?")),
        false => malformed(&message, &format!("known are {}", PATH.join(", "))),
    }
}

fn malformed(message: &str, hint: &str) -> Failure {
    Failure::usage(format!("pkcs11 URI: {message}")).hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Uri {
        Uri::parse(text).unwrap_or_else(|failure| panic!("{text}: {failure:?}"))
    }

    fn refused(text: &str) -> Failure {
        Uri::parse(text).expect_err(text)
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
    fn the_query_says_how_to_get_there() {
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
    fn a_pin_comes_from_no_program_and_no_other_machine() {
        for source in ["%7Cprog%20x", "https://x/pin", "file://host/pin", "-", ""] {
            let failure = refused(&format!("token=t?pin-source={source}"));
            assert!(failure.message().contains("pin-source"), "{failure:?}");
        }
    }

    #[test]
    fn an_unknown_attribute_matches_nothing_in_the_path_and_is_ignored_in_the_query() {
        let failure = refused("token=t;x-vendor=1");
        assert!(failure.message().contains("`x-vendor`"), "{failure:?}");
        let uri = parse("token=t?x-vendor=1&module-name=x");
        assert_eq!(uri.ignored, ["x-vendor"]);
        let misplaced = refused("token=t;module-path=/x");
        assert!(misplaced.advice().unwrap().contains('?'), "{misplaced:?}");
    }

    #[test]
    fn no_failure_shows_what_may_be_a_pin() {
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
            let failure = refused(text);
            let said = format!("{failure:?}");
            assert!(!said.contains("4711"), "{said}");
        }
    }

    #[test]
    fn what_is_malformed_is_refused() {
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
            assert_eq!(refused(text).code(), "USAGE", "{text}");
        }
    }

    #[test]
    fn the_name_of_a_key_leads_back_to_it() {
        let uri = parse("token=ignored;serial=ab%20c?pin-source=/pin");
        let name = uri.of_key("My Token", "a;ä", &[0, 255]);
        assert_eq!(
            name,
            "pkcs11:token=My%20Token;serial=ab%20c;object=a%3B%C3%A4;id=%00%FF"
        );
        let back = parse(name.strip_prefix("pkcs11:").unwrap());
        assert_eq!(back.text("object"), Some("a;ä"));
        assert_eq!(back.id(), Some(&[0, 255][..]));
    }
}
